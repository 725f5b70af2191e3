"""Journeys of customers without conversions: one a customer, most of all touches, and so the step that must be quick.

The engine sorts all touches and hands them over some at a time, and numpy packs each customer's into a word; to leave
out customers with conversions there is quicker than a join before. A touch is one number, its time above its channel;
where the two do not fit one number together, the engine sorts by the time itself and only whether the touch is late
enough for its journey to be open stands above the channel.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attribution import journey_sql, ragged
from attribution.customer_keys import customer_keys, last_of_each, type_of_customers
from attribution.journey_sql import CONVERTER, Window
from attribution.packing import Packed, Packing
from attribution.ragged import Integers

if TYPE_CHECKING:
    import duckdb
    import pyarrow

Columns = dict[str, NDArray[Any]]

TOUCHES_AT_ONCE = 2_500_000


@dataclass(frozen=True, eq=False)
class OtherJourneys:
    """Journeys that count, packed, with the number of customers on each; and all customers, and those still open."""

    packed: Packed
    journeys: Integers
    customers: int
    open: int


def columns(connection: "duckdb.DuckDBPyConnection", statement: str) -> Columns:
    """The answer as plain arrays; nothing in it is missing."""
    return {name: np.asarray(column) for name, column in connection.execute(statement).fetchnumpy().items()}


def other_journeys(
    connection: "duckdb.DuckDBPyConnection",
    window: Window,
    packing: Packing,
    *,
    include_open: bool,
    touches_at_once: int = TOUCHES_AT_ONCE,
) -> OtherJourneys:
    """Pack the journeys of customers without conversions.

    ``journey_sql.conversion_moments`` has run before.
    """
    row = connection.execute(journey_sql.first_and_last_touch(window)).fetchone()
    assert row is not None
    first_us, last_us = row
    by_time = first_us is not None and last_us - first_us >= (1 << (63 - packing.bits)) - 1
    if by_time:
        moment, open_from = f"(time_us >= {window.open_from_us})::BIGINT", 1
    else:
        moment, open_from = f"(time_us - {first_us or 0})", window.open_from_us - (first_us or 0)
    keys = customer_keys(type_of_customers(connection, window.touchpoints))
    sorted_touches = connection.sql(
        journey_sql.sorted_touches(window, keys, f"{moment} << {packing.bits} | channel_code", by_time=by_time)
    )
    found: list[OtherJourneys] = []
    with ThreadPoolExecutor(max_workers=1) as worker:
        being_packed: Future[OtherJourneys] | None = None
        for part in _whole_customers(sorted_touches.to_arrow_reader(touches_at_once)):
            if being_packed is not None:
                found.append(being_packed.result())
            being_packed = worker.submit(
                _packed_part, part[:-1], part[-1], packing, open_from=open_from, include_open=include_open
            )
        if being_packed is not None:
            found.append(being_packed.result())
    return OtherJourneys(
        Packed.joined([part.packed for part in found]),
        np.concatenate([part.journeys for part in found]),
        sum(part.customers for part in found),
        sum(part.open for part in found),
    )


def _whole_customers(batches: "pyarrow.RecordBatchReader") -> Iterator[list[Integers]]:
    """The numbers of customers and touches, so cut that all touches of a customer come together."""
    held = [np.zeros(0, dtype=np.int64) for _ in batches.schema.names]
    for batch in batches:
        held = [np.concatenate([one, more.to_numpy()]) for one, more in zip(held, batch.columns, strict=True)]
        cut = int(np.searchsorted(held[0], held[0][-1])) if len(held[0]) else 0
        if cut:
            yield [column[:cut] for column in held]
            held = [column[cut:] for column in held]
    yield held


def _packed_part(
    customer: list[Integers], touch: Integers, packing: Packing, *, open_from: int, include_open: bool
) -> OtherJourneys:
    """Pack touches sorted by customer and time; a touch is its time above its channel code."""
    last = np.flatnonzero(last_of_each(*customer))
    touches = np.diff(last, prepend=-1)
    other = touch[last] != CONVERTER
    last, touches = last[other], touches[other]
    is_open = (touch[last] >> packing.bits) >= open_from
    customers, still_open = len(last), int(is_open.sum())
    if not include_open:
        last, touches = last[~is_open], touches[~is_open]
    is_long = touches > packing.in_word
    words, journeys = np.unique(_words(touch, last[~is_long], touches[~is_long], packing), return_counts=True)
    lengths = touches[is_long]
    places = np.repeat(last[is_long] + 1 - lengths, lengths) + ragged.positions(lengths)
    packed = Packed(
        words=np.append(words, np.zeros_like(lengths)),
        long=len(words) + np.arange(len(lengths)),
        codes=(touch[places] & packing.mask).astype(np.int32),
        lengths=lengths,
    )
    return OtherJourneys(packed, np.append(journeys, np.ones_like(lengths)), customers, still_open)


def _words(touch: Integers, last: Integers, touches: Integers, packing: Packing) -> Integers:
    """Words of journeys of ``touches`` touches that end at the places ``last``, taken back one touch at a time."""
    words = np.zeros(len(last), dtype=np.int64)
    chosen = np.arange(len(last))
    for back in range(packing.in_word):
        chosen = chosen[touches[chosen] > back]
        if len(chosen) == 0:
            break
        words[chosen] |= (touch[last[chosen] - back] & packing.mask) << (packing.bits * back)
    return words
