"""Spend per order: Gamma-Gamma and what stands in for it."""

import numpy as np
import pandas as pd
import pytest

from clv.spend_laws import SpendLaw, estimate_spend

ONE = np.ones(1)


def frame(frequency, monetary_value):
    return pd.DataFrame(
        {
            "frequency": np.asarray(frequency, dtype=float),
            "monetary_value": np.asarray(monetary_value, dtype=float),
            "weight": 1.0,
        }
    )


def gamma_gamma_sample(q, customers=3_000, seed=3):
    """Mean values of repeat purchases drawn from Gamma-Gamma with p = 4, v = 20."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 6, customers)
    nu = rng.gamma(q, 1 / 20, customers)
    return frame(x, rng.gamma(4.0 * x) / nu / x)


def test_expected_spend_has_the_published_values():
    # reference/clv.md, row 8: population mean 35.170; E[M | x = 2, mean 22.35] 24.658.
    law = SpendLaw(p=6.24935, q=3.74426, v=15.4443, largest_spread=1.0)
    assert law.population_mean == pytest.approx(35.170, abs=5e-4)
    assert law.expected(2 * ONE, 44.70 * ONE, ONE)[0] == pytest.approx(24.658, abs=5e-4)


def test_sums_over_customers_equal_the_customers_one_by_one():
    law = SpendLaw(2.0, 3.5, 10.0, 1.0)
    S = np.array([5.0, 40.0, 0.0])
    x = np.full(3, 4.0)
    each = law.expected(x, S, np.ones(3))
    together = law.expected(x[:1], S.sum(keepdims=True), 3 * ONE)
    assert together[0] == pytest.approx(each.sum())
    squares = law.expected_square(x[:1], S.sum(keepdims=True), (S**2).sum(keepdims=True), 3 * ONE)
    assert squares[0] == pytest.approx((each**2).sum())


def test_the_spread_of_a_newcomer_is_bounded_by_what_was_observed():
    law = SpendLaw(2.0, 1.5, 10.0, largest_spread=0.6)
    assert law.spread(np.array([0.0, 1.0])) == pytest.approx([0.6, 0.6])  # 1 / (2 + 1.5 - 2) = 0.67 at x = 1
    assert law.spread(np.array([10.0])) == pytest.approx([1 / 19.5])


def test_gamma_gamma_is_taken_where_it_has_a_mean():
    estimate = estimate_spend(gamma_gamma_sample(q=4.0), day_mean=1.0)
    assert estimate.source == "Gamma-Gamma"
    assert estimate.notes == ()
    assert abs(np.log(estimate.law.p / 4)) < 3 * np.sqrt(estimate.log_covariance[0, 0])
    # Customers' means spread by 1 / sqrt(4 - 2) of their mean, and so that of 3,000 by 1.3 % of it.
    assert estimate.law.population_mean == pytest.approx(4 * 20 / 3, rel=3 / np.sqrt(2 * 3_000))
    moved = estimate.at(np.array([0.0, 0.0, np.log(2)]))
    assert moved.population_mean == pytest.approx(2 * estimate.law.population_mean)


def test_without_a_finite_mean_spend_shrinks_to_the_observed_mean_and_says_so():
    estimate = estimate_spend(gamma_gamma_sample(q=0.7), day_mean=1.0)
    assert estimate.source == "shrunk to the observed mean"
    assert "no finite mean" in estimate.notes[0]
    fit = estimate.fit
    assert fit is not None
    for x, mean in ((0, 0.0), (1, 50.0), (8, 3.0)):
        found = estimate.law.expected(x * ONE, x * mean * ONE, ONE)[0]
        assert found == pytest.approx(float(fit.expected_spend(x, mean)), rel=1e-12)


def test_too_few_customers_for_a_model_take_the_mean_and_say_so():
    estimate = estimate_spend(frame([1, 2], [10.0, 30.0]), day_mean=7.0)
    assert estimate.source == "observed mean"
    assert "observed mean, 20.00" in estimate.notes[0]
    assert estimate.law.population_mean == pytest.approx(20.0)
    assert estimate.law.expected(2 * ONE, 60 * ONE, ONE)[0] == pytest.approx(20.0, rel=1e-4)
    table = estimate.mean_table(segment="all", confidence=0.9)
    assert table.loc[0, "parameter"] == "mean"
    assert table.loc[0, "low"] < table.loc[0, "estimate"] < table.loc[0, "high"]


def test_nobody_with_a_repeat_value_takes_the_mean_of_all_purchase_days():
    estimate = estimate_spend(frame([], []), day_mean=7.0)
    assert estimate.law.population_mean == pytest.approx(7.0)


def test_where_no_order_is_worth_anything_nothing_is_expected_of_one_and_that_is_said():
    estimate = estimate_spend(frame([], []), day_mean=0.0)
    assert "No order is worth anything" in estimate.notes[0]
    assert estimate.law.population_mean == 0.0
    assert estimate.law.expected(np.array([0.0, 9.0]), np.zeros(2), np.array([1.0, 5.0])).tolist() == [0.0, 0.0]
    assert estimate.mean_table(segment="all", confidence=0.9)[["estimate", "low", "high"]].values.tolist() == [
        [0, 0, 0]
    ]
