"""The bootstrap over customers: held to data in which customers stand as often as they were drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import attribute, compare
from attribution.bootstrap import bootstrap_credit, rank_stability
from attribution.credit_spread import model_gradient
from attribution.customer_bootstrap import bootstrap_customers, customer_journeys
from attribution.journey_parts import JourneyOptions
from attribution.journeys import build_paths
from attribution.lean import lean_of_difference
from customer_data.errors import ConfigurationError
from tests.attribution.plain_journeys import DAY_US
from tests.attribution.small_engine import in_days, load_rows, many_journeys

touch_rows = st.lists(st.tuples(st.integers(-3, 9), st.integers(0, 12), st.integers(1, 3)), max_size=30)
order_rows = st.lists(st.tuples(st.integers(-3, 9), st.integers(0, 12), st.integers(0, 9_000)), max_size=12)


@settings(max_examples=12)
@given(touch_rows, order_rows, st.floats(0, 8), st.booleans(), st.booleans(), st.booleans())
def test_the_journeys_of_customers_sum_to_the_paths(engine, touches, orders, lookback, include_open, text_ids, visits):
    load_rows(engine, in_days(touches), in_days(orders), text_ids=text_ids)
    options = JourneyOptions(
        lookback_days=lookback, include_open=include_open, session_minutes=2_880.0 if visits else None
    )
    found, built = customer_journeys(engine, options), options.build(engine)
    assert found.paths.names() == built.names()
    for measure in ("conversions", "value", "nulls"):
        assert getattr(found.paths, measure) == pytest.approx(getattr(built, measure))
        assert getattr(found, measure).sum(axis=1) == pytest.approx(getattr(built, measure))


def test_replicates_are_the_credit_of_customers_as_often_as_drawn(engine):
    touches, orders = many_journeys(customers=15, seed=3)
    load_rows(engine, in_days(touches), in_days(orders))
    journeys = customer_journeys(engine)
    drawn = bootstrap_customers(journeys, ["last_click", "markov"], order=2, replicates=3, seed=5)
    stream = np.random.SeedSequence(5).spawn(1)[0]
    weights = np.random.Generator(np.random.Philox(stream)).poisson(1.0, size=(15, 3))
    for replicate in range(3):
        again = [
            [(customer + 100 * copy, *rest) for customer, *rest in rows for copy in range(weights[customer, replicate])]
            for rows in (touches, orders)
        ]
        load_rows(engine, in_days(again[0]), in_days(again[1]))
        paths = build_paths(engine, until_us=max(day for _, day, _ in touches + orders) * DAY_US)
        credit = attribute(paths, models=["last_click", "markov"], order=2, confidence=None)
        for measure in ("conversions", "value"):
            expected = credit[measure].to_numpy().reshape(2, -1)
            assert getattr(drawn, measure)[replicate] == pytest.approx(expected, rel=1e-10)


def test_replicates_over_paths_have_the_spread_of_those_over_customers(engine):
    touches, orders = many_journeys(customers=300, seed=4)
    load_rows(engine, in_days(touches), in_days(orders))
    journeys, paths = customer_journeys(engine), build_paths(engine)
    exact = bootstrap_customers(journeys, ["last_click", "markov"], replicates=3_000, seed=1)
    linear = bootstrap_credit(paths, ["last_click", "markov"], replicates=3_000, seed=2)
    for measure in ("conversions", "value"):
        spread = getattr(exact, measure).std(axis=0)
        # Standard errors of 3,000 replicates have relative standard errors of 1.3 %.
        assert getattr(linear, measure).std(axis=0) == pytest.approx(spread, rel=0.06)
    one = bootstrap_customers(journeys, ["markov"], replicates=50, seed=1, threads=1)
    two = bootstrap_customers(journeys, ["markov"], replicates=50, seed=1, threads=2)
    assert np.array_equal(one.value, two.value)

    table = compare(paths, drawn=exact).set_index("channel").loc[list(paths.channels)]
    difference = exact.conversions[:, 1] - exact.conversions[:, 0]
    low, high = np.quantile(difference, [0.05, 0.95], axis=0)
    assert (table["difference_high"] - table["difference_low"]).to_numpy() == pytest.approx(high - low)
    gradients = [model_gradient(paths, name) for name in ("markov", "last_click")]
    lean = lean_of_difference(paths, *gradients, measure="conversions", spread=difference.var(axis=0))
    assert (table["difference_low"] - low).to_numpy() == pytest.approx(lean * (1.6448536269514722**2 + 2) / 6)
    ranks = rank_stability(paths, drawn=one)
    highest = ranks["channel"][0]
    assert ranks["same_rank"][0] == (one.conversions[:, 0].argmax(axis=1) == paths.channels.index(highest)).mean()
    with pytest.raises(ConfigurationError, match="wanted is linear of the 4 of the paths"):
        compare(paths, baseline="linear", drawn=exact)
