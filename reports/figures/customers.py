"""What customers are worth and whether the forecast has held: the charts of the customer pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports.figures import style
from reports.wording.labels import short_names

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_SEGMENTS = 16
MOST_FLOWS = 8  # beside a chart of the usual height
PAIR_HEIGHT = 2.25
ALONE_HEIGHT = 1.7
_SHADES = (style.VALUE, "#6fb39c", "#b9d8cd", "#c9ced6")
_SOURCES = (
    ("known customers", style.VALUE),
    ("first orders of new customers", "#6fb39c"),
    ("repeat orders of new customers", "#b9d8cd"),
)


def draw_segments(rows: pd.DataFrame, *, label: str, mean: float | None = None) -> str:
    """Per segment a value with its interval; `rows` has ``segment, value, low, high``, drawn from top to bottom.

    `mean`, if given, is marked by a line across all segments.
    """
    labels = short_names(rows["segment"], 24)
    with style.Chart(style.HALF_WIDTH, style.row_height(len(rows), per_row=0.2, rest=0.6)) as chart:
        axes = chart.axes
        positions = range(len(rows))
        if mean is None:
            axes.barh(positions, rows["value"], color=style.VALUE, height=0.6, zorder=2)
            axes.hlines(positions, rows["low"], rows["high"], color=style.INK, linewidth=0.9, zorder=3)
        else:
            axes.axvline(mean, color=style.BASELINE, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
            axes.hlines(positions, rows["low"], rows["high"], color=style.VALUE, linewidth=2.6, alpha=0.4, zorder=2)
            axes.scatter(rows["value"], positions, s=24, color=style.VALUE, zorder=3)
        style.money_rows(axes, [labels[str(name)] for name in rows["segment"]], label=label)
        axes.set_xlim(left=min(0.0, float(rows["low"].min()) if rows["low"].notna().any() else 0.0))
        return chart.svg()


def draw_tracking(tracking: pd.DataFrame, *, cumulative: bool, period_name: str) -> str:
    """Actual against forecast repeat orders per period or added up, with a line where the holdout begins."""
    actual, forecast = ("cumulative_actual", "cumulative_forecast") if cumulative else ("actual", "forecast")
    across = list(range(1, len(tracking) + 1))
    held = [bool(flag) for flag in tracking["is_holdout"]]
    with style.Chart(style.HALF_WIDTH, PAIR_HEIGHT) as chart:
        axes = chart.axes
        axes.plot(across, tracking[actual], color=style.INK, linewidth=1.1, label="Actual")
        axes.plot(
            across, tracking[forecast], color=style.VALUE, linewidth=1.5, linestyle=(0, (4, 1.5)), label="Forecast"
        )
        if True in held and False in held:
            _mark_holdout(axes, held.index(True) + 0.5, len(across))
        axes.set_xlim(1, max(2, len(across)))
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"{period_name.capitalize()} of the data")
        axes.set_ylabel("Repeat orders, added up" if cumulative else f"Repeat orders per {period_name}")
        axes.grid(axis="y")
        style.thousands(axes.yaxis)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderpad=0, handlelength=1.6, columnspacing=1)
        return chart.svg()


def _mark_holdout(axes: Axes, place: float, periods: int) -> None:
    axes.axvspan(place, periods, color=style.HAIRLINE, alpha=0.35, linewidth=0, zorder=0)
    axes.axvline(place, color=style.MUTED, linewidth=0.9)
    axes.annotate(
        "held back",
        (1.0, 1.0),
        xycoords="axes fraction",
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=style.MUTED,
    )


def draw_by_frequency(rows: pd.DataFrame) -> str:
    """Mean repeat orders in the holdout, actual and forecast, by how often customers had ordered before."""
    positions = range(len(rows))
    with style.Chart(style.HALF_WIDTH, PAIR_HEIGHT) as chart:
        axes = chart.axes
        axes.bar([p - 0.2 for p in positions], rows["actual_mean"], width=0.38, color=style.INK, label="Actual")
        axes.bar([p + 0.2 for p in positions], rows["forecast_mean"], width=0.38, color=style.VALUE, label="Forecast")
        every = -(-len(rows) // 12)
        axes.set_xticks(list(positions)[::every], [_group(value) for value in rows["frequency"]][::every])
        axes.set_xlabel("Repeat orders before")
        axes.set_ylabel("Mean orders held back")
        axes.grid(axis="y")
        style.thousands(axes.yaxis)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderpad=0, handlelength=1.2, columnspacing=1)
        return chart.svg()


def _group(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def draw_months(monthly: pd.DataFrame) -> str:
    """Expected value per month of the horizon, discounted, with what discounting takes off in a paler shade."""
    positions = range(len(monthly))
    with style.Chart(style.HALF_WIDTH, PAIR_HEIGHT) as chart:
        axes = chart.axes
        axes.bar(positions, monthly["expected_value"], width=0.8, color="#b9d8cd", label="Undiscounted")
        axes.bar(positions, monthly["discounted_value"], width=0.8, color=style.VALUE, label="Discounted")
        every = -(-len(monthly) // 6)
        names = [
            f"{month:%b %Y}" if i == 0 or month.month == 1 else f"{month:%b}"
            for i, month in enumerate(monthly["month"])
        ]
        axes.set_xticks(list(positions)[::every], names[::every])
        axes.set_ylabel("Per month")
        axes.grid(axis="y")
        style.money_axis(axes.yaxis)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderpad=0, handlelength=1.2, columnspacing=1)
        return chart.svg()


def draw_deciles(deciles: pd.DataFrame) -> str:
    """Share of the total value per tenth of customers, the most valuable tenth first."""
    total = float(deciles["clv"].sum()) or 1.0
    with style.Chart(style.HALF_WIDTH, PAIR_HEIGHT) as chart:
        axes = chart.axes
        shares = [100 * float(value) / total for value in deciles["clv"]]
        axes.bar(range(len(shares)), shares, width=0.8, color=style.VALUE)
        axes.set_xticks(range(len(shares)), [f"{int(d)}" for d in deciles["decile"]])
        for position, share in enumerate(shares):
            axes.annotate(
                f"{share:.0f}%",
                (position, share),
                ha="center",
                va="bottom",
                fontsize=6.5,
                xytext=(0, 1),
                textcoords="offset points",
            )
        axes.set_xlabel("Tenth of customers, most valuable first")
        axes.set_ylabel("Per cent of total value")
        axes.grid(axis="y")
        axes.set_ylim(0, max(shares, default=1) * 1.12 or 1)
        style.thousands(axes.yaxis)
        return chart.svg()


def draw_cash_flow(flows: pd.DataFrame) -> str:
    """Per month what known and new customers bring, stacked, with the band in which eight of ten totals lie."""
    with style.Chart(style.FULL_WIDTH, 2.2) as chart:
        axes = chart.axes
        total = flows[flows["source"] == "total"]
        across = list(range(len(total)))
        bottom = [0.0] * len(total)
        for source, colour in _SOURCES:
            if not flows.loc[flows["source"] == source, "contribution"].any():
                continue
            heights = flows.loc[flows["source"] == source, "contribution"].tolist()
            axes.bar(across, heights, bottom=bottom, width=0.72, color=colour, label=source.capitalize())
            bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
        middle = total["p50"]
        axes.errorbar(
            across,
            middle,
            yerr=[(middle - total["p10"]).clip(lower=0), (total["p90"] - middle).clip(lower=0)],
            fmt="none",
            ecolor=style.INK,
            elinewidth=1,
            capsize=2,
        )
        every = -(-len(across) // 12)
        names = [f"{day:%b %Y}" if i == 0 or day.month == 1 else f"{day:%b}" for i, day in enumerate(total["period"])]
        axes.set_xticks(across[::every], names[::every])
        axes.set_ylabel("Per month")
        axes.grid(axis="y")
        style.money_axis(axes.yaxis)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderpad=0, handlelength=1.2, columnspacing=1)
        return chart.svg()


def draw_cohorts(cohorts: pd.DataFrame, *, shown: int, alone: bool = False) -> str:
    """Per month what known customers bring, stacked by the quarter of their first order, the newest at the bottom.

    `cohorts` has ``cohort, period, expected_revenue``; all but the ``shown`` newest quarters are one part. One that
    stands ``alone`` takes the width of the page.
    """
    wide = cohorts.pivot_table(index="period", columns="cohort", values="expected_revenue", aggfunc="sum").fillna(0.0)
    names = sorted(wide.columns, reverse=True)
    parts = [(quarter_name(name), wide[name]) for name in names[:shown]]
    if len(names) > shown:
        parts.append(("earlier", wide[names[shown:]].sum(axis=1)))
    size = (style.FULL_WIDTH, ALONE_HEIGHT) if alone else (style.HALF_WIDTH, PAIR_HEIGHT)
    with style.Chart(*size) as chart:
        axes, across = chart.axes, list(range(len(wide)))
        bottom = [0.0] * len(wide)
        for (name, heights), colour in zip(parts, _SHADES, strict=False):
            axes.bar(across, heights, bottom=bottom, width=0.8, color=colour, label=name)
            bottom = [below + float(height) for below, height in zip(bottom, heights, strict=True)]
        every = -(-len(across) // 6)
        labels = [f"{day:%b %Y}" if i == 0 or day.month == 1 else f"{day:%b}" for i, day in enumerate(wide.index)]
        axes.set_xticks(across[::every], labels[::every])
        axes.set_ylabel("Per month")
        axes.grid(axis="y")
        style.money_axis(axes.yaxis)
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderpad=0, handlelength=0.9, columnspacing=0.8,
            handletextpad=0.4,
        )  # fmt: skip
        return chart.svg()


def quarter_name(first_day: Any) -> str:
    """A quarter by its first day, as Q3 2025."""
    return f"Q{(first_day.month + 2) // 3} {first_day.year}"


def draw_segment_flows(flows: pd.DataFrame) -> str:
    """Per segment what known and new customers bring over the horizon, stacked; ``segment, source, contribution``."""
    wide = flows.pivot_table(index="segment", columns="source", values="contribution", aggfunc="sum").fillna(0.0)
    rows = wide.sort_values("total", ascending=False, kind="stable").head(MOST_FLOWS)
    labels = short_names([str(name) for name in rows.index], 20)
    with style.Chart(style.HALF_WIDTH, max(PAIR_HEIGHT, style.row_height(len(rows), per_row=0.225, rest=0.8))) as chart:
        axes, positions = chart.axes, range(len(rows))
        left = [0.0] * len(rows)
        for source, colour in _SOURCES:
            short = source.removesuffix(" of new customers").removesuffix(" customers").capitalize()
            label = short if source == "known customers" else f"{short} of new"
            axes.barh(positions, rows[source], left=left, height=0.66, color=colour, label=label)
            left = [start + float(width) for start, width in zip(left, rows[source], strict=True)]
        style.money_rows(axes, [labels[str(name)] for name in rows.index], label="Over the horizon")
        axes.legend(
            loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderpad=0, handlelength=0.9, columnspacing=0.8,
            handletextpad=0.4,
        )  # fmt: skip
        return chart.svg()
