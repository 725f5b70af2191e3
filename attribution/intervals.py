"""Intervals of credit that hold where counts are small, from estimates and their variances.

Credit C of a rule is a sum over conversions, with variance V the sum of their squares. It is taken for k times a
Poisson count, k = V / C being what a typical conversion brings, so that C / k is the effective number of conversions
behind it: the moments of a weighted sum of Poisson counts, matched as by Dobson, Kuulasmaa, Eberle & Scherer
(Statistics in Medicine 10, 1991, 457-462) and by Fay & Feuer (Statistics in Medicine 16, 1997, 791-801). A mean m is
held possible when C is within z standard deviations of it *as they would be under m*, (C - m)^2 <= z^2 k m, which is
the score interval of a Poisson count (Barker, The American Statistician 56, 2002, 85-89), scaled:

    C + k z^2 / 2  -/+  z sqrt(k C + k^2 z^2 / 4).

Where C is large that is C -/+ z sqrt(V), the interval of the delta method. Where C is small it is not as narrow as the
few conversions that happened to come make it; where no conversion came it reaches from 0 to k z^2. Few conversions do
not tell k either, so two of the size that is typical over all channels are counted along with a channel's own.

Customers with several journeys are in V, and so in k. Credit of a chain answers to journeys that did not convert, too;
its intervals are made in the same way, because they then hold more often (docs/validation.md).
"""

import numpy as np
from numpy.typing import ArrayLike

from attribution.delta import normal_reach
from attribution.ragged import Floats

COUNTED_ALONG = 2


def score_interval(
    credit: Floats, spread: Floats, *, confidence: float, typical: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Lower and upper ends of credit, or of any sums over conversions that cannot fall below 0.

    Parameters
    ----------
    credit, spread
        Estimates and their variances.
    confidence
        Of each interval by itself.
    typical
        Variance per unit of credit where a channel has none of its own; over all ``credit`` when None.

    Returns
    -------
    Arrays as long as ``credit``. The lower end is 0 where nothing is credited, and never below; both are 0 where
    nothing is credited to any and ``typical`` is None.
    """
    z, credit, spread = normal_reach(confidence), np.maximum(credit, 0.0), np.maximum(spread, 0.0)
    if typical is None:
        typical = _ratio(spread.sum(), credit.sum())
    scale = _scale(credit, spread, typical)
    middle, reach = credit + scale * z**2 / 2, z * np.sqrt(scale * credit + (scale * z / 2) ** 2)
    return np.clip(middle - reach, 0.0, credit), middle + reach


def difference_interval(
    difference: Floats, spread: Floats, *, total: float, confidence: float
) -> tuple[Floats, Floats]:
    """Lower and upper ends of what one model credits more than another, from the variances of that.

    A difference is what conversions bring less what they take away, two scaled counts of which the score interval of
    each has its middle k z^2 / 2 above the estimate and the square of its half width k^2 z^4 / 4 above z^2 times the
    variance. In the difference the middles cancel, and the squares of half widths add up (Newcombe, Statistics in
    Medicine 17, 1998, 873-890, adds them so for two proportions):

        d  -/+  z sqrt(V + k^2 z^2 / 2).

    k is how much a conversion moves, the sum of all variances over the ``total`` credited. Score intervals of the two
    credits put together with their correlation (Zou & Donner, Statistics in Medicine 27, 2008, 1693-1702) were tried
    and hold less often than no correction: the correlation is near 1, and is itself known badly.

    Returns
    -------
    Arrays as long as ``difference``; both ends are the difference where the models differ nowhere.
    """
    z, spread = normal_reach(confidence), np.maximum(spread, 0.0)
    reach = z * np.sqrt(spread + (_ratio(spread.sum(), total) * z) ** 2 / 2)
    return difference - reach, difference + reach


def share_interval(
    share: Floats, spread: Floats, *, confidence: float, typical: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Lower and upper ends of shares of a whole, both between 0 and 1.

    The score interval of a proportion (Wilson, Journal of the American Statistical Association 22, 1927, 209-212) of
    n = p (1 - p) / V effective cases; ``typical`` is one over the n of shares that have none of their own.

    Returns
    -------
    Arrays as long as ``share``, missing where a share is missing.
    """
    z, spread = normal_reach(confidence), np.maximum(spread, 0.0)
    binary = np.maximum(share * (1 - share), 0.0)
    if typical is None:
        typical = _ratio(np.nansum(spread), np.nansum(binary))
    per_case = _scale(binary, spread, typical)
    middle, whole = share + per_case * z**2 / 2, 1 + per_case * z**2
    reach = z * np.sqrt(per_case * binary + (per_case * z / 2) ** 2)
    return np.clip((middle - reach) / whole, 0.0, share), np.clip((middle + reach) / whole, share, 1.0)


def _scale(amount: Floats, spread: Floats, typical: ArrayLike) -> Floats:
    """Variance by amount: the mean of own and ``typical``, by the n = amount^2 / spread effective cases of the own."""
    cases = np.divide(amount**2, spread, out=np.full(len(amount), np.inf), where=spread > 0)
    cases[(amount <= 0) & (spread <= 0)] = 0.0
    found: Floats = (amount + COUNTED_ALONG * np.asarray(typical)) / (cases + COUNTED_ALONG)
    return found


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0
