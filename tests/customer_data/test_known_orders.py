"""The past as it was known: refunds of later days are not yet taken, as if the load had looked back from that day."""

from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from clv.histories import build_histories
from clv.holdout_check import holdout
from clv.order_choice import choose_order_model
from customer_data import LoadSettings, Source, load
from customer_data.known_orders import known_orders

START = datetime(2024, 1, 1)
FIRST = 19_723  # 2024-01-01


def order_frame(rows: list[tuple[str, str, int, float, str | None]]) -> pd.DataFrame:
    """order_id, customer_id, day, value, refund_of"""
    frame = pd.DataFrame(rows, columns=["order_id", "customer_id", "day", "value", "refund_of"])
    return frame.assign(time=[START + timedelta(days=day) for day in frame.pop("day")])


def rows_of(connection: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, int, int]]:
    return connection.execute(f"SELECT customer_id, day, value FROM {relation} ORDER BY ALL").fetchall()


def test_by_hand_an_order_refunded_later_was_whole(connection: duckdb.DuckDBPyConnection) -> None:
    # Order 2 is refunded in full on day 5, 3 of order 1 come back on day 2; customer b has no refund.
    rows = [("1", "a", 0, 10.0, None), ("2", "a", 1, 4.0, None), ("R", "a", 2, -3.0, "1"), ("S", "a", 5, -4.0, "2")]
    load(connection, [Source(table="orders", data=order_frame([*rows, ("3", "b", 1, 7.0, None)]))])
    on_day = {day: known_orders(connection, FIRST + day) for day in (1, 4, 5)}
    assert [(known.changed, known.amount) for known in on_day.values()] == [(2, 70_000), (1, 40_000), (0, 0)]
    for day, expected in {
        1: [("a", 0, 100_000), ("a", 1, 40_000), ("b", 1, 70_000)],
        4: [("a", 0, 70_000), ("a", 1, 40_000), ("b", 1, 70_000)],
        5: [("a", 0, 70_000), ("b", 1, 70_000)],
    }.items():
        known = known_orders(connection, FIRST + day)
        assert [(name, at - FIRST, value) for name, at, value in rows_of(connection, known.relation)] == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_the_past_is_that_of_a_load_that_looked_back_from_its_last_day(
    connection: duckdb.DuckDBPyConnection, seed: int
) -> None:
    # Half of the refunds among the orders, and all in the table of refunds, name an order of the same customer before.
    random = np.random.default_rng(seed)
    rows = []
    for customer in range(120):
        for number, day in enumerate(np.sort(random.integers(0, 12, random.integers(1, 12))).tolist()):
            value = float(random.integers(-8, 9))
            named = (
                f"{customer}-{random.integers(0, number)}" if number and value < 0 and random.random() < 0.5 else None
            )
            rows.append((f"{customer}-{number}", f"c{customer}", day, value, named))
    source = Source(table="orders", data=order_frame(rows))
    refunds = order_frame([(name, "", day + 3, 2.0, None) for name, _, day, value, _ in rows[::7] if value > 0])
    by_order = Source(table="refunds", data=refunds[["order_id", "time", "value"]])
    for day in (3, 7, 14):
        load(connection, [source, by_order], LoadSettings(as_of=date(2024, 1, 1 + day)))
        expected = rows_of(connection, f"orders WHERE day <= {FIRST + day}")
        load(connection, [source, by_order])
        assert rows_of(connection, known_orders(connection, FIRST + day).relation) == expected
        assert (rows_of(connection, f"orders WHERE day <= {FIRST + day}") == expected) is (day == 14)


def test_without_refunds_the_orders_are_what_they_are(connection: duckdb.DuckDBPyConnection) -> None:
    load(connection, [Source(table="orders", data=order_frame([("1", "a", 0, 10.0, None), ("2", "a", 3, 4.0, None)]))])
    known = known_orders(connection, FIRST + 1)
    assert rows_of(connection, known.relation) == [("a", FIRST, 100_000)]
    assert (known.changed, known.amount) == (0, 0)


def test_checks_of_the_forecast_see_their_past_as_it_was(connection: duckdb.DuckDBPyConnection) -> None:
    # 300 customers order every 15 days with an interruption; every fourth order is refunded in full 20 days later.
    rows = []
    for customer in range(300):
        for number in range(1 + customer % 9):
            day, name = (customer % 40) + 15 * number, f"{customer}-{number}"
            rows.append((name, f"c{customer}", day, 10.0, None))
            if (customer + number) % 4 == 0:
                rows.append((f"r{name}", f"c{customer}", day + 20, -10.0, name))
    source, until = Source(table="orders", data=order_frame(rows)), FIRST + 100
    load(connection, [source], LoadSettings(as_of=date(2024, 1, 1) + timedelta(days=100)))
    expected = build_histories(connection, until_day=until)
    then = connection.execute("FROM histories ORDER BY ALL").fetchall()
    load(connection, [source])
    summary = build_histories(connection, until_day=until)
    assert connection.execute("FROM histories ORDER BY ALL").fetchall() == then
    assert (summary.customers, summary.purchase_days) == (expected.customers, expected.purchase_days)
    late = [row for row in rows if row[4] is not None and row[2] > 100 and row[2] - 20 <= 100]
    assert summary.refunded_later == len(late) > 0
    assert summary.refunded_later_amount == 10.0 * len(late)
    held = holdout(connection, until_day=until, draws=100)
    assert f"{len(late)} of the orders until 2024-04-10 were refunded later, by {10 * len(late)}.00" in held.notes[0]
    assert choose_order_model(connection, "auto", until_day=until).name in ("bg_nbd", "mbg_nbd", "pareto_nbd")
