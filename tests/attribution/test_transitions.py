"""Transitions per path against a plain reading of the conventions, at any order."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import transitions as transitions_module
from attribution.paths import Paths
from attribution.transitions import transitions
from customer_data.errors import ConfigurationError


def states_by_hand(path: tuple[int, ...], order: int) -> list[tuple[int, ...]]:
    windows = [path[i : i + order] for i in range(len(path) - order + 1)] or [path]
    return [window for i, window in enumerate(windows) if i == 0 or window != windows[i - 1]]


def test_order_two_by_hand() -> None:
    # a a a b -> (aa)(aa)(ab) -> (aa)(ab); c is shorter than 2: a state of its own.
    paths = Paths.from_strings(["a > a > a > b", "c"])
    found = transitions(paths, order=2)
    assert found.names() == ["c", "a > a", "a > b"]
    start = len(found.states)
    steps = sorted(zip(found.source.tolist(), found.target.tolist(), strict=True))
    assert steps == [(1, 2), (start, 0), (start, 1)]
    assert found.visits.tolist() == [1, 2]
    assert found.last.tolist() == [0, 2]
    assert found.holds.tolist() == [[False, False, True], [True, False, False], [True, True, False]]


rows = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12).map(tuple), min_size=1, max_size=15)


@pytest.mark.parametrize("table", [1 << 22, 0], ids=["by table", "by sorting"])
@given(rows, st.integers(1, 6), st.sampled_from([3, 40_000]))
@settings(max_examples=60)
def test_counts_per_path_equal_a_plain_reading(
    table: int, given_rows: list[tuple[int, ...]], order: int, alphabet: int
) -> None:
    # 40,000 channels make windows of 4 and more overflow 62 bits, so that they are renumbered on the way.
    paths = Paths.from_codes(
        [str(code) for code in range(alphabet)],
        [code for row in given_rows for code in row],
        [len(row) for row in given_rows],
        conversions=np.ones(len(given_rows)),
        nulls=np.zeros(len(given_rows)),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transitions_module, "LARGEST_TABLE", table)
        found = transitions(paths, order=order)
    windows = [tuple(code for code in state if code >= 0) for state in found.states.tolist()] + [("start",)]
    matrix = found.per_path.toarray()
    for row, path in enumerate(sorted(set(given_rows), key=lambda path: (len(path), path))):
        visited = states_by_hand(path, order)
        expected = Counter(zip([("start",), *visited], visited, strict=False))
        seen = {
            (windows[source], windows[target]): count
            for source, target, count in zip(found.source, found.target, matrix[row], strict=True)
            if count
        }
        assert seen == expected
        assert windows[found.last[row]] == visited[-1]
    assert found.count(np.ones(len(paths))) == pytest.approx(matrix.sum(axis=0), abs=0)


@pytest.mark.parametrize("order", [0, -1, 1.0, True, "2"])
def test_an_order_that_is_no_whole_number_is_refused(order: int) -> None:
    with pytest.raises(ConfigurationError, match="order: "):
        transitions(Paths.from_strings(["a"]), order=order)


def test_no_paths_make_no_transitions() -> None:
    found = transitions(Paths.from_strings([]), order=2)
    assert found.states.shape == (0, 2)
    assert found.per_path.shape == (0, 0)
