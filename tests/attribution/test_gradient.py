"""Derivatives of credit by what came of each path: against finite differences and by hand."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import gradient, kept_walks, pushing
from attribution import survival as survivals
from attribution.chain import chain
from attribution.credit import model_credit
from attribution.gradient import markov_gradient
from attribution.markov import removal_effects
from attribution.paths import Paths
from attribution.rules import RuleOptions
from attribution.survival import survival
from attribution.transitions import transitions

CHANNELS = "abcd"


@st.composite
def small_paths(draw, *, paths=8, longest=5):
    """A handful of paths over four channels, something of each outcome, values that go with conversions."""
    rows = draw(
        st.lists(
            st.tuples(
                st.lists(st.integers(0, 3), min_size=1, max_size=longest),
                st.integers(0, 5),
                st.integers(0, 5),
                st.floats(0.5, 9),
            ),
            min_size=2,
            max_size=paths,
        )
    )
    rows.append(([0, 1], 2, 1, 3.0))
    conversions = np.array([row[1] for row in rows], dtype=float)
    return Paths.from_codes(
        list(CHANNELS),
        [code for row in rows for code in row[0]],
        [len(row[0]) for row in rows],
        conversions=conversions,
        nulls=[row[2] for row in rows],
        value=conversions * [row[3] for row in rows],
    )


def moved(paths, field, row, step):
    """Markov credit ``(2, channels)`` at orders 1 and 2 after one amount is moved."""
    amounts = getattr(paths, field).copy()
    amounts[row] += step
    changed = dataclasses.replace(paths, **{field: amounts})
    return {order: credited(changed, order) for order in (1, 2, 3)}


def credited(paths, order):
    credit = model_credit(paths, "markov", order=order, options=RuleOptions())
    return np.stack([credit.conversions, credit.value])


@settings(max_examples=40)
@given(small_paths(), st.data())
def test_markov_gradient_is_the_derivative_at_every_order(paths, data):
    row = data.draw(st.integers(0, len(paths) - 1))
    for field in ("conversions", "nulls", "value"):
        if getattr(paths, field)[row] == 0:
            continue
        step = 1e-5
        above, below = moved(paths, field, row, step), moved(paths, field, row, -step)
        for order in (1, 2, 3):
            slopes = markov_gradient(paths, transitions(paths, order=order))
            ending = slopes.endings(slice(row, row + 1)).reshape(2, -1)
            gain = slopes.gains(slice(row, row + 1)).reshape(2, -1)
            paying = np.array([[field == "conversions"], [field == "value"]])
            expected = ending * (field != "value") + gain * paying
            assert (above[order] - below[order]) / (2 * step) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_three_ways_to_solve_agree(order, monkeypatch):
    generator = np.random.default_rng(5)
    lengths = generator.integers(1, 8, 80)
    conversions = generator.integers(0, 4, 80)
    paths = Paths.from_codes(
        list(CHANNELS),
        generator.integers(0, 4, lengths.sum()),
        lengths,
        conversions=conversions,
        nulls=generator.integers(0, 6, 80),
        value=conversions * generator.uniform(1, 9, 80),
    )
    found = transitions(paths, order=order)
    keep = np.column_stack([np.ones(len(found.states), dtype=bool), ~found.holds])
    dense = survival(found, paths, keep)
    effects = removal_effects(chain(paths, found))
    assert 1 - dense.worth[0, 1:] / dense.worth[0, 0] == pytest.approx(effects.conversions, abs=1e-12)
    assert 1 - dense.worth[1, 1:] / dense.worth[1, 0] == pytest.approx(effects.value, abs=1e-12)

    monkeypatch.setattr(survivals, "kept_walks", pushed_only)
    pushed = survival(found, paths, keep)
    monkeypatch.setattr(pushing, "SWEEPS", 2)
    factorised = survival(found, paths, keep)
    for other in (pushed, factorised):
        assert other.step_of(slice(None)) == pytest.approx(dense.step_of(slice(None)), abs=1e-12)
        for name in ("worth", "reward"):
            assert getattr(other, name) == pytest.approx(getattr(dense, name), abs=1e-12)


@pytest.mark.parametrize("longest", [2, 6])
def test_large_chains_are_pushed_to_the_same_gradient(longest, monkeypatch):
    # With paths of at most two touches no state of order 2 leads to another.
    generator = np.random.default_rng(9)
    lengths = generator.integers(1, longest + 1, 60)
    paths = Paths.from_codes(
        list(CHANNELS),
        generator.integers(0, 4, lengths.sum()),
        lengths,
        conversions=generator.integers(0, 4, 60),
        nulls=generator.integers(0, 6, 60),
    )
    dense = markov_gradient(paths, transitions(paths, order=2))
    monkeypatch.setattr(kept_walks, "DENSE_STATES", 0)
    monkeypatch.setattr(survivals, "FOR_ERRORS", pushing.TOLERANCE)
    pushed = markov_gradient(paths, transitions(paths, order=2))
    assert pushed.endings(slice(None)) == pytest.approx(dense.endings(slice(None)), abs=1e-11)
    assert pushed.gains(slice(None)) == pytest.approx(dense.gains(slice(None)), abs=1e-11)


def pushed_only(step, start, ends, keep):
    worths = [pushing.pushed(step, reward, keep) for reward in ends.T]
    return pushing.pushed(step.T.tocsr(), start, keep), np.stack(worths, axis=1)


def test_gradient_of_a_single_channel_is_one_per_conversion():
    # All credit goes to the only channel whatever the chain says: one more conversion is one more credit.
    paths = Paths.from_strings(["a", "a > a"], [3, 1], [6, 5], [10, 2])
    slopes = markov_gradient(paths, transitions(paths))
    assert slopes.endings(slice(None)) == pytest.approx(np.zeros((2, 2)), abs=1e-15)
    assert slopes.gains(slice(None)) == pytest.approx(np.ones((2, 2)))


def test_gradient_is_zero_where_nothing_converts():
    paths = Paths.from_strings(["a > b", "b"], [0, 0], [0, 0], [4, 2])
    slopes = markov_gradient(paths, transitions(paths))
    assert not slopes.endings(slice(None)).any()
    assert not slopes.gains(slice(None)).any()


@settings(max_examples=30)
@given(small_paths())
def test_one_more_conversion_is_one_more_credit_in_all(paths):
    slopes = markov_gradient(paths, transitions(paths))
    ending = slopes.endings(slice(None)).reshape(len(paths), 2, -1).sum(axis=2)
    gain = slopes.gains(slice(None)).reshape(len(paths), 2, -1).sum(axis=2)
    assert ending == pytest.approx(np.zeros_like(ending), abs=1e-9)
    assert gain == pytest.approx(np.ones_like(gain), abs=1e-9)


def test_more_transitions_than_a_table_holds_are_answered_for_as_asked(monkeypatch):
    generator = np.random.default_rng(5)
    lengths = generator.integers(1, 8, 80)
    paths = Paths.from_codes(
        list(CHANNELS),
        generator.integers(0, 4, lengths.sum()),
        lengths,
        conversions=generator.integers(0, 4, 80),
        nulls=generator.integers(0, 6, 80),
    )
    found = transitions(paths, order=2)
    table = markov_gradient(paths, found)
    monkeypatch.setattr(gradient, "TABLE_CELLS", 0)
    asked = markov_gradient(paths, found)
    assert table.steps is not None
    assert asked.steps is None
    for rows in (slice(None), slice(10, 20), np.array([3, 3, 40])):
        assert asked.endings(rows) == pytest.approx(table.endings(rows), abs=1e-12)
