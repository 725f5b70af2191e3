"""The configuration that ``pathworth init`` writes: every key with its comment, the columns of given files mapped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from customer_data.errors import InputError
from customer_data.table_specs import TABLE_SPECS

if TYPE_CHECKING:
    from pydantic import BaseModel

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
    "channel": ("channel", "channel_group", "channel_grouping", "utm_source", "mkt_source", "source", "source_medium"),
    "campaign": ("campaign", "utm_campaign", "campaign_name", "mkt_campaign"),
    "device": ("device", "device_type", "device_category"),
    "value": (
        "value", "revenue", "total", "amount", "order_value", "price_usd", "dollar_value", "purchase_revenue",
        "total_price", "sales",
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
_SNIFFED_BYTES = 65_536


@dataclass(frozen=True)
class Recognised:
    """A file that was looked at: the section it fills (None when unknown) and its columns by our names."""

    file: Path
    section: str | None
    columns: dict[str, str]
    theirs: tuple[str, ...]
    separator: str | None = None

    @property
    def says(self) -> str:
        """One sentence on what was recognised and what has to be filled in."""
        if self.section is None:
            return f"not recognised; it has the columns {', '.join(self.theirs)}"
        mapped = ", ".join(f"{ours} = {theirs}" for ours, theirs in self.columns.items())
        missing = [name for name in _required(self.section) if name not in self.columns]
        open_ends = f"; to be filled in: {', '.join(missing)}" if missing else ""
        return f"[{self.section}] {mapped}{open_ends}"


def recognise(file: Path) -> Recognised:
    """Look at a file's header and tell which section it could fill, with the columns that are known by their names."""
    theirs, separator = _header(file)
    plain = {name.casefold().strip().replace(" ", "_"): name for name in theirs}

    def named(synonyms: Sequence[str]) -> str | None:
        return next((plain[name] for name in synonyms if name in plain), None)

    found = {ours: name for ours, synonyms in SYNONYMS.items() if (name := named(synonyms)) is not None}
    refunded = named(_REFUND_VALUES)
    if "path" in found and "conversions" in found:
        return Recognised(file, "paths", _path_columns(found, named(_PATH_VALUES)), theirs, separator)
    if refunded is not None and "order_id" in found and "value" not in found:
        section, found["value"] = "refunds", refunded
    elif {"customer_id", "time"} <= set(found) and ("value" in found or _looks_like_orders(found)):
        section = "orders"
    elif {"cost", "channel", "date"} <= set(found) and "customer_id" not in found:
        section = "spend"
    elif {"customer_id", "time"} <= set(found):
        section = "touchpoints"
    elif "customer_id" in found:
        section = "customers"
    else:
        return Recognised(file, None, {}, theirs, separator)
    known = {"customer_id"} if section == "customers" else set(TABLE_SPECS[section].column_names)
    columns = {ours: name for ours, name in found.items() if ours in known}
    return Recognised(file, section, columns, theirs, separator)


def configuration_text(found: Sequence[Recognised] = (), *, folder: Path = Path()) -> str:
    """Return a commented configuration; without files it shows the sections of touchpoints and orders to fill in."""
    from reports.configuration.settings import Settings

    by_section: dict[str, Recognised] = {}
    unused = []
    for one in found:
        if one.section is None or one.section in by_section:
            unused.append(f"# Not used: {one.file.name}, {one.says}")
        else:
            by_section[one.section] = one
    if not by_section:
        by_section = {
            name: Recognised(folder / f"{name}.csv", name, {one: one for one in _required(name)}, ())
            for name in ("touchpoints", "orders")
        }
    parts = [_HEAD, *unused]
    explained: set[str] = set()
    for name in Settings.model_fields:
        model = _section_model(name)
        if name in by_section:
            parts.append("\n".join(_data_lines(by_section[name], model, folder, explained)))
            explained |= set(model.model_fields)
        elif name not in (*TABLE_SPECS, "paths"):
            parts.append("\n".join([f"[{name}]", *_key_lines(model, ())]))
        else:
            parts.append(f"# [{name}]  {_ABSENT[name]}")
    return "\n\n".join(parts) + "\n"


_HEAD = """\
# What pathworth is to read and report. `pathworth check` reads and counts, `pathworth report` publishes.
# Keys behind a # show their defaults. Paths are relative to this file; ${NAME} stands for an environment variable."""

_ABSENT = {
    "touchpoints": "visits, clicks and views by customer, time and channel; for credit of channels",
    "orders": "orders by customer, time and value",
    "refunds": "refunds by order_id, time and value, when they are not among the orders",
    "spend": "what channels cost by date, channel and cost",
    "customers": "attributes of customers, for a forecast per segment (clv.segment_by)",
    "paths": "aggregated paths with conversions, in place of touchpoints",
}


def _looks_like_orders(found: dict[str, str]) -> bool:
    return "order_id" in found and "channel" not in found


def _path_columns(found: dict[str, str], value: str | None) -> dict[str, str]:
    columns = {ours: found[ours] for ours in ("path", "conversions", "nulls") if ours in found}
    return columns | ({} if value is None else {"value": value})


def _required(section: str) -> list[str]:
    if section == "paths":
        return ["path", "conversions"]
    return [column.name for column in TABLE_SPECS[section].columns if column.required]


def _section_model(name: str) -> type[BaseModel]:
    from typing import get_args

    from pydantic import BaseModel

    from reports.configuration.settings import Settings

    annotation = Settings.model_fields[name].annotation
    models = [
        one for one in (annotation, *get_args(annotation)) if isinstance(one, type) and issubclass(one, BaseModel)
    ]
    return models[0]


def _data_lines(one: Recognised, model: type[BaseModel], folder: Path, explained: set[str]) -> Iterator[str]:
    """The lines of a section of data; keys that an earlier section has explained are not said again."""
    assert one.section is not None
    yield f"[{one.section}]  # {_ABSENT[one.section]}"
    file = one.file if one.file.is_absolute() else Path(os.path.relpath(one.file, folder))
    yield f"file = {_text(file.as_posix())}"
    given = ["file", "columns"]
    if one.section == "paths" and one.separator not in (None, ","):
        yield f"separator = {_text(one.separator or ',')}"
        given.append("separator")
    yield from _key_lines(model, given)
    yield f'[{one.section}.columns]  # ours = theirs, or ours = {{ sql = "an expression of theirs" }}'
    for ours, theirs in one.columns.items():
        yield f"{ours} = {_text(theirs)}"
    for ours in _required(one.section):
        if ours not in one.columns:
            yield f'{ours} = ""  # to be filled in; the file has: {", ".join(one.theirs)}'


def _key_lines(model: type[BaseModel], given: Sequence[str]) -> Iterator[str]:
    for key, field in model.model_fields.items():
        if key in given or key == "columns":
            continue
        default = field.get_default(call_default_factory=True)  # type: ignore[call-arg,unused-ignore]
        shown = _default_text(default)
        yield f"# {key} = {shown}".ljust(36) + f"  # {field.description}"


def _default_text(value: object) -> str:
    if value is None:
        return "..."
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return json.dumps(value) if not isinstance(value, dict) else "{}"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _header(file: Path) -> tuple[tuple[str, ...], str | None]:
    if file.suffix.lower() == ".parquet":
        import pyarrow
        from pyarrow import parquet

        try:
            return tuple(parquet.read_schema(file).names), None
        except (pyarrow.ArrowException, OSError) as error:
            raise InputError(f"{file}: cannot be read as Parquet ({str(error).splitlines()[0]}).") from error
    from customer_data.sources import Source
    from customer_data.text_files import inspect_text_file

    with file.open("rb") as opened:
        is_utf16 = opened.read(2) in (b"\xff\xfe", b"\xfe\xff")
    source = Source(table="orders", data=file, encoding="utf-16" if is_utf16 else "utf-8")
    try:
        text = inspect_text_file(str(file), source, "init")
    except InputError as error:
        raise InputError([_of_a_file_alone(problem) for problem in error.problems]) from error
    return text.names, text.separator


def _of_a_file_alone(problem: str) -> str:
    """A problem of a source without the name of the source: there is none yet."""
    return problem.removeprefix("init: ").replace(", or leave init out of the sources", "")
