"""Folds by customer and countings under other choices, held to what ``build_paths`` gives."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import customer_folds as module
from attribution.customer_folds import customer_folds, fold_of, recount
from attribution.journey_parts import JourneyOptions
from attribution.order_selection import choose_order
from customer_data.errors import ConfigurationError
from tests.attribution.plain_journeys import DAY_US
from tests.attribution.small_engine import counted, in_days, load_rows, summed

PRIME = 2**31 - 1

touch_rows = st.lists(st.tuples(st.integers(-3, 9), st.integers(0, 12), st.integers(1, 3)), max_size=30)
order_rows = st.lists(st.tuples(st.integers(-3, 9), st.integers(0, 12), st.integers(0, 5)), max_size=12)


@settings(max_examples=12)
@given(touch_rows, order_rows, st.floats(0, 8), st.booleans(), st.booleans())
def test_folds_of_customers_sum_to_the_whole(engine, touches, orders, lookback, include_open, text_ids):
    load_rows(engine, in_days(touches), in_days(orders), text_ids=text_ids)
    options = JourneyOptions(lookback_days=lookback, include_open=include_open)
    folds = customer_folds(engine, options, folds=3, seed=2)
    assert summed(list(folds)) == counted(options.build(engine))


@settings(max_examples=12)
@given(touch_rows, order_rows, st.integers(1, 40))
def test_other_lookbacks_and_visits_count_as_if_built_for_them(engine, touches, orders, at_once):
    load_rows(engine, in_days(touches), in_days(orders))
    whole = JourneyOptions(lookback_days=3).closed(engine)
    choices = {
        "short": replace(whole, lookback_days=1.5),
        "all": replace(whole, lookback_days=20, include_open=True),
        "visits": replace(whole, session_minutes=1440 * 2),
    }
    with pytest.MonkeyPatch.context() as patch:  # as many touches as this at a time, so that parts are joined
        patch.setattr(module, "TOUCHES_AT_ONCE", at_once)
        found = recount(engine, choices)
    for name, options in choices.items():
        assert counted(found[name]) == counted(options.build(engine)), name


def test_data_too_large_for_one_read_has_the_same_folds(engine, monkeypatch):
    touches = [(customer, day * DAY_US, 1 + day % 3) for customer in range(20) for day in range(5)]
    load_rows(engine, touches, [(customer, 4 * DAY_US, 1) for customer in range(0, 20, 2)])
    at_once = customer_folds(engine, folds=4)
    monkeypatch.setattr(module, "TOUCHES_AT_ONCE", 10)
    assert [counted(fold) for fold in customer_folds(engine, folds=4)] == [counted(fold) for fold in at_once]


def test_the_fold_of_a_customer_is_whole_number_arithmetic(engine):
    # x = (customer + seed) * 48271 mod p, its fifth power mod p, mod 7; text: the first 8 digits of MD5 as a fraction.
    customers = [0, 1, -1, 17, 2**31, 2**62 + 5, -(2**40)]
    found = engine.execute(
        f"SELECT {fold_of('BIGINT', folds=7, seed=3)} FROM (SELECT unnest({customers}::BIGINT[]) AS customer_id)"
    ).fetchall()
    assert [row[0] for row in found] == [pow((one + 3) * 48_271 % PRIME, 5, PRIME) % 7 for one in customers]
    names = ["a", "b", "ü", "123", ""]
    found = engine.execute(
        f"SELECT {fold_of('VARCHAR', folds=7, seed=3)} FROM (SELECT unnest(?) AS customer_id)", [names]
    ).fetchall()
    digits = [int(hashlib.md5(f"3:{name}".encode()).hexdigest()[:8], 16) for name in names]
    assert [row[0] for row in found] == [number * 7 >> 32 for number in digits]


@pytest.mark.parametrize(
    ("customers", "customer_type"),
    [("range", "BIGINT"), ("10 * range", "BIGINT"), ("'user-' || range", "VARCHAR")],
)
def test_folds_are_of_one_size_whatever_the_identities(engine, customers, customer_type):
    fold = fold_of(customer_type, folds=5, seed=1)
    sizes = engine.execute(
        f"SELECT count(*) FROM (SELECT {fold} AS fold FROM (SELECT {customers} AS customer_id FROM range(50000))) "
        "GROUP BY fold"
    ).fetchall()
    assert len(sizes) == 5
    assert all(abs(size - 10_000) < 5 * 90 for (size,) in sizes)  # 90: the binomial standard deviation


def test_journeys_of_one_customer_stay_on_one_side(engine):
    # Each customer comes three times the same way by a channel of its own, and all or none of it converts. Journeys
    # dealt out singly would let the chain know the held-out ones; customers held out whole are not foretold at all.
    touches = [(c, day * DAY_US, c + 1) for c in range(26) for day in (0, 40, 80)]
    orders = [(c, day * DAY_US + 1, 1) for c in range(0, 26, 2) for day in (0, 40, 80)]
    load_rows(engine, touches, orders, channels="abcdefghijklmnopqrstuvwxyz")
    options = JourneyOptions(lookback_days=10, until_us=120 * DAY_US)
    folds = customer_folds(engine, options, folds=3)
    for code in range(26):
        holding = [fold for fold in folds if (fold.codes == code).any()]
        assert len(holding) == 1
    loss = choose_order(folds, max_order=1).table["log_loss"]
    assert loss[1] == pytest.approx(loss[0], abs=1e-9)


def test_choices_over_other_data_and_folds_out_of_range_are_refused(engine):
    load_rows(engine, [(1, 0, 1)], [(1, 1, 1)])
    with pytest.raises(ConfigurationError, match="same touches, orders and last moment"):
        recount(engine, {"one": JourneyOptions(until_us=1), "other": JourneyOptions(until_us=2)})
    assert recount(engine, {}) == {}
    for folds, seed, said in ((1, 0, "too few"), (101, 0, "100 or fewer"), (2, -1, "0 or more")):
        with pytest.raises(ConfigurationError, match=said):
            customer_folds(engine, folds=folds, seed=seed)
