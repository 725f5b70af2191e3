"""Every bad input ends in an error that names the place, the first case and the remedy, or in a counted quarantine."""

import csv
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from customer_data import ConfigurationError, InputError, LoadReport, LoadSettings, Source, Sql, load
from customer_data.written_forms import guessed_decimal, guessed_time_format, odd_sign

HEADER = "customer_id,time,value\n"


def written(folder: Path, content: str | bytes, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def orders(data: Path | str, **options: object) -> Source:
    return Source(table="orders", data=data, **options)  # type: ignore[arg-type]


def counts(report: LoadReport, source: str = "orders") -> dict[str, int]:
    of_source = report.row_counts[report.row_counts["source"] == source]
    return {str(reason): int(rows) for reason, rows in zip(of_source["reason"], of_source["rows"], strict=True)}


def problems_of(connection: duckdb.DuckDBPyConnection, *sources: Source, **settings: object) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        load(connection, sources, LoadSettings(**settings))  # type: ignore[arg-type]
    return caught.value.problems


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("", {}, "is empty. Export it anew, or leave orders out of the sources."),
        ("\n\r\n", {}, "is empty."),
        (HEADER, {}, "has a header but no rows. Export it anew"),
        (HEADER.encode("utf-16"), {}, 'begins as UTF-16. Say encoding = "utf-16".'),
        (HEADER.encode("utf-16-le"), {}, 'holds zero bytes, as UTF-16 does. Say encoding = "utf-16".'),
        (b"PK\x03\x04rest", {}, "is a spreadsheet or a zip archive, not a text file. Save it as CSV."),
        (HEADER + "a,in May,5\n", {}, 'State how times are written, as in time_format = "%d/%m/%Y %H:%M".'),
        (HEADER + "a,01/02/2020,5\n", {}, 'time_format = "%d/%m/%Y", or "%m/%d/%Y" if months come first.'),
        (HEADER + "a,20250131,5\n", {}, 'State how times are written: time_format = "%Y%m%d".'),
        (HEADER + "a,1735689600123456,5\n", {}, 'State how times are written: time_format = "epoch_us".'),
        ("customer_id;time;value\na;2020-01-01;5,50\n", {}, 'State the decimal mark, decimal = ","'),
        ("customer_id;time;value\na;2020-01-01;1.234,50\n", {}, 'State the decimal mark, decimal = ",".'),
        (
            HEADER + 'a,2020-01-01,"€1,234.50"\n',
            {},
            """Take '€' off: value = { sql = \'\'\'replace("value", '€', '')""",
        ),
        (HEADER + "a,2020-01-01,free\n", {}, "or clean the numbers by an SQL expression, as in value = {"),
        (HEADER + "a,2020-01-01,5\n", {"time_format": "%Q"}, "time_format '%Q' is not understood"),
        ("00004,19970101,29.33\n00005,19970102,1\n", {}, "give the columns' names by names = [...]."),
        ("customerid,time,value\n", {}, "Did you mean 'customerid'? Map it: columns = { customer_id = \"...\" }."),
        (HEADER, {"columns": {"time": "tme"}}, "orders.time: the source has no column 'tme'. Did you mean 'time'?"),
        (HEADER, {"columns": {"value": Sql("(SELECT 1)")}}, "holds a query."),
        (HEADER, {"columns": {"value": Sql("sum(value)")}}, "looks at more than one row"),
        (HEADER, {"columns": {"value": Sql("row_number() OVER ()")}}, "looks at more than one row"),
        (HEADER, {"columns": {"value": Sql("read_text('/etc/passwd')")}}, "uses read_text(), which is not a function"),
        (HEADER, {"columns": {"value": Sql("random()")}}, "uses random(), which is not a function of values alone."),
        (HEADER, {"columns": {"value": Sql("uper(value)")}}, "Did you mean 'upper'?"),
        (HEADER, {"columns": {"value": Sql("value; DROP TABLE x")}}, "is not one expression."),
        (HEADER, {"columns": {"value": Sql("value +")}}, "cannot be read as SQL near character 7."),
        (HEADER, {"columns": {"value": Sql("price * 2")}}, "the source has no column 'price'. There are: customer_id"),
        (HEADER, {"columns": {"value": Sql("o.value")}}, "o.value names a table; write the column alone."),
        (HEADER, {"filter": Sql("upper(value)")}, "orders.filter: the expression gives VARCHAR, not true or false."),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_with_its_remedy(
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    content: str | bytes,
    options: dict[str, object],
    expected: str,
) -> None:
    path = written(tmp_path, content)
    told = "\n".join(problems_of(connection, orders(path, **options)))
    assert expected in told
    assert told.startswith("orders")


def test_missing_columns_of_all_sources_are_told_at_once(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = written(tmp_path, "customerid,date,amount\n1,2,3\n")
    touches = Source(table="touchpoints", data=path, columns={"customer_id": "custmerid", "channel": Sql("utm")})
    told = problems_of(connection, orders(path), touches)
    assert [problem.split(":")[0] for problem in told] == [
        "orders.customer_id",
        "orders.time",
        "orders.value",
        "touchpoints.customer_id",
        "touchpoints.time",
        "touchpoints.channel",
    ]


def test_files_that_are_not_there_are_told_at_once(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    written(tmp_path, HEADER)
    told = problems_of(
        connection,
        orders(tmp_path / "oders.csv"),
        Source(table="spend", data=str(tmp_path / "*.none")),
        Source(table="customers", data=tmp_path),
    )
    assert "does not exist. Did you mean 'orders.csv'?" in told[0]
    assert "no file matches" in told[1]
    assert "is a folder. Name its files" in told[2]


def test_wrong_options_are_told_at_once_before_anything_is_read(connection: duckdb.DuckDBPyConnection) -> None:
    wrong = orders("x", separator=";;", decimal="x", encoding="utf8", time_format="epoch", columns={"valu": "x"})
    settings = LoadSettings(
        refunds="no",  # type: ignore[arg-type]
        duplicates="no",  # type: ignore[arg-type]
        currency_rates={"USD": -1},
        timezone="Berlin",
        missing_channel=" ",
    )
    with pytest.raises(ConfigurationError) as caught:
        load(connection, [wrong, Source(table="order", data="x")], settings)
    told = str(caught.value).splitlines()
    assert len(told) == 12
    assert "orders.columns: 'valu' is no column of orders" in "\n".join(told)
    assert any(line.endswith("Did you mean 'orders'?") for line in told)


def test_without_any_source_there_is_nothing_to_load(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ConfigurationError, match="no source is named"):
        load(connection, [])


def test_refunds_without_orders_are_a_wrong_configuration(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ConfigurationError, match="there are no orders to take them from"):
        load(connection, [Source(table="refunds", data="refunds.csv")])


def test_broken_lines_are_set_aside_one_by_one_with_their_line(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    text = (
        HEADER + 'a,2020-01-01,5\n"b,2020-01-02,6\nc,2020-01-03,7,8\nd,2020-01-04\n\n'
        ' e ,2020-01-05,9\r\n"f"x,2020-01-05,9\n"g\ng",2020-01-06,1\n,2020-01-07,1\n'
    )
    report = load(connection, [orders(written(tmp_path, text))])
    assert counts(report) == {
        "read": 8,
        "kept": 3,
        "a quote is not closed or stands inside a field": 2,
        "customer_id is missing": 1,
        "the line has 4 fields, the header 3": 1,
        "value is missing": 1,
    }
    # Line 5 lacks its last field and is filled up; line 6 is blank; line 9 begins a record of two lines.
    rows = [row for (row,) in connection.execute("SELECT row FROM quarantine ORDER BY row").fetchall()]
    assert rows == [3, 4, 5, 8, 11]
    customers = [name for (name,) in connection.execute("SELECT customer_id FROM orders ORDER BY 1").fetchall()]
    assert customers == ["a", "e", "g\ng"]
    assert any("1 line with fewer fields than the header" in warning for warning in report.warnings)


def test_blank_lines_do_not_shift_the_line_that_is_told(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = HEADER + "a,2020-01-01,5\n\n\nb,2020-01-01,many\n"
    report = load(connection, [orders(written(tmp_path, text))])
    assert counts(report) == {"read": 2, "kept": 1, "value is not a number": 1}
    assert connection.execute("SELECT row FROM quarantine").fetchall() == [(5,)]


def test_mixed_encodings_set_aside_the_lines_they_spoil(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    content = HEADER.encode() + "José,2020-01-01,5\n".encode() + "José,2020-01-02,6\n".encode("latin-1")
    report = load(connection, [orders(written(tmp_path, content))])
    assert counts(report) == {"read": 2, "kept": 1, "the line holds bytes that are not utf-8": 1}
    assert connection.execute("SELECT row FROM quarantine").fetchall() == [(3,)]
    assert 'Say encoding = "latin-1" if that is what the file is in.' in report.warnings[0]
    assert connection.execute("SELECT customer_id FROM orders").fetchall() == [("José",)]


def test_spoilt_bytes_in_a_column_that_nobody_needs_do_no_harm(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    content = b"customer_id,time,value,note\na,2020-01-01,5,caf\xe9\nb,2020-01-01,many,caf\xe9\n"
    report = load(connection, [orders(written(tmp_path, content))])
    assert counts(report) == {"read": 2, "kept": 1, "value is not a number": 1}
    found = connection.execute("SELECT row, record FROM quarantine").fetchall()
    assert found == [(3, '{"customer_id":"b","time":"2020-01-01","value":"many","note":"caf�"}')]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize("spoilt", ["", "b,2020-01-01\n"])
def test_the_same_table_comes_out_of_every_encoding(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, encoding: str, spoilt: str
) -> None:
    path = written(tmp_path, (HEADER + "Zoë,2020-01-01,5\n" + spoilt).encode(encoding))
    said = encoding.removesuffix("-le").removesuffix("-sig")
    report = load(connection, [orders(path, encoding=said)])
    assert connection.execute("SELECT customer_id, value FROM orders").fetchall() == [("Zoë", 50_000)]
    assert counts(report)["read"] == (2 if spoilt else 1)


def test_channel_names_survive_untouched(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    names = [
        "<b>x</b>",
        "=1+1",
        '"quoted"',
        "it's; a, list",
        "😀",
        "x" * 300,
        "two\nlines",
        "$\\frac{1}{2}$",
        "-5",
        "'); DROP TABLE channels; --",
    ]
    path = tmp_path / "touches.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("customer_id", "time", "channel"), *(("a", "2020-01-01", name) for name in names)])
    load(connection, [Source(table="touchpoints", data=path)])
    assert connection.execute("SELECT channel FROM channels ORDER BY code").fetchall() == [
        (name,) for name in sorted(names)
    ]
    assert connection.execute("SELECT count(*) FROM touchpoints").fetchall() == [(len(names),)]


def test_a_touch_without_a_channel_is_set_aside_unless_it_is_named(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = written(tmp_path, "customer_id,time,channel\na,2020-01-01,x\na,2020-01-01,  \na,2020-01-01,NULL\n", "t.csv")
    source = Source(table="touchpoints", data=path)
    assert counts(load(connection, [source]), "touchpoints")["channel is missing"] == 2
    report = load(connection, [source], LoadSettings(missing_channel="(none)"))
    assert counts(report, "touchpoints") == {"read": 3, "kept": 3}
    assert connection.execute("FROM channels ORDER BY code").fetchall() == [(1, "(none)"), (2, "x")]


def test_several_currencies_without_rates_are_an_error(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = written(tmp_path, "currency," + HEADER + "EUR,a,2020-01-01,5\nusd,a,2020-01-02,5\nEUR,b,2020-01-03,5\n")
    (told,) = problems_of(connection, orders(path))
    assert "the input is in 2 currencies (EUR: orders 2 rows; USD: orders 1 row)" in told
    (told,) = problems_of(connection, orders(path), currency="EUR", currency_rates={"GBP": 1.2})
    assert "there is no rate from USD to EUR" in told
    report = load(connection, [orders(path)], LoadSettings(currency="eur", currency_rates={"USD": 0.9}))
    assert report.currency == "EUR"
    assert connection.execute("SELECT CAST(sum(value) AS BIGINT) FROM orders").fetchall() == [(145_000,)]


def test_an_order_id_of_several_customers_is_set_aside_whole(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    text = "order_id," + HEADER + "1,a,2020-01-02,5\n1,a,2020-01-01,6\n2,a,2020-01-01,7\n2,b,2020-01-01,8\n"
    report = load(connection, [orders(written(tmp_path, text))])
    assert counts(report) == {
        "read": 4,
        "kept": 1,
        "its order_id belongs to several customers": 2,
        "another line of an order": 1,
    }
    assert connection.execute("SELECT order_id, day, value FROM orders").fetchall() == [("1", 18_262, 110_000)]
    assert connection.execute("SELECT row FROM quarantine ORDER BY row").fetchall() == [(4,), (5,)]
    numbered_anew = "order_id," + HEADER + "1,a,2020-01-02,5\n1,b,2020-01-01,6\n"
    (told,) = problems_of(connection, orders(written(tmp_path, numbered_anew)))
    assert "If order numbers begin anew for each customer" in told


def test_rows_that_repeat_another_are_kept_and_told_or_dropped(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = written(tmp_path, HEADER + "a,2020-01-01,5\na,2020-01-01,5\nb,2020-01-01,x\nb,2020-01-01,x\n")
    report = load(connection, [orders(path)])
    assert counts(report) == {"read": 4, "kept": 2, "value is not a number": 2}
    assert any("2 rows equal to another in every column, kept." in warning for warning in report.warnings)
    report = load(connection, [orders(path, duplicates="drop")])
    assert counts(report) == {"read": 4, "kept": 1, "value is not a number": 1, "repeats another row exactly": 2}
    assert connection.execute("SELECT row FROM quarantine").fetchall() == [(4,)]


def test_rows_that_the_filter_leaves_out_are_not_told_as_repeated(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = written(tmp_path, HEADER + "a,2020-01-01,5\n" * 3 + "b,2020-01-01,7\n" * 2)
    told = load(connection, [orders(path, filter=Sql("customer_id = 'b'"))]).warnings
    assert any("1 row equal to another in every column, kept." in warning for warning in told)


@pytest.mark.parametrize(
    ("texts", "time_format"),
    [
        (["1735689600", "1735689600.25"], "epoch_s"),
        (["1735689600123"], "epoch_ms"),
        (["20250131", "20241231"], "%Y%m%d"),
        (["99999999"], None),
        (["31/12/2024 7:05"], "%d/%m/%Y %H:%M"),
        (["1/31/24, 7:05:10 PM"], "%m/%d/%y, %I:%M:%S %p"),
        (["31/12/2024", "12/31/2024"], None),
        (["01.02.2024"], "%d.%m.%Y"),
        (["2024-01-31"], None),
        ([], None),
    ],
)
def test_how_times_are_written_is_guessed_from_all_of_them(texts: list[str], time_format: str | None) -> None:
    assert guessed_time_format(texts) == time_format


@pytest.mark.parametrize(
    ("texts", "decimal", "sign"),
    [
        (["€1,234.50", "€5"], ".", "€"),
        (["1.234,50 €"], ",", "€"),
        (["1 234,56"], ",", None),
        (["1,234"], None, None),
        (["1,234.50", "1.234,50"], None, None),
        (["free"], None, None),
        (["-12.5"], ".", None),
    ],
)
def test_how_numbers_are_written_is_guessed(texts: list[str], decimal: str | None, sign: str | None) -> None:
    assert (guessed_decimal(texts), odd_sign(texts)) == (decimal, sign)


def test_numbers_as_times_need_a_format(connection: duckdb.DuckDBPyConnection) -> None:
    frame = pd.DataFrame({"customer_id": [1, 2], "time": [1_577_836_800, 1_577_836_801], "value": [1.5, 2.0]})
    (told,) = problems_of(connection, Source(table="orders", data=frame))
    assert '"epoch_s", "epoch_ms", "epoch_us"' in told


def test_a_frame_without_rows_and_a_thing_that_is_no_frame_are_errors(connection: duckdb.DuckDBPyConnection) -> None:
    told = problems_of(
        connection,
        Source(table="orders", data=pd.DataFrame({"customer_id": []})),
        Source(table="spend", data=5),  # type: ignore[arg-type]
    )
    assert "orders: the frame has no rows." in told[0]
    assert "spend: data is a int. Give a file name or a pandas.DataFrame." in told[1]


def test_a_few_rows_years_after_all_others_are_kept_and_told_without_a_clock(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    usual = "".join(f"{day},2024-01-{day:02d},5\n" for day in range(1, 29))
    path = written(tmp_path, HEADER + usual + "a,2150-01-01,5\n")
    (warning,) = load(connection, [orders(path)]).warnings
    assert warning.startswith("orders: 1 row kept with times more than a year after all others (from 2150-01-01; ")
    assert warning.endswith("or look back from an earlier day: as_of = 2024-01-28.")
    assert load(connection, [orders(path)], LoadSettings(as_of=date(2024, 1, 28))).warnings == ()
    assert load(connection, [orders(written(tmp_path, HEADER + usual))]).warnings == ()
    # A shop whose rows all lie in the future of whoever reads this is told of nothing: no clock is asked.
    assert load(connection, [orders(written(tmp_path, HEADER + "a,2150-01-01,5\n"))]).warnings == ()


def test_warnings_name_files_without_their_folder(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = "customer_id,time,value,Note,note\na,2024-01-01,5,x,y\nb,2024-01-02,many\n"
    report = load(connection, [orders(written(tmp_path, text))])
    told = "\n".join(report.warnings)
    assert "orders.csv names a column twice" in told
    assert "(first: orders.csv, line 3)" in told
    assert str(tmp_path) not in told


@pytest.mark.parametrize(
    ("separator", "options", "expected"),
    [
        (";", {"separator": ","}, "has only one column when it is cut at ',', 'customer_id;time;value'. State"),
        ("\t", {"separator": ";"}, 'separator = "\\t".'),
        (
            "^",
            {},
            "has only one column, 'customer_id^time^value'. State what stands between its fields: separator = \"^\".",
        ),
        (";", {"separator": ",", "columns": {"customer_id": "user"}}, 'separator = ";".'),
    ],
)
def test_a_wrong_separator_is_answered_with_the_right_one(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, separator: str, options: dict[str, object], expected: str
) -> None:
    path = written(tmp_path, (HEADER + "a,2024-01-01,5\n").replace(",", separator))
    (told,) = problems_of(connection, orders(path, **options))
    assert told.startswith("orders.separator: ")
    assert expected in told


def test_only_negative_values_are_answered_with_a_remedy(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (told,) = problems_of(connection, orders(written(tmp_path, HEADER + "a,2024-01-01,-5\n")))
    assert 'map columns = { value = { sql = "-value" } }' in told
