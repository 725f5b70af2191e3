"""Reading aggregated paths: per row a path, its conversions, their value and the journeys that did not convert."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.amount_checks import problems_of_amounts, require_step
from attribution.packing import Packing, distinct_paths
from attribution.path_texts import pack
from attribution.paths import FileCounts, Paths
from attribution.ragged import Floats
from customer_data.errors import ConfigurationError, InputError
from customer_data.nearest import did_you_mean
from customer_data.text_files import separator_remedy

if TYPE_CHECKING:
    import pandas


def read_paths(
    data: "str | Path | pandas.DataFrame",
    *,
    sep: str = ",",
    path: str = "path",
    conversions: str = "conversions",
    value: str | None = None,
    nulls: str | None = None,
    step: str = ">",
    encoding: str = "utf-8",
    decimal: str = ".",
) -> Paths:
    """Read aggregated paths from a file or a frame.

    Paths are split at ``step``, names trimmed, empty names dropped; equal paths are merged with all that came of them.
    Rows without any outcome are dropped, and rows with an empty path too; both are counted in ``Paths.counts``.

    Parameters
    ----------
    data
        A CSV file (``.gz`` too), a Parquet file (``.parquet``), or a pandas frame.
    sep, encoding, decimal
        How a CSV file is written.
    path, conversions, value, nulls
        Names of the columns: the path; its conversions (a count, fractions allowed); their total value in one
        currency; journeys on that path that ended without conversion. The last two may be absent.
    step
        What stands between the channels of a path.

    Raises
    ------
    InputError
        When the file cannot be read, columns are missing, numbers are missing, negative or not finite, there is value
        without conversions, or no row is left. Every problem at once.
    ConfigurationError
        When ``sep`` is not one character or ``step`` is empty.
    """
    import pandas

    if len(sep) != 1:
        raise ConfigurationError(f"sep: {sep!r} is not one character. Give the one between columns, such as ';'.")
    require_step(step)
    wanted = {"path": path, "conversions": conversions, "value": value, "nulls": nulls}
    columns = {ours: theirs for ours, theirs in wanted.items() if theirs is not None}
    if isinstance(data, pandas.DataFrame):
        source = "paths"
        _require_columns(source, [str(name) for name in data.columns], columns)
        table = {ours: data[theirs] for ours, theirs in columns.items()}
    else:
        source = str(data)
        table = _read_file(Path(data), columns, sep=sep, encoding=encoding, decimal=decimal)
    amounts = _amounts(source, table, columns)
    return _paths(source, table["path"], amounts, step=step, nulls_known=nulls is not None)


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


def _read_file(file: Path, columns: Mapping[str, str], *, sep: str, encoding: str, decimal: str) -> dict[str, Any]:
    import pyarrow
    from pyarrow import csv, parquet

    if not file.is_file():
        raise InputError(f"{file}: there is no such file.")
    if file.stat().st_size == 0:
        raise InputError(f"{file}: is empty. Export it anew.")
    try:
        if file.suffix.lower() == ".parquet":
            _require_columns(str(file), parquet.read_schema(file).names, columns)
            table = parquet.read_table(file, columns=list(columns.values()))
        else:
            how = {
                "read_options": csv.ReadOptions(encoding=encoding),
                "parse_options": csv.ParseOptions(delimiter=sep),
            }
            with csv.open_csv(file, **how) as opened:
                _require_columns(str(file), opened.schema.names, columns)
            table = _read_csv(file, columns, how, decimal)
    except (pyarrow.ArrowException, UnicodeError, LookupError, OSError) as error:
        raise InputError(
            f"{file}: cannot be read ({str(error).splitlines()[0]}). Check separator {sep!r} and encoding {encoding!r}."
        ) from error
    return {ours: table.column(theirs) for ours, theirs in columns.items()}


def _read_csv(file: Path, columns: Mapping[str, str], how: Mapping[str, Any], decimal: str) -> Any:
    """Numbers as numbers when all can be read so, else as text, so that the rows at fault can be named."""
    import pyarrow
    from pyarrow import csv

    names = list(dict.fromkeys(columns.values()))
    for number in (pyarrow.float64(), pyarrow.string()):
        types = {name: pyarrow.string() if name == columns["path"] else number for name in names}
        convert = csv.ConvertOptions(include_columns=names, column_types=types, decimal_point=decimal)
        try:
            return csv.read_csv(file, convert_options=convert, **how)
        except pyarrow.ArrowInvalid:
            if number == pyarrow.string():
                raise
    raise AssertionError("unreachable: the second reading returns or raises")


def _amounts(source: str, table: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Floats]:
    """Conversions, value and nulls as numbers; every row at fault is counted and the first one named."""
    amounts = {ours: np.zeros(len(table["path"])) for ours in ("conversions", "value", "nulls") if ours not in table}
    given = [ours for ours in columns if ours != "path"]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        amounts |= zip(given, pool.map(_numbers, [table[ours] for ours in given]), strict=True)
    names = {ours: f"{source}: column {columns[ours]!r} ({ours})" for ours in given}
    if problems := problems_of_amounts(amounts, names, source=source, entry="row"):
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


def _paths(source: str, texts: Any, amounts: Mapping[str, Floats], *, step: str, nulls_known: bool) -> Paths:
    with_outcome = (amounts["conversions"] > 0) | (amounts["nulls"] > 0)
    if len(with_outcome) == 0:
        raise InputError(f"{source}: has a header but no rows. Export it anew.")
    read = pack(source, texts, step, chosen=with_outcome)
    if not read.holds_name.any():
        raise InputError(
            f"{source}: none of {len(with_outcome):,} rows has both a path and a conversion or null. "
            "Check the columns named for them."
        )
    kept = with_outcome.copy()
    kept[with_outcome] = read.holds_name
    without_path = with_outcome & ~kept
    unheard = () if with_outcome.all() else pack(source, texts, step, chosen=~with_outcome).channels
    counts = FileCounts(
        rows=len(kept),
        merged_rows=0,
        rows_without_outcome=int((~with_outcome).sum()),
        rows_without_path=int(without_path.sum()),
        conversions_without_path=float(amounts["conversions"][without_path].sum()),
        value_without_path=float(amounts["value"][without_path].sum()),
        nulls_without_path=float(amounts["nulls"][without_path].sum()),
        channels_without_outcome=tuple(name for name in unheard if name not in read.channels),
    )
    if not kept.all():
        amounts = {kind: given[kept] for kind, given in amounts.items()}
    group, codes, lengths = distinct_paths(read.packed, Packing.of(len(read.channels)))
    paths = Paths.from_groups(read.channels, codes, lengths, group, **amounts, nulls_known=nulls_known)
    return paths.with_counts(replace(counts, merged_rows=len(group) - len(paths)))
