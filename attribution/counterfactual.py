"""What if a set of channels had not been there: removal with substitution, and which channels stand in for each other.

Removing a channel in a chain loses every walk that enters it, which is the most it can cost. Part of that traffic would
have found another way. With a substitution rate rho in [0, 1], of the probability m of a state's row that leads into
the removed set the part rho goes where the rest of the row goes, and (1 - rho) m is lost:

    p(k -> l without S) = p(k -> l) * (1 + rho * m_k / (1 - m_k)),   l outside S, conversion and null among them.

The start has such a row too. A row that leads into the set only has nothing to substitute with, so all of it is lost.
At rho = 0 this is the removal effect; at rho = 1 whoever was led to S does as the others at that state do. States that
only S led out of keep their walks for ever at rho = 1: such walks never end, and are lost, as at every rate below 1.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.arguments import checked
from attribution.chain import chain, reachable
from attribution.delta import variance
from attribution.gradient import effects_gradient
from attribution.intervals import effect_interval, interaction_interval, score_interval, substituted_interval
from attribution.markov import removal_effects
from attribution.participation import unknown_channel
from attribution.paths import Paths
from attribution.pushing import pushed
from attribution.ragged import Floats
from attribution.sums import MEASURES, effective_cases
from attribution.survival import Survival, survival
from attribution.transitions import Transitions, transitions
from customer_data.errors import ConfigurationError, ModelError

if TYPE_CHECKING:
    import pandas
    from scipy.sparse import csr_array

# Factors of chains of higher orders fill up: they take minutes where pushing walks on takes seconds.
MOST_FACTORED = 500

Mask = NDArray[np.bool_]


@checked
def removal(
    paths: Paths,
    sets: Sequence[str | Sequence[str]],
    *,
    order: int = 1,
    substitution: float = 0.0,
    confidence: float = 0.90,
) -> "pandas.DataFrame":
    """What share of conversions, and of their value, goes when sets of channels go.

    Parameters
    ----------
    paths
        Distinct paths.
    sets
        Each a channel's name or several names.
    order
        Order of the chain.
    substitution
        Share of the traffic into the set that finds its way otherwise, between 0 and 1.
    confidence
        Of the intervals, by the delta method, made to hold for few conversions (:mod:`attribution.intervals`); those
        with substitution can reach below 0.

    Returns
    -------
    Columns channels (names joined by " + "), substitution, removal_effect, conversions_lost, removal_effect_value,
    value_lost, the last four each followed by its interval in ``_low`` and ``_high``; one row per set, in the order
    given. Effects are shares, losses these shares of the conversions and the value of all paths as they were; an effect
    below 0 means that those who would be led elsewhere convert better there.

    Raises
    ------
    ConfigurationError
        When a channel does not exist, a set is empty, or a number is out of range.
    ModelError
        When nothing converts.
    """
    import pandas

    named = [(names,) if isinstance(names, str) else tuple(names) for names in sets]
    found = transitions(paths, order=order)
    removed = _removed_states(paths, found, named)
    if not 0 <= substitution <= 1:
        raise ConfigurationError(f"substitution: {substitution!r} is not between 0 and 1. Give 0.3 for 30 %.")
    _refuse_without_conversions(paths)
    keep = np.column_stack([np.ones(len(found.states), dtype=bool), ~removed])
    if substitution == 0:
        solved = survival(found, paths, keep)
    else:
        solved = substituted_survival(found, paths, keep, substitution)
    effects, slopes = effects_gradient(found, solved)
    spread, interval_of = variance(paths, slopes), effect_interval if substitution == 0 else substituted_interval
    columns: dict[str, Floats] = {}
    for effect, measure, (share, lost) in zip(
        effects,
        MEASURES,
        (("removal_effect", "conversions_lost"), ("removal_effect_value", "value_lost")),
        strict=True,
    ):
        total, cases = getattr(paths, measure).sum(), effective_cases(paths, measure)
        low, high = interval_of(effect, getattr(spread, measure), cases=cases, confidence=confidence)
        # Without all channels nothing is left, whoever comes.
        ends = [np.where(removed.all(axis=0), effect, end) for end in (low, np.minimum(high, 1))]
        for name, scale in ((share, 1.0), (lost, float(total))):
            columns[name] = effect * scale
            columns |= {f"{name}_{side}": end * scale for side, end in zip(("low", "high"), ends, strict=True)}
    names = [" + ".join(names) for names in named]
    return pandas.DataFrame({"channels": names, "substitution": float(substitution), **columns})


def _removed_states(paths: Paths, found: Transitions, named: Sequence[tuple[str, ...]]) -> Mask:
    """Array ``(states, sets)``: the states that hold a channel of each set."""
    empty = [number for number, names in enumerate(named, 1) if not names]
    problems = [f"sets: number {number} holds no channel. Name at least one." for number in empty]
    unknown = sorted({name for names in named for name in names} - set(paths.channels))
    problems += [unknown_channel("sets", name, paths) for name in unknown]
    if problems:
        raise ConfigurationError("\n".join(problems))
    removed = np.zeros((len(found.states), len(named)), dtype=bool)
    for column, names in enumerate(named):
        removed[:, column] = found.holds[:, [paths.channels.index(name) for name in names]].any(axis=1)
    return removed


def _refuse_without_conversions(paths: Paths) -> None:
    if not paths.conversions.sum() > 0:
        raise ModelError(
            f"removal: none of the {paths.nulls.sum():,.10g} journeys on {len(paths):,} distinct paths converted, so "
            "there is no share of conversions to lose. Check the window and the conversions."
        )


def substituted_survival(found: Transitions, paths: Paths, keep: Mask, substitution: float) -> Survival:
    """The same as :func:`attribution.survival.survival` when part of the walks led into removed states goes elsewhere.

    With O_k and M_k the counts out of k to elsewhere and into the set, n_k their sum and q_k = 1 - (1 - rho) M_k / n_k,
    a walk at k survives with q_k and then does as the O_k do: x_k = q_k z_k, z_k the mean of x over the O_k. Hence one
    more transition from k to l changes P by u_k (q_k (x_l - z_k) / O_k + z_k (1 - rho) M_k / n_k^2) when l stays, and
    by - u_k z_k (1 - rho) O_k / n_k^2 when it is in the set. The start is one more state k, visited once.
    """
    steps = found.count(paths.conversions + paths.nulls)
    rewards = np.column_stack([found.at_last(paths.conversions), found.at_last(paths.value)])
    ending = rewards[:, 0] + found.at_last(paths.nulls)
    parts = [
        _one_substituted(found, steps, rewards, ending, keep[:, column], substitution)
        for column in range(keep.shape[1])
    ]
    worth, by_step, by_reward = (np.stack(part, axis=-1) for part in zip(*parts, strict=True))
    return Survival(len(found.states), worth, lambda chosen: by_step[:, chosen], lambda chosen: by_reward[chosen])


def _one_substituted(
    found: Transitions, steps: Floats, rewards: Floats, ending: Floats, keep: NDArray[np.bool_], substitution: float
) -> tuple[Floats, Floats, Floats]:
    """Worth ``(2,)``, and derivatives by transitions and rewards as of :class:`Survival`, for one set."""
    from scipy.sparse import csr_array

    states = len(found.states)
    stays = keep[found.target]
    outside = np.bincount(found.source, weights=steps * stays, minlength=states + 1).astype(float)
    outside[:states] += ending
    inside = np.bincount(found.source, weights=steps * ~stays, minlength=states + 1).astype(float)
    left = outside + inside
    lost = 1 - substitution
    per_left, per_outside = (np.divide(1.0, by, out=np.zeros_like(by), where=by > 0) for by in (left, outside))
    survives = np.where(outside > 0, 1 - lost * inside * per_left, 0.0)

    probability = steps * stays * (survives * per_outside)[found.source]
    inner = found.source < states
    start = np.zeros(states)
    start[found.target[~inner]] = probability[~inner]
    step = csr_array((probability[inner], (found.source[inner], found.target[inner])), shape=(states, states))
    step.eliminate_zeros()
    # Where no walk ends any more none is worth anything, and there may be no end to the visits.
    ends = reachable(step.T.tocsr(), ending * (survives[:states] > 0) * keep)
    step, keep = csr_array(step.multiply(ends[:, None])), keep & ends
    rate = (survives * per_outside)[:states, None]
    kept = keep[:, None]
    worth = np.vstack([_added_up(step, rewards * rate * kept) * kept, np.zeros((1, 2))])
    worth[states] = start @ worth[:states]
    visits = np.append(_added_up(step.T.tocsr(), start[:, None])[:, 0] * keep, 1.0)

    # Where a state never survives its mean worth elsewhere is unknown, and nothing observed there changes it.
    mean_worth = np.divide(worth, survives[:, None], out=np.zeros_like(worth), where=survives[:, None] > 0)
    gained = (visits * survives * per_outside)[:, None]
    by_staying = (visits * lost * inside * per_left**2)[:, None] * mean_worth - gained * mean_worth
    by_entering = -(visits * lost * outside * per_left**2)[:, None] * mean_worth
    arrived = np.append(worth[:states] * kept, np.zeros((1, 2)), axis=0)[found.target]
    derivative = np.where(
        stays[:, None], by_staying[found.source] + gained[found.source] * arrived, by_entering[found.source]
    )
    by_ending = np.append(by_staying[:states], np.zeros((1, 2)), axis=0)
    derivative += by_ending[found.target] - by_ending[found.source]
    return worth[states], derivative.T, gained[:states, 0]


def _added_up(step: "csr_array", begin: Floats) -> Floats:
    """The sum of all powers of ``step`` times ``begin``: factored while that is small, else pushed on to its end."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    if len(begin) > MOST_FACTORED:
        return pushed(step, begin, np.ones(begin.shape, dtype=bool))
    return np.asarray(splu((eye_array(len(begin)) - step).tocsc()).solve(begin))


@checked
def interactions(paths: Paths, *, order: int = 1, largest: int = 20, confidence: float = 0.90) -> "pandas.DataFrame":
    """Which pairs of channels work on the same conversions.

    The interaction of two channels is what their single removal effects count twice, I = RE_a + RE_b - RE_ab: the share
    of converting walks that visit both.

    Parameters
    ----------
    paths
        Distinct paths.
    order
        Order of the chain.
    largest
        How many channels to pair, those with the largest removal effects.
    confidence
        Of the interval, by the delta method, made to hold for few conversions (:mod:`attribution.intervals`).

    Returns
    -------
    Columns channel_a, channel_b, removal_effect_a, removal_effect_b, removal_effect_both, interaction, interaction_low,
    interaction_high, affinity, affinity_low, affinity_high; sorted by interaction, largest first. ``affinity`` is
    I / (RE_a RE_b): above 1 the two share more converting walks than if they met by chance, below 1 fewer.

    Raises
    ------
    ModelError
        When nothing converts.
    """
    import pandas

    _refuse_without_conversions(paths)
    found = transitions(paths, order=order)
    effects = removal_effects(chain(paths, found)).conversions
    by_effect = np.argsort(-effects, kind="stable")[: max(largest, 0)]
    chosen = by_effect[effects[by_effect] > 0]
    first, second = np.triu_indices(len(chosen), 1)
    held = found.holds[:, chosen]
    keep = np.column_stack([np.ones(len(held), dtype=bool), ~held, ~(held[:, first] | held[:, second])])
    solved = survival(found, paths, keep)
    alone, both = np.split(1 - solved.worth[0, 1:] / solved.worth[0, 0], [len(chosen)])
    one, other = alone[first], alone[second]
    shared = np.maximum(one + other - both, 0)
    affinity = shared / (one * other)

    def apart(worth: Floats) -> Floats:
        """Of worths of the whole, without each and without both: of the whole, P_a + P_b - P_ab of each pair, and what
        changes as affinities do: by (dI - I dRE_a / RE_a - I dRE_b / RE_b) / (RE_a RE_b)."""
        without_one, without_other = worth[..., 1 + first], worth[..., 1 + second]
        meeting = without_one + without_other - worth[..., 1 + len(chosen) :]
        by_chance = meeting / (one * other) - affinity * (without_one / one + without_other / other)
        return np.concatenate([worth[..., :1], meeting, by_chance], axis=-1)

    _, slopes = effects_gradient(found, solved.mapped(apart))
    spread, spread_of_affinity = np.split(variance(paths, slopes).conversions, 2)
    cases = effective_cases(paths, "conversions")
    low, high = interaction_interval(shared, spread, cases=cases, confidence=confidence)
    least, most = score_interval(
        affinity, spread_of_affinity, confidence=confidence, typical=1 / (max(cases, 1.0) * one * other)
    )
    names = np.asarray(paths.channels, dtype=object)[chosen]
    table = pandas.DataFrame(
        {
            "channel_a": pandas.Series(names[first], dtype="str"),
            "channel_b": pandas.Series(names[second], dtype="str"),
            "removal_effect_a": one,
            "removal_effect_b": other,
            "removal_effect_both": both,
            "interaction": shared,
            "interaction_low": low,
            "interaction_high": high,
            "affinity": affinity,
            "affinity_low": least,
            "affinity_high": most,
        }
    )
    return table.sort_values("interaction", ascending=False, kind="stable", ignore_index=True)
