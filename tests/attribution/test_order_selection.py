import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.held_out import auc, calibration, split_paths
from attribution.order_selection import choose_order
from attribution.paths import Paths
from customer_data.errors import ConfigurationError, NotHeldOutError


def journeys_whose_conversion_depends_on(last: int, *, seed: int) -> Paths:
    """40,000 journeys of four touches; the last ``last`` channels alone decide how likely a conversion is."""
    random = np.random.default_rng(seed)
    paths = list(itertools.product("abc", repeat=4))
    rate = {window: random.uniform(0.05, 0.5) for window in itertools.product("abc", repeat=last)}
    journeys = random.multinomial(40_000, np.full(len(paths), 1 / len(paths)))
    conversions = random.binomial(journeys, [rate[path[4 - last :]] for path in paths])
    return Paths.from_strings([">".join(path) for path in paths], conversions, nulls=journeys - conversions)


@pytest.mark.parametrize("truth", [1, 2, 3])
def test_the_order_that_made_the_journeys_is_chosen(truth):
    selection = choose_order(split_paths(journeys_whose_conversion_depends_on(truth, seed=truth), seed=1), max_order=4)
    assert selection.order == truth
    assert selection.table.loc[selection.table["chosen"], "order"].tolist() == [truth]


def test_held_out_predictions_are_calibrated_where_the_model_is_right():
    calibration = choose_order(split_paths(journeys_whose_conversion_depends_on(2, seed=5), seed=1)).calibration
    error = np.sqrt(calibration["observed"] * (1 - calibration["observed"]) / calibration["journeys"])
    assert (np.abs(calibration["predicted"] - calibration["observed"]) < 4 * error + 0.002).all()
    assert calibration["journeys"].sum() == 40_000


def test_losses_and_back_off_by_hand():
    # Two folds. Taught by fold 1 (a: 1 of 2 converted, b: 0 of 1; all: 1 of 3), backoff 1:
    # p_0 = (1 + .5)/(3 + 1) = .375, p_1(a) = (1 + .375)/(2 + 1) = .458333, p_1(b) = .375/(1 + 1) = .1875.
    # Fold 0 has one conversion after a and one null after b: loss -ln .458333 - ln .8125 = .987798.
    # Taught by fold 0 (a: 1 of 1, b: 0 of 1): p_0 = 1.5/3 = .5, p_1(a) = 1.5/2 = .75, p_1(b) = .5/2 = .25.
    # Fold 1: -ln .75 - ln .25 - ln .75 = 1.961658. Mean over five journeys: .589891.
    fold_0 = Paths.from_strings(["a", "b"], [1, 0], nulls=[0, 1])
    fold_1 = Paths.from_strings(["a", "b"], [1, 0], nulls=[1, 1])
    table = choose_order([fold_0, fold_1], max_order=1, backoff=1.0).table
    assert table["log_loss"].iloc[1] == pytest.approx((0.987798 + 1.961658) / 5, abs=1e-6)
    # Order 0 loses 1.450833 and 2.079442, so .463035 and .117783 more: .1161636 per journey. Folds of two and of three
    # journeys are apart from that by .2307078 either way, and sqrt(2 (2 * .2307078^2)) / 5 = .0922831.
    assert table["excess"].iloc[0] == pytest.approx(0.1161636, abs=1e-6)
    assert table["excess_std_error"].iloc[0] == pytest.approx(0.0922831, abs=1e-6)


def test_intervals_over_folds_by_hand():
    # Folds of two and of three journeys lose .987798 and 1.961658 at order 1, .589891 a journey on the whole: apart
    # from that by .191984 either way, and sqrt(2 (2 * .191984^2)) / 5 = .0767938. Student's t of one degree of freedom
    # is tan(.45 pi) = 6.313752 at 95 %.
    fold_0 = Paths.from_strings(["a", "b"], [1, 0], nulls=[0, 1])
    fold_1 = Paths.from_strings(["a", "b"], [1, 0], nulls=[1, 1])
    row = choose_order([fold_0, fold_1], max_order=1, backoff=1.0).table.iloc[1]
    assert row["log_loss_high"] - row["log_loss"] == pytest.approx(6.313752 * 0.0767938, rel=1e-5)
    assert row["log_loss"] - row["log_loss_low"] == pytest.approx(6.313752 * 0.0767938, rel=1e-5)
    # Of the pairs 1 of 1 and 1.5 of 2 are in the right order: 5/6, apart by 1/6 either way.
    assert row["auc_high"] - row["auc"] == pytest.approx(6.313752 * 2 * (1 / 6) / 3, rel=1e-5)


def test_what_is_observed_of_a_group_has_a_score_interval():
    table = calibration(np.array([[0.1], [0.1]]), np.array([[3.0], [2.0]]), np.array([[17.0], [18.0]]), confidence=0.95)
    for end in table.loc[0, ["observed_low", "observed_high"]]:
        assert (5 / 40 - end) ** 2 == pytest.approx(1.959963984540054**2 * end * (1 - end) / 40, rel=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=8))
def test_auc_is_the_share_of_pairs_in_the_right_order(rows):
    score, won, lost = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if not won.sum() or not lost.sum():
        return
    pairs = sum(
        w * n * (1.0 if s > t else 0.5 if s == t else 0.0)
        for (s, w) in zip(score, won, strict=True)
        for (t, n) in zip(score, lost, strict=True)
    )
    assert auc(score, won, lost) == pytest.approx(pairs / (won.sum() * lost.sum()), abs=1e-12)


def test_auc_compares_journeys_of_one_fold_only():
    # Fold 0: of 2 x 2 pairs the converted one scores above in 2 + 1, half of the tie: 3.5. Fold 1: 0 of 1 x 3.
    score = np.array([[0.3, 0.2, 0.1], [0.9, 0.8, 0.7]])
    won, lost = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), np.array([[0.0, 1.0, 1.0], [3.0, 0.0, 0.0]])
    assert auc(score, won, lost) == pytest.approx(3.5 / 7)
    assert np.isnan(auc(score, won * [[1], [0]], lost * [[0], [1]]))


def test_one_score_for_all_of_a_fold_tells_nothing():
    # The more conversions a fold holds the fewer foretell it: ranked together such folds gave .474, and groups whose
    # foretold and observed shares ran against each other.
    selection = choose_order(split_paths(Paths.from_strings(["a"], [300], nulls=[2700]), seed=3))
    assert selection.table["auc"].tolist() == [0.5] * 5
    (group,) = selection.calibration.to_dict("records")
    low, high = group.pop("observed_low"), group.pop("observed_high")
    assert low < group["observed"] < high
    assert group == pytest.approx({"group": 1, "journeys": 3000, "predicted": 0.1, "observed": 0.1}, rel=1e-3)


def test_journeys_without_a_signal_are_foretold_as_by_chance():
    random, found = np.random.default_rng(6), []
    for seed in range(40):
        codes, converted = random.choice(3, size=500, p=[0.6, 0.3, 0.1]), random.random(250) < 0.1
        paths = Paths.from_codes("abc", codes, np.full(250, 2), conversions=converted, nulls=~converted)
        found.append(choose_order(split_paths(paths, seed=seed), max_order=2).table["auc"])
    # A standard error of .014 at most; ranked over all folds they lie at .38, .42 and .45.
    assert np.mean(found, axis=0) == pytest.approx([0.5, 0.5, 0.5], abs=0.04)


def test_groups_of_calibration_hold_equal_parts_of_every_fold():
    # Fold 0: four journeys at .1 (none converted) and four at .2 (two did), fold 1: two at .3 (one did) and six at .4
    # (three did). Of two groups each holds four journeys of each fold: the second has fold 1's last four of six alike.
    score = np.array([[0.1, 0.2], [0.3, 0.4]])
    won, lost = np.array([[0.0, 2.0], [1.0, 3.0]]), np.array([[4.0, 2.0], [1.0, 3.0]])
    table = calibration(score, won, lost, groups=2)
    assert table["journeys"].tolist() == [8, 8]
    assert table["predicted"].tolist() == pytest.approx([(4 * 0.1 + 2 * 0.3 + 2 * 0.4) / 8, (4 * 0.2 + 4 * 0.4) / 8])
    assert table["observed"].tolist() == pytest.approx([(0 + 1 + 1) / 8, (2 + 2) / 8])
    # Of sixteen each half of a journey; those that hold the same score in both folds are put together.
    assert calibration(score, won, lost, groups=16)["journeys"].tolist() == pytest.approx([4, 4, 8])


def test_folds_add_up_to_the_whole_and_repeat_with_the_seed():
    paths = journeys_whose_conversion_depends_on(2, seed=2)
    folds = split_paths(paths, folds=4, seed=9)
    assert np.array_equal(sum(fold.conversions for fold in folds), paths.conversions)
    assert np.array_equal(sum(fold.nulls for fold in folds), paths.nulls)
    again = split_paths(paths, folds=4, seed=9)
    assert all(np.array_equal(a.nulls, b.nulls) for a, b in zip(folds, again, strict=True))


def test_what_cannot_be_chosen_says_why():
    with pytest.raises(NotHeldOutError, match="every journey known here converted"):
        choose_order(split_paths(Paths.from_strings(["a", "b"], [3, 4])))
    with pytest.raises(NotHeldOutError, match="no journey converted"):
        choose_order(split_paths(Paths.from_strings(["a", "b"], [0, 0], nulls=[4, 5])))
    with pytest.raises(NotHeldOutError, match="fractions"):
        split_paths(Paths.from_strings(["a"], [1.5], nulls=[1]))
    with pytest.raises(ConfigurationError, match="split_paths"):
        choose_order(Paths.from_strings(["a"], [1], nulls=[1]))
    with pytest.raises(ConfigurationError, match="2 or more"):
        split_paths(Paths.from_strings(["a"], [1], nulls=[1]), folds=1)


def test_folds_without_journeys_are_left_out_and_a_lone_one_cannot_choose():
    one, other = (Paths.from_strings(["a", "b"], [3, won], nulls=[2, 4]) for won in (1, 2))
    empty = Paths.from_strings(["a", "b"], [0, 0], nulls=[0, 0])
    table = choose_order([one, empty, other, empty], max_order=2).table
    assert table.equals(choose_order([one, other], max_order=2).table)
    assert np.isfinite(table.drop(columns="chosen").to_numpy(dtype=float)).all()
    with pytest.raises(NotHeldOutError, match="all journeys are in one fold"):
        choose_order([empty, one])
