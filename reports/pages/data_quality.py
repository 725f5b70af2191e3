"""The data quality pages: what came in, what was kept, why the rest was not, and what became of the journeys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.pages.content import Block, Column, Heading, Points, Prose, Section, Table
from reports.results.data_quality import WITHOUT_CHANNEL, WITHOUT_OUTCOME
from reports.results.run_results import AttributionResults, DataQuality, RunResults
from reports.wording.labels import TABLE_WIDTH, clean, listing, plural, shorten, table_name
from reports.wording.number_format import amount, day, days, number, percent

if TYPE_CHECKING:
    import pandas as pd

PER_REASON, SAMPLE_ROWS = 2, 12
_JOURNEYS = {
    "customers": ("Customers with a touch", "who were touched at least once in the period"),
    "all_touches": ("Touches kept from the data", "of which:"),
    "touches": (
        "– that a conversion answers, or of no buyer",
        "within the lookback before a conversion, or of customers without any",
    ),
    "touches_outside_lookback": ("– too early for the lookback", "in journeys that did not convert"),
    "touches_after_last_conversion": (
        "– after a customer's last conversion",
        "in journeys that did not convert or are still open",
    ),
    "touches_after_end": ("– after the as-of day", "left out"),
    "converted": ("Journeys that converted", "end in a conversion"),
    "not_converted": ("Journeys that did not convert", "ended without one"),
    "open": ("Journeys still open", "the last touch is within the lookback of the data's end; left out of the models"),
    "conversions": ("Conversions with a touch", "shared out among channels"),
    "unattributed_conversions": (
        "Conversions without a touch",
        "no touch (within the lookback): credited to no channel",
    ),
    "not_converted_without_path": ("Journeys without a channel that did not convert", "left out"),
    "conversions_after_end": ("Conversions after the as-of day", "left out"),
}
# Shown only where there are any.
_MAY_BE_NONE = {"touches_outside_lookback", "touches_after_last_conversion", "touches_after_end"} | {
    "conversions_after_end",
    "not_converted_without_path",
}


_FILTERED = "left out by the filter"  # as customer_data.judging calls it, whose import takes long
_LEFT_OUT = {
    WITHOUT_OUTCOME: "{} neither a conversion nor a journey without one",
    WITHOUT_CHANNEL: "{} no channel",
    _FILTERED: "{} left out by the filter",
}
_VERBS = {WITHOUT_OUTCOME: ("holds", "hold"), WITHOUT_CHANNEL: ("names", "name"), _FILTERED: ("was", "were")}
# Reasons, as customer_data calls them, of rows that are in the numbers through another row, and what the rows repeat.
REPEATS = {"merged with an equal path": "a path", "another row of a customer": "a customer"}
JOINED = {*REPEATS, "another line of an order", "order refunded in full"} | {
    "refund taken from its order",
    "refund taken from earlier orders",
}
# Those of rows that were fit to be used, and come to nothing.
IDLE = {"repeats another row exactly", "refund larger than what was bought before"} | {
    "refund without an order before it",
    "refund after the as-of day, not taken",
    "line added to an order after the as-of day",
}


def kept_sentence(quality: DataQuality) -> str:
    """Rows read, how many could not be used or were left out; merging and netting lose nothing.

    Over all sources together, or over each by itself where several are read from one file: nobody would count its rows
    twice.
    """
    counts, files = quality.row_counts, quality.sources
    if files is None or not files["file"].duplicated().any():
        return _kept(counts, float(quality.quarantine_rows), "rows read")
    said = []
    for source in dict.fromkeys(counts["source"]):
        rows = counts[counts["source"] == source]
        fit = {"read", "kept", *_LEFT_OUT, *JOINED, *IDLE}
        aside = float(rows.loc[~rows["reason"].isin(fit), "rows"].sum())
        said.append(_kept(rows, aside, f"rows read as {str(source).replace('_', ' ')}"))
    return " ".join(said)


def _kept(counts: pd.DataFrame, aside: float, what: str) -> str:
    of = counts.groupby("reason")["rows"].sum().astype(float)
    read, kept = float(of.get("read", 0.0)), float(of.get("kept", 0.0))
    if not read > 0:
        return f"No {what.removesuffix(' read')} were read."
    if kept == read:
        return f"All {number(read)} {what} were kept."
    left = {reason: float(of[reason]) for reason in _LEFT_OUT if of.get(reason, 0) > 0}
    merged = {reason: float(of[reason]) for reason in REPEATS if of.get(reason, 0) > 0}
    idle = float(of[of.index.isin(IDLE)].sum())
    rest = read - kept - aside - idle - sum(merged.values()) - sum(left.values())
    lost = [f"{number(aside)} ({percent(aside / read)}) could not be used"] if aside else []
    lost += [
        f"{number(rows)} ({percent(rows / read)}) {_LEFT_OUT[reason].format(plural(rows, *_VERBS[reason]))}"
        for reason, rows in left.items()
    ]
    if idle:
        lost.append(
            f"{number(idle)} {plural(idle, 'repeats', 'repeat')} a row or {plural(idle, 'refunds', 'refund')} no "
            "known order"
        )
    if not lost and not rest and list(merged) == ["merged with an equal path"]:
        repeats = sum(merged.values())
        return f"All {number(read)} {what} were used; {number(repeats)} of them repeat a path and were added to it."
    used = [f"Of {number(read)} {what}, {listing(lost)}" if lost else f"All {number(read)} {what} could be used"]
    used += [f"{number(rows)} {plural(rows, 'repeats', 'repeat')} {REPEATS[reason]}" for reason, rows in merged.items()]
    used += [f"{number(rest)} repeated or completed others (lines of one order, refunds)"] if rest else []
    return "; ".join(used) + "."


def quality_section(run: RunResults) -> Section | None:
    """Build the section; None when the run has neither counts nor warnings nor journeys."""
    blocks: list[Block] = []
    if run.quality is not None:
        blocks += _count_blocks(run.quality, run)
    if run.attribution is not None and run.attribution.journeys:
        blocks.append(_journey_table(run.attribution, run))
    warnings = list(dict.fromkeys([*(run.quality.warnings if run.quality else ()), *run.warnings]))
    if warnings:
        blocks += [Heading("Warnings"), Points(tuple(("", clean(warning)) for warning in warnings))]
    if run.quality is not None and run.quality.quarantine_sample is not None and len(run.quality.quarantine_sample):
        blocks.append(_quarantine_table(run.quality, run.quality.quarantine_sample))
    if long_names := _long_names(run):
        blocks.append(_names_table(long_names))
    return Section("Data quality", tuple(blocks), new_page=False) if blocks else None


def after_the_day(run: RunResults) -> str:
    """How much of what was kept lies after the as-of day, where any of it does."""
    left = {} if run.quality is None else run.quality.after_as_of
    if not left or run.as_of is None:
        return ""
    parts = [f"{number(after)} of {number(rows)} {what}" for what, (rows, after) in left.items()]
    return f"In no number here, because after the as-of day ({day(run.as_of)}): {listing(parts)}."


def refunded_in_full(quality: DataQuality, currency: str | None) -> str:
    """How many customers have no order left after refunds; empty where there are none."""
    gone = quality.refunded_customers
    if not gone:
        return ""
    many = quality.refunded_orders > 1
    of = f"All {number(quality.refunded_orders)} orders" if many else "The one order"
    return (
        f"{of} of {number(gone)} {plural(gone, 'customer')} ({amount(quality.refunded_value, currency)}) "
        f"{'were' if many else 'was'} refunded in full: {'these are' if gone > 1 else 'this is'} in no forecast and in "
        "no count of customers."
    )


def _long_names(run: RunResults) -> list[str]:
    """Names of channels and segments that tables shorten."""
    names = [] if run.attribution is None else list(run.attribution.comparison["channel"])
    names += [] if run.clv is None else list(run.clv.segment_forecast["segment"])
    return [name for name in dict.fromkeys(map(clean, names)) if len(name) > TABLE_WIDTH]


def _names_table(names: list[str]) -> Table:
    import pandas as pd

    return Table(
        title="Long names in full",
        data=pd.DataFrame({"short": [table_name(name) for name in names], "full": names}),
        columns=(Column("short", "As written in this report", width=0.5), Column("full", "In full", width=1)),
    )


def _reason(reason: object) -> str:
    text = clean(reason).replace("_", " ")
    return text[0].upper() + text[1:]


def _count_blocks(quality: DataQuality, run: RunResults) -> list[Block]:
    counts = quality.row_counts
    said = (kept_sentence(quality), after_the_day(run), refunded_in_full(quality, run.currency))
    blocks: list[Block] = [Prose(" ".join(sentence for sentence in said if sentence))]
    if not len(counts):
        return blocks
    sources = list(dict.fromkeys(counts["source"]))
    files = (
        {} if quality.sources is None else dict(zip(quality.sources["source"], quality.sources["file"], strict=True))
    )
    blocks.append(_kept_table(counts, sources, files))
    lost = counts[~counts["reason"].isin(["read", "kept"]) & (counts["rows"] > 0)]
    if len(lost):
        read = counts[counts["reason"] == "read"].set_index("source")["rows"]
        lost = lost.assign(share=lost["rows"] / lost["source"].map(read), reason=lost["reason"].map(_reason))
        lost = lost.assign(source=lost["source"].map(_reason))
        columns = [
            Column("source", "Table"),
            Column("reason", "Reason", width=1),
            Column("rows", "Rows", "count"),
            Column("share", "Of rows read", "percent"),
        ]
        if lost["amount"].notna().any():
            columns.append(Column("amount", f"Amount ({run.currency})" if run.currency else "Amount", "money"))
        blocks.append(Table("Rows left out, merged or netted, by reason", lost.reset_index(drop=True), tuple(columns)))
    return blocks


def _kept_table(counts: pd.DataFrame, sources: list[str], files: dict[str, str]) -> Table:
    import pandas as pd

    wide = counts.pivot_table(index="source", columns="reason", values="rows", aggfunc="sum").reindex(sources)
    read = wide["read"] if "read" in wide else pd.Series(0, index=wide.index)
    kept = wide["kept"] if "kept" in wide else pd.Series(0, index=wide.index)
    table = pd.DataFrame({"source": sources, "read": read.to_numpy(), "kept": kept.fillna(0).to_numpy()})
    joined = counts[counts["reason"].isin(JOINED)].groupby("source")["rows"].sum()
    table["joined"] = joined.reindex(sources).fillna(0).to_numpy()
    table["rest"] = table["read"] - table["kept"] - table["joined"]
    table["share"] = 1 - table["rest"] / table["read"].where(table["read"] > 0)
    table["file"] = [shorten(clean(files.get(source, "")), 80) if files.get(source) else "" for source in sources]
    columns = [
        Column("source", "Table", width=0 if files else 1),
        Column("read", "Rows read", "count"),
        Column("kept", "On their own", "count"),
        Column("joined", "Merged\nor netted", "count"),
        Column("rest", "Left out", "count"),
        Column("share", "Share used", "percent"),
    ]
    if files:
        columns.insert(1, Column("file", "Read from", width=1))
    return Table(
        "Rows read, and what became of them",
        table.assign(source=table["source"].map(_reason)),
        tuple(columns),
        caption="Merged or netted rows are in the numbers through another row: lines of one order, rows of one "
        "customer, equal paths, refunds."
        if table["joined"].any()
        else "",
    )


def _journey_table(attribution: AttributionResults, run: RunResults) -> Table:
    import pandas as pd

    counts = attribution.journeys
    known = [name for name in _JOURNEYS if name in counts and (counts[name] or name not in _MAY_BE_NONE)]
    rows = [(_JOURNEYS[name][0], number(float(counts[name])), _JOURNEYS[name][1]) for name in known]
    if attribution.made_of.startswith("visits"):
        rows = [(what.replace("Touches", "Visits"), count, meaning) for what, count, meaning in rows]
    value = float(attribution.journeys.get("unattributed_value", 0.0) or 0.0)
    if value:
        unit = f" ({run.currency})" if run.currency else ""
        rows.append((f"Value without a touch{unit}", number(value), "of those conversions"))
    lookback = attribution.lookback_days
    return Table(
        title="What became of the journeys",
        data=pd.DataFrame(rows, columns=["what", "count", "meaning"]),
        columns=(
            Column("what", "Count of"),
            Column("count", "Number", align="right"),
            Column("meaning", "Meaning", width=1),
        ),
        caption=""
        if lookback is None
        else f"Lookback: {days(lookback)} before a conversion, and after the previous one.",
    )


def _quarantine_table(quality: DataQuality, sample: pd.DataFrame) -> Table:
    rows = sample.groupby(["source", "reason"], sort=False).head(PER_REASON).head(SAMPLE_ROWS).reset_index(drop=True)
    rows = rows.assign(
        source=rows["source"].map(_reason),
        where=[
            f"{shorten(clean(file), 30)}, row {number(row)}"
            for file, row in zip(rows["file"], rows["row"], strict=True)
        ],
        reason=rows["reason"].map(_reason),
        record=[shorten(clean(record), 140) for record in rows["record"]],
    )
    return Table(
        title=f"{len(rows)} of the {number(quality.quarantine_rows)} rows put aside, {PER_REASON} of a reason at most"
        if quality.quarantine_rows > len(rows)
        else "The rows put aside",
        data=rows,
        columns=(
            Column("source", "Table"),
            Column("where", "Where", width=0.9),
            Column("reason", "Reason", width=0.7),
            Column("record", "Record", width=1.4),
        ),
        caption="All of them are in the quarantine table beside this report.",
    )
