"""do-attribution: its Markov chain with the removal that ours makes (walks into the channel are lost), dense."""

import sys
import time
import warnings

import pandas as pd
from do_attribution import MarkovAttribution

warnings.simplefilter("ignore")
frame = pd.read_parquet(sys.argv[1])
order = int(sys.argv[2])
start = time.perf_counter()
credit = MarkovAttribution(order=order, separator=" > ", removal_strategy="redirect_to_null").fit(
    frame["path"], frame["conversions"]
)
seconds = time.perf_counter() - start
effects = credit["removal_effects"].values()
print(f"{len(effects)} channels, removal effects of {min(effects):.3f} to {max(effects):.3f}")
print(seconds)
