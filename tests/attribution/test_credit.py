"""The credit table: its columns, its models, and what it refuses."""

import numpy as np
import pytest

import attribution
from attribution.credit import CREDIT_COLUMNS, MODELS
from attribution.credit_spread import credit_covariance
from attribution.paths import Paths
from attribution.shapley import shapley
from customer_data.errors import ConfigurationError

PATHS = Paths.from_strings(["a > b", "b", "a"], conversions=[3, 2, 0], value=[30, 10, 0], nulls=[5, 5, 9])


def test_columns_and_rows_are_fixed() -> None:
    table = attribution.attribute(PATHS, models=["markov", "last_click"], segment="new")
    assert tuple(table.columns) == CREDIT_COLUMNS
    assert table["model"].tolist() == ["markov", "markov", "last_click", "last_click"]
    assert table["channel"].tolist() == ["a", "b", "a", "b"]
    assert set(table["segment"]) == {"new"}
    assert table.dtypes[3:].tolist() == [np.dtype(float)] * 6


def test_intervals_hold_the_estimate_and_never_fall_below_zero_where_credit_cannot() -> None:
    models = [model for model in MODELS if model != "time_decay"]
    table = attribution.attribute(PATHS, models=models, confidence=0.999)
    for measure in ("conversions", "value"):
        assert (table[f"{measure}_low"] <= table[measure]).all()
        assert (table[measure] <= table[f"{measure}_high"]).all()
        assert (table.loc[table["model"] != "shapley", f"{measure}_low"] >= 0).all()


def test_shapley_credit_by_hand() -> None:
    # Conversions over journeys: {a} 0/9, {b} 2/7, {a, b} 5/24. a: half of 5/24 - 2/7, b: half of 5/24 + 2/7; times the
    # 24 journeys. Value: 0, 10/7, 40/24.
    table = attribution.attribute(PATHS, models=["shapley"]).set_index("channel")
    assert table["conversions"].tolist() == pytest.approx([12 * (5 / 24 - 2 / 7), 12 * (5 / 24 + 2 / 7)], rel=1e-12)
    assert table["value"].tolist() == pytest.approx([12 * (40 / 24 - 10 / 7), 12 * (40 / 24 + 10 / 7)], rel=1e-12)
    apart = shapley(PATHS, confidence=0.9).set_index("channel")
    for column in ("conversions", "conversions_low", "conversions_high"):
        assert table[column].tolist() == pytest.approx(apart[column].tolist(), rel=1e-12)


def test_shapley_of_conversions_worth_one_has_the_intervals_of_value() -> None:
    ones = Paths.from_strings(["a > b", "b", "a"], conversions=[3, 2, 0], value=[3, 2, 0], nulls=[5, 5, 9])
    table = attribution.attribute(ones, models=["shapley"])
    for column in ("", "_low", "_high"):
        assert table[f"value{column}"].tolist() == pytest.approx(table[f"conversions{column}"].tolist(), rel=1e-12)


def test_shapley_is_compared_with_last_click_and_refused_where_it_cannot_be_had() -> None:
    table = attribution.compare(PATHS, model="shapley").set_index("channel")
    both = credit_covariance(PATHS, ["last_click", "shapley"]).conversions
    reach = 1.6448536269514722 * np.sqrt(np.diag(both[:2, :2] + both[2:, 2:] - both[:2, 2:] - both[2:, :2]))
    assert (table["difference_high"] - table["difference"])[["a", "b"]].tolist() == pytest.approx(reach.tolist())
    with pytest.raises(ConfigurationError, match="is not drawn again"):
        attribution.compare(PATHS, model="shapley", replicates=20)
    with pytest.raises(ConfigurationError, match="Name the column of nulls"):
        attribution.attribute(Paths.from_strings(["a", "b"], [1, 2]), models=["shapley"])


def test_last_click_intervals_by_hand() -> None:
    # Five conversions end in b, Poisson: (5 - m)^2 = z^2 m at both ends. None ends in a: from 0 to z^2.
    table = attribution.attribute(PATHS, models=["last_click"]).set_index("channel")
    squared = 1.6448536269514722**2
    for end in ("conversions_low", "conversions_high"):
        assert (5 - table.loc["b", end]) ** 2 == pytest.approx(squared * table.loc["b", end], rel=1e-12)
    assert table.loc["b", "conversions_low"] < 5 < table.loc["b", "conversions_high"]
    assert table.loc["a", ["conversions_low", "conversions_high"]].tolist() == pytest.approx([0, squared])
    # Of value only the sum is known, so each path's conversions count as equal: variance 3 * 10^2 + 2 * 5^2 = 350.
    for end in ("value_low", "value_high"):
        assert (40 - table.loc["b", end]) ** 2 == pytest.approx(squared * 350 / 40 * table.loc["b", end], rel=1e-12)
    assert table.loc["a", ["value_low", "value_high"]].tolist() == pytest.approx([0, squared * 350 / 40])


def test_without_confidence_intervals_are_missing() -> None:
    table = attribution.attribute(PATHS, models=["markov"], confidence=None)
    assert table[["conversions_low", "conversions_high", "value_low", "value_high"]].isna().all(axis=None)


def test_credit_scales_with_value() -> None:
    scaled = Paths.from_strings(["a > b", "b", "a"], conversions=[3, 2, 0], value=[300, 100, 0], nulls=[5, 5, 9])
    one, ten = (attribution.attribute(paths, models=["linear", "markov"]) for paths in (PATHS, scaled))
    np.testing.assert_allclose(ten["value"], 10 * one["value"], rtol=1e-12)
    np.testing.assert_allclose(ten["value_high"], 10 * one["value_high"], rtol=1e-12)
    np.testing.assert_allclose(ten["conversions"], one["conversions"], rtol=1e-12)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["last_clik"], "there is no 'last_clik'. Did you mean 'last_click'"),
        (["zzz"], "There are first_click, last_click"),
        ([], "give a list of names"),
        ("markov", "give a list of names"),
        (["markov", "markov"], "markov named more than once"),
        (["time_decay"], "needs the times of touches, which aggregated paths do not hold"),
    ],
)
def test_models_that_cannot_be_had_are_refused(models: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        attribution.attribute(PATHS, models=models)


def test_every_problem_with_models_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        attribution.attribute(PATHS, models=["last_clik", "first", "time_decay"])
    assert len(str(refused.value).splitlines()) == 3


@pytest.mark.parametrize("confidence", [0, 1, 90])
def test_a_confidence_outside_0_and_1_is_refused(confidence: float) -> None:
    with pytest.raises(ConfigurationError, match="confidence"):
        attribution.attribute(PATHS, models=["linear"], confidence=confidence)


def test_removal_effects_table() -> None:
    table = attribution.removal_effects(PATHS)
    assert table.columns.tolist() == [
        *("channel", "removal_effect", "removal_effect_value", "removal_effect_low", "removal_effect_high"),
        *("removal_effect_value_low", "removal_effect_value_high"),
    ]
    assert table["channel"].tolist() == ["a", "b"]
    # Every conversion passes b; of value likewise. a: P = 5/24; without a 2/24 of 7/24 * 5/15 of walks from b are left.
    assert table["removal_effect"].tolist() == pytest.approx([1 - (7 / 24 * 5 / 15) / (5 / 24), 1], rel=1e-12)
