"""Scores of holdouts beside naive rivals, the spread of orders and that of spend."""

import numpy as np
import pandas as pd
import pytest

from clv.beta_geo import expected_orders, probability_of_no_order
from clv.calendar import day_number
from clv.holdout_check import holdout
from clv.holdout_scores import order_probability, pit_table, score_table, spend_density
from clv.order_laws import BetaGeometricLaw
from clv.outcomes import DrawnParameters, simulate_customers
from clv.spend_laws import SpendLaw

LAW = {"r": 0.8, "alpha": 6.0, "a": 0.9, "b": 2.4}


def test_scores_by_hand():
    # Segment a: forecasts 1, 3 of 0, 2 for 3 and 1 customers: total 6 against 2, errors +1 for all four.
    # Segment b: forecast 2 of 4 for one customer: error -2.
    table = score_table(
        {"m": np.array([1.0, 3.0, 2.0])},
        np.array([0.0, 2.0, 4.0]),
        np.array([3.0, 1.0, 1.0]),
        np.array([0, 0, 2]),
        ("a", "empty", "b"),
    ).set_index("segment")
    assert table.loc["a", ["customers", "total", "error", "bias", "mae", "rmse"]].tolist() == [4, 6, 2, 1, 1, 1]
    assert table.loc["a", "correlation"] == pytest.approx(1.0)
    assert table.loc["b", ["total", "error", "bias", "mae", "rmse"]].tolist() == [2, -0.5, -2, 2, 2]
    assert np.isnan(table.loc["b", "correlation"])
    assert "empty" not in table.index


def test_cdnow_has_the_published_total_of_nbd_and_scores_per_segment(cdnow_engine):
    cdnow_engine.execute(
        "CREATE TABLE customers AS SELECT customer_id, 'g' || hash(customer_id) % 3 AS grp FROM orders GROUP BY ALL"
    )
    made = holdout(cdnow_engine, until_day=day_number("1997-09-30"), segment_by=["grp"], draws=100)
    assert made.scores["method"].tolist() == ["BG/NBD", "repeat the past", "NBD"]
    assert made.scores.loc[2, "total"] == pytest.approx(2929.8, abs=0.05)  # reference/clv.md
    table = made.segment_scores
    assert table["segment"].tolist() == ["g0"] * 3 + ["g1"] * 3 + ["g2"] * 3 + ["all"] * 3
    for _, rows in table.groupby("method"):
        parts, total = rows.iloc[:-1], rows.iloc[-1]
        for score in ("bias", "mae"):
            weighted = (parts[score] * parts["customers"]).sum() / total["customers"]
            assert weighted == pytest.approx(total[score])
    assert list(made.pit["segment"].unique()) == ["g0", "g1", "g2", "all"]
    assert made.pit.groupby("segment")["share"].sum().tolist() == pytest.approx([1] * 4)
    customers = table[table["method"] == "NBD"].set_index("segment")["customers"]
    shares = made.pit.pivot_table(index="low", columns="segment", values="share")
    together = sum(shares[name] * customers[name] for name in ("g0", "g1", "g2")) / customers["all"]
    assert shares["all"].tolist() == pytest.approx(together.tolist())
    assert np.abs(shares["all"] - 0.1).max() < 0.03
    assert list(made.spend_density["segment"].unique()) == ["g0", "g1", "g2", "all"]
    density = made.spend_density[made.spend_density["segment"] == "all"]
    assert density["customers"].sum() == pytest.approx(0.99 * 946, abs=2)
    width = density["high"] - density["low"]
    assert (density["expected"] * width).sum() == pytest.approx(0.99, abs=0.03)


@pytest.mark.parametrize("chances_before_repeat", [0, 1])
@pytest.mark.parametrize("x", [0.0, 4.0])
def test_probabilities_of_a_customer_s_orders_add_up_to_one_and_to_the_expectation(x, chances_before_repeat):
    law, t_x, T, weeks = BetaGeometricLaw(**LAW, chances_before_repeat=chances_before_repeat), 8.0 * (x > 0), 20.0, 26.0
    n = np.arange(400.0)
    history = np.full(400, x), np.full(400, t_x), np.full(400, T)
    chance = order_probability(n, weeks, law, *history)
    assert chance.sum() == pytest.approx(1, abs=1e-10)
    alive = law.p_alive(np.array(x), np.array(t_x), np.array(T))
    living = {**LAW, "b": law.b_of_the_living}
    of_living = expected_orders(weeks, x, T, T, **living) / _alive_under_bg(x, T, living)
    assert chance @ n == pytest.approx(float(alive * of_living), rel=1e-9)
    if not chances_before_repeat:
        assert chance[0] == pytest.approx(float(probability_of_no_order(weeks, x, t_x, T, **LAW)), rel=1e-12)


def _alive_under_bg(x, T, parameters):
    return float(BetaGeometricLaw(**parameters).p_alive(np.array(x), np.array(T), np.array(T)))


def test_orders_drawn_from_the_law_have_a_flat_transform():
    law, count, weeks = BetaGeometricLaw(**LAW), 20_000, 26.0
    drawn = DrawnParameters.of_law(law, p=1.0, q=2.0, v=1.0)
    shape = np.ones(count)
    history = 3.0 * shape, 15.0 * shape, 20.0 * shape
    orders, _ = simulate_customers(
        drawn,
        law.p_alive(*history),
        history[0],
        history[2],
        shape,
        span=(0.0, weeks),
        delta=0.0,
        rng=np.random.default_rng(4),
    )
    n = np.arange(orders.max() + 1)
    one = np.ones(len(n))
    reached = np.cumsum(order_probability(n, weeks, law, 3.0 * one, 15.0 * one, 20.0 * one))
    came = orders.astype(int)
    table = pit_table(np.append(0.0, reached)[came], reached[came], shape)
    np.testing.assert_allclose(table["share"], 0.1, atol=4 * (0.09 / count) ** 0.5)


def test_the_transform_by_hand():
    # Three customers evenly over [0, .5], one over [.5, 1]: 3/4 over five tenths, 1/4 over the other five.
    table = pit_table(np.array([0.0, 0.5]), np.array([0.5, 1.0]), np.array([3.0, 1.0]))
    np.testing.assert_allclose(table["share"], [0.15] * 5 + [0.05] * 5, rtol=1e-12)


def test_spend_density_by_hand():
    # p = 1, q = 2, v = 1 and one order: P(spend <= m) = 1 - 1 / (1 + m)^2. The largest mean, 4, ends the table.
    spend = pd.DataFrame({"frequency": [1, 1], "monetary_value": [0.1, 4.0], "weight": [3, 1]})
    table = spend_density([(SpendLaw(1.0, 2.0, 1.0, 1.0), spend)])
    assert table["customers"].tolist() == [3] + [0] * 18 + [1]
    assert table["high"].iloc[-1] == pytest.approx(4)
    edges = np.linspace(0, 4, 21)
    np.testing.assert_allclose(table["expected"] * 0.2, -np.diff(1 / (1 + edges) ** 2), rtol=1e-6)
    assert table["observed"].iloc[0] * 0.2 == pytest.approx(0.75)
    assert len(spend_density([(SpendLaw(1.0, 2.0, 1.0, 1.0), spend[:0])])) == 0
