"""Files as shops, ad networks and spreadsheets export them: nothing is lost without a word."""

import gzip
from pathlib import Path

import duckdb
import pytest

from customer_data import InputError, LoadReport, LoadSettings, Source, Sql, line_reader, load

HEADER = "customer_id,time,value\n"


def loaded(
    connection: duckdb.DuckDBPyConnection, folder: Path, content: str | bytes, name: str = "orders.csv", **said: object
) -> LoadReport:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load(connection, [Source(table="orders", data=path, **said)], LoadSettings())  # type: ignore[arg-type]


def counts(report: LoadReport) -> dict[str, int]:
    return {str(row.reason): int(row.rows) for row in report.row_counts.itertuples()}


def set_aside(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    return connection.execute("SELECT row, reason FROM quarantine ORDER BY row").fetchall()


def customers(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT customer_id FROM orders ORDER BY 1").fetchall()]


def test_a_quote_that_is_never_closed_costs_its_own_line_only(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    # No other quote follows: to the engine all the rest of the file is one field, which it leaves out in silence.
    rows = [f"{number},2023-01-05,1\n" for number in range(10, 200)]
    report = loaded(connection, tmp_path, HEADER + "".join(rows[:50]) + '"7,2023-01-05,1\n' + "".join(rows[50:]))
    reason = "a quote is not closed or stands inside a field"
    assert counts(report) == {"read": 191, "kept": 190, reason: 1}
    assert set_aside(connection) == [(52, reason)]


@pytest.mark.parametrize("name", ["orders.csv", "orders.csv.gz"])
@pytest.mark.parametrize("packed", [True, False])
def test_what_is_packed_shows_in_the_file_and_not_in_its_name(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, name: str, packed: bool
) -> None:
    content = (HEADER + "a,2023-01-05,1\n").encode()
    loaded(connection, tmp_path, gzip.compress(content) if packed else content, name)
    assert customers(connection) == ["a"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_spreadsheets_save_unicode_text_with_tabs(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, encoding: str, line_end: str
) -> None:
    text = ("\ufeff" + HEADER + "Zoë,2023-01-05,1\n").replace(",", "\t").replace("\n", line_end)
    loaded(connection, tmp_path, text.encode(encoding), encoding="utf-16")
    assert customers(connection) == ["Zoë"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x28\xb5\x2f\xfd rest", "is packed. Unpack it, or pack it by gzip"),
        (b"\xd0\xcf\x11\xe0 rest", "is a spreadsheet or a zip archive"),
        (b"\xef\xbb\xbf <!DOCTYPE html><title>Sign in</title>", "is a page of the web or XML, not CSV"),
        (b'[{"customer_id": 1}]', "is JSON. Convert it to CSV or Parquet."),
        (gzip.compress(HEADER.encode() * 999)[:-9], "cannot be read (Compressed file ended"),
    ],
)
def test_what_is_no_table_is_told_for_what_it_is(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, content: bytes, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        loaded(connection, tmp_path, content)
    assert told in str(caught.value)


def test_a_header_of_two_lines_does_not_shift_the_line_that_is_told(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    text = 'customer_id,"time\n(UTC)",value\na,2023-01-05,1\nb,2023-01-05,x\n'
    loaded(connection, tmp_path, text, columns={"time": "time\n(UTC)"})
    assert set_aside(connection) == [(4, "value is not a number")]


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize(
    "preamble",
    ["sep=;\n", "# Report: orders\n# 2023-01-01 - 2023-02-01\n#\n", 'Orders\n"January 1, 2023 - January 31, 2023"\n\n'],
)
def test_lines_before_the_header_are_told_and_lines_keep_their_numbers(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, preamble: str, careful: bool
) -> None:
    rows = "a;2023-01-05;1\nTotal;;1\n" + ('"b;2023-01-05;1\n' if careful else "")
    report = loaded(connection, tmp_path, preamble + HEADER.replace(",", ";") + rows)
    header = preamble.count("\n") + 1
    assert any(f"orders.csv has its header on line {header}; what" in warning for warning in report.warnings)
    assert customers(connection) == ["a"]
    assert [row for row, _ in set_aside(connection)] == [header + 2, header + 3][: 1 + careful]


def test_a_header_is_not_looked_for_where_the_first_line_is_one(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    report = loaded(connection, tmp_path, HEADER + "a,2023-01-05,1\n" + HEADER)
    assert report.warnings == ("orders: 1 of 2 rows set aside: repeats the header.",)
    assert set_aside(connection) == [(3, "repeats the header")]


def test_customers_named_differently_in_touchpoints_and_orders_are_told(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    def warnings(touched: str, ordered: str) -> tuple[str, ...]:
        touches, orders = tmp_path / "touches.csv", tmp_path / "orders.csv"
        touches.write_text("customer_id,time,channel\n" + "".join(f"{one},2023-01-01,x\n" for one in touched.split()))
        orders.write_text(HEADER + "".join(f"{one},2023-01-05 12:00,1\n" for one in ordered.split()))
        sources = [Source(table="touchpoints", data=touches), Source(table="orders", data=orders)]
        return load(connection, sources).warnings

    assert warnings("a@x.com b@x.com", "b@x.com c@x.com") == ()
    (strangers,) = warnings("1 2", "c1 c2")
    assert "has touchpoints, so nothing converts (orders name 'c1' first, touchpoints '1')" in strangers
    assert strangers.endswith("Check the column customer_id of both.")
    (capitals,) = warnings("A@x.com", "a@X.com")
    assert 'alike blind to case: map both by columns = { customer_id = { sql = "lower(customer_id)" } }.' in capitals
    (zeros,) = warnings("0017", "17")
    assert "alike without leading zeros" in zeros


def test_days_that_programs_write_for_none_are_told(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = "".join(f"a,2023-01-{day:02},1\n" for day in range(1, 29))
    report = loaded(connection, tmp_path, HEADER + rows + "b,1900-01-01 00:00:00,1\nb,0000-00-00,1\n")
    assert counts(report)["kept"] == 29
    (strays,) = (warning for warning in report.warnings if "before all others" in warning)
    assert strays.startswith("orders: 1 row kept with times more than a year before all others (until 1900-01-01; ")


def test_orders_of_the_next_year_are_told_where_they_come_every_day(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = [f"a{day},2023-{month:02}-{day:02},1\n" for month in range(1, 5) for day in range(1, 29)]
    report = loaded(connection, tmp_path, HEADER + "".join(rows) + "b,2023-11-01,1\n")
    (strays,) = (warning for warning in report.warnings if "after all others" in warning)
    assert strays.startswith("orders: 1 row kept with times 187 days after all others (from 2023-11-01; before that")
    assert strays.endswith("or look back from an earlier day: as_of = 2023-04-28.")


def test_half_a_year_without_orders_is_nothing_strange_where_they_come_once_a_month(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = [f"a,20{year}-{month:02}-01,1\n" for year in range(19, 23) for month in range(1, 13)]
    report = loaded(connection, tmp_path, HEADER + "".join(rows) + "b,2023-06-01,1\n")
    assert not [warning for warning in report.warnings if "after all others" in warning]


@pytest.mark.parametrize("lines_at_once", [1, 3, 5_000])
def test_lines_split_at_once_are_those_split_one_by_one(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines_at_once: int
) -> None:
    monkeypatch.setattr(line_reader, "_BLOCK", lines_at_once)
    text = (
        HEADER + 'a,2023-01-01,1,\n\n"b\nb",2023-01-01,1\r\n  \n"c,2023-01-01,1\nd,2023-01-01,1,x\n'
        'e,2023-01-01,"1"\n"f""f",2023-01-01,1\ng"g,2023-01-01,1\n""\n"h\n\nh",2023-01-01,1'
    )
    report = loaded(connection, tmp_path, text)
    assert customers(connection) == ["a", "b\nb", "e", 'f"f', 'g"g', "h\n\nh"]
    assert counts(report)["read"] == 9
    assert [row for row, _ in set_aside(connection)] == [7, 8, 12]


def test_lines_of_an_order_that_leave_its_total_blank_are_answered_with_a_filter(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    text = "Name,Email,Total,Created at\n#1,a,12.00,2023-01-05 10:11:12 -0500\n#1,a,,2023-01-05 10:11:12 -0500\n"
    columns = {"order_id": "Name", "customer_id": "Email", "value": "Total", "time": "Created at"}
    report = loaded(connection, tmp_path, text, columns=columns)
    assert report.warnings[0].endswith("read the first alone: filter = '\"Total\" IS NOT NULL'.")
    assert loaded(connection, tmp_path, text, columns=columns, filter=Sql('"Total" IS NOT NULL')).warnings == ()
    assert connection.execute("SELECT time_us FROM orders").fetchall() == [(1_672_931_472_000_000,)]


@pytest.mark.parametrize("spoilt", ["", '"b,2023-01-05,1\n'], ids=["by the engine", "carefully"])
def test_latin_1_is_that_of_windows(connection: duckdb.DuckDBPyConnection, tmp_path: Path, spoilt: str) -> None:
    text = "Kundë,time,value\nBüro – 5 €,2023-01-05,1\n" + spoilt
    loaded(connection, tmp_path, text.encode("cp1252"), encoding="latin-1", columns={"customer_id": "Kundë"})
    assert customers(connection) == ["Büro – 5 €"]


def test_identities_that_a_spreadsheet_rounded_are_told(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = "1.23457E+12,2023-01-05,1\n1.23457E+12,2023-01-06,2\nE+1,2023-01-06,2\n"
    report = loaded(connection, tmp_path, HEADER + rows)
    assert report.warnings == (
        "orders.customer_id: 2 rows with a number as spreadsheets round long ones (first: 1.23457E+12), so that "
        "several become one. Export anew, and do not save the file from a spreadsheet.",
    )
