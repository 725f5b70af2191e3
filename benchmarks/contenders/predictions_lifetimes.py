"""lifetimes' P(alive) and expected orders of 365 days under BG/NBD with given parameters, for a frame of customers."""

import sys
import time
import warnings

import pandas as pd

warnings.simplefilter("ignore")
import lifetimes  # noqa: E402

frame = pd.read_parquet(sys.argv[1])
fitter = lifetimes.BetaGeoFitter()
fitter.params_ = pd.Series({"r": 0.6124, "alpha": 72.5466, "a": 0.8838, "b": 2.5198})
history = frame["frequency"], frame["recency"], frame["T"]
start = time.perf_counter()
alive = fitter.conditional_probability_alive(*history)
expected = fitter.conditional_expected_number_of_purchases_up_to_time(365, *history)
seconds = time.perf_counter() - start
print(f"{len(frame):,} values; {alive.sum():,.1f} alive, {expected.sum():,.1f} orders expected in all")
print(seconds)
