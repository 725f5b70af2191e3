"""BG/NBD: customers order at random at their own rate, and after each repeat order leave with their own chance.

Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model, Marketing
Science 24(2). The order rate comes from Gamma(r, alpha), the chance to leave from Beta(a, b). x repeat orders, the
last at t_x, observed until T; all times in one unit, from the first order on. Functions are pure and broadcast over
arrays.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from clv.arrays import FloatArray, Numbers, elementwise, floats, of_all
from clv.beta_geometric_likelihood import BetaGeometricLikelihood, maximise_beta_geometric
from clv.maximum_likelihood import LogNormalPrior, with_fallback
from clv.order_models import OrderFormulas, OrdersFit
from clv.patterns import Patterns, patterns_of
from clv.smooth_integrals import orders_within
from clv.special import discounted_while_alive, orders_while_alive, rate_while_alive, staying_while_alive

if TYPE_CHECKING:
    import pandas as pd
    from lifetimes import BetaGeoFitter

_TINY: Final = float(np.finfo(np.float64).tiny)  # keeps what has all but vanished above 0


def p_alive(x: Numbers, t_x: Numbers, T: Numbers, *, r: Numbers, alpha: Numbers, a: Numbers, b: Numbers) -> FloatArray:
    """P(alive at T | x, t_x, T); 1 without a repeat order, for nobody leaves before one (Fader, Hardie & Lee, note
    021).
    """
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
    repeat = np.greater(x, 0).astype(np.float64)
    silent = np.log((alpha + t_x) / (alpha + T))
    silent *= r + x
    np.exp(silent, out=silent)
    silent += _TINY
    left = a * repeat
    left /= b + (x - repeat)
    left += silent
    silent /= left
    return np.asarray(silent)


def p_alive_at(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """P(alive at T + t | x, t_x, T): alive at T, and not leaving after any order in (T, T + t]."""
    t, x, t_x, T = floats(t, x, t_x, T)
    staying = staying_while_alive(t / (alpha + T), r + x, b + x, a=a)
    return p_alive(x, t_x, T, r=r, alpha=alpha, a=a, b=b) * staying


def expected_orders(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """Expected orders in (T, T + t] of a customer with this history (2005, eq. 10), finite for all x, a and b."""

    def formula(x: FloatArray, t_x: FloatArray, T: FloatArray, while_alive: FloatArray) -> FloatArray:
        return _p_alive(x, t_x, T, r=r, alpha=alpha, a=a, b=b) * while_alive

    return elementwise(formula, *floats(x, t_x, T), orders_within(t, x, T, r=r, alpha=alpha, a=a, b=b))


def expected_orders_new(t: Numbers, *, r: float, alpha: float, a: float, b: float) -> FloatArray:
    """Expected repeat orders of a new customer within t of the first order (2005, eq. 9)."""
    (t,) = floats(t)
    return orders_while_alive(t / alpha, r, b, a=a)


def purchase_rate(
    s: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """Expected orders per time unit at T + s of a customer who was alive at T: the derivative of eq. 10 by t, over
    P(alive).
    """
    s, x, _, T = floats(s, x, t_x, T)
    return rate_while_alive(s / (alpha + T), r + x, b + x, a=a) / (alpha + T)


def probability_of_orders(
    n: Numbers, t: Numbers, *, r: float | FloatArray, alpha: float | FloatArray, a: float, b: float | FloatArray
) -> FloatArray:
    """P(X(t) = n): n repeat orders of a new customer within t of the first order (2005, eq. 8)."""
    from scipy.special import betainc, betaln, gammaln, xlogy

    n, t = np.broadcast_arrays(*floats(n, t))
    share = t / (alpha + t)
    repeats = np.maximum(n, 1)
    log_stayed = (
        betaln(a, b + n)
        - betaln(a, b)
        + gammaln(r + n)
        - gammaln(r)
        - gammaln(n + 1)
        - r * np.log1p(t / alpha)
        + xlogy(n, share)
    )
    left = np.exp(betaln(a + 1, b + repeats - 1) - betaln(a, b)) * betainc(repeats, r, share)
    return np.exp(log_stayed) + np.where(n > 0, left, 0.0)


def probability_of_orders_given(
    n: Numbers, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """P(n orders in (T, T + t] | x, t_x, T): who is alive is a newcomer under the law of its rate and chance now."""
    n, t, x, t_x, T = floats(n, t, x, t_x, T)
    among_living = probability_of_orders(n, t, r=r + x, alpha=alpha + T, a=a, b=b + x)
    return of_all(n, p_alive(x, t_x, T, r=r, alpha=alpha, a=a, b=b), among_living)


def probability_of_no_order(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """P(no order in (T, T + t] | x, t_x, T): the customer has left, or is alive and orders nothing."""
    t, x, t_x, T = floats(t, x, t_x, T)
    repeat = np.minimum(x, 1)
    left = a * repeat / (b + x - repeat)  # against a silence since t_x, both chances being relative to an order at t_x
    silent = np.exp((r + x) * np.log((alpha + t_x) / (alpha + T))) + _TINY
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
    """Expected orders in (T, T + horizon], each times exp(-delta time since T): DERT when the horizon is infinite.

    ``delta`` is the continuous discount rate per time unit, ln(1 + annual rate) / units per year; it must be
    positive for an infinite horizon.
    """
    delta, x, t_x, T, horizon = floats(delta, x, t_x, T, horizon)
    alive = discounted_while_alive(delta * (alpha + T), horizon / (alpha + T), r + x, b + x, a=a)
    return p_alive(x, t_x, T, r=r, alpha=alpha, a=a, b=b) * alive


def discounted_orders_new(
    delta: Numbers, *, horizon: Numbers = np.inf, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """Discounted repeat orders of a new customer, from the first order on; the first order itself is not counted."""
    delta, horizon = floats(delta, horizon)
    return discounted_while_alive(delta * alpha, horizon / alpha, r, b, a=a)


@dataclass(frozen=True)
class BetaGeo:
    """The BG/NBD model, to be fitted: ``BetaGeo().fit(histories)``.

    Attributes
    ----------
    prior : LogNormalPrior, optional
        For small samples: fit by maximum a posteriori instead; ``weak_prior`` gives one that says little.
    fallback : LogNormalPrior, optional
        Used only where the likelihood has no maximum, as where nobody is seen to leave; a ModelWarning says so.
    """

    prior: LogNormalPrior | None = None
    fallback: LogNormalPrior | None = None

    def fit(self, histories: "pd.DataFrame") -> "BetaGeoFit":
        """Fit by maximum likelihood.

        Parameters
        ----------
        histories : DataFrame
            frequency, recency, T in one time unit; optionally weight (customers per row).

        Returns
        -------
        BetaGeoFit
            Converged: gradient and curvature were checked.

        Raises
        ------
        InputError
            Impossible histories, all kinds at once.
        ModelError
            No repeat orders, or no maximum inside the range of believable parameters.
        """
        return fit_patterns(patterns_of(histories), prior=self.prior, fallback=self.fallback)


def weak_prior(*, days_per_unit: float) -> LogNormalPrior:
    """A prior for BG/NBD and MBG/NBD that any shop's data outweigh: medians r 0.5, alpha 60 days, a 0.8, b 2.5.

    Two thirds of it lie within a factor of 20 (a standard deviation of 3 in the logarithm): where the likelihood only
    grows towards an edge, it stops the parameters there without moving the forecast by more than about a hundredth.
    ``days_per_unit`` is 7 for histories in weeks.
    """
    return LogNormalPrior.independent({"r": 0.5, "alpha": 60 / days_per_unit, "a": 0.8, "b": 2.5}, log_sd=3.0)


def fit_patterns(
    patterns: Patterns, *, prior: LogNormalPrior | None = None, fallback: LogNormalPrior | None = None
) -> "BetaGeoFit":
    """Fit BG/NBD to distinct patterns; see ``BetaGeo.fit``."""
    estimate = partial(maximise_beta_geometric, patterns, model="BG/NBD", survived=0)
    return BetaGeoFit(with_fallback(estimate, prior=prior, fallback=fallback), patterns)


@dataclass(frozen=True)
class BetaGeoFit(OrdersFit):
    """A fitted BG/NBD."""

    formulas: ClassVar[OrderFormulas] = OrderFormulas.of_module(
        __name__, likelihood=partial(BetaGeometricLikelihood, survived=0)
    )

    def to_lifetimes(self) -> "BetaGeoFitter":
        """lifetimes' own fitter with these parameters set."""
        from clv.lifetimes_fitters import beta_geo_fitter

        return beta_geo_fitter(self)
