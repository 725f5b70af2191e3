"""BG/NBD: by hand, and fits to samples that are small, odd or impossible."""

import numpy as np
import pandas as pd
import pytest

from clv import beta_geo
from clv.beta_geo import BetaGeo, BetaGeoFit, weak_prior
from clv.maximum_likelihood import ModelWarning
from customer_data.errors import ModelError
from tests.clv.simulated import beta_geo_histories

CDNOW = {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}


def fitted_or_reason(histories: pd.DataFrame) -> BetaGeoFit | str:
    try:
        return BetaGeo().fit(histories)
    except ModelError as error:
        return str(error)


def test_p_alive_by_hand() -> None:
    # x = 1, t_x = 1, T = 3, all parameters 1: odds of having left 1/1 * ((1 + 3) / (1 + 1))^2 = 4, so 1/5.
    assert beta_geo.p_alive(1, 1, 3, r=1, alpha=1, a=1, b=1) == pytest.approx(0.2, abs=1e-15)


def test_nobody_has_left_before_a_repeat_order() -> None:
    np.testing.assert_array_equal(beta_geo.p_alive(0, 0, [0, 10, 1000], **CDNOW), 1.0)


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


def test_a_shop_that_nobody_leaves_takes_the_fallback_and_says_so() -> None:
    random = np.random.default_rng(8)
    orders = random.poisson(random.gamma(0.8, 12, 2_000) * 1.0)
    times = [np.sort(random.uniform(0, 300, n)) for n in orders]
    loyal = pd.DataFrame({"frequency": orders, "recency": [t[-1] if len(t) else 0.0 for t in times], "T": 300.0})
    with pytest.raises(ModelError, match="nobody is seen to leave"):
        BetaGeo().fit(loyal)
    with pytest.warns(ModelWarning, match="The stated fallback prior was used"):
        fit = BetaGeo(fallback=weak_prior(days_per_unit=1)).fit(loyal)
    assert "fallback" in fit.convergence.message
    assert fit.p_alive(loyal["frequency"], loyal["recency"], 300.0).mean() > 0.97
    expected = fit.expected_orders(300, loyal["frequency"], loyal["recency"], 300.0)
    # A half per cent is what so many Poisson orders vary by; they are foretold by rates that lean on all customers'.
    assert expected.sum() == pytest.approx(orders.sum(), rel=0.01)


def test_a_fallback_is_not_used_where_it_is_not_needed() -> None:
    rows = beta_geo_histories(2_000, seed=9, **CDNOW)
    fit = BetaGeo(fallback=weak_prior(days_per_unit=1)).fit(rows)
    assert fit.parameters == BetaGeo().fit(rows).parameters
    with pytest.raises(ModelError, match="has a repeat order"):
        BetaGeo(fallback=weak_prior(days_per_unit=1)).fit(rows[rows["frequency"] == 0])


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
