"""Credit of data drawn again: the bootstrap over customers, each replicate an exact refit.

A replicate gives every distinct path as many conversions and nulls as a Poisson draw around what it had, which is the
bootstrap over journeys in its Poisson form. One sparse product turns the draws of many replicates into their counts of
transitions, and chains of single channels are solved in one batch. The value of a path's conversions is drawn around
their mean with their own spread where that is known (``Paths.value_squares``), else it moves with their number alone.

Customers with several journeys are known as covariances only (``Paths.shared``): which journeys belong together is not
in the paths, so customers cannot be drawn. Journeys are drawn as if each were a customer of its own and every replicate
is refitted exactly; then all replicates are moved about their mean by one linear map of credit, the least displacing
one that carries the delta method's covariance without shared customers to the one with them. So their mean and shape
are those of exact refits over journeys, and their covariance has what customers share to first order: what sharing does
to the skewness of credit is not in them. Where journeys can be read with their customers,
:mod:`attribution.customer_bootstrap` draws customers, and is exact.

Replicates come in fixed blocks, each with its own random stream, so the number of threads changes nothing.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution import delta
from attribution.arguments import checked
from attribution.credit import check_models, model_credit
from attribution.credit_spread import model_gradient
from attribution.gradient import ShareGradient
from attribution.markov import Convention
from attribution.paths import Paths
from attribution.poisson import PoissonDraws
from attribution.ragged import Floats, Integers
from attribution.refits import refitted
from attribution.rules import RULES, RuleOptions, channel_shares
from attribution.sums import Measure
from attribution.transitions import Transitions, transitions
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas
    from scipy.sparse import csc_array, csr_array

BLOCK = 32
EXACT_SINGLE = 1 << 23
NOT_DRAWN = ("shapley", "regression")

Draws = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Replicates:
    """Credit per replicate.

    Attributes
    ----------
    models, channels
        Names.
    conversions, value
        Arrays ``(replicates, models, channels)``.
    """

    models: tuple[str, ...]
    channels: tuple[str, ...]
    conversions: Floats
    value: Floats

    def of(self, model: str, paths: Paths, measure: Measure = "conversions") -> Floats:
        """Credit under one model, array ``(replicates, channels)``.

        Raises
        ------
        ConfigurationError
            When the model is not among those drawn, or the channels are not those of ``paths``.
        """
        if model not in self.models or self.channels != paths.channels:
            raise ConfigurationError(
                f"drawn: these are {len(self.models)} models ({', '.join(self.models)}) of {len(self.channels)} "
                f"channels, wanted is {model} of the {len(paths.channels)} of the paths. Draw from the same data."
            )
        credit: Floats = getattr(self, measure)[:, self.models.index(model)]
        return credit


@checked
def bootstrap_credit(
    paths: Paths,
    models: Sequence[str],
    *,
    order: int = 1,
    replicates: int = 1_000,
    seed: int | None = None,
    options: RuleOptions | None = None,
    threads: int | None = None,
) -> Replicates:
    """Credit of every channel under every model in data drawn again.

    Parameters
    ----------
    paths
        Distinct paths.
    models
        Rules, ``markov`` (walks followed to their end) and ``time_decay`` (each path's mean shares).
    order
        Order of the chain.
    replicates
        How many times to draw, from 1 on.
    seed
        The same seed gives the same replicates, whatever the number of threads; None takes a fresh one.
    options
        Options of the rules.
    threads
        Threads to use, all processors when None.

    Raises
    ------
    ConfigurationError
        When a model does not exist or is one of NOT_DRAWN, or replicates are not a whole number from 1 on.
    """
    check_models(paths, models)
    require_replicates(models, replicates)
    plan = _Plan.make(paths, models, order, options or RuleOptions())
    conversions, value = in_blocks(plan.draw_block, replicates, seed=seed, threads=threads)
    drawn = Replicates(tuple(models), paths.channels, conversions, value)
    if paths.shared is None or paths.shared.nnz == 0:
        return drawn
    return _with_shared_journeys(paths, drawn, order=order, options=options or RuleOptions())


def in_blocks(
    draw_block: Callable[[np.random.SeedSequence, int], tuple[Floats, Floats]],
    replicates: int,
    *,
    seed: int | None,
    threads: int | None,
) -> tuple[Floats, Floats]:
    """Replicates block by block, each of its own random stream: arrays ``(replicates, models, channels)``."""
    sizes = [min(BLOCK, int(replicates) - first) for first in range(0, int(replicates), BLOCK)]
    streams = np.random.SeedSequence(seed).spawn(len(sizes))
    with ThreadPoolExecutor(max_workers=threads or os.cpu_count() or 1) as pool:
        parts = list(pool.map(draw_block, streams, sizes))
    conversions, value = (np.concatenate([part[measure] for part in parts]) for measure in (0, 1))
    return conversions, value


def require_replicates(models: Sequence[str], replicates: int) -> None:
    """Refuse models that are not drawn again, and numbers of replicates that are none."""
    if refused := [model for model in models if model in NOT_DRAWN]:
        raise ConfigurationError(
            f"models: {refused[0]!r} is not drawn again. Take its intervals by the delta method (0 replicates)."
        )
    if isinstance(replicates, bool) or not isinstance(replicates, int | np.integer) or replicates < 1:
        raise ConfigurationError(f"replicates: {replicates!r} is not a whole number from 1 on. 1000 is usual.")


@dataclass(frozen=True, eq=False)
class _Maps:
    """Sparse maps ``(rows, converting paths)`` from draws to sums of conversions, and of value with its noise."""

    conversions: "csr_array"
    value: "csr_array"
    noise: "csr_array"

    @classmethod
    def make(cls, by_conversion: "csr_array", by_value: "csr_array", mean_value: Floats, spread: Integers) -> "_Maps":
        """``by_value`` says where a unit of value goes; noise is drawn for the paths ``spread`` only."""
        from scipy.sparse import diags_array

        return cls(by_conversion, (by_value @ diags_array(mean_value)).tocsr(), by_value[:, spread])

    def summed(self, conversions: Floats, noise: Floats) -> tuple[Floats, Floats]:
        """Arrays ``(rows, replicates)``."""
        value = self.value @ conversions
        if len(noise):
            value += self.noise @ noise
        return self.conversions @ conversions, value


@dataclass(frozen=True, eq=False)
class _Plan:
    """What every block of replicates needs, made once; rows of paths stand in the order in which they are drawn."""

    models: tuple[str, ...]
    conversions: PoissonDraws
    nulls: PoissonDraws
    mean_value: Floats
    spread: Integers
    value_spread: Floats
    shares: dict[str, _Maps]
    chain: "_ChainPlan | None"

    @classmethod
    def make(cls, paths: Paths, models: Sequence[str], order: int, options: RuleOptions) -> "_Plan":
        converting, lost = np.flatnonzero(paths.conversions > 0), np.flatnonzero(paths.nulls > 0)
        conversions, nulls = PoissonDraws(paths.conversions[converting]), PoissonDraws(paths.nulls[lost])
        converting, lost = converting[conversions.rows], lost[nulls.rows]
        number, value = paths.conversions[converting], paths.value[converting]
        squares = delta.value_squares(paths)[converting]
        mean = value / number
        value_spread = np.sqrt(np.maximum(squares / number - mean**2, 0))
        spread = np.flatnonzero(value_spread > 1e-6 * np.abs(mean))
        return cls(
            models=tuple(models),
            conversions=conversions,
            nulls=nulls,
            mean_value=mean,
            spread=spread,
            value_spread=value_spread[spread],
            shares={
                name: _Maps.make(*_shares(paths, name, options, converting), mean, spread)
                for name in models
                if name != "markov"
            },
            chain=_ChainPlan.make(paths, order, converting, lost, mean, spread) if "markov" in models else None,
        )

    def draw_block(self, stream: np.random.SeedSequence, size: int) -> tuple[Floats, Floats]:
        """Credit of conversions and of value of ``size`` replicates: arrays ``(size, models, channels)``."""
        generator = np.random.Generator(np.random.Philox(stream))
        drawn = self.conversions.draw(generator, size)
        noise = generator.standard_normal((len(self.spread), size))
        noise *= self.value_spread[:, None] * np.sqrt(drawn[self.spread])
        conversions = drawn.astype(float)
        credit = []
        for model in self.models:
            if model == "markov":
                assert self.chain is not None
                credit.append(self.chain.refit(drawn, conversions, noise, self.nulls.draw(generator, size)))
            else:
                credit.append(self.shares[model].summed(conversions, noise))
        return (
            np.stack([part[0].T for part in credit], axis=1),
            np.stack([part[1].T for part in credit], axis=1),
        )


@dataclass(frozen=True, eq=False)
class _ChainPlan:
    """Sparse maps from draws to the counts of a chain: its transitions, and what happens at its states."""

    found: Transitions
    by_conversions: "csc_array"
    by_nulls: "csc_array"
    ends: _Maps

    @classmethod
    def make(
        cls, paths: Paths, order: int, converting: Integers, lost: Integers, mean_value: Floats, spread: Integers
    ) -> "_ChainPlan":
        """``converting`` and ``lost`` are the paths in the order of the draws of conversions and of nulls."""
        from scipy.sparse import csr_array

        found = transitions(paths, order=order)
        few = 2 * found.visits @ (paths.conversions + paths.nulls) < EXACT_SINGLE
        kind = np.float32 if few else np.float64
        last = found.last[converting]
        ends = csr_array((np.ones(len(last)), (last, np.arange(len(last)))), shape=(len(found.states), len(last)))
        return cls(
            found=found,
            by_conversions=found.taken_by(converting).astype(kind).T,
            by_nulls=found.taken_by(lost).astype(kind).T,
            ends=_Maps.make(ends, ends, mean_value, spread),
        )

    def refit(self, drawn: Draws, conversions: Floats, noise: Floats, nulls: Draws) -> tuple[Floats, Floats]:
        """Credit ``(channels, replicates)`` of conversions (drawn, and in double precision) and of value."""
        kind = self.by_nulls.dtype
        steps = self.by_conversions @ drawn.astype(kind, copy=False)
        steps += self.by_nulls @ nulls.astype(kind, copy=False)
        converted, paid = self.ends.summed(conversions, noise)
        return refitted(self.found, steps.astype(float), converted, paid)


def _shares(paths: Paths, model: str, options: RuleOptions, rows: Integers) -> "tuple[csr_array, csr_array]":
    """Sparse ``(channels, rows)``: shares in a conversion, and in a unit of value, of the paths ``rows``."""
    if model in RULES:
        shares = channel_shares(paths, model, options)[rows].T.tocsr()
        return shares, shares
    means = model_gradient(paths, model, options=options)
    assert isinstance(means, ShareGradient)
    return means.conversions[rows].T.tocsr(), means.value[rows].T.tocsr()


def _with_shared_journeys(paths: Paths, drawn: Replicates, *, order: int, options: RuleOptions) -> Replicates:
    """Spread replicates as the covariance with customers' several journeys says."""
    gradients = [model_gradient(paths, model, order=order, options=options) for model in drawn.models]
    apart, together = delta.covariance(delta.without_sharing(paths), gradients), delta.covariance(paths, gradients)
    moved = []
    for replicated, before, after in (
        (drawn.conversions, apart.conversions, together.conversions),
        (drawn.value, apart.value, together.value),
    ):
        flat = replicated.reshape(len(replicated), -1)
        centre = flat.mean(axis=0)
        moved.append((centre + (flat - centre) @ least_displacing_map(before, after)).reshape(replicated.shape))
    return Replicates(drawn.models, drawn.channels, moved[0], moved[1])


def least_displacing_map(before: Floats, after: Floats) -> Floats:
    """The symmetric map that carries covariance ``before`` to ``after`` with the least mean squared displacement.

    It is optimal transport between the two normal distributions (Knott & Smith 1984); directions without variance
    before stay without.
    """
    root, inverse_root = _root(before, 0.5), _root(before, -0.5)
    return inverse_root @ _root(root @ after @ root, 0.5) @ inverse_root


def _root(matrix: Floats, power: float) -> Floats:
    sizes, directions = np.linalg.eigh((matrix + matrix.T) / 2)
    some = sizes > 1e-12 * max(sizes.max(initial=0), 1e-300)
    powered = np.power(sizes, power, out=np.zeros_like(sizes), where=some)
    return np.asarray((directions * powered) @ directions.T)


def percentile_interval(replicated: Floats, *, confidence: float) -> tuple[Floats, Floats]:
    """Lower and upper percentiles over the first axis."""
    delta.normal_reach(confidence)
    low, high = np.quantile(replicated, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return low, high


def accelerated_interval(
    estimate: Floats, replicated: Floats, *, confidence: float, level: float, lean: Floats
) -> tuple[Floats, Floats]:
    """Lower and upper ends at a ``level``, from replicates' percentiles at a ``confidence`` that they are enough for.

    Replicates lean to the side to which data that happened otherwise would have moved the estimate, their percentiles
    at z by lean (z^2 - 1) / 6; what may have been true lies further on the other side. So percentiles move by
    lean (z^2 + 2) / 6, the second order of BCa (Efron, Journal of the American Statistical Association 82, 1987,
    171-185, with acceleration and bias both a sixth of the skewness), by no more than half of their reach. Beyond
    ``confidence`` reaches grow as normal ones do, and the lean as in :func:`attribution.intervals.difference_interval`.

    Parameters
    ----------
    estimate, replicated
        Arrays ``(n,)`` and ``(replicates, n)``.
    lean
        Third cumulants by variances.
    """
    known, z = delta.normal_reach(confidence), delta.normal_reach(level)
    wider = z / known
    low, high = percentile_interval(replicated, confidence=confidence)
    low, high = estimate + wider * (low - estimate), estimate + wider * (high - estimate)
    reach = (high - low) / 2
    moved = np.clip(lean * (2 * z**2 + 1 - wider * (known**2 - 1)) / 6, -reach / 2, reach / 2)
    return low + moved, high + moved


@checked
def rank_stability(
    paths: Paths,
    *,
    model: str = "markov",
    order: int = 1,
    replicates: int = 1_000,
    seed: int | None = None,
    confidence: float = 0.90,
    options: RuleOptions | None = None,
    convention: Convention = "exact",
    drawn: Replicates | None = None,
) -> "pandas.DataFrame":
    """How sure the order of channels by credit of conversions is.

    ``drawn`` are replicates of this model made already, in place of ``replicates`` and ``seed``. Replicates are exact;
    under another convention they are moved by what it changes of the credit.

    Returns
    -------
    Columns channel, conversions, conversions_low, conversions_high (percentiles over replicates), rank (1 for the most
    credit), rank_low, rank_high (percentiles, too),
    same_rank (share of replicates in which the channel has this rank), above_next (share in which it has at least the
    credit of the channel ranked next; NaN for the last); sorted by rank.
    """
    import pandas

    options = options or RuleOptions()
    if drawn is None:
        drawn = bootstrap_credit(paths, [model], order=order, replicates=replicates, seed=seed, options=options)
    estimate = exact = model_credit(paths, model, order=order, options=options).conversions
    if convention != "exact":
        estimate = model_credit(paths, model, order=order, options=options, convention=convention).conversions
    by_rank = np.argsort(-estimate, kind="stable")
    replicated = (drawn.of(model, paths) + (estimate - exact))[:, by_rank]
    ranks = np.argsort(np.argsort(-replicated, axis=1, kind="stable"), axis=1) + 1
    low, high = np.quantile(ranks, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0, method="inverted_cdf").astype(
        int
    )
    own = np.arange(1, len(by_rank) + 1)
    least, most = percentile_interval(replicated, confidence=confidence)
    return pandas.DataFrame(
        {
            "channel": [paths.channels[channel] for channel in by_rank],
            "conversions": estimate[by_rank],
            "conversions_low": least,
            "conversions_high": most,
            "rank": own,
            "rank_low": low,
            "rank_high": high,
            "same_rank": (ranks == own).mean(axis=0),
            "above_next": np.append((replicated[:, :-1] >= replicated[:, 1:]).mean(axis=0), np.nan),
        }
    )
