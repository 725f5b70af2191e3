"""From the user's columns to ours, with every problem of a source at once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from customer_data.expressions import checked_expression, column_expression, missing_column
from customer_data.nearest import did_you_mean, listed_names, shown_name
from customer_data.relations import ANOTHER_SOURCE, Relation
from customer_data.sources import Source, Sql
from customer_data.sql_text import identifier
from customer_data.table_specs import TABLE_SPECS, Column, Kind
from customer_data.text_files import separator_remedy

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class MappedColumn:
    """One of our columns: the SQL that gives it from the source, its type there, and how it is shown in messages.

    ``computed`` tells an expression of the user's from a column taken as it is.
    """

    column: Column
    expression: str
    type: str
    theirs: str
    computed: bool = False


@dataclass(frozen=True)
class Mapped:
    """The mapped columns of one source; ``filter`` is SQL that holds for the rows to read."""

    columns: dict[str, MappedColumn]
    filter: str | None


def map_source(
    connection: "duckdb.DuckDBPyConnection", source: Source, relation: Relation, functions: frozenset[str]
) -> tuple[Mapped | None, list[str]]:
    """Map a source's columns.

    Returns
    -------
    Mapped or None, list of str
        The mapping, or None with one sentence for each problem.
    """
    spec = TABLE_SPECS[source.table]
    if unsplit := _unsplit(source, relation):
        return None, [unsplit]
    problems: list[str] = []
    found: dict[str, tuple[Column, str, str]] = {}
    columns = list(spec.columns)
    if spec.takes_attributes:
        columns += [Column(name, Kind.TEXT) for name in _attributes(source, relation, spec.column_names)]
    for column in columns:
        where = f"{relation.label}.{column.name}"
        theirs = source.columns.get(column.name)
        if isinstance(theirs, Sql):
            expression, wrong = checked_expression(theirs, relation.columns, where, functions)
            problems += wrong
            if not wrong:
                found[column.name] = (column, expression, theirs.expression)
        elif theirs is not None:
            quoted = column_expression(theirs, relation.columns)
            if quoted is None:
                problems.append(missing_column(theirs, relation.columns, where))
            else:
                found[column.name] = (column, quoted, theirs)
        else:
            quoted = column_expression(column.name, relation.columns)
            if quoted is not None:
                found[column.name] = (column, quoted, column.name)
            elif column.required:
                problems.append(_unmapped(column, relation, source))
    condition = None
    if source.filter is not None:
        condition, wrong = checked_expression(source.filter, relation.columns, f"{relation.label}.filter", functions)
        problems += wrong
    problems += _absent_columns(source, relation, found, condition)
    folded = [name.casefold() for name in found]
    problems += [
        f"{relation.label}.columns: {name!r} occurs twice, in capitals and without."
        for name in found
        if folded.count(name.casefold()) > 1
    ]
    if problems:
        return None, problems
    mapped: dict[str, MappedColumn] = {}
    for name, (column, expression, theirs) in found.items():
        type_, problem = _type(connection, expression, relation, f"{relation.label}.{name}")
        problems += problem
        mapped[name] = MappedColumn(
            column, expression, type_, theirs, computed=isinstance(source.columns.get(name), Sql)
        )
    if condition is not None:
        type_, problem = _type(connection, condition, relation, f"{relation.label}.filter")
        problems += problem
        if not problem and type_ != "BOOLEAN":
            problems.append(f"{relation.label}.filter: the expression gives {type_}, not true or false.")
    return (None, problems) if problems else (Mapped(mapped, condition), [])


def _absent_columns(
    source: Source, relation: Relation, found: dict[str, tuple[Column, str, str]], condition: str | None
) -> list[str]:
    """A sentence for each column that is mapped, or must be there, and that some of several files lack."""
    wanted = {
        name: expression
        for name, (column, expression, _) in found.items()
        if name in source.columns or not column.may_be_blank
    } | ({} if condition is None else {"filter": condition})
    names = {file.path: file.names for file in relation.text_files}
    return [
        f"{relation.label}.{ours}: {file} has no column {shown_name(theirs)!r}, as other files have; it has "
        f"{listed_names(names[file])}. {ANOTHER_SOURCE.format(table=source.table)}"
        for ours, expression in wanted.items()
        for theirs, file in relation.absent.items()
        if identifier(theirs) in expression
    ]


def _unsplit(source: Source, relation: Relation) -> str | None:
    """Return the sentence about a CSV file that was not cut into columns, with the separator its one name holds."""
    if not relation.is_text or source.names is not None or len(relation.columns) > 1:
        return None
    (name,) = relation.columns
    known = [*TABLE_SPECS[source.table].column_names, *source.columns.values()]
    remedy = separator_remedy(name)
    if remedy is None or any(isinstance(one, Sql) or one.casefold() == name.casefold() for one in known):
        return None
    stated = "" if source.separator is None else f" when it is cut at {source.separator!r}"
    return f"{relation.label}.separator: {relation.place} has only one column{stated}, {shown_name(name)!r}. {remedy}"


def _attributes(source: Source, relation: Relation, ours: tuple[str, ...]) -> list[str]:
    named = [name for name in source.columns if name not in ours]
    if named:
        return named
    taken = source.columns.get("customer_id", "customer_id")
    taken = taken.casefold() if isinstance(taken, str) else ""
    return [name for name in relation.columns if name.casefold() != taken]


def _unmapped(column: Column, relation: Relation, source: Source) -> str:
    where = f"{relation.label}.{column.name}"
    listed, shown = list(relation.columns), listed_names(relation.columns)
    hint = did_you_mean(column.name, listed)
    remedy = f' Map it: columns = {{ {column.name} = "..." }}.'
    no_header = ""
    if relation.is_text and source.names is None and all(any(sign.isdigit() for sign in name) for name in listed):
        no_header = " If the first line is no header, give the columns' names by names = [...]."
    return f"{where}: {relation.place} has no such column; it has {shown}.{hint}{remedy}{no_header}"


def _type(
    connection: "duckdb.DuckDBPyConnection", expression: str, relation: Relation, where: str
) -> tuple[str, list[str]]:
    import duckdb

    bare = expression.strip('"').replace('""', '"')
    if identifier(bare) == expression and bare in relation.columns:
        return relation.columns[bare], []
    empty = ", ".join(f"CAST(NULL AS {type_}) AS {identifier(name)}" for name, type_ in relation.columns.items())
    try:
        row = connection.execute(f"DESCRIBE SELECT {expression} AS it FROM (SELECT {empty})").fetchone()
    except duckdb.Error as error:
        return "", [f"{where}: {expression} cannot be computed ({str(error).splitlines()[0]})."]
    return ("VARCHAR", []) if row is None else (str(row[1]), [])
