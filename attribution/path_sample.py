"""Which distinct paths stand for all of them in a sum, where there are too many to go through each.

Paths are drawn with probabilities in proportion to a size, one at each of equal steps along the sum of sizes
(systematic sampling; Madow 1949), and those larger than a step are all taken. Each counts by one over its probability
(Horvitz and Thompson 1952). Paths lie in their canonical order, by length and channels, so that paths a step apart are
of every kind; the steps begin in the middle, so nothing is left to chance and equal paths give equal samples.
"""

import numpy as np

from attribution.ragged import Floats, Integers

ROUNDING = 1e-12


def path_sample(sizes: Floats, most: int) -> tuple[Integers, Floats]:
    """At most ``most`` paths, and how many times each of them counts: all once where there are no more than that.

    Parameters
    ----------
    sizes
        Array ``(paths,)``, not negative: about in proportion to what a path adds to the sum. Paths of size 0 are left
        out of a sample.
    most
        How many paths to take, 1 or more.

    Returns
    -------
    The rows, those taken for their size first, and the weights ``(rows,)``, 1 or more.
    """
    if len(sizes) <= most:
        return np.arange(len(sizes)), np.ones(len(sizes))
    large, step = _larger_than_a_step(sizes, most)
    others = sizes.copy()
    others[large] = 0
    along = np.cumsum(others)
    drawn = np.searchsorted(along, np.arange(step / 2, along[-1], step) if step else [], side="right")
    return np.append(large, drawn), np.append(np.ones(len(large)), step / sizes[drawn])


def _larger_than_a_step(sizes: Floats, most: int) -> tuple[Integers, float]:
    """Which sizes are a step or more, a step being what the others sum to, shared among the places left; 0 for none."""
    total = left = float(sizes.sum())
    large = np.zeros(0, dtype=np.int64)
    while len(large) < most and left > ROUNDING * total:
        step = left / (most - len(large))
        larger = np.flatnonzero(sizes >= step)
        if len(larger) == len(large):
            return large, step
        large = larger
        left = total - float(sizes[large].sum())
    return large, 0.0
