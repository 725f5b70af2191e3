"""``to_lifetimes()``: lifetimes' own fitters answer as ours do, and importing it leaves no trace."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from clv.beta_geo import BetaGeo, BetaGeoFit
from clv.gamma_gamma import GammaGamma, GammaGammaFit
from clv.modified_beta_geo import ModifiedBetaGeo
from clv.pareto_nbd import ParetoNBD
from tests.clv.simulated import beta_geo_histories


@pytest.fixture(scope="module")
def histories() -> pd.DataFrame:
    drawn = beta_geo_histories(1_500, seed=1, r=0.6, alpha=8, a=0.8, b=2.5)
    random, orders = np.random.default_rng(2), np.maximum(drawn["frequency"], 1)
    spend = random.gamma(5 * orders) / orders * 20 / random.gamma(4, size=len(drawn))
    return drawn.assign(monetary_value=np.where(drawn["frequency"] > 0, spend, 0))


@pytest.fixture(scope="module")
def orders(histories: pd.DataFrame) -> BetaGeoFit:
    return BetaGeo().fit(histories)


@pytest.fixture(scope="module")
def spend(histories: pd.DataFrame) -> GammaGammaFit:
    return GammaGamma().fit(histories)


def test_beta_geo_answers_alike(orders: BetaGeoFit, histories: pd.DataFrame) -> None:
    fitter = orders.to_lifetimes()
    history = histories["frequency"], histories["recency"], histories["T"]
    np.testing.assert_allclose(
        fitter.conditional_expected_number_of_purchases_up_to_time(26, *history),
        orders.expected_orders(26, *history),
        rtol=1e-8,
    )
    np.testing.assert_allclose(fitter.conditional_probability_alive(*history), orders.p_alive(*history), rtol=1e-12)
    times = np.array([1.0, 10.0, 50.0])
    np.testing.assert_allclose(
        fitter.expected_number_of_purchases_up_to_time(times), orders.expected_orders_new(times), rtol=1e-8
    )
    for n in range(5):
        expected = orders.probability_of_orders(n, 20)
        assert fitter.probability_of_n_purchases_up_to_time(20, n) == pytest.approx(float(expected), rel=1e-9)


def test_beta_geo_fits_alike(orders: BetaGeoFit, histories: pd.DataFrame) -> None:
    theirs = orders.to_lifetimes().__class__().fit(histories["frequency"], histories["recency"], histories["T"])
    # Theirs is a mean per customer, of densities in rescaled time.
    likelihood = -theirs._negative_log_likelihood_ * len(histories) + histories["frequency"].sum() * np.log(
        theirs._scale
    )
    assert likelihood - 1e-7 <= orders.log_likelihood <= likelihood + 1e-3
    assert dict(theirs.params_) == pytest.approx(dict(orders.parameters), rel=2e-3)
    assert dict(theirs.standard_errors_) == pytest.approx(dict(orders.standard_errors), rel=5e-3)


def test_beta_geo_summary_and_customers(orders: BetaGeoFit, histories: pd.DataFrame) -> None:
    fitter = orders.to_lifetimes()
    assert list(fitter.summary.columns) == ["coef", "se(coef)", "lower 95% bound", "upper 95% bound"]
    assert dict(fitter.summary["se(coef)"]) == pytest.approx(dict(orders.standard_errors))
    np.testing.assert_array_equal(fitter.variance_matrix_, fitter.variance_matrix_.T)
    assert len(fitter.data) == len(histories)
    assert fitter.data["frequency"].sum() == histories["frequency"].sum()
    assert len(fitter.generate_new_data(size=20)) == 20
    assert fitter.conditional_probability_alive_matrix(max_frequency=3, max_recency=5).shape == (6, 4)


@pytest.mark.parametrize("model", [ModifiedBetaGeo(), ParetoNBD()])
def test_other_models_answer_alike(model: ModifiedBetaGeo | ParetoNBD, histories: pd.DataFrame) -> None:
    fit = model.fit(histories)
    fitter = fit.to_lifetimes()
    history = histories["frequency"], histories["recency"], histories["T"]
    np.testing.assert_allclose(
        fitter.conditional_expected_number_of_purchases_up_to_time(26, *history),
        fit.expected_orders(26, *history),
        rtol=1e-8,
    )
    np.testing.assert_allclose(fitter.conditional_probability_alive(*history), fit.p_alive(*history), rtol=1e-8)
    assert fitter.expected_number_of_purchases_up_to_time(20) == pytest.approx(float(fit.expected_orders_new(20)))
    if isinstance(model, ParetoNBD):
        conditional = fitter.conditional_probability_of_n_purchases_up_to_time
        newcomer = [conditional(n, 20, 0, 0, 0) for n in range(4)]
        known = [float(conditional(n, 20, 3, 25, 38)) for n in range(4)]
        np.testing.assert_allclose(known, fit.probability_of_orders(np.arange(4), 20, 3, 25, 38), rtol=1e-7)
    else:
        newcomer = [fitter.probability_of_n_purchases_up_to_time(20, n) for n in range(4)]
    np.testing.assert_allclose(newcomer, fit.probability_of_orders(np.arange(4), 20), rtol=1e-7)
    assert dict(fitter.summary["se(coef)"]) == pytest.approx(dict(fit.standard_errors))


def test_customers_of_fractional_weight_stay_weights(histories: pd.DataFrame) -> None:
    fitter = BetaGeo().fit(histories.assign(weight=0.5)).to_lifetimes()
    assert fitter.data["weights"].sum() == pytest.approx(len(histories) / 2)


def test_gamma_gamma_answers_alike(spend: GammaGammaFit, orders: BetaGeoFit, histories: pd.DataFrame) -> None:
    fitter = spend.to_lifetimes()
    x, value = histories["frequency"], histories["monetary_value"]
    np.testing.assert_allclose(
        fitter.conditional_expected_average_profit(x, value), spend.expected_spend(x, value), rtol=1e-12
    )
    assert dict(fitter.summary["se(coef)"]) == pytest.approx(dict(spend.standard_errors))
    worth = fitter.customer_lifetime_value(
        orders.to_lifetimes(), x, histories["recency"], histories["T"], value, time=2, discount_rate=0.0, freq="W"
    )
    expected = orders.expected_orders(2 * 4.345, x, histories["recency"], histories["T"]) * spend.expected_spend(
        x, value
    )
    np.testing.assert_allclose(worth, expected, rtol=1e-6)


def test_importing_lifetimes_leaves_no_trace() -> None:
    program = """
import warnings, pandas as pd, sys
import clv
assert "scipy" not in sys.modules
from clv.lifetimes_fitters import _lifetimes
before = list(warnings.filters), pd.get_option("display.max_rows")
warnings.simplefilter("ignore"); chained = pd.get_option("mode.chained_assignment"); warnings.filters[:] = before[0]
_lifetimes()
after = list(warnings.filters)
warnings.simplefilter("ignore")
assert after == before[0], after
assert pd.get_option("mode.chained_assignment") == chained
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
