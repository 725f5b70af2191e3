"""Result tables as CSV, safe to open in a spreadsheet, and as Parquet, exactly as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write each table as ``<name>.csv`` and ``<name>.parquet`` into a folder, which is made when it is not there.

    Text cells of the CSV that a spreadsheet would run as a formula (they start with ``= + - @``, a tab or a carriage
    return) stand behind a ``'``; numbers and the Parquet files are left as they are. Lines end in CR LF (RFC 4180), so
    that a cell with either of them is quoted. The same tables give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        harmless(table).to_csv(folder / f"{name}.csv", index=False, encoding="utf-8", lineterminator="\r\n")
        table.to_parquet(folder / f"{name}.parquet", index=False)


def harmless(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a ``'`` before each text cell or column name that a spreadsheet would run as a formula."""
    from pandas.api.types import is_numeric_dtype

    safe = table.copy(deep=False)
    for position, dtype in enumerate(table.dtypes):
        if not is_numeric_dtype(dtype):
            column = table.iloc[:, position]
            safe.isetitem(position, column.astype(object).map(_harmless_cell).to_numpy())
    return safe.set_axis([_harmless_cell(name) for name in table.columns], axis="columns")


def _harmless_cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
