"""DuckDB sorting the same touchpoints by customer and time into a table of customer, time and channel code."""

import sys
import time

import duckdb

folder, memory_limit = sys.argv[1], sys.argv[2]
options = {} if memory_limit == "-" else {"memory_limit": memory_limit}
connection = duckdb.connect(config={"preserve_insertion_order": "false", **options})
start = time.perf_counter()
connection.execute(
    f"""CREATE TEMP TABLE sorted AS SELECT customer_id, epoch_us(time) AS time_us, right(channel, 2)::TINYINT AS code
    FROM '{folder}/touchpoints-*.parquet' ORDER BY customer_id, time_us"""
)
print(time.perf_counter() - start)
