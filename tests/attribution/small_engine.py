"""Small data in an engine, for tests of what is built from touches and orders."""

import duckdb
import numpy as np

from attribution.paths import Paths
from customer_data.sql_text import literal
from tests.attribution.plain_journeys import DAY_US, Order, Touch

MINUTE_US = 60_000_000


def load_rows(
    connection: duckdb.DuckDBPyConnection,
    touches: list[Touch],
    orders: list[Order],
    *,
    channels: str = "abcd",
    types: list[str | None] | None = None,
    text_ids: bool = False,
) -> duckdb.DuckDBPyConnection:
    """Tables ``channels``, ``touchpoints`` and ``orders`` from rows (customer, moment, channel code or value)."""
    of_customer = "VARCHAR" if text_ids else "BIGINT"
    connection.execute("CREATE OR REPLACE TABLE channels (code INTEGER, channel VARCHAR)")
    connection.executemany("INSERT INTO channels VALUES (?, ?)", list(enumerate(channels, start=1)))
    connection.execute(
        f"CREATE OR REPLACE TABLE touchpoints (customer_id {of_customer}, time_us BIGINT, channel_code INTEGER)"
    )
    kind = "" if types is None else ", type VARCHAR"
    connection.execute(
        f"CREATE OR REPLACE TABLE orders (customer_id {of_customer}, time_us BIGINT, value BIGINT{kind})"
    )
    for table, rows in (("touchpoints", touches), ("orders", orders)):
        written = []
        for number, (customer, *others) in enumerate(rows):
            kinds = [types[number]] if table == "orders" and types is not None else []
            written.append([str(customer) if text_ids else customer, *others, *kinds])
        if written:
            shown = ", ".join(f"({', '.join(map(_sql, row))})" for row in written)
            connection.execute(f"INSERT INTO {table} VALUES {shown}")
    return connection


def _sql(value: object) -> str:
    return "NULL" if value is None else literal(value) if isinstance(value, str) else str(value)


def in_days(rows: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Rows whose moments are given in days."""
    return [(customer, day * DAY_US, last) for customer, day, last in rows]


def many_journeys(*, customers: int, seed: int) -> tuple[list[Touch], list[Order]]:
    """Customers who keep to their channels and buy often or never, with many journeys each."""
    generator = np.random.default_rng(seed)
    taste = generator.dirichlet(np.full(4, 0.5), customers).cumsum(axis=1)
    eager = generator.gamma(0.5, 2.0, customers)
    who = np.repeat(np.arange(customers), generator.poisson(12, customers) + 1)
    when = generator.integers(0, 300, len(who))
    channel = (generator.random(len(who))[:, None] > taste[who]).sum(axis=1) + 1
    buys = generator.random(len(who)) < np.minimum(0.15 * eager[who], 0.9)
    value = generator.integers(1, 90_000, buys.sum())
    touches = [(int(a), int(b), int(c)) for a, b, c in zip(who, when, channel, strict=True)]
    return touches, [(int(a), int(b) + 1, int(c)) for a, b, c in zip(who[buys], when[buys], value, strict=True)]


def counted(paths: Paths) -> dict[str, tuple[float, float]]:
    """Path to its conversions and nulls."""
    return dict(zip(paths.names(step=">"), zip(paths.conversions, paths.nulls, strict=True), strict=True))


def summed(parts: list[Paths]) -> dict[str, tuple[float, float]]:
    """The same of several sets of paths together."""
    found: dict[str, tuple[float, float]] = {}
    for paths in parts:
        for name, (conversions, nulls) in counted(paths).items():
            before = found.get(name, (0.0, 0.0))
            found[name] = before[0] + conversions, before[1] + nulls
    return {name: counts for name, counts in found.items() if np.any(counts)}
