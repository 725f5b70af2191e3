"""Sums of squared values where only sums of values are known: estimated from what tells them, or not at all."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import attribution
from attribution.paths import Paths
from attribution.value_spread import FEWEST, estimated_squares
from customer_data.errors import ConfigurationError, InputError


def squares(conversions, value, path):
    return estimated_squares(np.array(conversions, float), np.array(value, float), np.array(path), max(path) + 1)


def test_rows_of_one_conversion_have_their_own_square():
    assert squares([1, 0, 1], [3, 0, 5], [0, 0, 1]).tolist() == [9, 0, 25]


def test_several_conversions_by_hand():
    # Eleven paths of two single rows worth 1 and 3: W is 2 and D is 1 * 3 for each, so u is 3 / 5;
    # three conversions worth 11 together then have 121 / (1 + 2 * 3 / 5) = 55, equal ones would have 121 / 3.
    path = np.append(np.repeat(np.arange(11), 2), 11)
    found = squares([1] * 22 + [3], [1, 3] * 11 + [11], path)
    assert found[-1] == pytest.approx(55)
    assert found[:2].tolist() == [1, 9]


def test_rows_of_one_path_tell_it_where_no_row_has_one_conversion():
    # Each path has rows of 2 and 4 conversions worth 2 and 10: W is 2 + 25 - 144 / 6 = 3, D is 2 * 2 * 10 / (2 * 2 * 4)
    # = 2.5, so u is 5 / 11.
    path = np.repeat(np.arange(10), 2)
    found = squares([2, 4] * 10, [2, 10] * 10, path)
    assert found[:2] == pytest.approx([4 / (1 + 5 / 11), 100 / (1 + 3 * 5 / 11)])


def test_parts_of_conversions_are_parts_of_what_whole_ones_are_worth():
    assert squares([0.5, 1], [3, 4], [0, 1]).tolist() == [18, 16]


@pytest.mark.parametrize("conversions", [[6] * (FEWEST + 1), [9]])
def test_one_row_of_many_conversions_for_each_path_tells_nothing(conversions):
    assert squares(conversions, np.arange(1, len(conversions) + 1), np.arange(len(conversions))) is None


def test_rows_of_one_mean_hold_conversions_worth_the_same():
    assert squares([20, 30, 7], [100, 150, 35], [0, 1, 2]).tolist() == [500, 750, 175]


@pytest.mark.parametrize(("most", "apart", "least", "largest"), [(1, 8, 1, 1), (4, 0, 0.97, 1.03), (40, 8, 0.97, 1.21)])
def test_sums_of_squares_are_right_on_average_or_too_large_by_the_spread_between_paths(most, apart, least, largest):
    # Values have CV 1, the means of paths are uniform from 1 to 1 + apart; with apart 8 their squared CV is 0.21, which
    # is all that rows of different paths can add: few of 1 to 40 conversions have one, so these are of different paths.
    generator = np.random.default_rng(most)
    found, true = [], []
    path = np.repeat(np.arange(200), 5)
    for _ in range(20):
        conversions = generator.integers(1, most + 1, 1_000)
        single = np.repeat(np.arange(1_000), conversions)
        values = generator.exponential(1 + apart * generator.random(200)[path[single]])
        true.append((values**2).sum())
        found.append(estimated_squares(conversions.astype(float), np.bincount(single, values), path, 200).sum())
    assert least - 1e-12 <= np.mean(found) / np.mean(true) <= largest + 1e-12


def test_intervals_of_value_are_as_wide_as_with_known_squares():
    generator = np.random.default_rng(8)
    lengths = generator.integers(1, 4, 4_000)
    bought = generator.random(4_000) < 0.3
    value = np.where(bought, generator.exponential(20, 4_000), 0.0)
    steps = generator.integers(0, 5, lengths.sum())
    known = Paths.from_codes("abcde", steps, lengths, conversions=bought, nulls=~bought, value=value)
    frame = pd.DataFrame({"path": known.names(), "n": known.conversions, "money": known.value, "lost": known.nulls})
    read = attribution.read_paths(frame, conversions="n", value="money", nulls="lost")
    assert read.value_spread_known
    ends = [attribution.attribute(paths, models=["markov", "linear"]) for paths in (known, read)]
    widths = [(table["value_high"] - table["value_low"]).mean() for table in ends]
    assert widths[1] == pytest.approx(widths[0], rel=0.05)


def test_what_nothing_tells_is_said_and_a_column_of_squares_tells_it():
    frame = pd.DataFrame({"path": ["a", "b"], "n": [20, 30], "money": [100, 200], "lost": [9, 9], "of": [900, 2500]})
    names = {"conversions": "n", "value": "money", "nulls": "lost"}
    with pytest.warns(UserWarning, match="intervals of value are lower bounds"):
        unknown = attribution.read_paths(frame, **names)
    assert not unknown.value_spread_known
    assert "lower bounds" in unknown.counts.notes[0]
    told = attribution.read_paths(frame, **names, value_squares="of")
    assert told.value_squares.tolist() == [900, 2500]
    assert told.value_spread_known
    assert dataclasses.replace(unknown, value=np.zeros(2)).value_spread_known


def test_squares_that_cannot_be_are_refused():
    frame = pd.DataFrame({"path": ["a", "b"], "n": [2, 2], "money": [10, 10], "of": [49, 60]})
    with pytest.raises(InputError, match=r"'of' \(value_squares\): 1 of 2 rows \(first: row 1\) hold less"):
        attribution.read_paths(frame, conversions="n", value="money", value_squares="of")
    with pytest.raises(ConfigurationError, match="Name the value, too"):
        attribution.read_paths(frame, conversions="n", value_squares="of")
