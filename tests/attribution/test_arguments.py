"""Usual slips in arguments: told with the remedy, all at once, and never as an error of another library."""

import inspect
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

import attribution
from attribution.arguments import checked
from attribution.bootstrap import bootstrap_credit, rank_stability
from attribution.bridge import bridge, credit_along_paths, flows, roles, touch_variety
from attribution.calibration import calibrate
from attribution.counterfactual import interactions, removal
from attribution.customer_bootstrap import bootstrap_customers, customer_journeys
from attribution.descriptions import time_lags
from attribution.held_out import split_paths
from attribution.paths import Paths
from attribution.regression import fit_regression, held_out_regression, regression_credit
from attribution.rules import RuleOptions
from attribution.segments import compare_shares
from attribution.shapley import shapley
from attribution.transforms import rename_channels, transform_paths
from customer_data.errors import ConfigurationError, InputError

PATHS = Paths.from_strings(["a > b", "b", "a"], [3, 2, 1], [3, 2, 1], [5, 5, 9])
TESTS = pd.DataFrame({"channel": ["a"], "incremental": [1.0], "standard_error": [1.0]})
NEEDED = {"sets": ["a"], "models": ["markov"], "experiments": TESTS, "transform": "collapse_repeats"}
PUBLIC = [
    attribution.attribute, attribution.removal_effects, attribution.compare, attribution.sensitivity,
    attribution.top_paths, attribution.path_lengths, attribution.transition_matrix, attribution.transition_graph,
    attribution.choose_order, bootstrap_credit, rank_stability, bridge, credit_along_paths, flows, roles, touch_variety,
    calibrate, interactions, removal, time_lags, fit_regression, held_out_regression, regression_credit, compare_shares,
    shapley, split_paths, transform_paths,
]  # fmt: skip
OF_DATA = ("paths", "folds", "segments")
NO_VALUE = object()


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: function.__name__)
def test_no_argument_of_another_kind_meets_with_another_librarys_error(function):
    parameters = inspect.signature(function).parameters
    data = next(name for name in parameters if name in OF_DATA)
    given = {data: {"paths": PATHS, "folds": split_paths(PATHS), "segments": {"one": PATHS}}[data]}
    given |= {name: value for name, value in NEEDED.items() if name in parameters}
    for name in parameters:
        for wrong in (NO_VALUE, 3.5j, {"a": 1}):
            if name == "segment" or (name == "segments" and isinstance(wrong, dict)):
                continue
            with pytest.raises((ConfigurationError, InputError), match=name.removesuffix("s")):
                function(**{**given, name: wrong})


@pytest.mark.parametrize(
    ("paths", "remedy"),
    [
        (
            pd.DataFrame({"path": ["a"], "conversions": [1]}),
            r"a DataFrame, not Paths\. Read it with read_paths\(frame\)",
        ),
        ("data.csv", r"Read a file with attribution\.read_paths\('data\.csv'\)"),
        (Path("data.csv"), r"Read a file with attribution\.read_paths\('data\.csv'\)"),
        (["a > b"], r"a list, not Paths\. Make them with attribution\.Paths\.from_strings"),
        (None, "They come from attribution.read_paths"),
    ],
)
def test_what_is_no_paths_is_told_how_to_become_such(paths, remedy):
    with pytest.raises(ConfigurationError, match=rf"attribute: paths: .*{remedy}"):
        attribution.attribute(paths)


def test_all_slips_are_told_at_once():
    with pytest.raises(ConfigurationError) as told:
        attribution.attribute(PATHS, confidence="0.9", custom_weights=3, direct=None)
    assert str(told.value).splitlines() == [
        "attribute: confidence: '0.9' is a str, not a number. Give 0.9 for 90 % intervals.",
        "attribute: custom_weights: 3 is an int, not a list. Give one, such as (0.5, 0.3, 0.2).",
        'attribute: direct: None is a NoneType, not a name. Give one or several, such as "direct".',
    ]
    with pytest.raises(ConfigurationError) as told:
        attribution.compare(PATHS, replicates="100", options={}, seed=-1)
    assert [line.split(".")[0] for line in str(told.value).splitlines()] == [
        "compare: replicates: '100' is a str, not a whole number",
        "compare: options: {} is a dict",
        "compare: seed: -1 is below 0",
    ]
    with pytest.raises(ConfigurationError, match=r"calibrate: experiments: .*is a list\. Give a pandas.DataFrame"):
        calibrate(PATHS, [("a", 1.0, 1.0)])
    with pytest.raises(ConfigurationError) as told:
        RuleOptions(position_weights=(1, 1, 1), custom_weights=["a"], direct=3)
    assert [line.split(":")[0] for line in str(told.value).splitlines()] == [
        "position_weights",
        "custom_weights",
        "direct",
    ]


def test_numbers_of_numpy_are_numbers_and_a_missing_confidence_stays_one():
    table = attribution.attribute(PATHS, confidence=np.float64(0.9), order=np.int64(1))
    assert table.equals(attribution.attribute(PATHS))
    assert attribution.attribute(PATHS, confidence=None)["value_low"].isna().all()
    with pytest.raises(ConfigurationError, match="compare: confidence: None is a NoneType, not a number"):
        attribution.compare(PATHS, confidence=None)


def test_an_infinite_count_is_told_as_such():
    with pytest.raises(InputError, match=r"conversions: 1 of 2 entries \(first: entry 2\) hold an infinite one"):
        Paths.from_strings(["a", "b"], [1, np.inf])
    with pytest.raises(InputError, match=r"1 of 2 rows \(first: row 2\) hold an infinite one"):
        attribution.read_paths(pd.DataFrame({"path": ["a", "b"], "conversions": [1, np.inf]}))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: attribution.read_paths(["a > b"]), "read_paths: data: .* is a list. Give a file"),
        (lambda: attribution.read_paths("a.csv", sep=3, path=1), "read_paths: sep: 3 is an int, not a name"),
        (
            lambda: attribution.build_paths(duckdb.connect(), orders=(1, 2)),
            r"build_paths: orders: \(1, 2\) is a tuple, not a name",
        ),
        (
            lambda: attribution.build_paths("shop.duckdb"),
            "build_paths: connection: 'shop.duckdb' is a str",
        ),
        (lambda: customer_journeys(None), "customer_journeys: connection: None is a NoneType"),
        (lambda: customer_journeys(duckdb.connect(), {}), "options: {} is a dict. Give attribution.journey_parts"),
        (lambda: bootstrap_customers(PATHS, ["markov"]), "bootstrap_customers: journeys: a Paths. Give what"),
        (lambda: rename_channels(PATHS, ["a"]), r"rename_channels: renamed: \['a'\] is a list. Give {'old name'"),
    ],
)
def test_what_reads_and_builds_paths_says_what_it_takes(call, said):
    with pytest.raises(ConfigurationError, match=said):
        call()


def test_folds_to_deal_are_a_number_and_those_dealt_are_paths():
    paths = Paths.from_strings(["a", "b > a"], [4, 9], nulls=[6, 1])
    assert len(split_paths(paths, folds=2)) == 2
    with pytest.raises(ConfigurationError, match=r"split_paths: folds: 'two' is a str, not a whole number\. Give 5\."):
        split_paths(paths, folds="two")


def test_the_table_of_orders_is_a_name_and_orders_of_the_chain_are_numbers():
    @checked
    def of_table(*, orders: str = "orders") -> str:
        return orders

    @checked
    def of_chain(*, orders: Sequence[int] = (1, 2, 3)) -> Sequence[int]:
        return orders

    assert of_table(orders="later_orders") == "later_orders"
    assert of_chain(orders=[1, 2]) == [1, 2]
    with pytest.raises(ConfigurationError, match="of_table: orders: 3 is an int, not a name"):
        of_table(orders=3)
    with pytest.raises(ConfigurationError, match="of_chain: orders: 'orders' is a str, not a list"):
        of_chain(orders="orders")
