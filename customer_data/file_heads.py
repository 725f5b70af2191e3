"""The head of a file whose columns are not known yet: its header, wherever it stands, and some of its values."""

import csv
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from customer_data.errors import InputError
from customer_data.relations import PARQUET_ENDINGS
from customer_data.sources import Source
from customer_data.text_files import LONGEST_PREAMBLE, SEPARATORS, inspect_text_file, split_records, start_of_text

_ROWS = 200


@dataclass(frozen=True)
class Head:
    """The names of a file's columns and some values of each as texts; of a CSV file how it is written."""

    names: tuple[str, ...]
    values: Mapping[str, list[str]]
    separator: str | None = None
    encoding: str = "utf-8"
    preamble: int = 0


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
    yield Head(first.names, _values(first.names, lines[1:], first.separator), first.separator, encoding)
    for before, line in enumerate(lines[1:LONGEST_PREAMBLE], start=1):
        for separator in SEPARATORS:
            names: tuple[str, ...] = ()
            with suppress(csv.Error):
                names = tuple(name.strip() for name in next(iter(split_records(line, separator)), []))
            if len(names) > 1 and len(set(names)) == len(names) and all(names):
                yield Head(names, _values(names, lines[before + 1 :], separator), separator, encoding, before)


def _values(names: tuple[str, ...], lines: list[str], separator: str) -> dict[str, list[str]]:
    with suppress(csv.Error):
        records = [record for record in split_records("\n".join(lines[:_ROWS]), separator) if len(record) == len(names)]
        return {
            name: [record[position].strip() for record in records if record[position].strip()]
            for position, name in enumerate(names)
        }
    return {name: [] for name in names}


def _parquet(file: Path) -> Head:
    import pyarrow
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(file)
        names = tuple(str(name) for name in opened.schema_arrow.names)
        batch = next(opened.iter_batches(batch_size=_ROWS), None)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{file}: cannot be read as Parquet ({str(error).splitlines()[0]}).") from error
    values: dict[str, list[str]] = {name: [] for name in names}
    for name, column in zip(names, [] if batch is None else batch.columns, strict=False):
        if pyarrow.types.is_integer(column.type) or pyarrow.types.is_string(column.type):
            values[name] = [str(value) for value in column.to_pylist() if value not in (None, "")]
    return Head(names, values)
