"""Integrals read off polynomials, against the same integrals taken customer by customer."""

import numpy as np
import pytest

from clv.distinct_rows import distinct
from clv.order_laws import BetaGeometricLaw
from clv.outcomes import expected_discounted_orders, order_moments, order_moments_by_period, panel_nodes
from clv.smooth_integrals import direct_sums, sums_along

DELTA = float(np.log(1.10) / 52)
LAWS = {
    "CDNOW": BetaGeometricLaw(0.2425945, 4.4136019, 0.7929199, 2.4258881),
    "a + b below 1": BetaGeometricLaw(0.11, 2.24, 0.31, 0.5),
    "a = 1": BetaGeometricLaw(0.11, 2.24, 1.0, 0.5),
    "nobody leaves": BetaGeometricLaw(0.5, 5.0, 1e-4, 1.0),
    "few leave, all with one chance": BetaGeometricLaw(0.5, 10.0, 0.5, 1000.0),
    "many leave, all with one chance": BetaGeometricLaw(1.0, 10.0, 300.0, 1000.0),
    "a short time scale": BetaGeometricLaw(0.5, 0.05, 0.8, 2.0),
    "MBG/NBD": BetaGeometricLaw(0.524844, 6.18309, 0.891388, 1.61405, chances_before_repeat=1),
}


@pytest.fixture(scope="module")
def pairs():
    """Pairs of x up to 10,000 and an age in days from 0 to twelve years."""
    rng = np.random.default_rng(5)
    x = np.concatenate([np.repeat([0.0, 1.0, 2.0], 150), rng.poisson(rng.gamma(0.5, 20, 300)), [300, 1_000, 10_000]])
    T = np.concatenate([[0.0, 0.0, 4_380.0], rng.integers(0, 4_381, len(x) - 3)]) / 7
    return distinct(x, T)[0]


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
@pytest.mark.parametrize("edges", [np.linspace(0, 52, 5), np.array([0.0, 520.0]), np.array([40.0, 44.0])], ids=str)
def test_interpolated_integrals_are_the_direct_ones(pairs, law, edges):
    x, T = pairs
    time, weight, period = panel_nodes(edges, law.alpha)
    weights = np.where(period == np.arange(len(edges) - 1)[:, None], weight, 0.0)
    found = sums_along(law.decline, x, law.alpha + T, time=time, weights=weights)
    expected = direct_sums(law.decline, x, law.alpha + T, time=time, weights=weights)
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_moments_are_those_of_each_customer_alone(pairs):
    x, T = pairs
    law, edges = LAWS["CDNOW"], np.array([0.0, 4.0, 52.0])
    together = order_moments(law, x, T, edges=edges, delta=DELTA)
    chosen = np.arange(0, len(x), 50)
    for j in chosen:
        alone = order_moments(law, x[[j]], T[[j]], edges=edges, delta=DELTA)
        np.testing.assert_allclose(together.orders[:, j], alone.orders[:, 0], rtol=1e-10)
        np.testing.assert_allclose(together.discounted[:, j], alone.discounted[:, 0], rtol=1e-10)
        np.testing.assert_allclose(together.squares[j], alone.squares[0], rtol=1e-10)
        np.testing.assert_allclose(together.products[j], alone.products[0], rtol=1e-10)
    counted = order_moments(law, x, T, edges=edges, delta=0.0)
    np.testing.assert_allclose(
        expected_discounted_orders(law, x, T, edges=edges, delta=0.0), counted.orders, rtol=1e-10
    )
    np.testing.assert_array_equal(counted.discounted, counted.orders)
    np.testing.assert_allclose(counted.squares, counted.orders.sum(axis=0), rtol=1e-15)


def test_periods_in_one_pass_are_the_periods_alone(pairs):
    x, T = pairs
    law, edges = LAWS["CDNOW"], np.array([0.0, 4.0, 20.0, 52.0])
    for delta in (0.0, DELTA):
        together = order_moments_by_period(law, x, T, edges=edges, delta=delta)
        for k in range(3):
            alone = order_moments(law, x, T, edges=edges[k : k + 2], delta=delta)
            for name in ("orders", "discounted"):
                np.testing.assert_allclose(getattr(together, name)[k], getattr(alone, name)[0], rtol=1e-11)
            for name in ("squares", "products"):
                np.testing.assert_allclose(getattr(together, name)[k], getattr(alone, name), rtol=1e-11)


def test_a_curve_that_is_not_smooth_is_summed_directly():
    x, scale = np.zeros(2_000), np.linspace(1, 30, 2_000)
    time, weights = np.array([0.5, 1.0, 2.0]), np.ones((1, 3))

    def curve(z, x):
        return np.where(z < 0.7, 1.0, 0.5) + 0 * x

    found = sums_along(curve, x, scale, time=time, weights=weights)
    np.testing.assert_array_equal(found, direct_sums(curve, x, scale, time=time, weights=weights))
    nothing = sums_along(curve, x, scale, time=time, weights=np.zeros((1, 3)))
    np.testing.assert_array_equal(nothing, np.zeros((1, 2_000)))


def test_customers_of_one_age_are_read_off_too():
    law, x = LAWS["CDNOW"], np.arange(500.0)
    time, weight, _ = panel_nodes(np.array([0.0, 52.0]), law.alpha + 39.0)
    scale = np.full(500, law.alpha + 39.0)
    found = sums_along(law.decline, x, scale, time=time, weights=weight[None])
    expected = direct_sums(law.decline, x, scale, time=time, weights=weight[None])
    np.testing.assert_allclose(found, expected, rtol=1e-11)
