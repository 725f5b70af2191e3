"""Intervals of parameters by the profile likelihood: how far one can move before the likelihood has fallen too deep.

Where data hardly tell two parameters apart, the log-likelihood is far from a parabola even in their logarithms: it
falls fast to one side and hardly at all to the other. An interval that is symmetric about the estimate then ends too
early on one side and too late on the other. That of the profile likelihood holds every value at which the likelihood,
all other parameters free, has fallen by no more than chi-squared / 2; it may have no end. Its ends are found by
Newton's method in all parameters at once (Venzon & Moolgavkar 1988, Applied Statistics 37(1)).
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from clv.arrays import FloatArray

Evaluation: TypeAlias = tuple[float, FloatArray, FloatArray]
"""A log-likelihood with its gradient (k,) and Hessian (k, k)."""

_CLOSE: Final = 1e-5  # of the fall, that a further step would still change
_STEPS: Final = 40
_RADIUS: Final = 1.0  # of a step, in the coordinates of the likelihood
_TOO_DEEP: Final = 4.0  # times the fall: a step that loses so much is halved
_FARTHEST: Final = 7.0  # in the coordinates of the likelihood, logarithms: a factor of a thousand
_ESCAPED: Final = 25.0  # where another coordinate may go that no longer matters


def profile_end(
    log_likelihood: Callable[[FloatArray], Evaluation], point: FloatArray, *, index: int, side: int, fall: float
) -> float:
    """How far one coordinate can move to a side before the profile log-likelihood has fallen by ``fall``.

    Parameters
    ----------
    log_likelihood : callable
        From coordinates (k,) to the log-likelihood, its gradient and its Hessian.
    point : ndarray (k,)
        Its maximum.
    index : int
        Of the coordinate.
    side : {-1, 1}

    Returns
    -------
    float
        Signed distance from the maximum; infinite where there is no end within a distance of seven.
    """
    here = log_likelihood(point)
    highest, moved = here[0], np.zeros(len(point))
    direction = np.where(np.arange(len(point)) == index, float(side), 0.0)
    for _ in range(_STEPS):
        value, gradient, hessian = here
        curvature, axes = np.linalg.eigh(-hessian)
        stiffness = np.maximum(np.abs(curvature), max(1e-9 * float(np.abs(curvature).max()), 1e-300))
        inverse = (axes / stiffness) @ axes.T
        # To where the parabola here has lost what it may, and its gradient points along the direction.
        left = max(2 * (value - highest + fall) + float(gradient @ inverse @ gradient), 0.0)
        step = inverse @ (gradient + np.sqrt(left / inverse[index, index]) * direction)
        if float(stiffness @ (axes.T @ step) ** 2) < _CLOSE * fall:
            return float(moved[index] + step[index])
        step *= min(1.0, _RADIUS / float(np.linalg.norm(step)))
        here = log_likelihood(point + moved + step)
        while not np.isfinite(here[0]) or highest - here[0] > _TOO_DEEP * fall:
            step /= 2
            here = log_likelihood(point + moved + step)
        moved = moved + step
        if abs(float(moved[index])) > _FARTHEST or float(np.abs(moved).max()) > _ESCAPED:
            break
    return side * np.inf
