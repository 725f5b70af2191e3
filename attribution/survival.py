"""What a walk is worth when channels are removed, solved for all sets at once, and how that answers to every count.

A chain's probabilities are ratios of counts of transitions, and the counts are sums over journeys. For a set R of
removed states let u be the expected visits of walks that never enter R, and x the probability to convert from a state
without entering R (0 in R, 1 at conversion, 0 at null, P_R at the start). One more transition from state k to l changes

    P_R by u_k / n_k * (x_l - x_k),    n_k the number of times state k was left,

at every order, because the row of k is the ratio of the counts out of k to their sum. Value: the same with y, the
expected value from a state, in the place of x, and the value of the conversion at its end. All sets are solved
together (:mod:`attribution.kept_walks`). Credit needs u alone; what a long chain has to know of x and y for derivatives
only, it knows as well as standard errors need it (:mod:`attribution.rough_worths`).
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.chain import Chain, Observed, observed, without_channels
from attribution.kept_walks import Mask, by_inverse, kept_walks, kept_worths
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.rough_worths import rough_worths
from attribution.transitions import Transitions

# Worths that only derivatives need, and these only standard errors: four digits are enough.
FOR_ERRORS = 1e-4
# Up to so many probabilities of steps times sets they are solved to these digits.
EXACT_CELLS = 1 << 17


@dataclass(frozen=True, eq=False)
class Survival:
    """What a walk is worth when sets of states are removed, and how that answers to every count.

    Attributes
    ----------
    states
        Number of states.
    worth
        Array ``(2, sets)``: P(conversion), and value per walk.
    step_of
        Takes numbers of transitions of ``Transitions`` (or a slice) and gives the derivatives by one more of each, with
        the journey's ending moved from the state it comes from to the one it leads to, array ``(2, chosen, sets)``:
        summed over the steps of a journey they are its own derivative if it brings nothing. All at once they can be
        more than memory holds.
    reward_of
        Takes numbers of states and gives what one conversion, or one unit of value, at the end adds to
        that, array ``(chosen, sets)``. Of states that no conversion follows it may say 0: what a conversion there would
        add is then not known, and nobody asks, for there is none.
    along
        Takes the states of journeys laid end to end, and where each begins (and the total). Gives for each measure the
        derivatives by one more of each journey that brings nothing, array ``(journeys, sets)``: the sum of those of its
        steps. None where it is found as that sum.
    among
        Takes numbers of states and gives the same with what is asked of these states found at once; None where it is
        at hand.
    """

    states: int
    worth: Floats
    step_of: Callable[[slice | Integers], Floats]
    reward_of: Callable[[NDArray[Any]], Floats]
    along: Callable[[NDArray[Any], Integers], list[Floats]] | None = None
    among: "Callable[[NDArray[Any]], Survival] | None" = None

    @property
    def reward(self) -> Floats:
        """What ``reward_of`` says of all states, array ``(states, sets)``."""
        return self.reward_of(np.arange(self.states))

    def mapped(self, linear: Callable[[Floats], Floats]) -> "Survival":
        """The same for linear combinations of worths, which ``linear`` makes along the last axis."""
        along, among = self.along, self.among
        return Survival(
            self.states,
            linear(self.worth),
            lambda chosen: linear(self.step_of(chosen)),
            lambda chosen: linear(self.reward_of(chosen)),
            None if along is None else lambda state, begins: [linear(part) for part in along(state, begins)],
            None if among is None else lambda states: among(states).mapped(linear),
        )


@dataclass(frozen=True, eq=False)
class Factors:
    """What the derivatives by one more transition are products of, for the states that are asked for.

    Attributes
    ----------
    per_count
        Takes numbers of states, gives u_k / n_k, array ``(chosen, sets)``.
    onward
        Gives x_k and y_k, array ``(chosen, 2, sets)``, in double or in single precision.
    """

    per_count: Callable[[NDArray[Any]], Floats]
    onward: Callable[[NDArray[Any]], NDArray[Any]]

    def spread_over(self, live: Mask) -> "Factors":
        """The same for all states where these are the ``live`` ones, and the others are 0."""
        row = np.maximum(np.cumsum(live) - 1, 0)

        def spread(of_live: Callable[[NDArray[Any]], NDArray[Any]], chosen: NDArray[Any]) -> NDArray[Any]:
            found = of_live(row[chosen])
            found[~live[chosen]] = 0
            return found

        return Factors(partial(spread, self.per_count), partial(spread, self.onward))

    def among(self, some: NDArray[Any], states: int) -> "Factors":
        """The same for ``some`` of the states, found at once, all in the precision of ``onward``."""
        asked = np.zeros(states, dtype=bool)
        asked[some] = True
        place, asked_for = np.cumsum(asked) - 1, np.flatnonzero(asked)
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            halves = list(pool.map(self.onward, np.array_split(asked_for, 2)))
            onward = np.concatenate(halves)
        per_count = self.per_count(asked_for).astype(onward.dtype, copy=False)
        return Factors(_table(per_count, place), _table(onward, place))


def _table(rows: NDArray[Any], place: Integers | None = None) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Gives the rows of states, which stand in their order unless the ``place`` of each is given."""
    return lambda chosen: np.take(rows, chosen if place is None else place[chosen], axis=0)


def survival(found: Transitions, paths: Paths, keep: Mask) -> Survival:
    """Solve the chain of ``paths`` for each column of ``keep``: array ``(states, sets)``, False where removed."""
    return _solved(found, observed(paths, found), keep)


def channel_survival(found: Transitions, known: Chain) -> Survival:
    """The same for the whole chain and without each channel in turn, from a chain perhaps solved already."""
    whole = known.observed
    if by_inverse(found.holds):
        return _solved(found, whole, without_channels(found.holds))
    visits, rate = known.visits, whole.rate[:-1][known.live, None]
    if known.step.nnz * visits.shape[1] <= EXACT_CELLS:
        keep = without_channels(known.holds)
        onward = _table(kept_worths(known.step, known.ends, keep, tolerance=FOR_ERRORS))
    else:
        onward = rough_worths(found, known)
    live = Factors(lambda chosen: visits[chosen] * rate[chosen], onward)
    total = np.einsum("sm,sr->mr", known.ends, visits)
    return _survival(found, total, float(whole.rate[-1]), live.spread_over(known.live))


def _solved(found: Transitions, whole: Observed, keep: Mask) -> Survival:
    visits, worth = kept_walks(whole.step, whole.start, whole.ends, keep)
    per_count = visits * whole.rate[:-1, None]
    factors = Factors(_table(per_count), _table(worth))
    return _survival(found, np.einsum("s,smr->mr", whole.start, worth), float(whole.rate[-1]), factors)


def _survival(found: Transitions, total: Floats, of_start: float, factors: Factors) -> Survival:
    """From the worths of whole walks, one over the number of them, and what their derivatives are products of."""
    from scipy.sparse import csr_array

    states = len(found.states)

    def step_of(chosen: slice | Integers) -> Floats:
        # per_count_k (x_l - x_k) for the step, per_count_k x_k - per_count_l x_l for the ending moved from k to l.
        source, target = found.source[chosen], found.target[chosen]
        begins = source == states
        less = factors.per_count(np.where(begins, target, source))
        less[begins] = of_start
        less -= factors.per_count(target)
        derivative = factors.onward(target)
        derivative *= less[:, None]
        derivative[begins] -= of_start * total
        return derivative.transpose(1, 0, 2)

    def along(state: NDArray[Any], begins: Integers) -> list[Floats]:
        # The sum of step_of, whose factors are those of one state and of its difference to the state before.
        at = factors.per_count(state)
        left = np.empty_like(at)
        np.subtract(at[:-1], at[1:], out=left[1:])
        np.subtract(of_start, at[begins[:-1]], out=at[: len(begins) - 1])
        left[begins[:-1]] = at[: len(begins) - 1]
        worth = factors.onward(state)
        worth *= left[:, None]
        each = np.ones(len(state), dtype=worth.dtype)
        journeys = csr_array((each, np.arange(len(state)), begins), shape=(len(begins) - 1, len(state)))
        summed = np.asarray(journeys @ worth.reshape(len(state), -1)).reshape(-1, *total.shape)
        return [summed[:, measure] - of_start * total[measure] for measure in (0, 1)]

    return Survival(
        states,
        total,
        step_of,
        factors.per_count,
        along,
        lambda some: _survival(found, total, of_start, factors.among(some, states)),
    )
