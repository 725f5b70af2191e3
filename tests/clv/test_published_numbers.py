"""CDNOW's 1/10 sample (39 weeks to 1997-09-30): the numbers that papers and other packages print.

Sources: Fader, Hardie & Lee (2005), Marketing Science 24(2); Fader & Hardie, note 025; CLVTools 0.12.1 and lifetimes
0.11.3 on the same data. Closed forms are checked at the parameters of their source (see ``published``).
"""

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import clv
from clv import beta_geo, modified_beta_geo, pareto_nbd
from clv.beta_geo import (
    BetaGeoFit,
    discounted_orders,
    discounted_orders_new,
    expected_orders,
    expected_orders_new,
    probability_of_no_order,
    probability_of_orders,
)
from clv.beta_geometric_likelihood import BetaGeometricLikelihood
from clv.gamma_gamma import GammaGammaFit
from clv.pareto_nbd import ParetoNBDFit
from clv.pareto_nbd_likelihood import ParetoLikelihood
from tests.clv.published import BTYD_BETA_GEO, BTYD_MODIFIED, BTYD_PARETO, assert_printed

CLVTOOLS = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}
DELTA = np.log(1.15) / 52


@pytest.fixture(scope="module")
def histories(cdnow_orders: pd.DataFrame) -> pd.DataFrame:
    return clv.purchase_histories(
        cdnow_orders, customer="customer_id", time="time", value="value", until="1997-09-30", unit="week"
    )


@pytest.fixture(scope="module")
def fitted(histories: pd.DataFrame) -> BetaGeoFit:
    return clv.BetaGeo().fit(histories)


@pytest.fixture(scope="module")
def gamma_gamma(histories: pd.DataFrame) -> GammaGammaFit:
    return clv.GammaGamma().fit(histories)


def test_histories_are_those_of_the_paper(histories: pd.DataFrame) -> None:
    assert len(histories) == 2357
    assert histories["frequency"].sum() == 2457


def test_beta_geo_parameters_and_likelihood(fitted: BetaGeoFit) -> None:
    assert fitted.parameters == pytest.approx({"r": 0.242594, "alpha": 4.41360, "a": 0.79292, "b": 2.42590}, rel=1e-5)
    assert fitted.log_likelihood == pytest.approx(-9582.4292, abs=1e-4)


def test_beta_geo_likelihood_on_weeks_of_two_decimals(histories: pd.DataFrame) -> None:
    rounded = histories.assign(recency=histories["recency"].round(2), T=histories["T"].round(2))
    assert clv.BetaGeo().fit(rounded).log_likelihood == pytest.approx(-9582.4256, abs=1e-4)


def test_beta_geo_standard_errors(fitted: BetaGeoFit) -> None:
    printed = {"r": 0.01256, "alpha": 0.3782, "a": 0.1857, "b": 0.7054}
    assert fitted.standard_errors == pytest.approx(printed, rel=3e-4)


def test_beta_geo_search_of_btyd_stopped_just_below_the_maximum(fitted: BetaGeoFit) -> None:
    stopped = BetaGeometricLikelihood(fitted.patterns, survived=0)(np.array(list(BTYD_BETA_GEO.values())))[0]
    assert 0 < fitted.log_likelihood - stopped < 2e-7
    assert fitted.parameters == pytest.approx(BTYD_BETA_GEO, rel=1.2e-4)


def test_beta_geo_of_one_customer(fitted: BetaGeoFit) -> None:
    assert_printed(expected_orders(39, 2, 30.43, 38.86, **BTYD_BETA_GEO), "1.22590")
    assert_printed(fitted.p_alive(2, 30.43, 38.86), "0.72661")


def test_beta_geo_of_customer_1516(fitted: BetaGeoFit) -> None:
    assert_printed(fitted.expected_orders(52, 26, 216 / 7, 31), "25.757")
    assert_printed(fitted.p_alive(26, 216 / 7, 31), "0.9689")


def test_beta_geo_of_a_new_customer() -> None:
    assert_printed(expected_orders_new(52, **BTYD_BETA_GEO), "1.44400")
    printed = ("0.574305", "0.199193", "0.085324", "0.045798")
    assert_printed(probability_of_orders([0, 1, 2, 3], 39, **BTYD_BETA_GEO), *printed)


def test_beta_geo_more_orders_followed_by_silence_mean_fewer_to_come() -> None:
    printed = ("0.34746", "0.042834", "0.0041590", "0.00035837")
    assert_printed(expected_orders(52, [10, 15, 20, 25], 20, 39, **BTYD_BETA_GEO), *printed)


def test_beta_geo_probability_of_no_order(histories: pd.DataFrame) -> None:
    # Computed from the fit to weeks of two decimals as it is printed, with five digits.
    rounded = histories.assign(recency=histories["recency"].round(2), T=histories["T"].round(2))
    five_digits = {name: float(f"{value:.5g}") for name, value in clv.BetaGeo().fit(rounded).parameters.items()}
    found = probability_of_no_order(39, [0, 0, 1], [0, 0, 5], [10, 39, 39], **five_digits)
    assert_printed(found, "0.727771", "0.855991", "0.827557")


def test_beta_geo_discounted_orders_without_end() -> None:
    printed = ("1.015096", "2.587367", "5.169534", "16.610543")
    found = discounted_orders(DELTA, [0, 1, 2, 7], [0, 20, 30.43, 35], [39, 39, 38.86, 39], **CLVTOOLS)
    assert_printed(found, *printed)


def test_beta_geo_discounted_orders_of_a_new_customer() -> None:
    assert_printed(discounted_orders_new(DELTA, **CLVTOOLS), "3.651207")


def test_beta_geo_discounted_orders_of_a_year() -> None:
    found = discounted_orders(DELTA, [0, 7], [0, 35], 39, horizon=52, **CLVTOOLS)
    assert_printed(found, "0.234951", "5.151808")


def test_beta_geo_heavy_buyers_are_finite() -> None:
    found = expected_orders(39, [300, 1000], 38, 39, **CLVTOOLS)
    assert_printed(found * [1, 1e5], "53.1786", "6.5244")


@pytest.mark.parametrize(("a", "printed"), [(0.31, ("0.5645886", "3.5103606")), (1.0, ("0.3381443", "0.8693245"))])
def test_beta_geo_where_the_textbook_form_divides_by_zero(a: float, printed: tuple[str, str]) -> None:
    found = expected_orders(30, [0, 1], [0, 0.5], 1, r=0.11, alpha=2.24, a=a, b=0.5)
    assert_printed(found, *printed)


def test_modified_beta_geo(histories: pd.DataFrame) -> None:
    fit = clv.ModifiedBetaGeo().fit(histories)
    assert fit.parameters == pytest.approx({"r": 0.524844, "alpha": 6.18309, "a": 0.891388, "b": 1.61405}, rel=1e-4)
    assert fit.log_likelihood == pytest.approx(-9582.1357, abs=1e-4)
    assert_printed(list(BTYD_MODIFIED.values()), "0.524844", "6.18309", "0.891388", "1.61405")
    stopped = BetaGeometricLikelihood(fit.patterns, survived=1)(np.array(list(BTYD_MODIFIED.values())))[0]
    assert 0 < fit.log_likelihood - stopped < 1e-7
    assert_printed(modified_beta_geo.expected_orders(39, 2, 30.43, 38.86, **BTYD_MODIFIED), "1.26266")
    assert_printed(modified_beta_geo.p_alive([2, 0], [30.43, 0], 38.86, **BTYD_MODIFIED), "0.70612", "0.38971")


def test_nbd(histories: pd.DataFrame) -> None:
    fit = clv.NBD().fit(histories)
    assert fit.parameters == pytest.approx({"r": 0.384766, "alpha": 12.0720}, rel=1e-5)
    assert fit.log_likelihood == pytest.approx(-9763.6576, abs=1e-4)
    expected = fit.expected_orders(39, histories["frequency"], histories["recency"], histories["T"])
    assert expected.sum() == pytest.approx(2929.8, abs=0.05)


@pytest.fixture(scope="module")
def pareto(histories: pd.DataFrame) -> ParetoNBDFit:
    return clv.ParetoNBD().fit(histories)


def test_pareto_parameters_likelihood_and_standard_errors(pareto: ParetoNBDFit) -> None:
    # BTYD and CLVTools print (.5534, 10.580, .6061, 11.656); the likelihood is a little higher at the paper's own.
    paper = {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}
    for name, value in paper.items():
        assert pareto.parameters[name] == pytest.approx(value, abs=5e-4), name
    printed = ParetoLikelihood(pareto.patterns)(np.array([0.5534, 10.580, 0.6061, 11.656]))[0]
    assert printed < pareto.log_likelihood < printed + 1e-4
    assert pareto.log_likelihood == pytest.approx(-9594.9762, abs=1e-4)
    printed = {"r": 0.0476, "alpha": 0.843, "s": 0.187, "beta": 6.21}
    assert pareto.standard_errors == pytest.approx(printed, rel=2e-3)


def test_pareto_of_single_customers(pareto: ParetoNBDFit) -> None:
    # The likelihood is flat in beta, and BTYD's search stops 2e-5 below its maximum.
    stopped = ParetoLikelihood(pareto.patterns)(np.array(list(BTYD_PARETO.values())))[0]
    assert 0 < pareto.log_likelihood - stopped < 2e-5
    assert_printed(pareto_nbd.expected_orders(39, 2, 30.43, 38.86, **BTYD_PARETO), "1.45512")
    assert_printed(pareto_nbd.p_alive(2, 30.43, 38.86, **BTYD_PARETO), "0.86912")
    printed = ("0.70597", "0.14419", "0.022499", "0.0030918")
    assert_printed(pareto_nbd.expected_orders(52, [10, 15, 20, 25], 20, 39, **BTYD_PARETO), *printed)


def test_pareto_of_customer_1516(pareto: ParetoNBDFit) -> None:
    # 25.456 is for the last order at 30.86 weeks, as the table prints it; at 216/7 = 30.857 weeks it is 25.455.
    assert_printed(pareto.expected_orders(52, 26, [30.86, 216 / 7], 31), "25.456", "25.455")
    assert_printed(pareto.p_alive(26, [30.86, 216 / 7], 31), "0.9979", "0.9979")


def test_pareto_of_a_new_customer() -> None:
    assert_printed(pareto_nbd.expected_orders_new(52, **BTYD_PARETO), "1.4731")
    printed = ("0.593569", "0.165585", "0.082499", "0.049047")
    assert_printed(pareto_nbd.probability_of_orders([0, 1, 2, 3], 39, **BTYD_PARETO), *printed)


def test_pareto_discounted_orders_without_end() -> None:
    assert_printed(pareto_nbd.discounted_orders(0.0027, 7, 35, 39, **BTYD_PARETO), "20.5555")
    named = {"r": 0.5629966, "alpha": 12.559037, "s": 0.4081095, "beta": 10.5148048}
    assert_printed(pareto_nbd.discounted_orders(0.0027, 7, 35, 77.86, **named), "1.86418")


@pytest.mark.parametrize(
    ("model", "stopped", "printed"),
    [
        (pareto_nbd, BTYD_PARETO, ("1665.4", "0.7545", "1.6028", "0.6302")),
        (beta_geo, BTYD_BETA_GEO, ("1653.4", "0.7855", "1.6080", "0.6256")),
        (modified_beta_geo, BTYD_MODIFIED, ("1576.7", "0.7648", "1.6072", "0.6273")),
    ],
)
def test_forecasts_of_the_holdout(
    cdnow_orders: pd.DataFrame,
    histories: pd.DataFrame,
    model: ModuleType,
    stopped: dict[str, float],
    printed: tuple[str, ...],
) -> None:
    days = cdnow_orders.loc[cdnow_orders["time"] > "1997-09-30", ["customer_id", "time"]].drop_duplicates()
    actual = histories["customer_id"].map(days.groupby("customer_id").size()).fillna(0)
    assert actual.sum() == 1882
    expected = model.expected_orders(39, histories["frequency"], histories["recency"], histories["T"], **stopped)
    errors = expected - actual
    correlation = np.corrcoef(expected, actual)[0, 1]
    assert_printed([expected.sum(), np.abs(errors).mean(), np.sqrt((errors**2).mean()), correlation], *printed)


@pytest.mark.parametrize(
    ("model", "total"), [(clv.ParetoNBD, "1665.5"), (clv.BetaGeo, "1653.4"), (clv.ModifiedBetaGeo, "1576.7")]
)
def test_forecasts_of_the_holdout_at_the_maximum(histories: pd.DataFrame, model: type[clv.BetaGeo], total: str) -> None:
    # Of Pareto/NBD sources print 1665.4: where their search stopped, as above.
    fit = model().fit(histories)
    assert_printed(fit.expected_orders(39, histories["frequency"], histories["recency"], histories["T"]).sum(), total)


def test_models_are_chosen_by_what_they_foretold(cdnow_orders: pd.DataFrame, histories: pd.DataFrame) -> None:
    later = clv.purchase_histories(
        cdnow_orders, customer="customer_id", time="time", value="value", until="1998-06-30", unit="week"
    )
    table = clv.compare_order_models(histories, later=later)
    assert list(table["model"]) == ["MBG/NBD", "BG/NBD", "Pareto/NBD", "NBD"]
    assert table["holdout_log_likelihood"].is_monotonic_decreasing
    assert set(table["actual_orders"]) == {1882}
    named = table.set_index("model")
    assert named.loc["Pareto/NBD", "forecast_orders"] == pytest.approx(1665.5, abs=0.05)
    assert named.loc["NBD", "mae"] > named.loc["BG/NBD", "mae"]
    assert list(clv.compare_order_models(histories)["model"]) == list(named.sort_values("bic").index)


def test_gamma_gamma_parameters_and_likelihood(gamma_gamma: GammaGammaFit) -> None:
    assert gamma_gamma.customers == 946
    assert gamma_gamma.parameters == pytest.approx({"p": 6.24935, "q": 3.74426, "v": 15.4443}, rel=1e-4)
    assert gamma_gamma.log_likelihood == pytest.approx(-4055.9177, abs=1e-4)


def test_gamma_gamma_expected_spend(gamma_gamma: GammaGammaFit) -> None:
    assert_printed([gamma_gamma.population_mean, gamma_gamma.expected_spend(2, 22.35)], "35.170", "24.658")
