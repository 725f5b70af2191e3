"""Which channels took part in conversions, without regard to how often or when."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.gradient import ShareGradient
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from customer_data.nearest import did_you_mean

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def presence(paths: Paths) -> "csr_array":
    """Sparse ``(paths, channels)``: 1 where a path holds a channel."""
    from scipy.sparse import csr_array

    held = csr_array((np.ones(len(paths.codes)), paths.codes, paths.starts), shape=(len(paths), len(paths.channels)))
    held = held.copy()
    held.sum_duplicates()
    held.data[:] = 1
    return held


def distinct_linear(paths: Paths) -> tuple[Floats, Floats]:
    """Credit shared equally among the distinct channels of each path, of conversions and of value.

    It is the Shapley value of the game in which a coalition is worth the conversions of the paths inside it.
    """
    held = presence(paths)
    each = 1 / held.sum(axis=1)
    return held.T @ (paths.conversions * each), held.T @ (paths.value * each)


def distinct_linear_gradient(paths: Paths) -> ShareGradient:
    """How credit by :func:`distinct_linear` answers to conversions."""
    from scipy.sparse import diags_array

    held = presence(paths)
    shares = (diags_array(1 / held.sum(axis=1)) @ held).tocsr()
    return ShareGradient(shares, shares)


def participation(paths: Paths) -> tuple[Floats, Floats]:
    """Credit in proportion to the conversions (and to the value) of the paths that hold each channel."""
    held = presence(paths)
    credit = []
    for amounts in (paths.conversions, paths.value):
        taken_part = held.T @ amounts
        summed = taken_part.sum()
        credit.append(taken_part / summed * amounts.sum() if summed > 0 else taken_part)
    return credit[0], credit[1]


@dataclass(frozen=True, eq=False)
class ParticipationGradient:
    """How credit by participation answers to conversions; see :class:`attribution.gradient.Gradient`.

    ``present`` is sparse ``(paths, channels)``, ``weights`` dense ``(channels, 2 channels)`` and ``shares`` has
    ``2 channels``: a conversion brings ``present @ weights + shares``.
    """

    present: "csr_array"
    weights: Floats
    shares: Floats
    answers_to_endings: bool = False
    own: None = None
    sampled: None = None
    by_conversion: None = None

    @classmethod
    def make(cls, paths: Paths) -> "ParticipationGradient":
        """Credit is total * A_j / sum A with A_j the conversions of paths that hold j, differentiated."""
        held = presence(paths)
        weights, shares = [], []
        for amounts in (paths.conversions, paths.value):
            taken_part = held.T @ amounts
            summed = taken_part.sum()
            share = taken_part / summed if summed > 0 else np.zeros_like(taken_part)
            scale = amounts.sum() / summed if summed > 0 else 0.0
            weights.append(scale * (np.eye(len(share)) - share))
            shares.append(share)
        return cls(held, np.hstack(weights), np.concatenate(shares))

    @property
    def width(self) -> int:
        """Number of channels."""
        return int(self.present.shape[1])

    def endings(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)`` of zeros."""
        return np.zeros_like(self.gains(rows))

    def gains(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        return np.asarray(self.present[rows] @ self.weights + self.shares)


def unknown_channel(where: str, name: str, paths: Paths) -> str:
    """A problem's sentence: ``where`` names a channel that no path knows."""
    hint = did_you_mean(name, paths.channels) or f" There are {', '.join(paths.channels[:20])}."
    return f"{where}: there is no channel {name!r}.{hint}"
