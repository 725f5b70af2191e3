"""What the package hands on, and that importing it costs nothing."""

import subprocess
import sys

import pytest

import attribution

NAMES = [
    "Paths",
    "attribute",
    "build_paths",
    "choose_order",
    "compare",
    "path_lengths",
    "read_paths",
    "removal_effects",
    "sensitivity",
    "top_paths",
    "transition_graph",
    "transition_matrix",
]


def test_the_names_are_these() -> None:
    assert attribution.__all__ == NAMES
    assert set(NAMES) <= set(dir(attribution))


def test_every_name_is_callable_also_after_all_its_modules_were_imported() -> None:
    for _ in range(2):
        assert all(callable(getattr(attribution, name)) for name in NAMES)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'shapley_of_everything'"):
        attribution.shapley_of_everything  # noqa: B018


def test_importing_loads_no_heavy_library() -> None:
    script = (
        "import sys, attribution; heavy = {'numpy', 'pandas', 'scipy', 'networkx', 'pyarrow', 'duckdb', 'statsmodels'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
