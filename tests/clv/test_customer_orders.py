"""How many orders a customer with a history makes, and arguments that no customer can have."""

import numpy as np
import pandas as pd
import pytest

import clv
from clv.order_models import OrdersFit
from customer_data.errors import ConfigurationError, InputError

X, T_X, AGE = np.array([0.0, 2.0, 7.0]), np.array([0.0, 30.0, 12.0]), np.array([39.0, 38.0, 39.0])


@pytest.fixture(scope="module", params=[clv.BetaGeo, clv.ModifiedBetaGeo, clv.ParetoNBD, clv.NBD])
def fit(request: pytest.FixtureRequest) -> OrdersFit:
    rng = np.random.default_rng(4)
    T = rng.uniform(20, 60, 3_000)
    seen = np.minimum(T, rng.exponential(11 / rng.gamma(0.6, size=3_000)))
    x = rng.poisson(rng.gamma(0.55, size=3_000) / 10 * seen)
    recency = np.where(x > 0, seen * rng.beta(np.maximum(x, 1), 1), 0.0)
    return request.param().fit(pd.DataFrame({"frequency": x, "recency": recency, "T": T}))


def test_chances_of_all_numbers_of_orders_add_up_to_one_and_to_the_expectation(fit: OrdersFit) -> None:
    n = np.arange(400.0)[:, None]
    chances = fit.probability_of_orders(n, 26, X, T_X, AGE)
    np.testing.assert_allclose(chances.sum(axis=0), 1, rtol=1e-9)
    np.testing.assert_allclose((n * chances).sum(axis=0), fit.expected_orders(26, X, T_X, AGE), rtol=1e-7)
    np.testing.assert_allclose(chances[0], fit.probability_of_no_order(26, X, T_X, AGE), rtol=1e-9)


def test_a_customer_who_has_just_come_is_a_newcomer(fit: OrdersFit) -> None:
    np.testing.assert_allclose(
        fit.probability_of_orders([0, 1, 5], 26, 0, 0, 0), fit.probability_of_orders([0, 1, 5], 26)
    )


def test_half_a_history_is_refused(fit: OrdersFit) -> None:
    with pytest.raises(ConfigurationError, match="all of x, t_x and T"):
        fit.probability_of_orders(2, 26, x=1)


def test_histories_that_no_customer_has_are_named_all_at_once(fit: OrdersFit) -> None:
    with pytest.raises(InputError) as caught:
        fit.expected_orders([26, np.inf, np.nan], [1, -1, 2], [5, 5, 50], [39, 39, 39])
    assert caught.value.problems == (
        "x: 1 of 3 values (first: -1, at 1) must be finite numbers of at least 0.",
        "t: 2 of 3 values (first: inf, at 1) must be finite numbers of at least 0.",
        "t_x: 1 of 3 values (first: 50, at 2) lie after T, the end of the observation.",
    )


def test_half_an_order_has_no_chance(fit: OrdersFit) -> None:
    with pytest.raises(InputError, match=r"n: 1 of 2 values \(first: 1.5, at 1\) must be whole numbers"):
        fit.probability_of_orders([1, 1.5], 26)


def test_an_endless_horizon_needs_a_discount(fit: OrdersFit) -> None:
    with pytest.raises(ConfigurationError, match="without a discount"):
        fit.discounted_orders(0.0, 1, 5, 39)
    assert fit.discounted_orders(0.0, 1, 5, 39, horizon=26) == pytest.approx(fit.expected_orders(26, 1, 5, 39))
