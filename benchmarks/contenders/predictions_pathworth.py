"""BG/NBD's P(alive) and expected orders of 365 days: of each distinct history, as a fit holds them, or of each row."""

import sys
import time

import numpy as np
import pandas as pd

from clv import beta_geo
from clv.patterns import patterns_of

PARAMETERS = {"r": 0.6124, "alpha": 72.5466, "a": 0.8838, "b": 2.5198}
frame = pd.read_parquet(sys.argv[1])
if sys.argv[2] == "patterns":
    patterns = patterns_of(frame)
    history, customers = (patterns.x, patterns.t_x, patterns.T), patterns.count
else:
    history = tuple(frame[name].to_numpy(dtype=np.float64) for name in ("frequency", "recency", "T"))
    customers = np.ones(len(frame))
beta_geo.expected_orders(365.0, *(column[:100] for column in history), **PARAMETERS)
start = time.perf_counter()
alive = beta_geo.p_alive(*history, **PARAMETERS)
expected = beta_geo.expected_orders(365.0, *history, **PARAMETERS)
seconds = time.perf_counter() - start
print(f"{len(alive):,} values; {customers @ alive:,.1f} alive, {customers @ expected:,.1f} orders expected in all")
print(seconds)
