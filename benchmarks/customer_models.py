"""Models of orders with standard errors, a million customers and more, against lifetimes on raw rows."""

import argparse
from pathlib import Path

import duckdb
import numpy as np
from contest import DATA, PYMC, Contender, contest, prepare, table

MODELS = {"BetaGeo": "BG/NBD", "ParetoNBD": "Pareto/NBD"}
GOALS = {
    "BetaGeo": "at least 50 times as fast as lifetimes (100 times at ten million, under 1 GB)",
    "ParetoNBD": "at least 50 times as fast as lifetimes (under 5 s at ten million)",
}


def write_histories(customers: int, seed: int = 1) -> Path:
    """Write frequency, recency and T in whole days of customers who follow BG/NBD."""
    file = DATA / f"histories-{customers}.parquet"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng([seed, customers])
        age = generator.integers(30, 731, customers)
        rate = generator.gamma(0.6, 1 / 70.0, customers)
        lifetime_orders = generator.geometric(np.maximum(generator.beta(0.9, 2.6, customers), 1e-12))
        orders = generator.poisson(rate * age)
        person = np.repeat(np.arange(customers), orders)
        day = np.ceil(age[person] * generator.random(len(person))).astype(np.int64)
        order = np.lexsort((day, person))
        person, day = person[order], day[order]
        first = np.searchsorted(person, np.arange(customers))
        alive = np.arange(len(person)) - first[person] < lifetime_orders[person]
        with duckdb.connect(config={"preserve_insertion_order": "true"}) as connection:
            connection.register("o", {"person": person[alive], "day": day[alive]})
            connection.register("c", {"person": np.arange(customers), "age": age})
            connection.execute(
                f"""COPY (SELECT CAST(count(DISTINCT day) AS INTEGER) AS frequency,
                CAST(coalesce(max(day), 0) AS INTEGER) AS recency, CAST(any_value(age) AS INTEGER) AS "T"
                FROM c LEFT JOIN o USING (person)
                GROUP BY person ORDER BY person) TO '{file}' (FORMAT parquet)"""
            )
    return file


def main(size: int = 1_000_000, rounds: int = 5, model: str = "BetaGeo", lifetimes: bool = True) -> str:
    """Return the table of the contest; lifetimes takes half an hour and more for Pareto/NBD on millions of rows."""
    arguments = (str(prepare(write_histories, size)), model)
    peer_rounds = min(rounds, 3 if size <= 1_000_000 else 1)
    contenders = [Contender("pathworth: with standard errors", "orders_pathworth.py", arguments)]
    if lifetimes:
        contenders.append(
            Contender("lifetimes 0.11.3: raw rows", "orders_lifetimes.py", arguments, peer=True, rounds=peer_rounds)
        )
    if model == "BetaGeo" and size <= 1_000_000:
        name = "pymc-marketing 0.19.2: MAP, under its priors"
        contenders.append(Contender(name, "orders_pymc.py", arguments[:1], peer=True, python=PYMC, rounds=1))
    outcomes = contest(contenders, rounds=rounds)
    return table(
        f"{MODELS[model]} on {size:,} customers, daily",
        outcomes,
        unit="from a data frame of one row per customer",
        goal=GOALS[model],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", choices=list(MODELS), default="BetaGeo")
    parser.add_argument("--without-lifetimes", dest="lifetimes", action="store_false")
    print(main(**vars(parser.parse_args())))
