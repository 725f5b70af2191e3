"""How credit answers to every single journey: exact derivatives of Markov credit and of rules.

Those of a chain come from what its worth without each channel answers (:mod:`attribution.survival`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from attribution import ragged
from attribution.chain import Chain, chain
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.rules import RuleOptions, channel_shares
from attribution.survival import Survival, channel_survival
from attribution.transitions import Transitions
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TABLE_CELLS = 1 << 25


@dataclass(frozen=True, eq=False)
class Answer:
    """How removal effects, or credit in proportion to them, answer to changes of worths.

    With P the worth of the whole chain, P_j without j and kept_j = P_j / P, an effect 1 - kept_j changes by lost_j / P,
    lost_j = kept_j dP - dP_j, and credit, the total times j's share of all effects, by ``scale`` times (lost_j less the
    share of the sum of all lost).

    Attributes
    ----------
    effects, kept, shares
        Arrays ``(sets,)``; ``shares`` are 0 for effects.
    scale
        Total / (P times the sum of effects), or 1 / P for effects; 0 where nothing converts.
    """

    effects: Floats
    kept: Floats
    shares: Floats
    scale: float

    def __call__(self, change: Floats) -> Floats:
        """From changes of worths ``(n, 1 + sets)``, the whole chain's first, to changes ``(n, sets)``."""
        answers = np.empty((len(change), len(self.kept)))
        self.put(change, answers)
        return answers

    def put(self, change: Floats, answers: Floats) -> None:
        """The same, written into ``answers``."""
        np.matmul(_whole_and_sum(change), self._in_common, out=answers)
        answers -= self.scale * change[:, 1:]

    def squared(self, weights: Floats, change: Floats, constant: Floats) -> Floats:
        """Weighted sum over rows of the squares of what changes of worths and a constant make, array ``(sets,)``."""
        single, in_common = change[:, 1:], np.vstack([self._in_common, constant])
        whole = np.column_stack([_whole_and_sum(change), np.ones(len(change))])
        weighted = (weights[:, None] * whole).T
        of_whole = np.einsum("ac,ab,bc->c", in_common, weighted @ whole, in_common)
        of_both = np.einsum("ac,ac->c", in_common, weighted @ single)
        summed: Floats = of_whole - 2 * self.scale * of_both
        summed += self.scale**2 * np.einsum("n,nc,nc->c", weights, single, single)
        return summed

    @cached_property
    def _in_common(self) -> Floats:
        """What answers have of the whole chain's change, and of the sum of the others', array ``(2, sets)``."""
        of_whole = self.kept - self.shares * (self.kept.sum() if self.shares.any() else 0.0)
        return self.scale * np.vstack([of_whole, self.shares])


def _whole_and_sum(change: Floats) -> Floats:
    return np.column_stack([change[:, 0], np.einsum("nc->n", change[:, 1:])])


def effects_answer(worth: Floats) -> Answer:
    """Removal effects from worths ``(1 + sets,)``, the whole chain first."""
    nothing = np.zeros(len(worth) - 1)
    if worth[0] <= 0:
        return Answer(nothing, nothing, nothing, 0.0)
    kept = worth[1:] / worth[0]
    return Answer(1 - kept, kept, nothing, 1 / worth[0])


def credit_answer(worth: Floats, total: float) -> Answer:
    """Credit of ``total`` in proportion to the removal effects that worths ``(1 + channels,)`` say."""
    effects = effects_answer(worth)
    summed = float(effects.effects.sum())
    if summed <= 0:
        return effects
    return Answer(effects.effects, effects.kept, effects.effects / summed, effects.scale * total / summed)


class Gradient(Protocol):
    """How a model's credit answers to what came of each distinct path.

    One more journey along path p changes the credit of all channels by ``endings[p]``, whatever comes of it (zero
    unless ``answers_to_endings``); a conversion (for credit of conversions) or each unit of its value (for credit of
    value) adds ``gains[p]`` to that. Columns are the channels for credit of conversions, then those for credit of
    value; ``width`` is the number of either. ``own`` are the covariances of the two, where they are known better than
    from the paths. ``sampled``, array ``(2, channels)``, is what the sampling of a model's solution adds to variances.
    ``by_conversion`` gives what a conversion adds to credit of *value* whatever it is worth, array ``(rows,
    channels)``; None for the models to which it is nothing.
    """

    @property
    def width(self) -> int: ...

    @property
    def answers_to_endings(self) -> bool: ...

    @property
    def own(self) -> tuple[Floats, Floats] | None: ...

    @property
    def sampled(self) -> Floats | None: ...

    @property
    def by_conversion(self) -> "Callable[[slice | Integers], Floats] | None": ...

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
        The chain's answers, and per measure how changes of worths change what is said.
    constant
        Array ``(2 channels,)``: what a conversion adds to what the chain answers.
    steps, gain
        Arrays ``(transitions, 2 channels)`` and ``(states, 2 channels)``: what one more of each transition changes, as
        in :class:`Survival`, and the gains of paths that end in each state. Both None where the first is more than
        TABLE_CELLS numbers: they are then found as paths ask.
    """

    found: Transitions
    solved: Survival
    by_worth: Sequence[Answer]
    constant: Floats
    steps: Floats | None = None
    gain: Floats | None = None
    answers_to_endings: bool = True
    own: None = None
    sampled: None = None
    by_conversion: None = None

    @property
    def width(self) -> int:
        """Number of channels, or of sets of them."""
        return len(self.constant) // 2

    @property
    def cells_per_state(self) -> int:
        """How many numbers an answer for a journey takes for each state it visits, at once: they are single."""
        return 0 if self.steps is not None else self.width // 2 + 1

    def endings(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        from scipy.sparse import csr_array

        if self.steps is not None:
            return np.asarray(self.found.taken_by(rows) @ self.steps)
        if self.solved.along is not None:
            changes = self.solved.along(*self._states(rows))
        else:
            taken = self.found.taken_by(rows)
            used, column = np.unique(taken.indices, return_inverse=True)
            few = csr_array((taken.data, column, taken.indptr), shape=(taken.shape[0], len(used)))
            changes = [few @ part for part in self.solved.step_of(used.astype(np.int64))]
        return self._answered(changes)

    def gains(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        last = self.found.last[rows]
        if self.gain is not None:
            return np.take(self.gain, last, axis=0)
        answers = self._answered([self.solved.reward_of(last)] * 2)
        answers += self.constant
        return answers

    def squared_gains(self, states: Integers, weights: Floats) -> Floats:
        """Sums of ``weights``, ``(2, states)``, times squares of what is gained there, array ``(2, channels)``."""
        reward, constants = self.solved.reward_of(states), np.split(self.constant, 2)
        parts = zip(self.by_worth, weights, constants, strict=True)
        return np.stack([by_worth.squared(of_measure, reward, constant) for by_worth, of_measure, constant in parts])

    def among(self, rows: Integers) -> "ChainGradient":
        """The same, with what is asked of ``rows`` found at once where that is no more than TABLE_CELLS numbers."""
        if self.steps is not None or self.solved.among is None:
            return self
        state, _ = self._states(rows)
        if min(len(state), self.solved.states) * self.solved.worth.size > TABLE_CELLS:
            return self
        return replace(self, solved=self.solved.among(state))

    def _answered(self, changes: Sequence[Floats]) -> Floats:
        """Changes of worths of conversions and of value, as changes of what is said of channels."""
        answers = np.empty((len(changes[0]), 2 * self.width))
        for measure, (by_worth, change) in enumerate(zip(self.by_worth, changes, strict=True)):
            by_worth.put(change, answers[:, measure * self.width : (measure + 1) * self.width])
        return answers

    def _states(self, rows: slice | Integers) -> tuple[NDArray[Any], Integers]:
        """The states of some journeys laid end to end, and where each begins."""
        found, begins = self.found, ragged.offsets(self.found.visits[rows])
        if isinstance(rows, slice):
            first = found.starts[rows.indices(len(found.visits))[0]]
            return found.target[found.taken[first : first + begins[-1]]], begins
        return found.target[ragged.take(found.taken, found.starts, rows)], begins


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
    sampled: None = None
    by_conversion: None = None
    answers_to_endings: bool = False

    @property
    def width(self) -> int:
        """Number of channels."""
        return int(self.conversions.shape[1])

    def endings(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)`` of zeros."""
        return np.zeros((self.conversions[rows].shape[0], 2 * self.width))

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


def markov_gradient(paths: Paths, found: Transitions, known: Chain | None = None) -> ChainGradient:
    """Gradient of Markov credit at the order of ``found``, walks followed to their end.

    ``known`` is the chain of these paths, if it has been estimated, and perhaps solved, already.
    """
    solved = channel_survival(found, known or chain(paths, found))
    totals = (float(paths.conversions.sum()), float(paths.value.sum()))
    by_worth = [credit_answer(worth, total) for worth, total in zip(solved.worth, totals, strict=True)]
    return _mapped(found, solved, by_worth, np.concatenate([answer.shares for answer in by_worth]))


def effects_gradient(found: Transitions, solved: Survival) -> tuple[Floats, ChainGradient]:
    """Removal effects ``(2, sets)`` of the sets after the first, which is the whole chain, and their gradient."""
    by_worth = [effects_answer(worth) for worth in solved.worth]
    effects = np.stack([answer.effects for answer in by_worth])
    return effects, _mapped(found, solved, by_worth, np.zeros(2 * (solved.worth.shape[1] - 1)))


def _mapped(found: Transitions, solved: Survival, by_worth: Sequence[Answer], constant: Floats) -> ChainGradient:
    """Gradient of functions of the worths; a conversion by itself adds ``constant``."""
    asked = ChainGradient(found, solved, by_worth, constant)
    if len(found.source) * solved.worth.size > TABLE_CELLS:
        return asked
    if solved.among is not None:
        solved = solved.among(np.arange(solved.states))
    by_step = solved.step_of(slice(None))
    steps = np.hstack([by_worth[measure](by_step[measure]) for measure in (0, 1)])
    gain = np.hstack([by_worth[measure](solved.reward) for measure in (0, 1)]) + constant
    return replace(asked, steps=steps, gain=gain)
