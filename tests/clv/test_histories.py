"""Purchase histories from orders."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clv.calendar import day_number
from clv.histories import build_histories, purchase_histories
from customer_data.engine import Engine
from customer_data.errors import ConfigurationError, InputError

HISTORY = "customer_id, segment, frequency, recency_days, age_days, spend, first_value"


def histories(connection, table="histories"):
    return connection.execute(f"SELECT {HISTORY} FROM {table} ORDER BY customer_id").fetchall()


def test_histories_by_hand(connection, fill):
    # Customer 1: two orders on day 0 merge (3 + 4), then days 5 (10) and 9 (0, a purchase all the same), until day 12.
    # Customer 2: one day only. Customer 3 comes on day 13, after the last observed day.
    fill(connection, [(1, 0, 3), (1, 9, 0), (1, 0, 4), (1, 5, 10), (1, 13, 99), (2, 7, 5), (3, 13, 1)])
    summary = build_histories(connection, until_day=12)
    assert histories(connection) == [(1, "all", 2, 9, 12, 10, 7), (2, "all", 0, 0, 5, 0, 5)]
    assert (summary.customers, summary.repeat_customers, summary.repeat_purchases) == (2, 1, 2)
    assert (summary.orders, summary.orders_after, summary.first_day, summary.until_day) == (5, 2, 0, 12)
    assert summary.warnings == ("2 orders after 1970-01-13 are left out of the histories.",)


def test_the_last_order_is_the_last_observed_day_unless_told(connection, fill):
    fill(connection, [(1, 3, 1), (2, 8, 1)])
    assert build_histories(connection).until_day == 8
    assert histories(connection) == [(1, "all", 0, 0, 5, 0, 1), (2, "all", 0, 0, 0, 0, 1)]


def test_segments_combine_attributes_and_count_who_lacks_one(connection, fill):
    customers = pd.DataFrame({"customer_id": [1, 2, 3], "country": ["DE", " ", "FR"], "device": ["app", "web", None]})
    fill(connection, [(1, 0, 1), (2, 0, 1), (3, 0, 1), (4, 0, 1)], customers)
    summary = build_histories(connection, segment_by=("country", "device"))
    assert [row[1] for row in histories(connection)] == [
        "DE / app",
        "(unknown) / web",
        "FR / (unknown)",
        "(unknown) / (unknown)",
    ]
    assert summary.customers_unknown == 3
    assert "3 of 4 customers lack an attribute" in summary.warnings[0]


def test_a_segment_called_all_is_not_taken_for_the_total(connection, fill):
    fill(connection, [(1, 0, 1)], pd.DataFrame({"customer_id": [1], "kind": ["all"]}))
    assert build_histories(connection, segment_by=["kind"]).segments == ("(all)",)


def test_a_table_of_another_name_leaves_the_first_alone(connection, fill):
    fill(connection, [(1, 0, 1), (1, 4, 1)])
    build_histories(connection)
    build_histories(connection, until_day=2, table="earlier")
    assert histories(connection) == [(1, "all", 1, 4, 4, 1, 1)]
    assert histories(connection, "earlier") == [(1, "all", 0, 0, 2, 0, 1)]


def test_wrong_attributes_are_all_named_at_once_with_the_nearest(connection, fill):
    fill(connection, [(1, 0, 1)], pd.DataFrame({"customer_id": [1], "country": ["DE"]}))
    with pytest.raises(ConfigurationError, match=r"'contry'; did you mean 'country'\?\n.*'planet'; it has country"):
        build_histories(connection, segment_by=("contry", "planet"))
    with pytest.raises(ConfigurationError, match="named twice"):
        build_histories(connection, segment_by=("country", "country"))


def test_segments_without_customers_and_no_orders_are_refused(connection, fill):
    fill(connection, [(1, 5, 1)])
    with pytest.raises(ConfigurationError, match="no table customers"):
        build_histories(connection, segment_by=("country",))
    with pytest.raises(InputError, match="all 1 orders come after 1970-01-03"):
        build_histories(connection, until_day=2)
    connection.execute("DELETE FROM orders")
    with pytest.raises(InputError, match="no order"):
        build_histories(connection)


@pytest.fixture(scope="module")
def one_engine():
    """One engine for all examples; each of them replaces its tables."""
    connection = Engine(threads=1).connect()
    yield connection
    connection.close()


orders_of_some = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 30), st.integers(0, 10_000_000)), min_size=1, max_size=40
)


@settings(max_examples=40, deadline=None)
@given(rows=orders_of_some)
def test_histories_equal_the_plain_computation(fill, one_engine, rows):
    expected = []
    last = max(day for _, day, _ in rows)
    for customer in sorted({c for c, _, _ in rows}):
        days: dict[int, int] = {}
        for c, day, value in rows:
            if c == customer:
                days[day] = days.get(day, 0) + value
        first = min(days)
        repeat = sum(value for day, value in days.items() if day > first)
        expected.append((customer, "all", len(days) - 1, max(days) - first, last - first, repeat, days[first]))
    fill(one_engine, rows)
    build_histories(one_engine)
    assert histories(one_engine) == expected


def test_a_frame_gives_the_columns_of_lifetimes_in_exact_weeks():
    orders = pd.DataFrame(
        {
            "who": ["b", "a", "a", "a", "a"],
            "when": pd.to_datetime(
                ["2024-01-03T00", "2024-01-01T23", "2024-01-01T08", "2024-01-11T00", "2024-02-01T00"]
            ),
            "paid": [9.5, 1.0, 2.0, 12.25, 100.0],
        }
    )
    table = purchase_histories(orders, customer="who", time="when", value="paid", until="2024-01-15")
    assert table.columns.tolist() == ["customer_id", "frequency", "recency", "T", "monetary_value"]
    assert table.to_numpy().tolist() == [["a", 1, 10 / 7, 2.0, 12.25], ["b", 0, 0.0, 12 / 7, 0.0]]
    in_days = purchase_histories(orders, customer="who", time="when", value="paid", until="2024-01-15", unit="day")
    assert in_days["recency"].tolist() == [10.0, 0.0]
    assert in_days["T"].tolist() == [14.0, 12.0]


def test_a_file_gives_what_its_frame_gives(tmp_path):
    orders = pd.DataFrame({"customer_id": ["007", "7", "007"], "time": ["2024-01-01", "2024-01-02", "2024-01-09"],
                           "value": [1.5, 2.5, 3.5]})  # fmt: skip
    orders.to_csv(tmp_path / "orders.csv", index=False)
    orders.to_csv(tmp_path / "orders.csv.gz", index=False)
    orders.to_parquet(tmp_path / "orders.parquet")
    expected = purchase_histories(orders)
    assert expected["customer_id"].tolist() == ["007", "7"]
    for name in ("orders.csv", "orders.csv.gz", "orders.parquet"):
        pd.testing.assert_frame_equal(purchase_histories(tmp_path / name), expected)


def test_aware_times_keep_the_days_of_their_own_clock():
    # 23:30 in New York is the next day in UTC; the second order stays on the day of the first.
    when = pd.to_datetime(["2024-01-01 09:00", "2024-01-01 23:30"]).tz_localize("America/New_York")
    orders = pd.DataFrame({"customer_id": [1, 1], "time": when, "value": [1.0, 1.0]})
    assert purchase_histories(orders)["frequency"].tolist() == [0]


def test_months_are_no_unit():
    with pytest.raises(ConfigurationError, match="no fixed length"):
        purchase_histories(pd.DataFrame(), unit="month")


def test_columns_that_are_not_there_are_named():
    with pytest.raises(ConfigurationError, match="customer = 'who', value = 'paid'; its columns are customer_id, time"):
        purchase_histories(pd.DataFrame({"customer_id": [1], "time": ["2024-01-01"]}), customer="who", value="paid")


def test_dates_as_numbers_are_refused_with_the_conversion():
    orders = pd.DataFrame({"customer_id": [1], "time": [19970101], "value": [1.0]})
    with pytest.raises(InputError, match=r"pandas\.to_datetime"):
        purchase_histories(orders)


def test_every_problem_of_the_rows_is_told_at_once():
    orders = pd.DataFrame(
        {"customer_id": [1, None, 2], "time": ["2024-01-01", "yesterday", "soon"], "value": ["1", "1", "inf"]}
    )
    with pytest.raises(InputError) as caught:
        purchase_histories(orders)
    assert len(caught.value.problems) == 3
    assert "orders.time: 2 rows have no date; write dates as year-month-day (first: row 2)." in caught.value.problems


def test_files_that_are_missing_or_empty_are_told(tmp_path):
    with pytest.raises(InputError, match="no file"):
        purchase_histories(tmp_path / "absent.csv")
    (tmp_path / "header.csv").write_text("customer_id,time,value\n")
    with pytest.raises(InputError, match="no order"):
        purchase_histories(tmp_path / "header.csv")


def test_cdnow_has_the_published_counts(cdnow_orders):
    # reference/clv.md: n = 2357, sum x = 2457, 946 repeat buyers, 1882 repeat purchases in the 39 weeks after.
    table = purchase_histories(cdnow_orders, until="1997-09-30")
    assert (len(table), table["frequency"].sum(), (table["frequency"] > 0).sum()) == (2357, 2457, 946)
    whole = purchase_histories(cdnow_orders, until="1998-06-30")
    assert whole["frequency"].sum() - table["frequency"].sum() == 1882
    first = table.iloc[0]
    assert (first["frequency"], first["recency"], first["T"]) == (2, 213 / 7, 272 / 7)
    assert first["monetary_value"] == pytest.approx(22.345, abs=1e-12)


def test_cdnow_on_the_engine_has_the_same_counts(connection, cdnow_engine):
    summary = build_histories(connection, until_day=day_number("1997-09-30"))
    assert (summary.customers, summary.repeat_purchases, summary.repeat_customers) == (2357, 2457, 946)


REFUNDED = pd.DataFrame(
    {
        "customer_id": ["A", "A", "B", "B", "B", "C", "C"],
        "time": ["2024-01-01", "2024-02-01", "2024-01-01", "2024-01-05", "2024-01-09", "2024-01-02", "2024-01-12"],
        "value": [100, -100, 50, 60, -80, 10, 15],
    }
)


def test_a_value_below_zero_is_a_refund_and_no_purchase():
    # A's only order and B's second are given back in full, B's first in part.
    found = purchase_histories(REFUNDED, unit="day")
    assert found.to_numpy().tolist() == [["B", 0, 0.0, 31.0, 0.0], ["C", 1, 10.0, 30.0, 15.0]]


def test_refunds_beyond_the_orders_are_told_of():
    beyond = pd.concat([REFUNDED, pd.DataFrame({"customer_id": ["C"], "time": ["2024-01-13"], "value": [-30.0]})])
    with pytest.warns(UserWarning, match=r"orders\.value: 1 values below zero .* by 5\.00 in all"):
        assert purchase_histories(beyond, unit="day")["customer_id"].tolist() == ["B"]


def test_refunds_alone_are_no_orders():
    only = REFUNDED[REFUNDED["value"] < 0]
    with pytest.warns(UserWarning, match="2 values below zero"), pytest.raises(InputError, match="leave no order"):
        purchase_histories(only)


def test_a_last_day_before_all_orders_is_an_error():
    with pytest.raises(InputError, match=r"first order is of 2024-01-01, after 2023-06-30"):
        purchase_histories(REFUNDED, until="2023-06-30")
