"""The customer pages: what segments are worth, month by month, and whether the forecast has held."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reports.figures import customers as figure_clv
from reports.pages import prose
from reports.pages.booking import about
from reports.pages.content import Block, Column, Figure, Prose, Section, Table
from reports.pages.holdout import customer_figures, score_table
from reports.pages.segment_forecasts import (
    infinite_table,
    month_table_by_segment,
    orders_held_back,
    tracking_by_segment,
)
from reports.results.run_results import ClvResults, RunResults
from reports.results.value_tables import of_all
from reports.wording.labels import clean, plural, shorten, table_name
from reports.wording.months import cut_months, month_names
from reports.wording.number_format import (
    credit_decimals,
    day,
    day_range,
    horizon,
    level,
    money_decimals,
    number,
    number_range,
    percent,
    share,
)

if TYPE_CHECKING:
    import pandas as pd


def clv_sections(run: RunResults) -> tuple[Section, ...]:
    """Build the pages on customers; none when the run has no forecast."""
    clv = run.clv
    if clv is None:
        return ()
    blocks: list[Block] = [Prose(prose.what_customers_are_worth(clv, run))]
    blocks += segment_figures(clv, run, most=figure_clv.MOST_SEGMENTS)
    if len(clv.segment_forecast):
        blocks.append(_segment_table(clv, run))
    blocks += infinite_table(clv, run)
    blocks += time_figures(clv, run)
    if clv.monthly is not None and len(clv.monthly):
        blocks.append(_month_table(of_all(clv.monthly), clv, run))
        blocks += month_table_by_segment(clv, run)
    held = Section("Has the forecast held?", tuple(_holdout_blocks(clv, run)), new_page=False)
    return Section("Customers: what they are worth", tuple(blocks)), held


def segments_by_value(clv: ClvResults) -> pd.DataFrame:
    """The segments that have customers, of the forecast's columns, the most valuable first."""
    rows = clv.segment_forecast
    rows = rows[(rows["segment"] != "all") & (rows["customers"] > 0)]
    return rows.sort_values(["clv", "segment"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _source(clv: ClvResults, run: RunResults) -> dict[str, str]:
    n = "" if clv.customers is None else f"n = {number(clv.customers)} {plural(clv.customers, 'customer')}"
    return {"n": n, "window": day_range(run.first_day, run.last_day) if run.last_day else "", "model": _models(clv)}


def _models(clv: ClvResults) -> str:
    names = [] if clv.parameters is None else list(dict.fromkeys(clv.parameters["model"].astype(str)))
    return " and ".join(names)


def segment_figures(clv: ClvResults, run: RunResults, *, most: int) -> list[Block]:
    """Total value and value per customer of the largest segments, side by side; nothing for fewer than two."""
    rows = segments_by_value(clv)
    if len(rows) < 2 or not rows["clv"].fillna(0.0).any():
        return []
    drawn = rows.head(most)
    each = drawn["customers"]
    totals = drawn.assign(value=drawn["clv"])
    means = drawn.assign(value=drawn["clv"] / each, low=drawn["low"] / each, high=drawn["high"] / each)
    total = prose.total_row(clv.segment_forecast)
    mean = float(str(total["clv"])) / max(float(str(total["customers"])), 1) if total else float("nan")
    unit = f" ({run.currency})" if run.currency else ""
    whole = float(rows["clv"].sum())
    held = share(float(rows["clv"].iloc[0]) / whole) if whole > 0 else ""
    largest = shorten(clean(rows["segment"].iloc[0]), 30)
    shown = "" if len(drawn) == len(rows) else f" The {len(drawn)} largest of {len(rows)} segments are drawn."
    source = _source(clv, run)
    return [
        Figure(
            title=f"{largest} holds {held} of the value" if held else "Value by segment",
            drawing=partial(figure_clv.draw_segments, totals, label=f"Total{unit}"),
            alt=f"Bars of the total value per segment with intervals; the largest is {largest}.",
            n=source["n"],
            caption=f"Lines: {prose.interval_name(run.confidence)}s.{shown}",
            width="half",
            data=totals,
        ),
        Figure(
            title=_ends(means),
            drawing=partial(figure_clv.draw_segments, means, label=f"Per customer{unit}", mean=mean),
            alt=f"Value per customer and interval of each segment. {prose.who_is_worth_most(clv, run)}",
            n=source["n"],
            caption="Dashed: all customers.",
            width="half",
            data=means,
        ),
    ]


def _ends(means: pd.DataFrame) -> str:
    """Which drawn segment's customers are worth most each and which least, where their intervals are apart.

    As in sentences, segments of a few customers are not named.
    """
    large = means[means["customers"] >= prose.FEWEST_CUSTOMERS]
    if len(large) < 2:
        return "Value per customer, with its interval"
    ordered = large.sort_values("value", ascending=False, kind="stable")
    best, worst = ordered.iloc[0], ordered.iloc[-1]
    if not best["low"] > worst["high"]:
        return f"Value per customer{' of large segments' * (len(large) < len(means))} does not clearly differ"
    most, least = (shorten(clean(row["segment"]), 24) for row in (best, worst))
    return f"Per customer {most} is worth most, {least} least"


def _segment_table(clv: ClvResults, run: RunResults) -> Table:
    import pandas as pd

    total = clv.segment_forecast[clv.segment_forecast["segment"] == "all"].assign(segment="All customers")
    segments = segments_by_value(clv)
    rows = pd.concat([segments, total], ignore_index=True)
    customers = rows["customers"].where(rows["customers"] > 0)
    scale, thousand = (1000, " thousand") if float(rows["clv"].abs().max() or 0) >= 1e7 else (1, "")
    rows = rows.assign(
        each=rows["clv"] / customers, low_each=rows["low"] / customers, high_each=rows["high"] / customers
    )
    rows = rows.assign(clv=rows["clv"] / scale, low=rows["low"] / scale, high=rows["high"] / scale)
    whole, fine = money_decimals(rows["clv"]), money_decimals(rows["each"])
    rows = rows.assign(
        segment=rows["segment"].map(table_name),
        interval=[number_range(a, b, whole) for a, b in zip(rows["low"], rows["high"], strict=True)],
        each_interval=[number_range(a, b, fine) for a, b in zip(rows["low_each"], rows["high_each"], strict=True)],
        held=["yes" if flag is True or flag == 1 else "not shown" for flag in rows["calibrated"].tolist()],
    )
    unit = f" ({run.currency}{thousand})" if run.currency else f" ({thousand.strip()}s)" if thousand else ""
    interval = prose.interval_name(run.confidence)
    columns = [
        Column("segment", clean(clv.segment_by).capitalize() if clv.segment_by else "Segment", width=1),
        Column("customers", "Customers", "count"),
        Column("expected_orders", "Expected\norders", "credit"),
        Column("clv", f"Value\n{unit.strip()}", "money"),
        Column("interval", interval, align="right"),
        Column("each", "Per\ncustomer", "money"),
        Column("each_interval", interval, align="right"),
    ]
    if (rows["held"] == "yes").any():
        columns.append(Column("held", "Calibrated"))
    return Table(
        title=f"Value over the next {horizon(clv.horizon_months)}, discounted at {level(clv.discount_rate)} a year",
        data=rows,
        columns=tuple(columns),
        caption=f"Value: expected {prose.what_value(clv)} of customers known today. {prose.calibration_sentence(clv)}",
        bold_rows=tuple(range(len(segments), len(rows))),
    )


def time_figures(clv: ClvResults, run: RunResults) -> list[Block]:
    """Expected value by month and the share of each tenth of customers, side by side, as far as the run has them."""
    blocks: list[Block] = []
    unit = f", {run.currency}" if run.currency else ""
    if clv.monthly is not None and clv.monthly["expected_value"].any():
        monthly = of_all(clv.monthly)
        taken = float(monthly["expected_value"].sum() - monthly["discounted_value"].sum())
        blocks.append(
            Figure(
                title=f"Expected value by month{unit}; discounting takes off {about(taken, run.currency)}",
                drawing=partial(figure_clv.draw_months, monthly),
                alt="Bars of the expected value per month of the horizon, undiscounted and discounted.",
                caption=cut_months(monthly["month"].tolist(), monthly["days"].tolist()),
                width="half",
                data=monthly,
            )
        )
    deciles = None if clv.deciles is None else of_all(clv.deciles)
    if deciles is not None and len(deciles) and float(deciles["clv"].sum()) > 0:
        first = share(float(deciles["clv"].iloc[0]) / float(deciles["clv"].sum()))
        blocks.append(
            Figure(
                title=f"The most valuable tenth of customers holds {first} of the value",
                drawing=partial(figure_clv.draw_deciles, deciles),
                alt=f"Bars of the share of value per tenth of customers; the first holds {first}.",
                width="half",
                caption=_first_tenths(clv),
                data=deciles,
            )
        )
    return blocks


def _first_tenths(clv: ClvResults) -> str:
    """What the first tenth of each segment's own customers holds, where there are segments of a hundred or more."""
    rows = clv.deciles
    if rows is None:
        return ""
    sums = rows.groupby("segment")[["customers", "clv"]].sum()
    large = sums[(sums["customers"] >= 100) & (sums["clv"] > 0)].drop(index="all", errors="ignore")
    first = rows[rows["decile"] == 1].set_index("segment")["clv"]
    shares = (first.reindex(large.index) / large["clv"]).sort_values(kind="stable")
    if len(shares) < 2:
        return ""
    least, most = (f"{percent(float(shares.iloc[at]), 0)} ({shorten(clean(shares.index[at]), 24)})" for at in (0, -1))
    return f"Within its segment the first tenth holds {least} to {most}."


def _month_table(monthly: pd.DataFrame, clv: ClvResults, run: RunResults) -> Table:
    import pandas as pd

    unit = f" ({run.currency})" if run.currency else ""
    revenue = () if clv.margin is None else (Column("expected_revenue", f"Expected revenue{unit}", "money"),)
    said = "" if clv.margin is None else f"Value: {prose.what_value(clv)}. "
    rows = monthly.assign(
        added=monthly["discounted_value"].cumsum(),
        name=month_names(monthly["month"].tolist(), monthly["days"].tolist()),
    )
    names = ["expected_orders", "expected_revenue", "expected_value", "discounted_value"]
    sums = pd.DataFrame([{"name": "All months", **rows[names].sum()}])
    return Table(
        title="What to expect each month from customers known today",
        data=pd.concat([rows, sums], ignore_index=True),
        columns=(
            Column("name", "Month", width=1),
            Column("expected_orders", "Expected orders", "credit", decimals=credit_decimals(rows["expected_orders"])),
            *revenue,
            Column("expected_value", f"Expected value{unit}", "money"),
            Column("discounted_value", "Discounted", "money"),
            Column("added", "Discounted, added up", "money"),
        ),
        caption=f"{said}First orders of new customers are not in it.",
        bold_rows=(len(rows),),
    )


def _holdout_blocks(clv: ClvResults, run: RunResults) -> list[Block]:
    totals = clv.holdout_totals
    table = [] if totals is None or not len(totals) else [_holdout_table(totals, run)]
    is_short = totals is not None and len(totals) <= 3
    blocks: list[Block] = [Prose(prose.holdout_sentence(clv, run)), *(table if is_short else ())]
    blocks += held_figures(clv, run)
    if clv.holdout_by_frequency is not None and len(clv.holdout_by_frequency):
        rows = of_all(clv.holdout_by_frequency)
        blocks.append(
            Figure(
                title=_furthest_off(rows),
                drawing=partial(figure_clv.draw_by_frequency, rows),
                alt="Bars of mean orders in the part held back, actual and forecast, by repeat orders before: "
                + "; ".join(
                    f"{f}: {number(a, 2)} and {number(m, 2)}"
                    for f, a, m in rows[["frequency", "actual_mean", "forecast_mean"]].itertuples(index=False)
                )
                + ".",
                n=f"n = {number(float(rows['customers'].sum()))} customers",
                window=day_range(clv.holdout_start, clv.holdout_end) if clv.holdout_end else "",
                width="half",
                data=rows,
            )
        )
    blocks += customer_figures(clv, run)
    blocks += tracking_by_segment(clv)
    blocks += orders_held_back(clv, run)
    blocks += score_table(clv)
    return blocks if is_short else [*blocks, *table]


def _furthest_off(rows: pd.DataFrame) -> str:
    """Of which group of customers the forecast misses most orders in all."""
    missed = ((rows["forecast_mean"] - rows["actual_mean"]) * rows["customers"]).abs()
    row = rows.iloc[int(missed.to_numpy().argmax())]
    decimals = 2 if float(row["actual_mean"]) < 10 else 1
    came, forecast = (number(float(row[name]), decimals) for name in ("actual_mean", "forecast_mean"))
    before = f"{row['frequency']} {plural(0 if row['frequency'] != '1' else 1, 'repeat order')}"
    return f"Most is missed of customers with {before}: {forecast} forecast, {came} came"


def held_figures(clv: ClvResults, run: RunResults) -> list[Block]:
    """Forecast and actual repeat orders with the line where the part held back begins; none without a holdout."""
    if clv.holdout_tracking is None or not len(clv.holdout_tracking):
        return []
    return _tracking_figures(of_all(clv.holdout_tracking), clv, run)


def _tracking_figures(tracking: pd.DataFrame, clv: ClvResults, run: RunResults) -> list[Block]:
    last = tracking.iloc[-1]
    error = (
        last["cumulative_forecast"] / last["cumulative_actual"] - 1 if last["cumulative_actual"] > 0 else float("nan")
    )
    ends = (
        f"ends {percent(abs(error))} {'above' if error > 0 else 'below'} what came" if error == error else "over time"
    )
    source = _source(clv, run)
    held = f"held back from {day(clv.holdout_start)}" if clv.holdout_start else ""
    period = clv.period_name
    unseen = tracking[tracking["is_holdout"].astype(bool)]
    came, foretold = (f"{float(unseen[name].mean()):,.3g}" for name in ("actual", "forecast"))
    each = f"Held back, {came} repeat orders came a {period}, {foretold} were forecast"
    drawn = (
        (True, f"From the first order on, the forecast {ends}", f"added up, actual and forecast; the forecast {ends}"),
        (
            False,
            each if len(unseen) else f"Repeat orders per {period}",
            f"per {period}, actual and forecast, with the part held back shaded",
        ),
    )
    return [
        Figure(
            title=title,
            drawing=partial(figure_clv.draw_tracking, tracking, cumulative=cumulative, period_name=period),
            alt=f"Lines of repeat orders {what}.",
            n=source["n"],
            window=held,
            width="half",
            data=tracking,
        )
        for cumulative, title, what in drawn
    ]


def _holdout_table(totals: pd.DataFrame, run: RunResults) -> Table:
    import pandas as pd

    segments = totals[totals["segment"] != "all"].sort_values(["actual_orders", "segment"], ascending=[False, True])
    rows = pd.concat([segments, totals[totals["segment"] == "all"].assign(segment="All customers")], ignore_index=True)
    decimals = credit_decimals(rows["forecast_orders"])
    rows = rows.assign(
        segment=rows["segment"].map(table_name),
        interval=[number_range(a, b, decimals) for a, b in zip(rows["low"], rows["high"], strict=True)],
        inside=[
            "–" if low != low else "inside" if low <= actual <= high else "outside"
            for low, actual, high in zip(rows["low"], rows["actual_orders"], rows["high"], strict=True)
        ],
    )
    known = rows["low"].notna()
    held = int(((rows["inside"] == "inside") & (rows["segment"] != "All customers") & known).sum())
    of = int((known & (rows["segment"] != "All customers")).sum())
    return Table(
        title="Repeat orders in the part held back",
        data=rows,
        columns=(
            Column("segment", "Segment", width=1),
            Column("customers", "Customers", "count"),
            Column("actual_orders", "Came", "count"),
            Column("forecast_orders", "Forecast", "credit"),
            Column("error", "Error", "signed_percent"),
            Column("interval", f"{prose.interval_name(run.confidence)}", align="right"),
            Column("inside", "What came lies"),
        ),
        caption=f"{held} of {of} segments lie inside their interval." if of > 1 else "",
        bold_rows=tuple(range(len(segments), len(rows))),
        tones=(("outside", "down"),),
    )
