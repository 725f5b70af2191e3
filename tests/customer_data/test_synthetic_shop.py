"""The synthetic shop: the same bytes for the same seed, and files that say what the truth says."""

import json
import tomllib
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from customer_data.errors import ConfigurationError
from customer_data.loading import load
from customer_data.money import from_units
from customer_data.sources import LoadSettings, Source
from customer_data.synthetic_journeys import SHOP
from customer_data.synthetic_shop import simulate, simulate_shop

CUSTOMERS = 3_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    simulate(folder, customers=CUSTOMERS, seed=7)
    return folder


@pytest.fixture(scope="module")
def truth(shop: Path) -> Any:
    return json.loads((shop / "truth.json").read_text(encoding="utf-8"))


def scalar(query: str) -> Any:
    row = duckdb.execute(query).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, format: Any) -> None:
    for run in ("one", "two"):
        simulate(tmp_path / run, customers=400, seed=3, format=format)
    simulate(tmp_path / "other", customers=400, seed=4, format=format)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(
        [
            *(f"{table}.{format}" for table in ("touchpoints", "orders", "spend", "customers")),
            "pathworth.toml",
            "truth.json",
        ]
    )
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    other = f"touchpoints.{format}"
    assert (tmp_path / "one" / other).read_bytes() != (tmp_path / "other" / other).read_bytes()


def test_both_formats_hold_the_same_rows(tmp_path: Path) -> None:
    simulate(tmp_path / "p", customers=300, seed=5, format="parquet")
    simulate(tmp_path / "c", customers=300, seed=5, format="csv")
    for table, columns in {
        "touchpoints": "customer_id::BIGINT, try_cast(time AS TIMESTAMP), channel",
        "orders": "order_id, customer_id::BIGINT, try_cast(time AS TIMESTAMP), value::DECIMAL(14, 2), refund_of",
        "spend": "date::DATE, channel, cost::DECIMAL(14, 2)",
        "customers": "customer_id::BIGINT, country, acquisition",
    }.items():
        parquet = duckdb.execute(f"SELECT {columns} FROM '{tmp_path}/p/{table}.parquet'").fetchall()
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE t AS FROM read_csv('{tmp_path}/c/{table}.csv', all_varchar = true)")
            assert parquet == connection.execute(f"SELECT {columns} FROM t").fetchall()


def test_dirt_is_in_the_touchpoints_as_counted(shop: Path, truth: Any) -> None:
    file, dirt = f"'{shop}/touchpoints.parquet'", truth["dirt"]["touchpoints"]
    assert all(count > 0 for count in dirt.values())
    for kind, column in (("time_missing", "time"), ("customer_missing", "customer_id"), ("channel_missing", "channel")):
        assert scalar(f"SELECT count(*) FROM {file} WHERE {column} IS NULL") == dirt[kind]
    faultless = f"(FROM {file} WHERE time IS NOT NULL AND customer_id IS NOT NULL AND channel IS NOT NULL)"
    distinct = scalar(f"SELECT count(*) FROM (SELECT DISTINCT * FROM {faultless})")
    assert distinct == truth["clean_rows"]["touchpoints"]
    assert scalar(f"SELECT count(*) FROM {faultless}") - distinct == dirt["duplicate"]
    typos = scalar(f"SELECT count(*) FROM (SELECT DISTINCT * FROM {faultless}) WHERE channel = 'Paid Socail'")
    assert typos == dirt["channel_mistyped"]


def test_dirt_is_in_the_orders_as_counted(shop: Path, truth: Any) -> None:
    file, dirt = f"'{shop}/orders.parquet'", truth["dirt"]["orders"]
    assert all(count > 0 for count in dirt.values())
    for kind, column in (("time_missing", "time"), ("customer_missing", "customer_id"), ("value_missing", "value")):
        assert scalar(f"SELECT count(*) FROM {file} WHERE {column} IS NULL") == dirt[kind]
    faultless = f"(FROM {file} WHERE time IS NOT NULL AND customer_id IS NOT NULL AND value IS NOT NULL)"
    for kind, said in (("refund_of_an_order", "IS NOT NULL"), ("refund_without_its_order", "IS NULL")):
        assert scalar(f"SELECT count(*) FROM {faultless} WHERE value < 0 AND refund_of {said}") == dirt[kind]
    refunded = scalar(f"SELECT -sum(value) FROM {faultless} WHERE value < 0")
    assert float(refunded) == pytest.approx(sum(truth["refunded_value"].values()), abs=0.001)
    orders = f"(SELECT DISTINCT * FROM {faultless} WHERE value > 0)"
    assert scalar(f"SELECT count(*) FROM {orders}") == truth["clean_rows"]["orders"]
    assert scalar(f"SELECT count(DISTINCT order_id) FROM {orders}") == truth["clean_rows"]["orders"]
    assert float(scalar(f"SELECT sum(value) FROM {orders}")) == pytest.approx(
        truth["clean_rows"]["order_value"], abs=0.001
    )
    assert (
        scalar(f"SELECT count(*) FROM {faultless} WHERE value > 0") == truth["clean_rows"]["orders"] + dirt["duplicate"]
    )


def test_a_refund_follows_its_order_and_is_not_larger(shop: Path) -> None:
    file = f"'{shop}/orders.parquet'"
    pairs = f"""SELECT r.time - o.time AS delay, o.value + r.value AS rest, o.customer_id = r.customer_id AS same
        FROM {file} r JOIN (SELECT DISTINCT * FROM {file}) o ON o.order_id = r.refund_of WHERE o.time IS NOT NULL"""
    assert scalar(f"SELECT bool_and(delay >= INTERVAL 0 SECOND AND rest >= 0 AND same) FROM ({pairs})")
    assert 0.2 < scalar(f"SELECT avg((rest = 0)::INTEGER) FROM ({pairs})") < 0.8


def test_first_orders_are_the_ones_that_the_truth_counts(shop: Path, truth: Any) -> None:
    buyers = scalar(
        f"SELECT count(DISTINCT customer_id) FROM '{shop}/orders.parquet' WHERE value > 0 AND time IS NOT NULL"
    )
    assert buyers == truth["attribution"]["first_orders"]
    segments = truth["clv"]["segments"].values()
    assert sum(segment["buyers"] for segment in segments) == buyers
    assert sum(segment["repeat_orders"] for segment in segments) == truth["clean_rows"]["orders"] - buyers


def test_segments_of_the_truth_are_attributes_of_the_customers(shop: Path, truth: Any) -> None:
    counts = dict(
        duckdb.execute(
            f"""SELECT country || ' / ' || acquisition, count(DISTINCT o.customer_id)
            FROM '{shop}/orders.parquet' o JOIN '{shop}/customers.parquet' USING (customer_id)
            WHERE o.value > 0 AND o.time IS NOT NULL GROUP BY ALL"""
        ).fetchall()
    )
    assert counts == {name: segment["buyers"] for name, segment in truth["clv"]["segments"].items()}


def test_some_journeys_are_open_and_some_orders_have_no_touch(shop: Path, truth: Any) -> None:
    last = f"TIMESTAMP '{truth['last_day']} 23:59:59'"
    assert scalar(f"SELECT max(time) <= {last} FROM '{shop}/touchpoints.parquet'")
    open_journeys = scalar(
        f"""SELECT count(*) FROM (SELECT customer_id FROM '{shop}/touchpoints.parquet' GROUP BY ALL
        HAVING max(time) > {last} - INTERVAL 30 DAY) ANTI JOIN '{shop}/orders.parquet' USING (customer_id)"""
    )
    assert open_journeys > 20
    untouched = f"""SELECT count(*) FROM '{shop}/orders.parquet' o WHERE NOT EXISTS (
        FROM '{shop}/touchpoints.parquet' t
        WHERE t.customer_id = o.customer_id AND t.time BETWEEN o.time - INTERVAL 30 DAY AND o.time)"""
    assert 0.05 < scalar(untouched) / truth["clean_rows"]["orders"] < 0.5


def test_spend_is_daily_and_a_channel_costs_what_such_channels_cost(shop: Path, truth: Any) -> None:
    days, channels = duckdb.execute(
        f"SELECT count(DISTINCT date), count(DISTINCT channel) FROM '{shop}/spend.parquet'"
    ).fetchall()[0]
    assert (days, channels) == (SHOP.days, 7)
    for name, channel in truth["attribution"]["channels"].items():
        total = float(scalar(f"SELECT coalesce(sum(cost), 0) FROM '{shop}/spend.parquet' WHERE channel = '{name}'"))
        assert total == pytest.approx(channel["spend"], abs=0.001)
        assert total == pytest.approx(channel["touches"] * channel["parameters"]["cost"], rel=0.05)


def test_the_configuration_is_toml_and_names_the_files(shop: Path) -> None:
    configuration = tomllib.loads((shop / "pathworth.toml").read_text(encoding="utf-8"))
    for table in ("touchpoints", "orders", "spend", "customers"):
        assert (shop / configuration[table]["file"]).is_file()


def test_last_click_is_visibly_wrong_in_this_shop() -> None:
    simulated = simulate_shop(customers=20_000, seed=2)
    journeys = simulated.journeys
    names = [channel.name for channel in SHOP.channels]
    last = np.bincount(journeys.closing[journeys.bought] + 1, minlength=len(names) + 1)[1:]
    caused = np.array([journeys.expected_loss((number,)) for number in range(len(names))])
    for name in ("Brand Search", "Direct", "Retargeting"):
        assert last[names.index(name)] > 3 * caused[names.index(name)]
    for name in ("Display", "Paid Social", "Paid Video"):
        assert caused[names.index(name)] > 3 * last[names.index(name)]


def test_one_customer_is_a_shop(tmp_path: Path) -> None:
    simulate(tmp_path, customers=1, seed=0)
    assert scalar(f"SELECT count(*) FROM '{tmp_path}/customers.parquet'") <= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"customers": 0, "seed": 1}, "at least one customer"),
        ({"customers": 5, "seed": -1}, "0 or more"),
        ({"customers": 5, "seed": 1, "format": "xlsx"}, 'write "parquet" or "csv"'),
    ],
)
def test_what_cannot_be_simulated_is_said(tmp_path: Path, arguments: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        simulate(tmp_path / "shop", **arguments)
    assert not (tmp_path / "shop").exists()


def test_a_reader_that_drops_what_is_faulty_gets_the_clean_shop_back(
    shop: Path, truth: Any, connection: duckdb.DuckDBPyConnection
) -> None:
    tables = ("touchpoints", "orders", "spend", "customers")
    sources = [Source(table=table, data=shop / f"{table}.parquet", duplicates="drop") for table in tables]
    report = load(connection, sources, LoadSettings(currency="EUR"))
    kept = report.row_counts[report.row_counts["reason"] == "kept"].set_index("source")
    assert kept.loc["touchpoints", "rows"] == truth["clean_rows"]["touchpoints"]
    assert kept.loc["customers", "rows"] == truth["clean_rows"]["customers"]
    refunded = sum(truth["refunded_value"].values())
    assert from_units(kept.loc["orders", "amount"]) == pytest.approx(
        truth["clean_rows"]["order_value"] - refunded, abs=0.001
    )
    quarantined = connection.execute("SELECT source, count(*) FROM quarantine GROUP BY source").fetchall()
    dirt = truth["dirt"]
    assert dict(quarantined) == {
        "touchpoints": sum(dirt["touchpoints"][f"{column}_missing"] for column in ("time", "customer", "channel")),
        "orders": sum(dirt["orders"][f"{column}_missing"] for column in ("time", "customer", "value")),
    }
