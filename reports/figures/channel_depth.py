"""What lies behind the credit: the roles of channels on their paths, and the range of credit over choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.figures import style
from reports.wording.labels import short_names

if TYPE_CHECKING:
    import pandas as pd

MOST_CHANNELS = 16
_ROLES = (("single", "Alone", "#c9ced6"), ("early", "Early", "#9cc3e2"), ("middle", "Middle", "#4a8fc4"))


def draw_roles(roles: pd.DataFrame) -> str:
    """Per channel a bar of 100 per cent: how much of its linear credit comes alone, early, in the middle and late."""
    parts = [*_ROLES, ("late", "Late", style.MODEL)]
    rows = roles[roles["conversions"] > 0].sort_values("conversions", ascending=False, kind="stable")
    rows = rows.head(MOST_CHANNELS)
    labels = short_names(rows["channel"])
    with style.Chart(style.FULL_WIDTH, style.row_height(len(rows), per_row=0.165, rest=0.6)) as chart:
        axes, positions = chart.axes, range(len(rows))
        left = [0.0] * len(rows)
        for name, label, colour in parts:
            shares = [
                100 * float(part) / float(all_) for part, all_ in zip(rows[name], rows["conversions"], strict=True)
            ]
            axes.barh(positions, shares, left=left, height=0.7, color=colour, label=label, edgecolor=style.PAPER)
            for position, (start, share) in enumerate(zip(left, shares, strict=True)):
                if share >= 6:
                    ink = style.PAPER if name in ("middle", "late") else style.INK
                    axes.text(
                        start + share / 2, position, f"{share:.0f}", ha="center", va="center_baseline", color=ink,
                        fontsize=6.5,
                        in_layout=False,
                    )  # fmt: skip
            left = [start + share for start, share in zip(left, shares, strict=True)]
        axes.set_yticks(positions, [labels[str(name)] for name in rows["channel"]], color=style.INK)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 100)
        axes.set_xlabel("Per cent of the channel's linear credit")
        axes.spines["left"].set_visible(False)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderpad=0, handlelength=1.2, columnspacing=1)
        return chart.svg()


def draw_sensitivity(summary: pd.DataFrame, table: pd.DataFrame) -> str:
    """Per channel the range of its share over all choices, a pale dot for each, a full one for the run's own.

    A thin line is the interval of the run's own share, where it is known.
    """
    rows = summary.sort_values("share", ascending=False, kind="stable").head(MOST_CHANNELS)
    labels = short_names(rows["channel"])
    other = table[table["choice"] != "as configured"]
    with style.Chart(style.FULL_WIDTH, style.row_height(len(rows), per_row=0.185, rest=0.7)) as chart:
        axes, positions = chart.axes, range(len(rows))
        axes.hlines(
            positions, 100 * rows["lowest_share"], 100 * rows["highest_share"], color=style.PALE_MODEL, linewidth=5
        )
        tried = [
            (100 * float(share), place)
            for place, name in enumerate(rows["channel"])
            for share in other.loc[other["channel"] == name, "share"]
        ]
        if tried:
            across, down = zip(*tried, strict=True)
            axes.scatter(across, down, s=9, color=style.BASELINE, zorder=3, label="Another choice", clip_on=False)
        axes.scatter(
            100 * rows["share"], positions, s=30, color=style.MODEL, zorder=4, label="As configured", clip_on=False
        )
        own = table[table["choice"] == "as configured"].set_index("channel").reindex(rows["channel"])
        axes.hlines(
            positions, 100 * own["share_low"], 100 * own["share_high"], color=style.INK, linewidth=0.9, zorder=5
        )
        axes.set_yticks(positions, [labels[str(name)] for name in rows["channel"]], color=style.INK)
        axes.set_ylim(len(rows) - 0.5, -0.6)
        axes.set_xlim(left=0)
        axes.set_xlabel("Per cent of all credited conversions")
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        style.thousands(axes.xaxis)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderpad=0, handletextpad=0.2, columnspacing=1)
        return chart.svg()
