"""Which channels are direct: one way for the rule, the path transform and sensitivity."""

import pytest

from attribution import attribute, compare, sensitivity
from attribution.direct import direct_codes
from attribution.paths import Paths
from attribution.rules import RuleOptions
from attribution.transforms import transform_paths

NAMES = ["Direct", "(direct)", "(Direct) / (none)", "direct mail", "x", " X "]


@pytest.mark.parametrize(
    ("direct", "found"),
    [
        ("direct", [0, 1, 2]),
        ("(DIRECT)", [0, 1, 2]),
        ("x", [4, 5]),
        (["X", "direct"], [0, 1, 2, 4, 5]),
        (("direct mail",), [3]),
        ("none", []),
        ([], []),
    ],
)
def test_names_are_found_whatever_their_capitals_and_the_usual_ones_mean_each_other(direct, found):
    assert direct_codes(NAMES, direct) == found


@pytest.mark.parametrize("name", ["direct", "Direct", "(direct)", "(Direct) / (none)"])
def test_rule_transform_and_sensitivity_pass_over_the_same_touches(name):
    paths = Paths.from_strings([f"a > {name}", name], [6, 2], nulls=[1, 1])
    assert transform_paths(paths, "drop_direct_unless_alone").names() == sorted([name, "a"])
    rule = attribute(paths, models=["last_non_direct_click"]).set_index("channel")["conversions"]
    tried = sensitivity(paths, model="last_click").table.set_index(["setting", "channel"])["conversions"]
    for channel, conversions in (("a", 6), (name, 2)):
        assert rule[channel] == conversions
        assert tried["drop_direct_unless_alone", channel] == conversions


def test_each_of_several_names_is_passed_over_everywhere():
    paths = Paths.from_strings(["a > direct > x", "b > x > Direct"], [5, 5], nulls=[5, 5])
    both = ["x", "direct"]
    assert transform_paths(paths, "drop_direct_unless_alone", direct=both).names() == ["a", "b"]
    rule = attribute(paths, models=["last_non_direct_click"], direct=both).set_index("channel")["conversions"]
    assert rule.to_dict() == {"a": 5, "b": 5, "direct": 0, "Direct": 0, "x": 0}
    tried = sensitivity(paths, model="last_click", options=RuleOptions(direct=both)).table
    shifts = tried[tried["setting"] == "drop_direct_unless_alone"].set_index("channel")["shift"]
    assert shifts.to_dict() == pytest.approx({"a": 0.5, "b": 0.5, "direct": 0, "Direct": -0.5, "x": -0.5})


def test_of_a_name_that_no_channel_has_there_is_a_warning_with_the_one_meant():
    paths = Paths.from_strings(["a > Direkt"], [1], nulls=[1])
    named = {"options": RuleOptions(direct="Direct visit")}
    with pytest.warns(UserWarning, match="there is no channel 'Direckt'.*Did you mean 'Direkt'"):
        attribute(paths, models=["last_non_direct_click"], direct="Direckt")
    with pytest.warns(UserWarning, match="last_non_direct_click: direct: there is no channel 'Direct visit'"):
        compare(paths, model="last_non_direct_click", **named)
    with pytest.warns(UserWarning, match="drop_direct_unless_alone: direct: there is no channel 'Direct visit'"):
        sensitivity(paths, **named)
    with pytest.warns(UserWarning, match="no channel 'none'"):
        transform_paths(paths, "drop_direct_unless_alone", direct=["none", "direct"])
