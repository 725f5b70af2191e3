"""The likelihood of Pareto/NBD without 2F1, with its gradient and Hessian, on distinct patterns.

Schmittlein, Morrison & Colombo (1987), in the form of Fader & Hardie, note 009:

    L = Gamma(R) alpha^r beta^s / Gamma(r) (alpha + T)^-R (beta + T)^-s (1 + J),   R = r + x,
    J = s integral from t_x to T of ((alpha + T) / (alpha + u))^R ((beta + T) / (beta + u))^s / (beta + u) du,

where J are the odds that the customer has left. The integral is taken by Gauss and Legendre's rule in the logarithm of
min(alpha, beta) + u, in which the integrand is analytic in a wide strip, cut off where it has fallen by exp(-40).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clv.arrays import FloatArray, IntArray, in_blocks
from clv.maximum_likelihood import Estimate, Evaluation, LogNormalPrior, maximise
from clv.patterns import Patterns, coarsened
from clv.special import legendre_nodes
from customer_data.errors import ModelError

_NODES = (6, 8, 12, 16, 24, 40, 80, 160)
_FALL = 40.0
_ROWS, _BLOCK = 8192, 16_384  # patterns, and values of the integrand, at a time: what the processor's cache holds
_MANY, _STEPS = 20_000, (50, 100)  # patterns above which fits to coarser times give the start, and how coarse
_CONCENTRATED = "falls to 0: almost all orders are of a few customers"
_ALIKE = "grows without limit: customers order more alike, or more regularly, than the model allows"
_NOBODY = "falls to 0: nobody is seen to leave, or some leave at once and the others never"
_AS_ONE = "grows without limit: customers do not differ in their rate of leaving, or nobody is seen to leave"
_RUNAWAYS = {
    "r": (_CONCENTRATED, _ALIKE),
    "alpha": (_CONCENTRATED, _ALIKE),
    "s": (_NOBODY, _AS_ONE),
    "beta": (_NOBODY, _AS_ONE),
}
_REMEDY = (
    "Fit more customers together (a larger segment, a longer period; in forecasts segments that share strength), state "
    "a prior (clv.pareto_nbd.weak_prior), or take BG/NBD or MBG/NBD, under which customers leave after orders only."
)


@dataclass(frozen=True)
class _Nodes:
    """The integrand of some rows at their nodes u, arrays (nodes, rows): numpy is fast along long last axes.

    after = u - t_x, log_alpha and log_beta = ln of (alpha + u) / (alpha + t_x) and of the same with beta, weight =
    quadrature weight times integrand; all weights of a row are to be multiplied by its scale.
    """

    rows: IntArray
    after: FloatArray
    log_alpha: FloatArray
    log_beta: FloatArray
    weight: FloatArray
    scale: FloatArray


def log_odds_left(
    x: FloatArray, t_x: FloatArray, T: FloatArray, *, r: float, alpha: float, s: float, beta: float
) -> FloatArray:
    """ln J: the log odds that a customer has left by T; -inf where T = t_x. One-dimensional arrays of one length."""
    R = r + x
    total = np.zeros(len(x))
    for nodes in _quadrature(R, t_x, T, alpha=alpha, s=s, beta=beta):
        total[nodes.rows] = nodes.weight.sum(axis=0) * nodes.scale
    with np.errstate(divide="ignore"):
        return np.asarray(
            np.log(s * total) + R * np.log((alpha + T) / (alpha + t_x)) + s * np.log((beta + T) / (beta + t_x))
        )


class ParetoLikelihood:
    """The log-likelihood of (r, alpha, s, beta) for patterns."""

    def __init__(self, patterns: Patterns) -> None:
        self._x, x_index = np.unique(patterns.x, return_inverse=True)
        self._customers_by_x = np.bincount(x_index, weights=patterns.count)
        self._T, T_index = np.unique(patterns.T, return_inverse=True)
        self._customers_by_T = np.bincount(T_index, weights=patterns.count)
        self._orders_by_T = np.bincount(T_index, weights=patterns.count * patterns.x)
        silent = patterns.t_x < patterns.T
        self._rows = Patterns(patterns.x[silent], patterns.t_x[silent], patterns.T[silent], patterns.count[silent])

    def __call__(self, parameters: FloatArray) -> Evaluation:
        """Log-likelihood, gradient (4,) and Hessian (4, 4) by the natural parameters r, alpha, s, beta."""
        staying = self._staying(*parameters.tolist())
        leaving = self._leaving(*parameters.tolist())
        return staying[0] + leaving[0], staying[1] + leaving[1], staying[2] + leaving[2]

    def _staying(self, r: float, alpha: float, s: float, beta: float) -> Evaluation:
        """The part of customers who are still there at T."""
        from scipy.special import digamma, gammaln, polygamma

        n, customers = self._customers_by_x, float(self._customers_by_x.sum())
        R = r + self._x
        by_T = r * self._customers_by_T + self._orders_by_T
        log_alpha_T, per_alpha_T = np.log(alpha + self._T), 1 / (alpha + self._T)
        log_beta_T, per_beta_T = np.log(beta + self._T), 1 / (beta + self._T)
        m = self._customers_by_T
        value = (
            float(n @ (gammaln(R) - gammaln(r)))
            + customers * (r * np.log(alpha) + s * np.log(beta))
            - float(by_T @ log_alpha_T)
            - s * float(m @ log_beta_T)
        )
        gradient = np.array(
            [
                float(n @ (digamma(R) - digamma(r))) + customers * np.log(alpha) - float(m @ log_alpha_T),
                customers * r / alpha - float(by_T @ per_alpha_T),
                customers * np.log(beta) - float(m @ log_beta_T),
                s * (customers / beta - float(m @ per_beta_T)),
            ]
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = n @ (polygamma(1, R) - polygamma(1, r))
        hessian[0, 1] = hessian[1, 0] = customers / alpha - float(m @ per_alpha_T)
        hessian[1, 1] = float(by_T @ per_alpha_T**2) - customers * r / alpha**2
        hessian[2, 3] = hessian[3, 2] = customers / beta - float(m @ per_beta_T)
        hessian[3, 3] = s * (float(m @ per_beta_T**2) - customers / beta**2)
        return float(value), gradient, hessian

    def _leaving(self, r: float, alpha: float, s: float, beta: float) -> Evaluation:
        """Sum of ln(1 + J).

        J is an integral of exp(g(u)); with u_left = J / (1 + J) and E the mean over u, the gradient is u_left E[g'] and
        the Hessian u_left E[g' g'^T + g''] - u_left^2 E[g'] E[g']^T.
        """
        from scipy.special import expit

        def of_block(part: slice) -> FloatArray:
            R, t_x, T = r + self._rows.x[part], self._rows.t_x[part], self._rows.T[part]
            count = self._rows.count[part]
            fall_alpha, fall_beta = np.log((alpha + T) / (alpha + t_x)), np.log((beta + T) / (beta + t_x))
            to_T = R * fall_alpha + s * fall_beta + np.log(s)
            value = 0.0
            gradient = np.zeros(4)
            hessian = np.zeros((4, 4))
            for nodes in _quadrature(R, t_x, T, alpha=alpha, s=s, beta=beta):
                at = nodes.rows
                total = nodes.weight.sum(axis=0)
                log_odds = to_T[at] + np.log(total * nodes.scale)
                left = expit(log_odds)
                value += float(count[at] @ np.logaddexp(0.0, log_odds))
                weight = count[at] * left
                per_alpha_T, per_beta_T = 1 / (alpha + T[at]), 1 / (beta + T[at])
                slopes = np.empty((4, *nodes.weight.shape))
                np.subtract(fall_alpha[at], nodes.log_alpha, out=slopes[0])
                np.divide(-R[at], (alpha + t_x[at]) + nodes.after, out=slopes[1])
                slopes[1] += R[at] * per_alpha_T
                np.subtract(fall_beta[at] + 1 / s, nodes.log_beta, out=slopes[2])
                np.divide(-(s + 1), (beta + t_x[at]) + nodes.after, out=slopes[3])
                slopes[3] += s * per_beta_T
                shares = slopes * (nodes.weight * (weight / total))
                sums = shares.sum(axis=1)
                products = shares.reshape(4, -1) @ slopes.reshape(4, -1).T
                gradient += sums.sum(axis=1)
                hessian += products - (sums / count[at]) @ sums.T
                hessian[0, 1] += (sums[1] / R[at]).sum()
                shares[1] *= slopes[1]
                hessian[1, 1] += (shares[1].sum(axis=0) / R[at]).sum() - 2 * float(per_alpha_T @ sums[1])
                hessian[2, 2] -= weight.sum() / s**2
                # beta enters by 1 / (beta + u) = (s / (beta + T) - g'_beta) / (s + 1).
                hessian[2, 3] += (float(weight @ per_beta_T) + sums[3].sum()) / (s + 1)
                squared = s**2 * float(weight @ per_beta_T**2) - 2 * s * float(per_beta_T @ sums[3]) + products[3, 3]
                hessian[3, 3] += squared / (s + 1) - s * float(weight @ per_beta_T**2)
            return np.concatenate([[value], gradient, hessian.ravel()])

        total = sum(in_blocks(of_block, len(self._rows), block=_ROWS), start=np.zeros(21))
        upper = np.triu(total[5:].reshape(4, 4))
        return float(total[0]), total[1:5], upper + np.triu(upper, 1).T


def maximise_pareto(patterns: Patterns, prior: LogNormalPrior | None) -> Estimate:
    """Maximum likelihood, or a posteriori, of Pareto/NBD; raises ModelError without repeat orders."""
    orders = float((patterns.count * patterns.x).sum())
    if orders == 0 and prior is None:
        raise ModelError(
            f"Pareto/NBD: none of the {patterns.customers:,.0f} customers has a repeat order, so neither the order "
            "rate nor the rate of leaving can be told. Take a longer period, or count orders of the same customer "
            "under one id."
        )
    longest = float(patterns.T.max())
    rate = max(orders, 0.5) / float((patterns.count * patterns.T).sum())
    starts: list[Mapping[str, float]] = [
        {"r": r, "alpha": max(r / rate * stay, 1e-3 * longest), "s": s, "beta": beta * longest}
        for r, stay, s, beta in ((0.6, 0.6, 0.6, 0.4), (0.2, 0.4, 0.3, 0.1), (2.0, 0.8, 1.0, 2.0), (1.0, 1.0, 0.1, 0.2))
    ]

    def found(part: Patterns, starts: Sequence[Mapping[str, float]]) -> Estimate:
        return maximise(
            ParetoLikelihood(part),
            model="Pareto/NBD",
            limits={
                "r": (1e-4, 1e4),
                "alpha": (1e-5 * longest, 1e5 * longest),
                "s": (1e-4, 1e3),
                "beta": (1e-5 * longest, 1e5 * longest),
            },
            runaways=_RUNAWAYS,
            starts=starts,
            customers=patterns.customers,
            prior=prior,
            remedy=_REMEDY,
        )

    if len(patterns) > _MANY:
        # Coarser times have a maximum that is near and cheap to find.
        for steps in _STEPS:
            coarse = coarsened(patterns, steps=steps)
            if len(coarse) < len(patterns) / 4:
                starts.insert(0, found(coarse, starts).parameters)
    return found(patterns, starts)


def _quadrature(
    R: FloatArray, t_x: FloatArray, T: FloatArray, *, alpha: float, s: float, beta: float
) -> Iterator[_Nodes]:
    """The integrand of J relative to its value at t_x, times (beta + u)^-1, row by row in blocks of equally many nodes.

    Rows with T = t_x are left out.
    """
    smaller = min(alpha, beta)
    last = np.minimum(T - t_x, (alpha + t_x) * np.expm1(np.minimum(_FALL / R, 700.0)))
    width = np.log1p(last / (smaller + t_x))
    fall = R * np.log1p(last / (alpha + t_x)) + (s + 1) * np.log1p(last / (beta + t_x))
    needed = np.searchsorted(_NODES, 3 + 5.0 * width + 0.45 * fall)
    needed = np.minimum(needed, len(_NODES) - 1)
    needed[width == 0] = -1
    for size in range(len(_NODES)):
        rows = np.flatnonzero(needed == size)
        point, weight = legendre_nodes(_NODES[size])
        block = _BLOCK // _NODES[size]
        for first in range(0, len(rows), block):
            at = rows[first : first + block]
            w = np.multiply.outer(point + 1, width[at] / 2)
            from_smaller = smaller + t_x[at]
            after = from_smaller * np.expm1(w)
            log_alpha = w if alpha == smaller else np.log1p(after / (alpha + t_x[at]))
            log_beta = w if beta == smaller else np.log1p(after / (beta + t_x[at]))
            height = np.exp(w - R[at] * log_alpha - (s + 1) * log_beta)
            height *= weight[:, None]
            yield _Nodes(at, after, log_alpha, log_beta, height, from_smaller * width[at] / 2 / (beta + t_x[at]))
