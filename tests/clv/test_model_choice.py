"""The comparison of models of orders: held-out likelihood, models that fail, histories that do not continue."""

import numpy as np
import pandas as pd
import pytest

from clv.beta_geo import BetaGeo
from clv.model_choice import compare_order_models
from clv.modified_beta_geo import ModifiedBetaGeo
from clv.nbd import NBD
from clv.pareto_nbd import ParetoNBD, weak_prior
from customer_data.errors import InputError
from tests.clv.simulated import beta_geo_histories


@pytest.fixture(scope="module")
def histories() -> pd.DataFrame:
    return beta_geo_histories(800, seed=2, r=0.6, alpha=6, a=0.8, b=2.5)


def test_silence_is_scored_by_the_probability_of_no_order(histories: pd.DataFrame) -> None:
    fit = NBD().fit(histories)
    later = histories.assign(T=histories["T"] + 10)
    silence = fit.probability_of_no_order(10, histories["frequency"], histories["recency"], histories["T"])
    assert fit.score(later) - fit.log_likelihood == pytest.approx(np.log(silence).sum(), rel=1e-9)
    row = compare_order_models(histories, later=later, models=[NBD()]).iloc[0]
    assert row["holdout_log_likelihood"] == pytest.approx(np.log(silence).sum(), rel=1e-9)
    # Of independent customers the variance of a sum is their number times the variance of one.
    assert row["holdout_std_error"] == pytest.approx(np.sqrt(800) * np.log(silence).std(ddof=1), rel=1e-9)
    assert (row["behind_best"], row["behind_best_std_error"]) == (0, 0)
    assert row["actual_orders"] == 0
    assert row["mae"] == pytest.approx(row["forecast_orders"] / 800)


def test_models_with_a_law_of_days_are_compared_under_it() -> None:
    # In days: the likelihood of 1 - e^-l a day with an order, e^-l a day without, is that of continuous time with half
    # a day less for each order; and what is foretold are days of purchase, fewer than orders.
    shop = beta_geo_histories(800, seed=2, r=0.9, alpha=20, a=0.8, b=2.5)
    days = shop.assign(recency=np.ceil(shop["recency"]), T=np.ceil(shop["T"]))
    days = days[days["frequency"] <= days["recency"]]
    taken = days["frequency"] / 2
    models = [BetaGeo(), NBD()]
    later = days.assign(T=days["T"] + 50)
    found = compare_order_models(days, later=later, models=models, day=1.0).set_index("model")
    assert dict(found["order_time"]) == {"BG/NBD": "days", "NBD": "continuous"}
    fit = BetaGeo().fit(days.assign(recency=days["recency"] - taken, T=days["T"] - taken))
    assert found.loc["BG/NBD", "log_likelihood"] == pytest.approx(fit.log_likelihood, rel=1e-12)
    continued = later.assign(recency=days["recency"] - taken, T=later["T"] - taken)
    held_out = fit.score(continued) - fit.log_likelihood
    assert found.loc["BG/NBD", "holdout_log_likelihood"] == pytest.approx(held_out, rel=1e-9)
    continuous = compare_order_models(days, later=later, models=models).set_index("model")
    assert set(continuous["order_time"]) == {"continuous"}
    of_bg = ["order_time", "behind_best", "behind_best_std_error"]  # NBD's own numbers do not know of the other's days
    assert continuous.loc["NBD"].drop(of_bg).equals(found.loc["NBD"].drop(of_bg))
    assert found.loc["BG/NBD", "forecast_orders"] < continuous.loc["BG/NBD", "forecast_orders"]


def test_a_model_that_cannot_be_fitted_says_why_and_comes_last() -> None:
    regular = pd.DataFrame({"frequency": [30] * 40, "recency": [30.0] * 40, "T": [30.0] * 40})
    table = compare_order_models(regular, models=[BetaGeo(), NBD()])
    assert table["problem"].str.contains("did not converge on 40 customers").all()
    assert table["log_likelihood"].isna().all()


def test_the_better_model_comes_first(histories: pd.DataFrame) -> None:
    table = compare_order_models(histories, models=[NBD(), BetaGeo()])
    assert list(table["model"]) == ["BG/NBD", "NBD"]
    assert list(table["parameters"]) == [4, 2]
    assert table["holdout_log_likelihood"].isna().all()


def test_later_histories_must_continue_the_earlier(histories: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="later: 799 rows, but histories have 800"):
        compare_order_models(histories, later=histories.iloc[1:])
    with pytest.raises(InputError, match=r"later.T: 800 of 800 rows are smaller than in histories \(first: row 0\)"):
        compare_order_models(histories, later=histories.assign(T=histories["T"] - 5))


@pytest.mark.parametrize("day", [0.0, 1.0])
def test_a_model_s_lead_is_the_sum_of_its_customers_leads_whatever_the_model(day: float) -> None:
    shop = beta_geo_histories(1_500, seed=4, r=0.6, alpha=30, a=0.8, b=2.5)
    days = shop.assign(recency=np.ceil(shop["recency"]), T=np.ceil(shop["T"]))
    days = days[days["frequency"] <= days["recency"]].assign(weight=1.0)
    days.loc[days.index[:100], "weight"] = 3.0
    later = days.assign(T=days["T"] + 50)
    models = [BetaGeo(), ModifiedBetaGeo(), ParetoNBD(prior=weak_prior(days_per_unit=1)), NBD()]
    table = compare_order_models(days, later=later, models=models, day=day).set_index("model")
    lead = table["holdout_log_likelihood"].max() - table["holdout_log_likelihood"]
    assert table["behind_best"].to_numpy() == pytest.approx(lead.to_numpy(), rel=1e-8, abs=1e-8)
    assert (table["holdout_std_error"] > 0).all()
    # What is hard to foretell under one model is hard under its sibling, so their difference is surer than either.
    assert table.loc["BG/NBD", "behind_best_std_error"] < table.loc["BG/NBD", "holdout_std_error"] / 2
