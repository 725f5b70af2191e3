"""Moments and draws of the orders to come."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import betaln

from clv import modified_beta_geo
from clv.beta_geo import discounted_orders, expected_orders, purchase_rate
from clv.order_laws import BetaGeometricLaw
from clv.outcomes import DrawnParameters, expected_discounted_orders, order_moments, simulate_customers
from clv.spend_laws import SpendLaw

CDNOW = BetaGeometricLaw(r=0.2425945, alpha=4.4136019, a=0.7929199, b=2.4258881)
SPEND = SpendLaw(p=6.24935, q=3.74426, v=15.4443, largest_spread=1.0)
DRAWN = DrawnParameters.of_law(CDNOW, p=6.24935, q=3.74426, v=15.4443)
DELTA = float(np.log(1.15) / 52)
HISTORIES = np.array([[0, 0, 0], [0, 0, 39], [1, 20, 39], [2, 30.43, 38.86], [7, 35, 39], [300, 38, 39]]).T


def law_arguments(law):
    return {"r": law.r, "alpha": law.alpha, "a": law.a, "b": law.b}


@pytest.mark.parametrize(
    "law",
    [
        CDNOW,
        BetaGeometricLaw(0.11, 2.24, 0.31, 0.5),
        BetaGeometricLaw(0.11, 2.24, 1.0, 0.5),
        BetaGeometricLaw(2.0, 10.0, 5.0, 1.0),
        BetaGeometricLaw(0.005, 1.6, 3000.0, 250.0),  # nearly everybody leaves, all with one chance
    ],
)
@pytest.mark.parametrize("x", [0, 1, 20, 1_000, 10_000])
def test_the_order_density_is_the_purchase_rate_of_the_model(law, x):
    s = np.array([0.0, 0.5, 10.0, 300.0])
    expected = purchase_rate(s, x, 30.0, 39.0, **law_arguments(law))
    np.testing.assert_allclose(law.order_density(s, np.full(4, float(x)), np.full(4, 39.0)), expected, rtol=1e-9)


@pytest.mark.parametrize("x", [0.0, 3.0, 50.0])
def test_the_pair_density_is_its_integral_over_the_chance_to_leave(x):
    # E[lambda^2 (1 - p) exp(-lambda p u)], the gamma part done by hand: R (R + 1) L^R / (L + p u)^(R + 2).
    law, T, u = CDNOW, 39.0, 17.0
    L, R = law.alpha + T, law.r + x

    def integrand(p):
        weight = (law.a - 1) * np.log(p) + (law.b + x - 1) * np.log1p(-p) - betaln(law.a, law.b + x)
        return np.exp(weight) * R * (R + 1) / L**2 * (1 + p * u / L) ** -(R + 2) * (1 - p)

    expected = quad(integrand, 0, 1e-3, epsrel=1e-10)[0] + quad(integrand, 1e-3, 1, epsrel=1e-10)[0]
    found = law.pair_density(np.float64(u), np.array([x]), np.array([T]))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_discounted_orders_of_the_periods_add_up_to_the_model_s_own():
    x, t_x, T = HISTORIES
    moments = order_moments(CDNOW, x, T, edges=np.linspace(0, 52, 13), delta=DELTA)
    alive = CDNOW.p_alive(x, t_x, T)
    arguments = law_arguments(CDNOW)
    expected = discounted_orders(DELTA, x, t_x, T, horizon=52, **arguments)
    np.testing.assert_allclose(alive * moments.discounted.sum(axis=0), expected, rtol=1e-10)
    np.testing.assert_allclose(
        alive * moments.orders.sum(axis=0), expected_orders(52, x, t_x, T, **arguments), rtol=1e-10
    )
    assert expected[1] == pytest.approx(0.234951, abs=5e-7)  # reference/clv.md, row 21
    assert expected[4] == pytest.approx(5.151808, abs=5e-7)


@pytest.mark.parametrize("x", [0.0, 3.0, 1_000.0])
def test_under_mbg_nbd_the_moments_are_those_of_its_own_formulas(x):
    parameters = {"r": 0.524844, "alpha": 6.18309, "a": 0.891388, "b": 1.61405}
    law, t_x, T = BetaGeometricLaw(**parameters, chances_before_repeat=1), 30.0 * (x > 0), 39.0
    pair = np.array([x]), np.array([T])
    alive = law.p_alive(pair[0], np.array([t_x]), pair[1])
    moments = order_moments(law, *pair, edges=np.array([0.0, 52.0]), delta=DELTA)
    expected = modified_beta_geo.discounted_orders(DELTA, x, t_x, T, horizon=52, **parameters)
    np.testing.assert_allclose(alive * moments.discounted[0], expected, rtol=1e-9)
    np.testing.assert_allclose(alive, modified_beta_geo.p_alive(x, t_x, T, **parameters), rtol=1e-15)
    # E[X] + E[X (X - 1)] against P(X = n) of a newcomer.
    n = np.arange(2_000)
    chance = modified_beta_geo.probability_of_orders(n, 52.0, **parameters)
    new = order_moments(law, np.zeros(1), np.zeros(1), edges=np.array([0.0, 52.0]), delta=0.0)
    stays = parameters["b"] / (parameters["a"] + parameters["b"])
    assert stays * (new.squares[0] + new.products[0]) == pytest.approx(float(chance @ n**2), rel=1e-8)
    assert float(law.expected_orders_new(52.0)) == pytest.approx(float(chance @ n), rel=1e-8)


def test_a_newcomer_with_a_short_time_scale_is_integrated_as_well():
    law = BetaGeometricLaw(0.5, 0.05, 0.8, 2.0)
    x, T = np.zeros(1), np.zeros(1)
    expected = expected_orders(520, 0, 0, 0, **law_arguments(law))
    found = expected_discounted_orders(law, x, T, edges=np.array([0.0, 520.0]), delta=0.0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-9)


@pytest.mark.parametrize("start", [0.0, 26.0])
def test_draws_have_the_exact_mean_and_variance(start):
    count, horizon = 60_000, 52.0
    rng = np.random.default_rng(7)
    for x, t_x, T in ((0.0, 0.0, 39.0), (2.0, 30.43, 38.86), (7.0, 35.0, 39.0)):
        S = 30.0 * x
        alone = np.array([x]), np.array([T])
        alive = CDNOW.p_alive(alone[0], np.array([t_x]), alone[1])[0]
        shape = np.ones(count)
        orders, value = simulate_customers(
            DRAWN, alive * shape, x * shape, T * shape, S * shape, span=(start, horizon), delta=DELTA, rng=rng
        )
        moments = order_moments(CDNOW, *alone, edges=np.array([start, horizon]), delta=DELTA)
        mean_orders = alive * moments.orders.sum()
        assert orders.mean() == pytest.approx(mean_orders, abs=4 * orders.std() / count**0.5)
        per_order = SPEND.expected(np.array([x]), np.array([S]), np.ones(1))[0]
        squared = per_order**2 * (1 + SPEND.spread(np.array([x]))[0])
        mean = alive * moments.discounted.sum() * per_order
        variance = alive * squared * ((1 + 1 / SPEND.p) * moments.squares[0] + moments.products[0]) - mean**2
        assert value.mean() == pytest.approx(mean, abs=4 * value.std() / count**0.5)
        of_variance = ((value - value.mean()) ** 2).std() / count**0.5
        assert value.var() == pytest.approx(variance, abs=4 * of_variance)


def test_the_dead_order_nothing_and_a_rich_past_draws_rich_orders():
    rng = np.random.default_rng(1)
    shape = np.ones(2_000)
    past = 25 * shape, 200 * shape
    orders, value = simulate_customers(DRAWN, 0 * shape, *past, 100 * shape, span=(0, 52), delta=0.0, rng=rng)
    assert orders.sum() == 0
    assert value.sum() == 0
    _, poor = simulate_customers(DRAWN, shape, *past, 25 * shape, span=(0, 52), delta=0.0, rng=rng)
    _, rich = simulate_customers(DRAWN, shape, *past, 25_000 * shape, span=(0, 52), delta=0.0, rng=rng)
    assert rich.mean() > 100 * poor.mean() > 0
