"""Intervals by the profile likelihood: against likelihoods whose own is known, and on a fit far from normal."""

import numpy as np
import pytest
from scipy.optimize import minimize

from clv.beta_geo import BetaGeo
from clv.maximum_likelihood import LogNormalPrior
from clv.nbd import NBD
from clv.profile_likelihood import profile_end
from tests.clv.simulated import beta_geo_histories

FALL = 1.6448536**2 / 2  # of a 90 % interval


def gamma_in_logs(point):
    """Thirty exponential waits of mean 1 in all, as a function of the logarithm of their rate and of one more."""
    (rate,), free = np.exp(point[:1]), point[1] - point[0] / 2
    value = 30 * point[0] - 30 * rate - 5 * free**2
    gradient = np.array([30 - 30 * rate + 5 * free, -10 * free])
    return float(value), gradient, np.array([[-30 * rate - 2.5, 5.0], [5.0, -10.0]])


@pytest.mark.parametrize("side", [-1, 1])
def test_the_end_is_where_the_profile_has_fallen(side):
    # The other coordinate follows at half the pace and costs nothing: 30 (e^d - 1 - d) = fall.
    end = profile_end(gamma_in_logs, np.zeros(2), index=0, side=side, fall=FALL)
    assert np.sign(end) == side
    assert 30 * (np.exp(end) - 1 - end) == pytest.approx(FALL, rel=1e-4)


def test_where_the_likelihood_stays_up_there_is_no_end():
    def levels_off(point):
        # (1 - 1 / cosh^2) / 2 is the fall, a half at most.
        flat = 1 / np.cosh(point[0]) ** 2
        slope = -np.tanh(point[0]) * flat
        bend = flat * (2 - 3 * flat)
        return float(-(1 - flat) / 2), np.array([slope]), np.array([[bend]])

    assert profile_end(levels_off, np.zeros(1), index=0, side=1, fall=FALL) == np.inf
    assert profile_end(levels_off, np.zeros(1), index=0, side=-1, fall=FALL) == -np.inf
    assert abs(profile_end(levels_off, np.zeros(1), index=0, side=-1, fall=0.1)) == pytest.approx(
        np.arccosh(1 / np.sqrt(0.8)), rel=1e-4
    )


@pytest.fixture(scope="module")
def fit():
    return BetaGeo().fit(np.ceil(beta_geo_histories(2_500, seed=4, r=0.95, alpha=31, a=0.75, b=3.6)))


@pytest.mark.parametrize("column", ["low", "high"])
def test_ends_of_parameters_are_those_that_a_search_over_the_others_finds(fit, column):
    estimates = np.log(list(fit.parameters.values()))
    ends = fit.table.set_index("parameter")[column]
    likelihood = fit.formulas.likelihood(fit.patterns)
    for place, name in ((2, "a"), (3, "b")):
        others = np.arange(4) != place

        def fall(moved, place=place, name=name, others=others):
            point = estimates.copy()
            point[place], point[others] = np.log(ends[name]), estimates[others] + moved
            value, gradient, _ = likelihood(np.exp(point))
            return fit.log_likelihood - value, -(gradient * np.exp(point))[others]

        assert minimize(fall, np.zeros(3), jac=True).fun == pytest.approx(FALL, rel=1e-3)


def test_a_prior_ends_intervals_that_the_data_leave_open():
    # Of 150 customers perhaps none has left, or all are equally likely to; r and alpha have their ends even so.
    histories = np.ceil(beta_geo_histories(150, seed=4, r=0.95, alpha=31, a=0.75, b=3.6))
    prior = LogNormalPrior.independent({"r": 1.0, "alpha": 30.0, "a": 1.0, "b": 3.0}, log_sd=1.0)
    alone = BetaGeo().fit(histories).table
    assert list(alone["low"] == 0) == list(alone["high"] == np.inf) == [False, False, True, True]
    table = BetaGeo(prior=prior).fit(histories).table
    assert np.isfinite(table["high"]).all()
    assert (table["low"] > 0).all()
    assert (table["low"] < table["estimate"]).all()
    assert (table["estimate"] < table["high"]).all()


def test_well_known_parameters_take_their_standard_error():
    fit = NBD().fit(np.ceil(beta_geo_histories(4_000, seed=4, r=0.95, alpha=31, a=0.75, b=3.6)))
    table, errors = fit.table, np.sqrt(np.diag(fit.covariance_log))
    assert (errors < 0.1).all()
    np.testing.assert_allclose(table["low"] * table["high"], table["estimate"] ** 2)
    np.testing.assert_allclose(np.log(table["high"] / table["low"]), 2 * 1.6448536269514722 * errors)
