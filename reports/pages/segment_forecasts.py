"""Forecasts by segment: what to expect of each month by month, and where the past was forecast well and where not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reports.figures import segment_tracking as figure_tracking
from reports.pages.content import Block, Column, Figure, Table
from reports.results.run_results import ClvResults, RunResults
from reports.wording.labels import clean, plural, short_names, shorten, table_name
from reports.wording.months import month_names
from reports.wording.number_format import day_range, horizon, level, money_decimals, percent

if TYPE_CHECKING:
    import pandas as pd

MONTH_SEGMENTS, INFINITE_SEGMENTS = 5, 16
_OTHERS = "all other segments"
_NAME_WIDTH = 13


def infinite_table(clv: ClvResults, run: RunResults) -> list[Block]:
    """Value without an end beside that over the horizon; nothing where it was not asked for."""
    rows = clv.infinite_horizon
    if rows is None or not rows["clv_infinite"].any():
        return []
    segments = rows[rows["segment"] != "all"].sort_values("clv_infinite", ascending=False, kind="stable")
    left = len(segments) - INFINITE_SEGMENTS
    total = rows[rows["segment"] == "all"]
    import pandas as pd

    shown = pd.concat([segments.head(INFINITE_SEGMENTS), total.assign(segment="All customers")], ignore_index=True)
    each = shown["clv_infinite"] / shown["customers"].where(shown["customers"] > 0)
    unit = f" ({run.currency})" if run.currency else ""
    over = horizon(clv.horizon_months)
    return [
        Table(
            title=f"Of what customers are worth without an end, {percent(float(total['share'].iloc[0]), 0)} is to come "
            f"within {over}{unit}",
            data=shown.assign(segment=shown["segment"].map(table_name), each=each),
            columns=(
                Column("segment", "Segment", width=1),
                Column("customers", "Customers", "count"),
                Column("clv", f"Value,\n{over}", "money"),
                Column("clv_infinite", "Value\nwithout end", "money"),
                Column("each", "Per\ncustomer", "money"),
                Column("share", f"Within\n{over}", "percent"),
            ),
            caption=f"Discounted at {level(clv.discount_rate)} a year. Nothing shows how far off a forecast without an "
            "end is, so that it has no interval."
            + (f" {left} smaller {plural(left, 'segment')} not shown." if left > 0 else ""),
            bold_rows=(len(shown) - 1,),
        )
    ]


def month_table_by_segment(clv: ClvResults, run: RunResults) -> list[Block]:
    """Expected value per month of the most valuable segments, of the others together and of all; none for one."""
    monthly = clv.monthly
    if monthly is None or monthly["segment"].nunique() < 3 or not monthly["expected_value"].any():
        return []
    wide = monthly.pivot_table(index="month", columns="segment", values="expected_value", aggfunc="sum").fillna(0.0)
    sums = wide.drop(columns="all").sum().sort_values(ascending=False, kind="stable")
    # One more than fit is not put under a name of its own that would hold it alone.
    shown = list(sums.index) if len(sums) <= MONTH_SEGMENTS + 1 else list(sums.index[:MONTH_SEGMENTS])
    left = len(sums) - len(shown)
    rows = wide[[*shown, "all"]].copy()
    if left:
        rows.insert(len(shown), _OTHERS, wide["all"] - wide[shown].sum(axis=1))
    places = {name: f"place {place}" for place, name in enumerate(rows.columns)}
    days = monthly.drop_duplicates("month").set_index("month")["days"].loc[rows.index].tolist()
    data = rows.rename(columns=places).assign(month=month_names(rows.index.tolist(), days))
    total = data.drop(columns="month").sum().to_frame().T.assign(month="All months")
    import pandas as pd

    labels = short_names([name for name in rows.columns if name in shown], _NAME_WIDTH * 2)
    headers = {name: _in_two_lines(labels[str(name)]) for name in shown}
    headers |= {_OTHERS: f"{left}\nothers", "all": "All\nsegments"}
    unit = f" ({run.currency})" if run.currency else ""
    decimals = money_decimals(total[places["all"]])
    what = "revenue" if clv.margin is None else "value after margin"
    return [
        Table(
            title=f"Expected {what} of known customers by month and segment{unit}, not discounted",
            data=pd.concat([data, total], ignore_index=True),
            columns=(
                Column("month", "Month", width=1),
                *(Column(places[name], headers[str(name)], "money", decimals=decimals) for name in rows.columns),
            ),
            caption=(f"The {len(shown)} most valuable of {len(sums)} segments. " if left else "")
            + "Each segment's orders and discounted value by month: in the table monthly_forecast beside this report.",
            bold_rows=(len(data),),
        )
    ]


def _in_two_lines(name: str) -> str:
    """A name broken near its middle, at the attribute where it has several, so that its column stays narrow."""
    if len(name) <= _NAME_WIDTH or " " not in name:
        return name
    breaks = [place for place, letter in enumerate(name) if letter == " "]
    best = min(breaks, key=lambda place: (name[place - 1] != "/", abs(place - len(name) / 2)))
    return f"{name[:best]}\n{name[best + 1 :]}"


def tracking_by_segment(clv: ClvResults) -> list[Block]:
    """Forecast and what came, added up, of the segments whose forecast missed by most orders; none for one segment."""
    tracking, totals = clv.holdout_tracking, clv.holdout_totals
    if tracking is None or totals is None or tracking["segment"].nunique() < 3:
        return []
    rows = totals[totals["segment"] != "all"]
    missed = (rows["forecast_orders"] - rows["actual_orders"]).abs()
    rows = rows.assign(missed=missed).sort_values(["missed", "segment"], ascending=[False, True], kind="stable")
    shown = rows.head(figure_tracking.MOST_PANELS)
    worst = shown.iloc[0]
    off = float(worst["missed"])
    name = shorten(clean(worst["segment"]), 40)
    many = "too many" if worst["forecast_orders"] > worst["actual_orders"] else "too few"
    relative = f" ({percent(abs(float(worst['error'])), 0)})" if worst["error"] == worst["error"] else ""
    title = f"Of the repeat orders of {name} the forecast misses most: {off:,.0f} {many}{relative}"
    if off < 0.5:
        title = "In no segment does the forecast miss a repeat order"
    left = len(rows) - len(shown)
    dropped = (
        f" The {len(shown)} segments of {len(rows)} in which it misses most; the others: in the tables." if left else ""
    )
    return [
        Figure(
            title=title,
            drawing=partial(figure_tracking.draw_tracking_by_segment, tracking, shown, period_name=clv.period_name),
            alt="Lines of repeat orders added up, actual and forecast, of "
            + "; ".join(
                f"{clean(segment)}: {actual:,.0f} came and {forecast:,.0f} were forecast in the part held back"
                for segment, actual, forecast in shown[["segment", "actual_orders", "forecast_orders"]].itertuples(
                    index=False
                )
            )
            + ".",
            window=day_range(clv.holdout_start, clv.holdout_end) if clv.holdout_end else "",
            caption=f"Of customers known before, added up from then on; per cent: forecast against actual.{dropped}",
            data=tracking[tracking["segment"] != "all"],
        )
    ]


def orders_held_back(clv: ClvResults, run: RunResults) -> list[Block]:
    """Whose the orders held back are, where new customers came: the forecast knows nothing of theirs."""
    table = clv.holdout_orders
    if table is None:
        return []
    rows = table[table["segment"] == "all"].reset_index(drop=True)
    counts = rows.set_index("source")
    new = counts.loc[counts.index.str.contains("new customers")]
    if not float(new["orders"].sum()) > 0:
        return []
    won = int(new["customers"].max())
    share = float(new["orders"].sum()) / float(counts["orders"].loc["total"])
    to_come = clv.depth is not None and clv.depth.flows is not None
    unit = f" ({run.currency})" if run.currency else ""
    meaning = {
        "known customers": "compared with the forecast",
        "first orders of new customers": "not compared: nobody had a history",
        "repeat orders of new customers": "not compared, for the same reason",
        "total": "",
    }
    return [
        Table(
            title=f"{percent(share, 1 if share > 0.99 else 0)} of the orders held back came from {won:,} new "
            f"{plural(won, 'customer')}",
            data=_in_words(rows).assign(meaning=[meaning.get(str(source), "") for source in rows["source"]]),
            columns=(
                Column("source", "Orders held back"),
                Column("customers", "Customers", "count"),
                Column("orders", "Orders", "count"),
                Column("value", f"Value{unit}", "money"),
                Column("meaning", "In this check", width=1),
            ),
            caption="Orders of one day are one."
            + (" What new customers are to bring is forecast from their number, see What to book." if to_come else ""),
            bold_rows=(len(rows) - 1,),
        )
    ]


def _in_words(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(source=["All" if source == "total" else str(source).capitalize() for source in rows["source"]])
