"""How far credit depends on choices nobody can prove right: the lookback, the order, the rule for direct, repeats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.arguments import checked
from attribution.credit import check_models, model_credit
from attribution.credit_spread import model_gradient
from attribution.customer_folds import Recounts
from attribution.delta import interval, normal_reach, variance, without_sharing
from attribution.direct import warn_of_missing_direct
from attribution.intervals import score_interval, share_interval
from attribution.markov import Convention
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.rules import RuleOptions
from attribution.shifts import Seen, ShareAnswers, Spread, Walked, spreads_by_customer, spreads_by_path
from attribution.together import clear_together
from attribution.transforms import DROPS_DIRECT, TRANSFORMS, transform_numbered
from customer_data.errors import ConfigurationError, ModelError

if TYPE_CHECKING:
    import pandas

MOST_CHANNELS = 200
ROUNDING = 1e-9
AS_CONFIGURED = ("as configured", "")


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Credit under one choice changed at a time.

    Attributes
    ----------
    table
        choice ("as configured", "order", "path transform" or a name given), setting, channel, conversions,
        conversions_low, conversions_high, share (of all attributed conversions, a fraction), share_low, share_high,
        shift (share less the share as configured), shift_low, shift_high, clear_together, rank (1 earns most). The
        interval of a shift is of paired data: both choices see the same customers, so it is far narrower than those of
        the two shares, and where it holds 0 the choice moved the share by no more than chance would;
        ``clear_together`` is true where a shift is more than that with all shifts of the table judged together
        (:mod:`attribution.together`). Intervals are missing where they cannot be had: see ``sensitivity``.
    summary
        One row per channel: channel, share (as configured), lowest_share, highest_share, largest_shift (signed),
        largest_shift_low, largest_shift_high, clear_together (of that shift), shifted_by (the choice and setting that
        does it), best_rank, worst_rank. Largest shift first.
    """

    table: "pandas.DataFrame"
    summary: "pandas.DataFrame"


@dataclass(frozen=True, eq=False)
class _Choice:
    """One way to count: the paths the model sees, and where the journeys are seen otherwise cut, whose they are.

    ``number`` is for each path as it was before the transform the path that it became.
    """

    choice: str
    setting: str
    paths: Paths
    number: Integers
    order: int
    walked: Walked | None = None

    @property
    def is_recut(self) -> bool:
        return self.choice not in ("as configured", "order", "path transform")


@checked
def sensitivity(
    paths: Paths,
    *,
    model: str = "markov",
    order: int = 1,
    orders: Sequence[int] = (1, 2, 3),
    transforms: Sequence[str] = TRANSFORMS,
    transform: str = "keep_all",
    alternatives: "Mapping[str, Mapping[str, Paths]] | Recounts[tuple[str, str]] | None" = None,
    options: RuleOptions | None = None,
    confidence: float | None = 0.90,
    convention: Convention = "exact",
) -> Sensitivity:
    """Credit again and again with one choice changed at a time, and the largest shift of every channel.

    Parameters
    ----------
    paths
        Distinct paths, as they are before ``transform``.
    model, order, options
        The model as configured. ``orders`` are tried only for ``"markov"``, and transforms only for models that do
        not need the times of touches.
    orders, transforms
        Orders of the chain and named path transforms to try, see :func:`attribution.transforms.transform_paths`.
    transform
        The path transform as configured. All but the other transforms are tried on the paths that it leaves.
    alternatives
        More choices, each with settings and the paths they give, such as
        ``{"lookback": {"7 days": paths_7, "90 days": paths_90}}``; they go through ``transform`` too. Channels must be
        the same. Or what :func:`attribution.customer_folds.recount_customers` gave for choices named
        ``("lookback", "7 days")``, and ``AS_CONFIGURED`` among them, which is ``paths``: then their shifts have
        intervals, because it knows whose journeys are whose.
    confidence
        Of the intervals, by the delta method; None leaves them missing, as more than MOST_CHANNELS channels do.
    convention
        Of Markov credit, as in :func:`attribution.attribute`; intervals are those of exact credit.

    Raises
    ------
    ConfigurationError
        When a model does not exist, an alternative has other channels, or what was recounted as configured is not
        ``paths``.
    ModelError
        When no journey converted.
    """
    import pandas

    check_models(paths, [model])
    options = options or RuleOptions()
    if confidence is not None:
        normal_reach(confidence)
    if DROPS_DIRECT in (transform, *transforms):
        warn_of_missing_direct(paths.channels, options.direct, where=DROPS_DIRECT)
    tried = _tried(paths, model, order, orders, transforms, transform, alternatives, options)
    credits = [
        model_credit(one.paths, model, order=one.order, options=options, convention=convention).conversions
        for one in tried
    ]
    tables = [
        _shares(one.choice, one.setting, paths.channels, conversions)
        for one, conversions in zip(tried, credits, strict=True)
    ]
    if confidence is not None and len(paths.channels) <= MOST_CHANNELS:
        weights = alternatives.weights if isinstance(alternatives, Recounts) else np.zeros(0)
        _add_intervals(tables, tried, credits, paths, model, options, confidence=confidence, weights=weights)
    table = pandas.concat(tables, ignore_index=True)
    base = table["share"].to_numpy()[: len(paths.channels)]
    table["shift"] = table["share"] - np.tile(base, len(tried))
    shift, reach = table["shift"].to_numpy(), table["shift_high"].to_numpy()
    table["shift_low"], table["shift_high"] = shift - reach, shift + reach
    table["clear_together"] = False if confidence is None else _clear(shift, reach, confidence)
    return Sensitivity(table[list(COLUMNS)], _summary(table, paths.channels))


COLUMNS = (
    "choice", "setting", "channel", "conversions", "conversions_low", "conversions_high", "share", "share_low",
    "share_high", "shift", "shift_low", "shift_high", "clear_together", "rank",
)  # fmt: skip


def _tried(
    paths: Paths,
    model: str,
    order: int,
    orders: Sequence[int],
    transforms: Sequence[str],
    transform: str,
    alternatives: "Mapping[str, Mapping[str, Paths]] | Recounts[tuple[str, str]] | None",
    options: RuleOptions,
) -> list[_Choice]:
    """The choice as configured, and the others."""
    direct = options.direct
    known, walked = _recounted(paths, alternatives)
    own = walked.get(AS_CONFIGURED)
    configured = _Choice(*AS_CONFIGURED, *transform_numbered(paths, transform, direct=direct), order, own)
    tried = [configured]
    if model == "markov":
        tried += [
            _Choice("order", str(other), configured.paths, configured.number, other)
            for other in orders
            if other != order
        ]
    if model != "time_decay":
        bare = without_sharing(paths)  # what customers share is taken from the paths as configured
        tried += [
            _Choice("path transform", name, *transform_numbered(bare, name, direct=direct), order)
            for name in transforms
            if name != transform
        ]
    for (choice, setting), other in known.items():
        if other.channels != paths.channels:
            raise ConfigurationError(f"{choice} {setting}: its paths have other channels than those as configured.")
        seen = transform_numbered(other, transform, direct=direct)
        tried.append(_Choice(choice, setting, *seen, order, walked.get((choice, setting))))
    return tried


def _recounted(
    paths: Paths, alternatives: "Mapping[str, Mapping[str, Paths]] | Recounts[tuple[str, str]] | None"
) -> tuple[dict[tuple[str, str], Paths], dict[tuple[str, str], Walked]]:
    """The alternatives by choice and setting, and whose journeys they are made of, where that is known."""
    if not isinstance(alternatives, Recounts):
        settings = (alternatives or {}).items()
        return {(choice, setting): other for choice, some in settings for setting, other in some.items()}, {}
    own = alternatives.paths.get(AS_CONFIGURED)
    if own is None or not (np.array_equal(own.lengths, paths.lengths) and np.array_equal(own.codes, paths.codes)):
        raise ConfigurationError("alternatives: what was recounted as configured are other paths than those given.")
    others = {name: other for name, other in alternatives.paths.items() if name != AS_CONFIGURED}
    return others, alternatives.walked


def _add_intervals(
    tables: Sequence["pandas.DataFrame"],
    tried: Sequence[_Choice],
    credits: Sequence[Floats],
    paths: Paths,
    model: str,
    options: RuleOptions,
    *,
    confidence: float,
    weights: Floats,
) -> None:
    """Fill in the ends of intervals; those of shifts as what is to be added to the shift."""
    gradients = [model_gradient(one.paths, model, order=one.order, options=options) for one in tried]
    answers = [ShareAnswers.make(*each) for each in zip((one.paths for one in tried), gradients, credits, strict=True)]
    spreads: dict[int, Spread] = {}
    if model != "time_decay":  # whose shares paths do not know
        seen = [place for place, one in enumerate(tried) if not one.is_recut]
        choices = [Seen(answers[place], tried[place].number) for place in seen]
        spreads |= zip(seen, spreads_by_path(paths, choices), strict=True)
        recut = [place for place, one in enumerate(tried) if one.is_recut and one.walked is not None]
        journeys = [(answers[place], _renumbered(tried[place])) for place in (0, *recut) if recut]
        if recut:
            spreads |= zip(recut, spreads_by_customer(journeys[0], journeys[1:], weights=weights), strict=True)
    of_shares, of_amounts = (interval, interval) if model == "shapley" else (share_interval, score_interval)
    for place, (table, one, credit) in enumerate(zip(tables, tried, credits, strict=True)):
        spread = spreads.get(place)
        if spread is None:
            of_credit = variance(one.paths, gradients[place]).conversions
        else:
            spread = spread.with_sampling(answers[place], answers[0] if place else None)
            of_credit = spread.credit(answers[place])
            ends = of_shares(answers[place].shares, spread.share, confidence=confidence)
            table["share_low"], table["share_high"] = ends
            ends = interval(np.zeros(len(credit)), spread.shift, confidence=confidence)
            table["shift_low"], table["shift_high"] = ends
        ends = of_amounts(credit, of_credit, confidence=confidence)
        table["conversions_low"], table["conversions_high"] = ends


def _clear(shift: Floats, reach: Floats, confidence: float) -> NDArray[np.bool_]:
    """Which of all shifts are more than chance, judged together."""

    def ends(level: float) -> tuple[Floats, Floats]:
        wider = normal_reach(level) / normal_reach(confidence) * reach
        return shift - wider, shift + wider

    return clear_together(ends, confidence=confidence, rounding=ROUNDING)


def _renumbered(one: _Choice) -> Walked:
    """Whose journeys these are, on the paths that the model sees."""
    assert one.walked is not None
    return Walked(one.walked.customer, one.number[one.walked.path], one.walked.conversions)


def _shares(choice: str, setting: str, channels: Sequence[str], conversions: Floats) -> "pandas.DataFrame":
    import pandas

    if not conversions.sum():
        raise ModelError(f"sensitivity: no journey converted {f'with {choice} {setting}' if setting else 'at all'}.")
    table = pandas.DataFrame({"choice": choice, "setting": setting, "channel": channels, "conversions": conversions})
    table["share"] = table["conversions"] / table["conversions"].sum()
    table["rank"] = table["share"].round(12).rank(ascending=False, method="min").astype(int)
    missing = {f"{name}_{end}": np.nan for name in ("conversions", "share", "shift") for end in ("low", "high")}
    return table.assign(**missing)


def _summary(table: "pandas.DataFrame", channels: Sequence[str]) -> "pandas.DataFrame":
    import pandas

    rows = []
    for channel in channels:
        own = table[table["channel"] == channel].reset_index(drop=True)
        most = own.loc[int(own["shift"].abs().to_numpy().argmax())]
        rows.append(
            {
                "channel": channel,
                "share": own["share"].iloc[0],
                "lowest_share": own["share"].min(),
                "highest_share": own["share"].max(),
                "largest_shift": most["shift"],
                "largest_shift_low": most["shift_low"],
                "largest_shift_high": most["shift_high"],
                "clear_together": most["clear_together"],
                "shifted_by": f"{most['choice']}: {most['setting']}" if most["shift"] else "",
                "best_rank": own["rank"].min(),
                "worst_rank": own["rank"].max(),
            }
        )
    summary = pandas.DataFrame(rows)
    return summary.sort_values("largest_shift", key=lambda shift: -shift.abs(), kind="stable", ignore_index=True)
