"""BG/BB: orders in discrete time, at most one per period; customers leave between periods.

Fader, Hardie & Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting, Marketing Science 29(6).
The chance to order in a period comes from Beta(alpha, beta), the chance to leave before a period from
Beta(gamma, delta). x orders in n = T periods, the last in period t_x (0 without one). Functions are pure and broadcast
over arrays; all times are whole periods.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from clv.arrays import FloatArray, Numbers, floats, of_all
from clv.beta_geo_beta_binomial_likelihood import (
    BetaBinomialLikelihood,
    log_likelihood,
    maximise_beta_binomial,
    period_patterns_of,
)
from clv.maximum_likelihood import LogNormalPrior
from clv.order_models import OrderFormulas, OrdersFit
from clv.patterns import Patterns

if TYPE_CHECKING:
    import pandas as pd
    from lifetimes import BetaGeoBetaBinomFitter

_NEGLIGIBLE = 46.0  # discounts below exp(-46) are left out


def p_alive(
    x: Numbers, t_x: Numbers, T: Numbers, *, alpha: float, beta: float, gamma: float, delta: float
) -> FloatArray:
    """P(alive in period T | x, t_x, T) (2010, eq. A10 at m = 0)."""
    from scipy.special import betaln

    x, t_x, T = np.broadcast_arrays(*floats(x, t_x, T))
    log_stayed = betaln(alpha + x, beta + T - x) - betaln(alpha, beta) + betaln(gamma, delta + T) - betaln(gamma, delta)
    flat = log_likelihood(x.ravel(), t_x.ravel(), T.ravel(), alpha=alpha, beta=beta, gamma=gamma, delta=delta)
    return np.asarray(np.exp(log_stayed - flat.reshape(x.shape)))


def p_alive_at(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, alpha: float, beta: float, gamma: float, delta: float
) -> FloatArray:
    """P(alive in period T + t | x, t_x, T) (2010, eq. A10)."""
    from scipy.special import betaln

    t, x, t_x, T = floats(t, x, t_x, T)
    staying = np.exp(betaln(gamma, delta + T + t) - betaln(gamma, delta + T))
    return p_alive(x, t_x, T, alpha=alpha, beta=beta, gamma=gamma, delta=delta) * np.asarray(staying, dtype=np.float64)


def expected_orders(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, alpha: float, beta: float, gamma: float, delta: float
) -> FloatArray:
    """Expected orders in the t periods after T (2010, eq. 13), as a sum over periods, finite at gamma = 1 too."""
    x, t_x, T = floats(x, t_x, T)
    alive = p_alive(x, t_x, T, alpha=alpha, beta=beta, gamma=gamma, delta=delta)
    return alive * (alpha + x) / (alpha + beta + T) * _periods_alive(t, T, 0.0, gamma=gamma, delta=delta)


def expected_orders_new(t: Numbers, *, alpha: float, beta: float, gamma: float, delta: float) -> FloatArray:
    """Expected orders of a new customer in the first t periods (2010, eq. 8)."""
    return expected_orders(t, 0, 0, 0, alpha=alpha, beta=beta, gamma=gamma, delta=delta)


def purchase_rate(
    s: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, alpha: float, beta: float, gamma: float, delta: float
) -> FloatArray:
    """P(order in period T + s) of a customer who was alive in period T."""
    from scipy.special import betaln

    s, x, _, T = floats(s, x, t_x, T)
    return np.asarray(
        (alpha + x) / (alpha + beta + T) * np.exp(betaln(gamma, delta + T + s) - betaln(gamma, delta + T))
    )


def probability_of_orders(
    n: Numbers, t: Numbers, *, alpha: float, beta: float, gamma: float, delta: float
) -> FloatArray:
    """P(X(t) = n): a new customer orders in n of the first t periods (2010, eq. 7)."""
    return _probability_of_orders(n, t, *floats(alpha, beta, delta), gamma=gamma)


def probability_of_orders_given(
    n: Numbers,
    t: Numbers,
    x: Numbers,
    t_x: Numbers,
    T: Numbers,
    *,
    alpha: float,
    beta: float,
    gamma: float,
    delta: float,
) -> FloatArray:
    """P(n orders in the t periods after T | x, t_x, T): who has left orders nothing."""
    n, x, t_x, T = floats(n, x, t_x, T)
    among_living = _probability_of_orders(n, t, alpha + x, beta + T - x, delta + T, gamma=gamma)
    return of_all(n, p_alive(x, t_x, T, alpha=alpha, beta=beta, gamma=gamma, delta=delta), among_living)


def probability_of_no_order(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, alpha: float, beta: float, gamma: float, delta: float
) -> FloatArray:
    """P(no order in the t periods after T | x, t_x, T): the customer has left, or orders nothing before leaving."""
    x, t_x, T = floats(x, t_x, T)
    alive = p_alive(x, t_x, T, alpha=alpha, beta=beta, gamma=gamma, delta=delta)
    none = _probability_of_orders(0, t, alpha + x, beta + T - x, delta + T, gamma=gamma)
    return 1 - alive * (1 - none)


def discounted_orders(
    rate: Numbers,
    x: Numbers,
    t_x: Numbers,
    T: Numbers,
    /,
    *,
    horizon: Numbers = np.inf,
    alpha: float,
    beta: float,
    gamma: float,
    delta: float,
) -> FloatArray:
    """Expected orders in the ``horizon`` periods after T, each times exp(-rate periods since T) (2010, DERT, eq. 14).

    ``rate`` is the continuous discount rate per period, ln(1 + d); positive where the horizon is infinite.
    """
    rate, x, t_x, T, horizon = floats(rate, x, t_x, T, horizon)
    with np.errstate(divide="ignore"):
        last = np.minimum(horizon, np.ceil(_NEGLIGIBLE / rate))
    alive = p_alive(x, t_x, T, alpha=alpha, beta=beta, gamma=gamma, delta=delta)
    return alive * (alpha + x) / (alpha + beta + T) * _periods_alive(last, T, rate, gamma=gamma, delta=delta)


def discounted_orders_new(
    rate: Numbers, /, *, horizon: Numbers = np.inf, alpha: float, beta: float, gamma: float, delta: float
) -> FloatArray:
    """Discounted orders of a new customer in the first ``horizon`` periods."""
    return discounted_orders(rate, 0, 0, 0, horizon=horizon, alpha=alpha, beta=beta, gamma=gamma, delta=delta)


@dataclass(frozen=True)
class BetaGeoBetaBinomial:
    """The BG/BB model, to be fitted: ``BetaGeoBetaBinomial().fit(histories)``.

    Attributes
    ----------
    prior : LogNormalPrior, optional
        On alpha, beta, gamma and delta, for small samples: fit by maximum a posteriori instead.
    """

    prior: LogNormalPrior | None = None

    def fit(self, histories: "pd.DataFrame") -> "BetaGeoBetaBinomialFit":
        """Fit by maximum likelihood.

        Parameters
        ----------
        histories : DataFrame
            frequency (periods with an order), recency (the last of them, 0 without one), T (periods observed), whole
            numbers; optionally weight (customers per row).

        Raises
        ------
        InputError
            Impossible histories, fractions of periods, more orders than periods, all kinds at once.
        ModelError
            No orders, or no maximum inside the range of believable parameters.
        """
        patterns = period_patterns_of(histories)
        return BetaGeoBetaBinomialFit(maximise_beta_binomial(patterns, prior=self.prior), patterns)


@dataclass(frozen=True)
class BetaGeoBetaBinomialFit(OrdersFit):
    """A fitted BG/BB; times are whole periods."""

    formulas: ClassVar[OrderFormulas] = OrderFormulas.of_module(__name__, likelihood=BetaBinomialLikelihood)

    @staticmethod
    def read(histories: "pd.DataFrame") -> Patterns:
        """The distinct patterns of histories in whole periods, checked."""
        return period_patterns_of(histories)

    def to_lifetimes(self) -> "BetaGeoBetaBinomFitter":
        """lifetimes' own fitter with these parameters set."""
        from clv.lifetimes_fitters import beta_geo_beta_binomial_fitter

        return beta_geo_beta_binomial_fitter(self)


def _periods_alive(t: Numbers, T: Numbers, rate: Numbers, *, gamma: float, delta: float) -> FloatArray:
    """Sum over the t periods after T of exp(-rate i) P(alive in period T + i | alive in T)."""
    from scipy.special import betaln

    t, T, rate = np.broadcast_arrays(*floats(t, T, rate))
    periods = np.arange(1, int(t.max(initial=0.0)) + 1, dtype=np.float64)
    levels, index = np.unique(np.stack([T.ravel(), rate.ravel()]), axis=1, return_inverse=True)
    start, discount = levels[0][:, None], levels[1][:, None]
    alive = np.exp(betaln(gamma, delta + start + periods) - betaln(gamma, delta + start) - discount * periods)
    totals = np.concatenate([np.zeros((len(start), 1)), np.cumsum(alive, axis=1)], axis=1)
    return np.asarray(totals[index.ravel(), t.ravel().astype(np.int64)].reshape(t.shape))


def _probability_of_orders(
    n: Numbers, t: Numbers, alpha: FloatArray, beta: FloatArray, delta: FloatArray, *, gamma: float
) -> FloatArray:
    """Eq. 7 with parameters that broadcast: there to the last period, or left after period i, n <= i < t."""
    from scipy.special import betaln, gammaln

    n, t, alpha, beta, delta = (value[..., None] for value in np.broadcast_arrays(*floats(n, t), alpha, beta, delta))
    i = np.arange(int(t.max(initial=0.0)) + 1, dtype=np.float64)
    possible = (i >= n) & (i <= t)
    silent = np.where(possible, i - n, 0.0)
    log_orders = gammaln(silent + n + 1) - gammaln(n + 1) - gammaln(silent + 1)
    log_orders += betaln(alpha + n, beta + silent) - betaln(alpha, beta)
    leaving = np.where(i == t, betaln(gamma, delta + i), betaln(gamma + 1, delta + i)) - betaln(gamma, delta)
    return np.asarray(np.where(possible, np.exp(log_orders + leaving), 0.0).sum(axis=-1))
