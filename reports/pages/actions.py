"""What to do: proposals for the first page, each made only where the numbers of the run carry it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attribution.direct import is_usual_direct
from reports.pages import prose
from reports.pages.booking import about, how_far, past_errors
from reports.results.channel_returns import channel_returns
from reports.results.run_results import AttributionResults, ClvResults, RunResults
from reports.wording.labels import clean, listing, plural, shorten
from reports.wording.number_format import (
    amount,
    amount_range,
    horizon,
    is_missing,
    number,
    number_range,
    percent,
    share,
)

if TYPE_CHECKING:
    import pandas as pd

Proposal = tuple[str, str]
_WORST_UNTOUCHED = 0.5
_NO_CENTS = 100
_TEST = "Leave it out for customers drawn by lot, and count what is lost."


def what_to_do(run: RunResults) -> tuple[Proposal, ...]:
    """Return each proposal as a lead and its reason; none where nothing follows."""
    found: list[Proposal | None] = []
    if run.attribution is not None:
        found += [_tracking(run.attribution), _odd_tests(run.attribution), *_channels(run.attribution, run)]
    if run.clv is not None:
        found += [_customers(run.clv, run), _plan(run.clv, run)]
    return tuple(one for one in found if one is not None)


def untouched_share(attribution: AttributionResults) -> tuple[float, float]:
    """Conversions without a touch, and their share of all; zeros where none are counted."""
    without = float(attribution.journeys.get("unattributed_conversions", 0) or 0)
    everything = without + float(attribution.journeys.get("conversions", 0) or 0)
    return without, without / everything if everything > 0 else 0.0


def _tracking(attribution: AttributionResults) -> Proposal | None:
    _, share = untouched_share(attribution)
    if share < _WORST_UNTOUCHED:
        return None
    return (
        "Record more of the journeys.",
        f"{percent(share)} of all conversions came without a recorded touch; the credit speaks for the others only.",
    )


def _odd_tests(attribution: AttributionResults) -> Proposal | None:
    odd = None if attribution.experiments is None else attribution.experiments.unexpected
    if odd is None or not len(odd):
        return None
    names = list(dict.fromkeys(shorten(clean(name), prose.NAME_WIDTH) for name in odd["channel"]))
    first = odd.iloc[0]
    of = "It" if len(odd) == 1 else f"That of {names[0]}"
    bounds = number_range(float(first["expected_low"]), float(first["expected_high"]), 2)
    return (
        f"Check the lift {plural(len(odd), 'test')} of {listing(names)}.",
        f"{of} found {number(float(first['per_credited']), 2)} conversions caused for one credited, where {bounds} "
        "were to be expected. It may count something else than these orders do; if it is right, credit is no guide to "
        f"what {names[0]} causes, and a poor one for channels without a test.",
    )


def _channels(attribution: AttributionResults, run: RunResults) -> list[Proposal]:
    rows, baseline = attribution.comparison, prose.in_sentence(attribution.baseline)
    if len(rows) < 2 or not prose.total_conversions(attribution) > 0 or rows["difference_low"].isna().all():
        return []
    clear = prose.clear_moves(attribution)
    if not len(clear):
        return [
            (
                "Leave the budgets of channels.",
                f"No channel clearly differs from {baseline}, so these data give no reason to move money.",
            )
        ]
    costs = {} if attribution.costs is None else attribution.costs.groupby("channel")["cost"].sum().to_dict()
    clear = clear.assign(cost=clear["channel"].map(costs).fillna(0.0).astype(float))
    clear = clear[~clear["channel"].map(is_usual_direct).astype(bool)]
    tested = set() if attribution.experiments is None else set(attribution.experiments.tests["channel"])
    gains = clear[(clear["difference"] > 0) & ~clear["channel"].isin(tested)]
    losses = clear[clear["difference"] < 0]
    return [
        *([_test(_dearest(gains), attribution, run)] if len(gains) else []),
        *([_hold(_dearest(losses), attribution, run)] if len(losses) else []),
    ]


def _dearest(rows: pd.DataFrame) -> dict[str, object]:
    """The channel that costs most; where none costs anything, the first, whose change is the largest."""
    found = rows.sort_values("cost", ascending=False, kind="stable").iloc[0]
    return {str(name): value for name, value in found.items()}


def _test(row: dict[str, object], attribution: AttributionResults, run: RunResults) -> Proposal:
    name = shorten(clean(row["channel"]), prose.NAME_WIDTH)
    before, after, cost = (float(str(row[key])) for key in (attribution.baseline, attribution.model, "cost"))
    baseline, model = prose.in_sentence(attribution.baseline), prose.in_sentence(attribution.model)
    if cost > 0 and before > 0 and after > 0:
        why = (
            f"A conversion costs {_cost(cost / before, run)} there by {baseline}, "
            f"{_cost(cost / after, run)} by {model}{_bounds(row, attribution, run)}."
        )
    elif before > 0:
        why = f"{model[:1].upper()}{model[1:]} credits it with {number(after / before, 1)} times as much as {baseline}."
    else:
        why = f"{baseline[:1].upper()}{baseline[1:]} credits it with nothing, {model} does."
    return f"Test {name} before cutting it.", f"{why} {_TEST}"


def _hold(row: dict[str, object], attribution: AttributionResults, run: RunResults) -> Proposal:
    name = shorten(clean(row["channel"]), prose.NAME_WIDTH)
    before, after, cost = (float(str(row[key])) for key in (attribution.baseline, attribution.model, "cost"))
    baseline, model = prose.in_sentence(attribution.baseline), prose.in_sentence(attribution.model)
    decimals = prose.comparison_decimals(attribution)
    if cost > 0 and before > 0 and after > 0:
        why = (
            f"a conversion costs {_cost(cost / after, run)} there by {model}"
            f"{_bounds(row, attribution, run)}, not {_cost(cost / before, run)}."
        )
    else:
        why = f"{model} leaves it {number(after, decimals)} of {number(before, decimals)} conversions."
    return f"Do not raise {name} on the strength of {baseline}.", f"It shares its conversions with others: {why}"


def _bounds(row: dict[str, object], attribution: AttributionResults, run: RunResults) -> str:
    """The interval of what a conversion costs by the model, in brackets; empty where there is none."""
    rows = channel_returns(attribution)
    if rows is None:
        return ""
    found = rows[(rows["model"] == attribution.model) & (rows["channel"] == row["channel"])]
    low, high = (float(found[f"cpa_{end}"].iloc[0]) for end in ("low", "high"))
    if is_missing(low):
        return ""
    whole = 0 if low >= _NO_CENTS else None
    ends = f"{amount(low, None, decimals=whole)} or more"
    if not is_missing(high):
        ends = amount_range(low, high, None) if whole is None else number_range(low, high)
    return f" ({prose.interval_name(run.confidence)} {ends})"


def _cost(value: float, run: RunResults) -> str:
    """What a conversion costs, without cents where it costs a hundred or more."""
    return amount(value, run.currency, decimals=0 if value >= _NO_CENTS else None)


def _customers(clv: ClvResults, run: RunResults) -> Proposal | None:
    rows = None if clv.depth is None else clv.depth.lists
    if rows is None or not len(rows):
        return None
    count = {str(name): int(customers) for name, customers in zip(rows["list"], rows["customers"], strict=True)}
    risky = [(count.get("at_risk", 0), "at risk"), (count.get("overdue", 0), "overdue")]
    named = " and ".join(f"{number(many)} {what}" for many, what in risky if many)
    once = count.get("second_order", 0)
    worth = ""
    if named and "value" in rows:
        at_stake = float(rows.loc[rows["list"].isin(["at_risk", "overdue"]), "value"].sum())
        worth = f", worth {about(at_stake, run.currency)}" if at_stake > 0 else ""
    second = f"the {number(once)} {plural(once, 'customer')} most worth a second order" if once else ""
    if named and second:
        text = f"First the {named}{worth}; then {second}."
    elif named or second:
        text = f"{f'The {named}{worth}' if named else f'{second[:1].upper()}{second[1:]}'}."
    else:
        return None
    return "Write to customers.", f"{text} The lists are beside this report."


def _plan(clv: ClvResults, run: RunResults) -> Proposal | None:
    flows = None if clv.depth is None else clv.depth.flows
    if flows is None or not len(flows):
        return None
    flows = flows[flows["segment"] == "all"]
    total = flows[flows["source"] == "total"].sort_values("period")
    everything = float(total["contribution"].sum())
    if not everything > 0:
        return None
    fresh = float(flows.loc[flows["source"].str.contains("new"), "contribution"].sum())
    text = f"That is the {prose.what_value(clv)} expected over the next {horizon(clv.horizon_months)}, not discounted"
    if fresh > 0.005 * everything:
        text += f"; {share(fresh / everything)} of it from customers yet to be won"
    said = [f"{text}.", how_far(clv, run), past_errors(clv, run) or _missed_before(clv)]
    return f"Plan with {about(everything, run.currency)}.", " ".join(one for one in said if one)


def _missed_before(clv: ClvResults) -> str:
    """Which way the forecast of the part held back went wrong, where what came lies outside its interval."""
    held = None if clv.holdout_totals is None else prose.total_row(clv.holdout_totals)
    if held is None:
        return ""
    actual, forecast, low, high = (
        float(str(held[name])) for name in ("actual_orders", "forecast_orders", "low", "high")
    )
    if not actual > 0 or is_missing(low) or is_missing(high) or low <= actual <= high:
        return ""
    error = forecast / actual - 1
    return f"Leave room: orders held back were forecast {percent(abs(error), 0)} too {'high' if error > 0 else 'low'}."
