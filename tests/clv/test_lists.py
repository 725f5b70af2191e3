"""Lists to act on."""

import pandas as pd
import pytest

from clv.forecasting import forecast
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


def test_who_has_fallen_silent_since_the_last_run_is_at_risk(connection, made):
    law = made.models.models[0].orders
    table = action_list(connection, made, "at_risk", since_day=AS_OF - 30, line=0.5)
    assert len(table) > 0
    assert (table["p_alive"] < 0.5).all()
    assert (table["days_since_last"] >= 30).all()
    assert (table["days_since_last"] > table["usual_gap_days"]).all()
    already = (table["p_alive_before"] < 0.5) & (table["days_since_last"] - 30 > table["usual_gap_days"])
    assert not (already & (table["days_since_last"] >= 60)).any()
    assert table["clv"].is_monotonic_decreasing
    row = table.iloc[0]
    history = connection.execute(
        "SELECT frequency, recency_days / 7, age_days / 7 FROM histories WHERE customer_id = $id",
        {"id": int(row["customer_id"])},
    ).fetchnumpy()
    x, t_x, T = (column.astype(float) for column in history.values())
    assert row["p_alive_before"] == pytest.approx(law.p_alive(x, t_x, T - 30 / 7)[0])
    assert row["p_alive"] == pytest.approx(law.p_alive(x, t_x, T)[0])


def test_a_second_order_alone_puts_nobody_at_risk(connection, fill, shop):
    # Each of 2000 to 2019 has ordered a second time ten days ago, after a gap of 20 days. Under BG/NBD that alone takes
    # P(alive) from 1 to b / (a + b); such a silence is none.
    rows = shop(300, seed=9) + [(2_000 + one, day, 50_000) for one in range(20) for day in (AS_OF - 30, AS_OF - 10)]
    fill(connection, rows)
    made = forecast(connection, as_of_day=AS_OF, draws=100)
    (line,) = connection.execute("SELECT p_alive + 0.01 FROM customer_forecast WHERE customer_id = 2000").fetchone()
    for since in (1, 5, 28):
        table = action_list(connection, made, "at_risk", since_day=AS_OF - since, line=line)
        assert not (table["customer_id"] >= 2_000).any()


def test_runs_night_by_night_name_a_customer_once(connection, made):
    nights = []
    for as_of in range(AS_OF - 2, AS_OF + 1):
        of_night = forecast(connection, as_of_day=as_of, draws=100)
        nights.append(set(action_list(connection, of_night, "at_risk", since_day=as_of - 1, line=0.9)["customer_id"]))
    assert sum(map(len, nights)) == len(set().union(*nights)) > 0


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
    assert second["clv"].is_monotonic_decreasing
    worth = connection.execute("SELECT sum(clv) FROM customer_forecast WHERE frequency = 0").fetchone()[0]
    assert second["clv"].sum() == pytest.approx(worth)
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
    for name in ("clv", "expected_value", "monetary_value"):
        assert table[name].str.fullmatch(r"\d+\.\d{1,4}").all()


@pytest.mark.parametrize(
    ("name", "options"),
    [("best", {}), ("at_risk", {"line": 1.5}), ("at_risk", {"since_day": AS_OF}), ("top_value", {"limit": 0})],
)
def test_lists_that_make_no_sense_are_refused(connection, made, name, options):
    with pytest.raises(ConfigurationError, match=r"no list|must lie|the last run"):
        action_list(connection, made, name, **options)
