"""Top paths and path lengths, by hand."""

import pytest

import attribution
from attribution.paths import Paths
from customer_data.errors import ConfigurationError

PATHS = Paths.from_strings(
    ["a", "b", "a > b", "b > a"], conversions=[2, 5, 2, 0], value=[10, 1, 20, 0], nulls=[2, 0, 6, 3]
)


def test_top_paths_by_hand() -> None:
    table = attribution.top_paths(PATHS, 3)
    assert table.columns.tolist() == ["path", "touches", "conversions", "value", "nulls", "conversion_rate"]
    assert list(table.itertuples(index=False, name=None)) == [
        ("b", 1, 5, 1, 0, 1),
        ("a > b", 2, 2, 20, 6, 0.25),
        ("a", 1, 2, 10, 2, 0.5),
    ]


def test_the_rate_is_missing_when_no_journeys_without_conversion_are_known() -> None:
    assert attribution.top_paths(Paths.from_strings(["a"]))["conversion_rate"].isna().all()


def test_path_lengths_by_hand() -> None:
    table = attribution.path_lengths(PATHS)
    assert table.columns.tolist() == ["touches", "conversions", "value", "nulls"]
    assert list(table.itertuples(index=False, name=None)) == [(1, 7, 11, 2), (2, 2, 20, 9)]


def test_no_paths_have_no_descriptions() -> None:
    assert len(attribution.top_paths(Paths.from_strings([]))) == 0
    assert len(attribution.path_lengths(Paths.from_strings([]))) == 0


def test_a_negative_number_of_paths_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="n: -1"):
        attribution.top_paths(PATHS, -1)
