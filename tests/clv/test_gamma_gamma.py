"""Gamma-Gamma: the formula by hand, the fit, and spend that has no mean."""

import re

import numpy as np
import pandas as pd
import pytest

from clv.gamma_gamma import GammaGamma, GammaGammaFit, expected_spend
from clv.maximum_likelihood import LogNormalPrior, ModelWarning
from customer_data.errors import InputError, ModelError


def simulated(customers: int, *, seed: int, p: float, q: float, v: float) -> pd.DataFrame:
    """Mean spend over 0 to 5 orders drawn from the model."""
    random = np.random.default_rng(seed)
    x = random.integers(0, 6, customers)
    total = random.gamma(p * np.maximum(x, 1)) * v / random.gamma(q, size=customers)
    return pd.DataFrame({"frequency": x, "monetary_value": np.where(x > 0, total / np.maximum(x, 1), np.nan)})


@pytest.fixture(scope="module")
def without_mean() -> GammaGammaFit:
    with pytest.warns(ModelWarning, match="no finite mean. Expected spend shrinks towards the observed mean"):
        return GammaGamma().fit(simulated(3_000, seed=1, p=4, q=0.7, v=10))


def test_expected_spend_by_hand() -> None:
    # p = 2, q = 3, v = 10: mean 2 * 10 / 2 = 10; two orders of mean 40 weigh 4 / (4 + 2): 10 / 3 + 80 / 3 = 30.
    np.testing.assert_allclose(expected_spend([0, 2], [np.nan, 40], p=2, q=3, v=10), [10, 30], rtol=1e-15)


def test_a_fit_finds_the_parameters_again() -> None:
    truth = {"p": 6.0, "q": 4.0, "v": 15.0}
    fit = GammaGamma().fit(simulated(40_000, seed=2, **truth))
    for name, value in truth.items():
        assert abs(fit.parameters[name] - value) < 3.5 * fit.standard_errors[name], name
        assert fit.standard_errors[name] < 0.1 * value
    assert abs(fit.correlation) < 0.02
    assert fit.population_mean == pytest.approx(30, rel=0.02)


def test_scaled_spend_scales() -> None:
    histories = simulated(2_000, seed=3, p=6, q=4, v=15)
    fit = GammaGamma().fit(histories)
    cents = GammaGamma().fit(histories.assign(monetary_value=100 * histories["monetary_value"]))
    assert cents.parameters["v"] == pytest.approx(100 * fit.parameters["v"], rel=1e-6)
    assert cents.population_mean == pytest.approx(100 * fit.population_mean, rel=1e-6)
    assert cents.log_likelihood == pytest.approx(fit.log_likelihood - fit.customers * np.log(100), abs=1e-5)


def test_weights_are_customers() -> None:
    histories = simulated(1_000, seed=4, p=6, q=4, v=15)
    doubled = GammaGamma().fit(pd.concat([histories, histories]))
    weighted = GammaGamma().fit(histories.assign(weight=2))
    assert weighted.parameters == pytest.approx(doubled.parameters, rel=1e-7)
    assert weighted.standard_errors == pytest.approx(doubled.standard_errors, rel=1e-7)
    assert weighted.customers == doubled.customers


def test_customers_without_spend_are_counted_and_left_out() -> None:
    histories = simulated(1_000, seed=5, p=6, q=4, v=15)
    odd = pd.DataFrame({"frequency": [2, 1], "monetary_value": [0.0, -5.0]})
    fit = GammaGamma().fit(pd.concat([histories, odd]))
    assert fit.without_value == 2
    assert fit.without_repeats == (histories["frequency"] == 0).sum()
    assert fit.customers + fit.without_value + fit.without_repeats == 1_002
    assert fit.parameters == GammaGamma().fit(histories).parameters


def test_spend_without_a_mean_falls_back_on_the_observed_one(without_mean: GammaGammaFit) -> None:
    assert without_mean.parameters["q"] < 1
    assert without_mean.mean_source == "observed"
    assert without_mean.population_mean == without_mean.observed_mean
    assert len(without_mean.warnings) == 1
    x = np.array([0, 1, 5, 10_000])
    found = without_mean.expected_spend(x, [np.nan, 2.0, 2.0, 2.0])
    assert found[0] == without_mean.observed_mean
    assert (np.diff(found) < 0).all()
    assert found[-1] == pytest.approx(2.0, rel=0.05)


def test_independence_is_measured() -> None:
    histories = simulated(2_000, seed=6, p=6, q=4, v=15)
    rising = histories.assign(monetary_value=histories["monetary_value"] * (1 + histories["frequency"]))
    assert GammaGamma().fit(rising).correlation > 0.3
    assert np.isnan(GammaGamma().fit(histories.assign(frequency=1).dropna()).correlation)


def test_spend_that_never_varies_is_a_clear_error_or_takes_a_prior() -> None:
    alike = pd.DataFrame({"frequency": [1, 2, 3, 4] * 5, "monetary_value": 20.0})
    with pytest.raises(ModelError, match="Gamma-Gamma did not converge on 20 customers"):
        GammaGamma().fit(alike)
    prior = LogNormalPrior.independent({"p": 5.0, "q": 4.0, "v": 12.0}, log_sd=1.0)
    # The prior's own mean is 5 * 12 / (4 - 1) = 20, too.
    assert GammaGamma(prior=prior).fit(alike).expected_spend(3, 20.0) == pytest.approx(20, rel=1e-3)


def test_too_few_customers() -> None:
    with pytest.raises(ModelError, match="2 of 3 rows are customers with repeat orders"):
        GammaGamma().fit(pd.DataFrame({"frequency": [0, 1, 2], "monetary_value": [0.0, 10.0, 20.0]}))


def test_all_problems_at_once() -> None:
    bad = pd.DataFrame({"frequency": [-1, 1, 2], "monetary_value": [5.0, np.nan, 20.0], "weight": [1, 1, 0]})
    with pytest.raises(InputError) as caught:
        GammaGamma().fit(bad)
    assert len(caught.value.problems) == 3
    assert "histories.monetary_value: 1 of 3 rows are missing (first: row 1: frequency 1" in str(caught.value)


@pytest.mark.parametrize(
    ("orders", "values", "said"),
    [
        # Whoever orders once tells nothing of how orders of one customer differ.
        (
            [1] * 10,
            [50.0, 50.0, 60.0, 60.0, 60.0, 80.0, 50.0, 50.0, 60.0, 50.0],
            "p grows without limit: each customer",
        ),
        ([1, 2, 3], [10.0, 11.0, 12.0], "q grows without limit: customers differ in what they spend no more than"),
        (
            [1, 2, 1, 3, 2, 1, 1] * 4,
            [1, 2, 3, 1.1, 1, 1e4, 1e6] * 4,
            "v falls to 0: a few customers spend almost every",
        ),
    ],
)
def test_a_fit_that_runs_away_says_which_parameter_what_that_means_and_what_helps(
    orders: list[int], values: list[float], said: str
) -> None:
    with pytest.raises(ModelError, match=re.escape(said)) as found:
        GammaGamma().fit(pd.DataFrame({"frequency": orders, "monetary_value": values}))
    assert "state a prior on p, q and v" in str(found.value)
    assert "no step" not in str(found.value)
