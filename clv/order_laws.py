"""Laws of orders: what customers with a history do next, under BG/NBD, MBG/NBD and Pareto/NBD.

All moments of the future come from two densities of a customer alive at T: m1(s), expected orders per unit of time at
T + s, and m2(u), expected pairs of orders with the later at T + u and the earlier at any one time before it, which does
not matter.

Under BG/NBD and MBG/NBD such a customer has an order rate from Gamma(r + x, alpha + T) and leaves after each order with
a chance p from Beta(a, b + x), under MBG/NBD from Beta(a, b + x + 1), for it also stayed after its first order. Given
both, orders come at T + s with density lambda exp(-lambda p s), pairs at s < u with lambda^2 (1 - p) exp(-lambda p u).
Where each day holds one purchase at most, T and alpha are those of `clv.purchase_days`.

Under Pareto/NBD the order rate comes from Gamma(r + x, alpha + T) and, independent of it, the rate of leaving mu from
Gamma(s, beta + T) (Fader & Hardie, note 009): the densities are lambda exp(-mu s) and lambda^2 exp(-mu u), and their
expectations closed forms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeAlias

import numpy as np

from clv.arrays import elementwise
from clv.calendar import Floats
from clv.smooth_integrals import orders_within, sums_along
from clv.special import rate_while_alive

FittedModelName: TypeAlias = Literal["bg_nbd", "mbg_nbd", "pareto_nbd"]
Values: TypeAlias = float | Floats
"""One number for all customers, or one for each."""


@dataclass(frozen=True)
class LivingCustomers:
    """Customers alive at T, drawn: arrays of one shape.

    Attributes
    ----------
    rate : ndarray of float
        Orders per unit of time.
    leaving : ndarray of float
        Chance to leave after each order.
    lifetime : ndarray of float
        Time after T at which they leave whether they order or not; may be infinite.
    """

    rate: Floats
    leaving: Floats
    lifetime: Floats


class OrderLaw(Protocol):
    """A law of orders with its parameters, in one unit of time; arrays broadcast."""

    @property
    def model(self) -> FittedModelName:
        """Its name in settings."""

    @property
    def parameters(self) -> Mapping[str, float]:
        """By name, in the order in which they are fitted."""

    @property
    def day(self) -> float:
        """The time that holds one purchase at most, see `clv.purchase_days`; 0 where time is continuous."""

    def with_parameters(self, values: Sequence[float]) -> Self:
        """The same law with other parameters."""

    @property
    def time_scale(self) -> float:
        """The densities have their singularity at s = -(time_scale + T)."""

    def p_alive(self, x: Floats, t_x: Floats, T: Floats) -> Floats:
        """P(alive at T | x, t_x)."""

    def p_alive_under(self, parameters: Sequence[Values], x: Floats, t_x: Floats, T: Floats) -> Floats:
        """The same under these parameters in place of its own: numbers, or columns with a row for each answer."""

    def expected_orders_new(self, t: Floats) -> Floats:
        """Expected repeat orders of a new customer within t of the first order."""

    def order_density(self, s: Floats, x: Floats, T: Floats) -> Floats:
        """m1(s) of a customer alive at T."""

    def pair_density(self, u: Floats, x: Floats, T: Floats) -> Floats:
        """m2(u) of a customer alive at T."""

    def order_sums(self, x: Floats, T: Floats, *, time: Floats, weights: Floats) -> Floats:
        """Sums over the times (n,) of weights (sums, n) times `order_density`, shape (sums, pairs)."""

    def pair_sums(self, x: Floats, T: Floats, *, time: Floats, weights: Floats) -> Floats:
        """Sums over the times (n,) of weights (sums, n) times `pair_density`, shape (sums, pairs)."""

    def probability_among_living(self, n: Floats, t: float, x: Floats, T: Floats) -> Floats:
        """P(n orders in (T, T + t] | x, alive at T)."""

    def draw_living(
        self, parameters: Sequence[Values], x: Floats, T: Floats, rng: np.random.Generator
    ) -> LivingCustomers:
        """Draw customers alive at T under these parameters, in place of its own."""


@dataclass(frozen=True)
class BetaGeometricLaw:
    """BG/NBD or MBG/NBD.

    Attributes
    ----------
    r, alpha, a, b : float
    chances_before_repeat : int
        Chances to leave before the first repeat order: 0 under BG/NBD, 1 under MBG/NBD.
    day : float
        The time that holds one purchase at most; 0 where time is continuous.
    """

    r: float
    alpha: float
    a: float
    b: float
    chances_before_repeat: int = 0
    day: float = 0.0

    @property
    def model(self) -> FittedModelName:
        return "mbg_nbd" if self.chances_before_repeat else "bg_nbd"

    @property
    def parameters(self) -> Mapping[str, float]:
        return {"r": self.r, "alpha": self.alpha, "a": self.a, "b": self.b}

    def with_parameters(self, values: Sequence[float]) -> "BetaGeometricLaw":
        r, alpha, a, b = values
        return BetaGeometricLaw(r, alpha, a, b, self.chances_before_repeat, self.day)

    @property
    def time_scale(self) -> float:
        return self.alpha + self.day * (self.r + 1) / 2

    def p_alive(self, x: Floats, t_x: Floats, T: Floats) -> Floats:
        return self.p_alive_under((self.r, self.alpha, self.a, self.b), x, t_x, T)

    def p_alive_under(self, parameters: Sequence[Values], x: Floats, t_x: Floats, T: Floats) -> Floats:
        from clv import beta_geo, modified_beta_geo

        formula = modified_beta_geo.p_alive if self.chances_before_repeat else beta_geo.p_alive
        taken = self.day * x / 2
        r, alpha, a, b = parameters
        return formula(x, t_x - taken, T - taken, r=r, alpha=alpha, a=a, b=b)

    def expected_orders_new(self, t: Floats) -> Floats:
        from clv import beta_geo, modified_beta_geo

        formula = modified_beta_geo.expected_orders_new if self.chances_before_repeat else beta_geo.expected_orders_new
        return formula(t, r=self.r, alpha=self.time_scale, a=self.a, b=self.b)

    def expected_orders(self, t: Floats, x: Floats, t_x: Floats, T: Floats) -> Floats:
        """Expected orders in (T, T + t] given the history; t of each customer its own."""
        while_alive = orders_within(t, x, T, r=self.r, alpha=self.time_scale, a=self.a, b=self.b_of_the_living)
        return elementwise(np.multiply, self.p_alive(x, t_x, T), while_alive)

    @property
    def b_of_the_living(self) -> float:
        """b of the chance to leave, Beta(a, b + x), of a customer alive after x repeat orders."""
        return self.b + self.chances_before_repeat

    def order_density(self, s: Floats, x: Floats, T: Floats) -> Floats:
        return self._rate(x, T) * self.decline(s / (self.time_scale + T), x)

    def pair_density(self, u: Floats, x: Floats, T: Floats) -> Floats:
        return self._pair_rate(x, T) * self.decline(u / (self.time_scale + T), x + 1)

    def order_sums(self, x: Floats, T: Floats, *, time: Floats, weights: Floats) -> Floats:
        return self._rate(x, T) * sums_along(self.decline, x, self.time_scale + T, time=time, weights=weights)

    def pair_sums(self, x: Floats, T: Floats, *, time: Floats, weights: Floats) -> Floats:
        return self._pair_rate(x, T) * sums_along(self.decline, x + 1, self.time_scale + T, time=time, weights=weights)

    def probability_among_living(self, n: Floats, t: float, x: Floats, T: Floats) -> Floats:
        # A newcomer to BG/NBD whose parameters are those of the living (Fader, Hardie & Lee 2005, eq. 8).
        from clv.beta_geo import probability_of_orders

        return probability_of_orders(
            n, t, r=self.r + x, alpha=self.time_scale + T, a=self.a, b=self.b_of_the_living + x
        )  # fmt: skip

    def draw_living(
        self, parameters: Sequence[Values], x: Floats, T: Floats, rng: np.random.Generator
    ) -> LivingCustomers:
        r, alpha, a, b = parameters
        rate = rng.gamma(r + x) / (alpha + self.day * (r + 1) / 2 + T)
        leaving = rng.beta(a, b + self.chances_before_repeat + x)
        return LivingCustomers(rate, leaving, np.full(x.shape, np.inf))

    def decline(self, z: Floats, x: Floats) -> Floats:
        """The order rate of a customer alive at T at time T + z (time_scale + T), relative to that at T."""
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
        return np.asarray((self.r + x) / (self.time_scale + T), dtype=np.float64)

    def _pair_rate(self, x: Floats, T: Floats) -> Floats:
        stays = (self.b_of_the_living + x) / (self.a + self.b_of_the_living + x)
        return self._rate(x, T) * self._rate(x + 1, T) * stays


@dataclass(frozen=True)
class ParetoLaw:
    """Pareto/NBD.

    Attributes
    ----------
    r, alpha, s, beta : float
    """

    r: float
    alpha: float
    s: float
    beta: float

    @property
    def model(self) -> FittedModelName:
        return "pareto_nbd"

    @property
    def parameters(self) -> Mapping[str, float]:
        return {"r": self.r, "alpha": self.alpha, "s": self.s, "beta": self.beta}

    @property
    def day(self) -> float:
        return 0.0

    def with_parameters(self, values: Sequence[float]) -> "ParetoLaw":
        r, alpha, s, beta = values
        return ParetoLaw(r, alpha, s, beta)

    @property
    def time_scale(self) -> float:
        return self.beta

    def p_alive(self, x: Floats, t_x: Floats, T: Floats) -> Floats:
        from clv import pareto_nbd

        return pareto_nbd.p_alive(x, t_x, T, **self.parameters)

    def p_alive_under(self, parameters: Sequence[Values], x: Floats, t_x: Floats, T: Floats) -> Floats:
        rows = zip(*(np.ravel(values).tolist() for values in np.broadcast_arrays(*parameters)), strict=True)
        return np.stack([self.with_parameters(row).p_alive(x, t_x, T) for row in rows])

    def expected_orders_new(self, t: Floats) -> Floats:
        from clv import pareto_nbd

        return pareto_nbd.expected_orders_new(t, **self.parameters)

    def order_density(self, s: Floats, x: Floats, T: Floats) -> Floats:
        return self._rate(x, T) * self._still_there(s, T)

    def pair_density(self, u: Floats, x: Floats, T: Floats) -> Floats:
        return self._rate(x, T) * self._rate(x + 1, T) * self._still_there(u, T)

    def order_sums(self, x: Floats, T: Floats, *, time: Floats, weights: Floats) -> Floats:
        return self._rate(x, T) * self._sums(T, time, weights)

    def pair_sums(self, x: Floats, T: Floats, *, time: Floats, weights: Floats) -> Floats:
        return self._rate(x, T) * self._rate(x + 1, T) * self._sums(T, time, weights)

    def probability_among_living(self, n: Floats, t: float, x: Floats, T: Floats) -> Floats:
        # A newcomer to Pareto/NBD whose rates come from the distributions of the living.
        from clv.pareto_nbd import probability_of_orders

        return probability_of_orders(n, t, r=self.r + x, alpha=self.alpha + T, s=self.s, beta=self.beta + T)

    def draw_living(
        self, parameters: Sequence[Values], x: Floats, T: Floats, rng: np.random.Generator
    ) -> LivingCustomers:
        r, alpha, s, beta = parameters
        rate = rng.gamma(r + x) / (alpha + T)
        leaving = rng.standard_gamma(s, x.shape) / (beta + T)
        with np.errstate(divide="ignore", over="ignore"):
            lifetime = rng.standard_exponential(x.shape) / leaving
        return LivingCustomers(rate, np.zeros(x.shape), lifetime)

    def _still_there(self, s: Floats, T: Floats) -> Floats:
        return np.asarray(np.exp(-self.s * np.log1p(s / (self.beta + T))), dtype=np.float64)

    def _sums(self, T: Floats, time: Floats, weights: Floats) -> Floats:
        ages, index = np.unique(T, return_inverse=True)
        found: Floats = weights @ self._still_there(time[:, None], ages)
        return found[:, index]

    def _rate(self, x: Floats, T: Floats) -> Floats:
        return np.asarray((self.r + x) / (self.alpha + T), dtype=np.float64)
