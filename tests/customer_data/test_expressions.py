"""The user's SQL: what may be written, how it is prepared, and what is turned away."""

import duckdb
import pytest

from customer_data.expressions import checked_expression, scalar_functions
from customer_data.sources import Sql

COLUMNS = {"text": "VARCHAR", "B c": "VARCHAR", "number": "BIGINT", "moment": "TIMESTAMP"}
ROW = (
    "SELECT ' Ab-12 ' AS text, '2.5' AS \"B c\", CAST(4 AS BIGINT) AS number, TIMESTAMP '2024-02-03 04:05:06' AS moment"
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("coalesce(text, 'none')", " Ab-12 "),
        ("lower(trim(TEXT))", "ab-12"),
        ("split_part(trim(text), '-', 2)", "12"),
        ("text || '/' || number", " Ab-12 /4"),
        ("regexp_extract(text, '([0-9]+)', 1)", "12"),
        ("CASE WHEN text LIKE '%12%' AND number IN (3, 4) THEN 'x' END", "x"),
        ("if(number > 3, 'many', 'few')", "many"),
        ("nullif(number, 4)", None),
        ("number::DOUBLE / 8", 0.5),
        ('"B c" * number', 10.0),
        ('-"b C"', -2.5),
        ("CAST(text AS INTEGER)", None),
        ("CAST(CAST(text AS INTEGER) AS VARCHAR)", None),
        ("year(moment) * 100 + EXTRACT(month FROM moment)", 202_402),
        ("strftime(moment, '%d')", "03"),
        ("number BETWEEN 1 AND 4 AND text IS NOT NULL", True),
    ],
)
def test_an_expression_of_one_row_gives_its_value(
    connection: duckdb.DuckDBPyConnection, expression: str, value: object
) -> None:
    prepared, problems = checked_expression(Sql(expression), COLUMNS, "here", scalar_functions(connection))
    assert problems == []
    assert connection.execute(f"SELECT {prepared} FROM ({ROW})").fetchone() == (value,)


@pytest.mark.parametrize(
    "expression",
    [
        "(SELECT 1)",
        "EXISTS (SELECT 1)",
        "text = (SELECT max(text) FROM other)",
        "SELECT 1",
        "DROP TABLE x",
        "COPY x TO 'y'",
        "ATTACH 'x'",
        "max(text)",
        "count(*)",
        "lag(text) OVER ()",
        "*",
        "COLUMNS('a')",
        "$1",
        "?",
        "text, number",
        "text; text",
        "",
        "random()",
        "uuid()",
        "now()",
        "current_date",
        "current_timestamp",
        "getvariable('x')",
        "current_setting('x')",
        "read_csv('x')",
        "glob('x')",
        "query('SELECT 1')",
        "getenv('HOME')",
        "nextval('x')",
        "unnest([1])",
        "other.text",
        "missing",
    ],
)
def test_whatever_is_not_a_value_of_one_row_is_turned_away(
    connection: duckdb.DuckDBPyConnection, expression: str
) -> None:
    prepared, problems = checked_expression(Sql(expression), COLUMNS, "here", scalar_functions(connection))
    assert prepared == ""
    assert problems
    assert all(problem.startswith("here: ") for problem in problems)
