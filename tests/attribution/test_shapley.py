"""Shapley values: against every permutation, against the axioms, sampled within their standard errors."""

from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import attribute, games
from attribution.chain import chain
from attribution.markov import removal_effects
from attribution.participation import distinct_linear
from attribution.paths import Paths
from attribution.ratio_game import ratio_gradient
from attribution.shapley import _Chain, shapley
from attribution.transitions import transitions
from customer_data.errors import ConfigurationError


def random_paths(seed, *, channels=4, paths=60, longest=6):
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, longest, paths)
    return Paths.from_codes(
        [f"c{number:02}" for number in range(channels)],
        generator.integers(0, channels, lengths.sum()),
        lengths,
        conversions=generator.integers(0, 5, paths),
        nulls=generator.integers(0, 9, paths),
    )


def by_every_permutation(worth, channels):
    """The definition: gains in joining, averaged over all orders."""
    values = np.zeros(channels)
    orders = list(permutations(range(channels)))
    for order in orders:
        coalition = 0
        for channel in order:
            joined = coalition | 1 << channel
            values[channel] += worth[joined] - worth[coalition]
            coalition = joined
    return values / len(orders)


def inside(paths, coalition):
    """Which paths have touches of the coalition only."""
    return np.array(
        [
            all(coalition >> code & 1 for code in paths.codes[begin:end])
            for begin, end in zip(paths.starts[:-1], paths.starts[1:], strict=True)
        ]
    )


def ratio_worth(paths, coalition):
    kept = inside(paths, coalition)
    journeys = (paths.conversions + paths.nulls)[kept].sum()
    return paths.conversions[kept].sum() / journeys if journeys else 0.0


def markov_worth(paths, coalition):
    """Solve the chain anew with only the coalition's states."""
    found = transitions(paths)
    whole = chain(paths, found)
    kept = np.array([coalition >> int(row.argmax()) & 1 for row in whole.holds], dtype=bool)
    step = whole.step.toarray()[np.ix_(kept, kept)]
    return whole.start[kept] @ np.linalg.solve(np.eye(kept.sum()) - step, whole.ends[kept, 0])


@pytest.mark.parametrize(("game", "worth"), [("ratio", ratio_worth), ("markov", markov_worth)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_values_equal_the_mean_over_every_permutation(game, worth, seed):
    paths = random_paths(seed)
    worths = np.array([worth(paths, coalition) for coalition in range(16)])
    table = shapley(paths, game=game)
    expected = by_every_permutation(worths, 4)
    assert table.shapley.to_numpy() == pytest.approx(expected, abs=1e-12)
    assert table.conversions.to_numpy() == pytest.approx(expected / expected.sum() * paths.conversions.sum())
    assert not table.std_error.any()


@settings(max_examples=40)
@given(st.integers(1, 6), st.data())
def test_any_game_is_solved_as_defined(channels, data):
    worth = np.array(data.draw(st.lists(st.floats(-5, 5), min_size=1 << channels, max_size=1 << channels)))
    if channels <= 5:
        assert games.exact_values(worth) == pytest.approx(by_every_permutation(worth, channels), abs=1e-9)
    assert games.exact_values(worth).sum() == pytest.approx(worth[-1] - worth[0], abs=1e-9)


@pytest.mark.parametrize("channels", [0, 1, 2, 5, 8])
def test_sums_over_subsets_equal_brute_force(channels):
    amounts = np.random.default_rng(channels).random(1 << channels)
    masks = range(1 << channels)
    expected = [sum(amounts[part] for part in masks if part & whole == part) for whole in masks]
    assert games.sums_over_subsets(amounts) == pytest.approx(expected)


def test_the_sum_game_is_linear_credit_over_distinct_channels():
    paths = random_paths(5)
    worths = np.array([paths.conversions[inside(paths, coalition)].sum() for coalition in range(16)])
    assert games.exact_values(worths) == pytest.approx(distinct_linear(paths)[0])


def test_ratio_game_by_hand():
    # a: 1 of 10 converts; a and b together: 3 of 10; b never alone. v(a) = .1, v(b) = 0, v(ab) = 4/20 = .2.
    # a: (.1 + (.2 - 0)) / 2 = .15; b: (0 + .1) / 2 = .05; of 4 conversions 3 and 1.
    paths = Paths.from_strings(["a", "b > a"], [1, 3], [0, 0], [9, 7])
    table = shapley(paths)
    assert table.shapley.tolist() == pytest.approx([0.15, 0.05])
    assert table.conversions.tolist() == pytest.approx([3, 1])


def test_markov_game_by_hand():
    # The chain is the same as above with b leading to a: a converts 4 of 20. v(a) = .5 * .2, v(b) = 0, v(ab) = .2.
    paths = Paths.from_strings(["a", "b > a"], [1, 3], [0, 0], [9, 7])
    assert shapley(paths, game="markov").shapley.tolist() == pytest.approx([0.15, 0.05])


def test_the_markov_game_is_linear_credit_along_the_walks_of_the_chain():
    # Paths that never go back: each walk is a set of channels in their order, and can be listed.
    paths = random_paths(9, channels=5, paths=80)
    steps = [sorted(set(codes)) for codes in np.split(paths.codes, paths.starts[1:-1])]
    forward = Paths.from_codes(
        paths.channels,
        np.concatenate(steps),
        [len(codes) for codes in steps],
        conversions=paths.conversions,
        nulls=paths.nulls,
    )
    parts = _Chain.of(forward, np.arange(5))
    expected = np.zeros(5)
    for size in range(1, 6):
        for walk in combinations(range(5), size):
            chance = parts.start[walk[0]] * parts.ends[walk[-1]]
            for source, target in pairwise(walk):
                chance *= parts.step[source, target]
            expected[list(walk)] += chance / size
    assert shapley(forward, game="markov").shapley.tolist() == pytest.approx(expected.tolist())


def test_the_whole_coalition_of_the_markov_game_is_the_chain():
    paths = random_paths(8, channels=7, paths=200)
    parts = _Chain.of(paths, np.arange(7))
    worths = games.markov_game(parts.start, parts.step, parts.ends)
    solved = removal_effects(chain(paths, transitions(paths)))
    assert worths[-1] == pytest.approx(solved.conversion_probability)
    without = np.array([worths[127 ^ 1 << channel] for channel in range(7)])
    assert 1 - without / worths[-1] == pytest.approx(solved.conversions)


@pytest.mark.parametrize("game", ["ratio", "markov"])
def test_sampled_values_lie_within_their_standard_errors(game):
    paths = random_paths(4, channels=9, paths=300)
    exact = shapley(paths, game=game)
    sampled = shapley(paths, game=game, exact_channels=0, permutations=600, seed=3)
    error = (sampled.conversions - exact.conversions) / sampled.std_error
    assert (sampled.std_error > 0).all()
    assert error.abs().max() < 3.5
    assert error.abs().mean() > 0.2
    assert sampled.conversions.sum() == pytest.approx(paths.conversions.sum())
    assert sampled.equals(shapley(paths, game=game, exact_channels=0, permutations=600, seed=3))


def test_standard_errors_of_samples_are_honest():
    paths = random_paths(4, channels=6, paths=100)
    exact = shapley(paths).conversions.to_numpy()
    scores = []
    for seed in range(60):
        sampled = shapley(paths, exact_channels=0, permutations=100, seed=seed)
        scores.append((sampled.conversions.to_numpy() - exact) / sampled.std_error.to_numpy())
    # 360 scores of unit variance, not independent: their mean square has a standard error of about .1.
    assert np.mean(np.square(scores)) == pytest.approx(1, abs=0.35)


def test_forty_channels_are_sampled_and_add_up():
    paths = random_paths(2, channels=40, paths=500)
    for game in ("ratio", "markov"):
        table = shapley(paths, game=game, permutations=40, seed=1)
        assert table.conversions.sum() == pytest.approx(paths.conversions.sum())
        assert (table.std_error > 0).all()


def test_channels_on_no_path_get_nothing_and_equal_channels_get_the_same():
    paths = Paths.from_codes(
        ["a", "b", "c"], [0, 1, 0, 1, 1, 0], [1, 1, 2, 2], conversions=[2, 2, 1, 1], nulls=[3, 3, 4, 4]
    )
    for game in ("ratio", "markov"):
        table = shapley(paths, game=game)
        assert table.conversions.tolist() == pytest.approx([3, 3, 0])


def test_one_channel_takes_all_and_nothing_converts_gives_nothing():
    assert shapley(Paths.from_strings(["a"], [3], [0], [4])).conversions.tolist() == pytest.approx([3])
    assert shapley(Paths.from_strings(["a", "b"], [0, 0], [0, 0], [4, 1])).conversions.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"game": "sum"}, "'sum' is not one of ratio, markov"),
        ({"permutations": 7}, "not an even number"),
        ({"exact_channels": 30}, "not between 0 and 24"),
    ],
)
def test_wrong_arguments_say_the_remedy(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        shapley(random_paths(1), **arguments)


def test_unknown_nulls_are_refused():
    with pytest.raises(ConfigurationError, match="Name the column of nulls"):
        shapley(Paths.from_strings(["a", "b"], [1, 2]))


def test_nulls_that_are_all_zero_are_refused_too():
    paths = Paths.from_strings(["a", "a > b", "b"], [2, 1, 1], nulls=[0, 0, 0])
    for ask in (lambda: shapley(paths), lambda: attribute(paths, models=["shapley"]), lambda: ratio_gradient(paths)):
        with pytest.raises(ConfigurationError, match="all nulls are 0"):
            ask()


def test_the_ratio_game_answers_to_journeys_as_finite_differences_say():
    paths = random_paths(11)
    sets = np.array([sum(1 << code for code in set(path)) for path in np.split(paths.codes, paths.starts[1:-1])])
    numerator, denominator = (
        games.sums_over_subsets(np.bincount(sets, weights=amounts, minlength=16).astype(float))
        for amounts in (paths.conversions, paths.conversions + paths.nulls)
    )
    per_journey = np.divide(1.0, denominator, out=np.zeros(16), where=denominator > 0)
    slopes = games.slopes(per_journey, sets), games.slopes(-numerator * per_journey**2, sets)
    for row in (0, 7, len(paths) - 1):
        for which, moved in ((0, (1e-6, 0)), (1, (0, 1e-6))):
            counts = [paths.conversions.copy(), (paths.conversions + paths.nulls).copy()]
            up, down = (
                games.exact_values(
                    games.ratio_game(
                        sets, *(c + sign * np.eye(len(paths))[row] * m for c, m in zip(counts, moved, strict=True)), 4
                    )
                )
                for sign in (1, -1)
            )
            assert slopes[which][row] == pytest.approx((up - down) / 2e-6, abs=1e-7)


@pytest.mark.parametrize("game", ["ratio", "markov"])
def test_intervals_hold_the_spread_of_data_drawn_again(game):
    generator = np.random.default_rng(12)
    base = random_paths(13, paths=40)
    paths = Paths.from_codes(
        base.channels,
        base.codes,
        base.lengths,
        conversions=generator.integers(20, 60, len(base)),
        nulls=generator.integers(50, 400, len(base)),
    )
    table = shapley(paths, game=game, confidence=0.9, replicates=300, seed=1)
    credit = []
    for _ in range(600):
        again = Paths.from_codes(
            paths.channels,
            paths.codes,
            paths.lengths,
            conversions=generator.poisson(paths.conversions),
            nulls=generator.poisson(paths.nulls),
        )
        credit.append(shapley(again, game=game).conversions.to_numpy())
    reach = 1.6449 * np.std(credit, axis=0)
    # Standard errors of 300 and 600 replicates have relative standard errors of 4.1 % and 2.9 %.
    assert (table.conversions_high - table.conversions).to_numpy() == pytest.approx(reach, rel=0.16)
    assert (table.conversions - table.conversions_low).to_numpy() == pytest.approx(reach, rel=0.16)


def test_intervals_are_missing_unless_asked_for_and_cover_sampled_orders():
    paths = random_paths(14, channels=6)
    assert shapley(paths)[["conversions_low", "conversions_high"]].isna().all(axis=None)
    table = shapley(paths, exact_channels=3, permutations=20, replicates=20, confidence=0.9, seed=2)
    assert (table.conversions_high - table.conversions > 1.6 * table.std_error).all()
    with pytest.raises(ConfigurationError, match="Give 20 or more"):
        shapley(paths, game="markov", replicates=3, confidence=0.9)


def test_more_channels_than_its_tables_can_hold_are_refused_with_the_remedy():
    names = [f"c{number}" for number in range(201)]
    paths = Paths.from_strings(names, [1] * 201, [0] * 201, [2] * 201)
    with pytest.raises(ConfigurationError, match=r"up to 200 channels, here are 201\. Group the rare ones"):
        attribute(paths, models=["shapley", "linear"])


def _counted_along(journeys, conversions):
    """What few journeys add to the variance of the credits of a and of d, from those of a, of d and of both.

    Credit of a is C / 2 + N / 2 (C_a / N_a - C_d / N_d), of all N journeys and C conversions.
    """
    (of_a, of_d, _), (won_a, won_d, _), total = journeys, conversions, sum(journeys)
    apart = won_a / of_a - (won_d / of_d if of_d else 0)
    added = []
    for sign in (1, -1):
        per_journey = [
            sign * (apart / 2 - total / 2 * won_a / of_a**2),
            sign * (apart / 2 + (total / 2 * won_d / of_d**2 if of_d else 0)),
            sign * apart / 2,
        ]
        per_conversion = [1 / 2 + sign * total / 2 / of_a, 1 / 2 - (sign * total / 2 / of_d if of_d else 0), 1 / 2]
        more = [4 * (n * sum(conversions) / total - c) / (n + 4) for n, c in zip(journeys, conversions, strict=True)]
        squares = (2 * e * g + g**2 for e, g in zip(per_journey, per_conversion, strict=True))
        added.append(max(sum(m * s for m, s in zip(more, squares, strict=True)), 0))
    return np.array(added)


def test_a_channel_whose_few_journeys_alone_did_not_convert_is_not_certain():
    # Five journeys of d alone, none converted: they count as if four more, that convert as all do, were with them.
    paths = Paths.from_strings(["a", "d", "a > d"], [60, 0, 45], nulls=[540, 5, 155])
    added = _counted_along((600, 5, 200), (60, 0, 45))
    assert ratio_gradient(paths).sampled[0] == pytest.approx(added)
    table = shapley(paths, confidence=0.9).set_index("channel")
    assert table.loc["d", "conversions_high"] - table.loc["d", "conversions"] > 1.64 * np.sqrt(added[1])
    assert table["journeys_alone"].to_dict() == {"a": 600, "d": 5}
    assert (table["note"] == "").all()


def test_a_channel_that_no_journey_is_of_alone_might_convert_always_and_is_told_of():
    # d alone is worth nothing by the rules of the game. It is taken to convert always in half of all cases, and after
    # 200 journeys that held d for 1000 / 1200 of that, else as all do; its weight is 1/2 in a game of two.
    paths = Paths.from_strings(["a", "a > d"], [60, 45], nulls=[540, 155])
    doubt = (1000 / 2 + 200 * 105 / 800) / 1200
    added = _counted_along((600, 0, 200), (60, 0, 45)) + doubt * (800 / 2) ** 2
    assert ratio_gradient(paths).sampled[0] == pytest.approx(added)
    table = shapley(paths, confidence=0.9).set_index("channel")
    assert table.loc["a", "note"] == ""
    assert table.loc["d", "note"].startswith("no journey is of this channel alone")
    assert (shapley(paths, game="markov")["note"] == "").all()
