"""Orders and touches on clocks of their own: zones that differ, and dates without a time of day."""

import random
from datetime import UTC, datetime, timedelta

import duckdb
import pandas as pd
import pytest

from customer_data import ConfigurationError, LoadSettings, Source, load

MINUTE_US, DAY_US = 60_000_000, 86_400_000_000


def shop(*, follow: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Touches and orders of 150 customers; before a share of the orders there is a visit of some minutes."""
    chance = random.Random(1)
    touches, orders = [], []
    for number in range(150):
        time = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(525_600))
        some = [timedelta(hours=chance.uniform(-200, 200)) for _ in range(3)]
        some += [timedelta(minutes=-chance.expovariate(1 / 20))] if chance.random() < follow else []
        touches += [(f"c{number}", time + gap, "Email") for gap in some]
        orders.append((f"c{number}", time, 20.0))
    return (
        pd.DataFrame(touches, columns=["customer_id", "time", "channel"]),
        pd.DataFrame(orders, columns=["customer_id", "time", "value"]),
    )


def on_clocks(frame: pd.DataFrame, zone: str) -> pd.DataFrame:
    return frame.assign(time=frame["time"].dt.tz_convert(zone).dt.tz_localize(None))


def told(
    connection: duckdb.DuckDBPyConnection,
    touches: pd.DataFrame,
    orders: pd.DataFrame,
    zone: str,
    own: dict[str, str] | None = None,
) -> list[str]:
    own = own or {}
    report = load(
        connection,
        [
            Source(table="touchpoints", data=touches, timezone=own.get("touchpoints")),
            Source(table="orders", data=orders, timezone=own.get("orders")),
        ],
        LoadSettings(timezone=zone),
    )
    return [warning for warning in report.warnings if "time" in warning]


@pytest.mark.parametrize(
    ("naive", "clocks", "read_as"),
    [
        ("orders", "UTC", "Europe/Berlin"),
        ("orders", "America/New_York", "UTC"),
        ("touchpoints", "Europe/Berlin", "UTC"),
    ],
)
def test_orders_before_the_visits_that_led_to_them_are_told_of_with_the_zone_that_fits(
    connection: duckdb.DuckDBPyConnection, naive: str, clocks: str, read_as: str
) -> None:
    touches, orders = shop(follow=0.9)
    touches = on_clocks(touches, clocks) if naive == "touchpoints" else touches
    orders = on_clocks(orders, clocks) if naive == "orders" else orders
    (warning,) = told(connection, touches, orders, read_as)
    assert "have it only after them, as if clocks differed." in warning
    assert f'of {clocks}, not of {read_as}. If so, state it: [{naive}] timezone = "{clocks}".' in warning
    assert told(connection, touches, orders, read_as, {naive: clocks}) == []


def test_touches_that_have_nothing_to_do_with_orders_are_not_taken_for_other_clocks(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    touches, orders = shop(follow=0.0)
    assert told(connection, touches, orders, "Europe/Berlin") == []
    assert told(connection, touches, on_clocks(orders, "America/New_York"), "UTC") == []
    touches, orders = shop(follow=0.9)
    assert told(connection, touches, orders, "Europe/Berlin") == []


def test_a_column_that_is_called_utc_and_read_otherwise_is_told_of(connection: duckdb.DuckDBPyConnection) -> None:
    orders = pd.DataFrame({"customer_id": ["a"], "Created (UTC)": ["2024-07-01 12:00"], "value": [1.0]})
    columns = {"time": "Created (UTC)"}
    berlin = LoadSettings(timezone="Europe/Berlin")
    (warning,) = load(connection, [Source(table="orders", data=orders, columns=columns)], berlin).warnings
    assert warning.endswith('If they are of UTC, state it: [orders] timezone = "UTC".')
    stated = load(connection, [Source(table="orders", data=orders, columns=columns, timezone="UTC")], berlin)
    noon = int(pd.Timestamp("2024-07-01 12:00").value) // 1000
    assert (stated.warnings, connection.execute("SELECT time_us FROM orders").fetchall()) == ((), [(noon,)])
    offset = orders.assign(**{"Created (UTC)": ["2024-07-01 12:00:00 +0000"]})
    assert load(connection, [Source(table="orders", data=offset, columns=columns)], berlin).warnings == ()


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("text", "Europe/Berlin"),
        ("timestamp", "UTC"),
        ("date", "America/New_York"),
        ("format", "Europe/Berlin"),
        ("aware", "America/New_York"),
    ],
)
def test_an_order_dated_by_day_counts_at_the_end_of_its_day(
    connection: duckdb.DuckDBPyConnection, zone: str, written: str
) -> None:
    days = pd.Series(pd.to_datetime(["2024-07-01", "2024-07-02", "2024-12-31"]))
    time, time_format = days.dt.strftime("%Y-%m-%d"), None
    if written == "format":
        time, time_format = days.dt.strftime("%d/%m/%Y"), "%d/%m/%Y"
    elif written != "text":
        time = {"timestamp": days, "date": days.dt.date, "aware": days.dt.tz_localize("UTC")}[written]
    orders = pd.DataFrame({"customer_id": ["a", "b", "c"], "time": time, "value": [1.0, 2.0, 3.0]})
    touches = pd.DataFrame({"customer_id": ["a"], "time": [pd.Timestamp("2024-07-01 12:00")], "channel": ["Email"]})
    report = load(
        connection,
        [
            Source(table="orders", data=orders, time_format=time_format),
            Source(table="touchpoints", data=touches),
        ],
        LoadSettings(timezone=zone),
    )
    ends = [(day + pd.Timedelta(days=1)).tz_localize(zone).value // 1000 - 1 for day in days]
    numbers = [(day - pd.Timestamp(0)).days for day in days]
    found = connection.execute("SELECT time_us, day FROM orders ORDER BY customer_id").fetchall()
    assert found == list(zip(ends, numbers, strict=True))
    assert report.warnings[0].startswith("orders.time: 3 rows with a date but no time of day; they count at the end")


def test_some_orders_at_midnight_among_timed_ones_stay_there(connection: duckdb.DuckDBPyConnection) -> None:
    times = pd.to_datetime(["2024-07-01 00:00", "2024-07-02 10:00", "2024-07-03 11:30"])
    orders = pd.DataFrame({"customer_id": ["a", "b", "c"], "time": times, "value": 1.0})
    assert load(connection, [Source(table="orders", data=orders)]).warnings == ()
    assert connection.execute("SELECT time_us FROM orders WHERE customer_id = 'a'").fetchall() == [
        (times[0].value // 1000,)
    ]


def test_a_timed_refund_on_the_day_of_an_order_dated_by_day_comes_off_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    orders = pd.DataFrame({"customer_id": ["a", "b"], "time": ["2024-07-01", "2024-07-01"], "value": [10.0, 5.0]})
    refunds = pd.DataFrame(
        {"order_id": ["?"], "customer_id": ["a"], "time": [pd.Timestamp("2024-07-01 09:00")], "value": [4.0]}
    )
    load(connection, [Source(table="orders", data=orders), Source(table="refunds", data=refunds)])
    assert connection.execute("SELECT value FROM orders ORDER BY customer_id").fetchall() == [(60_000,), (50_000,)]


def test_a_zone_of_a_source_that_there_is_not_is_an_error(connection: duckdb.DuckDBPyConnection) -> None:
    _, orders = shop(follow=0.0)
    with pytest.raises(ConfigurationError, match=r"orders\.timezone: 'Berlin' is not .* 'Europe/Berlin'"):
        load(connection, [Source(table="orders", data=orders, timezone="Berlin")])
