"""Multipliers given tests: the posterior by direct integration, also where a test conflicts with the prior."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from attribution.multipliers import MultiplierPrior, draw_multipliers, expected_ratios, posterior_nodes

SHARES = [0.05, 0.5, 0.95]


def directly_integrated(ratio, error, prior):
    """5, 50 and 95 % quantiles of the multipliers of the one tested channel and of one without a test.

    mu is integrated out by hand: log gamma of the tested channel is normal with variance s^2 + tau^2 given tau, and
    that of the other given both is normal about m + s^2 / (s^2 + tau^2) (log gamma - m). The rest is summed finely.
    """
    log = np.linspace(prior.mean - 24, prior.mean + 8, 2001)
    tau = prior.spread * np.exp(np.linspace(-9, 2.7, 121))[:, None]
    variance = prior.mean_spread**2 + tau**2
    away = (np.exp(log) - ratio) ** 2 - min(ratio, 0) ** 2
    joint = np.exp(-0.5 * away / error**2) * stats.norm.pdf(log, prior.mean, np.sqrt(variance))
    joint *= tau * np.exp(-0.5 * (tau / prior.spread) ** 2)
    joint /= joint.sum()
    below = np.cumsum(joint.sum(axis=0)) - joint.sum(axis=0) / 2
    tested = np.exp(np.interp(SHARES, below, log))
    seen = joint.sum(axis=0) > 1e-9
    centre = prior.mean + prior.mean_spread**2 / variance * (log[seen] - prior.mean)
    spread = np.sqrt(variance - prior.mean_spread**4 / variance)

    def excess(other, share):
        return (joint[:, seen] * stats.norm.cdf((other - centre) / spread)).sum() - share

    return tested, np.exp([brentq(excess, -9, 6, args=(share,), xtol=1e-4) for share in SHARES])


@pytest.mark.parametrize(("ratio", "error"), [(0.4, 0.15), (-0.307, 0.102), (6.0, 0.5)])
def test_quantiles_equal_those_of_direct_integration_also_where_test_and_prior_conflict(ratio, error):
    prior = MultiplierPrior()
    tested, other = directly_integrated(ratio, error, prior)
    if ratio < 0:  # what a second program for it gave
        assert np.r_[tested[[0, 2]], other[[0, 2]]] == pytest.approx([0.0123, 0.1308, 0.0781, 4.975], rel=2e-3)
    one = np.array([0]), np.array([ratio]), np.array([error])
    mean, spread, weight = posterior_nodes(*one, prior=prior)
    step = np.diff(np.unique(mean))[0] * np.linspace(-0.5, 0.5, 11)[:, None, None]
    found = weight @ stats.norm.cdf((np.log(other) - mean[:, None] - step) / spread[:, None]).mean(axis=0)
    assert found == pytest.approx(SHARES, abs=5e-4)
    drawn = draw_multipliers(*one, channels=2, prior=prior, draws=100_000, generator=np.random.default_rng(4))
    for column, ends in enumerate((tested, other)):
        # Four standard errors of a share of 100,000 draws.
        reach = 4 * np.sqrt(np.multiply(SHARES, np.subtract(1, SHARES)) / 100_000)
        assert (np.abs((drawn[:, column, None] < ends).mean(axis=0) - SHARES) < reach).all()


def test_sharp_tests_that_agree_leave_little_doubt_of_a_channel_without_one():
    # Eight tests at .5 +- .001: tau is small, though its prior is not, and mu is known to some hundredths.
    tests = np.arange(8), np.full(8, 0.5), np.full(8, 0.001)
    drawn = draw_multipliers(
        *tests, channels=9, prior=MultiplierPrior(), draws=20_000, generator=np.random.default_rng(4)
    )
    # Each is known better than by its own test, and not better than by the mean of all eight.
    assert (0.001 / np.sqrt(8) < drawn[:, :8].std(axis=0)).all()
    assert (drawn[:, :8].std(axis=0) < 0.001).all()
    assert np.quantile(drawn[:, 8], SHARES) == pytest.approx([0.5, 0.5, 0.5], abs=0.005)


def test_what_is_expected_of_a_test_is_the_prior_with_the_error_of_the_test():
    prior = MultiplierPrior(mean=0.2, mean_spread=0.4, spread=0.3)
    random = np.random.default_rng(3)
    log = random.normal(0.2, 0.4, 400_000) + np.abs(random.normal(0, 0.3, 400_000)) * random.normal(size=400_000)
    for error in (0.001, 0.5, 40.0):
        low, high = expected_ratios(np.array([error]), prior=prior, confidence=0.8)
        found = np.exp(log) + random.normal(0, error, 400_000)
        # Four standard errors of a share of 400,000 draws are .0025.
        assert (found < low).mean() == pytest.approx(0.1, abs=0.0025)
        assert (found > high).mean() == pytest.approx(0.1, abs=0.0025)
