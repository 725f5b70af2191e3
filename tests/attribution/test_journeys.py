"""Journeys against journeys in plain Python, by hand at the edges, and the same in every order and thread."""

from collections.abc import Iterator
from dataclasses import asdict

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribution
from attribution.decay_sql import decay_by_touch
from attribution.journey_sql import TOUCH_SHARE
from attribution.paths import JourneyCounts, Paths
from customer_data.engine import Engine
from customer_data.errors import ConfigurationError, InputError
from tests.attribution.plain_journeys import DAY_US, Order, PlainJourneys, Touch, plain_journeys

UNITS = 10_000
NAMES = [f"c{code:04d}" for code in range(1, 701)]


def loaded(
    connection: duckdb.DuckDBPyConnection, touches: list[Touch], orders: list[Order], *, channels: int = 4
) -> duckdb.DuckDBPyConnection:
    connection.execute("CREATE OR REPLACE TABLE channels (code INTEGER, channel VARCHAR)")
    connection.executemany("INSERT INTO channels VALUES (?, ?)", list(enumerate(NAMES[:channels], start=1)))
    connection.execute("CREATE OR REPLACE TABLE touchpoints (customer_id BIGINT, time_us BIGINT, channel_code INTEGER)")
    connection.execute("CREATE OR REPLACE TABLE orders (customer_id BIGINT, time_us BIGINT, value BIGINT)")
    for table, rows in (("touchpoints", touches), ("orders", orders)):
        if rows:
            connection.execute(f"INSERT INTO {table} VALUES {', '.join(map(str, rows))}")
    return connection


def cells(paths: Paths, amounts: np.ndarray) -> dict[tuple[int, ...], float]:
    found = {}
    for row in np.flatnonzero(amounts):
        codes = paths.codes[paths.starts[row] : paths.starts[row + 1]]
        found[tuple((codes + 1).tolist())] = float(amounts[row])
    return found


def in_currency(counted: dict[tuple[int, ...], int], unit: float = UNITS) -> dict[tuple[int, ...], float]:
    return {path: amount / unit for path, amount in counted.items() if amount}


def shared_by_hand(plain: PlainJourneys, paths: Paths) -> np.ndarray:
    """The sum of z z' over customers less what single journeys of single conversions would give."""
    rows = {tuple((paths.codes[paths.starts[r] : paths.starts[r + 1]] + 1).tolist()): r for r in range(len(paths))}
    number = {"conversion": 0, "null": 1, "value": 2}
    size = len(paths)
    summed = np.zeros((3 * size, 3 * size))
    for customer in plain.customers.values():
        z = np.zeros(3 * size)
        for (kind, path), amount in customer.items():
            z[number[kind] * size + rows[path]] += amount / (UNITS if kind == "value" else 1)
        summed += np.outer(z, z)
    one, other = np.arange(size), 2 * size + np.arange(size)
    summed[one, one] -= paths.conversions
    summed[one + size, one + size] -= paths.nulls
    summed[one, other] -= paths.value
    summed[other, one] -= paths.value
    assert paths.value_squares is not None
    summed[other, other] -= paths.value_squares
    return summed


def assert_equal(paths: Paths, plain: PlainJourneys) -> None:
    assert cells(paths, paths.conversions) == plain.conversions
    assert cells(paths, paths.nulls) == plain.nulls
    assert cells(paths, paths.value) == in_currency(plain.value)
    assert paths.value_squares is not None
    assert cells(paths, paths.value_squares) == pytest.approx(in_currency(plain.value_squares, UNITS**2), rel=1e-14)
    assert len(paths) == len(set(plain.conversions) | set(plain.nulls))
    assert isinstance(paths.counts, JourneyCounts)
    expected = plain.counts
    assert asdict(paths.counts) == {
        **{name: expected[name] for name in asdict(paths.counts)},
        "not_converted": plain.nulls.total(),
        "open": plain.open.total(),
        "value": expected["value"] / UNITS,
        "unattributed_value": expected["unattributed_value"] / UNITS,
    }
    assert paths.lag_conversions is not None
    assert {day: n for day, n in enumerate(paths.lag_conversions) if n} == plain.lags
    assert paths.shared is not None
    np.testing.assert_allclose(paths.shared.toarray(), shared_by_hand(plain, paths), rtol=1e-9, atol=1e-7)
    assert_decay_equal(paths, plain)


def assert_decay_equal(paths: Paths, plain: PlainJourneys) -> None:
    assert paths.time_decay is not None
    table = attribution.attribute(paths, models=["time_decay"], confidence=None)
    for measure, kind, unit in (("conversions", "n", 1), ("value", "v", UNITS)):
        expected = [plain.decay[kind].get(code, 0) / unit for code in range(1, len(paths.channels) + 1)]
        np.testing.assert_allclose(table[measure], expected, rtol=1e-6, atol=1e-7)
        assert table[measure].sum() == pytest.approx(getattr(paths, measure).sum(), rel=1e-13)
    products = np.zeros((3, len(paths.channels), len(paths.channels)))
    for earned in plain.earned.values():
        n, v = (np.array([earned.get((k, c), 0.0) for c in range(1, len(paths.channels) + 1)]) for k in ("n", "v"))
        products += np.stack([np.outer(n, n), np.outer(v, v) / UNITS**2, np.outer(n, v) / UNITS])
    decay = paths.time_decay
    ours = np.stack([decay.conversion_products, decay.value_products, decay.mixed_products])
    np.testing.assert_allclose(ours, products, rtol=1e-6, atol=1e-2)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = Engine(threads=2).connect()
    yield connection
    connection.close()


# Moments in half days on a short line, so that ties, several conversions at one instant and edges of windows happen.
moments = st.integers(0, 24).map(lambda half_days: half_days * DAY_US // 2)
customers = st.integers(1, 5)
many_touches = st.lists(st.tuples(customers, moments, st.integers(1, 4)), max_size=60)
many_orders = st.lists(st.tuples(customers, moments, st.integers(0, 50).map(lambda v: v * 2_500)), max_size=10)


@given(
    touches=many_touches,
    orders=many_orders,
    lookback=st.sampled_from([0, 0.5, 1, 3.25, 30]),
    until=st.none() | moments,
    half_life=st.sampled_from([0.25, 7]),
)
@settings(max_examples=40)
def test_journeys_equal_plain_python(
    engine: duckdb.DuckDBPyConnection,
    touches: list[Touch],
    orders: list[Order],
    lookback: float,
    until: int | None,
    half_life: float,
) -> None:
    paths = attribution.build_paths(
        loaded(engine, touches, orders), lookback_days=lookback, until_us=until, half_life_days=half_life
    )
    plain = plain_journeys(
        touches,
        orders,
        lookback_us=round(lookback * DAY_US),
        until_us=until,
        half_life_us=round(half_life * DAY_US),
    )
    assert_equal(paths, plain)


@pytest.mark.parametrize("channels", [1, 4, 12, 700])
def test_long_journeys_keep_every_touch_at_any_number_of_channels(
    engine: duckdb.DuckDBPyConnection, channels: int
) -> None:
    # Journeys of 1 to 400 touches, two for each length: paths that differ in their last touch only must stay apart.
    random = np.random.default_rng(7)
    touches: list[Touch] = []
    for length in [1, 2, 5, 14, 15, 16, 44, 45, 46, 63, 64, 189, 190, 400]:
        codes = random.integers(1, channels + 1, length).tolist()
        for last in (1, channels):
            customer = len({touch[0] for touch in touches})
            touches += [(customer, hour * 3_600_000_000, code) for hour, code in enumerate([*codes[:-1], last])]
    buyers = range(0, len({touch[0] for touch in touches}), 3)
    orders = [(customer, 400 * 3_600_000_000, 10_000 * (customer + 1)) for customer in buyers]
    paths = attribution.build_paths(loaded(engine, touches, orders, channels=channels), lookback_days=20)
    plain = plain_journeys(touches, orders, lookback_us=20 * DAY_US, until_us=None, half_life_us=7 * DAY_US)
    assert plain.open.total() > 0
    assert_equal(paths, plain)
    everything = attribution.build_paths(engine, lookback_days=20, include_open=True)
    assert len(everything) == len(set(plain.conversions) | set(plain.nulls) | set(plain.open))
    assert everything.nulls.sum() == plain.nulls.total() + plain.open.total()


def many(seed: int) -> tuple[list[Touch], list[Order]]:
    random = np.random.default_rng(seed)
    touches = np.column_stack(
        [random.integers(0, 200, 1500), random.integers(0, 60, 1500) * DAY_US // 2, random.integers(1, 5, 1500)]
    )
    orders = np.column_stack(
        [random.integers(0, 200, 150), random.integers(0, 60, 150) * DAY_US // 2, random.integers(1, 10**7, 150)]
    )
    return [tuple(row) for row in touches.tolist()], [tuple(row) for row in orders.tolist()]


def everything_in(paths: Paths) -> list[bytes]:
    assert paths.time_decay is not None
    assert paths.shared is not None
    arrays = [paths.codes, paths.lengths, paths.conversions, paths.value, paths.nulls, paths.value_squares]
    arrays += [value for value in vars(paths.time_decay).values() if isinstance(value, np.ndarray)]
    arrays += [paths.shared.toarray(), paths.lag_conversions]
    return [array.tobytes() for array in arrays if array is not None]


def test_the_answer_does_not_depend_on_threads_or_on_the_order_of_rows() -> None:
    touches, orders = many(3)
    shuffled = np.random.default_rng(0)
    seen = []
    for threads in (1, 2, 2):
        connection = Engine(threads=threads).connect()
        rows = [touches[i] for i in shuffled.permutation(len(touches))]
        seen.append(everything_in(attribution.build_paths(loaded(connection, rows, orders[::-1]))))
        connection.close()
    assert seen[0] == seen[1] == seen[2]


def test_shares_leave_the_engine_in_one_order_as_floats_are_summed_in_it(engine: duckdb.DuckDBPyConnection) -> None:
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE {TOUCH_SHARE} AS SELECT range % 50 AS path_id, range * 7 % 41 AS back, "
        "1 AS share, 1 AS conversions, 1 AS value FROM range(10000)"
    )
    backs = engine.execute(decay_by_touch()).fetchnumpy()["back"]
    engine.execute(f"DROP TABLE {TOUCH_SHARE}")
    assert len(backs) == 50 * 41
    assert np.all(np.diff(backs) >= 0)


def test_many_customers_equal_plain_python(engine: duckdb.DuckDBPyConnection) -> None:
    touches, orders = many(4)
    paths = attribution.build_paths(loaded(engine, touches, orders), lookback_days=2.5)
    plain = plain_journeys(touches, orders, lookback_us=5 * DAY_US // 2, until_us=None, half_life_us=7 * DAY_US)
    assert_equal(paths, plain)


def test_customers_may_be_named_by_text(engine: duckdb.DuckDBPyConnection) -> None:
    touches, orders = many(5)
    numbered = attribution.build_paths(loaded(engine, touches, orders))
    for table in ("touchpoints", "orders"):
        engine.execute(f"ALTER TABLE {table} ALTER customer_id TYPE VARCHAR USING 'customer ' || customer_id")
    assert everything_in(attribution.build_paths(engine)) == everything_in(numbered)


def test_the_engine_is_left_as_it_was(engine: duckdb.DuckDBPyConnection) -> None:
    loaded(engine, [(1, 0, 1)], [(1, 5, 10_000)])
    attribution.build_paths(engine)
    tables = {name for (name,) in engine.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    assert tables == {"channels", "touchpoints", "orders"}


def test_no_touches_and_no_orders_give_no_paths(engine: duckdb.DuckDBPyConnection) -> None:
    paths = attribution.build_paths(loaded(engine, [], []))
    assert len(paths) == 0
    assert paths.channels == tuple(NAMES[:4])
    assert isinstance(paths.counts, JourneyCounts)
    assert set(asdict(paths.counts).values()) == {0}
    assert attribution.attribute(paths, models=["time_decay", "markov"])["conversions"].tolist() == [0] * 8


def test_time_lags_by_hand(engine: duckdb.DuckDBPyConnection) -> None:
    # One conversion a day and a half after the first touch, two at one instant on the touch itself.
    touches = [(1, 0, 1), (1, DAY_US, 2), (2, 5, 1)]
    orders = [(1, 3 * DAY_US // 2, 10), (2, 5, 10), (2, 5, 10)]
    lags = attribution.build_paths(loaded(engine, touches, orders)).time_lags
    assert lags is not None
    assert lags.to_dict("list") == {"days": [0, 1], "conversions": [2, 1]}


def test_time_decay_by_hand(engine: duckdb.DuckDBPyConnection) -> None:
    # Seven days are one half-life: weights 1/2 and 1, shares 1/3 and 2/3 of two conversions and of 90.
    touches = [(1, 0, 1), (1, 7 * DAY_US, 2)]
    orders = [(1, 8 * DAY_US, 40 * UNITS), (1, 8 * DAY_US, 50 * UNITS)]
    paths = attribution.build_paths(loaded(engine, touches, orders))
    credit = attribution.attribute(paths, models=["time_decay"], confidence=None)
    assert credit["conversions"].tolist() == pytest.approx([2 / 3, 4 / 3, 0, 0], abs=1e-8)
    assert credit["value"].tolist() == pytest.approx([30, 60, 0, 0], abs=1e-6)


@pytest.mark.parametrize(
    "options",
    [{"lookback_days": -1}, {"lookback_days": float("inf")}, {"lookback_days": float("nan")}, {"half_life_days": 0}],
)
def test_days_out_of_range_are_refused(engine: duckdb.DuckDBPyConnection, options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=f"{next(iter(options))}: .* is not a number of days"):
        attribution.build_paths(engine, **options)  # type: ignore[arg-type]


def test_tables_that_are_not_loaded_are_told_at_once() -> None:
    connection = Engine().connect()
    connection.execute("CREATE TABLE channels (code INTEGER, channel VARCHAR)")
    with pytest.raises(InputError) as refused:
        attribution.build_paths(connection)
    assert len(refused.value.problems) == 2
    connection.close()


def test_without_a_half_life_all_but_time_decay_is_the_same(engine: duckdb.DuckDBPyConnection) -> None:
    loaded(engine, *many(6))
    full, lighter = attribution.build_paths(engine), attribution.build_paths(engine, half_life_days=None)
    assert lighter.time_decay is None
    assert full.time_decay is not None
    assert full.names() == lighter.names()
    assert np.array_equal(full.conversions, lighter.conversions)
    assert np.array_equal(full.value, lighter.value)
