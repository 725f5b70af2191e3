"""What a careful reader of a load should know, in sentences that tell the remedy."""

import time
from typing import TYPE_CHECKING

from customer_data.judging import OpenSource
from customer_data.money import amount_text
from customer_data.nearest import count_of
from customer_data.orders import CONFLICT, IN_PART, NEGATIVE, WITHOUT_ORDER
from customer_data.quarantine import remedies
from customer_data.survey import DUPLICATE, Survey

if TYPE_CHECKING:
    import duckdb

_ADVICE = {
    CONFLICT: "If order numbers begin anew for each customer, map order_id to an SQL expression of both.",
    WITHOUT_ORDER: "They change nothing; the orders may lie before the data begins.",
    IN_PART: "The amount is what found no order to be taken from.",
    NEGATIVE: 'They are in quarantine; refunds = "net" takes them from the orders before.',
}
_LONG_AGO_US = 631_152_000_000_000  # 1990-01-01


def survey_warnings(opened: list[OpenSource], surveys: list[Survey], currency: str | None) -> list[str]:
    """Return what the surveys found: rows set aside and why, repeated rows, lines filled up, identities changed."""
    warnings: list[str] = []
    for one, found in zip(opened, surveys, strict=True):
        warnings += [
            f"{one.label}.{name}: every value is a whole number with a tail, as 17850.0; the tail was taken off."
            for name in sorted(one.float_tails)
        ]
        warnings += [
            f"{one.label}: {rows:,} of {count_of(found.rows, 'row')}{_worth(amount, currency)} set aside: {reason}."
            + remedies(one, reason, share=rows / found.rows)
            for reason, (rows, amount) in sorted(found.bad.items(), key=lambda item: (-item[1][0], item[0]))
        ]
        if DUPLICATE in found.counts:
            warnings.append(f"{one.label}: {count_of(found.counts[DUPLICATE][0], 'row')} dropped: {DUPLICATE}.")
        if found.repeated:
            warnings.append(
                f"{one.label}: {count_of(found.repeated, 'row')} equal to another in every column, kept. "
                'Say duplicates = "drop" if the export doubled them.'
            )
        for file in one.relation.text_files:
            warnings += [
                f"{one.label}: {file.path} names a column twice; the later one is read as {name!r}."
                for name in file.renamed
            ]
        short = one.relation.short_lines
        if short.lines:
            warnings.append(
                f"{one.label}: {count_of(short.lines, 'line')} with fewer fields than the header (first: "
                f"{short.first}); what is missing at the end is taken to be empty."
            )
        if found.last_us is not None and found.last_us < _LONG_AGO_US:
            warnings.append(
                f"{one.label}.time: all times lie before 1990. Check time_format, seconds and milliseconds."
            )
    return warnings


def order_warnings(
    opened: list[OpenSource], outcomes: dict[int, dict[str, tuple[int, int | None]]], currency: str | None
) -> list[str]:
    """Return what became of orders and refunds where it was not what the user may expect."""
    warnings = []
    for one in opened:
        for reason, remedy in _ADVICE.items():
            if reason in outcomes[one.number]:
                rows, amount = outcomes[one.number][reason]
                warnings.append(f"{one.label}: {count_of(rows, 'row')}{_worth(amount, currency)}: {reason}. {remedy}")
    return warnings


def future_warnings(connection: "duckdb.DuckDBPyConnection", tables: list[str]) -> list[str]:
    """Return a sentence for each of the tables that holds times after this moment."""
    now_us = time.time_ns() // 1000
    warnings = []
    for table in tables:
        row = connection.execute(f"SELECT count(*) FROM {table} WHERE time_us > {now_us}").fetchone()
        if row is not None and row[0]:
            warnings.append(
                f"{table}: {count_of(row[0], 'row')} kept with a time in the future. Check the zone and time_format."
            )
    return warnings


def no_order_problem(orders: list[OpenSource], outcomes: dict[int, dict[str, tuple[int, int | None]]]) -> str:
    """Return the sentence about orders of which none is left."""
    reasons: dict[str, int] = {}
    for one in orders:
        for reason, (rows, _) in outcomes[one.number].items():
            if reason != "kept":
                reasons[reason] = reasons.get(reason, 0) + rows
    listed = ", ".join(f"{reason}: {rows:,}" for reason, rows in sorted(reasons.items(), key=lambda item: -item[1]))
    advice = f" {_ADVICE[CONFLICT]}" if CONFLICT in reasons else ""
    return f"orders: none of the rows makes an order ({listed}).{advice}"


def _worth(amount: int | None, currency: str | None) -> str:
    return "" if not amount else f" ({amount_text(amount, currency)})"
