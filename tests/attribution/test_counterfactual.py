"""Removal of sets with substitution, and pairs of channels: by hand, against the definition, against derivatives."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.counterfactual import interactions, removal, substituted_survival
from attribution.credit import removal_effects
from attribution.delta import covariance
from attribution.gradient import effects_gradient
from attribution.intervals import effect_interval, interaction_interval, score_interval
from attribution.paths import Paths
from attribution.survival import survival
from attribution.transitions import transitions
from customer_data.errors import ConfigurationError, ModelError


def worth_by_walking(journeys, removed, substitution):
    """Expected conversions and value of a walk at order 1, followed over 2^60 steps; a journey is (path, n, c, v)."""
    names = sorted({name for path, *_ in journeys for name in path})
    place = {name: number for number, name in enumerate([*names, "start", "won", "lost"])}
    counts, value = np.zeros((len(place), len(place))), np.zeros(len(place))
    for path, number, conversions, brought in journeys:
        steps = [name for before, name in zip([None, *path], path, strict=False) if name != before]
        for source, target in zip(["start", *steps], steps, strict=False):
            counts[place[source], place[target]] += number
        counts[place[path[-1]], [place["won"], place["lost"]]] += conversions, number - conversions
        value[place[path[-1]]] += brought
    inside = np.isin([*place], removed)
    into = counts[:, inside].sum(axis=1)
    left = counts.sum(axis=1)
    outside = left - into
    mass = np.divide(into, left, out=np.zeros_like(left), where=left > 0)
    keeps = np.where(outside > 0, (1 - mass) + substitution * mass, 0.0)
    rows = np.divide(counts, outside[:, None], out=np.zeros_like(counts), where=outside[:, None] > 0) * keeps[:, None]
    rows[:, inside] = 0
    won = counts[:, place["won"]]
    reward = np.column_stack([rows[:, place["won"]], rows[:, place["won"]] * value / np.where(won > 0, won, 1)])
    rows[:, [place["won"], place["lost"]]] = 0
    for _ in range(60):
        reward, rows = reward + rows @ reward, rows @ rows
    return reward[place["start"]]


@pytest.mark.parametrize("substitution", [0.0, 0.3, 0.9, 0.999, 1.0])
def test_removal_is_what_walking_through_small_chains_finds(substitution):
    generator = np.random.default_rng(5)
    for _ in range(15):
        journeys = []
        for _ in range(generator.integers(2, 6)):
            path = [str(name) for name in generator.choice(list("abcd"), generator.integers(1, 5))]
            number = int(generator.integers(1, 9))
            won = int(generator.integers(0, number + 1))
            journeys.append((path, number, won, won * float(generator.integers(1, 9))))
        if not sum(won for *_, won, _ in journeys):
            continue
        paths = Paths.from_strings(
            [" > ".join(path) for path, *_ in journeys],
            [won for *_, won, _ in journeys],
            [brought for *_, brought in journeys],
            [number - won for _, number, won, _ in journeys],
        )
        sets = [[str(name)] for name in paths.channels] + [list(paths.channels[:2])]
        table = removal(paths, sets, substitution=substitution)
        whole = worth_by_walking(journeys, [], substitution)
        for names, conversions, value in zip(sets, table.removal_effect, table.removal_effect_value, strict=True):
            left = worth_by_walking(journeys, names, substitution)
            assert [conversions, value] == pytest.approx(1 - left / whole, abs=1e-9)
        assert np.isfinite(table.drop(columns="channels").to_numpy()).all()


def test_walks_that_only_the_removed_set_let_out_never_end_and_are_lost():
    # Without x a leads to b and b to a, for ever.
    paths = Paths.from_strings(["a > b > a > x", "b > x"], [1, 1], nulls=[1, 1])
    assert removal(paths, ["x"], substitution=1).removal_effect.tolist() == [1.0]
    # Half of the journeys end elsewhere: those are all that is left.
    paths = Paths.from_strings(["a > b > a > x", "c"], [1, 1], nulls=[1, 1])
    table = removal(paths, ["x"], substitution=1)
    assert table.removal_effect.tolist() == pytest.approx([0.5])
    assert table[["removal_effect_low", "removal_effect_high"]].notna().all(axis=None)


@pytest.fixture
def shop():
    """Journeys of three channels, enough of each."""
    return Paths.from_strings(
        ["a > b", "b", "c", "a > c", "b > c > a", "c > b"],
        [40, 30, 10, 25, 12, 9],
        [400, 150, 90, 300, 130, 60],
        [60, 150, 90, 70, 30, 40],
    )


def small_paths(seed, *, paths=40, channels=4):
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 6, paths)
    conversions = generator.integers(0, 5, paths)
    return Paths.from_codes(
        list("abcdef")[:channels],
        generator.integers(0, channels, lengths.sum()),
        lengths,
        conversions=conversions,
        nulls=generator.integers(0, 9, paths),
        value=conversions * generator.uniform(1, 9, paths),
    )


def by_definition(paths, removed, *, order, substitution):
    """P(conversion) and value per walk without a set, the rows rewritten one by one as the module says."""
    found = transitions(paths, order=order)
    states = len(found.states)
    counts = np.zeros((states + 1, states + 3))
    np.add.at(counts, (found.source, found.target), found.count(paths.conversions + paths.nulls))
    counts[:states, states] = found.at_last(paths.conversions)
    counts[:states, states + 1] = found.at_last(paths.nulls)
    inside = np.zeros(states + 3, dtype=bool)
    inside[:states] = found.holds[:, [paths.channels.index(name) for name in removed]].any(axis=1)
    converting = counts[:states, states]
    worth = np.divide(found.at_last(paths.value), converting, out=np.zeros(states), where=converting > 0)
    rows = np.zeros_like(counts)
    for state in range(states + 1):
        row = counts[state] / counts[state].sum() if counts[state].sum() else counts[state]
        mass = row[inside].sum()
        if mass < 1:
            rows[state, ~inside] = row[~inside] * (1 + substitution * mass / (1 - mass))
    kept = ~inside[:states]
    step = rows[:states, :states][np.ix_(kept, kept)]
    visits = np.linalg.solve(np.eye(kept.sum()) - step.T, rows[states, :states][kept])
    converted = visits * rows[:states, states][kept]
    return np.array([converted.sum(), (converted * worth[kept]).sum()])


def test_removal_with_substitution_by_hand():
    # Start: a 80 and b 160 of 240; a leads to b; b converts 80 of 240, so P = 1/3.
    paths = Paths.from_strings(["a > b", "b"], [40, 40], [400, 400], [40, 120])
    # Without a and half of its traffic led to b: start to b 2/3 * (1 + .5 * (1/3) / (2/3)) = 5/6, effect 1/6.
    table = removal(paths, ["a"], substitution=0.5)
    assert table.removal_effect[0] == pytest.approx(1 / 6)
    assert table.conversions_lost[0] == pytest.approx(80 / 6)
    assert table.value_lost[0] == pytest.approx(800 / 6)
    # All of it led to b: nothing is lost. Without b: a leads nowhere else, so those at a are lost at any rate.
    assert removal(paths, ["a"], substitution=1.0).removal_effect[0] == pytest.approx(0, abs=1e-12)
    assert removal(paths, ["b", ["a", "b"]], substitution=1.0).removal_effect.tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("substitution", [0.0, 0.3, 1.0])
def test_removal_is_as_defined(order, substitution):
    for seed in range(4):
        paths = small_paths(seed)
        whole = by_definition(paths, [], order=order, substitution=0)
        sets = [["a"], ["b", "d"], ["a", "b", "c"], ["c"]]
        table = removal(paths, sets, order=order, substitution=substitution)
        expected = np.array(
            [1 - by_definition(paths, names, order=order, substitution=substitution) / whole for names in sets]
        )
        assert table[["removal_effect", "removal_effect_value"]].to_numpy() == pytest.approx(expected, abs=1e-10)
        assert table.channels.tolist() == ["a", "b + d", "a + b + c", "c"]


@pytest.mark.parametrize("order", [1, 2])
def test_removal_effects_have_the_intervals_of_removing_each_channel(shop, order):
    effects = removal_effects(shop, order=order, confidence=0.8)
    alone = removal(shop, list(shop.channels), order=order, confidence=0.8)
    for name in ("removal_effect", "removal_effect_value"):
        low, high = effects[f"{name}_low"].to_numpy(), effects[f"{name}_high"].to_numpy()
        assert low == pytest.approx(np.maximum(alone[f"{name}_low"], 0))
        assert high == pytest.approx(np.minimum(alone[f"{name}_high"], 1))
        assert (low < effects[name]).all()
    plain = removal_effects(shop, order=order, confidence=None)
    assert plain[["removal_effect_low", "removal_effect_value_high"]].isna().all(axis=None)
    assert plain.removal_effect.tolist() == effects.removal_effect.tolist()
    with pytest.raises(ConfigurationError, match="confidence"):
        removal_effects(shop, confidence=1.2)


def test_a_removal_effect_of_everything_has_no_room():
    # Without the only channel nothing converts, whoever comes: the effect is 1 and so are both ends.
    only = removal_effects(Paths.from_strings(["a", "a > a"], [3, 2], [5, 4], [7, 1]))
    names = [f"removal_effect{of}{end}" for of in ("", "_value") for end in ("", "_low", "_high")]
    assert only[names].to_numpy().ravel().tolist() == pytest.approx([1] * 6)


def test_without_substitution_single_channels_are_the_removal_effects(shop):
    single = removal_effects(shop)
    table = removal(shop, list(shop.channels))
    assert table.removal_effect.to_numpy() == pytest.approx(single.removal_effect.to_numpy())
    assert table.removal_effect_value.to_numpy() == pytest.approx(single.removal_effect_value.to_numpy())


def test_the_two_derivatives_agree_where_nothing_is_substituted(shop):
    found = transitions(shop, order=2)
    keep = np.column_stack([np.ones(len(found.states), dtype=bool), ~found.holds])
    plain, general = survival(found, shop, keep), substituted_survival(found, shop, keep, 0.0)
    assert general.step_of(slice(None)) == pytest.approx(plain.step_of(slice(None)), abs=1e-12)
    assert general.worth == pytest.approx(plain.worth, abs=1e-12)
    # Where no journey ends the substituted chain has no derivative, and none is needed.
    ended = found.at_last(shop.conversions) > 0
    assert general.reward[ended] == pytest.approx(plain.reward[ended], abs=1e-12)


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from([1, 2]), st.floats(0.05, 0.95))
def test_derivatives_with_substitution_are_those_of_the_definition(seed, order, substitution):
    paths = small_paths(seed, paths=12, channels=3)
    found = transitions(paths, order=order)
    keep = np.column_stack([np.ones(len(found.states), dtype=bool), ~found.holds[:, [0]]])
    solved = substituted_survival(found, paths, keep, substitution)
    rows = found.per_path.toarray()
    ending = np.einsum("pt,mts->pms", rows, solved.step_of(slice(None)))
    for row in range(len(paths)):
        for field, measure, slope in (
            ("nulls", 0, ending[row, 0]),
            ("conversions", 0, ending[row, 0] + solved.reward[found.last[row]]),
            ("value", 1, solved.reward[found.last[row]]),
        ):
            if getattr(paths, field)[row] == 0:
                continue
            ends = []
            for step in (1e-5, -1e-5):
                amounts = getattr(paths, field).copy()
                amounts[row] += step
                changed = dataclasses.replace(paths, **{field: amounts})
                ends.append(
                    [
                        by_definition(changed, names, order=order, substitution=substitution)[measure]
                        for names in ([], ["a"])
                    ]
                )
            numerical = (np.array(ends[0]) - np.array(ends[1])) / 2e-5
            assert slope == pytest.approx(numerical, rel=1e-4, abs=1e-6)


def test_standard_errors_of_effects_equal_those_of_data_drawn_again(shop):
    table = removal(shop, ["a", "b", "c"], confidence=0.6826894921370859)
    width = (table.removal_effect_high - table.removal_effect_low).to_numpy() / 2
    generator = np.random.default_rng(5)
    effects = []
    for _ in range(400):
        redrawn = dataclasses.replace(
            shop, conversions=generator.poisson(shop.conversions) * 1.0, nulls=generator.poisson(shop.nulls) * 1.0
        )
        effects.append(removal_effects(redrawn).removal_effect.to_numpy())
    # 400 replicates: a relative standard error of 3.5 %.
    assert np.std(effects, axis=0) == pytest.approx(width, rel=0.1)


@pytest.mark.parametrize("substitution", [0.3, 1.0])
def test_large_chains_are_pushed_to_the_same_answer(monkeypatch, substitution):
    paths = small_paths(5, paths=200, channels=6)
    sets = [["a"], ["b", "f"]]
    factored = removal(paths, sets, order=3, substitution=substitution)
    monkeypatch.setattr("attribution.counterfactual.MOST_FACTORED", 0)
    pushed_on = removal(paths, sets, order=3, substitution=substitution)
    numbers = factored.columns[1:]
    assert pushed_on[numbers].to_numpy() == pytest.approx(factored[numbers].to_numpy(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_interactions_are_the_walks_that_visit_both(order):
    paths = small_paths(3)
    table = interactions(paths, order=order)
    assert len(table) == 6
    whole = by_definition(paths, [], order=order, substitution=0)[0]
    for row in table.itertuples():
        effect_a, effect_b, both = (
            1 - by_definition(paths, names, order=order, substitution=0)[0] / whole
            for names in ([row.channel_a], [row.channel_b], [row.channel_a, row.channel_b])
        )
        assert (row.removal_effect_a, row.removal_effect_b, row.removal_effect_both) == pytest.approx(
            (effect_a, effect_b, both)
        )
        assert row.interaction == pytest.approx(effect_a + effect_b - both)
        assert row.affinity == pytest.approx(row.interaction / (effect_a * effect_b))
        assert row.interaction_low <= row.interaction <= row.interaction_high
        assert -1e-12 < row.interaction <= min(effect_a, effect_b) + 1e-12
    assert table.interaction.is_monotonic_decreasing


@pytest.mark.parametrize("order", [1, 2])
def test_intervals_of_interactions_are_those_of_the_three_removals_together(shop, order):
    table = interactions(shop, order=order, confidence=0.8).set_index(["channel_a", "channel_b"])
    found, spreads = transitions(shop, order=order), []
    for a, b in table.index:
        holds = [found.holds[:, [shop.channels.index(name) for name in names]].any(axis=1) for names in (a, b, (a, b))]
        keep = ~np.column_stack([np.zeros(len(found.states), dtype=bool), *holds])
        slopes = effects_gradient(found, survival(found, shop, keep))[1]
        spreads.append(covariance(shop, [slopes]).combined(np.array([[1.0, 1.0, -1.0]])).conversions[0, 0])
    cases = shop.conversions.sum()  # each conversion by a customer of its own
    low, high = interaction_interval(table["interaction"].to_numpy(), np.array(spreads), cases=cases, confidence=0.8)
    assert table["interaction_low"].to_numpy() == pytest.approx(low)
    assert table["interaction_high"].to_numpy() == pytest.approx(high)


def test_pairs_that_no_conversion_tells_apart_are_not_certain():
    # Nothing varies, so one of the nine conversions stands for a case, and n = 9 with Student's t for nine.
    low, high = interaction_interval(np.array([0.0]), np.array([0.0]), cases=9.0, confidence=0.9)
    as_an_effect = effect_interval(np.array([0.0]), np.array([0.0]), cases=9.0, confidence=0.9)
    assert (low[0], high[0]) == (as_an_effect[0][0], as_an_effect[1][0])
    assert low[0] == 0 < high[0]
    # A pair that nobody met, beside one that tells how much a case is.
    low, high = interaction_interval(np.array([0.0, 0.3]), np.array([0.0, 0.3 * 0.7 / 40]), cases=20.0, confidence=0.9)
    assert low[0] == 0 < high[0] < effect_interval(np.zeros(1), np.zeros(1), cases=20.0, confidence=0.9)[1][0]


def test_losses_are_the_shares_of_what_there_was_with_their_intervals(shop):
    for substitution in (0, 0.4):
        table = removal(shop, ["a", ["b", "c"]], substitution=substitution)
        for share, lost, total in (
            ("removal_effect", "conversions_lost", 126),
            ("removal_effect_value", "value_lost", 1130),
        ):
            for end in ("", "_low", "_high"):
                assert table[f"{lost}{end}"].to_numpy() == pytest.approx(table[f"{share}{end}"].to_numpy() * total)
            assert (table[f"{share}_low"] < table[share]).all()
            assert (table[f"{share}_high"] <= 1).all()


def test_channels_that_never_meet_do_not_interact():
    paths = Paths.from_strings(["a", "b"], [3, 4], [0, 0], [5, 6])
    table = interactions(paths)
    assert table[["channel_a", "channel_b"]].to_numpy().tolist() == [["b", "a"]]
    assert table.interaction[0] == pytest.approx(0, abs=1e-12)
    # Effects 4/7 and 3/7 leave nothing for both, and what is lost together is everything.
    assert table.removal_effect_both[0] == pytest.approx(1)


def test_only_the_largest_channels_are_paired(shop):
    assert len(interactions(shop, largest=2)) == 1
    assert len(interactions(shop, largest=1)) == 0


@pytest.mark.parametrize(
    ("sets", "arguments", "message"),
    [
        (["d"], {}, "there is no channel 'd'"),
        ([["a", "bb"]], {}, "Did you mean 'b'"),
        ([[]], {}, "number 1 holds no channel"),
        (["a"], {"substitution": 30}, "not between 0 and 1"),
        (["a"], {"confidence": 2}, "not between 0 and 1"),
    ],
)
def test_wrong_arguments_say_the_remedy(shop, sets, arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        removal(shop, sets, **arguments)


def test_nothing_converts():
    paths = Paths.from_strings(["a > b"], [0], [0], [4])
    with pytest.raises(ModelError, match="none of the 4 journeys"):
        removal(paths, ["a"])
    with pytest.raises(ModelError, match="none of the 4 journeys"):
        interactions(paths)


def test_affinities_have_the_intervals_of_what_each_journey_brings():
    texts, won, lost = ["a > b", "a", "b > c", "c > a > b", "c"], [30, 20, 10, 8, 4], [40, 60, 50, 20, 90]

    def affinities(conversions, nulls):
        table = interactions(Paths.from_strings(texts, conversions, nulls=nulls)).sort_values(
            ["channel_a", "channel_b"]
        )
        return table.set_index(["channel_a", "channel_b"])

    table, spread = affinities(won, lost), 0.0
    for amounts in (won, lost):
        for row, count in enumerate(amounts):
            ends = []
            for step in (1e-4, -1e-4):
                moved = [float(amount) for amount in amounts]
                moved[row] += step
                ends.append(affinities(*((moved, lost) if amounts is won else (won, moved)))["affinity"])
            spread += count * ((ends[0] - ends[1]) / 2e-4).to_numpy() ** 2
    per_case = 1 / (72 * table["removal_effect_a"] * table["removal_effect_b"]).to_numpy()
    low, high = score_interval(table["affinity"].to_numpy(), spread, confidence=0.9, typical=per_case)
    assert table["affinity_low"].tolist() == pytest.approx(low.tolist(), rel=1e-5)
    assert table["affinity_high"].tolist() == pytest.approx(high.tolist(), rel=1e-5)
    assert (table["affinity_low"] < table["affinity"]).all()
