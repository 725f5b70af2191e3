"""One table comes out of every kind of source, whatever its format, dialect or order of rows."""

from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from customer_data import InputError, LoadSettings, Source, Sql, load

FRAME = pd.DataFrame(
    {
        "customer_id": [1, 1, 2],
        "time": [datetime(2024, 1, 1, 10), datetime(2024, 1, 2, 11, 30), datetime(2024, 1, 3)],
        "channel": ["Email", "Search", "Email"],
    }
)
DAY = 86_400_000_000
EXPECTED = [
    (1, 19_723 * DAY + DAY * 10 // 24, "Email"),
    (1, 19_724 * DAY + DAY * 23 // 48, "Search"),
    (2, 19_725 * DAY, "Email"),
]


def touches(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int, str]]:
    found = connection.execute(
        "SELECT CAST(customer_id AS BIGINT), time_us, channel FROM touchpoints JOIN channels ON code = channel_code "
        "ORDER BY ALL"
    )
    return found.fetchall()


def made(folder: Path, kind: str) -> Source:
    path = folder / "touches"
    if kind == "frame":
        return Source(table="touchpoints", data=FRAME)
    if kind == "aware frame":
        aware = FRAME.assign(time=FRAME["time"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))
        return Source(table="touchpoints", data=aware.astype({"channel": "category"}))
    if kind == "parquet":
        FRAME.to_parquet(path.with_suffix(".parquet"))
        return Source(table="touchpoints", data=path.with_suffix(".parquet"))
    if kind == "several parquet":
        for number in range(3):
            FRAME.iloc[[number]].to_parquet(folder / f"part{number}.parquet")
        return Source(table="touchpoints", data=str(folder / "part*.parquet"))
    if kind == "duckdb":
        with duckdb.connect(str(path.with_suffix(".duckdb"))) as database:
            database.register("frame", FRAME)
            database.execute(
                "CREATE SCHEMA web; CREATE TABLE web.touches AS FROM frame; CREATE TABLE other (x INTEGER)"
            )
        return Source(table="touchpoints", data=path.with_suffix(".duckdb"), relation="web.touches")
    if kind == "several csv":
        for number in range(3):
            part = FRAME.iloc[[number]]
            part = part[["channel", "customer_id", "time"]] if number == 1 else part
            part.to_csv(folder / f"part{number}.csv", index=False, sep=";" if number == 2 else ",")
        return Source(table="touchpoints", data=str(folder / "part*.csv"))
    if kind == "whitespace":
        path.write_text("1   2024-01-01T10:00:00 Email\n 1 2024-01-02T11:30:00   Search\n2 2024-01-03 Email\n")
        names = ["customer_id", "time", "channel"]
        return Source(table="touchpoints", data=path, separator="whitespace", names=names)
    if kind == "gz":
        FRAME.to_csv(path.with_suffix(".csv.gz"), index=False)
        return Source(table="touchpoints", data=path.with_suffix(".csv.gz"))
    options = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
    FRAME.to_csv(path.with_suffix(".csv"), index=False, sep=options[kind])
    return Source(table="touchpoints", data=path.with_suffix(".csv"))


KINDS = [
    "frame",
    "aware frame",
    "parquet",
    "several parquet",
    "duckdb",
    "comma",
    "semicolon",
    "tab",
    "pipe",
    "gz",
    "several csv",
    "whitespace",
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_touchpoints_come_out_of_every_kind_of_source(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, kind: str
) -> None:
    report = load(connection, [made(tmp_path, kind)])
    assert touches(connection) == EXPECTED
    assert report.row_counts["rows"].tolist() == [3, 3]


def test_several_sources_fill_one_table_and_are_counted_apart(connection: duckdb.DuckDBPyConnection) -> None:
    with_device = FRAME.assign(device="phone")
    report = load(connection, [Source(table="touchpoints", data=FRAME), Source(table="touchpoints", data=with_device)])
    assert touches(connection) == sorted(EXPECTED * 2)
    assert connection.execute("SELECT device, count(*) FROM touchpoints GROUP BY 1 ORDER BY 1").fetchall() == [
        ("phone", 3),
        (None, 3),
    ]
    assert report.row_counts["source"].unique().tolist() == ["touchpoints[1]", "touchpoints[2]"]


@pytest.mark.parametrize("kind", ["frame", "parquet", "several parquet", "duckdb", "gz", "several csv"])
def test_a_bad_row_is_found_in_every_kind_of_source(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, kind: str
) -> None:
    # A filter in the user's own words spoils the second row: its channel cannot be computed.
    source = made(tmp_path, kind)
    spoilt = Source(
        table="touchpoints",
        data=source.data,
        relation=source.relation,
        columns={"channel": Sql("CASE WHEN channel <> 'Search' THEN channel END")},
    )
    load(connection, [spoilt])
    ((file, row, record),) = connection.execute("SELECT file, row, record FROM quarantine").fetchall()
    expected = {"frame": (None, 2), "several parquet": ("part1.parquet", 1), "several csv": ("part1.csv", 2)}
    name, line = expected.get(kind, (Path(str(source.data)).name, 3 if kind == "gz" else 2))
    assert (None if file is None else Path(file).name, row) == (name, line)
    assert '"Search"' in record


def test_files_of_one_source_must_have_the_columns_that_are_needed(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "a1.csv").write_text("customer_id,time,channel\n")
    (tmp_path / "a2.csv").write_text("customer_id,time,source\n")
    with pytest.raises(InputError, match=r"a2.csv has no column 'channel', .*; it has customer_id, time, source. Name"):
        load(connection, [Source(table="touchpoints", data=str(tmp_path / "a*.csv"))])


def test_what_is_no_parquet_and_no_database_is_told_at_once(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    for name in ("x.parquet", "x.duckdb"):
        (tmp_path / name).write_text("nothing")
    with pytest.raises(InputError) as caught:
        load(
            connection,
            [
                Source(table="orders", data=tmp_path / "x.parquet"),
                Source(table="spend", data=tmp_path / "x.duckdb"),
            ],
        )
    assert "cannot be read as Parquet" in caught.value.problems[0]
    assert "cannot be opened as a DuckDB file" in caught.value.problems[1]


def test_the_table_of_a_database_must_be_named_and_be_there(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    source = made(tmp_path, "duckdb")
    with pytest.raises(InputError, match=r"holds 2 tables \(main.other, web.touches\). Say relation"):
        load(connection, [Source(table="touchpoints", data=source.data)])
    with pytest.raises(InputError, match=r"has no table 'touch'. Did you mean 'touches'\?"):
        load(connection, [Source(table="touchpoints", data=source.data, relation="touch")])


@pytest.mark.parametrize("kind", KINDS)
def test_a_load_leaves_nothing_behind_but_its_tables(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, kind: str
) -> None:
    load(connection, [made(tmp_path, kind)])
    left = connection.execute(
        "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal "
        "ORDER BY 1"
    )
    assert [name for (name,) in left.fetchall()] == ["channels", "quarantine", "row_counts", "touchpoints"]
    assert connection.execute("SELECT count(*) FROM duckdb_databases() WHERE NOT internal").fetchall() == [(1,)]


def test_a_filter_leaves_rows_out_and_counts_them(connection: duckdb.DuckDBPyConnection) -> None:
    report = load(connection, [Source(table="touchpoints", data=FRAME, filter=Sql("channel = 'Email'"))])
    assert report.row_counts[["reason", "rows"]].values.tolist() == [
        ["read", 3],
        ["kept", 2],
        ["left out by the filter", 1],
    ]
    assert report.quarantine_rows == 0


def test_customers_take_the_most_frequent_value_of_each_attribute(connection: duckdb.DuckDBPyConnection) -> None:
    frame = pd.DataFrame(
        {
            "id": ["a", "a", "a", "b", "b", "c"],
            "Country": ["FR", "DE", "FR", "IT", "ES", None],
            "plan": ["x", "x", "x", "y", None, "z"],
        }
    )
    report = load(connection, [Source(table="customers", data=frame, columns={"customer_id": "id"})])
    assert connection.execute("SELECT customer_id, Country, plan FROM customers ORDER BY 1").fetchall() == [
        ("a", "FR", "x"),
        ("b", "ES", "y"),
        ("c", None, "z"),
    ]
    assert report.row_counts[["reason", "rows"]].values.tolist() == [
        ["read", 6],
        ["kept", 3],
        ["another row of a customer", 3],
    ]
    (warning,) = report.warnings
    assert warning.startswith("customers.Country: 2 customers have several values (first: a).")


def test_values_of_an_attribute_that_differ_in_capitals_alone_are_told(connection: duckdb.DuckDBPyConnection) -> None:
    frame = pd.DataFrame({"customer_id": range(4), "country": ["DE", "DE", "de", "FR"], "town": list("abcd")})
    assert load(connection, [Source(table="customers", data=frame)]).warnings == (
        'customers.country: a value may be another spelling of a more common one: "de" of "DE". It is kept apart. To '
        "count such customers together, map the column to an expression, as in upper(country).",
    )


def test_attributes_may_bear_the_names_of_columns_elsewhere(connection: duckdb.DuckDBPyConnection) -> None:
    frame = pd.DataFrame(
        {
            "customer_id": [1, 2],
            "channel": ["store", "web"],
            "currency": [None, "EUR"],
            "time": [datetime(2024, 1, 1), None],
            "value": [1.5, 2.5],
        }
    )
    report = load(connection, [Source(table="touchpoints", data=FRAME), Source(table="customers", data=frame)])
    assert connection.execute("FROM customers ORDER BY 1").fetchall() == [
        (1, "store", None, "2024-01-01 00:00:00", "1.5"),
        (2, "web", "EUR", None, "2.5"),
    ]
    assert connection.execute("SELECT channel FROM channels ORDER BY code").fetchall() == [("Email",), ("Search",)]
    assert report.quarantine_rows == 0


def test_a_second_load_replaces_the_first(connection: duckdb.DuckDBPyConnection) -> None:
    load(connection, [Source(table="touchpoints", data=FRAME)])
    orders = FRAME.rename(columns={"channel": "value"}).assign(value=1)
    report = load(connection, [Source(table="orders", data=orders)], LoadSettings(currency="EUR"))
    tables = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    assert [name for (name,) in tables] == ["orders", "quarantine", "refunded_customers", "row_counts"]
    assert report.row_counts["source"].unique().tolist() == ["orders"]
