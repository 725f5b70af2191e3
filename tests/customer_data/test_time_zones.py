"""Clocks that change: by hand, and minute by minute as the engine has it."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from customer_data import LoadSettings, Source, load
from customer_data.time_zones import FIRST_US, LAST_US, clock_changes, looked_up, utc_of

BERLIN_2026 = {
    "2026-03-29 01:59:59": "2026-03-29 00:59:59",
    "2026-03-29 02:30:00": "2026-03-29 01:30:00",  # skipped: an hour later, 03:30 in summer
    "2026-03-29 03:00:00": "2026-03-29 01:00:00",
    "2026-10-25 01:59:59": "2026-10-24 23:59:59",
    "2026-10-25 02:30:00": "2026-10-25 01:30:00",  # twice: the second, in winter
    "2026-10-25 03:00:00": "2026-10-25 02:00:00",
    "1950-07-01 12:00:00": "1950-07-01 11:00:00",  # no summer time in Berlin from 1950 to 1979
    "2100-07-01 12:00:00": "2100-07-01 10:00:00",
}


@pytest.mark.parametrize("kind", ["frame", "parquet", "csv"])
def test_skipped_times_are_an_hour_later_and_repeated_ones_the_second(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, kind: str
) -> None:
    frame = pd.DataFrame({"customer_id": range(len(BERLIN_2026)), "time": list(BERLIN_2026), "channel": "x"})
    if kind != "csv":
        frame["time"] = pd.to_datetime(frame["time"])
    path = tmp_path / f"touches.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path)
    data = frame if kind == "frame" else path
    load(connection, [Source(table="touchpoints", data=data)], LoadSettings(timezone="Europe/Berlin"))
    found = connection.execute(
        "SELECT strftime(make_timestamp(time_us), '%Y-%m-%d %H:%M:%S') FROM touchpoints "
        "ORDER BY CAST(customer_id AS INTEGER)"
    ).fetchall()
    assert [text for (text,) in found] == list(BERLIN_2026.values())


@pytest.mark.parametrize(
    "zone",
    [
        "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Asia/Gaza",
        "Africa/Casablanca", "America/Sao_Paulo", "Pacific/Apia", "Asia/Tokyo", "Etc/GMT+5",
    ],
)  # fmt: skip
def test_comparisons_give_what_the_engine_looks_up(connection: duckdb.DuckDBPyConnection, zone: str) -> None:
    near = [change + step for change, _ in clock_changes(zone) for step in (-3_600_000_000, -1, 0, 1, 3_600_000_000)]
    several_hours = 5 * 3_600_000_000 + 60_000_000
    differing = connection.execute(
        f"""
        SELECT count(*), count(*) FILTER ({utc_of("clock", zone)} <> {looked_up("clock", zone)})
        FROM (
            SELECT unnest({near}::BIGINT[]) AS clock
            UNION ALL SELECT unnest(range({FIRST_US - 10**15}, {LAST_US + 10**14}, {several_hours}))
        )
        """
    ).fetchall()
    assert differing[0][0] > 100_000
    assert differing[0][1] == 0
