"""Spend per order as forecasts use it: Gamma-Gamma's law, or a stated stand-in of the same form.

The value z of an order comes from Gamma(p, nu), nu by customer from Gamma(q, v); with S the value of a customer's x
repeat purchases, nu given the past comes from Gamma(p x + q, v + S) (Fader & Hardie, note 025). Two stand-ins have this
form too: shrinkage towards the observed mean m, (p S + k m) / (p x + k), is the law (p, k + 1, k m / p); one mean for
everybody is its limit for large q. So there is one set of formulas, in Python and in SQL.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import Floats
from clv.gamma_gamma import GammaGamma, GammaGammaFit
from customer_data.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

_ALIKE: Final = 1e6  # q of the law under which all customers spend alike
_NOTHING: Final = (
    "No order is worth anything, so that every order to come is expected to be worth 0, and every customer. Orders are "
    "forecast all the same. If they should have values, check the column that they are read from."
)


@dataclass(frozen=True)
class SpendLaw:
    """The law of spend per order.

    Attributes
    ----------
    p, q, v : float
        Parameters; q > 1, v in the currency; 0 where no order is worth anything.
    largest_spread : float
        Bound on the squared coefficient of variation of a customer's mean spend given the past: the one observed
        among repeat customers. Under the law alone it is infinite at x = 0 where q is 2 or less.
    """

    p: float
    q: float
    v: float
    largest_spread: float

    @property
    def population_mean(self) -> float:
        """Expected spend per order of a customer without a past."""
        return self.p * self.v / (self.q - 1)

    def expected(self, x: Floats, spend: Floats, customers: Floats) -> Floats:
        """Sum over customers of the expected spend per order; ``spend`` is the sum of their S."""
        return self.p * (self.v * customers + spend) / (self.p * x + self.q - 1)

    def expected_square(self, x: Floats, spend: Floats, squares: Floats, customers: Floats) -> Floats:
        """Sum over customers of the squared expected spend per order."""
        total = customers * self.v**2 + 2 * self.v * spend + squares
        return self.p**2 * total / (self.p * x + self.q - 1) ** 2

    def spread(self, x: Floats) -> Floats:
        """Squared coefficient of variation of a customer's mean spend given x repeat purchases."""
        left = self.p * x + self.q - 2
        return np.minimum(1 / np.where(left > 0, left, 1e-300), self.largest_spread)


@dataclass(frozen=True)
class SpendEstimate:
    """A law of spend and how surely it is known.

    Attributes
    ----------
    law : SpendLaw
    log_covariance : ndarray (3, 3)
        Covariance of (log p, log(q - 1), log v).
    source : str
        ``Gamma-Gamma``, ``shrunk to the observed mean`` (no finite mean was fitted) or ``observed mean``.
    fit : GammaGammaFit or None
        The fit behind it; None where none was possible.
    notes : tuple of str
        What was replaced and why.
    """

    law: SpendLaw
    log_covariance: Floats
    source: str
    fit: GammaGammaFit | None
    notes: tuple[str, ...]

    def at(self, deviation: Floats) -> SpendLaw:
        """The law with (log p, log(q - 1), log v) moved by ``deviation``."""
        p, q, v = self.parameters_at(deviation).tolist()
        return SpendLaw(p, q, v, self.law.largest_spread)

    def parameters_at(self, deviations: Floats) -> Floats:
        """The law's p, q and v (last axis), moved likewise."""
        above = np.array([self.law.p, self.law.q - 1, self.law.v]) * np.exp(np.clip(deviations, -30, 30))
        return np.asarray(above + np.array([0.0, 1.0, 0.0]))

    def mean_table(self, *, segment: str, confidence: float) -> "pd.DataFrame":
        """The expected spend of a newcomer in the form of a table of parameters, for a law without a fit."""
        import pandas as pd
        from scipy.special import ndtri

        mean, error = self.law.population_mean, float(np.sqrt(self.log_covariance[2, 2]))
        factor = float(np.exp(ndtri(0.5 + confidence / 2) * error))
        row = {"model": self.source, "segment": segment, "parameter": "mean", "estimate": mean}
        return pd.DataFrame([row | {"std_error": mean * error, "low": mean / factor, "high": mean * factor}])


def estimate_spend(spend: "pd.DataFrame", *, day_mean: float) -> SpendEstimate:
    """Fit Gamma-Gamma, or take the stated stand-in where it cannot be fitted or has no mean.

    Parameters
    ----------
    spend : DataFrame
        frequency, monetary_value, weight of the customers with repeat purchases of positive value.
    day_mean : float
        Mean value of all purchase days, in the currency: the stand-in where no repeat purchase has a value.
    """
    x, mean, weight = (spend[name].to_numpy(dtype=np.float64) for name in ("frequency", "monetary_value", "weight"))
    customers = float(weight.sum())
    observed = float(weight @ mean) / customers if customers else max(day_mean, 0.0)
    variance = float(weight @ (mean - observed) ** 2) / customers if customers else 0.0
    spread = max(variance / observed**2 if observed > 0 else 0.0, 0.01)
    if observed == 0:
        return SpendEstimate(SpendLaw(1.0, _ALIKE, 0.0, spread), np.zeros((3, 3)), "observed mean", None, (_NOTHING,))
    of_mean = np.diag([0.0, 0.0, spread / max(customers, 1.0)])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = GammaGamma().fit(spend)
    except ModelError as error:
        # Each order is as uncertain as the observed means; all customers expect the same.
        p = 1 / max(spread * float(weight @ x) / customers if customers else 1.0, 0.01)
        law = SpendLaw(p, _ALIKE, observed * (_ALIKE - 1) / p, spread)
        note = f"{error} Every order is expected to be worth the observed mean, {observed:,.2f}."
        return SpendEstimate(law, of_mean, "observed mean", None, (note,))
    return spend_of_fit(fit, spread=spread)


def spend_of_fit(fit: GammaGammaFit, *, spread: float) -> SpendEstimate:
    """The law of a fitted Gamma-Gamma; where it has no mean, the law that shrinks to the observed one."""
    p, q, v = fit.parameters["p"], fit.parameters["q"], fit.parameters["v"]
    if fit.mean_source == "model":
        by_log = np.diag([1.0, q / (q - 1), 1.0])
        covariance = by_log @ fit.covariance_log.to_numpy() @ by_log
        return SpendEstimate(SpendLaw(p, q, v, spread), covariance, "Gamma-Gamma", fit, ())
    law = SpendLaw(p, q + 1, q * fit.observed_mean / p, spread)
    of_mean = np.diag([0.0, 0.0, spread / max(fit.customers, 1.0)])
    return SpendEstimate(law, of_mean, "shrunk to the observed mean", fit, fit.warnings)
