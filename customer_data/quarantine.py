"""The rows that are set aside, each with its file, row, reason and record; fetched only where there are any."""

from typing import TYPE_CHECKING

from customer_data.judging import FILTERED, OpenSource, judged_sql
from customer_data.line_reader import line_remedies
from customer_data.relations import in_order
from customer_data.sql_text import literal
from customer_data.survey import Survey, examine_carefully, unreadable

if TYPE_CHECKING:
    import duckdb


_FEW = 0.02


def make_quarantine(connection: "duckdb.DuckDBPyConnection") -> None:
    """Make the empty table."""
    connection.execute(
        "CREATE TABLE quarantine (source VARCHAR, file VARCHAR, row BIGINT, reason VARCHAR, record VARCHAR)"
    )


def quarantine_bad_rows(
    connection: "duckdb.DuckDBPyConnection", opened: OpenSource, found: Survey
) -> tuple[OpenSource, Survey]:
    """Set the bad rows of a source aside; reads a CSV source anew by the careful reader where the engine cannot."""
    import duckdb

    condition = f"__reason IS NOT NULL AND __reason <> {literal(FILTERED)}"
    try:
        _set_aside(connection, opened, condition=condition, reason="__reason")
    except duckdb.Error as error:
        if not opened.relation.is_text or opened.relation.broken is not None:
            raise unreadable(opened, error) from error
        opened, found = examine_carefully(connection, opened)
        _set_aside(connection, opened, condition=condition, reason="__reason")
    if opened.relation.broken is not None:
        connection.execute(f"INSERT INTO quarantine SELECT {literal(opened.label)}, * FROM {opened.relation.broken}")
    return opened, found


def quarantine_orders(connection: "duckdb.DuckDBPyConnection", opened: OpenSource, doomed: str) -> None:
    """Set aside the good rows of a source of orders whose order_id is in the table ``doomed`` (order_id, reason)."""
    condition = "__reason IS NULL" + (" AND refund_of IS NULL" if opened.has("refund_of") else "")
    _set_aside(connection, opened, condition=condition, reason="reason", join=f"JOIN {doomed} USING (order_id)")


def all_bad_problem(connection: "duckdb.DuckDBPyConnection", opened: OpenSource, found: Survey) -> str:
    """Return the sentence about a source of which no row can be used, with the reasons and the first case."""
    reasons = ", ".join(
        f"{reason}: {rows:,}"
        for reason, (rows, _) in sorted(found.counts.items(), key=lambda item: (-item[1][0], str(item[0])))
        if reason is not None
    )
    first = connection.execute(
        f"SELECT row, reason, record FROM quarantine WHERE source = {literal(opened.label)} ORDER BY file, row LIMIT 1"
    ).fetchone()
    case = f" First: row {first[0]}, {first[1]}: {str(first[2])[:300]}." if first else ""
    return (
        f"{opened.label}: none of the {found.rows:,} rows of {opened.relation.place} can be used ({reasons}).{case}"
        f"{remedies(opened, ' '.join(found.bad))}"
    )


def remedies(opened: OpenSource, told: str, *, share: float = 1.0) -> str:
    """Return what a user can do about the reasons told, led by a blank, or nothing.

    A few odd times or numbers among many good ones (a small share) are faults of theirs, not of the stated format.
    """
    advice = []
    if "is not between 1900" in told and share > _FEW:
        stated = opened.source.time_format
        advice.append(
            'State how times are written, as in time_format = "%d/%m/%Y %H:%M".'
            if stated is None
            else f"Check that time_format = {stated!r} is how times are written."
        )
    if "is not a number" in told and share > _FEW:
        mark = "," if opened.source.decimal == "." else "."
        advice.append(
            f'State the decimal mark, decimal = "{mark}", or clean the numbers by an SQL expression, as in '
            "value = { sql = \"replace(value, '$', '')\" } with their name of it."
        )
    value = opened.mapped.columns.get("value")
    if "value is missing" in told and opened.has("order_id") and value is not None and not value.computed:
        advice.append(
            "If further lines of an order leave it blank, read the first alone: "
            f"filter = '{value.expression} IS NOT NULL'."
        )
    if "channel is missing" in told:
        advice.append("Name such a channel by missing_channel, if it means something.")
    return "".join(f" {sentence}" for sentence in [*advice, *line_remedies(told)])


def _set_aside(
    connection: "duckdb.DuckDBPyConnection", opened: OpenSource, *, condition: str, reason: str, join: str = ""
) -> None:
    once = "QUALIFY row_number() OVER (PARTITION BY __record ORDER BY __file, __row) = 1"
    with in_order(connection, opened.relation):
        connection.execute(
            f"INSERT INTO quarantine SELECT {literal(opened.label)}, __file, __row, {reason}, __record "
            f"FROM ({judged_sql(opened, located=True)}) AS located {join} WHERE {condition} "
            f"{once if opened.drops_duplicates else ''}"
        )
