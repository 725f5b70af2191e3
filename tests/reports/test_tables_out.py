"""Tables come out the same every time and run nothing in a spreadsheet."""

import csv
import datetime as dt

import pandas as pd
import pytest

from reports.publishing.run_tables import rounded
from reports.publishing.table_files import write_tables

NASTY = ["=1+1", "+SUM(A1)", "-2+3", "@cmd", "\tx", "\rx", 'plain "quoted", é']


def test_formulas_are_text_in_csv_and_raw_in_parquet(tmp_path):
    table = pd.DataFrame({"channel": NASTY, "value": [-1.5, 2, 3, 4, 5, 6, 7]})
    write_tables(tmp_path, {"credit": table})
    with (tmp_path / "credit.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == [f"'{name}" for name in NASTY[:6]] + [NASTY[6]]
    assert rows[1][1] == "-1.5"
    assert pd.read_parquet(tmp_path / "credit.parquet")["channel"].tolist() == NASTY


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_every_kind_of_text_column_is_guarded(tmp_path, dtype):
    write_tables(tmp_path, {"t": pd.DataFrame({"a": pd.Series(["=x", "y"], dtype=dtype)})})
    assert (tmp_path / "t.csv").read_bytes() == b"a\r\n'=x\r\ny\r\n"


def test_numbers_dates_and_missing_values_are_written_as_they_are(tmp_path):
    table = pd.DataFrame({"day": [dt.date(2024, 1, 31), None], "x": [0.1 + 0.2, None], "text": [None, "-"]})
    write_tables(tmp_path, {"t": table})
    assert (tmp_path / "t.csv").read_text() == "day,x,text\n2024-01-31,0.30000000000000004,\n,,'-\n"


def test_the_same_table_gives_the_same_bytes(tmp_path):
    table = pd.DataFrame({"channel": ["a", "b"], "value": [1.0, 2.5]})
    for folder in ("one", "two"):
        write_tables(tmp_path / folder, {"t": table.copy()})
    for name in ("t.csv", "t.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_money_and_orders_of_forecasts_are_rounded_so_that_no_noise_is_left_and_sums_agree():
    parts = [1.530288e-312, -3.1e-13, 100 / 3, 200 / 3, None]
    table = rounded(pd.DataFrame({"contribution": parts, "expected_orders": parts, "share": parts}))
    assert table["contribution"].tolist()[:4] == [0.0, 0.0, 33.3333, 66.6667]
    assert table["expected_orders"].tolist()[:4] == [0.0, 0.0, 33.333333, 66.666667]
    assert str(table["contribution"].iloc[1]) == "0.0"
    assert table["share"].tolist()[:4] == parts[:4]
    assert table["contribution"].isna().tolist() == [False] * 4 + [True]
