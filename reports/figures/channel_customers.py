"""What the customers that channels win are worth for what they cost; or, without spend, what each is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.figures import style
from reports.wording.labels import model_name, short_names
from reports.wording.number_format import with_bounds

if TYPE_CHECKING:
    import pandas as pd

MOST_CHANNELS = 16


def draw_worth(rows: pd.DataFrame, measure: str, *, baseline: str, model: str, label: str) -> str:
    """Per channel a grey dot (baseline) and a blue one (model) with its interval, and the latter as text.

    ``rows`` hold ``channel, before`` and the measure with ``_low`` and ``_high`` of the model. Ratios to cost stand on
    a scale of powers, since they differ by hundreds, with a line where worth equals cost.
    """
    rows = rows.head(MOST_CHANNELS)
    labels = short_names(rows["channel"])
    is_ratio = measure == "worth_to_cac"
    with style.Chart(style.FULL_WIDTH, style.row_height(len(rows), per_row=0.18, rest=0.7, least=1.3)) as chart:
        axes, positions = chart.axes, range(len(rows))
        low, high = rows[f"{measure}_low"], rows[f"{measure}_high"]
        if is_ratio:
            shown = rows[["before", measure, f"{measure}_low", f"{measure}_high"]].to_numpy()
            positive = [1.0, *shown[shown > 0].tolist()]
            least, most = min(positive) / 1.6, max(positive) * 1.6
            axes.set_xscale("log")
            axes.set_xlim(least, most)
            low = low.clip(lower=least)
            axes.axvline(1, color=style.OVER, linewidth=1.0, zorder=1)
        axes.hlines(positions, low, high, color=style.MODEL, linewidth=2.6, alpha=0.45, zorder=3)
        axes.scatter(rows["before"], positions, s=26, color=style.BASELINE, zorder=4, label=model_name(baseline))
        axes.scatter(rows[measure], positions, s=26, color=style.MODEL, zorder=5, label=model_name(model))
        axes.set_yticks(positions, [labels[str(name)] for name in rows["channel"]], color=style.INK)
        axes.set_ylim(len(rows) - 0.5, -0.6)
        axes.set_xlabel(label)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        if is_ratio:
            _powers(axes.xaxis)
        else:
            most = float(rows[["before", measure, f"{measure}_high"]].max().max())
            axes.set_xlim(0, 1.05 * most if most > 0 else 1)  # room for a whole dot where all are worth the same
            style.thousands(axes.xaxis)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderpad=0, handletextpad=0.2, columnspacing=1)
        texts = [with_bounds(*one) for one in zip(rows[measure], rows[f"{measure}_low"], high, strict=True)]
        room = 4.1 * max(len(text) for text in texts)
        for position, text in enumerate(texts):
            axes.annotate(
                text,
                (1.0, position),
                xytext=(10 + room, 0),
                xycoords=axes.get_yaxis_transform(),
                textcoords="offset points",
                ha="right",
                va="center",
                color=style.MODEL,
                annotation_clip=False,
            )
        return chart.svg()


def _powers(axis: object) -> None:
    """Write ticks of a scale of powers as 0.1, 1, 10, 100."""
    from matplotlib.axis import Axis
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    assert isinstance(axis, Axis)
    axis.set_major_locator(LogLocator(base=10))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.10g}"))
