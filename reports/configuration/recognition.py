"""Looking at files of data: which section of a configuration each could fill, and by which of its columns."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from customer_data.errors import InputError
from customer_data.file_heads import Head, heads
from customer_data.sql_text import identifier
from customer_data.table_specs import TABLE_SPECS, Kind
from customer_data.written_forms import guessed_decimal, guessed_time_format

SYNONYMS: dict[str, tuple[str, ...]] = {
    "customer_id": (
        "customer_id", "customerid", "customer", "user_id", "userid", "user", "visitor_id", "visitorid", "client_id",
        "user_pseudo_id", "domain_userid", "anonymous_id", "idvisitor", "contact_id", "master_id", "customer_email",
        "email",
    ),
    "order_id": (
        "order_id", "orderid", "order", "transaction_id", "invoice_no", "invoiceno", "invoice", "order_number", "name",
    ),
    "time": (
        "time", "timestamp", "created_at", "started_at", "converted_at", "event_timestamp", "derived_tstamp", "paid_at",
        "order_date", "invoice_date", "invoicedate", "visit_time", "created_date_(utc)", "created_(utc)", "date",
    ),
    "date": ("date", "day", "date_day", "reporting_starts", "spend_date"),
    "channel": (
        "channel", "channel_group", "channel_grouping", "session_default_channel_group",
        "default_channel_group", "default_channel_grouping", "utm_source", "mkt_source", "manual_source", "source",
        "source_medium", "session_source_medium",
    ),
    "campaign": ("campaign", "utm_campaign", "campaign_name", "mkt_campaign", "manual_campaign_name"),
    "device": ("device", "device_type", "device_category"),
    "value": (
        "value", "revenue", "total", "amount", "order_value", "price_usd", "dollar_value", "purchase_revenue",
        "total_price", "order_total", "sales",
    ),
    "cost": ("cost", "spend", "amount_spent", "ad_spend", "costs"),
    "currency": ("currency", "currency_code"),
    "product": ("product", "product_id", "sku", "stock_code", "stockcode", "lineitem_name"),
    "refund_of": ("refund_of", "refunded_order", "original_order_id"),
    "path": ("path",),
    "conversions": ("conversions", "total_conversions"),
    "nulls": ("nulls", "total_null", "total_nulls", "null"),
}  # fmt: skip
_REFUND_VALUES = ("refund_amount", "refund_amount_usd", "refunded_amount", "amount_refunded", "refund", "refund_value")
_PATH_VALUES = ("value", "total_conversion_value", "conversion_value")
_MEDIUM_OF = {"manual_source": "manual_medium", "utm_source": "utm_medium", "mkt_source": "mkt_medium"}
_CURRENCY = re.compile(r"[ _]\(([A-Z]{3})\)$")
_SALES = {
    "financial_status": ("paid", "partially_refunded"),
    "status": ("paid", "succeeded", "partially refunded"),
}
"""What Shopify and Stripe call payments that were made and not taken back whole."""


@dataclass(frozen=True)
class Recognised:
    """A file that was looked at: the section it fills (None when unknown) and its columns by our names.

    ``computed`` are SQL expressions in place of some columns, ``options`` further keys of the section, ``notes`` lines
    that say what a user may want to change.
    """

    file: Path
    section: str | None
    columns: dict[str, str]
    theirs: tuple[str, ...]
    separator: str | None = None
    computed: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """One sentence on what was recognised and what has to be filled in."""
        if self.section is None:
            return f"not recognised; it has the columns {', '.join(self.theirs)}"
        columns = {**self.columns, **self.computed}
        mapped = ", ".join(f"{ours} = {theirs}" for ours, theirs in columns.items())
        missing = [name for name in required_columns(self.section) if name not in columns]
        open_ends = f"; to be filled in: {', '.join(missing)}" if missing else ""
        stated = "".join(f"; {key} = {value}" for key, value in self.options.items())
        return f"[{self.section}] {mapped}{open_ends}{stated}"


def recognise(file: Path) -> Recognised:
    """Look at a file's header, and at some of its rows, and tell which section it could fill.

    The header is the first line, or the first further line by which the file is recognised.
    """
    try:
        found = (_recognised(file, head) for head in heads(file, "init"))
        first = next(found)
        if first.section is not None:
            return first
        return next((one for one in found if one.section is not None), first)
    except InputError as error:
        raise InputError([_of_a_file_alone(problem) for problem in error.problems]) from error


def _recognised(file: Path, head: Head) -> Recognised:
    theirs, separator = head.names, head.separator
    plain = {_plain(_CURRENCY.sub("", name)): name for name in reversed(theirs)} | {_plain(n): n for n in theirs}

    def named(synonyms: Sequence[str]) -> str | None:
        return next((plain[name] for name in synonyms if name in plain), None)

    found = {ours: name for ours, synonyms in SYNONYMS.items() if (name := named(synonyms)) is not None}
    refunded = named(_REFUND_VALUES)
    if "path" in found and "conversions" in found:
        return _with_forms(
            Recognised(file, "paths", _path_columns(found, named(_PATH_VALUES)), theirs, separator), head
        )
    if refunded is not None and "order_id" in found and "value" not in found:
        section, found["value"] = "refunds", refunded
    elif {"customer_id", "time"} <= set(found) and ("value" in found or _looks_like_orders(found)):
        section = "orders"
    elif {"cost", "date"} <= set(found) and {"channel", "campaign"} & set(found) and "customer_id" not in found:
        section = "spend"
    elif {"customer_id", "time"} <= set(found):
        section = "touchpoints"
    elif "customer_id" in found:
        section = "customers"
    else:
        return Recognised(file, None, {}, theirs, separator)
    known = {"customer_id"} if section == "customers" else set(TABLE_SPECS[section].column_names)
    columns = {ours: name for ours, name in found.items() if ours in known}
    one = Recognised(file, section, columns, theirs, separator)
    if section == "orders":
        texts = [text for name in (found.get("value"), refunded) if name for text in head.values[name]]
        one = _with_sales(one, plain, refunded, guessed_decimal(texts) or ".")
    medium = plain.get(_MEDIUM_OF.get(_plain(columns.get("channel", "")), ""))
    if medium is not None and section == "touchpoints":
        both = f"concat_ws(' / ', {identifier(columns['channel'])}, {identifier(medium)})"
        one = replace(one, notes=(*one.notes, f"channel = {{ sql = {json.dumps(both)} }}  # by source and medium"))
    return _with_forms(one, head)


def _with_sales(one: Recognised, plain: Mapping[str, str], refunded: str | None, decimal: str) -> Recognised:
    """Orders of which refunds are among the columns, and payments that failed among the rows.

    Where the columns are those of Shopify or Stripe, the values that mean a sale are known; elsewhere they are to be
    filled in.
    """
    value, computed, kept, notes = one.columns.get("value"), {}, [], list(one.notes)
    if refunded is not None and value is not None:
        back = _number(refunded, decimal)
        less = f"CASE WHEN {identifier(refunded)} IS NULL THEN 0 ELSE {back} END"
        computed["value"] = f"{_number(value, decimal)} - {less}"
    status = next((name for name in _SALES if name in plain), None)
    is_known = status == "financial_status" or (status == "status" and (refunded is not None or "captured" in plain))
    if status is not None:
        sales = ", ".join(f"'{name}'" for name in _SALES[status])
        test = f"lower(CAST({identifier(plain[status])} AS VARCHAR)) IN ({sales})"
        if is_known:
            kept.append(test)
        else:
            notes.append(f"filter = {json.dumps(test)}  # those values of {plain[status]} that mean a sale")
    if "captured" in plain and is_known:
        kept.append(f"lower(CAST({identifier(plain['captured'])} AS VARCHAR)) = 'true'")
    if "cancelled_at" in plain:
        kept.append(f"{identifier(plain['cancelled_at'])} IS NULL")
    if status == "financial_status" and value is not None:
        kept.append(f"{identifier(value)} IS NOT NULL")
    columns = {ours: theirs for ours, theirs in one.columns.items() if ours not in computed}
    if is_known and "id" in plain and "order_id" not in columns:
        columns["order_id"] = plain["id"]
    options = {**one.options, **({"filter": " AND ".join(kept)} if kept else {})}
    return replace(one, columns=columns, computed=computed, options=options, notes=tuple(notes))


def _number(name: str, decimal: str) -> str:
    """SQL of a column as a number without thousands' groups; NULL, so that the row is set aside, if it is none."""
    text = f"replace(CAST({identifier(name)} AS VARCHAR), '{',' if decimal == '.' else '.'}', '')"
    if decimal == ",":
        text = f"replace({text}, ',', '.')"
    return f"TRY_CAST({text} AS DECIMAL(18,4))"


def _with_forms(one: Recognised, head: Head) -> Recognised:
    """The same with how the file is written: encoding, times and numbers, as some of its rows show."""
    options, notes = dict(one.options), list(one.notes)
    if head.encoding != "utf-8":
        options["encoding"] = head.encoding
    spec = TABLE_SPECS.get(one.section or "")
    kinds = {column.name: column.kind for column in spec.columns} if spec else {}
    times = [name for ours, name in one.columns.items() if kinds.get(ours) in (Kind.TIME, Kind.DAY)]
    if times and (fits := guessed_time_format(head.values[times[0]])) is not None:
        options["time_format"] = fits
    amounts = [
        name for name in (one.columns.get("value"), one.columns.get("cost"), one.columns.get("conversions")) if name
    ]
    if any(guessed_decimal(head.values[name]) == "," for name in amounts):
        options["decimal"] = ","
    if amounts and "currency" not in one.columns and (code := _CURRENCY.search(amounts[0])):
        notes.append(f'the amounts of {amounts[0]} are in {code[1]}: say so in [report], currency = "{code[1]}"')
    return replace(one, options=options, notes=tuple(notes))


def required_columns(section: str) -> list[str]:
    """Return the columns that a section of data needs, by our names."""
    if section == "paths":
        return ["path", "conversions"]
    return [column.name for column in TABLE_SPECS[section].columns if column.required]


def _plain(name: str) -> str:
    return name.casefold().strip().replace(" ", "_")


def _looks_like_orders(found: dict[str, str]) -> bool:
    return "order_id" in found and "channel" not in found


def _path_columns(found: dict[str, str], value: str | None) -> dict[str, str]:
    columns = {ours: found[ours] for ours in ("path", "conversions", "nulls") if ours in found}
    return columns | ({} if value is None else {"value": value})


def _of_a_file_alone(problem: str) -> str:
    """A problem of a source without the name of the source: there is none yet."""
    return problem.removeprefix("init: ").replace(", or leave init out of the sources", "")
