"""Gamma-Gamma: what a customer spends per order, from the mean of few orders and from all other customers.

Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value, note 025. The value of an order comes from Gamma(p, nu)
and nu, by customer, from Gamma(q, v). It assumes that spend per order and the number of orders are independent; the
fit reports their correlation.
"""

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from clv.arrays import FloatArray, Numbers
from clv.maximum_likelihood import Estimate, Evaluation, FittedModel, LogNormalPrior, ModelWarning, maximise
from clv.patterns import first_bad_rows, numeric_columns
from customer_data.errors import InputError, ModelError

if TYPE_CHECKING:
    import pandas as pd
    from lifetimes import GammaGammaFitter

_FEWEST = 3  # customers: as many as there are parameters
_STARTS = ((5.0, 4.0), (1.0, 2.0), (50.0, 10.0), (0.5, 1.0))  # of p and q
_FEW_SPEND_ALL = (
    "falls to 0: a few customers spend almost everything; look at their orders, and set another kind of business apart"
)
_SPEND_ALIKE = "grows without limit: customers differ in what they spend no more than chance among orders explains"
_RUNAWAYS = {
    "p": (
        "falls to 0: orders of one customer differ beyond measure",
        "grows without limit: each customer spends the same on every order",
    ),
    "q": (_FEW_SPEND_ALL, _SPEND_ALIKE),
    "v": (_FEW_SPEND_ALL, _SPEND_ALIKE),
}
_REMEDY = (
    "Fit more customers together (a larger segment, a longer period), or state a prior on p, q and v "
    "(GammaGamma(prior=...)); where customers hardly differ, one mean for all of them says as much."
)


def expected_spend(x: Numbers, monetary_value: Numbers, *, p: float, q: float, v: float) -> FloatArray:
    """E[spend per order | x orders of mean value monetary_value] (note 025, eq. 5); needs q > 1, broadcasts."""
    x, value = np.asarray(x, dtype=np.float64), np.asarray(monetary_value, dtype=np.float64)
    return p * (v + x * np.where(x > 0, value, 0.0)) / (p * x + q - 1)


@dataclass(frozen=True)
class GammaGamma:
    """The Gamma-Gamma model of spend per order, to be fitted: ``GammaGamma().fit(histories)``.

    Attributes
    ----------
    prior : LogNormalPrior, optional
        On p, q and v (v in the unit of spend), for small samples: fit by maximum a posteriori instead.
    """

    prior: LogNormalPrior | None = None

    def fit(self, histories: "pd.DataFrame") -> "GammaGammaFit":
        """Fit by maximum likelihood to the customers with repeat orders of a positive mean value.

        Parameters
        ----------
        histories : DataFrame
            frequency (orders behind the mean), monetary_value (their mean value), optionally weight (customers per
            row). Rows without a repeat order, or with a mean value of 0 or less, are left out and counted.

        Returns
        -------
        GammaGammaFit
            Where q is 1 or less the fitted distribution has no mean: a ModelWarning says so, ``mean_source`` is
            "observed", and expected spend shrinks towards the observed mean instead.

        Raises
        ------
        InputError
            Missing columns, values that are no numbers, impossible frequencies or weights.
        ModelError
            Fewer than three customers to fit, or no maximum inside the range of believable parameters.
        """
        columns = numeric_columns(histories, required=("frequency", "monetary_value"), optional=("weight",))
        x, value = columns["frequency"], columns["monetary_value"]
        weight_of_row = columns.get("weight", np.ones(len(x)))
        repeats = x > 0
        problems = first_bad_rows(
            histories,
            [
                ("frequency", ~(x >= 0), "are missing or negative", "Count the repeat orders of each customer."),
                ("monetary_value", repeats & ~np.isfinite(value), "are missing", "Give the mean value of an order."),
                ("weight", ~(weight_of_row > 0), "are not positive", "Give the number of customers per row."),
            ],
        )
        if problems:
            raise InputError(problems)
        used = repeats & (value > 0)
        if used.sum() < _FEWEST:
            raise ModelError(
                f"Gamma-Gamma: {int(used.sum())} of {len(x):,} rows are customers with repeat orders of a positive "
                f"mean value; {_FEWEST} at least are needed, and some dozens for a sound fit. Take a longer period."
            )
        x, value, weight = x[used], value[used], weight_of_row[used]
        mean = float(weight @ value) / float(weight.sum())
        estimate = maximise(
            _Likelihood(x, value, weight),
            model="Gamma-Gamma",
            limits={"p": (1e-3, 1e5), "q": (1e-3, 1e5), "v": (1e-6 * mean, 1e6 * mean)},
            runaways=_RUNAWAYS,
            starts=[{"p": p, "q": q, "v": mean * max(q - 1, 0.5) / p} for p, q in _STARTS],
            customers=float(weight.sum()),
            prior=self.prior,
            remedy=_REMEDY,
        )
        fit = GammaGammaFit(
            estimate=estimate,
            observed_mean=mean,
            correlation=_correlation(x, value, weight),
            without_repeats=float(weight_of_row[~repeats].sum()),
            without_value=float(weight_of_row[repeats & ~used].sum()),
            frequency=x,
            monetary_value=value,
            weight=weight,
        )
        for message in fit.warnings:
            warnings.warn(message, ModelWarning, stacklevel=2)
        return fit


@dataclass(frozen=True)
class GammaGammaFit(FittedModel):
    """A fitted Gamma-Gamma: its parameters and the spend per order that it expects.

    Attributes
    ----------
    observed_mean : float
        Mean over customers of their mean value per repeat order.
    correlation : float
        Of the number of repeat orders with their mean value, over customers; the model assumes none. NaN where either
        does not vary.
    without_repeats, without_value : float
        Customers left out: without a repeat order, and with repeat orders of a mean value of 0 or less.
    """

    estimate: Estimate
    observed_mean: float
    correlation: float
    without_repeats: float
    without_value: float
    frequency: FloatArray = field(repr=False)
    monetary_value: FloatArray = field(repr=False)
    weight: FloatArray = field(repr=False)

    @property
    def mean_source(self) -> str:
        """ "model" where the fitted distribution has a mean (q > 1), else "observed"."""
        return "model" if self.parameters["q"] > 1 else "observed"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the fit could not do as asked, in sentences."""
        if self.mean_source == "model":
            return ()
        return (
            f"Gamma-Gamma: q = {self.parameters['q']:.3g} is not above 1, so the fitted spend has no finite mean. "
            f"Expected spend shrinks towards the observed mean, {self.observed_mean:.6g}, instead.",
        )

    @property
    def population_mean(self) -> float:
        """Expected spend per order of a customer of whom nothing is known: p v / (q - 1), or the observed mean."""
        p, q, v = self.parameters.values()
        return p * v / (q - 1) if self.mean_source == "model" else self.observed_mean

    def expected_spend(self, x: Numbers, monetary_value: Numbers) -> FloatArray:
        """Expected spend per future order given x repeat orders of mean value ``monetary_value``; broadcasts.

        At x = 0 the population mean. Where the model has no mean (q <= 1) the customer's own mean and the observed mean
        are weighted by p x to q, which stays between the two.
        """
        p, q, v = self.parameters.values()
        if self.mean_source == "model":
            return expected_spend(x, monetary_value, p=p, q=q, v=v)
        x, value = np.asarray(x, dtype=np.float64), np.asarray(monetary_value, dtype=np.float64)
        return (p * x * np.where(x > 0, value, 0.0) + q * self.observed_mean) / (p * x + q)

    def to_lifetimes(self) -> "GammaGammaFitter":
        """lifetimes' own fitter with these parameters set."""
        from clv.lifetimes_fitters import gamma_gamma_fitter

        return gamma_gamma_fitter(self)


class _Likelihood:
    """The log-likelihood of (p, q, v) by eq. 1a of note 025; gamma functions only over the distinct x."""

    def __init__(self, x: FloatArray, value: FloatArray, weight: FloatArray) -> None:
        self._x, index = np.unique(x, return_inverse=True)
        self._count = np.bincount(index, weights=weight)
        self._total = x * value
        self._weights = np.stack([weight, weight * x])
        self._log_value = self._weights @ np.log(value)
        self._x_log_x = float(self._weights[1] @ np.log(x))

    def __call__(self, parameters: FloatArray) -> Evaluation:
        from scipy.special import digamma, gammaln, polygamma

        p, q, v = parameters.tolist()
        x, n = self._x, self._count
        customers = float(n.sum())
        (A, xA), (B, xB), (C, xC) = self._sums(v)
        shape = p * x + q
        log_value, x_log_value = self._log_value
        psi, psi_x, psi_q = digamma(shape), digamma(p * x), float(digamma(q))
        value = (
            float(n @ (gammaln(shape) - gammaln(p * x)))
            + customers * (q * np.log(v) - float(gammaln(q)))
            + (p * x_log_value - log_value)
            + p * self._x_log_x
            - (p * xA + q * A)
        )
        gradient = np.array(
            [
                float((n * x) @ (psi - psi_x)) + x_log_value + self._x_log_x - xA,
                float(n @ psi) + customers * (np.log(v) - psi_q) - A,
                customers * q / v - (p * xB + q * B),
            ]
        )
        curve, curve_x, curve_q = polygamma(1, shape), polygamma(1, p * x), float(polygamma(1, q))
        pq, pv, qv = float((n * x) @ curve), -xB, customers / v - B
        hessian = np.array(
            [
                [float((n * x**2) @ (curve - curve_x)), pq, pv],
                [pq, float(n @ curve) - customers * curve_q, qv],
                [pv, qv, (p * xC + q * C) - customers * q / v**2],
            ]
        )
        return value, gradient, hessian

    def _sums(self, v: float) -> FloatArray:
        """Sums by weight and by weight * x of ln(x m + v), 1 / (x m + v) and its square: shape (3, 2)."""
        shifted = self._total + v
        inverse = 1 / shifted
        return np.stack([self._weights @ np.log(shifted), self._weights @ inverse, self._weights @ inverse**2])


def _correlation(x: FloatArray, value: FloatArray, weight: FloatArray) -> float:
    if np.ptp(x) == 0 or np.ptp(value) == 0:
        return float("nan")
    share = weight / weight.sum()
    dx, dv = x - share @ x, value - share @ value
    spread = float((share @ dx**2) * (share @ dv**2))
    return float(share @ (dx * dv)) / float(np.sqrt(spread))
