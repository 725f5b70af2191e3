"""Intervals of the regression's credit: exact derivatives, and the spread of exact refits to customers drawn again."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from attribution.bridge import credit_along_paths
from attribution.calibration import calibrate
from attribution.comparison import compare
from attribution.credit import attribute
from attribution.credit_spread import credit_covariance, credit_variance, model_gradient
from attribution.customer_bootstrap import customer_journeys
from attribution.delta import value_squares, variance, without_sharing
from attribution.influence import OfGradient
from attribution.journeys import build_paths
from attribution.paths import Paths
from attribution.regression import fit_regression, regression_credit, regression_gradient
from attribution.segments import compare_shares
from attribution.sensitivities import sensitivity
from customer_data.errors import ConfigurationError
from tests.attribution.small_engine import in_days, load_rows
from tests.attribution.test_customer_bootstrap import many_journeys

ENDS = ["conversions_low", "conversions_high", "value_low", "value_high"]


def drawn_paths(*, channels: str = "abcd", paths: int = 60, seed: int = 1) -> Paths:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 5, paths)
    conversions = generator.poisson(4, paths) + 1
    return Paths.from_codes(
        list(channels),
        generator.integers(0, len(channels), lengths.sum()),
        lengths,
        conversions=conversions,
        value=conversions * generator.uniform(1, 9, paths),
        nulls=generator.poisson(15, paths) + 1,
    )


def test_influences_are_the_derivatives_of_refitted_credit():
    paths, step = drawn_paths(), 1e-3
    influences = OfGradient(regression_gradient(paths)).of(slice(None))

    def credit(kind: str, row: int, change: float) -> list[np.ndarray]:
        amounts = getattr(paths, kind).copy()
        amounts[row] += change
        table = regression_credit(replace(paths, **{kind: amounts}), confidence=None)
        assert (table["lost_conversions"] > 0).all()
        return [table["conversions"].to_numpy(), table["value"].to_numpy()]

    for row in range(0, len(paths), 19):
        for kind in ("conversions", "nulls", "value"):
            pairs = zip(credit(kind, row, step), credit(kind, row, -step), influences, strict=True)
            for up, down, influence in pairs:
                assert getattr(influence, kind)[row] == pytest.approx((up - down) / (2 * step), abs=1e-5)


def test_standard_errors_are_those_of_exact_refits_to_customers_drawn_again(engine):
    touches, orders = many_journeys(customers=600, seed=8)
    load_rows(engine, in_days(touches), in_days(orders))
    journeys, paths = customer_journeys(engine), build_paths(engine)
    weights = np.random.default_rng(3).poisson(1.0, size=(120, journeys.nulls.shape[1])).astype(float)
    replicates = []
    for drawn in weights:
        amounts = {name: getattr(journeys, name) @ drawn for name in ("conversions", "value", "nulls")}
        again = replace(paths, **amounts, value_squares=None, shared=None)
        replicates.append(regression_credit(again, confidence=None)[["conversions", "value"]].to_numpy())
    spread = np.std(replicates, axis=0)
    table = regression_credit(paths, confidence=0.6826894921370859)  # one standard error to each side
    alone = regression_credit(without_sharing(paths), confidence=0.6826894921370859)
    for measure, of_measure in zip(("conversions", "value"), spread.T, strict=True):
        reach = table[f"{measure}_high"] - table[measure]
        # 120 replicates know a standard deviation to 6.5 %; of four channels and two measures the worst is off by more.
        assert reach.to_numpy() == pytest.approx(of_measure, rel=0.2)
        assert (reach / of_measure).mean() == pytest.approx(1, abs=0.08)
        # Taking journeys for customers would have been too sure.
        assert (reach > 1.2 * (alone[f"{measure}_high"] - alone[measure])).all()


def test_where_all_conversions_are_worth_the_same_value_is_a_multiple_of_conversions():
    paths = drawn_paths()
    paths = replace(paths, value=3.0 * paths.conversions, value_squares=9.0 * paths.conversions)
    table = regression_credit(paths)
    for end in ("", "_low", "_high"):
        assert table[f"value{end}"].to_numpy() == pytest.approx(3 * table[f"conversions{end}"].to_numpy())


def test_a_channel_without_credit_has_an_interval_that_says_how_little_is_known():
    # Few journeys of d, all without a conversion: its loss is below 0 by chance, and could be above.
    paths = Paths.from_strings(
        ["a", "b", "a>b", "d>a", "d>b"], [30, 20, 40, 1, 0], nulls=[70, 80, 60, 4, 5], value=[60, 40, 80, 2, 0]
    )
    table = regression_credit(paths).set_index("channel")
    assert table.loc["d", "lost_conversions"] < 0
    assert table.loc["d", ["conversions", "conversions_low"]].tolist() == [0, 0]
    assert table.loc["d", "conversions_high"] > 0
    assert (table["conversions_low"] <= table["conversions"]).all()
    assert (table["conversions"] <= table["conversions_high"]).all()


def test_without_value_or_confidence_the_columns_are_there():
    paths = replace(drawn_paths(), value=np.zeros(len(drawn_paths())))
    table = regression_credit(paths)
    assert (table[["value", "value_low", "value_high"]] == 0).all(axis=None)
    assert regression_credit(paths, confidence=None)[ENDS].isna().all(axis=None)


def test_a_fit_made_already_gives_the_same_and_must_be_of_these_channels():
    paths = drawn_paths()
    fit = fit_regression(paths)
    assert regression_credit(paths, fit=fit).equals(regression_credit(paths))
    with pytest.raises(ConfigurationError, match="other channels"):
        regression_credit(drawn_paths(channels="abce"), fit=fit)
    with pytest.raises(ConfigurationError, match="confidence"):
        regression_credit(paths, confidence=90)


def test_attribute_gives_the_regressions_own_table_and_compare_its_difference_to_any_model():
    paths = drawn_paths()
    own = regression_credit(paths)
    table = attribute(paths, models=["last_click", "regression"])
    of_model = table[table["model"] == "regression"].reset_index(drop=True)
    for column in ("conversions", "value", *ENDS):
        assert of_model[column].to_numpy() == pytest.approx(own[column].to_numpy(), rel=1e-12)
    for measure, place in (("conversions", 0), ("value", 1)):
        found = compare(paths, model="regression", measure=measure).set_index("channel").loc[list(paths.channels)]
        assert found["regression"].to_numpy() == pytest.approx(own[measure].to_numpy())
        assert found["difference"].sum() == pytest.approx(0, abs=1e-9)
        # The same variance from influences, journey by journey.
        gradients = (OfGradient(model_gradient(paths, model)) for model in ("regression", "last_click"))
        one, other = (gradient.of(slice(None))[place] for gradient in gradients)
        less, squares = one.less(other), value_squares(paths)
        variance = paths.nulls @ less.nulls**2 + paths.conversions @ less.conversions**2
        variance += 2 * paths.value @ (less.conversions * less.value) + squares @ less.value**2
        spread = credit_variance(paths, "regression", baseline="last_click")
        assert getattr(spread, measure) == pytest.approx(variance)
        both = getattr(credit_covariance(paths, ["regression", "last_click"]), measure)
        minus = np.hstack([np.eye(4), -np.eye(4)])
        assert np.diag(minus @ both @ minus.T) == pytest.approx(variance)


def test_customers_with_several_journeys_are_in_the_variance_of_its_difference_to_a_rule(engine):
    touches, orders = many_journeys(customers=150, seed=9)
    journeys = customer_journeys(load_rows(engine, in_days(touches), in_days(orders)))
    paths = build_paths(engine)
    one, other = (OfGradient(model_gradient(paths, name)).of(slice(None)) for name in ("regression", "linear"))
    spread = credit_variance(paths, "regression", baseline="linear")
    whole = credit_covariance(paths, "regression")
    for place, measure in enumerate(("conversions", "value")):
        for influence, found in (
            (one[place].less(other[place]), getattr(spread, measure)),
            (one[place], np.diag(getattr(whole, measure))),
        ):
            by_customer = sum(
                getattr(journeys, kind).T @ getattr(influence, kind) for kind in ("conversions", "nulls", "value")
            )
            assert found == pytest.approx((by_customer**2).sum(axis=0))


def test_it_has_no_credit_where_nothing_converts_and_is_refused_where_it_cannot_be_had():
    nothing = Paths.from_strings(["a > b", "b"], [0, 0], [0, 0], [1, 8])
    assert attribute(nothing, models=["regression"])[["conversions", "value", *ENDS]].eq(0).all(axis=None)
    assert compare(nothing, model="regression")["difference_high"].eq(0).all()
    with pytest.raises(ConfigurationError, match="'regression' compares conversions with journeys that did not"):
        attribute(Paths.from_strings(["a", "b"], [1, 2]), models=["regression"])
    with pytest.raises(ConfigurationError, match="'regression' is not drawn again"):
        compare(drawn_paths(), model="regression", replicates=20)
    with pytest.raises(ConfigurationError, match="'regression' says what channels add over all paths"):
        credit_along_paths(drawn_paths(), models=["regression"])


def test_shares_of_it_have_intervals_in_sensitivity_calibration_and_segments():
    paths = drawn_paths()
    tried = sensitivity(paths, model="regression").table
    assert tried[["share_low", "share_high", "shift_low", "shift_high"]].notna().all(axis=None)
    shares = compare_shares({"one": paths, "two": drawn_paths(seed=2)}, model="regression")
    assert (shares["share_low"] <= shares["share"]).all()
    tests = pd.DataFrame({"channel": ["a"], "incremental": [50.0], "standard_error": [0.05]})
    lifted = calibrate(paths, tests, model="regression").set_index("channel")
    credit = regression_credit(paths, confidence=None).set_index("channel")["conversions"]
    assert lifted.loc[credit.index, "credited"].to_dict() == pytest.approx(credit.to_dict())
    # A test that is this sure, to .1 %, decides alone what each conversion credited counts for.
    assert lifted.loc["a", "multiplier"] == pytest.approx(50 / credit["a"], rel=1e-3)


def test_a_channel_without_credit_might_have_had_no_more_than_all():
    # Three conversions, none along c: what is lost without it may be many times what is lost without a and b, but of
    # three conversions it can have had no more than three.
    paths = Paths.from_strings(["a", "b", "c > a", "c > b", "c"], [2, 1, 0, 0, 0], [9, 4, 0, 0, 0], [5, 2, 3, 9, 6])
    table, gradient = regression_credit(paths).set_index("channel"), regression_gradient(paths)
    assert table.loc["c", ["lost_conversions", "conversions"]].le(0).all()
    share, reach = gradient.shares(0)[0][2], 1.6448536269514722 * variance(paths, gradient).conversions[2] ** 0.5
    most = share + reach / 3
    assert most > 0
    assert table.loc["c", "conversions_high"] == pytest.approx(3 * most / (1 + most))
    assert table.loc["c", "conversions_high"] < 3
