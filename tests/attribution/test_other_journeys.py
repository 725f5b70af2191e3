"""Customers without conversions: the quick way (the engine sorts, numpy packs) and the portable SQL give one answer."""

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import journey_sql
from attribution.journey_sql import Window
from attribution.other_journeys import OtherJourneys, by_grouping, by_sorting, other_journeys
from attribution.packing import Packing, distinct_paths
from customer_data.engine import Engine

CHANNELS = 5
LOOKBACK, UNTIL = 30, 100

touches_of_some = st.lists(
    st.tuples(
        st.integers(-(1 << 62), 1 << 62) | st.integers(0, 5), st.integers(-20, UNTIL + 10), st.integers(1, CHANNELS)
    ),
    max_size=60,
)
long_journeys = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, UNTIL), st.integers(1, CHANNELS)), min_size=50, max_size=120
)


def loaded(touches: list[tuple[int, int, int]], buyers: list[int]) -> duckdb.DuckDBPyConnection:
    connection = Engine().connect()
    connection.execute("CREATE TABLE touchpoints (customer_id BIGINT, time_us BIGINT, channel_code INTEGER)")
    connection.execute("CREATE TABLE orders (customer_id BIGINT, time_us BIGINT, value BIGINT)")
    for touch in touches:
        connection.execute("INSERT INTO touchpoints VALUES (?, ?, ?)", touch)
    for buyer in buyers:
        connection.execute("INSERT INTO orders VALUES (?, 50, 1)", [buyer])
    connection.execute(journey_sql.conversion_moments(Window(LOOKBACK, UNTIL)))
    return connection


def told(found: OtherJourneys, packing: Packing) -> tuple[dict[tuple[int, ...], int], int, int]:
    """Journeys by path, and customers, and those still open."""
    group, codes, lengths = distinct_paths(found.packed, packing)
    journeys = np.bincount(group, weights=found.journeys, minlength=len(lengths))
    paths = np.split(codes + 1, np.cumsum(lengths)[:-1]) if len(lengths) else []
    counted = {tuple(path.tolist()): int(number) for path, number in zip(paths, journeys, strict=True)}
    assert list(counted) == sorted(counted, key=lambda path: (len(path), path))
    return counted, found.customers, found.open


@pytest.mark.parametrize("bits", [3, 9])
@given(touches=touches_of_some | long_journeys, buyers=st.lists(st.integers(0, 3), max_size=3), include=st.booleans())
@settings(max_examples=25)
def test_sorting_and_grouping_agree(
    bits: int, touches: list[tuple[int, int, int]], buyers: list[int], include: bool
) -> None:
    window, packing = Window(LOOKBACK, UNTIL), Packing(bits)
    with loaded(touches, buyers) as connection:
        expected = told(by_grouping(connection, window, packing, include_open=include), packing)
        for at_once in (1, 7, 1000):
            by_parts = by_sorting(
                connection, window, packing, first_us=-20, include_open=include, touches_at_once=at_once
            )
            assert told(by_parts, packing) == expected


def test_times_too_far_apart_for_one_number_go_the_portable_way() -> None:
    with loaded([(1, -(1 << 61), 1), (1, 1 << 61, 2), (2, 5, 3)], []) as connection:
        found = other_journeys(connection, Window(LOOKBACK, 1 << 61), Packing.of(CHANNELS), include_open=True)
        assert told(found, Packing.of(CHANNELS)) == ({(3,): 1, (1, 2): 1}, 2, 1)
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        assert journey_sql.OTHER_PATH in tables
