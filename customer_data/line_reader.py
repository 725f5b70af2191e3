"""The careful reader of CSV files: slower than the engine's, but it sets broken lines aside one by one and goes on.

A line is broken when it has another number of fields than the header, when a quote is opened and never closed, or when
a field that is needed holds bytes that the encoding does not allow. A broken quote costs its own line only.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from customer_data.sources import WHITESPACE
from customer_data.sql_text import identifier
from customer_data.text_files import NO_VALUE, TextFile, open_bytes

if TYPE_CHECKING:
    import duckdb

_BATCH = 50_000
_LONGEST_RECORD = 1_000
"""Lines that one quoted record may span; a quote still open after so many is taken to be broken."""


@dataclass(frozen=True)
class BrokenLine:
    """A line that is no record."""

    row: int
    reason: str
    text: str


def read_carefully(
    connection: "duckdb.DuckDBPyConnection", files: list[TextFile], *, needed: set[str], rows: str, broken: str
) -> None:
    """Read CSV files into two tables of the engine.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The engine.
    files : list of TextFile
        Files with the same names of columns, in any order.
    needed : set of str
        Columns in which bytes that cannot be decoded break the line; elsewhere they are replaced.
    rows : str
        Table to make: the columns as text, ``__file`` and ``__row`` (the line on which the record begins).
    broken : str
        Table to make: file, row, reason, record (JSON).
    """
    import pyarrow as pa

    names = files[0].names
    columns = ", ".join(f"{identifier(name)} VARCHAR" for name in names)
    connection.execute(f"CREATE TEMP TABLE {rows} ({columns}, __file VARCHAR, __row BIGINT)")
    connection.execute(f"CREATE TEMP TABLE {broken} (file VARCHAR, row BIGINT, reason VARCHAR, record VARCHAR)")
    for file in files:
        order = [file.names.index(name) for name in names]
        needed_positions = [position for position, name in enumerate(file.names) if name in needed]
        kept: list[list[str]] = []
        lines: list[int] = []
        bad: list[BrokenLine] = []

        def flush(
            path: str = file.path,
            order: list[int] = order,
            kept: list[list[str]] = kept,
            lines: list[int] = lines,
            bad: list[BrokenLine] = bad,
        ) -> None:
            if kept:
                transposed = list(zip(*kept, strict=True))
                arrays = [
                    pa.array([None if value in NO_VALUE else value for value in transposed[i]], pa.string())
                    for i in order
                ]
                arrays += [pa.array([path] * len(lines), pa.string()), pa.array(lines, pa.int64())]
                batch = pa.table(arrays, names=[f"c{i}" for i in range(len(arrays))])
                connection.register("__batch", batch)
                connection.execute(f"INSERT INTO {rows} SELECT * FROM __batch")
                connection.unregister("__batch")
            if bad:
                records = [json.dumps({"line": line.text}, ensure_ascii=False) for line in bad]
                connection.executemany(
                    f"INSERT INTO {broken} VALUES (?, ?, ?, ?)",
                    [(path, line.row, line.reason, record) for line, record in zip(bad, records, strict=True)],
                )
            for pending in (kept, lines, bad):
                pending.clear()

        for row, record in _records(file, needed_positions):
            if isinstance(record, BrokenLine):
                bad.append(record)
            else:
                kept.append(record)
                lines.append(row)
            if len(lines) + len(bad) >= _BATCH:
                flush()
        flush()


def _records(file: TextFile, needed_positions: list[int]) -> Iterator[tuple[int, list[str] | BrokenLine]]:
    """Yield the line and the fields of each record after the header, or the broken line in its place."""
    csv.field_size_limit(1 << 30)
    header_seen = not file.has_header
    for row, fields, text in _split(file):
        if not header_seen:
            header_seen = True
        elif fields is None:
            yield row, BrokenLine(row, "a quote is not closed or stands inside a field", _printable(text))
        elif len(fields) != len(file.names):
            reason = f"the line has {len(fields)} fields, the header {len(file.names)}"
            yield row, BrokenLine(row, reason, _printable(text))
        elif _is_undecoded(text):
            if any(_is_undecoded(fields[position]) for position in needed_positions):
                yield row, BrokenLine(row, f"the line holds bytes that are not {file.encoding}", _printable(text))
            else:
                yield row, [_printable(field) for field in fields]
        else:
            yield row, fields


def _split(file: TextFile) -> Iterator[tuple[int, list[str] | None, str]]:
    """Yield line number, fields (None where a quote is broken) and text of each record that is not blank."""
    numbered = enumerate(_lines(file), start=1)
    waiting: list[tuple[int, str]] = []
    while True:
        if waiting:
            row, line = waiting.pop(0)
        else:
            row, line = next(numbered, (0, ""))
            if row == 0:
                return
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
            following = waiting.pop(0) if waiting else next(numbered, None)
            if following is None:
                break
            used.append(following)
            text += following[1]
            if '"' in following[1]:
                fields = _parsed(text, file.separator)
        if isinstance(fields, list):
            yield row, fields, text.rstrip("\r\n")
        else:
            waiting = used + waiting
            yield row, None, bare


def _parsed(text: str, separator: str) -> list[str] | str:
    """The fields of one record, or "open" where a quote waits to be closed, or "broken"."""
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        return "open" if "unexpected end" in str(error) else "broken"
    return records[0] if len(records) == 1 else "broken"


def _lines(file: TextFile) -> Iterator[str]:
    with open_bytes(file.path) as opened:
        encoding = {"utf-8": "utf-8-sig", "utf-16": _utf16_flavour(opened.read(2))}.get(file.encoding, file.encoding)
        opened.seek(0)
        errors = "surrogateescape" if file.encoding == "utf-8" else "replace"
        yield from io.TextIOWrapper(opened, encoding=encoding, errors=errors, newline="")


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
