"""Removal effects by hand, against brute force, and on chains that are awkward."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribution
from attribution import markov, pushing
from attribution.chain import Chain, chain
from attribution.markov import RemovalEffects, removal_effects
from attribution.paths import Paths
from attribution.transitions import transitions
from customer_data.errors import ConfigurationError, ModelError


def effects(paths: Paths, order: int = 1) -> RemovalEffects:
    return removal_effects(chain(paths, transitions(paths, order=order)))


def test_removal_effects_by_hand() -> None:
    # a > conversion, a > b > conversion, b > lost. start: a 2/3, b 1/3. a: conversion 1/2, b 1/2. b: conversion 1/2.
    # P(conversion) = 2/3 (1/2 + 1/2 * 1/2) + 1/3 * 1/2 = 2/3. Without a 1/3 * 1/2 = 1/6 is left: effect 3/4.
    # Without b 2/3 * 1/2 = 1/3: effect 1/2. Credit of the 2 conversions: 2 * (3/4) / (5/4) = 1.2 and 0.8.
    paths = Paths.from_strings(["a", "a > b", "b"], conversions=[1, 1, 0], value=[10, 30, 0], nulls=[0, 0, 1])
    found = effects(paths)
    assert found.conversion_probability == pytest.approx(2 / 3, rel=1e-14)
    assert found.conversions == pytest.approx([3 / 4, 1 / 2], rel=1e-14)
    # Value: a conversion is worth 10 after a, 30 after b. A walk: 2/3 (1/2 * 10 + 1/2 * 1/2 * 30) + 1/3 * 1/2 * 30
    # = 40/3; without a 5, effect 5/8; without b 10/3, effect 3/4.
    assert found.value_per_walk == pytest.approx(40 / 3, rel=1e-14)
    assert found.value == pytest.approx([5 / 8, 3 / 4], rel=1e-14)
    credit = attribution.attribute(paths, models=["markov"], confidence=None)
    assert credit["conversions"].tolist() == pytest.approx([1.2, 0.8], rel=1e-14)
    assert credit["value"].tolist() == pytest.approx([40 * 5 / 11, 40 * 6 / 11], rel=1e-14)


def test_order_two_by_hand() -> None:
    # a > b > a converts, a > b is lost, b converts. States (ab), (ba), (b). (ab): (ba) 1/2, lost 1/2; the others
    # convert. P = 2/3 * 1/2 + 1/3 = 2/3. Removing a leaves (b): 1/3, effect 1/2. Removing b leaves nothing: 1.
    paths = Paths.from_strings(["a > b > a", "a > b", "b"], conversions=[1, 0, 1], nulls=[0, 1, 0])
    found = effects(paths, order=2)
    assert found.conversion_probability == pytest.approx(2 / 3, rel=1e-14)
    assert found.conversions == pytest.approx([1 / 2, 1], rel=1e-14)


def test_walks_cut_as_channelattribution_does_by_hand() -> None:
    # a > b > a converts once, b is lost once. start a 1/2, b 1/2; a: b 1/2, conversion 1/2; b: a 1/2, lost 1/2.
    # The longest path has 3 states, so walks of 5 transitions, 4 states, are followed: from a the conversions after
    # states 1 and 3 (1/2 + 1/8), from b after states 2 and 4 (1/4 + 1/16). P = (5/8 + 5/16) / 2 = 15/32.
    # Uncut: h_a = 1/2 + h_b / 2, h_b = h_a / 2: h_a = 2/3, h_b = 1/3, P = 1/2. Without b: 1/2 * 1/2.
    paths = Paths.from_strings(["a > b > a", "b"], conversions=[1, 0], nulls=[0, 1])
    made = chain(paths, transitions(paths, order=1))
    cut = removal_effects(made, convention="channelattribution")
    assert cut.conversion_probability == pytest.approx(15 / 32, rel=1e-14)
    assert cut.conversions == pytest.approx([1, 1 - (1 / 4) / (15 / 32)], rel=1e-14)
    uncut = removal_effects(made)
    assert uncut.conversion_probability == pytest.approx(1 / 2, rel=1e-14)
    assert uncut.conversions == pytest.approx([1, 1 / 2], rel=1e-14)


outcomes = st.tuples(
    st.lists(st.integers(0, 3), min_size=1, max_size=9), st.integers(0, 4), st.integers(0, 4), st.integers(0, 100)
)


def paths_of(rows: list[tuple[list[int], int, int, int]]) -> Paths:
    return Paths.from_codes(
        ["a", "b", "c", "d"],
        [code for codes, *_ in rows for code in codes],
        [len(codes) for codes, *_ in rows],
        conversions=[converted for _, converted, _, _ in rows],
        nulls=[nulls + (converted == 0) for _, converted, nulls, _ in rows],
        value=[value * (converted > 0) for _, converted, _, value in rows],
    )


def worth_by_brute_force(paths: Paths, order: int, removed: int | None) -> tuple[float, float]:
    """Build the chain state by state, leave out the states holding a channel, and solve again."""
    leaving: dict[object, float] = {}
    moves: dict[tuple[object, object], float] = {}
    ends: dict[object, list[float]] = {}
    for row in range(len(paths)):
        codes = tuple(paths.codes[paths.starts[row] : paths.starts[row + 1]].tolist())
        windows = [codes[i : i + order] for i in range(len(codes) - order + 1)] or [codes]
        visited = [window for i, window in enumerate(windows) if i == 0 or window != windows[i - 1]]
        weight = paths.conversions[row] + paths.nulls[row]
        for source, target in zip([None, *visited], [*visited, "end"], strict=True):
            leaving[source] = leaving.get(source, 0) + weight
            if target != "end":
                moves[source, target] = moves.get((source, target), 0) + weight
        end = ends.setdefault(visited[-1], [0.0, 0.0])
        end[0] += paths.conversions[row]
        end[1] += paths.value[row]
    states = [None, *(s for s in leaving if s is not None and (removed is None or removed not in s))]  # type: ignore[operator]
    number = {state: i for i, state in enumerate(states)}
    system = np.eye(len(states))
    for (source, target), weight in moves.items():
        if source in number and target in number:
            system[number[source], number[target]] -= weight / leaving[source]
    rewards = np.array([[amount / leaving[s] for amount in ends.get(s, [0.0, 0.0])] for s in states])
    worth = np.linalg.solve(system, rewards)[0]
    return float(worth[0]), float(worth[1])


@pytest.mark.parametrize("method", ["one inverse or blocks", "pushed", "pushed, then factorised"])
@given(rows=st.lists(outcomes, min_size=1, max_size=12), order=st.integers(1, 4))
@settings(max_examples=40)
def test_removal_effects_equal_removing_and_solving_again(
    method: str, rows: list[tuple[list[int], int, int, int]], order: int
) -> None:
    paths = paths_of(rows)
    made = chain(paths, transitions(paths, order=order))
    with pytest.MonkeyPatch.context() as patch:
        if method != "one inverse or blocks":
            patch.setattr(markov, "DENSE_STATES", 0)
            patch.setattr(markov, "_single", markov._pushed)
            patch.setattr(pushing, "WIDEST", 3)
        if method == "pushed, then factorised":
            patch.setattr(pushing, "SWEEPS", 3)
        found = removal_effects(made)
    whole = worth_by_brute_force(paths, order, None)
    assert (found.conversion_probability, found.value_per_walk) == pytest.approx(whole, rel=1e-11, abs=1e-14)
    for channel in range(4):
        kept = worth_by_brute_force(paths, order, channel)
        for share, total, rest in zip((found.conversions, found.value), whole, kept, strict=True):
            assert share[channel] == pytest.approx(1 - rest / total if total else 0, abs=1e-10)


@given(st.lists(outcomes, min_size=1, max_size=12), st.integers(1, 5))
def test_the_chain_converts_as_often_as_the_data(rows: list[tuple[list[int], int, int, int]], order: int) -> None:
    paths = paths_of(rows)
    expected = paths.conversions.sum() / (paths.conversions + paths.nulls).sum()
    assert effects(paths, order).conversion_probability == pytest.approx(expected, rel=1e-12)


@given(st.lists(outcomes, min_size=1, max_size=12))
@settings(max_examples=50)
def test_at_the_longest_order_effects_are_the_share_of_converting_paths_that_hold_the_channel(
    rows: list[tuple[list[int], int, int, int]],
) -> None:
    # At order k from the longest path on every path is one state of its own.
    paths = paths_of(rows)
    found = effects(paths, order=int(paths.lengths.max()))
    for channel in range(4):
        holds = np.zeros(len(paths), dtype=bool)
        holds[paths.rows[paths.codes == channel]] = True
        for share, amount in ((found.conversions, paths.conversions), (found.value, paths.value)):
            expected = amount[holds].sum() / amount.sum() if amount.sum() else 0
            assert share[channel] == pytest.approx(expected, abs=1e-12)


def test_participation_identity_on_published_data(published: Paths) -> None:
    # The largest gap to the share of converting paths that hold a channel: .057 at order 1, .0002 at order 12.
    participation = (
        np.array(
            [
                published.conversions[np.unique(published.rows[published.codes == channel])].sum()
                for channel in range(len(published.channels))
            ]
        )
        / published.conversions.sum()
    )
    gaps = {order: np.abs(effects(published, order).conversions - participation).max() for order in (1, 12)}
    assert gaps[1] == pytest.approx(0.057, abs=0.0005)
    assert gaps[12] == pytest.approx(0.0002, abs=0.00005)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_published_chain_converts_as_often_as_its_data(published: Paths, order: int) -> None:
    assert effects(published, order).conversion_probability == pytest.approx(19_785 / (19_785 + 68_602), rel=1e-13)


def test_one_channel_earns_everything() -> None:
    paths = Paths.from_strings(["a", "a > a"], conversions=[2, 1], value=[5, 6], nulls=[1, 0])
    credit = attribution.attribute(paths, models=["markov"], confidence=None)
    assert credit[["conversions", "value"]].to_numpy().tolist() == [[3, 11]]


def test_everything_converts() -> None:
    paths = Paths.from_strings(["a", "a > b"])
    assert effects(paths).conversion_probability == pytest.approx(1, rel=1e-14)
    assert effects(paths).conversions == pytest.approx([1, 1 / 2], rel=1e-14)


def test_nothing_converts() -> None:
    paths = Paths.from_strings(["a", "a > b"], conversions=[0, 0], nulls=[3, 4])
    with pytest.raises(ModelError, match="none of the 7 journeys on 2 distinct paths converted"):
        attribution.removal_effects(paths)
    credit = attribution.attribute(paths, models=["linear", "markov"])
    assert credit[["conversions", "value"]].to_numpy().tolist() == [[0, 0]] * 4
    assert credit["conversions_high"].tolist() == [0] * 4


def test_conversions_without_value_earn_no_value() -> None:
    paths = Paths.from_strings(["a", "a > b"])
    table = attribution.removal_effects(paths)
    assert table["removal_effect_value"].tolist() == [0, 0]
    assert attribution.attribute(paths, models=["markov"], confidence=None)["value"].tolist() == [0, 0]


def test_a_channel_on_no_converting_path_has_no_effect() -> None:
    paths = Paths.from_strings(["a", "b", "a > c"], conversions=[2, 0, 0], nulls=[1, 5, 1])
    assert effects(paths).conversions == pytest.approx([1, 0, 0], abs=0)


def test_states_that_cannot_reach_an_end_lose_what_enters_them() -> None:
    # a converts with 1/2 and enters b with 1/2; b and c send each other their walks for ever.
    from scipy.sparse import csr_array

    from attribution.chain import chain_from_counts

    found = transitions(Paths.from_strings(["a > b > c > b"]), order=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = chain_from_counts(
            found,
            steps=np.array([2.0 if s == 3 else 1.0 for s in found.source]),
            conversions=np.array([1.0, 0, 0]),
            value=np.zeros(3),
            nulls=np.zeros(3),
        )
        result = removal_effects(made)
    assert isinstance(made, Chain)
    assert isinstance(made.step, csr_array)
    assert result.conversion_probability == pytest.approx(1 / 2, rel=1e-14)
    assert result.conversions == pytest.approx([1, 0, 0], abs=0)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_path_of_four_hundred_steps(order: int) -> None:
    # Alternating a b ... b: at order 1 b is left 199 times for a and once for the conversion; c is lost on its own.
    paths = Paths.from_strings([" > ".join(["a", "b"] * 200), "c"], conversions=[1, 0], nulls=[0, 1])
    found = effects(paths, order)
    assert found.conversion_probability == pytest.approx(1 / 2, rel=1e-11)
    assert found.conversions == pytest.approx([1, 1, 0], abs=1e-11)


def test_two_thousand_channels() -> None:
    # Channel i follows channel i - 1 in a path of its own that converts i + 1 times of 2000.
    channels = 2000
    names = [f"c{i:04d}" for i in range(channels)]
    codes = np.column_stack([np.arange(channels) - 1, np.arange(channels)]).ravel() % channels
    conversions = np.arange(channels) + 1.0
    paths = Paths.from_codes(names, codes, np.full(channels, 2), conversions=conversions, nulls=channels - conversions)
    found = effects(paths)
    assert found.conversion_probability == pytest.approx(conversions.sum() / channels**2, rel=1e-10)
    assert (found.conversions > 0).all()


def test_a_toy_whose_cut_loses_a_fifteenth_of_all_conversions() -> None:
    # 172 journeys begin at a, 57 of them go to b and back: a is visited 229 times and left for b with p = 57/229; a
    # visit that stays converts with 24/172. Uncut every walk ends: 24/172 = .1395. The longest path has 3 touches, so
    # M = 4 and walks of 5 steps are the longest: one visit of b, P = 24/172 (1 - p)(1 + p) = .1309.
    paths = Paths.from_strings(["a", "a > b > a"], conversions=[20, 4], nulls=[95, 53])
    made = chain(paths, transitions(paths, order=1))
    cut = removal_effects(made, convention="channelattribution").conversion_probability
    assert cut == pytest.approx(24 / 172 * (1 - (57 / 229) ** 2), rel=1e-14)
    assert f"{cut:.4f}" == "0.1309"
    assert f"{removal_effects(made).conversion_probability:.4f}" == "0.1395"


def test_a_convention_nobody_knows_is_refused() -> None:
    paths = Paths.from_strings(["a"])
    with pytest.raises(ConfigurationError, match="convention: 'mam' is not one of exact, channelattribution"):
        removal_effects(chain(paths, transitions(paths, order=1)), convention="mam")  # type: ignore[arg-type]
