"""What customers will order: exact moments of the future given the past, and draws of it.

All moments are integrals of the two densities of a law of orders, see `clv.order_laws`.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clv.calendar import Floats
from clv.order_laws import OrderLaw, Values
from clv.special import legendre_nodes

Span: TypeAlias = tuple[float, float]
"""Two times after T: what happens after the first and up to the second counts."""

_DIGITS: Final = 12.2  # of an integral over a panel: eight nodes where it is as long as its distance from -scale


@dataclass(frozen=True)
class OrderMoments:
    """Moments of the orders to come of customers alive at T; entry j belongs to the j-th pair (x, T).

    With D the sum over the orders to come of the discount exp(-delta s) at their times s:

    Attributes
    ----------
    orders, discounted : ndarray of float, shape (periods, pairs)
        Expected number, and expected discounted number, of orders in each period.
    squares : ndarray of float, shape (pairs,), or (periods, pairs) where each period stands for itself
        Expected sum of exp(-2 delta s).
    products : ndarray of float, of the shape of ``squares``
        Expected sum of exp(-delta (s + u)) over ordered pairs of different orders: E[D^2] = squares + products.
    """

    orders: Floats
    discounted: Floats
    squares: Floats
    products: Floats


def order_moments(law: OrderLaw, x: Floats, T: Floats, *, edges: Floats, delta: float) -> OrderMoments:
    """The moments over the periods between ``edges`` (times after T), discounted at ``delta`` per unit of time.

    The first edge may lie after T: ``squares`` and ``products`` count the orders between the first and the last edge.
    Each period is cut into panels that are no longer than their distance from the densities' singularity, which lies
    before T; on a panel eight nodes at most are exact to some ten digits.
    """
    found = _moments(law, x, T, edges, delta, np.zeros(len(edges) - 1, dtype=np.intp))
    return OrderMoments(found.orders, found.discounted, found.squares[0], found.products[0])


def order_moments_by_period(law: OrderLaw, x: Floats, T: Floats, *, edges: Floats, delta: float) -> OrderMoments:
    """What `order_moments` finds for each period alone, in one pass."""
    return _moments(law, x, T, edges, delta, np.arange(len(edges) - 1))


def expected_discounted_orders(law: OrderLaw, x: Floats, T: Floats, *, edges: Floats, delta: float) -> Floats:
    """Expected discounted orders of customers alive at T in each period, shape (periods, pairs)."""
    time, weight, period = panel_nodes(edges, law.time_scale + float(T.min(initial=np.inf)))
    counted = np.where(period == np.arange(len(edges) - 1)[:, None], np.exp(-delta * time) * weight, 0.0)
    return law.order_sums(x, T, time=time, weights=counted)


def _moments(law: OrderLaw, x: Floats, T: Floats, edges: Floats, delta: float, group: NDArray[np.intp]) -> OrderMoments:
    """Moments whose squares and products are taken over the periods of each group, shape (groups, pairs)."""
    time, weight, period = panel_nodes(edges, law.time_scale + float(T.min(initial=np.inf)))
    firsts = np.flatnonzero(np.diff(group, prepend=-1))
    counted = np.where(period == np.arange(len(group))[:, None], weight, 0.0)
    together = np.add.reduceat(counted, firsts, axis=0)
    discount, start = np.exp(-delta * time), edges[firsts][group[period]]
    earlier = (np.exp(-delta * start) - discount) / delta if delta != 0 else time - start
    products = law.pair_sums(x, T, time=time, weights=2 * discount * earlier * together)
    if delta == 0:
        orders = law.order_sums(x, T, time=time, weights=counted)
        return OrderMoments(orders, orders, np.add.reduceat(orders, firsts, axis=0), products)
    sums = law.order_sums(
        x, T, time=time, weights=np.vstack([counted, discount * counted, discount**2 * together])
    )  # fmt: skip
    orders, discounted, squares = np.split(sums, [len(group), 2 * len(group)])
    return OrderMoments(orders, discounted, squares, products)


@dataclass(frozen=True)
class DrawnParameters:
    """Parameters of the customers that are simulated: numbers, or arrays that broadcast to their shape.

    Attributes
    ----------
    law : OrderLaw
        Which law of orders it is; its own parameters do not matter.
    orders : tuple of float or ndarray
        Of the law of orders, in its order.
    p, q, v : float or ndarray
        Of the law of spend.
    """

    law: OrderLaw
    orders: tuple[Values, ...]
    p: Values
    q: Values
    v: Values

    @classmethod
    def of_law(cls, law: OrderLaw, *, p: Values, q: Values, v: Values) -> "DrawnParameters":
        """The law with its own parameters."""
        return cls(law, tuple(law.parameters.values()), p, q, v)


def simulate_customers(
    parameters: DrawnParameters,
    p_alive: Floats,
    x: Floats,
    T: Floats,
    S: Floats,
    *,
    span: Span,
    delta: float,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """One draw of the future of each customer: the number of orders within the span and their discounted value.

    ``p_alive`` is the chance to be alive at T under these parameters, ``S`` the value of a customer's repeat purchases.
    Arrays of one shape; each entry is drawn independently.
    """
    alive = rng.random(x.shape) < p_alive
    chosen = np.flatnonzero(alive)

    def of_chosen(values: Values) -> Floats:
        return np.broadcast_to(np.asarray(values, dtype=np.float64), x.shape)[alive]

    past = x[alive]
    living = parameters.law.draw_living([of_chosen(values) for values in parameters.orders], past, T[alive], rng)
    p = of_chosen(parameters.p)
    with np.errstate(divide="ignore"):  # nu is infinite where no order is worth anything
        nu = np.maximum(rng.gamma(p * past + of_chosen(parameters.q)) / (of_chosen(parameters.v) + S[alive]), 1e-300)
    last = np.minimum(living.lifetime, span[1])
    orders, value = np.zeros(x.size), np.zeros(x.size)
    state: Floats = np.stack([np.zeros(len(chosen)), living.rate, living.leaving, last, p, nu])
    while len(chosen):
        with np.errstate(divide="ignore"):
            state[0] += rng.standard_exponential(len(chosen)) / state[1]
        here = state[0] <= state[3]
        chosen, state = chosen[here], state[:, here]
        time, _, leaving, _, p, nu = state
        counted = time > span[0]
        orders[chosen] += counted
        value[chosen] += counted * np.exp(-delta * time) * rng.gamma(p) / nu
        stays = rng.random(len(chosen)) >= leaving
        chosen, state = chosen[stays], state[:, stays]
    return orders.reshape(x.shape), value.reshape(x.shape)


def panel_nodes(edges: Floats, scale: float) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Nodes, weights and period of a composite rule whose panels grow no faster than their distance from -scale.

    The shorter a panel against that distance, the fewer of Gauss and Legendre's nodes it takes.
    """
    nodes, weights, periods = [], [], []
    for period, (first, last) in enumerate(pairwise(edges)):
        panels = max(1, int(np.ceil(np.log2((last + scale) / (first + scale)))))
        cuts = (first + scale) * ((last + scale) / (first + scale)) ** (np.arange(panels + 1) / panels) - scale
        cuts[0], cuts[-1] = first, last
        for lower, upper in pairwise(cuts):
            half = (upper - lower) / 2
            away = (lower + half + scale) / half
            point, weight = legendre_nodes(int(np.ceil(_DIGITS / np.log10(away + np.sqrt(away**2 - 1)) / 2)))
            nodes.append(lower + half * (point + 1))
            weights.append(half * weight)
            periods.append(np.full(len(point), period, dtype=np.intp))
    return np.concatenate(nodes), np.concatenate(weights), np.concatenate(periods)
