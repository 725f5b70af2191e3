"""The pages behind the forecast: its test from earlier days, what to book, what has changed since, and the lists."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reports.figures import customers as figure_clv
from reports.pages import prose
from reports.pages.booking import how_far, past_errors
from reports.pages.content import Block, Column, Figure, Prose, Section, Table
from reports.results.run_results import ClvResults, RunResults, ValueDepth
from reports.wording.labels import plural, table_name
from reports.wording.months import cut_months, month_names, months_in_words
from reports.wording.number_format import amount, day, horizon, number, percent, share

if TYPE_CHECKING:
    import pandas as pd

_LISTS = {
    "at_risk": ("At risk", "silent for longer than usual for them, less likely than not to order again, {since}"),
    "overdue": ("Overdue", "silent for longer than their own rhythm explains, and probably still there"),
    "top_value": ("Top by value", "the largest expected value over the horizon"),
    "second_order": ("Worth a second order", "bought once: the largest expected value over the horizon"),
}
MOST_LISTED = 1_000
SHOWN_COHORTS = 3


def value_depth_sections(run: RunResults) -> tuple[Section, ...]:
    """Build the pages behind the forecast; none where the run has nothing of it."""
    clv = run.clv
    if clv is None or clv.depth is None:
        return ()
    depth = clv.depth
    sections = (
        Section("Forecasts from earlier days", tuple(_origin_blocks(depth, clv, run)), new_page=False),
        Section("What to book", tuple(_cash_blocks(depth, clv, run)), new_page=False),
        Section("What has changed since the last run", tuple(_change_blocks(depth, run)), new_page=False),
        Section("Customers to act on", tuple(_list_blocks(depth, run)), new_page=False),
    )
    return tuple(section for section in sections if section.blocks)


def _origin_blocks(depth: ValueDepth, clv: ClvResults, run: RunResults) -> list[Block]:
    rows = depth.calibration
    if rows is None or not len(rows) or depth.origins is None or depth.origins_months is None:
        return []
    total = rows[rows["segment"] == "all"].iloc[0]
    days = depth.origins["origin"]
    bias = float(total["bias"])
    direction = (
        "neither too much nor too little"
        if abs(bias) < 0.0005
        else f"{percent(abs(bias))} too " + ("much" if bias > 0 else "little")
    )
    missed = f" On average they were {direction}." if bias == bias else ""
    held = round(float(total["coverage"]) * int(total["origins"]))
    text = (
        f"The value of {horizon(depth.origins_months)} was forecast from {int(total['origins'])} earlier days, "
        f"{day(days.min())} to {day(days.max())}, and compared with what came.{missed} {held} of "
        f"{int(total['origins'])} {prose.interval_name(run.confidence)}s held; the days overlap, as "
        f"{number(float(total['windows']), 1)} such windows fit into the data."
    )
    if depth.origins_months != clv.horizon_months:
        text += (
            f" The data are too short to test {horizon(clv.horizon_months)}, so that no interval of that length is "
            "called calibrated."
        )
    worth = clv.segment_forecast.set_index("segment")["clv"].reindex(rows["segment"]).to_numpy()
    rows = rows.assign(worth=worth, last=rows["segment"] == "all")
    rows = rows.sort_values(["last", "worth"], ascending=[True, False], kind="stable").reset_index(drop=True)
    last = rows["segment"] == "all"
    rows = rows.assign(
        widening=[clv.widening.get(str(name), 1.0) for name in rows["segment"]],
        segment=[
            "All customers" if is_all else table_name(name) for name, is_all in zip(rows["segment"], last, strict=True)
        ],
        verdict=["yes" if flag else "not shown" for flag in rows["calibrated"].astype(bool)],
    )
    return [
        Prose(text),
        Table(
            title=f"How forecasts of {horizon(depth.origins_months)} from earlier days have held",
            data=rows,
            columns=(
                Column("segment", "Segment", width=1),
                Column("bias", "Bias", "signed_percent"),
                Column("coverage", "Intervals\nthat held", "percent"),
                Column("coverage_adjusted", "Held once\nchanged", "percent"),
                *([Column("shift", "Moved by\n(std. dev.)", "signed", decimals=2)] if rows["shift"].any() else []),
                Column("widening", "Widened\n(times)", "ratio"),
                Column("verdict", "Held as\nstated"),
            ),
            caption="Bias: forecast less what came, of what came. Where the total's is larger than chance explains, "
            "all rows move by it alike, so that segments add up; what errors are left widens each interval. Widened: "
            f"those of this report's {horizon(clv.horizon_months)}. Held once changed: the share that holds then, each "
            "day changed by what the days before it had taught.",
            bold_rows=tuple(place for place, is_all in enumerate(last) if is_all),
            tones=(("not shown", "muted"),),
        ),
    ]


def _cash_blocks(depth: ValueDepth, clv: ClvResults, run: RunResults) -> list[Block]:
    import pandas as pd

    flows = depth.flows
    if flows is None or not len(flows):
        return []
    flows = flows[flows["segment"] == "all"]
    wide = flows.pivot_table(index="period", columns="source", values="contribution", aggfunc="sum").reset_index()
    total = flows[flows["source"] == "total"].set_index("period").loc[wide["period"]]
    rows = wide.assign(p10=total["p10"].to_numpy(), p50=total["p50"].to_numpy(), p90=total["p90"].to_numpy())
    names = ["known customers", "first orders of new customers", "repeat orders of new customers", "total"]
    new = float(rows[names[1:3]].to_numpy().sum()) / float(rows["total"].sum()) if rows["total"].sum() > 0 else 0.0
    unit = f" ({run.currency})" if run.currency else ""
    sums = pd.DataFrame([{name: rows[name].sum() for name in names}])
    over = depth.flow_totals
    if over is not None:
        whole = over[(over["segment"] == "all") & (over["source"] == "total")].iloc[0]
        sums = sums.assign(**{level: float(whole[level]) for level in ("p10", "p50", "p90")})
    what = prose.what_value(clv)
    title = f"New customers are to bring {share(new)} of the {what} of the next {horizon(clv.horizon_months)}"
    if new < 0.005:
        title = f"Known customers are to bring {'all' if new == 0 else 'nearly all'} {what} of the next "
        title += horizon(clv.horizon_months)
    won = depth.new_customers
    text = (
        f"Over the next {horizon(clv.horizon_months)} {amount(float(rows['total'].sum()), run.currency)} of {what} is "
        f"expected, not discounted: {amount(float(rows[names[0]].sum()), run.currency) if new else 'all of it'} from "
        "customers known today"
    )
    expected = 0.0 if won is None else float(won["expected"].sum())
    if expected >= 0.5:
        text += (
            f" and {amount(float(rows[names[1:3]].to_numpy().sum()), run.currency)} from {number(expected)} "
            f"{plural(round(expected), 'customer')} yet to be won"
        )
    text = f"{text}. {how_far(clv, run)} {_why_this(clv, run)}"
    days = flows.drop_duplicates("period").set_index("period")["days"].loc[rows["period"]].tolist()
    cut = cut_months(rows["period"].tolist(), days)
    return [
        Prose(text),
        Figure(
            title=title,
            drawing=partial(figure_clv.draw_cash_flow, flows),
            alt=f"Stacked bars per month of what known and new customers bring, with P10 and P90 of the total. {text}",
            n="" if clv.customers is None else f"n = {number(clv.customers)} {plural(clv.customers, 'customer')}",
            caption=" ".join(
                part
                for part in (
                    cut,
                    "Lines: P10 to P90 of the total, with parameters, outcomes and the number of new customers unsure.",
                    *map(months_in_words, depth.flow_notes),
                )
                if part
            ),
            data=flows,
        ),
        *_flow_figures(depth, run, what),
        Table(
            title=f"Cash flow by month{unit}, not discounted",
            data=pd.concat([rows, sums], ignore_index=True).assign(
                month=[*month_names(rows["period"].tolist(), days), "All months"]
            ),
            columns=(
                Column("month", "Month", width=1),
                *_sources(names) * (new > 0),
                Column("total", "Total", "money"),
                Column("p10", "P10", "money"),
                Column("p50", "P50", "money"),
                Column("p90", "P90", "money"),
            ),
            caption="P10, P50, P90: the total is below them one, five and nine times of ten; they do not add up over "
            f"months.{_heeded(depth)} By segment and by cohort: in the tables beside this report.",
            bold_rows=(len(rows),),
        ),
    ]


def _sources(names: list[str]) -> list[Column]:
    headers = ("Known\ncustomers", "First orders\nof new", "Repeats\nof new")
    return [Column(name, header, "money") for name, header in zip(names, headers, strict=False)]


def _heeded(depth: ValueDepth) -> str:
    """That percentiles were moved or widened, where forecasts from earlier days missed by more than chance."""
    known = depth.calibration
    if known is None or not (known["widening"] != 1).any():
        return ""
    return " They are widened by what forecasts from earlier days missed."


def _why_this(clv: ClvResults, run: RunResults) -> str:
    """Which number to book, and why."""
    return f"Book the expected amounts: months, segments and sources add up to them. {past_errors(clv, run)}".strip()


def _flow_figures(depth: ValueDepth, run: RunResults, what: str) -> list[Block]:
    """Flows of known customers by quarter of first order, and of all by segment, side by side."""
    blocks: list[Block] = []
    unit = f" ({run.currency})" if run.currency else ""
    cohorts, flows = depth.cohorts, depth.flows
    if cohorts is not None and cohorts["cohort"].nunique() > 1 and float(cohorts["expected_revenue"].sum()) > 0:
        by_cohort = cohorts.groupby("cohort")["expected_revenue"].sum()
        newest = by_cohort.index.max()
        held = share(float(by_cohort[newest]) / float(by_cohort.sum()))
        name = figure_clv.quarter_name(newest)
        alone = flows is None or flows["segment"].nunique() < 3
        blocks.append(
            Figure(
                title=f"Customers of {name} bring {held} of the revenue of known customers",
                drawing=partial(figure_clv.draw_cohorts, cohorts, shown=SHOWN_COHORTS, alone=alone),
                alt=f"Stacked bars per month of the expected revenue of known customers by quarter of first order; "
                f"those of {name} bring {held}.",
                caption=f"Revenue{unit} by quarter of first order.",
                width="full" if alone else "half",
                data=cohorts,
            )
        )
    if flows is not None and len(segments := flows[flows["segment"] != "all"]) and segments["segment"].nunique() > 1:
        totals = segments[segments["source"] == "total"].groupby("segment")["contribution"].sum()
        fresh = segments[segments["source"].str.contains("new")].groupby("segment")["contribution"].sum()
        largest = totals.sort_values(ascending=False, kind="stable").index[: figure_clv.MOST_FLOWS]
        shares = (fresh / totals.where(totals > 0)).reindex(largest).dropna()
        title = f"Expected {what} by segment"
        if len(shares) > 1:
            title = (
                f"New customers bring {share(float(shares.min()))} to {share(float(shares.max()))} of a "
                f"segment's {what}"
            )
        drawn = min(segments["segment"].nunique(), figure_clv.MOST_FLOWS)
        left = segments["segment"].nunique() - drawn
        blocks.append(
            Figure(
                title=title,
                drawing=partial(figure_clv.draw_segment_flows, segments),
                alt=f"Stacked bars per segment of what known and new customers bring over the horizon. {title}.",
                caption=f"{what[:1].upper()}{what[1:]}{unit}, not discounted."
                + (f" {left} smaller {plural(left, 'segment')} not drawn." if left else ""),
                width="half",
                data=segments,
            )
        )
    return blocks


def _change_blocks(depth: ValueDepth, run: RunResults) -> list[Block]:
    blocks: list[Block] = []
    weeks, since = depth.drift_weeks, day(depth.earlier)
    then = day(depth.drift_since or depth.earlier)
    if weeks is not None and len(weeks):
        actual, forecast = float(weeks["actual"].sum()), float(weeks["forecast"].sum())
        said = " ".join(depth.drift_messages)
        blocks.append(
            Prose(
                f"The models of {then} expected {number(forecast)} repeat orders in the last {len(weeks)} "
                f"{plural(len(weeks), 'week')}, each forecast from the orders before it; {number(actual)} came. "
                + (said or "Nothing says that customers behave otherwise than then."),
                lead="Drift." if depth.drift_alarm else "No drift.",
                tone="callout" if depth.drift_alarm else "plain",
            )
        )
    bridge = depth.forecast_bridge
    if bridge is not None and len(bridge):
        unit = f" ({run.currency})" if run.currency else ""
        rows = bridge.assign(step=[str(step).capitalize() for step in bridge["step"]])
        rows.loc[rows.index[[0, -1]], "change"] = float("nan")
        change = float(rows["value"].iloc[-1] - rows["value"].iloc[0])
        blocks.append(
            Table(
                title=f"From the forecast of {since} to this one: {amount(change, run.currency)}"
                if change < 0
                else f"From the forecast of {since} to this one: +{amount(change, run.currency)}",
                data=rows,
                columns=(
                    Column("step", "Step", width=1),
                    Column("change", f"Change{unit}", "signed", decimals=0),
                    Column("value", f"Value{unit}", "money"),
                ),
                bold_rows=(0, len(rows) - 1),
            )
        )
    return blocks


def _list_blocks(depth: ValueDepth, run: RunResults) -> list[Block]:
    rows = depth.lists
    if rows is None or not len(rows):
        return []
    unit = f" ({run.currency})" if run.currency else ""
    return [
        Table(
            title="Whom to write to",
            data=_named(rows, depth),
            columns=(
                Column("name", "List"),
                Column("customers", "Customers", "count"),
                *((Column("value", f"Value{unit}", "money"),) if "value" in rows else ()),
                Column("meaning", "Who", width=1),
                Column("file", "File"),
            ),
            caption=f"Each list ends after {number(MOST_LISTED)} customers, the most valuable first. Value: what they "
            "are expected to bring over the horizon, as in the forecast; a customer may be on several lists.",
        )
    ]


def _named(rows: pd.DataFrame, depth: ValueDepth) -> pd.DataFrame:
    since = "for less than four weeks" if depth.lists_since is None else f"only since {day(depth.lists_since)}"
    known = [_LISTS.get(str(name), (str(name), "")) for name in rows["list"]]
    return rows.assign(name=[name for name, _ in known], meaning=[meaning.format(since=since) for _, meaning in known])
