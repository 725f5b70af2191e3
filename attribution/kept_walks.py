"""Visits and worths of walks that never enter removed states, exactly, for many sets of them at once.

While the chain is small, or a set removes at most one state, all come from one inverse of the whole chain, in blocks of
it; else walks are pushed forward and worth backward (:mod:`attribution.pushing`).
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.pushing import TOLERANCE, pushed
from attribution.ragged import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DENSE_STATES = 64

Mask = NDArray[np.bool_]


def kept_walks(step: "csr_array", start: Floats, ends: Floats, keep: Mask) -> tuple[Floats, Floats]:
    """Expected visits ``(states, sets)`` and worths ``(states, 2, sets)`` of walks that stay on the states kept.

    Parameters
    ----------
    step, start, ends
        As in :class:`attribution.chain.Chain`.
    keep
        Boolean ``(states, sets)``: False where removed.
    """
    if by_inverse(~keep):
        inverse = np.linalg.inv(np.eye(len(start)) - step.toarray())
        visits, worth = start @ inverse, inverse @ ends
        if (~keep).sum(axis=0).max(initial=0) <= 1:
            return _without_one(inverse, visits, worth, keep)
        return _without_blocks(inverse, visits, worth, keep)
    return pushed(step.T.tocsr(), start, keep), kept_worths(step, ends, keep)


def by_inverse(removed: Mask) -> bool:
    """Whether a chain without sets ``(states, sets)`` is solved by its inverse: few states, or one a set at most."""
    return len(removed) <= DENSE_STATES or bool(removed.sum(axis=0).max(initial=0) <= 1)


def kept_worths(step: "csr_array", ends: Floats, keep: Mask, *, tolerance: float = TOLERANCE) -> Floats:
    """The worths alone, pushed backward until what is left is below ``tolerance`` of their beginning."""
    # States that lead to the same states stand together, which spares half the time: what they read is still near.
    order = np.argsort(np.append(step.indices, 0)[step.indptr[:-1]], kind="stable")
    worth = pushed(step, np.repeat(ends, keep.shape[1], axis=1), np.tile(keep, 2), order=order, tolerance=tolerance)
    return worth.reshape(len(keep), 2, keep.shape[1])


def _without_one(inverse: Floats, visits: Floats, worth: Floats, keep: Mask) -> tuple[Floats, Floats]:
    """At most one state is removed per set: visits less those by way of it, worth less that by way of it."""
    if len(keep) == 0:
        return np.zeros(keep.shape), np.zeros((0, 2, keep.shape[1]))
    some = (~keep).any(axis=0)
    state = (~keep).argmax(axis=0)
    share = np.where(some, 1 / np.diag(inverse)[state], 0.0)
    kept_visits = visits[:, None] - inverse[state].T * (visits[state] * share)
    kept_worth = worth[:, :, None] - inverse[:, None, state] * (worth[state].T * share)
    return _of_kept(kept_visits, kept_worth, keep)


def _without_blocks(inverse: Floats, visits: Floats, worth: Floats, keep: Mask) -> tuple[Floats, Floats]:
    kept_visits = np.repeat(visits[:, None], keep.shape[1], axis=1)
    kept_worth = np.repeat(worth[:, :, None], keep.shape[1], axis=2)
    for column in np.flatnonzero(~keep.all(axis=0)):
        block = np.flatnonzero(~keep[:, column])
        core = inverse[np.ix_(block, block)]
        kept_visits[:, column] -= np.linalg.solve(core.T, visits[block]) @ inverse[block]
        kept_worth[:, :, column] -= inverse[:, block] @ np.linalg.solve(core, worth[block])
    return _of_kept(kept_visits, kept_worth, keep)


def _of_kept(visits: Floats, worth: Floats, keep: Mask) -> tuple[Floats, Floats]:
    visits[~keep] = 0
    worth *= keep[:, None]
    return visits, worth
