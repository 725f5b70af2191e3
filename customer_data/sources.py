"""What the user states: where each table is, how its columns map to ours, and the policies of reading."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from customer_data.channel_names import renaming_problems
from customer_data.nearest import did_you_mean
from customer_data.table_specs import TABLE_SPECS

if TYPE_CHECKING:
    import pandas as pd

WHITESPACE = "whitespace"
EPOCH_FORMATS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
ENCODINGS = ("utf-8", "utf-16", "latin-1")


@dataclass(frozen=True)
class Sql:
    """One scalar SQL expression over the columns of one source, as in ``Sql("Quantity * UnitPrice")``."""

    expression: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """One source of one table.

    Parameters
    ----------
    table : {"touchpoints", "orders", "refunds", "spend", "customers"}
        The table it fills. Several sources may fill one table.
    data : str, Path, sequence of these, or pandas.DataFrame
        A CSV file (also ``.gz``), a Parquet file, a pattern of several such as ``"sessions/*.parquet"``, a list of
        files and patterns, a DuckDB file, or a frame. Several files are one table: rows are compared across them, and
        a column that only some of them have is empty in the others if it need not be there. In CSV files an empty
        field, ``NULL`` and ``\\N`` mean that there is no value; the header may stand below a preamble of up to fifty
        lines. An identity such as ``(not set)`` or ``nan`` is none.
    relation : str, optional
        The table or view inside a DuckDB file; ``"schema.table"`` is understood.
    columns : mapping of str to str or Sql
        Our column to theirs. One that is not named is taken by our own name if it is there. For customers every
        further name is an attribute; if none is named, all columns of the source are attributes.
    time_format : str, optional
        How times are written when not in ISO 8601: a strptime format such as ``"%d/%m/%Y %H:%M"``, or ``"epoch_s"``,
        ``"epoch_ms"`` or ``"epoch_us"`` for seconds, milli- or microseconds since 1970-01-01 UTC.
    timezone : str, optional
        The zone of naive times in this source, an IANA name; that of the settings when not given. For spend, the zone
        whose days count where times name one.
    separator : str, optional
        The character between the fields of a CSV file; sniffed when not given. ``"whitespace"`` splits at runs of
        blanks.
    encoding : {"utf-8", "utf-16", "latin-1"}
        The encoding of a CSV file; latin-1 is read with the signs of Windows-1252.
    decimal : {".", ","}
        The decimal mark in numbers that come as text. The other mark may group thousands.
    names : sequence of str, optional
        The names of the columns of a CSV file without a header. Without it the first line is the header.
    filter : Sql, optional
        Only rows for which this holds are read; the others are counted.
    duplicates : {"keep", "drop"}, optional
        What to do with rows that equal another in every column of the source; see `LoadSettings`.
    """

    table: str
    data: "str | Path | Sequence[str | Path] | pd.DataFrame"
    relation: str | None = None
    columns: Mapping[str, str | Sql] = field(default_factory=dict)
    time_format: str | None = None
    timezone: str | None = None
    separator: str | None = None
    encoding: str = "utf-8"
    decimal: str = "."
    names: Sequence[str] | None = None
    filter: Sql | None = None
    duplicates: Literal["keep", "drop"] | None = None


@dataclass(frozen=True, kw_only=True)
class LoadSettings:
    """Policies of reading, the same for all sources.

    Parameters
    ----------
    timezone : str
        The zone of calendar days, and of naive times where their source states none, an IANA name. A naive time that
        the clocks skip in spring is taken an hour later; one that occurs twice in autumn is taken as the second
        (standard time).
    currency : str, optional
        The currency of the report. Rows with a blank currency are taken to be in it.
    currency_rates : mapping of str to float
        Units of the report's currency per one unit of each other currency.
    refunds : {"net", "reject"}
        ``"net"`` takes refunds (negative orders, rows that name the order they refund, and the refunds table) from the
        order they name, then from the customer's latest earlier order and so on backwards; what finds no order is
        reported.
        ``"reject"`` quarantines them.
    duplicates : {"keep", "drop"}
        What to do with rows that equal another in every column of the source, where the source does not say. The
        default keeps and counts them: two lines of one invoice or two clicks within a second are often truly equal,
        and nothing in the row tells a doubled export from them. Duplicates of touchpoints are counted only when
        dropped, because finding them costs more than all other checks together.
    missing_channel : str, optional
        The channel of touchpoints and spend that name none; without it such rows are quarantined.
    rename_channels : mapping of str to str
        The name to count a channel under, by the name that touchpoints or spend give it.
    as_of : date, optional
        The day from whose end the models look back. What was booked later on an order of that day or before, a refund
        or a further line, was not known then: it is counted and changes nothing. Later orders stay in the tables, where
        the models leave them out and count them.
    """

    timezone: str = "UTC"
    currency: str | None = None
    currency_rates: Mapping[str, float] = field(default_factory=dict)
    refunds: Literal["net", "reject"] = "net"
    duplicates: Literal["keep", "drop"] = "keep"
    missing_channel: str | None = None
    rename_channels: Mapping[str, str] = field(default_factory=dict)
    as_of: date | None = None


def setting_problems(settings: LoadSettings) -> list[str]:
    """Return one sentence for each option of the settings that cannot be."""
    problems = []
    if settings.refunds not in ("net", "reject"):
        problems.append(f'refunds: {settings.refunds!r} is no policy. Say "net" or "reject".')
    if settings.duplicates not in ("keep", "drop"):
        problems.append(f'duplicates: {settings.duplicates!r} is no policy. Say "keep" or "drop".')
    for currency, rate in settings.currency_rates.items():
        if not 0 < rate < float("inf"):
            problems.append(f"currency_rates.{currency}: {rate} is no rate. Write a number above 0.")
    if settings.currency_rates and settings.currency is None:
        problems.append('currency_rates: rates need the currency they lead to. Say currency = "EUR", for one.')
    if settings.missing_channel is not None and not settings.missing_channel.strip():
        problems.append("missing_channel: a channel needs a name. Leave the option out to quarantine such rows.")
    return problems + renaming_problems(settings.rename_channels, "rename_channels")


def text_problems(source: Source, label: str) -> list[str]:
    """Return one sentence for each option of how CSV files are written that cannot be."""
    problems = []
    if source.encoding not in ENCODINGS:
        problems.append(f"{label}.encoding: {source.encoding!r} is not one of {', '.join(ENCODINGS)}.")
    if source.decimal not in (".", ","):
        problems.append(f'{label}.decimal: {source.decimal!r} is no decimal mark. Say "." or ",".')
    if source.separator is not None and source.separator != WHITESPACE and len(source.separator) != 1:
        problems.append(f'{label}.separator: {source.separator!r} is not one character nor "whitespace".')
    if source.separator is not None and source.separator == source.decimal == ",":
        problems.append(f"{label}.decimal: the comma cannot be both separator and decimal mark of unquoted numbers.")
    return problems


def source_problems(source: Source, label: str) -> list[str]:
    """Return one sentence for each option of a source that cannot be, before anything is read."""
    problems = []
    spec = TABLE_SPECS.get(source.table)
    if spec is None:
        return [f"{label}: {source.table!r} is no table.{did_you_mean(source.table, TABLE_SPECS)}"]
    problems += text_problems(source, label)
    if source.duplicates not in (None, "keep", "drop"):
        problems.append(f'{label}.duplicates: {source.duplicates!r} is no policy. Say "keep" or "drop".')
    if source.time_format is not None and source.time_format not in EPOCH_FORMATS and "%" not in source.time_format:
        problems.append(
            f"{label}.time_format: {source.time_format!r} is no format. Write one as in "
            f'"%d/%m/%Y %H:%M", or epoch_s, epoch_ms, epoch_us.{did_you_mean(source.time_format, EPOCH_FORMATS)}'
        )
    if source.names is not None and len(set(source.names)) != len(source.names):
        problems.append(f"{label}.names: a name occurs twice in {', '.join(source.names)}.")
    if not spec.takes_attributes:
        problems += [
            f"{label}.columns: {ours!r} is no column of {source.table} "
            f"({', '.join(spec.column_names)}).{did_you_mean(ours, spec.column_names)}"
            for ours in source.columns
            if ours not in spec.column_names
        ]
    problems += [
        f"{label}.columns: {ours!r} cannot be the name of a column."
        for ours in source.columns
        if not ours or re.search(r"[\x00-\x1f]", ours)
    ]
    return problems


def configuration_problems(settings: LoadSettings, sources: Sequence[Source], labels: Sequence[str]) -> list[str]:
    """Return every problem of the settings and of the sources, before anything is read."""
    problems = setting_problems(settings)
    if not sources:
        problems.append("no source is named. Name at least one of touchpoints and orders.")
    tables = {source.table for source in sources}
    if "refunds" in tables and "orders" not in tables:
        problems.append("refunds: there are no orders to take them from. Name a source of orders.")
    for source, label in zip(sources, labels, strict=True):
        problems += source_problems(source, label)
    return problems


def source_labels(sources: Sequence[Source]) -> list[str]:
    """Return the name of each source in messages and counts: its table, numbered where several fill one table."""
    tables = [source.table for source in sources]
    return [
        table if tables.count(table) == 1 else f"{table}[{tables[: position + 1].count(table)}]"
        for position, table in enumerate(tables)
    ]
