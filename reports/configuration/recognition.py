"""Looking at files of data: which sections of a configuration each could fill, and by which of its columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from customer_data.errors import InputError
from customer_data.file_heads import Head, heads
from customer_data.sql_text import literal
from customer_data.table_specs import TABLE_SPECS, Kind
from customer_data.written_forms import guessed_decimal, guessed_time_format, months_first_too
from reports.configuration.clocks import is_utc
from reports.configuration.column_names import PATH_VALUES, REFUND_VALUES, SYNONYMS, ColumnNames, currency_of, plain
from reports.configuration.payments import sales_of
from reports.configuration.visits import Channel, Events, events_of, touch_channel

_NO_ROWS = Head((), ())


@dataclass(frozen=True)
class Recognised:
    """A file that was looked at, as one section that it fills (None when unknown), and its columns by our names.

    ``computed`` are SQL expressions in place of some columns, ``options`` further keys of the section, ``notes`` lines
    that say what a user may want to change, ``customers`` further columns that may name the customer. ``by_visit``
    tells that touches of one visit should count as one, ``beside`` that the file fills another section, too.
    ``further_files`` are laid out alike and read with it.
    """

    file: Path
    section: str | None
    columns: dict[str, str]
    head: Head = _NO_ROWS
    computed: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    by_visit: bool = False
    beside: bool = False
    further_files: tuple[Path, ...] = ()

    @property
    def theirs(self) -> tuple[str, ...]:
        """The names of the file's columns."""
        return self.head.names

    @property
    def missing(self) -> list[str]:
        """Our columns that the section needs and that have to be filled in."""
        assert self.section is not None
        given = {**self.columns, **self.computed}
        return [name for name in required_columns(self.section) if name not in given]

    @property
    def says(self) -> str:
        """One sentence on what was recognised and what has to be filled in."""
        if self.section is None:
            return f"not recognised; it has the columns {', '.join(self.theirs)}"
        columns = {**self.columns, **self.computed}
        mapped = ", ".join(f"{ours} = {theirs}" for ours, theirs in columns.items())
        open_ends = f"; to be filled in: {', '.join(self.missing)}" if self.missing else ""
        stated = "".join(f"; {key} = {value}" for key, value in self.options.items())
        return f"[{self.section}] {mapped}{open_ends}{stated}"


def recognise(file: Path) -> tuple[Recognised, ...]:
    """Look at a file's header, and at some of its rows, and tell which sections it could fill: at least one answer.

    The header is the first line, or the first further line by which the file is recognised. A file of events or visits
    in which customers buy fills two sections.
    """
    try:
        looked = []
        for head in heads(file, "init"):
            looked.append(_sections(file, head))
            if looked[-1][0].section is not None:
                return looked[-1]
        return max(looked, key=lambda found: len(found[0].theirs))
    except InputError as error:
        raise InputError([_of_a_file_alone(problem) for problem in error.problems]) from error


def _sections(file: Path, head: Head) -> tuple[Recognised, ...]:
    names = ColumnNames(head.names)
    found = {ours: name for ours, synonyms in SYNONYMS.items() if (name := names.named(*synonyms)) is not None}
    if "name" in names and "financial_status" in names:
        found.setdefault("order_id", names.named("name") or "")  # Shopify
    refunded = names.named(*REFUND_VALUES)
    channel = touch_channel(names, head)
    base = Recognised(file, None, found, head, customers=tuple(names.all_named(*SYNONYMS["customer_id"])))
    if "path" in found and "conversions" in found:
        paths = {ours: name for ours, name in found.items() if ours in ("path", "conversions", "nulls")}
        if (value := names.named(*PATH_VALUES)) is not None:
            paths["value"] = value
        return (_with_forms(replace(base, section="paths", columns=paths)),)
    if refunded is not None and "order_id" in found and "value" not in found:
        refunds = replace(base, section="refunds", columns={**found, "value": refunded})
        return (_with_forms(_cut(refunds)),)
    is_of_customers = {"customer_id", "time"} <= set(found)
    events = events_of(names, head, channel) if is_of_customers else None
    if events is not None and (events.touches is not None or "value" not in found):
        return _of_events(base, names, channel, events)
    if is_of_customers and ("value" in found or ("order_id" in found and channel is None)):
        bought = _of_visits_with_orders(base, channel)
        return bought or (_orders(base, names),)
    if {"cost", "date"} <= set(found) and (channel or "campaign" in found) and "customer_id" not in found:
        return (_spend(base, names, channel),)
    if is_of_customers and not (channel is None and plain(found["time"]).startswith("create")):
        return (_touches(base, channel),)
    if "customer_id" in found:
        return (replace(base, section="customers", columns={"customer_id": found["customer_id"]}),)
    return (replace(base, columns={}),)


def _of_events(base: Recognised, names: ColumnNames, channel: Channel | None, events: Events) -> tuple[Recognised, ...]:
    """A file of events: its touches, and its purchases as orders where they tell what was bought for."""
    touches = replace(_touches(base, channel), by_visit=events.by_visit)
    touches = replace(
        touches,
        options={**touches.options, **({"filter": events.touches} if events.touches else {})},
        notes=(events.note, *touches.notes),
    )
    if events.purchases is None:
        return (touches,)
    amounts = base.head.column(base.columns["value"]) if "value" in base.columns else []
    if not amounts or (events.bought and not any(amounts[row] for row in events.bought)):
        note = "purchases here have no amount: orders have to come from another file"
        return (replace(touches, notes=(*touches.notes, note)),)
    orders = _with_forms(_cut(replace(base, section="orders")))
    note = "events of one order_id are summed: one that is sent again, as when its page is loaded again, counts twice"
    orders = replace(
        orders, options={**orders.options, "filter": events.purchases}, notes=(note, *orders.notes), beside=True
    )
    return (orders,) if channel is None else (replace(touches, beside=True), orders)


def _of_visits_with_orders(base: Recognised, channel: Channel | None) -> tuple[Recognised, ...]:
    """Visits of which some rows have an order; empty where all have, or no column names a channel."""
    key = base.columns.get("order_id", base.columns.get("value", ""))
    unset = "(not set)" in base.head.column(key)
    texts = [text for text in base.head.column(key) if text != "(not set)"] + [""] * unset
    is_source_alone = channel is not None and channel.column is not None and channel.column.casefold() == "source"
    if channel is None or is_source_alone or all(texts) or not any(texts):
        return ()
    orders = _with_forms(_cut(replace(base, section="orders", beside=True)))
    test = f"{base.head.sql(key)} <> '(not set)'" if unset else f"{base.head.sql(key)} IS NOT NULL"
    orders = replace(orders, options={**orders.options, "filter": test})
    return (replace(_touches(base, channel), beside=True), orders)


def _touches(base: Recognised, channel: Channel | None) -> Recognised:
    touches = _cut(replace(base, section="touchpoints"))
    touches.columns.pop("cost", None)
    return _with_forms(_with_channel(touches, channel))


def _spend(base: Recognised, names: ColumnNames, channel: Channel | None) -> Recognised:
    spend = _with_channel(_cut(replace(base, section="spend")), channel and replace(channel, note=None))
    head, notes, kept = base.head, [], []
    if "--" in head.texts(base.columns["cost"]):
        kept.append(f"{head.sql(base.columns['cost'])} <> '--'")  # Google Ads writes so where there was none
    first = head.names[0]
    if "impr" in names or "campaign_type" in names or "campaign_status" in names or head.preamble:
        totals = literal("Gesamt%" if "kosten" in names else "Total%")  # the last rows of Google Ads
        kept.append(f"coalesce({head.text_sql(first)}, '') NOT LIKE {totals}")
    begins, ends = names.named("reporting_starts"), names.named("reporting_ends")
    if begins is not None and (campaign := base.columns.get("campaign")) is not None:
        kept.append(f"{head.sql(campaign)} IS NOT NULL")  # Meta's row of the totals names none
    is_of_periods = begins is not None and ends is not None and head.column(begins) != head.column(ends)
    if is_of_periods and spend.columns.get("date") == begins:
        notes.append(f"the cost of {begins} to {ends} counts on the first day: export it by day")
    options = {**spend.options, **({"filter": " AND ".join(kept)} if kept else {})}
    return _with_forms(replace(spend, options=options, notes=(*spend.notes, *notes)))


def _orders(base: Recognised, names: ColumnNames) -> Recognised:
    sales = sales_of(_cut(replace(base, section="orders")).columns, names, base.head)
    guests = sales.columns["customer_id"]
    known = [name for name in base.customers if base.head.texts(name) and "0" not in base.head.texts(name)]
    if "0" in base.head.texts(guests) and known:
        sales.columns["customer_id"] = known[0]
        sales.notes.append(f"customer_id is {known[0]} and not {guests}, which is 0 for all guests")
    if "financial_status" in names and (number := names.named("id")) is not None:
        sales.columns.setdefault("order_id", number)
    elif sales.filter is not None and "order_id" not in sales.columns and (number := names.named("id", "record_id")):
        sales.columns["order_id"] = number
    options = {} if sales.filter is None else {"filter": sales.filter}
    one = replace(base, section="orders", columns=sales.columns, computed=sales.computed, options=options)
    return _with_forms(replace(one, notes=tuple(sales.notes)))


def _cut(one: Recognised) -> Recognised:
    """The same with the columns of its section alone."""
    assert one.section is not None
    known = TABLE_SPECS[one.section].column_names
    return replace(one, columns={ours: name for ours, name in one.columns.items() if ours in known})


def _with_channel(one: Recognised, channel: Channel | None) -> Recognised:
    if channel is None:
        return one
    notes = one.notes if channel.note is None else (*one.notes, f"channel: {channel.note}")
    if channel.column is not None:
        return replace(one, columns={**one.columns, "channel": channel.column}, notes=notes)
    return replace(one, computed={**one.computed, "channel": channel.sql or ""}, notes=notes)


def _either_first(column: str, head: Head) -> list[str]:
    """What to say of days and months that may each come first."""
    texts = head.texts(column)
    form = guessed_time_format(texts)
    other = None if form is None else months_first_too(texts, form)
    return [] if other is None else [f"{column} is read with the day first; with the month first it is {other}"]


def _with_forms(one: Recognised) -> Recognised:
    """The same with how the file is written: encoding, times, numbers, currency, and fields inside of records."""
    head, options, computed, notes = one.head, dict(one.options), dict(one.computed), list(one.notes)
    if head.encoding != "utf-8":
        options["encoding"] = head.encoding
    spec = TABLE_SPECS.get(one.section or "")
    kinds = {column.name: column.kind for column in spec.columns} if spec else {}
    times = [name for ours, name in one.columns.items() if kinds.get(ours) in (Kind.TIME, Kind.DAY)]
    if times and (fits := guessed_time_format(head.texts(times[0]))) is not None:
        options["time_format"] = fits
        notes += _either_first(times[0], head)
    if times and "time" in one.columns and is_utc(times[0], head):
        options["timezone"] = "UTC"
    amounts = [one.columns[ours] for ours in ("value", "cost", "conversions") if ours in one.columns]
    if any(guessed_decimal(head.texts(name)) == "," for name in amounts):
        options["decimal"] = ","
    for name in amounts:
        grouped = [text for text in head.texts(name) if re.fullmatch(r"\d{1,3}[.,]\d{3}", text)]
        if grouped and guessed_decimal(head.texts(name)) is None:
            mark = "," if "." in grouped[0] else "."
            notes.append(
                f'{grouped[0]} in {name}: a thousand and more, if the decimal mark is another: decimal = "{mark}"'
            )
    columns = dict(one.columns)
    if spec and "currency" in kinds and "currency" not in columns:
        codes = [code for name in head.names if _is_amount_of(one, name) and (code := currency_of(name)) is not None]
        if codes:
            computed["currency"] = literal(codes[0])
    for ours, name in one.columns.items():
        if name in head.paths:
            computed[ours] = head.sql(columns.pop(ours))
    return replace(one, columns=columns, computed=computed, options=options, notes=tuple(notes))


def _is_amount_of(one: Recognised, name: str) -> bool:
    """Whether a column is the section's amount, or a part of its expression."""
    plain = {one.columns.get("value"), one.columns.get("cost")}
    return name in plain or one.head.sql(name) in one.computed.get("value", "")


def required_columns(section: str) -> list[str]:
    """Return the columns that a section of data needs, by our names."""
    if section == "paths":
        return ["path", "conversions"]
    return [column.name for column in TABLE_SPECS[section].columns if column.required]


def _of_a_file_alone(problem: str) -> str:
    """A problem of a source without the name of the source: there is none yet."""
    return problem.removeprefix("init: ").replace(", or leave init out of the sources", "")
