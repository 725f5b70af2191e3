"""Names, texts and single rows in the engine's SQL."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


def single_row(connection: "duckdb.DuckDBPyConnection", query: str) -> tuple[Any, ...]:
    """The one row that the query answers."""
    row = connection.execute(query).fetchone()
    assert row is not None
    return row


def quoted(name: str) -> str:
    """The name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The text as a string of SQL."""
    return "'" + text.replace("'", "''") + "'"
