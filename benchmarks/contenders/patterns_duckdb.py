"""DuckDB's group-by of the same orders by customer into a table: first and last day, days or orders, sum of values."""

import sys
import time

import duckdb

file, memory_limit, days = sys.argv[1:4]
connection = duckdb.connect(config={"preserve_insertion_order": "false", "memory_limit": memory_limit})
counted = "count(DISTINCT day)" if days == "distinct" else "count(*)"
start = time.perf_counter()
connection.execute(
    f"""CREATE TABLE grouped AS
    SELECT customer_id, {counted} AS days, min(day) AS first_day, max(day) AS last_day, sum(value) AS value
    FROM '{file}' GROUP BY customer_id"""
)
print(time.perf_counter() - start)
