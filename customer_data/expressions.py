"""The user's SQL expressions, held to what they may be: one scalar expression over the columns of one source."""

from functools import cache
from typing import TYPE_CHECKING, cast

from customer_data.nearest import did_you_mean, listed_names, nearest_names
from customer_data.sources import Sql
from customer_data.sql_text import identifier

if TYPE_CHECKING:
    import duckdb
    from sqlglot import exp

_ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Neg", "Mod", "IntDiv")
_GRAMMAR = {"case", "cast", "try_cast", "coalesce", "extract", "if", "nullif", "position", "substring", "trim", "in"}
_MACROS = {"split_part", "nullif", "ifnull", "array_to_string"}
_BARRED = {"current_localtime", "current_localtimestamp", "version", "json_serialize_sql", "json_serialize_plan"}


def checked_expression(
    sql: Sql, columns: dict[str, str], where: str, functions: frozenset[str]
) -> tuple[str, list[str]]:
    """Return the expression with its names quoted, and one sentence for each thing wrong with it.

    A column that came as text and stands in arithmetic is read as a number there; casts give NULL where they fail, so
    that a bad row is caught by the checks and does not stop the run.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        trees = sqlglot.parse(sql.expression, read="duckdb")
    except SqlglotError as error:
        places = getattr(error, "errors", [])
        place = f" near character {places[0]['col']}" if places and places[0].get("col") else ""
        return "", [f"{where}: {sql.expression!r} cannot be read as SQL{place}."]
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, exp.Condition | exp.Interval | exp.AtTimeZone | exp.Query | exp.Star):
        return "", [f"{where}: {sql.expression!r} is not one expression."]
    tree = cast("exp.Expression", tree)
    problems = [f"{where}: {sql.expression!r} {problem}" for problem in _barred_parts(tree, functions)]
    by_fold = {name.casefold(): name for name in columns}
    for column in list(tree.find_all(exp.Column)):
        name = column.name
        if column.table:
            problems.append(f"{where}: {column.sql('duckdb')} names a table; write the column alone.")
        elif name.casefold() not in by_fold:
            hint = did_you_mean(name, columns) or f" There are: {listed_names(columns)}."
            problems.append(f"{where}: the source has no column {name!r}.{hint}")
    if problems:
        return "", problems

    def quoted(node: "exp.Expression") -> "exp.Expression":
        if not isinstance(node, exp.Column):
            return node
        known = by_fold[node.name.casefold()]
        column = exp.column(exp.to_identifier(known, quoted=True))
        if columns[known] == "VARCHAR" and type(node.parent).__name__ in _ARITHMETIC:
            return exp.TryCast(this=column, to=exp.DataType.build("DOUBLE"))
        return column

    def forgiving(node: "exp.Expression") -> "exp.Expression":
        return exp.TryCast(this=node.this, to=node.args["to"]) if type(node) is exp.Cast else node

    tree = tree.transform(quoted)
    for inner in list(tree.find_all(exp.Cast)):
        if inner is not tree:
            inner.replace(forgiving(inner))
    return forgiving(tree).sql("duckdb"), []


def column_expression(name: str, columns: dict[str, str]) -> str | None:
    """Return the quoted name of a column, found exactly or else blind to case; None if it is not there."""
    if name in columns:
        return identifier(name)
    by_fold = {known.casefold(): known for known in columns}
    known = by_fold.get(name.casefold())
    return None if known is None else identifier(known)


def missing_column(name: str, columns: dict[str, str], where: str) -> str:
    """Return the sentence about a column that is not there."""
    near = nearest_names(name, columns)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are: {listed_names(columns)}."
    return f"{where}: the source has no column {name!r}. {hint}"


@cache
def _barred_nodes() -> tuple[type, ...]:
    from sqlglot import exp

    return (exp.Query, exp.Window, exp.AggFunc, exp.Placeholder, exp.Parameter, exp.Star, exp.DDL, exp.DML)


def _barred_parts(tree: "exp.Expression", functions: frozenset[str]) -> list[str]:
    from sqlglot import exp

    problems = []
    for node in tree.walk():
        if isinstance(node, exp.Subquery | exp.Query | exp.DDL | exp.DML):
            return ["holds a query. Write one expression over the columns of the source."]
        if isinstance(node, exp.Window | exp.AggFunc):
            return ["looks at more than one row (an aggregate or a window). Write an expression of one row."]
        if isinstance(node, _barred_nodes()) or type(node).__name__.startswith("Current"):
            problems.append(f"holds {node.sql('duckdb')!r}, which is no column and no value.")
        elif isinstance(node, exp.Func) and not isinstance(node, exp.And | exp.Or | exp.Xor):
            text = node.sql("duckdb")
            name = text.partition("(")[0].strip().lower()
            if "(" in text and name.isidentifier() and name not in functions | _GRAMMAR | _MACROS:
                hint = did_you_mean(name, functions, likeness=0.8)
                problems.append(f"uses {name}(), which is not a function of values alone.{hint}")
    return problems


def scalar_functions(connection: "duckdb.DuckDBPyConnection") -> frozenset[str]:
    """Return the engine's functions that an expression may use: their answer depends on their arguments only."""
    found = connection.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'scalar' "
        "AND stability = 'CONSISTENT' AND regexp_full_match(function_name, '[a-z][a-z0-9_]*')"
    ).fetchall()
    return frozenset(str(name) for (name,) in found) - _BARRED
