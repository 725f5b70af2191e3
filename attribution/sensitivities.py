"""How far credit depends on choices nobody can prove right: the lookback, the order, the rule for direct, repeats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.credit import check_models, model_credit
from attribution.paths import Paths
from attribution.ragged import Floats
from attribution.rules import RuleOptions
from attribution.transforms import TRANSFORMS, transform_paths
from customer_data.errors import ConfigurationError, ModelError

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Credit under one choice changed at a time.

    Attributes
    ----------
    table
        choice ("as configured", "order", "path transform" or a name given), setting, channel, conversions, share (of
        all attributed conversions, a fraction), shift (share less the share as configured), rank (1 earns most).
    summary
        One row per channel: channel, share (as configured), lowest_share, highest_share, largest_shift (signed),
        shifted_by (the choice and setting that does it), best_rank, worst_rank. Largest shift first.
    """

    table: "pandas.DataFrame"
    summary: "pandas.DataFrame"


def sensitivity(
    paths: Paths,
    *,
    model: str = "markov",
    order: int = 1,
    orders: Sequence[int] = (1, 2, 3),
    transforms: Sequence[str] = TRANSFORMS,
    transform: str = "keep_all",
    alternatives: Mapping[str, Mapping[str, Paths]] | None = None,
    options: RuleOptions | None = None,
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
        the same.

    Raises
    ------
    ConfigurationError
        When a model does not exist or an alternative has other channels.
    ModelError
        When no journey converted.
    """
    import pandas

    check_models(paths, [model])
    options = options or RuleOptions()
    direct = options.direct if isinstance(options.direct, str) else next(iter(options.direct), "direct")
    configured = transform_paths(paths, transform, direct=direct)
    tried: list[tuple[str, str, Paths, int]] = [("as configured", "", configured, order)]
    if model == "markov":
        tried += [("order", str(other), configured, other) for other in orders if other != order]
    if model != "time_decay":
        tried += [
            ("path transform", name, transform_paths(paths, name, direct=direct), order)
            for name in transforms
            if name != transform
        ]
    for choice, settings in (alternatives or {}).items():
        tried += [
            (choice, setting, transform_paths(other, transform, direct=direct), order)
            for setting, other in settings.items()
        ]
    tables = []
    for choice, setting, other, chosen_order in tried:
        if other.channels != paths.channels:
            raise ConfigurationError(f"{choice} {setting}: its paths have other channels than those as configured.")
        conversions = model_credit(other, model, order=chosen_order, options=options).conversions
        tables.append(_shares(choice, setting, paths.channels, conversions))
    table = pandas.concat(tables, ignore_index=True)
    base = table["share"].to_numpy()[: len(paths.channels)]
    table.insert(5, "shift", table["share"] - np.tile(base, len(tried)))
    return Sensitivity(table, _summary(table, paths.channels))


def _shares(choice: str, setting: str, channels: Sequence[str], conversions: Floats) -> "pandas.DataFrame":
    import pandas

    if not conversions.sum():
        raise ModelError(f"sensitivity: no journey converted {f'with {choice} {setting}' if setting else 'at all'}.")
    table = pandas.DataFrame({"choice": choice, "setting": setting, "channel": channels, "conversions": conversions})
    table["share"] = table["conversions"] / table["conversions"].sum()
    table["rank"] = table["share"].round(12).rank(ascending=False, method="min").astype(int)
    return table


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
                "shifted_by": f"{most['choice']}: {most['setting']}" if most["shift"] else "",
                "best_rank": own["rank"].min(),
                "worst_rank": own["rank"].max(),
            }
        )
    summary = pandas.DataFrame(rows)
    return summary.sort_values("largest_shift", key=lambda shift: -shift.abs(), kind="stable", ignore_index=True)
