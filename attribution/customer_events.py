"""Touches and moments of conversion in the order of customers and time, some customers at a time.

The engine sorts and hands over what numpy then cuts into journeys. An event is one number, its time above its channel's
code, where a moment of conversion has code 0 and the time after its own, so as to come after the touches of its moment.
Where time and code do not fit one number together, the engine sorts by the time and hands it over, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attribution import journey_sql
from attribution.customer_keys import customer_keys, type_of_customers
from attribution.journey_sql import Window
from attribution.packing import Packing
from attribution.ragged import Codes, Integers

if TYPE_CHECKING:
    import duckdb
    import pyarrow

Columns = dict[str, NDArray[Any]]

EVENTS_AT_ONCE = 2_500_000


@dataclass(frozen=True, eq=False)
class Events:
    """All events of some customers, by customer and time.

    Attributes
    ----------
    customer
        Columns that together stand for the customer.
    event
        The code of the channel, 0 for a moment of conversion, in the lowest bits; above it the time since ``first_us``,
        unless that is known from ``time_us``.
    """

    customer: tuple[Integers, ...]
    event: Integers
    time_us: Integers | None
    first_us: int
    packing: Packing

    def codes(self, rows: NDArray[Any]) -> Codes:
        """The channels' codes, from 1; 0 for moments of conversion."""
        codes: Codes = (self.event[rows] & self.packing.mask).astype(np.int32)
        return codes

    def times_us(self, rows: NDArray[Any]) -> Integers:
        """Microseconds since 1970 UTC."""
        if self.time_us is not None:
            times: Integers = self.time_us[rows]
            return times
        event = self.event[rows]
        since: Integers = event >> self.packing.bits
        since -= (event & self.packing.mask) == 0
        since += self.first_us
        return since


def columns(connection: "duckdb.DuckDBPyConnection", statement: str) -> Columns:
    """The answer as plain arrays; nothing in it is missing."""
    return {name: np.asarray(column) for name, column in connection.execute(statement).fetchnumpy().items()}


def keys_of(connection: "duckdb.DuckDBPyConnection", window: Window) -> tuple[str, ...]:
    """SQL of the numbers that stand for the customers of these touches."""
    return customer_keys(type_of_customers(connection, window.touchpoints))


def events_of_customers(
    connection: "duckdb.DuckDBPyConnection",
    window: Window,
    packing: Packing,
    *,
    keys: tuple[str, ...],
    events_at_once: int = EVENTS_AT_ONCE,
) -> Iterator[Events]:
    """All events, whole customers at a time; ``journey_sql.conversion_moments`` has run before."""
    ((first_us, last_us),) = connection.execute(journey_sql.first_and_last_event(window)).fetchall()
    first_us, last_us = first_us or 0, last_us or 0
    by_time = last_us - first_us + 1 >= 1 << (63 - packing.bits)
    since = "0" if by_time else f"(time_us - {first_us})"
    batches = connection.sql(
        journey_sql.sorted_events(
            window,
            keys,
            touch=f"{since}::BIGINT << {packing.bits} | channel_code",
            conversion=f"({since} + 1)::BIGINT << {packing.bits}",
            by_time=by_time,
        )
    ).to_arrow_reader(events_at_once)
    for part in _whole_customers(batches):
        customer, others = tuple(part[: len(keys)]), part[len(keys) :]
        yield Events(customer, others[-1], others[0] if by_time else None, first_us, packing)


def _whole_customers(batches: "pyarrow.RecordBatchReader") -> Iterator[list[Integers]]:
    """The columns, so cut that all events of a customer come together."""
    held = [np.zeros(0, dtype=np.int64) for _ in batches.schema.names]
    for batch in batches:
        held = [np.concatenate([one, more.to_numpy()]) for one, more in zip(held, batch.columns, strict=True)]
        cut = int(np.searchsorted(held[0], held[0][-1])) if len(held[0]) else 0
        if cut:
            yield [column[:cut] for column in held]
            held = [column[cut:] for column in held]
    yield held
