"""Distinct paths: merged, in canonical order, whatever the order of what was given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution import ragged
from attribution.paths import Paths
from customer_data.errors import InputError


def test_equal_paths_merge_with_all_that_came_of_them() -> None:
    paths = Paths.from_strings(["b > a", "a", "b>a"], conversions=[1, 2, 3], value=[10, 20, 30], nulls=[0, 1, 4])
    assert paths.names() == ["a", "b > a"]
    assert paths.conversions.tolist() == [2, 4]
    assert paths.value.tolist() == [20, 40]
    assert paths.nulls.tolist() == [1, 4]


def test_order_is_by_length_then_channel_by_channel() -> None:
    paths = Paths.from_strings(["c", "a > c > a", "b > a", "a > b", "a > c", "a > a > c", "a"])
    assert paths.names() == ["a", "c", "a > b", "a > c", "b > a", "a > a > c", "a > c > a"]


sequences = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=70), max_size=40)


@given(sequences, st.randoms(use_true_random=False))
def test_shuffled_rows_give_the_same_paths(rows: list[list[int]], random: object) -> None:
    shuffled = rows.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (
        Paths.from_codes(
            "abcde",
            [code for row in given for code in row],
            [len(row) for row in given],
            conversions=np.ones(len(given)),
            nulls=np.zeros(len(given)),
        )
        for given in (rows, shuffled)
    )
    assert one.codes.tolist() == other.codes.tolist()
    assert one.lengths.tolist() == other.lengths.tolist()
    assert one.conversions.tolist() == other.conversions.tolist()


@given(sequences, st.integers(5, 3000))
def test_distinct_sequences_are_the_sorted_set_at_any_alphabet(rows: list[list[int]], alphabet: int) -> None:
    codes = np.array([code for row in rows for code in row], dtype=np.int32)
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    group, *found = ragged.distinct_sequences(codes, lengths, alphabet)
    expected = sorted({tuple(row) for row in rows}, key=lambda row: (len(row), row))
    assert [array.tolist() for array in found] == [[code for row in expected for code in row], list(map(len, expected))]
    assert [expected[number] for number in group] == [tuple(row) for row in rows]


def test_take_lays_the_chosen_sequences_end_to_end() -> None:
    values = np.array([10, 20, 21, 30, 31, 32])
    assert ragged.take(values, ragged.offsets(np.array([1, 2, 3])), np.array([2, 0])).tolist() == [30, 31, 32, 10]
    assert ragged.positions(np.array([1, 2, 3])).tolist() == [0, 0, 1, 0, 1, 2]


def test_arrays_cannot_be_written_to() -> None:
    paths = Paths.from_strings(["a"])
    with pytest.raises(ValueError, match="read-only"):
        paths.conversions[0] = 5


@pytest.mark.parametrize(
    ("codes", "lengths", "message"),
    [([0, 0], [1], "sum to the number of codes"), ([0], [1, 0], "1 or more"), ([2], [1], "between 0 and 1")],
)
def test_paths_that_do_not_fit_together_are_refused(codes: list[int], lengths: list[int], message: str) -> None:
    counts = np.ones(len(lengths))
    with pytest.raises(InputError, match=message):
        Paths(("a", "b"), np.array(codes, dtype=np.int32), np.array(lengths), counts, counts, counts)


def test_no_paths_at_all_is_an_empty_object() -> None:
    paths = Paths.from_strings([])
    assert len(paths) == 0
    assert paths.names() == []
    assert repr(paths) == "<Paths: 0 distinct paths over 0 channels, 0 conversions worth 0.00, 0 nulls>"


@pytest.mark.parametrize(
    ("paths", "amounts", "said"),
    [
        (["a", "", None], {}, ["paths: 2 of 3 entries (first: entry 2) name no channel. Leave them out"]),
        (["a > b"], {"conversions": ["many"]}, ["conversions: 1 of 1 entries (first: entry 1) hold no number."]),
        (["a", "b"], {"value": [1]}, ["value: 1 entries for 2 paths. Give one for each path."]),
        (
            ["a", " > ", "b"],
            {"conversions": [float("nan"), 2, 1], "value": [1, -2, 3], "nulls": [1]},
            [
                "paths: 1 of 3 entries (first: entry 2) name no channel.",
                "nulls: 1 entries for 3 paths.",
                "conversions: 1 of 3 entries (first: entry 1) hold no number. Write 0 where there was none.",
                "value: 1 of 3 entries (first: entry 2) hold a negative one. Net refunds",
            ],
        ),
        (
            ["a", "b"],
            {"conversions": [0, 1], "value": [5, 1]},
            ["value: 1 of 2 entries (first: entry 1) have value wi"],
        ),
        (None, {}, ["paths: None is a NoneType. Give a list of texts"]),
        ("a > b", {}, ["paths: 'a > b' is one text. Give a list of them, as in ['a > b']."]),
    ],
)
def test_texts_and_amounts_that_cannot_be_are_told_all_at_once(paths, amounts, said) -> None:
    with pytest.raises(InputError) as caught:
        Paths.from_strings(paths, **amounts)
    assert len(caught.value.problems) == len(said)
    for problem, wanted in zip(caught.value.problems, said, strict=True):
        assert wanted in problem
