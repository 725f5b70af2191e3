"""The credit table: what each channel earned of conversions and value under each model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.arguments import checked
from attribution.chain import Chain, chain
from attribution.credit_spread import model_gradient
from attribution.delta import interval, normal_reach, variance
from attribution.direct import warn_of_missing_direct
from attribution.gradient import effects_gradient
from attribution.intervals import effect_interval, score_interval
from attribution.markov import Convention, RemovalEffects
from attribution.markov import removal_effects as solve_removal_effects
from attribution.paths import Paths
from attribution.ragged import Floats
from attribution.ratio_game import problems_of_games, ratio_credit
from attribution.regression import problems_of_regression, regression_credit
from attribution.rules import RULES, RuleOptions, touch_shares
from attribution.sums import MEASURES, effective_cases
from attribution.survival import channel_survival
from attribution.transitions import Transitions, transitions
from customer_data.errors import ConfigurationError, ModelError
from customer_data.nearest import did_you_mean

if TYPE_CHECKING:
    import pandas

MODELS = (*RULES, "time_decay", "markov", "shapley", "regression")
CREDIT_COLUMNS = (
    "model",
    "segment",
    "channel",
    "conversions",
    "value",
    "conversions_low",
    "conversions_high",
    "value_low",
    "value_high",
)

ENDS = ("low", "high")
DIRECT_RULE = "last_non_direct_click"


@dataclass(frozen=True, eq=False)
class Credit:
    """Credit per channel: arrays ``(channels,)`` of conversions and value, summing to those of all paths."""

    conversions: Floats
    value: Floats


@checked
def attribute(
    paths: Paths,
    *,
    models: Sequence[str] = ("first_click", "last_click", "linear", "markov"),
    order: int = 1,
    position_weights: tuple[float, float, float] = (0.4, 0.2, 0.4),
    custom_weights: Sequence[float] = (1.0,),
    direct: str | Sequence[str] = "direct",
    convention: Convention = "exact",
    confidence: float | None = 0.90,
    segment: str = "all",
) -> "pandas.DataFrame":
    """Credit of every channel under every model asked for.

    Parameters
    ----------
    paths
        From :func:`attribution.read_paths` or :func:`attribution.build_paths`.
    models
        Of ``first_click``, ``last_click``, ``last_non_direct_click``, ``linear``, ``position_based``, ``u_shaped``,
        ``w_shaped``, ``j_shaped``, ``inverse_j``, ``custom``, ``time_decay`` (only when paths were built from touches,
        with their half-life), ``markov``, ``shapley`` (the ratio game of :mod:`attribution.shapley`, for conversions
        and for value, exact with up to 20 channels on paths, sampled above; its credit can be negative) and
        ``regression`` (:mod:`attribution.regression`, for conversions and for value, up to 200 channels on paths).
    order
        Order of the Markov chain.
    position_weights, custom_weights, direct
        Options of the rules, see :class:`attribution.rules.RuleOptions`.
    convention
        ``"exact"``, or ``"channelattribution"`` to count overlong walks as lost as that R package does. Intervals then
        stand around that credit, with the variance of exact credit, whose derivatives they take.
    confidence
        Of the intervals, by the delta method, made to hold for few conversions (:mod:`attribution.intervals`). Those of
        ``shapley`` and ``regression`` are not; the first can fall below 0 and hold its sampling. None leaves all
        missing and takes less time.
    segment
        What the column ``segment`` says.

    Returns
    -------
    Columns model, segment, channel, conversions, value, conversions_low, conversions_high, value_low, value_high; one
    row per model and channel, channels in the order of ``paths.channels``. Conversions are counts, values are in
    the currency of the paths; their intervals are lower bounds unless ``paths.value_spread_known``. Each model's
    credit sums to the conversions and the value of all paths; when nothing converts, all credit is 0.

    Raises
    ------
    ConfigurationError
        When a model has another name or cannot be had from these paths, or an option is out of range.
    ModelError
        When the regression does not converge, or finds no channel without which conversions are lost.
    """
    import pandas

    options = RuleOptions(position_weights, tuple(custom_weights), direct)
    check_models(paths, models)
    if confidence is not None:
        normal_reach(confidence)
    if DIRECT_RULE in models:
        warn_of_missing_direct(paths.channels, direct, where=DIRECT_RULE)
    tables = []
    for model in models:
        known = chain(paths, transitions(paths, order=order)) if model == "markov" else None
        credit = model_credit(paths, model, order=order, options=options, convention=convention, known=known)
        table = {
            "model": model,
            "segment": segment,
            "channel": pandas.Series(paths.channels, dtype="str"),
            "conversions": credit.conversions,
            "value": credit.value,
            **_interval_columns(paths, model, credit, order=order, options=options, confidence=confidence, known=known),
        }
        tables.append(pandas.DataFrame(table, columns=list(CREDIT_COLUMNS)))
    return pandas.concat(tables, ignore_index=True)


def _interval_columns(
    paths: Paths,
    model: str,
    credit: Credit,
    *,
    order: int,
    options: RuleOptions,
    confidence: float | None,
    known: Chain | None,
) -> dict[str, Floats]:
    """The ends of intervals of conversions and value, none below 0 where no credit is; all 0 where nothing converts.

    They are missing when no confidence is asked for.
    """
    measures = ("conversions", "value")
    if confidence is None or not paths.conversions.any():
        certain = np.full(len(paths.channels), np.nan if confidence is None else 0.0)
        return {f"{measure}_{end}": certain for measure in measures for end in ENDS}
    if model == "regression":
        table = regression_credit(paths, confidence=confidence)
        return {f"{measure}_{end}": table[f"{measure}_{end}"].to_numpy() for measure in measures for end in ENDS}
    spread = variance(paths, model_gradient(paths, model, order=order, options=options, known=known))
    ends = interval if model == "shapley" else score_interval
    columns: dict[str, Floats] = {}
    for measure in measures:
        low, high = ends(getattr(credit, measure), getattr(spread, measure), confidence=confidence)
        columns |= {f"{measure}_low": low, f"{measure}_high": high}
    return columns


def check_models(paths: Paths, models: Sequence[str]) -> None:
    """Refuse models that do not exist or cannot be had from these paths, all at once."""
    problems = []
    if isinstance(models, str) or not models:
        raise ConfigurationError(f'models: give a list of names such as ["last_click", "markov"], not {models!r}.')
    for model in models:
        if model not in MODELS:
            hint = did_you_mean(str(model), MODELS) or f" There are {', '.join(MODELS)}."
            problems.append(f"models: there is no {model!r}.{hint}")
    if repeated := sorted({str(model) for model in models if list(models).count(model) > 1}):
        problems.append(f"models: {', '.join(repeated)} named more than once. Name each once.")
    if "time_decay" in models and paths.time_decay is None:
        problems.append(
            "models: 'time_decay' needs the times of touches, which aggregated paths do not hold. Build the paths from "
            "touchpoints, or use 'custom' with weights by position, which is another rule."
        )
    if "shapley" in models:
        problems += problems_of_games(paths)
    if "regression" in models:
        problems += problems_of_regression(paths)
    if problems:
        raise ConfigurationError("\n".join(problems))


def model_credit(
    paths: Paths,
    model: str,
    *,
    order: int,
    options: RuleOptions,
    convention: Convention = "exact",
    known: Chain | None = None,
) -> Credit:
    """Credit under one model, whose name has been checked; ``known`` is the chain of these paths if there is one."""
    if model == "markov":
        return _markov_credit(paths, known or chain(paths, transitions(paths, order=order)), convention)
    if model == "shapley":
        return Credit(*ratio_credit(paths))
    if model == "regression":
        return _regression_credit(paths)
    if model == "time_decay":
        if paths.time_decay is None:
            raise ConfigurationError("time_decay: these paths do not know the times of touches.")
        return Credit(
            _by_channel(paths, paths.time_decay.conversions),
            _by_channel(paths, paths.time_decay.value),
        )
    shares = touch_shares(paths, model, options)
    return Credit(
        _by_channel(paths, shares * paths.conversions[paths.rows]),
        _by_channel(paths, shares * paths.value[paths.rows]),
    )


def _regression_credit(paths: Paths) -> Credit:
    if not paths.conversions.any():
        return Credit(np.zeros(len(paths.channels)), np.zeros(len(paths.channels)))
    table = regression_credit(paths, confidence=None)
    return Credit(table["conversions"].to_numpy(), table["value"].to_numpy())


def _by_channel(paths: Paths, credited: Floats) -> Floats:
    return np.bincount(paths.codes, weights=credited, minlength=len(paths.channels)).astype(float)


def _markov_credit(paths: Paths, known: Chain, convention: Convention) -> Credit:
    effects = solve_removal_effects(known, convention=convention)
    return Credit(
        _in_proportion(effects.conversions, paths.conversions.sum()),
        _in_proportion(effects.value, paths.value.sum()),
    )


def _in_proportion(effects: Floats, total: float) -> Floats:
    summed = effects.sum()
    return effects / summed * total if summed > 0 else np.zeros_like(effects)


@checked
def removal_effects(
    paths: Paths, *, order: int = 1, convention: Convention = "exact", confidence: float | None = 0.90
) -> "pandas.DataFrame":
    """What share of conversions, and of their value, a Markov chain loses without each channel.

    Parameters
    ----------
    paths
        From :func:`attribution.read_paths` or :func:`attribution.build_paths`.
    order
        Order of the chain.
    convention
        As in :func:`attribute`, intervals included.
    confidence
        Of the intervals, by the delta method, made to hold for few conversions
        (:func:`attribution.intervals.effect_interval`); None leaves them missing and takes less time.

    Returns
    -------
    Columns channel, removal_effect, removal_effect_value, removal_effect_low, removal_effect_high,
    removal_effect_value_low, removal_effect_value_high: shares between 0 and 1, the share of converting walks (and of
    their value) that visit the channel. They sum to 1 or more, since a walk visits several channels.

    Raises
    ------
    ModelError
        When nothing converts: a share of no conversions is not defined.
    """
    import pandas

    if confidence is not None:
        normal_reach(confidence)
    found = transitions(paths, order=order)
    known = chain(paths, found)
    effects = solve_removal_effects(known, convention=convention)
    if effects.conversion_probability == 0:
        raise ModelError(
            f"removal effects: none of the {paths.nulls.sum():,.10g} journeys on {len(paths):,} distinct paths "
            "converted, so there is no share of conversions to lose. Check the window and the conversions."
        )
    return pandas.DataFrame(
        {
            "channel": paths.channels,
            "removal_effect": effects.conversions,
            "removal_effect_value": effects.value,
            **_effect_intervals(paths, effects, known, found, confidence=confidence),
        }
    )


def _effect_intervals(
    paths: Paths, effects: RemovalEffects, known: Chain, found: Transitions, *, confidence: float | None
) -> dict[str, Floats]:
    """The ends of intervals of removal effects, missing when no confidence is asked for."""
    columns: dict[str, Floats] = {}
    spread = None
    if confidence is not None:
        spread = variance(paths, effects_gradient(found, channel_survival(found, known))[1])
    for measure, name in zip(MEASURES, ("removal_effect", "removal_effect_value"), strict=True):
        shares = getattr(effects, measure)
        low = high = np.full(len(paths.channels), np.nan)
        if spread is not None:
            cases = effective_cases(paths, measure)
            ends = effect_interval(shares, getattr(spread, measure), cases=cases, confidence=confidence or 0.0)
            low, high = (np.where(found.holds.all(axis=0), shares, end) for end in ends)  # without all nothing is left
        columns |= {f"{name}_low": low, f"{name}_high": high}
    return columns
