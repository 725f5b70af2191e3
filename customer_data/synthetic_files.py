"""The files of the synthetic shop, written by DuckDB from arrays."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
from numpy.typing import NDArray

from customer_data.synthetic_dirt import NOTHING, OrderRows, TouchpointRows

Integers = NDArray[np.int64]
ORDER_PREFIX, REFUND_PREFIX = "O-", "R-"

TOUCHPOINTS = """
SELECT CASE WHEN t.customer >= 0 THEN t.customer END AS customer_id, {time} AS time, c.name AS channel
FROM touchpoint_rows t LEFT JOIN channel_names c ON c.number = t.channel
ORDER BY t.position, t.customer, t.second, t.channel
"""
ORDERS = """
SELECT CASE WHEN t.cents < 0 THEN '{refund_prefix}' ELSE '{prefix}' END || lpad(t.number::VARCHAR, 8, '0') AS order_id,
    CASE WHEN t.customer >= 0 THEN t.customer END AS customer_id, {time} AS time,
    CASE WHEN NOT t.missing_value THEN t.cents * 0.01::DECIMAL(4, 2) END::DECIMAL(14, 2) AS value,
    CASE WHEN t.refund_of >= 0 THEN '{prefix}' || lpad(t.refund_of::VARCHAR, 8, '0') END AS refund_of
FROM order_rows t
ORDER BY t.position, t.number, t.customer, t.second
"""
SPEND = """
SELECT DATE '{first_day}' + t.day::INTEGER AS date, c.name AS channel,
    (t.cents * 0.01::DECIMAL(4, 2))::DECIMAL(14, 2) AS cost
FROM spend_rows t JOIN channel_names c ON c.number = t.channel
ORDER BY t.day, t.channel
"""
CUSTOMERS = """
SELECT t.customer AS customer_id, n.name AS country, a.name AS acquisition
FROM customer_rows t JOIN country_names n ON n.number = t.country JOIN acquisition_names a ON a.number = t.acquisition
ORDER BY t.customer
"""


def write_tables(
    folder: Path,
    *,
    format: Literal["parquet", "csv"],
    first_day: date,
    channels: Sequence[str],
    touchpoints: TouchpointRows,
    orders: OrderRows,
    spend: tuple[Integers, Integers, Integers],
    customers: tuple[Integers, Integers, Integers],
    countries: Sequence[str],
    acquisitions: Sequence[str],
) -> None:
    """Write touchpoints, orders, spend and customers, each in order of time or of customer.

    Parameters
    ----------
    folder
        Where to write.
    format
        "parquet" or "csv".
    first_day
        The day that seconds and days are counted from.
    channels, countries, acquisitions
        Names by number.
    touchpoints, orders
        The rows; -1 stands for a missing customer, time or channel.
    spend
        Day, channel number and cents.
    customers
        Customer, country number and acquisition number.
    """
    connection = duckdb.connect(config={"threads": 1, "preserve_insertion_order": "true"})
    try:
        connection.execute("SET enable_progress_bar = false")
        for name, names in (("channel", channels), ("country", countries), ("acquisition", acquisitions)):
            connection.execute(f"CREATE TABLE {name}_names (number BIGINT, name VARCHAR)")
            connection.executemany(f"INSERT INTO {name}_names VALUES (?, ?)", [list(pair) for pair in enumerate(names)])
        time = f"CASE WHEN t.second <> {NOTHING} THEN TIMESTAMP '{first_day}' + to_seconds(t.second) END"
        if format == "csv":
            time = f"coalesce(strftime({time}, '%Y-%m-%d %H:%M:%S'), 'unknown')"
        words = {"time": time, "first_day": first_day, "prefix": ORDER_PREFIX, "refund_prefix": REFUND_PREFIX}
        tables: dict[str, tuple[str, dict[str, Any]]] = {
            "touchpoints": (TOUCHPOINTS, {"touchpoint_rows": touchpoints.__dict__}),
            "orders": (ORDERS, {"order_rows": orders.__dict__}),
            "spend": (SPEND, {"spend_rows": dict(zip(("day", "channel", "cents"), spend, strict=True))}),
            "customers": (
                CUSTOMERS,
                {"customer_rows": dict(zip(("customer", "country", "acquisition"), customers, strict=True))},
            ),
        }
        options = "FORMAT parquet, COMPRESSION zstd" if format == "parquet" else "FORMAT csv, HEADER"
        for table, (query, arrays) in tables.items():
            for relation, columns in arrays.items():
                connection.register(relation, columns)
            target = str(folder / f"{table}.{format}").replace("'", "''")
            connection.execute(f"COPY ({query.format(**words)}) TO '{target}' ({options})")
            for relation in arrays:
                connection.unregister(relation)
    finally:
        connection.close()
