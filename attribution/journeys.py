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
from attribution.arguments import checked
from attribution.converter_journeys import ConverterJourneys, converter_journeys
from attribution.customer_events import columns, keys_of
from attribution.decay_sql import SHARE_BITS
from attribution.journey_sql import CONVERTER_JOURNEY, Window
from attribution.other_journeys import OtherJourneys, other_journeys
from attribution.packing import Packed, Packing, distinct_paths
from attribution.paths import JourneyCounts, Paths, TimeDecay
from attribution.ragged import Floats
from customer_data.errors import ConfigurationError, InputError
from customer_data.money import SCALE

if TYPE_CHECKING:
    import duckdb
    from scipy.sparse import csr_array

DAY_US = 86_400_000_000
LONGEST_DAYS = 100_000


@checked
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
    return _built(connection, window, half_life_days=half_life_days, include_open=include_open)


def build_keeping(
    connection: "duckdb.DuckDBPyConnection",
    table: str,
    window: Window,
    *,
    half_life_days: float | None,
    include_open: bool,
) -> Paths:
    """The same, leaving in ``table`` the journeys of customers with conversions, for what else is asked of them.

    Its columns are customer_id, path_id (the number of the path), and conversions and value of the journey (0 where it
    did not convert; value in 1/10,000 of the currency).
    """
    _check_days(window.lookback_us / DAY_US, half_life_days)
    _check_tables(connection, ("channels", window.touchpoints, window.orders))
    return _built(connection, window, half_life_days=half_life_days, include_open=include_open, table=table)


def _built(
    connection: "duckdb.DuckDBPyConnection",
    window: Window,
    *,
    half_life_days: float | None,
    include_open: bool,
    table: str | None = None,
) -> Paths:
    channels = [str(name) for (name,) in connection.execute("SELECT channel FROM channels ORDER BY code").fetchall()]
    packing = Packing.of(len(channels))
    _drop_tables(connection)
    try:
        connection.execute(journey_sql.conversion_moments(window))
        keys = keys_of(connection, window)
        others, events = other_journeys(connection, window, packing, keys=keys, include_open=include_open)
        converters = converter_journeys(connection, events, window, keys=keys, include_open=include_open)
        del events
        counts = _counts(connection, converters, others, window)
        half_life_us = None if half_life_days is None else round(half_life_days * DAY_US)
        paths = _merged(connection, channels, converters, others, counts, packing, half_life_us)
        if table is not None:
            connection.execute(journey_sql.kept_journeys(table, keys))
        return paths
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
    for view in journey_sql.VIEWS:
        connection.unregister(view)


def _row(connection: "duckdb.DuckDBPyConnection", statement: str) -> tuple[Any, ...]:
    (row,) = connection.execute(statement).fetchall()
    found: tuple[Any, ...] = row
    return found


def _merged(
    connection: "duckdb.DuckDBPyConnection",
    channels: list[str],
    converters: ConverterJourneys,
    others: OtherJourneys,
    counts: JourneyCounts,
    packing: Packing,
    half_life_us: int | None,
) -> Paths:
    """Merge the paths of customers with and without conversions and put them into canonical order."""
    group, codes, lengths = distinct_paths(Packed.joined([converters.packed(packing), others.packed]), packing)
    of_converters, of_others = np.split(group, [len(converters.lengths)])
    converters.register(connection, of_converters)
    sums = columns(connection, journey_sql.outcomes_by_path())

    def by_path(name: str) -> Floats:
        return np.bincount(sums["path_id"], weights=sums[name], minlength=len(lengths)).astype(float)

    paths = Paths(
        channels=tuple(channels),
        codes=codes,
        lengths=lengths,
        conversions=by_path("conversions"),
        value=by_path("value") / SCALE,
        nulls=by_path("nulls") + np.bincount(of_others, others.journeys, minlength=len(lengths)),
        value_squares=by_path("value_squares") / SCALE**2,
        counts=counts,
        lag_conversions=converters.lags(DAY_US),
    )
    return replace(
        paths,
        time_decay=None if half_life_us is None else _decay(connection, paths, half_life_us),
        shared=shared_cells(connection, CONVERTER_JOURNEY, len(paths)),
    )


def _counts(
    connection: "duckdb.DuckDBPyConnection", converters: ConverterJourneys, others: OtherJourneys, window: Window
) -> JourneyCounts:
    moments = converters.moments
    (conversions, value), (unattributed, unattributed_value) = moments.sums(), moments.sums(~moments.attributed)
    touches, touches_after, conversions_after = _row(connection, journey_sql.before_and_after_the_end(window))
    converted = int((converters.conversions > 0).sum())
    return JourneyCounts(
        customers=converters.customers + others.customers,
        converted=converted,
        not_converted=others.customers - others.open + converters.not_converted,
        open=others.open + converters.open,
        conversions=conversions,
        value=value / SCALE,
        unattributed_conversions=unattributed,
        unattributed_value=unattributed_value / SCALE,
        touches=touches,
        touches_outside_lookback=converters.outside,
        touches_after_last_conversion=converters.after_last,
        touches_after_end=touches_after,
        conversions_after_end=conversions_after,
    )


def _decay(connection: "duckdb.DuckDBPyConnection", paths: Paths, half_life_us: int) -> TimeDecay:
    """Time decay with shares scaled so that each path's credit sums to its conversions and to its value."""
    connection.execute(decay_sql.touch_shares(half_life_us))
    sums = columns(connection, decay_sql.decay_by_touch())
    path = sums["path_id"]
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


def shared_cells(connection: "duckdb.DuckDBPyConnection", journeys: str, paths: int) -> "csr_array":
    """``Paths.shared`` of so many paths from a table of journeys as :func:`build_keeping` leaves."""
    from scipy.sparse import csr_array

    pairs = columns(connection, decay_sql.shared_cells(journeys))
    money = np.array([1.0, 1.0, SCALE])
    amount = pairs["amount"] / (money[pairs["kind"]] * money[pairs["other_kind"]])
    one = pairs["kind"] * np.int64(paths) + pairs["path_id"]
    other = pairs["other_kind"] * np.int64(paths) + pairs["other_path_id"]
    return csr_array((amount, (one, other)), shape=(3 * paths, 3 * paths))
