"""A thousand draws of what a million customers order and are worth in the twelve months to come."""

import argparse
from pathlib import Path

import duckdb
import numpy as np
from contest import DATA, Contender, contest, prepare, table


def write_orders(customers: int, seed: int = 1) -> Path:
    """Write customer_id, day and value of customers who follow BG/NBD and Gamma-Gamma, seen for up to two years."""
    file = DATA / f"customer-orders-{customers}.parquet"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng([seed, customers])
        age = generator.integers(1, 731, customers)
        orders = generator.poisson(generator.gamma(0.6, 1 / 70.0, customers) * age)
        orders = np.minimum(orders, generator.geometric(generator.beta(0.9, 2.6, customers).clip(1e-9), customers))
        person = np.repeat(np.arange(customers), orders + 1)
        first = np.cumsum(orders + 1) - orders - 1
        since = np.ceil(age[person] * generator.random(len(person))).astype(np.int64)
        since[first] = 0
        spend = 6.0 / generator.gamma(3.7, 1 / 15.4, customers)
        cents = np.ceil(100 * spend[person] / 6.0 * generator.gamma(6.0, 1.0, len(person))).astype(np.int64)
        with duckdb.connect() as connection:
            day = 20_000 - age[person] + since
            connection.register("o", {"customer_id": person, "day": day.astype(np.int32), "value": 100 * cents})
            connection.execute(f"COPY (FROM o ORDER BY day) TO '{file}' (FORMAT parquet, COMPRESSION zstd)")
    return file


def main(size: int = 1_000_000, rounds: int = 3) -> str:
    """Return the table of the contest."""
    arguments = (str(prepare(write_orders, size)), "1000")
    outcomes = contest(
        [
            Contender("pathworth: draws of the totals", "totals_pathworth.py", (*arguments, "draws")),
            Contender("pathworth: the whole forecast", "totals_pathworth.py", (*arguments, "forecast")),
        ],
        rounds=rounds,
    )
    return table(
        f"1,000 draws of the 12-month totals of {size:,} customers",
        outcomes,
        unit="parameters and outcomes uncertain",
        goal="under 30 s",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    print(main(**vars(parser.parse_args())))
