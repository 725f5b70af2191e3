"""The lean of differences of credit, from sums of cubes worked out path by path."""

import numpy as np
import pytest

from attribution import lean
from attribution.credit_spread import credit_variance, model_gradient
from attribution.lean import COUNTED_ALONG, lean_of_difference
from attribution.paths import Paths
from tests.attribution.test_regression_intervals import drawn_paths


def lean_of(paths, model="markov", baseline="last_click", *, measure="conversions", spread=None):
    if spread is None:
        spread = getattr(credit_variance(paths, model, baseline=baseline), measure)
    gradients = (model_gradient(paths, name) for name in (model, baseline))
    return lean_of_difference(paths, *gradients, measure=measure, spread=spread)


def counted_along(own, cases, cubes, squares):
    """Own leans with those that are typical of all channels."""
    return (cases * own + COUNTED_ALONG * cubes.sum() / squares.sum()) / (cases + COUNTED_ALONG)


def test_the_lean_of_a_rule_by_hand():
    # First click less last click: of "a > b" a gains 1 and b loses 1, of "a > b > c" a gains 1 and c loses 1.
    paths = Paths.from_strings(["a > b", "a > b > c", "b"], [4, 6, 9], nulls=[7, 7, 7])
    found = lean_of(paths, "first_click")
    assert found == pytest.approx(counted_along(np.array([1, -1, -1]), np.array([10, 4, 6]), np.zeros(1), np.ones(1)))


def test_the_lean_of_value_has_that_of_single_values():
    # Of ten values of mean 3 and variance 4 the third moment of a gamma distribution is 27 + 3 * 3 * 4 + 2 * 16 / 3.
    paths = Paths.from_codes(
        ["a", "b"], [0, 1, 1], [2, 1], conversions=[10, 5], nulls=[0, 0], value=[30, 20], value_squares=[130, 90]
    )
    a = (27 + 36 + 32 / 3) / 13 * 10 / (10 + 30)
    assert lean_of(paths, "first_click", measure="value") == pytest.approx([a, -a])


def test_the_lean_of_a_chain_is_the_sum_of_cubes_of_what_each_journey_moves():
    paths = drawn_paths()
    gradients = [model_gradient(paths, name) for name in ("markov", "last_click")]
    ending, gain = (
        getattr(gradients[0], name)(slice(None)) - getattr(gradients[1], name)(slice(None))
        for name in ("endings", "gains")
    )
    each = np.vstack([(ending + gain)[:, :4], ending[:, :4]])
    moved = np.repeat(each, np.concatenate([paths.conversions, paths.nulls]).astype(int), axis=0)
    squares, cubes, fourths = ((moved**power).sum(axis=0) for power in (2, 3, 4))
    assert credit_variance(paths, "markov", baseline="last_click").conversions == pytest.approx(squares)
    assert lean_of(paths) == pytest.approx(counted_along(cubes / squares, squares**2 / fourths, cubes, squares))


def test_customers_who_come_three_times_alike_lean_three_times_as_much_and_are_a_third_as_many():
    # With T times the variance, three cases move credit at once.
    paths = Paths.from_strings(["a > b", "b"], [12, 9], nulls=[7, 7])
    spread = 3 * credit_variance(paths, "first_click", baseline="last_click").conversions
    assert lean_of(paths, "first_click", spread=spread) == pytest.approx([3 * 4 / (4 + 30), -3 * 4 / (4 + 30)])


def test_where_models_differ_nowhere_nothing_leans():
    paths = Paths.from_strings(["a", "b"], [12, 9], nulls=[7, 7])
    assert lean_of(paths, "first_click").tolist() == [0, 0]


def test_of_many_paths_a_sample_leans_nearly_as_all(monkeypatch):
    paths = drawn_paths(channels="abcdef", paths=1_500)
    every = lean_of(paths)
    monkeypatch.setattr(lean, "MOST_PATHS", 300)
    assert len(paths) > 500
    assert not np.array_equal(lean_of(paths), every)
    assert lean_of(paths) == pytest.approx(every, abs=0.05 * np.abs(every).max())
