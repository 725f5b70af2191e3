"""Do the 90 % intervals of parameters and of the 12-month forecast hold? Customers simulated again and again.

The law is one segment of the synthetic shop: BG/NBD for orders, Gamma-Gamma for their values. An interval of a
parameter should hold the parameter, the interval of the forecast the revenue that then came.
"""

import argparse
from collections.abc import Sequence

import duckdb
import numpy as np
import pandas as pd

from clv.forecast import forecast
from customer_data.engine import Engine
from customer_data.synthetic_orders import SEGMENTS, Orders, Segment, simulate_orders

CONFIDENCE = 0.90
FIRST_DAY = 19_723  # 2024-01-01
ACQUIRED_DAYS, SEEN_DAYS, MONTHS, AHEAD_DAYS = 365, 547, 12, 365
LAW = SEGMENTS[1]


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
    """Share of runs in which the interval held: of, coverage, and the mean width over the estimate."""
    truth = truth_of(LAW)
    held: dict[str, list[bool]] = {}
    miss: dict[str, list[float]] = {}
    with Engine().connect() as connection:
        for run in range(runs):
            generator = np.random.default_rng([seed, run])
            first = generator.uniform(0, ACQUIRED_DAYS, customers)
            orders = simulate_orders(
                first,
                np.zeros(customers, dtype=np.int64),
                end=float(SEEN_DAYS + AHEAD_DAYS),
                generator=generator,
                segments=(LAW,),
            )
            order_table(connection, orders)
            made = forecast(
                connection,
                as_of_day=FIRST_DAY + SEEN_DAYS - 1,
                horizon_months=MONTHS,
                annual_rate=0.0,
                confidence=CONFIDENCE,
                draws=1_000,
                seed=run,
            )
            for row in made.parameters.itertuples(index=False):
                held.setdefault(row.parameter, []).append(row.low <= truth[row.parameter] <= row.high)
                miss.setdefault(row.parameter, []).append(row.estimate / truth[row.parameter] - 1)
            total = made.segment_forecast.iloc[-1]
            came = orders.cents[orders.day >= SEEN_DAYS].sum() / 100
            held.setdefault("revenue of the next 12 months", []).append(bool(total["low"] <= came <= total["high"]))
            miss.setdefault("revenue of the next 12 months", []).append(total["clv"] / came - 1)
    return pd.DataFrame(
        [
            (name, float(np.mean(flags)), float(np.mean(miss[name])), float(np.std(miss[name])))
            for name, flags in held.items()
        ],
        columns=["of", "held", "mean error", "spread of the error"],
    )


def main(runs: int = 400, sizes: Sequence[int] = (2_000, 10_000)) -> str:
    """Return the tables as Markdown."""
    parts = [
        "## Intervals of customer value",
        "",
        f"{runs:,} data sets for each number of customers, acquired over a year, seen for a year and a half; nominal",
        f"coverage {CONFIDENCE:.0%}. The last row is the revenue that really came, not its expectation.",
        "",
    ]
    for customers in sizes:
        table = study(customers=customers, runs=runs)
        parts += [
            f"{customers:,} customers:",
            "",
            "| interval of | held the truth | mean error | spread |",
            "|---|---:|---:|---:|",
        ]
        parts += [f"| {of} | {held:.1%} | {mean:+.1%} | {spread:.1%} |" for of, held, mean, spread in table.to_numpy()]
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2_000, 10_000])
    print(main(**vars(parser.parse_args())))
