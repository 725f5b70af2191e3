"""Credit calibrated with lift tests: what experiments say was incremental, carried over to channels without one.

A multiplier gamma_c says how many conversions channel c caused for each one it was credited with. Experiment t found a
lift L_t with a standard error in a window where the channel was credited with A_t:

    L_t ~ N(gamma_c A_t, se_t^2),    log gamma_c ~ N(mu, tau^2),    mu ~ N(m, s^2),    tau ~ half-normal(w).

Tested channels inform mu and tau, and by these the channels without a test, whose intervals stay wide. mu, tau and
every gamma are integrated on grids (bins of exact normal mass, refined where a test is sharp), and drawn from these
with a seed; credit is drawn with its own covariance, of more than 200 channels with its variances alone. What the
channels did not cause is an explicit baseline, all conversions minus the sum. It can come out negative: the experiments
then say that channels caused more than there was, and one of the two is measured otherwise than the other.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.amount_checks import numbers_of
from attribution.bootstrap import percentile_interval
from attribution.credit import check_models, model_credit
from attribution.credit_spread import credit_covariance, credit_variance
from attribution.markov import Convention
from attribution.participation import unknown_channel
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.rules import RuleOptions
from customer_data.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    import pandas

MEANS, SPREADS, BINS = 61, 16, 161
MOST_TOGETHER = 200


@dataclass(frozen=True)
class MultiplierPrior:
    """What is believed of multipliers before any test.

    Attributes
    ----------
    mean, mean_spread
        m and s: mean and standard deviation of mu, the mean of log multipliers over channels. 0 and 0.5 say that the
        typical channel caused between 0.44 and 2.3 of each credited conversion with 90 %.
    spread
        w: scale of tau, how much log multipliers differ between channels.

    Raises
    ------
    ConfigurationError
        When a spread is not above 0.
    """

    mean: float = 0.0
    mean_spread: float = 0.5
    spread: float = 0.5

    def __post_init__(self) -> None:
        if not (self.mean_spread > 0 and self.spread > 0 and np.isfinite(self.mean)):
            raise ConfigurationError(f"prior: {self} needs a finite mean and spreads above 0.")


def calibrate(
    paths: Paths,
    experiments: "pandas.DataFrame",
    *,
    model: str = "markov",
    order: int = 1,
    confidence: float = 0.90,
    prior: MultiplierPrior | None = None,
    draws: int = 20_000,
    seed: int = 0,
    options: RuleOptions | None = None,
    convention: Convention = "exact",
) -> "pandas.DataFrame":
    """Conversions that channels caused, by the lift tests at hand.

    Parameters
    ----------
    paths
        Distinct paths.
    experiments
        One row per test. Columns channel, incremental (conversions, may be negative), standard_error (above 0), and
        optionally credited: the conversions ``model`` credits to the channel where and when the test ran. Without it,
        or where it is missing, the test is taken to have covered all of the channel's credit.
    model, order, options, convention
        Whose credit is calibrated, as in :func:`attribution.attribute`. It varies as exact credit does.
    confidence
        Of the intervals, percentiles of the draws.
    prior
        What is believed of multipliers before the tests.
    draws, seed
        Number of draws (from 1,000 on) and their seed.

    Returns
    -------
    Columns channel, kind, experiments (their number), credited, multiplier, multiplier_low, multiplier_high,
    conversions, conversions_low, conversions_high: posterior means with intervals. One row per channel (kind "channel")
    in the order of ``paths.channels``, then one of kind "baseline". ``conversions`` sum to those of all paths.

    Raises
    ------
    InputError
        When experiments name unknown channels, lack columns, or hold numbers that cannot be; all problems at once.
    ConfigurationError
        When an option is out of range.
    """
    import pandas

    check_models(paths, [model])
    if draws < 1_000:
        raise ConfigurationError(f"draws: {draws!r} are too few for percentiles. Give 1000 or more.")
    options = options or RuleOptions()
    credit = model_credit(paths, model, order=order, options=options, convention=convention).conversions
    channel, lift, error, credited = _checked(paths, experiments, credit)
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    multipliers = draw_multipliers(
        channel,
        lift / credited,
        error / credited,
        channels=len(credit),
        prior=prior or MultiplierPrior(),
        draws=draws,
        generator=generator,
    )
    if len(credit) > MOST_TOGETHER:
        spread = credit_variance(paths, model, order=order, options=options).conversions
    else:
        spread = credit_covariance(paths, model, order=order, options=options).conversions
    caused = multipliers * np.maximum(_normal_draws(generator, credit, spread, draws), 0)
    baseline = paths.conversions.sum() - caused.sum(axis=1, keepdims=True)
    conversions = np.hstack([caused, baseline])
    low, high = percentile_interval(conversions, confidence=confidence)
    multiplier_low, multiplier_high = percentile_interval(multipliers, confidence=confidence)
    return pandas.DataFrame(
        {
            "channel": [*paths.channels, "baseline"],
            "kind": ["channel"] * len(credit) + ["baseline"],
            "experiments": np.append(np.bincount(channel, minlength=len(credit)), 0),
            "credited": np.append(credit, 0.0),
            "multiplier": np.append(multipliers.mean(axis=0), np.nan),
            "multiplier_low": np.append(multiplier_low, np.nan),
            "multiplier_high": np.append(multiplier_high, np.nan),
            "conversions": conversions.mean(axis=0),
            "conversions_low": low,
            "conversions_high": high,
        }
    )


def _checked(paths: Paths, experiments: "pandas.DataFrame", credit: Floats) -> tuple[Integers, Floats, Floats, Floats]:
    """Channel, lift, standard error and credited conversions of each test, or every problem at once."""
    missing = [name for name in ("channel", "incremental", "standard_error") if name not in experiments.columns]
    if missing:
        raise InputError(
            f"experiments: no column {', '.join(missing)} among {', '.join(map(str, experiments.columns))}. "
            "Give channel, incremental and standard_error."
        )
    if len(experiments) == 0:
        raise InputError("experiments: there are none. Without a lift test there is nothing to calibrate with.")
    problems: list[str] = []
    code = {name: number for number, name in enumerate(paths.channels)}
    names = [str(name) for name in experiments["channel"]]
    problems += [unknown_channel("experiments.channel", name, paths) for name in sorted(set(names) - set(code))]
    channel = np.array([code.get(name, -1) for name in names])
    lift, error = (numbers_of(experiments[name]) for name in ("incremental", "standard_error"))
    whole = np.where(channel >= 0, credit[channel], np.nan)
    if "credited" in experiments.columns:
        given = numbers_of(experiments["credited"])
        # Text is at fault, and not as good as missing.
        given[np.isnan(given) & experiments["credited"].notna().to_numpy()] = np.inf
        whole = np.where(np.isnan(given), whole, given)
    for column, bad, remedy in (
        ("incremental", ~np.isfinite(lift), "Leave out tests without a result."),
        ("standard_error", ~(np.isfinite(error) & (error > 0)), "Give the standard error of the lift, above 0."),
        (
            "credited",
            (channel >= 0) & ~(np.isfinite(whole) & (whole > 0)),
            "A channel without credit has no multiplier; leave the test out.",
        ),
    ):
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            problems.append(
                f"experiments.{column}: {bad.sum()} of {len(lift)} rows cannot be used "
                f"(first: row {first + 1}, channel {names[first]!r}). {remedy}"
            )
    if problems:
        raise InputError(problems)
    return channel.astype(np.int64), lift, error, whole


def draw_multipliers(
    channel: Integers,
    ratio: Floats,
    error: Floats,
    *,
    channels: int,
    prior: MultiplierPrior,
    draws: int,
    generator: np.random.Generator,
) -> Floats:
    """Draws ``(draws, channels)`` of multipliers given tests.

    ``channel`` are the tests' channels, ``ratio`` their lifts and ``error`` their standard errors, both per credited
    conversion.
    """
    from scipy.special import ndtr, ndtri

    means = prior.mean + prior.mean_spread * np.linspace(-5, 5, MEANS)
    # tau by quantiles of its half-normal prior, so every one has the same weight; mu by its density.
    spreads = prior.spread * ndtri(0.5 + (np.arange(SPREADS) + 0.5) / (2 * SPREADS))
    mean, spread = (grid.ravel() for grid in np.meshgrid(means, spreads, indexing="ij"))
    log_weight = -0.5 * ((mean - prior.mean) / prior.mean_spread) ** 2
    posterior: dict[int, tuple[Floats, Floats]] = {}
    for tested in np.unique(channel):
        own = channel == tested
        edges = _edges(ratio[own], error[own], prior)
        middle = np.exp((edges[1:] + edges[:-1]) / 2)
        log_likelihood = -0.5 * (((middle[:, None] - ratio[own]) / error[own]) ** 2).sum(axis=1)
        likelihood = np.exp(log_likelihood - log_likelihood.max())
        # Above the mean by the upper tail, where the distribution itself is 1 to the last digit; 1 more across it.
        standard = (edges - mean[:, None]) / spread[:, None]
        above, tail = standard > 0, ndtr(-np.abs(standard))
        normal = np.diff(np.where(above, -tail, tail), axis=1) + np.diff(above, axis=1)
        mass = normal * likelihood
        log_weight = log_weight + np.log(np.maximum(mass.sum(axis=1), 1e-300))
        posterior[int(tested)] = edges, np.cumsum(np.maximum(mass, 1e-300), axis=1)
    weight = np.exp(log_weight - log_weight.max())
    chosen = generator.choice(len(weight), size=draws, p=weight / weight.sum())
    logs = mean[chosen, None] + spread[chosen, None] * generator.standard_normal((draws, channels))
    for tested, (edges, cumulative) in posterior.items():
        logs[:, tested] = _inverse_draws(generator, edges, cumulative, chosen)
    return np.exp(logs)


def _edges(ratio: Floats, error: Floats, prior: MultiplierPrior) -> Floats:
    """Edges of bins of log gamma: over all that the prior can mean, and finely about what the tests say."""
    reach = 5 * prior.mean_spread + 4 * prior.spread + 3
    pooled_error = 1 / np.sqrt((error**-2).sum())
    pooled = (ratio / error**2).sum() * pooled_error**2
    likely = np.maximum(pooled + pooled_error * np.linspace(-6, 6, 121), 1e-9)
    within = np.log(likely[likely > 1e-8])
    return np.unique(np.concatenate([np.linspace(prior.mean - reach, prior.mean + reach, BINS), within]))


def _inverse_draws(generator: np.random.Generator, edges: Floats, cumulative: Floats, chosen: Integers) -> Floats:
    """One draw for each chosen row of ``cumulative`` masses of the bins between ``edges``, even within a bin."""
    rows, bins = cumulative.shape
    # Row r of the distribution functions is shifted to (r, r + 1], so that one search serves all rows.
    shifted = (cumulative / cumulative[:, -1:] + np.arange(rows)[:, None]).ravel()
    place = np.searchsorted(shifted, chosen + generator.random(len(chosen)), side="right") - chosen * bins
    place = np.clip(place, 0, bins - 1)
    return np.asarray(edges[place] + generator.random(len(chosen)) * (edges[place + 1] - edges[place]))


def _normal_draws(generator: np.random.Generator, centre: Floats, spread: Floats, draws: int) -> Floats:
    """Draws ``(draws, width)`` from variances ``(width,)`` or a covariance ``(width, width)``."""
    if spread.ndim == 1:
        return np.asarray(centre + generator.standard_normal((draws, len(centre))) * np.sqrt(np.maximum(spread, 0)))
    sizes, directions = np.linalg.eigh((spread + spread.T) / 2)
    scaled = directions * np.sqrt(np.maximum(sizes, 0))
    return np.asarray(centre + generator.standard_normal((draws, len(centre))) @ scaled.T)
