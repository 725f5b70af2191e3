"""Journeys of customers without conversions: one a customer, most of all touches, and so the step that must be quick.

Numpy packs each customer's into a word while the engine hands over the next touches; to set customers with conversions
apart there is quicker than a join before.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution import ragged
from attribution.converter_journeys import ConverterEvents
from attribution.customer_events import EVENTS_AT_ONCE, Events, events_of_customers
from attribution.customer_keys import last_of_each
from attribution.journey_sql import Window
from attribution.packing import Packed, Packing
from attribution.ragged import Integers

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, eq=False)
class OtherJourneys:
    """Journeys that count, packed, with the number of customers on each; and all customers, and those still open."""

    packed: Packed
    journeys: Integers
    customers: int
    open: int


def other_journeys(
    connection: "duckdb.DuckDBPyConnection",
    window: Window,
    packing: Packing,
    *,
    keys: tuple[str, ...],
    include_open: bool,
    events_at_once: int = EVENTS_AT_ONCE,
) -> tuple[OtherJourneys, ConverterEvents]:
    """Pack the journeys of customers without conversions, and set the events of those with conversions apart.

    ``journey_sql.conversion_moments`` has run before; ``keys`` are those of ``customer_events.keys_of``.
    """
    found: list[tuple[OtherJourneys, ConverterEvents]] = []
    with ThreadPoolExecutor(max_workers=1) as worker:
        being_packed: Future[tuple[OtherJourneys, ConverterEvents]] | None = None
        for events in events_of_customers(connection, window, packing, keys=keys, events_at_once=events_at_once):
            if being_packed is not None:
                found.append(being_packed.result())
            being_packed = worker.submit(_split, events, open_from_us=window.open_from_us, include_open=include_open)
        if being_packed is not None:
            found.append(being_packed.result())
    others = [part for part, _ in found]
    journeys = OtherJourneys(
        Packed.joined([part.packed for part in others]),
        np.concatenate([part.journeys for part in others]),
        sum(part.customers for part in others),
        sum(part.open for part in others),
    )
    return journeys, ConverterEvents.joined([part for _, part in found])


def _split(events: Events, *, open_from_us: int, include_open: bool) -> tuple[OtherJourneys, ConverterEvents]:
    """Journeys of customers without conversions, and the events of those with one."""
    last = np.flatnonzero(last_of_each(*events.customer))
    number = np.diff(last, prepend=-1)
    conversions = np.flatnonzero((events.event & events.packing.mask) == 0)
    converts = np.zeros(len(last), dtype=bool)
    converts[np.searchsorted(last, conversions)] = True
    return (
        _packed(events, last[~converts], number[~converts], open_from_us=open_from_us, include_open=include_open),
        ConverterEvents.of(events, np.flatnonzero(np.repeat(converts, number)), number[converts]),
    )


def _packed(
    events: Events, last: Integers, touches: Integers, *, open_from_us: int, include_open: bool
) -> OtherJourneys:
    """Pack the journeys of so many touches each that end at the places ``last``."""
    is_open = events.times_us(last) >= open_from_us
    customers, still_open = len(last), int(is_open.sum())
    if not include_open:
        last, touches = last[~is_open], touches[~is_open]
    is_long = touches > events.packing.in_word
    words, journeys = np.unique(
        _words(events.event, last[~is_long], touches[~is_long], events.packing), return_counts=True
    )
    lengths = touches[is_long]
    places = np.repeat(last[is_long] + 1 - lengths, lengths) + ragged.positions(lengths)
    packed = Packed(
        words=np.append(words, np.zeros_like(lengths)),
        long=len(words) + np.arange(len(lengths)),
        codes=events.codes(places),
        lengths=lengths,
    )
    return OtherJourneys(packed, np.append(journeys, np.ones_like(lengths)), customers, still_open)


def _words(event: Integers, last: Integers, touches: Integers, packing: Packing) -> Integers:
    """Words of journeys of ``touches`` touches that end at the places ``last``, taken back one touch at a time."""
    words = np.zeros(len(last), dtype=np.int64)
    chosen = np.arange(len(last))
    for back in range(packing.in_word):
        chosen = chosen[touches[chosen] > back]
        if len(chosen) == 0:
            break
        words[chosen] |= (event[last[chosen] - back] & packing.mask) << (packing.bits * back)
    return words
