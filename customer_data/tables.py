"""The tables that need no more than typing: channels, touchpoints, spend, customers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from customer_data.channel_names import renamed_name, similar_value_warnings
from customer_data.judging import OpenSource, judged_sql
from customer_data.nearest import count_of
from customer_data.sql_text import identifier
from customer_data.survey import Survey

if TYPE_CHECKING:
    import duckdb

_OPTIONAL = ("campaign", "cost", "device")
_MOST_VALUES = 200
"""Values of an attribute beyond which it is no group to segment by, and spellings are not looked for."""


def make_channels(connection: "duckdb.DuckDBPyConnection", surveys: list[Survey], renamed: Mapping[str, str]) -> None:
    """Make ``channels``: codes from 1 in alphabetical order of the names of all sources, if a source has any.

    The codes of names as they are written, before any is renamed, are in ``__written_channels``.
    """
    written = sorted(frozenset[str]().union(*(found.channels for found in surveys)))
    if not written:
        return
    names = sorted({renamed_name(name, renamed) for name in written})
    codes = {name: code for code, name in enumerate(names, start=1)}
    connection.execute("CREATE TABLE channels (code INTEGER, channel VARCHAR)")
    connection.executemany("INSERT INTO channels VALUES (?, ?)", [(code, name) for name, code in codes.items()])
    connection.execute("CREATE TEMP TABLE __written_channels (code INTEGER, channel VARCHAR)")
    connection.executemany(
        "INSERT INTO __written_channels VALUES (?, ?)", [(codes[renamed_name(name, renamed)], name) for name in written]
    )


def make_touchpoints(connection: "duckdb.DuckDBPyConnection", sources: list[OpenSource]) -> None:
    """Make ``touchpoints`` from the good rows of its sources."""
    parts = []
    for opened in sources:
        optional = "".join(f", {name}" for name in _OPTIONAL if opened.has(name))
        parts.append(
            f"SELECT customer_id, time AS time_us, code AS channel_code{optional} "
            f"FROM ({judged_sql(opened)}) JOIN __written_channels USING (channel) WHERE __reason IS NULL"
        )
    connection.execute(f"CREATE TABLE touchpoints AS {' UNION ALL BY NAME '.join(parts)}")


def make_spend(connection: "duckdb.DuckDBPyConnection", sources: list[OpenSource]) -> None:
    """Make ``spend`` from the good rows of its sources."""
    parts = [
        f'SELECT "date" AS day, code AS channel_code, cost FROM ({judged_sql(opened)}) '
        "JOIN __written_channels USING (channel) WHERE __reason IS NULL"
        for opened in sources
    ]
    connection.execute(f"CREATE TABLE spend AS {' UNION ALL '.join(parts)}")


def make_customers(
    connection: "duckdb.DuckDBPyConnection", sources: list[OpenSource]
) -> tuple[list[str], dict[int, int]]:
    """Make ``customers``, one row for each; of several values of an attribute the most frequent, or first by name.

    Returns
    -------
    list of str, dict
        A warning for each attribute in which customers contradict themselves; for each source's number the rows beyond
        the first of each customer.
    """
    names: list[str] = []
    for opened in sources:
        names += [name for name in opened.mapped.columns if name != "customer_id" and name not in names]
    parts = [
        f"SELECT {opened.number} AS __source, * EXCLUDE (__reason) FROM ({judged_sql(opened)}) WHERE __reason IS NULL"
        for opened in sources
    ]
    connection.execute(f"CREATE TEMP TABLE __customers AS {' UNION ALL BY NAME '.join(parts)}")
    further = connection.execute(
        """
        SELECT __source, count(*) - count(DISTINCT customer_id) FILTER (__source = first_source)
        FROM (SELECT *, min(__source) OVER (PARTITION BY customer_id) AS first_source FROM __customers)
        GROUP BY 1
        """
    ).fetchall()
    joined = "(SELECT DISTINCT customer_id FROM __customers) AS everyone"
    warnings = []
    for position, name in enumerate(names):
        column = identifier(name)
        connection.execute(
            f"""
            CREATE TEMP TABLE __attribute_{position} AS
            WITH counted AS (
                SELECT customer_id, {column} AS value, count(*) AS rows
                FROM __customers WHERE {column} IS NOT NULL GROUP BY 1, 2
            )
            SELECT customer_id, min_by(value, (-rows, value)) AS {column}, count(*) AS several FROM counted GROUP BY 1
            """
        )
        joined += f" LEFT JOIN __attribute_{position} AS a{position} USING (customer_id)"
        row = connection.execute(
            f"SELECT count(*), min(customer_id) FROM __attribute_{position} WHERE several > 1"
        ).fetchone()
        if row is not None and row[0]:
            warnings.append(
                f"customers.{name}: {count_of(row[0], 'customer')} {'has' if row[0] == 1 else 'have'} several values "
                f"(first: {row[1]}). Each has its most frequent value, the first by name where two are equally "
                "frequent."
            )
        warnings += _spelling_warnings(connection, position, name)
    listed = "".join(f", a{position}.{identifier(name)}" for position, name in enumerate(names))
    connection.execute(f"CREATE TABLE customers AS SELECT everyone.customer_id{listed} FROM {joined}")
    for position in range(len(names)):
        connection.execute(f"DROP TABLE __attribute_{position}")
    connection.execute("DROP TABLE __customers")
    return warnings, {int(number): int(rows) for number, rows in further if rows}


def _spelling_warnings(connection: "duckdb.DuckDBPyConnection", position: int, name: str) -> list[str]:
    """A sentence if values of an attribute look like other spellings of more common ones; none of many values."""
    column = identifier(name)
    rows = connection.execute(
        f"SELECT {column}, count(*) FROM __attribute_{position} GROUP BY 1 LIMIT {_MOST_VALUES + 1}"
    ).fetchall()
    if len(rows) > _MOST_VALUES:
        return []
    return similar_value_warnings({str(value): float(number) for value, number in rows}, name)
