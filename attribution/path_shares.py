"""How a chain would divide the conversions of single paths: by the removal effects of their channels.

Of a path with the channels C channel j gets s_j = r_j / sum of r over C, divided equally among its touches. With R that
sum, ds_j = sum over k in C of ((j = k) - s_j) / R dr_k, and variances follow from the covariance of removal effects
(:mod:`attribution.delta`). Intervals are those of a share (:mod:`attribution.intervals`).
"""

from dataclasses import dataclass

import numpy as np

from attribution import ragged
from attribution.chain import chain
from attribution.delta import covariance, normal_reach
from attribution.gradient import Gradient, effects_gradient
from attribution.intervals import share_interval
from attribution.markov import Convention, removal_effects
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.survival import channel_survival
from attribution.transitions import transitions

MOST_TOGETHER = 200


def shares_along_paths(
    paths: Paths,
    rows: Integers,
    *,
    order: int = 1,
    confidence: float | None = 0.90,
    convention: Convention = "exact",
) -> dict[str, Floats]:
    """The share of every touch of the paths ``rows``, laid end to end, and its ends.

    Returns
    -------
    ``markov``, ``markov_low`` and ``markov_high``. Ends are missing without a confidence, and where these paths hold
    more than 200 channels, whose effects have too many covariances. Under another ``convention`` than the exact one
    they are those of exact effects.
    """
    if confidence is not None:
        normal_reach(confidence)
    found = transitions(paths, order=order)
    known = chain(paths, found)
    effects, gradient = effects_gradient(found, channel_survival(found, known))
    if convention != "exact":
        effects = removal_effects(known, convention=convention).conversions[None, :]
    codes, lengths = ragged.take(paths.codes, paths.starts, rows), paths.lengths[rows]
    path = np.repeat(np.arange(len(rows)), lengths)
    # One entry for each channel of each path, and the touches it has there.
    cell, of_touch, touches = np.unique(path * len(paths.channels) + codes, return_inverse=True, return_counts=True)
    of_path, channel = np.divmod(cell, len(paths.channels))
    worth = effects[0][channel]
    summed = np.bincount(of_path, weights=worth, minlength=len(rows)).astype(float)[of_path]
    held = np.bincount(of_path, minlength=len(rows))[of_path]
    share = np.divide(worth, summed, out=1.0 / held, where=summed > 0)
    used, place = np.unique(channel, return_inverse=True)
    low = high = np.full(len(share), np.nan)
    if confidence is not None and len(used) <= MOST_TOGETHER and len(rows):
        together = covariance(paths, [_Some(gradient, used)]).conversions
        spread = _variances(share, summed, of_path, place, together)
        low, high = (np.where(held > 1, end, 1.0) for end in share_interval(share, spread, confidence=confidence))
    return {
        name: (part / touches)[of_touch]
        for name, part in (("markov", share), ("markov_low", low), ("markov_high", high))
    }


def _variances(share: Floats, summed: Floats, of_path: Integers, place: Integers, together: Floats) -> Floats:
    """Variance of each share: its own effect's by (1 - s)^2, less by those of the others on its path."""
    from scipy.sparse import csr_array

    held = csr_array((np.ones(len(share)), (of_path, place)), shape=(int(of_path[-1]) + 1, len(together)))
    # Of a path p with channels C: sum over k in C of cov(j, k), and over all pairs of C.
    with_path = np.asarray(held @ together)[of_path, place]
    of_paths = np.bincount(of_path, weights=with_path)[of_path]
    spread = together[place, place] - 2 * share * with_path + share**2 * of_paths
    found: Floats = np.divide(spread, summed**2, out=np.zeros(len(share)), where=summed > 0)
    return found


@dataclass(frozen=True, eq=False)
class _Some:
    """The gradient of some channels alone."""

    gradient: Gradient
    channels: Integers
    own: None = None
    sampled: None = None
    by_conversion: None = None

    @property
    def width(self) -> int:
        """Number of these channels."""
        return len(self.channels)

    @property
    def answers_to_endings(self) -> bool:
        """As the whole gradient."""
        return self.gradient.answers_to_endings

    def endings(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        return self._of(self.gradient.endings(rows))

    def gains(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        return self._of(self.gradient.gains(rows))

    def _of(self, whole: Floats) -> Floats:
        return whole[:, np.concatenate([self.channels, self.gradient.width + self.channels])]
