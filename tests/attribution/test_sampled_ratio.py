"""The ratio game by sampled orders: exact when every order is drawn, else within its standard errors."""

from itertools import permutations

import numpy as np
import pytest

import attribution
from attribution import ratio_game, sampled_ratio
from attribution.delta import covariance, variance
from attribution.paths import Paths
from attribution.ratio_game import ratio_credit, ratio_gradient


def random_paths(channels, *, paths=300, seed=4):
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 6, paths)
    conversions = generator.integers(0, 5, paths)
    return Paths.from_codes(
        [f"c{number:02}" for number in range(channels)],
        generator.integers(0, channels, lengths.sum()),
        lengths,
        conversions=conversions,
        nulls=generator.integers(0, 9, paths),
        value=conversions * generator.uniform(1, 9, paths),
    )


def every_order(channels, permutations_asked, seed):
    first = [order for order in permutations(range(channels)) if order < order[::-1]]
    return np.array([order for pair in ((order, order[::-1]) for order in first) for order in pair])


def assert_gradients_equal(found, expected):
    rows = slice(None)
    assert found.endings(rows) == pytest.approx(expected.endings(rows), abs=1e-10)
    assert found.gains(rows) == pytest.approx(expected.gains(rows), abs=1e-10)


def test_with_every_order_drawn_values_and_derivatives_are_exact(monkeypatch):
    paths = random_paths(4)
    expected, slopes = ratio_credit(paths), ratio_gradient(paths)
    monkeypatch.setattr(sampled_ratio, "orders_of_coming_in", every_order)
    monkeypatch.setattr(ratio_game, "EXACT_CHANNELS", 0)
    for found, of_measure in zip(ratio_credit(paths), expected, strict=True):
        assert found == pytest.approx(of_measure, abs=1e-10)
    assert_gradients_equal(ratio_gradient(paths, most=0), slopes)


def test_blocks_of_sets_change_nothing(monkeypatch):
    paths = random_paths(9)
    whole = ratio_gradient(paths, most=0)
    monkeypatch.setattr(sampled_ratio, "BLOCK", 7)
    assert_gradients_equal(ratio_gradient(paths, most=0), whole)


def test_sampled_credit_of_conversions_and_value_lies_within_its_standard_errors(monkeypatch):
    paths = random_paths(9)
    exact, solved = ratio_credit(paths), ratio_gradient(paths)
    certain = variance(paths, solved)
    slopes = ratio_gradient(paths, most=0)
    assert slopes.sampled is not None
    monkeypatch.setattr(ratio_game, "EXACT_CHANNELS", 0)
    for measure, credit in enumerate(ratio_credit(paths)):
        error = np.sqrt(slopes.sampled[measure])
        assert (error > 0).all()
        assert np.abs((credit - exact[measure]) / error).max() < 3.5
        assert credit.sum() == pytest.approx(exact[measure].sum())
    # Derivatives are means over the orders drawn, so variances are off by a few per cent, to either side.
    spread = variance(paths, slopes)
    for measure, name in enumerate(("conversions", "value")):
        by_journeys = getattr(certain, name) - solved.sampled[measure]  # which no few journeys in coalitions add to
        ratio = (getattr(spread, name) - slopes.sampled[measure]) / by_journeys
        assert 0.93 < ratio.min() < ratio.max() < 1.07


def test_what_sampling_adds_is_in_variances_and_in_covariances():
    paths = random_paths(9)
    slopes = ratio_gradient(paths, most=0)
    assert np.diag(covariance(paths, [slopes]).value) == pytest.approx(variance(paths, slopes).value, rel=1e-10)


def test_more_than_twenty_channels_are_a_model_of_credit_like_any_other():
    paths = random_paths(24, paths=500)
    table = attribution.attribute(paths, models=["shapley"])
    assert table.conversions.sum() == pytest.approx(paths.conversions.sum())
    assert table.value.sum() == pytest.approx(paths.value.sum())
    assert (table.conversions_low < table.conversions).all()
    assert (table.value < table.value_high).all()
    again = random_paths(24, paths=500)
    assert table.equals(attribution.attribute(again, models=["shapley"]))
    compared = attribution.compare(paths, model="shapley")
    assert compared.difference.sum() == pytest.approx(0, abs=1e-9)
    assert (compared.difference_low < compared.difference_high).all()
