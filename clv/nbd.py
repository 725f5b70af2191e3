"""NBD: customers order at random at their own rate and never leave; the rival that a model of leaving has to beat.

Ehrenberg (1959), The Pattern of Consumer Purchases, Applied Statistics 8(1). The order rate comes from Gamma(r, alpha).
The likelihood is that of the times of orders, as for the other models, so that criteria compare. Functions are pure and
broadcast over arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from clv.arrays import FloatArray, Numbers, floats
from clv.maximum_likelihood import Estimate, Evaluation, LogNormalPrior, maximise
from clv.order_models import OrderFormulas, OrdersFit
from clv.patterns import Patterns, patterns_of
from customer_data.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

_CONCENTRATED = "falls to 0: almost all orders are of a few customers"
_ALIKE = "grows without limit: customers order more alike, or more regularly, than the model allows"


def p_alive(x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float) -> FloatArray:
    """1: nobody leaves."""
    return np.ones(np.broadcast_shapes(*(value.shape for value in floats(x, t_x, T))))


def p_alive_at(t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float) -> FloatArray:
    """1: nobody leaves."""
    return np.ones(np.broadcast_shapes(*(value.shape for value in floats(t, x, t_x, T))))


def expected_orders(t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float) -> FloatArray:
    """Expected orders in (T, T + t]: the posterior rate (r + x) / (alpha + T), times t."""
    t, x, t_x, T = np.broadcast_arrays(*floats(t, x, t_x, T))
    return np.asarray((r + x) / (alpha + T) * t)


def expected_orders_new(t: Numbers, *, r: float, alpha: float) -> FloatArray:
    """Expected orders of a new customer within t of the first order, r / alpha * t."""
    return expected_orders(t, 0, 0, 0, r=r, alpha=alpha)


def purchase_rate(s: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float) -> FloatArray:
    """Expected orders per time unit, the same at all times."""
    return expected_orders(np.ones_like(np.asarray(s, dtype=np.float64)), x, t_x, T, r=r, alpha=alpha)


def probability_of_orders(n: Numbers, t: Numbers, *, r: Numbers, alpha: Numbers) -> FloatArray:
    """P(X(t) = n), the negative binomial distribution; parameters broadcast too."""
    from scipy.special import gammaln, xlogy

    n, t, r, alpha = floats(n, t, r, alpha)
    log_orders = gammaln(r + n) - gammaln(r) - gammaln(n + 1)
    return np.asarray(np.exp(log_orders - r * np.log1p(t / alpha) + xlogy(n, t / (alpha + t))))


def probability_of_orders_given(
    n: Numbers, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float
) -> FloatArray:
    """P(n orders in (T, T + t] | x, t_x, T), the negative binomial distribution of the posterior rate."""
    x, _, T = np.broadcast_arrays(*floats(x, t_x, T))
    return probability_of_orders(n, t, r=r + x, alpha=alpha + T)


def probability_of_no_order(t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float) -> FloatArray:
    """P(no order in (T, T + t] | x, t_x, T)."""
    t, x, t_x, T = np.broadcast_arrays(*floats(t, x, t_x, T))
    return np.asarray(np.exp(-(r + x) * np.log1p(t / (alpha + T))))


def discounted_orders(
    delta: Numbers,
    x: Numbers,
    t_x: Numbers,
    T: Numbers,
    *,
    horizon: Numbers = np.inf,
    r: float,
    alpha: float,
) -> FloatArray:
    """Expected orders in (T, T + horizon], each times exp(-delta time since T)."""
    from scipy.special import exprel

    delta, horizon = np.broadcast_arrays(*floats(delta, horizon))
    endless = np.isinf(horizon)
    finite = np.where(endless, 0.0, horizon)
    with np.errstate(divide="ignore"):
        time = np.where(endless, 1 / delta, finite * exprel(-delta * finite))
    return expected_orders(time, x, t_x, T, r=r, alpha=alpha)


def discounted_orders_new(delta: Numbers, *, horizon: Numbers = np.inf, r: float, alpha: float) -> FloatArray:
    """Discounted orders of a new customer, from the first order on; the first order itself is not counted."""
    return discounted_orders(delta, 0, 0, 0, horizon=horizon, r=r, alpha=alpha)


class NBDLikelihood:
    """The log-likelihood of (r, alpha): sums over the distinct x and over the distinct T."""

    def __init__(self, patterns: Patterns) -> None:
        self._x, x_index = np.unique(patterns.x, return_inverse=True)
        self._customers_by_x = np.bincount(x_index, weights=patterns.count)
        self._T, T_index = np.unique(patterns.T, return_inverse=True)
        self._customers_by_T = np.bincount(T_index, weights=patterns.count)
        self._orders_by_T = np.bincount(T_index, weights=patterns.count * patterns.x)

    def __call__(self, parameters: FloatArray) -> Evaluation:
        """Log-likelihood, gradient (2,) and Hessian (2, 2) by the natural parameters."""
        from scipy.special import digamma, gammaln, polygamma

        r, alpha = parameters.tolist()
        n, m, customers = self._customers_by_x, self._customers_by_T, float(self._customers_by_x.sum())
        R, log_T, per_T = r + self._x, np.log(alpha + self._T), 1 / (alpha + self._T)
        by_T = r * m + self._orders_by_T
        cross = customers / alpha - float(m @ per_T)
        value = float(n @ (gammaln(R) - gammaln(r))) + customers * r * np.log(alpha) - float(by_T @ log_T)
        gradient = np.array(
            [
                float(n @ (digamma(R) - digamma(r))) + customers * np.log(alpha) - float(m @ log_T),
                customers * r / alpha - float(by_T @ per_T),
            ]
        )
        hessian = np.array(
            [
                [float(n @ (polygamma(1, R) - polygamma(1, r))), cross],
                [cross, float(by_T @ per_T**2) - customers * r / alpha**2],
            ]
        )
        return value, gradient, hessian


@dataclass(frozen=True)
class NBD:
    """The NBD model, to be fitted: ``NBD().fit(histories)``.

    Attributes
    ----------
    prior : LogNormalPrior, optional
        On r and alpha, for small samples: fit by maximum a posteriori instead.
    """

    prior: LogNormalPrior | None = None

    def fit(self, histories: "pd.DataFrame") -> "NBDFit":
        """Fit by maximum likelihood to frequency, recency, T, optionally weight; raises as ``BetaGeo.fit`` does."""
        patterns = patterns_of(histories)
        return NBDFit(_maximise(patterns, self.prior), patterns)


@dataclass(frozen=True)
class NBDFit(OrdersFit):
    """A fitted NBD."""

    formulas: ClassVar[OrderFormulas] = OrderFormulas.of_module(__name__, likelihood=NBDLikelihood)


def _maximise(patterns: Patterns, prior: LogNormalPrior | None) -> Estimate:
    orders = float(patterns.count @ patterns.x)
    if orders == 0 and prior is None:
        raise ModelError(
            f"NBD: none of the {patterns.customers:,.0f} customers has a repeat order, so the order rate "
            "cannot be told. Take a longer period, or count orders of the same customer under one id."
        )
    longest = float(patterns.T.max())
    rate = max(orders, 0.5) / float(patterns.count @ patterns.T)
    starts: list[Mapping[str, float]] = [{"r": r, "alpha": max(r / rate, 1e-3 * longest)} for r in (0.5, 0.05, 5.0)]
    return maximise(
        NBDLikelihood(patterns),
        model="NBD",
        limits={"r": (1e-4, 1e4), "alpha": (1e-5 * longest, 1e5 * longest)},
        runaways={"r": (_CONCENTRATED, _ALIKE), "alpha": (_CONCENTRATED, _ALIKE)},
        starts=starts,
        customers=patterns.customers,
        prior=prior,
    )
