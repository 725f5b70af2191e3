"""The first page, which an executive can read alone: what changed, what customers are worth, how sure, what to do."""

from __future__ import annotations

from functools import partial

from reports.figures.comparison import draw_changes
from reports.pages import prose
from reports.pages.actions import what_to_do
from reports.pages.certainty import certainty
from reports.pages.channel_customers import where_the_answer_changes
from reports.pages.content import Block, Figure, Heading, KeyFigure, KeyFigures, Points, Prose, Section
from reports.pages.customers import held_figures, segment_figures, time_figures
from reports.results.run_results import AttributionResults, ClvResults, RunResults
from reports.wording.labels import clean, listing, model_name, plural, shorten
from reports.wording.number_format import (
    amount_range,
    credit_decimals,
    days,
    horizon,
    is_missing,
    number,
    percent,
    short_amount,
    whole_or,
)

MOST_CHANGES = 8
MOST_TYPES = 4
# How a warning begins that says why a whole part is missing.
_FAILED_PARTS = {"channels": "What channels earned", "customer value": "What customers are worth"}


def front_page(run: RunResults) -> Section:
    """Build the first page from whatever parts the run has."""
    blocks: list[Block] = []
    blocks += [Prose(alarm, lead="Before you read on.", tone="callout") for alarm in run.alarms]
    figures = (*_channel_figures(run), *_customer_figures(run))
    if figures:
        blocks.append(KeyFigures(figures))
    if run.attribution is not None:
        blocks += [Heading(f"What changed against {prose.in_sentence(run.attribution.baseline)}")]
        blocks += _changes(run.attribution, run)
    if run.clv is not None:
        blocks += [Heading("What customers are worth"), Prose(prose.what_customers_are_worth(run.clv, run))]
        worth = (prose.who_is_worth_most(run.clv, run), where_the_answer_changes(run))
        blocks += [Prose(" ".join(text for text in worth if text))] if any(worth) else []
        if run.attribution is None:
            segments = segment_figures(run.clv, run, most=8)
            blocks += segments or [*time_figures(run.clv, run), *held_figures(run.clv, run)]
    for part, title in _FAILED_PARTS.items():
        why = [warning.removeprefix(f"{part}: ") for warning in run.warnings if warning.startswith(f"{part}: ")]
        if why:
            blocks += [Heading(title), Prose(" ".join(why), lead="Not answered.", tone="callout")]
    if run.attribution is None and run.clv is None:
        blocks.append(Prose("This run holds neither channels nor customers' value.", tone="callout"))
    blocks += [Heading("How sure we are"), Points(certainty(run))]
    if proposals := what_to_do(run):
        blocks += [Heading("What to do"), Points(proposals)]
    return Section("Summary", tuple(blocks))


def _channel_figures(run: RunResults) -> tuple[KeyFigure, ...]:
    attribution = run.attribution
    if attribution is None:
        return ()
    total, channels = prose.total_conversions(attribution), len(attribution.comparison)
    credited = whole_or(total, credit_decimals([total]))
    value = model_value(attribution)
    note = f"over {number(channels)} {plural(channels, 'channel')}"
    if not is_missing(value) and value:
        note = f"worth {short_amount(value, run.currency)}, {note}"
    if attribution.types:
        note += f", orders of {number(len(attribution.types))} types together"
    first = KeyFigure("Conversions credited", credited, note)
    if not total > 0 or channels < 2:
        return (first,)
    clear = len(prose.clear_moves(attribution))
    moved = KeyFigure(
        "Credit that moves",
        percent(prose.moved_conversions(attribution) / total),
        f"between channels against {prose.in_sentence(attribution.baseline)}; "
        f"{clear} of {channels} {plural(clear, 'differs', 'differ')} clearly",
    )
    return (first, moved)


def model_value(attribution: AttributionResults) -> float:
    """Money that the model shares out; NaN where paths carry none."""
    credit = attribution.credit
    rows = credit[(credit["model"] == attribution.model) & (credit["segment"] == "all")]
    return float(rows["value"].sum(min_count=1)) if len(rows) else float("nan")


def _customer_figures(run: RunResults) -> tuple[KeyFigure, ...]:
    if run.clv is None or (total := prose.total_row(run.clv.segment_forecast)) is None:
        return ()
    value, low, high = (float(str(total[name])) for name in ("clv", "low", "high"))
    customers = float(str(total["customers"]))
    if is_missing(value) or not customers > 0:
        return ()
    known = not is_missing(low) and not is_missing(high)
    about, least, most = prose.without_idle_digits(value, low, high)
    bounds = f"{prose.interval_name(run.confidence)} {amount_range(least, most, run.currency)}" if known else ""
    figures = [
        KeyFigure(f"Customers' value, {horizon(run.clv.horizon_months)}", short_amount(about, run.currency), bounds)
    ]
    if run.attribution is None:
        each = f"over {number(customers)} {plural(customers, 'customer')}"
        mean, _ = prose.with_doubt(value / customers, low / customers, high / customers, run.currency)
        figures.append(KeyFigure("Value per customer", mean, each))
    if (error := holdout_error(run.clv)) is not None:
        length = ""
        if run.clv.holdout_start and run.clv.holdout_end:
            length = f", last {days((run.clv.holdout_end - run.clv.holdout_start).days + 1)}"
        figures.append(
            KeyFigure("Forecast against what came", percent(error, signed=True), f"repeat orders held back{length}")
        )
    return tuple(figures)


def holdout_error(clv: ClvResults) -> float | None:
    """Forecast / actual - 1 of the repeat orders held back, or None when there is no such number."""
    total = None if clv.holdout_totals is None else prose.total_row(clv.holdout_totals)
    if total is None or not float(str(total["actual_orders"])) > 0:
        return None
    return float(str(total["forecast_orders"])) / float(str(total["actual_orders"])) - 1


def _types_together(attribution: AttributionResults) -> str:
    """A sentence that credit adds up orders of several types, how many there are of each, and where each is alone."""
    types = attribution.types
    if not types:
        return ""
    named = [f"{number(count)} of “{shorten(clean(name), 30)}”" for name, count in list(types.items())[:MOST_TYPES]]
    left = len(types) - MOST_TYPES
    named += [f"{number(sum(list(types.values())[MOST_TYPES:]))} of {number(left)} other types"] if left > 0 else []
    segments = None if attribution.depth is None else attribution.depth.segments
    apart = segments is not None and (segments.shares["kind"] == "types").any()
    where = (
        "each type alone is in the table credit beside this report"
        if apart
        else "a filter of [orders] leaves one type alone"
    )
    return f"Orders of all types end journeys and are added up here ({listing(named)}); {where}."


def _changes(attribution: AttributionResults, run: RunResults) -> list[Block]:
    in_money = prose.moved_in_money(attribution, run.confidence, currency=run.currency)
    said = (_types_together(attribution), prose.what_changed(attribution, run.confidence), in_money)
    blocks: list[Block] = [Prose(" ".join(text for text in said if text))]
    if moves := prose.top_moves(attribution, run.confidence, currency=run.currency):
        blocks.append(Points(moves))
    rows = attribution.comparison
    if len(rows) < 2 or not prose.total_conversions(attribution) > 0:
        return blocks
    drawn = min(len(rows), MOST_CHANGES)
    shown = "" if drawn == len(rows) else f" The {drawn} largest of {len(rows)}."
    model, baseline = model_name(attribution.model, order=attribution.order), prose.in_sentence(attribution.baseline)
    blocks.append(
        Figure(
            title=prose.comparison_title(attribution),
            drawing=partial(draw_changes, rows, most=drawn),
            alt=f"Bars of the change in credited conversions per channel, {model} minus {baseline}. "
            + prose.what_changed(attribution, run.confidence),
            caption=f"{model} minus {baseline}, in conversions; lines are {prose.interval_name(run.confidence)}s, grey "
            f"bars are not clear with all channels judged together.{shown}",
            data=rows,
        )
    )
    return blocks
