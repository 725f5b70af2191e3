"""CDNOW's 1/10 sample, and shops made up on the engine."""

from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import numpy as np
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


@pytest.fixture(scope="session")
def fill() -> Callable[..., None]:
    """A function that makes the engine's tables orders (values in 1/10,000) and, when given, customers."""

    def tables(
        connection: duckdb.DuckDBPyConnection,
        rows: Sequence[tuple[int, int, int]],
        customers: pd.DataFrame | None = None,
    ) -> None:
        connection.register("given_orders", pd.DataFrame(rows, columns=["customer_id", "day", "value"]))
        connection.execute("CREATE OR REPLACE TABLE orders AS SELECT * FROM given_orders")
        if customers is not None:
            connection.register("given_customers", customers)
            connection.execute("CREATE OR REPLACE TABLE customers AS SELECT * FROM given_customers")

    return tables


@pytest.fixture(scope="session")
def shop() -> Callable[..., list[tuple[int, int, int]]]:
    """A function that draws the orders of customers who come, come back at their own rate, and leave."""

    def orders(customers: int, *, seed: int, days: int = 400) -> list[tuple[int, int, int]]:
        rng = np.random.default_rng(seed)
        rows = []
        for customer in range(customers):
            day, rate, leaves = float(rng.integers(0, days // 2)), rng.gamma(1.0) / 20, rng.beta(1.0, 3.0)
            while day <= days:
                rows.append((customer, int(day), int(rng.gamma(4.0) * 10_000) + 1))
                if rng.random() < leaves:
                    break
                day += 1 + rng.exponential(1 / rate)
        return rows

    return orders
