"""Products of what outcomes of journeys change of flows, summed over pairs of outcomes.

An outcome (:mod:`attribution.outcome_pairs`) answers to the transitions that its path makes and to the state where it
gains; what one more of each changes of the chance f_ij to convert from channel i by way of channel j stands in a column
for each pair of channels. At order 1 it follows from the inverse N of the chain. With r_i the chance (or value) of
ending from i, v_k the visits of k for each time that k was left (the start: one over the number of journeys), w_k those
of them by way of j and u_j the visits of j, one more transition from k to l changes f_ij by

    r_i (N_li (w_k - w_l) + N_ji / N_jj (N_lj (v_k - w_k - v_l + w_l) - [k is the start] v_k u_j)),

and a conversion from i adds w_i. For each j that is a sparse matrix of as many columns as channels, which reduces the
products of all outcomes to few numbers. At higher orders states are many: worths are pushed back for many pairs at
once (:mod:`attribution.pushing`), and outcomes answer one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.chain import Chain, without_channels
from attribution.outcome_pairs import OutcomePairs
from attribution.pushing import pushed
from attribution.ragged import Floats, Integers
from attribution.transitions import Transitions

if TYPE_CHECKING:
    from scipy.sparse import csr_array

CELLS = 1 << 22
# Worths that only standard errors need.
TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class FlowProducts:
    """Sums over pairs of outcomes; the level of an outcome is g - T / S y_S (:mod:`attribution.flow_influence`).

    Attributes
    ----------
    squares, with_level, with_leaving
        Arrays ``(closing channel, credited channel)``: of y_ij with itself, with the level, and with y_i.
    leaving
        Array ``(closing channel,)``: of y_i with itself.
    level
        Of the level with itself.
    """

    squares: Floats
    with_level: Floats
    with_leaving: Floats
    leaving: Floats
    level: float


def products_by_inverse(
    known: Chain, found: Transitions, pairs: OutcomePairs, *, paid: int, scale: float
) -> FlowProducts:
    """Those of a chain of order 1; ``paid`` is the column of its ends, and ``scale`` T / S."""
    channels, code = len(found.channels), found.states[:, 0]
    made = _made(found, pairs, np.arange(len(found.source)), np.arange(len(code)))
    joint = (made.T.tocsr() @ (pairs.between @ made)).toarray()
    of_leaving = np.zeros((made.shape[1], len(code)))
    for matrix, right in _by_way_of_each(known, found, paid):
        of_leaving += matrix @ right
    joint_with_leaving = joint @ of_leaving
    level = pairs.by_gain - scale * (made @ of_leaving.sum(axis=1))
    weighted = pairs.between @ level
    joint_with_level = made.T @ weighted
    squares, with_level, with_leaving = np.zeros((3, channels, channels))
    for state, (matrix, right) in enumerate(_by_way_of_each(known, found, paid)):
        reduced, answers = matrix.T.tocsr(), matrix @ right
        few = reduced @ (reduced @ joint).T
        squares[code, code[state]] = np.einsum("ki,ki->i", right, few @ right)
        with_level[code, code[state]] = np.einsum("f,fi->i", joint_with_level, answers)
        with_leaving[code, code[state]] = np.einsum("fi,fi->i", joint_with_leaving, answers)
    leaving = np.zeros(channels)
    leaving[code] = np.einsum("fi,fi->i", of_leaving, joint_with_leaving)
    return FlowProducts(squares, with_level, with_leaving, leaving, float(level @ weighted))


def _by_way_of_each(known: Chain, found: Transitions, paid: int) -> "Iterator[tuple[csr_array, Floats]]":
    """For each state j two matrices: column i of their product ``(transitions + states, states)`` is what f_ij answers.

    The first has a column for each state that transitions lead to, one for the start and one for each state that is
    gained in.
    """
    from scipy.sparse import csr_array

    whole, states, steps = known.observed, len(found.states), len(found.source)
    inverse = np.linalg.inv(np.eye(states) - whole.step.toarray())
    visits, ends = whole.start @ inverse, whole.ends[:, paid]
    per_count = np.append(visits, 1.0) * whole.rate
    of_start = np.where(found.source == states, whole.rate[states], 0.0)
    rows = np.concatenate([np.tile(np.arange(steps), 2), steps + np.arange(states)])
    columns = np.concatenate([found.target, np.full(steps, states), states + 1 + np.arange(states)])
    for state in range(states):
        toward = inverse[state] / inverse[state, state]
        by_way = np.append(visits[state] * toward, 0.0) * whole.rate
        kept = per_count - by_way
        arriving = inverse[found.target, state] * (kept[found.source] - kept[found.target]) - of_start * visits[state]
        entries = np.concatenate([by_way[found.source] - by_way[found.target], arriving, by_way[:-1]])
        matrix = csr_array((entries, (rows, columns)), shape=(steps + states, 2 * states + 1))
        yield matrix, np.concatenate([inverse * ends, [toward * ends], np.eye(states)])


def _made(found: Transitions, pairs: OutcomePairs, steps: Integers, states: Integers) -> "csr_array":
    """How often outcomes make transitions, and what they gain in states, ``(outcomes, transitions + states)``.

    Transitions and states are those listed, in ascending order, which must be all that outcomes meet.
    """
    from scipy.sparse import csr_array, diags_array, hstack

    taken = found.taken_by(pairs.rows)
    column = np.searchsorted(steps, taken.indices)
    made = csr_array((taken.data, column, taken.indptr), shape=(len(pairs.rows), len(steps)))
    place = np.searchsorted(states, found.last[pairs.rows])
    ended = csr_array((pairs.by_gain, place, np.arange(len(place) + 1)), shape=(len(place), len(states)))
    return csr_array(hstack([diags_array(pairs.by_journey) @ made, ended]))


def products_by_pushing(
    known: Chain, found: Transitions, pairs: OutcomePairs, *, paid: int, scale: float, closing: Integers
) -> FlowProducts:
    """Those of a chain of any order, from some closing channels; others are 0.

    Parameters are those of :func:`products_by_inverse`.
    """
    channels, answers = len(found.channels), _Answers.of(known, found, pairs, paid)
    (of_all,) = answers([np.arange(channels)])
    level = pairs.by_gain - scale * of_all.sum(axis=1)
    weighted = pairs.between @ level
    squares, with_level, with_leaving = np.zeros((3, channels, channels))
    leaving = np.zeros(channels)
    for channel, answer in zip(closing, answers(list(closing[:, None])), strict=True):
        of_leaving = answer.sum(axis=1)
        weighted_leaving = pairs.between @ of_leaving
        squares[channel] = np.einsum("oc,oc->c", answer, pairs.between @ answer)
        with_level[channel] = np.einsum("o,oc->c", weighted, answer)
        with_leaving[channel] = np.einsum("o,oc->c", weighted_leaving, answer)
        leaving[channel] = of_leaving @ weighted_leaving
    return FlowProducts(squares, with_level, with_leaving, leaving, float(level @ weighted))


@dataclass(frozen=True, eq=False)
class _Answers:
    """What outcomes change of the chances to convert from some closing channels by way of each channel.

    Attributes
    ----------
    known, ends, closing
        The chain, what it brings at the end from each of its states, and their last channels.
    target, start
        Of the transitions that outcomes make where they lead to, a state that is not of the chain being one past those
        that are; and which of them come from the start.
    left
        Array ``(transitions, 1 + channels)``: visits for each time that it was left, of the state a transition comes
        from less those of the state it leads to, in the whole chain and without each channel.
    per_start
        The same of the start: one over the number of journeys.
    ended, gained
        The last channels of the states where outcomes end; and what a conversion, or a unit of value, adds there to
        what goes by way of each channel, array ``(states, channels)``.
    made
        Sparse ``(outcomes, transitions + states)``: which transitions outcomes make, and where they gain.
    """

    known: Chain
    ends: Floats
    closing: Integers
    target: Integers
    start: Integers
    left: Floats
    per_start: float
    ended: Integers
    gained: Floats
    made: "csr_array"

    @classmethod
    def of(cls, known: Chain, found: Transitions, pairs: OutcomePairs, paid: int) -> "_Answers":
        """Those of a chain to some outcomes."""
        used = np.unique(found.taken_by(pairs.rows).indices).astype(np.int64)
        state = np.unique(found.last[pairs.rows])
        states, live, closing = len(found.states), len(known.start), found.closing
        row = np.append(np.where(known.live, np.cumsum(known.live) - 1, live), live + 1)
        rate = known.observed.rate
        per_count = np.zeros((live + 2, 1 + len(found.channels)))
        per_count[:live] = known.visits * rate[:states][known.live, None]
        per_count[live + 1] = rate[states]
        source, target = found.source[used], row[found.target[used]]
        return cls(
            known=known,
            ends=known.ends[:, paid],
            closing=closing[known.live],
            target=target,
            start=np.flatnonzero(source == states),
            left=per_count[row[source]] - per_count[target],
            per_start=float(rate[states]),
            ended=closing[state],
            gained=by_way(per_count[row[state]]),
            made=_made(found, pairs, used, state),
        )

    def __call__(self, sets: Sequence[Integers]) -> Iterator[Floats]:
        """For each of some sets of closing channels an array ``(outcomes, channels)``."""
        at_once = max(1, CELLS // max(self.known.visits.size, 1))
        for first in range(0, len(sets), at_once):
            some = sets[first : first + at_once]
            for channels, worth in zip(some, self._worths(some), strict=True):
                changed = worth[self.target] * self.left
                changed[self.start] -= self.per_start * (self.known.start @ worth[:-1])
                gained = self.gained * np.isin(self.ended, channels)[:, None]
                yield np.asarray(self.made @ np.concatenate([by_way(changed), gained]))

    def _worths(self, sets: Sequence[Integers]) -> Sequence[Floats]:
        """Per set what its conversions make a walk worth from each live state, and 0 from a dead one."""
        step, keep = self.known.step, without_channels(self.known.holds)
        paid = np.column_stack([self.ends * np.isin(self.closing, channels) for channels in sets])
        # States that lead to the same states stand together: what they read is still near.
        order = np.argsort(np.append(step.indices, 0)[step.indptr[:-1]], kind="stable")
        begin = np.repeat(paid, keep.shape[1], axis=1)
        worth = pushed(step, begin, np.tile(keep, len(sets)), order=order, tolerance=TOLERANCE)
        return np.split(np.append(worth, np.zeros((1, worth.shape[1])), axis=0), len(sets), axis=1)


def by_way(worth: Floats) -> Floats:
    """Of worths of the whole chain, in the first column, and without each channel: what goes by way of each."""
    return worth[:, :1] - worth[:, 1:]
