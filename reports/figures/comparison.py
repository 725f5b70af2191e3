"""Does the model change the answer? Last click against the model, channel by channel, with the change's interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.figures import style
from reports.wording.labels import model_name, short_names
from reports.wording.number_format import is_missing, number, number_range

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_CHANNELS = 24


def largest_channels(comparison: pd.DataFrame, baseline: str, model: str, most: int = MOST_CHANNELS) -> pd.DataFrame:
    """The channels to draw, the largest first, by the larger of their two credits; ties by name."""
    size = comparison[[baseline, model]].max(axis=1)
    ordered = comparison.assign(_size=size).sort_values(["_size", "channel"], ascending=[False, True])
    return ordered.drop(columns="_size").head(most).reset_index(drop=True)


def draw_dumbbell(
    comparison: pd.DataFrame, *, baseline: str, model: str, decimals: int, unit: str = "conversions"
) -> str:
    """Per channel a grey dot (baseline), a coloured dot (model) with the interval of the change, and the change itself.

    The interval of the change is drawn around the model's dot: baseline plus the bounds of the difference.
    """
    rows = largest_channels(comparison, baseline, model)
    labels = short_names(rows["channel"])
    low = rows[baseline] + rows["difference_low"]
    high = rows[baseline] + rows["difference_high"]
    with style.Chart(style.FULL_WIDTH, style.row_height(len(rows), per_row=0.18, rest=0.7, least=1.3)) as chart:
        axes = chart.axes
        positions = range(len(rows))
        colours = [_colour(*bounds) for bounds in zip(rows["difference_low"], rows["difference_high"], strict=True)]
        axes.hlines(positions, rows[baseline], rows[model], color=style.HAIRLINE, linewidth=1.6, zorder=2)
        axes.hlines(positions, low, high, color=colours, linewidth=2.6, alpha=0.45, zorder=3)
        for name, colour, above in ((baseline, style.BASELINE, 4), (model, style.MODEL, 5)):
            axes.scatter(rows[name], positions, s=26, color=colour, zorder=above, label=model_name(name), clip_on=False)
        axes.set_yticks(positions, [labels[str(name)] for name in rows["channel"]], color=style.INK)
        axes.set_ylim(len(rows) - 0.5, -0.6)
        axes.set_xlim(left=min(0.0, float(low.min()) if low.notna().any() else 0.0))
        axes.set_xlabel(unit.capitalize())
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        style.thousands(axes.xaxis, whole=True)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderpad=0, handletextpad=0.2, columnspacing=1)
        _write_changes(axes, rows, colours, decimals)
        return chart.svg()


def _write_changes(axes: Axes, rows: pd.DataFrame, colours: list[str], decimals: int) -> None:
    changes = [number(value, decimals, signed=True) for value in rows["difference"]]
    ranges = [
        "" if is_missing(low) else f"({number_range(low, high, decimals, signed=True)})"
        for low, high in zip(rows["difference_low"], rows["difference_high"], strict=True)
    ]
    room = max((len(text) for text in ranges), default=0)
    across = axes.get_yaxis_transform()
    for position, (change, span) in enumerate(zip(changes, ranges, strict=True)):
        axes.annotate(
            change,
            (1.0, position),
            xytext=(44, 0),
            xycoords=across,
            textcoords="offset points",
            ha="right",
            va="center",
            color=colours[position],
            fontweight="bold",
            annotation_clip=False,
        )
        axes.annotate(
            span,
            (1.0, position),
            xytext=(48 + 4.1 * room, 0),
            xycoords=across,
            textcoords="offset points",
            ha="right",
            va="center",
            color=style.MUTED,
            annotation_clip=False,
        )
    axes.annotate(
        "Change (interval)",
        (1.0, 1.0),
        xytext=(48 + 4.1 * room, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=style.MUTED,
        annotation_clip=False,
    )


def draw_changes(comparison: pd.DataFrame, *, unit: str = "conversions", most: int = 8) -> str:
    """Bars of the change from the baseline to the model with their intervals: the figure of the first page."""
    order = comparison["difference"].abs().sort_values(ascending=False, kind="stable").index[:most]
    rows = comparison.loc[order].sort_values("difference", ascending=False, kind="stable").reset_index(drop=True)
    labels = short_names(rows["channel"])
    with style.Chart(style.FULL_WIDTH, style.row_height(len(rows), per_row=0.15, rest=0.45, least=0.9)) as chart:
        axes = chart.axes
        positions = range(len(rows))
        bounds = zip(rows["difference_low"], rows["difference_high"], strict=True)
        together = rows["clear_together"].astype(bool)
        colours = [_colour(*ends) if clear else style.BASELINE for ends, clear in zip(bounds, together, strict=True)]
        axes.barh(positions, rows["difference"], color=colours, height=0.62, zorder=2)
        axes.hlines(
            positions, rows["difference_low"], rows["difference_high"], color=style.INK, linewidth=0.9, zorder=3
        )
        axes.axvline(0, color=style.MUTED, linewidth=0.8, zorder=4)
        axes.set_yticks(positions, [labels[str(name)] for name in rows["channel"]], color=style.INK)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        reach = max(float(rows[["difference", "difference_low", "difference_high"]].abs().max().max()), 1e-9)
        left, right = float(rows["difference_low"].min()), float(rows["difference_high"].max())
        if left == left and right == right:
            axes.set_xlim(min(left, 0) - 0.05 * reach, max(right, 0) + 0.05 * reach)
        axes.set_xlabel(f"Change in credited {unit}")
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        style.thousands(axes.xaxis)
        return chart.svg()


def _colour(low: float, high: float) -> str:
    if is_missing(low) or is_missing(high) or low <= 0 <= high:
        return style.BASELINE
    return style.MODEL if low > 0 else style.OVER
