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
    difference: Floats, spread: Floats, *, total: float, confidence: float, lean: ArrayLike = 0.0
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

    Where the third cumulants are known, as ``lean`` times the variances (:mod:`attribution.lean`), both ends move by

        lean (2 z^2 + 1) / 6,

    so that they miss as often on either side (Johnson, Journal of the American Statistical Association 73, 1978,
    536-544, whose t for a skewed population this is solved for the mean), but by no more than half of the reach.

    Returns
    -------
    Arrays as long as ``difference``; both ends are the difference where the models differ nowhere.
    """
    z, spread = normal_reach(confidence), np.maximum(spread, 0.0)
    reach = z * np.sqrt(spread + (_ratio(spread.sum(), total) * z) ** 2 / 2)
    middle = difference + np.clip(np.asarray(lean) * (2 * z**2 + 1) / 6, -reach / 2, reach / 2)
    return middle - reach, middle + reach


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


def effect_interval(effect: Floats, spread: Floats, *, cases: float, confidence: float) -> tuple[Floats, Floats]:
    """Lower and upper ends of the shares of conversions, or of their value, that go when channels go.

    The variance comes from influences that were fitted to the very ``cases`` conversions that they are summed over. As
    for a mean of n, n / (n - 1) of it and Student's t with n - 1 degrees of freedom stand for what so few do not tell
    (Bell & McCaffrey, Survey Methodology 28, 2002, 169-181, on such variances that come out too small); then the
    interval is :func:`share_interval`, a typical case being one conversion.

    Parameters
    ----------
    effect, spread
        Estimates and their variances.
    cases
        The squared sum of all conversions, or of their values, over its variance.
    confidence
        Of each interval by itself.

    Returns
    -------
    Arrays as long as ``effect``.
    """
    return share_interval(
        effect, _known_by(cases, confidence) * spread, confidence=confidence, typical=1 / max(cases, 1.0)
    )


def interaction_interval(effect: Floats, spread: Floats, *, cases: float, confidence: float) -> tuple[Floats, Floats]:
    """The same of interactions of many pairs, between 0 and 1.

    The chain puts a walk that meets both of a pair together from pieces of many journeys, so a typical case is no
    single conversion, but what all pairs have together. With one conversion for it 90 % intervals held in 94 to 99 % of
    data sets of 100 and of 250 journeys, a fifth wider than these (docs/validation.md).

    Parameters and what is returned are those of :func:`effect_interval`.
    """
    spread = _known_by(cases, confidence) * np.maximum(spread, 0.0)
    typical = _ratio(float(spread.sum()), float((effect * (1 - effect)).sum()))
    return share_interval(effect, spread, confidence=confidence, typical=typical or 1 / max(cases, 1.0))


def substituted_interval(effect: Floats, spread: Floats, *, cases: float, confidence: float) -> tuple[Floats, Floats]:
    """The same of effects with substitution, which may be below 0 and so are no shares.

    With n the ``cases`` and V the variance as in :func:`effect_interval`,

        e  -/+  z sqrt(V + (z / 2 n)^2),

    half the width that the score interval of a share has of n cases: channels which so few conversions did not meet are
    not held to have no effect.
    """
    z, cases = normal_reach(confidence), max(cases, 1.0)
    spread = _known_by(cases, confidence) * np.maximum(spread, 0.0)
    reach = z * np.sqrt(spread + (z / (2 * cases)) ** 2)
    return effect - reach, effect + reach


def _known_by(cases: float, confidence: float) -> float:
    """What a variance that was estimated from so many cases is to be multiplied with, for the reach to be z of it."""
    from scipy.special import stdtrit

    freedom = max(cases - 1, 1.0)
    if np.isinf(freedom):
        return 1.0
    reach = float(stdtrit(freedom, 0.5 + confidence / 2))
    return (reach / normal_reach(confidence)) ** 2 * (1 + 1 / freedom)


def _scale(amount: Floats, spread: Floats, typical: ArrayLike) -> Floats:
    """Variance by amount: the mean of own and ``typical``, by the n = amount^2 / spread effective cases of the own."""
    cases = np.divide(amount**2, spread, out=np.full(len(amount), np.inf), where=spread > 0)
    cases[(amount <= 0) & (spread <= 0)] = 0.0
    found: Floats = (amount + COUNTED_ALONG * np.asarray(typical)) / (cases + COUNTED_ALONG)
    return found


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0
