"""The page on channels switched off: what the chain loses without each and without sets, and which pairs overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.pages import prose
from reports.pages.content import Block, Column, Prose, Section, Table
from reports.results.run_results import AttributionResults, RunResults, SwitchedOff
from reports.wording.labels import clean, listing, plural, shorten, table_name
from reports.wording.number_format import (
    credit_decimals,
    level,
    money_decimals,
    percent,
    percent_range,
    ranges,
    whole_or,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    import pandas as pd

MOST_SETS = 40
MOST_SAID = 3
MOST_PAIRS = 8
ROUNDING = 1e-9


def switched_off_sections(run: RunResults) -> tuple[Section, ...]:
    """Build the page; none where nothing was switched off."""
    attribution = run.attribution
    found = None if attribution is None else attribution.switched_off
    if attribution is None or found is None or not len(found.sets):
        return ()
    blocks: list[Block] = [
        Prose(_lost(found, attribution, run)), Prose(_meaning(found, attribution)), _sets_table(found, attribution, run)
    ]  # fmt: skip
    if found.pairs is not None and len(found.pairs):
        blocks.append(_pairs_table(found.pairs, found, attribution, run))
    return (Section("What if a channel were switched off", tuple(blocks), new_page=False),)


def _lost(found: SwitchedOff, attribution: AttributionResults, run: RunResults) -> str:
    """The first sets asked for, and the single channel whose loss is largest."""
    total = prose.total_conversions(attribution)
    text = f"Of {whole_or(total, 1)} {plural(total, 'conversion')} with a journey the chain loses "
    asked, alone = found.sets.iloc[: found.asked], found.sets.iloc[found.asked :]
    text += listing(_without(row, total, run) for row in asked.head(MOST_SAID).to_dict("records"))
    if not len(alone):
        return f"{text}."
    most = _without(alone.to_dict("records")[0], total, run)
    if not found.asked:
        return f"{text}{most}, more than without any other."
    return f"{text}. Of other channels alone the largest loss is {most}."


def _without(row: Mapping[Hashable, object], total: float, run: RunResults) -> str:
    lost, share, low, high = (
        float(str(row[name]))
        for name in ("conversions_lost", "removal_effect", "removal_effect_low", "removal_effect_high")
    )
    bounds = f"{prose.interval_name(run.confidence)} {percent_range(low, high)}"
    name = shorten(clean(row["channels"]), 60)
    return f"{whole_or(lost, credit_decimals([total]))} without {name} ({percent(share)}; {bounds})"


def _meaning(found: SwitchedOff, attribution: AttributionResults) -> str:
    share, cut = float(found.sets["substitution"].iloc[0]), attribution.convention != "exact"
    way = "Nothing takes its place: every walk that would enter it is lost, which is the most it can cost"
    if share > 0:
        rest = "; the rest is lost" if share < 1 else ""
        way = (
            f"{level(share)} of the traffic into what is switched off comes another way and goes on as all others do "
            f"from there{rest}"
        )
    return (
        f"{way} (attribution.substitution = {share:g}). This is what a Markov chain of order {attribution.order} says "
        "of recorded journeys, and no experiment: who would have bought without the channel shows only where it is "
        "switched off for some."
        + (" Walks are followed to their end here, whatever attribution.convention says." * cut)
    )


def _sets_table(found: SwitchedOff, attribution: AttributionResults, run: RunResults) -> Table:
    rows, interval, unit = found.sets, prose.interval_name(run.confidence), f",\n{run.currency}" if run.currency else ""
    decimals, cents = credit_decimals([prose.total_conversions(attribution)]), money_decimals(rows["value_lost"])
    columns = [
        Column("channels", "Without", width=1),
        Column("conversions_lost", "Conversions\nlost", "credit", decimals=decimals),
        Column("interval", interval, align="right"),
        Column("removal_effect", "Of all", "percent"),
    ]
    if attribution.comparison_value is not None:
        columns += [
            Column("value_lost", f"Value lost{unit}", "money", decimals=cents),
            Column("value_interval", interval, align="right"),
        ]
    notes = ["Losses do not add up: a conversion that several channels led to is lost without any one of them."]
    if (rows["removal_effect"] < -ROUNDING).any():
        notes.append("Below zero: those who come another way convert better there.")
    alone = len(rows) - found.asked
    if alone and not set(attribution.comparison["channel"]) <= set(rows["channels"]):
        notes.append(f"Alone the {alone} channels of largest removal effect.")
    if len(rows) > MOST_SETS:
        notes.append(f"The first {MOST_SETS} of {len(rows):,}; the table beside this report has all.")
    return Table(
        title="What the chain loses without channels",
        data=rows.assign(
            channels=rows["channels"].map(table_name),
            interval=ranges(rows, "conversions_lost", decimals),
            value_interval=ranges(rows, "value_lost", cents),
        ).head(MOST_SETS),
        columns=tuple(columns),
        caption=" ".join(notes),
    )


def _pairs_table(pairs: pd.DataFrame, found: SwitchedOff, attribution: AttributionResults, run: RunResults) -> Table:
    total = prose.total_conversions(attribution)
    shared = pairs[["interaction", "interaction_low", "interaction_high"]] * total
    decimals = credit_decimals([total])
    names = [
        [shorten(clean(name), 30) for name in pair] for pair in zip(pairs["channel_a"], pairs["channel_b"], strict=True)
    ]
    rows = pairs.assign(
        pair=[listing(pair) for pair in names],
        conversions=shared["interaction"],
        interval=ranges(shared, "interaction", decimals),
    )
    largest = float(pairs["interaction"].iloc[0])
    title = "No two channels work on the same conversions"
    if largest > ROUNDING:
        title = f"{listing(names[0])} work on the same conversions most: {percent(largest)} of all"
    alone = "" if float(found.sets["substitution"].iloc[0]) == 0 else " Here nothing takes their place."
    left = f" The {MOST_PAIRS} largest of {len(rows)} pairs." if len(rows) > MOST_PAIRS else ""
    return Table(
        title=title,
        data=rows.head(MOST_PAIRS),
        columns=(
            Column("pair", "Channels", width=1),
            Column("conversions", "Conversions\nof both", "credit", decimals=decimals),
            Column("interval", prose.interval_name(run.confidence), align="right"),
            Column("interaction", "Of all", "percent"),
            Column("affinity", "Times\nchance", "ratio"),
        ),
        caption="Conversions of walks that visit both channels: lost without either, and so in the losses of both."
        f"{alone} Times chance: above 1 the two meet on the way to a conversion more often than by chance.{left}",
    )
