"""How credit answers to every single journey: exact derivatives of Markov credit and of rules.

A chain's probabilities are ratios of counts of transitions, and the counts are sums over journeys. For a set R of
removed states let u be the expected visits of walks that never enter R, and x the probability to convert from a state
without entering R (0 in R, 1 at conversion, 0 at null, P_R at the start). One more transition from state k to l changes

    P_R by u_k / n_k * (x_l - x_k),    n_k the number of times state k was left,

at every order, because the row of k is the ratio of the counts out of k to their sum. Value: the same with y, the
expected value from a state, in the place of x, and the value of the conversion at its end. All sets are solved
together: at order 1 from one inverse, in blocks of the inverse while the chain is small, else by pushing walks forward
and worth backward.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from attribution.chain import start_and_step
from attribution.paths import Paths
from attribution.pushing import pushed
from attribution.ragged import Floats, Integers
from attribution.rules import RuleOptions, channel_shares
from attribution.transitions import Transitions
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DENSE_STATES = 500
TABLE_CELLS = 1 << 25

Mask = NDArray[np.bool_]
Change = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class Survival:
    """What a walk is worth when sets of states are removed, and how that answers to every count.

    Attributes
    ----------
    worth
        Array ``(2, sets)``: P(conversion), and value per walk.
    step_of
        Takes numbers of transitions of ``Transitions`` (or a slice) and gives the derivatives by their counts, array
        ``(2, chosen, sets)``. All at once they can be more than memory holds.
    ending
        Array ``(2, states, sets)``: derivative by one more journey that ends in a state and brings nothing.
    reward
        Array ``(states, sets)``: what one conversion, or one unit of value, at the end adds to that.
    along
        Takes the states of journeys laid end to end and where each begins (and the total), and gives the derivatives by
        one more of each journey that brings nothing, array ``(2, journeys, sets)``: the sum of those of its steps and
        its ending. None where it is found as that sum.
    """

    worth: Floats
    step_of: Callable[[slice | Integers], Floats]
    ending: Floats
    reward: Floats
    along: Callable[[NDArray[Any], Integers], Floats] | None = None


def survival(found: Transitions, paths: Paths, keep: Mask) -> Survival:
    """Solve the chain of ``paths`` for each column of ``keep``: array ``(states, sets)``, False where removed."""
    from scipy.sparse import csr_array

    states = len(found.states)
    steps = found.count(paths.conversions + paths.nulls)
    rewards = np.column_stack([found.at_last(paths.conversions), found.at_last(paths.value)])
    left = np.bincount(found.source, weights=steps, minlength=states + 1).astype(float)
    left[:states] += rewards[:, 0] + found.at_last(paths.nulls)
    rate = np.divide(1.0, left, out=np.zeros_like(left), where=left > 0)
    start, step = start_and_step(found, steps * rate[found.source])
    visits, worth = _solved(step, start, rewards * rate[:states, None], keep)

    total = np.einsum("s,msr->mr", start, worth)
    per_count = np.vstack([visits * rate[:states, None], np.full((1, keep.shape[1]), rate[states])])
    from_state = np.concatenate([worth, total[:, None]], axis=1)

    def step_of(chosen: slice | Integers) -> Floats:
        source = found.source[chosen]
        derivative = worth[:, found.target[chosen]]
        derivative -= from_state[:, source]
        derivative *= per_count[source]
        return derivative

    def along(state: NDArray[Any], begins: Integers) -> Floats:
        # Sum over steps of per_count_k (x_l - x_k), and the ending, put together by the state l that is reached.
        at = per_count[state]
        before = np.empty_like(at)
        before[1:] = at[:-1]
        before[begins[:-1]] = rate[states]
        before -= at
        journeys = csr_array((np.ones(len(state)), np.arange(len(state)), begins), shape=(len(begins) - 1, len(state)))
        summed = np.stack([journeys @ (before * worth[measure, state]) for measure in (0, 1)])
        summed -= (rate[states] * total)[:, None]
        return summed

    return Survival(total, step_of, -worth * per_count[:states], per_count[:states], along)


def _solved(step: "csr_array", start: Floats, ends: Floats, keep: Mask) -> tuple[Floats, Floats]:
    """Expected visits ``(states, sets)`` and worth ``(2, states, sets)`` of walks that stay on the states kept."""
    removed = (~keep).sum(axis=0)
    if removed.max(initial=0) <= 1 or len(start) <= DENSE_STATES:
        inverse = np.linalg.inv(np.eye(len(start)) - step.toarray())
        visits, worth = start @ inverse, (inverse @ ends).T
        if removed.max(initial=0) <= 1:
            return _without_one(inverse, visits, worth, keep)
        return _without_blocks(inverse, visits, worth, keep)
    visits = pushed(step.T.tocsr(), start, keep)
    # States that lead to the same states stand together, which spares half the time: what they read is still near.
    order = np.argsort(np.append(step.indices, 0)[step.indptr[:-1]], kind="stable")
    together, kept = step[order][:, order], keep[order]
    worth = np.empty((2, *keep.shape))
    for measure in (0, 1):
        worth[measure, order] = pushed(together, ends[order, measure], kept)
    return visits, worth


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


class Gradient(Protocol):
    """How a model's credit answers to what came of each distinct path.

    One more journey along path p changes the credit of all channels by ``endings[p]``, whatever comes of it (zero
    unless ``answers_to_endings``); a conversion (for credit of conversions) or each unit of its value (for credit of
    value) adds ``gains[p]`` to that. Columns are the channels for credit of conversions, then those for credit of
    value; ``width`` is the number of either. ``own`` are the covariances of the two, where they are known better than
    from the paths.
    """

    @property
    def width(self) -> int: ...

    @property
    def answers_to_endings(self) -> bool: ...

    @property
    def own(self) -> tuple[Floats, Floats] | None: ...

    def endings(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        ...

    def gains(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        ...


@dataclass(frozen=True, eq=False)
class ChainGradient:
    """The gradient of what a chain says of channels (or sets of them), kept as factors until rows are asked for.

    Attributes
    ----------
    found
        Says which transitions paths make.
    solved, by_worth
        The chain's answers, and per measure the function that turns changes of worths into changes of what is said.
    steps
        Array ``(transitions, 2 channels)``: what one more of each transition changes, what ending in the state it leads
        to changes included and that of the state it comes from taken off; None where that is more than TABLE_CELLS
        numbers, and transitions are then answered for as paths ask.
    gain
        Array ``(states, 2 channels)``: ``gain`` of paths that end in a state.
    """

    found: Transitions
    solved: Survival
    by_worth: Sequence[Change]
    steps: Floats | None
    gain: Floats
    answers_to_endings: bool = True
    own: None = None

    @property
    def width(self) -> int:
        """Number of channels, or of sets of them."""
        return int(self.gain.shape[1]) // 2

    def endings(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        from scipy.sparse import csr_array

        taken = self.found.taken_by(rows)
        if self.steps is not None:
            return np.asarray(taken @ self.steps)
        if self.solved.along is not None:
            changes = self.solved.along(self.found.target[taken.indices], taken.indptr.astype(np.int64))
        else:
            used, column = np.unique(taken.indices, return_inverse=True)
            few = csr_array((taken.data, column, taken.indptr), shape=(taken.shape[0], len(used)))
            ending = self.solved.ending[:, self.found.last[rows]]
            changes = np.stack([few @ part for part in self.solved.step_of(used.astype(np.int64))]) + ending
        return np.hstack([by_worth(change) for by_worth, change in zip(self.by_worth, changes, strict=True)])

    def gains(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        return self.gain[self.found.last[rows]]


@dataclass(frozen=True, eq=False)
class ShareGradient:
    """The same for rules: a journey changes nothing, a conversion brings each channel its share of the path.

    Attributes
    ----------
    conversions, value
        Sparse ``(paths, channels)``: shares in a conversion, and in a unit of value.
    own
        Covariances of credit of conversions and of value, where they are known better than from the paths.
    """

    conversions: "csr_array"
    value: "csr_array"
    own: tuple[Floats, Floats] | None = None
    answers_to_endings: bool = False

    @property
    def width(self) -> int:
        """Number of channels."""
        return int(self.conversions.shape[1])

    def endings(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)`` of zeros."""
        return np.zeros_like(self.gains(rows))

    def gains(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        return np.hstack([self.conversions[rows].toarray(), self.value[rows].toarray()])


def rule_gradient(paths: Paths, rule: str, options: RuleOptions) -> ShareGradient:
    """Gradient of one of ``attribution.rules.RULES``."""
    shares = channel_shares(paths, rule, options)
    return ShareGradient(shares, shares)


def time_decay_gradient(paths: Paths) -> ShareGradient:
    """Gradient of credit by time decay, whose own covariance the engine has summed over customers already.

    Shares differ between conversions of one path; beside other models, which know only paths, their mean counts.
    """
    from scipy.sparse import csr_array

    decay = paths.time_decay
    if decay is None:
        raise ConfigurationError("time_decay: these paths do not know the times of touches.")

    def mean_shares(summed: Floats, total: Floats) -> "csr_array":
        per_touch = np.divide(summed, total[paths.rows], out=np.zeros(len(summed)), where=total[paths.rows] > 0)
        shares = csr_array((per_touch, paths.codes, paths.starts), shape=(len(paths), len(paths.channels)), copy=True)
        shares.sum_duplicates()
        return shares

    return ShareGradient(
        mean_shares(decay.conversions, paths.conversions),
        mean_shares(decay.value, paths.value),
        own=(decay.conversion_products, decay.value_products),
    )


def markov_gradient(paths: Paths, found: Transitions) -> ChainGradient:
    """Gradient of Markov credit at the order of ``found``, walks followed to their end."""
    keep = np.column_stack([np.ones(len(found.states), dtype=bool), ~found.holds])
    solved = survival(found, paths, keep)
    totals = (float(paths.conversions.sum()), float(paths.value.sum()))
    shares, by_worth = zip(
        *(worth_to_credit(worth, total) for worth, total in zip(solved.worth, totals, strict=True)), strict=True
    )
    return _mapped(found, solved, by_worth, np.concatenate(shares))


def effects_gradient(found: Transitions, solved: Survival) -> tuple[Floats, ChainGradient]:
    """Removal effects ``(2, sets)`` of the sets after the first, which is the whole chain, and their gradient."""
    effects, by_worth = zip(*(worth_to_effects(worth) for worth in solved.worth), strict=True)
    return np.stack(effects), _mapped(found, solved, by_worth, np.zeros(2 * (solved.worth.shape[1] - 1)))


def _mapped(found: Transitions, solved: Survival, by_worth: Sequence[Change], constant: Floats) -> ChainGradient:
    """Gradient of functions of the worths; a conversion by itself adds ``constant``."""
    steps = None
    if len(found.source) * solved.worth.size <= TABLE_CELLS:
        last = np.hstack([by_worth[measure](solved.ending[measure]) for measure in (0, 1)])
        by_step = solved.step_of(slice(None))
        steps = np.hstack([by_worth[measure](by_step[measure]) for measure in (0, 1)])
        # What a path's last state adds is the sum over its steps of what each state adds more than the one before.
        steps += last[found.target]
        inner = found.source < len(last)
        steps[inner] -= last[found.source[inner]]
    return ChainGradient(
        found,
        solved,
        by_worth,
        steps,
        gain=np.hstack([by_worth[measure](solved.reward) for measure in (0, 1)]) + constant,
    )


def worth_to_effects(worth: Floats) -> tuple[Floats, Change]:
    """Removal effects from worths ``(1 + sets,)``, the whole chain first, and how changes of worths change them."""
    if worth[0] <= 0:
        return np.zeros(len(worth) - 1), lambda change: np.zeros_like(change[:, 1:])
    whole, kept = worth[0], worth[1:] / worth[0]
    return 1 - kept, lambda change: change[:, :1] * (kept / whole) - change[:, 1:] / whole


def worth_to_credit(worth: Floats, total: float) -> tuple[Floats, Change]:
    """Shares of credit from worths ``(1 + channels,)``, and how changes of worths change a credit of ``total``."""
    effects, effects_change = worth_to_effects(worth)
    summed = effects.sum()
    if summed <= 0:
        return effects, effects_change
    shares = effects / summed
    whole, kept = worth[0], worth[1:] / worth[0]
    # Effects are 1 - P_j / P, so a change of credit is one of P_j, and two vectors times those of P and of sum P_j.
    each = -total / (summed * whole)
    by_whole = total / summed * (kept - shares * kept.sum()) / whole
    rows = np.stack([by_whole, -each * shares])

    def credit_change(change: Floats) -> Floats:
        moved: Floats = change[:, 1:] * each
        moved += np.column_stack([change[:, 0], change[:, 1:].sum(axis=1)]) @ rows
        return moved

    return shares, credit_change
