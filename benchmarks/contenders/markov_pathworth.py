"""Exact Markov credit from a frame of one row per journey: path, conversions, value, nulls; with intervals if asked."""

import sys
import time

import pandas as pd

import attribution

frame = pd.read_parquet(sys.argv[1])
order = int(sys.argv[2])
confidence = 0.90 if sys.argv[3] == "intervals" else None
attribution.attribute(attribution.read_paths(frame.head(100), value="value", nulls="nulls"), models=["markov"])
start = time.perf_counter()
paths = attribution.read_paths(frame, value="value", nulls="nulls")
read = time.perf_counter() - start
credit = attribution.attribute(paths, models=["markov"], order=order, confidence=confidence)
seconds = time.perf_counter() - start
print(
    f"{credit['conversions'].sum():.0f} conversions over {len(credit)} channels, {len(paths):,} distinct paths; "
    f"reading the paths {read:.2f} s, credit {seconds - read:.2f} s"
)
print(seconds)
