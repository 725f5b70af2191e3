"""Forecasts of past data, compared with what came."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from clv.calendar import day_date, day_number
from clv.holdout_check import holdout, holdout_days
from customer_data.errors import ConfigurationError, InputError, ModelError

UNTIL = day_number("1997-09-30")


@pytest.fixture
def on_cdnow(cdnow_engine):
    """The holdout of the published figures: 39 weeks to fit, 39 to forecast."""
    return holdout(cdnow_engine, until_day=UNTIL, order_time="continuous", confidence=0.95, draws=20_000, seed=2)


def test_cdnow_has_the_published_errors(on_cdnow):
    # reference/clv.md: actual 1882; BG 1653.4, .7855, 1.6080, .6256; repeat the past 2457, .8973, 1.9710, .5772.
    scores = on_cdnow.scores.set_index("method")
    model, naive = scores.loc["BG/NBD"], scores.loc["repeat the past"]
    assert on_cdnow.totals.loc[0, "actual_orders"] == 1882
    assert model["total"] == pytest.approx(1653.4, abs=0.05)
    assert [model["mae"], model["rmse"], model["correlation"]] == pytest.approx([0.7855, 1.6080, 0.6256], abs=5e-5)
    assert naive["total"] == pytest.approx(2457, abs=1e-6)
    assert [naive["mae"], naive["rmse"], naive["correlation"]] == pytest.approx([0.8973, 1.9710, 0.5772], abs=5e-5)


def test_cdnow_has_the_published_means_by_frequency(on_cdnow):
    # reference/clv.md, row 31.
    table = on_cdnow.by_frequency
    assert table["frequency"].tolist() == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    assert table["customers"].sum() == 2357
    actual, forecast = table["actual_mean"].tolist(), table["forecast_mean"].tolist()
    assert actual == pytest.approx([0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359], abs=5.01e-4)
    assert forecast == pytest.approx([0.225, 0.523, 1.044, 1.520, 2.164, 2.654, 3.504, 6.157], abs=5.01e-4)


def test_cdnow_s_interval_misses_as_published_and_is_not_called_calibrated(on_cdnow):
    total = on_cdnow.totals.iloc[-1]
    assert total["low"] == pytest.approx(1460, abs=15)
    assert total["high"] == pytest.approx(1856, abs=15)
    assert total["error"] == pytest.approx(1653.4 / 1882 - 1, abs=5e-5)
    assert "calibrated" not in on_cdnow.totals
    value = on_cdnow.value_totals.iloc[-1]
    assert value["low"] < value["forecast_value"] < value["high"]


def test_the_weeks_meet_at_the_line_and_add_up(on_cdnow):
    weeks = on_cdnow.tracking
    assert len(weeks) == 78
    assert weeks["period"].iloc[0] == date(1997, 1, 1)
    assert weeks.loc[weeks["is_holdout"], "period"].iloc[0] == date(1997, 10, 1)
    before, after = weeks[~weeks["is_holdout"]], weeks[weeks["is_holdout"]]
    assert (before["actual"].sum(), after["actual"].sum()) == (2457, 1882)
    assert after["forecast"].sum() == pytest.approx(1653.4, abs=0.05)
    assert before["forecast"].sum() == pytest.approx(2457, rel=0.05)
    assert weeks["cumulative_actual"].iloc[-1] == 2457 + 1882
    assert weeks["cumulative_forecast"].iloc[-1] == pytest.approx(2457 + 1653.4, abs=0.05)
    assert before["cumulative_forecast"].iloc[-1] == pytest.approx(before["forecast"].sum())


def test_segments_of_a_holdout_add_up_to_its_total(cdnow_engine):
    cdnow_engine.execute(
        "CREATE TABLE customers AS SELECT customer_id, 'g' || hash(customer_id) % 3 AS grp FROM orders GROUP BY ALL"
    )
    made = holdout(cdnow_engine, until_day=UNTIL, segment_by=["grp"], draws=300)
    assert made.totals["segment"].tolist() == ["g0", "g1", "g2", "all"]
    parts, total = made.totals.iloc[:-1], made.totals.iloc[-1]
    assert parts["actual_orders"].sum() == total["actual_orders"] == 1882
    assert parts["forecast_orders"].sum() == pytest.approx(total["forecast_orders"])
    assert parts["customers"].sum() == 2357
    value = made.value_totals
    spent = cdnow_engine.execute(f"SELECT sum(value) / 10000 FROM orders WHERE day > {UNTIL}").fetchone()[0]
    assert value["actual_value"].iloc[-1] == pytest.approx(spent)
    assert value["actual_value"].iloc[:-1].sum() == pytest.approx(spent)
    names = ["g0", "g1", "g2", "all"]
    weeks, groups = made.tracking, made.by_frequency
    assert list(weeks["segment"].unique()) == list(groups["segment"].unique()) == names
    held = weeks[weeks["is_holdout"]].groupby("segment", sort=False)[["actual", "forecast"]].sum()
    assert held["actual"].tolist() == made.totals["actual_orders"].tolist()
    assert held["forecast"].tolist() == pytest.approx(made.totals["forecast_orders"].tolist())
    for column in ("actual", "forecast", "cumulative_actual", "cumulative_forecast"):
        wide = weeks.pivot_table(index="period", columns="segment", values=column)
        assert wide[names[:3]].sum(axis=1).tolist() == pytest.approx(wide["all"].tolist())
    for mean, total in (("actual_mean", "actual_orders"), ("forecast_mean", "forecast_orders")):
        orders = (groups["customers"] * groups[mean]).groupby(groups["segment"], sort=False).sum()
        assert orders.tolist() == pytest.approx(made.totals[total].tolist())
    # All customers of the sample were won in its first twelve weeks: nobody is new in the holdout.
    sources = made.orders_by_source.set_index(["segment", "source"])
    assert sources.loc[("all", "total"), "orders"] == 1882
    assert sources.loc[("all", "first orders of new customers")].tolist() == [0, 0, 0.0]


def test_who_is_new_in_the_holdout_is_counted_apart(connection, fill, shop):
    # Beside the shop: customer 900 buys on days 300 and 401, twice that day, and on 404; 901 comes first on day 402.
    rows = shop(300, seed=5)
    rows += [(900, 300, 10_000), (900, 401, 20_000), (900, 401, 30_000), (900, 404, 0), (901, 402, 70_000)]
    customers = pd.DataFrame({"customer_id": [900, 901], "kind": ["ours", "late"]})
    fill(connection, rows, customers)
    made = holdout(connection, until_day=400, end_day=410, segment_by=["kind"], draws=200)
    assert made.new_customers == 1
    assert (made.start_day, made.end_day) == (401, 410)
    assert made.totals["segment"].tolist() == ["(unknown)", "ours", "all"]
    assert made.totals["actual_orders"].tolist() == [0, 2, 2]
    assert made.value_totals["actual_value"].tolist() == [0.0, 5.0, 5.0]
    once = made.by_frequency[made.by_frequency["segment"] == "all"].iloc[0]
    assert once["actual_mean"] * once["customers"] == pytest.approx(2)
    weeks = made.tracking[made.tracking["is_holdout"] & (made.tracking["segment"] == "all")]
    assert weeks["period"].tolist() == [day_date(401), day_date(408)]
    assert weeks["actual"].tolist() == [2, 0]
    sources = made.orders_by_source.set_index(["segment", "source"])
    assert sources.loc["ours"].values.tolist() == [[1, 2, 5.0], [0, 0, 0.0], [0, 0, 0.0], [1, 2, 5.0]]
    assert sources.loc["late"].values.tolist() == [[0, 0, 0.0], [1, 1, 7.0], [0, 0, 0.0], [1, 1, 7.0]]
    assert sources.loc["all"].values.tolist() == [[1, 2, 5.0], [1, 1, 7.0], [0, 0, 0.0], [2, 3, 12.0]]
    assert made.tracking["period"].iloc[0] == day_date(min(day for _, day, _ in rows))


def test_new_customers_who_come_back_are_told_apart_from_their_first_orders(connection, fill, shop):
    # Customer 901 is new and buys on three days: a first order of 3 and repeats of 1 and 2; 902 buys once, for 4.
    rows = shop(300, seed=5)
    late = [(901, 402, 30_000), (901, 405, 10_000), (901, 409, 20_000), (902, 403, 40_000)]
    fill(connection, [*rows, *late, (903, 411, 50_000)])
    made = holdout(connection, until_day=400, end_day=410, draws=200)
    assert made.orders_by_source["source"].tolist() == [
        "known customers", "first orders of new customers", "repeat orders of new customers", "total",
    ]  # fmt: skip
    amounts = made.orders_by_source[["customers", "orders", "value"]].values.tolist()
    assert amounts == [[0, 0, 0.0], [2, 2, 7.0], [1, 2, 3.0], [2, 4, 10.0]]
    assert made.new_customers == 2


def test_a_holdout_in_which_nobody_bought_has_no_relative_error(connection, fill, shop):
    fill(connection, shop(300, seed=5))
    made = holdout(connection, until_day=400, end_day=420, draws=200)
    assert made.totals.loc[0, "actual_orders"] == 0
    assert np.isnan(made.totals.loc[0, "error"])
    assert np.isnan(made.scores["correlation"]).all()
    assert np.isfinite(made.scores[["total", "mae", "rmse"]].to_numpy()).all()


def test_the_holdout_is_a_third_of_the_data_in_whole_weeks_and_a_year_at_most(connection, fill):
    fill(connection, [(1, 0, 1), (1, 99, 1)])
    assert holdout_days(connection, None, None) == (99 - 28, 99)  # 100 days: 33 are 4 weeks
    connection.execute("INSERT INTO orders VALUES (1, 5000, 1)")
    assert holdout_days(connection, None, None) == (5000 - 364, 5000)
    assert holdout_days(connection, 50, 60) == (50, 60)


def test_data_too_short_or_a_holdout_without_days_are_refused(connection, fill):
    fill(connection, [(1, 0, 1), (1, 12, 1)])
    with pytest.raises(InputError, match="needs 21 days at least"):
        holdout(connection)
    with pytest.raises(ConfigurationError, match="the holdout is empty"):
        holdout(connection, until_day=12)
    with pytest.raises(ModelError, match="needs 10 at least"):
        holdout(connection, until_day=5)
    connection.execute("DELETE FROM orders")
    with pytest.raises(InputError, match="no order"):
        holdout(connection)
