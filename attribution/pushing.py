"""Many sparse chains solved at once: walks are pushed forward, and what shrinks evenly is summed to its end.

The chains share their transitions and differ in the states that are taken out of them, a column for each. A sweep moves
what is still under way in every column by one transition, a batch of states at a time; batches that were moved already
in this sweep hand on what they have got (Gauss and Seidel), which saves a third of the sweeps. After some of them the
rest of a column shrinks by nearly the same factor each time; then the geometric series it is the beginning of is added
whole, and only what differs from that is swept on. What is still to be added is exact at every moment, so the answer is
as exact as its smallness says.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.ragged import Floats, Integers

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SWEEPS = 5_000
TOLERANCE = 1e-15
EVEN = 1e-2
BATCH = 1_024
NARROW, WIDEST = 32, 64
CELLS = 8_000_000

Batches = Sequence[tuple[slice | Integers, "csr_array"]]


def pushed(
    step: "csr_array",
    begin: Floats,
    keep: NDArray[np.bool_],
    *,
    order: Integers | None = None,
    tolerance: float = TOLERANCE,
) -> Floats:
    """Solve ``X = keep * (begin + step X)`` for every column of ``keep``.

    Parameters
    ----------
    step
        Sparse ``(states, states)``, of a spectral radius below 1.
    begin
        Array ``(states,)``, not negative; or ``(states, columns)``, where columns begin differently.
    keep
        Boolean ``(states, columns)``.
    order
        In which states are swept, their own unless given. Those that lead to the same states should stand together:
        what they read is then still near.
    tolerance
        How small what is still to be added must be, as a share of the beginning of each column (Euclidean lengths).
    """
    begin = begin if begin.ndim == 2 else begin[:, None]
    states, columns = keep.shape
    widest = max(1, min(WIDEST, CELLS // max(states, 1)))
    count = max(-(-columns // widest), 2 if columns > NARROW else 1)
    rows = [slice(first, min(first + BATCH, states)) for first in range(0, states, BATCH)]
    batches = [
        (of_rows, step[of_rows]) if order is None else (order[of_rows], step[order[of_rows]]) for of_rows in rows
    ]
    blocks = np.array_split(np.arange(columns), count)
    of_block = [begin if begin.shape[1] == 1 else begin[:, block] for block in blocks]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        parts = pool.map(lambda begun, block: _block(step, batches, begun, keep[:, block], tolerance), of_block, blocks)
        return np.concatenate(list(parts), axis=1)


def _block(step: "csr_array", batches: Batches, begin: Floats, keep: NDArray[np.bool_], tolerance: float) -> Floats:
    """Columns few enough to be pushed at once."""
    gone = [np.flatnonzero(~keep[rows]) for rows, _ in batches]
    rest, total = np.zeros(keep.shape), np.zeros(keep.shape)
    moved = np.empty_like(rest)
    begun = length = _swept(batches, gone, rest, begin)
    factor = np.full_like(length, np.nan)
    for _ in range(SWEEPS):
        if (length <= tolerance * begun).all():
            return total
        np.copyto(moved, rest)
        moved_length = _swept(batches, gone, moved)
        before = factor
        factor = np.divide(moved_length, length, out=np.zeros_like(length), where=length > 0)
        even = (factor < 1) & (np.abs(factor - before) <= EVEN * (1 - factor))
        # Adding rest * (1 + factor + factor^2 + ...) leaves what the sweep says beyond that, which must be little.
        beyond = _length_beyond(moved, rest, factor) if (even | (length == 0)).all() else moved_length
        if (beyond <= moved_length / 2).all():
            for first in range(0, len(rest), BATCH):
                added, left = rest[first : first + BATCH], moved[first : first + BATCH]
                left -= factor * added
                left /= 1 - factor
                total[first : first + BATCH] += added / (1 - factor)
            moved_length, factor = beyond, np.full_like(length, np.nan)
        else:
            total += rest
        rest, moved, length = moved, rest, moved_length
    return _finished(step, begin, keep, total)


def _swept(batches: Batches, gone: Sequence[Integers], moving: Floats, begin: Floats | None = None) -> Floats:
    """Move what is under way by one transition, in place and batch by batch; the length of what then is, by column."""
    squared = np.zeros(moving.shape[1])
    for (rows, step), out in zip(batches, gone, strict=True):
        moved = step @ moving
        if begin is not None:
            moved += begin[rows]
        moved.ravel()[out] = 0
        moving[rows] = moved
        squared += np.einsum("sc,sc->c", moved, moved)
    return np.sqrt(squared)


def _length_beyond(moved: Floats, rest: Floats, factor: Floats) -> Floats:
    squared = np.zeros_like(factor)
    for first in range(0, len(rest), BATCH):
        beyond = moved[first : first + BATCH] - factor * rest[first : first + BATCH]
        squared += np.einsum("sc,sc->c", beyond, beyond)
    lengths: Floats = np.sqrt(squared) / (1 - factor)
    return lengths


def _finished(step: "csr_array", begin: Floats, keep: NDArray[np.bool_], total: Floats) -> Floats:
    """What lingers after SWEEPS sweeps is added by a sparse factorisation for each column."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    rest = (begin + step @ total - total) * keep
    for column in range(keep.shape[1]):
        kept = np.flatnonzero(keep[:, column])
        if len(kept):
            system = (eye_array(len(kept)) - step[kept][:, kept]).tocsc()
            total[kept, column] += splu(system).solve(rest[kept, column])
    return total
