"""The likelihood of the beta-geometric models of orders, with its gradient and Hessian, on distinct patterns.

BG/NBD (Fader, Hardie & Lee 2005, eq. 6) and MBG/NBD (Batislam, Denizel & Filiztekin 2007) differ only in how many
chances to leave a customer with x repeat orders has survived: x, or x + 1 when the first order already gives one.
"""

import numpy as np

from clv.arrays import FloatArray, in_blocks
from clv.distinct_rows import levels
from clv.maximum_likelihood import Estimate, Evaluation, LogNormalPrior, maximise
from clv.patterns import Patterns
from customer_data.errors import ModelError

_BLOCK = 8192  # patterns at a time: what the processor's cache holds
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
_REMEDY = (
    "Fit more customers together (a larger segment, a longer period; in forecasts segments that share strength), state "
    "a prior (clv.beta_geo.weak_prior), or try another model of orders."
)


class BetaGeometricLikelihood:
    """The log-likelihood of (r, alpha, a, b) for patterns; ``survived`` is 0 for BG/NBD and 1 for MBG/NBD.

    Gamma functions are evaluated only over the distinct x.
    """

    def __init__(self, patterns: Patterns, *, survived: int) -> None:
        self._survived = survived
        self._x, x_index = levels(patterns.x)
        self._customers_by_x = np.bincount(x_index, weights=patterns.count)
        self._T, T_index = levels(patterns.T)
        self._customers_by_T = np.bincount(T_index, weights=patterns.count)
        self._orders_by_T = np.bincount(T_index, weights=patterns.count * patterns.x)
        chosen = patterns.x + survived > 0
        self._may_have_left = Patterns(
            patterns.x[chosen], patterns.t_x[chosen], patterns.T[chosen], patterns.count[chosen]
        )

    def __call__(self, parameters: FloatArray) -> Evaluation:
        """Log-likelihood, gradient (4,) and Hessian (4, 4) by the natural parameters r, alpha, a, b."""
        staying = self._staying(*parameters.tolist())
        leaving = self._leaving(*parameters.tolist())
        return staying[0] + leaving[0], staying[1] + leaving[1], staying[2] + leaving[2]

    def _staying(self, r: float, alpha: float, a: float, b: float) -> Evaluation:
        """The part of customers who are still there at T: it depends on x and on T, never on both."""
        from scipy.special import digamma, gammaln, polygamma

        n, x, chances = self._customers_by_x, self._x, self._x + self._survived
        customers = float(n.sum())
        log_T, inverse_T = np.log(alpha + self._T), 1 / (alpha + self._T)
        by_T = r * self._customers_by_T + self._orders_by_T

        def rising(start: float, steps: FloatArray) -> tuple[float, float, float]:
            """Sums over customers of ln Gamma(start + steps) - ln Gamma(start) and of its derivatives."""
            return (
                float(n @ (gammaln(start + steps) - gammaln(start))),
                float(n @ (digamma(start + steps) - digamma(start))),
                float(n @ (polygamma(1, start + steps) - polygamma(1, start))),
            )

        rate, stay, chance = rising(r, x), rising(b, chances), rising(a + b, chances)
        value = rate[0] + stay[0] - chance[0] + customers * r * np.log(alpha) - float(by_T @ log_T)
        gradient = np.array(
            [
                rate[1] + customers * np.log(alpha) - float(self._customers_by_T @ log_T),
                customers * r / alpha - float(by_T @ inverse_T),
                -chance[1],
                stay[1] - chance[1],
            ]
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = rate[2]
        hessian[0, 1] = hessian[1, 0] = customers / alpha - float(self._customers_by_T @ inverse_T)
        hessian[1, 1] = -customers * r / alpha**2 + float(by_T @ inverse_T**2)
        hessian[2:, 2:] = -chance[2]
        hessian[3, 3] += stay[2]
        return float(value), gradient, hessian

    def _leaving(self, r: float, alpha: float, a: float, b: float) -> Evaluation:
        """Sum of ln(1 + odds of having left at t_x), odds = a / (b + survived - 1) ((alpha + T) / (alpha + t_x))^R.

        With D the log odds and u the chance, the gradient is u D' and the Hessian u (1 - u) D' D'^T + u D''.
        """
        rows, chances_before = self._may_have_left, b + self._survived - 1

        def of_block(part: slice) -> FloatArray:
            """The sums of ln(1 + odds) but for its terms in x alone, of u D' and what is not 0 of u D'', and of
            u (1 - u) D' D'^T.
            """
            count, x = rows.count[part], rows.x[part]
            R, chances = r + x, chances_before + x
            at_T, at_t = alpha + rows.T[part], alpha + rows.t_x[part]
            D = np.empty((7, len(x)))
            np.log(at_T / at_t, out=D[0])
            per_T, per_t = 1 / at_T, 1 / at_t
            np.subtract(per_T, per_t, out=D[4])
            np.multiply(R, D[4], out=D[1])
            D[2] = 1 / a
            np.divide(-1, chances, out=D[3])
            np.multiply(D[1], per_T + per_t, out=D[5])
            np.square(D[3], out=D[6])
            log_silence = R * D[0]
            per_odds = chances / a * np.exp(-log_silence)
            left = 1 / (1 + per_odds)
            weight = count * left
            products = (D[:4] * (weight * left * per_odds)) @ D[:4].T
            value = count @ log_silence + count @ np.log1p(per_odds)
            return np.concatenate([[value], np.vecdot(D, weight), products.ravel()])

        total = sum(in_blocks(of_block, len(rows), block=_BLOCK), start=np.zeros(24))
        with_chance = self._x + self._survived > 0
        log_chances = np.log(a / (chances_before + self._x[with_chance]))
        value = float(total[0] + self._customers_by_x[with_chance] @ log_chances)
        gradient, (by_r_alpha, by_alpha_twice, by_b_twice), products = total[1:5], total[5:8], total[8:].reshape(4, 4)
        products[0, 1] += by_r_alpha
        products[1, 0] += by_r_alpha
        products[1, 1] -= by_alpha_twice
        products[2, 2] -= gradient[2] / a
        products[3, 3] += by_b_twice
        return value, gradient, products


def maximise_beta_geometric(patterns: Patterns, prior: LogNormalPrior | None, *, model: str, survived: int) -> Estimate:
    """Maximum likelihood, or a posteriori, of a beta-geometric model; raises ModelError without repeat orders."""
    orders = float((patterns.count * patterns.x).sum())
    time = float((patterns.count * patterns.T).sum())
    if orders == 0 and prior is None:
        raise ModelError(
            f"{model}: none of the {patterns.customers:,.0f} customers has a repeat order, so neither the order "
            "rate nor the chance to leave can be told. Take a longer period, or count orders of "
            "the same customer under one id."
        )
    rate = max(orders, 0.5) / time
    longest = float(patterns.T.max())
    return maximise(
        BetaGeometricLikelihood(patterns, survived=survived),
        model=model,
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
        remedy=_REMEDY,
    )
