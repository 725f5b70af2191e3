"""Pareto/NBD: customers order at random at their own rate, and leave at their own rate, ordering or not.

Schmittlein, Morrison & Colombo (1987), Counting Your Customers: Who Are They and What Will They Do Next?, Management
Science 33(1), in the form of Fader & Hardie, note 009. The order rate comes from Gamma(r, alpha), the rate of leaving
from Gamma(s, beta). Functions are pure and broadcast over arrays.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from clv.arrays import FloatArray, Numbers, elementwise, floats, of_all
from clv.distinct_rows import distinct
from clv.maximum_likelihood import LogNormalPrior, with_fallback
from clv.order_models import OrderFormulas, OrdersFit
from clv.orders_before_leaving import orders_before_leaving
from clv.pareto_nbd_likelihood import ParetoLikelihood, log_odds_left, maximise_pareto
from clv.patterns import Patterns, patterns_of
from clv.special import discounted

if TYPE_CHECKING:
    import pandas as pd
    from lifetimes import ParetoNBDFitter


def p_alive(x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, s: float, beta: float) -> FloatArray:
    """P(alive at T | x, t_x, T) (note 009, eq. 36)."""
    from scipy.special import expit

    def formula(x: FloatArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        return np.asarray(expit(-log_odds_left(x, t_x, T, r=r, alpha=alpha, s=s, beta=beta)))

    return elementwise(formula, *floats(x, t_x, T))


def p_alive_at(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, s: float, beta: float
) -> FloatArray:
    """P(alive at T + t | x, t_x, T): alive at T, times ((beta + T) / (beta + T + t))^s."""
    t, x, t_x, T = floats(t, x, t_x, T)
    return p_alive(x, t_x, T, r=r, alpha=alpha, s=s, beta=beta) * np.exp(-s * np.log1p(t / (beta + T)))


def expected_orders(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, s: float, beta: float
) -> FloatArray:
    """Expected orders in (T, T + t] of a customer with this history (note 009, eq. 41), finite at s = 1 too."""
    t, x, t_x, T = floats(t, x, t_x, T)
    alive = (r + x) * (beta + T) / (alpha + T) * _time_until_left(t / (beta + T), s)
    return p_alive(x, t_x, T, r=r, alpha=alpha, s=s, beta=beta) * alive


def expected_orders_new(t: Numbers, *, r: float, alpha: float, s: float, beta: float) -> FloatArray:
    """Expected repeat orders of a new customer within t of the first order (note 009, eq. 27)."""
    (t,) = floats(t)
    return np.asarray(r * beta / alpha * _time_until_left(t / beta, s))


def purchase_rate(
    after: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, s: float, beta: float
) -> FloatArray:
    """Expected orders per time unit at T + after of a customer who was alive at T."""
    after, x, _, T = floats(after, x, t_x, T)
    return np.asarray((r + x) / (alpha + T) * np.exp(-s * np.log1p(after / (beta + T))))


def probability_of_orders(
    n: Numbers, t: Numbers, *, r: Numbers, alpha: Numbers, s: Numbers, beta: Numbers
) -> FloatArray:
    """P(X(t) = n): n repeat orders of a new customer within t of the first order; parameters broadcast too.

    Either the customer is there at t, or left before it (:mod:`clv.orders_before_leaving`).
    """
    from scipy.special import gammaln, xlogy

    def formula(
        n: FloatArray, t: FloatArray, r: FloatArray, alpha: FloatArray, s: FloatArray, beta: FloatArray
    ) -> FloatArray:
        log_orders = gammaln(r + n) - gammaln(r) - gammaln(n + 1)
        found = np.exp(log_orders + xlogy(n, t / (alpha + t)) - r * np.log1p(t / alpha) - s * np.log1p(t / beta))
        later = t > 0
        log_left = orders_before_leaving(*(values[later] for values in (n, t, r, alpha, s, beta)))
        found[later] += np.exp(log_left + log_orders[later])
        return np.asarray(found)

    return elementwise(formula, *floats(n, t, r, alpha, s, beta), block=2_048)


def probability_of_orders_given(
    n: Numbers, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, s: float, beta: float
) -> FloatArray:
    """P(n orders in (T, T + t] | x, t_x, T): who is alive is a newcomer under the laws of its rates now."""
    n, t, x, t_x, T = floats(n, t, x, t_x, T)
    among_living = probability_of_orders(n, t, r=r + x, alpha=alpha + T, s=s, beta=beta + T)
    return of_all(n, p_alive(x, t_x, T, r=r, alpha=alpha, s=s, beta=beta), among_living)


def probability_of_no_order(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, s: float, beta: float
) -> FloatArray:
    """P(no order in (T, T + t] | x, t_x, T): the customer has left, or orders nothing before leaving or T + t."""
    t, x, t_x, T = np.broadcast_arrays(*floats(t, x, t_x, T))
    silent = -(r + x) * np.log1p(t / (alpha + T)) - s * np.log1p(t / (beta + T))
    # Silence from T to T + t, by a customer alive at T, is what silence from a last order at T would be.
    log_odds = log_odds_left(x.ravel(), T.ravel(), (T + t).ravel(), r=r, alpha=alpha, s=s, beta=beta)
    some = -np.expm1(silent + np.logaddexp(0.0, log_odds).reshape(t.shape))
    return np.asarray(1 - p_alive(x, t_x, T, r=r, alpha=alpha, s=s, beta=beta) * some)


def discounted_orders(
    delta: Numbers,
    x: Numbers,
    t_x: Numbers,
    T: Numbers,
    *,
    horizon: Numbers = np.inf,
    r: float,
    alpha: float,
    s: float,
    beta: float,
) -> FloatArray:
    """Expected orders in (T, T + horizon], each times exp(-delta time since T) (Fader, Hardie & Lee 2005, RFM and CLV).

    DERT when the horizon is infinite, which needs delta > 0.
    """
    delta, x, t_x, T, horizon = floats(delta, x, t_x, T, horizon)
    alive = (r + x) * (beta + T) / (alpha + T) * _discounted_time(delta * (beta + T), horizon / (beta + T), s)
    return p_alive(x, t_x, T, r=r, alpha=alpha, s=s, beta=beta) * alive


def discounted_orders_new(
    delta: Numbers, *, horizon: Numbers = np.inf, r: float, alpha: float, s: float, beta: float
) -> FloatArray:
    """Discounted repeat orders of a new customer, from the first order on; the first order itself is not counted."""
    delta, horizon = floats(delta, horizon)
    return np.asarray(r * beta / alpha * _discounted_time(delta * beta, horizon / beta, s))


@dataclass(frozen=True)
class ParetoNBD:
    """The Pareto/NBD model, to be fitted: ``ParetoNBD().fit(histories)``.

    Attributes
    ----------
    prior : LogNormalPrior, optional
        On r, alpha, s and beta, for small samples: fit by maximum a posteriori instead.
    fallback : LogNormalPrior, optional
        Used only where the likelihood has no maximum, as where nobody is seen to leave; a ModelWarning says so.
    """

    prior: LogNormalPrior | None = None
    fallback: LogNormalPrior | None = None

    def fit(self, histories: "pd.DataFrame") -> "ParetoNBDFit":
        """Fit by maximum likelihood to frequency, recency, T, optionally weight; raises as ``BetaGeo.fit`` does."""
        return fit_patterns(patterns_of(histories), prior=self.prior, fallback=self.fallback)


def weak_prior(*, days_per_unit: float) -> LogNormalPrior:
    """A prior that any shop's data outweigh: medians r 0.5, alpha 60 days, s 0.6, beta 80 days.

    Two thirds of it lie within a factor of 20, as of that for BG/NBD. ``days_per_unit`` is 7 for histories in weeks.
    """
    days = {"r": 0.5, "alpha": 60 / days_per_unit, "s": 0.6, "beta": 80 / days_per_unit}
    return LogNormalPrior.independent(days, log_sd=3.0)


def fit_patterns(
    patterns: Patterns, *, prior: LogNormalPrior | None = None, fallback: LogNormalPrior | None = None
) -> "ParetoNBDFit":
    """Fit Pareto/NBD to distinct patterns; see ``ParetoNBD.fit``."""
    estimate = partial(maximise_pareto, patterns)
    return ParetoNBDFit(with_fallback(estimate, prior=prior, fallback=fallback), patterns)


@dataclass(frozen=True)
class ParetoNBDFit(OrdersFit):
    """A fitted Pareto/NBD."""

    formulas: ClassVar[OrderFormulas] = OrderFormulas.of_module(__name__, likelihood=ParetoLikelihood)

    def to_lifetimes(self) -> "ParetoNBDFitter":
        """lifetimes' own fitter with these parameters set; unlike lifetimes' own, it has standard errors."""
        from clv.lifetimes_fitters import pareto_nbd_fitter

        return pareto_nbd_fitter(self)


def _time_until_left(y: FloatArray, s: float) -> FloatArray:
    """Integral over v from 0 to y of (1 + v)^-s: (1 - (1 + y)^(1 - s)) / (s - 1), and ln(1 + y) at s = 1."""
    from scipy.special import exprel

    log = np.log1p(y)
    return np.asarray(log * exprel((1 - s) * log))


def _discounted_time(kappa: FloatArray, end: FloatArray, s: float) -> FloatArray:
    """Integral over v from 0 to end of exp(-kappa v) (1 + v)^-s; arrays broadcast."""
    kappa, end = np.broadcast_arrays(kappa, end)
    (levels, ends), index = distinct(kappa.ravel(), end.ravel())
    return discounted(lambda v: np.exp(-s * np.log1p(v)), levels, ends)[index].reshape(kappa.shape)
