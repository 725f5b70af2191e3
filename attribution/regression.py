"""Logistic regression of conversion on a path's exposures, and credit by taking one channel away.

The model: logit P(conversion) = sum over channels of exposure_c ln(1 + touches of c) + recency_c [c came last].
The recency terms stand for the intercept. Fitted by statsmodels on distinct combinations of these terms with counts.
Every coefficient has a log-F(1, 1) prior, entered as one observation of half a conversion and half a null (Greenland &
Mansournia 2015, Statistics in Medicine 34, section 3): without weight in large data, and finite where a channel's
journeys all converted or none did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution import held_out, ragged
from attribution.arguments import checked
from attribution.delta import interval, normal_reach, variance
from attribution.gradient import Gradient, ShareGradient
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.ratio_game import missing_nulls
from attribution.regression_losses import Losses, RegressionGradient
from attribution.regression_terms import Met, chance
from customer_data.errors import ConfigurationError, ModelError

if TYPE_CHECKING:
    import pandas
    from scipy.sparse import csr_array

MOST_STEPS = 100
MOST_CHANNELS = 200


@dataclass(frozen=True, eq=False)
class RegressionFit:
    """A fitted regression.

    Attributes
    ----------
    channels
        Names of channels.
    coefficients
        Columns term ("exposure" or "recency"), channel, estimate, std_error (both on the scale of log odds).
    covariance
        Array ``(2 channels, 2 channels)``: that of the estimates if the model holds, the inverse of their information.
    """

    channels: tuple[str, ...]
    coefficients: "pandas.DataFrame"
    covariance: Floats

    def probability(self, paths: Paths) -> Floats:
        """P(conversion) of each distinct path; the channels must be those of the fit."""
        return chance(Met.of(paths).odds(*self.effects))

    @property
    def effects(self) -> tuple[Floats, Floats]:
        """Estimates of exposure and of recency, arrays ``(channels,)``."""
        exposure, recency = self.coefficients["estimate"].to_numpy().reshape(2, -1)
        return exposure, recency

    def chance(self, terms: Floats) -> Floats:
        """P(conversion) of each row of terms: for all channels ln(1 + touches), then whether the channel came last."""
        return chance(terms @ self.coefficients["estimate"].to_numpy())


@checked
def fit_regression(paths: Paths) -> RegressionFit:
    """Fit the regression to distinct paths, once: the fit is kept with them.

    Raises
    ------
    ModelError
        When nothing converted or everything did, there are more than MOST_CHANNELS channels on paths, or the
        iterations did not converge.
    """
    _refuse_many_channels(paths)
    if not paths.conversions.sum() or not paths.nulls.sum():
        raise ModelError(
            "regression: it needs journeys that converted and journeys that did not; here are "
            f"{paths.conversions.sum():,.10g} and {paths.nulls.sum():,.10g}. Use Markov or a rule."
        )
    if "regression" not in paths.fits:
        paths.fits["regression"] = _fitted(paths, _design(paths), paths.conversions, paths.nulls)
    return paths.fits["regression"]


def _refuse_many_channels(paths: Paths) -> None:
    if problem := _too_many(paths):
        raise ModelError(f"regression: {problem}")


def _too_many(paths: Paths) -> str:
    """What to do about too many channels; empty where they are not."""
    on_paths = len(np.unique(paths.codes))
    if on_paths <= MOST_CHANNELS:
        return ""
    return (
        f"{on_paths:,} channels are on these paths, and it is fitted with up to {MOST_CHANNELS}, two terms each. Put "
        "channels together with rename_channels, or use Markov, which takes thousands."
    )


def problems_of_regression(paths: Paths) -> list[str]:
    """Why these paths have no credit by the regression; nothing where they have."""
    problems = []
    if missing := missing_nulls(paths):
        problems.append(f"models: 'regression' compares conversions with journeys that did not convert; {missing}")
    if problem := _too_many(paths):
        problems.append(f"models: 'regression': {problem}")
    return problems


@dataclass(frozen=True, eq=False)
class _Design:
    """The distinct combinations of terms, and for each path the number of its own."""

    terms: Floats
    group: Integers


def _design(paths: Paths) -> _Design:
    """Paths with the same touches, in whatever order, and the same last channel have the same terms."""
    count = len(paths.channels)
    marked = paths.rows * (2 * count) + paths.codes
    marked[paths.starts[1:] - 1] += count
    marked.sort()
    group, _, lengths = ragged.distinct_sequences(marked % (2 * count), paths.lengths, 2 * count)
    example = np.empty(len(lengths), dtype=np.int64)
    example[group] = np.arange(len(group))
    return _Design(_terms(paths)[example], group)


def _fitted(
    paths: Paths, design: _Design, conversions: Floats, nulls: Floats, *, start: Floats | None = None
) -> RegressionFit:
    import pandas

    outcomes = np.column_stack(
        [np.bincount(design.group, weights=counts, minlength=len(design.terms)) for counts in (conversions, nulls)]
    )
    # Where a fold is held out, paths that only it holds are left without a journey, and have nothing to say.
    walked = outcomes.sum(axis=1) > 0
    prior = np.eye(design.terms.shape[1])
    estimates, covariance = _maximum(
        np.vstack([design.terms[walked], prior]),
        np.vstack([outcomes[walked], np.full((len(prior), 2), 0.5)]),
        start=np.zeros(len(prior)) if start is None else start,
    )
    names = paths.channels
    return RegressionFit(
        names,
        pandas.DataFrame(
            {
                "term": ["exposure"] * len(names) + ["recency"] * len(names),
                "channel": names * 2,
                "estimate": estimates,
                "std_error": np.sqrt(np.diag(covariance)),
            }
        ),
        covariance,
    )


def _maximum(terms: Floats, outcomes: Floats, *, start: Floats) -> tuple[Floats, Floats]:
    """The coefficients of statsmodels' GLM and their covariance.

    By Newton's method on its score and information, which are as small as the terms are few; its default solves least
    squares over all rows in each step and takes far longer.
    """
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    class FullRank(GLM):  # type: ignore[misc]
        """The rows of the prior make the rank full: no need to decompose all rows, which takes longer than the fit."""

        def initialize(self) -> None:
            self.wnobs, columns = self.exog.shape
            self.df_model, self.df_resid = columns - 1, self.wnobs - columns

    with np.errstate(all="ignore"):
        result = FullRank(outcomes, terms, family=Binomial(), hasconst=False).fit(
            method="newton",
            start_params=start,
            max_start_irls=0,
            maxiter=MOST_STEPS,
            tol=1e-10,
            disp=0,
            warn_convergence=False,  # where it does not converge is an error here
        )
        covariance = np.asarray(result.cov_params())
    if not result.mle_retvals["converged"] or not np.isfinite(covariance).all():
        raise ModelError(
            "regression: the iterations did not converge on these paths. Use Markov, or merge rare channels."
        )
    return np.asarray(result.params), covariance


def lost_without(fit: RegressionFit, paths: Paths) -> "csr_array":
    """Conversions per channel (row: channel, column: path) that the regression expects to be lost without it, sparse.

    Per journey the drop of P(conversion) when the channel's touches are taken out of the path; a path of that channel
    alone loses all of it. Negative where a channel goes with fewer conversions.
    """
    losses = Losses.of(paths, *fit.effects)
    journeys = paths.conversions + paths.nulls
    return losses.by_path(losses.lost * journeys[losses.met.path]).T.tocsr()


@checked
def regression_credit(
    paths: Paths, *, fit: RegressionFit | None = None, confidence: float | None = 0.90
) -> "pandas.DataFrame":
    """Credit by counterfactual: conversions and value shared in proportion to what is lost without each channel.

    Parameters
    ----------
    paths
        Distinct paths.
    fit
        The regression of these paths, if it has been fitted already.
    confidence
        Of the intervals; None leaves them missing.

    Returns
    -------
    pandas.DataFrame
        channel, lost_conversions (expected to be lost without it; may be negative), conversions, value: both credits
        conserve the totals. A negative loss earns no credit. Value is lost as in :mod:`attribution.regression_losses`:
        in proportion to conversions where all are worth the same. Then conversions_low, conversions_high, value_low,
        value_high: by the delta method through coefficients, losses and totals, robust to customers with several
        journeys, cut off at 0.

    Raises
    ------
    ConfigurationError
        When the confidence is not between 0 and 1, or the fit is of other channels.
    ModelError
        As :func:`fit_regression`, or when no channel's removal loses conversions.
    """
    import pandas

    if confidence is not None:
        normal_reach(confidence)
    fit = fit or fit_regression(paths)
    if fit.channels != paths.channels:
        raise ConfigurationError("regression: the fit is of other channels than these paths. Leave it out.")
    losses = Losses.of(paths, *fit.effects)
    lost = losses.by_channel()
    table = pandas.DataFrame(
        {
            "channel": paths.channels,
            "lost_conversions": lost[0],
            "conversions": _shared_out(lost[0], paths.conversions.sum()),
            "value": _shared_out(lost[1], paths.value.sum()),
        }
    )
    return table.assign(**_intervals(losses, fit, confidence))


def _intervals(losses: Losses, fit: RegressionFit, confidence: float | None) -> dict[str, Floats]:
    """The ends of intervals: around what credit would be if it were not cut off at 0, then cut off.

    What is lost without a channel that has no credit is a share s of what is lost without all others. Were it above 0
    the channel would have s / (1 + s) of the whole, and so the upper end of s says that of its credit.
    """
    paths, columns = losses.paths, dict[str, Floats]()
    gradient = None if confidence is None else RegressionGradient.make(losses, fit.covariance)
    spread = None if gradient is None else variance(paths, gradient)
    for measure, name in enumerate(("conversions", "value")):
        low = high = np.full(len(paths.channels), np.nan if gradient is None else 0.0)
        total = getattr(paths, name).sum()
        if gradient is not None and total > 0:
            estimate = gradient.shares(measure)[0] * total
            low, high = interval(estimate, getattr(spread, name), confidence=confidence or 0.0)
            high = np.where((estimate <= 0) & (high > 0), high / (1 + high / total), high)
        columns |= {f"{name}_low": np.maximum(low, 0.0), f"{name}_high": np.maximum(high, 0.0)}
    return columns


def regression_gradient(paths: Paths) -> Gradient:
    """How this credit answers to journeys; where nothing converts it is 0 and answers to nothing."""
    from scipy.sparse import csr_array

    if not paths.conversions.any():
        nothing = csr_array((len(paths), len(paths.channels)))
        return ShareGradient(nothing, nothing)
    fit = fit_regression(paths)
    return RegressionGradient.make(Losses.of(paths, *fit.effects), fit.covariance)


@checked
def held_out_regression(
    folds: Sequence[Paths],
    *,
    fit: RegressionFit | None = None,
    best_losses: Floats | None = None,
    confidence: float = 0.90,
) -> "pandas.DataFrame":
    """How well the regression foretells journeys it was not fitted to, beside ``choose_order``'s table of the chain.

    Parameters
    ----------
    folds
        Distinct paths of each fold, see :func:`attribution.customer_folds.customer_folds`.
    fit
        The regression of all folds together, if it has been fitted already.
    best_losses
        Losses of the best chain by fold (:class:`attribution.order_selection.OrderSelection`), to be compared with.
    confidence
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row: model, log_loss (held out, nats per journey), auc (held out, over pairs of journeys of one fold),
        auc_in_sample, log_loss_low, log_loss_high, auc_low, auc_high, and excess and excess_std_error over the best
        chain (missing without its losses).
    """
    import pandas

    paths, conversions, nulls = held_out.aligned(folds)
    _refuse_many_channels(paths)
    design = _design(paths)
    whole = fit or _fitted(paths, design, paths.conversions, paths.nulls)
    near = whole.coefficients["estimate"].to_numpy()  # a fold less moves the maximum little
    fits = [
        _fitted(paths, design, paths.conversions - won, paths.nulls - lost, start=near)
        for won, lost in zip(conversions, nulls, strict=True)
    ]
    score = np.array([fit.chance(design.terms)[design.group] for fit in fits])
    in_sample = whole.chance(design.terms)[design.group]
    losses, journeys = held_out.log_loss(score, conversions, nulls), (conversions + nulls).sum(axis=1)
    right, pairs = held_out.pairs_in_order(score, conversions, nulls)
    row: dict[str, object] = {
        "model": "regression",
        "log_loss": losses.sum() / journeys.sum(),
        "auc": held_out.auc(score, conversions, nulls),
        "auc_in_sample": held_out.auc(in_sample, paths.conversions, paths.nulls),
    }
    for name, parts, wholes in (("log_loss", losses, journeys), ("auc", right, pairs)):
        low, high = held_out.fold_interval(parts, wholes, confidence=confidence)
        row |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    if best_losses is not None and len(best_losses) != len(losses):
        raise ConfigurationError(
            f"best_losses: {len(best_losses)} losses for {len(losses)} folds. Give choose_order(folds).best_losses."
        )
    behind = np.full(len(losses), np.nan) if best_losses is None else losses - best_losses
    excess, error = held_out.over_folds(behind, journeys)
    return pandas.DataFrame([row | {"excess": float(excess), "excess_std_error": float(error)}])


def _shared_out(losses: Floats, total: float) -> Floats:
    earned = np.maximum(losses, 0)
    if not total:
        return np.zeros_like(earned)
    if not earned.sum():
        raise ModelError(
            "regression: taking a channel away loses no conversions for any channel. Use Markov or a rule."
        )
    shares: Floats = earned / earned.sum() * total
    return shares


def _terms(paths: Paths) -> Floats:
    """Array (paths, 2 channels): ln(1 + touches), then whether the channel came last."""
    count = len(paths.channels)
    touches = np.bincount(paths.rows * count + paths.codes, minlength=len(paths) * count).reshape(len(paths), count)
    last = np.zeros((len(paths), count))
    last[np.arange(len(paths)), paths.codes[paths.starts[1:] - 1]] = 1
    return np.hstack([np.log1p(touches), last])
