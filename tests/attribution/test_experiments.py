"""The journeys of a window of time: those that the same orders have in all the data."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.experiments import window_paths
from attribution.journey_parts import JourneyOptions
from tests.attribution.plain_journeys import DAY_US
from tests.attribution.small_engine import counted, in_days, load_rows, summed

touch_rows = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 20), st.integers(1, 3)), max_size=30)
order_rows = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 20), st.integers(0, 5)), max_size=12)


def test_a_window_by_hand(engine):
    # Window: days 10 to 20, lookback 5. Customer 1: a (6) answered by the order of day 7, b (8) and c (11) by that of
    # day 12, a (19) still open on day 20. Customer 2: c (7) and nothing after it. Customer 3: a (1) is too long ago,
    # and the order of day 25 comes after the window, so b (14) is a journey without an order.
    touches = in_days([(1, 6, 1), (1, 8, 2), (1, 11, 3), (1, 19, 1), (2, 7, 3), (3, 1, 1), (3, 14, 2)])
    load_rows(engine, touches, in_days([(1, 7, 1), (1, 12, 1), (3, 25, 1)]))
    found = window_paths(engine, JourneyOptions(lookback_days=5), first_us=10 * DAY_US, last_us=20 * DAY_US)
    assert counted(found) == {"b>c": (1, 0), "b": (0, 1), "c": (0, 1)}


@settings(max_examples=15)
@given(touch_rows, order_rows, st.integers(0, 8), st.lists(st.integers(0, 20), max_size=3), st.booleans())
def test_windows_one_after_the_other_share_out_the_orders(engine, touches, orders, lookback, cuts, visits):
    load_rows(engine, in_days(touches), in_days(orders))
    options = JourneyOptions(lookback_days=lookback, session_minutes=1_500.0 if visits else None)
    edges = [None, *(cut * DAY_US for cut in sorted(set(cuts))), None]
    parts = [
        window_paths(engine, options, first_us=first, last_us=None if after is None else after - 1)
        for first, after in pairwise(edges)
    ]
    converted = {name: won for name, (won, _) in summed(parts).items() if won}
    assert converted == {name: won for name, (won, _) in counted(options.build(engine)).items() if won}


def test_the_window_of_all_days_is_the_whole(engine):
    load_rows(engine, in_days([(1, 0, 1), (1, 3, 2), (2, 4, 3)]), in_days([(1, 2, 5), (2, 9, 1)]))
    assert counted(window_paths(engine)) == counted(JourneyOptions().build(engine))
    assert counted(window_paths(engine, first_us=0)) == counted(JourneyOptions().build(engine))
