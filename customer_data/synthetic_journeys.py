"""A market in which every channel's effect is known: who is shown what, who buys, who would have bought anyway.

The causal model, per person:

- Own demand raises the hazard of a first order by ``demand / demand_days * exp(-age / demand_days)`` a day; its sum
  over time, ``demand``, is Gamma distributed over people.
- *Creating* channels reach people whether they want anything or not. Every exposure adds ``lift`` to the cumulative
  hazard, spread over its carry-over: ``lift / carry_over * exp(-age / carry_over)``, and brings ``visits`` to the shop
  on average.
- *Harvesting* channels carry the visits that demand and creating channels caused; visits are followed by retargeting.
- The first order happens when the cumulative hazard passes an Exp(1) threshold. Who has decided to buy comes through a
  *closing* channel, which earns the last click, and whose absence would cost few sales.

Exposures are a branching process: each knows the channels it descends from. Removing a channel removes its exposures
with all their descendants and changes no other draw (common random numbers), so the difference in orders is caused by
it alone.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

RETARGETING_DAYS = 4.0
REACH_DAYS = 14.0


@dataclass(frozen=True)
class Channel:
    """How one channel works on people, and what it costs.

    Parameters
    ----------
    name
        As it stands in the touchpoints.
    reach
        Mean exposures a person gets whatever their demand; above 0 for channels that create demand.
    harvest
        Share of the visits to the shop that come through this channel.
    retargeting
        Mean exposures after each visit to the shop.
    lift
        What one exposure adds to the cumulative hazard of a first order.
    carry_over_days
        Mean age at which that hazard acts.
    visits
        Mean visits to the shop that one exposure of a creating channel brings.
    closing
        Share of decided buyers who come through this channel.
    closing_loss
        Share of those who would not have bought, had the channel not been there.
    cost
        Cost of one exposure, in the currency of the orders; 0 for a channel without spend.
    """

    name: str
    reach: float = 0.0
    harvest: float = 0.0
    retargeting: float = 0.0
    lift: float = 0.0
    carry_over_days: float = 7.0
    visits: float = 0.0
    closing: float = 0.0
    closing_loss: float = 0.0
    cost: float = 0.0


@dataclass(frozen=True)
class Market:
    """Channels (at most 15) and the demand they meet. What is missing in the closing shares to 1 leaves no touch."""

    channels: tuple[Channel, ...]
    demand_mean: float = 0.13
    demand_shape: float = 0.6
    demand_days: float = 15.0
    visits_per_demand: float = 7.0
    days: int = 731

    def column(self, field: str) -> Floats:
        """One attribute of all channels, by channel number."""
        return np.array([getattr(channel, field) for channel in self.channels], dtype=np.float64)


SHOP = Market(
    channels=(
        Channel("Brand Search", harvest=0.26, lift=0.002, closing=0.34, closing_loss=0.05, cost=0.70),
        Channel("Direct", harvest=0.38, closing=0.37),
        Channel("Display", reach=0.80, lift=0.018, carry_over_days=9.0, visits=0.10, cost=0.35),
        Channel("Email", harvest=0.10, lift=0.020, carry_over_days=3.0, closing=0.07, closing_loss=0.10, cost=0.02),
        Channel(
            "Paid Search", harvest=0.26, lift=0.050, carry_over_days=4.0, closing=0.08, closing_loss=0.25, cost=1.40
        ),
        Channel("Paid Social", reach=0.75, lift=0.055, carry_over_days=8.0, visits=0.28, cost=0.90),
        Channel("Paid Video", reach=0.50, lift=0.090, carry_over_days=14.0, visits=0.32, cost=1.10),
        Channel(
            "Retargeting", retargeting=0.55, lift=0.006, carry_over_days=3.0, closing=0.09, closing_loss=0.06, cost=0.55
        ),
    )
)
"""Brand search, direct and retargeting harvest; video, social and display create; search and e-mail do both."""


@dataclass(frozen=True)
class Exposures:
    """One entry per exposure: person, day (float), channel number, bits of the channels it descends from."""

    person: Integers
    day: Floats
    channel: Integers
    lineage: Integers


@dataclass(frozen=True)
class Journeys:
    """What happened to ``people`` persons.

    ``exposures`` holds what would be shown if nobody ever bought; ``buy_day`` the day of the first order (infinite for
    those who do not buy in time), ``closing`` the channel number of the last visit before it (-1 if that visit was not
    tracked), ``entry`` the day a person came into the market.
    """

    market: Market
    people: int
    entry: Floats
    demand: Floats
    threshold: Floats
    closing: Integers
    closing_luck: Floats
    exposures: Exposures
    buy_day: Floats

    @property
    def bought(self) -> NDArray[np.bool_]:
        return np.isfinite(self.buy_day)

    def without(self, channels: tuple[int, ...]) -> NDArray[np.bool_]:
        """Who would have bought in time without these channels (numbers), every other draw being the same."""
        bought: NDArray[np.bool_] = self._end_hazard(channels) >= self.threshold
        return bought & ~self._lost_at_close(channels)

    def expected_loss(self, channels: tuple[int, ...]) -> float:
        """Expected orders lost without these channels, given who was shown what (no noise of thresholds)."""
        loss = self.market.column("closing")[list(channels)] @ self.market.column("closing_loss")[list(channels)]
        bought = -np.expm1(-self._end_hazard(()))
        left = -np.expm1(-self._end_hazard(channels)) * (1.0 - loss)
        return float(np.sum(bought - left))

    def _end_hazard(self, removed: tuple[int, ...]) -> Floats:
        own, weights = self._end_parts
        kept = np.where(self.exposures.lineage & _bits(removed), 0.0, weights) if removed else weights
        return own + np.bincount(self.exposures.person, weights=kept, minlength=self.people)

    @cached_property
    def _end_parts(self) -> tuple[Floats, Floats]:
        """Cumulative hazard at the end of the data: of each person's own demand, and of each exposure."""
        return _hazard_parts(self, np.full(self.people, float(self.market.days)))

    def _lost_at_close(self, channels: tuple[int, ...]) -> NDArray[np.bool_]:
        loss = np.append(self.market.column("closing_loss"), 0.0)
        lost: NDArray[np.bool_] = np.isin(self.closing, channels) & (self.closing_luck < loss[self.closing])
        return lost


def simulate_journeys(market: Market, people: int, generator: np.random.Generator) -> Journeys:
    """Draw demand, exposures and first orders of ``people`` persons."""
    entry = _entry_days(market.days, people, generator)
    demand = generator.gamma(market.demand_shape, market.demand_mean / market.demand_shape, people)
    exposures = _exposures(market, entry, demand, generator)
    closing_shares = np.cumsum(market.column("closing"))
    closing = np.searchsorted(closing_shares, generator.random(people), side="right")
    journeys = Journeys(
        market=market,
        people=people,
        entry=entry,
        demand=demand,
        threshold=generator.standard_exponential(people),
        closing=np.where(closing == len(market.channels), -1, closing),
        closing_luck=generator.random(people),
        exposures=exposures,
        buy_day=np.full(people, np.inf),
    )
    return with_buy_days(journeys)


def with_buy_days(journeys: Journeys, *, steps: int = 40) -> Journeys:
    """The same journeys with the day on which the cumulative hazard passes the threshold, by bisection."""
    end = float(journeys.market.days)
    buyers = np.flatnonzero(journeys.without(()))
    position = np.full(journeys.people, -1)
    position[buyers] = np.arange(len(buyers))
    mine = position[journeys.exposures.person] >= 0
    shown = journeys.exposures
    exposures = Exposures(position[shown.person[mine]], shown.day[mine], shown.channel[mine], shown.lineage[mine])
    part = _replace(journeys, buyers, exposures)
    low, high = part.entry.copy(), np.full(len(buyers), end)
    for _ in range(steps):
        middle = 0.5 * (low + high)
        passed = _hazard_at(part, middle) >= part.threshold
        high = np.where(passed, middle, high)
        low = np.where(passed, low, middle)
    buy_day = np.full(journeys.people, np.inf)
    buy_day[buyers] = high
    return replace(journeys, buy_day=buy_day)


def touches(journeys: Journeys) -> tuple[Integers, Floats, Integers]:
    """Person, day and channel of the exposures that took place: before the first order and the end of the data."""
    shown = journeys.exposures
    seen = (shown.day < journeys.market.days) & (shown.day < journeys.buy_day[shown.person])
    return shown.person[seen], shown.day[seen], shown.channel[seen]


def _replace(journeys: Journeys, people: Integers, exposures: Exposures) -> Journeys:
    return Journeys(
        market=journeys.market,
        people=len(people),
        entry=journeys.entry[people],
        demand=journeys.demand[people],
        threshold=journeys.threshold[people],
        closing=journeys.closing[people],
        closing_luck=journeys.closing_luck[people],
        exposures=exposures,
        buy_day=journeys.buy_day[people],
    )


def _bit(channel: Integers) -> Integers:
    bit: Integers = np.left_shift(1, channel)
    return bit


def _bits(channels: tuple[int, ...]) -> int:
    return sum(1 << channel for channel in set(channels))


def _hazard_at(journeys: Journeys, day: Floats) -> Floats:
    """Cumulative hazard of each person at their ``day``."""
    own, weights = _hazard_parts(journeys, day)
    return own + np.bincount(journeys.exposures.person, weights=weights, minlength=journeys.people)


def _hazard_parts(journeys: Journeys, day: Floats) -> tuple[Floats, Floats]:
    shown, market = journeys.exposures, journeys.market
    age = np.maximum(day[shown.person] - shown.day, 0.0)
    weights = market.column("lift")[shown.channel] * -np.expm1(-age / market.column("carry_over_days")[shown.channel])
    own = journeys.demand * -np.expm1(-np.maximum(day - journeys.entry, 0.0) / market.demand_days)
    return own, weights


def _entry_days(days: int, people: int, generator: np.random.Generator) -> Floats:
    """Days on which people come into the market: a mild yearly wave with its peak in late November."""
    edges = np.arange(days + 1)
    weight = 1.0 + 0.15 * np.cos(2 * np.pi * (edges[:-1] - 330) / 365.25)
    share = np.concatenate([[0.0], np.cumsum(weight)])
    return np.interp(generator.random(people), share / share[-1], edges)


def _exposures(market: Market, entry: Floats, demand: Floats, generator: np.random.Generator) -> Exposures:
    created = _created(market, entry, generator)
    visited = _visits(market, entry, demand, created, generator)
    followed = _followed(market, visited, generator)
    parts = (created, visited, followed)
    return Exposures(
        person=np.concatenate([part.person for part in parts]),
        day=np.concatenate([part.day for part in parts]),
        channel=np.concatenate([part.channel for part in parts]),
        lineage=np.concatenate([part.lineage for part in parts]),
    )


def _created(market: Market, entry: Floats, generator: np.random.Generator) -> Exposures:
    """What creating channels show, heavy users of media more of it, demand or not."""
    media_use = generator.gamma(2.0, 0.5, len(entry))
    people, channels = [], []
    for number, reach in enumerate(market.column("reach")):
        count = generator.poisson(reach * media_use)
        people.append(np.repeat(np.arange(len(entry)), count))
        channels.append(np.full(int(count.sum()), number))
    person, channel = np.concatenate(people), np.concatenate(channels)
    day = entry[person] + REACH_DAYS * generator.standard_exponential(len(person))
    return Exposures(person, day, channel, _bit(channel))


def _visits(
    market: Market, entry: Floats, demand: Floats, created: Exposures, generator: np.random.Generator
) -> Exposures:
    """Visits to the shop: from own demand, and from what creating channels showed; none if no channel carries any."""
    shares = np.cumsum(market.column("harvest"))
    open_shop = float(shares[-1] > 0)
    own = np.repeat(np.arange(len(entry)), generator.poisson(open_shop * market.visits_per_demand * demand))
    brought = np.repeat(
        np.arange(len(created.person)), generator.poisson(open_shop * market.column("visits")[created.channel])
    )
    delay = np.concatenate(
        [np.full(len(own), market.demand_days), market.column("carry_over_days")[created.channel[brought]]]
    )
    since = np.concatenate([entry[own], created.day[brought]])
    ancestors = np.concatenate([np.zeros(len(own), dtype=np.int64), created.lineage[brought]])
    channel = np.searchsorted(shares / max(shares[-1], 1e-12), generator.random(len(since)), side="right")
    return Exposures(
        person=np.concatenate([own, created.person[brought]]),
        day=since + delay * generator.standard_exponential(len(since)),
        channel=channel,
        lineage=ancestors | _bit(channel),
    )


def _followed(market: Market, visited: Exposures, generator: np.random.Generator) -> Exposures:
    """Retargeting: what visitors are shown afterwards."""
    visits, channels = [], []
    for number, mean in enumerate(market.column("retargeting")):
        count = generator.poisson(mean, len(visited.person))
        visits.append(np.repeat(np.arange(len(visited.person)), count))
        channels.append(np.full(int(count.sum()), number))
    visit, channel = np.concatenate(visits), np.concatenate(channels)
    day = visited.day[visit] + RETARGETING_DAYS * generator.standard_exponential(len(visit))
    return Exposures(visited.person[visit], day, channel, visited.lineage[visit] | _bit(channel))
