"""Distinct patterns with counts, and the histories that are refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clv.distinct_rows import distinct
from clv.patterns import patterns_of
from customer_data.errors import InputError

GOOD = pd.DataFrame({"frequency": [0, 2, 2, 1], "recency": [0.0, 3.5, 3.5, 1.0], "T": [9.0, 9.0, 9.0, 4.0]})


def test_equal_histories_become_one_pattern() -> None:
    patterns = patterns_of(GOOD)
    np.testing.assert_array_equal(patterns.x, [0, 1, 2])
    np.testing.assert_array_equal(patterns.t_x, [0, 1, 3.5])
    np.testing.assert_array_equal(patterns.T, [9, 4, 9])
    np.testing.assert_array_equal(patterns.count, [1, 1, 2])
    assert patterns.customers == 4


def test_weights_are_summed() -> None:
    patterns = patterns_of(GOOD.assign(weight=[10, 20, 30, 40]))
    np.testing.assert_array_equal(patterns.count, [10, 40, 50])


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.sampled_from([1 / 7, 0.3, 2.0])), max_size=40),
    unit=st.sampled_from([1.0, 7.0, np.pi]),
)
def test_distinct_rows_are_those_of_numpy(rows: list[tuple[int, int, float]], unit: float) -> None:
    table = np.array(rows, dtype=float).reshape(-1, 3) / unit
    found, index = distinct(*table.T)
    expected, inverse = np.unique(table, axis=0, return_inverse=True)
    np.testing.assert_array_equal(np.stack(found, axis=1), expected)
    np.testing.assert_array_equal(index, inverse.ravel())


def test_values_too_many_to_pack_in_one_integer_are_packed_in_two_steps() -> None:
    random = np.random.default_rng(1)
    columns = [random.choice(random.normal(size=70_000), 70_000) for _ in range(4)]
    found, index = distinct(*columns)
    for column, value in zip(columns, found, strict=True):
        np.testing.assert_array_equal(value[index], column)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frequency": [0, -2, 2, 1]}, "histories.frequency: 1 of 4 rows are negative (first: row 1: frequency -2"),
        ({"frequency": [0, 2, 1.5, 1]}, "histories.frequency: 1 of 4 rows are missing or not whole numbers"),
        ({"frequency": [0, 2, np.nan, 1]}, "histories.frequency: 1 of 4 rows are missing or not whole numbers"),
        ({"recency": [0, 10.0, 11.0, 1]}, "histories.recency: 2 of 4 rows are larger than T (first: row 1"),
        ({"recency": [0, 0.0, 3.5, 1]}, "histories.recency: 1 of 4 rows are 0 with repeat orders"),
        ({"recency": [1, 3.5, 3.5, 1]}, "histories.recency: 1 of 4 rows are positive without repeat orders"),
        ({"recency": [0, 3.5, np.nan, 1]}, "histories.recency: 1 of 4 rows are missing or not finite"),
        ({"recency": [0, 3.5, 3.5, -1]}, "histories.recency: 1 of 4 rows are negative"),
        ({"T": [9, np.inf, 9, 4]}, "histories.T: 1 of 4 rows are missing or not finite"),
        ({"T": [-9, 9, 9, 4]}, "histories.T: 1 of 4 rows are negative"),
        ({"weight": [1, 1, 0, 1]}, "histories.weight: 1 of 4 rows are not positive"),
        ({"T": ["a", "b", "c", "d"]}, "histories.T: not all values are numbers"),
    ],
)
def test_impossible_histories_are_named_with_count_and_first_case(change: dict[str, list[float]], message: str) -> None:
    with pytest.raises(InputError) as caught:
        patterns_of(GOOD.assign(**change))
    assert message in str(caught.value)


def test_all_problems_at_once() -> None:
    with pytest.raises(InputError) as caught:
        patterns_of(GOOD.assign(frequency=[-1, 2, 2, 1], T=[9, 1, 9, np.nan]))
    assert len(caught.value.problems) == 3


def test_a_missing_column_and_what_was_meant() -> None:
    with pytest.raises(InputError, match="no column 'recency' \\(did you mean 'Recency'\\?\\)"):
        patterns_of(GOOD.rename(columns={"recency": "Recency"}))


def test_no_rows() -> None:
    with pytest.raises(InputError, match="there are no rows"):
        patterns_of(GOOD.iloc[:0])


def test_a_unit_longer_than_the_data() -> None:
    years = GOOD.assign(recency=GOOD["recency"] / 365, T=GOOD["T"] / 365)
    with pytest.raises(InputError, match=r"the longest observation lasts 0.0246575 time units, so the unit is longer"):
        patterns_of(years)
