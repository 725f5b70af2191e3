"""Top paths and path lengths, by hand."""

import dataclasses

import numpy as np
import pytest

import attribution
from attribution.descriptions import time_lags
from attribution.paths import Paths
from customer_data.errors import ConfigurationError

PATHS = Paths.from_strings(
    ["a", "b", "a > b", "b > a"], conversions=[2, 5, 2, 0], value=[10, 1, 20, 0], nulls=[2, 0, 6, 3]
)


def test_top_paths_by_hand() -> None:
    table = attribution.top_paths(PATHS, 3)
    amounts = ["path", "touches", "conversions", "value", "nulls", "conversion_rate"]
    assert table.columns.tolist() == [
        *amounts,
        *(f"{name}_{end}" for name in ("conversions", "value", "conversion_rate") for end in ("low", "high")),
    ]
    assert list(table[amounts].itertuples(index=False, name=None)) == [
        ("b", 1, 5, 1, 0, 1),
        ("a > b", 2, 2, 20, 6, 0.25),
        ("a", 1, 2, 10, 2, 0.5),
    ]


def test_the_rate_is_missing_when_no_journeys_without_conversion_are_known() -> None:
    table = attribution.top_paths(Paths.from_strings(["a"]))
    assert table[["conversion_rate", "conversion_rate_low", "conversion_rate_high"]].isna().all(axis=None)


def test_intervals_of_a_path_by_hand() -> None:
    # "a > b" converts 2 of 8 times, each journey a customer's own: Wilson's interval, and Poisson's of the count. Over
    # all three paths a conversion is one.
    row = attribution.top_paths(PATHS, 3).iloc[1]
    z = 1.6448536269514722
    for end in ("low", "high"):
        rate, count = row[f"conversion_rate_{end}"], row[f"conversions_{end}"]
        assert (rate - 0.25) ** 2 == pytest.approx(z**2 * rate * (1 - rate) / 8)
        assert (count - 2) ** 2 == pytest.approx(z**2 * count)


def test_path_lengths_by_hand() -> None:
    table = attribution.path_lengths(PATHS)
    amounts = ["touches", "conversions", "value", "nulls"]
    assert table.columns[:4].tolist() == amounts
    assert list(table[amounts].itertuples(index=False, name=None)) == [(1, 7, 11, 2), (2, 2, 20, 9)]
    assert table["conversions_share"].tolist() == pytest.approx([7 / 9, 2 / 9])
    z = 1.6448536269514722
    for end in ("low", "high"):
        share = table[f"conversions_share_{end}"].to_numpy()
        assert (share - [7 / 9, 2 / 9]) ** 2 == pytest.approx(z**2 * share * (1 - share) / 9)


def test_time_lags_by_hand() -> None:
    # Of four conversions, each of a customer of its own, three come within a day: Wilson's interval of 3 in 4.
    paths = dataclasses.replace(Paths.from_strings(["a"], conversions=[4]), lag_conversions=np.array([3.0, 0.0, 1.0]))
    table = time_lags(paths)
    assert table is not None
    assert table["conversions_share"].tolist() == [0.75, 0, 0.25]
    z = 1.6448536269514722
    for end in ("low", "high"):
        share = table[f"conversions_share_{end}"].to_numpy()
        assert (share - [0.75, 0, 0.25]) ** 2 == pytest.approx(z**2 * share * (1 - share) / 4)
    # Of conversions themselves: Poisson counts of 3, 0 and 1, (n - m)^2 = z^2 m.
    for end in ("low", "high"):
        mean = table[f"conversions_{end}"].to_numpy()
        assert (np.array([3, 0, 1]) - mean) ** 2 == pytest.approx(z**2 * mean)
    assert time_lags(PATHS) is None


def test_no_paths_have_no_descriptions() -> None:
    assert len(attribution.top_paths(Paths.from_strings([]))) == 0
    assert len(attribution.path_lengths(Paths.from_strings([]))) == 0


def test_a_negative_number_of_paths_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="n: -1"):
        attribution.top_paths(PATHS, -1)
