"""Which model of orders a forecast follows, and what hangs on it."""

import numpy as np
import pytest

from clv.finance import cash_flow
from clv.forecasting import forecast
from clv.holdout_check import holdout
from clv.order_choice import choose_order_model
from clv.scoring import load_models, save_models, score
from customer_data.errors import ConfigurationError

END = 400


@pytest.fixture
def once_only(connection, fill):
    """A shop in which seven of ten leave after their first order, and the others order for long."""
    rng = np.random.default_rng(11)
    rows = []
    for customer in range(1_500):
        day, rate = float(rng.integers(0, 200)), rng.gamma(2.0) / 60
        leaves = 0.7
        while day <= END:
            rows.append((customer, int(day), 10_000))
            if rng.random() < leaves:
                break
            day, leaves = day + 1 + rng.exponential(1 / rate), 0.02
    fill(connection, rows)
    return connection


def test_auto_takes_the_model_that_foretold_more_and_says_so(once_only):
    choice = choose_order_model(once_only, "auto", until_day=END)
    assert choice.name == "mbg_nbd"
    scores = choice.comparison.set_index("model")["holdout_log_likelihood"]
    assert scores["MBG/NBD"] > scores["BG/NBD"] + 10
    assert "MBG/NBD was chosen for its held-out log-likelihood" in choice.note
    assert choice.comparison["model"][choice.comparison["chosen"]].tolist() == ["MBG/NBD"]
    assert f"{choice.comparison['model'].iloc[1]} is behind by" in choice.note
    made = forecast(once_only, orders_model="auto", draws=100)
    assert made.model_comparison["model"].tolist()[0] == "MBG/NBD"
    assert made.model_comparison[["aic", "bic", "holdout_std_error"]].notna().all(axis=None)
    assert forecast(once_only, orders_model="mbg_nbd", draws=100).model_comparison is None
    assert made.notes[-1] == choose_order_model(once_only, "auto", until_day=made.histories.until_day).note
    assert set(made.parameters["model"]) >= {"MBG/NBD"}
    assert choose_order_model(once_only, "bg_nbd", until_day=END).note == ""


def test_models_are_compared_in_the_time_in_which_they_forecast(once_only):
    split = END - 19 * 7  # the last third of 401 days, in whole weeks
    choice = choose_order_model(once_only, "auto", until_day=END)
    rows = choice.comparison.set_index("model")
    assert dict(rows["order_time"]) == {"BG/NBD": "days", "MBG/NBD": "days", "Pareto/NBD": "continuous"}
    assert "MBG/NBD" in choice.note.split(" in days of purchase")[0]
    made = forecast(once_only, as_of_day=split, orders_model="mbg_nbd", draws=100)
    fitted = made.convergence.set_index("model").loc["MBG/NBD"]
    assert rows.loc["MBG/NBD", "log_likelihood"] == pytest.approx(fitted["log_likelihood"], rel=1e-12)
    held = holdout(once_only, until_day=split, end_day=END, orders_model="mbg_nbd", draws=100)
    assert rows.loc["MBG/NBD", "forecast_orders"] == pytest.approx(held.scores["total"].iloc[0], rel=1e-9)
    assert rows.loc["MBG/NBD", "mae"] == pytest.approx(held.scores["mae"].iloc[0], rel=1e-9)
    published = choose_order_model(once_only, "auto", until_day=END, order_time="continuous")
    assert set(published.comparison["order_time"]) == {"continuous"}
    with pytest.raises(ConfigurationError, match="order_time is 'weeks'"):
        choose_order_model(once_only, "auto", until_day=END, order_time="weeks")


def test_the_choice_looks_at_nothing_after_its_day(once_only):
    before = choose_order_model(once_only, "auto", until_day=300).note
    once_only.execute("INSERT INTO orders SELECT * REPLACE (day + 250 AS day) FROM orders WHERE day + 250 > 300")
    assert choose_order_model(once_only, "auto", until_day=300).note == before


def test_one_time_buyers_may_be_gone_under_mbg_nbd(once_only):
    errors = {}
    for name in ("bg_nbd", "mbg_nbd"):
        held = holdout(once_only, until_day=300, orders_model=name, draws=100)
        once = held.by_frequency.loc[0]
        errors[held.scores.loc[0, "method"]] = abs(once["forecast_mean"] - once["actual_mean"])
        forecast(once_only, orders_model=name, draws=100)
        alive = once_only.execute("SELECT max(p_alive) FROM customer_forecast WHERE frequency = 0").fetchone()[0]
        assert (alive == 1.0) == (name == "bg_nbd")
    assert errors["MBG/NBD"] < errors["BG/NBD"] / 2


def test_a_saved_forecast_keeps_its_model_and_newcomers_may_leave_at_once(once_only, tmp_path):
    made = forecast(once_only, orders_model="mbg_nbd", draws=200)
    save_models(made, tmp_path / "models.json")
    again = score(once_only, load_models(tmp_path / "models.json"), draws=200)
    assert again.segment_forecast.equals(made.segment_forecast)
    flows = cash_flow(once_only, made, draws=200).flows
    repeats = flows.loc[flows["source"] == "repeat orders of new customers", "expected_orders"]
    assert (repeats >= 0).all()


def test_a_past_without_a_repeat_order_compares_nothing(connection, fill):
    fill(connection, [(1, 0, 1), (2, 5, 1), (1, 90, 1)])
    assert "too short to compare" in choose_order_model(connection, "auto", until_day=80).note
    assert "too short to compare" in choose_order_model(connection, "auto", until_day=5).note
    with pytest.raises(ConfigurationError, match="orders_model is 'pareto'"):
        choose_order_model(connection, "pareto", until_day=80)
