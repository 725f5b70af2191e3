"""The careful reader of CSV files: slower than the engine's, but it sets broken lines aside one by one and goes on.

A line is broken when it has more fields than the header, when a quote is opened and never closed, or when a field that
is needed holds bytes that the encoding does not allow. A broken quote costs its own line only. A line with fewer fields
is filled up, as spreadsheets and many exports leave out empty fields at the end; such lines are counted. Empty fields
beyond the header's are no fields.

Most lines are good, so some thousand are split at once, and one by one only where that fails.
"""

import csv
import io
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from customer_data.sources import WHITESPACE
from customer_data.sql_text import identifier
from customer_data.text_files import NO_VALUE, TextFile, open_bytes, python_encoding

if TYPE_CHECKING:
    import duckdb

_BATCH = 50_000
_BLOCK = 5_000
_LONGEST_RECORD = 1_000
"""Lines that one quoted record may span; a quote still open after so many is taken to be broken."""


@dataclass(frozen=True)
class BrokenLine:
    """A line that is no record."""

    row: int
    reason: str
    text: str


def line_remedies(told: str) -> list[str]:
    """What a user can do about the reasons told of broken lines, a sentence each."""
    advice = []
    if "bytes that are not" in told:
        advice.append(
            'Say encoding = "latin-1" if that is what the file is in. If it was put together from several files, '
            "save each in utf-8 first."
        )
    if "fields, the header" in told:
        advice.append("Check the separator, and quote fields that hold it.")
    return advice


@dataclass(frozen=True)
class ShortLines:
    """How many lines lacked fields at their end, and where the first one is; those fields were taken to be empty."""

    lines: int = 0
    first: str = ""


NO_SHORT_LINES = ShortLines()


class _Batch:
    """Rows and broken lines of one file on their way into the engine's tables."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", file: TextFile, names: tuple[str, ...]) -> None:
        self.connection = connection
        self.path = file.path
        own = {name.casefold(): position for position, name in enumerate(file.names)}
        self.order = [own.get(name.casefold()) for name in names]
        self.records: list[list[str]] = []
        self.lines: list[int] = []
        self.broken: list[BrokenLine] = []

    def is_full(self) -> bool:
        return len(self.records) + len(self.broken) >= _BATCH

    def store(self, rows: str, broken: str) -> None:
        import pyarrow as pa

        if self.records:
            fields = list(zip(*self.records, strict=True))
            arrays = [
                pa.nulls(len(self.lines), pa.string())
                if position is None
                else pa.array([None if value in NO_VALUE else value for value in fields[position]], pa.string())
                for position in self.order
            ]
            arrays += [pa.array([self.path] * len(self.lines), pa.string()), pa.array(self.lines, pa.int64())]
            self._insert(rows, arrays)
        if self.broken:
            records = [json.dumps({"line": line.text}, ensure_ascii=False) for line in self.broken]
            arrays = [
                pa.array([self.path] * len(records), pa.string()),
                pa.array([line.row for line in self.broken], pa.int64()),
                pa.array([line.reason for line in self.broken], pa.string()),
                pa.array(records, pa.string()),
            ]
            self._insert(broken, arrays)
        self.records, self.lines, self.broken = [], [], []

    def _insert(self, table: str, arrays: list[object]) -> None:
        import pyarrow as pa

        batch = pa.table(arrays, names=[f"column_{position}" for position in range(len(arrays))])
        self.connection.register("__batch", batch)
        self.connection.execute(f"INSERT INTO {table} SELECT * FROM __batch")
        self.connection.unregister("__batch")


def read_carefully(
    connection: "duckdb.DuckDBPyConnection",
    files: list[TextFile],
    *,
    names: tuple[str, ...],
    needed: set[str],
    rows: str,
    broken: str,
) -> ShortLines:
    """Read CSV files into two tables of the engine.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The engine.
    files : list of TextFile
        Files whose names of columns are among ``names``, in any order and capitals.
    names : tuple of str
        The columns; one that a file lacks is NULL there.
    needed : set of str
        Columns in which bytes that cannot be decoded break the line; elsewhere they are replaced.
    rows : str
        Table to make: the columns as text, ``__file`` and ``__row`` (the line on which the record begins).
    broken : str
        Table to make: file, row, reason, record (JSON).

    Returns
    -------
    ShortLines
        The lines that were filled up with empty fields.
    """
    columns = ", ".join(f"{identifier(name)} VARCHAR" for name in names)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {rows} ({columns}, __file VARCHAR, __row BIGINT)")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {broken} (file VARCHAR, row BIGINT, reason VARCHAR, record VARCHAR)"
    )
    short, first_short, folded = 0, "", {name.casefold() for name in needed}
    for file in files:
        needed_positions = [position for position, name in enumerate(file.names) if name.casefold() in folded]
        width = len(file.names)
        batch = _Batch(connection, file, names)
        for row, record in _records(file, needed_positions):
            if isinstance(record, BrokenLine):
                batch.broken.append(record)
            else:
                if len(record) < width:
                    record += [""] * (width - len(record))
                    short += 1
                    first_short = first_short or f"{Path(file.path).name}, line {row}"
                batch.records.append(record)
                batch.lines.append(row)
            if batch.is_full():
                batch.store(rows, broken)
        batch.store(rows, broken)
    return ShortLines(short, first_short)


def _records(file: TextFile, needed_positions: list[int]) -> Iterator[tuple[int, list[str] | BrokenLine]]:
    """Yield the line and the fields of each record after the header, or the broken line in its place."""
    csv.field_size_limit(1 << 30)
    header_seen = not file.has_header
    for row, fields, text in _split(file):
        if not header_seen:
            header_seen = True
        elif fields is None:
            yield row, BrokenLine(row, "a quote is not closed or stands inside a field", _printable(text))
        elif any(fields[len(file.names) :]):
            reason = f"the line has {len(fields)} fields, the header {len(file.names)}"
            yield row, BrokenLine(row, reason, _printable(text))
        elif _is_undecoded(text):
            if any(_is_undecoded(fields[position]) for position in needed_positions if position < len(fields)):
                yield row, BrokenLine(row, f"the line holds bytes that are not {file.encoding}", _printable(text))
            else:
                yield row, [_printable(field) for field in fields[: len(file.names)]]
        else:
            yield row, fields[: len(file.names)]


def _split(file: TextFile) -> Iterator[tuple[int, list[str] | None, str]]:
    """Yield line number, fields (None where a quote is broken) and text of each record that is not blank."""
    numbered = islice(enumerate(_lines(file), start=1), file.preamble, None)
    waiting: deque[tuple[int, str]] = deque()
    while True:
        if not waiting:
            block = list(islice(numbered, _BLOCK))
            if not block:
                return
            split = _split_at_once(block, file)
            if split is not None:
                yield from split
                continue
            waiting.extend(block)
        row, line = waiting.popleft()
        bare = line.rstrip("\r\n")
        if not bare.strip(" "):
            continue
        if file.separator == WHITESPACE:
            yield row, bare.split(), bare
            continue
        if '"' not in bare:
            yield row, bare.split(file.separator), bare
            continue
        used: list[tuple[int, str]] = []
        text = line
        fields = _parsed(text, file.separator)
        while fields == "open" and len(used) < _LONGEST_RECORD:
            following = waiting.popleft() if waiting else next(numbered, None)
            if following is None:
                break
            used.append(following)
            text += following[1]
            if '"' in following[1]:
                fields = _parsed(text, file.separator)
        if isinstance(fields, list):
            yield row, fields, text.rstrip("\r\n")
        else:
            waiting.extendleft(reversed(used))
            yield row, None, bare


def _split_at_once(block: list[tuple[int, str]], file: TextFile) -> list[tuple[int, list[str] | None, str]] | None:
    """Line number and fields of each record of some lines, without its text; None if a line is not plainly good."""
    lines = [line for _, line in block]
    text = "".join(lines)
    if file.separator == WHITESPACE or _is_undecoded(text):
        return None
    found: list[tuple[int, list[str] | None, str]] = []
    if '"' not in text:
        bare = [line.rstrip("\r\n") for line in lines]
        found = [
            (row, line.split(file.separator), "") for (row, _), line in zip(block, bare, strict=True) if line.strip(" ")
        ]
    else:
        reader = csv.reader(lines, delimiter=file.separator, strict=True)
        begin = 0
        try:
            for fields in reader:
                if reader.line_num - begin > _LONGEST_RECORD:
                    return None
                if lines[begin].strip(" \r\n"):
                    found.append((block[begin][0], fields, ""))
                begin = reader.line_num
        except csv.Error:
            return None
    return None if any(len(fields or ()) > len(file.names) for _, fields, _ in found) else found


def _parsed(text: str, separator: str) -> list[str] | str:
    """The fields of one record, or "open" where a quote waits to be closed, or "broken"."""
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        return "open" if "unexpected end" in str(error) else "broken"
    return records[0] if len(records) == 1 else "broken"


def _lines(file: TextFile) -> Iterator[str]:
    with open_bytes(file.path) as opened:
        encoding = _utf16_flavour(opened.read(2)) if file.encoding == "utf-16" else python_encoding(file.encoding)
        opened.seek(0)
        errors = "surrogateescape" if file.encoding == "utf-8" else "replace"
        with io.TextIOWrapper(opened, encoding=encoding, errors=errors, newline="") as text:
            yield from text


def _utf16_flavour(start: bytes) -> str:
    return "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-16-le"


def _is_undecoded(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _printable(text: str) -> str:
    """The text with undecodable bytes shown as U+FFFD, so that it can be stored."""
    return text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")
