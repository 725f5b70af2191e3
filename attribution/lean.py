"""How far to one side chance moves a difference of credit more easily than to the other, for intervals far out.

A channel that happens to close few conversions is credited less by last click, and so are the few conversions that say
how sure that is: the difference comes out large and its standard error small, together. Intervals of equal reach to
both sides then miss on one side much more often than on the other, and the more so the further out they are asked to
reach, as where many channels are judged at once (:mod:`attribution.together`).

What came of distinct paths are Poisson counts, so the third cumulant of a difference is the sum over journeys of the
cubes of what each moves. Divided by the variance, the sum of the squares, it is the *lean*: about how much, and which
way, one journey moves the difference where it moves it at all.
"""

import numpy as np

from attribution.delta import BLOCK_CELLS, value_squares
from attribution.gradient import Gradient
from attribution.path_sample import path_sample
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.sums import Measure

MOST_PATHS = 1 << 12
COUNTED_ALONG = 30


def lean_of_difference(
    paths: Paths, gradient: Gradient, baseline: Gradient, *, measure: Measure, spread: Floats
) -> Floats:
    """Third cumulants of what one model credits more than a baseline, each by its variance.

    Parameters
    ----------
    paths
        Distinct paths. Of more than MOST_PATHS a sample stands for all.
    gradient, baseline
        How the credit of either answers to journeys.
    measure
        Credit of ``conversions`` or of ``value``. Single values of a path are taken to lean as those of a gamma
        distribution of their mean and variance do.
    spread
        Variances of the differences with all that is known of customers with several journeys, who move credit that
        much more at once.

    Returns
    -------
    Array as long as ``spread``, in units of the credit. Few journeys do not tell it, so COUNTED_ALONG typical of all
    channels are counted along with a channel's own.
    """
    width = gradient.width
    rows, times = path_sample((paths.conversions + paths.nulls) * paths.lengths, MOST_PATHS)
    moments = np.zeros((3, width))  # sums of squares, of cubes and of fourth powers
    block = max(8, BLOCK_CELLS // max(width, 1))
    for first in range(0, len(rows), block):
        chosen = slice(first, first + block)
        moments += _moments(paths, rows[chosen], times[chosen], gradient, baseline, measure)
    squares, cubes, fourths = moments
    if not squares.sum() > 0:
        return np.zeros(width)
    at_once = float(spread.sum() / squares.sum())
    own = np.divide(cubes, squares, out=np.zeros(width), where=squares > 0)
    cases = np.divide(squares**2, at_once * fourths, out=np.zeros(width), where=fourths > 0)
    found: Floats = (cases * own + COUNTED_ALONG * cubes.sum() / squares.sum()) / (cases + COUNTED_ALONG)
    return at_once * found


def _moments(
    paths: Paths, rows: Integers, times: Floats, gradient: Gradient, baseline: Gradient, measure: Measure
) -> Floats:
    """What some paths, each of which counts so many times, add to the sums of powers: array ``(3, channels)``."""
    of_measure = slice(0, gradient.width) if measure == "conversions" else slice(gradient.width, None)
    ending = (gradient.endings(rows) - baseline.endings(rows))[:, of_measure]
    lost = [(times * paths.nulls[rows]) @ ending**power for power in (2, 3, 4)]
    some = paths.conversions[rows] > 0
    rows, ending, number = rows[some], ending[some], paths.conversions[rows[some]]
    gain = (gradient.gains(rows) - baseline.gains(rows))[:, of_measure]
    if measure == "conversions":
        moved, spread, cubed = ending + gain, np.zeros_like(gain), np.zeros_like(gain)
    else:
        for part, sign in ((gradient, 1), (baseline, -1)):
            if part.by_conversion is not None:
                ending = ending + sign * part.by_conversion(rows)
        mean = paths.value[rows] / number
        variance = np.maximum(value_squares(paths)[rows] / number - mean**2, 0.0)
        third = 2 * variance**2 / np.where(mean > 0, mean, np.inf)
        moved = ending + mean[:, None] * gain
        spread, cubed = variance[:, None] * gain**2, third[:, None] * gain**3
    weights = times[some] * number
    converted = [
        weights @ (moved**2 + spread),
        weights @ (moved**3 + 3 * moved * spread + cubed),
        weights @ (moved**2 + spread) ** 2,
    ]
    return np.array(lost) + np.array(converted)
