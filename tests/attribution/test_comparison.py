"""The comparison of a model with a baseline, its intervals and verdicts."""

import numpy as np
import pytest

from attribution import attribute
from attribution.comparison import compare
from attribution.paths import Paths
from customer_data.errors import ConfigurationError

COLUMNS = [
    "channel",
    "last_click",
    "markov",
    "difference",
    "difference_low",
    "difference_high",
    "verdict",
    "clear_together",
]


@pytest.fixture
def paths():
    # By hand: markov at order 1 is worked out in the first test below.
    return Paths.from_strings(["a > b", "b"], [40, 40], [400, 400], [40, 120])


def test_difference_by_hand(paths):
    # start: a 80/240, b 160/240; a leads to b always; b converts 80/240 = 1/3. P = 1/3.
    # Without a 2/3 of that is left (effect 1/3), without b nothing (effect 1): shares 1/4 and 3/4 of 80 conversions.
    table = compare(paths)
    assert list(table.columns) == COLUMNS
    assert list(table.channel) == ["a", "b"]
    assert table.last_click.to_numpy() == pytest.approx([0, 80])
    assert table.markov.to_numpy() == pytest.approx([20, 60])
    assert table.difference.to_numpy() == pytest.approx([20, -20])
    assert list(table.verdict) == ["under-credited by last click", "over-credited by last click"]


def test_interval_by_hand(paths):
    # With s the share of journeys that start at a (80 of 240) and C = 80 conversions, the credit of a is C s / (1 + s).
    # A journey more from a moves it by C / (1 + s)^2 * (1 - s) / 240 = 45 / 360 = 1/8, one from b by -45 / 720 = -1/16,
    # and a conversion by s / (1 + s) = 1/4 more. Last click gives a nothing, so that is the difference too.
    moved, times = np.array([1 / 8, -1 / 16, 1 / 8 + 1 / 4, 1 / 4 - 1 / 16]), np.array([40, 120, 40, 40])
    variance, cubes, cases = times @ moved**2, times @ moved**3, (times @ moved**2) ** 2 / (times @ moved**4)
    table = compare(paths, confidence=0.95)
    # Together the two channels have twice that variance, so of the 80 conversions each moves a fortieth of it.
    squared = 1.959963984540054**2
    reach = np.sqrt(squared * variance + (squared * variance / 40) ** 2 / 2)
    # The cubes of the two channels sum to 0, so the 30 typical ones counted along do not lean.
    middle = 20 + cubes / variance * cases / (cases + 30) * (2 * squared + 1) / 6
    assert middle > 20.2
    assert table.difference_low.to_numpy() == pytest.approx([middle - reach, -middle - reach])
    assert table.difference_high.to_numpy() == pytest.approx([middle + reach, -middle + reach])


def test_bootstrap_and_delta_agree_on_the_verdicts_and_nearly_on_the_ends(paths):
    by_delta, drawn = compare(paths), compare(paths, replicates=4000, seed=3)
    assert list(by_delta.verdict) == list(drawn.verdict)
    width = by_delta.difference_high - by_delta.difference_low
    # The 5 % point of 4,000 replicates has a standard error of 1 % of the width.
    assert drawn.difference_low.to_numpy() == pytest.approx(by_delta.difference_low.to_numpy(), abs=0.04 * width.max())
    assert drawn.difference_high.to_numpy() == pytest.approx(
        by_delta.difference_high.to_numpy(), abs=0.04 * width.max()
    )


def test_same_seed_same_table(paths):
    first = compare(paths, replicates=100, seed=9)
    assert first.equals(compare(paths, replicates=100, seed=9))
    assert not first.equals(compare(paths, replicates=100, seed=10))


def test_differences_sum_to_zero_and_come_largest_first():
    paths = Paths.from_strings(["a > b > c", "c > a", "b", "c > b"], [9, 4, 6, 2], [9, 4, 6, 2], [30, 8, 11, 5])
    for baseline, model in (("last_click", "markov"), ("first_click", "linear"), ("markov", "position_based")):
        table = compare(paths, baseline=baseline, model=model)
        assert list(table.columns[1:3]) == [baseline, model]
        assert table.difference.sum() == pytest.approx(0, abs=1e-9)
        assert table.difference.abs().is_monotonic_decreasing
        assert (table.difference_low <= table.difference).all()
        assert (table.difference <= table.difference_high).all()


@pytest.mark.parametrize("replicates", [0, 40])
def test_differences_of_value_are_those_of_conversions_where_each_is_worth_the_same(paths, replicates):
    # Every conversion of the fixture is worth 10.
    counted = compare(paths, replicates=replicates, seed=2)
    worth = compare(paths, measure="value", replicates=replicates, seed=2)
    assert list(worth.columns) == COLUMNS
    assert worth[COLUMNS[1:6]].to_numpy() == pytest.approx(10 * counted[COLUMNS[1:6]].to_numpy())
    assert list(worth.verdict) == list(counted.verdict)


def test_few_conversions_give_no_verdict():
    paths = Paths.from_strings(["a > b", "b"], [1, 1], [4, 4], [1, 3])
    assert set(compare(paths).verdict) == {"no clear difference"}


@pytest.mark.parametrize("replicates", [0, 40])
def test_one_channel_and_no_conversions_differ_in_nothing(replicates):
    for paths in (
        Paths.from_strings(["a", "a > a"], [3, 2], [6, 5], [1, 8]),
        Paths.from_strings(["a > b", "b"], [0, 0], [0, 0], [1, 8]),
    ):
        table = compare(paths, replicates=replicates, seed=1)
        assert set(table.verdict) == {"no clear difference"}
        assert table[["difference", "difference_low", "difference_high"]].to_numpy() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "last_click"}, "nothing to compare"),
        ({"model": "markow"}, "Did you mean 'markov'"),
        ({"measure": "valeu"}, "measure: 'valeu' is not one of conversions, value"),
        ({"replicates": 5}, "no percentiles"),
        ({"replicates": -1}, "no percentiles"),
        ({"confidence": 90}, "not between 0 and 1"),
        ({"confidence": 90, "replicates": 30}, "not between 0 and 1"),
    ],
)
def test_wrong_arguments_say_the_remedy(paths, arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        compare(paths, **arguments)


@pytest.mark.parametrize("replicates", [0, 20])
def test_without_any_journey_nothing_is_credited_and_no_difference_is_claimed(replicates):
    none = np.zeros(0)
    empty = Paths.from_codes(["a", "b"], np.zeros(0, np.int32), np.zeros(0, np.int64), conversions=none, nulls=none)
    table = compare(empty, replicates=replicates, seed=1)
    assert table[["last_click", "markov", "difference", "difference_low", "difference_high"]].eq(0).all(axis=None)
    assert list(table.verdict) == ["no clear difference"] * 2


@pytest.mark.parametrize("replicates", [0, 20])
def test_under_channelattributions_convention_intervals_stand_around_its_credit(replicates):
    paths = Paths.from_strings(["a", "a > b > a", "b"], conversions=[20, 4, 3], nulls=[95, 53, 9])
    asked = {"replicates": replicates, "seed": 1}
    exact, cut = (
        compare(paths, convention=name, **asked).set_index("channel") for name in ("exact", "channelattribution")
    )
    credit = attribute(paths, models=["markov"], convention="channelattribution").set_index("channel")
    assert cut["markov"].to_dict() == pytest.approx(credit["conversions"].to_dict())
    moved = cut["difference"] - exact["difference"]
    assert moved.abs().min() > 0.01
    assert moved.sum() == pytest.approx(0)
    for end in ("difference_low", "difference_high"):
        assert (cut[end] - exact[end]).to_dict() == pytest.approx(moved.to_dict())
    with pytest.raises(ConfigurationError, match="convention: 'mam'"):
        compare(paths, model="linear", convention="mam")


def test_channels_alike_look_clear_one_by_one_but_not_together_and_as_often_on_either_side():
    random, runs, above, below, together = np.random.default_rng(18), 120, 0, 0, 0
    for _ in range(runs):
        lengths = random.integers(1, 4, 2000)
        codes, converted = random.integers(0, 12, lengths.sum()), random.random(2000) < 0.1
        names = [f"c{number}" for number in range(12)]
        table = compare(Paths.from_codes(names, codes, lengths, conversions=converted, nulls=~converted))
        above += (table.difference_low > 0).sum()
        below += (table.difference_high < 0).sum()
        together += table.clear_together.any()
    # Within three standard errors of what is nominal. By reaches alike on both sides it would be 8 % above, 3 % below.
    one_by_one, count = 0.05, 12 * runs
    for missed in (above, below):
        assert missed / count == pytest.approx(one_by_one, abs=3 * np.sqrt(one_by_one * (1 - one_by_one) / count))
    assert together / runs == pytest.approx(0.1, abs=3 * np.sqrt(0.1 * 0.9 / runs))


def test_what_is_clear_together_is_clear_alone_and_by_the_bootstrap_too(paths):
    assert compare(paths).clear_together.tolist() == [True, True]
    # Beside a and b four channels whose order is as good as none.
    names = ["a > b", "b", "c > d", "d > c", "e > f", "f > e"]
    more = Paths.from_strings(names, [40, 40, 9, 7, 6, 5], nulls=[40, 120, 90, 90, 90, 90])
    for table in (compare(more), compare(more, replicates=400, seed=3)):
        assert set(table.channel[table.clear_together]) == {"a", "b"}
