import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.path_files import read_paths
from attribution.paths import FileCounts, Paths
from attribution.transforms import TRANSFORMS, rename_channels, transform_paths
from customer_data.errors import ConfigurationError


def by_name(paths: Paths) -> dict[str, float]:
    return dict(zip(paths.names(step=">"), paths.conversions, strict=True))


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("keep_all", {"a>a>b>a": 1, "a>b>a": 2, "d": 3, "d>d>a": 4}),
        ("collapse_repeats", {"a>b>a": 3, "d": 3, "d>a": 4}),
        ("first_of_each", {"a>b": 3, "d": 3, "d>a": 4}),
        ("last_of_each", {"b>a": 3, "d": 3, "d>a": 4}),
        ("drop_direct_unless_alone", {"a>a>b>a": 1, "a>b>a": 2, "d": 3, "a": 4}),
    ],
)
def test_each_transform_by_hand(transform, expected):
    paths = Paths.from_strings(["a>a>b>a", "a>b>a", "d", "d>d>a"], [1, 2, 3, 4])
    assert by_name(transform_paths(paths, transform, direct="d")) == expected


def test_a_direct_channel_that_does_not_occur_changes_nothing():
    paths = Paths.from_strings(["a>b"])
    assert by_name(transform_paths(paths, "drop_direct_unless_alone", direct="direct")) == {"a>b": 1}


def test_an_unknown_transform_names_those_there_are():
    with pytest.raises(ConfigurationError, match="collapse_repeats, first_of_each"):
        transform_paths(Paths.from_strings(["a"]), "dedupe")


@given(
    st.lists(st.lists(st.sampled_from("abd"), min_size=1, max_size=6).map(">".join), min_size=1, max_size=12),
    st.sampled_from(TRANSFORMS),
)
def test_totals_are_kept_and_a_second_time_changes_nothing(paths, transform):
    paths = [*paths, "d"]
    given_paths = Paths.from_strings(paths, value=[1.5] * len(paths), nulls=[2.0] * len(paths))
    once = transform_paths(given_paths, transform, direct="d")
    twice = transform_paths(once, transform, direct="d")
    assert (once.conversions.sum(), once.value.sum(), once.nulls.sum()) == (
        len(paths),
        1.5 * len(paths),
        2 * len(paths),
    )
    assert np.array_equal(once.codes, twice.codes)
    assert by_name(once) == by_name(twice)


def test_renamed_channels_are_one_and_their_paths_merged_with_all_that_came_of_them() -> None:
    frame = pd.DataFrame({"path": ["B > a", "b > a", "c > B", "c"], "conversions": [1, 2, 0, 4], "nulls": [0, 1, 5, 0]})
    paths = read_paths(frame, nulls="nulls")
    renamed = rename_channels(paths, {"B": "b", "c": "a b", "z": "y"})
    assert renamed.channels == ("a", "a b", "b")
    assert renamed.names() == ["a b", "a b > b", "b > a"]
    assert renamed.conversions.tolist() == [4, 0, 3]
    assert renamed.nulls.tolist() == [0, 5, 1]
    assert isinstance(renamed.counts, FileCounts)
    assert renamed.counts.merged_rows == 1
    assert rename_channels(paths, {"z": "y"}) is paths
