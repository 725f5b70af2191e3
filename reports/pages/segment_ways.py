"""Segments fitted each alone, sharing strength, and as one: what the choice does to parameters and to value."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reports.figures.segment_ways import draw_shrinkage
from reports.pages import prose
from reports.pages.content import Block, Column, Figure, Table
from reports.results.run_results import ClvResults, RunResults
from reports.wording.labels import clean, plural, shorten, table_name
from reports.wording.number_format import amount, horizon, money_decimals, number, percent

if TYPE_CHECKING:
    import pandas as pd

MOST_SEGMENTS = 16
_WEEKS_A_YEAR = 365 / 7
_NAMES = {"separate": "each alone", "partial": "sharing strength", "pooled": "one fit for all"}
_SLIGHT = 0.01


def ways_of_fitting(clv: ClvResults, run: RunResults) -> list[Block]:
    """Two figures side by side and a table; nothing where the ways were not compared."""
    depth = clv.depth
    if depth is None or depth.parameters_compared is None or depth.forecasts_compared is None:
        return []
    forecasts = depth.forecasts_compared
    segments = forecasts[forecasts["segment"] != "all"].sort_values("customers", ascending=False, kind="stable")
    shown = segments[segments["customers"] > 0].head(MOST_SEGMENTS)
    left = len(segments) - len(shown)
    dropped = f" The {len(shown)} largest of {len(segments)} segments." if left else ""
    blocks: list[Block] = []
    rates = order_rates(depth.parameters_compared).reindex(shown["segment"]).reset_index()
    if len(rates) and rates[["separate", "partial"]].notna().any(axis=None):
        blocks.append(
            Figure(
                title=moved_title(rates),
                drawing=partial(draw_shrinkage, rates, label="Orders a year while a customer"),
                alt="Per segment the orders a year of an active customer, fitted alone, sharing strength, and for all. "
                + moved_title(rates),
                caption="Mean rate of newcomers, r / alpha." + dropped,
                width="half",
                data=rates,
            )
        )
    each = shown.assign(**{way: shown[way] / shown["customers"] for way in _NAMES})
    unit = f" ({run.currency})" if run.currency else ""
    blocks.append(
        Figure(
            title=pooled_title(each, run),
            drawing=partial(draw_shrinkage, each, label=f"Value per customer{unit}"),
            alt="Per segment the value per customer, fitted alone, sharing strength, and for all. "
            + pooled_title(each, run),
            caption=f"Expected over {horizon(clv.horizon_months)}, discounted." + dropped,
            width="half",
            data=each,
        )
    )
    return [*blocks, _value_table(shown, forecasts, clv, run, left)]


def order_rates(parameters: pd.DataFrame) -> pd.DataFrame:
    """By segment the mean orders a year of an active newcomer, r / alpha, under each way."""
    of_orders = parameters[parameters["parameter"].isin(["r", "alpha"])]
    wide = of_orders.pivot_table(index="segment", columns="parameter", values=list(_NAMES), aggfunc="first")
    rates = {way: _WEEKS_A_YEAR * wide[way, "r"] / wide[way, "alpha"] for way in _NAMES if way in wide}
    import pandas as pd

    return pd.DataFrame(rates, index=wide.index).reindex(columns=list(_NAMES))


def moved_title(rates: pd.DataFrame) -> str:
    """Which segment sharing strength moves most, or that it moves none by much."""
    moved = (rates["partial"] / rates["separate"] - 1).abs()
    if not moved.notna().any():
        return "No segment can be fitted alone"
    most = rates.iloc[int(moved.fillna(-1.0).to_numpy().argmax())]
    if float(moved.max()) < _SLIGHT:
        return "Segments speak for themselves: sharing strength moves none by 1%"
    before, after = (number(float(most[way]), 1) for way in ("separate", "partial"))
    name = shorten(clean(most["segment"]), 30)
    return f"Sharing strength moves {name} most: from {before} to {after} orders a year"


def pooled_title(each: pd.DataFrame, run: RunResults) -> str:
    """Which segment one fit for all would value most wrongly, held against the fits that share strength."""
    off = each["pooled"] / each["partial"].where(each["partial"] > 0) - 1
    if not off.notna().any():
        return "Value per customer under each way to fit"
    place = int(off.abs().fillna(-1.0).to_numpy().argmax())
    wrong, most = float(off.iloc[place]), each.iloc[place]
    if abs(wrong) < _SLIGHT:
        return "One fit for all would value every segment alike within 1%"
    worth = amount(float(most["partial"]), run.currency)
    name = shorten(clean(most["segment"]), 30)
    return f"One fit for all would value {name} {percent(abs(wrong), 0)} {'more' if wrong > 0 else 'less'} than {worth}"


def _value_table(shown: pd.DataFrame, forecasts: pd.DataFrame, clv: ClvResults, run: RunResults, left: int) -> Table:
    import pandas as pd

    total = forecasts[forecasts["segment"] == "all"].assign(segment="All customers")
    rows = pd.concat([shown, total], ignore_index=True)
    unit = f" ({run.currency})" if run.currency else ""
    decimals = money_decimals(total["partial"])
    used = [way for way in _NAMES if clv.segment_parameters == way]
    return Table(
        title=f"Value over the next {horizon(clv.horizon_months)} by the way in which segments are fitted{unit}",
        data=rows.assign(segment=rows["segment"].map(table_name)),
        columns=(
            Column("segment", "Segment", width=1),
            Column("customers", "Customers", "count"),
            *(Column(way, name[:1].upper() + name[1:], "money", decimals=decimals) for way, name in _NAMES.items()),
        ),
        caption=f"Expected {prose.what_value(clv)}, discounted."
        + (f' This report takes: {_NAMES[used[0]]} (clv.parameters = "{used[0]}").' if used else "")
        + " A segment that cannot be fitted alone takes the fit for all. All parameters, with standard errors: in the "
        "table parameters_compared beside this report."
        + (f" {left} smaller {plural(left, 'segment')} not shown." if left else ""),
        bold_rows=(len(rows) - 1,),
    )
