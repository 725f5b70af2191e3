"""Journeys of customers with conversions, cut by numpy from their events in the order of customers and time.

A journey is what one customer touched before one moment of conversion, apart by whether that came within the lookback;
or after the customer's last.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution import journey_sql, ragged
from attribution.customer_events import Events, columns
from attribution.customer_keys import last_of_each
from attribution.journey_sql import Window
from attribution.packing import Packed, Packing, packed
from attribution.ragged import Codes, Floats, Integers

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, eq=False)
class ConverterEvents:
    """Events of customers with conversions, by customer (numbered from 0 in that order) and time.

    ``code`` is 0 for a moment of conversion, which comes after the touches of its moment.
    """

    customer: Integers
    time_us: Integers
    code: Codes
    customers: int

    @classmethod
    def of(cls, events: Events, rows: Integers, number: Integers) -> "ConverterEvents":
        """The events in ``rows``, so many of each customer."""
        customer = np.repeat(np.arange(len(number)), number)
        return cls(customer, events.times_us(rows), events.codes(rows), len(number))

    @classmethod
    def joined(cls, parts: "list[ConverterEvents]") -> "ConverterEvents":
        """One after the other."""
        before = ragged.offsets(np.array([part.customers for part in parts]))
        return cls(
            np.concatenate([part.customer + start for part, start in zip(parts, before[:-1], strict=True)]),
            np.concatenate([part.time_us for part in parts]),
            np.concatenate([part.code for part in parts]),
            int(before[-1]),
        )


@dataclass(frozen=True, eq=False)
class Conversions:
    """Moments of conversion by customer and time: number and value of their conversions, and whether a touch led there.

    Value is in units of 1/10,000 of the currency.
    """

    number: Integers
    value: Integers
    attributed: NDArray[np.bool_]

    def sums(self, moments: NDArray[np.bool_] | slice = slice(None)) -> tuple[int, int]:
        """How many conversions there were at these moments, and their value, exactly."""
        return sum(self.number[moments].tolist()), sum(self.value[moments].tolist())


@dataclass(frozen=True, eq=False)
class ConverterJourneys:
    """Journeys that count, by customer and time, and what else is known of customers with conversions.

    Attributes
    ----------
    codes, lengths
        Channels from 1, laid end to end, and numbers of touches.
    since_last_us
        Of each touch the microseconds since the last one of its journey, 0 or less.
    customer, conversions, value
        Of each journey the customer's number, and the number and value of its conversions, 0 if it did not convert.
    lags_us
        Of each journey the microseconds from its first touch to the conversion, if any.
    moments
        All moments of conversion.
    customers, not_converted, open, outside, after_last
        Customers; journeys that did not convert, and those that may still, whether they count or not; touches before a
        conversion but outside the lookback; touches after the last.
    """

    codes: Codes
    lengths: Integers
    since_last_us: Integers
    customer: Integers
    conversions: Integers
    value: Integers
    lags_us: Integers
    moments: Conversions
    customers: int
    not_converted: int
    open: int
    outside: int
    after_last: int

    def packed(self, packing: Packing) -> Packed:
        """The journeys, packed."""
        return packed(self.codes.astype(np.min_scalar_type(packing.mask)), self.lengths, packing)

    def lags(self, unit_us: int) -> Floats:
        """Conversions by whole units of time from first touch to conversion."""
        converted = self.conversions > 0
        of_each = self.lags_us[converted] // unit_us
        return np.bincount(of_each, weights=self.conversions[converted]).astype(float)

    def register(self, connection: "duckdb.DuckDBPyConnection", path: Integers) -> None:
        """Let the engine see the journeys, which took these paths, and their credited touches."""
        import pyarrow

        journeys = {
            "customer_id": self.customer,
            "path_id": path,
            "conversions": self.conversions,
            "value": self.value,
        }
        credited = np.repeat(self.conversions > 0, self.lengths)
        journey = np.repeat(np.arange(len(self.lengths)), self.lengths)[credited]
        back = np.repeat(ragged.offsets(self.lengths)[1:], self.lengths) - np.arange(len(self.codes))
        touches = {
            "journey": journey,
            "channel_code": self.codes[credited],
            "back": back[credited],
            "since_last_us": self.since_last_us[credited],
            **{name: column[journey] for name, column in journeys.items()},
        }
        connection.register(journey_sql.CONVERTER_JOURNEY, pyarrow.table(journeys))
        connection.register(journey_sql.CREDITED_TOUCH, pyarrow.table(touches))


def converter_journeys(
    connection: "duckdb.DuckDBPyConnection",
    events: ConverterEvents,
    window: Window,
    *,
    keys: tuple[str, ...],
    include_open: bool,
) -> ConverterJourneys:
    """Cut the events into journeys and leave out those that may still convert, unless they are asked for."""
    at_moments = columns(connection, journey_sql.moments_in_order(keys))
    is_conversion = events.code == 0
    moment_us, moment_of = events.time_us[is_conversion], events.customer[is_conversion]
    touch = np.flatnonzero(~is_conversion)
    customer, time_us = events.customer[touch], events.time_us[touch]
    following = np.cumsum(is_conversion)[touch]  # the moment that comes next, be it of another customer
    beyond = following == len(moment_us)
    following[beyond] = 0
    following[beyond | (moment_of[following] != customer)] = -1
    met = following >= 0
    credited = met & (moment_us[following] - time_us <= window.lookback_us)
    last = np.flatnonzero(last_of_each(customer, following, credited))
    lengths = np.diff(last, prepend=-1)
    attributed = np.zeros(len(moment_us), dtype=bool)
    attributed[following[credited]] = True
    is_null = ~credited[last]
    is_open = is_null & (time_us[last] >= window.open_from_us)
    counts = ~is_open | include_open
    kept = np.repeat(counts, lengths)
    since_last_us = time_us - np.repeat(time_us[last], lengths)
    last, lengths = last[counts], lengths[counts]
    converted, moment = credited[last], following[last]
    return ConverterJourneys(
        codes=events.code[touch[kept]],
        lengths=lengths,
        since_last_us=since_last_us[kept],
        customer=customer[last],
        conversions=np.where(converted, at_moments["conversions"][moment], 0),
        value=np.where(converted, at_moments["value"][moment], 0),
        lags_us=np.where(converted, moment_us[moment] - time_us[last - lengths + 1], 0),
        moments=Conversions(at_moments["conversions"], at_moments["value"], attributed),
        customers=events.customers,
        not_converted=int(is_null.sum() - is_open.sum()),
        open=int(is_open.sum()),
        outside=int((met & ~credited).sum()),
        after_last=int((~met).sum()),
    )
