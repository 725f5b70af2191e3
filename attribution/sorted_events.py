"""Touches and orders read once in order of customers and time, and cut into journeys by numpy as often as wanted.

For questions that need counts of journeys alone, neither value nor what customers share: folds, other lookbacks, other
grains. Journeys are those of ``attribution.journeys``; a test holds both to one answer.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution import ragged
from attribution.customer_keys import customer_keys, last_of_each, type_of_customers
from attribution.journey_parts import JourneyOptions
from attribution.journeys import DAY_US
from attribution.paths import Paths
from attribution.ragged import Codes, Integers
from attribution.sessions import MINUTE_US

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, eq=False)
class Events:
    """Touches and orders by customer and time, orders after the touches of their moment; arrays of equal length.

    ``code`` is a channel's from 0 on (-1 for orders), ``fold`` whatever number was asked for with the customer.
    """

    customer: Integers
    time_us: Integers
    is_order: NDArray[np.bool_]
    code: Codes
    fold: Integers


@dataclass(frozen=True, eq=False)
class CutJourneys:
    """Journeys that count, laid end to end: their channels, lengths, number of orders (0: none) and fold."""

    codes: Codes
    lengths: Integers
    conversions: Integers
    fold: Integers

    def paths(self, channels: tuple[str, ...], fold: int | None = None) -> Paths:
        """Distinct paths with conversions and nulls, of all journeys or of one fold."""
        if fold is None:
            return self.numbered(channels)[0]
        mine = self.fold == fold
        some = CutJourneys(
            self.codes[np.repeat(mine, self.lengths)], self.lengths[mine], self.conversions[mine], self.fold[mine]
        )
        return some.numbered(channels)[0]

    def numbered(self, channels: tuple[str, ...]) -> tuple[Paths, Integers]:
        """Distinct paths of all journeys, and for each journey the number of its path."""
        group, codes, lengths = ragged.distinct_sequences(self.codes, self.lengths, len(channels))
        amounts = {"conversions": self.conversions, "nulls": self.conversions == 0}
        return Paths.from_groups(channels, codes, lengths, group, amounts, nulls_known=True), group


def channel_names(connection: "duckdb.DuckDBPyConnection") -> tuple[str, ...]:
    """Names of channels in the order of their codes."""
    return tuple(str(name) for (name,) in connection.execute("SELECT channel FROM channels ORDER BY code").fetchall())


def read_events(
    connection: "duckdb.DuckDBPyConnection", options: JourneyOptions, *, fold: str = "0", wanted: str = "true"
) -> Events:
    """Read touches and orders up to the last moment of ``options``, which must be known.

    ``fold`` is SQL of ``customer_id`` for a small number, ``wanted`` SQL of ``customer_id`` for which customers to
    read. Customers that are no integers are counted off.
    """
    assert options.until_us is not None
    keys = customer_keys(type_of_customers(connection, options.touchpoints))
    named = ", ".join(f"{key} AS key_{place}" for place, key in enumerate(keys))
    names = ", ".join(f"key_{place}" for place in range(len(keys)))
    chosen = f"{named}, time_us, CAST({fold} AS TINYINT) AS fold"
    kept = f"time_us <= {options.until_us} AND {wanted}"
    answer = connection.execute(
        f"""
        SELECT {names}, time_us, is_order, channel_code, fold
        FROM (
            SELECT {chosen}, false AS is_order, channel_code FROM {options.touchpoints} WHERE {kept}
            UNION ALL
            SELECT {chosen}, true, 0 FROM {options.orders} WHERE {kept}
        )
        ORDER BY {names}, time_us, is_order, channel_code"""
    ).fetchnumpy()
    *customer, time_us, is_order, code, folds = (np.asarray(column) for column in answer.values())
    return Events(
        customer[0] if len(customer) == 1 else _counted_off(*customer),
        time_us,
        is_order,
        code.astype(np.int32) - np.int32(1),
        folds,
    )


def _counted_off(*keys: NDArray[np.generic]) -> Integers:
    """Customers numbered from 0 on in the order in which they come; all that is of one comes together."""
    ended = last_of_each(*keys)
    number: Integers = np.cumsum(ended) - ended
    return number


def cut(events: Events, options: JourneyOptions) -> CutJourneys:
    """Cut events into journeys and leave out those still open, unless they are asked for."""
    assert options.until_us is not None
    if options.session_minutes is not None:
        events = _visits(events, round(options.session_minutes * MINUTE_US))
    customer, time_us = events.customer, events.time_us
    lookback_us = round(options.lookback_days * DAY_US)
    following = _next_order(events)
    order = np.minimum(following, len(customer) - 1)
    credited = (following < len(customer)) & (time_us[order] - time_us <= lookback_us)
    touch = np.flatnonzero(~events.is_order)
    ended = last_of_each(customer[touch], following[touch], credited[touch])
    last, lengths = touch[ended], np.diff(np.flatnonzero(ended), prepend=-1)
    counts = options.include_open | credited[last] | (time_us[last] < options.until_us - lookback_us)
    conversions = np.where(credited[last], _orders_at_once(events)[order[last]], 0)
    return CutJourneys(
        events.code[touch][np.repeat(counts, lengths)], lengths[counts], conversions[counts], events.fold[last][counts]
    )


def _visits(events: Events, gap_us: int) -> Events:
    """Events with only the first touch of each visit, as ``attribution.sessions`` has it."""
    touch = np.flatnonzero(~events.is_order)
    begins = np.ones(len(touch), dtype=bool)
    begins[1:] = (events.customer[touch[1:]] != events.customer[touch[:-1]]) | (np.diff(events.time_us[touch]) > gap_us)
    kept = events.is_order.copy()
    kept[touch[begins]] = True
    return Events(
        events.customer[kept], events.time_us[kept], events.is_order[kept], events.code[kept], events.fold[kept]
    )


def _next_order(events: Events) -> Integers:
    """For each event the place of the customer's first order from there on; the number of events where none is left."""
    size = len(events.customer)
    place = np.where(events.is_order, np.arange(size), size)
    following: Integers = np.minimum.accumulate(place[::-1])[::-1]
    of_another = events.customer[np.minimum(following, size - 1)] != events.customer
    return np.where(of_another, size, following)


def _orders_at_once(events: Events) -> Integers:
    """For the first order of each moment of a customer how many there are; 0 elsewhere."""
    place = np.flatnonzero(events.is_order)
    ends = np.flatnonzero(last_of_each(events.customer[place], events.time_us[place]))
    number = np.diff(ends, prepend=-1)
    counts = np.zeros(len(events.customer), dtype=np.int64)
    counts[place[ends + 1 - number]] = number
    return counts
