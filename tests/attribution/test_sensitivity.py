import pytest

from attribution.credit import attribute
from attribution.paths import Paths
from attribution.sensitivities import sensitivity
from customer_data.errors import ConfigurationError, ModelError

PATHS = Paths.from_strings(["a>b", "d>a", "d", "b>b>d"], [4, 3, 2, 1], nulls=[5, 1, 6, 2])


def test_last_click_moves_only_where_direct_is_dropped():
    # Last click: b 4, a 3, d 3 of 10. Without direct unless alone: b>b earns b one more, d keeps its lone 2.
    result = sensitivity(
        PATHS, model="last_click", transforms=["collapse_repeats", "drop_direct_unless_alone"], options=None
    )
    assert set(result.table["choice"]) == {"as configured", "path transform"}
    summary = result.summary.set_index("channel")
    assert summary.loc["a", "largest_shift"] == 0
    assert summary.loc["a", "shifted_by"] == ""


def test_the_direct_channel_named_in_the_options_is_the_one_dropped():
    from attribution.rules import RuleOptions

    result = sensitivity(PATHS, model="last_click", options=RuleOptions(direct="d"))
    summary = result.summary.set_index("channel")
    assert summary.loc["d", "largest_shift"] == pytest.approx(-0.1)
    assert summary.loc["d", "shifted_by"] == "path transform: drop_direct_unless_alone"
    assert summary.loc["b", "largest_shift"] == pytest.approx(0.1)
    assert (summary.loc["d", "best_rank"], summary.loc["d", "worst_rank"]) == (2, 3)


def test_each_row_is_the_credit_of_that_setting():
    table = sensitivity(PATHS, orders=[2]).table
    order_2 = table[table["choice"] == "order"]
    expected = attribute(PATHS, models=["markov"], order=2, confidence=None)
    assert order_2["conversions"].tolist() == pytest.approx(expected["conversions"].tolist())
    assert table.groupby(["choice", "setting"])["share"].sum().to_numpy() == pytest.approx(1.0)


def test_alternatives_are_named_and_must_have_the_same_channels():
    longer = Paths.from_strings(["a>b", "d"], [9, 1], nulls=[0, 0])
    result = sensitivity(PATHS, model="linear", transforms=[], alternatives={"lookback": {"90 days": longer}})
    assert result.summary["shifted_by"].tolist()[0] == "lookback: 90 days"
    with pytest.raises(ConfigurationError, match="lookback 7 days"):
        sensitivity(PATHS, alternatives={"lookback": {"7 days": Paths.from_strings(["a"])}})


def test_without_conversions_it_says_so():
    with pytest.raises(ModelError, match="no journey converted at all"):
        sensitivity(Paths.from_strings(["a"], [0], nulls=[3]))
