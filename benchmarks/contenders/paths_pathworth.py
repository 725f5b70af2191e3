"""From Parquet files of touchpoints and orders to distinct paths: loading with all its checks, then the journeys."""

import sys
import time
from importlib import import_module

import attribution
from customer_data.engine import Engine
from customer_data.loading import load
from customer_data.sources import LoadSettings, Source

folder, memory_limit = sys.argv[1], sys.argv[2]
sources = [
    Source(table="touchpoints", data=f"{folder}/touchpoints-*.parquet"),
    Source(table="orders", data=f"{folder}/orders-*.parquet"),
]
# The limit holds for the whole process: almost half of it is left to what is no longer in the engine.
limit = None if memory_limit == "-" else f"{float(memory_limit.removesuffix('GB')) * 0.55:.2f}GB"
connection = Engine(memory_limit=limit).connect()
for needed_later in ("attribution.journeys", "pandas", "pyarrow", "scipy.sparse"):  # imports are no part of the work
    import_module(needed_later)
start = time.perf_counter()
load(connection, sources, LoadSettings())
loaded = time.perf_counter() - start
paths = attribution.build_paths(connection, lookback_days=30)
seconds = time.perf_counter() - start
print(
    f"{len(paths):,} distinct paths; loading and checking {loaded:.2f} s, journeys and paths {seconds - loaded:.2f} s"
)
print(seconds)
