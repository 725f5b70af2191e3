"""BG/NBD by maximum likelihood with standard errors, from a frame of histories of one row per customer."""

import sys
import time

import pandas as pd

import clv

frame = pd.read_parquet(sys.argv[1])
clv.BetaGeo().fit(frame.head(1000))
start = time.perf_counter()
fit = clv.BetaGeo().fit(frame)
seconds = time.perf_counter() - start
estimates = fit.table
print(", ".join(f"{row.parameter} {row.estimate:.4f} (SE {row.std_error:.4f})" for row in estimates.itertuples()))
print(seconds)
