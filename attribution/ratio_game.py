"""Credit by Shapley values of the ratio game solved exactly, for conversions and for value, and its derivatives.

A coalition of channels is worth the conversions (or the value) over the journeys among the journeys whose every touch
is in it (:mod:`attribution.shapley`). A channel's credit is its value's share of the sum of all values, times the
conversions (or the value) of all paths; it can be negative.
"""

from dataclasses import dataclass

import numpy as np

from attribution import games
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from customer_data.errors import ConfigurationError

EXACT_CHANNELS = 20


@dataclass(frozen=True, eq=False)
class RatioGradient:
    """How credit by the ratio game answers to journeys; see :class:`attribution.gradient.Gradient`.

    Attributes
    ----------
    number
        Per path the number of its set of channels.
    by_journey, by_gain
        Arrays ``(sets, 2 channels)``: derivatives by one more journey, and what a conversion, or a unit of value, adds.
    """

    number: Integers
    by_journey: Floats
    by_gain: Floats
    answers_to_endings: bool = True
    own: None = None

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


def problems_of_exact_games(paths: Paths, *, most: int = EXACT_CHANNELS) -> list[str]:
    """Why these paths have no credit by the ratio game solved exactly; nothing where they have."""
    problems = []
    on_paths = len(channels_on_paths(paths))
    if on_paths > most:
        problems.append(
            f"models: 'shapley' is solved exactly for up to {most} channels, and {on_paths} are on these "
            "paths. Put channels together, or sample with attribution.shapley.shapley, which gives standard errors."
        )
    if missing := missing_nulls(paths):
        problems.append(f"models: 'shapley' compares conversions with journeys that did not convert; {missing}")
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


def ratio_credit(paths: Paths) -> tuple[Floats, Floats]:
    """Credit of conversions and of value, arrays ``(channels,)``, each summing to that of all paths.

    Raises
    ------
    ConfigurationError
        When there are more channels than EXACT_CHANNELS on paths, or no journey without conversion is known.
    """
    if problems := problems_of_exact_games(paths):
        raise ConfigurationError("\n".join(problems))
    channels = channels_on_paths(paths)
    credit = np.zeros((2, len(paths.channels)))
    if len(channels):
        sets, journeys = sets_of_channels(paths, channels), paths.conversions + paths.nulls
        for measure, amounts in enumerate((paths.conversions, paths.value)):
            values = games.exact_values(games.ratio_game(sets, amounts, journeys, len(channels)))
            if values.sum() > 0:
                credit[measure, channels] = values / values.sum() * amounts.sum()
    return credit[0], credit[1]


def ratio_gradient(paths: Paths, *, most: int = EXACT_CHANNELS) -> RatioGradient:
    """How that credit answers to journeys, conversions and value.

    Raises
    ------
    ConfigurationError
        As :func:`ratio_credit`, but for more channels on paths than ``most``.
    """
    if problems := problems_of_exact_games(paths, most=most):
        raise ConfigurationError("\n".join(problems))
    channels = channels_on_paths(paths)
    distinct, number = np.unique(sets_of_channels(paths, channels), return_inverse=True)
    by_journey, by_gain = np.zeros((2, len(distinct), 2 * len(paths.channels)))
    walked = _inside(paths.conversions + paths.nulls, number, distinct, len(channels))
    for measure, amounts in enumerate((paths.conversions, paths.value)):
        won = _inside(amounts, number, distinct, len(channels))
        values = games.exact_values(np.divide(won, walked, out=np.zeros_like(won), where=walked > 0))
        if values.sum() <= 0:
            continue
        slopes = list(games.ratio_slopes(won, walked, distinct))
        gained, ended = (np.column_stack(part) for part in zip(*slopes, strict=True))
        # Credit is value / (sum of values) * conversions, and the sum of values is the ratio of all journeys.
        share, scale = values / values.sum(), amounts.sum() / values.sum()
        columns = channels + measure * len(paths.channels)
        by_journey[:, columns] = scale * (ended - share * ended.sum(axis=1, keepdims=True))
        by_gain[:, columns] = scale * (gained - share * gained.sum(axis=1, keepdims=True)) + share
    return RatioGradient(number, by_journey, by_gain)


def _inside(amounts: Floats, number: Integers, distinct: Integers, channels: int) -> Floats:
    """Per coalition the amounts of the paths inside it."""
    of_sets = np.zeros(1 << channels)
    of_sets[distinct] = np.bincount(number, weights=amounts, minlength=len(distinct))
    return games.sums_over_subsets(of_sets)
