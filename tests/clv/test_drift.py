"""Alarms when customers change."""

import numpy as np
import pytest

from clv.drift import LIMIT, drift, page_sums
from clv.forecasting import forecast
from clv.scoring import load_models, save_models
from customer_data.errors import ConfigurationError

FITTED, NOW = 500, 591


def steady_shop(customers, *, seed, factor=1.0, from_day=0):
    """Orders of customers who come throughout; from ``from_day`` on, rates are multiplied by ``factor``."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        day, rate, leaves = rng.uniform(0, NOW + 1), rng.gamma(1.0) / 25, rng.beta(1.0, 4.0)
        rows.append((customer, int(day), 10_000))
        while True:
            gap = rng.exponential(1 / max(rate, 1e-9))
            if day + gap > from_day:
                gap = max(from_day - day, 0.0) + (gap - max(from_day - day, 0.0)) / factor
            day += gap
            if day >= NOW + 1:
                break
            rows.append((customer, int(day), 10_000))
            if rng.random() < leaves:
                break
    return rows


@pytest.fixture
def saved_from(connection, fill, tmp_path):
    """A function that fits to the orders until FITTED and hands back the saved models."""

    def fit(rows):
        fill(connection, rows)
        save_models(forecast(connection, as_of_day=FITTED, draws=100), tmp_path / "models.json")
        return load_models(tmp_path / "models.json")

    return fit


def test_page_s_sums_by_hand():
    up, down = page_sums(np.array([1.0, 2.0, -3.0, -1.0]))
    assert up.tolist() == [0.5, 2.0, 0.0, 0.0]
    assert down.tolist() == [0.0, 0.0, 2.5, 3.0]


def test_customers_who_go_on_as_before_raise_no_alarm(connection, saved_from):
    found = drift(connection, saved_from(steady_shop(900, seed=1)), as_of_day=NOW)
    assert len(found.weeks) == 13
    assert not found.alarm
    assert abs(found.weeks["deviation"].mean()) < 1.0
    assert 0.5 < found.weeks["deviation"].std() < 1.7
    assert found.cohorts["cohort"].tolist() == ["before", "since"]
    assert found.p_value > 0.001


def test_customers_who_order_half_as_often_raise_it(connection, saved_from):
    saved = saved_from(steady_shop(900, seed=2, factor=0.5, from_day=FITTED + 1))
    found = drift(connection, saved, as_of_day=NOW)
    assert found.alarm
    assert found.weeks["cusum_down"].max() > LIMIT
    assert "order less often than forecast" in found.messages[0]
    assert any("know no season" in message for message in found.messages)


def test_new_customers_of_another_kind_raise_it(connection, saved_from):
    rows = steady_shop(900, seed=3)
    rng = np.random.default_rng(4)
    for customer in range(5_000, 5_600):
        start = int(rng.integers(FITTED + 1, FITTED + 30))
        count = rng.poisson(4 * rng.gamma(2.0) / 2)
        days = {start, *rng.integers(start, NOW + 1, count).tolist()}
        rows += [(customer, int(day), 10_000) for day in days]
    found = drift(connection, saved_from(rows), as_of_day=NOW)
    assert found.alarm
    assert any(message.startswith("New customers differ") for message in found.messages)
    assert found.cohorts.loc[1, "orders_first_year"] > found.cohorts.loc[0, "orders_first_year"]


def test_few_or_no_new_customers_raise_no_alarm_and_a_week_must_have_passed(connection, saved_from):
    rows = steady_shop(600, seed=5)
    first = {}
    for customer, day, _ in rows:
        first[customer] = min(day, first.get(customer, day))
    saved = saved_from([row for row in rows if first[row[0]] <= FITTED])
    found = drift(connection, saved, as_of_day=FITTED + 20)
    connection.execute(f"INSERT INTO orders SELECT 9000 + i, {FITTED} + 10, 10000 FROM range(5) AS t(i)")
    with_five = drift(connection, saved, as_of_day=FITTED + 20)
    assert with_five.cohorts.loc[1, "customers"] == 5
    assert not any(message.startswith("New customers differ") for message in with_five.messages)
    assert len(found.weeks) == 2
    assert found.cohorts is None
    assert "all came before the parameters were fitted" in found.messages[-1]
    with pytest.raises(ConfigurationError, match="no whole week"):
        drift(connection, saved, as_of_day=FITTED + 6)
