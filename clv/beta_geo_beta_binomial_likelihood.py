"""The likelihood of BG/BB (Fader, Hardie & Shang 2010, eq. 5), with its gradient and Hessian, on distinct patterns.

A history (x, t_x, n) has n - t_x + 1 explanations: the customer is there in period n, or left after period i with
t_x <= i < n. The terms of all patterns are laid out flat; each is a product of two beta functions.
"""

from typing import TYPE_CHECKING

import numpy as np

from clv.arrays import FloatArray, IntArray
from clv.maximum_likelihood import Estimate, Evaluation, LogNormalPrior, maximise
from clv.patterns import Patterns, first_bad_rows, patterns_of
from customer_data.errors import InputError, ModelError

if TYPE_CHECKING:
    import pandas as pd

_RUNAWAYS = {
    "alpha": ("falls to 0: some never order and the others always", "grows without limit: customers order alike"),
    "beta": ("falls to 0: some order always", "grows without limit: customers order alike, or hardly ever"),
    "gamma": ("falls to 0: nobody is seen to leave", "grows without limit: customers leave alike"),
    "delta": ("falls to 0: some leave at once", "grows without limit: customers leave alike, or nobody is seen to"),
}


def period_patterns_of(histories: "pd.DataFrame") -> Patterns:
    """The distinct patterns of histories in whole periods, checked."""
    patterns = patterns_of(histories)
    x, t_x, T = (histories[name].to_numpy(dtype=np.float64) for name in ("frequency", "recency", "T"))
    whole = "Count whole periods, such as years; use another model for continuous time."
    problems = first_bad_rows(
        histories,
        [
            ("T", np.floor(T) != T, "are not whole periods", whole),
            ("recency", t_x != np.floor(t_x), "are not whole periods", whole),
            ("frequency", x > t_x, "are larger than recency", "Count a period with several orders once."),
        ],
    )
    if problems:
        raise InputError(problems)
    return patterns


def log_likelihood(
    x: FloatArray, t_x: FloatArray, n: FloatArray, *, alpha: float, beta: float, gamma: float, delta: float
) -> FloatArray:
    """ln L of each history; one-dimensional arrays of one length."""
    terms = _Terms(x, t_x, n)
    logs, _, _ = terms.logs(alpha, beta, gamma, delta)
    if len(logs) == 0:
        return logs
    top = np.maximum.reduceat(logs, terms.first)
    return np.asarray(top + np.log(np.add.reduceat(np.exp(logs - top[terms.row]), terms.first)))


class _Terms:
    """All explanations of all histories, laid out flat: the arguments of their beta functions."""

    def __init__(self, x: FloatArray, t_x: FloatArray, n: FloatArray) -> None:
        counts = (n - t_x).astype(np.int64) + 1
        self.row: IntArray = np.repeat(np.arange(len(x)), counts)
        self.first: IntArray = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        step = np.arange(len(self.row)) - self.first[self.row]
        self.last = t_x[self.row].astype(np.int64) + step
        self.orders = x[self.row].astype(np.int64)
        self.silent = self.last - self.orders
        self.left = (step < (n - t_x)[self.row]).astype(np.int64)

    def logs(self, alpha: float, beta: float, gamma: float, delta: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The logarithm of each term, its gradient (4, terms) and its second derivatives: aa, ab, bb, cc, cd, dd."""
        from scipy.special import digamma, gammaln, polygamma

        steps = np.arange(int(self.last.max(initial=0)) + 2)

        def tables(start: float) -> FloatArray:
            """ln Gamma(start + k) - ln Gamma(start) and its two derivatives by start, for k = 0, 1, ..."""
            k = start + steps
            return np.stack(
                [
                    gammaln(k) - gammaln(start),
                    digamma(k) - digamma(start),
                    polygamma(1, k) - polygamma(1, start),
                ]
            )

        a, b, ab = tables(alpha)[:, self.orders], tables(beta)[:, self.silent], tables(alpha + beta)[:, self.last]
        c, d = tables(gamma)[:, self.left], tables(delta)[:, self.last]
        cd = tables(gamma + delta)[:, self.last + self.left]
        logs = a[0] + b[0] - ab[0] + c[0] + d[0] - cd[0]
        gradient = np.stack([a[1] - ab[1], b[1] - ab[1], c[1] - cd[1], d[1] - cd[1]])
        second = np.stack([a[2] - ab[2], -ab[2], b[2] - ab[2], c[2] - cd[2], -cd[2], d[2] - cd[2]])
        return logs, gradient, second


class BetaBinomialLikelihood:
    """The log-likelihood of (alpha, beta, gamma, delta) for patterns."""

    def __init__(self, patterns: Patterns) -> None:
        self._terms = _Terms(patterns.x, patterns.t_x, patterns.T)
        self._count = patterns.count

    def __call__(self, parameters: FloatArray) -> Evaluation:
        """Log-likelihood, gradient (4,) and Hessian (4, 4) by the natural parameters."""
        terms = self._terms
        logs, slopes, second = terms.logs(*parameters.tolist())
        top = np.maximum.reduceat(logs, terms.first)
        share = np.exp(logs - top[terms.row])
        total = np.add.reduceat(share, terms.first)
        share /= total[terms.row]
        mean = np.add.reduceat(slopes * share, terms.first, axis=1)
        weight = share * self._count[terms.row]
        hessian = (slopes * weight) @ slopes.T - (mean * self._count) @ mean.T
        aa, ab, bb, cc, cd, dd = second @ weight
        hessian += np.array([[aa, ab, 0, 0], [ab, bb, 0, 0], [0, 0, cc, cd], [0, 0, cd, dd]])
        return float(self._count @ (top + np.log(total))), mean @ self._count, hessian


def maximise_beta_binomial(patterns: Patterns, *, prior: LogNormalPrior | None) -> Estimate:
    """Maximum likelihood, or a posteriori, of BG/BB; raises ModelError without orders."""
    if float(patterns.count @ patterns.x) == 0 and prior is None:
        raise ModelError(
            f"BG/BB: none of the {patterns.customers:,.0f} customers has an order, so the chance to order "
            "cannot be told. Take more periods."
        )
    return maximise(
        BetaBinomialLikelihood(patterns),
        model="BG/BB",
        limits=dict.fromkeys(_RUNAWAYS, (1e-4, 1e4)),
        runaways=_RUNAWAYS,
        starts=[
            dict(zip(_RUNAWAYS, values, strict=True))
            for values in ((1.0, 1.0, 0.7, 3.0), (0.3, 1.0, 0.2, 2.0), (1.0, 0.3, 1.0, 10.0), (3.0, 10.0, 0.5, 1.0))
        ],
        customers=patterns.customers,
        prior=prior,
    )
