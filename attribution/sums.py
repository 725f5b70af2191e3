"""Intervals of sums over conversions: of some paths, of lengths, of roles that channels play, and of their shares.

A sum gives each conversion of a path, or each unit of its value, a weight. Its variance is the sum over customers of
squares of what each adds (:mod:`attribution.delta`), and that of its share s = X / T of a whole by the delta method
(Var X - 2 s Cov(X, T) + s^2 Var T) / T^2. Intervals are those of :mod:`attribution.intervals`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from attribution.delta import value_squares
from attribution.intervals import score_interval, share_interval
from attribution.paths import Paths
from attribution.ragged import Floats
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Measure = Literal["conversions", "value"]
MEASURES: tuple[Measure, ...] = get_args(Measure)


def require_measure(measure: str) -> None:
    """Refuse a measure of another name."""
    if measure not in get_args(Measure):
        raise ConfigurationError(f"measure: {measure!r} is not one of {', '.join(get_args(Measure))}.")


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the conversions (or the value) of paths.

    Attributes
    ----------
    paths, measure
        Whose conversions or value are summed.
    weights
        Sparse ``(paths, sums)``: what a conversion of each path, or a unit of its value, adds to each sum.
    """

    paths: Paths
    measure: Measure
    weights: "csr_array"

    @cached_property
    def totals(self) -> Floats:
        """Array ``(sums,)``."""
        found: Floats = self.weights.T @ getattr(self.paths, self.measure)
        return found

    def covariances(self, other: "csr_array") -> Floats:
        """Covariance of each sum with that of the same column of other weights, or of their only one."""
        squares = self.paths.conversions if self.measure == "conversions" else value_squares(self.paths)
        between = self._between
        if other.shape[1] == 1:
            of_each = other.toarray()[:, 0]
            found: Floats = self.weights.T @ (of_each * squares + (0.0 if between is None else between @ of_each))
            return found
        found = self.weights.multiply(other).T @ squares
        if between is not None:
            found = found + np.asarray(self.weights.multiply(between @ other).sum(axis=0)).ravel()
        return found

    @cached_property
    def variances(self) -> Floats:
        """Variance of each sum."""
        return self.covariances(self.weights)

    @cached_property
    def _between(self) -> "csr_array | None":
        """Products between conversions (or values) of one customer, ``(paths, paths)``; None without any."""
        shared, count = self.paths.shared, len(self.paths)
        if shared is None or not shared.nnz:
            return None
        first = 0 if self.measure == "conversions" else 2 * count
        return shared[first : first + count, first : first + count]

    def ends(self, *, confidence: float) -> tuple[Floats, Floats]:
        """Lower and upper ends of the sums."""
        return score_interval(self.totals, self.variances, confidence=confidence)

    def shares(self, wholes: "Sums") -> tuple[Floats, Floats]:
        """Shares of other sums, one for each of these or one for all, and their variances; 0 of 0."""
        total = np.where(wholes.totals > 0, wholes.totals, 1.0)
        share = self.totals / total
        spread = self.variances - 2 * share * self.covariances(wholes.weights) + share**2 * wholes.variances
        return share, spread / total**2

    def share_ends(self, wholes: "Sums", *, confidence: float) -> tuple[Floats, Floats, Floats]:
        """The same shares and the ends of their intervals; all 0 of nothing."""
        share, spread = self.shares(wholes)
        some = wholes.totals > 0
        typical = wholes.variances / np.where(some, wholes.totals, 1.0) ** 2
        low, high = share_interval(share, spread, confidence=confidence, typical=typical)
        return share, np.where(some, low, 0.0), np.where(some, high, 0.0)


def everything(paths: Paths, measure: Measure = "conversions") -> Sums:
    """One sum over all."""
    from scipy.sparse import csr_array

    return Sums(paths, measure, csr_array(np.ones((len(paths), 1))))


def effective_cases(paths: Paths, measure: Measure) -> float:
    """The squared sum of all conversions, or of their value, over its variance: how many of one size they are like."""
    whole = everything(paths, measure)
    total, spread = float(whole.totals[0]), float(whole.variances[0])
    return total**2 / spread if spread > 0 else np.inf


def grouped(paths: Paths, group: ArrayLike, groups: int) -> "csr_array":
    """Weights that put every path into one of so many sums."""
    from scipy.sparse import csr_array

    each = np.arange(len(paths))
    return csr_array((np.ones(len(paths)), (each, np.asarray(group))), shape=(len(paths), groups))


def rates(paths: Paths, rows: ArrayLike) -> tuple[Floats, Floats]:
    """The share of the journeys along each of ``rows`` that converted, and its variance; missing without any.

    With r the rate of J journeys a conversion moves it by (1 - r) / J, a journey without one by -r / J.
    """
    rows = np.asarray(rows)
    conversions, nulls = paths.conversions[rows], paths.nulls[rows]
    some = np.where(conversions + nulls > 0, conversions + nulls, np.nan)
    rate = conversions / some
    spread = conversions * (1 - rate) ** 2 + nulls * rate**2
    if paths.shared is not None and paths.shared.nnz:
        converted, lost = rows, len(paths) + rows
        for one, other, by in (
            (converted, converted, (1 - rate) ** 2),
            (lost, lost, rate**2),
            (converted, lost, -2 * rate * (1 - rate)),
        ):
            spread = spread + np.asarray(paths.shared[one, other]).ravel() * by
    return rate, spread / some**2


def rate_ends(paths: Paths, rows: ArrayLike, *, confidence: float) -> tuple[Floats, Floats, Floats]:
    """The same rates and the ends of their intervals."""
    rows = np.asarray(rows)
    rate, spread = rates(paths, rows)
    journeys = paths.conversions[rows] + paths.nulls[rows]
    return rate, *share_interval(
        rate, spread, confidence=confidence, typical=1 / np.where(journeys > 0, journeys, np.nan)
    )
