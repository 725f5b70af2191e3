"""marketing_attribution_models: its Markov chain (order 1), from the same frame."""

import sys
import time

import pandas as pd
from mam import MAM

frame = pd.read_parquet(sys.argv[1])
frame = frame.assign(converted=frame["conversions"] > 0, occurrences=frame["conversions"] + frame["nulls"])
start = time.perf_counter()
model = MAM(
    frame,
    format_type="grouped_journey",
    channels_colname="path",
    journey_with_conv_colname="converted",
    occurrences_colname="occurrences",
    path_separator=" > ",
)
credit = model.run_markov()
seconds = time.perf_counter() - start
effects = credit.metadata["removal_effect"]["removal_effect"]
print(f"{len(effects)} channels, removal effects of {effects.min():.3f} to {effects.max():.3f}")
print(seconds)
