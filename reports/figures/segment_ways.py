"""What sharing strength does to each segment: from its own fit towards what is true of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.figures import style
from reports.wording.labels import short_names

if TYPE_CHECKING:
    import pandas as pd


def draw_shrinkage(rows: pd.DataFrame, *, label: str) -> str:
    """Per segment its own fit and the one that shares strength, joined, against one fit for all.

    ``rows`` has ``segment, separate, partial, pooled``, drawn from top to bottom; a fit that is missing is not drawn.
    """
    labels = short_names(rows["segment"], 20)
    with style.Chart(style.HALF_WIDTH, style.row_height(len(rows), per_row=0.2, rest=0.75)) as chart:
        axes, positions = chart.axes, range(len(rows))
        pooled = rows["pooled"].tolist()
        if rows["pooled"].nunique() == 1:
            axes.axvline(pooled[0], color=style.BASELINE, linewidth=0.9, linestyle=(0, (3, 2)), label="One fit for all")
        else:
            axes.scatter(
                pooled, positions, s=30, marker="|", color=style.BASELINE, linewidths=1.2, label="One fit for all"
            )
        both = rows["separate"].notna() & rows["partial"].notna()
        places = [place for place, drawn in zip(positions, both, strict=True) if drawn]
        axes.hlines(places, rows.loc[both, "separate"], rows.loc[both, "partial"], color=style.VALUE, linewidth=1.2)
        axes.scatter(
            rows["separate"], positions, s=20, facecolors=style.PAPER, edgecolors=style.INK, linewidths=0.9, zorder=3,
            label="Each alone",
        )  # fmt: skip
        axes.scatter(rows["partial"], positions, s=16, color=style.VALUE, zorder=4, label="Sharing strength")
        style.money_rows(axes, [labels[str(name)] for name in rows["segment"]], label=label)
        axes.legend(
            loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderpad=0, handlelength=1.0, columnspacing=0.8,
            handletextpad=0.3,
        )  # fmt: skip
        return chart.svg()
