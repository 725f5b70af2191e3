"""First and later orders, types of orders, visits: by hand, and as parts that sum to the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribution
from attribution.intervals import share_interval
from attribution.journey_parts import JourneyOptions
from attribution.paths import Paths
from attribution.segments import by_type, compare_shares, conversion_types, new_and_returning
from attribution.sessions import make_visits
from customer_data.errors import ConfigurationError
from tests.attribution.plain_journeys import DAY_US
from tests.attribution.small_engine import MINUTE_US, counted, in_days, load_rows, summed

DAYS = st.integers(0, 10)
touch_rows = st.lists(st.tuples(st.integers(1, 5), DAYS, st.integers(1, 3)), max_size=30)
order_rows = st.lists(st.tuples(st.integers(1, 5), DAYS, st.integers(0, 5)), max_size=12)


def test_first_and_later_orders_by_hand(engine):
    # Customer 1: a, order, b, c, order twice at once, a again. Customer 2: only b. Customer 3 orders without a touch,
    # then comes by c and orders: a later order.
    touches = in_days([(1, 0, 1), (1, 2, 2), (1, 3, 3), (1, 9, 1), (2, 1, 2), (3, 5, 3)])
    orders = in_days([(1, 1, 10), (1, 4, 20), (1, 4, 30), (3, 0, 5), (3, 6, 7)])
    load_rows(engine, touches, orders)
    parts = new_and_returning(engine, JourneyOptions(lookback_days=3, until_us=30 * DAY_US))
    assert {name: counted(paths) for name, paths in parts.items()} == {
        "new customers": {"a": (1, 0), "b": (0, 1)},
        "returning customers": {"a": (0, 1), "b>c": (2, 0), "c": (1, 0)},
    }
    assert parts["returning customers"].value.sum() == pytest.approx(57 / 10_000)
    assert parts["new customers"].counts.unattributed_conversions == 1


@settings(max_examples=10)
@given(touch_rows, order_rows, st.sampled_from([0.0, 1.0, 4.0]), st.none() | DAYS, st.booleans())
def test_first_and_later_orders_sum_to_all(engine, touches, orders, lookback, until, visits):
    load_rows(engine, in_days(touches), in_days(orders))
    options = JourneyOptions(
        lookback_days=lookback,
        until_us=None if until is None else until * DAY_US,
        session_minutes=1_500.0 if visits else None,
    )
    whole, parts = options.build(engine), list(new_and_returning(engine, options).values())
    if not visits:
        assert summed(parts) == counted(whole)
    assert sum(part.counts.conversions for part in parts) == whole.counts.conversions
    assert sum(part.counts.touches for part in parts) == whole.counts.touches
    assert sum(part.value.sum() for part in parts) <= whole.counts.value + 1e-9


def test_types_run_by_themselves_by_hand(engine):
    # a, lead, b, purchase: the purchase shares a and b, though the lead came between. The order without a type is of
    # neither. Most frequent first, then by name.
    touches = in_days([(1, 0, 1), (1, 2, 2), (2, 0, 3)])
    orders = in_days([(1, 1, 0), (1, 3, 90), (2, 1, 8)])
    load_rows(engine, touches, orders, types=["lead", "purchase", None])
    assert conversion_types(engine) == {"lead": 1, "purchase": 1}
    assert conversion_types(engine, until_us=2 * DAY_US) == {"lead": 1}
    options = JourneyOptions(until_us=60 * DAY_US)
    assert {name: counted(paths) for name, paths in by_type(engine, options).items()} == {
        "lead": {"a": (1, 0), "b": (0, 1), "c": (0, 1)},
        "purchase": {"a>b": (1, 0), "c": (0, 1)},
    }
    assert list(by_type(engine, options, most=1)) == ["lead"]
    assert counted(options.build(engine)) == {"a": (1, 0), "b": (1, 0), "c": (1, 0)}


def test_orders_of_one_type_have_the_credit_of_all(engine):
    touches = in_days([(1, 0, 1), (1, 2, 2), (2, 0, 3), (2, 5, 1)])
    load_rows(engine, touches, in_days([(1, 3, 90), (2, 6, 8)]), types=["it's one", "it's one"])
    (only,) = by_type(engine).values()
    assert counted(only) == counted(JourneyOptions().build(engine))


def test_orders_without_types_have_none(engine):
    load_rows(engine, [(1, 0, 1)], [(1, 1, 1)])
    assert conversion_types(engine) == {}
    assert by_type(engine) == {}


def test_shares_and_their_difference_by_hand():
    # Last click. One: a 30, b 10 of 40; other: a 10, b 10. Conversions are Poisson counts, so a share of n is binomial
    # given n: Wilson's ends e of p solve (e - p)^2 = z^2 e (1 - e) / n. The difference is -1/4; its distance to either
    # end is the root of the squares of the distances of both shares, one to its upper and one to its lower end.
    one, other = (Paths.from_strings(["a", "b"], counts, nulls=[5, 5]) for counts in ([30, 10], [10, 10]))
    table = compare_shares({"one": one, "other": other}, model="last_click").set_index(["segment", "channel"])
    assert table.loc[("one", "a"), "share"] == 0.75
    ends = table.loc[(slice(None), "a"), ["share_low", "share_high"]].to_numpy()
    squared = (ends - [[0.75], [0.5]]) ** 2
    assert squared == pytest.approx(1.6448536269514722**2 * ends * (1 - ends) / [[40], [20]], rel=1e-9)
    assert np.isnan(table.loc[("one", "a"), "difference"])
    assert table.loc[("other", "a"), "difference"] == pytest.approx(-0.25)
    assert table.loc[("other", "a"), "difference_low"] == pytest.approx(-0.25 - np.sqrt(squared[1, 0] + squared[0, 1]))
    assert table.loc[("other", "a"), "difference_high"] == pytest.approx(-0.25 + np.sqrt(squared[1, 1] + squared[0, 0]))
    assert table["differs"].tolist() == [False, False, True, True]
    # Two shares that sum to 1 differ both or neither, so they are one test.
    assert table["clear_together"].tolist() == [False, False, True, True]


def test_of_many_channels_one_that_differs_by_chance_is_not_clear_together():
    # Last clicks: twelve channels of 40 in either segment, but the first of 40 and 58, all others of 40 and 38 or 39.
    one, other = [40.0] * 12, [58.0] + [38.0] * 7 + [39.0] * 4
    names = [f"c{number:02}" for number in range(12)]
    parts = {"one": Paths.from_strings(names, one), "other": Paths.from_strings(names, other)}
    table = compare_shares(parts, model="last_click").set_index(["segment", "channel"])
    assert table["differs"].sum() == 1
    assert table.loc[("other", "c00"), "differs"]
    assert not table["clear_together"].any()
    surer = {name: Paths.from_strings(names, 4 * paths.conversions) for name, paths in parts.items()}
    table = compare_shares(surer, model="last_click").set_index(["segment", "channel"])
    assert table.index[table["clear_together"]].tolist() == [("other", "c00")]


def test_shares_of_equal_segments_do_not_differ_and_empty_ones_are_left_out():
    paths = Paths.from_strings(["a>b", "b", "c>a"], [5, 3, 2], nulls=[4, 4, 9])
    none = Paths.from_strings(["a>b", "c"], [0, 0], nulls=[4, 4])
    table = compare_shares({"one": paths, "same": paths, "none": none})
    assert list(dict.fromkeys(table["segment"])) == ["one", "same"]
    assert not table["differs"].any()
    assert table.groupby("segment")["share"].sum().to_numpy() == pytest.approx(1)
    assert len(compare_shares({"none": none})) == 0
    with pytest.raises(ConfigurationError, match="same channels"):
        compare_shares({"one": paths, "two": Paths.from_strings(["a"])})


def test_shares_of_very_many_channels_have_wider_intervals(monkeypatch):
    # With the total n taken as certain a share p of last clicks has the variance p / n instead of p (1 - p) / n.
    one, other = (Paths.from_strings(["a", "b", "c"], counts, nulls=[4, 4, 9]) for counts in ([50, 30, 20], [9, 6, 9]))
    exact = compare_shares({"one": one, "other": other}, model="last_click")
    monkeypatch.setattr("attribution.segments.MOST_TOGETHER", 2)
    quick = compare_shares({"one": one, "other": other}, model="last_click")
    assert quick["share"].equals(exact["share"])
    assert (quick["share_high"] - quick["share"] > exact["share_high"] - exact["share"]).all()
    for name, n in (("one", 100), ("other", 24)):
        for table, per_share in ((exact, lambda p: 1 - p), (quick, np.ones_like)):
            rows = table[table["segment"] == name]
            share = rows["share"].to_numpy()
            ends = np.stack(share_interval(share, share * per_share(share) / n, confidence=0.90))
            np.testing.assert_allclose(rows[["share_low", "share_high"]].to_numpy().T, ends, rtol=1e-12)


def test_visits_by_hand(engine):
    # a at 0, b after 30 minutes (still the visit of a), c after 31 more (a visit), d at the same moment as c. Customer
    # 2 comes in between and has a visit of its own. The order at minute 20 follows the visit of a alone.
    touches = [(1, 0, 1), (1, 30, 2), (1, 61, 3), (1, 61, 4), (2, 40, 2)]
    load_rows(engine, [(c, m * MINUTE_US, k) for c, m, k in touches], [(1, 20 * MINUTE_US, 1)])
    name = make_visits(engine)
    assert engine.execute(f"SELECT * FROM {name} ORDER BY customer_id, time_us").fetchall() == [
        (1, 0, 1),
        (1, 61 * MINUTE_US, 3),
        (2, 40 * MINUTE_US, 2),
    ]
    paths = attribution.build_paths(engine, touchpoints=name, include_open=True)
    assert counted(paths) == {"a": (1, 0), "b": (0, 1), "c": (0, 1)}
    with pytest.raises(ConfigurationError, match="minutes of 0 or more"):
        make_visits(engine, session_minutes=float("nan"))


def test_last_non_direct_click_goes_by_visits_where_journeys_are_made_of_them(engine):
    # A visit of a, one of b that also touched c, one that came direct and touched c: of touches c is the last that is
    # not direct, of visits it is b.
    touches = [(1, 0, 1), (1, 100, 2), (1, 110, 3), (1, 200, 4), (1, 210, 3), (1, 215, 4)]
    load_rows(engine, [(c, m * MINUTE_US, k) for c, m, k in touches], [(1, 220 * MINUTE_US, 1)])
    earned = {}
    for minutes in (None, 30.0):
        paths = JourneyOptions(session_minutes=minutes).build(engine)
        credit = attribution.attribute(paths, models=["last_non_direct_click"], direct="d").set_index("channel")
        earned[minutes] = credit.index[credit["conversions"] == 1].tolist()
    assert earned == {None: ["c"], 30.0: ["b"]}


@settings(max_examples=10)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 90), st.integers(1, 3)), max_size=25),
    st.integers(0, 40),
)
def test_visits_equal_a_walk_through_the_touches_and_are_visits_of_themselves(engine, touches, minutes):
    load_rows(engine, [(c, m * MINUTE_US, k) for c, m, k in touches], [])
    expected, last = [], {}
    for customer, minute, code in sorted(touches):
        if customer not in last or minute - last[customer] > minutes:
            expected.append((customer, minute * MINUTE_US, code))
        last[customer] = minute
    found = engine.execute(f"SELECT * FROM {make_visits(engine, session_minutes=minutes)} ORDER BY ALL").fetchall()
    assert found == expected
    engine.execute("CREATE OR REPLACE TEMP TABLE once AS FROM attribution_visits")
    again = make_visits(engine, session_minutes=minutes, touchpoints="once")
    assert engine.execute(f"FROM {again} ORDER BY ALL").fetchall() == expected
