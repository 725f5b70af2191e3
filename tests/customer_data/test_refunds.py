"""Refunds are netted by one rule, held to by hand and against a stack that is walked order by order."""

from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from customer_data import LoadReport, LoadSettings, Source, load

START = datetime(2024, 1, 1)


def order_frame(rows: list[tuple[str, str, int, float]]) -> pd.DataFrame:
    """order_id, customer_id, day, value"""
    frame = pd.DataFrame(rows, columns=["order_id", "customer_id", "day", "value"])
    return frame.assign(time=[START + timedelta(days=day) for day in frame.pop("day")])


def netted(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    return {name: value / 10_000 for name, value in connection.execute("SELECT order_id, value FROM orders").fetchall()}


def counts(report: LoadReport, source: str) -> dict[str, tuple[int, float | None]]:
    of_source = report.row_counts[report.row_counts["source"] == source]
    return {
        reason: (int(rows), None if pd.isna(amount) else float(amount) / 10_000)
        for _, reason, rows, amount in of_source.itertuples(index=False)
    }


def test_a_refund_without_a_name_comes_off_the_latest_earlier_order_and_then_the_one_before(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    # 10 and 4 were bought before the refund of 6: the 4 goes first and whole, 2 of the 10 after it; 5 came later.
    rows = [("1", "a", 0, 10.0), ("2", "a", 1, 4.0), ("R", "a", 2, -6.0), ("3", "a", 3, 5.0), ("4", "b", 1, 7.0)]
    report = load(connection, [Source(table="orders", data=order_frame(rows))])
    assert netted(connection) == {"1": 8.0, "3": 5.0, "4": 7.0}
    assert counts(report, "orders") == {
        "read": (5, 20.0),
        "kept": (3, 20.0),
        "order refunded in full": (1, 4.0),
        "refund taken from earlier orders": (1, 6.0),
    }


def test_who_has_no_order_left_after_refunds_is_counted(connection: duckdb.DuckDBPyConnection) -> None:
    # a loses both orders of 10 and 4, b one of two; c's only order nets to nothing line by line; d's was a gift.
    rows = [("1", "a", 0, 10.0), ("2", "a", 1, 4.0), ("R", "a", 2, -14.0), ("3", "b", 0, 5.0), ("4", "b", 1, 5.0)]
    rows += [("S", "b", 2, -5.0), ("5", "c", 0, 9.0), ("5", "c", 0, -9.0), ("6", "d", 0, 0.0)]
    report = load(connection, [Source(table="orders", data=order_frame(rows))])
    assert (report.refunded_customers, report.refunded_orders, report.refunded_value) == (2, 3, 140_000)
    found = connection.execute("SELECT customer_id, orders FROM refunded_customers ORDER BY ALL").fetchall()
    assert found == [("a", 2), ("c", 1)]
    again = load(connection, [Source(table="orders", data=order_frame(rows[3:5]))])
    assert again.refunded_customers == 0


def test_a_refund_before_any_order_changes_nothing_and_is_told(connection: duckdb.DuckDBPyConnection) -> None:
    rows = [("R", "a", 0, -6.0), ("1", "a", 1, 10.0)]
    report = load(connection, [Source(table="orders", data=order_frame(rows))])
    assert netted(connection) == {"1": 10.0}
    assert counts(report, "orders")["refund without an order before it"] == (1, 6.0)


def test_what_is_larger_than_everything_before_it_is_told_by_the_amount_left(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    rows = [("1", "a", 1, 10.0), ("S", "a", 2, -12.0), ("2", "a", 3, 1.0)]
    report = load(connection, [Source(table="orders", data=order_frame(rows))])
    assert netted(connection) == {"2": 1.0}
    assert counts(report, "orders")["refund larger than what was bought before"] == (1, 2.0)
    assert any("1 row (2.00): refund larger than what was bought before." in warning for warning in report.warnings)


def test_the_refunds_table_takes_from_the_order_it_names(connection: duckdb.DuckDBPyConnection) -> None:
    # 3 comes off order 1 although order 2 is later; 9 is more than order 2 holds: the other 4 come off order 1.
    orders = order_frame([("1", "a", 0, 10.0), ("2", "a", 1, 5.0), ("3", "b", 1, 5.0)])
    refunds = order_frame([("1", "a", 5, 3.0), ("2", "a", 6, 9.0), ("9", "b", 6, 2.0)])
    report = load(connection, [Source(table="orders", data=orders), Source(table="refunds", data=refunds)])
    assert netted(connection) == {"1": 3.0, "3": 3.0}
    assert counts(report, "refunds") == {
        "read": (3, 14.0),
        "kept": (0, None),
        "refund taken from its order": (1, 3.0),
        "refund taken from earlier orders": (2, 11.0),
    }


def test_refunds_without_a_customer_find_their_order_or_are_told(connection: duckdb.DuckDBPyConnection) -> None:
    orders = order_frame([("1", "a", 0, 10.0)])
    refunds = order_frame([("1", "a", 5, 3.0), ("9", "a", 6, 2.0)]).drop(columns="customer_id")
    report = load(connection, [Source(table="orders", data=orders), Source(table="refunds", data=refunds)])
    assert netted(connection) == {"1": 7.0}
    assert counts(report, "refunds")["refund without an order before it"] == (1, 2.0)


def test_an_order_may_name_the_order_it_refunds(connection: duckdb.DuckDBPyConnection) -> None:
    frame = order_frame([("1", "a", 0, 10.0), ("2", "a", 1, 5.0), ("3", "a", 2, 10.0)])
    frame["refund_of"] = [None, None, "1"]
    report = load(connection, [Source(table="orders", data=frame)])
    assert netted(connection) == {"2": 5.0}
    assert counts(report, "orders")["order refunded in full"] == (1, 10.0)


def test_lines_of_one_order_are_summed_before_refunds_are_looked_for(connection: duckdb.DuckDBPyConnection) -> None:
    rows = [("1", "a", 1, 10.0), ("1", "a", 0, -2.0), ("2", "a", 2, 3.0), ("2", "a", 2, -3.0), ("3", "a", 3, 0.0)]
    report = load(connection, [Source(table="orders", data=order_frame(rows))])
    # Order 2 cancels itself and is no purchase; order 3 was free from the beginning and is one.
    assert netted(connection) == {"1": 8.0, "3": 0.0}
    assert counts(report, "orders") == {
        "read": (5, 8.0),
        "kept": (2, 8.0),
        "another line of an order": (2, None),
        "order refunded in full": (1, 0.0),
    }
    assert connection.execute("SELECT day FROM orders WHERE order_id = '1'").fetchall() == [(19_723,)]


def test_rejected_refunds_are_set_aside(connection: duckdb.DuckDBPyConnection) -> None:
    rows = [("1", "a", 0, 10.0), ("1", "a", 0, -1.0), ("2", "a", 1, -4.0)]
    refunds = order_frame([("1", "a", 5, 3.0)])
    report = load(
        connection,
        [Source(table="orders", data=order_frame(rows)), Source(table="refunds", data=refunds)],
        LoadSettings(refunds="reject"),
    )
    assert netted(connection) == {"1": 9.0}
    assert counts(report, "orders")["its order is negative, and refunds are rejected"] == (1, -4.0)
    assert counts(report, "refunds")["is a refund, and refunds are rejected"] == (1, 3.0)
    assert report.quarantine_rows == 2


def test_the_product_of_an_order_is_that_of_its_most_valuable_line(connection: duckdb.DuckDBPyConnection) -> None:
    frame = order_frame([("1", "a", 0, 1.0), ("1", "a", 0, 9.0), ("1", "a", 0, 9.0)])
    frame["product"] = ["cap", "coat", "boots"]
    load(connection, [Source(table="orders", data=frame)])
    assert connection.execute("SELECT product, value FROM orders").fetchall() == [("coat", 190_000)]


def test_what_each_product_of_an_order_brought_bears_its_share_of_a_refund(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    frame = order_frame([("1", "a", 0, 60.0), ("1", "a", 0, 40.0), ("2", "a", 1, 10.0)])
    frame["product"] = ["coat", "cap", "cap"]
    refunds = order_frame([("1", "a", 5, 50.0), ("2", "a", 5, 10.0)])
    load(connection, [Source(table="orders", data=frame), Source(table="refunds", data=refunds)])
    found = connection.execute("SELECT * FROM order_products ORDER BY ALL").fetchall()
    assert found == [("1", "cap", 200_000), ("1", "coat", 300_000)]


def test_the_type_of_an_order_is_that_of_its_most_valuable_line_and_outlives_a_refund(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    frame = order_frame([("1", "a", 0, 5.0), ("1", "a", 0, 9.0), ("2", "a", 1, 4.0), ("3", "a", 2, -1.0)])
    frame["type"] = ["lead", "purchase", None, "purchase"]
    load(connection, [Source(table="orders", data=frame)])
    assert connection.execute("SELECT order_id, type, value FROM orders ORDER BY order_id").fetchall() == [
        ("1", "purchase", 140_000),
        ("2", None, 30_000),
    ]


def walked(rows: list[tuple[str, str, int, float]]) -> tuple[dict[str, float], float]:
    """The same rule by a stack: each refund pops the latest orders. Returns what remains and is missed."""
    stacks: dict[str, list[tuple[str, float]]] = {}
    remaining: dict[str, float] = {}
    missed = 0.0
    for name, customer, _, value in sorted(rows, key=lambda row: (row[2], row[3] < 0, row[0])):
        stack = stacks.setdefault(customer, [])
        if value >= 0:
            stack.append((name, value))
            remaining[name] = value
            continue
        rest = -value
        for order, _ in reversed(stack):
            taken = min(rest, remaining[order])
            remaining[order] -= taken
            rest -= taken
        missed += rest
    free = {name for stack in stacks.values() for name, value in stack if value == 0}
    return {name: left for name, left in remaining.items() if left > 0 or name in free}, missed


@pytest.mark.parametrize("seed", [1, 2])
def test_the_closed_form_is_the_stack_whatever_the_order_of_rows(
    connection: duckdb.DuckDBPyConnection, seed: int
) -> None:
    random = np.random.default_rng(seed)
    rows = [
        (f"{customer}-{number:02d}", f"c{customer}", int(random.integers(0, 7)), float(random.integers(-8, 9)))
        for customer in range(300)
        for number in range(random.integers(1, 14))
    ]
    expected, missed = walked(rows)
    frame = order_frame(rows)
    report = load(connection, [Source(table="orders", data=frame)])
    assert netted(connection) == expected
    outcome = counts(report, "orders")
    told = ("refund without an order before it", "refund larger than what was bought before")
    assert sum(outcome[reason][1] or 0 for reason in told) == missed
    assert outcome["read"][0] == sum(number for reason, (number, _) in outcome.items() if reason != "read")
    again = load(connection, [Source(table="orders", data=frame.sample(frac=1, random_state=seed))])
    assert netted(connection) == expected
    assert counts(again, "orders") == outcome


def test_what_is_booked_after_the_as_of_day_is_not_known_yet(connection: duckdb.DuckDBPyConnection) -> None:
    # As of day 2: order 1 is worth 10 - 2 (the refund of day 2), not yet 10 - 2 - 6 (day 3); its line of day 4, the
    # named refund of day 5 and the one of the refunds table on day 3 are not known either. Order 3 is later.
    rows = [("1", "a", 0, 10.0), ("R", "a", 2, -2.0), ("S", "a", 3, -6.0), ("1", "a", 4, 3.0), ("3", "a", 5, 5.0)]
    frame = order_frame(rows).assign(refund_of=None)
    named = order_frame([("T", "a", 5, -1.0)]).assign(refund_of="1")
    sources = [
        Source(table="orders", data=pd.concat([frame, named], ignore_index=True)),
        Source(table="refunds", data=order_frame([("1", "a", 3, 4.0)])),
    ]
    report = load(connection, sources, LoadSettings(as_of=date(2024, 1, 3)))
    assert netted(connection) == {"1": 8.0, "3": 5.0}
    assert counts(report, "orders") == {
        "read": (6, 9.0),
        "kept": (2, 13.0),
        "refund after the as-of day, not taken": (2, 7.0),
        "line added to an order after the as-of day": (1, 3.0),
        "refund taken from earlier orders": (1, 2.0),
    }
    assert counts(report, "refunds")["refund after the as-of day, not taken"] == (1, 4.0)


def test_without_any_refund_by_the_as_of_day_orders_are_as_they_were(connection: duckdb.DuckDBPyConnection) -> None:
    rows = [("1", "a", 0, 10.0), ("R", "a", 3, -10.0)]
    load(connection, [Source(table="orders", data=order_frame(rows))], LoadSettings(as_of=date(2024, 1, 3)))
    assert netted(connection) == {"1": 10.0}


def test_the_as_of_day_ends_at_midnight_of_the_zone(connection: duckdb.DuckDBPyConnection) -> None:
    frame = order_frame([("1", "a", 0, 10.0), ("R", "a", 2, -4.0)])
    frame.loc[1, "time"] = pd.Timestamp("2024-01-03 23:30")
    for zone, left in (("UTC", 6.0), ("Europe/Berlin", 6.0)):
        load(connection, [Source(table="orders", data=frame)], LoadSettings(as_of=date(2024, 1, 3), timezone=zone))
        assert netted(connection) == {"1": left}
    aware = frame.assign(time=frame["time"].dt.tz_localize("UTC"))  # 00:30 of the next day in Berlin
    settings = LoadSettings(as_of=date(2024, 1, 3), timezone="Europe/Berlin")
    load(connection, [Source(table="orders", data=aware)], settings)
    assert netted(connection) == {"1": 10.0}


@pytest.mark.parametrize("column", [False, True])
def test_a_refund_that_names_no_currency_is_in_its_orders(connection: duckdb.DuckDBPyConnection, column: bool) -> None:
    # At 0.5 EUR the 50 CHF of order 2 are 25 EUR; the refund of 50 is all of it, and nothing comes off order 1.
    orders = order_frame([("1", "b", 0, 100.0), ("2", "b", 1, 50.0)]).assign(currency=["EUR", "CHF"])
    refunds = pd.DataFrame({"order_id": ["2"], "time": [START + timedelta(days=30)], "value": [50.0]})
    if column:  # of a file that names some currencies, the blank one is the order's too
        stated = pd.DataFrame({"order_id": ["1"], "time": [START], "value": [20.0], "currency": ["CHF"]})
        refunds = pd.concat([refunds.assign(currency=None), stated])
    sources = [Source(table="orders", data=orders), Source(table="refunds", data=refunds)]
    load(connection, sources, LoadSettings(currency="EUR", currency_rates={"CHF": 0.5}))
    assert netted(connection) == {"1": 90.0 if column else 100.0}
