"""Journeys packed into words are found equal, and ordered, as their codes are."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attribution.packing import Packing, distinct_paths, packed

JOURNEYS = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=80), max_size=12)


@pytest.mark.parametrize("channels", [2, 3, 12, 300, 70_000, 5_000_000])
@given(journeys=JOURNEYS)
@example(journeys=[[1] * 80, [0], [0, 1] * 9, [0], [1] * 79 + [0], [0] * 80])
@example(journeys=[])
def test_distinct_journeys_are_in_canonical_order(channels: int, journeys: list[list[int]]) -> None:
    paths = [[1 + code * (channels - 1) for code in journey] for journey in journeys]
    packing = Packing.of(channels)
    ragged = np.array([code for path in paths for code in path], dtype=np.min_scalar_type(channels))
    group, codes, lengths = distinct_paths(
        packed(ragged, np.array([*map(len, paths)], dtype=np.uint8), packing), packing
    )
    expected = sorted({(len(path), *path) for path in paths})
    assert lengths.tolist() == [length for length, *_ in expected]
    assert codes.tolist() == [code - 1 for _, *path in expected for code in path]
    assert [expected[number] for number in group] == [(len(path), *path) for path in paths]
