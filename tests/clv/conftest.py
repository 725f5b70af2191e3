"""CDNOW's 1/10 sample, as a frame and on the engine."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def cdnow_orders(shared_data: Path) -> pd.DataFrame:
    """The 6,919 orders of the sample: customer_id (text), time, value (dollars)."""
    names = ["master_id", "customer_id", "time", "units", "value"]
    orders = pd.read_csv(
        shared_data / "cdnow" / "CDNOW_sample.txt", sep=r"\s+", names=names, dtype={"customer_id": str, "time": str}
    )
    orders["time"] = pd.to_datetime(orders["time"], format="%Y%m%d")
    return orders[["customer_id", "time", "value"]]


@pytest.fixture
def cdnow_engine(connection: duckdb.DuckDBPyConnection, cdnow_orders: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    """The engine's table orders, holding the sample."""
    connection.register("cdnow", cdnow_orders)
    connection.execute(
        """CREATE TABLE orders AS
           SELECT customer_id, date_diff('day', DATE '1970-01-01', time::DATE)::INTEGER AS day,
                  CAST(round(value * 10000) AS BIGINT) AS value FROM cdnow"""
    )
    return connection
