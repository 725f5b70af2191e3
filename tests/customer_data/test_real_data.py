"""The facts that are known of the real data sets come out of a load, straight from their files."""

from pathlib import Path

import duckdb

from customer_data import LoadReport, LoadSettings, Source, Sql, load


def counts(report: LoadReport, source: str) -> dict[str, int]:
    of_source = report.row_counts[report.row_counts["source"] == source]
    return {str(reason): int(rows) for reason, rows in zip(of_source["reason"], of_source["rows"], strict=True)}


def one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[object, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row


def test_online_retail_straight_from_the_gz(connection: duckdb.DuckDBPyConnection, shared_data: Path) -> None:
    data = shared_data / "online_retail" / "online_retail.csv.gz"
    report = load(
        connection,
        [
            Source(
                table="orders",
                data=data,
                columns={
                    "order_id": "InvoiceNo",
                    "customer_id": "CustomerID",
                    "time": "InvoiceDate",
                    "value": Sql("Quantity * UnitPrice"),
                },
            ),
            Source(table="customers", data=data, columns={"customer_id": "CustomerID", "country": "Country"}),
        ],
        LoadSettings(currency="GBP"),
    )
    found = counts(report, "orders")
    assert found["read"] == 541_909
    assert found["customer_id is missing"] == 135_080
    assert sum(rows for reason, rows in found.items() if reason != "read") == 541_909
    # Revenue as the data's README gives it; of two decimals, so that units of 1/10,000 are exact.
    assert report.row_counts["amount"].iloc[0] == 97_477_479_340
    # The refunds that found an order and what is kept are what customers with a name paid for orders.
    assert counts(report, "customers")["kept"] == 4_372
    assert one(connection, "SELECT count(DISTINCT country) FROM customers") == (37,)
    assert one(connection, "SELECT max(length(customer_id)), min(length(customer_id)) FROM customers") == (5, 5)
    assert any("8 customers have several values" in warning for warning in report.warnings)
    assert any("5,268 rows equal to another in every column" in warning for warning in report.warnings)
    # The pair of +/-80,995 units cancels: invoice 581483 (168,469.60) is refunded in full by C581484.
    assert one(connection, "SELECT count(*) FROM orders WHERE order_id IN ('581483', 'C581484')") == (0,)
    assert one(connection, "SELECT count(*) FROM orders WHERE value < 0 OR order_id LIKE 'C%'") == (0,)
    assert one(connection, "SELECT min(row), max(row) FROM quarantine WHERE source = 'orders'") == (624, 541_542)
    assert tuple(str(day) for day in report.period or ()) == ("2010-12-01", "2011-12-09")


def test_cdnow_without_a_header_and_padded_by_blanks(connection: duckdb.DuckDBPyConnection, shared_data: Path) -> None:
    names = ["master_id", "customer_id", "date", "cds", "value"]
    source = Source(
        table="orders",
        data=shared_data / "cdnow" / "CDNOW_sample.txt",
        separator="whitespace",
        names=names,
        columns={"time": "date"},
        time_format="%Y%m%d",
    )
    report = load(connection, [source])
    assert counts(report, "orders") == {"read": 6_919, "kept": 6_919}
    assert one(connection, "SELECT count(DISTINCT customer_id), CAST(sum(value) AS BIGINT) FROM orders") == (
        2_357,
        2_440_919_400,
    )
    assert one(connection, "SELECT count(*) FROM orders WHERE value = 0") == (8,)
    assert one(connection, "SELECT min(customer_id) FROM orders") == ("0001",)
    assert any("21 rows equal to another" in warning for warning in report.warnings)
    # The oracle of BG/NBD: 2,457 repeat days in the first 39 weeks (to 1997-09-30), zero-value orders among them.
    repeats = one(
        connection,
        "SELECT count(DISTINCT (customer_id, day)) - count(DISTINCT customer_id) FROM orders "
        "WHERE day <= DATE '1997-09-30' - DATE '1970-01-01'",
    )
    assert repeats == (2_457,)


def test_cdnow_with_its_header(connection: duckdb.DuckDBPyConnection, shared_data: Path) -> None:
    source = Source(
        table="orders",
        data=shared_data / "cdnow" / "CDNOW_master.txt",
        separator="whitespace",
        columns={"time": "date", "value": "dollar_value"},
        time_format="%Y%m%d",
    )
    report = load(connection, [source])
    assert counts(report, "orders") == {"read": 69_659, "kept": 69_659}
    assert one(connection, "SELECT count(DISTINCT customer_id), CAST(sum(value) AS BIGINT) FROM orders") == (
        23_570,
        25_003_156_300,
    )
    assert tuple(str(day) for day in report.period or ()) == ("1997-01-01", "1998-06-30")
    assert any("255 rows equal to another" in warning for warning in report.warnings)


def test_the_playbooks_sessions_conversions_and_spend(connection: duckdb.DuckDBPyConnection, shared_data: Path) -> None:
    folder = shared_data / "attribution_playbook"
    report = load(
        connection,
        [
            Source(
                table="touchpoints",
                data=folder / "sessions.csv",
                columns={"time": "started_at", "channel": "utm_source", "campaign": "utm_campaign"},
            ),
            Source(
                table="orders",
                data=folder / "customer_conversions.csv",
                columns={"time": "converted_at", "value": "revenue"},
            ),
            Source(
                table="spend",
                data=folder / "ad_spend.csv",
                columns={"date": "date_day", "channel": "utm_source", "cost": "spend"},
            ),
        ],
    )
    assert [counts(report, table)["kept"] for table in ("touchpoints", "orders", "spend")] == [90, 21, 42]
    never = "SELECT count(DISTINCT customer_id) FROM touchpoints ANTI JOIN orders USING (customer_id)"
    assert one(connection, never) == (31,)
    # Sessions of direct visitors lack the last field: they are filled up and told.
    assert any("33 lines with fewer fields than the header" in warning for warning in report.warnings)
    # "2020-02-04 4:30:21", an hour without its zero.
    assert one(connection, "SELECT time_us FROM orders WHERE customer_id = '2014'") == (1_580_790_621_000_000,)


def test_maven_fuzzy_factory_orders_refunds_and_sessions(
    connection: duckdb.DuckDBPyConnection, shared_data: Path
) -> None:
    folder = shared_data / "maven_fuzzy_factory"
    channel = Sql("coalesce(utm_source, CASE WHEN http_referer IS NULL THEN 'direct' ELSE 'organic' END)")
    report = load(
        connection,
        [
            Source(
                table="orders",
                data=folder / "orders.csv",
                columns={"customer_id": "user_id", "time": "created_at", "value": "price_usd"},
            ),
            Source(
                table="refunds",
                data=folder / "order_item_refunds.csv",
                columns={"time": "created_at", "value": "refund_amount_usd"},
            ),
            Source(
                table="touchpoints",
                data=folder / "website_sessions_first5000.csv",
                columns={"customer_id": "user_id", "time": "created_at", "channel": channel, "device": "device_type"},
            ),
        ],
    )
    assert counts(report, "refunds") == {"read": 1_731, "kept": 0, "refund taken from its order": 1_731}
    # 1,938,509.75 of revenue less 85,338.69 of refunds.
    assert one(connection, "SELECT CAST(sum(value) AS BIGINT) FROM orders") == (18_531_710_600,)
    assert counts(report, "orders")["read"] == 32_313
    assert connection.execute("SELECT channel FROM channels ORDER BY code").fetchall() == [
        ("bsearch",),
        ("direct",),
        ("gsearch",),
        ("organic",),
    ]
