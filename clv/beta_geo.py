"""BG/NBD: customers order at random at their own rate, and after each repeat order leave with their own chance.

Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model, Marketing
Science 24(2). The order rate comes from Gamma(r, alpha), the chance to leave from Beta(a, b). x repeat orders, the
last at t_x, observed until T; all times in one unit, from the first order on. Functions are pure and broadcast over
arrays.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from clv.beta_geometric_likelihood import BetaGeometricLikelihood
from clv.maximum_likelihood import Estimate, FittedModel, LogNormalPrior, maximise
from clv.patterns import FloatArray, Numbers, Patterns, patterns_of
from clv.special import discounted_while_alive, orders_while_alive, rate_while_alive
from customer_data.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd
    from lifetimes import BetaGeoFitter

_CONCENTRATED = "falls to 0: almost all orders are of a few customers"
_ALIKE = "grows without limit: customers order more alike, or more regularly, than the model allows"
_RUNAWAYS = {
    "r": (_CONCENTRATED, _ALIKE),
    "alpha": (_CONCENTRATED, _ALIKE),
    "a": (
        "falls to 0: nobody is seen to leave",
        "grows without limit: customers do not differ in their chance to leave",
    ),
    "b": (
        "falls to 0: customers leave at once or never",
        "grows without limit: nobody is seen to leave, or customers do not differ in their chance to leave",
    ),
}


def p_alive(x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float) -> FloatArray:
    """P(alive at T | x, t_x, T); 1 without a repeat order, for nobody leaves before one (Fader, Hardie & Lee, note
    021).
    """
    from scipy.special import expit

    x, t_x, T = _floats(x, t_x, T)
    repeats = np.maximum(x, 1)
    log_odds_left = np.log(a / (b + repeats - 1)) + (r + x) * np.log((alpha + T) / (alpha + t_x))
    return np.where(x > 0, expit(-log_odds_left), 1.0)


def expected_orders(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """Expected orders in (T, T + t] of a customer with this history (2005, eq. 10), finite for all x, a and b."""
    t, x, t_x, T = _floats(t, x, t_x, T)
    alive = orders_while_alive(t / (alpha + T), r + x, b + x, a=a)
    return p_alive(x, t_x, T, r=r, alpha=alpha, a=a, b=b) * alive


def expected_orders_new(t: Numbers, *, r: float, alpha: float, a: float, b: float) -> FloatArray:
    """Expected repeat orders of a new customer within t of the first order (2005, eq. 9)."""
    (t,) = _floats(t)
    return orders_while_alive(t / alpha, r, b, a=a)


def purchase_rate(
    s: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """Expected orders per time unit at T + s of a customer who was alive at T: the derivative of eq. 10 by t, over
    P(alive).
    """
    s, x, _, T = _floats(s, x, t_x, T)
    return rate_while_alive(s / (alpha + T), r + x, b + x, a=a) / (alpha + T)


def probability_of_orders(n: Numbers, t: Numbers, *, r: float, alpha: float, a: float, b: float) -> FloatArray:
    """P(X(t) = n): n repeat orders of a new customer within t of the first order (2005, eq. 8)."""
    from scipy.special import betainc, betaln, gammaln, xlogy

    n, t = np.broadcast_arrays(*_floats(n, t))
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


def probability_of_no_order(
    t: Numbers, x: Numbers, t_x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """P(no order in (T, T + t] | x, t_x, T): the customer has left, or is alive and orders nothing."""
    t, x, t_x, T = _floats(t, x, t_x, T)
    some = -np.expm1(-(r + x) * np.log1p(t / (alpha + T)))
    return 1 - p_alive(x, t_x, T, r=r, alpha=alpha, a=a, b=b) * some


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
    positive for an infinite horizon (else ``inf`` or a number beyond any use comes back).
    """
    delta, x, t_x, T, horizon = _floats(delta, x, t_x, T, horizon)
    alive = discounted_while_alive(delta * (alpha + T), horizon / (alpha + T), r + x, b + x, a=a)
    return p_alive(x, t_x, T, r=r, alpha=alpha, a=a, b=b) * alive


def discounted_orders_new(
    delta: Numbers, *, horizon: Numbers = np.inf, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """Discounted repeat orders of a new customer, from the first order on; the first order itself is not counted."""
    delta, horizon = _floats(delta, horizon)
    return discounted_while_alive(delta * alpha, horizon / alpha, r, b, a=a)


@dataclass(frozen=True)
class BetaGeo:
    """The BG/NBD model, to be fitted: ``BetaGeo().fit(histories)``.

    Attributes
    ----------
    prior : LogNormalPrior, optional
        For small samples: fit by maximum a posteriori instead; ``weak_prior`` gives one that says little.
    """

    prior: LogNormalPrior | None = None

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
        return fit_patterns(patterns_of(histories), prior=self.prior)


def weak_prior(*, days_per_unit: float) -> LogNormalPrior:
    """A prior for BG/NBD that spans most shops: medians r 0.5, alpha 60 days, a 0.8, b 2.5, within a factor of 4.5.

    The factor holds two thirds of the prior (a standard deviation of 1.5 in the logarithm). ``days_per_unit`` is 7 for
    histories in weeks.
    """
    return LogNormalPrior.independent({"r": 0.5, "alpha": 60 / days_per_unit, "a": 0.8, "b": 2.5}, log_sd=1.5)


def fit_patterns(patterns: Patterns, *, prior: LogNormalPrior | None = None) -> "BetaGeoFit":
    """Fit BG/NBD to distinct patterns; see ``BetaGeo.fit``."""
    orders = float(patterns.count @ patterns.x)
    time = float(patterns.count @ patterns.T)
    if orders == 0 and prior is None:
        raise ModelError(
            f"BG/NBD: none of the {patterns.customers:,.0f} customers has a repeat order, so neither the order "
            "rate nor the chance to leave can be told. Take a longer period, or count orders of "
            "the same customer under one id."
        )
    rate = max(orders, 0.5) / time
    longest = float(patterns.T.max())
    estimate = maximise(
        BetaGeometricLikelihood(patterns, survived=0),
        model="BG/NBD",
        limits={"r": (1e-4, 1e4), "alpha": (1e-5 * longest, 1e5 * longest), "a": (1e-4, 1e4), "b": (1e-4, 1e4)},
        runaways=_RUNAWAYS,
        starts=[
            {"r": r, "alpha": max(r / rate * alive, 1e-3 * longest), "a": a, "b": b}
            for r, alive, a, b in (
                (0.5, 0.6, 0.7, 2.0),
                (0.1, 0.3, 0.2, 0.5),
                (2.0, 0.8, 1.0, 10.0),
                (5.0, 1.0, 0.1, 3.0),
            )
        ],
        customers=patterns.customers,
        prior=prior,
    )
    return BetaGeoFit(estimate, patterns)


@dataclass(frozen=True)
class BetaGeoFit(FittedModel):
    """A fitted BG/NBD: its parameters and what they say of customers. Arguments are numbers or arrays that
    broadcast.
    """

    estimate: Estimate
    patterns: Patterns = field(repr=False)

    def p_alive(self, x: Numbers, t_x: Numbers, T: Numbers) -> FloatArray:
        """P(alive at T | x, t_x, T)."""
        return p_alive(x, t_x, T, **self.parameters)

    def expected_orders(self, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> FloatArray:
        """Expected orders in (T, T + t] given the history."""
        return expected_orders(t, x, t_x, T, **self.parameters)

    def expected_orders_new(self, t: Numbers) -> FloatArray:
        """Expected repeat orders of a new customer within t of the first order."""
        return expected_orders_new(t, **self.parameters)

    def probability_of_orders(self, n: Numbers, t: Numbers) -> FloatArray:
        """P(X(t) = n) of a new customer."""
        return probability_of_orders(n, t, **self.parameters)

    def probability_of_no_order(self, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> FloatArray:
        """P(no order in (T, T + t]) given the history."""
        return probability_of_no_order(t, x, t_x, T, **self.parameters)

    def purchase_rate(self, s: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> FloatArray:
        """Expected orders per time unit at T + s, given alive at T."""
        return purchase_rate(s, x, t_x, T, **self.parameters)

    def discounted_orders(
        self, delta: Numbers, x: Numbers, t_x: Numbers, T: Numbers, horizon: Numbers = np.inf
    ) -> FloatArray:
        """Expected orders in (T, T + horizon], discounted at the continuous rate delta per time unit (DERT)."""
        return discounted_orders(delta, x, t_x, T, horizon=horizon, **self.parameters)

    def discounted_orders_new(self, delta: Numbers, horizon: Numbers = np.inf) -> FloatArray:
        """Discounted repeat orders of a new customer."""
        return discounted_orders_new(delta, horizon=horizon, **self.parameters)

    def to_lifetimes(self) -> "BetaGeoFitter":
        """lifetimes' own fitter with these parameters set."""
        from clv.lifetimes_fitters import beta_geo_fitter

        return beta_geo_fitter(self)


def _floats(*values: Numbers) -> tuple[FloatArray, ...]:
    return tuple(np.asarray(value, dtype=np.float64) for value in values)
