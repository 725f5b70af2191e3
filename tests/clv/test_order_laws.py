"""Laws of orders: what a forecast asks of them, held against the models' own formulas and against simulation."""

import numpy as np
import pytest

from clv import pareto_nbd
from clv.customer_sources import KNOWN
from clv.drift import drift
from clv.finance import cash_flow
from clv.forecasting import forecast
from clv.holdout_check import holdout
from clv.holdout_scores import order_probability
from clv.order_choice import choose_order_model, law_of
from clv.order_laws import BetaGeometricLaw, ParetoLaw
from clv.outcomes import DrawnParameters, order_moments, simulate_customers
from clv.rolling_origins import rolling_origins
from clv.scoring import load_models, save_models, score

CDNOW = {"r": 0.5534, "alpha": 10.580, "s": 0.6061, "beta": 11.656}
LAW = ParetoLaw(**CDNOW)
HISTORIES = np.array([[0, 0, 0], [0, 0, 39], [1, 20, 39], [2, 30.43, 38.86], [7, 35, 39], [300, 38, 39]]).T
DELTA = float(np.log(1.15) / 52)


@pytest.mark.parametrize("parameters", [CDNOW, CDNOW | {"s": 1.0}, CDNOW | {"s": 4.0, "beta": 0.3}])
def test_moments_are_those_of_pareto_nbd_s_own_formulas(parameters):
    x, t_x, T = HISTORIES
    law, edges = ParetoLaw(**parameters), np.array([0.0, 4.0, 20.0, 52.0])
    for delta in (0.0, DELTA):
        moments = order_moments(law, x, T, edges=edges, delta=delta)
        alive = law.p_alive(x, t_x, T)
        until = [pareto_nbd.expected_orders(edge, x, t_x, T, **parameters) for edge in edges]
        np.testing.assert_allclose(alive * moments.orders, np.diff(until, axis=0), rtol=1e-9, atol=1e-300)
        if delta:
            discounted = pareto_nbd.discounted_orders(delta, x, t_x, T, horizon=52.0, **parameters)
            np.testing.assert_allclose(alive * moments.discounted.sum(axis=0), discounted, rtol=1e-9)


@pytest.mark.parametrize(
    "law", [LAW, BetaGeometricLaw(0.24, 4.4, 0.79, 2.4, 0, 1 / 7), BetaGeometricLaw(0.24, 4.4, 0.79, 2.4, 1)], ids=str
)
def test_columns_of_parameters_are_laws_of_their_own(law):
    x, t_x, T = HISTORIES
    rows = np.array(list(law.parameters.values())) * np.array([[1.0], [0.5], [3.0]])
    together = law.p_alive_under([column[:, None] for column in rows.T], x, t_x, T)
    alone = [law.with_parameters(row.tolist()).p_alive(x, t_x, T) for row in rows]
    np.testing.assert_array_equal(together, alone)


def test_the_second_moment_of_orders_by_hand():
    # E[X (X - 1) | alive] = 2 E[lambda^2] * integral of u ((beta + T) / (beta + T + u))^s over u up to t, at s = 1:
    # integral of u B / (B + u) = B (t - B ln((B + t) / B)).
    law, x, T, t = ParetoLaw(2.0, 5.0, 1.0, 3.0), np.array([1.0]), np.array([7.0]), 10.0
    B, rate = 10.0, 3 * 4 / 12.0**2
    expected = 2 * rate * B * (t - B * np.log((B + t) / B))
    found = order_moments(law, x, T, edges=np.array([0.0, t]), delta=0.0).products
    np.testing.assert_allclose(found, [expected], rtol=1e-10)


def test_drawn_customers_have_the_moments_and_the_probabilities_of_the_law():
    count, span = 60_000, 26.0
    ones = np.ones(count)
    x, t_x, T = 3.0 * ones, 15.0 * ones, 20.0 * ones
    drawn = DrawnParameters.of_law(LAW, p=4.0, q=5.0, v=20.0)
    rng = np.random.default_rng(3)
    alive = LAW.p_alive(x, t_x, T)
    orders, value = simulate_customers(drawn, alive, x, T, 0 * ones, span=(0.0, span), delta=0.0, rng=rng)
    moments = order_moments(LAW, x[:1], T[:1], edges=np.array([0.0, span]), delta=0.0)
    mean = alive[0] * moments.orders[0, 0]
    square = alive[0] * (moments.squares[0] + moments.products[0])
    assert orders.mean() == pytest.approx(mean, abs=4 * np.sqrt((square - mean**2) / count))
    assert (orders**2).mean() == pytest.approx(square, abs=4 * (orders**2).std() / np.sqrt(count))
    each = 4.0 * 20.0 / (4.0 * 3 + 4.0)  # p (v + S) / (p x + q - 1)
    assert value.mean() == pytest.approx(mean * each, abs=4 * value.std() / np.sqrt(count))
    for n in range(4):
        chance = float(order_probability(np.array(float(n)), span, LAW, *(np.array(h[0]) for h in (x, t_x, T))))
        assert (orders == n).mean() == pytest.approx(chance, abs=4 * np.sqrt(chance / count))


def test_probabilities_among_the_living_add_up_to_one_and_to_the_expectation():
    x, T = np.array([0.0, 2.0, 40.0]), np.array([5.0, 20.0, 30.0])
    n = np.arange(400.0)[:, None]
    found = LAW.probability_among_living(n, 13.0, x, T)
    np.testing.assert_allclose(found.sum(axis=0), 1.0, rtol=1e-8)
    expected = order_moments(LAW, x, T, edges=np.array([0.0, 13.0]), delta=0.0).orders[0]
    np.testing.assert_allclose((n * found).sum(axis=0), expected, rtol=1e-7)


def test_newcomers_are_alive_and_laws_keep_their_kind():
    zero = np.zeros(1)
    assert LAW.p_alive(zero, zero, zero).tolist() == [1.0]
    assert law_of("pareto_nbd", CDNOW) == LAW == LAW.with_parameters(list(CDNOW.values()))
    bg = BetaGeometricLaw(0.5, 8.0, 0.8, 2.5, chances_before_repeat=1)
    assert law_of("mbg_nbd", bg.parameters) == bg == bg.with_parameters([0.5, 8.0, 0.8, 2.5])
    assert [law.model for law in (LAW, bg)] == ["pareto_nbd", "mbg_nbd"]


def test_customers_who_hardly_ever_leave_live_for_ever():
    zero = np.zeros(5_000)
    living = LAW.draw_living((0.5, 10.0, 1e-3, 5.0), zero, zero, np.random.default_rng(1))
    assert np.isinf(living.lifetime).any()
    assert (living.leaving == 0).all()


def test_cdnow_s_holdout_is_the_published_one(cdnow_engine):
    until = int(cdnow_engine.execute("SELECT (DATE '1997-09-30' - DATE '1970-01-01')").fetchone()[0])
    held = holdout(cdnow_engine, until_day=until, end_day=until + 273, orders_model="pareto_nbd", draws=200)
    own = held.scores.iloc[0]
    assert own["method"] == "Pareto/NBD"
    assert held.totals["actual_orders"].tolist() == [1882]
    assert own["total"] == pytest.approx(1665.4, rel=1e-4)  # as of the fit in test_published_numbers
    assert (own["mae"], own["rmse"]) == (pytest.approx(0.7545, abs=5e-5), pytest.approx(1.6028, abs=5e-5))
    assert own["correlation"] == pytest.approx(0.6302, abs=5e-5)


@pytest.fixture
def leavers(connection, fill):
    """A shop whose customers leave at a rate of their own, whether they order or not."""
    rng = np.random.default_rng(12)
    rows = []
    for customer in range(1_200):
        day, rate = float(rng.integers(0, 250)), rng.gamma(0.6) / 12
        gone, mean = day + rng.exponential() * 90 / rng.gamma(1.5), 8 / rng.gamma(4.0)
        while day <= min(gone, 400):
            rows.append((customer, int(day), int(mean * rng.gamma(4.0) * 10_000) + 1))
            day += 1 + rng.exponential(1 / rate)
    fill(connection, rows)
    return connection


def test_everything_behind_a_forecast_works_under_pareto_nbd(leavers, tmp_path):
    choice = choose_order_model(leavers, "auto", until_day=400, order_time="continuous")
    assert choice.name == "pareto_nbd"
    made = forecast(
        leavers, as_of_day=330, orders_model="auto", order_time="continuous", draws=200, segment_parameters="partial"
    )
    assert set(made.parameters["parameter"]) == {"r", "alpha", "s", "beta", "p", "q", "v"}
    save_models(made, tmp_path / "models.json")
    saved = load_models(tmp_path / "models.json")
    assert saved.models[0].orders == made.models.models[0].orders
    again = score(leavers, saved, as_of_day=330, draws=200)
    assert again.segment_forecast.equals(made.segment_forecast)
    flows = cash_flow(leavers, again, draws=200).flows
    known = flows[(flows["source"] == KNOWN) & (flows["segment"] == "all")]
    assert known["discounted"].sum() == pytest.approx(made.segment_forecast["clv"].iloc[-1], rel=1e-6)
    assert not drift(leavers, saved, as_of_day=400).alarm
    tried = rolling_origins(leavers, horizon_months=2, count=3, orders_model="pareto_nbd", draws=200)
    assert tried.origins["inside"].any()
