"""How long do journeys take, and how many touches? Histograms with the median marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.figures import style
from reports.wording.number_format import number

if TYPE_CHECKING:
    import pandas as pd

MOST_BARS = 31


def weighted_median(values: pd.Series[int], weights: pd.Series[float]) -> float:
    """The smallest value at which half of the weight is reached; NaN when there is no weight."""
    order = values.sort_values(kind="stable").index
    reached = weights.loc[order].cumsum()
    total = float(weights.sum())
    if not total > 0:
        return float("nan")
    return float(values.loc[reached[reached >= total / 2].index[0]])


def binned(values: pd.Series[int], weights: pd.Series[float], most: int = MOST_BARS) -> pd.DataFrame:
    """``first, weight, is_tail`` of at most `most` bins of equal whole width.

    The bins reach to where 98% of the weight is; what lies beyond, if anything, is gathered in one more, the tail.
    """
    import pandas as pd

    order = values.sort_values(kind="stable").index
    reached = weights.loc[order].cumsum()
    within = values.loc[reached[reached <= 0.98 * float(weights.sum())].index]
    low, high = int(values.min()), int(within.max() if len(within) else values.max())
    high = max(high, low + 1)
    if int(values.max()) <= high + 2:
        high = int(values.max())
    step = -(-(high - low + 1) // (most - 1))
    starts = list(range(low, high + 1, step))
    place = ((values - low) // step).clip(upper=len(starts)).astype(int)
    sums = weights.groupby(place).sum()
    bins = pd.DataFrame({"first": starts, "weight": [float(sums.get(i, 0.0)) for i in range(len(starts))]})
    bins["is_tail"] = False
    beyond = float(sums.get(len(starts), 0.0))
    if beyond > 0:
        bins.loc[len(bins)] = [starts[-1] + step, beyond, True]
    return bins


def draw_histogram(
    values: pd.Series[int], weights: pd.Series[float], *, label: str, width: float = style.HALF_WIDTH
) -> str:
    """Bars of the weight per bin, the tail gathered in a grey last bar, and a line at the median."""
    bins = binned(values, weights)
    median = weighted_median(values, weights)
    with style.Chart(width, 2.1) as chart:
        axes = chart.axes
        colours = [style.BASELINE if tail else style.MODEL for tail in bins["is_tail"]]
        axes.bar(range(len(bins)), bins["weight"], color=colours, width=0.86)
        names = [
            f"{int(first)}{'+' if tail else ''}" for first, tail in zip(bins["first"], bins["is_tail"], strict=True)
        ]
        last = len(bins) - 1
        every = -(-len(bins) // 8)
        ticks = [place for place in range(len(bins)) if place % every == 0]
        if bins["is_tail"].iloc[last]:
            ticks = [*(place for place in ticks if last - place >= every), last]
        axes.set_xticks(ticks, [names[place] for place in ticks])
        top = float(bins["weight"].max()) or 1.0
        if median == median:
            place = int((bins["first"] <= median).sum()) - 1
            on_left = place > 0.6 * len(bins)
            axes.axvline(place, color=style.INK, linewidth=1, linestyle=(0, (3, 2)))
            axes.annotate(
                f"median {number(median)}",
                (place, top * 1.12),
                xytext=(-4 if on_left else 4, 0),
                textcoords="offset points",
                ha="right" if on_left else "left",
                va="center",
            )
        axes.set_ylim(0, top * 1.2)
        axes.set_xlabel(label)
        axes.set_ylabel("Conversions")
        axes.grid(axis="y")
        style.thousands(axes.yaxis, whole=True)
        return chart.svg()
