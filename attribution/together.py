"""Which differences stay clear when those of all channels are judged together.

Intervals that hold for each channel by itself leave each a chance of 1 - confidence to look clear where nothing is: of
twelve channels more than one. Holm (Scandinavian Journal of Statistics 6, 1979, 65-70) keeps the chance that any of
them is wrongly called clear at 1 - confidence, however the differences hang together: with m left, those are clear
whose interval at 1 - (1 - confidence) / m does not hold zero; then the same with the others, until none is added.

So far out intervals must miss as seldom on either side as they say, which those of differences do by their lean
(:mod:`attribution.lean`). With reaches alike to both sides some of 30 channels that do not differ, of 20 conversions
each, was called clear in 15 % of data sets, nominally 10 %, nearly always for having few last clicks; with it in 8 %.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.ragged import Floats


def clear_together(
    ends: Callable[[float], tuple[Floats, Floats]], *, confidence: float, rounding: float
) -> NDArray[np.bool_]:
    """Whether each of several differences that sum to 0 is clear, all judged together.

    Parameters
    ----------
    ends
        Takes a confidence and gives the lower and upper ends of each difference's interval.
    confidence
        1 less the chance that any is wrongly called clear.
    rounding
        Intervals within so much of 0 hold zero.

    Returns
    -------
    Array as long as the ends. Differences whose interval has no width are no tests of their own, being clear where they
    are not 0; and two that sum to 0 are one.
    """

    def clear(low: Floats, high: Floats) -> NDArray[Any]:
        return (low > rounding) | (high < -rounding)

    low, high = ends(confidence)
    left = high - low > 2 * rounding
    found: NDArray[Any] = (high - low <= 2 * rounding) & clear(low, high)
    while left.any():
        tests = left.sum() if found.any() or left.sum() != 2 else 1
        added = left & clear(*ends(1 - (1 - confidence) / tests))
        if not added.any():
            break
        found |= added
        left &= ~added
    return found
