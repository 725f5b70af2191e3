"""MBG/NBD: as BG/NBD, but a customer may leave after the first order too, so that one-time buyers may be gone.

Batislam, Denizel & Filiztekin (2007), Empirical validation and comparison of models for customer base analysis, IJRM
24(3), with the erratum of Wagner & Hoppe (2008). The order rate comes from Gamma(r, alpha), the chance to leave after
each order, the first included, from Beta(a, b). Functions are pure and broadcast over arrays.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from clv import beta_geo
from clv.arrays import FloatArray, Numbers, elementwise, floats, of_all
from clv.beta_geometric_likelihood import BetaGeometricLikelihood, maximise_beta_geometric
from clv.maximum_likelihood import LogNormalPrior, with_fallback
from clv.order_models import OrderFormulas, OrdersFit
from clv.patterns import Patterns, patterns_of
from clv.smooth_integrals import orders_within
from clv.special import discounted_while_alive, rate_while_alive, staying_while_alive

if TYPE_CHECKING:
    import pandas as pd
    from lifetimes import ModifiedBetaGeoFitter


def p_alive(x: Numbers, t_x: Numbers, T: Numbers, *, r: Numbers, alpha: Numbers, a: Numbers, b: Numbers) -> FloatArray:
    """P(alive at T | x, t_x, T) (2007, appendix A, eq. 5); below 1 even without a repeat order."""
    return elementwise(_p_alive, *floats(x, t_x, T, r, alpha, a, b))


def _p_alive(
    x: FloatArray,
    t_x: FloatArray,
    T: FloatArray,
    r: float | FloatArray,
    alpha: float | FloatArray,
    a: float | FloatArray,
    b: float | FloatArray,
) -> FloatArray:
    silent = np.exp((r + x) * np.log((alpha + t_x) / (alpha + T)))
    return np.asarray(silent / (silent + a / (b + x)))


def p_alive_at(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """P(alive at T + t | x, t_x, T): alive at T, and not leaving after any order in (T, T + t]."""
    t, x, t_x, T = floats(t, x, t_x, T)
    staying = staying_while_alive(t / (alpha + T), r + x, b + x + 1, a=a)
    return p_alive(x, t_x, T, r=r, alpha=alpha, a=a, b=b) * staying


def expected_orders(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """Expected orders in (T, T + t] of a customer with this history (2008), finite for all x, a and b."""

    def formula(x: FloatArray, t_x: FloatArray, T: FloatArray, while_alive: FloatArray) -> FloatArray:
        return _p_alive(x, t_x, T, r=r, alpha=alpha, a=a, b=b) * while_alive

    return elementwise(formula, *floats(x, t_x, T), orders_within(t, x, T, r=r, alpha=alpha, a=a, b=b + 1))


def expected_orders_new(t: Numbers, *, r: float, alpha: float, a: float, b: float) -> FloatArray:
    """Expected repeat orders of a new customer within t of the first order."""
    return expected_orders(t, 0, 0, 0, r=r, alpha=alpha, a=a, b=b)


def purchase_rate(
    s: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """Expected orders per time unit at T + s of a customer who was alive at T."""
    s, x, _, T = floats(s, x, t_x, T)
    return rate_while_alive(s / (alpha + T), r + x, b + x + 1, a=a) / (alpha + T)


def probability_of_orders(n: Numbers, t: Numbers, *, r: float, alpha: float, a: float, b: float) -> FloatArray:
    """P(X(t) = n): n repeat orders of a new customer within t of the first order (2007, eq. 8)."""
    from scipy.special import betainc, betaln, gammaln, xlogy

    n, t = np.broadcast_arrays(*floats(n, t))
    share = t / (alpha + t)
    log_orders = gammaln(r + n) - gammaln(r) - gammaln(n + 1) - r * np.log1p(t / alpha) + xlogy(n, share)
    stayed = np.exp(betaln(a, b + n + 1) - betaln(a, b) + log_orders)
    reached = np.where(n > 0, betainc(np.maximum(n, 1), r, share), 1.0)
    return np.asarray(stayed + np.exp(betaln(a + 1, b + n) - betaln(a, b)) * reached)


def probability_of_orders_given(
    n: Numbers, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """P(n orders in (T, T + t] | x, t_x, T): who is alive, and so stayed x + 1 times, is a newcomer to BG/NBD."""
    n, t, x, t_x, T = floats(n, t, x, t_x, T)
    among_living = beta_geo.probability_of_orders(n, t, r=r + x, alpha=alpha + T, a=a, b=b + 1 + x)
    return of_all(n, p_alive(x, t_x, T, r=r, alpha=alpha, a=a, b=b), among_living)


def probability_of_no_order(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """P(no order in (T, T + t] | x, t_x, T): the customer has left, or is alive and orders nothing."""
    t, x, t_x, T = floats(t, x, t_x, T)
    left = a / (b + x)  # against a silence since t_x, both chances being relative to an order at t_x
    silent = np.exp((r + x) * np.log((alpha + t_x) / (alpha + T)))
    return np.asarray((left + silent * np.exp(-(r + x) * np.log1p(t / (alpha + T)))) / (left + silent))


def discounted_orders(
    delta: Numbers,
    x: Numbers,
    t_x: Numbers,
    T: Numbers,
    *,
    horizon: Numbers = np.inf,
    r: float,
    alpha: float,
    a: float,
    b: float,
) -> FloatArray:
    """Expected orders in (T, T + horizon], each times exp(-delta time since T): DERT when the horizon is infinite."""
    delta, x, t_x, T, horizon = floats(delta, x, t_x, T, horizon)
    alive = discounted_while_alive(delta * (alpha + T), horizon / (alpha + T), r + x, b + x + 1, a=a)
    return p_alive(x, t_x, T, r=r, alpha=alpha, a=a, b=b) * alive


def discounted_orders_new(
    delta: Numbers, *, horizon: Numbers = np.inf, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """Discounted repeat orders of a new customer, from the first order on; the first order itself is not counted."""
    return discounted_orders(delta, 0, 0, 0, horizon=horizon, r=r, alpha=alpha, a=a, b=b)


@dataclass(frozen=True)
class ModifiedBetaGeo:
    """The MBG/NBD model, to be fitted: ``ModifiedBetaGeo().fit(histories)``.

    Attributes
    ----------
    prior : LogNormalPrior, optional
        On r, alpha, a and b, for small samples: fit by maximum a posteriori instead.
    fallback : LogNormalPrior, optional
        Used only where the likelihood has no maximum, as where nobody is seen to leave; a ModelWarning says so.
    """

    prior: LogNormalPrior | None = None
    fallback: LogNormalPrior | None = None

    def fit(self, histories: "pd.DataFrame") -> "ModifiedBetaGeoFit":
        """Fit by maximum likelihood to frequency, recency, T, optionally weight; raises as ``BetaGeo.fit`` does."""
        return fit_patterns(patterns_of(histories), prior=self.prior, fallback=self.fallback)


def fit_patterns(
    patterns: Patterns, *, prior: LogNormalPrior | None = None, fallback: LogNormalPrior | None = None
) -> "ModifiedBetaGeoFit":
    """Fit MBG/NBD to distinct patterns; see ``ModifiedBetaGeo.fit``."""
    estimate = partial(maximise_beta_geometric, patterns, model="MBG/NBD", survived=1)
    return ModifiedBetaGeoFit(with_fallback(estimate, prior=prior, fallback=fallback), patterns)


@dataclass(frozen=True)
class ModifiedBetaGeoFit(OrdersFit):
    """A fitted MBG/NBD."""

    formulas: ClassVar[OrderFormulas] = OrderFormulas.of_module(
        __name__, likelihood=partial(BetaGeometricLikelihood, survived=1)
    )

    def to_lifetimes(self) -> "ModifiedBetaGeoFitter":
        """lifetimes' own fitter with these parameters set."""
        from clv.lifetimes_fitters import modified_beta_geo_fitter

        return modified_beta_geo_fitter(self)
