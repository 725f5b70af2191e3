"""Sums over conversions, their shares and rates: by hand, and held to customers drawn again."""

import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_array

from attribution.bridge import roles, touch_variety
from attribution.customer_bootstrap import customer_journeys
from attribution.descriptions import path_lengths, time_lags, top_paths
from attribution.journeys import build_paths
from attribution.paths import Paths
from attribution.sums import Sums, everything, grouped, rates
from tests.attribution.small_engine import in_days, load_rows, many_journeys


def test_a_customer_with_two_conversions_counts_them_together_by_hand():
    # "a" converts 4 times, twice for each of two customers who also come in vain 10 times each, "b" 3 times for three.
    paths = Paths.from_strings(["a", "b"], [4, 3], [40, 30], [20, 6])
    shared = np.zeros((6, 6))
    # Over the two customers: products of their 2 conversions with each other (2^2 - 2), with their 10 nulls (2 * 10),
    # of their nulls (10^2 - 10) and of their conversions' value, 10 each.
    shared[0, 0], shared[0, 2], shared[2, 0], shared[2, 2] = 2 * 2, 2 * 20, 2 * 20, 2 * 90
    shared[4, 4] = 2 * 200
    paths = dataclasses.replace(paths, shared=csr_array(shared))
    sums = Sums(paths, "conversions", grouped(paths, [0, 1], 2))
    assert sums.totals.tolist() == [4, 3]
    assert sums.variances.tolist() == [2 * 2**2, 3]
    assert sums.covariances(everything(paths).weights).tolist() == [8, 3]
    worth = Sums(paths, "value", grouped(paths, [0, 1], 2))
    assert worth.variances.tolist() == [2 * 20**2, 3 * 10**2]
    # Share of a: 4/7. A customer of a adds 2 (1 - 4/7) / 7 to it, one of b takes 4/7 / 7 away.
    share, spread = sums.shares(everything(paths))
    assert share.tolist() == pytest.approx([4 / 7, 3 / 7])
    assert spread == pytest.approx(np.full(2, (2 * (2 * 3 / 7) ** 2 + 3 * (4 / 7) ** 2) / 49))
    # Rate of a: 4 of 24. A customer adds (2 * 5/6 - 10 * 1/6) / 24 = 0: both come twelve times and convert twice.
    rate, of_rate = rates(paths, [0, 1])
    assert rate.tolist() == pytest.approx([1 / 6, 1 / 3])
    assert of_rate.tolist() == pytest.approx([0, 2 / 9 / 9])


def test_sums_shares_and_rates_have_the_spread_of_customers_drawn_again(engine):
    touches, orders = many_journeys(customers=300, seed=4)
    load_rows(engine, in_days(touches), in_days(orders))
    journeys, paths = customer_journeys(engine), build_paths(engine)
    weights = np.random.default_rng(2).poisson(1.0, size=(journeys.nulls.shape[1], 2_000)).astype(float)
    drawn = {name: getattr(journeys, name) @ weights for name in ("conversions", "value", "nulls")}
    lengths = np.minimum(paths.lengths - 1, 3)
    for measure in ("conversions", "value"):
        sums = Sums(paths, measure, grouped(paths, lengths, 4))
        replicated = sums.weights.T @ drawn[measure]
        # A standard deviation of 2,000 replicates has itself one of 1.6 %.
        assert replicated.std(axis=1) == pytest.approx(np.sqrt(sums.variances), rel=0.06)
        share, spread = sums.shares(everything(paths, measure))
        replicated = replicated / replicated.sum(axis=0)
        assert replicated.mean(axis=1) == pytest.approx(share, abs=0.01)
        assert replicated.std(axis=1) == pytest.approx(np.sqrt(spread), rel=0.06)
    largest = np.argsort(-paths.conversions)[:4]
    converted, lost = drawn["conversions"][largest], drawn["nulls"][largest]
    assert (converted / (converted + lost)).std(axis=1) == pytest.approx(np.sqrt(rates(paths, largest)[1]), rel=0.08)


def test_every_number_of_the_tables_lies_in_its_interval_and_more_customers_narrow_it(engine):
    touches, orders = many_journeys(customers=60, seed=5)
    load_rows(engine, in_days(touches), in_days(orders))
    paths = build_paths(engine)
    lags = time_lags(paths)
    for table in (top_paths(paths), path_lengths(paths), roles(paths), touch_variety(paths), lags):
        names = [name.removesuffix("_low") for name in table.columns if name.endswith("_low")]
        assert names
        for name in names:
            low, estimate, high = table[f"{name}_low"], table[name], table[f"{name}_high"]
            assert ((low <= estimate + 1e-12) & (estimate <= high + 1e-12)).all()
            assert (low >= 0).all()
    narrow, wide = (touch_variety(paths, confidence=confidence) for confidence in (0.5, 0.99))
    assert (wide["conversions_share_low"] < narrow["conversions_share_low"]).all()


def test_nothing_converts():
    paths = Paths.from_strings(["a > b", "b"], [0, 0], [0, 0], [3, 4])
    assert roles(paths).drop(columns="channel").to_numpy() == pytest.approx(0)
    assert touch_variety(paths).drop(columns="paths").to_numpy() == pytest.approx(0)
    assert path_lengths(paths)[["conversions_share", "conversions_share_high"]].to_numpy() == pytest.approx(0)
    assert top_paths(paths)["conversion_rate_high"].tolist() == pytest.approx([0.40348, 0.47420], abs=1e-5)
