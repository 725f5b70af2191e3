"""Holm's procedure on intervals, by hand."""

import numpy as np
from scipy.special import ndtri

from attribution.together import clear_together


def judged(z, *, width=1.0):
    """Differences of so many standard errors; ``width`` 0 for those whose interval has none."""
    z = np.array(z, dtype=float)

    def ends(confidence):
        reach = ndtri(0.5 + confidence / 2) * np.broadcast_to(width, z.shape)
        return z - reach, z + reach

    return clear_together(ends, confidence=0.9, rounding=1e-9).tolist()


def test_the_largest_is_held_against_all_and_each_next_against_those_left():
    # Two-sided: .1 / 4 needs 2.241, .1 / 3 2.128, .1 / 2 1.960, .1 1.645.
    assert judged([2.25, -2.13, 1.97, 1.65]) == [True, True, True, True]
    assert judged([2.25, -2.13, 1.95, 1.94]) == [True, True, False, False]
    assert judged([2.23, -2.23, 2.23, 2.23]) == [False] * 4


def test_what_cannot_differ_is_no_test_and_two_that_sum_to_zero_are_one():
    assert judged([1.65, -1.65]) == [True, True]
    assert judged([1.65, -1.65, 0.0], width=np.array([1.0, 1.0, 0.0])) == [True, True, False]
    assert judged([1.65, -1.65, 0.0]) == [False] * 3
    assert judged([np.nan, np.nan]) == [False, False]
    assert judged([1.65, -3.0, 0.0], width=np.array([1.0, 0.0, 0.0])) == [True, True, False]
