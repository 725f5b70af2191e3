"""Times, amounts and identities as people write them; each expected value is worked out by hand."""

from datetime import date, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from customer_data import LoadSettings, Source, Sql, load

NOON = 1_780_308_060_000_000  # 2026-06-01 10:01:00 UTC


def loaded_times(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    texts: list[str],
    *,
    time_format: str | None = None,
    timezone: str = "UTC",
) -> list[int | None]:
    """The microseconds that each text is read as, None where it is set aside."""
    path = folder / "touches.csv"
    rows = "".join(f'{number},"{text}",x\n' for number, text in enumerate([*texts, "SAFE"]))
    good = {"%d/%m/%Y": "01/01/2020", "epoch_s": "0", "epoch_ms": "0", "epoch_us": "0", "%Y%m%d": "20200101"}
    good_text = good.get(time_format or "", "2020-01-01" if time_format is None else "2020-01-01 00:00 +0000")
    path.write_text("customer_id,time,channel\n" + rows.replace("SAFE", good_text), encoding="utf-8")
    source = Source(table="touchpoints", data=path, time_format=time_format)
    load(connection, [source], LoadSettings(timezone=timezone))
    found = dict(connection.execute("SELECT CAST(customer_id AS INTEGER), time_us FROM touchpoints").fetchall())
    return [found.get(number) for number in range(len(texts))]


def test_iso_times_in_all_their_shapes(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    hour = 3_600_000_000
    read = {
        "2026-06-01 10:01:00": NOON,
        "2026-06-01T10:01:00": NOON,
        "2026-06-01T10:01:00Z": NOON,
        "2026-06-01 10:01:00 UTC": NOON,
        "2026-06-01 10:01:00 +0000": NOON,
        "2026-06-01 10:01:00 +0200": NOON - 2 * hour,
        "2026-06-01T10:01:00+02:00": NOON - 2 * hour,
        "2026-06-01 10:01:00 -05": NOON + 5 * hour,
        "2026-06-01 10:01:00.5 -0530": NOON + 5 * hour + hour // 2 + 500_000,
        "2026-06-01T10:01:00.5z": NOON + 500_000,
        "2026-06-01T10:01:00.500000+0200": NOON - 2 * hour + 500_000,
        "2026-06-01 10:01:00.5000000 UTC": NOON + 500_000,
        "2026-06-01 10:01:00GMT": NOON,
        "2026-06-01 10:01:00+02": NOON - 2 * hour,
        "2026-06-01 10:01:00  -0530": NOON + 5 * hour + hour // 2,
        "2026-06-01T10:01:00.25": NOON + 250_000,
        "2026-06-01 10:01:00.1234567": NOON + 123_456,
        "2026-06-01T10:01": NOON,
        "2026-06-01 10:01": NOON,
        "2026/6/1 10:01:00": NOON,
        " 2026-06-01 10:01:00 ": NOON,
        "2026-06-01": NOON - 10 * hour - 60_000_000,
        "2020-02-04 4:30:21": 1_580_790_621_000_000,
        "1969-12-31 23:59:59": -1_000_000,
    }
    assert loaded_times(connection, tmp_path, list(read)) == list(read.values())


@pytest.mark.parametrize(
    "text",
    [
        "01/02/2020",
        "2026-02-30",
        "2026-06-01 25:00:00",
        "2026-06-01 10:01:00 PM",
        "2026-06-01 10:01:00 CET",
        "2026-06-01 10:01:00 +1e02",
        "2026-06-01 10:01:00 Europe/Berlin",
        "2026-06-01 25:01:00 +0200",
        "infinity",
        "epoch",
        "0001-01-01",
        "9999-12-31",
        "20260601",
        "soon",
    ],
)
def test_what_is_not_an_iso_time_is_set_aside(connection: duckdb.DuckDBPyConnection, tmp_path: Path, text: str) -> None:
    assert loaded_times(connection, tmp_path, [text]) == [None]


@pytest.mark.parametrize(
    ("time_format", "text", "expected"),
    [
        ("%Y%m%d", "19970101", 852_076_800_000_000),
        ("%d/%m/%Y", "01/02/2020", 1_580_515_200_000_000),
        ("%Y-%m-%d %H:%M %z", "2026-06-01 10:01 +0200", NOON - 7_200_000_000),
        ("epoch_s", "1780308060", NOON),
        ("epoch_s", "1780308060.25", NOON + 250_000),
        ("epoch_ms", "1780308060000", NOON),
        ("epoch_us", "1780308060000000", NOON),
        ("epoch_us", "nan", None),
        ("%Y%m%d", "1997-01-01", None),
    ],
)
def test_stated_formats_of_times(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, time_format: str, text: str, expected: int | None
) -> None:
    assert loaded_times(connection, tmp_path, [text], time_format=time_format) == [expected]


def test_naive_times_are_of_the_configured_zone_and_aware_ones_are_not(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    # Berlin: two hours ahead of UTC in summer. 02:30 of 28 March 2021 does not exist and is taken an hour later (01:30
    # UTC); 02:30 of 31 October 2021 occurs twice and is taken as the second, in standard time (01:30 UTC).
    texts = ["2026-06-01 12:01:00", "2026-06-01 10:01:00Z", "2021-03-28 02:30:00", "2021-10-31 02:30:00"]
    found = loaded_times(connection, tmp_path, texts, timezone="Europe/Berlin")
    assert found == [NOON, NOON, 1_616_895_000_000_000, 1_635_643_800_000_000]


def test_the_day_of_an_order_is_that_of_the_configured_zone(connection: duckdb.DuckDBPyConnection) -> None:
    frame = pd.DataFrame(
        {
            "customer_id": [1, 2],
            "time": pd.to_datetime(["2020-01-01 23:30", "2020-07-01 22:30"], utc=True),
            "value": [1, 2],
        }
    )
    load(connection, [Source(table="orders", data=frame)], LoadSettings(timezone="Europe/Berlin"))
    days = [
        (date(2020, 1, 2) - date(1970, 1, 1)).days,
        (date(2020, 7, 2) - date(1970, 1, 1)).days,
    ]
    assert connection.execute("SELECT day FROM orders ORDER BY customer_id").fetchall() == [(day,) for day in days]


@pytest.mark.parametrize(
    ("decimal", "text", "expected"),
    [
        (".", "11.77", 117_700),
        (".", " 5 ", 50_000),
        (".", "1e3", 10_000_000),
        (".", "1,234.50", 12_345_000),
        (".", "1,204", 12_040_000),
        (".", "0.00005", 1),
        (".", "20000000000.25", 200_000_000_002_500),
        (".", "12,50", None),
        (".", "$5", None),
        (".", "inf", None),
        (".", "1,23,4", None),
        (",", "12,50", 125_000),
        (",", "1.234,50", 12_345_000),
        (",", "1 234,50", 12_345_000),
        (",", "1\u202f234,50", 12_345_000),
        (",", "-3", -30_000),
        (",", "1.5", None),
    ],
)
def test_amounts_as_people_write_them(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, decimal: str, text: str, expected: int | None
) -> None:
    path = tmp_path / "spend.csv"
    path.write_text(f'date;channel;cost\n2020-01-01;x;"{text}"\n2020-01-01;safe;1\n', encoding="utf-8")
    load(connection, [Source(table="spend", data=path, decimal=decimal)])
    found = connection.execute("SELECT cost FROM spend JOIN channels ON code = channel_code WHERE channel = 'x'")
    assert found.fetchall() == ([] if expected is None else [(expected,)])


def test_typed_numbers_that_are_no_amounts_are_set_aside(connection: duckdb.DuckDBPyConnection) -> None:
    frame = pd.DataFrame(
        {"customer_id": range(5), "time": datetime(2020, 1, 1), "value": [1.005, np.nan, np.inf, -np.inf, 1e15]}
    )
    load(connection, [Source(table="orders", data=frame)])
    assert connection.execute("SELECT customer_id, value FROM orders").fetchall() == [(0, 10_050)]
    assert connection.execute("SELECT row, reason FROM quarantine ORDER BY row").fetchall() == [
        (2, "value is missing"),
        (3, "value is not finite or too large"),
        (4, "value is not finite or too large"),
        (5, "value is not finite or too large"),
    ]


@pytest.mark.parametrize(
    ("identities", "expected", "warned"),
    [
        (["17850.0", "", "13047.0"], ["13047", "17850"], True),
        (["17850.0", "x1.0"], ["17850.0", "x1.0"], False),
        (["00004", "4"], ["00004", "4"], False),
        ([" a ", "a", "null", "NaN", "<NA>", "None"], ["a", "a"], False),
    ],
)
def test_identities_lose_blanks_and_a_common_float_tail_and_nothing_else(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, identities: list[str], expected: list[str], warned: bool
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(
        "customer_id,time,value\n" + "".join(f"{name},2020-01-01,{i}\n" for i, name in enumerate(identities))
    )
    report = load(connection, [Source(table="orders", data=path)])
    found = connection.execute("SELECT customer_id FROM orders ORDER BY 1").fetchall()
    assert [name for (name,) in found] == expected
    assert any("the tail was taken off" in warning for warning in report.warnings) is warned


def test_customers_are_integers_only_if_they_are_in_every_source(connection: duckdb.DuckDBPyConnection) -> None:
    orders = pd.DataFrame({"customer_id": [7, 8], "time": datetime(2020, 1, 1), "value": [1, 2]})
    texts = pd.DataFrame({"customer_id": ["7", "9"], "country": ["DE", "FR"]})
    floats = pd.DataFrame({"customer_id": [7.0, np.nan, 9.0], "country": ["DE", "IT", "FR"]})
    load(connection, [Source(table="orders", data=orders)])
    assert connection.execute("SELECT DISTINCT typeof(customer_id) FROM orders").fetchall() == [("BIGINT",)]
    for customers in (texts, floats):
        load(connection, [Source(table="orders", data=orders), Source(table="customers", data=customers)])
        assert connection.execute(
            "SELECT customer_id, country FROM orders JOIN customers USING (customer_id)"
        ).fetchall() == [("7", "DE")]


def test_a_cast_that_fails_spoils_its_row_only(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("customer_id,time,amount\na,2020-01-01,1.5\nb,2020-01-01,many\n")
    value = Sql("CAST(amount AS DECIMAL(10, 2)) * 2")
    load(connection, [Source(table="orders", data=path, columns={"value": value})])
    assert connection.execute("SELECT customer_id, value FROM orders").fetchall() == [("a", 30_000)]
    assert connection.execute("SELECT row, reason FROM quarantine").fetchall() == [
        (3, "value is missing or cannot be computed")
    ]


def test_what_programs_write_for_a_missing_identity_is_no_customer(connection: duckdb.DuckDBPyConnection) -> None:
    none = ["null", "NaN", " None ", "<NA>", "\\N", "-", "N/A", "na ", "#N/A", "undefined", "(not set)", "\t", "\u00a0"]
    some = ["GA1.2.1.2", " 7 ", "nano", "x\u00a0", "n", "None of them", "Nandi"]
    frame = pd.DataFrame({"customer_id": none + some, "time": datetime(2026, 6, 1), "channel": "x"})
    load(connection, [Source(table="touchpoints", data=frame)])
    kept = {name for (name,) in connection.execute("SELECT customer_id FROM touchpoints").fetchall()}
    assert kept == {"GA1.2.1.2", "7", "nano", "x", "n", "None of them", "Nandi"}
    (found,) = connection.execute("SELECT count(*), any_value(reason) FROM quarantine").fetchall()
    assert found == (len(none), "customer_id is missing")
