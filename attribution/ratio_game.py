"""Credit by Shapley values of the ratio game, for conversions and for value, and its derivatives.

A coalition of channels is worth the conversions (or the value) over the journeys among the journeys whose every touch
is in it (:mod:`attribution.shapley`). A channel's credit is its value's share of the sum of all values, times the
conversions (or the value) of all paths; it can be negative.

A set of channels with few journeys tells its ratio badly, and where all or none of them converted the delta method has
it for certain. So what the journeys of each distinct set vary is taken as if COUNTED_ALONG journeys that convert as all
do went along it, too (after the plus four rule of Agresti & Coull, The American Statistician 52, 1998, 119-126), where
that is more. A coalition that no journey keeps to is worth nothing by the rules of the game, and might be worth a
conversion each time: until journeys show that there is no such coalition it is taken to convert never or always, the
one as likely as the other; after SHOWN_BY journeys that hold a channel of it for half of that, the rest being as all
journeys are. The square of this doubt by that of the coalition's weight is added to the variance of credit. It matters
where no journey is of a channel alone (:func:`journeys_alone`): docs/validation.md says how far that holds.

Up to EXACT_CHANNELS channels on paths the game is solved exactly; above, orders of coming in are sampled
(:mod:`attribution.sampled_ratio`), and coalitions that no journey keeps to are not in the variance.
"""

from dataclasses import dataclass

import numpy as np

from attribution import games
from attribution.delta import value_squares
from attribution.participation import presence
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.sampled_ratio import sampled_game
from customer_data.errors import ConfigurationError

EXACT_CHANNELS = 20
MOST_CHANNELS = 200  # their tables take 0.7 GB
COUNTED_ALONG = 4
SHOWN_BY = 1_000


@dataclass(frozen=True, eq=False)
class RatioGradient:
    """How credit by the ratio game answers to journeys; see :class:`attribution.gradient.Gradient`.

    Attributes
    ----------
    number
        Per path the number of its set of channels.
    by_journey, by_gain
        Arrays ``(sets, 2 channels)``: derivatives by one more journey, and what a conversion, or a unit of value, adds.
    sampled
        Array ``(2, channels)``: what sampling orders, and few or no journeys, add to the variance of credit.
    """

    number: Integers
    by_journey: Floats
    by_gain: Floats
    sampled: Floats | None = None
    answers_to_endings: bool = True
    own: None = None
    by_conversion: None = None

    @property
    def width(self) -> int:
        """Number of channels."""
        return int(self.by_journey.shape[1]) // 2

    def endings(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        return self.by_journey[self.number[rows]]

    def gains(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        return self.by_gain[self.number[rows]]


def channels_on_paths(paths: Paths) -> Integers:
    """The channels that any path holds."""
    return np.flatnonzero(np.bincount(paths.codes, minlength=len(paths.channels)))


def sets_of_channels(paths: Paths, channels: Integers) -> Integers:
    """Per path the bit mask of its channels, counted among ``channels``."""
    bit = np.zeros(len(paths.channels), dtype=np.int64)
    bit[channels] = 1 << np.arange(len(channels))
    return np.asarray(np.bitwise_or.reduceat(bit[paths.codes], paths.starts[:-1]))


def journeys_alone(paths: Paths) -> Floats:
    """How many journeys are of each channel alone, array ``(channels,)``.

    Where none is, nothing says what the channel would convert by itself. Simulated, 90 % intervals of such channels
    held in 92 % of data sets of 100 journeys, 74 % of 500 and 52 % of 1,000, those of all others in 88 to 92 %
    (docs/validation.md); so the threshold is one journey.
    """
    held = presence(paths)
    found: Floats = held.T @ np.where(held.sum(axis=1) == 1, paths.conversions + paths.nulls, 0.0)
    return found


def never_alone(paths: Paths) -> list[str]:
    """The channels on paths that no journey is of alone."""
    missing = journeys_alone(paths) == 0
    return [paths.channels[channel] for channel in channels_on_paths(paths) if missing[channel]]


def problems_of_games(paths: Paths) -> list[str]:
    """Why these paths have no credit by the ratio game; nothing where they have."""
    problems = []
    if missing := missing_nulls(paths):
        problems.append(f"models: 'shapley' compares conversions with journeys that did not convert; {missing}")
    if len(paths.channels) > MOST_CHANNELS:
        problems.append(
            f"models: 'shapley' takes up to {MOST_CHANNELS} channels, here are {len(paths.channels):,}. Group the rare "
            "ones (rename_channels), or use linear or Markov credit."
        )
    return problems


def missing_nulls(paths: Paths) -> str:
    """Why these paths cannot be compared with journeys that did not convert, and what to do; empty where they can."""
    if not paths.nulls_known:
        return "these paths do not know them. Name the column of nulls, or use linear credit, which needs none."
    if not paths.nulls.any():
        return (
            "these paths hold none: all nulls are 0. Give journeys that did not convert (open ones count with "
            "include_open), or use linear credit, which needs none."
        )
    return ""


def _refuse_problems(paths: Paths) -> None:
    if problems := problems_of_games(paths):
        raise ConfigurationError("\n".join(problems))


def ratio_credit(paths: Paths) -> tuple[Floats, Floats]:
    """Credit of conversions and of value, arrays ``(channels,)``, each summing to that of all paths.

    Raises
    ------
    ConfigurationError
        When journeys without conversion are unknown.
    """
    _refuse_problems(paths)
    channels = channels_on_paths(paths)
    credit = np.zeros((2, len(paths.channels)))
    if len(channels):
        for measure, (values, amounts) in enumerate(
            zip(_values(paths, channels), (paths.conversions, paths.value), strict=True)
        ):
            if values.sum() > 0:
                credit[measure, channels] = values / values.sum() * amounts.sum()
    return credit[0], credit[1]


def _values(paths: Paths, channels: Integers) -> list[Floats]:
    """Values of the game for conversions and for value."""
    if len(channels) > EXACT_CHANNELS:
        return [sampled.values for sampled in sampled_game(paths, channels).of_measures]
    sets, journeys = sets_of_channels(paths, channels), paths.conversions + paths.nulls
    return [
        games.exact_values(games.ratio_game(sets, amounts, journeys, len(channels)))
        for amounts in (paths.conversions, paths.value)
    ]


def ratio_gradient(paths: Paths, *, most: int = EXACT_CHANNELS) -> RatioGradient:
    """How that credit answers to journeys, conversions and value; sampled from more channels on paths than ``most`` on.

    Raises
    ------
    ConfigurationError
        As :func:`ratio_credit`.
    """
    _refuse_problems(paths)
    channels = channels_on_paths(paths)
    answers = _exact_answers if len(channels) <= most else _sampled_answers
    number, of_measures = answers(paths, channels)
    count, width = int(number.max(initial=-1)) + 1, len(paths.channels)
    by_journey, by_gain = np.zeros((2, count, 2 * width))
    sampled = np.zeros((2, width))
    journeys, measured = paths.conversions + paths.nulls, _measured(paths)
    for measure, (amounts, squares) in enumerate(measured):
        values, errors, ended, gained = of_measures[measure]
        if values.sum() <= 0:
            continue
        # Credit is value / (sum of values) * conversions, and the sum of values is the ratio of all journeys.
        share, scale = values / values.sum(), amounts.sum() / values.sum()
        columns = channels + measure * width
        ending = scale * (ended - share * ended.sum(axis=1, keepdims=True))
        gain = scale * (gained - share * gained.sum(axis=1, keepdims=True)) + share
        by_journey[:, columns], by_gain[:, columns] = ending, gain
        more, squared = (_counted_along(each, journeys, number, count) for each in (amounts, squares))
        of_few = 2 * np.einsum("s,sc,sc->c", more, ending, gain) + np.einsum("s,sc->c", squared, gain**2)
        sampled[measure, channels] = (scale * errors) ** 2 + np.maximum(of_few, 0)
    return RatioGradient(number, by_journey, by_gain, sampled if sampled.any() else None)


Answers = tuple[Floats, Floats, Floats, Floats]


def _exact_answers(paths: Paths, channels: Integers) -> tuple[Integers, list[Answers]]:
    """Per path the number of its set; per measure values, their errors where journeys are few, and derivatives.

    The derivatives are those by a journey and by what it brings.
    """
    distinct, number = np.unique(sets_of_channels(paths, channels), return_inverse=True)
    walked = _inside(paths.conversions + paths.nulls, number, distinct, len(channels))
    per_journey = np.divide(1.0, walked, out=np.zeros_like(walked), where=walked > 0)
    gained = games.slopes(per_journey, distinct)
    found = []
    for amounts, squares in _measured(paths):
        won = _inside(amounts, number, distinct, len(channels))
        values = games.exact_values(won * per_journey)
        # One more journey inside a coalition changes its ratio by -won / walked^2, and what it brings by 1 / walked.
        ended = games.slopes(-won * per_journey**2, distinct) if values.sum() > 0 else np.zeros_like(gained)
        each = (amounts.sum() / max(paths.conversions.sum(), 1.0)) ** 2
        doubt = _of_unseen(walked, each, squares.sum() / max(walked[-1], 1.0))
        found.append((values, np.sqrt(games.variances_of_values(doubt)), ended, gained))
    return number, found


def _of_unseen(walked: Floats, each: float, typical: float) -> Floats:
    """Mean square of what coalitions without journeys might be worth, array ``(2^channels,)``, 0 for the others.

    ``each`` is the square of what one conversion brings, ``typical`` that of what a journey does, on average.
    """
    holding = walked[-1] - walked[::-1]
    doubt = np.where(walked > 0, 0.0, (SHOWN_BY * each / 2 + holding * typical) / (SHOWN_BY + holding))
    doubt[0] = 0.0  # nothing is inside the first
    return doubt


def _measured(paths: Paths) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Conversions, and value, with their sums of squares, per path."""
    return (paths.conversions, paths.conversions), (paths.value, value_squares(paths))


def _counted_along(amounts: Floats, journeys: Floats, number: Integers, sets: int) -> Floats:
    """What more each set's journeys would bring if COUNTED_ALONG that bring what all do shared in their mean."""
    walked, brought = (np.bincount(number, weights=each, minlength=sets) for each in (journeys, amounts))
    mean = amounts.sum() / max(journeys.sum(), 1.0)
    more: Floats = COUNTED_ALONG * (walked * mean - brought) / (walked + COUNTED_ALONG)
    return more


def _sampled_answers(paths: Paths, channels: Integers) -> tuple[Integers, list[Answers]]:
    """The same from sampled orders, and the standard errors of values."""
    game = sampled_game(paths, channels)
    return game.sets.number, [
        (sampled.values, sampled.errors, ended, gained)
        for sampled, (ended, gained) in zip(game.of_measures, game.slopes(), strict=True)
    ]


def _inside(amounts: Floats, number: Integers, distinct: Integers, channels: int) -> Floats:
    """Per coalition the amounts of the paths inside it."""
    of_sets = np.zeros(1 << channels)
    of_sets[distinct] = np.bincount(number, weights=amounts, minlength=len(distinct))
    return games.sums_over_subsets(of_sets)
