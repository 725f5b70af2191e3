"""Published numbers, held to all their printed digits, and the parameters at which their sources computed them.

Sources whose forecasts were computed from a fit of their own stop a little below the maximum of the likelihood, and the
last digits of the forecasts show it. The default search of BTYD and BTYDplus is R's L-BFGS-B on the logarithms of the
parameters, with central differences of 0.001, until a step gains less than 2e-9 of the value. The same search with
scipy, from the same start, stops at the parameters below; at these the formulas give each printed digit.
"""

import numpy as np
from numpy.typing import ArrayLike

BTYD_BETA_GEO = {"r": 0.2425982, "alpha": 4.4136842, "a": 0.7929899, "b": 2.4261667}  # from 1, 3, 1, 3
BTYD_PARETO = {"r": 0.5533971, "alpha": 10.5801985, "s": 0.6060625, "beta": 11.6562237}  # from 1, 1, 1, 1
BTYD_MODIFIED = {"r": 0.5248436, "alpha": 6.1830928, "a": 0.8913878, "b": 1.6140483}  # from 1, 3, 1, 3
BTYD_BETA_BINOMIAL = {"alpha": 1.2035071, "beta": 0.7497667, "gamma": 0.6567568, "delta": 2.7838873}  # from 1, 1, 1, 1
BTYD_THIRD_SEARCH = {
    "alpha": 1.2035276,
    "beta": 0.7497260,
    "gamma": 0.6567808,
    "delta": 2.7837958,
}  # where the last ended


def assert_printed(found: ArrayLike, *texts: str) -> None:
    """Each number found, rounded to the digits of its text, is the text."""
    numbers = np.atleast_1d(np.asarray(found, dtype=float))
    assert numbers.shape == (len(texts),)
    for number, text in zip(numbers, texts, strict=True):
        unit = 10.0 ** -len(text.partition(".")[2])
        assert abs(number - float(text)) <= unit * (0.5 + 1e-9), f"{number!r} is not printed as {text}"
