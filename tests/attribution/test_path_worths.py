"""Credit of value path by path: by hand, its sums, and its derivatives."""

from dataclasses import replace

import numpy as np
import pytest

from attribution.bridge import credit_along_paths
from attribution.credit import attribute
from attribution.influence import covariances
from attribution.path_worths import PathWorths
from attribution.paths import Paths
from customer_data.errors import ModelError
from tests.attribution.test_regression_intervals import drawn_paths

# Whom a brings is worth 1, whom b brings 3, and c closes all paths: the chain sees the mean alone.
OPENED = Paths.from_strings(["a>c", "b>c"], [10, 10], nulls=[10, 10], value=[10, 30])


def test_customers_carry_their_own_worth_to_the_channel_that_opened_their_path_by_hand():
    # Removal effects: a 1/2, b 1/2, c 1, so credit of the 20 conversions is 5, 5, 10. Each path is divided 1/3 to its
    # first channel, 2/3 to c: means 1, 3 and 2, of which 5 * 1 + 5 * 3 + 10 * 2 = 40 is all value there is.
    found = PathWorths.make(OPENED)
    assert found.conversions == pytest.approx([5, 5, 10])
    assert found.means == pytest.approx([1, 3, 2])
    assert found.factor == pytest.approx(1)
    assert found.value == pytest.approx([5, 15, 20])
    by_chain = attribute(OPENED, models=["markov"], confidence=None)["value"]
    assert by_chain.to_numpy() == pytest.approx([10, 10, 20])


@pytest.mark.parametrize("order", [1, 2])
def test_conversions_are_the_chain_s_and_value_sums_to_all(order):
    paths = drawn_paths(seed=5)
    found = PathWorths.make(paths, order=order)
    by_chain = attribute(paths, models=["markov"], order=order, confidence=None)["conversions"]
    assert found.conversions == pytest.approx(by_chain.to_numpy())
    assert found.value.sum() == pytest.approx(paths.value.sum(), rel=1e-12)
    assert found.value == pytest.approx(found.factor * found.conversions * found.means)


def test_paths_are_divided_as_the_table_of_paths_shows_it():
    paths = drawn_paths(seed=5)
    found = PathWorths.make(paths)
    shown = credit_along_paths(paths, models=["markov"], n=5).groupby(["path", "channel"])["markov"].sum()
    rows = {name: row for row, name in enumerate(paths.names())}
    for (path, channel), share in shown.items():
        assert found.shares[rows[path], paths.channels.index(channel)] == pytest.approx(share)


def test_where_all_customers_are_worth_the_same_so_is_every_channel_s():
    paths = drawn_paths(seed=5)
    paths = replace(paths, value=7 * paths.conversions, value_squares=49 * paths.conversions)
    found = PathWorths.make(paths)
    assert found.value == pytest.approx(7 * found.conversions)
    of_conversions, of_value, of_both = covariances(paths, found, ((0, 0), (1, 1), (0, 1)))
    assert of_value == pytest.approx(49 * of_conversions)
    assert of_both == pytest.approx(7 * of_conversions)


@pytest.mark.parametrize("order", [1, 2])
def test_influences_are_the_derivatives_of_credit(order):
    # d is on paths that did not convert alone, and on none that did: its customers are worth the mean.
    one = drawn_paths(channels="abcd", seed=5)
    converts = one.conversions * (np.bincount(one.rows, weights=one.codes == 3, minlength=len(one)) == 0)
    paths = replace(one, conversions=converts, value=one.value * (converts > 0))
    found, step = PathWorths.make(paths, order=order), 1e-4
    influences = found.of(slice(None))
    rows = [int(row) for row in np.flatnonzero(converts)[::7]]
    for row in rows:
        for kind in ("conversions", "nulls", "value"):
            either = []
            for change in (step, -step):
                amounts = getattr(paths, kind).copy()
                amounts[row] += change
                moved = PathWorths.make(replace(paths, **{kind: amounts}), order=order)
                either.append((moved.conversions, moved.value))
            for up, down, influence in zip(*either, influences, strict=True):
                assert getattr(influence, kind)[row] == pytest.approx((up - down) / (2 * step), abs=1e-6)
    more = np.random.default_rng(1).uniform(0, 5, len(paths)) * (converts > 0)
    up, down = (PathWorths.make(replace(paths, value=paths.value + way * more), order=order) for way in (1e-4, -1e-4))
    assert found.value_with(more) == pytest.approx((up.value - down.value) / 2e-4)


def test_a_channel_that_no_converting_path_holds_is_worth_the_mean():
    # b > a > c can be walked from the pieces of other paths, so the chain credits b; its own path did not convert.
    paths = Paths.from_strings(["a>c", "b>a", "c"], [4, 0, 6], nulls=[4, 4, 6], value=[8, 0, 3])
    found = PathWorths.make(paths)
    b = paths.channels.index("b")
    assert found.along[b] == 0
    assert found.conversions[b] > 0
    assert found.means[b] == pytest.approx(1.1)
    assert found.value.sum() == pytest.approx(11)


def test_without_value_it_says_so():
    with pytest.raises(ModelError, match=r"10 conversions are worth 0\.00 together"):
        PathWorths.make(Paths.from_strings(["a"], [10], nulls=[5]))
