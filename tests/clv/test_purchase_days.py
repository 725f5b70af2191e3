"""Days of purchase: histories that hold one purchase a day at most, and what is forecast from them."""

import numpy as np
import pytest
from scipy import integrate, stats

from clv.forecasting import forecast
from clv.histories import build_histories
from clv.holdout_check import holdout
from clv.order_laws import BetaGeometricLaw, ParetoLaw
from clv.outcomes import DrawnParameters, simulate_customers
from clv.patterns import Patterns
from clv.purchase_days import DAY, without_taken_time
from clv.rolling_origins import rolling_origins
from clv.scoring import load_models, save_models
from clv.segments import fit_segments
from clv.totals import expected_totals
from customer_data.errors import ConfigurationError, InputError, ModelError
from customer_data.synthetic_orders import SEGMENTS, simulate_orders


def test_each_purchase_takes_half_a_day():
    # In weeks: 3 purchases take 1.5 of the 14 and of the 21 days.
    columns = np.array([[0, 0, 1], [0, 0, 3], [3, 2, 3]]).T
    found = without_taken_time(Patterns(*columns.astype(float), np.ones(3)), DAY)
    np.testing.assert_allclose(found.t_x, [0, 0, 2 - 1.5 / 7], rtol=1e-15)
    np.testing.assert_allclose(found.T, [1, 3, 3 - 1.5 / 7], rtol=1e-15)
    whole = Patterns(*columns.astype(float), np.ones(3))
    assert without_taken_time(whole, 0.0) is whole


def test_the_chance_to_be_alive_is_that_of_days_with_and_without_an_order():
    # Days as trials: (1 - e^-l)^x e^-l(T - x) (1 - p)^x alive, the same until t_x and p (1 - p)^(x - 1) if gone.
    r, alpha, a, b, x, t_x, T = 0.8, 60.0, 0.8, 3.0, 4.0, 50.0, 120.0
    law = BetaGeometricLaw(r, alpha, a, b, day=1.0)

    def days(until: float) -> float:
        def density(rate: float) -> float:
            return stats.gamma.pdf(rate, r, scale=1 / alpha) * -(np.expm1(-rate) ** x) * np.exp(-rate * (until - x))

        return integrate.quad(density, 0, 2, epsabs=0, limit=200)[0]

    stayed = (b + x - 1) / a  # E[(1 - p)^x] / E[p (1 - p)^(x - 1)]
    exact = 1 / (1 + days(t_x) / (days(T) * stayed))
    found = law.p_alive(np.array([x]), np.array([t_x]), np.array([T]))[0]
    assert found == pytest.approx(exact, rel=2e-4)
    continuous = BetaGeometricLaw(r, alpha, a, b).p_alive(np.array([x]), np.array([t_x]), np.array([T]))[0]
    assert continuous > exact + 0.005


@pytest.mark.parametrize(("x", "T"), [(0.0, 0.0), (0.0, 400.0), (5.0, 100.0), (40.0, 400.0)])
def test_what_is_expected_are_days_not_orders(x, T):
    # E[1 - e^-l] with l from Gamma(r + x, alpha + T - x / 2): 1 - (1 + 1 / scale)^-shape.
    law = BetaGeometricLaw(0.8, 60.0, 0.8, 3.0, day=1.0)
    scale = 60.0 + T - x / 2
    exact = -np.expm1(-(0.8 + x) * np.log1p(1 / scale))
    found = law.order_density(np.zeros(1), np.array([x]), np.array([T]))[0]
    assert found == pytest.approx(exact, rel=1e-3)
    assert found < (0.8 + x) / scale * (1 - 0.4 * (1.8 + x) / scale)  # half a pair a day, or nearly


def test_who_buys_every_day_is_expected_to_buy_once_a_day():
    law = BetaGeometricLaw(0.5, 20.0, 0.5, 5.0, day=1.0)
    x = np.array([300.0, 3_000.0])
    rate = law.order_density(np.zeros(2), x, x)
    assert (rate < 1).all()
    assert rate[1] == pytest.approx(1, rel=0.01)
    assert (law.p_alive(x, x, x) > 0.99).all()


def test_drawn_customers_buy_on_as_many_days_as_expected():
    law, count, span = BetaGeometricLaw(0.8, 6.0, 0.5, 4.0, day=1.0), 200_000, 30.0
    x, T = np.full(count, 8.0), np.full(count, 40.0)
    drawn = DrawnParameters.of_law(law, p=4.0, q=5.0, v=20.0)
    rng = np.random.default_rng(3)
    orders, _ = simulate_customers(drawn, np.ones(count), x, T, 0 * x, span=(0.0, span), delta=0.0, rng=rng)
    time = (np.arange(3_000) + 0.5) * span / 3_000
    expected = float(law.order_density(time, np.array([8.0]), np.array([40.0])).mean()) * span
    assert orders.mean() == pytest.approx(expected, abs=4 * orders.std() / np.sqrt(count))


def test_orders_that_fall_on_one_day_no_longer_raise_the_forecast(connection):
    # The simulator's orders come in continuous time; a hundredth of them falls on the day of another.
    customers, seen, ahead = 100_000, 547, 365
    rng = np.random.default_rng(5)
    first = rng.uniform(0, 365, customers)
    made = simulate_orders(
        first, np.zeros(customers, dtype=np.int64), end=seen + ahead, generator=rng, segments=SEGMENTS[5:]
    )
    columns = {"customer_id": made.buyer, "day": np.floor(made.day).astype(np.int32), "value": made.cents * 100}
    connection.register("drawn", columns)
    connection.execute("CREATE TABLE orders AS SELECT * FROM drawn")
    came = connection.execute(f"SELECT count(DISTINCT (customer_id, day)) FROM orders WHERE day >= {seen}").fetchone()[
        0
    ]
    build_histories(connection, until_day=seen - 1)
    error = {}
    for order_time in ("days", "continuous"):
        fitted = fit_segments(connection, order_time=order_time)
        totals = expected_totals(fitted.patterns, fitted.models[0], edges=np.array([0.0, ahead]), delta=0.0)
        error[order_time] = float(totals.orders.sum()) / came - 1
    # By chance the errors of so many customers are spread by 0.6 %, but alike.
    assert abs(error["days"]) < 0.012
    assert 0.01 < error["continuous"] - error["days"] < 0.02


def test_pareto_nbd_keeps_continuous_time_and_another_time_is_refused(connection, fill, shop):
    fill(connection, shop(300, seed=4))
    made = [
        forecast(connection, orders_model="pareto_nbd", order_time=time, draws=100) for time in ("days", "continuous")
    ]
    assert made[0].segment_forecast.equals(made[1].segment_forecast)
    assert ParetoLaw(1.0, 1.0, 1.0, 1.0).day == 0
    for check in (forecast, holdout, fit_segments, rolling_origins):
        with pytest.raises(ConfigurationError, match="order_time is 'weeks'; it must be 'days' or 'continuous'"):
            check(connection, order_time="weeks")


def test_saved_models_keep_their_time(connection, fill, shop, tmp_path):
    fill(connection, shop(300, seed=4))
    for order_time, day in (("days", DAY), ("continuous", 0.0)):
        made = forecast(connection, order_time=order_time, draws=100)
        save_models(made, tmp_path / "models.json")
        law = load_models(tmp_path / "models.json").models[0].orders
        assert law == made.models.models[0].orders
        assert law.day == law.with_parameters([1.0, 2.0, 3.0, 4.0]).day == day


def test_a_shop_whose_customers_buy_every_day_or_thousands_of_times(connection, fill, shop):
    # One customer with 5,000 orders on 400 days, one on every day, one who came on the last day (T = 0).
    rows = shop(200, seed=6)
    rows += [(9_000, 2 * order // 25, 10_000) for order in range(5_000)]
    rows += [(9_001, day, 10_000) for day in range(401)] + [(9_002, 400, 10_000)]
    fill(connection, rows)
    made = forecast(connection, as_of_day=400, draws=200)
    total = made.segment_forecast.iloc[-1]
    assert 0 < total["low"] < total["clv"] < total["high"] < np.inf
    daily = connection.execute(
        "SELECT expected_orders, p_alive FROM customer_forecast WHERE customer_id IN (9000, 9001)"
    ).fetchnumpy()
    assert (daily["expected_orders"] < 365).all()
    assert (daily["expected_orders"] > 100).all()


@pytest.mark.parametrize("order_time", ["days", "continuous"])
def test_where_all_buy_every_day_they_are_expected_to_go_on(connection, fill, order_time):
    fill(connection, [(customer, day, 10_000) for customer in range(40) for day in range(customer, 120)])
    made = forecast(connection, order_time=order_time, horizon_months=1, annual_rate=0.0, draws=200)
    total = made.segment_forecast.iloc[-1]
    assert total["expected_orders"] == pytest.approx(40 * made.horizon.days, rel=0.01)
    assert total["expected_orders"] <= 40 * made.horizon.days * (1 + 1e-9)
    assert 0 < total["low"] <= total["clv"] <= total["high"]


def test_data_shorter_than_a_week_and_shops_without_repeats_are_told(connection, fill):
    fill(connection, [(customer, day, 10_000) for customer in range(30) for day in (0, 1 + customer % 5)])
    with pytest.raises(InputError, match="the unit is longer than the data"):
        forecast(connection)
    fill(connection, [(customer, customer % 50, 10_000) for customer in range(100)])
    with pytest.raises(ModelError, match="ordered again on a later day"):
        forecast(connection)
