"""Intervals of small counts: by hand, against the delta method where counts are large, and held to known laws."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.bootstrap import bootstrap_credit, percentile_interval
from attribution.comparison import compare
from attribution.credit import attribute, model_credit
from attribution.credit_spread import credit_variance
from attribution.delta import interval
from attribution.intervals import (
    difference_interval,
    effect_interval,
    score_interval,
    share_interval,
    substituted_interval,
)
from attribution.paths import Paths
from attribution.rules import RuleOptions

Z = 1.6448536269514722
amounts = st.lists(st.integers(0, 10**6).map(lambda number: number / 7), min_size=1, max_size=6)


def test_score_interval_by_hand():
    # Means m that 9 conversions are within z standard deviations of: (9 - m)^2 = z^2 m.
    low, high = score_interval(np.array([9.0]), np.array([9.0]), confidence=0.9)
    for end in (low[0], high[0]):
        assert (9 - end) ** 2 == pytest.approx(Z**2 * end)
    # Credit in halves of conversions, 18 of them: half the ends of 18 conversions.
    halves = score_interval(np.array([9.0]), np.array([4.5]), confidence=0.9)
    wholes = score_interval(np.array([18.0]), np.array([18.0]), confidence=0.9)
    assert np.concatenate(halves) == pytest.approx(np.concatenate(wholes) / 2)


def test_a_channel_leans_on_the_size_that_is_typical_over_channels():
    # 12 of credit with variance 8 in all, 2/3 of a conversion each. The first has 6 in 12 halves, k = 1/2; two typical
    # ones along with them make (6 + 2 * 2/3) / (12 + 2). The last has none of its own.
    low, high = score_interval(np.array([6.0, 6.0, 0.0]), np.array([3.0, 5.0, 0.0]), confidence=0.9)
    scale = (6 + 4 / 3) / 14
    assert [(6 - low[0]) ** 2, (6 - high[0]) ** 2] == pytest.approx([Z**2 * scale * low[0], Z**2 * scale * high[0]])
    assert (low[2], high[2]) == pytest.approx((0, Z**2 * 2 / 3))


@given(amounts, st.floats(0.01, 100), st.floats(0.5, 0.99))
def test_ends_lie_around_the_estimate_and_scale_with_it(credit, scale, confidence):
    credit = np.array(credit)
    low, high = score_interval(credit, 0.7 * credit, confidence=confidence)
    assert ((low >= 0) & (low <= credit) & (credit <= high)).all()
    scaled = score_interval(scale * credit, 0.7 * scale**2 * credit, confidence=confidence)
    assert np.concatenate(scaled) == pytest.approx(scale * np.concatenate([low, high]), rel=1e-6, abs=1e-9)


def test_large_counts_have_the_intervals_of_the_delta_method():
    credit, spread = np.array([1e6, 4e5]), np.array([6e5, 4e5])
    expected = interval(credit, spread, confidence=0.9)
    reach = Z * np.sqrt(spread)
    for found, delta in zip(score_interval(credit, spread, confidence=0.9), expected, strict=True):
        assert np.abs(found - delta).max() < 0.003 * reach.min()
    apart = difference_interval(credit - 5e5, spread, total=1.4e6, confidence=0.9)
    for found, delta in zip(apart, interval(credit - 5e5, spread, confidence=0.9), strict=True):
        assert found == pytest.approx(delta, abs=1e-3)
    share = np.array([0.2, 0.8])
    for found, delta in zip(
        share_interval(share, share * (1 - share) / 1e6, confidence=0.9),
        interval(share, share * (1 - share) / 1e6, confidence=0.9),
        strict=True,
    ):
        assert found == pytest.approx(delta, abs=2e-6)


def test_difference_by_hand_and_none_where_models_differ_nowhere():
    # 4 of 10 conversions went from one channel to the other: variance 4 each, k = 8 / 10.
    low, high = difference_interval(np.array([4.0, -4.0]), np.array([4.0, 4.0]), total=10, confidence=0.9)
    reach = Z * np.sqrt(4 + 0.8**2 * Z**2 / 2)
    assert [*low, *high] == pytest.approx([4 - reach, -4 - reach, 4 + reach, -4 + reach])
    same = difference_interval(np.zeros(2), np.zeros(2), total=10, confidence=0.9)
    assert np.concatenate(same).tolist() == [0, 0, 0, 0]


def test_share_interval_by_hand():
    # 3 of 20: (p - 0.15)^2 = z^2 p (1 - p) / 20. Of 4 by 4 each as sure as 20 cases of their own can tell.
    low, high = share_interval(np.array([0.15, 0.0, 1.0]), np.array([0.15 * 0.85 / 20, 0, 0]), confidence=0.9)
    for end in (low[0], high[0]):
        assert (end - 0.15) ** 2 == pytest.approx(Z**2 * end * (1 - end) / 20)
    assert (low[1], high[1]) == pytest.approx((0, Z**2 / 20 / (1 + Z**2 / 20)))
    assert (low[2], high[2]) == pytest.approx((1 - high[1], 1))


def test_effects_by_hand():
    # 5 of 20 conversions: variance p (1 - p) / 20 times 20 / 19, and t of 19 degrees of freedom, 1.7291, for z.
    share, cases = np.array([0.25, 0.0]), 20.0
    low, high = effect_interval(share, share * (1 - share) / 20, cases=cases, confidence=0.9)
    grown = (1.7291328115213698 / Z) ** 2 * 20 / 19
    # The score interval of 20 / grown cases, and 2 of the size 1 / 20 that is typical.
    per_case = (0.25 * 0.75 + 2 / 20) / (0.25 * 0.75 * 20 / grown + 2)
    for end in (low[0], high[0]):
        assert (end - 0.25) ** 2 == pytest.approx(Z**2 * per_case * end * (1 - end))
    assert (low[1], high[1]) == pytest.approx((0, Z**2 / 20 / (1 + Z**2 / 20)))
    low, high = substituted_interval(np.array([-0.1, 0]), np.array([0.01, 0]), cases=cases, confidence=0.9)
    assert high + 0.1 * np.array([1, 0]) == pytest.approx(Z * np.sqrt([0.01 * grown + (Z / 40) ** 2, (Z / 40) ** 2]))
    assert low + high == pytest.approx([-0.2, 0])


def test_nothing_credited_to_anybody_is_certain_and_missing_shares_stay_missing():
    assert np.concatenate(score_interval(np.zeros(2), np.zeros(2), confidence=0.9)).tolist() == [0, 0, 0, 0]
    shares = share_interval(np.array([np.nan, 0.5]), np.array([np.nan, 0.01]), confidence=0.9)
    assert np.isnan([shares[0][0], shares[1][0]]).all()
    assert not np.isnan([shares[0][1], shares[1][1]]).any()


def law(seed):
    """Paths over three channels, the last of which few touch, and how often each converts per journey."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 5, 40)
    codes = generator.choice(3, lengths.sum(), p=[0.6, 0.35, 0.05])
    base = Paths.from_codes(list("abc"), codes, lengths, conversions=np.ones(40), nulls=np.ones(40))
    return base, generator.dirichlet(np.full(len(base), 0.7))


def test_few_conversions_hold_the_truth_where_the_delta_method_does_not():
    # 20 conversions a data set, of which a tenth goes to the rarest channel; their values have a standard deviation of
    # 0.7 times the mean of 50. A share of 300 data sets has a standard error of 1.7 points.
    base, share = law(5)
    expected = {model: _credit(base, 20 * share, model) for model in ("last_click", "linear")}
    generator = np.random.default_rng(6)
    held = {}
    for _ in range(300):
        path = np.repeat(np.arange(len(base)), generator.poisson(20 * share))
        value = generator.gamma(2.0, 25.0, len(path))
        sums = [np.bincount(path, weights=of_each, minlength=len(base)) for of_each in (path >= 0, value, value**2)]
        paths = dataclasses.replace(base, conversions=sums[0], value=sums[1], value_squares=sums[2])
        for model, truth in expected.items():
            credit = model_credit(paths, model, order=1, options=RuleOptions())
            spread = credit_variance(paths, model)
            for name, ends, measure, mean in (
                ("conversions", score_interval, "conversions", truth),
                ("value", score_interval, "value", 50 * truth),
                ("value by the delta method", interval, "value", 50 * truth),
            ):
                low, high = ends(getattr(credit, measure), getattr(spread, measure), confidence=0.9)
                held.setdefault((model, name), []).append((low <= mean) & (mean <= high))
    names = ["conversions", "value", "value by the delta method"]
    shares = {name: np.mean([held[model, name] for model in expected], axis=1) for name in names}
    assert np.mean([shares["conversions"], shares["value"]]) == pytest.approx(0.91, abs=0.02)
    assert min(shares["conversions"].min(), shares["value"].min()) > 0.86
    assert shares["value by the delta method"].min() < 0.75


def _credit(base, conversions, model):
    paths = Paths.from_codes(list("abc"), base.codes, base.lengths, conversions=conversions, nulls=np.ones(len(base)))
    return attribute(paths, models=[model], confidence=None)["conversions"].to_numpy()


def test_ends_are_those_of_the_bootstrap_where_counts_are_large_and_lie_higher_where_they_are_small(published):
    drawn = bootstrap_credit(published, ["linear", "markov"], replicates=3000, seed=3)
    table = attribute(published, models=["linear", "markov"])
    for number, (_, rows) in enumerate(table.groupby("model", sort=False)):
        low, high = percentile_interval(drawn.conversions[:, number], confidence=0.9)
        width = high - low
        large = rows["conversions"].to_numpy() > 100
        # The 5 % point of 3,000 replicates has a standard error of 1.2 % of the width. A score interval of n
        # conversions lies z / (4 sqrt(n)) of its width higher, and a bootstrap of skewed counts a third of that.
        for end, found in (("conversions_low", low), ("conversions_high", high)):
            moved = (rows[end].to_numpy() - found) / width
            assert np.abs(moved[large]).max() < 0.06
            assert moved[~large].min() > -0.03
    differences = compare(published, drawn=drawn, baseline="linear").set_index("channel")
    by_delta = compare(published, baseline="linear").set_index("channel").loc[differences.index]
    width = differences["difference_high"] - differences["difference_low"]
    for end in ("difference_low", "difference_high"):
        assert ((differences[end] - by_delta[end]).abs() / width)[differences["markov"] > 100].max() < 0.06
