"""The Markov chain of order k that distinct paths estimate, as probabilities on the states that matter."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution import ragged
from attribution.paths import Paths
from attribution.pushing import pushed
from attribution.ragged import Floats
from attribution.transitions import Transitions

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Observed:
    """Transition probabilities between all states that paths visit.

    Attributes
    ----------
    rate
        Array ``(states + 1,)``: one over the number of times a state was left, the start last; 0 where it never was.
    start, step, ends
        As in :class:`Chain`.
    """

    rate: Floats
    start: Floats
    step: "csr_array"
    ends: Floats


@dataclass(frozen=True, eq=False)
class Chain:
    """Transition probabilities between the states that walks can visit on their way to a conversion.

    States that no walk reaches, and states from which none converts, are left out: what enters them is lost, so no
    probability of conversion changes and every system solved below is regular.

    Attributes
    ----------
    start
        Array ``(states,)``: probability that a walk starts in each state (the symbol a).
    step
        Sparse ``(states, states)``: probability of the next state (Q).
    ends
        Array ``(states, 2)``: probability that a visit ends in a conversion (r), and that probability times the mean
        value of the conversions of paths that end there.
    holds
        Boolean ``(states, channels)``: the channels a state's window holds.
    longest
        Number of states of the longest path.
    live, observed
        Boolean ``(observed states,)``: which of them these are; and all of them.
    """

    start: Floats
    step: "csr_array"
    ends: Floats
    holds: NDArray[np.bool_]
    longest: int
    live: NDArray[np.bool_]
    observed: Observed

    @cached_property
    def visits(self) -> Floats:
        """Array ``(states, 1 + channels)``: expected visits, in the whole chain and without each channel."""
        return pushed(self.step.T.tocsr(), self.start, without_channels(self.holds))


def without_channels(holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The states that are kept in the whole chain, and without each channel in turn, ``(states, 1 + channels)``."""
    return np.column_stack([np.ones(len(holds), dtype=bool), ~holds])


def chain(paths: Paths, found: Transitions) -> Chain:
    """Estimate the chain: counts over row sums, with row weight conversions + nulls (which may be absent)."""
    return _chain(found, observed(paths, found))


def observed(paths: Paths, found: Transitions) -> Observed:
    """Estimate the probabilities between all states, also those that no conversion follows."""
    return _probabilities(
        found,
        steps=found.count(paths.conversions + paths.nulls),
        conversions=found.at_last(paths.conversions),
        value=found.at_last(paths.value),
        nulls=found.at_last(paths.nulls),
    )


def chain_from_counts(found: Transitions, *, steps: Floats, conversions: Floats, value: Floats, nulls: Floats) -> Chain:
    """The chain of given counts: of each transition listed in ``found``, and at the last state of paths."""
    return _chain(found, _probabilities(found, steps=steps, conversions=conversions, value=value, nulls=nulls))


def _probabilities(found: Transitions, *, steps: Floats, conversions: Floats, value: Floats, nulls: Floats) -> Observed:
    states = len(found.states)
    leaving = np.bincount(found.source, weights=steps, minlength=states + 1).astype(float)
    leaving[:states] += conversions + nulls
    rate = np.divide(1.0, leaving, out=np.zeros_like(leaving), where=leaving > 0)
    start, step = start_and_step(found, steps * rate[found.source])
    step.eliminate_zeros()
    return Observed(rate, start, step, np.column_stack([conversions, value]) * rate[:states, None])


def _chain(found: Transitions, observed: Observed) -> Chain:
    start, step, ends = observed.start, observed.step, observed.ends
    live = reachable(step, start) & reachable(step.T.tocsr(), ends[:, 0])
    return Chain(
        start=start[live],
        step=step if live.all() else step[live][:, live],
        ends=ends[live],
        holds=found.holds[live],
        longest=int(found.visits.max(initial=0)),
        live=live,
        observed=observed,
    )


def start_and_step(found: Transitions, probability: Floats) -> "tuple[Floats, csr_array]":
    """The probabilities of transitions as those of the start, and of steps between states, sparse."""
    from scipy.sparse import csr_array

    states = len(found.states)
    # Transitions are sorted by source, the start last, then by target.
    begins = ragged.offsets(np.bincount(found.source, minlength=states + 1))[:-1]
    start = np.zeros(states)
    start[found.target[begins[-1] :]] = probability[begins[-1] :]
    inner = slice(0, begins[-1])
    # It is copied because rows without a probability are taken out in place.
    return start, csr_array((probability[inner], found.target[inner], begins), shape=(states, states), copy=True)


def reachable(step: "csr_array", weight: Floats) -> NDArray[np.bool_]:
    """States with positive weight and all that ``step`` leads to from them."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order

    states = len(weight)
    origins = np.flatnonzero(weight > 0)
    targets = np.concatenate([step.indices, origins])
    begins = np.append(step.indptr, len(targets))
    graph = csr_array((np.ones(len(targets)), targets, begins), shape=(states + 1, states + 1))
    reached = np.zeros(states + 1, dtype=bool)
    reached[breadth_first_order(graph, states, return_predecessors=False)] = True
    return reached[:states]
