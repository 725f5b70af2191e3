"""What a careful reader of a load should know, in sentences that tell the remedy."""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from customer_data.judging import OpenSource
from customer_data.money import amount_text
from customer_data.nearest import count_of
from customer_data.orders import CONFLICT, IN_PART, NEGATIVE, WITHOUT_ORDER
from customer_data.quarantine import remedies
from customer_data.relations import Relation
from customer_data.survey import DUPLICATE, Survey

if TYPE_CHECKING:
    import duckdb

_ADVICE = {
    CONFLICT: "If order numbers begin anew for each customer, map order_id to an SQL expression of both.",
    WITHOUT_ORDER: "They change nothing; the orders may lie before the data begins.",
    IN_PART: "The amount is what found no order to be taken from.",
    NEGATIVE: 'They are in quarantine; refunds = "net" takes them from the orders before.',
}
_EPOCH = date(1970, 1, 1)
_LONG_GAP_DAYS = 365
_UNUSUAL_GAP_DAYS, _TIMES_THE_USUAL = 60, 20  # where days with rows are so close together that this is a stray
_DAYS_OF_A_PACE = 30
_FEW_STRAYS, _FEW_OF_ALL = 3, 0.01
"""Rows, or a share of a table's rows; more of them are a shop that was closed for long."""
_LOOKED_FOR = 1_000


def survey_warnings(
    connection: "duckdb.DuckDBPyConnection", opened: list[OpenSource], surveys: list[Survey], currency: str | None
) -> list[str]:
    """Return what the surveys found: rows set aside and why, repeated rows, lines filled up, identities changed."""
    warnings: list[str] = []
    for one, found in zip(opened, surveys, strict=True):
        warnings += [
            f"{one.label}.{name}: every value is a whole number with a tail, as 17850.0; the tail was taken off."
            for name in sorted(one.float_tails)
        ]
        warnings += [
            f"{one.label}: {rows:,} of {count_of(found.rows, 'row')}{_worth(amount, currency)} set aside: {reason}."
            + remedies(connection, one, reason, share=rows / found.rows)
            for reason, (rows, amount) in sorted(found.bad.items(), key=lambda item: (-item[1][0], item[0]))
        ]
        warnings += [
            f"{one.label}.{name}: {count_of(rows, 'row')} with a number as spreadsheets round long ones (first: "
            f"{first}), so that several become one. Export anew, and do not save the file from a spreadsheet."
            for name, (rows, first) in found.rounded.items()
        ]
        if DUPLICATE in found.counts:
            warnings.append(f"{one.label}: {count_of(found.counts[DUPLICATE][0], 'row')} dropped: {DUPLICATE}.")
        if found.repeated:
            warnings.append(
                f"{one.label}: {count_of(found.repeated, 'row')} equal to another in every column, kept. "
                'Say duplicates = "drop" if the export doubled them.'
            )
        warnings += [
            f"{one.label}.{name}: {Path(one.relation.absent[column.theirs]).name} has no such column, as other files "
            "have; its rows have none."
            for name, column in one.mapped.columns.items()
            if column.theirs in one.relation.absent
        ]
        warnings += file_warnings(one.relation)
        if one.source.table == "orders" and found.good and found.counts[None][1] == 0:
            warnings.append(
                f"{one.label}.value: the values of all {count_of(found.good, 'row')} add up to 0. Check which column "
                'holds them, as in columns = { value = "..." }.'
            )
        if found.long_ago:
            warnings.append(
                f"{one.label}.time: all times lie before 1990. Check time_format, seconds and milliseconds."
            )
    return warnings


def file_warnings(relation: Relation) -> list[str]:
    """Return what was passed over or filled up in reading CSV files."""
    warnings = []
    for file in relation.text_files:
        if file.preamble:
            warnings.append(
                f"{relation.label}: {Path(file.path).name} has its header on line {file.preamble + 1}; what stands "
                "before it is left out."
            )
        warnings += [
            f"{relation.label}: {Path(file.path).name} names a column twice; the later one is read as {name!r}."
            for name in file.renamed
        ]
    short = relation.short_lines
    if short.lines:
        warnings.append(
            f"{relation.label}: {count_of(short.lines, 'line')} with fewer fields than the header (first: "
            f"{short.first}); what is missing at the end is taken to be empty."
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


def stray_time_warnings(
    connection: "duckdb.DuckDBPyConnection", tables: list[str], as_of: date | None = None
) -> list[str]:
    """Return a sentence for each of the tables of which few rows lie long before or after all others.

    The last day of the data is the day from which a report looks back, so one mistyped year would let every customer
    seem lost; later times than the as-of day do no harm. A first day such as 1900-01-01 is one that programs write for
    none. Long is a year, or two months where nineteen of twenty gaps between days with rows are a twentieth as long
    at most. Only the rows themselves are asked, never the clock: the same input is told of in the same words always.
    """
    warnings = []
    for table in tables:
        sides = _long_gaps(connection, table, as_of)
        early = [side for side in sides if _are_strays(side[2], side[3])]
        if early:
            previous, day, rows, _ = early[-1]
            warnings.append(
                f"{table}: {count_of(rows, 'row')} kept with times {_apart(previous, day)} before all others (until "
                f"{previous}; after that the first is of {day}). Check these times, since some programs write the "
                "first day they know for none, and leave such rows out by a filter."
            )
        warnings += _late_strays(table, sides)
    return warnings


def late_time_warnings(
    connection: "duckdb.DuckDBPyConnection", tables: list[str], as_of: date | None = None
) -> list[str]:
    """Those of `stray_time_warnings` about rows after all others, which move the day that a report looks back from."""
    return [said for table in tables for said in _late_strays(table, _long_gaps(connection, table, as_of))]


def _late_strays(table: str, sides: list[tuple[date, date, int, int]]) -> list[str]:
    late = [side for side in sides if _are_strays(side[3], side[2])]
    if not late:
        return []
    previous, day, _, rows = late[0]
    return [
        f"{table}: {count_of(rows, 'row')} kept with times {_apart(previous, day)} after all others (from "
        f"{day}; before that the last is of {previous}). Check these times and time_format, or look back from "
        f"an earlier day: as_of = {previous}."
    ]


def _long_gaps(
    connection: "duckdb.DuckDBPyConnection", table: str, as_of: date | None
) -> list[tuple[date, date, int, int]]:
    """Days before and after each long gap between days with rows, and how many rows lie on either side."""
    day_us = 86_400_000_000
    until = "" if as_of is None else f"WHERE time_us < {((as_of - _EPOCH).days + 1) * day_us}"
    gaps = connection.execute(
        f"""
        WITH days AS (
            SELECT CAST(floor(time_us / {day_us}) AS BIGINT) AS day, count(*) AS rows FROM {table} {until} GROUP BY 1
        ),
        gaps AS (
            SELECT day, day - lag(day) OVER ordered AS gap, lag(day) OVER ordered AS previous,
                   sum(rows) OVER (ORDER BY day DESC) AS rest, sum(rows) OVER () AS total
            FROM days WINDOW ordered AS (ORDER BY day)
        )
        SELECT previous, day, CAST(total - rest AS BIGINT), CAST(rest AS BIGINT) FROM gaps
        WHERE gap > {_LONG_GAP_DAYS} OR gap > {_UNUSUAL_GAP_DAYS} AND gap > {_TIMES_THE_USUAL} *
            (SELECT quantile_disc(gap, 0.95) FROM gaps HAVING count(gap) >= {_DAYS_OF_A_PACE})
        ORDER BY day
        """
    ).fetchall()
    return [
        (_EPOCH + timedelta(days=int(previous)), _EPOCH + timedelta(days=int(day)), before, after)
        for previous, day, before, after in gaps
    ]


def _apart(previous: date, day: date) -> str:
    gap = (day - previous).days
    return "more than a year" if gap > _LONG_GAP_DAYS else f"{gap:,} days"


def _are_strays(rows: int, others: int) -> bool:
    return rows < others and rows <= max(_FEW_STRAYS, _FEW_OF_ALL * (rows + others))


def stranger_warnings(connection: "duckdb.DuckDBPyConnection") -> list[str]:
    """Return a sentence if customers with orders have no touchpoints, as if the two tables named them differently."""
    sample = f"(SELECT DISTINCT customer_id FROM orders ORDER BY hash(customer_id) LIMIT {_LOOKED_FOR})"
    met = f"SELECT 1 FROM touchpoints SEMI JOIN {sample} USING (customer_id) LIMIT 1"
    if connection.execute(met).fetchall():
        return []
    first = connection.execute(
        "SELECT (SELECT min(customer_id)::VARCHAR FROM orders), (SELECT min(customer_id)::VARCHAR FROM touchpoints)"
    ).fetchall()
    (ordered, touched), remedy = first[0], "Check the column customer_id of both."
    for change, said in (("lower(customer_id)", "blind to case"), ("ltrim(customer_id, '0')", "without leading zeros")):
        alike = f"SELECT {change.replace('customer_id', 'customer_id::VARCHAR')} AS alike FROM"
        if connection.execute(f"{alike} touchpoints INTERSECT {alike} {sample} LIMIT 1").fetchall():
            remedy = f'Some are alike {said}: map both by columns = {{ customer_id = {{ sql = "{change}" }} }}.'
    return [
        "orders: none of their customers, or of a thousand of them, has touchpoints, so nothing converts (orders name "
        f"{ordered!r} first, touchpoints {touched!r}). {remedy}"
    ]


def no_order_problem(orders: list[OpenSource], outcomes: dict[int, dict[str, tuple[int, int | None]]]) -> str:
    """Return the sentence about orders of which none is left."""
    reasons: dict[str, int] = {}
    for one in orders:
        for reason, (rows, _) in outcomes[one.number].items():
            if reason != "kept":
                reasons[reason] = reasons.get(reason, 0) + rows
    listed = ", ".join(f"{reason}: {rows:,}" for reason, rows in sorted(reasons.items(), key=lambda item: -item[1]))
    advice = f" {_ADVICE[CONFLICT]}" if CONFLICT in reasons else ""
    if WITHOUT_ORDER in reasons and len(reasons) == 1:
        advice = (
            " Every value is negative or names an order that is not there. If the export writes sales as negative "
            'numbers, map columns = { value = { sql = "-value" } }, with their name of it.'
        )
    return f"orders: none of the rows makes an order ({listed}).{advice}"


def _worth(amount: int | None, currency: str | None) -> str:
    return "" if not amount else f" ({amount_text(amount, currency)})"
