"""Why a likelihood has no maximum, in words: which parameter ran away, what that means, and what helps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from clv.arrays import FloatArray

MORE_CUSTOMERS: Final = "Fit more customers together (a larger segment, a longer period), or state a prior."
_NEAR: Final = 0.05  # of the end of its range, in logarithms, where a parameter stands that runs away


@dataclass(frozen=True)
class Failure:
    """Why a search from one start ended without a maximum.

    Attributes
    ----------
    text : str
    is_runaway : bool
        Whether it names a parameter that left the range of believable values, and what that means.
    """

    text: str
    is_runaway: bool = False


def stopped(
    text: str,
    point: FloatArray,
    names: Sequence[str],
    limits: tuple[FloatArray, FloatArray],
    runaways: Mapping[str, tuple[str, str]],
) -> Failure:
    """Why a search stopped at the point (log parameters): at the end of a parameter's range that parameter ran away,
    however the search came to its end there; elsewhere for the reason in the text.
    """
    lower, upper = limits
    room = np.minimum(point - lower, upper - point)
    place = int(np.argmin(room))
    if room[place] > _NEAR:
        return Failure(text)
    return ran_away(names[place], upper[place] - point[place] < point[place] - lower[place], runaways)


def ran_away(name: str, upwards: bool, runaways: Mapping[str, tuple[str, str]]) -> Failure:
    """The failure of a parameter that passed the lower or the upper end of its range."""
    return Failure(f"{name} {runaways[name][int(upwards)]}", is_runaway=True)


def flat_direction(names: Sequence[str], direction: FloatArray) -> str:
    """Along which parameters the likelihood does not change."""
    involved = [name for name, part in zip(names, np.abs(direction), strict=True) if part > 0.3]
    return f"the likelihood is flat along {' and '.join(involved)}: the data do not tell them apart"


def why_none(failures: Sequence[tuple[float, Failure]]) -> str:
    """Why all starts failed: of those that name a parameter that ran away, else of all, the one that climbed highest.

    Each failure comes with the height that its search reached.
    """
    return max(failures, key=lambda found: (found[1].is_runaway, found[0]))[1].text
