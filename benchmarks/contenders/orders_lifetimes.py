"""lifetimes' own fitter of the same model on the same frame, one row per customer, as its documentation does it."""

import sys
import time
import warnings

import pandas as pd

warnings.simplefilter("ignore")
import lifetimes  # noqa: E402

frame = pd.read_parquet(sys.argv[1])
start = time.perf_counter()
fit = getattr(lifetimes, f"{sys.argv[2]}Fitter")().fit(frame["frequency"], frame["recency"], frame["T"])
seconds = time.perf_counter() - start
print(", ".join(f"{name} {value:.4f}" for name, value in fit.params_.items()))
print(seconds)
