"""BG/NBD: closed forms against 40-digit arithmetic, properties, and fits to samples that are small, odd or impossible.

``beta_geo_reference.csv`` was computed once with mpmath at 50 digits from the closed forms in 2F1 (equations 8 and 10
of Fader, Hardie & Lee 2005) and by its quadrature of the discounted order rate; a = 1 is the limit at 1 + 1e-25.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clv import beta_geo
from clv.beta_geo import BetaGeo, BetaGeoFit, weak_prior
from clv.beta_geometric_likelihood import BetaGeometricLikelihood
from clv.patterns import patterns_of
from customer_data.errors import ModelError
from tests.clv.simulated import beta_geo_histories

CDNOW = {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}
REFERENCE = pd.read_csv(Path(__file__).parent / "beta_geo_reference.csv")

positive = st.floats(0.05, 20)
parameters = st.fixed_dictionaries({"r": positive, "alpha": positive, "a": positive, "b": positive})


def fitted_or_reason(histories: pd.DataFrame) -> BetaGeoFit | str:
    try:
        return BetaGeo().fit(histories)
    except ModelError as error:
        return str(error)


@pytest.mark.parametrize(
    ("quantity", "tolerance"),
    [("p_alive", 1e-13), ("expected_orders", 1e-13), ("discounted_orders", 1e-12), ("probability_of_orders", 1e-10)],
)
def test_agrees_with_40_digit_arithmetic(quantity: str, tolerance: float) -> None:
    for model, rows in REFERENCE[REFERENCE["quantity"] == quantity].groupby(["r", "alpha", "a", "b"]):
        named = dict(zip(("r", "alpha", "a", "b"), model, strict=True))
        history = rows["x"], rows["t_x"], rows["T"]
        if quantity == "p_alive":
            found = beta_geo.p_alive(*history, **named)
        elif quantity == "expected_orders":
            found = beta_geo.expected_orders(rows["t"], *history, **named)
        elif quantity == "discounted_orders":
            found = beta_geo.discounted_orders(rows["delta"], *history, horizon=rows["t"], **named)
        else:
            found = beta_geo.probability_of_orders(rows["x"], rows["t"], **named)
        np.testing.assert_allclose(found, rows["value"], rtol=tolerance, err_msg=str(named))


def test_p_alive_by_hand() -> None:
    # x = 1, t_x = 1, T = 3, all parameters 1: odds of having left 1/1 * ((1 + 3) / (1 + 1))^2 = 4, so 1/5.
    assert beta_geo.p_alive(1, 1, 3, r=1, alpha=1, a=1, b=1) == pytest.approx(0.2, abs=1e-15)


def test_nobody_has_left_before_a_repeat_order() -> None:
    np.testing.assert_array_equal(beta_geo.p_alive(0, 0, [0, 10, 1000], **CDNOW), 1.0)


@settings(deadline=None)
@given(model=parameters, t=st.floats(0.1, 500), x=st.integers(0, 5000), T=st.floats(1, 500), at=st.floats(0.01, 1))
def test_a_customer_is_alive_or_not_and_orders_or_not(
    model: dict[str, float], t: float, x: int, T: float, at: float
) -> None:
    t_x = at * T if x else 0.0
    alive = float(beta_geo.p_alive(x, t_x, T, **model))
    none = float(beta_geo.probability_of_no_order(t, x, t_x, T, **model))
    orders = float(beta_geo.expected_orders(t, x, t_x, T, **model))
    assert 0 <= alive <= 1
    assert 1 - alive <= none + 1e-12
    assert orders >= 1 - none - 1e-9
    assert orders <= (model["r"] + x) / (model["alpha"] + T) * t * (1 + 1e-9)


@settings(deadline=None)
@given(model=parameters, t=st.floats(0.1, 20))
def test_probabilities_of_orders_sum_to_one(model: dict[str, float], t: float) -> None:
    orders = np.arange(5_000)
    probability = beta_geo.probability_of_orders(orders, t, **model)
    assert probability.min() >= 0
    assert probability.sum() == pytest.approx(1, abs=1e-4)
    if probability[-1] < 1e-12:
        expected = float(beta_geo.expected_orders_new(t, **model))
        assert probability @ orders == pytest.approx(expected, rel=1e-6)


@settings(deadline=None)
@given(model=parameters, x=st.integers(0, 300), T=st.floats(1, 100), t=st.floats(0.1, 100), scale=st.floats(0.1, 50))
def test_the_unit_of_time_does_not_matter(model: dict[str, float], x: int, T: float, t: float, scale: float) -> None:
    t_x = T / 2 if x else 0.0
    scaled = model | {"alpha": model["alpha"] * scale}
    here = beta_geo.expected_orders(t, x, t_x, T, **model)
    there = beta_geo.expected_orders(t * scale, x, t_x * scale, T * scale, **scaled)
    assert there == pytest.approx(float(here), rel=1e-9)


def test_the_rate_is_the_slope_of_expected_orders() -> None:
    step = 1e-4
    slope = np.diff(beta_geo.expected_orders([10 - step, 10 + step], 3, 20, 39, **CDNOW))[0] / (2 * step)
    rate = beta_geo.purchase_rate(10, 3, 20, 39, **CDNOW) * beta_geo.p_alive(3, 20, 39, **CDNOW)
    assert rate == pytest.approx(slope, rel=1e-8)


def test_discounted_orders_tend_to_expected_orders_without_discount() -> None:
    found = beta_geo.discounted_orders(0.0, [0, 4], [0, 30], 39, horizon=52, **CDNOW)
    np.testing.assert_allclose(found, beta_geo.expected_orders(52, [0, 4], [0, 30], 39, **CDNOW), rtol=1e-12)


def test_gradient_and_hessian_are_those_of_the_likelihood() -> None:
    for survived in (0, 1):
        likelihood = BetaGeometricLikelihood(patterns_of(beta_geo_histories(300, seed=1, **CDNOW)), survived=survived)
        at = np.array([0.4, 5.0, 0.9, 2.0])
        _, gradient, hessian = likelihood(at)
        for index, step in enumerate(np.eye(4) * 1e-5):
            above, below = likelihood(at + step), likelihood(at - step)
            assert gradient[index] == pytest.approx((above[0] - below[0]) / 2e-5, rel=1e-6, abs=1e-4)
            np.testing.assert_allclose(hessian[index], (above[1] - below[1]) / 2e-5, rtol=1e-6, atol=1e-4)


def test_a_fit_finds_the_parameters_again() -> None:
    truth = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
    fit = BetaGeo().fit(beta_geo_histories(60_000, seed=3, **truth))
    errors = fit.standard_errors
    for name, value in truth.items():
        assert abs(fit.parameters[name] - value) < 3.5 * errors[name], name
        assert errors[name] < 0.15 * value


def test_the_order_of_rows_and_their_grouping_do_not_matter() -> None:
    rows = beta_geo_histories(500, seed=4, **CDNOW).round(0)
    rows["recency"] = np.where(rows["frequency"] > 0, rows["recency"].clip(lower=1), 0)
    shuffled = rows.sample(frac=1, random_state=1)
    grouped = rows.groupby(["frequency", "recency", "T"], as_index=False).size().rename(columns={"size": "weight"})
    fits = [BetaGeo().fit(frame) for frame in (rows, shuffled, grouped)]
    assert fits[0].parameters == fits[1].parameters == fits[2].parameters
    assert {fit.customers for fit in fits} == {500}


def test_no_repeat_orders_at_all() -> None:
    histories = pd.DataFrame({"frequency": [0, 0, 0], "recency": [0, 0, 0], "T": [10, 20, 30]})
    with pytest.raises(ModelError, match="none of the 3 customers has a repeat order"):
        BetaGeo().fit(histories)


@pytest.mark.parametrize(
    ("case", "x", "t_x", "T"),
    [
        ("all order daily", [30] * 50, [30] * 50, [30] * 50),
        ("one customer", [3], [10], [20]),
        ("one customer with 5,000 orders", [5000], [6000], [6100]),
        ("all come back once and never again", [1] * 50, [2] * 50, [300] * 50),
    ],
)
def test_samples_that_tell_too_little_end_in_a_clear_error_or_take_a_prior(
    case: str, x: list[float], t_x: list[float], T: list[float]
) -> None:
    histories = pd.DataFrame({"frequency": x, "recency": t_x, "T": T})
    with pytest.raises(ModelError, match=r"did not converge on [\d,]+ customers .* state a prior"):
        BetaGeo().fit(histories)
    fit = BetaGeo(prior=weak_prior(days_per_unit=7)).fit(histories)
    assert np.isfinite(fit.expected_orders(52, x, t_x, T)).all(), case
    assert all(0 < error < np.inf for error in fit.standard_errors.values())


def test_small_samples_fit_or_say_why() -> None:
    population = beta_geo_histories(2_000, seed=5, **CDNOW)
    outcomes = [fitted_or_reason(population.sample(20, random_state=seed)) for seed in range(30)]
    reasons = [outcome for outcome in outcomes if isinstance(outcome, str)]
    fits = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    assert reasons
    assert fits
    assert all("Fit more customers together" in reason for reason in reasons)
    assert all(fit.convergence.gradient < 1e-3 for fit in fits)
    assert all(np.linalg.eigvalsh(fit.covariance_log).min() > 0 for fit in fits)


def test_a_customer_of_age_zero_counts_and_tells_nothing() -> None:
    rows = beta_geo_histories(500, seed=6, **CDNOW)
    newcomer = pd.DataFrame({"frequency": [0], "recency": [0], "T": [0]})
    with_newcomer = BetaGeo().fit(pd.concat([rows, newcomer]))
    without = BetaGeo().fit(rows)
    assert with_newcomer.customers == 501
    assert with_newcomer.parameters == pytest.approx(without.parameters, rel=1e-6)
    assert with_newcomer.expected_orders(10, 0, 0, 0) == pytest.approx(float(without.expected_orders_new(10)), rel=1e-6)


def test_a_weak_prior_hardly_moves_a_large_sample() -> None:
    rows = beta_geo_histories(5_000, seed=7, **CDNOW)
    plain, informed = BetaGeo().fit(rows), BetaGeo(prior=weak_prior(days_per_unit=7)).fit(rows)
    for name, error in plain.standard_errors.items():
        assert abs(informed.parameters[name] - plain.parameters[name]) < error / 4
    assert informed.log_likelihood < plain.log_likelihood
