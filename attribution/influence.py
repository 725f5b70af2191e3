"""Variances of whatever follows from conversions, journeys without one and value: the delta method, written once more.

:mod:`attribution.delta` takes credit whose two measures answer each to its own outcomes, which most models give. Some
numbers answer to all three kinds of outcomes at once: credit of value by a regression that conversions were fitted to,
or shares of paths that follow from removal effects. For these an *influence* says how a number changes with one more
conversion along a path, one more journey without a conversion, and one more unit of value. With customers arriving
independently the covariance of two numbers is the sum over customers of the products of their influences; what those
with several journeys add comes from ``Paths.shared``, as there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from attribution.delta import BLOCK_CELLS, value_squares
from attribution.gradient import Gradient
from attribution.paths import Paths
from attribution.ragged import Floats, Integers


@dataclass(frozen=True, eq=False)
class Influence:
    """How numbers answer to one more of each outcome along some paths: arrays ``(paths, numbers)``.

    A conversion with a value v changes them by ``conversions + v * value``.
    """

    conversions: Floats
    nulls: Floats
    value: Floats

    def less(self, other: "Influence") -> "Influence":
        """The influences on the differences of these numbers to others."""
        return Influence(self.conversions - other.conversions, self.nulls - other.nulls, self.value - other.value)

    def scaled(self, factor: Floats | float) -> "Influence":
        """The influences on multiples of these numbers."""
        return Influence(self.conversions * factor, self.nulls * factor, self.value * factor)


class Influences(Protocol):
    """Gives the influences of some paths on ``width`` numbers, which may be too many for all paths at once."""

    @property
    def width(self) -> int: ...

    def of(self, rows: slice | Integers) -> Sequence[Influence]:
        """One influence for each set of ``width`` numbers, such as credit of conversions and credit of value."""
        ...

    def nulls(self, rows: slice | Integers) -> Sequence[Floats]:
        """The ``nulls`` of these influences alone."""
        ...


@dataclass(frozen=True, eq=False)
class OfGradient:
    """The influences behind a gradient: on credit of conversions, then on credit of value."""

    gradient: Gradient

    @property
    def width(self) -> int:
        """Number of channels."""
        return self.gradient.width

    def of(self, rows: slice | Integers) -> Sequence[Influence]:
        """Influences on credit of conversions and on credit of value."""
        endings, gains, width = self.gradient.endings(rows), self.gradient.gains(rows), self.width
        ending, of_value = endings[:, :width], endings[:, width:]
        counted = 0.0 if self.gradient.by_conversion is None else self.gradient.by_conversion(rows)
        return (
            Influence(ending + gains[:, :width], ending, np.zeros_like(ending)),
            Influence(of_value + counted, of_value, gains[:, width:]),
        )

    def nulls(self, rows: slice | Integers) -> Sequence[Floats]:
        """What one more journey without a conversion changes of both."""
        endings = self.gradient.endings(rows)
        return endings[:, : self.width], endings[:, self.width :]


def covariances(paths: Paths, influences: Influences, pairs: Sequence[tuple[int, int]]) -> list[Floats]:
    """For each pair of sets of numbers the covariances of like numbers, arrays ``(width,)``.

    Parameters
    ----------
    paths
        Distinct paths.
    influences
        What numbers answer to.
    pairs
        Positions in what ``influences.of`` gives; ``(0, 0)`` asks for variances.
    """
    summed = [np.zeros(influences.width) for _ in pairs]
    squares = value_squares(paths)
    block = max(8, BLOCK_CELLS // max(influences.width, 1))
    for first in range(0, len(paths), block):
        rows = np.arange(first, min(first + block, len(paths)))
        converting = paths.conversions[rows] > 0
        some, lost = rows[converting], rows[~converting]
        found, ending = influences.of(some), influences.nulls(lost)
        conversions, nulls, value, squared = (
            amounts[some] for amounts in (paths.conversions, paths.nulls, paths.value, squares)
        )
        for total, (one, other) in zip(summed, pairs, strict=True):
            a, b = found[one], found[other]
            total += paths.nulls[lost] @ (ending[one] * ending[other])
            total += nulls @ (a.nulls * b.nulls) + conversions @ (a.conversions * b.conversions)
            total += value @ (a.conversions * b.value + a.value * b.conversions) + squared @ (a.value * b.value)
    if paths.shared is not None and paths.shared.nnz:
        cells = np.flatnonzero(np.diff(paths.shared.indptr))
        kind, row = np.divmod(cells, len(paths))
        between = paths.shared[cells][:, cells]
        derivatives = [
            np.where((kind == 0)[:, None], part.conversions, np.where((kind == 1)[:, None], part.nulls, part.value))
            for part in influences.of(row)
        ]
        for total, (one, other) in zip(summed, pairs, strict=True):
            total += (derivatives[one] * (between @ derivatives[other])).sum(axis=0)
    return summed
