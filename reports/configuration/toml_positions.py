"""Where each key and value of a TOML text stands, for messages with a line and a column.

`tomllib` reads values but forgets their places. This scanner walks a text that `tomllib` has already accepted, so it
needs no error handling of its own: it only has to tell keys, strings, brackets and comments apart.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL_STRING = re.compile(r"'[^']*'")
_MULTILINE_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}', re.DOTALL)
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]}#\n]+")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


@dataclass(frozen=True)
class Position:
    """A place in a text; both numbers start at 1."""

    line: int
    column: int


def positions_of(text: str) -> dict[KeyPath, Position]:
    """Map every key path of a valid TOML text to the place of its key (elements of arrays: of their value).

    Parameters
    ----------
    text
        A text that `tomllib.loads` accepts.

    Returns
    -------
    dict
        ``("orders", "columns", "value") -> Position(12, 1)``; elements of arrays have their index in the path.
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, Position]:
        table: KeyPath = ()
        arrays: dict[KeyPath, int] = {}
        self._skip(_BLANK)
        while self.at < len(self.text):
            start = self.at
            if self.text.startswith("[[", self.at):
                self.at += 2
                table = self._inside_arrays(tuple(self._key()), arrays, grows=True)
                self.at += 2
                self.places.setdefault(table, start)
                self.places.setdefault(table[:-1], start)
            elif self.text.startswith("[", self.at):
                self.at += 1
                table = self._inside_arrays(tuple(self._key()), arrays, grows=False)
                self.at += 1
                self._place(table, start)
            else:
                self._pair(table)
            self._skip(_BLANK)
        starts = [0, *(newline.end() for newline in re.finditer("\n", self.text))]
        return {path: _position(starts, place) for path, place in self.places.items()}

    def _inside_arrays(self, names: tuple[str, ...], arrays: dict[KeyPath, int], *, grows: bool) -> KeyPath:
        path: KeyPath = ()
        for depth, name in enumerate(names):
            path = (*path, name)
            if grows and depth == len(names) - 1:
                arrays[path] = arrays.get(path, -1) + 1
            if path in arrays:
                path = (*path, arrays[path])
        return path

    def _place(self, path: KeyPath, start: int) -> None:
        for length in range(1, len(path) + 1):
            self.places.setdefault(path[:length], start)

    def _pair(self, table: KeyPath) -> None:
        start = self.at
        path = (*table, *self._key())
        for length in range(len(table) + 1, len(path) + 1):
            self.places.setdefault(path[:length], start)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> list[str]:
        names = []
        while True:
            self._skip(_SPACE)
            quote = self.text[self.at]
            if quote == '"':
                names.append(_unescaped(self._take(_BASIC_STRING)[1:-1]))
            elif quote == "'":
                names.append(self._take(_LITERAL_STRING)[1:-1])
            else:
                names.append(self._take(_BARE_KEY))
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return names
            self.at += 1

    def _value(self, path: KeyPath) -> None:
        rest = self.text[self.at : self.at + 3]
        if rest in ('"""', "'''"):
            self._take(_MULTILINE_STRING)
        elif rest[0] == '"':
            self._take(_BASIC_STRING)
        elif rest[0] == "'":
            self._take(_LITERAL_STRING)
        elif rest[0] == "[":
            self._list(path)
        elif rest[0] == "{":
            self._inline_table(path)
        else:
            self._take(_SCALAR)

    def _list(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        self._skip(_BLANK)
        while self.text[self.at] != "]":
            self.places.setdefault((*path, index), self.at)
            self._value((*path, index))
            index += 1
            self._skip_separator()
        self.at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at] != "}":
            self._pair(path)
            self._skip_separator()
        self.at += 1

    def _skip_separator(self) -> None:
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError(f"not a TOML text: unexpected character at offset {self.at}")
        self.at = found.end()
        return found.group()


def _unescaped(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        code = found[1] or found[2]
        return chr(int(code, 16)) if code else _ESCAPED.get(found[3], found[3])

    return _ESCAPE.sub(character, text)


def _position(starts: list[int], place: int) -> Position:
    line = bisect_right(starts, place)
    return Position(line, place - starts[line - 1] + 1)
