"""Exports that overlap: the same rows, and the same orders anew, in several files or sources of one table."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from customer_data import InputError, LoadReport, Source, load

JANUARY = (
    "order_id,customer_id,time,value\n1,A,2025-01-05 10:00,100\n2,B,2025-01-06 10:00,50\n3,C,2025-01-20 10:00,70\n"
)
FEBRUARY = "order_id,customer_id,time,value\n3,C,2025-01-20 10:00,70\n4,D,2025-02-06 10:00,50\n"


def written(folder: Path, **texts: str) -> list[Path]:
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    return [folder / f"{name}.csv" for name in texts]


def counts(report: LoadReport) -> dict[tuple[str, str], int]:
    return {(row.source, row.reason): row.rows for row in report.row_counts.itertuples()}


@pytest.mark.parametrize("how", ["list", "pattern", "parquet"])
def test_an_order_that_two_files_of_a_list_have_is_told_of_or_dropped(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, how: str
) -> None:
    files = written(tmp_path, a=JANUARY, b=FEBRUARY)
    if how == "parquet":
        for file in files:
            pd.read_csv(file, parse_dates=["time"]).to_parquet(file.with_suffix(".parquet"))
        files = [file.with_suffix(".parquet") for file in files]
    data = str(tmp_path / "*.csv") if how == "pattern" else files
    kept = load(connection, [Source(table="orders", data=data)])
    assert kept.warnings[0].startswith("orders: 1 row equal to another in every column, kept.")
    dropped = load(connection, [Source(table="orders", data=data, duplicates="drop")])
    assert counts(dropped) == {
        ("orders", "read"): 5,
        ("orders", "kept"): 4,
        ("orders", "repeats another row exactly"): 1,
    }
    assert connection.execute("SELECT CAST(sum(value) AS BIGINT) FROM orders").fetchall() == [(2_700_000,)]


def test_a_file_that_is_named_twice_is_an_error(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    a, _ = written(tmp_path, a=JANUARY, b=FEBRUARY)
    for data in ([a, a], [a, str(tmp_path / "*.csv")], [a, tmp_path / "." / "x" / ".." / "a.csv"]):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(InputError, match=r"1 file named twice .*a\.csv"):
            load(connection, [Source(table="orders", data=data)])


def test_an_order_that_a_later_file_holds_anew_with_another_value_is_told_of(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    files = written(tmp_path, a=JANUARY, b=FEBRUARY.replace(",70", ",60"))
    for sources in ([Source(table="orders", data=files)], [Source(table="orders", data=one) for one in files]):
        (told,) = load(connection, sources).warnings
        assert told.startswith("orders: 1 order stands in several files with different lines (first: 3, in a.csv")
        assert connection.execute("SELECT value FROM orders WHERE order_id = '3'").fetchall() == [(1_300_000,)]


def test_equal_orders_of_two_sources_are_told_of(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    sources = [Source(table="orders", data=one) for one in written(tmp_path, a=JANUARY, b=FEBRUARY)]
    (told,) = load(connection, sources).warnings
    assert "1 order stands in several files with equal lines (first: 3, in a.csv (orders[1]) and b.csv" in told


def test_lines_of_an_order_spread_over_files_and_refunds_of_it_are_no_export_anew(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    # Order 1 has two lines in one file, so these are lines of items: that of order 3 in b.csv is a further one.
    pieces = written(tmp_path, a=f"{JANUARY}1,A,2025-01-05 10:00,5\n", b=FEBRUARY.replace(",70", ",60"))
    assert load(connection, [Source(table="orders", data=pieces)]).warnings == ()
    later = written(tmp_path, a=JANUARY, b="order_id,customer_id,time,value\n3,C,2025-02-20 10:00,-70\n")
    assert load(connection, [Source(table="orders", data=later)]).warnings == ()


def test_touches_that_two_files_have_are_told_of_or_dropped(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    text = "customer_id,time,channel\nA,2025-01-05 09:00,Email\n"
    files = written(tmp_path, t1=text, t2=f"{text}B,2025-01-06 09:00,Email\n")
    (told,) = load(connection, [Source(table="touchpoints", data=files)]).warnings
    assert told.startswith("touchpoints: 1 row repeated in another file, equal in all that is read (first: in t1.csv")
    load(connection, [Source(table="touchpoints", data=files, duplicates="drop")])
    assert connection.execute("SELECT count(*) FROM touchpoints").fetchall() == [(2,)]


def test_a_column_that_only_a_later_export_has_is_empty_before(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    later = "Order_ID,customer_id,time,value,coupon,product\n5,E,2025-02-06 10:00,50,x,tea\n"
    for text in (later, f'{later}6,F,2025-02-07 10:00,5,x,"tea\n'):  # the second by the careful reader
        files = written(tmp_path, a=JANUARY, b=text)
        report = load(connection, [Source(table="orders", data=files)])
        assert "orders.product: a.csv has no such column, as other files have; its rows have none." in report.warnings
        assert connection.execute("SELECT order_id, product FROM orders ORDER BY order_id").fetchall() == [
            ("1", None),
            ("2", None),
            ("3", None),
            ("5", "tea"),
        ]


def test_a_file_in_another_encoding_is_told_of_in_one_short_sentence(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    a, b = written(tmp_path, a=JANUARY, b=FEBRUARY * 500)
    a.write_text(JANUARY, encoding="utf-16")
    with pytest.raises(InputError) as caught:
        load(connection, [Source(table="orders", data=[a, b], encoding="utf-16")])
    assert "b.csv is not UTF-16: it holds no zero bytes." in str(caught.value)
    with pytest.raises(InputError) as caught:
        load(connection, [Source(table="orders", data=b, separator="|")])
    b.write_text(f"{'x' * 5_000},{','.join(f'column {number}' for number in range(900))}\n1\n")
    with pytest.raises(InputError) as long:
        load(connection, [Source(table="orders", data=b, columns={"value": "price"})])
    assert max(len(one) for error in (caught, long) for one in error.value.problems) < 600
