"""Credit calibrated with lift tests: what experiments say was incremental, carried over to channels without one.

A multiplier says how many conversions a channel caused for each one it was credited with; what tests say of multipliers
stands in :mod:`attribution.multipliers`. Credit is drawn with its own covariance, of more than 200 channels with its
variances alone, times draws of the multipliers. What the channels did not cause is an explicit baseline, all
conversions minus the sum. It can come out negative: the experiments then say that channels caused more than there was,
and one of the two is measured otherwise than the other.

Multipliers are above 0, and so is what a channel is said to have caused. Where a test found nothing or less, that is by
this assumption and no proof of an effect; the column ``note`` says so.
"""

from typing import TYPE_CHECKING

import numpy as np

from attribution.amount_checks import numbers_of
from attribution.arguments import checked
from attribution.bootstrap import percentile_interval
from attribution.credit import check_models, model_credit
from attribution.credit_spread import credit_covariance, credit_variance
from attribution.markov import Convention
from attribution.multipliers import MultiplierPrior, draw_multipliers
from attribution.participation import unknown_channel
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.rules import RuleOptions
from customer_data.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    import pandas

MOST_TOGETHER = 200
NOT_ABOVE_ZERO = "a test found no effect; above zero by assumption"


@checked
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
    conversions, conversions_low, conversions_high: posterior means with intervals; note: empty, or what must be known
    to read the row (NOT_ABOVE_ZERO where a test of the channel found 0 or less). One row per channel (kind "channel")
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
            "note": [*np.where(np.bincount(channel, lift <= 0, len(credit)) > 0, NOT_ABOVE_ZERO, ""), ""],
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


def _normal_draws(generator: np.random.Generator, centre: Floats, spread: Floats, draws: int) -> Floats:
    """Draws ``(draws, width)`` from variances ``(width,)`` or a covariance ``(width, width)``."""
    if spread.ndim == 1:
        return np.asarray(centre + generator.standard_normal((draws, len(centre))) * np.sqrt(np.maximum(spread, 0)))
    sizes, directions = np.linalg.eigh((spread + spread.T) / 2)
    scaled = directions * np.sqrt(np.maximum(sizes, 0))
    return np.asarray(centre + generator.standard_normal((draws, len(centre))) @ scaled.T)
