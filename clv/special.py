"""Expectations over the beta-distributed chance of leaving, finite for every history.

A customer who is alive after x repeat orders has an order rate from Gamma(R = r + x, alpha + T) and leaves after an
order with a chance p from Beta(a, c). Orders, rates and discounted orders are then expectations over p of
elementary, positive functions:

    rate at y = s / (alpha + T)      R E[(1 + p y)^-(R + 1)]
    orders up to y = t / (alpha + T) E[(1 - (1 + p y)^-R) / p]

The textbook forms in 2F1 are these integrals written out; they cancel or divide by zero where a + b < 1, a = 1 or x
is large. Here the integral itself is taken, by the trapezoid rule in the logit of p with doubly exponential tails:
exponentially accurate, no special cases.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TypeAlias

import numpy as np

from clv.arrays import FloatArray, Numbers, in_blocks
from clv.distinct_rows import ReadOff, distinct, levels

Integrand: TypeAlias = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""Of p, y and R, which broadcast."""

_STEP = 0.2  # in the stretched logit: error about exp(-pi^2 / step)
_STEP_OF_DEVIATION = 0.6  # ... and of the standard deviation of a concentrated Beta, at most
_TAIL = 42.0  # the integrand is dropped below exp(-tail)
_CLOSEST = 0.1  # the integrand does not bend at smaller 1 - p
_BLOCK = 2_000_000  # numbers held at once


@lru_cache(maxsize=64)
def legendre_nodes(size: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of Gauss and Legendre's rule on [-1, 1]; computed once."""
    node, weight = np.polynomial.legendre.leggauss(size)
    return node, weight


def beta_nodes(a: float, c: FloatArray, smallest: float) -> tuple[FloatArray, FloatArray]:
    """Nodes p (k,) and weights (len(c), k), rows summing to 1, of the expectation over Beta(a, c).

    ``smallest`` is the smallest p around which the integrand bends.
    """
    bend = np.log(smallest) - 3.0
    edge = -np.log(_CLOSEST)
    start = bend - np.log(max(_TAIL / a, np.e))
    stop = edge + np.log(max(_TAIL / float(c.min()), np.e))
    logits = np.log(a / np.array([float(c.min()), float(c.max())]))
    narrowest = np.sqrt(1 / a + 1 / float(c.max())) / (1 + max(1.0, float(logits.max()) - edge))
    step = min(_STEP, _STEP_OF_DEVIATION * narrowest)
    v = np.arange(start, stop + step, step)
    left, right = np.exp(bend - v), np.exp(v - edge)
    logit = v - left + right
    log_p, log_q = -np.logaddexp(0.0, -logit), -np.logaddexp(0.0, logit)
    log_weight = a * log_p + np.log1p(left + right) + np.multiply.outer(c, log_q)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return np.maximum(np.exp(log_p), 1e-200), weight / weight.sum(axis=1, keepdims=True)


def orders_while_alive(y: Numbers, R: Numbers, c: Numbers, *, a: float) -> FloatArray:
    """E[(1 - (1 + p y)^-R) / p] over p from Beta(a, c): expected orders up to y of a customer who is alive; arrays
    broadcast.
    """

    def integrand(p: FloatArray, y: FloatArray, R: FloatArray) -> FloatArray:
        return -np.expm1(-R * np.log1p(p * y)) / p

    return _expectation(integrand, y, R, c, a=a)


def rate_while_alive(y: Numbers, R: Numbers, c: Numbers, *, a: float) -> FloatArray:
    """R E[(1 + p y)^-(R + 1)] over p from Beta(a, c): the order rate at y, per unit of y; arrays broadcast."""

    def integrand(p: FloatArray, y: FloatArray, R: FloatArray) -> FloatArray:
        return R * np.exp(-(R + 1) * np.log1p(p * y))

    return _expectation(integrand, y, R, c, a=a)


def staying_while_alive(y: Numbers, R: Numbers, c: Numbers, *, a: float) -> FloatArray:
    """E[(1 + p y)^-R] over p from Beta(a, c): the chance that a customer who is alive still is at y."""

    def integrand(p: FloatArray, y: FloatArray, R: FloatArray) -> FloatArray:
        return np.asarray(np.exp(-R * np.log1p(p * y)))

    return _expectation(integrand, y, R, c, a=a)


def discounted_while_alive(kappa: Numbers, end: Numbers, R: Numbers, c: Numbers, *, a: float) -> FloatArray:
    """The integral over y from 0 to ``end`` of exp(-kappa y) times the order rate; arrays broadcast.

    ``end`` may be infinite where kappa > 0. The rate is tabulated once per (R, c) and the quadrature made once per
    (kappa, end); a customer only combines the two.
    """
    return np.asarray(ReadOff.of(partial(_discounted_of_rows, a=a), kappa, end, R, c))


def _discounted_of_rows(kappa: FloatArray, end: FloatArray, R: FloatArray, c: FloatArray, *, a: float) -> FloatArray:
    if len(kappa) == 0:
        return np.zeros(0)
    (orders, chances), history = distinct(R, c)
    (levels, ends), span = distinct(kappa, end)
    g, weight = _discounting(levels, ends)
    node = g.max() / 2 * (1 + chebyshev_points(int(48 + 24 * g.max())))
    table = rate_while_alive(np.expm1(node), orders[:, None], chances[:, None], a=a)
    weights = np.empty((len(levels), len(node)))
    block = max(1, _BLOCK // (len(node) * g.shape[1]))
    for first in range(0, len(levels), block):
        part = slice(first, first + block)
        weights[part] = np.einsum("ij,ijk->ik", weight[part], lagrange(g[part], node))
    result = np.empty(len(kappa))
    block = max(1, _BLOCK // len(node))
    for first in range(0, len(result), block):
        part = slice(first, first + block)
        result[part] = np.einsum("ij,ij->i", table[history[part]], weights[span[part]])
    return result


def discounted(rate: Callable[[FloatArray], FloatArray], kappa: FloatArray, end: FloatArray) -> FloatArray:
    """The integrals over y from 0 to ``end`` (n,) of exp(-kappa y) rate(y), where rate maps (n, k) to (n, k)."""
    g, weight = _discounting(kappa, end)
    return np.asarray(np.einsum("ij,ij->i", weight, rate(np.expm1(g))))


def _discounting(kappa: FloatArray, end: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Nodes g = log(1 + y) and weights (n, k) of the integrals over y of exp(-kappa y).

    Gauss and Legendre's rule in g, in which the rates are smooth, cut off where the discount is below 1e-20.
    """
    with np.errstate(divide="ignore"):
        cut = np.where(kappa > 0, 46.0 / kappa, np.inf)
    top = np.log1p(np.minimum(end, cut))
    point, weight = legendre_nodes(int(20 + 8 * top.max(initial=0.0)))
    g = np.multiply.outer(top / 2, point + 1)
    return g, np.exp(g - kappa[:, None] * np.expm1(g)) * weight * (top / 2)[:, None]


def chebyshev_points(size: int) -> FloatArray:
    """Chebyshev's points of the first kind on (-1, 1)."""
    return np.asarray(np.cos((2 * np.arange(size) + 1) * (np.pi / (2 * size))))


def lagrange(g: FloatArray, node: FloatArray) -> FloatArray:
    """Lagrange's polynomials of Chebyshev's points at g: shape (*g.shape, len(node)), in barycentric form."""
    size = len(node)
    weight = np.sin((2 * np.arange(size) + 1) * (np.pi / (2 * size))) * (-1.0) ** np.arange(size)
    away = g[..., None] - node
    share = weight / np.where(away == 0, 1e-300, away)
    return np.asarray(share / share.sum(axis=-1, keepdims=True))


def _expectation(integrand: Integrand, y: Numbers, R: Numbers, c: Numbers, *, a: float) -> FloatArray:
    return np.asarray(ReadOff.of(partial(_expectation_of_rows, integrand, a=a), y, R, c))


def _expectation_of_rows(integrand: Integrand, y: FloatArray, R: FloatArray, c: FloatArray, *, a: float) -> FloatArray:
    if len(y) == 0:
        return np.zeros(0)
    chances, level = levels(c)
    bend = min(1 / (1 + float((R * y).max())), a / (a + float(chances[-1])))
    p, weights = beta_nodes(a, chances, bend)
    result = np.empty(len(y))

    def work(part: slice) -> None:
        values = integrand(p, y[part, None], R[part, None])
        result[part] = np.einsum("ij,ij->i", values, weights[level[part]])

    in_blocks(work, len(y), block=max(1, _BLOCK // len(p)))
    return result
