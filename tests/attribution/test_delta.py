"""Standard errors by the delta method: by hand, against the bootstrap, against what repeated data do."""

import dataclasses

import numpy as np
import pandas
import pytest
from scipy.sparse import csr_array

from attribution.bootstrap import bootstrap_credit
from attribution.credit import model_credit
from attribution.credit_spread import credit_covariance, credit_variance, model_gradient
from attribution.delta import covariance, interval, normal_reach, without_sharing
from attribution.journeys import build_paths
from attribution.paths import Paths
from attribution.rules import RuleOptions
from customer_data.errors import ConfigurationError
from tests.attribution.plain_journeys import DAY_US, plain_journeys


def chain_paths(generator, journeys, *, start, step, convert):
    """Journeys walked through a known chain of single channels; each conversion is worth 1, 2 or 3."""
    channels = len(start)
    outcomes = np.cumsum(np.column_stack([step, convert]), axis=1)
    state = generator.choice(channels, size=journeys, p=start)
    alive, walks, converted = np.arange(journeys), [state.copy()], np.zeros(journeys)
    lengths = np.ones(journeys, dtype=int)
    current = state
    while len(alive):
        to = (generator.random(len(alive))[:, None] > outcomes[current]).sum(axis=1)
        converted[alive[to == channels]] = 1
        alive, current = alive[to < channels], to[to < channels]
        row = np.full(journeys, -1)
        row[alive] = current
        walks.append(row)
        lengths[alive] += 1
    laid = np.column_stack(walks)
    value = converted * generator.integers(1, 4, journeys)
    return Paths.from_codes(
        [f"c{number}" for number in range(channels)],
        laid[laid >= 0],
        lengths,
        conversions=converted,
        nulls=1 - converted,
        value=value,
        value_squares=value**2,
    )


CHAIN = {
    "start": np.array([0.5, 0.3, 0.2]),
    "step": np.array([[0.0, 0.3, 0.2], [0.25, 0.0, 0.1], [0.1, 0.3, 0.0]]),
    "convert": np.array([0.05, 0.1, 0.2]),
}


def standard_errors(spread):
    return np.sqrt(np.diag(spread))


def test_last_click_counts_are_poisson():
    # Credit of last click is a sum of counts: its variance is the credit itself, that of value the sum of squares.
    paths = Paths.from_codes(
        ["a", "b"],
        [0, 1, 1],
        [2, 1],
        conversions=[3, 4],
        nulls=[9, 5],
        value=[30, 20],
        value_squares=[320, 110],
    )
    spread = credit_covariance(paths, "last_click")
    assert spread.conversions == pytest.approx(np.array([[0, 0], [0, 7]]))
    assert spread.value == pytest.approx(np.array([[0, 0], [0, 430]]))
    # Without squares, conversions of a path are taken for equal: 30^2 / 3 + 20^2 / 4 = 400, less than 430.
    unknown = credit_covariance(dataclasses.replace(paths, value_squares=None), "last_click")
    assert unknown.value[1, 1] == pytest.approx(400)


def test_linear_credit_by_hand():
    # a > b converts 3 times, b 4 times: Var(a) = 3/4, Var(b) = 3/4 + 4, Cov = 3/4.
    paths = Paths.from_strings(["a > b", "b"], [3, 4], [3, 4], [9, 5])
    assert credit_covariance(paths, "linear").conversions == pytest.approx(np.array([[0.75, 0.75], [0.75, 4.75]]))


def test_customers_with_several_journeys_move_together():
    # Two customers convert on "a" twice each: 4 conversions, whose count varies by twos: variance 2 * 2^2 = 8, not 4.
    paths = Paths.from_strings(["a"], [4], [40], [0])
    between = csr_array(np.array([[4.0, 0, 40], [0, 0, 0], [40, 0, 400]]))
    together = credit_covariance(dataclasses.replace(paths, shared=between), "last_click")
    assert together.conversions == pytest.approx(np.array([[8]]))
    # Worth 10 each, so 20 per customer: 2 * 20^2.
    assert together.value == pytest.approx(np.array([[800]]))


def test_sharing_equals_the_sum_over_customers():
    # Brute force: a customer's journeys add up their derivatives before these are squared.
    generator = np.random.default_rng(4)
    base = Paths.from_strings(["a > b", "b", "b > a > c", "c"], [5, 3, 4, 2], [15, 6, 4, 8], [9, 8, 3, 6])
    gradients = [model_gradient(base, name) for name in ("markov", "last_click")]
    count, channels = len(base), len(base.channels)
    rows = [np.stack([part.endings(slice(None)), part.gains(slice(None))]) for part in gradients]
    ending, gain = np.concatenate(rows, axis=2)
    customers = np.zeros((5, 3 * count))
    for customer in customers:
        paths = generator.choice(count, 2, replace=False)
        customer[paths[0]], customer[2 * count + paths[0]] = 1, base.value[paths[0]] / base.conversions[paths[0]]
        customer[count + paths[1]] = 1
    alone = np.zeros((3 * count, 3 * count))
    for customer in customers:
        for path in range(count):
            for cells in ([path, 2 * count + path], [count + path]):
                single = np.zeros(3 * count)
                single[cells] = customer[cells]
                alone += np.outer(single, single)
    shared = csr_array(customers.T @ customers - alone)
    both = covariance(dataclasses.replace(base, shared=shared), gradients)
    apart = covariance(without_sharing(base), gradients)
    picks = {"conversions": [0, 1, 2, 6, 7, 8], "value": [3, 4, 5, 9, 10, 11]}
    for measure, columns in picks.items():
        paying = 0 if measure == "conversions" else 2 * count
        slopes = np.zeros((3 * count, 2 * channels))
        slopes[:count] += ending[:, columns]
        slopes[count : 2 * count] += ending[:, columns]
        slopes[paying : paying + count] += gain[:, columns]
        added = slopes.T @ (customers.T @ customers - alone) @ slopes
        assert getattr(both, measure) - getattr(apart, measure) == pytest.approx(added, abs=1e-10)


def test_blocks_of_paths_change_nothing(monkeypatch):
    paths = chain_paths(np.random.default_rng(1), 400, **CHAIN)
    whole = credit_covariance(paths, ["markov", "linear"], order=2)
    monkeypatch.setattr("attribution.delta.BLOCK", 7)
    parts = credit_covariance(paths, ["markov", "linear"], order=2)
    assert parts.conversions == pytest.approx(whole.conversions, rel=1e-10)
    assert parts.value == pytest.approx(whole.value, rel=1e-10)


def assert_variances_are_those_of_the_covariance(paths, model, baseline):
    channels = len(paths.channels)
    both = credit_covariance(paths, [model, baseline])
    difference = both.combined(np.hstack([np.eye(channels), -np.eye(channels)]))
    for measure in ("conversions", "value"):
        whole = np.diag(getattr(both, measure))
        assert getattr(credit_variance(paths, model), measure) == pytest.approx(whole[:channels])
        assert getattr(credit_variance(paths, baseline), measure) == pytest.approx(whole[channels:])
        apart = getattr(credit_variance(paths, model, baseline=baseline), measure)
        assert apart == pytest.approx(np.diag(getattr(difference, measure)), abs=1e-9)


def test_variances_are_the_diagonal_of_covariances():
    paths = chain_paths(np.random.default_rng(3), 900, **CHAIN)
    assert_variances_are_those_of_the_covariance(paths, "markov", "last_click")
    assert_variances_are_those_of_the_covariance(paths, "linear", "first_click")


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("cells", [4, 300], ids=["path by path", "by last state"])
def test_ways_and_blocks_of_summing_variances_change_nothing(order, cells, monkeypatch):
    paths = chain_paths(np.random.default_rng(3), 900, **CHAIN)
    whole = np.diag(credit_covariance(paths, "markov", order=order).conversions)
    monkeypatch.setattr("attribution.delta.BLOCK_CELLS", cells)
    monkeypatch.setattr("attribution.gradient.TABLE_CELLS", 0 if cells == 4 else 1 << 20)
    assert credit_variance(paths, "markov", order=order).conversions == pytest.approx(whole, rel=1e-10)


@pytest.mark.parametrize("baseline", [None, "last_click"])
def test_processors_change_no_byte_of_a_variance(baseline, monkeypatch):
    paths = chain_paths(np.random.default_rng(3), 900, **CHAIN)
    monkeypatch.setattr("attribution.delta.BLOCK_CELLS", 40)
    found = []
    for processors in (1, 5):
        monkeypatch.setattr("os.cpu_count", lambda number=processors: number)
        found.append(credit_variance(paths, "markov", baseline=baseline))
    assert found[0].conversions.tobytes() == found[1].conversions.tobytes()
    assert found[0].value.tobytes() == found[1].value.tobytes()


def test_differences_of_models_have_no_variance_in_sum():
    paths = chain_paths(np.random.default_rng(2), 2000, **CHAIN)
    spread = credit_covariance(paths, ["last_click", "markov"])
    total = np.array([[-1.0] * 3 + [1.0] * 3])
    assert spread.combined(total).conversions == pytest.approx(np.zeros((1, 1)), abs=1e-8)
    assert spread.combined(total).value == pytest.approx(np.zeros((1, 1)), abs=1e-7)


@pytest.mark.parametrize("order", [1, 2])
def test_standard_errors_equal_the_bootstrap_on_simulated_journeys(order):
    paths = chain_paths(np.random.default_rng(7), 20_000, **CHAIN)
    replicates = 4000 if order == 1 else 1000
    models = ["last_click", "linear", "markov"]
    drawn = bootstrap_credit(paths, models, order=order, replicates=replicates, seed=5)
    spread = credit_covariance(paths, models, order=order)
    # A standard error of R replicates has itself a relative standard error of 1 / sqrt(2 R): 1.1 % and 2.2 %.
    tolerance = 3.5 / np.sqrt(2 * replicates)
    for measure in ("conversions", "value"):
        replicated = getattr(drawn, measure).reshape(replicates, -1)
        expected = standard_errors(getattr(spread, measure))
        assert replicated.std(axis=0) == pytest.approx(expected, rel=tolerance)
        difference = getattr(spread.combined(np.eye(9)[6:] - np.eye(9)[:3]), measure)
        assert (replicated[:, 6:] - replicated[:, :3]).std(axis=0) == pytest.approx(
            standard_errors(difference), rel=tolerance
        )


def test_standard_errors_equal_the_bootstrap_on_real_paths(published):
    paths = published
    drawn = bootstrap_credit(paths, ["last_click", "markov"], replicates=3000, seed=2)
    spread = credit_covariance(paths, ["last_click", "markov"])
    credit = model_credit(paths, "markov", order=1, options=RuleOptions())
    for measure in ("conversions", "value"):
        replicated = getattr(drawn, measure).reshape(3000, -1)
        common = np.concatenate([credit.conversions, credit.conversions]) > 100
        expected = standard_errors(getattr(spread, measure))
        assert replicated.std(axis=0)[common] == pytest.approx(expected[common], rel=0.045)


def test_intervals_hold_the_truth_of_a_known_chain():
    # Credit under the true chain, order 1: removal effects by solving it, shares times expected conversions.
    start, step, convert = CHAIN["start"], CHAIN["step"], CHAIN["convert"]
    whole = start @ np.linalg.solve(np.eye(3) - step, convert)
    without = []
    for channel in range(3):
        kept = [other for other in range(3) if other != channel]
        without.append(start[kept] @ np.linalg.solve(np.eye(2) - step[np.ix_(kept, kept)], convert[kept]))
    effects = 1 - np.array(without) / whole
    journeys, runs = 1500, 300
    truth = effects / effects.sum() * whole * journeys
    generator = np.random.default_rng(12)
    held = np.zeros(3)
    for _ in range(runs):
        paths = chain_paths(generator, generator.poisson(journeys), **CHAIN)
        estimate = model_credit(paths, "markov", order=1, options=RuleOptions()).conversions
        low, high = interval(estimate, credit_covariance(paths, "markov").conversions, confidence=0.9)
        held += (low <= truth) & (truth <= high)
    # 300 runs of a 90 % interval: standard error 1.7 points.
    assert held / runs == pytest.approx(np.full(3, 0.9), abs=0.05)


def test_time_decay_takes_its_own_products_and_the_mean_shares_beside_other_models():
    from attribution.paths import TimeDecay

    paths = Paths.from_strings(["a > b", "b"], [2, 1], [20, 5], [3, 3])
    # Shares of "a > b" over its two conversions: (.25, .75) and (.35, .65); worth 10 each. "b" takes all of its one.
    rows = [paths.names().index(name) for name in ("a > b", "b")]
    conversions = np.zeros(3)
    value = np.zeros(3)
    begin = paths.starts[rows[0]]
    conversions[begin : begin + 2], value[begin : begin + 2] = [0.6, 1.4], [6, 14]
    conversions[paths.starts[rows[1]]], value[paths.starts[rows[1]]] = 1, 5
    customers = np.array([[0.25, 0.75], [0.35, 0.65], [0, 1]])
    products = customers.T @ customers
    worth = customers * [[10], [10], [5]]
    decay = TimeDecay(7.0, conversions, value, products, worth.T @ worth, customers.T @ worth)
    spread = credit_covariance(dataclasses.replace(paths, time_decay=decay), ["time_decay", "last_click"])
    assert spread.conversions[:2, :2] == pytest.approx(products)
    assert spread.value[:2, :2] == pytest.approx(worth.T @ worth)
    # Last click gives b every conversion, so its products with time decay are what the channels got: .6, and 1.4 + 1.
    assert spread.conversions[:2, 2:] == pytest.approx(np.array([[0, 0.6], [0, 2.4]]))
    # Value: squares of value times the mean share, 10^2 * .6 and 10^2 * 1.4 + 5^2.
    assert spread.value[:2, 2:] == pytest.approx(np.array([[0, 60], [0, 165]]))


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5])
def test_confidence_must_be_a_share(confidence):
    with pytest.raises(ConfigurationError, match="not between 0 and 1"):
        normal_reach(confidence)


def test_from_touches_the_covariance_is_that_of_whole_customers(connection):
    # 300 customers, up to twelve touches each and 260 orders: credit moves with all that a customer did, at once.
    generator = np.random.default_rng(14)
    touching, buying = np.repeat(np.arange(300), generator.integers(1, 13, 300)), generator.integers(0, 300, 260)
    moments = [generator.integers(0, 60 * DAY_US, len(who)) for who in (touching, buying)]
    codes, values = generator.integers(1, 5, len(touching)), generator.integers(1, 90_000, len(buying))
    tables = {
        "channels": pandas.DataFrame({"code": [1, 2, 3, 4], "channel": list("abcd")}),
        "touchpoints": pandas.DataFrame({"customer_id": touching, "time_us": moments[0], "channel_code": codes}),
        "orders": pandas.DataFrame({"customer_id": buying, "time_us": moments[1], "value": values}),
    }
    for name, frame in tables.items():
        connection.register("frame", frame)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM frame")
        connection.unregister("frame")
    paths = build_paths(connection, lookback_days=20.0)
    plain = plain_journeys(
        list(tables["touchpoints"].itertuples(index=False, name=None)),
        list(tables["orders"].itertuples(index=False, name=None)),
        lookback_us=20 * DAY_US,
        until_us=None,
        half_life_us=7 * DAY_US,
    )
    slopes = model_gradient(paths, "markov")
    ending, gain = slopes.endings(slice(None)), slopes.gains(slice(None))
    row = {name: number for number, name in enumerate(paths.names(step=""))}
    conversions, value = np.zeros((4, 4)), np.zeros((4, 4))
    for did in plain.customers.values():
        moved = np.zeros((2, 4))
        for (kind, path), amount in did.items():
            number = row["".join("abcd"[code - 1] for code in path)]
            if kind in ("conversion", "null"):
                moved += amount * ending[number].reshape(2, 4)
            if kind == "conversion":
                moved[0] += amount * gain[number, :4]
            if kind == "value":
                moved[1] += amount / 10_000 * gain[number, 4:]
        conversions += np.outer(moved[0], moved[0])
        value += np.outer(moved[1], moved[1])
    spread = credit_covariance(paths, "markov")
    assert spread.conversions == pytest.approx(conversions)
    assert spread.value == pytest.approx(value)
    assert_variances_are_those_of_the_covariance(paths, "markov", "time_decay")
    alone = credit_covariance(without_sharing(paths), "markov")
    assert np.abs(alone.conversions / conversions - 1).max() > 0.05
