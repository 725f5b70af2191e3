"""What customers will order: exact moments of the future given the past, and draws of it.

Under BG/NBD and MBG/NBD a customer with history (x, t_x, T) who is alive at T has an order rate from Gamma(r + x, alpha
+ T) and leaves after each order with a chance p from Beta(a, b + x), under MBG/NBD from Beta(a, b + x + 1), for it also
stayed after its first order. Given both, orders come at T + s with density lambda exp(-lambda p s), and pairs of orders
at s < u with density lambda^2 (1 - p) exp(-lambda p u), which does not depend on s. Their expectations over rate and
chance are the densities m1 and m2 below; all moments integrate these.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clv.calendar import Floats
from clv.smooth_integrals import sums_along
from clv.special import legendre_nodes, rate_while_alive

Span: TypeAlias = tuple[float, float]
"""Two times after T: what happens after the first and up to the second counts."""

_DIGITS: Final = 12.2  # of an integral over a panel: eight nodes where it is as long as its distance from -scale


@dataclass(frozen=True)
class OrderLaw:
    """The four parameters of BG/NBD or MBG/NBD, in one unit of time.

    Attributes
    ----------
    r, alpha, a, b : float
    chances_before_repeat : int
        Chances to leave before the first repeat order: 0 under BG/NBD, 1 under MBG/NBD.
    """

    r: float
    alpha: float
    a: float
    b: float
    chances_before_repeat: int = 0

    def p_alive(self, x: Floats, t_x: Floats, T: Floats) -> Floats:
        """P(alive at T | x, t_x)."""
        from clv import beta_geo, modified_beta_geo

        formula = modified_beta_geo.p_alive if self.chances_before_repeat else beta_geo.p_alive
        return formula(x, t_x, T, r=self.r, alpha=self.alpha, a=self.a, b=self.b)

    def expected_orders_new(self, t: Floats) -> Floats:
        """Expected repeat orders of a new customer within t of the first order."""
        from clv import beta_geo, modified_beta_geo

        formula = modified_beta_geo.expected_orders_new if self.chances_before_repeat else beta_geo.expected_orders_new
        return formula(t, r=self.r, alpha=self.alpha, a=self.a, b=self.b)

    @property
    def b_of_the_living(self) -> float:
        """b of the chance to leave, Beta(a, b + x), of a customer alive after x repeat orders."""
        return self.b + self.chances_before_repeat

    def order_density(self, s: Floats, x: Floats, T: Floats) -> Floats:
        """m1(s): expected orders per unit of time at T + s, of a customer alive at T."""
        return self._rate(x, T) * self.decline(s / (self.alpha + T), x)

    def pair_density(self, u: Floats, x: Floats, T: Floats) -> Floats:
        """m2(u): expected pairs of orders with the later at T + u and the earlier at any one time before it."""
        return self._pair_rate(x, T) * self.decline(u / (self.alpha + T), x + 1)

    def order_sums(self, x: Floats, T: Floats, *, time: Floats, weights: Floats) -> Floats:
        """Sums over the times (n,) of weights (sums, n) times `order_density`, shape (sums, pairs)."""
        return self._rate(x, T) * sums_along(self.decline, x, self.alpha + T, time=time, weights=weights)

    def pair_sums(self, x: Floats, T: Floats, *, time: Floats, weights: Floats) -> Floats:
        """Sums over the times (n,) of weights (sums, n) times `pair_density`, shape (sums, pairs)."""
        return self._pair_rate(x, T) * sums_along(self.decline, x + 1, self.alpha + T, time=time, weights=weights)

    def decline(self, z: Floats, x: Floats) -> Floats:
        """The order rate of a customer alive at T at time T + z (alpha + T), relative to that at T."""
        # 2F1(r + x + 1, a; a + b + x; -z) by Pfaff's transformation on the smaller of the first two: then the series
        # converges at all z, and its terms stay small whatever x and a are.
        from scipy.special import hyp2f1

        smaller, larger = np.minimum(self.r + x + 1, self.a), np.maximum(self.r + x + 1, self.a)
        chances = self.a + self.b_of_the_living + x
        with np.errstate(over="ignore", invalid="ignore"):
            found = np.asarray((1 + z) ** -smaller * hyp2f1(smaller, chances - larger, chances, z / (1 + z)))
        missing = ~np.isfinite(found)
        if missing.any():
            # Hundreds of orders under a law by which nobody stays for them: the integral takes longer, but holds.
            z, x = (np.broadcast_to(values, found.shape)[missing] for values in (z, x))
            found[missing] = rate_while_alive(z, self.r + x, self.b_of_the_living + x, a=self.a) / (self.r + x)
        return found

    def _rate(self, x: Floats, T: Floats) -> Floats:
        return np.asarray((self.r + x) / (self.alpha + T), dtype=np.float64)

    def _pair_rate(self, x: Floats, T: Floats) -> Floats:
        stays = (self.b_of_the_living + x) / (self.a + self.b_of_the_living + x)
        return self._rate(x, T) * self._rate(x + 1, T) * stays


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
    Each period is cut into panels that are no longer than their distance from -(alpha + T), where the densities have
    their singularity; on a panel eight nodes at most are exact to some ten digits.
    """
    found = _moments(law, x, T, edges, delta, np.zeros(len(edges) - 1, dtype=np.intp))
    return OrderMoments(found.orders, found.discounted, found.squares[0], found.products[0])


def order_moments_by_period(law: OrderLaw, x: Floats, T: Floats, *, edges: Floats, delta: float) -> OrderMoments:
    """What `order_moments` finds for each period alone, in one pass."""
    return _moments(law, x, T, edges, delta, np.arange(len(edges) - 1))


def expected_discounted_orders(law: OrderLaw, x: Floats, T: Floats, *, edges: Floats, delta: float) -> Floats:
    """Expected discounted orders of customers alive at T in each period, shape (periods, pairs)."""
    time, weight, period = panel_nodes(edges, law.alpha + float(T.min(initial=np.inf)))
    counted = np.where(period == np.arange(len(edges) - 1)[:, None], np.exp(-delta * time) * weight, 0.0)
    return law.order_sums(x, T, time=time, weights=counted)


def _moments(law: OrderLaw, x: Floats, T: Floats, edges: Floats, delta: float, group: NDArray[np.intp]) -> OrderMoments:
    """Moments whose squares and products are taken over the periods of each group, shape (groups, pairs)."""
    time, weight, period = panel_nodes(edges, law.alpha + float(T.min(initial=np.inf)))
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
    r, alpha, a, b : float or ndarray
        Of the law of orders, b as `OrderLaw.b_of_the_living`.
    p, q, v : float or ndarray
        Of the law of spend.
    """

    r: float | Floats
    alpha: float | Floats
    a: float | Floats
    b: float | Floats
    p: float | Floats
    q: float | Floats
    v: float | Floats


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
    law = parameters
    alive = rng.random(x.shape) < p_alive
    chosen = np.flatnonzero(alive)

    def of_chosen(values: float | Floats) -> Floats:
        return np.broadcast_to(np.asarray(values, dtype=np.float64), x.shape)[alive]

    past = x[alive]
    rate = rng.gamma(of_chosen(law.r) + past) / (of_chosen(law.alpha) + T[alive])
    leaving = rng.beta(of_chosen(law.a), of_chosen(law.b) + past)
    p = of_chosen(law.p)
    nu = np.maximum(rng.gamma(p * past + of_chosen(law.q)) / (of_chosen(law.v) + S[alive]), 1e-300)
    orders, value = np.zeros(x.size), np.zeros(x.size)
    state: Floats = np.stack([np.zeros(len(chosen)), rate, leaving, p, nu])
    while len(chosen):
        with np.errstate(divide="ignore"):
            state[0] += rng.standard_exponential(len(chosen)) / state[1]
        here = state[0] <= span[1]
        chosen, state = chosen[here], state[:, here]
        time, _, leaving, p, nu = state
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
