"""How often does drift raise an alarm: where nothing has changed, and where customers order less often than before?

Small shops of BG/NBD are seen for sixteen months. Models are fitted to them, and a quarter later the weeks since are
held against those models, as a run with ``checks.fail_on_drift`` does.
"""

import argparse
import tempfile
from pathlib import Path

import duckdb
import numpy as np

import clv
from clv.drift import drift
from clv.scoring import load_models, save_models
from customer_data.engine import Engine

CUSTOMERS, FITTED, NOW = 500, 500, 591
FACTORS = {1.0: "as before", 0.8: "a fifth less often", 0.65: "a third less often", 0.5: "half as often"}


def order_table(connection: duckdb.DuckDBPyConnection, *, seed: int, factor: float) -> None:
    """The table ``orders`` of customers who come throughout; after FITTED their order rates have the factor."""
    rng = np.random.default_rng(seed)
    customers, days = [], []
    for customer in range(CUSTOMERS):
        day, rate, leaves = rng.uniform(0, NOW + 1), max(rng.gamma(1.0) / 25, 1e-9), rng.beta(1.0, 4.0)
        while day < NOW + 1:
            customers.append(customer)
            days.append(int(day))
            if rng.random() < leaves:
                break
            gap, before = rng.exponential(1 / rate), max(FITTED + 1 - day, 0.0)
            day += gap if gap <= before else before + (gap - before) / factor
    connection.register("drawn", {"customer_id": np.array(customers), "day": np.array(days)})
    connection.execute(
        "CREATE OR REPLACE TABLE orders AS SELECT customer_id, day::INTEGER AS day, 10000::BIGINT AS value FROM drawn"
    )


def alarms(*, runs: int, factor: float) -> int:
    """How many of the shops raised an alarm."""
    raised = 0
    with Engine().connect() as connection, tempfile.TemporaryDirectory() as folder:
        for run in range(runs):
            order_table(connection, seed=run, factor=factor)
            save_models(clv.forecast(connection, as_of_day=FITTED, draws=100), Path(folder) / "models.json")
            raised += drift(connection, load_models(Path(folder) / "models.json"), as_of_day=NOW).alarm
    return raised


def main(runs: int = 60) -> str:
    """Return the table as Markdown."""
    lines = [
        "## Alarms of drift",
        "",
        f"{runs} shops of {CUSTOMERS} customers each, 13 weeks after the models were fitted:",
        "",
        "| customers order | alarms |",
        "|---|---:|",
    ]
    for factor, said in FACTORS.items():
        lines.append(f"| {said} | {alarms(runs=runs, factor=factor)} of {runs} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    print(main(**vars(parser.parse_args())))
