"""Exact Shapley values from distinct paths; reading them is not counted."""

import sys
import time

import pandas as pd

import attribution
from attribution.shapley import shapley

paths = attribution.read_paths(pd.read_parquet(sys.argv[1]), value="value", nulls="nulls")
start = time.perf_counter()
values = shapley(paths, game=sys.argv[2])
seconds = time.perf_counter() - start
print(f"{len(values)} channels, {len(paths):,} distinct paths")
print(seconds)
