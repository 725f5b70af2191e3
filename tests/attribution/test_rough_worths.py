import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import gradient, kept_walks, survival
from attribution.chain import chain, without_channels
from attribution.delta import variance
from attribution.gradient import credit_answer, effects_answer, effects_gradient, markov_gradient
from attribution.kept_walks import kept_worths
from attribution.paths import Paths
from attribution.rough_worths import rough_worths
from attribution.survival import channel_survival
from attribution.transitions import transitions


def simulated(seed, *, journeys=4_000, channels=6):
    """Journeys whose next touch, end and conversion hang on the last two touches."""
    generator = np.random.default_rng(seed)
    following = generator.dirichlet(np.full(channels, 0.3), size=(channels, channels)).cumsum(axis=-1)
    ending, converting = generator.beta(2, 5, (channels, channels)), generator.beta(0.5, 3, (channels, channels))
    codes, lengths, conversions = [], [], []
    for _ in range(journeys):
        path = list(generator.integers(0, channels, 2))
        while generator.random() > ending[path[-2], path[-1]]:
            drawn = np.searchsorted(following[path[-2], path[-1]], generator.random())
            path.append(min(int(drawn), channels - 1))
        codes += path
        lengths.append(len(path))
        conversions.append(int(generator.random() < converting[path[-2], path[-1]]))
    converted = np.array(conversions, dtype=float)
    return Paths.from_codes(
        list("abcdefgh"[:channels]),
        codes,
        lengths,
        conversions=converted,
        nulls=1 - converted,
        value=converted * generator.gamma(2, 30, journeys),
    )


def test_worths_are_exact_where_walks_go_on_by_their_newest_channel():
    # All journeys a > b > c once: half of the visits to any window end there, by what the last channel converts.
    journeys = np.array([(a, b, c) for a, b, c in np.ndindex(6, 6, 6) if a != b != c])
    converting, worth = np.linspace(0.1, 0.6, 6)[journeys[:, 2]], np.linspace(90, 20, 6)[journeys[:, 2]]
    paths = Paths.from_codes(
        list("abcdef"),
        journeys.ravel(),
        np.full(len(journeys), 3),
        conversions=converting,
        nulls=1 - converting,
        value=converting * worth,
    )
    found = transitions(paths, order=2)
    known = chain(paths, found)
    worths = rough_worths(found, known)(np.arange(len(known.start)))
    assert worths == pytest.approx(kept_worths(known.step, known.ends, without_channels(known.holds)), rel=1e-6)


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("tables", ["of transitions", "of states", "none"])
def test_standard_errors_are_those_of_the_exact_chain_to_a_percent(order, tables, monkeypatch):
    paths = simulated(4)
    monkeypatch.setattr(kept_walks, "DENSE_STATES", 0)

    def spreads():
        found = transitions(paths, order=order)
        known = chain(paths, found)
        slopes = markov_gradient(paths, found, known), effects_gradient(found, channel_survival(found, known))[1]
        summed = [variance(paths, slope) for slope in slopes]
        return np.sqrt([np.append(of_model.conversions, of_model.value) for of_model in summed])

    exact = spreads()
    monkeypatch.setattr(survival, "EXACT_CELLS", 0)
    if tables != "of transitions":
        numbers = 14 * len(transitions(paths, order=order).states)
        monkeypatch.setattr(gradient, "TABLE_CELLS", numbers if tables == "of states" else 0)
    difference = spreads() / exact - 1
    assert 0 < np.abs(difference).max() < 0.015


@given(st.integers(0, 10_000))
@settings(max_examples=20)
def test_squares_of_answers_are_summed_without_answering(seed):
    generator = np.random.default_rng(seed)
    worth = np.append(0.5, generator.uniform(0.1, 0.5, 5))
    weights, change, constant = generator.uniform(0, 3, 40), generator.normal(size=(40, 6)), generator.uniform(size=5)
    for answer in (credit_answer(worth, 70.0), effects_answer(worth)):
        summed = (weights[:, None] * (answer(change) + constant) ** 2).sum(axis=0)
        assert answer.squared(weights, change, constant) == pytest.approx(summed, rel=1e-10)
