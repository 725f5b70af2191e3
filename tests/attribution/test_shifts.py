"""Intervals of shares and of their shifts: sums over customers, refits to customers drawn again, what needs none."""

from dataclasses import replace

import numpy as np
import pytest

from attribution.credit import attribute, model_credit
from attribution.credit_spread import credit_variance
from attribution.customer_bootstrap import customer_journeys
from attribution.customer_folds import customer_folds, recount, recount_customers
from attribution.journey_parts import JourneyOptions
from attribution.journeys import build_paths
from attribution.paths import Paths
from attribution.rules import RuleOptions
from attribution.sensitivities import AS_CONFIGURED, sensitivity
from attribution.transforms import transform_paths
from customer_data.errors import ConfigurationError
from tests.attribution.small_engine import in_days, load_rows
from tests.attribution.test_customer_bootstrap import many_journeys

ONE = 0.6826894921370859  # one standard error to each side
CHOICES = {
    AS_CONFIGURED: JourneyOptions(lookback_days=30, half_life_days=None),
    ("lookback", "7 days"): JourneyOptions(lookback_days=7, half_life_days=None),
    ("grain", "visits"): JourneyOptions(lookback_days=30, half_life_days=None, session_minutes=2_880.0),
}


@pytest.fixture
def loaded(engine):
    touches, orders = many_journeys(customers=400, seed=9)
    return load_rows(engine, in_days(touches), in_days(orders))


def shares(paths: Paths, order: int = 1) -> np.ndarray:
    credit = model_credit(paths, "markov", order=order, options=RuleOptions()).conversions
    return credit / credit.sum()


def reach(table, choice: str, setting: str, name: str) -> np.ndarray:
    rows = table[(table["choice"] == choice) & (table["setting"] == setting)]
    return (rows[f"{name}_high"] - rows[f"{name}_low"]).to_numpy() / 2


def test_shifts_spread_as_in_customers_drawn_again(loaded):
    by_choice = {name: customer_journeys(loaded, options) for name, options in CHOICES.items()}
    weights = np.random.default_rng(3).poisson(1.0, size=(150, 400)).astype(float)
    drawn: dict[tuple[str, str], list[np.ndarray]] = {}
    for weight in weights:
        again = {
            name: replace(
                journeys.paths,
                conversions=journeys.conversions @ weight[: journeys.conversions.shape[1]],
                nulls=journeys.nulls @ weight[: journeys.nulls.shape[1]],
            )
            for name, journeys in by_choice.items()
        }
        own = again[AS_CONFIGURED]
        base = shares(own)
        for name, paths in again.items():
            drawn.setdefault(name, []).append(shares(paths) - (base if name != AS_CONFIGURED else 0))
        drawn.setdefault(("order", "2"), []).append(shares(own, order=2) - base)
        collapsed = transform_paths(own, "collapse_repeats")
        drawn.setdefault(("path transform", "collapse_repeats"), []).append(shares(collapsed) - base)
    paths = build_paths(loaded)
    table = sensitivity(
        paths,
        orders=[2],
        transforms=["collapse_repeats", "first_of_each"],
        alternatives=recount_customers(loaded, CHOICES),
        confidence=ONE,
    ).table
    for name, replicates in drawn.items():
        found = reach(table, *name, "share" if name == AS_CONFIGURED else "shift")
        spread = np.std(replicates, axis=0)
        if name == ("path transform", "collapse_repeats"):  # which leaves a chain of order 1 as it is
            assert found == pytest.approx(np.zeros(4), abs=1e-9)
        else:
            # 150 replicates know a standard deviation to 5.8 %, and the delta method is linear.
            assert found == pytest.approx(spread, rel=3.5 * 0.058)
            assert (found / spread).mean() == pytest.approx(1, abs=1.5 * 0.058)


@pytest.mark.parametrize("model", ["linear", "markov"])
def test_credit_under_a_choice_has_the_interval_it_has_by_itself(loaded, model):
    paths = build_paths(loaded)
    table = sensitivity(
        paths, model=model, orders=[2], transforms=["first_of_each"], alternatives=recount_customers(loaded, CHOICES)
    ).table
    alone = {
        AS_CONFIGURED: paths,
        ("path transform", "first_of_each"): transform_paths(paths, "first_of_each"),
        ("lookback", "7 days"): build_paths(loaded, lookback_days=7),
    }
    for (choice, setting), other in alone.items():
        rows = table[(table["choice"] == choice) & (table["setting"] == setting)]
        expected = attribute(other, models=[model])
        for end in ("", "_low", "_high"):
            assert rows[f"conversions{end}"].to_numpy() == pytest.approx(expected[f"conversions{end}"].to_numpy())


@pytest.mark.parametrize("limits", [{"touches_at_once": 2_500}, {"most_others": 20}])
def test_a_part_of_the_customers_stands_for_all(loaded, limits):
    everybody, some = recount_customers(loaded, CHOICES), recount_customers(loaded, CHOICES, **limits)
    assert set(everybody.weights) == {1}
    assert len(some.weights) < 0.8 * len(everybody.weights)
    assert some.weights.sum() == pytest.approx(len(everybody.weights))
    paths = build_paths(loaded)
    one, other = (sensitivity(paths, alternatives=walked).table for walked in (everybody, some))
    assert one["shift"].to_numpy() == pytest.approx(other["shift"].to_numpy())
    for name in (("lookback", "7 days"), ("grain", "visits")):
        # A part of a hundred customers or more knows a standard deviation to 7 %.
        assert reach(one, *name, "shift") == pytest.approx(reach(other, *name, "shift"), rel=0.21)
        assert (reach(one, *name, "shift") != reach(other, *name, "shift")).any()


def test_recounted_paths_are_those_of_recount_and_journeys_sum_to_them(loaded):
    plain, known = recount(loaded, CHOICES), recount_customers(loaded, CHOICES)
    for name, paths in plain.items():
        assert known.paths[name].names() == paths.names()
        walked = known.walked[name]
        assert (np.diff(walked.customer) >= 0).all()
        assert np.bincount(walked.path, weights=walked.conversions) == pytest.approx(paths.conversions)
    dealt = customer_folds(loaded, CHOICES[AS_CONFIGURED], seed=7)
    again = recount_customers(loaded, CHOICES, seed=7, touches_at_once=2_500).folds
    for one, other in zip(dealt, again, strict=True):
        assert one.names() == other.names()
        assert np.array_equal(one.conversions, other.conversions)
        assert np.array_equal(one.nulls, other.nulls)


def test_a_choice_that_changes_nothing_has_no_shift_and_no_doubt():
    paths = Paths.from_strings(["a>b", "b", "a"], [4, 3, 2], nulls=[5, 1, 6])
    table = sensitivity(paths, orders=[], transforms=["first_of_each"]).table
    changed = table[table["choice"] == "path transform"]
    assert changed[["shift", "shift_low", "shift_high"]].to_numpy() == pytest.approx(0, abs=1e-12)
    assert (changed["share_low"] < changed["share"]).all()


def test_what_needs_customers_is_missing_without_them_and_all_without_confidence():
    paths = Paths.from_strings(["a>b", "b", "a"], [4, 3, 2], nulls=[5, 1, 6])
    other = {"lookback": {"9 days": Paths.from_strings(["a>b", "b", "a"], [3, 3, 3], nulls=[5, 1, 6])}}
    table = sensitivity(paths, alternatives=other).table
    rows = table[table["choice"] == "lookback"]
    assert rows[["shift_low", "shift_high", "share_low"]].isna().all(axis=None)
    assert (rows["conversions_low"] < rows["conversions_high"]).all()
    without = sensitivity(paths, alternatives=other, confidence=None).table
    assert without.filter(regex="_low|_high").isna().all(axis=None)


def test_shapley_shares_have_intervals_too():
    paths = Paths.from_strings(["a>b", "b", "a"], [40, 30, 20], nulls=[50, 10, 60])
    table = sensitivity(paths, model="shapley", transforms=["first_of_each"]).table
    base = table[table["choice"] == "as configured"]
    spread = np.sqrt(credit_variance(paths, "shapley").conversions)
    half = (base["conversions_high"] - base["conversions_low"]).to_numpy() / 2
    assert half == pytest.approx(1.6448536 * spread)


def test_recounted_paths_must_be_those_given(loaded):
    with pytest.raises(ConfigurationError, match="other paths than those given"):
        sensitivity(build_paths(loaded, lookback_days=3), alternatives=recount_customers(loaded, CHOICES))
