"""A load, end to end, by hand."""

import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

import customer_data
from customer_data import LoadSettings, Source, Sql, load


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def counts(report: customer_data.LoadReport, source: str) -> dict[str, int]:
    of_source = report.row_counts[report.row_counts["source"] == source]
    return dict(zip(of_source["reason"], of_source["rows"], strict=True))


def test_touchpoints_orders_spend_and_customers_become_the_models_tables(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    touches = written(
        tmp_path / "touches.csv",
        "user,when,channel,device\na,2024-01-01 00:00:01, Search ,phone\na,2024-01-02T00:00:00Z,Email,\n",
    )
    orders = written(
        tmp_path / "orders.csv", "order_id;user;time;value\n7;a;2024-01-03;12,50\n8;b;2024-01-04;1.000,00\n"
    )
    spend = written(tmp_path / "spend.csv", "date,channel,cost\n2024-01-01,Display,3.5\n")
    customers = written(tmp_path / "customers.csv", "user,country\na,DE\nb,\n")
    report = load(
        connection,
        [
            Source(table="touchpoints", data=touches, columns={"customer_id": "user", "time": "when"}),
            Source(table="orders", data=orders, columns={"customer_id": "user"}, decimal=","),
            Source(table="spend", data=spend),
            Source(table="customers", data=customers, columns={"customer_id": "user"}),
        ],
        LoadSettings(currency="EUR"),
    )
    day = 86_400_000_000
    first = 19_723  # days from 1970-01-01 to 2024-01-01
    assert connection.execute("FROM channels ORDER BY code").fetchall() == [(1, "Display"), (2, "Email"), (3, "Search")]
    assert connection.execute("FROM touchpoints ORDER BY time_us").fetchall() == [
        ("a", first * day + 1_000_000, 3, "phone"),
        ("a", (first + 1) * day, 2, None),
    ]
    assert connection.execute("FROM orders ORDER BY order_id").fetchall() == [
        ("7", "a", (first + 3) * day - 1, first + 2, 125_000),  # dated by day: the end of it
        ("8", "b", (first + 4) * day - 1, first + 3, 10_000_000),
    ]
    assert connection.execute("FROM spend").fetchall() == [(first, 1, 35_000)]
    assert connection.execute("FROM customers ORDER BY customer_id").fetchall() == [("a", "DE"), ("b", None)]
    assert counts(report, "orders") == {"read": 2, "kept": 2}
    assert (str(report.period[0]), str(report.period[1])) == ("2024-01-01", "2024-01-04") if report.period else False
    assert report.currency == "EUR"
    (dated,) = report.warnings
    assert dated.startswith("orders.time: 2 rows with a date but no time of day")
    assert report.quarantine_rows == 0


def test_a_bad_row_is_set_aside_with_its_line_and_record(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = 'customer_id,time,value,note\na,2024-01-01,5,"two\nlines"\n,2024-01-01,6,\nb,soon,x,\nc,2024-01-02,7,\n'
    report = load(connection, [Source(table="orders", data=written(tmp_path / "orders.csv", text))])
    assert counts(report, "orders") == {
        "read": 4,
        "kept": 2,
        "customer_id is missing": 1,
        "time cannot be read or is not between 1900 and 2200; value is not a number": 1,
    }
    found = connection.execute("SELECT row, record FROM quarantine ORDER BY row").fetchall()
    assert [row for row, _ in found] == [4, 5]
    assert '"soon"' in found[1][1]


def test_an_expression_over_text_columns_gives_a_value(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = "customer_id,time,Quantity,UnitPrice\na,2024-01-01,6,2.55\na,2024-01-02,many,1\n"
    source = Source(
        table="orders", data=written(tmp_path / "orders.csv", text), columns={"value": Sql("quantity * UnitPrice")}
    )
    report = load(connection, [source])
    assert connection.execute("SELECT value FROM orders").fetchall() == [(153_000,)]
    assert counts(report, "orders")["value is missing or cannot be computed"] == 1


def test_the_public_names_are_there_and_no_more_than_a_dozen() -> None:
    for name in customer_data.__all__:
        assert getattr(customer_data, name).__module__.startswith("customer_data.")
    assert len(customer_data.__all__) <= 12
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        customer_data.laod  # noqa: B018


def test_importing_everything_public_loads_no_heavy_library() -> None:
    heavy = "('duckdb', 'pandas', 'numpy', 'sqlglot', 'pyarrow')"
    code = f"import sys; from customer_data import *; print([name for name in {heavy} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_a_few_odd_times_do_not_put_the_stated_format_in_doubt(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    text = "customer_id,time,value\n" + "a,2024-01-01,5\n" * 99 + "a,soon,5\n"
    report = load(connection, [Source(table="orders", data=written(tmp_path / "orders.csv", text))])
    assert report.warnings[0] == (
        "orders: 1 of 100 rows (5.00) set aside: time cannot be read or is not between 1900 and 2200."
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_the_answer_does_not_depend_on_the_threads_or_the_order_of_rows(tmp_path: Path, threads: int) -> None:
    random = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "customer_id": random.integers(0, 40, 3_000),
            "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 90, 3_000), unit="D"),
            "value": random.integers(-300, 900, 3_000) / 100,
            "product": random.choice(["cap", "coat", "boots"], 3_000),
        }
    )
    answers = []
    for seed in (1, 2):
        path = tmp_path / f"{seed}.parquet"
        frame.sample(frac=1, random_state=seed).to_parquet(path)
        opened = customer_data.Engine(threads=threads).connect()
        report = load(opened, [Source(table="orders", data=path), Source(table="customers", data=path)])
        tables = [opened.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in ("orders", "customers")]
        answers.append((tables, report.row_counts.to_csv(), report.warnings))
    assert answers[0] == answers[1]
    assert len(answers[0][0][0]) > 1_000
