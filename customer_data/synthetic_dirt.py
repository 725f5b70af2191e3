"""Faults of the kinds that real files have, put into clean tables in counted numbers.

Faulty rows are extra rows: copies of good ones with one thing wrong. A reader that drops them gets the clean shop
back. Only mistyped channels replace what was there, because a reader cannot know better.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NOTHING = -1
"""Marks a missing customer, channel or time (times and customers are never negative here)."""

TOUCHPOINT_SHARES = {
    "time_missing": 0.0010,
    "customer_missing": 0.0020,
    "channel_missing": 0.0005,
    "duplicate": 0.0030,
}
MISTYPED_SHARE = 0.0004
ORDER_SHARES = {
    "time_missing": 0.0010,
    "customer_missing": 0.0020,
    "value_missing": 0.0010,
    "duplicate": 0.0020,
}
REFUND_SHARES = {"refund_of_an_order": 0.04, "refund_without_its_order": 0.003}


@dataclass(frozen=True)
class TouchpointRows:
    """Rows of the touchpoint file; ``position`` is the second at which the row stands in the file."""

    customer: Integers
    second: Integers
    channel: Integers
    position: Integers


@dataclass(frozen=True)
class OrderRows:
    """Rows of the order file.

    ``number`` names the order, ``refund_of`` the order a refund belongs to (-1: not a refund, or not said); refunds
    have negative cents; ``missing_value`` marks rows without a value.
    """

    number: Integers
    customer: Integers
    second: Integers
    cents: Integers
    refund_of: Integers
    missing_value: NDArray[np.bool_]
    position: Integers


def soil_touchpoints(
    clean: TouchpointRows, *, mistyped: tuple[int, int], generator: np.random.Generator
) -> tuple[TouchpointRows, dict[str, int]]:
    """Touchpoints with faults, and the number of each.

    Parameters
    ----------
    clean
        The rows without fault.
    mistyped
        Number of the channel that is mistyped now and then, and the number of its wrong name.
    generator
        Source of randomness.
    """
    rows = len(clean.customer)
    picks = {kind: generator.integers(0, rows, _count(rows, share)) for kind, share in TOUCHPOINT_SHARES.items()}
    right, wrong = mistyped
    candidates = np.flatnonzero(clean.channel == right)
    typos = generator.choice(candidates, min(_count(rows, MISTYPED_SHARE), len(candidates)), replace=False)
    channel = clean.channel.copy()
    channel[typos] = wrong
    extra = np.concatenate(list(picks.values()))
    fault = np.repeat(np.arange(len(picks)), [len(pick) for pick in picks.values()])
    kinds = list(picks)
    take = np.concatenate([np.arange(rows), extra])
    flaw = np.concatenate([np.full(rows, NOTHING), fault])

    def column(values: Integers, kind: str) -> Integers:
        return np.where(flaw == kinds.index(kind), NOTHING, values[take])

    soiled = TouchpointRows(
        customer=column(clean.customer, "customer_missing"),
        second=column(clean.second, "time_missing"),
        channel=column(channel, "channel_missing"),
        position=clean.position[take],
    )
    return soiled, {kind: len(pick) for kind, pick in picks.items()} | {"channel_mistyped": len(typos)}


def soil_orders(
    clean: OrderRows, *, last_second: int, generator: np.random.Generator
) -> tuple[OrderRows, dict[str, int], dict[str, int]]:
    """Orders with faults and refunds; the number of each kind of fault, and the cents refunded by kind of refund.

    Faulty rows but duplicates have order numbers of their own. Half of the refunds are of the whole order; a refund
    comes 2 to 20 days after its order and not after ``last_second``.
    """
    rows = len(clean.number)
    picks = {kind: generator.integers(0, rows, _count(rows, share)) for kind, share in ORDER_SHARES.items()}
    counts = [_count(rows, share) for share in REFUND_SHARES.values()]
    refunded = generator.choice(rows, min(sum(counts), rows), replace=False)
    take = np.concatenate([np.arange(rows), *picks.values(), refunded])
    bounds = np.cumsum([rows, *(len(pick) for pick in picks.values())])
    place = np.arange(len(take))
    part = dict(zip(picks, pairwise(bounds.tolist()), strict=True))

    def flawed(kind: str) -> NDArray[np.bool_]:
        start, stop = part[kind]
        inside: NDArray[np.bool_] = (place >= start) & (place < stop)
        return inside

    refund = place >= bounds[-1]
    whole = generator.random(len(take)) < 0.5
    back = np.where(whole, clean.cents[take], (clean.cents[take] + 1) // 2)
    delay = generator.integers(2 * 86_400, 20 * 86_400, len(take))
    second = np.where(refund, np.minimum(clean.second[take] + delay, last_second), clean.second[take])
    own_number = (place >= rows) & ~flawed("duplicate")
    said = refund & (place < bounds[-1] + counts[0])
    soiled = OrderRows(
        number=np.where(own_number, clean.number.max(initial=0) + 1 + place, clean.number[take]),
        customer=np.where(flawed("customer_missing"), NOTHING, clean.customer[take]),
        second=np.where(flawed("time_missing"), NOTHING, second),
        cents=np.where(refund, -back, clean.cents[take]),
        refund_of=np.where(said, clean.number[take], NOTHING),
        missing_value=flawed("value_missing"),
        position=second,
    )
    faults = {kind: len(pick) for kind, pick in picks.items()}
    faults |= {"refund_of_an_order": int(said.sum()), "refund_without_its_order": int((refund & ~said).sum())}
    cents = {"refund_of_an_order": int(back[said].sum()), "refund_without_its_order": int(back[refund & ~said].sum())}
    return soiled, faults, cents


def _count(rows: int, share: float) -> int:
    """Some of each kind as soon as there are rows at all."""
    return max(round(rows * share), 1) if rows else 0
