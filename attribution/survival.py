"""What a walk is worth when channels are removed, solved for all sets at once, and how that answers to every count.

A chain's probabilities are ratios of counts of transitions, and the counts are sums over journeys. For a set R of
removed states let u be the expected visits of walks that never enter R, and x the probability to convert from a state
without entering R (0 in R, 1 at conversion, 0 at null, P_R at the start). One more transition from state k to l changes

    P_R by u_k / n_k * (x_l - x_k),    n_k the number of times state k was left,

at every order, because the row of k is the ratio of the counts out of k to their sum. Value: the same with y, the
expected value from a state, in the place of x, and the value of the conversion at its end. All sets are solved
together: at order 1 from one inverse, in blocks of the inverse while the chain is small, else by pushing walks forward
and worth backward.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attribution.chain import Chain, Observed, observed
from attribution.paths import Paths
from attribution.pushing import TOLERANCE, pushed
from attribution.ragged import Floats, Integers
from attribution.transitions import Transitions

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DENSE_STATES = 64
# Worths that only derivatives need, and these only standard errors: four digits are enough.
FOR_ERRORS = 1e-4

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Survival:
    """What a walk is worth when sets of states are removed, and how that answers to every count.

    Attributes
    ----------
    worth
        Array ``(2, sets)``: P(conversion), and value per walk.
    step_of
        Takes numbers of transitions of ``Transitions`` (or a slice) and gives the derivatives by one more of each, with
        the journey's ending moved from the state it comes from to the one it leads to, array ``(2, chosen, sets)``:
        summed over the steps of a journey they are its own derivative if it brings nothing. All at once they can be
        more than memory holds.
    reward
        Array ``(rows, sets)``: what one conversion, or one unit of value, at the end adds to that.
    row
        Of each state its row in ``reward``. States that no conversion follows may have a row of zeros in common: what
        a conversion there would add is then not known, and nobody asks, for there is none.
    along
        Takes the states of journeys laid end to end, and where each begins (and the total). Gives for each measure the
        derivatives by one more of each journey that brings nothing, array ``(journeys, sets)``: the sum of those of its
        steps. None where it is found as that sum.
    """

    worth: Floats
    step_of: Callable[[slice | Integers], Floats]
    reward: Floats
    row: Integers
    along: Callable[[NDArray[Any], Integers], list[Floats]] | None = None

    def mapped(self, linear: Callable[[Floats], Floats]) -> "Survival":
        """The same for linear combinations of worths, which ``linear`` makes along the last axis."""
        along = self.along
        return Survival(
            linear(self.worth),
            lambda chosen: linear(self.step_of(chosen)),
            linear(self.reward),
            self.row,
            None if along is None else lambda state, begins: [linear(part) for part in along(state, begins)],
        )


def survival(found: Transitions, paths: Paths, keep: Mask) -> Survival:
    """Solve the chain of ``paths`` for each column of ``keep``: array ``(states, sets)``, False where removed."""
    whole = observed(paths, found)
    return _survival(found, whole, *_solved(whole.step, whole.start, whole.ends, keep), np.arange(len(keep)))


def channel_survival(found: Transitions, known: Chain) -> Survival:
    """The same for the whole chain and without each channel in turn, from a chain perhaps solved already."""
    whole = known.observed
    if len(found.states) <= DENSE_STATES or bool((found.holds.sum(axis=0) <= 1).all()):
        solved = _solved(whole.step, whole.start, whole.ends, _without_channels(found.holds))
        return _survival(found, whole, *solved, np.arange(len(found.states)))
    # All other states are worth nothing, and so nothing answers to how often they are visited.
    worth = _pushed_back(known.step, known.ends, _without_channels(known.holds), tolerance=FOR_ERRORS)
    row = np.where(known.live, np.cumsum(known.live) - 1, len(known.start))
    return _survival(found, whole, known.visits, worth, row)


def _without_channels(holds: Mask) -> Mask:
    """The states that are kept in the whole chain, and without each channel in turn."""
    return np.column_stack([np.ones(len(holds), dtype=bool), ~holds])


def _survival(found: Transitions, whole: Observed, visits: Floats, solved: Floats, row: Integers) -> Survival:
    """From visits and worth of the states solved, those whose ``row`` is not past their end."""
    from scipy.sparse import csr_array

    states, rows, sets = len(found.states), int(row.max(initial=-1)) + 1, visits.shape[1]
    some = np.flatnonzero(row < len(visits))
    total = np.einsum("s,msr->mr", whole.start[some], solved)
    # What is read row by row must lie row by row.
    worth, per_count = np.zeros((2, rows, sets)), np.zeros((rows + 1, sets))
    worth[:, : len(visits)] = solved
    np.multiply(visits, whole.rate[some, None], out=per_count[: len(visits)])
    of_start = float(whole.rate[states])
    per_count[rows] = of_start
    row_of = np.append(row, rows)

    def step_of(chosen: slice | Integers) -> Floats:
        # per_count_k (x_l - x_k) for the step, per_count_k x_k - per_count_l x_l for the ending moved from k to l.
        source, target = row_of[found.source[chosen]], row[found.target[chosen]]
        less = per_count[source]
        less -= per_count[target]
        derivative = worth[:, target]
        derivative *= less
        derivative[:, source == rows] -= (of_start * total)[:, None]
        return derivative

    def along(state: NDArray[Any], begins: Integers) -> list[Floats]:
        # The sum of step_of, whose factors are those of one state and of its difference to the state before.
        state = row[state]
        at = np.take(per_count, state, axis=0)
        left = np.empty_like(at)
        np.subtract(at[:-1], at[1:], out=left[1:])
        np.subtract(of_start, at[begins[:-1]], out=at[: len(begins) - 1])
        left[begins[:-1]] = at[: len(begins) - 1]
        each = np.ones(len(state))
        journeys = csr_array((each, np.arange(len(state)), begins), shape=(len(begins) - 1, len(state)))
        summed = []
        for measure in (0, 1):
            np.take(worth[measure], state, axis=0, out=at, mode="clip")  # "raise" copies first
            at *= left
            summed.append(np.asarray(journeys @ at))
            summed[measure] -= of_start * total[measure]
        return summed

    return Survival(total, step_of, per_count[:rows], row, along)


def _solved(step: "csr_array", start: Floats, ends: Floats, keep: Mask) -> tuple[Floats, Floats]:
    """Expected visits ``(states, sets)`` and worth ``(2, states, sets)`` of walks that stay on the states kept."""
    if _few(keep):
        inverse = np.linalg.inv(np.eye(len(start)) - step.toarray())
        visits, worth = start @ inverse, (inverse @ ends).T
        if (~keep).sum(axis=0).max(initial=0) <= 1:
            return _without_one(inverse, visits, worth, keep)
        return _without_blocks(inverse, visits, worth, keep)
    return pushed(step.T.tocsr(), start, keep), _pushed_back(step, ends, keep)


def _few(keep: Mask) -> bool:
    """Whether the chain is solved by its inverse: few states, or at most one to remove."""
    return len(keep) <= DENSE_STATES or bool((~keep).sum(axis=0).max(initial=0) <= 1)


def _pushed_back(step: "csr_array", ends: Floats, keep: Mask, *, tolerance: float = TOLERANCE) -> Floats:
    # States that lead to the same states stand together, which spares half the time: what they read is still near.
    order = np.argsort(np.append(step.indices, 0)[step.indptr[:-1]], kind="stable")
    worth = pushed(step, np.repeat(ends, keep.shape[1], axis=1), np.tile(keep, 2), order=order, tolerance=tolerance)
    return worth.reshape(len(keep), 2, keep.shape[1]).transpose(1, 0, 2)


def _without_one(inverse: Floats, visits: Floats, worth: Floats, keep: Mask) -> tuple[Floats, Floats]:
    """At most one state is removed per set: visits less those by way of it, worth less that by way of it."""
    if len(keep) == 0:
        return np.zeros(keep.shape), np.zeros((2, *keep.shape))
    some = (~keep).any(axis=0)
    state = (~keep).argmax(axis=0)
    share = np.where(some, 1 / np.diag(inverse)[state], 0.0)
    kept_visits = visits[:, None] - inverse[state].T * (visits[state] * share)
    kept_worth = worth[:, :, None] - inverse[:, state] * (worth[:, state] * share)[:, None, :]
    kept_visits[~keep] = 0
    kept_worth[:, ~keep] = 0
    return kept_visits, kept_worth


def _without_blocks(inverse: Floats, visits: Floats, worth: Floats, keep: Mask) -> tuple[Floats, Floats]:
    kept_visits = np.repeat(visits[:, None], keep.shape[1], axis=1)
    kept_worth = np.repeat(worth[:, :, None], keep.shape[1], axis=2)
    for column in np.flatnonzero(~keep.all(axis=0)):
        block = np.flatnonzero(~keep[:, column])
        core = inverse[np.ix_(block, block)]
        kept_visits[:, column] -= np.linalg.solve(core.T, visits[block]) @ inverse[block]
        kept_worth[:, :, column] -= (inverse[:, block] @ np.linalg.solve(core, worth[:, block].T)).T
    kept_visits[~keep] = 0
    kept_worth[:, ~keep] = 0
    return kept_visits, kept_worth
