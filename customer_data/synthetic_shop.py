"""A synthetic shop whose truth is known: touchpoints, orders, spend and customers as files, and ``truth.json`` beside
them.

Journeys come from a causal market (:mod:`customer_data.synthetic_journeys`), repeat orders from BG/NBD and values from
Gamma-Gamma per segment (:mod:`customer_data.synthetic_orders`); a counted number of faulty rows is mixed in
(:mod:`customer_data.synthetic_dirt`).
"""

import errno
import json
import tempfile
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from customer_data.errors import ConfigurationError
from customer_data.synthetic_configuration import configuration_text
from customer_data.synthetic_dirt import NOTHING, OrderRows, TouchpointRows, soil_orders, soil_touchpoints
from customer_data.synthetic_files import write_tables
from customer_data.synthetic_journeys import SHOP, Journeys, Market, simulate_journeys, touches
from customer_data.synthetic_orders import ACQUISITIONS, COUNTRIES, COUNTRY_SHARES, SEGMENTS, Orders, simulate_orders

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FIRST_DAY = date(2024, 1, 1)
FUTURE_DAYS = 365
FIRST_CUSTOMER = 1_000_001
DAY_SECONDS = 86_400
BUSY_HOURS = (1, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 10, 11, 11, 10, 10, 10, 11, 13, 15, 15, 12, 7, 3)
MISTYPED = {"Paid Social": "Paid Socail"}
REPEAT_TOUCHES = {"Email": 0.40, "Direct": 0.30, "Brand Search": 0.08}
"""Share of repeat orders that have a touch of this channel before them. These touches cause nothing."""


@dataclass(frozen=True)
class Shop:
    """All that was simulated, before it becomes files: the journeys, the orders of the buyers, and who everybody is.

    ``buyers`` are the persons who ordered, in the numbering of ``orders.buyer``; ``orders`` run ``FUTURE_DAYS`` past
    the end.
    """

    journeys: Journeys
    buyers: Integers
    country: Integers
    acquisition: Integers
    orders: Orders
    touch_person: Integers
    touch_second: Integers
    touch_channel: Integers


def simulate(
    folder: str | Path,
    *,
    customers: int,
    seed: int,
    format: Literal["parquet", "csv"] = "parquet",
    market: Market = SHOP,
) -> None:
    """Write the files of a synthetic shop: touchpoints, orders, spend, customers, ``truth.json`` and
    ``pathworth.toml``.

    Parameters
    ----------
    folder
        Where to write; made if it is not there. Files of the same names are replaced when all of them are finished.
    customers
        Number of people in the market over the two years. Those who were neither reached nor bought are in no file.
    seed
        The same seed, size and format give the same bytes (with the same versions of numpy and duckdb).
    format
        "parquet" or "csv". In CSV a missing time is the text "unknown".
    market
        The channels and the demand they meet.

    Raises
    ------
    ConfigurationError
        If ``customers`` is below 1, ``seed`` below 0, or the format is neither of the two.
    """
    if customers < 1:
        raise ConfigurationError(f"customers = {customers}: a shop needs at least one customer.")
    if seed < 0:
        raise ConfigurationError(f"seed = {seed}: give a whole number of 0 or more.")
    if format not in ("parquet", "csv"):
        raise ConfigurationError(f'format = "{format}" is not known: write "parquet" or "csv".')
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "it is a file", str(place))
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as unfinished:
        _write(Path(unfinished), customers=customers, seed=seed, format=format, market=market)
        place.mkdir(exist_ok=True)
        for file in sorted(Path(unfinished).iterdir()):
            file.replace(place / file.name)


def _write(place: Path, *, customers: int, seed: int, format: Literal["parquet", "csv"], market: Market) -> None:
    shop = simulate_shop(customers=customers, seed=seed, market=market)
    dirt_random = np.random.default_rng([seed, 3])
    names = [channel.name for channel in market.channels]
    clean_touches, clean_orders = _touchpoint_rows(shop), _order_rows(shop)
    right = next((name for name in MISTYPED if name in names), names[0])
    touch_rows, touch_dirt = soil_touchpoints(
        clean_touches, mistyped=(names.index(right), len(names)), generator=dirt_random
    )
    last_second = market.days * DAY_SECONDS - 1
    order_rows, order_dirt, refunded = soil_orders(clean_orders, last_second=last_second, generator=dirt_random)
    spend = _daily_spend(shop, np.random.default_rng([seed, 4]))
    known = np.zeros(customers, dtype=np.bool_)
    known[clean_touches.customer - FIRST_CUSTOMER] = True
    known[clean_orders.customer - FIRST_CUSTOMER] = True
    seen = np.flatnonzero(known)
    write_tables(
        place,
        format=format,
        first_day=FIRST_DAY,
        channels=[*names, MISTYPED.get(right, f"{right}?")],
        touchpoints=touch_rows,
        orders=order_rows,
        spend=spend,
        customers=(FIRST_CUSTOMER + seen, shop.country[seen], shop.acquisition[seen]),
        countries=COUNTRIES,
        acquisitions=ACQUISITIONS,
    )
    truth = {
        "customers": customers,
        "seed": seed,
        "first_day": FIRST_DAY.isoformat(),
        "last_day": (FIRST_DAY + timedelta(days=market.days - 1)).isoformat(),
        "clean_rows": {
            "touchpoints": len(clean_touches.customer),
            "orders": len(clean_orders.customer),
            "customers": len(seen),
            "order_value": int(clean_orders.cents.sum()) / 100,
        },
        "dirt": {"touchpoints": touch_dirt, "orders": order_dirt},
        "refunded_value": {kind: cents / 100 for kind, cents in refunded.items()},
        "attribution": _channel_truth(shop, spend),
        "clv": _segment_truth(shop),
    }
    (place / "truth.json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    (place / "pathworth.toml").write_text(configuration_text(format), encoding="utf-8")


def simulate_shop(*, customers: int, seed: int, market: Market = SHOP) -> Shop:
    """The shop in memory, without dirt. Arguments as in :func:`simulate`."""
    journeys = simulate_journeys(market, customers, np.random.default_rng([seed, 0]))
    people_random = np.random.default_rng([seed, 1])
    country = np.searchsorted(np.cumsum(COUNTRY_SHARES), people_random.random(customers), side="right")
    country = np.minimum(country, len(COUNTRIES) - 1)
    person, day, channel = touches(journeys)
    second = clock_seconds(day)
    buyers = np.flatnonzero(journeys.bought)
    buy_second = clock_seconds(journeys.buy_day[buyers])
    tracked = journeys.closing[buyers] >= 0
    minutes_before = people_random.integers(60, 1800, len(buyers))
    person = np.concatenate([person, buyers[tracked]])
    second = np.concatenate([second, np.maximum(buy_second - minutes_before, 0)[tracked]])
    channel = np.concatenate([channel, journeys.closing[buyers][tracked]])
    acquisition = _acquisition(market, customers, person, second, channel)
    segment = len(ACQUISITIONS) * country + acquisition
    orders_random = np.random.default_rng([seed, 2])
    orders = simulate_orders(
        journeys.buy_day[buyers],
        segment[buyers],
        end=float(market.days + FUTURE_DAYS),
        generator=orders_random,
        segments=SEGMENTS,
    )
    more = _repeat_touches(market, buyers, orders, orders_random)
    return Shop(
        journeys=journeys,
        buyers=buyers,
        country=country,
        acquisition=acquisition,
        orders=orders,
        touch_person=np.concatenate([person, more[0]]),
        touch_second=np.concatenate([second, more[1]]),
        touch_channel=np.concatenate([channel, more[2]]),
    )


def clock_seconds(day: Floats) -> Integers:
    """Whole seconds since the first day; within a day most things happen from late morning to evening."""
    share = np.concatenate([[0.0], np.cumsum(BUSY_HOURS) / sum(BUSY_HOURS)])
    whole = np.floor(day)
    clock = np.interp(day - whole, share, np.arange(25) / 24)
    return (DAY_SECONDS * whole + np.minimum(np.floor(DAY_SECONDS * clock), DAY_SECONDS - 1)).astype(np.int64)


def _acquisition(market: Market, people: int, person: Integers, second: Integers, channel: Integers) -> Integers:
    """0 for people whose first touch was advertising that came to them, 1 for those who came by themselves."""
    pushed = (market.column("reach") > 0) | (market.column("retargeting") > 0)
    latest_first = np.argsort(-second, kind="stable")
    first_channel = np.full(people, NOTHING)
    first_channel[person[latest_first]] = channel[latest_first]
    return np.where((first_channel >= 0) & pushed[first_channel], 0, 1)


def _repeat_touches(
    market: Market, buyers: Integers, orders: Orders, generator: np.random.Generator
) -> tuple[Integers, Integers, Integers]:
    """Person, second and channel of touches up to a day before some of the repeat orders."""
    repeat = np.flatnonzero(~orders.first & (orders.day < market.days))
    names = [channel.name for channel in market.channels]
    shares = np.array([REPEAT_TOUCHES.get(name, 0.0) for name in names])
    channel = np.searchsorted(np.cumsum(shares), generator.random(len(repeat)), side="right")
    before = generator.integers(120, DAY_SECONDS, len(repeat))
    touched = channel < len(names)
    order = repeat[touched]
    second = np.maximum(clock_seconds(orders.day[order]) - before[touched], 0)
    return buyers[orders.buyer[order]], second, channel[touched]


def _touchpoint_rows(shop: Shop) -> TouchpointRows:
    """In order of time; a person is not counted twice at the same channel within one second."""
    order = np.lexsort((shop.touch_channel, shop.touch_person, shop.touch_second))
    person, second, channel = shop.touch_person[order], shop.touch_second[order], shop.touch_channel[order]
    again = (np.diff(person) == 0) & (np.diff(second) == 0) & (np.diff(channel) == 0)
    keep = np.concatenate([np.ones(min(len(person), 1), dtype=np.bool_), ~again])
    return TouchpointRows(FIRST_CUSTOMER + person[keep], second[keep], channel[keep], second[keep])


def _order_rows(shop: Shop) -> OrderRows:
    past = np.flatnonzero(shop.orders.day < shop.journeys.market.days)
    second = clock_seconds(shop.orders.day[past])
    order = np.lexsort((past, second))
    past, second = past[order], second[order]
    number = np.arange(1, len(past) + 1)
    return OrderRows(
        number=number,
        customer=FIRST_CUSTOMER + shop.buyers[shop.orders.buyer[past]],
        second=second,
        cents=shop.orders.cents[past],
        refund_of=np.full(len(past), NOTHING),
        missing_value=np.zeros(len(past), dtype=np.bool_),
        position=second,
    )


def _daily_spend(shop: Shop, generator: np.random.Generator) -> tuple[Integers, Integers, Integers]:
    """Day, channel and cents: the touches of the day at the channel's price, which moves a little from day to day."""
    market = shop.journeys.market
    paid = np.flatnonzero(market.column("cost") > 0)
    cells = shop.touch_channel * market.days + np.minimum(shop.touch_second // DAY_SECONDS, market.days - 1)
    counts = np.bincount(cells, minlength=len(market.channels) * market.days).reshape(-1, market.days)[paid]
    price = 100.0 * market.column("cost")[paid, None] * np.exp(0.08 * generator.standard_normal(counts.shape))
    cents = np.rint(counts * price).astype(np.int64)
    return np.tile(np.arange(market.days), len(paid)), np.repeat(paid, market.days), cents.ravel()


def _channel_truth(shop: Shop, spend: tuple[Integers, Integers, Integers]) -> dict[str, object]:
    journeys = shop.journeys
    market = journeys.market
    bought = journeys.bought
    first_value, whole_value = np.zeros(journeys.people), np.zeros(journeys.people)
    past = shop.orders.day < market.days
    first_value[shop.buyers] = shop.orders.cents[: len(shop.buyers)] / 100
    np.add.at(whole_value, shop.buyers[shop.orders.buyer[past]], shop.orders.cents[past] / 100)
    channels = {}
    for number, channel in enumerate(market.channels):
        lost = bought & ~journeys.without((number,))
        channels[channel.name] = {
            "incremental_orders": int(lost.sum()),
            "expected_incremental_orders": round(journeys.expected_loss((number,)), 2),
            "incremental_value": round(float(first_value[lost].sum()), 2),
            "incremental_value_with_repeats": round(float(whole_value[lost].sum()), 2),
            "touches": int(np.sum(shop.touch_channel == number)),
            "spend": int(spend[2][spend[1] == number].sum()) / 100,
            "parameters": {key: value for key, value in asdict(channel).items() if key != "name"},
        }
    everything = tuple(range(len(market.channels)))
    return {
        "what": "first orders that would not have happened in time without the channel, all other draws being the same",
        "first_orders": int(bought.sum()),
        "first_order_value": round(float(first_value.sum()), 2),
        "first_orders_without_any_channel": int((bought & journeys.without(everything)).sum()),
        "channels": channels,
        "demand": {
            "mean": market.demand_mean,
            "shape": market.demand_shape,
            "days": market.demand_days,
            "visits_per_demand": market.visits_per_demand,
        },
    }


def _segment_truth(shop: Shop) -> dict[str, object]:
    days = shop.journeys.market.days
    segment = (len(ACQUISITIONS) * shop.country + shop.acquisition)[shop.buyers]
    mine = segment[shop.orders.buyer]
    future = shop.orders.day >= days
    past_repeats = ~future & ~shop.orders.first
    return {
        "what": "BG/NBD (r, alpha, a, b) in days, Gamma-Gamma (p, q, v), and what happened in the days after the data",
        "future_days": FUTURE_DAYS,
        "segments": {
            parameters.name: asdict(parameters)
            | {
                "mean_order_value": round(parameters.mean_spend, 4),
                "buyers": int(np.sum(segment == number)),
                "repeat_orders": int(np.sum(past_repeats & (mine == number))),
                "future_orders": int(np.sum(future & (mine == number))),
                "future_value": int(shop.orders.cents[future & (mine == number)].sum()) / 100,
            }
            for number, parameters in enumerate(SEGMENTS)
        },
    }
