"""Poisson draws of many small counts: exact, and several times faster than one by one.

The bootstrap over customers needs, for every distinct path with count n, a fresh Poisson(n) per replicate. Most counts
are tiny and repeat, so a count's inverse distribution function is tabulated over the 65,536 values of a 16-bit random
number; the few cells of that table in which the answer changes are drawn with further bits, which makes the draw exact
to double precision. Larger and fractional counts take numpy's own sampler.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

_CELLS = 65_536
_LARGEST_TABULATED = 24
_UNDECIDED = 255
_CHUNK = 2_048


@lru_cache(maxsize=_LARGEST_TABULATED)
def _inverse_table(mean: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """(answer per 16-bit number, or 255 where it is not yet decided; the cumulative distribution itself)."""
    from scipy.special import pdtr

    cumulative = np.asarray(pdtr(np.arange(mean + 12 * int(np.sqrt(mean) + 3)), mean), dtype=np.float64)
    edges = np.arange(_CELLS + 1) / _CELLS
    low = np.searchsorted(cumulative, edges[:-1], side="right")
    high = np.searchsorted(cumulative, edges[1:], side="left")
    return np.where(low == high, low, _UNDECIDED).astype(np.uint8), cumulative


def _draw_tabulated(generator: np.random.Generator, mean: int, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    table, cumulative = _inverse_table(mean)
    count = shape[0] * shape[1]
    bits = generator.integers(0, 1 << 64, size=-(-count // 4), dtype=np.uint64).view(np.uint16)[:count]
    drawn = table.take(bits)
    undecided = np.flatnonzero(drawn == _UNDECIDED)
    uniform = (bits[undecided] + generator.random(undecided.size)) / _CELLS
    drawn[undecided] = np.minimum(np.searchsorted(cumulative, uniform, side="right"), cumulative.size - 1)
    return drawn.reshape(shape)


class PoissonDraws:
    """Draws Poisson(means[i]) for all i, many replicates at once.

    Parameters
    ----------
    means : array (n,)
        Not negative, whole or fractional.

    Attributes
    ----------
    rows : array (n,)
        Which of the means each row drawn belongs to; equal means are neighbours, which is what makes drawing fast.
    """

    def __init__(self, means: npt.ArrayLike) -> None:
        given = np.asarray(means, dtype=float)
        self.rows: npt.NDArray[np.int64] = np.argsort(given, kind="stable")
        self._means = given[self.rows]
        begins = np.flatnonzero(np.diff(self._means, prepend=-1.0))
        ends = np.append(begins[1:], given.size)
        self._groups: list[tuple[int, slice]] = []
        for begin, end in zip(begins, ends, strict=False):
            mean = self._means[begin]
            if mean == np.rint(mean) and 1 <= mean <= _LARGEST_TABULATED:
                self._groups.extend(
                    (int(mean), slice(first, min(first + _CHUNK, end))) for first in range(begin, end, _CHUNK)
                )
        tabulated = np.zeros(given.size, dtype=bool)
        for _, rows in self._groups:
            tabulated[rows] = True
        self._others = np.flatnonzero(~tabulated & (self._means > 0))

    def draw(self, generator: np.random.Generator, replicates: int) -> npt.NDArray[np.float32]:
        """Array (n, replicates), row i around ``means[rows[i]]``; single precision is exact below 16.7 million.

        What it returns depends on the generator's state and the arguments only.
        """
        drawn = np.zeros((self._means.size, replicates), dtype=np.float32)
        for mean, rows in self._groups:
            drawn[rows] = _draw_tabulated(generator, mean, (rows.stop - rows.start, replicates))
        if self._others.size:
            drawn[self._others] = generator.poisson(
                self._means[self._others, None], size=(self._others.size, replicates)
            )
        return drawn
