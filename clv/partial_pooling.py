"""Segments that share strength: empirical Bayes over the parameters of segments.

The log parameters of the segments are taken as draws from one normal distribution. Its mean and covariance are
estimated from the segments themselves by expectation-maximisation with Laplace's approximation: each segment is fitted
under the current distribution as a prior, then the distribution is set to the segments' modes and uncertainties. A
large segment speaks for itself, a small one leans on the others, as far as the segments are alike.

What the segments lean on is itself estimated, and its error is common to all of them: it does not average out in their
total. With C the covariance of a segment under the distribution N(mu, Sigma), its mode moves by C Sigma^-1 with mu, and
mu is known with the precision sum of (Sigma^-1 - Sigma^-1 C Sigma^-1), which is that of the segments' own fits around
mu (see Kass & Steffey 1989, Journal of the American Statistical Association 84(407), on what the doubt about mu adds).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np

from clv.calendar import Floats
from clv.maximum_likelihood import FittedModel, LogNormalPrior
from customer_data.errors import InputError, ModelError

Fit = TypeVar("Fit", bound=FittedModel)

_ROUNDS: Final = 12
_CLOSE: Final = 0.02  # change of the distribution's mean and standard deviations that ends the search
_FIRST_SD: Final = 0.5  # of log parameters between segments, to begin with
_PSEUDO_SEGMENTS: Final = 2.0  # how many segments the weak belief about their spread below is worth
_PSEUDO_SD: Final = 0.1  # keeps the covariance regular where there are few segments
_LARGEST_SD: Final = 3.0  # of the distribution's mean, where the segments hardly tell it


@dataclass(frozen=True)
class Shrunk(Generic[Fit]):
    """Fits of the segments under the prior that they share.

    Attributes
    ----------
    fits : dict of str
        By segment; a segment that cannot be fitted even so is missing.
    prior : LogNormalPrior
        The distribution of parameters over segments.
    shared : dict of str
        By segment, the matrix B by which its log parameters move with standard normal errors common to all segments;
        B B' adds to the covariance of its fit.
    failures : dict of str
        By segment, why it has no fit.
    """

    fits: dict[str, Fit]
    prior: LogNormalPrior
    shared: dict[str, Floats]
    failures: dict[str, str]


def shrink_segments(
    segments: Sequence[str], fit: Callable[[str, LogNormalPrior], Fit], *, centre: Mapping[str, float]
) -> Shrunk[Fit]:
    """Fit every segment under a prior learnt from all of them.

    Parameters
    ----------
    segments : sequence of str
    fit : callable
        Fits one segment under a prior (maximum a posteriori); may raise ModelError.
    centre : mapping
        Parameters fitted to all customers: where the search starts.
    """
    names = list(centre)
    mean = np.log([centre[name] for name in names])
    covariance = np.eye(len(names)) * _FIRST_SD**2
    fits: dict[str, Fit] = {}
    shared: dict[str, Floats] = {}
    failures: dict[str, str] = {}
    for _ in range(_ROUNDS):
        prior = _prior(names, mean, covariance)
        fits, failures = {}, {}
        for segment in segments:
            try:
                fits[segment] = fit(segment, prior)
            except (InputError, ModelError) as error:
                failures[segment] = str(error)
        if not fits:
            break
        modes = np.log([list(fitted.parameters.values()) for fitted in fits.values()])
        doubts = np.array([fitted.covariance_log.to_numpy() for fitted in fits.values()])
        shared = dict(zip(fits, _moves_with_the_mean(doubts, covariance), strict=True))
        new_mean = modes.mean(axis=0)
        away = modes - new_mean
        scatter = away.T @ away + doubts.sum(axis=0) + _PSEUDO_SEGMENTS * _PSEUDO_SD**2 * np.eye(len(names))
        new_covariance = scatter / (len(fits) + _PSEUDO_SEGMENTS)
        moved = np.abs(new_mean - mean).max()
        spread = np.abs(np.sqrt(np.diag(new_covariance)) - np.sqrt(np.diag(covariance))).max()
        mean, covariance = new_mean, new_covariance
        if max(float(moved), float(spread)) < _CLOSE:
            break
    return Shrunk(fits, _prior(names, mean, covariance), shared, failures)


def _moves_with_the_mean(doubts: Floats, covariance: Floats) -> Floats:
    """For each segment C Sigma^-1 A, where A A' is the covariance of the distribution's mean."""
    precision = np.linalg.inv(covariance)
    leaning = doubts @ precision
    information, directions = np.linalg.eigh((precision - precision @ leaning).sum(axis=0))
    deviation = 1 / np.sqrt(np.maximum(information, 1 / _LARGEST_SD**2))
    return np.asarray(leaning @ (directions * deviation), dtype=np.float64)


def _prior(names: Sequence[str], mean: Floats, covariance: Floats) -> LogNormalPrior:
    return LogNormalPrior(dict(zip(names, np.exp(mean).tolist(), strict=True)), covariance)
