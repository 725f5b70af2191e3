"""What the errors of earlier forecasts ask of the interval of the next one.

The logarithm of what came misses that of the forecast by d, with a standard deviation s that the model knows of. What
it does not know of, such as a season or a fashion, moves all customers alike: it adds to s however many there are. So

    d ~ Normal(bias, s^2 + spread^2)

over earlier forecasts: the random effects of a meta-analysis. The spread is that of Paule & Mandel (1982, Journal of
Research of the National Bureau of Standards 87(5)), and what the next forecast is unsure of beside its own s as in
Higgins, Thompson & Spiegelhalter (2009, Journal of the Royal Statistical Society A 172(1), section 4.1).

The bias is that of the total, and one for all its segments: so moved, segments, months and customers still add up to
it, and were nearer to what came than with a bias each (docs/validation.md). A segment's own errors about it add to its
doubt alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clv.calendar import Floats
from clv.prediction import central_interval

_TOO_FEW_HOLD: Final = 0.15  # below the stated share: intervals that hold no more often must be told from those that do
_LED_ASTRAY: Final = 0.20  # how often those would be called calibrated all the same
_EVIDENCE: Final = 0.90  # how surely the errors must speak against the model before intervals are changed
_HALVINGS: Final = 60
_FEWEST_TO_LEARN: Final = 3  # origins, from which an interval is changed


@dataclass(frozen=True)
class Adjustment:
    """How the interval of a total is to be changed; 0 and 0 where the errors do not speak against the model.

    Attributes
    ----------
    shift : float
        By which the logarithm of the total moves.
    spread : float
        Standard deviation of its logarithm that adds, in squares, to the model's own.
    """

    shift: float
    spread: float

    def widening(self, deviation: Floats | float) -> Floats:
        """How many times as wide it makes an interval whose own standard deviation of the logarithm is this."""
        return np.asarray(np.hypot(deviation, self.spread) / deviation, dtype=np.float64)

    def interval(self, draws: Floats, offset: float, confidence: float) -> tuple[float, float]:
        """The changed interval of a total from its draws; ``offset`` keeps logarithms of small totals finite."""
        low, high = central_interval(np.log(draws + offset), confidence)
        middle, deviation = middle_of(draws, offset)
        times = float(self.widening(deviation))
        bounds = np.exp([middle + self.shift + times * (float(bound) - middle) for bound in (low, high)]) - offset
        return max(float(bounds[0]), 0.0), max(float(bounds[1]), 0.0)

    def factors(self, luck: Floats) -> Floats:
        """What parts of the total are multiplied by to move and widen as it does; ``luck`` is standard normal."""
        return np.asarray(np.exp(self.shift + self.spread * luck))


UNCHANGED: Final = Adjustment(0.0, 0.0)


def middle_of(draws: Floats, offset: float) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of the draws, moved by the offset."""
    logs = np.log(draws + offset)
    return float(logs.mean()), max(float(logs.std()), 1e-9)


def adjustment_of(
    errors: Floats, deviations: Floats, windows: float, confidence: float, *, shift: float | None = None
) -> Adjustment:
    """What the errors of some origins ask of the interval; without any, nothing but the shift given.

    Parameters
    ----------
    errors, deviations : ndarray (origins,)
        By which the logarithm of what came missed the forecast's, and the standard deviation that the model gave it.
    windows : float
        How many of the origins count as independent.
    confidence : float
        Of the interval.
    shift : float, optional
        By which the logarithm moves whatever these errors say; then only their spread about it is asked for. Default:
        their own bias.

    Notes
    -----
    The mean of the errors, weighted by what each tells, and the mean square about it are compared with those of a model
    that knows its doubt, by chi-square with as many degrees of freedom as there are windows. Only where either is
    larger than chance explains, the interval moves by the bias, shrunk towards 0 as far as chance explains it, and
    takes up the spread and the doubt about the bias, with Student's t for the few windows. About a shift that is given
    the mean square is taken whole, a bias beyond it included.
    """
    from scipy.stats import norm, t

    own, given = shift is None, 0.0 if shift is None else shift
    if not len(errors):
        return Adjustment(given, 0.0)
    errors = errors - given
    independent = max(1.0, min(windows, float(len(errors))))
    if not _speak_against_the_model(errors, deviations**2, independent):
        return Adjustment(given, 0.0)
    excess = _excess if own else _excess_about_zero
    least, most = 0.0, float(np.mean(errors**2)) + float(np.mean(deviations**2))
    if excess(errors, deviations**2, independent) > 0:
        while excess(errors, deviations**2 + most, independent) > 0:
            most *= 2
        for _ in range(_HALVINGS):
            middle = (least + most) / 2
            too_small = excess(errors, deviations**2 + middle, independent) > 0
            least, most = (middle, most) if too_small else (least, middle)
    bias, doubt = _shrunk_bias(errors, deviations**2 + least, independent) if own else (0.0, 0.0)
    upper = 0.5 + confidence / 2
    few = float(t.ppf(upper, max(independent - own, 1.0)) / norm.ppf(upper))
    return Adjustment(given + bias, few * float(np.sqrt(least + doubt)))


def _speak_against_the_model(errors: Floats, variances: Floats, independent: float) -> bool:
    """Whether the errors' mean, or their scatter about it, is larger than chance explains; half the risk to each."""
    from scipy.stats import chi2

    bias, doubt = _bias(errors, variances, independent)
    scatter = independent * float(np.mean((errors - bias) ** 2 / variances))
    beyond = (1 - _EVIDENCE) / 2
    of_scatter = float(chi2.sf(scatter, independent - 1)) if independent > 1 else 1.0
    return min(float(chi2.sf(bias**2 / doubt, 1)), of_scatter) < beyond


def _bias(errors: Floats, variances: Floats, independent: float) -> tuple[float, float]:
    """The mean of errors of these variances, weighted by what each tells, and its own variance."""
    weight = 1 / variances
    return float(weight @ errors / weight.sum()), 1 / (independent * float(weight.mean()))


def _shrunk_bias(errors: Floats, variances: Floats, independent: float) -> tuple[float, float]:
    """The bias shrunk towards 0 as far as chance explains it, and the variance of what it was before."""
    bias, doubt = _bias(errors, variances, independent)
    return bias * _kept(bias, doubt), doubt


def _kept(bias: float, doubt: float) -> float:
    """The part of a bias that chance, of this variance, does not explain."""
    return max(0.0, 1 - doubt / bias**2) if bias else 0.0


def _excess(errors: Floats, variances: Floats, independent: float) -> float:
    """By how much the errors about their shrunk bias scatter more than these variances say, relatively."""
    bias, doubt = _bias(errors, variances, independent)
    kept = _kept(bias, doubt)
    return float(np.mean((errors - kept * bias) ** 2 / variances)) - (1 - kept / independent)


def _excess_about_zero(errors: Floats, variances: Floats, independent: float) -> float:
    """The same about no bias at all: by how much their mean square is more than these variances say."""
    del independent
    return float(np.mean(errors**2 / variances)) - 1


def known_by_then(days: NDArray[np.intp], index: int, horizon: int) -> NDArray[np.bool_]:
    """Which origins the interval of one of them may learn from: those whose windows had ended by its day.

    Where that are fewer than three, all whose windows do not overlap with its own; failing that, all others.
    """
    before, apart = days <= days[index] - horizon, np.abs(days - days[index]) >= horizon
    enough = (chosen for chosen in (before, apart) if chosen.sum() >= _FEWEST_TO_LEARN)
    return next(enough, np.arange(len(days)) != index)


def shown_to_hold(coverage: float, independent: float, confidence: float, *, widths: Floats) -> bool:
    """Whether so many origins hold that their interval may be called calibrated.

    Parameters
    ----------
    coverage : float
        Share of origins whose interval held.
    independent : float
        How many of them count as independent: windows that do not overlap.
    confidence : float
        The share that is to hold.
    widths : ndarray (origins,)
        Of their intervals, by the width of the one to be called calibrated. What makes that one hold too seldom adds to
        its own doubt, and is seen less in wider ones: early origins of few customers show little of late ones of many.

    Returns
    -------
    bool
        True where the intervals of these origins would look as good in at most one case of five if what makes the one
        hold 15 points too seldom were in them all, and in one case of twenty or more if all hold as stated (else they
        are too wide). Binomial tails: of equal widths six must all hold at 90 %, of eleven ten.
    """
    from scipy.stats import binom, norm

    windows = int(independent + 1e-9)
    held = int(coverage * windows + 1e-9)
    stated, too_few = norm.ppf(0.5 + confidence / 2), norm.ppf(0.5 + (confidence - _TOO_FEW_HOLD) / 2)
    unknown = (stated / too_few) ** 2 - 1  # variance that leads the interval astray, by its own
    seen = float(np.mean(2 * norm.cdf(stated * widths / np.sqrt(widths**2 + unknown)) - 1))
    too_seldom = float(binom.sf(held - 1, windows, seen))
    as_stated = float(binom.sf(held - 1, windows, confidence))
    return windows > 0 and too_seldom <= _LED_ASTRAY and as_stated >= 0.05
