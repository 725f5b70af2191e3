"""The likelihood of the beta-geometric models of orders, with its gradient and Hessian, on distinct patterns.

BG/NBD (Fader, Hardie & Lee 2005, eq. 6) and MBG/NBD (Batislam, Denizel & Filiztekin 2007) differ only in how many
chances to leave a customer with x repeat orders has survived: x, or x + 1 when the first order already gives one.
"""

import numpy as np

from clv.maximum_likelihood import Evaluation
from clv.patterns import FloatArray, IntArray, Patterns


class BetaGeometricLikelihood:
    """The log-likelihood of (r, alpha, a, b) for patterns; ``survived`` is 0 for BG/NBD and 1 for MBG/NBD.

    Gamma functions are evaluated only over the distinct x, logarithms of alpha + T over the distinct T.
    """

    def __init__(self, patterns: Patterns, *, survived: int) -> None:
        self._survived = survived
        x = patterns.x.astype(np.int64)
        self._x, x_index = np.unique(x, return_inverse=True)
        self._customers_by_x = np.bincount(x_index, weights=patterns.count)
        self._T, T_index = np.unique(patterns.T, return_inverse=True)
        self._customers_by_T = np.bincount(T_index, weights=patterns.count)
        self._orders_by_T = np.bincount(T_index, weights=patterns.count * patterns.x)
        may_have_left = x + survived > 0
        self._count = patterns.count[may_have_left]
        self._orders = patterns.x[may_have_left]
        self._T_index = T_index[may_have_left]
        self._x_index = x_index[may_have_left]
        self._recencies, self._t_x_index = np.unique(patterns.t_x[may_have_left], return_inverse=True)

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

        def rising(start: float, steps: IntArray) -> tuple[float, float, float]:
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
        """ln(1 + odds of having left at t_x), summed; with D the log odds and u the chance, gradient u D', Hessian
        u(1-u) D'D'^T + u D''.
        """
        log_T, inverse_T = np.log(alpha + self._T), 1 / (alpha + self._T)
        log_t, inverse_t = np.log(alpha + self._recencies), 1 / (alpha + self._recencies)
        last_chance = 1 / (b + np.maximum(self._x + self._survived, 1) - 1)
        R = self._orders + r
        by_r = log_T[self._T_index] - log_t[self._t_x_index]
        by_alpha = inverse_T[self._T_index] - inverse_t[self._t_x_index]
        by_b = -last_chance[self._x_index]
        odds = R * by_r
        odds += np.log(a * last_chance)[self._x_index]
        small = np.exp(-np.abs(odds))
        left = np.where(odds > 0, 1.0, small) / (1 + small)
        weight = self._count * left
        spread = weight * (1 - left)
        value = float(self._count @ (np.maximum(odds, 0.0) + np.log1p(small)))
        by_alpha_R = R * by_alpha
        total = float(weight.sum())
        gradient = np.array([weight @ by_r, weight @ by_alpha_R, total / a, weight @ by_b])
        slopes = np.stack([by_r, by_alpha_R, np.full(len(R), 1 / a), by_b])
        hessian = (slopes * spread) @ slopes.T
        hessian[0, 1] += weight @ by_alpha
        hessian[1, 0] = hessian[0, 1]
        hessian[1, 1] -= weight @ (by_alpha_R * (inverse_T[self._T_index] + inverse_t[self._t_x_index]))
        hessian[2, 2] -= total / a**2
        hessian[3, 3] += weight @ by_b**2
        return value, gradient, hessian
