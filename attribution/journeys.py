"""Journeys from touchpoints and orders in the engine to distinct paths.

A touch belongs to the customer's next conversion at or after it, if that came within the lookback. Touches whose next
conversion came later than that form, per customer and conversion, one journey that did not convert; so do the touches
after a customer's last conversion, and all touches of a customer without one. A journey without conversion is *open*
when its last touch lies within the lookback of the end of the data: it may still convert. It is counted apart and left
out of the paths unless asked for.

Conversions of one customer at one instant are one outcome of one journey, with their number and the sum of their
values. Touches at one instant are put into the order of channel names. Touches and conversions after the end of the
data are left out and counted.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attribution import decay_sql, journey_sql, ragged
from attribution.journey_sql import SHARE_BITS, WORDS, Packing, Window
from attribution.paths import JourneyCounts, Paths, TimeDecay
from attribution.ragged import Codes, Floats, Integers
from customer_data.errors import ConfigurationError, InputError
from customer_data.money import SCALE

if TYPE_CHECKING:
    import duckdb
    from scipy.sparse import csr_array

DAY_US = 86_400_000_000
LONGEST_DAYS = 100_000

Columns = dict[str, NDArray[Any]]


def build_paths(
    connection: "duckdb.DuckDBPyConnection",
    *,
    lookback_days: float = 30.0,
    until_us: int | None = None,
    half_life_days: float = 7.0,
    include_open: bool = False,
) -> Paths:
    """Build the distinct paths of the touchpoints and orders that are loaded into the engine.

    Parameters
    ----------
    connection
        Holds the tables ``channels``, ``touchpoints`` and ``orders``.
    lookback_days
        How long before a conversion a touch may be to share in it: days, fractions allowed; 0 takes only touches at
        the very moment of the conversion.
    until_us
        Last moment of the data in microseconds since 1970 UTC; by default that of the latest touch or order.
    half_life_days
        Half-life of credit by time decay.
    include_open
        Whether journeys that may still convert count as not converted.

    Returns
    -------
    Paths whose ``counts`` say what became of every touch and conversion, with ``time_decay``, ``lag_conversions`` and
    ``shared``. Channels are all of the table ``channels``, also those without touches.

    Raises
    ------
    ConfigurationError
        When the lookback is negative or not finite, or the half-life is not above 0.
    InputError
        When ``touchpoints``, ``orders`` or ``channels`` is not loaded.
    """
    _check_days(lookback_days, half_life_days)
    _check_tables(connection)
    channels = [str(name) for (name,) in connection.execute("SELECT channel FROM channels ORDER BY code").fetchall()]
    packing = Packing.of(len(channels))
    window = Window(round(lookback_days * DAY_US), _last_moment(connection) if until_us is None else until_us)
    _drop_tables(connection)
    try:
        connection.execute(journey_sql.conversion_moments(window))
        connection.execute(journey_sql.converter_touches(window))
        connection.execute(journey_sql.converter_journeys(window, packing))
        connection.execute(journey_sql.paths(window, packing, include_open=include_open))
        connection.execute(journey_sql.journey_paths(include_open=include_open))
        return _leave_the_engine(connection, channels, window, packing, round(half_life_days * DAY_US))
    finally:
        _drop_tables(connection)


def _check_days(lookback_days: float, half_life_days: float) -> None:
    problems = []
    if not (math.isfinite(lookback_days) and 0 <= lookback_days <= LONGEST_DAYS):
        problems.append(f"lookback_days: {lookback_days!r} is not a number of days from 0 to {LONGEST_DAYS:,}.")
    if not (math.isfinite(half_life_days) and 1 / DAY_US <= half_life_days <= LONGEST_DAYS):
        problems.append(f"half_life_days: {half_life_days!r} is not a number of days above 0, to {LONGEST_DAYS:,}.")
    if problems:
        raise ConfigurationError("\n".join(problems))


def _check_tables(connection: "duckdb.DuckDBPyConnection") -> None:
    rows = connection.execute("SELECT DISTINCT table_name FROM information_schema.tables").fetchall()
    loaded = {name for (name,) in rows}
    missing = [name for name in ("channels", "touchpoints", "orders") if name not in loaded]
    if missing:
        raise InputError([f"journeys: there is no table {name!r} in the engine. Load it first." for name in missing])


def _last_moment(connection: "duckdb.DuckDBPyConnection") -> int:
    (last,) = _row(
        connection,
        "SELECT greatest((SELECT max(time_us) FROM touchpoints), (SELECT max(time_us) FROM orders))",
    )
    return int(last or 0)


def _drop_tables(connection: "duckdb.DuckDBPyConnection") -> None:
    for table in journey_sql.TABLES:
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def _row(connection: "duckdb.DuckDBPyConnection", statement: str) -> tuple[Any, ...]:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row


def _columns(connection: "duckdb.DuckDBPyConnection", statement: str) -> Columns:
    return {name: np.asarray(column) for name, column in connection.execute(statement).fetchnumpy().items()}


def _leave_the_engine(
    connection: "duckdb.DuckDBPyConnection",
    channels: list[str],
    window: Window,
    packing: Packing,
    half_life_us: int,
) -> Paths:
    cells = _columns(
        connection,
        f"SELECT path_id, {journey_sql.WORD_COLUMNS}, touches, conversions, value::DOUBLE AS value, "
        f"value_squares::DOUBLE AS value_squares, converted, nulls, open, others FROM {journey_sql.PATH}",
    )
    codes = unpacked(cells, _columns(connection, journey_sql.tails()), packing)
    lengths = cells["touches"].astype(np.int64)
    kept = np.flatnonzero(lengths > 0)
    codes, kept_lengths = ragged.take(codes, lengths, kept), lengths[kept]
    group, order = ragged.canonical_groups(codes, kept_lengths, len(channels))
    codes, chosen = ragged.take(codes, kept_lengths, order), kept[order]
    rank = np.full(len(lengths), -1, dtype=np.int64)
    rank[cells["path_id"][kept]] = group
    starts = ragged.offsets(lengths[chosen])
    conversions = cells["conversions"][chosen].astype(float)
    value = cells["value"][chosen] / SCALE
    return Paths(
        channels=tuple(channels),
        codes=codes,
        lengths=lengths[chosen],
        conversions=conversions,
        value=value,
        nulls=cells["nulls"][chosen].astype(float),
        value_squares=cells["value_squares"][chosen] / SCALE**2,
        counts=_counts(connection, cells, window),
        lag_conversions=_lags(connection),
        time_decay=_decay(connection, half_life_us, rank, starts, conversions, value, len(channels)),
        shared=_shared(connection, rank, len(chosen)),
    )


def unpacked(cells: Columns, tails: Columns, packing: Packing) -> Codes:
    """Channel codes from 0 on, laid end to end in the order of ``cells``, out of words and tails."""
    touches = cells["touches"].astype(np.int64)
    starts = ragged.offsets(touches)
    codes = np.zeros(starts[-1], dtype=np.int32)
    mask = (1 << packing.bits) - 1
    for number in range(WORDS):
        first = number * packing.per_word
        held = np.clip(touches - first, 0, packing.per_word)
        position = ragged.positions(held)
        row = np.repeat(np.arange(len(touches)), held)
        codes[starts[row] + first + position] = (cells[f"word{number}"][row] >> (packing.bits * position)) & mask
    row_of = np.empty(len(touches), dtype=np.int64)
    row_of[cells["path_id"]] = np.arange(len(touches))
    codes[starts[row_of[tails["path_id"]]] + packing.packed + tails["place"] - 1] = tails["channel_code"]
    return codes - np.int32(1)


def _counts(connection: "duckdb.DuckDBPyConnection", cells: Columns, window: Window) -> JourneyCounts:
    conversions, value, unattributed, unattributed_value = _row(connection, journey_sql.unattributed())
    outside, after_last = _row(connection, journey_sql.touches_without_credit())
    (converters,) = _row(connection, journey_sql.customers_with_conversions())
    touches, touches_after, conversions_after = _row(connection, journey_sql.before_and_after_the_end(window))
    journeys = {kind: int(cells[kind].sum()) for kind in ("converted", "nulls", "open", "others")}
    open_and_counted = int(cells["open"][cells["touches"] > 0].sum())
    return JourneyCounts(
        customers=converters + journeys["others"],
        converted=journeys["converted"],
        not_converted=journeys["nulls"] - open_and_counted,
        open=journeys["open"],
        conversions=conversions,
        value=value / SCALE,
        unattributed_conversions=unattributed,
        unattributed_value=unattributed_value / SCALE,
        touches=touches,
        touches_outside_lookback=outside,
        touches_after_last_conversion=after_last,
        touches_after_end=touches_after,
        conversions_after_end=conversions_after,
    )


def _lags(connection: "duckdb.DuckDBPyConnection") -> Floats:
    lags = _columns(connection, journey_sql.time_lags(DAY_US))
    return np.bincount(lags["days"], weights=lags["conversions"]).astype(float)


def _decay(
    connection: "duckdb.DuckDBPyConnection",
    half_life_us: int,
    rank: Integers,
    starts: Integers,
    conversions: Floats,
    value: Floats,
    channels: int,
) -> TimeDecay:
    """Time decay with shares scaled so that each path's credit sums to its conversions and to its value."""
    sums = _columns(connection, decay_sql.decay_by_position(half_life_us))
    place = starts[rank[sums["path_id"]]] + sums["position"] - 1
    lengths = np.diff(starts)
    by_position = []
    for ours, total in (("conversions", conversions), ("value", value)):
        credited = np.zeros(starts[-1])
        credited[place] = sums[ours]
        summed = np.bincount(np.repeat(np.arange(len(lengths)), lengths), weights=credited, minlength=len(lengths))
        scale = np.divide(total, summed, out=np.zeros_like(total), where=summed > 0)
        by_position.append(credited * np.repeat(scale, lengths))
    pairs = _columns(connection, decay_sql.decay_products(half_life_us))
    products = []
    for ours, unit in (
        ("conversions", 2.0 ** (2 * SHARE_BITS)),
        ("value", SCALE**2),
        ("mixed", SCALE * 2.0**SHARE_BITS),
    ):
        product = np.zeros((channels, channels))
        product[pairs["one"] - 1, pairs["other"] - 1] = pairs[ours] / unit
        products.append(product)
    return TimeDecay(half_life_us / DAY_US, *by_position, *products)


def _shared(connection: "duckdb.DuckDBPyConnection", rank: Integers, paths: int) -> "csr_array":
    from scipy.sparse import csr_array

    pairs = _columns(connection, decay_sql.shared_cells())
    money = np.array([1.0, 1.0, SCALE])
    amount = pairs["amount"] / (money[pairs["kind"]] * money[pairs["other_kind"]])
    one = pairs["kind"] * np.int64(paths) + rank[pairs["path_id"]]
    other = pairs["other_kind"] * np.int64(paths) + rank[pairs["other_path_id"]]
    return csr_array((amount, (one, other)), shape=(3 * paths, 3 * paths))
