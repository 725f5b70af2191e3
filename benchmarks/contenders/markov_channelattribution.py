"""ChannelAttribution's Markov model, as it comes: simulated, with its own rule for the number of walks."""

import sys
import time

import pandas as pd
from ChannelAttribution import markov_model

frame = pd.read_parquet(sys.argv[1])
order = int(sys.argv[2])
start = time.perf_counter()
credit = markov_model(
    frame, "path", "conversions", var_value="value", var_null="nulls", order=order, sep=">", seed=1, verbose=False
)
seconds = time.perf_counter() - start
result = credit["result"] if isinstance(credit, dict) else credit
print(f"{result['total_conversions'].sum():.0f} conversions over {len(result)} channels")
print(seconds)
