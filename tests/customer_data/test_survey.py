"""A source of which every row can be used is known by what its file keeps of columns, and surveyed all the same."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from customer_data import LoadSettings, Source, Sql, load, survey

CLEAN = pd.DataFrame(
    {
        "customer_id": pd.array([3, 1, 2, 1, 3, 2], dtype="Int64"),
        "time": pd.date_range("2024-01-01", periods=6, freq="7h").astype("datetime64[us]"),
        "channel": ["Email", "Search", " Email", "Ads", "Ads", "Search"],
        "campaign": ["spring", None, "", "spring", None, "autumn"],
    }
)
Loaded = tuple[list[Any], ...]


def loaded(connection: duckdb.DuckDBPyConnection, source: Source, settings: LoadSettings) -> Loaded:
    report = load(connection, [source], settings)
    tables = ["channels", "touchpoints", "quarantine", "row_counts"]
    rows = [connection.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in tables]
    return (*rows, list(report.warnings))


def written(frame: pd.DataFrame, folder: Path) -> Path:
    file = folder / "touches.parquet"
    frame.to_parquet(file, row_group_size=2)
    return file


def spoilt(column: str, row: int, value: object) -> pd.DataFrame:
    frame = CLEAN.copy()
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize("customer_type", ["Int64", "int16", "uint64"])
def test_a_clean_file_is_not_read_row_by_row(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, customer_type: str
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("rows are read")

    monkeypatch.setattr(survey, "_judged_rows", refuse)
    source = Source(table="touchpoints", data=written(CLEAN.astype({"customer_id": customer_type}), tmp_path))
    channels, touches, quarantine, counts, warnings = loaded(connection, source, LoadSettings())
    assert channels == [(1, "Ads"), (2, "Email"), (3, "Search")]
    assert [code for _, _, code, _ in sorted(touches, key=lambda touch: touch[1])] == [2, 3, 2, 1, 1, 3]
    assert counts == [("touchpoints", "kept", 6, None), ("touchpoints", "read", 6, None)]
    assert quarantine == warnings == []


@pytest.mark.parametrize(
    ("frame", "columns", "settings"),
    [
        (CLEAN, {}, LoadSettings()),
        (CLEAN, {}, LoadSettings(timezone="America/New_York")),
        (CLEAN, {}, LoadSettings(duplicates="drop")),
        (CLEAN.assign(time=CLEAN["time"].dt.tz_localize("Asia/Tokyo")), {}, LoadSettings()),
        (CLEAN.assign(time=CLEAN["time"] - pd.Timedelta(days=40 * 366)), {}, LoadSettings()),
        (CLEAN.assign(customer_id=["a", "b", "null", "-", "b", " a"]), {}, LoadSettings()),
        (CLEAN.assign(customer_id=[1.0, 2.0, float("nan"), 1.0, 2.0, 2.0]), {}, LoadSettings()),
        (CLEAN.assign(cost=[1.25, None, 2.0, float("inf"), 0.0, 1.0]), {}, LoadSettings()),
        (CLEAN.assign(cost=1.0, currency=["EUR", "eur", None, "EUR", "EUR", "EUR"]), {}, LoadSettings()),
        (CLEAN, {"channel": Sql("CASE WHEN customer_id > 1 THEN channel END")}, LoadSettings()),
        (CLEAN, {"customer_id": Sql("nullif(customer_id, 2)")}, LoadSettings()),
        (spoilt("customer_id", 4, None), {}, LoadSettings()),
        (spoilt("time", 3, None), {}, LoadSettings()),
        (spoilt("time", 0, datetime(1899, 12, 31)), {}, LoadSettings()),
        (spoilt("time", 5, datetime(2200, 1, 2)), {}, LoadSettings()),
        (spoilt("channel", 1, None), {}, LoadSettings()),
        (spoilt("channel", 1, " "), {}, LoadSettings()),
        (spoilt("channel", 1, " "), {}, LoadSettings(missing_channel="Direct")),
    ],
)
@pytest.mark.parametrize("kind", [written, lambda frame, folder: frame], ids=["parquet", "frame"])
def test_what_is_known_of_columns_and_what_rows_tell_is_the_same(
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Callable[[pd.DataFrame, Path], Path | pd.DataFrame],
    frame: pd.DataFrame,
    columns: dict[str, str | Sql],
    settings: LoadSettings,
) -> None:
    source = Source(table="touchpoints", data=kind(frame, tmp_path), columns=columns)
    quick = loaded(connection, source, settings)
    monkeypatch.setattr(survey, "_rows_without_doubt", lambda connection, opened: [])
    assert loaded(connection, source, settings) == quick


def test_a_filter_is_counted_in_a_clean_file(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    source = Source(table="touchpoints", data=written(CLEAN, tmp_path), filter=Sql("customer_id = 1"))
    *_, counts, _ = loaded(connection, source, LoadSettings())
    assert counts == [
        ("touchpoints", "kept", 2, None),
        ("touchpoints", "left out by the filter", 4, None),
        ("touchpoints", "read", 6, None),
    ]
