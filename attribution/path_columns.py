"""Columns of aggregated paths from frames, Parquet and CSV files; every row at fault is told with its place."""

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.amount_checks import INFINITE
from attribution.ragged import Floats
from customer_data.errors import ConfigurationError, InputError
from customer_data.nearest import did_you_mean
from customer_data.relations import PARQUET_ENDINGS, Relation, open_text
from customer_data.sources import Source, text_problems
from customer_data.text_columns import TextColumns, place_of, read_text_columns
from customer_data.text_files import separator_remedy
from customer_data.written_forms import guessed_decimal, odd_sign

if TYPE_CHECKING:
    import pandas

LABEL = "paths"
ROUNDING = 1e-4


@dataclass(frozen=True, eq=False)
class PathColumns:
    """Paths as texts, in an array that pyarrow reads, and what came of them.

    ``source`` is what messages call it; ``present`` are the names of all its columns; ``notes`` tell what was passed
    over or filled up in reading.
    """

    source: str
    texts: Any
    amounts: dict[str, Floats]
    present: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Places:
    """Where the rows of a table are: by their numbers, or by the lines that the careful reader kept."""

    relation: Relation | None = None
    table: Any = None
    decimal: str = "."

    def of(self, row: int, ours: str = "") -> str:
        """The place of a row, with what is written there under the name of ours."""
        if self.relation is None:
            return f"row {row + 1:,}"
        place = place_of(
            self.relation, self.table.column("__file")[row].as_py(), self.table.column("__row")[row].as_py()
        )
        written = self.written(row, ours)
        return f"{place}, {written!r}" if written else place

    def written(self, row: int, ours: str) -> str:
        """What is written in a row under the name of ours; empty where that is not known."""
        if self.table is None or not ours:
            return ""
        return str(self.table.column(f"__as_written {ours}")[row].as_py() or "")[:40]

    def remedy(self, row: int, ours: str) -> str:
        """What may make a number of a text that is none."""
        mark, sign = guessed_decimal([text := self.written(row, ours)]), odd_sign([text])
        advice = [f'state the decimal mark: decimal = "{mark}"'] if mark is not None and mark != self.decimal else []
        advice += [f"take {sign!r} off"] if sign is not None else []
        return f" Or {', and '.join(advice)}." if advice else ""


_ROWS = _Places()


def unread_columns(present: Iterable[str], columns: Mapping[str, str | None]) -> dict[str, str]:
    """Return, ours to theirs, the columns of value and nulls that have our names, but for capitals, and that nobody
    named."""
    plain = {name.strip().casefold(): name for name in reversed(list(present))}
    return {ours: plain[ours] for ours in ("value", "nulls") if columns.get(ours) is None and ours in plain}


def column_names(written: Source) -> list[str]:
    """Return the names of the columns of a Parquet or CSV file; no row is read.

    Raises
    ------
    InputError
        When the file is not there, or is not what its name says.
    ConfigurationError
        When an option of a CSV file cannot be.
    """
    file = Path(str(written.data))
    return _parquet_names(file) if file.suffix.lower() in PARQUET_ENDINGS else list(_opened(written).columns)


def columns_of_frame(frame: "pandas.DataFrame", columns: Mapping[str, str]) -> PathColumns:
    """Read the columns, ours to theirs, of a frame."""
    present = [str(name) for name in frame.columns]
    _require_columns(LABEL, present, columns)
    table = {ours: frame[theirs] for ours, theirs in columns.items()}
    return PathColumns(LABEL, table["path"], _amounts(LABEL, table, columns), tuple(present))


def columns_of_parquet(file: Path, columns: Mapping[str, str]) -> PathColumns:
    """Read the columns, ours to theirs, of a Parquet file."""
    import pyarrow
    from pyarrow import parquet

    source, present = f"{LABEL}: {file}", _parquet_names(file)
    _require_columns(source, present, columns)
    try:
        read = parquet.read_table(file, columns=list(columns.values()))
    except (pyarrow.ArrowException, OSError) as error:
        raise _no_parquet(file, error) from error
    table = {ours: read.column(theirs) for ours, theirs in columns.items()}
    return PathColumns(source, table["path"], _amounts(source, table, columns), tuple(present))


def columns_of_text(written: Source, columns: Mapping[str, str]) -> PathColumns:
    """Read the columns, ours to theirs, of CSV files, carefully where a line or a number is not good."""
    relation = _opened(written)
    source = f"{LABEL}: {relation.place}"
    present = tuple(relation.columns)
    _require_columns(source, list(present), columns)
    texts = {"path": columns["path"]}
    numbers = {ours: theirs for ours, theirs in columns.items() if ours != "path"}
    found = read_text_columns(relation, texts=texts, numbers=numbers, decimal=written.decimal)
    if found is not None:
        with suppress(InputError):
            return replace(_gathered(source, found, columns, _ROWS), present=present)
    found = read_text_columns(relation, texts=texts, numbers=numbers, decimal=written.decimal, carefully=True)
    assert found is not None
    places = _Places(relation, found.table, written.decimal)
    return replace(_gathered(source, found, columns, places), present=present)


def _opened(written: Source) -> Relation:
    if problems := text_problems(written, LABEL):
        raise ConfigurationError("\n".join(problems))
    return open_text(written, LABEL)


def _parquet_names(file: Path) -> list[str]:
    import pyarrow
    from pyarrow import parquet

    if not file.is_file():
        raise InputError(f"{LABEL}: {file} does not exist.")
    try:
        return [str(name) for name in parquet.read_schema(file).names]
    except (pyarrow.ArrowException, OSError) as error:
        raise _no_parquet(file, error) from error


def _no_parquet(file: Path, error: Exception) -> InputError:
    return InputError(f"{LABEL}: {file} cannot be read as Parquet ({str(error).splitlines()[0]}).")


def _gathered(source: str, found: TextColumns, columns: Mapping[str, str], places: _Places) -> PathColumns:
    table = {ours: found.table.column(ours) for ours in columns}
    problems = list(found.problems)
    try:
        amounts = _amounts(source, table, columns, places)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return PathColumns(source, table["path"], amounts, notes=found.notes)


def _require_columns(source: str, present: list[str], columns: Mapping[str, str]) -> None:
    remedy = separator_remedy(present[0]) if len(present) == 1 and present[0] not in columns.values() else None
    if remedy is not None:
        raise InputError(f"{source}: has only one column, {present[0]!r}. {remedy}")
    problems = []
    for ours, theirs in columns.items():
        if theirs not in present:
            hint = did_you_mean(theirs, present) or f" It has {', '.join(map(repr, present)) or 'none'}."
            problems.append(f"{source}: no column {theirs!r} for {ours}.{hint}")
    if problems:
        raise InputError(problems)


def _amounts(
    source: str, table: Mapping[str, Any], columns: Mapping[str, str], places: _Places = _ROWS
) -> dict[str, Floats]:
    """Conversions, value and nulls as numbers; every row at fault is counted and the first one named."""
    problems = []
    amounts = {ours: np.zeros(len(table["path"])) for ours in ("conversions", "value", "nulls") if ours not in table}
    given = [ours for ours in columns if ours != "path"]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        amounts |= zip(given, pool.map(_numbers, [table[ours] for ours in given]), strict=True)
    for ours in given:
        numbers = amounts[ours]
        if numbers.min(initial=0) >= 0 and numbers.max(initial=0) < np.inf:  # not so where one is missing
            continue
        column = f"{source}: column {columns[ours]!r} ({ours})"
        if (wrong := np.isnan(numbers)).any():
            remedy = places.remedy(int(wrong.argmax()), ours)
            problems.append(
                f"{column}: {_rows_at_fault(wrong, places, ours)} hold no number. Write 0 where there was none.{remedy}"
            )
        if (wrong := np.isinf(numbers)).any():
            problems.append(f"{column}: {_rows_at_fault(wrong, places, ours)} hold an infinite one. {INFINITE}")
        if (wrong := numbers < 0).any():
            told = _rows_at_fault(wrong, places, ours)
            problems.append(f"{column}: {told} hold a negative one. Net refunds from their paths, or drop them.")
    if (wrong := (amounts["value"] > 0) & (amounts["conversions"] == 0)).any():
        told = _rows_at_fault(wrong, places)
        problems.append(f"{source}: {told} have value without a conversion. Add conversions or set value to 0.")
    if "value_squares" in given and not problems:
        squares, whole, conversions = amounts["value_squares"], amounts["value"] ** 2, amounts["conversions"]
        least = whole / np.maximum(conversions, 1.0)
        most = whole / np.where(conversions > 0, np.minimum(conversions, 1.0), 1.0)
        if (wrong := (squares < least * (1 - ROUNDING)) | (squares > most * (1 + ROUNDING))).any():
            told = _rows_at_fault(wrong, places, "value_squares")
            problems.append(
                f"{source}: column {columns['value_squares']!r} (value_squares): {told} hold less than value squared "
                "by conversions, or more than value squared. Give the sum of the squared values of single conversions."
            )
    if problems:
        raise InputError(problems)
    return amounts


def _numbers(given: Any) -> Floats:
    """A column as numbers, not a number where it holds none."""
    import pandas

    column = given if isinstance(given, pandas.Series) else given.to_pandas()
    if not (isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf"):
        column = pandas.to_numeric(column, errors="coerce")
    numbers: Floats = column.to_numpy(dtype=float, na_value=np.nan)
    return numbers


def _rows_at_fault(wrong: "np.ndarray[Any, np.dtype[np.bool_]]", places: _Places, ours: str = "") -> str:
    first = places.of(int(wrong.argmax()), ours)
    return f"{np.count_nonzero(wrong):,} of {len(wrong):,} rows (first: {first})"
