"""Forecasts per segment, per month and per customer."""

import numpy as np
import pandas as pd
import pytest

from clv.beta_geo import BetaGeo
from clv.calendar import day_number
from clv.customer_forecasts import value_deciles, write_customer_forecast
from clv.finance import cash_flow
from clv.forecasting import forecast
from clv.gamma_gamma import GammaGamma
from clv.histories import purchase_histories
from clv.holdout_check import holdout
from clv.rolling_origins import calibrate, rolling_origins
from customer_data.errors import ConfigurationError, ModelError

AS_OF = day_number("1997-09-30")


def grouped(connection, share="hash(customer_id) % 3"):
    connection.execute(
        f"CREATE TABLE customers AS SELECT customer_id, 'g' || ({share}) AS grp FROM orders GROUP BY customer_id"
    )


def test_the_discounted_flows_of_the_months_are_the_lifetime_value(cdnow_engine):
    grouped(cdnow_engine)
    made = forecast(cdnow_engine, as_of_day=AS_OF, annual_rate=0.15, margin=0.3, segment_by=["grp"])
    flows = made.monthly_flows.groupby("segment")["discounted_value"].sum()
    totals = made.segment_forecast.set_index("segment")
    np.testing.assert_allclose(flows[totals.index], totals["clv"], rtol=1e-13)
    segments = made.segment_forecast.iloc[:-1]
    assert segments["clv"].sum() == pytest.approx(totals.loc["all", "clv"], rel=1e-13)
    assert segments["customers"].sum() == totals.loc["all", "customers"] == 2357
    assert len(made.monthly) == 12
    assert made.monthly["discounted_value"].sum() == pytest.approx(totals.loc["all", "clv"], rel=1e-13)


def test_cdnow_is_forecast_as_the_fitted_models_say_customer_by_customer(cdnow_engine, cdnow_orders):
    made = forecast(cdnow_engine, as_of_day=AS_OF, annual_rate=0.15, horizon_months=9, order_time="continuous")
    table = purchase_histories(cdnow_orders, until="1997-09-30")
    orders, spend = BetaGeo().fit(table), GammaGamma().fit(table)
    x, t_x, T, mean = (table[name].to_numpy() for name in ("frequency", "recency", "T", "monetary_value"))
    horizon = (day_number("1998-06-30") - AS_OF) / 7
    delta = np.log(1.15) * 7 / 365
    clv = orders.discounted_orders(delta, x, t_x, T, horizon) * spend.expected_spend(x, mean)
    total = made.segment_forecast.iloc[-1]
    assert total["clv"] == pytest.approx(clv.sum(), rel=1e-6)
    assert total["expected_orders"] == pytest.approx(orders.expected_orders(horizon, x, t_x, T).sum(), rel=1e-6)
    assert total["expected_orders"] == pytest.approx(1653.4, abs=0.05)  # reference/clv.md: 39 weeks, BG/NBD
    written = cdnow_engine.execute("SELECT * FROM customer_forecast ORDER BY customer_id").df()
    np.testing.assert_allclose(written["clv"], clv, rtol=1e-5)
    np.testing.assert_allclose(written["p_alive"], orders.p_alive(x, t_x, T), rtol=1e-6)
    np.testing.assert_allclose(written["monetary_value"], mean, rtol=1e-12)


def test_the_interval_of_orders_on_cdnow_holds_parameters_and_outcomes(cdnow_engine):
    # reference/clv.md: [1460, 1856] from both at 95 %, [1517, 1801] from the parameters alone; here spend is one each.
    from clv.histories import build_histories
    from clv.prediction import central_interval, predict_segments
    from clv.segments import fit_segments

    build_histories(cdnow_engine, until_day=AS_OF)
    prediction = predict_segments(
        cdnow_engine, fit_segments(cdnow_engine, order_time="continuous"), edges=np.array([0.0, 273.0]), delta=0.0,
        of="orders", draws=40_000, seed=1,
    )  # fmt: skip
    low, high = central_interval(prediction.draws[:, 0], 0.95)
    assert low == pytest.approx(1460, abs=15)
    assert high == pytest.approx(1856, abs=15)


def test_customers_are_written_whole_by_the_engine(cdnow_engine, tmp_path):
    made = forecast(cdnow_engine, as_of_day=AS_OF, margin=0.4)
    target = tmp_path / "customer_forecast.parquet"
    write_customer_forecast(cdnow_engine, target)
    table = pd.read_parquet(target)
    assert table.columns.tolist() == [
        "customer_id", "segment", "p_alive", "expected_orders", "expected_revenue", "expected_value", "clv",
        "frequency", "recency_days", "age_days", "monetary_value",
    ]  # fmt: skip
    assert table["customer_id"].is_monotonic_increasing
    total = made.segment_forecast.iloc[-1]
    assert table["clv"].sum() == pytest.approx(total["clv"], rel=1e-12)
    for column in ("expected_revenue", "expected_value"):
        assert table[column].sum() == pytest.approx(made.monthly[column].sum(), rel=1e-12)
    assert table["expected_value"].sum() == pytest.approx(0.4 * table["expected_revenue"].sum(), rel=1e-12)
    assert [path.name for path in tmp_path.iterdir()] == ["customer_forecast.parquet"]
    again = tmp_path / "again.parquet"
    write_customer_forecast(cdnow_engine, again)
    assert again.read_bytes() == target.read_bytes()
    deciles = value_deciles(cdnow_engine)
    assert deciles["customers"].sum() == 2357
    assert deciles["clv"].is_monotonic_decreasing
    assert deciles["clv"].sum() == pytest.approx(total["clv"], rel=1e-6)
    assert deciles["share"].sum() == pytest.approx(1.0)
    assert set(deciles["segment"]) == {"all"}


def test_deciles_are_ranked_within_each_segment_and_among_all(connection, fill, shop):
    rows = shop(300, seed=4)
    groups = pd.DataFrame([(c, "few" if c < 7 else "many") for c in range(300)], columns=["customer_id", "grp"])
    fill(connection, rows, groups)
    made = forecast(connection, segment_by=["grp"], draws=100)
    deciles = value_deciles(connection)
    assert deciles["segment"].tolist() == ["few"] * 7 + ["many"] * 10 + ["all"] * 10
    assert deciles["customers"].tolist() == [1] * 7 + [30] * 3 + [29] * 7 + [30] * 10
    assert deciles.groupby("segment", sort=False)["clv"].sum().tolist() == pytest.approx(
        made.segment_forecast["clv"].tolist(), rel=1e-6
    )
    assert deciles.groupby("segment")["share"].sum().tolist() == pytest.approx([1.0] * 3)
    best = connection.execute("SELECT max(clv) FROM customer_forecast WHERE segment = 'few'").fetchone()[0]
    assert deciles["clv"].iloc[0] == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("way", ["pooled", "separate", "partial"])
def test_customers_whose_orders_are_worth_nothing_are_worth_exactly_nothing(connection, fill, shop, way):
    # 50 of them are so few that each is simulated; the others' total is drawn as one.
    rows = [(customer, day, 0) for customer, day, _ in shop(350, seed=4)]
    groups = pd.DataFrame([(c, "few" if c < 50 else "many") for c in range(350)], columns=["customer_id", "grp"])
    fill(connection, rows, groups)
    made = forecast(connection, segment_by=["grp"], segment_parameters=way, draws=100)
    assert made.segment_forecast[["clv", "low", "high"]].values.tolist() == [[0.0] * 3] * 3
    assert (made.segment_forecast["expected_orders"] > 0).all()
    assert sum("No order is worth anything" in note for note in made.notes) == 1
    worth = connection.execute("SELECT min(clv), max(clv), max(expected_value) FROM customer_forecast").fetchone()
    assert worth == (0.0, 0.0, 0.0)
    assert not cash_flow(connection, made, draws=100).totals[["discounted", "p10", "p90"]].any(axis=None)
    held = holdout(connection, segment_by=["grp"], segment_parameters=way, draws=100)
    assert held.value_totals[["forecast_value", "low", "high"]].values.tolist() == [[0.0] * 3] * 3
    assert len(held.spend_density) == 0


def test_forecasts_of_orders_worth_nothing_from_earlier_days_move_nothing(connection, fill, shop):
    fill(connection, [(customer, day, 0) for customer, day, _ in shop(300, seed=4)])
    made = forecast(connection, draws=100)
    origins = rolling_origins(connection, horizon_months=2, end_day=made.histories.until_day, count=2, draws=100)
    assert calibrate(connection, made, origins).segment_forecast[["clv", "low", "high"]].values.tolist() == [[0.0] * 3]


def test_nothing_is_written_before_a_forecast(connection, tmp_path):
    with pytest.raises(ConfigurationError, match=r"call clv\.forecast"):
        write_customer_forecast(connection, tmp_path / "none.parquet")


def test_equal_seeds_give_equal_tables_and_others_other_intervals(cdnow_engine):
    first = forecast(cdnow_engine, as_of_day=AS_OF, seed=5, draws=200).segment_forecast
    second = forecast(cdnow_engine, as_of_day=AS_OF, seed=5, draws=200).segment_forecast
    other = forecast(cdnow_engine, as_of_day=AS_OF, seed=6, draws=200).segment_forecast
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert first.loc[0, "clv"] == other.loc[0, "clv"]
    assert first.loc[0, "low"] != other.loc[0, "low"]
    assert not first["calibrated"].any()


def test_value_scales_with_money_and_margin_and_falls_with_the_rate(connection, fill, shop):
    rows = shop(300, seed=2)
    fill(connection, rows)
    plain = forecast(connection, annual_rate=0.0).segment_forecast.iloc[-1]
    half = forecast(connection, annual_rate=0.0, margin=0.5).segment_forecast.iloc[-1]
    dear = forecast(connection, annual_rate=0.2).segment_forecast.iloc[-1]
    loss = forecast(connection, annual_rate=0.0, margin=-0.1).segment_forecast.iloc[-1]
    assert half["clv"] == pytest.approx(plain["clv"] / 2, rel=1e-12)
    assert plain["clv"] / 1.2 < dear["clv"] < plain["clv"]
    assert loss["low"] < loss["clv"] < loss["high"] < 0
    connection.execute("UPDATE orders SET value = value * 7")
    scaled = forecast(connection, annual_rate=0.0).segment_forecast.iloc[-1]
    assert scaled["clv"] == pytest.approx(7 * plain["clv"], rel=1e-6)
    assert scaled["expected_orders"] == pytest.approx(plain["expected_orders"], rel=1e-12)


def test_separate_fits_stand_beside_the_pooled_one_and_fall_back_where_they_must(connection, fill, shop):
    fill(connection, shop(500, seed=4))
    grouped(connection, "CASE WHEN hash(customer_id) % 100 = 0 THEN 9 ELSE hash(customer_id) % 2 END")
    made = forecast(connection, segment_by=["grp"], segment_parameters="separate", draws=200)
    assert made.segment_forecast["segment"].tolist() == ["g0", "g1", "g9", "all"]
    assert set(made.parameters["segment"]) == {"all", "g0", "g1"}
    assert any(note.startswith("Segment 'g9' takes the parameters of all customers") for note in made.notes)
    assert (made.segment_forecast["low"] < made.segment_forecast["high"]).all()
    written = connection.execute("SELECT segment, sum(clv) FROM customer_forecast GROUP BY ALL ORDER BY ALL").fetchall()
    expected = made.segment_forecast.iloc[:-1]
    assert [row[1] for row in written] == pytest.approx(expected["clv"].tolist(), rel=1e-9)


def test_segments_of_one_customer_and_ages_of_zero_stay_finite(connection, fill, shop):
    rows = [*shop(120, seed=6), (900, 400, 50_000), (901, 400, 0)]
    fill(connection, rows, pd.DataFrame({"customer_id": [900, 901, 3], "kind": ["new", "free", "old"]}))
    made = forecast(connection, segment_by=["kind"], draws=300)
    table = made.segment_forecast.set_index("segment")
    assert table.loc["new", "customers"] == 1
    assert np.isfinite(table[["expected_orders", "clv", "low", "high"]].to_numpy()).all()
    assert table.loc["new", "low"] >= 0
    ages = connection.execute("SELECT min(age_days) FROM customer_forecast").fetchone()
    assert ages == (0,)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 8])
def test_a_shop_of_twenty_customers_is_forecast_or_told_why_not(connection, seed, fill, shop):
    fill(connection, shop(20, seed=seed))
    try:
        total = forecast(connection, draws=300).segment_forecast.iloc[-1]
    except ModelError as error:
        told = str(error)
        total = None
    if total is None:
        assert "customers" in told
    else:
        assert total["low"] <= total["clv"] <= total["high"]
        assert np.isfinite(total[["clv", "low", "high"]].to_numpy(dtype=float)).all()


@pytest.mark.parametrize("rows", [[(1, 0, 10)], [(1, 0, 10), (1, 9, 10)], [(c, c % 5, 10) for c in range(500)]])
def test_too_few_customers_who_came_back_are_explained(connection, rows, fill):
    fill(connection, rows)
    with pytest.raises(ModelError, match="ordered again on a later day; a forecast needs 10 at least"):
        forecast(connection)


def test_free_orders_are_worth_nothing_but_count(connection, fill, shop):
    fill(connection, [(customer, day, 0) for customer, day, _ in shop(300, seed=2)])
    made = forecast(connection, draws=200)
    total = made.segment_forecast.iloc[-1]
    assert total["expected_orders"] > 1
    assert total["clv"] == 0
    assert "observed mean" in made.parameters["model"].tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"margin": float("nan")}, "margin"),
        ({"confidence": 1.5}, "confidence"),
        ({"draws": 3}, "draws"),
        ({"segment_parameters": "seperate"}, "segment_parameters"),
        ({"annual_rate": -1.0}, "annual_rate"),
        ({"horizon_months": 0}, "horizon_months"),
    ],
)
def test_arguments_out_of_range_are_refused(connection, wrong, message, fill, shop):
    fill(connection, shop(100, seed=1))
    with pytest.raises(ConfigurationError, match=message):
        forecast(connection, **wrong)
