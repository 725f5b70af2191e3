"""What customers are worth without a horizon: published numbers, integrals, limits, and the file of customers."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from clv.calendar import continuous_rate
from clv.customer_forecasts import write_customer_forecast
from clv.forecasting import forecast
from clv.infinite_horizon import discounted_orders, infinite_horizon
from clv.order_laws import BetaGeometricLaw, ParetoLaw
from clv.totals import expected_totals
from customer_data.errors import ConfigurationError

BG = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}


def test_residual_orders_have_the_published_values():
    # reference/clv.md, rows 19 and 18: BG/NBD at ln(1.15) / 52 a week, Pareto/NBD at .0027.
    x, t_x, T = np.array([0.0, 1, 2, 7]), np.array([0.0, 20, 30.43, 35]), np.array([39.0, 39, 38.86, 39])
    law = BetaGeometricLaw(**BG, chances_before_repeat=0)
    found = discounted_orders(law, x, t_x, T, delta=np.log(1.15) / 52)
    assert found == pytest.approx([1.015096, 2.587367, 5.169534, 16.610543], abs=5e-7)
    pareto = ParetoLaw(0.5629966, 12.559037, 0.4081095, 10.5148048)
    of_seven = discounted_orders(pareto, x[3:], t_x[3:], np.array([77.86]), delta=0.0027)
    assert of_seven[0] == pytest.approx(1.86418, abs=5e-6)


@pytest.mark.parametrize(
    "law",
    [
        BetaGeometricLaw(**BG, chances_before_repeat=0, day=1 / 7),
        BetaGeometricLaw(**BG, chances_before_repeat=1, day=1 / 7),
        ParetoLaw(0.55, 10.6, 0.61, 11.7),
    ],
)
@pytest.mark.parametrize(("x", "t_x"), [(0.0, 0.0), (5.0, 30.0)])
def test_residual_orders_are_the_integral_of_the_law_s_own_density(law, x, t_x):
    history = np.array([x]), np.array([t_x]), np.array([39.0])
    delta = 0.004

    def rate(s):
        return float(np.exp(-delta * s) * law.order_density(np.array([s]), history[0], history[2])[0])

    total = quad(rate, 0, 500, epsabs=1e-12, limit=200)[0] + quad(rate, 500, 8_000, epsabs=1e-12, limit=200)[0]
    alive = float(law.p_alive(*history)[0])
    assert discounted_orders(law, *history, delta=delta)[0] == pytest.approx(alive * total, rel=1e-8)


def test_value_without_an_end_is_what_ever_longer_horizons_come_to(connection, fill, shop, tmp_path):
    groups = pd.DataFrame([(c, "few" if c < 60 else "many") for c in range(400)], columns=["customer_id", "grp"])
    fill(connection, shop(400, seed=4), groups)
    made = forecast(connection, segment_by=["grp"], segment_parameters="partial", margin=0.5, draws=100)
    table = infinite_horizon(connection, made)
    assert table.columns.tolist() == ["segment", "customers", "discounted_orders", "clv", "clv_infinite", "share"]
    assert table["segment"].tolist() == ["few", "many", "all"]
    # A hundred years at 10 % leave one part in 14,000, and customers leave besides.
    century, patterns = np.array([0.0, 36_500.0]), made.models.patterns
    far = np.zeros(2)
    for index in sorted(set(made.models.of_segment)):
        model = made.models.models[index]
        here = patterns.part(made.models.of_segment[patterns.segment] == index)
        far += expected_totals(here, model, edges=century, delta=7 * continuous_rate(0.10)).discounted[0]
    assert (2 * table["clv_infinite"]).tolist() == pytest.approx([*far, far.sum()], rel=1e-4)
    assert table["clv"].tolist() == made.segment_forecast["clv"].tolist()
    assert (table["share"] < 1).all()
    write_customer_forecast(connection, tmp_path / "customers.parquet")
    customers = pd.read_parquet(tmp_path / "customers.parquet")
    assert customers.columns.tolist()[6:8] == ["clv", "clv_infinite"]
    assert (customers["clv_infinite"] > customers["clv"]).all()
    sums = customers.groupby("segment")["clv_infinite"].sum()
    assert [*sums, sums.sum()] == pytest.approx(table["clv_infinite"].tolist(), rel=1e-10)
    assert infinite_horizon(connection, made).equals(table)
    forecast(connection, draws=100)
    assert "clv_infinite" not in connection.execute("DESCRIBE customer_forecast").fetchnumpy()["column_name"]


def test_a_customer_s_value_is_residual_orders_times_spend_times_margin(connection, fill, shop):
    fill(connection, shop(300, seed=4))
    made = forecast(connection, margin=0.4, annual_rate=0.15, draws=100)
    infinite_horizon(connection, made)
    row = connection.execute(
        """SELECT frequency, recency_days, age_days, expected_revenue / expected_orders, clv_infinite
           FROM customer_forecast WHERE frequency = 3 ORDER BY customer_id LIMIT 1"""
    ).fetchone()
    x, t_x, T = (np.array([float(value)]) for value in row[:3])
    orders = discounted_orders(made.models.models[0].orders, x, t_x / 7, T / 7, delta=7 * continuous_rate(0.15))
    assert row[4] == pytest.approx(0.4 * float(orders[0]) * row[3], rel=1e-9)


@pytest.mark.parametrize("rate", [0.0, -0.02])
def test_without_a_discount_there_is_no_sum(connection, fill, shop, rate):
    fill(connection, shop(300, seed=4))
    made = forecast(connection, annual_rate=rate, draws=100)
    with pytest.raises(ConfigurationError, match="have no finite sum"):
        infinite_horizon(connection, made)
