"""Removal effects of channels in a Markov chain of any order, solved and not simulated.

With Q the transitions between states, a the start, r the probabilities of converting at once and N = (I - Q)^-1, a walk
converts with probability a N r. The removal effect of channel j is the share of it that is lost when every walk that
enters a state holding j is lost: the share of converting walks that visit j. Value: the same with r times the mean
value of the conversions at a state.

- Order 1, where a state is one channel: RE_j = (a N)_j / N_jj * h_j / (a h) with h = N r; one factorisation for all.
- Order k, R the states that hold j: RE_j = eta h_R / (a h) with eta = (a N)_R (N_RR)^-1, while the chain is small.
- Else walks are pushed forward, all channels at once: X = keep * (a + Q' X), column j without the states that hold j.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from attribution.chain import Chain, without_channels
from attribution.ragged import Floats
from customer_data.errors import ConfigurationError

Convention = Literal["exact", "channelattribution"]

DENSE_STATES = 64
CUT_CELLS = 8_000_000


@dataclass(frozen=True, eq=False)
class RemovalEffects:
    """Removal effects per channel, and what a walk of the whole chain is worth.

    ``conversions`` and ``value`` are arrays ``(channels,)`` of shares lost, 0 where a channel is on no converting walk
    and all 0 when nothing converts; ``conversion_probability`` and ``value_per_walk`` are those of the whole chain.
    """

    conversions: Floats
    value: Floats
    conversion_probability: float
    value_per_walk: float


def removal_effects(chain: Chain, *, convention: Convention = "exact") -> RemovalEffects:
    """Removal effects for conversions and for value.

    Parameters
    ----------
    chain
        A chain of any order.
    convention
        ``"exact"`` follows every walk to its end. ``"channelattribution"`` counts walks of more than M + 1 transitions
        as lost, M one more than the states of the longest path, as the R package of that name does.

    Raises
    ------
    ConfigurationError
        When the convention has another name.
    """
    require_convention(convention)
    if len(chain.start) == 0:
        nothing = np.zeros(chain.holds.shape[1])
        return RemovalEffects(nothing, nothing, 0.0, 0.0)
    if convention == "channelattribution":
        whole, lost = _cut(chain)
    elif (chain.holds.sum(axis=1) == 1).all() and (chain.holds.sum(axis=0) <= 1).all():
        whole, lost = _single(chain)
    elif len(chain.start) <= DENSE_STATES:
        whole, lost = _blocks(chain)
    else:
        whole, lost = _pushed(chain)
    share = np.divide(lost, whole, out=np.zeros_like(lost), where=whole > 0)
    return RemovalEffects(share[:, 0], share[:, 1], float(whole[0]), float(whole[1]))


def require_convention(convention: str) -> None:
    """Refuse a convention of another name."""
    if convention not in get_args(Convention):
        raise ConfigurationError(f"convention: {convention!r} is not one of {', '.join(get_args(Convention))}.")


def _single(chain: Chain) -> tuple[Floats, Floats]:
    """Each state is one channel and each channel at most one state: one inverse answers for all channels."""
    inverse = np.linalg.inv(np.eye(len(chain.start)) - chain.step.toarray())
    visits = chain.start @ inverse
    worth = inverse @ chain.ends
    lost = np.zeros((chain.holds.shape[1], 2))
    lost[chain.holds.argmax(axis=1)] = (visits / np.diag(inverse))[:, None] * worth
    return chain.start @ worth, lost


def _blocks(chain: Chain) -> tuple[Floats, Floats]:
    """The states that hold a channel are a block of the inverse: one small system per channel."""
    inverse = np.linalg.inv(np.eye(len(chain.start)) - chain.step.toarray())
    visits = chain.start @ inverse
    worth = inverse @ chain.ends
    lost = np.zeros((chain.holds.shape[1], 2))
    for channel in np.flatnonzero(chain.holds.any(axis=0)):
        block = np.flatnonzero(chain.holds[:, channel])
        first_entries = np.linalg.solve(inverse[np.ix_(block, block)].T, visits[block])
        lost[channel] = first_entries @ worth[block]
    return chain.start @ worth, lost


def _pushed(chain: Chain) -> tuple[Floats, Floats]:
    """Walks are pushed forward, a column for each channel removed beside the whole chain."""
    worth = chain.visits.T @ chain.ends
    return worth[0], worth[0] - worth[1:]


def _cut(chain: Chain) -> tuple[Floats, Floats]:
    """The same for walks of at most M + 1 transitions."""
    whole, lost = np.zeros(2), np.zeros((chain.holds.shape[1], 2))
    for block, visits in cut_visits(chain):
        worth = visits.T @ chain.ends
        whole, lost[block] = worth[0], worth[0] - worth[1:]
    return whole, lost


def cut_visits(chain: Chain) -> Iterator[tuple[slice, Floats]]:
    """Visits of states by walks of at most M + 1 transitions, in blocks of channels that fit in memory.

    Per block an array ``(states, 1 + channels of the block)``: of the whole chain, then of it without each channel.
    """
    width = max(1, CUT_CELLS // len(chain.start))
    channels = chain.holds.shape[1]
    backward = chain.step.T.tocsr()
    for begin in range(0, channels, width):
        block = slice(begin, min(begin + width, channels))
        keep = without_channels(chain.holds[:, block])
        walking = chain.start[:, None] * keep
        visits = walking.copy()
        for _ in range(chain.longest):
            walking = backward @ walking
            walking *= keep
            visits += walking
        yield block, visits
