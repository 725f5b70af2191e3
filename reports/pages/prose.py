"""Sentences written from the numbers: what changed against last click, what customers are worth, how sure we are.

No sentence claims more than its interval bears: where an interval holds zero, or two intervals meet, it says so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reports.wording.labels import clean, listing, model_name, plural, shorten
from reports.wording.number_format import (
    NO_BREAK,
    amount,
    amount_range,
    credit_decimals,
    day_range,
    days,
    horizon,
    is_missing,
    level,
    money_decimals,
    number,
    number_range,
    percent,
    short_amount,
    whole_or,
)

if TYPE_CHECKING:
    import pandas as pd

    from reports.results.run_results import AttributionResults, ClvResults, RunResults

NO_DIFFERENCE = "no clear difference"
NAME_WIDTH = 40
FEWEST_CUSTOMERS = 30  # of a segment that is named for what its customers are worth
_NO_CENTS = 10  # from which width of an interval on an amount has none
_OWN_NAMES = {"markov": "the Markov model", "shapley": "the Shapley model", "regression": "the regression"}


def in_sentence(model: str) -> str:
    """A model's name inside a sentence: last click, the Markov model."""
    name = model_name(model)
    return _OWN_NAMES.get(model, name[0].lower() + name[1:])


def interval_name(confidence: float) -> str:
    """``90% interval``."""
    return f"{level(confidence)} interval"


def total_conversions(attribution: AttributionResults) -> float:
    """Conversions that the model shares out."""
    return float(attribution.comparison[attribution.model].fillna(0).sum())


def clear_moves(attribution: AttributionResults) -> pd.DataFrame:
    """The channels whose change is clear with all judged together, the largest change first."""
    clear = clear_rows(attribution.comparison)
    return clear.loc[clear["difference"].abs().sort_values(ascending=False, kind="stable").index]


def clear_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a comparison whose change is clear with all judged together."""
    return rows[rows["clear_together"].astype(bool)]


def clear_alone(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a comparison whose interval of the change does not hold zero, each judged by itself."""
    return rows[(rows["difference_low"] > 0) | (rows["difference_high"] < 0)]


def clear_by_chance(attribution: AttributionResults, confidence: float) -> str:
    """How many channels would look clear where nothing is; empty below one, and where there are no intervals."""
    rows = attribution.comparison
    expected = len(rows) * (1 - confidence)
    if expected < 1 - 1e-9 or rows["difference_low"].isna().all() or not total_conversions(attribution) > 0:
        return ""
    return f"by chance alone some {number(expected)} of {number(len(rows))} channels would look clear one by one"


def moved_conversions(attribution: AttributionResults) -> float:
    """Conversions that the model takes from some channels and gives to others."""
    return float(attribution.comparison["difference"].clip(lower=0).sum())


def what_changed(attribution: AttributionResults, confidence: float) -> str:
    """The comparison in one or two sentences."""
    rows, total = attribution.comparison, total_conversions(attribution)
    model, baseline = in_sentence(attribution.model), in_sentence(attribution.baseline)
    if not len(rows):
        return "No channel was touched before any conversion, so there is no credit to compare."
    if not total > 0:
        return "No journey in this data ended in a conversion, so there is no credit to share out."
    if len(rows) == 1:
        only = shorten(clean(rows["channel"].iloc[0]), NAME_WIDTH)
        return f"{only} is the only channel in the data: every model gives it all the credit."
    if rows["difference_low"].isna().all():
        moved = _moved(attribution, total)
        return f"Against {baseline}, {model} {moved}. No intervals were computed, so no change is called clear."
    clear = len(clear_moves(attribution))
    if clear == 0:
        why = f"every {interval_name(confidence)} of the change holds zero."
        if alone := len(clear_alone(rows)):
            why = f"{alone} would look so alone, but not with all channels judged together."
        return f"For none of the {len(rows)} channels does {model} clearly differ from {baseline}: {why}"
    channels = f"all {len(rows)}" if clear == len(rows) else f"{clear} of {len(rows)}"
    return (
        f"For {channels} channels the credit by {model} clearly differs from the credit by {baseline}. In all it "
        f"{_moved(attribution, total)}."
    )


def _moved(attribution: AttributionResults, total: float) -> str:
    moved = moved_conversions(attribution)
    decimals = credit_decimals([total])
    return (
        f"moves {number(moved, decimals)} of {whole_or(total, decimals)} conversions "
        f"({percent(moved / total)}) from one channel to another"
    )


def moved_in_money(attribution: AttributionResults, confidence: float, *, currency: str | None) -> str:
    """What the moves come to in money, where conversions have values; empty where they have none."""
    rows = attribution.comparison_value
    total = 0.0 if rows is None else float(rows[attribution.model].fillna(0).sum())
    if rows is None or len(rows) < 2 or not total > 0:
        return ""
    measure, clear = "money" if currency else "value", len(clear_rows(rows))
    brackets = f" Brackets hold {interval_name(confidence)}s." if len(clear_moves(attribution)) else ""
    known = not rows["difference_low"].isna().all()
    if known and not clear:
        return f"In {measure} no channel's change is clear.{brackets}"
    of = f"all {clear}" if clear == len(rows) else f"{clear} of {len(rows)}"
    moved = float(rows["difference"].clip(lower=0).sum())
    return (
        f"In {measure} it moves {short_amount(moved, currency)} of {short_amount(total, currency)} "
        f"({percent(moved / total)}){f', clearly for {of} channels' if known else ''}.{brackets}"
    )


def _in_money(attribution: AttributionResults, channel: object, currency: str | None) -> str:
    """What a channel's move comes to in money; empty where conversions have no values."""
    table = attribution.comparison_value
    rows = None if table is None else table[table["channel"] == channel]
    if rows is None or not len(rows):
        return ""
    change, low, high = (float(rows[f"difference{end}"].iloc[0]) for end in ("", "_low", "_high"))
    if low <= 0 <= high:
        _, least, most = without_idle_digits(change, low, high)
        bounds = number_range(least, most, money_decimals([least, most]), signed=True)
        return (
            f"in {'money' if currency else 'value'} not clearly ({f'{currency}{NO_BREAK}' if currency else ''}{bounds})"
        )
    about, least, most = without_idle_digits(abs(change), *((low, high) if change > 0 else (-high, -low)))
    bounds = "" if is_missing(low) or is_missing(high) else f" ({amount_range(least, most, None)})"
    said = short_amount(about, currency) if currency else f"value {short_amount(about, None)}"
    return f"{said} {'more' if change > 0 else 'less'}{bounds}"


def top_moves(
    attribution: AttributionResults, confidence: float, *, currency: str | None = None, most: int = 3
) -> tuple[tuple[str, str], ...]:
    """The largest clear changes: channel, and what it gains or loses with its interval, in money too if there is any.

    With money there are two intervals, so that they are named once before (see :func:`moved_in_money`).
    """
    moves = clear_moves(attribution).head(most)
    decimals, points = comparison_decimals(attribution), []
    for row in moves.to_dict("records"):
        change, before, after = row["difference"], row[attribution.baseline], row[attribution.model]
        size = number(change, decimals, signed=True)
        bounds = number_range(row["difference_low"], row["difference_high"], decimals, signed=True)
        relative = f"{_relative(float(before), float(after))}; " if before > 0 else ""
        if money := _in_money(attribution, row["channel"], currency):
            instead, told = ", not", f"({bounds}); {money}"
        else:
            instead, told = " instead of", f"({relative}{interval_name(confidence)} {bounds})"
        points.append(
            (
                shorten(clean(row["channel"]), NAME_WIDTH),
                f"gets {number(after, decimals)} conversions{instead} {number(before, decimals)}: {size} {told}.",
            )
        )
    return tuple(points)


def _relative(before: float, after: float) -> str:
    """A change in per cent, or as a multiple where per cent would be hard to picture."""
    if after >= 4 * before:
        return f"{number(after / before, 1 if after < 10 * before else 0)}-fold"
    return percent(after / before - 1, 0, signed=True)


def comparison_title(attribution: AttributionResults) -> str:
    """The message of the figure that compares model and baseline."""
    clear = clear_moves(attribution)
    baseline = in_sentence(attribution.baseline)
    if not total_conversions(attribution) > 0 or len(attribution.comparison) < 2:
        return f"{model_name(attribution.model)} and {baseline} give the same credit"
    if attribution.comparison["difference_low"].isna().all():
        return f"How {in_sentence(attribution.model)} moves credit against {baseline}; no intervals were computed"
    if not len(clear):
        return f"No channel's credit clearly differs from {baseline}"
    parts = []
    for rows, verb in (
        (clear[clear["difference"] > 0], "under-credits"),
        (clear[clear["difference"] < 0], "over-credits"),
    ):
        if len(rows):
            parts.append(f"{verb} {shorten(clean(rows['channel'].iloc[0]), NAME_WIDTH)} most")
    sentence = f"{baseline} {listing(parts)}"
    return sentence[0].upper() + sentence[1:]


def total_row(table: pd.DataFrame) -> dict[str, object] | None:
    """The row of all customers together, or None."""
    rows = table[table["segment"] == "all"]
    return {str(key): value for key, value in rows.iloc[0].items()} if len(rows) else None


def what_value(clv: ClvResults) -> str:
    """What `clv` counts, as a noun: revenue or margin."""
    return "revenue" if clv.margin is None else f"margin (at {level(round(clv.margin, 3))} of revenue)"


def without_idle_digits(value: float, low: float, high: float) -> tuple[float, float, float]:
    """An amount and its bounds without the digits that so wide an interval says nothing about.

    Rounded to the power of ten below a 25th of the interval's width; cents stay, and so does an amount without bounds.
    """
    width = high - low
    if is_missing(width) or width < 250:
        return value, low, high
    step = 10.0 ** math.floor(math.log10(width / 25))
    rounded = [step * round(one / step) for one in (value, low, high)]
    return rounded[0], rounded[1], rounded[2]


def with_doubt(value: float, low: float, high: float, currency: str | None) -> tuple[str, str]:
    """An amount without digits, cents among them, that so wide an interval says nothing about; the interval after it.

    The interval comes in brackets with a blank before, or empty where there is none.
    """
    about, least, most = without_idle_digits(value, low, high)
    decimals = 0 if high - low >= _NO_CENTS else money_decimals([value])
    bounds = "" if is_missing(low) or is_missing(high) else f" ({number_range(least, most, decimals)})"
    return amount(about, currency, decimals=decimals), bounds


def what_customers_are_worth(clv: ClvResults, run: RunResults) -> str:
    """The total and the value per customer with their intervals, horizon and discount rate."""
    total = total_row(clv.segment_forecast)
    if total is None or not float(str(total["customers"])) > 0:
        return "No customer has ordered in this data, so there is nothing to forecast."
    customers, value = float(str(total["customers"])), float(str(total["clv"]))
    low, high = float(str(total["low"])), float(str(total["high"]))
    who = "The one customer is" if customers == 1 else f"The {number(customers)} customers are"
    if is_missing(value):
        return (
            f"No value is given for the {number(customers)} {plural(customers, 'customer')}, because the models "
            "could not "
            "be fitted (see the notes on the customer pages)."
        )
    if value == low == high == 0:
        of = f"of the {number(customers)} {plural(customers, 'customer')}"
        return f"No order in this data is worth anything, so that {of} only orders can be forecast."
    about, least, most = without_idle_digits(value, low, high)
    bounds = f" ({interval_name(run.confidence)} {amount_range(least, most, run.currency)})"
    each, each_bounds = with_doubt(value / customers, low / customers, high / customers, run.currency)
    if is_missing(low) or is_missing(high):
        bounds = ""
    return (
        f"{who} expected to bring {short_amount(about, run.currency)} of {what_value(clv)} over the next "
        f"{horizon(clv.horizon_months)}{bounds}, discounted at {level(clv.discount_rate)} a year"
        + (f": {each} per customer{each_bounds}." if customers > 1 else ".")
    )


def who_is_worth_most(clv: ClvResults, run: RunResults) -> str:
    """The segments of highest and lowest value per customer, called different only when their intervals are apart."""
    rows = clv.segment_forecast
    rows = rows[(rows["segment"] != "all") & (rows["customers"] > 0) & rows["clv"].notna()]
    large = rows[rows["customers"] >= FEWEST_CUSTOMERS]
    of = f" of {FEWEST_CUSTOMERS} customers or more" if len(large) < len(rows) else ""
    rows = large if of else rows
    if len(rows) < 2 or not rows["clv"].any():
        return ""
    each = rows.assign(value=rows["clv"] / rows["customers"], least=rows["low"] / rows["customers"])
    each = each.assign(most=each["high"] / each["customers"]).sort_values("value", ascending=False, kind="stable")
    best, worst = each.iloc[0], each.iloc[-1]
    names = [f"“{shorten(clean(row['segment']), NAME_WIDTH)}”" for row in (best, worst)]
    by = f" by {clean(clv.segment_by)}" if clv.segment_by else ""
    texts = [
        "".join(with_doubt(float(row["value"]), float(row["least"]), float(row["most"]), run.currency))
        for row in (best, worst)
    ]
    if best["least"] > worst["most"]:
        return (
            f"Of the {len(rows)} segments{by}{of}, {names[0]} is worth most per customer: {texts[0]}; "
            f"{names[1]} least: {texts[1]}."
        )
    return (
        f"Of the {len(rows)} segments{by}{of}, {names[0]} shows the highest value per customer, {texts[0]}, and "
        f"{names[1]} the lowest, {texts[1]}, but their intervals overlap: the difference is not clear."
    )


def holdout_sentence(clv: ClvResults, run: RunResults) -> str:
    """How the forecast did on the part of the data it had not seen."""
    total = None if clv.holdout_totals is None else total_row(clv.holdout_totals)
    if total is None:
        return "The forecast has not been tested on held-back data in this run: treat it with care."
    actual, forecast = float(str(total["actual_orders"])), float(str(total["forecast_orders"]))
    decimals = credit_decimals([forecast])
    span = "the end of the data"
    if clv.holdout_start and clv.holdout_end:
        length = (clv.holdout_end - clv.holdout_start).days + 1
        span = f"the last {days(length)} ({day_range(clv.holdout_start, clv.holdout_end)})"
    if not actual > 0:
        return (
            f"Tested on {span}, which the model had not seen: it forecast {number(forecast, decimals)} repeat orders "
            "and "
            "none came."
        )
    error = forecast / actual - 1
    verdict = "exactly right" if error == 0 else f"{percent(abs(error))} too {'many' if error > 0 else 'few'}"
    low, high = float(str(total["low"])), float(str(total["high"]))
    inside = ""
    if not is_missing(low) and not is_missing(high):
        where = "inside" if low <= actual <= high else "outside"
        inside = f", {where} the {interval_name(run.confidence)} of {number_range(low, high)}"
    return (
        f"Tested on {span}, which the model had not seen: it forecast {number(forecast, decimals)} repeat orders "
        f"and {number(actual)} came: {verdict}{inside}."
    )


def calibration_sentence(clv: ClvResults) -> str:
    """Whether the intervals of value have been shown to hold; the word calibrated only where the table says so."""
    changed = _changed_total(clv)
    flags = clv.segment_forecast["calibrated"].fillna(value=False).astype(bool)
    if len(flags) and flags.all():
        return (
            "The intervals of value are calibrated: forecasts from earlier dates of this data held as often as stated."
        )
    if flags.any():
        return (
            f"The intervals of {int(flags.sum())} of {len(flags)} rows are calibrated on earlier dates of this data; "
            "the others have not been shown to hold."
        )
    if changed:
        return changed
    return "The intervals of value rest on the model alone; earlier dates of this data have not shown that they hold."


def _changed_total(clv: ClvResults) -> str:
    """How the interval of the total was changed by forecasts from earlier days; empty where it was not."""
    widening = clv.widening.get("all", 1.0)
    if clv.level == 1 and widening == 1:
        return ""
    moved = f"The value is moved {'up' if clv.level > 1 else 'down'} by {percent(abs(clv.level - 1))}"
    changes = [moved] if clv.level != 1 else []
    if widening > 1:
        wider = f"interval of the total is widened {number(widening, 1)} times"
        changes.append(f"its {wider.replace('of the total ', '')}" if changes else f"The {wider}")
    return (
        f"{' and '.join(changes)}, as forecasts from earlier dates of this data missed by more than chance; they are "
        "too few to show that it holds now."
    )


def comparison_decimals(attribution: AttributionResults) -> int:
    """Decimals that every number of the comparison is written with, so that changes add up before the reader's eye.

    No bound of a clear change is rounded to zero, which would read as if it were not clear.
    """
    decimals = credit_decimals(attribution.comparison[[attribution.baseline, attribution.model]].to_numpy().ravel())
    clear = clear_alone(attribution.comparison)
    nearest = clear[["difference_low", "difference_high"]].abs().min(axis=1).min() if len(clear) else 1.0
    while decimals < 3 and nearest < 0.5 * 10.0**-decimals:
        decimals += 1
    return decimals


def interval_meaning(confidence: float, *, channels: bool) -> str:
    """What an interval says and what it leaves out."""
    beyond = (
        "credit describes recorded journeys; only an experiment proves what a channel causes."
        if channels
        else "another season, another offer, another kind of customer."
    )
    return (
        f"Among other customers of the same kind, {level(confidence)} of such intervals would hold the model's true "
        f"value. What the model leaves out they cannot show: {beyond}"
    )
