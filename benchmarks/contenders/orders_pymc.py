"""pymc-marketing's BG/NBD by maximum a posteriori under its own priors, from a frame of one row per customer."""

import logging
import sys
import time
import warnings

import pandas as pd

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
from pymc_marketing.clv import BetaGeoModel  # noqa: E402

frame = pd.read_parquet(sys.argv[1])
frame = frame[["frequency", "recency", "T"]].assign(customer_id=range(len(frame)))
start = time.perf_counter()
model = BetaGeoModel(data=frame)
model.fit(method="map", progressbar=False)
seconds = time.perf_counter() - start
posterior = model.idata.posterior
print(", ".join(f"{name} {float(posterior[name].mean()):.4f}" for name in ("r", "alpha", "a", "b")))
print(seconds)
