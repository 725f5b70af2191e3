"""Repeat orders and spend whose parameters are known: BG/NBD and Gamma-Gamma per segment.

Formulas: Fader, Hardie & Lee (2005), "Counting your customers the easy way" (BG/NBD), and Fader & Hardie (2013), "The
Gamma-Gamma model of monetary value". Times are in days.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Segment:
    """Customers who share parameters: rate ~ Gamma(r, alpha), dropout ~ Beta(a, b), spend ~ Gamma-Gamma(p, q, v)."""

    country: str
    acquisition: str
    r: float
    alpha: float
    a: float
    b: float
    p: float
    q: float
    v: float

    @property
    def name(self) -> str:
        return f"{self.country} / {self.acquisition}"

    @property
    def mean_spend(self) -> float:
        """Mean order value of the segment, ``p * v / (q - 1)``."""
        return self.p * self.v / (self.q - 1.0)


COUNTRIES = ("DE", "FR", "GB")
COUNTRY_SHARES = (0.5, 0.3, 0.2)
ACQUISITIONS = ("advertising", "own demand")
SEGMENTS = (
    Segment("DE", "advertising", r=0.60, alpha=70.0, a=1.00, b=2.2, p=6.0, q=4.0, v=26.0),
    Segment("DE", "own demand", r=0.95, alpha=62.0, a=0.75, b=3.6, p=6.0, q=4.0, v=31.0),
    Segment("FR", "advertising", r=0.50, alpha=80.0, a=1.10, b=2.0, p=5.0, q=3.6, v=27.0),
    Segment("FR", "own demand", r=0.80, alpha=66.0, a=0.80, b=3.0, p=5.0, q=3.6, v=32.0),
    Segment("GB", "advertising", r=0.70, alpha=66.0, a=0.90, b=2.6, p=7.0, q=4.5, v=33.0),
    Segment("GB", "own demand", r=1.10, alpha=58.0, a=0.70, b=4.2, p=7.0, q=4.5, v=38.0),
)
"""Who came by advertising buys less and leaves sooner; segment number = 2 * country number + acquisition number."""


@dataclass(frozen=True)
class Orders:
    """One entry per order: buyer (index into the buyers), day (float), value in cents, is it the buyer's first?"""

    buyer: Integers
    day: Floats
    cents: Integers
    first: NDArray[np.bool_]


def simulate_orders(
    first_day: Floats,
    segment: Integers,
    *,
    end: float,
    generator: np.random.Generator,
    segments: tuple[Segment, ...] = SEGMENTS,
) -> Orders:
    """First and repeat orders of each buyer until ``end``, with values.

    Parameters
    ----------
    first_day
        Day of each buyer's first order.
    segment
        Number of each buyer's segment.
    end
        Day after which nothing is simulated.
    generator
        Source of randomness.
    segments
        The segments' parameters.
    """
    buyer, day = _repeat_orders(first_day, segment, end=end, generator=generator, segments=segments)
    everyone = np.arange(len(first_day))
    buyers = np.concatenate([everyone, buyer])
    return Orders(
        buyer=buyers,
        day=np.concatenate([first_day, day]),
        cents=_order_values(buyers, segment, generator=generator, segments=segments),
        first=np.arange(len(buyers)) < len(first_day),
    )


def _repeat_orders(
    first_day: Floats, segment: Integers, *, end: float, generator: np.random.Generator, segments: tuple[Segment, ...]
) -> tuple[Integers, Floats]:
    """Orders of a Poisson process from the first order on, cut after the order that is followed by dropout."""
    r, alpha, a, b = (np.array([getattr(s, field) for s in segments])[segment] for field in ("r", "alpha", "a", "b"))
    rate = generator.gamma(r, 1.0 / alpha)
    dropout = generator.beta(a, b)
    lifetime_orders = generator.geometric(np.maximum(dropout, 1e-12))
    age = np.maximum(end - first_day, 0.0)
    buyer = np.repeat(np.arange(len(first_day)), generator.poisson(rate * age))
    day = first_day[buyer] + age[buyer] * generator.random(len(buyer))
    order = np.lexsort((day, buyer))
    buyer, day = buyer[order], day[order]
    starts = np.searchsorted(buyer, buyer, side="left")
    alive = np.arange(len(buyer)) - starts < lifetime_orders[buyer]
    return buyer[alive], day[alive]


def _order_values(
    buyer: Integers, segment: Integers, *, generator: np.random.Generator, segments: tuple[Segment, ...]
) -> Integers:
    """Values in cents, at least one: order ~ Gamma(p, rate nu), nu ~ Gamma(q, rate v) per buyer."""
    p, q, v = (np.array([getattr(s, field) for s in segments])[segment] for field in ("p", "q", "v"))
    nu = generator.gamma(q, 1.0 / v)
    value = generator.gamma(p[buyer], 1.0 / nu[buyer])
    cents: Integers = np.maximum(np.rint(100.0 * value), 1.0).astype(np.int64)
    return cents
