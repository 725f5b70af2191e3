"""Whether single customers did what was forecast: spread of orders, spend per order, errors beside naive rivals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.figures import style
from reports.figures.customers import PAIR_HEIGHT
from reports.wording.number_format import number

if TYPE_CHECKING:
    import pandas as pd


def draw_pit(pit: pd.DataFrame) -> str:
    """Share of customers per tenth of their predicted distribution, with the even share as a line."""
    with style.Chart(style.HALF_WIDTH, PAIR_HEIGHT) as chart:
        axes, positions = chart.axes, range(len(pit))
        axes.bar(positions, 100 * pit["share"], width=0.86, color=style.INK, label="Came")
        even = 100 * float(pit["expected"].iloc[0])
        axes.axhline(even, color=style.VALUE, linewidth=1.5, linestyle=(0, (4, 1.5)), label="Under the model")
        axes.set_xticks(positions, [f"{100 * float(high):.0f}" for high in pit["high"]])
        axes.set_ylim(0, max(100 * float(pit["share"].max()), even) * 1.12)
        axes.set_xlabel("Percentile of the predicted orders, up to")
        axes.set_ylabel("Per cent of customers")
        axes.grid(axis="y")
        style.thousands(axes.yaxis)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderpad=0, handlelength=1.6, columnspacing=1)
        return chart.svg()


def draw_spend_density(density: pd.DataFrame, *, label: str) -> str:
    """Mean spend per order of repeat customers: observed as bars, the fitted law as a line."""
    width = density["high"] - density["low"]
    middle = (density["low"] + density["high"]) / 2
    with style.Chart(style.HALF_WIDTH, PAIR_HEIGHT) as chart:
        axes = chart.axes
        axes.bar(middle, 100 * density["observed"] * width, width=width * 0.9, color="#c9ced6", label="Observed")
        axes.plot(middle, 100 * density["expected"] * width, color=style.VALUE, linewidth=1.5, label="Fitted")
        axes.set_xlim(0, float(density["high"].iloc[-1]))
        axes.set_ylim(bottom=0)
        axes.set_xlabel(label)
        axes.set_ylabel("Per cent of customers")
        axes.grid(axis="y")
        style.thousands(axes.yaxis)
        style.money_axis(axes.xaxis)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderpad=0, handlelength=1.2, columnspacing=1)
        return chart.svg()


def draw_errors(scores: pd.DataFrame) -> str:
    """Error per customer of each method, all customers: mean absolute and root of mean squared, as pairs of bars."""
    with style.Chart(style.HALF_WIDTH, PAIR_HEIGHT) as chart:
        axes, positions = chart.axes, range(len(scores))
        model = [style.VALUE, *[style.BASELINE] * (len(scores) - 1)]
        least = float(scores[["mae", "rmse"]].min().min())
        decimals = 2 if least >= 0.1 or not least > 0 else 3 if least >= 0.01 else 4
        for offset, column, shade in ((-0.2, "mae", 1.0), (0.2, "rmse", 0.45)):
            places = [place + offset for place in positions]
            axes.barh(places, scores[column], height=0.36, color=model, alpha=shade)
            for place, value in zip(places, scores[column], strict=True):
                axes.annotate(
                    f"{column.upper()} {number(value, decimals)}", (value, place), xytext=(3, 0),
                    textcoords="offset points", va="center", fontsize=6.5, color=style.MUTED,
                )  # fmt: skip
        names = [str(name)[:1].upper() + str(name)[1:] for name in scores["method"]]
        axes.set_yticks(positions, names, color=style.INK)
        axes.set_ylim(len(scores) - 0.5, -0.5)
        axes.set_xlim(0, float(scores[["mae", "rmse"]].max().max()) * 1.3 or 1)
        axes.set_xlabel("Error of orders per customer")
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        style.thousands(axes.xaxis)
        return chart.svg()
