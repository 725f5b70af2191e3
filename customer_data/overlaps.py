"""Exports that overlap: rows, or orders, that stand in several files or sources of one table and would count twice.

Rows that equal another in every column of their source are the survey's business, across its files too. Here it is
asked what that does not see: touches, which the survey does not compare unasked, and orders that a later export holds
anew with other values.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from customer_data.judging import OpenSource, judged_sql
from customer_data.nearest import count_of
from customer_data.sql_text import identifier, literal
from customer_data.survey import Survey

if TYPE_CHECKING:
    import duckdb

_MOST_TOUCHES = 250_000
"""Touches that are compared; of more, those of a share of the customers."""


def overlap_warnings(
    connection: "duckdb.DuckDBPyConnection", opened: list[OpenSource], surveys: list[Survey]
) -> list[str]:
    """Return a sentence for each table of which files or sources overlap."""
    warnings = []
    for one, found in zip(opened, surveys, strict=True):
        if one.knows_files and one.source.table == "touchpoints":
            warnings += _touches_in_several_files(connection, one, found.good)
    return warnings + _orders_in_several_places(connection, [one for one in opened if one.source.table == "orders"])


def _touches_in_several_files(connection: "duckdb.DuckDBPyConnection", opened: OpenSource, good: int) -> list[str]:
    part = -(-good // _MOST_TOUCHES)
    columns = ", ".join(identifier(name) for name in opened.mapped.columns)
    ((looked_at, rows, one, other),) = connection.execute(
        f"""
        WITH alike AS (
            SELECT count(*) AS rows, min(__file) AS one, max(__file) AS other FROM ({judged_sql(opened)})
            WHERE __reason IS NULL AND hash(customer_id) % {max(part, 1)} = 0 GROUP BY hash({columns})
        )
        SELECT CAST(sum(rows) AS BIGINT), CAST(sum(rows - 1) FILTER (one <> other) AS BIGINT),
               min(one) FILTER (one <> other), min_by(other, one) FILTER (one <> other)
        FROM alike
        """
    ).fetchall()
    if not rows:
        return []
    among = "" if part <= 1 else f" of {looked_at:,} that were compared"
    remedy = (
        "They differ in columns that are not read; export periods that do not overlap."
        if opened.drops_duplicates
        else 'Say duplicates = "drop" if exports overlap.'
    )
    return [
        f"{opened.label}: {count_of(rows, 'row')}{among} repeated in another file, equal in all that is read (first: "
        f"in {Path(one).name} and {Path(other).name}), kept. {remedy}"
    ]


def _orders_in_several_places(connection: "duckdb.DuckDBPyConnection", orders: list[OpenSource]) -> list[str]:
    """What is said of orders whose lines come from several files or sources.

    Lines of one order may be spread over files that were only cut in pieces. So where a single file has orders of
    several lines, an order counts as exported anew only if two files agree in some of its lines.
    """
    known = [one for one in orders if one.has("order_id")]
    if sum(1 + one.knows_files for one in known) < 2:
        return []
    lines = " UNION ALL ".join(_lines(one) for one in known)
    several = f"SELECT order_id FROM ({lines}) GROUP BY order_id HAVING min(place) <> max(place)"
    if not connection.execute(f"{several} LIMIT 1").fetchall():
        return []
    cut = f"SELECT 1 FROM ({lines}) GROUP BY order_id, place HAVING count(*) > 1 LIMIT 1"
    has_items = bool(connection.execute(cut).fetchall())
    found = connection.execute(
        f"""
        WITH held AS (
            SELECT order_id, place, min(source) AS source, list_sort(list(content)) AS content
            FROM ({lines}) SEMI JOIN ({several}) USING (order_id) GROUP BY order_id, place
        ), judged AS (
            SELECT order_id, min(place) AS one, max(place) AS other, count(DISTINCT content) = 1 AS equal,
                   min(source) <> max(source) AS several_sources,
                   len(list_intersect(min_by(content, place), max_by(content, place))) > 0 AS share
            FROM held GROUP BY order_id
        )
        SELECT equal, count(*), min(order_id), min_by(one, order_id), min_by(other, order_id) FROM judged
        WHERE CASE WHEN equal THEN several_sources ELSE share OR NOT {has_items} END
        GROUP BY equal ORDER BY equal
        """
    ).fetchall()
    remedy = (
        "If a later export holds them anew, export periods that do not overlap, or read each file by a block "
        "[[orders]] of its own with a filter on its period."
    )
    return [
        f"orders: {count_of(number, 'order')} {'stands' if number == 1 else 'stand'} in several files with "
        f"{'equal' if equal else 'different'} lines (first: {first}, in {Path(one).name} and {Path(other).name}), "
        f"which are added up. {remedy}"
        for equal, number, first, one, other in found
    ]


def _lines(opened: OpenSource) -> str:
    """SQL of a source's lines of sales: the order, where the line stands, and what it holds."""
    place = f"coalesce(__file, {literal(opened.label)})" if opened.knows_files else literal(_only_place(opened))
    sales = "value >= 0" + (" AND refund_of IS NULL" if opened.has("refund_of") else "")
    product = ", product" if opened.has("product") else ""
    return (
        f"SELECT order_id, {opened.number} AS source, {place} AS place, "
        f"hash(CAST(customer_id AS VARCHAR), time, value{product}) AS content "
        f"FROM ({judged_sql(opened)}) WHERE __reason IS NULL AND {sales}"
    )


def _only_place(opened: OpenSource) -> str:
    """The name of a source's only file; two sources of one file are two places."""
    files = [file.path for file in opened.relation.text_files]
    return f"{Path(files[0]).name} ({opened.label})" if files else opened.label
