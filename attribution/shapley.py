"""Credit as Shapley values: what each channel adds, averaged over all orders in which channels could come in.

Two games say what a coalition S of channels is worth:

- *ratio*: conversions over journeys, among the journeys whose every touch is in S;
- *markov*: the probability of conversion in the chain of order 1 when only the channels in S are left.

Values of both can be negative: a channel whose journeys convert badly lowers the ratio of those it joins. Up to
EXACT_CHANNELS channels all 2^n coalitions are solved; above, permutations are sampled in pairs of one order and its
reverse, and for the ratio game corrected by what the same permutations say of the sum game, whose values are known.

The *sum game* v(S) = conversions of the paths inside S is not offered as a model of its own, for its Shapley value is
linear credit over the distinct channels of each path (:func:`attribution.participation.distinct_linear`): a path is a
game that its channels win only together, and such a game is shared equally.

For the same reason the Markov game is linear credit over the distinct channels of each converting *walk of the chain*:
a walk converts by a coalition alone when all its channels are in it. As the removal effect is participation along
walks, this is linear credit along them, and on real paths it lies between linear and Markov credit. So it is no model
of its own in reports either; here it is for comparison.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from attribution import games
from attribution.arguments import checked
from attribution.delta import interval, normal_reach, variance
from attribution.participation import distinct_linear
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.ratio_game import (
    EXACT_CHANNELS,
    channels_on_paths,
    journeys_alone,
    missing_nulls,
    never_alone,
    ratio_gradient,
    sets_of_channels,
)
from attribution.sampled_ratio import (
    DistinctSets,
    mean_and_error,
    orders_of_coming_in,
    sampled_values,
    worths_of_prefixes,
)
from attribution.shapley_intervals import drawn_variance
from attribution.transitions import transitions
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas

Game = Literal["ratio", "markov"]

AT_ONCE = 128
FEWEST_REPLICATES = 20
NEVER_ALONE = (
    "no journey is of this channel alone: what it converts by itself is unknown, the interval may be too narrow"
)


@checked
def shapley(
    paths: Paths,
    *,
    game: Game = "ratio",
    exact_channels: int = EXACT_CHANNELS,
    permutations: int = 2_000,
    seed: int | None = None,
    confidence: float | None = None,
    replicates: int = 200,
) -> "pandas.DataFrame":
    """Credit of conversions by Shapley values.

    Parameters
    ----------
    paths
        Distinct paths with journeys that did not convert.
    game
        ``"ratio"`` or ``"markov"``, see the module.
    exact_channels
        Solve exactly up to this many channels on paths, at most 24.
    permutations
        Orders to sample above that, an even number from 4 on.
    seed
        Of the sample, and of data drawn again.
    confidence
        Of the intervals, which say how sure credit is given that customers are a sample; None leaves them missing. The
        ratio game solved exactly takes the delta method, the others ``replicates`` draws of the data, which take that
        many times as long. See :mod:`attribution.shapley_intervals`.
    replicates
        Draws of the data, from 20 on, where they are needed.

    Returns
    -------
    Columns channel, shapley (in units of P(conversion), summing to that of all channels), conversions (the same in
    proportion, summing to all conversions), std_error (of ``conversions``, from sampling orders only: 0 when solved
    exactly), conversions_low, conversions_high (from the data; with orders sampled, from these too; unclipped, as
    values can be negative), journeys_alone (that hold no other channel) and note: of the ratio game what is to be
    known of a channel that no journey is of alone, else empty.

    Raises
    ------
    ConfigurationError
        When the game or a number is out of range, or no journey is known not to have converted: every coalition's
        journeys then convert always, and the games have nothing to say.
    """
    import pandas

    _check(paths, game, exact_channels, permutations)
    if confidence is not None:
        normal_reach(confidence)
        if replicates < FEWEST_REPLICATES:
            raise ConfigurationError(f"replicates: {replicates!r} say too little. Give {FEWEST_REPLICATES} or more.")
    on_paths = channels_on_paths(paths)
    exact = len(on_paths) <= exact_channels
    if exact:
        values, errors = _exact(paths, game, on_paths), np.zeros(len(on_paths))
    else:
        values, errors = _sampled(paths, game, on_paths, permutations, seed)
    total = values.sum()
    scale = paths.conversions.sum() / total if total > 0 else 0.0
    table = pandas.DataFrame({"channel": paths.channels, "shapley": 0.0, "conversions": 0.0, "std_error": 0.0})
    table.loc[on_paths, "shapley"] = values
    table.loc[on_paths, "conversions"] = values * scale
    table.loc[on_paths, "std_error"] = errors * scale
    low, high = (np.full(len(paths.channels), np.nan if confidence is None else 0.0) for _ in range(2))
    if confidence is not None and len(on_paths):
        if exact and game == "ratio":
            spread = variance(paths, ratio_gradient(paths, most=exact_channels)).conversions[on_paths]
        elif exact:
            spread = drawn_variance(
                paths, lambda again: _exact(again, game, on_paths), replicates=replicates, seed=seed
            )
        else:
            spread = drawn_variance(
                paths,
                lambda again: _sampled(again, game, on_paths, permutations, seed)[0],
                replicates=replicates,
                seed=seed,
            )
        low[on_paths], high[on_paths] = interval(values * scale, spread + (errors * scale) ** 2, confidence=confidence)
    unknown = never_alone(paths) if game == "ratio" else []
    return table.assign(
        conversions_low=low,
        conversions_high=high,
        journeys_alone=journeys_alone(paths),
        note=[NEVER_ALONE if channel in unknown else "" for channel in paths.channels],
    )


def _check(paths: Paths, game: str, exact_channels: int, permutations: int) -> None:
    problems = []
    if game not in get_args(Game):
        problems.append(f"game: {game!r} is not one of {', '.join(get_args(Game))}.")
    if not 0 <= exact_channels <= 24:
        problems.append(f"exact_channels: {exact_channels!r} is not between 0 and 24; 2^24 coalitions take seconds.")
    if permutations < 4 or permutations % 2:
        problems.append(f"permutations: {permutations!r} is not an even number from 4 on; they come in pairs.")
    if missing := missing_nulls(paths):
        problems.append(f"Shapley values compare conversions with journeys that did not convert; {missing}")
    if problems:
        raise ConfigurationError("\n".join(problems))


@dataclass(frozen=True, eq=False)
class _Chain:
    """The chain of order 1 by channel: arrays ``(n,)``, ``(n, n)``, ``(n,)``."""

    start: Floats
    step: Floats
    ends: Floats

    @classmethod
    def of(cls, paths: Paths, channels: Integers) -> "_Chain":
        found = transitions(paths, order=1)
        place = np.full(len(paths.channels), -1)
        place[channels] = np.arange(len(channels))
        state = np.append(place[found.states[:, 0]], len(channels))
        counts = np.zeros((len(channels) + 1, len(channels)))
        counts[state[found.source], state[found.target]] = found.count(paths.conversions + paths.nulls)
        # A state is left as often as it is entered, the start as often as there are journeys.
        left = np.append(counts.sum(axis=0), counts[-1].sum())
        rate = np.divide(1.0, left, out=np.zeros_like(left), where=left > 0)
        converted = np.zeros(len(channels))
        converted[state[:-1]] = found.at_last(paths.conversions)
        probability = counts * rate[:, None]
        return cls(probability[-1], probability[:-1], converted * rate[:-1])


def _exact(paths: Paths, game: str, channels: Integers) -> Floats:
    if len(channels) == 0:
        return np.zeros(0)
    if game == "markov":
        chain = _Chain.of(paths, channels)
        return games.exact_values(games.markov_game(chain.start, chain.step, chain.ends))
    journeys = paths.conversions + paths.nulls
    return games.exact_values(
        games.ratio_game(sets_of_channels(paths, channels), paths.conversions, journeys, len(channels))
    )


def _sampled(paths: Paths, game: str, channels: Integers, permutations: int, seed: int | None) -> tuple[Floats, Floats]:
    """Values and their standard errors from pairs of permutations."""
    orders = orders_of_coming_in(len(channels), permutations, seed)
    if game == "markov":
        chain = _Chain.of(paths, channels)
        blocks = (orders[first : first + AT_ONCE] for first in range(0, permutations, AT_ONCE))
        worths = [games.markov_prefixes(chain.start, chain.step, chain.ends, block) for block in blocks]
        return mean_and_error(games.gains(np.concatenate(worths), orders))
    sets = DistinctSets.of(paths, channels)
    amounts = [sets.summed(each) for each in (paths.conversions, paths.conversions + paths.nulls)]
    inside, walked = worths_of_prefixes(sets, amounts, orders)
    sampled = sampled_values(inside, walked, distinct_linear(paths)[0][channels], orders)
    return sampled.values, sampled.errors
