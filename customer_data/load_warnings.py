"""What a careful reader of a load should know, in sentences that tell the remedy."""

import time
from typing import TYPE_CHECKING

from customer_data.judging import REJECTED, OpenSource
from customer_data.money import amount_text
from customer_data.orders import CONFLICT, IN_PART, WITHOUT_ORDER
from customer_data.quarantine import remedies
from customer_data.survey import DUPLICATE, Survey

if TYPE_CHECKING:
    import duckdb

_LONG_AGO_US = 631_152_000_000_000  # 1990-01-01


def survey_warnings(opened: list[OpenSource], surveys: list[Survey], currency: str | None) -> list[str]:
    """Return what the surveys found: rows set aside and why, repeated rows, lines filled up, identities changed."""
    warnings: list[str] = []
    for one, found in zip(opened, surveys, strict=True):
        warnings += [
            f"{one.label}.{name}: every value is a whole number with a tail, as 17850.0; the tail was taken off."
            for name in sorted(one.float_tails)
        ]
        told = [
            f"{one.label}: {rows:,} of {found.rows:,} rows{_worth(amount, currency)} are set aside: {reason}."
            for reason, (rows, amount) in sorted(found.bad.items(), key=lambda item: (-item[1][0], item[0]))
        ]
        if told:
            told[-1] += remedies(one, found)
        warnings += told
        if DUPLICATE in found.counts:
            warnings.append(f"{one.label}: {found.counts[DUPLICATE][0]:,} rows repeat another exactly and are dropped.")
        if found.repeated:
            warnings.append(
                f"{one.label}: {found.repeated:,} rows repeat another exactly and are kept. "
                'Say duplicates = "drop" if the export doubled them.'
            )
        short = one.relation.short_lines
        if short.lines:
            warnings.append(
                f"{one.label}: {short.lines:,} lines have fewer fields than the header (first: {short.first}); "
                "the fields missing at their end are taken to be empty."
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
    advice = {
        CONFLICT: "If order numbers begin anew for each customer, map order_id to an SQL expression of both.",
        WITHOUT_ORDER: "They change nothing; the orders may lie before the data begins.",
        IN_PART: "The amount is what found no order to be taken from.",
        REJECTED: "",
    }
    warnings = []
    for one in opened:
        for reason, remedy in advice.items():
            if reason in outcomes[one.number] and not (reason == REJECTED and not one.has("order_id")):
                rows, amount = outcomes[one.number][reason]
                warnings.append(f"{one.label}: {rows:,} rows{_worth(amount, currency)}: {reason}. {remedy}".rstrip())
    return warnings


def future_warnings(connection: "duckdb.DuckDBPyConnection", tables: list[str]) -> list[str]:
    """Return a sentence for each of the tables that holds times after this moment."""
    now_us = time.time_ns() // 1000
    warnings = []
    for table in tables:
        row = connection.execute(f"SELECT count(*) FROM {table} WHERE time_us > {now_us}").fetchone()
        if row is not None and row[0]:
            warnings.append(
                f"{table}: {row[0]:,} rows are dated in the future and kept. Check the zone and the format of times."
            )
    return warnings


def _worth(amount: int | None, currency: str | None) -> str:
    return "" if not amount else f" ({amount_text(amount, currency)})"
