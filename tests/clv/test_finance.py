"""Cash flows to book, and the bridge between forecasts."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from clv.acquisitions import forecast_acquisitions
from clv.beta_geo import expected_orders_new
from clv.bridge import forecast_bridge
from clv.calendar import calendar_months, day_number
from clv.customer_sources import FIRST, KNOWN, REPEAT, TOTAL
from clv.finance import cash_flow
from clv.forecasting import forecast
from clv.histories import build_histories
from clv.interval_adjustments import Adjustment
from clv.margins import product_margin
from clv.newcomers import newcomer_repeats
from clv.order_laws import BetaGeometricLaw
from clv.outcomes import DrawnParameters, simulate_customers
from clv.rolling_origins import RollingOrigins, calibrate
from clv.scoring import load_models, save_models
from clv.spend_laws import SpendEstimate, SpendLaw
from clv.totals import CustomerModel
from customer_data.errors import ConfigurationError

AS_OF = day_number("2024-02-04")
SPEND = SpendLaw(4.0, 5.0, 20.0, 1.0)
MODEL = CustomerModel(
    BetaGeometricLaw(0.5, 8.0, 0.8, 2.5),
    np.zeros((4, 4)),
    SpendEstimate(SPEND, np.zeros((3, 3)), "Gamma-Gamma", None, ()),
)


@pytest.fixture
def growing_shop(connection, fill, shop):
    """The shop of the tests from January 2023 on, with someone new on every other day until the end."""
    start = day_number("2023-01-01")
    rows = [(customer, start + day, value) for customer, day, value in shop(400, seed=12, days=AS_OF - start)]
    rows += [(5_000 + day, start + day, 30_000) for day in range(0, AS_OF - start + 1, 2)]
    customers = pd.DataFrame({"customer_id": range(400), "grp": ["a", "b"] * 200})
    fill(connection, rows, customers)
    return connection


def test_known_customers_flows_are_the_forecast_in_all_three_cuts(growing_shop):
    made = forecast(growing_shop, as_of_day=AS_OF, segment_by=["grp"], margin=0.4, horizon_months=6, draws=200)
    clv = made.segment_forecast.set_index("segment")["clv"]
    for period in ("month", "quarter"):
        found = cash_flow(growing_shop, made, period=period, draws=200)
        known = found.flows[found.flows["source"] == KNOWN]
        by_segment = known.groupby("segment")["discounted"].sum()
        np.testing.assert_allclose(by_segment[clv.index], clv, rtol=1e-9)
        cohorts = found.cohorts.groupby("segment")["discounted"].sum()
        assert cohorts.sum() == pytest.approx(clv["all"], rel=1e-9)
        np.testing.assert_allclose(cohorts, clv[cohorts.index], rtol=1e-9)
        assert found.cohorts["cohort"].min() == date(2023, 1, 1)
        np.testing.assert_allclose(known["contribution"], 0.4 * known["expected_revenue"])
    assert found.flows["period"].unique().tolist() == [date(2024, 1, 1), date(2024, 4, 1), date(2024, 7, 1)]


def test_the_total_is_the_sum_of_its_sources_and_lies_inside_its_percentiles(growing_shop):
    made = forecast(growing_shop, as_of_day=AS_OF, segment_by=["grp"], horizon_months=3, draws=200)
    found = cash_flow(growing_shop, made, draws=400, seed=1)
    table = found.flows.set_index(["source", "segment", "period"])
    columns = ["expected_orders", "expected_revenue", "contribution", "discounted"]
    parts = sum(table.loc[name, columns] for name in (KNOWN, FIRST, REPEAT))
    pd.testing.assert_frame_equal(table.loc[TOTAL, columns], parts.loc[table.loc[TOTAL].index])
    total = table.loc[TOTAL]
    assert (total["p10"] < total["contribution"]).all()
    assert (total["contribution"] < total["p90"]).all()
    assert (total["p10"] <= total["p50"]).all()
    again = cash_flow(growing_shop, made, draws=400, seed=1)
    pd.testing.assert_frame_equal(again.flows, found.flows, check_exact=True)


def test_over_the_horizon_expectations_add_up_and_the_known_vary_as_in_the_forecast(growing_shop):
    made = forecast(growing_shop, as_of_day=AS_OF, segment_by=["grp"], horizon_months=3, draws=400, margin=0.5)
    found = cash_flow(growing_shop, made, draws=400, seed=1)
    columns = ["expected_orders", "expected_revenue", "contribution", "discounted"]
    summed = found.flows.groupby(["source", "segment"])[columns].sum()
    totals = found.totals.set_index(["source", "segment"])
    pd.testing.assert_frame_equal(totals[columns].sort_index(), summed.sort_index())
    known, row = totals.loc[(KNOWN, "all")], made.segment_forecast["segment"].tolist().index("all")
    drawn = 0.5 * made.value_draws[:, row] * known["contribution"] / known["discounted"]
    assert known["p10"] == pytest.approx(np.quantile(drawn, 0.1), rel=1e-4)  # segments are undiscounted each by itself


def missed(months, **log_shift_and_spread):
    calibration = pd.DataFrame(
        [
            {"segment": name, "origins": 9, "bias": -0.1, "log_shift": shift, "log_spread": spread, "calibrated": False}
            for name, (shift, spread) in log_shift_and_spread.items()
        ]
    )
    return RollingOrigins(pd.DataFrame(), calibration, months, 0.9, ())


def test_what_forecasts_of_this_length_missed_moves_every_amount_of_known_customers_alike(growing_shop):
    options = {"as_of_day": AS_OF, "segment_by": ["grp"], "margin": 0.4, "horizon_months": 3, "draws": 1_000}
    made = forecast(growing_shop, **options)
    model = cash_flow(growing_shop, made, draws=1_000)
    origins = missed(3, a=(0.15, 0.0), b=(0.15, 0.3), all=(0.15, 0.2))
    moved = calibrate(growing_shop, made, origins)
    found = cash_flow(growing_shop, moved, origins=origins, draws=1_000)
    assert moved.level == pytest.approx(np.exp(0.15))
    assert any("valued at 1.162 times what the model says" in note for note in moved.notes)
    # By segment, month, cohort and customer, and all with one sum.
    times = moved.segment_forecast["clv"] / made.segment_forecast["clv"]
    assert times.tolist() == pytest.approx([moved.level] * len(times))
    clv = moved.segment_forecast.set_index("segment")["clv"]
    known = found.flows[found.flows["source"] == KNOWN].groupby("segment")["discounted"].sum()
    months = moved.monthly_flows.groupby("segment")["discounted_value"].sum()
    (customers,) = growing_shop.execute("SELECT sum(clv) FROM customer_forecast").fetchone()
    np.testing.assert_allclose(known[clv.index], clv, rtol=1e-9)
    np.testing.assert_allclose(months[clv.index], clv, rtol=1e-9)
    assert found.cohorts["discounted"].sum() == pytest.approx(clv["all"], rel=1e-9)
    assert customers == pytest.approx(clv["all"], rel=1e-9)
    # First orders of new customers nothing has tested; repeats of theirs move, too. All lie near their medians.
    before, after = (flow.totals.set_index(["source", "segment"]) for flow in (model, found))
    assert after.loc[FIRST].equals(before.loc[FIRST])
    np.testing.assert_allclose(after.loc[REPEAT, "contribution"], moved.level * before.loc[REPEAT, "contribution"])
    rows = after.loc[TOTAL]
    assert ((rows["p10"] < rows["contribution"]) & (rows["contribution"] < rows["p90"])).all()
    np.testing.assert_allclose(rows["p50"], rows["contribution"], rtol=0.06)
    assert ((moved.segment_forecast["low"] < clv.to_numpy()) & (clv.to_numpy() < moved.segment_forecast["high"])).all()
    wider = np.log(after.loc[KNOWN, "p90"] / after.loc[KNOWN, "p10"]) / np.log(
        before.loc[KNOWN, "p90"] / before.loc[KNOWN, "p10"]
    )
    assert wider["a"] == pytest.approx(1.0, rel=0.01)
    assert (wider[["b", "all"]] > 1.2).all()


def test_what_shorter_forecasts_missed_widens_but_moves_nothing(growing_shop):
    made = forecast(growing_shop, as_of_day=AS_OF, horizon_months=3, draws=1_000)
    origins = missed(1, all=(0.15, 0.2))
    assert origins.adjustments(3)["all"] == Adjustment(0.0, 0.25)
    kept = calibrate(growing_shop, made, origins)
    assert kept.level == 1
    assert kept.segment_forecast["clv"].tolist() == made.segment_forecast["clv"].tolist()
    assert any("values stay the model's own" in note for note in kept.notes)
    total = cash_flow(growing_shop, kept, origins=origins, draws=1_000).totals.set_index("source").loc[TOTAL]
    # Of 1,000 draws that spread by a quarter the median has a standard error of 1 %.
    assert total["p50"] == pytest.approx(total["contribution"], rel=0.03)
    # Unless it is moved, the bias of forecasts of its own length is doubt as well.
    unmoved = cash_flow(growing_shop, made, origins=missed(3, all=(0.15, 0.2)), draws=1_000).totals.set_index("source")
    pd.testing.assert_series_equal(unmoved.loc[TOTAL], total)


def test_tables_tell_how_many_days_of_a_month_the_horizon_covers(growing_shop):
    made = forecast(growing_shop, as_of_day=AS_OF, horizon_months=3, draws=100)
    found = cash_flow(growing_shop, made, draws=100)
    for table in (made.monthly, found.new_customers, found.flows[found.flows["source"] == TOTAL]):
        assert table["days"].tolist() == [25, 31, 30, 4]  # 5 to 29 February, March, April, 1 to 4 May
    assert set(found.totals["days"]) == {90}
    assert found.cohorts["days"].tolist()[:4] == [25, 31, 30, 4]
    quarters = cash_flow(growing_shop, made, period="quarter", draws=100)
    assert quarters.new_customers["days"].tolist() == [56, 34]


def test_new_customers_go_on_as_they_came(growing_shop):
    build_histories(growing_shop, until_day=AS_OF)
    made = forecast_acquisitions(growing_shop, calendar_months(AS_OF, 3), draws=500, seed=3)
    assert made.months[0] == date(2023, 1, 1)
    assert made.months[-1] == date(2024, 1, 1)
    assert "exponential smoothing with a damped trend over 13 whole months" in made.notes[0]
    assert made.draws.shape == (500, 4)
    # Since autumn only the newcomers of every other day come: some 15 a month, 12.5 in what is left of February.
    assert made.counts[-3:].tolist() == [15, 16, 15]
    assert 3 < made.expected[1] < 30


def test_a_short_past_goes_on_at_its_mean_and_a_dried_up_one_at_nothing(connection, fill):
    first = day_number("2024-01-01")
    fill(connection, [(day, first + day, 1) for day in range(60)])
    build_histories(connection)
    made = forecast_acquisitions(connection, calendar_months(first + 59, 2), draws=2_000)
    assert "too few to follow; the mean of 1 a day" in made.notes[0]
    assert made.expected.sum() == pytest.approx(61, abs=3 * np.sqrt(61 / 2_000))
    build_histories(connection, until_day=first + 200)
    made = forecast_acquisitions(connection, calendar_months(first + 200, 2), draws=10)
    assert "none is expected" in made.notes[0]
    assert not made.draws.any()


def test_a_newcomer_s_repeats_are_those_of_the_model():
    edges = np.array([0.0, 28.0, 56.0, 84.0])
    repeats = newcomer_repeats(MODEL, edges)
    days = (np.arange(2_000) + 0.5) / 2_000 * 28  # of first purchase, in the first period
    law = MODEL.orders
    until = [
        expected_orders_new(np.maximum(edge - days, 0) / 7, r=law.r, alpha=law.alpha, a=law.a, b=law.b).mean()
        for edge in edges
    ]
    np.testing.assert_allclose(repeats.orders[0], np.diff(until), rtol=1e-5)
    np.testing.assert_allclose(repeats.value, repeats.orders * SPEND.population_mean)
    assert repeats.orders[1, 0] == 0
    assert repeats.orders[2, 2] == pytest.approx(repeats.orders[0, 0])


def test_the_variance_of_a_newcomer_s_value_is_that_of_draws():
    rng = np.random.default_rng(6)
    count = 200_000
    first = rng.uniform(0, 4, count)
    drawn = np.zeros(count)
    for start in np.unique(np.floor(first * 10)):
        chosen = np.floor(first * 10) == start
        zero = np.zeros(int(chosen.sum()))
        parameters = DrawnParameters.of_law(MODEL.orders, p=4.0, q=5.0, v=20.0)
        left = 12 - (start + 0.5) / 10, 16 - (start + 0.5) / 10
        drawn[chosen] = simulate_customers(parameters, zero + 1, zero, zero, zero, span=left, delta=0.0, rng=rng)[1]
    repeats = newcomer_repeats(MODEL, np.array([0.0, 28.0, 56.0, 84.0, 112.0]))
    assert drawn.mean() == pytest.approx(repeats.value[0, 3], abs=3 * drawn.std() / np.sqrt(count))
    of_variance = ((drawn - drawn.mean()) ** 2).std() / np.sqrt(count)
    assert drawn.var() == pytest.approx(repeats.variance[0, 3], abs=3 * of_variance)


def test_margins_of_products_are_weighted_by_what_was_sold(connection):
    connection.execute("CREATE TABLE orders AS SELECT * FROM (VALUES (1, 0, 300, 'a'), (2, 1, 100, 'b')) "
                       "AS t(customer_id, day, value, product)")  # fmt: skip
    assert product_margin(connection, {"a": 0.5, "b": 0.1}) == pytest.approx(0.4)
    assert product_margin(connection, {"a": 0.5}, default=0.0) == pytest.approx(0.375)
    with pytest.raises(ConfigurationError, match="1 of 2 products have no margin"):
        product_margin(connection, {"a": 0.5})
    # The loader knows what each line of an order brought: b is in a's order, too.
    connection.execute("CREATE TABLE order_products AS FROM (VALUES ('1', 'a', 180), ('1', 'b', 120), ('2', 'b', 100)) "
                       "AS t(order_id, product, value)")  # fmt: skip
    assert product_margin(connection, {"a": 0.5, "b": 0.1}) == pytest.approx((0.5 * 180 + 0.1 * 220) / 400)
    connection.execute("ALTER TABLE orders DROP product")
    with pytest.raises(ConfigurationError, match="no column product"):
        product_margin(connection, {"a": 0.5})


def test_the_bridge_leads_from_one_forecast_to_the_next(cdnow_engine, tmp_path):
    then, now = day_number("1997-09-30"), day_number("1997-12-31")
    last = forecast(cdnow_engine, as_of_day=then, annual_rate=0.15, margin=0.5, draws=200)
    save_models(last, tmp_path / "models.json")
    this = forecast(cdnow_engine, as_of_day=now, annual_rate=0.15, margin=0.5, draws=200)
    bridge = forecast_bridge(cdnow_engine, load_models(tmp_path / "models.json"), this)
    steps = bridge.set_index("step")
    assert bridge["step"].tolist() == [
        "last forecast", "terms", "corrected orders", "earned as forecast", "passage of time", "actual orders",
        "new customers", "horizon", "parameters", "this forecast",
    ]  # fmt: skip
    assert steps.loc["last forecast", "value"] == pytest.approx(last.segment_forecast.loc[0, "clv"], rel=1e-9)
    assert steps.loc["this forecast", "value"] == this.segment_forecast.loc[0, "clv"]
    assert steps.loc["last forecast", "value"] + bridge["change"].sum() == pytest.approx(bridge["value"].iloc[-1])
    assert steps.loc[["terms", "corrected orders"], "change"].abs().max() < 1e-6
    first_months = last.monthly_flows["discounted_value"].iloc[:3].sum()
    assert steps.loc["earned as forecast", "change"] == pytest.approx(-first_months, rel=1e-9)
    assert steps.loc["new customers", "change"] == 0  # CDNOW's customers all came in its first quarter
    assert steps.loc["actual orders", "change"] > 0  # they bought more than forecast
    with pytest.raises(ConfigurationError, match="a bridge needs it to be older"):
        forecast_bridge(cdnow_engine, load_models(tmp_path / "models.json"), last)


def test_the_bridge_begins_with_what_was_published_and_then_changes_the_terms(growing_shop, tmp_path):
    then = AS_OF - 40
    last = forecast(growing_shop, as_of_day=then, annual_rate=0.1, margin=0.4, segment_by=["grp"], draws=100)
    save_models(last, tmp_path / "models.json")
    other = forecast(growing_shop, as_of_day=then, annual_rate=0.2, margin=0.5, horizon_months=6, draws=100)
    this = forecast(growing_shop, as_of_day=AS_OF, annual_rate=0.2, margin=0.5, horizon_months=6, draws=100)
    steps = forecast_bridge(growing_shop, load_models(tmp_path / "models.json"), this).set_index("step")
    published, later = last.segment_forecast["clv"].iloc[-1], other.segment_forecast["clv"].iloc[-1]
    assert steps.loc["last forecast", "value"] == published
    assert steps.loc["terms", "change"] == pytest.approx(later - published, rel=1e-6)
    assert steps.loc["corrected orders", "change"] == pytest.approx(0.0, abs=1e-6 * published)
    assert published + steps["change"].sum() == pytest.approx(this.segment_forecast["clv"].iloc[-1], rel=1e-12)
    growing_shop.execute("DELETE FROM orders WHERE customer_id < 100")  # they were no orders, as is known now
    this = forecast(growing_shop, as_of_day=AS_OF, annual_rate=0.2, margin=0.5, horizon_months=6, draws=100)
    steps = forecast_bridge(growing_shop, load_models(tmp_path / "models.json"), this).set_index("step")
    assert steps.loc["last forecast", "value"] == published
    assert steps.loc["corrected orders", "change"] < 0


def test_another_period_is_refused(growing_shop):
    made = forecast(growing_shop, as_of_day=AS_OF, draws=100, horizon_months=1)
    with pytest.raises(ConfigurationError, match="'month' or 'quarter'"):
        cash_flow(growing_shop, made, period="year")
