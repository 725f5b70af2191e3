"""P(n orders, and left before t) of a Pareto/NBD newcomer: an integral whose logarithm is concave.

The integral over the time u of leaving, of the negative binomial probability of n orders by u. In z = log(u / alpha)
its integrand is exp of

    (n + 1) z - (n + r) log(1 + e^z) - (s + 1) log(1 + e^z alpha / beta),

concave and smooth. So it is followed down both sides of its peak until nothing is left, and Gauss and Legendre's rule
is taken between: as exact where ten thousand orders make the peak narrow as where it has a long tail.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from clv.arrays import FloatArray
from clv.special import legendre_nodes

_NODES: Final = 48
_NODES_PER_UNIT: Final = 3.0  # the integrand bends within pi of the real axis
_DROP: Final = 42.0  # the integrand is dropped below exp(-drop) of its peak
_HALVINGS: Final = 8
_STEPS: Final = 6
_FLAT: Final = 1e-300


def orders_before_leaving(
    n: FloatArray, t: FloatArray, r: FloatArray, alpha: FloatArray, s: FloatArray, beta: FloatArray
) -> FloatArray:
    """The logarithm of P(n orders, left before t), arrays (rows,) with t > 0, less that of (r)_n / n!."""
    integrand = _LogIntegrand(n[:, None], r[:, None], s[:, None], (alpha / beta)[:, None])
    first, last = integrand.reaches(np.log(t / alpha)[:, None])
    half = (last - first) / 2
    node, weight = legendre_nodes(int(_NODES + _NODES_PER_UNIT * half.max(initial=0.0)))
    height = integrand(first + half * (node + 1))
    highest = height.max(axis=1, keepdims=True)
    area = np.exp(height - highest) @ weight
    return np.asarray(np.log(area * half[:, 0] * s * alpha / beta) + highest[:, 0])


@dataclass(frozen=True, eq=False)
class _LogIntegrand:
    """Arrays (rows, 1), as functions of z (rows, any)."""

    n: FloatArray
    r: FloatArray
    s: FloatArray
    ratio: FloatArray

    def __call__(self, z: FloatArray) -> FloatArray:
        odds = np.exp(z)
        orders = (self.n + 1) * z - (self.n + self.r) * np.log1p(odds)
        return np.asarray(orders - (self.s + 1) * np.log1p(odds * self.ratio))

    def slope(self, z: FloatArray) -> FloatArray:
        odds = np.exp(z)
        orders = self.n + 1 - (self.n + self.r) * odds / (1 + odds)
        return np.asarray(orders - (self.s + 1) * odds / (1 / self.ratio + odds))

    def top(self, end: FloatArray) -> FloatArray:
        """Where it is highest up to ``end``, nearly: between the place for beta = alpha, and log_ratio before that."""
        alike, log_ratio = np.log((self.n + 1) / (self.r + self.s)), np.log(self.ratio)
        before, after = (np.minimum(alike - some(log_ratio, 0.0), end) for some in (np.maximum, np.minimum))
        for _ in range(_HALVINGS):
            middle = (before + after) / 2
            rising = self.slope(middle) > 0
            before, after = np.where(rising, middle, before), np.where(rising, after, middle)
        return np.asarray((before + after) / 2)

    def reaches(self, end: FloatArray) -> tuple[FloatArray, FloatArray]:
        """From where to where, up to ``end``, it lies within _DROP of the highest it gets."""
        top = self.top(end)
        low = self(top) - _DROP
        # Both straight lines lie above it; from outside, Newton's steps come nearer to its level and never pass it.
        first = np.minimum(low / (self.n + 1), top - 1e-3)
        last = np.maximum(-(low + (self.s + 1) * np.log(self.ratio)) / (self.r + self.s), top + 1e-3)
        last = np.minimum(last, end)
        for _ in range(_STEPS):
            first = first + np.maximum(low - self(first), 0.0) / np.maximum(self.slope(first), _FLAT)
            last = last - np.maximum(low - self(last), 0.0) / np.maximum(-self.slope(last), _FLAT)
        return first, last
