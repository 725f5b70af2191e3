"""A hundred million orders to distinct purchase histories, against the group-by alone; both from Parquet."""

import argparse
from pathlib import Path

import duckdb
from contest import DATA, Contender, contest, prepare, table

FIRST_DAY, DAYS = 19_000, 730


def write_orders(orders: int, seed: int = 1) -> Path:
    """Write customer_id, day and value (1/10,000 of the currency), sorted by day, of a tenth as many customers.

    A customer's number is the square of a uniform number, scaled: the first have most orders, the last the fewest.
    """
    file = DATA / f"orders-{orders}.parquet"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        with duckdb.connect(config={"memory_limit": "4GB"}) as connection:
            connection.execute("SET enable_progress_bar = false")
            connection.execute(
                f"""COPY (
                    SELECT CAST(pow((hash(i, {seed}) >> 11) / pow(2, 53), 2) * {orders // 10} AS INTEGER)
                               AS customer_id,
                           CAST({FIRST_DAY} + i * {DAYS} // {orders} AS INTEGER) AS day,
                           CAST(50_000 + hash(i, {seed + 1}) % 1_000_000 AS BIGINT) AS value
                    FROM range({orders}) t(i)
                ) TO '{partial}' (FORMAT parquet, COMPRESSION zstd)"""
            )
        partial.rename(file)
    return file


def main(size: int = 10_000_000, rounds: int = 3, memory_limit: str = "4GB") -> str:
    """Return the table of the contest."""
    arguments = (str(prepare(write_orders, size)), memory_limit)
    outcomes = contest(
        [
            Contender("pathworth: histories, patterns with counts and spend", "patterns_pathworth.py", arguments),
            Contender("DuckDB: group by customer, distinct days", "patterns_duckdb.py", (*arguments, "distinct")),
            Contender("DuckDB: group by customer, orders counted", "patterns_duckdb.py", (*arguments, "count")),
        ],
        rounds=rounds,
    )
    return table(
        f"{size:,} orders to distinct purchase histories, {memory_limit} for the engine",
        outcomes,
        unit="from a Parquet file",
        goal="5 million orders a second, or within 2x the time of the group-by alone, within 4 GB",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-limit", default="4GB")
    print(main(**vars(parser.parse_args())))
