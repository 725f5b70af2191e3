"""Integrals of a curve over the future of many customers at once, by interpolation.

A customer of age T and x past orders orders along a curve c(z, x) at z = s / (alpha + T), and every expectation sums
that curve over times s. The logarithm of the curve is analytic in log(1 + z) up to a distance of 2 pi from the real
axis, and that of the sum is as smooth in log(alpha + T). So for each x the curve is computed at a few of Chebyshev's
points, summed at as many ages, and read off at all others, to a dozen digits. Where the last coefficients of either
polynomial show that it has not converged, the sum is taken customer by customer.

Products of these small matrices are left to einsum: to share them among threads takes longer than to compute them.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from clv.arrays import IntArray, Numbers
from clv.calendar import Floats
from clv.distinct_rows import ReadOff, levels
from clv.special import chebyshev_points, lagrange, orders_while_alive

Curve: TypeAlias = Callable[[Floats, Floats], Floats]
"""Of z and x, which broadcast; positive."""

_CONVERGED: Final = 1e-12  # last coefficients of a logarithm, and so the relative error of what is read off
_NARROWEST: Final = 0.02  # range of log(alpha + T) that is interpolated over
_FEW: Final = 2_000  # evaluations of the curve that take no longer than to interpolate it
_AT_ONCE: Final = 2_000_000  # numbers held at once
_GRID: Final = 4  # times as many pairs of an x and an age as there are rows: up to here all are computed


def sums_along(curve: Curve, x: Floats, scale: Floats, *, time: Floats, weights: Floats) -> Floats:
    """Sums over the times of weights times ``curve(time / scale, x)``, for each pair of x and scale.

    Parameters
    ----------
    curve : callable
    x, scale : ndarray, shape (pairs,)
        Past orders, and alpha + T.
    time : ndarray, shape (times,)
        From 0 on.
    weights : ndarray, shape (sums, times)
        Not negative, mostly zero where there are many sums.

    Returns
    -------
    ndarray, shape (sums, pairs)
    """
    if len(x) * len(time) <= _FEW:
        return direct_sums(curve, x, scale, time=time, weights=weights)
    orders, level = levels(x)
    scales, age = levels(scale)
    ages = _ages(scales)
    logs = _logs_of_sums(curve, orders, np.exp(ages), time, weights)
    result = _read_between(ages, logs, np.log(scales), level, age)
    rest = np.isnan(result).any(axis=1)
    if rest.any():
        result[rest] = direct_sums(curve, x[rest], scale[rest], time=time, weights=weights).T
    return result.T


def orders_within(t: Numbers, x: Numbers, T: Numbers, *, r: float, alpha: float, a: float, b: float) -> ReadOff:
    """Expected orders in (T, T + t] of a customer who is alive at T after x orders and leaves after each with a chance
    from Beta(a, b + x); arrays broadcast.
    """

    def directly(t: Floats, x: Floats, T: Floats) -> Floats:
        return orders_while_alive(t / (alpha + T), r + x, b + x, a=a)

    def of_rows(t: Floats, x: Floats, T: Floats) -> Floats:
        if len(t) <= _FEW or t[0] <= 0 or (t != t[0]).any():
            return directly(t, x, T)
        orders, level = levels(x)
        days, age = levels(T)
        ages = _ages(alpha + days)
        logs = np.log(directly(t[0], orders[:, None], np.exp(ages) - alpha))
        found = _read_between(ages, logs[:, None], np.log(alpha + days), level, age)[:, 0]
        rest = np.isnan(found)
        if rest.any():
            found[rest] = directly(t[rest], x[rest], T[rest])
        return found

    return ReadOff.of(of_rows, t, x, T)


def direct_sums(curve: Curve, x: Floats, scale: Floats, *, time: Floats, weights: Floats) -> Floats:
    """What `sums_along` returns, from the curve itself at every time of every pair."""
    result = np.empty((len(weights), len(x)))
    block = max(1, _AT_ONCE // len(time))
    for first in range(0, len(x), block):
        part = slice(first, first + block)
        result[:, part] = np.einsum("st,tp->sp", weights, curve(time[:, None] / scale[part], x[part]))
    return result


def _logs_of_sums(curve: Curve, orders: Floats, scales: Floats, time: Floats, weights: Floats) -> Floats:
    """Logarithms of the sums at the scales, shape (orders, sums, scales); NaN where the curve has not converged."""
    g = np.log1p(time[:, None] / scales)
    points = _points(float(g.max()))
    spread = np.ascontiguousarray(lagrange(g.ravel(), points).T)
    found = np.empty((len(orders), len(weights), len(scales)))
    block = max(1, _AT_ONCE // g.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        known = np.log(curve(np.expm1(points), orders[:, None]))
        known[~(_last_coefficients(known) < _CONVERGED)] = np.nan
        for start in range(0, len(orders), block):
            part = slice(start, start + block)
            values = np.exp(np.einsum("nj,ji->ni", known[part], spread)).reshape(-1, *g.shape)
            found[part] = np.log(np.einsum("st,nta->nsa", weights, values))
    return np.where(np.isfinite(found), found, np.nan)


def _ages(scales: Floats) -> Floats:
    """Chebyshev's points in the logarithm of ascending scales."""
    first, last = np.log(scales[0]), np.log(scales[-1])
    return np.asarray(first + _points(max(last - first, _NARROWEST)))


def _read_between(ages: Floats, logs: Floats, wanted: Floats, level: IntArray, age: IntArray) -> Floats:
    """Exponentials of polynomials, at ``wanted[age]`` for each pair of level and age: shape (pairs, sums).

    The polynomials are known at the ages, shape (levels, sums, ages). NaN where they have not converged.
    """
    logs = np.where(np.all(_last_coefficients(logs) < _CONVERGED, axis=1)[:, None, None], logs, np.nan)
    spread = lagrange(wanted, ages)
    if len(logs) * len(wanted) <= min(_GRID * len(level), _AT_ONCE // logs.shape[1]):
        grid = np.exp(np.einsum("lsj,ja->lsa", logs, np.ascontiguousarray(spread.T)))
        return np.asarray(grid[level, :, age])
    result = np.empty((len(level), logs.shape[1]))
    block = max(1, _AT_ONCE // logs[0].size)
    for start in range(0, len(level), block):
        part = slice(start, start + block)
        result[part] = np.exp(np.einsum("psj,pj->ps", logs[level[part]], spread[age[part]]))
    return result


def _points(width: float) -> Floats:
    """Chebyshev's points on (0, width): as many as the logarithms need for all ordinary parameters."""
    return np.asarray(width / 2 * (1 + chebyshev_points(int(16 + 3 * width))))


def _last_coefficients(values: Floats) -> Floats:
    """The largest of the last three coefficients, in Chebyshev's polynomials, of values at his points (last axis)."""
    size = values.shape[-1]
    angle = np.multiply.outer(np.arange(size - 3, size), (2 * np.arange(size) + 1) * (np.pi / (2 * size)))
    return np.asarray(np.abs(np.einsum("...j,kj->...k", values, 2 / size * np.cos(angle))).max(axis=-1))
