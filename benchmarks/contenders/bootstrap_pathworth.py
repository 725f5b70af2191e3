"""A thousand bootstrap replicates of Markov credit, from distinct paths; reading them is not counted."""

import sys
import time

import pandas as pd

import attribution
from attribution.bootstrap import bootstrap_credit

paths = attribution.read_paths(pd.read_parquet(sys.argv[1]), value="value", nulls="nulls")
start = time.perf_counter()
drawn = bootstrap_credit(paths, ["markov"], replicates=int(sys.argv[2]), seed=1)
seconds = time.perf_counter() - start
print(f"{drawn.conversions.shape[0]:,} replicates, {len(paths):,} distinct paths")
print(seconds)
