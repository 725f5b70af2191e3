"""Events and journeys without conversion, held to plain Python: integers and text, read in parts, any span of time."""

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import journey_sql
from attribution.converter_journeys import ConverterEvents
from attribution.customer_keys import customer_keys
from attribution.journey_sql import Window
from attribution.other_journeys import OtherJourneys, other_journeys
from attribution.packing import Packing, distinct_paths
from tests.attribution.plain_journeys import Touch, plain_journeys
from tests.attribution.small_engine import load_rows

LOOKBACK, UNTIL = 30, 100

touches_of_some = st.lists(
    st.tuples(st.integers(-(1 << 62), 1 << 62) | st.integers(0, 5), st.integers(-20, UNTIL + 10), st.integers(1, 5)),
    max_size=60,
)
long_journeys = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, UNTIL), st.integers(1, 5)), min_size=50, max_size=120
)


def told(found: OtherJourneys, packing: Packing) -> tuple[dict[tuple[int, ...], int], int, int]:
    """Journeys by path, and customers, and those still open."""
    group, codes, lengths = distinct_paths(found.packed, packing)
    journeys = np.bincount(group, weights=found.journeys, minlength=len(lengths))
    paths = np.split(codes + 1, np.cumsum(lengths)[:-1]) if len(lengths) else []
    counted = {tuple(path.tolist()): int(number) for path, number in zip(paths, journeys, strict=True)}
    assert list(counted) == sorted(counted, key=lambda path: (len(path), path))
    return counted, found.customers, found.open


def by_hand(
    touches: list[Touch], buyers: list[int], *, include_open: bool
) -> tuple[dict[tuple[int, ...], int], int, int]:
    """The same from the definition."""
    others = [touch for touch in touches if touch[0] not in buyers]
    plain = plain_journeys(others, [], lookback_us=LOOKBACK, until_us=UNTIL, half_life_us=1)
    customers = {customer for customer, moment, _ in others if moment <= UNTIL}
    counted = plain.nulls + plain.open if include_open else plain.nulls
    return counted, len(customers), plain.open.total()


def told_of_converters(events: ConverterEvents, unit: int) -> list[list[tuple[int, int]]]:
    """Moments and codes by customer, 0 for conversions, in the order in which they come."""
    cuts = np.cumsum(np.bincount(events.customer, minlength=events.customers))[:-1]
    moments, codes = np.split(events.time_us // unit, cuts), np.split(events.code, cuts)
    parts = zip(moments, codes, strict=True) if events.customers else []
    return sorted(list(zip(moment.tolist(), code.tolist(), strict=True)) for moment, code in parts)


def converters_by_hand(touches: list[Touch], buyers: list[int], moment: int) -> list[list[tuple[int, int]]]:
    """The same from the definition: a conversion comes after the touches of its moment."""
    found = []
    for buyer in set(buyers):
        mine = sorted((when, code) for customer, when, code in touches if customer == buyer and when <= UNTIL)
        before = [touch for touch in mine if touch[0] <= moment]
        found.append([*before, (moment, 0), *mine[len(before) :]])
    return sorted(found)


@pytest.mark.parametrize("bits", [3, 9])
@pytest.mark.parametrize("unit", [1, 1 << 55], ids=["short", "times too far apart to share a number with channels"])
@pytest.mark.parametrize("text_ids", [False, True], ids=["integers", "text"])
@given(touches=touches_of_some | long_journeys, buyers=st.lists(st.integers(0, 3), max_size=3), include=st.booleans())
@settings(max_examples=10)
def test_journeys_without_conversion_equal_plain_python(
    engine: duckdb.DuckDBPyConnection,
    bits: int,
    unit: int,
    text_ids: bool,
    touches: list[Touch],
    buyers: list[int],
    include: bool,
) -> None:
    window, packing = Window(LOOKBACK * unit, UNTIL * unit), Packing(bits)
    scaled = [(customer, moment * unit, code) for customer, moment, code in touches]
    load_rows(engine, scaled, [(buyer, 50 * unit, 1) for buyer in buyers], text_ids=text_ids)
    engine.execute(f"DROP TABLE IF EXISTS {journey_sql.CONVERSION_MOMENT}")
    engine.execute(journey_sql.conversion_moments(window))
    expected = by_hand(touches, buyers, include_open=include)
    keys = customer_keys("VARCHAR" if text_ids else "BIGINT")
    for at_once in (1, 7, 1000):
        found, events = other_journeys(engine, window, packing, keys=keys, include_open=include, events_at_once=at_once)
        assert told(found, packing) == expected
        assert told_of_converters(events, unit) == converters_by_hand(touches, buyers, 50)


def test_customers_that_share_one_of_their_numbers_stay_apart(engine: duckdb.DuckDBPyConnection) -> None:
    _, second = customer_keys("VARCHAR")
    touches = [(customer, moment, customer % 4 + 1) for customer in range(90) for moment in (10, 20)]
    buyers = [3, 30, 31]
    load_rows(engine, touches, [(buyer, 50, 1) for buyer in buyers], text_ids=True)
    window, packing = Window(LOOKBACK, UNTIL), Packing(3)
    engine.execute(f"DROP TABLE IF EXISTS {journey_sql.CONVERSION_MOMENT}")
    engine.execute(journey_sql.conversion_moments(window))
    keys = ("strlen(customer_id)", second)
    found, events = other_journeys(engine, window, packing, keys=keys, include_open=True, events_at_once=7)
    assert told(found, packing) == by_hand(touches, buyers, include_open=True)
    assert told_of_converters(events, 1) == converters_by_hand(touches, buyers, 50)
