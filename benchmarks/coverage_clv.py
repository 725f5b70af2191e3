"""Do the 90 % intervals of parameters and of the 12-month forecast hold? Customers simulated again and again.

The law is like one segment of the synthetic shop: BG/NBD for orders, Gamma-Gamma for their values. An interval of a
parameter should hold the parameter, the interval of the forecast the revenue that then came.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

import clv
from customer_data.engine import Engine
from customer_data.synthetic_orders import SEGMENTS, Orders, Segment, simulate_orders

Integers = NDArray[np.int64]

CONFIDENCE = 0.90
FIRST_DAY = 19_723  # 2024-01-01
ACQUIRED_DAYS, SEEN_DAYS, MONTHS, AHEAD_DAYS = 365, 547, 12, 365
LAW = replace(SEGMENTS[1], alpha=220.0)  # slow enough that few orders fall on one day, which makes them one
REVENUE = "revenue of the next 12 months"
AHEAD: dict[str, Any] = {
    "as_of_day": FIRST_DAY + SEEN_DAYS - 1,
    "horizon_months": MONTHS,
    "annual_rate": 0.0,
    "confidence": CONFIDENCE,
    "draws": 1_000,
}


def order_table(connection: duckdb.DuckDBPyConnection, orders: Orders) -> None:
    """The table ``orders`` with what was seen."""
    seen = orders.day < SEEN_DAYS
    columns = {"customer_id": orders.buyer[seen], "day": np.floor(orders.day[seen]), "cents": orders.cents[seen]}
    connection.register("seen_orders", columns)
    connection.execute(
        f"""CREATE OR REPLACE TABLE orders AS SELECT row_number() OVER ()::VARCHAR AS order_id, customer_id,
        (day::BIGINT + {FIRST_DAY}) * 86400000000 AS time_us, (day::INTEGER + {FIRST_DAY}) AS day, cents * 100 AS value
        FROM seen_orders"""
    )


def truth_of(law: Segment) -> dict[str, float]:
    """Parameters by name, times in weeks."""
    return {"r": law.r, "alpha": law.alpha / 7, "a": law.a, "b": law.b, "p": law.p, "q": law.q, "v": law.v}


def study(*, customers: int, runs: int, seed: int = 1) -> pd.DataFrame:
    """One segment: how often the intervals of parameters and of the revenue held, and how far estimates were off."""
    truth = truth_of(LAW)
    held: dict[str, list[bool]] = {}
    off: dict[str, list[float]] = {}
    with Engine().connect() as connection:
        for run in range(runs):
            generator = np.random.default_rng([seed, customers, run])
            orders = drawn(customers, np.zeros(customers, dtype=np.int64), (LAW,), generator)
            order_table(connection, orders)
            made = clv.forecast(connection, **AHEAD, seed=run)
            for row in made.parameters.itertuples(index=False):
                held.setdefault(row.parameter, []).append(row.low <= truth[row.parameter] <= row.high)
                off.setdefault(row.parameter, []).append(row.estimate / truth[row.parameter] - 1)
            total = made.segment_forecast.iloc[-1]
            came = orders.cents[orders.day >= SEEN_DAYS].sum() / 100
            held.setdefault(REVENUE, []).append(bool(total["low"] <= came <= total["high"]))
            off.setdefault(REVENUE, []).append(total["clv"] / came - 1)
    return summary(held, off)


def study_segments(*, customers: int, runs: int, seed: int = 2) -> pd.DataFrame:
    """All segments of the synthetic shop at once, fitted separately: how often the intervals of revenue held."""
    held: dict[str, list[bool]] = {}
    off: dict[str, list[float]] = {}
    names = [law.name for law in SEGMENTS]
    with Engine().connect() as connection:
        for run in range(runs):
            generator = np.random.default_rng([seed, customers, run])
            segment = generator.integers(0, len(SEGMENTS), customers)
            orders = drawn(customers, segment, SEGMENTS, generator)
            order_table(connection, orders)
            connection.register("people", {"customer_id": np.arange(customers), "name": np.array(names)[segment]})
            connection.execute(
                "CREATE OR REPLACE TABLE customers AS SELECT customer_id, name AS segment_name FROM people"
            )
            made = clv.forecast(
                connection, **AHEAD, seed=run, segment_by=["segment_name"], segment_parameters="separate"
            )
            table = made.segment_forecast.set_index("segment")
            ahead = orders.day >= SEEN_DAYS
            for number, name in [*enumerate(names), (None, "all")]:
                mine = ahead if number is None else ahead & (segment[orders.buyer] == number)
                came, row = orders.cents[mine].sum() / 100, table.loc[name]
                held.setdefault(name, []).append(bool(row["low"] <= came <= row["high"]))
                off.setdefault(name, []).append(row["clv"] / came - 1)
    return summary(held, off)


def drawn(customers: int, segment: Integers, laws: tuple[Segment, ...], generator: np.random.Generator) -> Orders:
    """Orders of customers acquired over a year, on past the end of what is seen."""
    first = generator.uniform(0, ACQUIRED_DAYS, customers)
    return simulate_orders(first, segment, end=float(SEEN_DAYS + AHEAD_DAYS), generator=generator, segments=laws)


def summary(held: dict[str, list[bool]], off: dict[str, list[float]]) -> pd.DataFrame:
    """Of, held, mean error, spread of the error."""
    rows = [
        (name, float(np.mean(flags)), float(np.mean(off[name])), float(np.std(off[name])))
        for name, flags in held.items()
    ]
    return pd.DataFrame(rows, columns=["of", "held", "error", "spread"])


def markdown(table: pd.DataFrame) -> list[str]:
    """The lines of the table, in per cent."""
    lines = ["| interval of | held the truth | mean error | spread |", "|---|---:|---:|---:|"]
    return lines + [f"| {of} | {held:.1%} | {off:+.1%} | {spread:.1%} |" for of, held, off, spread in table.to_numpy()]


def main(runs: int = 200, sizes: Sequence[int] = (3_000,)) -> str:
    """Return the tables as Markdown."""
    parts = [
        "## Intervals of customer value",
        "",
        f"{runs:,} data sets for each number of customers, acquired over a year, seen for a year and a half; nominal",
        f"coverage {CONFIDENCE:.0%}. The last row is the revenue that really came, not its expectation.",
        "",
    ]
    for customers in sizes:
        parts += [f"{customers:,} customers of one segment:", ""]
        parts += [*markdown(study(customers=customers, runs=runs)), ""]
    parts += ["6,000 customers in six segments that differ, fitted separately; revenue of the next 12 months:", ""]
    parts += [*markdown(study_segments(customers=6_000, runs=runs)), ""]
    return "\n".join(parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", default=[3_000])
    print(main(**vars(parser.parse_args())))
