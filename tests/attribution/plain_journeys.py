"""Journeys in plain Python, customer by customer, written from the definition and from nothing else."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import groupby

Touch = tuple[int, int, int]  # customer, moment, channel code from 1
Order = tuple[int, int, int]  # customer, moment, value in units

DAY_US = 86_400_000_000


@dataclass
class PlainJourneys:
    """What came of distinct paths, and everything that is counted beside them; paths hold codes from 1."""

    conversions: Counter[tuple[int, ...]] = field(default_factory=Counter)
    value: Counter[tuple[int, ...]] = field(default_factory=Counter)
    value_squares: Counter[tuple[int, ...]] = field(default_factory=Counter)
    nulls: Counter[tuple[int, ...]] = field(default_factory=Counter)
    open: Counter[tuple[int, ...]] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    lags: Counter[int] = field(default_factory=Counter)
    decay: dict[str, dict[int, float]] = field(default_factory=lambda: {k: defaultdict(float) for k in ("n", "v")})
    customers: dict[int, Counter[tuple[str, tuple[int, ...]]]] = field(default_factory=dict)
    earned: dict[int, dict[tuple[str, int], float]] = field(default_factory=dict)


def plain_journeys(
    touches: list[Touch], orders: list[Order], *, lookback_us: int, until_us: int | None, half_life_us: int
) -> PlainJourneys:
    """Walk through every customer's touches and orders in time."""
    found = PlainJourneys()
    end = max([t[1] for t in touches] + [o[1] for o in orders], default=0) if until_us is None else until_us
    found.counts["touches_after_end"] = sum(t[1] > end for t in touches)
    found.counts["conversions_after_end"] = sum(o[1] > end for o in orders)
    touches = [t for t in touches if t[1] <= end]
    orders = [o for o in orders if o[1] <= end]
    for customer in sorted({t[0] for t in touches} | {o[0] for o in orders}):
        found.counts["customers"] += 1
        found.customers[customer] = Counter()
        found.earned[customer] = defaultdict(float)
        left = sorted(t[1:] for t in touches if t[0] == customer)
        found.counts["touches"] += len(left)
        mine = sorted(o[1:] for o in orders if o[0] == customer)
        for moment, same in groupby(mine, key=lambda order: order[0]):
            values = [value for _, value in same]
            before = [t for t in left if t[0] <= moment]
            left = [t for t in left if t[0] > moment]
            inside = [t for t in before if moment - t[0] <= lookback_us]
            outside = [t for t in before if moment - t[0] > lookback_us]
            found.counts["conversions"] += len(values)
            found.counts["value"] += sum(values)
            found.counts["touches_outside_lookback"] += len(outside)
            if outside:
                _not_converted(found, customer, outside, end, lookback_us)
            if not inside:
                found.counts["unattributed_conversions"] += len(values)
                found.counts["unattributed_value"] += sum(values)
                continue
            _converted(found, customer, inside, moment, values, half_life_us)
        if left:
            found.counts["touches_after_last_conversion"] += len(left) if mine else 0
            _not_converted(found, customer, left, end, lookback_us)
    return found


def _not_converted(
    found: PlainJourneys, customer: int, touches: list[tuple[int, int]], end: int, lookback_us: int
) -> None:
    path = tuple(code for _, code in touches)
    if touches[-1][0] >= end - lookback_us:
        found.open[path] += 1
    else:
        found.nulls[path] += 1
        found.customers[customer]["null", path] += 1


def _converted(
    found: PlainJourneys,
    customer: int,
    touches: list[tuple[int, int]],
    moment: int,
    values: list[int],
    half_life_us: int,
) -> None:
    path = tuple(code for _, code in touches)
    found.counts["converted"] += 1
    found.conversions[path] += len(values)
    found.value[path] += sum(values)
    found.value_squares[path] += sum(values) ** 2
    found.customers[customer]["conversion", path] += len(values)
    found.customers[customer]["value", path] += sum(values)
    found.lags[(moment - touches[0][0]) // DAY_US] += len(values)
    weights = [2.0 ** ((time - touches[-1][0]) / half_life_us) for time, _ in touches]
    for (_, code), weight in zip(touches, weights, strict=True):
        for kind, amount in (("n", len(values)), ("v", sum(values))):
            share = weight / sum(weights) * amount
            found.decay[kind][code] += share
            found.earned[customer][kind, code] += share
