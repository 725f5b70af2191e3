"""What conversions, journeys without one and value vary together, as pairs of outcomes.

Whatever follows from journeys answers to three kinds of outcomes along each path: a conversion, a journey that brought
none, a unit of value. With z the answer of a number to one more of each, its variance is the sum over pairs of z b z',
b the products of what the outcomes of one customer are, summed over customers (:mod:`attribution.delta`): those of an
outcome with itself, and where customers have several journeys (``Paths.shared``) of one with another.

Where there are very many pairs, a sample of them is drawn in proportion to what they may add
(:mod:`attribution.path_sample`), half of it shared alike among the channels that paths end in, so that rare ones are
not missed.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.delta import value_squares
from attribution.path_sample import path_sample
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.sums import Measure

if TYPE_CHECKING:
    from scipy.sparse import csr_array

CONVERSION, NULL, VALUE = range(3)


@dataclass(frozen=True, eq=False)
class OutcomePairs:
    """Outcomes along paths, and what they vary together.

    Attributes
    ----------
    rows
        The path of each outcome.
    by_journey, by_gain
        Per outcome whether a journey ended with it (1 for conversions and nulls, 0 for value, which comes on top), and
        how much it adds of the measure: 1 for a conversion or for a unit of value, whichever is measured, else 0.
    between
        Sparse, symmetric ``(outcomes, outcomes)``: what they vary together.
    """

    rows: Integers
    by_journey: Floats
    by_gain: Floats
    between: "csr_array"


def outcome_pairs(paths: Paths, *, measure: Measure, most: int) -> OutcomePairs:
    """The pairs that credit of ``measure`` answers to, at most ``most`` of them."""
    from scipy.sparse import csr_array

    one, other, amount = _pairs(paths, measure)
    gaining = CONVERSION if measure == "conversions" else VALUE
    kinds = np.repeat([CONVERSION, NULL, VALUE], len(paths))
    # A journey moves chances of the size of the rate at every step it makes; what it brings counts in full.
    rate = float(getattr(paths, measure).sum()) / max(float((paths.conversions + paths.nulls).sum()), 1.0)
    size = (kinds == gaining) + rate * np.sqrt(np.tile(paths.lengths, 3)) * (kinds != VALUE)
    sizes, last = np.abs(amount) * size[one] * size[other], paths.codes[paths.starts[1:] - 1][one % len(paths)]
    of_last = np.bincount(last, weights=sizes)
    alike = np.divide(1.0, of_last, out=np.zeros_like(of_last), where=of_last > 0) / max(np.count_nonzero(of_last), 1)
    drawn, times = path_sample(sizes * (1 / max(sizes.sum(), 1.0) + alike[last]), most)
    cells, place = np.unique(np.concatenate([one[drawn], other[drawn]]), return_inverse=True)
    first, second = np.split(place, 2)
    between = csr_array((times * amount[drawn], (first, second)), shape=(len(cells), len(cells)))
    kind, rows = np.divmod(cells, len(paths))
    return OutcomePairs(
        rows, (kind != VALUE).astype(float), (kind == gaining).astype(float), csr_array((between + between.T) / 2)
    )


def _pairs(paths: Paths, measure: Measure) -> tuple[Integers, Integers, Floats]:
    """Pairs of cells, numbered as in ``Paths.shared``, and their products: of single journeys, then between them."""
    conversion, null, value = (kind * len(paths) + np.arange(len(paths)) for kind in (CONVERSION, NULL, VALUE))
    parts = [(conversion, conversion, paths.conversions), (null, null, paths.nulls)]
    if measure == "value":
        parts += [(value, value, value_squares(paths)), (conversion, value, paths.value)]
        parts += [(value, conversion, paths.value)]
    if paths.shared is not None:
        shared = paths.shared.tocoo()
        row, column = (cells.astype(np.int64) for cells in shared.coords)
        parts.append((row, column, shared.data))
    one, other, amount = (np.concatenate(part) for part in zip(*parts, strict=True))
    some = amount != 0
    if measure == "conversions":
        some &= (one < VALUE * len(paths)) & (other < VALUE * len(paths))
    return one[some], other[some], amount[some]
