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
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution import decay_sql, journey_sql
from attribution.decay_sql import SHARE_BITS
from attribution.journey_sql import CONVERTER_PATH, JOURNEY_PATH, Window
from attribution.other_journeys import OtherJourneys, columns, other_journeys
from attribution.packing import Packed, Packing, distinct_paths, packed_with_tails
from attribution.paths import JourneyCounts, Paths, TimeDecay
from attribution.ragged import Floats, Integers
from customer_data.errors import ConfigurationError, InputError
from customer_data.money import SCALE

if TYPE_CHECKING:
    import duckdb
    from scipy.sparse import csr_array

DAY_US = 86_400_000_000
LONGEST_DAYS = 100_000


def build_paths(
    connection: "duckdb.DuckDBPyConnection",
    *,
    lookback_days: float = 30.0,
    until_us: int | None = None,
    half_life_days: float | None = 7.0,
    include_open: bool = False,
    touchpoints: str = "touchpoints",
    orders: str = "orders",
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
        Half-life of credit by time decay; None where that is not wanted, which takes less time.
    include_open
        Whether journeys that may still convert count as not converted.
    touchpoints, orders
        Names of the tables or views to build them from, with the columns of those loaded: some of the touches, say, or
        conversions of one type.

    Returns
    -------
    Paths whose ``counts`` say what became of every touch and conversion, with ``time_decay``, ``lag_conversions`` and
    ``shared``. Channels are all of the table ``channels``, also those without touches.

    Raises
    ------
    ConfigurationError
        When the lookback is negative or not finite, or the half-life is not above 0.
    InputError
        When ``channels`` or one of the two relations is not there.
    """
    _check_days(lookback_days, half_life_days)
    _check_tables(connection, ("channels", touchpoints, orders))
    ends_us = last_moment(connection, touchpoints, orders) if until_us is None else until_us
    window = Window(round(lookback_days * DAY_US), ends_us, touchpoints, orders)
    return _built(connection, window, half_life_days=half_life_days, include_open=include_open)[0]


def build_keeping(
    connection: "duckdb.DuckDBPyConnection",
    table: str,
    *,
    lookback_days: float,
    until_us: int,
    half_life_days: float | None,
    include_open: bool,
    touchpoints: str,
    orders: str,
) -> tuple[Paths, Integers]:
    """The same, leaving in ``table`` the journeys of customers with conversions, for what else is asked of them.

    Its columns are customer_id, path_id, and conversions and value of the journey (0 where it did not convert; value in
    1/10,000 of the currency). Also returned is for each ``path_id`` the number of the path.
    """
    _check_days(lookback_days, half_life_days)
    _check_tables(connection, ("channels", touchpoints, orders))
    window = Window(round(lookback_days * DAY_US), until_us, touchpoints, orders)
    return _built(connection, window, half_life_days=half_life_days, include_open=include_open, table=table)


def _built(
    connection: "duckdb.DuckDBPyConnection",
    window: Window,
    *,
    half_life_days: float | None,
    include_open: bool,
    table: str | None = None,
) -> tuple[Paths, Integers]:
    """Distinct paths, and for each ``path_id`` of customers with conversions the number of its path."""
    channels = [str(name) for (name,) in connection.execute("SELECT channel FROM channels ORDER BY code").fetchall()]
    packing = Packing.of(len(channels))
    _drop_tables(connection)
    try:
        connection.execute(journey_sql.conversion_moments(window))
        connection.execute(journey_sql.converter_touches(window))
        connection.execute(journey_sql.converter_journeys(window, packing))
        connection.execute(journey_sql.converter_paths(include_open=include_open))
        connection.execute(journey_sql.journey_paths(include_open=include_open))
        others = other_journeys(connection, window, packing, include_open=include_open)
        counts = _counts(connection, others, window, include_open=include_open)
        half_life_us = None if half_life_days is None else round(half_life_days * DAY_US)
        found = _leave_the_engine(connection, channels, others, counts, packing, half_life_us)
        if table is not None:
            connection.execute(journey_sql.kept_journeys(table))
        return found
    finally:
        _drop_tables(connection)


def _check_days(lookback_days: float, half_life_days: float | None) -> None:
    problems = []
    if not (math.isfinite(lookback_days) and 0 <= lookback_days <= LONGEST_DAYS):
        problems.append(f"lookback_days: {lookback_days!r} is not a number of days from 0 to {LONGEST_DAYS:,}.")
    if half_life_days is not None and not (
        math.isfinite(half_life_days) and 1 / DAY_US <= half_life_days <= LONGEST_DAYS
    ):
        problems.append(f"half_life_days: {half_life_days!r} is not a number of days above 0, to {LONGEST_DAYS:,}.")
    if problems:
        raise ConfigurationError("\n".join(problems))


def _check_tables(connection: "duckdb.DuckDBPyConnection", needed: tuple[str, ...]) -> None:
    rows = connection.execute("SELECT DISTINCT table_name FROM information_schema.tables").fetchall()
    loaded = {name for (name,) in rows}
    missing = [name for name in needed if name not in loaded]
    if missing:
        raise InputError([f"journeys: there is no table {name!r} in the engine. Load it first." for name in missing])


def last_moment(connection: "duckdb.DuckDBPyConnection", touchpoints: str, orders: str) -> int:
    """Microsecond of the latest touch or order; 0 when there are none."""
    (last,) = _row(
        connection,
        f"SELECT greatest((SELECT max(time_us) FROM {touchpoints}), (SELECT max(time_us) FROM {orders}))",
    )
    return int(last or 0)


def _drop_tables(connection: "duckdb.DuckDBPyConnection") -> None:
    for table in journey_sql.TABLES:
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def _row(connection: "duckdb.DuckDBPyConnection", statement: str) -> tuple[Any, ...]:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row


def _leave_the_engine(
    connection: "duckdb.DuckDBPyConnection",
    channels: list[str],
    others: OtherJourneys,
    counts: JourneyCounts,
    packing: Packing,
    half_life_us: int | None,
) -> tuple[Paths, Integers]:
    """Merge the paths of customers with and without conversions and put them into canonical order."""
    converters = columns(
        connection,
        "SELECT word, conversions, value::DOUBLE AS value, value_squares::DOUBLE AS value_squares, nulls "
        f"FROM {CONVERTER_PATH} ORDER BY path_id",
    )
    tails = columns(connection, f"SELECT path_id, tail FROM {CONVERTER_PATH} WHERE tail IS NOT NULL ORDER BY path_id")
    of_conversions = packed_with_tails(converters["word"], tails["path_id"], tails["tail"], packing)
    group, codes, lengths = distinct_paths(Packed.joined([of_conversions, others.packed]), packing)
    rank, of_others = group[: len(converters["word"])], group[len(converters["word"]) :]

    def of_converters(name: str) -> Floats:
        return np.bincount(rank, weights=converters[name], minlength=len(lengths)).astype(float)

    paths = Paths(
        channels=tuple(channels),
        codes=codes,
        lengths=lengths,
        conversions=of_converters("conversions"),
        value=of_converters("value") / SCALE,
        nulls=of_converters("nulls") + np.bincount(of_others, others.journeys, minlength=len(lengths)),
        value_squares=of_converters("value_squares") / SCALE**2,
        counts=counts,
        lag_conversions=_lags(connection),
    )
    known = replace(
        paths,
        time_decay=None if half_life_us is None else _decay(connection, paths, rank, half_life_us),
        shared=shared_cells(connection, JOURNEY_PATH, rank, len(paths)),
    )
    return known, rank


def _counts(
    connection: "duckdb.DuckDBPyConnection", others: OtherJourneys, window: Window, *, include_open: bool
) -> JourneyCounts:
    conversions, value, unattributed, unattributed_value = _row(connection, journey_sql.unattributed())
    outside, after_last = _row(connection, journey_sql.touches_without_credit())
    (converters,) = _row(connection, journey_sql.customers_with_conversions())
    (open_of_converters,) = _row(connection, journey_sql.open_converter_journeys())
    touches, touches_after, conversions_after = _row(connection, journey_sql.before_and_after_the_end(window))
    converted, nulls_of_converters = _row(
        connection, f"SELECT coalesce(sum(converted), 0)::BIGINT, coalesce(sum(nulls), 0)::BIGINT FROM {CONVERTER_PATH}"
    )
    return JourneyCounts(
        customers=converters + others.customers,
        converted=converted,
        not_converted=others.customers
        - others.open
        + nulls_of_converters
        - (open_of_converters if include_open else 0),
        open=others.open + open_of_converters,
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
    lags = columns(connection, journey_sql.time_lags(DAY_US))
    return np.bincount(lags["days"], weights=lags["conversions"]).astype(float)


def _decay(connection: "duckdb.DuckDBPyConnection", paths: Paths, rank: Integers, half_life_us: int) -> TimeDecay:
    """Time decay with shares scaled so that each path's credit sums to its conversions and to its value."""
    connection.execute(decay_sql.touch_shares(half_life_us))
    sums = columns(connection, decay_sql.decay_by_touch())
    path = rank[sums["path_id"]]
    place = paths.starts[path + 1] - sums["back"]
    by_touch = []
    for ours, total in (("conversions", paths.conversions), ("value", paths.value)):
        summed = np.bincount(path, weights=sums[ours], minlength=len(paths))
        scale = np.divide(total, summed, out=np.zeros_like(total), where=summed > 0)
        credited = np.zeros(len(paths.codes))
        credited[place] = sums[ours] * scale[path]
        by_touch.append(credited)
    pairs = columns(connection, decay_sql.decay_products())
    products = []
    for ours, unit in (
        ("conversions", 2.0 ** (2 * SHARE_BITS)),
        ("value", SCALE**2),
        ("mixed", SCALE * 2.0**SHARE_BITS),
    ):
        product = np.zeros((len(paths.channels), len(paths.channels)))
        product[pairs["one"] - 1, pairs["other"] - 1] = pairs[ours] / unit
        products.append(product)
    return TimeDecay(half_life_us / DAY_US, *by_touch, *products)


def shared_cells(connection: "duckdb.DuckDBPyConnection", journeys: str, rank: Integers, paths: int) -> "csr_array":
    """``Paths.shared`` from a table of journeys, with for each of its ``path_id`` the number of the path."""
    from scipy.sparse import csr_array

    pairs = columns(connection, decay_sql.shared_cells(journeys))
    money = np.array([1.0, 1.0, SCALE])
    amount = pairs["amount"] / (money[pairs["kind"]] * money[pairs["other_kind"]])
    one = pairs["kind"] * np.int64(paths) + rank[pairs["path_id"]]
    other = pairs["other_kind"] * np.int64(paths) + rank[pairs["other_path_id"]]
    return csr_array((amount, (one, other)), shape=(3 * paths, 3 * paths))
