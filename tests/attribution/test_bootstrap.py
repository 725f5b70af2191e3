"""The bootstrap: exact refits, reproducible on any number of threads, and robust to customers with several journeys."""

import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import ndtr
from scipy.stats import skellam

from attribution import bootstrap
from attribution.bootstrap import (
    accelerated_interval,
    bootstrap_credit,
    least_displacing_map,
    percentile_interval,
    rank_stability,
)
from attribution.credit import model_credit
from attribution.credit_spread import credit_covariance
from attribution.paths import Paths
from attribution.rules import RuleOptions
from customer_data.errors import ConfigurationError

MODELS = ["last_click", "linear", "markov"]


@pytest.fixture
def paths():
    generator = np.random.default_rng(21)
    lengths = generator.integers(1, 6, 60)
    conversions = generator.integers(0, 30, 60)
    of_rows = Paths.from_codes(
        ["a", "b", "c", "d", "unseen"],
        generator.integers(0, 4, lengths.sum()),
        lengths,
        conversions=conversions,
        nulls=generator.integers(0, 90, 60),
        value=conversions * generator.uniform(1, 9, 60),
    )
    return dataclasses.replace(of_rows, value_squares=None)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_every_replicate_is_the_credit_of_the_paths_drawn(paths, order):
    drawn = bootstrap_credit(paths, MODELS, order=order, replicates=5, seed=4)
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(4).spawn(1)[0]))
    plan = bootstrap._Plan.make(paths, MODELS, order, RuleOptions())
    conversions, nulls = plan.conversions.draw(generator, 5), plan.nulls.draw(generator, 5)
    converting = np.flatnonzero(paths.conversions > 0)[plan.conversions.rows]
    for replicate in range(5):
        again = {name: np.zeros(len(paths)) for name in ("conversions", "value", "nulls")}
        again["conversions"][converting] = conversions[:, replicate]
        again["nulls"][np.flatnonzero(paths.nulls > 0)[plan.nulls.rows]] = nulls[:, replicate]
        again["value"][converting] = conversions[:, replicate] * plan.mean_value
        redrawn = dataclasses.replace(paths, **again)
        for number, model in enumerate(MODELS):
            credit = model_credit(redrawn, model, order=order, options=RuleOptions())
            assert drawn.conversions[replicate, number] == pytest.approx(credit.conversions, rel=1e-9)
            assert drawn.value[replicate, number] == pytest.approx(credit.value, rel=1e-9)


def test_chains_of_many_channels_are_solved_singly_to_the_same_credit(paths, monkeypatch):
    batched = bootstrap_credit(paths, ["markov"], replicates=40, seed=4)
    monkeypatch.setattr("attribution.refits.BATCHED_STATES", 1)
    singly = bootstrap_credit(paths, ["markov"], replicates=40, seed=4)
    assert singly.conversions == pytest.approx(batched.conversions, rel=1e-9)
    assert singly.value == pytest.approx(batched.value, rel=1e-9)


def test_counts_too_large_for_single_precision_are_summed_in_double(paths, monkeypatch):
    single = bootstrap_credit(paths, ["markov"], replicates=40, seed=4)
    monkeypatch.setattr(bootstrap, "EXACT_SINGLE", 0)
    double = bootstrap_credit(paths, ["markov"], replicates=40, seed=4)
    assert np.array_equal(single.conversions, double.conversions)


def test_threads_change_nothing_and_seeds_do(paths):
    one, two, five = (bootstrap_credit(paths, MODELS, replicates=100, seed=6, threads=n) for n in (1, 2, 5))
    assert np.array_equal(one.conversions, two.conversions)
    assert np.array_equal(one.value, five.value)
    assert not np.array_equal(one.conversions, bootstrap_credit(paths, MODELS, replicates=100, seed=7).conversions)


def test_more_replicates_begin_with_the_same_ones(paths):
    few, many = (bootstrap_credit(paths, MODELS, replicates=n, seed=6) for n in (64, 200))
    assert np.array_equal(few.conversions, many.conversions[:64])


def test_models_of_one_replicate_share_their_conversions(paths):
    drawn = bootstrap_credit(paths, MODELS, replicates=70, seed=1)
    totals = drawn.conversions.sum(axis=2)
    assert totals == pytest.approx(np.repeat(totals[:, :1], 3, axis=1))
    assert drawn.conversions[:, :, paths.channels.index("unseen")] == pytest.approx(0)


def test_spread_of_single_values_is_drawn_where_it_is_known():
    # One path, 400 conversions, half of 1 and half of 9: mean 5, sum of squares 400 * 41, the variance of their total.
    paths = Paths.from_codes(["a"], [0], [1], conversions=[400], nulls=[0], value=[2000], value_squares=[400 * 41])
    known = bootstrap_credit(paths, ["last_click"], replicates=4000, seed=8).value.std()
    unknown = bootstrap_credit(dataclasses.replace(paths, value_squares=None), ["last_click"], replicates=4000, seed=8)
    assert known == pytest.approx(np.sqrt(400 * 41), rel=0.04)
    assert unknown.value.std() == pytest.approx(np.sqrt(400 * 25), rel=0.04)


def test_customers_with_several_journeys_widen_replicates():
    # 200 customers convert twice each on "a > b": counts move by twos, so their variance doubles.
    paths = Paths.from_strings(["a > b", "b"], [400, 300], [400, 300], [900, 800])
    row = paths.names().index("a > b")
    between = np.zeros((6, 6))
    between[row, row] = 400
    shared = dataclasses.replace(paths, shared=csr_array(between))
    drawn = bootstrap_credit(shared, MODELS, replicates=4000, seed=8)
    expected = np.sqrt(np.diag(credit_covariance(shared, MODELS).conversions))
    assert drawn.conversions.reshape(4000, -1).std(axis=0) == pytest.approx(expected, rel=0.04, abs=1e-6)
    alone = bootstrap_credit(paths, MODELS, replicates=4000, seed=8)
    assert drawn.conversions.mean(axis=0) == pytest.approx(alone.conversions.mean(axis=0))
    assert drawn.conversions.sum(axis=2)[:, 0] == pytest.approx(drawn.conversions.sum(axis=2)[:, 2])


def test_least_displacing_map_carries_one_covariance_to_the_other():
    generator = np.random.default_rng(3)
    roots = generator.standard_normal((2, 4, 4))
    before, after = (root @ root.T for root in roots)
    carry = least_displacing_map(before, after)
    assert carry == pytest.approx(carry.T)
    assert carry @ before @ carry == pytest.approx(after)
    assert least_displacing_map(before, before) == pytest.approx(np.eye(4))


def test_percentile_interval_by_hand():
    low, high = percentile_interval(np.arange(101.0)[:, None], confidence=0.9)
    assert (low[0], high[0]) == pytest.approx((5, 95))


def test_accelerated_interval_by_hand():
    # At the confidence of the percentiles they move by lean (z^2 + 2) / 6; z is 1.645 at 90 %.
    z, replicated = 1.6448536269514722, np.arange(101.0)[:, None] * np.ones(2)
    asked = {"confidence": 0.9, "lean": np.array([3.0, -300.0])}
    low, high = accelerated_interval(np.array([50.0, 50.0]), replicated, level=0.9, **asked)
    moved = 3 * (z**2 + 2) / 6
    # Of the second that would be 235, but no more than half of the reach of 45.
    assert [*low, *high] == pytest.approx([5 + moved, 5 - 22.5, 95 + moved, 95 - 22.5])
    # Twice as far out the lean is 8 z^2 + 1 sixths, of which percentiles have 2 (z^2 - 1) the other way.
    level = 1 - 2 * (1 - ndtr(2 * z))
    low, high = accelerated_interval(np.array([50.0, 50.0]), replicated, level=level, **asked)
    moved = 3 * (8 * z**2 + 1 - 2 * (z**2 - 1)) / 6
    assert [low[0], high[0]] == pytest.approx([-40 + moved, 140 + moved])


def test_ranks_of_clear_and_unclear_channels():
    paths = Paths.from_strings(["a", "b", "c", "d"], [1000, 100, 99, 2], [0] * 4, [0] * 4)
    table = rank_stability(paths, model="last_click", replicates=500, seed=2)
    assert list(table.columns) == [
        "channel", "conversions", "conversions_low", "conversions_high", "rank", "rank_low", "rank_high", "same_rank",
        "above_next",
    ]  # fmt: skip
    assert list(table.channel) == ["a", "b", "c", "d"]
    assert list(table["rank"]) == [1, 2, 3, 4]
    assert list(table.rank_low) == [1, 2, 2, 4]
    assert list(table.rank_high) == [1, 3, 3, 4]
    assert table.same_rank[0] == 1
    # b and c are as good as tied; the share of the replicates themselves, which is P(b >= c) of Poisson counts within
    # three standard errors of 500 draws.
    drawn = bootstrap_credit(paths, ["last_click"], replicates=500, seed=2).conversions[:, 0]
    assert table.conversions_low[1] == np.quantile(drawn[:, 1], 0.05)
    assert table.conversions_high[1] == np.quantile(drawn[:, 1], 0.95)
    assert table.above_next[1] == (drawn[:, 1] >= drawn[:, 2]).mean()
    likely = 1 - skellam.cdf(-1, 100, 99)
    assert table.above_next[1] == pytest.approx(likely, abs=3 * np.sqrt(likely * (1 - likely) / 500))
    assert np.isnan(table.above_next[3])


@pytest.mark.parametrize("replicates", [0, -3, 2.5, True])
def test_replicates_must_be_a_whole_number(paths, replicates):
    with pytest.raises(ConfigurationError, match="not a whole number"):
        bootstrap_credit(paths, MODELS, replicates=replicates)
