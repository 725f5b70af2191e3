"""Shares of single paths under a chain, and their intervals."""

import dataclasses

import numpy as np
import pytest

from attribution import path_shares
from attribution.bridge import credit_along_paths
from attribution.credit import removal_effects
from attribution.intervals import share_interval
from attribution.paths import Paths

PATHS = Paths.from_strings(["a > b", "b", "b > a > c > b", "c", "a > c > b"], [5, 3, 4, 2, 6], nulls=[9, 8, 3, 6, 2])


def shares(paths, order):
    """By the definition: removal effects over their sum on the path, equally among a channel's touches."""
    effects = removal_effects(paths, order=order, confidence=None).set_index("channel")["removal_effect"]
    found = []
    for row in np.argsort(-PATHS.conversions, kind="stable"):
        names = PATHS.names([row])[0].split(" > ")
        summed = sum(effects[name] for name in set(names))
        found += [effects[name] / summed / names.count(name) for name in names]
    return np.array(found)


@pytest.mark.parametrize("order", [1, 2])
def test_ends_are_those_of_derivatives_found_by_trying(order):
    table = credit_along_paths(PATHS, models=["linear", "markov"], order=order, confidence=0.8)
    assert table["markov"].to_numpy() == pytest.approx(shares(PATHS, order))
    spread = 0.0
    for name in ("conversions", "nulls"):
        for row in range(len(PATHS)):
            ends = []
            for step in (1e-4, -1e-4):
                amounts = getattr(PATHS, name).copy()
                amounts[row] += step
                ends.append(shares(dataclasses.replace(PATHS, **{name: amounts}), order))
            spread = spread + getattr(PATHS, name)[row] * ((ends[0] - ends[1]) / 2e-4) ** 2
    # The channel of two touches has its interval as one, halved.
    touches = table.groupby(["path", "channel"])["touch"].transform("count").to_numpy()
    whole = (table["markov"] * touches).to_numpy()
    first = ~table.duplicated(["path", "channel"]).to_numpy()
    ends = share_interval(whole[first], (spread * touches**2)[first], confidence=0.8)
    # A path of one channel leaves nothing to doubt.
    low, high = (np.where(whole[first] < 1, end, 1.0) for end in ends)
    assert (table["markov_low"] * touches)[first].to_numpy() == pytest.approx(low, abs=1e-6)
    assert (table["markov_high"] * touches)[first].to_numpy() == pytest.approx(high, abs=1e-6)


def test_a_path_of_one_channel_is_certain_and_ends_may_be_missing(monkeypatch):
    table = credit_along_paths(PATHS).set_index("path")
    assert table.loc["b", ["markov_low", "markov", "markov_high"]].tolist() == [1, 1, 1]
    ends = ["markov_low", "markov_high"]
    assert credit_along_paths(PATHS, confidence=None)[ends].isna().all(axis=None)
    monkeypatch.setattr(path_shares, "MOST_TOGETHER", 2)
    assert credit_along_paths(PATHS)[ends].isna().all(axis=None)
    assert "markov_low" not in credit_along_paths(PATHS, models=["linear"])
