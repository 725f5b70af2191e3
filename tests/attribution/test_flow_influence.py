"""Intervals of flows: against derivatives found by trying, and against customers drawn again."""

import dataclasses

import numpy as np
import pytest

from attribution import flow_influence, flow_products
from attribution.bridge import flows
from attribution.chain import chain
from attribution.customer_bootstrap import customer_journeys
from attribution.flow_influence import flows_between
from attribution.journeys import build_paths
from attribution.outcome_pairs import outcome_pairs
from attribution.paths import Paths
from attribution.transitions import transitions
from tests.attribution.small_engine import in_days, load_rows, many_journeys

PATHS = Paths.from_strings(
    ["a > b", "b", "b > a > c", "c", "a > c > b", "b > b > a"],
    [5, 3, 4, 2, 6, 0],
    [15, 6, 4, 8, 3, 0],
    [9, 8, 3, 6, 2, 7],
)


def _flows(paths, order, measure):
    made = flows_between(paths, transitions(paths, order=order), measure=measure, with_variances=False)
    return np.stack([made.amounts, made.shares])


@pytest.mark.parametrize("measure", ["conversions", "value"])
@pytest.mark.parametrize("order", [1, 2])
def test_variances_are_those_of_derivatives_found_by_trying(order, measure, monkeypatch):
    # Conversions and journeys without one are Poisson counts, and a path's conversions are all worth the same.
    expected = np.zeros((2, 3, 3))
    worth = np.divide(PATHS.value, PATHS.conversions, out=np.zeros(len(PATHS)), where=PATHS.conversions > 0)
    for row in range(len(PATHS)):
        for name in ("conversions", "nulls"):
            ends = []
            for step in (1e-4, -1e-4):
                amounts = {field: getattr(PATHS, field).copy() for field in ("conversions", "nulls", "value")}
                amounts[name][row] += step
                amounts["value"][row] += step * worth[row] * (name == "conversions")
                ends.append(_flows(dataclasses.replace(PATHS, **amounts), order, measure))
            if getattr(PATHS, name)[row] > 0:
                expected += getattr(PATHS, name)[row] * ((ends[0] - ends[1]) / 2e-4) ** 2
    for cells in (flow_products.CELLS, 1):
        monkeypatch.setattr(flow_products, "CELLS", cells)
        found = flows_between(PATHS, transitions(PATHS, order=order), measure=measure, with_variances=True)
        assert found.amount_variances == pytest.approx(expected[0], rel=1e-5, abs=1e-8)
        assert found.share_variances == pytest.approx(expected[1], rel=1e-5, abs=1e-8)


def test_flows_have_the_spread_of_customers_drawn_again(engine):
    touches, orders = many_journeys(customers=300, seed=4)
    load_rows(engine, in_days(touches), in_days(orders))
    journeys, paths = customer_journeys(engine), build_paths(engine)
    found = flows_between(paths, transitions(paths), measure="conversions", with_variances=True)
    weights = np.random.default_rng(8).poisson(1.0, size=(journeys.nulls.shape[1], 600)).astype(float)
    drawn = {name: getattr(journeys, name) @ weights for name in ("conversions", "value", "nulls")}
    replicated = [
        _flows(dataclasses.replace(paths, **{name: part[:, number] for name, part in drawn.items()}), 1, "conversions")
        for number in range(600)
    ]
    spread = np.std(replicated, axis=0)
    # A standard deviation of 600 replicates has itself one of 2.9 %; that of a product of counts is not linear either.
    assert spread[0] == pytest.approx(np.sqrt(found.amount_variances), rel=0.12)
    assert spread[1] == pytest.approx(np.sqrt(found.share_variances), rel=0.12)


@pytest.fixture(scope="module")
def many():
    """Journeys of eight channels, some of them rare."""
    generator = np.random.default_rng(6)
    lengths = generator.geometric(0.35, 6_000)
    codes = generator.choice(8, lengths.sum(), p=np.arange(1, 9) / 36)
    converted = generator.random(6_000) < 0.2
    value = converted * generator.gamma(2.0, 30.0, 6_000)
    return Paths.from_codes(
        tuple("abcdefgh"), codes, lengths, conversions=converted, nulls=~converted, value=value, value_squares=value**2
    )


@pytest.mark.parametrize("paid", [0, 1])
def test_worth_pushed_back_gives_the_products_of_the_inverse(many, paid):
    found, measure = transitions(many), ("conversions", "value")[paid]
    known, pairs = chain(many, found), outcome_pairs(many, measure=measure, most=len(many) * 9)
    one = flow_products.products_by_inverse(known, found, pairs, paid=paid, scale=1.5)
    other = flow_products.products_by_pushing(known, found, pairs, paid=paid, scale=1.5, closing=np.arange(8))
    for field in dataclasses.fields(flow_products.FlowProducts):
        assert getattr(other, field.name) == pytest.approx(getattr(one, field.name), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_half_of_the_outcomes_give_about_the_same_errors(many, order, monkeypatch):
    found = transitions(many, order=order)
    whole = flows_between(many, found, measure="conversions", with_variances=True)
    monkeypatch.setattr(flow_influence, "PAIRS", (len(many) // 2, len(many) // 2))
    part = flows_between(many, found, measure="conversions", with_variances=True)
    for name in ("amount_variances", "share_variances"):
        apart = np.sqrt(getattr(part, name) / getattr(whole, name)) - 1
        assert 0 < np.sqrt(np.mean(apart**2)) < 0.1


def test_flows_of_very_many_channels_have_no_intervals(monkeypatch):
    for name in ("MOST_INVERTED", "MOST_PUSHED"):
        monkeypatch.setattr(flow_influence, name, 5)
    for order in (1, 2):
        table = flows(PATHS, order=order)
        assert table["conversions"].sum() == pytest.approx(20)
        assert table[["conversions_low", "conversions_high", "share_low", "share_high"]].isna().all(axis=None)


def test_of_many_channels_what_the_largest_closed_has_intervals_at_higher_orders(monkeypatch):
    whole = flows(PATHS, order=2)
    monkeypatch.setattr(flow_influence, "MOST_PUSHED", 3 * len(transitions(PATHS, order=2).source))
    table = flows(PATHS, order=2)
    least = whole.groupby("last_click")["conversions"].sum().idxmin()
    told = table["conversions_low"].notna()
    assert (told == (table["last_click"] != least)).all()
    assert table["share_high"][told].tolist() == pytest.approx(whole["share_high"][told].tolist())


def test_the_table_has_the_ends_around_its_numbers_or_none():
    table = flows(PATHS, measure="value", confidence=0.8)
    for name in ("value", "share"):
        assert ((table[f"{name}_low"] < table[name]) & (table[name] < table[f"{name}_high"])).all()
    assert (table["share_high"] <= 1).all()
    without = flows(PATHS, confidence=None)
    assert without[["conversions_low", "conversions_high", "share_low", "share_high"]].isna().all(axis=None)
    # All that ends in a goes to a, of 4 conversions: Wilson's interval of 4 in 4.
    alone = flows(Paths.from_strings(["a", "b"], [4, 2], nulls=[5, 5])).set_index("last_click")
    squared = 1.6448536269514722**2
    assert alone.loc["a", ["share_low", "share", "share_high"]].tolist() == pytest.approx([4 / (4 + squared), 1, 1])
