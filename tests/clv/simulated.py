"""Histories drawn from a model whose parameters are known."""

import numpy as np
import pandas as pd


def beta_geo_histories(customers: int, *, seed: int, r: float, alpha: float, a: float, b: float) -> pd.DataFrame:
    """Histories drawn order by order from BG/NBD, ages from 20 to 60."""
    random = np.random.default_rng(seed)
    T = random.uniform(20, 60, customers)
    rate, leaving = random.gamma(r, 1 / alpha, customers), random.beta(a, b, customers)
    x, t_x, time, alive = np.zeros(customers), np.zeros(customers), np.zeros(customers), np.ones(customers, bool)
    while alive.any():
        time += random.exponential(1 / rate)
        alive &= time <= T
        x += alive
        t_x = np.where(alive, time, t_x)
        alive &= random.random(customers) >= leaving
    return pd.DataFrame({"frequency": x, "recency": t_x, "T": T})
