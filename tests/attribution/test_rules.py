"""Rules of credit: by hand for each, and conserving conversions and value whatever the paths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribution
from attribution.paths import Paths
from attribution.rules import RULES, RuleOptions, channel_shares, touch_shares
from customer_data.errors import ConfigurationError

# Shares of the touches of paths of 1 to 5 touches, in the order of the touches.
BY_HAND = {
    "first_click": [[1], [1, 0], [1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0, 0]],
    "last_click": [[1], [0, 1], [0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0, 1]],
    "linear": [[1], [1 / 2] * 2, [1 / 3] * 3, [1 / 4] * 4, [1 / 5] * 5],
    "position_based": [[1], [0.5, 0.5], [0.4, 0.2, 0.4], [0.4, 0.1, 0.1, 0.4], [0.4, 1 / 15, 1 / 15, 1 / 15, 0.4]],
    "u_shaped": [[1], [0.5, 0.5], [0.4, 0.2, 0.4], [0.4, 0.1, 0.1, 0.4], [0.4, 1 / 15, 1 / 15, 1 / 15, 0.4]],
    "j_shaped": [[1], [0.25, 0.75], [0.2, 0.2, 0.6], [0.2, 0.1, 0.1, 0.6], [0.2, 1 / 15, 1 / 15, 1 / 15, 0.6]],
    "inverse_j": [[1], [0.75, 0.25], [0.6, 0.2, 0.2], [0.6, 0.1, 0.1, 0.2], [0.6, 1 / 15, 1 / 15, 1 / 15, 0.2]],
    "w_shaped": [[1], [0.5, 0.5], [1 / 3] * 3, [0.3, 0.3, 0.1, 0.3], [0.3, 0.05, 0.3, 0.05, 0.3]],
    # weights 3, 1 counted back from the last touch
    "custom": [[1], [0.25, 0.75], [0, 0.25, 0.75], [0, 0, 0.25, 0.75], [0, 0, 0, 0.25, 0.75]],
}


def path_of_length(length: int) -> Paths:
    return Paths.from_codes("abcde", range(length), [length], conversions=[1], nulls=[0])


@pytest.mark.parametrize("rule", BY_HAND)
def test_shares_by_hand(rule: str) -> None:
    options = RuleOptions(custom_weights=(3, 1))
    for length, expected in enumerate(BY_HAND[rule], start=1):
        assert touch_shares(path_of_length(length), rule, options).tolist() == pytest.approx(expected, rel=1e-14)


def test_last_non_direct_click_passes_over_direct_unless_there_is_nothing_else() -> None:
    paths = Paths.from_strings(["Direct", "a > Direct > Direct", "Direct > Direct", "a > b", "Direct > b > Direct > a"])
    shares = channel_shares(paths, "last_non_direct_click", RuleOptions(direct="direct")).toarray()
    credited = {name: paths.channels[int(share.argmax())] for name, share in zip(paths.names(), shares, strict=True)}
    assert credited == {
        "Direct": "Direct",
        "Direct > Direct": "Direct",
        "a > b": "b",
        "a > Direct > Direct": "a",
        "Direct > b > Direct > a": "a",
    }
    both = channel_shares(paths, "last_non_direct_click", RuleOptions(direct=["direct", "A"])).toarray()
    assert both[paths.names().index("Direct > b > Direct > a"), paths.channels.index("b")] == 1


rows = st.lists(
    st.tuples(st.lists(st.integers(0, 4), min_size=1, max_size=9), st.integers(0, 9), st.floats(0, 1e6)), max_size=12
)
weights = st.tuples(*[st.floats(0, 1)] * 3).filter(lambda w: sum(w) > 0.01).map(lambda w: tuple(x / sum(w) for x in w))


@pytest.mark.parametrize("rule", RULES)
@given(rows=rows, position_weights=weights, custom=st.lists(st.floats(0.01, 1), min_size=1, max_size=5))
@settings(max_examples=30)
def test_every_rule_conserves_conversions_and_value(
    rule: str,
    rows: list[tuple[list[int], int, float]],
    position_weights: tuple[float, float, float],
    custom: list[float],
) -> None:
    paths = Paths.from_codes(
        ["a", "b", "c", "d", "direct"],
        [code for codes, *_ in rows for code in codes],
        [len(codes) for codes, *_ in rows],
        conversions=[converted for _, converted, _ in rows],
        nulls=[1] * len(rows),
        value=[value * (converted > 0) for _, converted, value in rows],
    )
    shares = touch_shares(paths, rule, RuleOptions(position_weights=position_weights, custom_weights=tuple(custom)))
    assert (shares >= 0).all()
    summed = np.bincount(paths.rows, weights=shares, minlength=len(paths))
    np.testing.assert_allclose(summed, 1, rtol=1e-12)
    table = attribution.attribute(
        paths, models=[rule], position_weights=position_weights, custom_weights=custom, confidence=None
    )
    assert table["conversions"].sum() == pytest.approx(paths.conversions.sum(), rel=1e-12)
    assert table["value"].sum() == pytest.approx(paths.value.sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"position_weights": (0.5, 0.5)}, "are not three weights"),
        ({"position_weights": (0.5, -0.1, 0.6)}, "are not three weights of 0 or more"),
        ({"position_weights": (0.5, 0.2, 0.5)}, "sum to 1.2. Make them sum to 1"),
        ({"custom_weights": ()}, "are not weights of 0 or more"),
        ({"custom_weights": (0, 1)}, "the first above 0"),
        ({"custom_weights": (1, float("nan"))}, "are not weights of 0 or more"),
    ],
)
def test_weights_that_are_none_are_refused(options: dict[str, tuple[float, ...]], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        RuleOptions(**options)  # type: ignore[arg-type]
