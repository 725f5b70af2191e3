"""CDNOW's 1/10 sample (39 weeks to 1997-09-30): the numbers that papers and other packages print.

Sources: Fader, Hardie & Lee (2005), Marketing Science 24(2); Fader & Hardie, note 025; CLVTools 0.12.1 and lifetimes
0.11.3 on the same data. Closed forms are checked at the parameters that CLVTools prints.
"""

import numpy as np
import pandas as pd
import pytest

import clv
from clv.beta_geo import BetaGeoFit, discounted_orders, discounted_orders_new, expected_orders
from clv.gamma_gamma import GammaGammaFit

CLVTOOLS = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}
DELTA = np.log(1.15) / 52


@pytest.fixture(scope="module")
def histories(cdnow_orders: pd.DataFrame) -> pd.DataFrame:
    return clv.purchase_histories(
        cdnow_orders, customer="customer_id", time="time", value="value", until="1997-09-30", unit="week"
    )


@pytest.fixture(scope="module")
def beta_geo(histories: pd.DataFrame) -> BetaGeoFit:
    return clv.BetaGeo().fit(histories)


@pytest.fixture(scope="module")
def gamma_gamma(histories: pd.DataFrame) -> GammaGammaFit:
    return clv.GammaGamma().fit(histories)


def test_histories_are_those_of_the_paper(histories: pd.DataFrame) -> None:
    assert len(histories) == 2357
    assert histories["frequency"].sum() == 2457


def test_beta_geo_parameters_and_likelihood(beta_geo: BetaGeoFit) -> None:
    assert beta_geo.parameters == pytest.approx({"r": 0.242594, "alpha": 4.41360, "a": 0.79292, "b": 2.42590}, rel=1e-5)
    assert beta_geo.log_likelihood == pytest.approx(-9582.4292, abs=1e-4)


def test_beta_geo_likelihood_on_weeks_of_two_decimals(histories: pd.DataFrame) -> None:
    rounded = histories.assign(recency=histories["recency"].round(2), T=histories["T"].round(2))
    assert clv.BetaGeo().fit(rounded).log_likelihood == pytest.approx(-9582.4256, abs=1e-4)


def test_beta_geo_standard_errors(beta_geo: BetaGeoFit) -> None:
    printed = {"r": 0.01256, "alpha": 0.3782, "a": 0.1857, "b": 0.7054}
    assert beta_geo.standard_errors == pytest.approx(printed, rel=3e-4)


def test_beta_geo_of_one_customer(beta_geo: BetaGeoFit) -> None:
    assert beta_geo.expected_orders(39, 2, 30.43, 38.86) == pytest.approx(1.22590, abs=1e-5)
    assert beta_geo.p_alive(2, 30.43, 38.86) == pytest.approx(0.72661, abs=1e-5)


def test_beta_geo_of_customer_1516(beta_geo: BetaGeoFit) -> None:
    assert beta_geo.expected_orders(52, 26, 216 / 7, 31) == pytest.approx(25.757, abs=1e-3)
    assert beta_geo.p_alive(26, 216 / 7, 31) == pytest.approx(0.9689, abs=1e-4)


def test_beta_geo_of_a_new_customer(beta_geo: BetaGeoFit) -> None:
    # The source stopped its search at slightly other parameters: 1e-5 relative is a hundredth of what it claims.
    assert beta_geo.expected_orders_new(52) == pytest.approx(1.44400, rel=1e-5)
    printed = [0.574305, 0.199193, 0.085324, 0.045798]
    np.testing.assert_allclose(beta_geo.probability_of_orders([0, 1, 2, 3], 39), printed, rtol=2e-5)


def test_beta_geo_more_orders_followed_by_silence_mean_fewer_to_come(beta_geo: BetaGeoFit) -> None:
    printed = [0.34746, 0.042834, 0.0041590, 0.00035837]
    # Parameters of the source as above; the chance of having left magnifies their difference.
    np.testing.assert_allclose(beta_geo.expected_orders(52, [10, 15, 20, 25], 20, 39), printed, rtol=1e-4)


def test_beta_geo_probability_of_no_order(beta_geo: BetaGeoFit) -> None:
    printed = [0.727771, 0.855991, 0.827557]
    np.testing.assert_allclose(
        beta_geo.probability_of_no_order(39, [0, 0, 1], [0, 0, 5], [10, 39, 39]), printed, rtol=5e-6
    )


def test_beta_geo_discounted_orders_without_end() -> None:
    printed = [1.015096, 2.587367, 5.169534, 16.610543]
    found = discounted_orders(DELTA, [0, 1, 2, 7], [0, 20, 30.43, 35], [39, 39, 38.86, 39], **CLVTOOLS)
    np.testing.assert_allclose(found, printed, atol=1e-6, rtol=0)


def test_beta_geo_discounted_orders_of_a_new_customer() -> None:
    assert discounted_orders_new(DELTA, **CLVTOOLS) == pytest.approx(3.651207, abs=1e-6)


def test_beta_geo_discounted_orders_of_a_year() -> None:
    found = discounted_orders(DELTA, [0, 7], [0, 35], 39, horizon=52, **CLVTOOLS)
    np.testing.assert_allclose(found, [0.234951, 5.151808], atol=1e-6, rtol=0)


def test_beta_geo_heavy_buyers_are_finite() -> None:
    found = expected_orders(39, [300, 1000], 38, 39, **CLVTOOLS)
    np.testing.assert_allclose(found, [53.1786, 6.5244e-5], rtol=3e-6)


@pytest.mark.parametrize(("a", "printed"), [(0.31, [0.5645886, 3.5103606]), (1.0, [0.3381443, 0.8693245])])
def test_beta_geo_where_the_textbook_form_divides_by_zero(a: float, printed: list[float]) -> None:
    found = expected_orders(30, [0, 1], [0, 0.5], 1, r=0.11, alpha=2.24, a=a, b=0.5)
    np.testing.assert_allclose(found, printed, atol=1e-7, rtol=0)


def test_beta_geo_forecast_of_the_holdout(beta_geo: BetaGeoFit, histories: pd.DataFrame) -> None:
    expected = beta_geo.expected_orders(39, histories["frequency"], histories["recency"], histories["T"])
    assert expected.sum() == pytest.approx(1653.4, abs=0.05)


def test_gamma_gamma_parameters_and_likelihood(gamma_gamma: GammaGammaFit) -> None:
    assert gamma_gamma.customers == 946
    assert gamma_gamma.parameters == pytest.approx({"p": 6.24935, "q": 3.74426, "v": 15.4443}, rel=1e-4)
    assert gamma_gamma.log_likelihood == pytest.approx(-4055.9177, abs=1e-4)


def test_gamma_gamma_expected_spend(gamma_gamma: GammaGammaFit) -> None:
    assert gamma_gamma.population_mean == pytest.approx(35.170, abs=1e-3)
    assert gamma_gamma.expected_spend(2, 22.35) == pytest.approx(24.658, abs=1e-3)
