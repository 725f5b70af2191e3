"""Lists to act on."""

import pandas as pd
import pytest

from clv.forecasting import forecast
from clv.histories import build_histories
from clv.lists import LISTS, action_list, write_action_lists
from customer_data.errors import ConfigurationError

AS_OF = 400


@pytest.fixture
def made(connection, fill, shop):
    """A forecast of a shop and five customers whose lists are known."""
    rows = shop(300, seed=9)
    # 1000 bought every 10 days until day 200 and stopped; 1001 every 20 days until day 340, three rhythms ago; 1002
    # every 40 days until day 380; 1003 once on day 390, dearly; 1004 once on day 10.
    rows += [(1000, day, 50_000) for day in range(0, 201, 10)]
    rows += [(1001, day, 50_000) for day in range(0, 341, 20)]
    rows += [(1002, day, 50_000) for day in range(20, 381, 40)]
    rows += [(1003, 390, 9_000_000), (1004, 10, 10_000)]
    fill(connection, rows)
    return forecast(connection, as_of_day=AS_OF, draws=100)


def test_who_fell_below_the_line_since_the_last_run(connection, made):
    law = made.models.models[0].orders
    table = action_list(connection, made, "at_risk", since_day=AS_OF - 60, line=0.5)
    assert len(table) > 0
    assert (table["p_alive"] < 0.5).all()
    assert (table["p_alive_before"] >= 0.5).all()
    assert table["clv"].is_monotonic_decreasing
    row = table[table["days_since_last"] >= 60].iloc[0]
    history = connection.execute(
        "SELECT frequency, recency_days / 7, age_days / 7 FROM histories WHERE customer_id = $id",
        {"id": int(row["customer_id"])},
    ).fetchnumpy()
    x, t_x, T = (column.astype(float) for column in history.values())
    assert row["p_alive_before"] == pytest.approx(law.p_alive(x, t_x, T - 60 / 7)[0])
    assert row["p_alive"] == pytest.approx(law.p_alive(x, t_x, T)[0])


def test_who_ordered_after_the_last_run_and_then_fell_below_the_line_is_at_risk(connection, made):
    since = AS_OF - 250
    table = action_list(connection, made, "at_risk", since_day=since, line=0.5)
    law = made.models.models[0].orders
    build_histories(connection, until_day=since, table="known_then")
    histories = connection.execute(
        """SELECT customer_id, known_then.frequency AS x, known_then.recency_days / 7 AS t_x,
                  known_then.age_days / 7 AS T, p_alive
           FROM known_then JOIN customer_forecast USING (customer_id)"""
    ).df()
    before = law.p_alive(histories["x"], histories["t_x"], histories["T"])
    fell = histories["customer_id"][(before >= 0.5) & (histories["p_alive"] < 0.5)]
    assert set(table["customer_id"]) == set(fell)
    assert (table["days_since_last"] < 250).any()


def test_who_is_silent_for_longer_than_the_own_rhythm_allows(connection, made):
    table = action_list(connection, made, "overdue", line=0.01, chance=0.1).set_index("customer_id")
    assert 1001 in table.index
    assert 1002 not in table.index
    row = table.loc[1001]
    assert (row["days_since_last"], row["usual_gap_days"], row["frequency"]) == (60, 20.0, 17)
    assert row["chance_of_such_a_gap"] == pytest.approx((340 / 400) ** 17)
    assert (table["frequency"] >= 3).all()


def test_who_is_worth_most_and_who_should_come_a_second_time(connection, made):
    top = action_list(connection, made, "top_value", limit=5)
    best = connection.execute("SELECT max(clv) FROM customer_forecast").fetchone()[0]
    assert len(top) == 5
    assert top.loc[0, "clv"] == best
    second = action_list(connection, made, "second_order")
    assert second.loc[0, "customer_id"] == 1003
    assert second.loc[0, "first_value"] == 900.0
    assert second.loc[0, "potential"] == pytest.approx(900 * second.loc[0, "expected_orders"])
    repeaters = connection.execute("SELECT customer_id FROM histories WHERE frequency > 0").df()["customer_id"]
    assert not second["customer_id"].isin(repeaters).any()


def test_lists_are_written_without_live_formulas(connection, fill, shop, tmp_path):
    fill(connection, shop(300, seed=9))
    connection.execute("ALTER TABLE orders ALTER customer_id TYPE VARCHAR")
    connection.execute("UPDATE orders SET customer_id = '=1+' || customer_id WHERE customer_id < '2'")
    connection.execute("UPDATE orders SET customer_id = '-7' WHERE customer_id = '200'")
    made = forecast(connection, as_of_day=AS_OF, draws=100)
    files = write_action_lists(connection, made, tmp_path)
    assert [path.stem for path in files] == list(LISTS)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.csv" for name in LISTS)
    table = pd.read_csv(tmp_path / "top_value.csv", dtype=str)
    assert table["customer_id"].str.startswith("'=1+").any()
    assert not table["customer_id"].str.startswith("=").any()
    assert (table["customer_id"] == "-7").any()


@pytest.mark.parametrize(
    ("name", "options"),
    [("best", {}), ("at_risk", {"line": 1.5}), ("at_risk", {"since_day": AS_OF}), ("top_value", {"limit": 0})],
)
def test_lists_that_make_no_sense_are_refused(connection, made, name, options):
    with pytest.raises(ConfigurationError, match=r"no list|must lie|the last run"):
        action_list(connection, made, name, **options)
