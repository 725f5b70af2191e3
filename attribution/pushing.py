"""Many sparse chains solved at once: walks are pushed forward, and what shrinks evenly is summed to its end.

The chains share their transitions and differ in the states that are taken out of them, a column for each. A push moves
what is still under way in every column by one transition. After some pushes the rest of a column shrinks by nearly the
same factor each time; then the geometric series it is the beginning of is added whole, and only what differs from that
is pushed on. The rest is exact at every moment, so the answer is as exact as its smallness says.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.ragged import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_array

PUSHES = 5_000
TOLERANCE = 1e-15
EVEN = 1e-3
WIDEST = 32
CELLS = 8_000_000


def pushed(step: "csr_array", begin: Floats, keep: NDArray[np.bool_]) -> Floats:
    """Solve ``X = keep * (begin + step X)`` for every column of ``keep``.

    Parameters
    ----------
    step
        Sparse ``(states, states)``, of a spectral radius below 1.
    begin
        Array ``(states,)``, not negative; or ``(states, columns)``, where columns begin differently.
    keep
        Boolean ``(states, columns)``.
    """
    begin = begin if begin.ndim == 2 else begin[:, None]
    states, columns = keep.shape
    width = max(1, min(WIDEST, CELLS // max(states, 1)))
    if columns <= width:
        return _block(step, begin, keep)
    blocks = np.array_split(np.arange(columns), -(-columns // width))
    of_block = [begin if begin.shape[1] == 1 else begin[:, block] for block in blocks]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        parts = pool.map(lambda begun, block: _block(step, begun, keep[:, block]), of_block, blocks)
        return np.concatenate(list(parts), axis=1)


def _block(step: "csr_array", begin: Floats, keep: NDArray[np.bool_]) -> Floats:
    """Columns few enough to be pushed at once."""
    gone = np.flatnonzero(~keep)
    rest = begin * keep
    total = np.zeros_like(rest)
    begun = length = _length(rest)
    factor = np.full_like(length, np.nan)
    for _ in range(PUSHES):
        moved = step @ rest
        moved.ravel()[gone] = 0
        before, moved_length = factor, _length(moved)
        factor = np.divide(moved_length, length, out=np.zeros_like(length), where=length > 0)
        even = (factor < 1) & (np.abs(factor - before) <= EVEN * (1 - factor))
        total += rest
        if (even | (length == 0)).all():
            # Adding rest * (factor + factor^2 + ...) too leaves what the push says beyond that, which must be little.
            beyond = moved - factor * rest
            beyond /= 1 - factor
            beyond_length = _length(beyond)
            if (beyond_length <= moved_length / 2).all():
                rest *= factor / (1 - factor)
                total += rest
                moved, moved_length, factor = beyond, beyond_length, np.full_like(length, np.nan)
        rest, length = moved, moved_length
        if (length <= TOLERANCE * begun).all():
            return total
    total += _finished(step, rest, keep)
    return total


def _length(columns: Floats) -> Floats:
    lengths: Floats = np.sqrt(np.einsum("sc,sc->c", columns, columns))
    return lengths


def _finished(step: "csr_array", rest: Floats, keep: NDArray[np.bool_]) -> Floats:
    """What lingers after PUSHES steps, by a sparse factorisation for each column."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    total = np.zeros_like(rest)
    for column in range(keep.shape[1]):
        kept = np.flatnonzero(keep[:, column])
        if len(kept):
            system = (eye_array(len(kept)) - step[kept][:, kept]).tocsc()
            total[kept, column] = splu(system).solve(rest[kept, column])
    return total
