"""From a Parquet file of orders to distinct purchase histories, as a forecast takes them."""

import sys
import time

from clv.histories import build_histories
from clv.segment_patterns import segment_patterns
from customer_data.engine import Engine

file, memory_limit = sys.argv[1:3]
connection = Engine(memory_limit=memory_limit).connect()
start = time.perf_counter()
connection.execute(f"CREATE VIEW orders AS FROM '{file}'")
summary = build_histories(connection)
built = time.perf_counter() - start
patterns = segment_patterns(connection)
seconds = time.perf_counter() - start
print(
    f"{summary.customers:,} customers, {len(patterns.x):,} patterns; histories {built:.1f} s; "
    f"{summary.orders / seconds / 1e6:.1f} million orders a second"
)
print(seconds)
