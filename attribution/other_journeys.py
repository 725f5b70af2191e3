"""Journeys of customers without conversions: one a customer, most of all touches, and so the step that must be quick.

The engine sorts all touches and hands them over some at a time, and numpy packs each customer's into a word; to leave
out customers with conversions there is quicker than a join before. It takes whole numbers as customers, and times and
channels that fit one number together. Otherwise the portable SQL of ``journey_sql.other_paths`` does all of it; a test
holds both to one answer.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attribution import journey_sql, ragged
from attribution.journey_sql import OTHER_PATH, Window
from attribution.packing import FLAG, Packed, Packing, packed_with_tails
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
    connection: "duckdb.DuckDBPyConnection", window: Window, packing: Packing, *, include_open: bool
) -> OtherJourneys:
    """Pack the journeys of customers without conversions, the quick way where that can be gone.

    ``journey_sql.conversion_moments`` has run before.
    """
    row = connection.execute(journey_sql.touches_at_a_glance(window)).fetchone()
    assert row is not None
    touches, first_us, last_us, whole_numbers = row
    if whole_numbers and touches and (last_us - first_us) < 1 << (63 - packing.bits):
        return by_sorting(connection, window, packing, first_us=first_us, include_open=include_open)
    return by_grouping(connection, window, packing, include_open=include_open)


def by_grouping(
    connection: "duckdb.DuckDBPyConnection", window: Window, packing: Packing, *, include_open: bool
) -> OtherJourneys:
    """All of it in portable SQL."""
    connection.execute(journey_sql.other_paths(window, packing, include_open=include_open))
    paths = columns(connection, f"SELECT path_id, word, journeys FROM {OTHER_PATH} ORDER BY path_id")
    tails = columns(connection, f"SELECT path_id, tail FROM {OTHER_PATH} WHERE tail IS NOT NULL ORDER BY path_id")
    flagged = paths["word"] >= 1 << FLAG
    words = paths["word"] & ~(1 << FLAG)
    packed = packed_with_tails(words, tails["path_id"], tails["tail"], packing)
    customers, still_open = int(paths["journeys"].sum()), int(paths["journeys"][flagged].sum())
    counted = words > 0  # open journeys that do not count share one empty word, which has no tail
    kept = Packed(words[counted], (np.cumsum(counted) - 1)[packed.long], packed.codes, packed.lengths)
    return OtherJourneys(kept, paths["journeys"][counted].astype(np.int64), customers, still_open)


def by_sorting(
    connection: "duckdb.DuckDBPyConnection",
    window: Window,
    packing: Packing,
    *,
    first_us: int,
    include_open: bool,
    touches_at_once: int = TOUCHES_AT_ONCE,
) -> OtherJourneys:
    """The engine sorts, numpy packs what it hands over, some touches at a time."""
    converters = columns(connection, journey_sql.customers_in_order())["customer_id"]
    sorted_touches = connection.sql(journey_sql.sorted_touches(window, packing, first_us))
    found: list[OtherJourneys] = []
    with ThreadPoolExecutor(max_workers=1) as worker:
        being_packed: Future[OtherJourneys] | None = None
        for customer, touch in _whole_customers(sorted_touches.to_arrow_reader(touches_at_once)):
            if being_packed is not None:
                found.append(being_packed.result())
            being_packed = worker.submit(
                _packed_part,
                customer,
                touch,
                converters,
                packing,
                open_from=window.open_from_us - first_us,
                include_open=include_open,
            )
        if being_packed is not None:
            found.append(being_packed.result())
    return OtherJourneys(
        Packed.joined([part.packed for part in found]),
        np.concatenate([part.journeys for part in found]),
        sum(part.customers for part in found),
        sum(part.open for part in found),
    )


def _whole_customers(batches: "pyarrow.RecordBatchReader") -> Iterator[tuple[Integers, Integers]]:
    """Customers and touches, so cut that all touches of a customer come together."""
    customer, touch = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for batch in batches:
        customer = np.concatenate([customer, batch.column(0).to_numpy()])
        touch = np.concatenate([touch, batch.column(1).to_numpy()])
        cut = int(np.searchsorted(customer, customer[-1])) if len(customer) else 0
        if cut:
            yield customer[:cut], touch[:cut]
            customer, touch = customer[cut:], touch[cut:]
    yield customer, touch


def _packed_part(
    customer: Integers, touch: Integers, converters: Integers, packing: Packing, *, open_from: int, include_open: bool
) -> OtherJourneys:
    """Pack touches sorted by customer and time but those of converters; a touch is its time above its channel code."""
    last = np.flatnonzero(np.append(customer[1:] != customer[:-1], len(customer) > 0))
    touches = np.diff(last, prepend=-1)
    other = ~_among(customer[last], converters)
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


def _among(customers: Integers, converters: Integers) -> NDArray[np.bool_]:
    """Which of the customers are converters; both ascend, so that the search stays in the cache."""
    if len(converters) == 0:
        return np.zeros(len(customers), dtype=bool)
    place = np.minimum(np.searchsorted(converters, customers), len(converters) - 1)
    return np.asarray(converters[place] == customers)


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
