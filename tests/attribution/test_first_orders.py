"""Paths to first orders with what customers are worth, and how their number and their worth vary together."""

from dataclasses import replace

import numpy as np
import pytest

from attribution.credit_spread import model_gradient
from attribution.delta import variance, without_sharing
from attribution.first_orders import conversions_with_value, first_orders, first_orders_by_decay
from attribution.journey_parts import JourneyOptions
from attribution.paths import Paths
from attribution.rules import RuleOptions
from attribution.segments import NEW, new_and_returning
from tests.attribution.plain_journeys import DAY_US
from tests.attribution.small_engine import counted, in_days, load_rows

OPTIONS = JourneyOptions(lookback_days=3, until_us=30 * DAY_US, half_life_days=None)
WORTH = "SELECT customer_id, sum(value)::BIGINT AS value FROM orders GROUP BY customer_id"


@pytest.fixture
def won(engine) -> Paths:
    """Many customers on few paths, some of whom touched long before the first order, so in two journeys."""
    draws = np.random.default_rng(4)
    touches, orders = [], []
    for customer in range(300):
        met = draws.integers((0, 1), (9, 4), size=(draws.integers(1, 5), 2)).tolist()
        touches += [(customer, day, channel) for day, channel in met]
        if draws.random() < 0.5:
            orders.append((customer, 9, int(draws.integers(1, 9)) * 10_000))
    load_rows(engine, in_days(touches), in_days(orders))
    (paths,) = first_orders(engine, OPTIONS).valued(engine, {"worth": WORTH}).values()
    assert paths.shared is not None
    assert paths.shared.nnz > 0
    return paths


def test_first_orders_are_worth_what_their_customers_are_by_hand(engine):
    # Customer 1: a, first order, b, later order: on path a all 30. Customer 2: only b. Customer 3 orders untouched.
    touches = in_days([(1, 0, 1), (1, 2, 2), (2, 1, 2), (3, 5, 3)])
    orders = in_days([(1, 1, 100_000), (1, 3, 200_000), (3, 0, 50_000)])
    load_rows(engine, touches, orders)
    first = first_orders(engine, OPTIONS)
    found = first.valued(engine, {"all": WORTH, "none": f"SELECT customer_id, 0::BIGINT AS value FROM ({WORTH})"})
    for paths in (first.paths, *found.values()):
        assert counted(paths) == {"a": (1, 0), "b": (0, 1)}
    assert first.customers == 2
    assert first.paths.value.sum() == 10
    assert found["all"].value.sum() == 30
    assert found["none"].value.sum() == 0


@pytest.mark.parametrize("model", ["last_click", "linear", "markov"])
def test_where_all_customers_are_worth_the_same_worth_varies_as_their_number(won, engine, model):
    same = f"SELECT customer_id, 70_000::BIGINT AS value FROM ({WORTH})"
    (paths,) = first_orders(engine, OPTIONS).valued(engine, {"same": same}).values()
    gradient = model_gradient(paths, model)
    spread, mixed = variance(paths, gradient), conversions_with_value(paths, gradient)
    assert mixed == pytest.approx(7 * spread.conversions)
    # So the worth per customer, 7, is certain.
    assert spread.value - 2 * 7 * mixed + 49 * spread.conversions == pytest.approx(np.zeros(len(mixed)), abs=1e-6)


def test_credit_of_a_sum_varies_as_its_parts_and_twice_their_covariance(won):
    # Rules are linear in value, so credit of value plus one for each conversion is the sum of both credits.
    paths = without_sharing(won)
    gradient = model_gradient(paths, "linear", options=RuleOptions())
    raised = replace(
        paths,
        value=paths.value + paths.conversions,
        value_squares=paths.value_squares + 2 * paths.value + paths.conversions,
    )
    spread, together = variance(paths, gradient), variance(raised, gradient)
    mixed = conversions_with_value(paths, gradient)
    assert together.value == pytest.approx(spread.value + spread.conversions + 2 * mixed)


def test_another_worth_of_the_same_customers_stands_on_the_same_paths(won, engine):
    doubled = f"SELECT customer_id, 2 * value AS value FROM ({WORTH})"
    first = first_orders(engine, OPTIONS)
    with engine.cursor() as another:
        one, other = first.valued(another, {"once": WORTH, "twice": doubled}).values()
    (alone,) = first.valued(engine, {"twice": doubled}).values()
    assert one.names() == other.names() == alone.names()
    assert np.array_equal(other.value, alone.value)
    assert np.array_equal(other.value, 2 * won.value)
    assert np.array_equal(other.nulls, alone.nulls)
    assert alone.value_squares == pytest.approx(4 * one.value_squares)


def test_valued_journeys_are_those_built_with_these_values(won, engine):
    # Built anew, from orders that have the worth for value: the same paths, and the same that customers share.
    (built,) = first_orders_by_decay(engine, OPTIONS, worths={"worth": WORTH}).values()
    assert won.names() == built.names()
    for name in ("conversions", "nulls", "value", "value_squares"):
        assert np.array_equal(getattr(won, name), getattr(built, name))
    assert abs(won.shared - built.shared).max() < 1e-9


def test_several_orders_at_the_first_moment_are_one_customer_and_the_unnamed_did_not_convert(engine):
    load_rows(engine, in_days([(1, 0, 1), (2, 0, 2)]), in_days([(1, 1, 100_000), (1, 1, 50_000), (2, 1, 70_000)]))
    first = first_orders(engine, OPTIONS)
    assert counted(first.paths) == {"a": (2, 0), "b": (1, 0)}
    (found,) = first.valued(engine, {"worth": f"{WORTH} HAVING customer_id = 1"}).values()
    assert counted(found) == {"a": (1, 0), "b": (0, 1)}
    assert found.value.tolist() == [15, 0]
    assert new_and_returning(engine, OPTIONS, first=first)[NEW] is first.paths
