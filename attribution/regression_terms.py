"""What the regression knows of a path: how often it met each channel, and which came last."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.paths import Paths
from attribution.ragged import Floats, Integers

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Met:
    """Every channel that every path holds: the number of the path, of the channel, and how many touches.

    ``last`` and ``last_of_others`` are per path the channel that came last, and the last one that is another, or -1.
    """

    path: Integers
    channel: Integers
    touches: Integers
    last: Integers
    last_of_others: Integers

    @classmethod
    def of(cls, paths: Paths) -> "Met":
        """Look the paths through once."""
        count = len(paths.channels)
        pairs, touches = np.unique(paths.rows * count + paths.codes, return_counts=True)
        last = paths.codes[paths.starts[1:] - 1].astype(np.int64)
        others = np.full(len(paths), -1)
        apart = paths.codes != last[paths.rows]
        others[paths.rows[apart]] = paths.codes[apart]  # of several the last one stays
        return cls(pairs // count, pairs % count, touches, last, others)

    def odds(self, exposure: Floats, recency: Floats) -> Floats:
        """Log odds of conversion of each path, from the effects of exposure and of recency by channel."""
        exposed = exposure[self.channel] * np.log1p(self.touches)
        return np.bincount(self.path, weights=exposed, minlength=len(self.last)) + recency[self.last]

    def odds_without(self, odds: Floats, exposure: Floats, recency: Floats) -> Floats:
        """For each entry of ``path`` its log odds when the channel is taken out; -inf where nothing is left.

        The touches of the others stay; where the channel came last, the last of the others does.
        """
        came_last, others = self.channel == self.last[self.path], self.last_of_others[self.path]
        found = odds[self.path] - exposure[self.channel] * np.log1p(self.touches)
        found += np.where(came_last, recency[others] - recency[self.channel], 0.0)
        return np.where(others < 0, -np.inf, found)

    def terms(self, channels: int) -> "csr_array":
        """Sparse ``(paths, 2 channels)``: ln(1 + touches), then whether the channel came last."""
        from scipy.sparse import csr_array

        paths = np.arange(len(self.last))
        return csr_array(
            (
                np.concatenate([np.log1p(self.touches), np.ones(len(paths))]),
                (np.concatenate([self.path, paths]), np.concatenate([self.channel, channels + self.last])),
            ),
            shape=(len(paths), 2 * channels),
        )


def chance(odds: Floats) -> Floats:
    """Probability from log odds."""
    return np.asarray(1 / (1 + np.exp(-odds)))
