"""Touchpoints and orders for the benchmarks: many channels, journeys of four touches on average, some very long."""

from pathlib import Path

import duckdb
import numpy as np

CHUNK = 10_000_000
START = np.datetime64("2025-01-01T00:00:00", "us")
YEAR_US = 365 * 86_400 * 1_000_000


def write_touchpoints(folder: Path, *, touches: int, channels: int = 12, seed: int = 1) -> Path:
    """Write ``touchpoints-*.parquet`` and ``orders-*.parquet`` (one in twenty customers buys once), sorted by time.

    Nothing is done when the folder is complete already.
    """
    place = folder / f"touches-{touches}-{channels}"
    if (place / "complete").exists():
        return place
    place.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng([seed, touches, channels])
    share = 1.0 / np.arange(1, channels + 1) ** 0.7
    first_customer, written, part = 0, 0, 0
    with duckdb.connect(config={"preserve_insertion_order": "true"}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("CREATE TABLE names (code BIGINT, channel VARCHAR)")
        names = [[code, f"channel {code:02d}"] for code in range(channels)]
        connection.executemany("INSERT INTO names VALUES (?, ?)", names)
        while written < touches:
            rows = min(CHUNK, touches - written)
            customers = max(rows // 4, 1)
            weight = generator.pareto(2.5, customers) + 0.3
            lengths = np.minimum(generator.poisson(weight * (3.0 / weight.mean())) + 1, 500)
            person = np.repeat(np.arange(customers), lengths)[:rows]
            start = generator.integers(0, YEAR_US - 60 * 86_400_000_000, customers)
            time = start[person] + (generator.exponential(8 * 86_400e6, len(person))).astype(np.int64)
            channel = generator.choice(channels, len(person), p=share / share.sum())
            buyer = np.flatnonzero(generator.random(customers) < 0.05)
            bought = start[buyer] + (generator.exponential(12 * 86_400e6, len(buyer))).astype(np.int64)
            cents = generator.integers(500, 20_000, len(buyer))
            connection.register("touch", {"person": person + first_customer, "time": START + time, "channel": channel})
            connection.register("buy", {"person": buyer + first_customer, "time": START + bought, "cents": cents})
            connection.execute(
                f"""COPY (SELECT person AS customer_id, time, n.channel FROM touch t JOIN names n ON n.code = t.channel
                ORDER BY time) TO '{place}/touchpoints-{part:03d}.parquet' (FORMAT parquet, COMPRESSION zstd)"""
            )
            connection.execute(
                f"""COPY (SELECT person + 1_000_000_000 AS order_id, person AS customer_id, time,
                (cents * 0.01::DECIMAL(4, 2))::DECIMAL(14, 2) AS value FROM buy ORDER BY time)
                TO '{place}/orders-{part:03d}.parquet' (FORMAT parquet, COMPRESSION zstd)"""
            )
            first_customer, written, part = first_customer + customers, written + len(person), part + 1
    (place / "complete").touch()
    return place


def write_journeys(folder: Path, *, journeys: int, channels: int = 12, seed: int = 1) -> Path:
    """Write a Parquet file with one row per journey: path, conversions (0 or 1), value, nulls. Mean length 4."""
    file = folder / f"journeys-{journeys}-{channels}.parquet"
    if file.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng([seed, journeys, channels])
    share = 1.0 / np.arange(1, channels + 1) ** 0.7
    with duckdb.connect(config={"preserve_insertion_order": "true"}) as connection:
        connection.execute("SET enable_progress_bar = false")
        lengths = np.minimum(generator.geometric(0.25, journeys), 500)
        person = np.repeat(np.arange(journeys), lengths)
        channel = generator.choice(channels, len(person), p=share / share.sum())
        appeal = generator.uniform(0.02, 0.12, channels)
        hazard = np.bincount(person, weights=appeal[channel], minlength=journeys)
        bought = (generator.random(journeys) < 1 - np.exp(-hazard)).astype(np.int64)
        value = bought * generator.gamma(3.0, 20.0, journeys).round(2)
        connection.register("touch", {"person": person, "place": np.arange(len(person)), "channel": channel})
        connection.register("outcome", {"person": np.arange(journeys), "bought": bought, "value": value})
        connection.execute(
            f"""COPY (SELECT path, bought AS conversions, value, 1 - bought AS nulls FROM outcome JOIN (
            SELECT person, string_agg('channel ' || channel, ' > ' ORDER BY place) AS path FROM touch GROUP BY person)
            USING (person) ORDER BY person) TO '{file}' (FORMAT parquet, COMPRESSION zstd)"""
        )
    return file
