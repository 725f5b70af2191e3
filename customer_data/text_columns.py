"""Columns of CSV files for those who count outside the engine: some as texts, some as numbers, in the order of lines.

The same reading as of every other source: the engine's own where all lines are good, the careful one, which knows the
line of every record, where they are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from customer_data.engine import Engine
from customer_data.errors import InputError
from customer_data.line_reader import line_remedies
from customer_data.load_warnings import file_warnings
from customer_data.nearest import count_of
from customer_data.relations import Relation, read_again_carefully
from customer_data.sql_text import identifier
from customer_data.typed_columns import number_of_text

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, eq=False)
class TextColumns:
    """Columns that were read.

    Attributes
    ----------
    table
        An Arrow table: texts, and numbers as doubles, null where there is none or what is there is none; once read
        carefully also ``__file`` and ``__row``, the line on which a record begins, and ``__as_written <name>`` with the
        texts of the numbers.
    problems
        A sentence for each reason why lines are no records; such lines are not in the table.
    notes
        What was passed over or filled up in reading.
    """

    table: Any
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_text_columns(
    relation: Relation, *, texts: Mapping[str, str], numbers: Mapping[str, str], decimal: str, carefully: bool = False
) -> TextColumns | None:
    """Read columns of open CSV files (see `customer_data.relations.open_text`), by our name from theirs.

    None where the engine cannot read the files, or found no row; they can then be read carefully.

    Raises
    ------
    InputError
        If the careful reading fails too.
    """
    import duckdb

    with Engine().connect() as connection:
        connection.execute("SET preserve_insertion_order = true")
        if not carefully:
            try:
                table = _selected(connection, relation.scan, texts, numbers, decimal)
            except duckdb.Error:
                return None
            return TextColumns(table, notes=tuple(file_warnings(relation))) if table.num_rows else None
        try:
            relation = read_again_carefully(connection, relation, {*texts.values(), *numbers.values()}, 1)
            table = _selected(connection, relation.located_scan, texts, numbers, decimal, located=True)
            problems = _broken(connection, relation, lines=table.num_rows)
        except (duckdb.Error, UnicodeError, EOFError, OSError) as error:
            detail = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(f"{relation.label}: {relation.place} cannot be read ({detail}).") from error
        return TextColumns(table, problems, tuple(file_warnings(relation)))


def _selected(
    connection: "duckdb.DuckDBPyConnection",
    scan: str,
    texts: Mapping[str, str],
    numbers: Mapping[str, str],
    decimal: str,
    *,
    located: bool = False,
) -> Any:
    values = [f"{identifier(theirs)} AS {identifier(ours)}" for ours, theirs in texts.items()]
    for ours, theirs in numbers.items():
        values.append(f"{number_of_text(identifier(theirs), decimal)} AS {identifier(ours)}")
    order = ""
    if located:
        values += ["__file", "__row"]
        values += [f"{identifier(their)} AS {identifier(f'__as_written {ours}')}" for ours, their in numbers.items()]
        order = " ORDER BY __file, __row"
    return connection.sql(f"SELECT {', '.join(values)} FROM {scan} AS source{order}").to_arrow_table()


def _broken(connection: "duckdb.DuckDBPyConnection", relation: Relation, *, lines: int) -> tuple[str, ...]:
    found = connection.execute(
        f"SELECT reason, count(*), arg_min(file, (file, row)), arg_min(row, (file, row)), sum(count(*)) OVER () "
        f"FROM {relation.broken} GROUP BY reason ORDER BY 2 DESC, 1"
    ).fetchall()
    return tuple(
        f"{relation.label}: {relation.place}: {int(rows):,} of {count_of(lines + int(broken), 'row')} cannot be read "
        f"(first: {place_of(relation, file, row)}): {reason}." + "".join(f" {one}" for one in line_remedies(reason))
        for reason, rows, file, row, broken in found
    )


def place_of(relation: Relation, file: str, row: int) -> str:
    """Return where a record stands: its line, with the name of its file where there are several."""
    several = f"{Path(file).name}, " if len(relation.text_files) > 1 else ""
    return f"{several}line {row:,}"
