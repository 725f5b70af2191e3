"""BG/BB: the donations of Fader, Hardie & Shang (2010), arithmetic by hand, and histories that are no periods."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clv import beta_geo_beta_binomial as formulas
from clv.beta_geo_beta_binomial import BetaGeoBetaBinomial, BetaGeoBetaBinomialFit
from clv.beta_geo_beta_binomial_likelihood import BetaBinomialLikelihood, log_likelihood
from customer_data.errors import InputError, ModelError
from tests.clv.published import BTYD_BETA_BINOMIAL, BTYD_THIRD_SEARCH, assert_printed

NAMES = ("alpha", "beta", "gamma", "delta")
ONES = dict.fromkeys(NAMES, 1.0)
PRINTED = dict(zip(NAMES, (1.2, 0.75, 0.66, 2.78), strict=True))


@pytest.fixture(scope="module")
def donations(shared_data: Path) -> pd.DataFrame:
    table = pd.read_csv(shared_data / "donations" / "lifetimes_donations.csv")
    return table.rename(columns={"periods": "T", "weights": "weight"})


@pytest.fixture(scope="module")
def fit(donations: pd.DataFrame) -> BetaGeoBetaBinomialFit:
    return BetaGeoBetaBinomial().fit(donations)


def test_donations_parameters_and_likelihood(fit: BetaGeoBetaBinomialFit) -> None:
    assert fit.customers == 11_104
    assert fit.parameters == pytest.approx(dict(zip(NAMES, (1.2035, 0.7498, 0.6568, 2.7839), strict=True)), rel=1e-3)
    assert fit.log_likelihood == pytest.approx(-33225.581, abs=1e-3)


def test_donations_searches_of_btyd_stopped_below_the_maximum(fit: BetaGeoBetaBinomialFit) -> None:
    likelihood = BetaBinomialLikelihood(fit.patterns)
    for stopped in (BTYD_BETA_BINOMIAL, BTYD_THIRD_SEARCH):
        assert 0 < fit.log_likelihood - likelihood(np.array(list(stopped.values())))[0] < 2e-5
    assert_printed(list(BTYD_BETA_BINOMIAL.values()), "1.2035", "0.7498", "0.6568", "2.7839")


def test_donations_forecasts(fit: BetaGeoBetaBinomialFit, donations: pd.DataFrame) -> None:
    assert_printed(formulas.expected_orders_new(10, **BTYD_THIRD_SEARCH), "3.17981")
    assert_printed(formulas.expected_orders(10, [0, 4], [0, 5], 6, **BTYD_THIRD_SEARCH), "0.13022", "3.62786")
    five_years = fit.expected_orders(5, donations["frequency"], donations["recency"], donations["T"])
    assert_printed(five_years @ donations["weight"], "12884.2")


def test_donations_chance_to_be_there() -> None:
    # The printed .10815 is for period 7; staying from 6 to 7 has the chance (delta + 6) / (gamma + delta + 6).
    gamma, delta = BTYD_BETA_BINOMIAL["gamma"], BTYD_BETA_BINOMIAL["delta"]
    stays = (delta + 6) / (gamma + delta + 6)
    assert_printed(formulas.p_alive(0, 0, 6, **BTYD_BETA_BINOMIAL) * stays, "0.10815")


def test_discounted_orders_without_end() -> None:
    assert_printed(formulas.discounted_orders(np.log(1.1), 3, 4, 6, **PRINTED), "1.62138")


def test_likelihood_by_hand() -> None:
    # All parameters 1: x = 1, t_x = 1, n = 2. There at 2: B(2, 2) B(1, 3) = 1/6 * 1/3; left after 1: B(2, 1) B(2, 2) =
    # 1/2 * 1/6. Sum 1/18 + 1/12 = 5/36, of which 2/5 there.
    one, two = np.ones(1), np.full(1, 2.0)
    assert np.exp(log_likelihood(one, one, two, **ONES)) == pytest.approx(5 / 36, rel=1e-14)
    assert formulas.p_alive(1, 1, 2, **ONES) == pytest.approx(2 / 5, rel=1e-14)


def test_all_histories_have_a_total_probability_of_one() -> None:
    n = 8
    total = 0.0
    for x in range(n + 1):
        for t_x in range(x, n + 1) if x else [0]:
            orders_before = 1 if x <= 1 else np.prod([(t_x - k) / k for k in range(1, x)])
            history = (np.full(1, float(value)) for value in (x, t_x, n))
            total += orders_before * np.exp(log_likelihood(*history, **PRINTED)[0])
    assert total == pytest.approx(1, rel=1e-12)


def test_probabilities_of_orders_sum_to_one_and_give_the_mean() -> None:
    probability = formulas.probability_of_orders(np.arange(31), 30, **PRINTED)
    assert probability.sum() == pytest.approx(1, rel=1e-12)
    assert probability @ np.arange(31) == pytest.approx(float(formulas.expected_orders_new(30, **PRINTED)), rel=1e-12)
    assert (formulas.probability_of_orders([11, 50], 10, **PRINTED) == 0).all()
    assert formulas.probability_of_no_order(30, 0, 0, 0, **PRINTED) == pytest.approx(probability[0], rel=1e-12)


def test_orders_of_the_next_periods_add_up() -> None:
    rates = formulas.purchase_rate(np.arange(1, 13), 3, 4, 6, **PRINTED) * formulas.p_alive(3, 4, 6, **PRINTED)
    np.testing.assert_allclose(
        formulas.expected_orders(np.arange(1, 13), 3, 4, 6, **PRINTED), np.cumsum(rates), rtol=1e-13
    )
    discount = np.exp(-0.1 * np.arange(1, 13))
    found = formulas.discounted_orders(0.1, 3, 4, 6, horizon=12, **PRINTED)
    assert found == pytest.approx(float(rates @ discount), rel=1e-13)
    assert formulas.discounted_orders_new(0.0, horizon=12, **PRINTED) == pytest.approx(
        float(formulas.expected_orders_new(12, **PRINTED)), rel=1e-13
    )


def test_gamma_of_one_is_no_special_case() -> None:
    near = formulas.expected_orders(20, 2, 3, 6, **PRINTED | {"gamma": 1 + 1e-9})
    assert formulas.expected_orders(20, 2, 3, 6, **PRINTED | {"gamma": 1.0}) == pytest.approx(float(near), rel=1e-8)


def test_gradient_and_hessian_are_those_of_the_likelihood(fit: BetaGeoBetaBinomialFit) -> None:
    likelihood = BetaBinomialLikelihood(fit.patterns)
    at = np.array([1.0, 0.8, 0.7, 2.0])
    _, gradient, hessian = likelihood(at)
    for index, step in enumerate(np.eye(4) * 1e-5):
        above, below = likelihood(at + step), likelihood(at - step)
        assert gradient[index] == pytest.approx((above[0] - below[0]) / 2e-5, rel=1e-6)
        np.testing.assert_allclose(hessian[index], (above[1] - below[1]) / 2e-5, rtol=1e-6)


def test_lifetimes_answers_alike(fit: BetaGeoBetaBinomialFit, donations: pd.DataFrame) -> None:
    fitter = fit.to_lifetimes()
    history = donations["frequency"], donations["recency"], donations["T"]
    np.testing.assert_allclose(
        fitter.conditional_expected_number_of_purchases_up_to_time(10, *history),
        fit.expected_orders(10, *history),
        rtol=1e-9,
    )
    np.testing.assert_allclose(fitter.conditional_probability_alive(0, *history), fit.p_alive(*history), rtol=1e-9)
    assert fitter.expected_number_of_transactions_in_first_n_periods(6)["model"].sum() == pytest.approx(11_104)
    assert dict(fitter.summary["se(coef)"]) == pytest.approx(dict(fit.standard_errors))
    assert len(fitter.generate_new_data(5)) == 5


def test_histories_that_are_no_periods_are_refused_all_at_once() -> None:
    weeks = pd.DataFrame({"frequency": [0, 2, 3], "recency": [0, 1.5, 2], "T": [6, 6, 5.5]})
    with pytest.raises(InputError) as caught:
        BetaGeoBetaBinomial().fit(weeks)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "histories.T",
        "histories.recency",
        "histories.frequency",
    ]


def test_no_orders_at_all() -> None:
    with pytest.raises(ModelError, match="BG/BB: none of the 2 customers has an order"):
        BetaGeoBetaBinomial().fit(pd.DataFrame({"frequency": [0, 0], "recency": [0, 0], "T": [6, 6]}))
