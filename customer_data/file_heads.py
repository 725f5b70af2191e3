"""The head of a file whose columns are not known yet: its header, wherever it stands, and some of its rows."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from customer_data.errors import InputError
from customer_data.relations import PARQUET_ENDINGS
from customer_data.sources import Source
from customer_data.sql_text import identifier, literal
from customer_data.text_files import LONGEST_PREAMBLE, SEPARATORS, inspect_text_file, split_records, start_of_text

if TYPE_CHECKING:
    import pyarrow

_ROWS = 2_000
_LINES_OF_A_SMALL_FILE = 100
_PLAIN_NAME = re.compile(r"(?!current_|session_user)[a-z]+(_[a-z0-9]+)+")


@dataclass(frozen=True)
class Head:
    """The names of a file's columns and some rows as texts, blank where there is no value; of a CSV file how it is
    written.

    Of records inside a column (Parquet) each field counts as a column, ``record.field``; ``paths`` has their SQL.
    """

    names: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    separator: str | None = None
    encoding: str = "utf-8"
    preamble: int = 0
    paths: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> list[str]:
        """The texts of a column, row by row."""
        position = self.names.index(name)
        return [row[position] for row in self.rows]

    def texts(self, name: str) -> list[str]:
        """The texts of a column that are not blank."""
        return [text for text in self.column(name) if text]

    def sql(self, name: str) -> str:
        """SQL of a column, quoted where it has to be."""
        is_plain = _PLAIN_NAME.fullmatch(name) is not None
        return self.paths.get(name, name if is_plain else identifier(name))

    def text_sql(self, name: str) -> str:
        """SQL of a column as text."""
        return self.sql(name) if self.separator is not None else f"CAST({self.sql(name)} AS VARCHAR)"


def heads(file: Path, label: str) -> Iterator[Head]:
    """Yield the head of a file as its first line gives it, then as each later line would that may be the header.

    ``label`` is what messages call the file.

    Raises
    ------
    InputError
        If the file is empty or is not what its name says.
    """
    if file.suffix.lower() in PARQUET_ENDINGS:
        yield _parquet(file)
        return
    with file.open("rb") as opened:
        encoding = "utf-16" if opened.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    source = Source(table=label, data=file, encoding=encoding)
    first = inspect_text_file(str(file), source, label)
    lines = re.split("\r\n|\r|\n", start_of_text(str(file), source, label))
    yield Head(first.names, _rows(first.names, lines[1:], first.separator), first.separator, encoding)
    for before, line in enumerate(lines[1:LONGEST_PREAMBLE], start=1):
        for separator in SEPARATORS:
            names: tuple[str, ...] = ()
            with suppress(csv.Error):
                names = tuple(name.strip() for name in next(iter(split_records(line, separator)), []))
            if len(names) > 1 and len(set(names)) == len(names) and all(names):
                yield Head(names, _rows(names, lines[before + 1 :], separator), separator, encoding, before)


def _rows(names: tuple[str, ...], lines: list[str], separator: str) -> list[tuple[str, ...]]:
    whole = lines if len(lines) <= _LINES_OF_A_SMALL_FILE else lines[:-1]  # of a longer file the last may be cut
    with suppress(csv.Error):
        records = split_records("\n".join(whole[:_ROWS]), separator)
        return [tuple(field.strip() for field in record) for record in records if len(record) == len(names)]
    return []


def _parquet(file: Path) -> Head:
    import pyarrow
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(file)
        batches = next(([batch] for batch in opened.iter_batches(batch_size=_ROWS)), [])
        table = pyarrow.Table.from_batches(batches, schema=opened.schema_arrow)
        paths = _field_paths(opened.schema_arrow)
        while any(pyarrow.types.is_struct(column.type) for column in table.columns):
            table = table.flatten()
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{file}: cannot be read as Parquet ({str(error).splitlines()[0]}).") from error
    columns = [_texts(column) for column in table.columns]
    return Head(tuple(table.column_names), list(zip(*columns, strict=True)), paths=paths)


def _field_paths(schema: "pyarrow.Schema") -> dict[str, str]:
    """SQL of each field of a record, by its name after flattening."""
    import pyarrow

    found: dict[str, str] = {}

    def walk(name: str, sql: str, type_: "pyarrow.DataType") -> None:
        if not pyarrow.types.is_struct(type_):
            found[name] = sql
            return
        for inner in type_:
            walk(f"{name}.{inner.name}", f"{sql}[{literal(inner.name)}]", inner.type)

    for column in schema:
        if pyarrow.types.is_struct(column.type):
            walk(column.name, identifier(column.name), column.type)
    return found


def _texts(column: "pyarrow.ChunkedArray") -> list[str]:
    """The values of a column as texts, all blank where they have none (lists)."""
    import pyarrow
    from pyarrow import compute

    try:
        texts = compute.cast(column, pyarrow.string()).to_pylist()
    except pyarrow.ArrowException:
        return [""] * len(column)
    return ["" if text is None else text.strip() for text in texts]
