"""The rows that are set aside, each with its file, row, reason and record; fetched only where there are any."""

import json
from typing import TYPE_CHECKING

from customer_data.judging import FILTERED, OpenSource, judged_sql
from customer_data.line_reader import line_remedies
from customer_data.relations import in_order
from customer_data.sql_text import literal
from customer_data.survey import Survey, examine_carefully, unreadable
from customer_data.table_specs import TABLE_SPECS, Kind
from customer_data.written_forms import guessed_time_format, months_first_too, number_remedy

if TYPE_CHECKING:
    import duckdb


_FEW = 0.02
_LOOKED_AT = 100


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
        f"{remedies(connection, opened, ' '.join(found.bad))}"
    )


def remedies(connection: "duckdb.DuckDBPyConnection", opened: OpenSource, told: str, *, share: float = 1.0) -> str:
    """Return what a user can do about the reasons told, led by a blank, or nothing; rows set aside tell how they are
    written.

    A few odd times or numbers among many good ones (a small share) are faults of theirs, not of the stated format.
    """
    advice = []
    if "is not between 1900" in told and share > _FEW:
        stated = opened.source.time_format
        texts = _examples(connection, opened, "is not between 1900")
        fits = guessed_time_format(texts)
        if fits is not None and fits != stated:
            other = months_first_too(texts, fits)
            either = "" if other is None else f', or "{other}" if months come first'
            advice.append(f'State how times are written: time_format = "{fits}"{either}.')
        else:
            advice.append(
                'State how times are written, as in time_format = "%d/%m/%Y %H:%M".'
                if stated is None
                else f"Check that time_format = {stated!r} is how times are written."
            )
    if "is not a number" in told and share > _FEW:
        advice.append(_number_remedy(connection, opened))
    value = opened.mapped.columns.get("value")
    if "value is missing" in told and opened.has("order_id") and value is not None and not value.computed:
        advice.append(
            "If further lines of an order leave it blank, read the first alone: "
            f"filter = '{value.expression} IS NOT NULL'."
        )
    if "channel is missing" in told:
        advice.append("Name such a channel by missing_channel, if it means something.")
    return "".join(f" {sentence}" for sentence in [*advice, *line_remedies(told)])


def _number_remedy(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> str:
    ours = TABLE_SPECS[opened.source.table].money_column or "value"
    mapped, decimal = opened.mapped.columns.get(ours), opened.source.decimal
    texts = _examples(connection, opened, "is not a number")
    theirs = ours if mapped is None else mapped.theirs
    return number_remedy(texts, decimal=decimal, ours=ours, theirs=theirs) or (
        f'State the decimal mark, decimal = "{"," if decimal == "." else "."}", or clean the numbers by an SQL '
        f"expression, as in {ours} = {{ sql = \"replace({ours}, '$', '')\" }} with their name of it."
    )


def _examples(connection: "duckdb.DuckDBPyConnection", opened: OpenSource, reason: str) -> list[str]:
    """What some of the rows set aside for a reason hold in the column at fault, where that is taken as it is."""
    kinds = (Kind.TIME, Kind.DAY) if "1900" in reason else (Kind.MONEY,)
    theirs = [one.theirs for one in opened.mapped.columns.values() if one.column.kind in kinds and not one.computed]
    if len(theirs) != 1:
        return []
    rows = connection.execute(
        "SELECT record FROM quarantine WHERE source = ? AND contains(reason, ?) ORDER BY file, row LIMIT ?",
        [opened.label, reason, _LOOKED_AT],
    ).fetchall()
    records = [{str(name).casefold(): text for name, text in json.loads(record).items()} for (record,) in rows]
    return [str(text) for one in records if (text := one.get(theirs[0].casefold())) is not None]


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
