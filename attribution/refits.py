"""Markov credit of many replicates, each from its own counts: chains of few single channels in one batch."""

import numpy as np

from attribution.chain import chain_from_counts
from attribution.markov import removal_effects
from attribution.ragged import Floats
from attribution.transitions import Transitions

BATCHED_STATES = 64


def refitted(found: Transitions, steps: Floats, converted: Floats, paid: Floats) -> tuple[Floats, Floats]:
    """Credit of conversions and of value, arrays ``(channels, replicates)``, of chains with these counts.

    ``steps`` is ``(transitions, replicates)``; ``converted`` and ``paid`` are ``(states, replicates)``, conversions and
    their value at the last state of paths.
    """
    solve = _refitted_batch if found.order == 1 and len(found.states) <= BATCHED_STATES else _refitted_singly
    effects = solve(found, steps, converted, paid)
    total = np.stack([converted.sum(axis=0), paid.sum(axis=0)])
    summed = effects.sum(axis=1, keepdims=True)
    credit = np.divide(effects, summed, out=np.zeros_like(effects), where=summed > 0) * total[:, None, :]
    return credit[0], credit[1]


def _refitted_batch(found: Transitions, steps: Floats, converted: Floats, paid: Floats) -> Floats:
    """Removal effects ``(2, channels, replicates)`` of many chains whose states are single channels."""
    states, size = converted.shape
    counts = np.zeros((size, states + 1, states))
    counts[:, found.source, found.target] = steps.T
    # A state is left as often as it is entered, the start as often as there are journeys.
    left = np.column_stack([counts.sum(axis=1), counts[:, states].sum(axis=1)])
    rate = np.divide(1.0, left, out=np.zeros_like(left), where=left > 0)
    probability = counts * rate[:, :, None]
    inverse = np.linalg.inv(np.eye(states) - probability[:, :states])
    visits = np.einsum("rs,rst->rt", probability[:, states], inverse)
    first_entry = visits / np.einsum("rss->rs", inverse)
    effects = np.zeros((2, len(found.channels), size))
    channel = found.states[:, 0]
    for measure, reward in enumerate((converted, paid)):
        worth = np.einsum("rst,rt->rs", inverse, reward.T * rate[:, :states])
        whole = np.einsum("rs,rs->r", probability[:, states], worth)[:, None]
        lost = np.divide(first_entry * worth, whole, out=np.zeros_like(worth), where=whole > 0)
        effects[measure, channel] = lost.T
    return effects


def _refitted_singly(found: Transitions, steps: Floats, converted: Floats, paid: Floats) -> Floats:
    """The same for chains of any order and size, one replicate after the other."""
    states = len(found.states)
    effects = np.zeros((2, len(found.channels), converted.shape[1]))
    for number in range(converted.shape[1]):
        counts = steps[:, number]
        entered = np.bincount(found.target, weights=counts, minlength=states)
        left = np.bincount(found.source, weights=counts, minlength=states + 1)[:states]
        chain = chain_from_counts(
            found,
            steps=counts,
            conversions=converted[:, number],
            value=paid[:, number],
            nulls=entered - left - converted[:, number],
        )
        solved = removal_effects(chain)
        effects[0, :, number], effects[1, :, number] = solved.conversions, solved.value
    return effects
