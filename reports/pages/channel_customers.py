"""The page on what the customers that channels win are worth, against what they cost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reports.figures.channel_customers import MOST_CHANNELS as MOST_DRAWN
from reports.figures.channel_customers import draw_worth
from reports.pages import prose
from reports.pages.channels import MOST_CHANNELS, left_out
from reports.pages.content import Block, Column, Figure, Prose, Section, Table
from reports.pages.journeys import window
from reports.results.channel_customers import ChannelCustomers
from reports.results.run_results import AttributionResults, ClvResults, RunResults
from reports.wording.labels import clean, listing, model_name, plural, shorten, table_name
from reports.wording.number_format import (
    MISSING,
    NO_BREAK,
    amount,
    credit_decimals,
    day_range,
    horizon,
    level,
    number,
    percent,
    with_bounds,
)

if TYPE_CHECKING:
    import pandas as pd

TITLE = "What the customers that channels win are worth"


def channel_customer_sections(run: RunResults) -> tuple[Section, ...]:
    """Build the page; one sentence where the table could not be made, nothing where the run has no such part."""
    joined, attribution, clv = run.channel_customers, run.attribution, run.clv
    if joined is None or attribution is None or clv is None:
        return ()
    if joined.table is None:
        return (Section(TITLE, (Prose(f"This is left out: {joined.why_not}."),), new_page=False),)
    after, before = model_rows(joined.table, attribution.model), model_rows(joined.table, attribution.baseline)
    said = (Prose(_what_it_is(joined, clv, run)), *(Prose(text) for text in findings(after, before, attribution, run)))
    blocks: list[Block] = [*said, *_figure(after, before, joined, attribution, run)]
    return (Section(TITLE, (*blocks, _table(after, before, joined, attribution, clv, run)), new_page=False),)


def model_rows(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """The rows of one model by channel."""
    return table[table["model"] == model].set_index("channel").drop(columns="model")


def findings(
    after: pd.DataFrame, before: pd.DataFrame, attribution: AttributionResults, run: RunResults
) -> tuple[str, ...]:
    """Best and worst channel by worth for cost, and where the answer changes; none without cost."""
    ranked = _paying(after, before)
    if not len(ranked):
        return ()
    bounds = zip(*(ranked[f"worth_to_cac{end}"] for end in ("", "_low", "_high")), strict=True)
    unit = f"{run.currency}{NO_BREAK}" if run.currency else ""
    worths = [f"{unit}{with_bounds(*one)}" for one in bounds]
    said = [f"{_named(name)}, {worth}" for name, worth in zip(ranked["channel"], worths, strict=True)]
    most = f"{said[0]}, and the least by {said[-1]}" if len(said) > 1 else said[0]
    return (
        f"By {prose.in_sentence(attribution.model)} the most worth of new customers for each "
        f"{run.currency or 'unit'} of cost comes by {most}; brackets hold {prose.interval_name(run.confidence)}s. "
        f"{_changed_answer(ranked, attribution)}",
    )


def where_the_answer_changes(run: RunResults) -> str:
    """One short sentence for the first page: whose new customers are worth their cost by one model alone; or empty."""
    joined, attribution = run.channel_customers, run.attribution
    if joined is None or joined.table is None or attribution is None:
        return ""
    model, baseline = prose.in_sentence(attribution.model), prose.in_sentence(attribution.baseline)
    rows = _paying(*(model_rows(joined.table, name) for name in (attribution.model, attribution.baseline)))
    said = [
        f"New customers of {_listed(names, most=2)} are clearly worth {more} than they cost by {model}, not by "
        f"{baseline}."
        for names, more in zip(_changed(rows), ("more", "less"), strict=True)
        if names
    ]
    return " ".join(said)


def _paying(after: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Channels with cost and new customers, the most worth for cost first; ``before`` is that by the baseline."""
    rows = after[after["worth_to_cac"].notna() & (after["new_customers"] > 0)]
    rows = rows.assign(before=before["worth_to_cac"].reindex(rows.index))
    return rows.sort_values("worth_to_cac", ascending=False, kind="stable").reset_index(names="channel")


def _changed(ranked: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Channels clearly above 1 by the model and below by the baseline; and those clearly below by the model alone."""
    gained = (ranked["worth_to_cac_low"] > 1) & (ranked["before"] < 1)
    lost = (ranked["worth_to_cac_high"] < 1) & (ranked["before"] > 1)
    return list(ranked.loc[gained, "channel"]), list(ranked.loc[lost, "channel"])


def _changed_answer(ranked: pd.DataFrame, attribution: AttributionResults) -> str:
    """Where worth is above cost by one of the two and below by the other; by the model only where that is clear."""
    model, baseline = prose.in_sentence(attribution.model), prose.in_sentence(attribution.baseline)
    gained, lost = _changed(ranked)
    said = [
        f"{_listed(names, most=5)} {one} 1 by {baseline} and clearly {other} by {model}"
        for names, one, other in ((gained, "below", "above"), (lost, "above", "below"))
        if names
    ]
    if not said:
        return f"No channel with cost is on one side of 1 by {baseline} and clearly on the other by {model}."
    return f"The answer changes for {len(gained) + len(lost)} of {len(ranked)} channels with cost: {'; '.join(said)}."


def _listed(channels: list[str], *, most: int) -> str:
    rest = [f"{len(channels) - most} more"] if len(channels) > most else []
    return listing([*map(_named, channels[:most]), *rest])


def _named(channel: object) -> str:
    return shorten(clean(channel), prose.NAME_WIDTH)


def _what_it_is(joined: ChannelCustomers, clv: ClvResults, run: RunResults) -> str:
    value = prose.what_value(clv)
    period = day_range(run.first_day, run.last_day)
    people = f"{number(joined.customers)} {plural(joined.customers, 'customer')}"
    without = ""
    if joined.without_touch:
        orders = plural(joined.without_touch, "first order", "first orders")
        without = f"; {number(joined.without_touch)} {orders} without one are credited to no channel"
    return (
        f"The first order in the data of {people} ({period}) had a recorded touch{without}. On the path to it stands "
        f"what the customer is worth: {value} of all orders so far, and that expected over the next "
        f"{horizon(clv.horizon_months)}, discounted at {level(clv.discount_rate)} a year "
        f"({percent(joined.expected, 0)} of the whole). A customer whose first order lies before the data looks new."
    )


def _figure(
    after: pd.DataFrame,
    before: pd.DataFrame,
    joined: ChannelCustomers,
    attribution: AttributionResults,
    run: RunResults,
) -> list[Block]:
    has_cost = bool(after["worth_to_cac"].notna().any())
    measure = "worth_to_cac" if has_cost else "worth_per_customer"
    rows = after[after[measure].notna() & (after["new_customers"] > 0)]
    if not len(rows):
        return []
    size = "cost" if has_cost else "new_customers"
    rows = rows.sort_values(size, ascending=False, kind="stable").assign(before=before[measure].reindex(rows.index))
    drawn = rows.reset_index(names="channel").head(MOST_DRAWN)
    model = model_name(attribution.model, order=attribution.order)
    unit = f", {run.currency}" if run.currency else ""
    label = "Worth of new customers for each unit of cost" if has_cost else f"Worth of a new customer{unit}"
    spoken = "; ".join(
        f"{_named(row['channel'])} {with_bounds(row[measure], row[f'{measure}_low'], row[f'{measure}_high'])}"
        for row in drawn.head(6).to_dict("records")
    )
    shown = "" if len(drawn) == len(rows) else f" The {len(drawn)} largest of {len(rows)} channels."
    return [
        Figure(
            title=_message(rows, run, has_cost=has_cost),
            drawing=partial(
                draw_worth, drawn, measure, baseline=attribution.baseline, model=attribution.model, label=label
            ),
            alt=f"Per channel {label.lower()} by {prose.in_sentence(attribution.baseline)} and by {model}: {spoken}.",
            n=f"n = {number(joined.customers)} new customers",
            window=window(attribution, run),
            model=model,
            caption=f"The pale line and the brackets are {prose.interval_name(run.confidence)}s of the model."
            + (" The upright line: worth equals cost." if has_cost else "")
            + shown,
            data=drawn,
        )
    ]


def _message(rows: pd.DataFrame, run: RunResults, *, has_cost: bool) -> str:
    if not has_cost:
        worth = rows["worth_per_customer"].astype(float)
        ends = [amount(float(end), run.currency) for end in (worth.min(), worth.max())]
        if ends[0] == ends[1]:
            return f"A new customer is worth {ends[0]}, whatever the channel"
        return f"A new customer is worth {ends[0]} to {ends[1]}, by channel"
    clear = int((rows["worth_to_cac_low"] > 1).sum())
    if len(rows) == 1:
        return f"New customers are {'' if clear else 'not '}clearly worth more than they cost"
    channels = f"all {clear}" if clear == len(rows) else f"{clear} of {len(rows)}"
    return f"New customers are clearly worth more than they cost for {channels} channels with cost"


def _table(
    after: pd.DataFrame,
    before: pd.DataFrame,
    joined: ChannelCustomers,
    attribution: AttributionResults,
    clv: ClvResults,
    run: RunResults,
) -> Table:
    import pandas as pd

    rows = after.assign(size=after["new_customers"].fillna(0)).sort_values("size", ascending=False, kind="stable")
    shown, has_cost = rows.head(MOST_CHANNELS), bool(rows["cost"].notna().any())
    unit = f" ({run.currency})" if run.currency else ""
    baseline, model = model_name(attribution.baseline).lower(), model_name(attribution.model)
    decimals = credit_decimals([*rows["new_customers"], *before["new_customers"]])
    customers, worth, cost = (float(rows[name].sum()) for name in ("new_customers", "worth", "cost"))
    data = pd.DataFrame({"channel": [*(table_name(name) for name in shown.index), "All channels"]})
    data["before"] = [*before["new_customers"].reindex(shown.index), before["new_customers"].sum()]
    data["after"] = [*shown["new_customers"], customers]
    data["each"] = [*_cells(shown, "worth_per_customer"), with_bounds(worth / customers, *_NOTHING)]
    data["touched"] = [*shown["touched_worth"], float("nan")]
    columns = [
        Column("channel", "Channel", width=1),
        Column("before", f"New by\n{baseline}", "credit", decimals=decimals),
        Column("after", f"New by\n{model}", "credit", decimals=decimals),
        Column("each", f"Worth each{unit}\n{model}", align="right"),
        Column("touched", "All it\ntouched", "money", decimals=0 if worth / customers >= 100 else 2),
    ]
    if has_cost:
        data["cost"] = [*shown["cost"], cost]
        data["cac"] = [*shown["cac"], cost / customers]
        data["ratio_before"] = [
            *(with_bounds(one, *_NOTHING) for one in before["worth_to_cac"].reindex(shown.index)),
            "",
        ]
        data["ratio"] = [*_cells(shown, "worth_to_cac"), ""]
        total = with_bounds(worth / cost, *_NOTHING) if cost > 0 else MISSING
        data.loc[len(data) - 1, ["ratio_before", "ratio"]] = total
        columns += [
            Column("cost", f"Cost{unit}", "money"),
            Column("cac", f"CAC\n{model}", "money", decimals=2),
            Column("ratio_before", f"LTV:CAC\n{baseline}", align="right"),
            Column("ratio", f"LTV:CAC\n{model}", align="right"),
        ]
    return Table(
        title=f"New customers, what they are worth{' and what they cost' if has_cost else ''}",
        data=data,
        columns=tuple(columns),
        caption=_caption(joined, attribution, run, has_cost=has_cost) + left_out(len(rows)),
        bold_rows=(len(data) - 1,),
    )


_NOTHING = (float("nan"), float("nan"))


def _cells(rows: pd.DataFrame, name: str) -> list[str]:
    bounds = zip(rows[name], rows[f"{name}_low"], rows[f"{name}_high"], strict=True)
    return [with_bounds(*one) for one in bounds]


def _levelled(factor: float) -> str:
    """How far worths were moved so that with the customers credited they sum to the whole."""
    by = percent(abs(factor - 1))
    if by == percent(0):
        return ""
    way = "raised" if factor > 1 else "lowered"
    return f"; then all channels alike are {way} by {by}, so that they sum to the worth of all"


def _caption(joined: ChannelCustomers, attribution: AttributionResults, run: RunResults, *, has_cost: bool) -> str:
    text = "All it touched: mean worth of the customers whose path holds the channel. "
    if attribution.model == "markov" and joined.factor is not None:
        text += (
            "Worth each by the model: every first order, worth what its own customer is, is divided along its own path "
            f"by the removal effects of the channels on it{_levelled(joined.factor)}. "
        )
    if has_cost:
        text += (
            "CAC: cost for each new customer; LTV:CAC: their worth for each unit of cost. All cost of the period is "
            "set against the new customers, also what was spent on others, and in the last line against those of "
            "channels without cost, too. "
        )
    interval = prose.interval_name(run.confidence)
    return text + (
        f"{interval}s carry which customers came by chance, and the models' parameters, which leave what is to come "
        f"uncertain by {percent(joined.parameter_error)} for all channels at once (one standard deviation); not how "
        "single customers differ from their forecast."
    )
