"""How flows from last click to credit answer to every journey, for their intervals.

With f_ij the chance of a walk to convert from channel i by way of channel j, S the sum of all f and T what is credited,
a flow is F_ij = T f_ij / S, and its share of what leaves i is f_ij / f_i, f_i the sum over j. f_ij is the worth of a
chain in which conversions from i alone count, less that without j, and answers to journeys as such worths do
(:mod:`attribution.survival`):

    dF_ij = T / S (df_ij - f_ij / S dS) + f_ij / S dT,    d(f_ij / f_i) = (df_ij - f_ij / f_i df_i) / f_i.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attribution.chain import Chain
from attribution.influence import Influence, covariances
from attribution.markov import cut_visits
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.sums import Measure
from attribution.survival import Survival, survival
from attribution.transitions import Transitions

CELLS = 1 << 22


@dataclass(frozen=True, eq=False)
class Flows:
    """Flows between channels, arrays ``(closing channel, credited channel)``, and their variances.

    Attributes
    ----------
    amounts, shares
        What flows, and its part of all that leaves the closing channel.
    amount_variances, share_variances
        By the delta method, with customers' several journeys together; None where they were not asked for.
    """

    amounts: Floats
    shares: Floats
    amount_variances: Floats | None = None
    share_variances: Floats | None = None


def cut_flows(paths: Paths, known: Chain, found: Transitions, *, measure: Measure) -> tuple[Floats, Floats]:
    """Flows and shares where walks of very many transitions count as lost, as ChannelAttribution's credit does."""
    channels = len(paths.channels)
    chances = np.zeros((channels, channels))
    ends = known.ends[:, 0 if measure == "conversions" else 1]
    for block, visits in cut_visits(known):
        by_way = np.zeros((channels, visits.shape[1] - 1))
        np.add.at(by_way, _closing(found)[known.live], ends[:, None] * (visits[:, :1] - visits[:, 1:]))
        chances[:, block] = by_way
    summed, leaving = chances.sum(), chances.sum(axis=1, keepdims=True)
    shares = np.divide(chances, leaving, out=np.zeros_like(chances), where=leaving > 0)
    return chances * (float(getattr(paths, measure).sum()) / summed if summed > 0 else 1.0), shares


def _closing(found: Transitions) -> Integers:
    """The last channel of each state."""
    last: Integers = found.states[np.arange(len(found.states)), (found.states >= 0).sum(axis=1) - 1]
    return last


def flows_between(paths: Paths, found: Transitions, *, measure: Measure, with_variances: bool) -> Flows:
    """Solve the chain of these paths for the flows of conversions or of value."""
    channels = len(paths.channels)
    keep = np.column_stack([np.ones(len(found.states), dtype=bool), ~found.holds])
    closing = _closing(found)
    amounts = getattr(paths, measure)
    whole = survival(found, paths, keep)
    chances = np.zeros((channels, channels))
    np.add.at(chances, closing, found.at_last(amounts)[:, None] * (whole.reward[:, :1] - whole.reward[:, 1:]))
    summed, leaving = chances.sum(), chances.sum(axis=1, keepdims=True)
    total = float(amounts.sum())
    shares = np.divide(chances, leaving, out=np.zeros_like(chances), where=leaving > 0)
    if not summed > 0:
        return Flows(chances, shares)
    made = Flows(chances * (total / summed), shares)
    if not with_variances:
        return made
    at = 0 if measure == "conversions" else 1
    all_changes = _changes(found, whole, at, np.ones(len(closing), dtype=bool))
    by_total = tuple(part.sum(axis=1, keepdims=True) for part in all_changes)
    variances = np.zeros((2, channels, channels))
    for some in _in_groups(np.flatnonzero(leaving[:, 0] > 0), len(found.source) * 2 * channels):
        steps, gains = [], []
        for channel in some:
            own = replace(paths, value=np.where(closing[found.last] == channel, amounts, 0.0))
            changes = _changes(found, survival(found, own, keep), 1, closing == channel)
            of_flows = [
                (part - chances[channel] / summed * of_all) * (total / summed)
                for part, of_all in zip(changes, by_total, strict=True)
            ]
            of_shares = [
                (part - shares[channel] * part.sum(axis=1, keepdims=True)) / leaving[channel] for part in changes
            ]
            steps.append((of_flows[0], of_shares[0]))
            gains.append((of_flows[1] + chances[channel] / summed, of_shares[1]))
        influences = _FlowInfluences(found, _side_by_side(steps), _side_by_side(gains), by_value=at == 1)
        for place, spread in enumerate(covariances(paths, influences, [(0, 0), (1, 1)])):
            variances[place, some] = spread.reshape(len(some), channels)
    return replace(made, amount_variances=variances[0], share_variances=variances[1])


def _changes(found: Transitions, solved: Survival, measure: int, paid: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """How each channel's part of a worth answers to one more of each transition, and to a conversion.

    Arrays ``(transitions, channels)`` and ``(states, channels)``; ``paid`` says which states' conversions count.
    """
    steps = _less_without(solved.step_of(slice(None))[measure])
    return steps, _less_without(solved.reward) * paid[:, None]


def _less_without(worth: Floats) -> Floats:
    """Of worths of the whole chain, in the first column, and without each channel: what goes by way of each."""
    return worth[:, :1] - worth[:, 1:]


def _side_by_side(parts: list[tuple[Floats, Floats]]) -> Floats:
    """The first of all pairs, then the second of all."""
    return np.hstack([pair[place] for place in (0, 1) for pair in parts])


def _in_groups(channels: Integers, cells: int) -> Iterator[Integers]:
    """Channels, so many at a time as leave tables of ``cells`` numbers for each in memory."""
    at_once = max(1, CELLS // max(cells, 1))
    for first in range(0, len(channels), at_once):
        yield channels[first : first + at_once]


@dataclass(frozen=True, eq=False)
class _FlowInfluences:
    """Influences on flows from some channels and on their shares; see :class:`attribution.influence.Influences`.

    ``steps`` are what one more of each transition changes, array ``(transitions, 2 numbers)``, ``gains`` what a
    conversion, or a unit of its value, adds, array ``(states, 2 numbers)``: flows first, then shares.
    """

    found: Transitions
    steps: Floats
    gains: Floats
    by_value: bool

    @property
    def width(self) -> int:
        """How many flows."""
        return int(self.steps.shape[1]) // 2

    def nulls(self, rows: slice | Integers) -> tuple[Floats, Floats]:
        """What one more journey without a conversion changes of flows and of shares."""
        changes = np.asarray(self.found.taken_by(rows) @ self.steps)
        return changes[:, : self.width], changes[:, self.width :]

    def of(self, rows: slice | Integers) -> tuple[Influence, Influence]:
        """Influences on flows and on shares."""
        flows, shares = self.nulls(rows)
        gained = self.gains[self.found.last[rows]]
        return self._with_gains(flows, gained[:, : self.width]), self._with_gains(shares, gained[:, self.width :])

    def _with_gains(self, nulls: Floats, gained: Floats) -> Influence:
        if self.by_value:
            return Influence(nulls, nulls, gained)
        return Influence(nulls + gained, nulls, np.zeros_like(nulls))
