"""Calibration with lift tests: limits by hand, the posterior by direct integration, coverage by simulation."""

import numpy as np
import pandas
import pytest
from scipy import stats

from attribution.calibration import NOT_ABOVE_ZERO, calibrate
from attribution.credit import model_credit
from attribution.multipliers import MultiplierPrior, draw_multipliers
from attribution.paths import Paths
from attribution.rules import RuleOptions
from customer_data.errors import ConfigurationError, InputError


@pytest.fixture
def shop():
    """Last click credits 4000, 3000 and 2000 conversions to search, social and video."""
    return Paths.from_strings(
        ["search", "video > social", "video"], [4000, 3000, 2000], [0, 0, 0], [9000, 20_000, 30_000]
    )


def lift_tests(**lifts):
    return pandas.DataFrame(
        [{"channel": name, "incremental": lift, "standard_error": error} for name, (lift, error) in lifts.items()]
    )


def draws_of(channel, ratio, error, *, channels, prior=None, draws=20_000, seed=1):
    return draw_multipliers(
        np.array(channel),
        np.array(ratio, dtype=float),
        np.array(error, dtype=float),
        channels=channels,
        prior=prior or MultiplierPrior(),
        draws=draws,
        generator=np.random.default_rng(seed),
    )


def test_a_sharp_test_decides_its_channel(shop):
    table = calibrate(shop, lift_tests(search=(1000, 1)), model="last_click").set_index("channel")
    assert table.multiplier["search"] == pytest.approx(0.25, abs=0.001)
    assert table.experiments.tolist() == [1, 0, 0, 0]
    # Credit itself is uncertain: 4000 conversions have a standard error of 63, of which a quarter is left.
    assert table.conversions["search"] == pytest.approx(1000, abs=1)
    reach = 1.645 * 0.25 * np.sqrt(4000)
    assert table.conversions_high["search"] == pytest.approx(1000 + reach, abs=1.5)
    # The others learn from it that credit is more than was caused, but stay far less sure.
    # By direct integration .842; the standard error of 20,000 draws of it is .03.
    assert table.multiplier["social"] == pytest.approx(0.842, abs=0.1)
    width = table.multiplier_high - table.multiplier_low
    assert width["social"] > 50 * width["search"]


def test_a_blunt_test_leaves_the_prior():
    drawn = np.log(draws_of([0], [0.1], [1e6], channels=2))
    # Var(log gamma) = s^2 + E tau^2 = .25 + .25, mean 0.
    assert drawn.mean(axis=0) == pytest.approx([0, 0], abs=0.02)
    assert drawn.var(axis=0) == pytest.approx([0.5, 0.5], rel=0.05)


def test_posterior_equals_direct_integration():
    # One tested channel, L / A = .4 with standard error .15. mu is integrated out by hand: log gamma is normal with
    # variance s^2 + tau^2 given tau. The rest is summed on a fine grid.
    prior = MultiplierPrior(mean=0.1, mean_spread=0.4, spread=0.6)
    log_gamma, tau = np.meshgrid(np.linspace(-9, 3, 3001), np.linspace(0, 4, 1001))
    joint = stats.norm.pdf(0.4, np.exp(log_gamma), 0.15) * stats.halfnorm.pdf(tau, scale=prior.spread)
    joint *= stats.norm.pdf(log_gamma, prior.mean, np.hypot(prior.mean_spread, tau))
    mean = (np.exp(log_gamma) * joint).sum() / joint.sum()
    deviation = np.sqrt((np.exp(2 * log_gamma) * joint).sum() / joint.sum() - mean**2)
    drawn = draws_of([0], [0.4], [0.15], channels=1, prior=prior, draws=200_000)[:, 0]
    assert drawn.mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(200_000) + 1e-3 * mean)
    assert drawn.std() == pytest.approx(deviation, rel=0.01)


def test_intervals_hold_multipliers_drawn_from_the_model():
    generator = np.random.default_rng(8)
    prior = MultiplierPrior(mean=-0.3, mean_spread=0.5, spread=0.4)
    held = []
    for _ in range(60):
        mu, tau = generator.normal(-0.3, 0.5), abs(generator.normal(0, 0.4))
        gamma = np.exp(generator.normal(mu, tau, 5))
        error = np.array([0.1, 0.3, 0.05])
        lifts = generator.normal(gamma[:3], error)
        drawn = draws_of([0, 1, 2], lifts, error, channels=5, prior=prior, draws=2000, seed=generator.integers(1 << 30))
        low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
        held.append((low <= gamma) & (gamma <= high))
    # 60 runs of five channels that share mu and tau: a standard error of about 2 points.
    assert np.mean(held) == pytest.approx(0.9, abs=0.045)


def test_several_tests_of_a_channel_are_pooled():
    # Two tests of equal size at .4 and .6 count as one at .5 with the error over the root of 2.
    two = draws_of([0, 0], [0.4, 0.6], [0.1, 0.1], channels=1, draws=100_000)
    one = draws_of([0], [0.5], [0.1 / np.sqrt(2)], channels=1, draws=100_000)
    assert two.mean() == pytest.approx(one.mean(), abs=0.002)
    assert two.std() == pytest.approx(one.std(), rel=0.02)


def test_channels_and_baseline_add_up_and_the_seed_decides(shop):
    tests = lift_tests(search=(1000, 200), social=(2400, 500))
    table = calibrate(shop, tests, model="last_click", seed=3)
    assert table.conversions.sum() == pytest.approx(9000)
    assert table.kind.tolist() == ["channel", "channel", "channel", "baseline"]
    assert (table.conversions_low < table.conversions).all()
    assert (table.conversions < table.conversions_high).all()
    assert table.equals(calibrate(shop, tests, model="last_click", seed=3))
    assert not table.equals(calibrate(shop, tests, model="last_click", seed=4))


def test_a_test_of_part_of_the_credit_counts_for_that_part(shop):
    tests = lift_tests(search=(100, 1)).assign(credited=[400.0])
    table = calibrate(shop, tests, model="last_click").set_index("channel")
    assert table.multiplier["search"] == pytest.approx(0.25, abs=0.002)
    assert table.conversions["search"] == pytest.approx(1000, abs=5)
    unknown = calibrate(shop, lift_tests(search=(1000, 10)).assign(credited=[np.nan]), model="last_click")
    assert unknown.equals(calibrate(shop, lift_tests(search=(1000, 10)), model="last_click"))


def test_a_negative_lift_leaves_a_small_multiplier_and_a_note(shop):
    tests = lift_tests(social=(-300, 100), search=(1000, 200))
    table = calibrate(shop, tests, model="last_click").set_index("channel")
    assert 0 < table.multiplier["social"] < 0.1
    assert table.note.to_dict() == {"search": "", "social": NOT_ABOVE_ZERO, "video": "", "baseline": ""}
    # Channels without a test are likely to cause less, too (.567 by direct integration), and less surely than without.
    other = draws_of([0], [-0.1], [1 / 30], channels=2, draws=100_000)[:, 1]
    assert np.median(other) == pytest.approx(0.567, abs=0.01)


def test_markov_credit_is_calibrated_by_default(shop):
    table = calibrate(shop, lift_tests(search=(1000, 200))).set_index("channel")
    credit = model_credit(shop, "markov", order=1, options=RuleOptions()).conversions
    assert table.credited[list(shop.channels)].to_numpy() == pytest.approx(credit)


def test_every_problem_of_the_experiments_is_named(shop):
    tests = pandas.DataFrame(
        {
            "channel": ["serch", "social", "social", "video"],
            "incremental": [10, np.nan, 5, 10],
            "standard_error": [1, 1, 0, 2],
        }
    )
    with pytest.raises(InputError) as caught:
        calibrate(shop, tests, model="last_click")
    text = str(caught.value)
    assert "no channel 'serch'. Did you mean 'search'?" in text
    assert "experiments.incremental: 1 of 4 rows" in text
    assert "experiments.standard_error: 1 of 4 rows cannot be used (first: row 3, channel 'social')" in text
    assert "experiments.credited" not in text


def test_text_in_place_of_numbers_is_told_with_its_row_and_channel(shop):
    tests = pandas.DataFrame(
        {
            "channel": ["search", "video", "social"],
            "incremental": [10, "many", "few"],
            "standard_error": ["1", 2, "?"],
            "credited": [None, 3, "all"],
        }
    )
    with pytest.raises(InputError) as caught:
        calibrate(shop, tests, model="last_click")
    told = "\n".join(caught.value.problems)
    assert "experiments.incremental: 2 of 3 rows cannot be used (first: row 2, channel 'video')" in told
    assert "experiments.standard_error: 1 of 3 rows cannot be used (first: row 3, channel 'social')" in told
    assert "experiments.credited: 1 of 3 rows cannot be used (first: row 3, channel 'social')" in told


def test_channels_without_credit_missing_columns_and_no_tests(shop):
    with pytest.raises(InputError, match="A channel without credit has no multiplier"):
        calibrate(shop, lift_tests(social=(10, 3)), model="first_click")
    with pytest.raises(InputError, match="no column incremental, standard_error"):
        calibrate(shop, pandas.DataFrame({"channel": ["search"]}))
    with pytest.raises(InputError, match="there are none"):
        calibrate(shop, lift_tests(search=(1, 1)).iloc[:0])


def test_a_sharp_test_far_above_a_narrow_prior_is_believed(shop):
    # Some 25 standard deviations of log multipliers above their mean: the normal distribution is 1 there in doubles.
    narrow = MultiplierPrior(mean=np.log(0.1), mean_spread=0.1, spread=0.1)
    tests = lift_tests(search=(1000, 1)).assign(credited=500.0)
    table = calibrate(shop, tests, model="last_click", prior=narrow).set_index("channel")
    assert table.loc["search", "multiplier"] == pytest.approx(2, abs=0.01)


def test_options_out_of_range(shop):
    with pytest.raises(ConfigurationError, match="spreads above 0"):
        MultiplierPrior(spread=0)
    with pytest.raises(ConfigurationError, match="too few"):
        calibrate(shop, lift_tests(search=(1, 1)), draws=10)


def test_very_many_channels_are_drawn_by_their_variances(shop, monkeypatch):
    # Last clicks of single touches are independent, so that variances alone give the same intervals but for the draws.
    exact = calibrate(shop, lift_tests(search=(1000, 40)), model="last_click", seed=3)
    monkeypatch.setattr("attribution.calibration.MOST_TOGETHER", 2)
    quick = calibrate(shop, lift_tests(search=(1000, 40)), model="last_click", seed=3)
    row = quick["channel"] == "search"
    for name in ("conversions", "conversions_low", "conversions_high"):
        # The 5 % point of 20,000 draws that spread by 43 has a standard error of 2.1 * 43 / sqrt(20,000) = 0.64.
        assert quick[name][row].to_numpy() == pytest.approx(exact[name][row].to_numpy(), abs=3 * 0.64)
    assert quick["conversions"].sum() == pytest.approx(9000)
