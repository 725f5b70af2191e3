"""A model of orders by maximum likelihood with standard errors, from a frame of one row per customer."""

import sys
import time

import pandas as pd

import clv

frame = pd.read_parquet(sys.argv[1])
model = getattr(clv, sys.argv[2])()
model.fit(frame.head(1000))
start = time.perf_counter()
fit = model.fit(frame)
seconds = time.perf_counter() - start
estimates = fit.table
print(", ".join(f"{row.parameter} {row.estimate:.4f} (SE {row.std_error:.4f})" for row in estimates.itertuples()))
print(seconds)
