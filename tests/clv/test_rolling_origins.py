"""Forecasts of past days, and intervals that learn from them."""

import numpy as np
import pytest

from clv.calendar import day_date, day_number
from clv.forecasting import forecast
from clv.rolling_origins import Adjustment, adjustment_of, calibrate, rolling_origins, shown_to_hold
from customer_data.errors import ConfigurationError, InputError, ModelError

AS_OF = day_number("1998-06-30")


def test_errors_that_chance_explains_change_nothing():
    assert adjustment_of(np.array([1.1, -0.9, 0.4, -1.3, 0.2, 0.8]), 6, 0.9) == Adjustment(0.0, 1.0)
    assert adjustment_of(np.array([]), 6, 0.9) == Adjustment(0.0, 1.0)


def test_by_hand_errors_on_one_side_move_the_interval():
    # Mean 3, spread 0.5 about it, four windows: mean square 9.25 against chi-square(4) / 4 = 1.94 at 90 %.
    # Shift 3 (1 - 1 / (4 * 9)) = 35 / 12; left: mean of (.5 + 1/12)^2 and (.5 - 1/12)^2; no widening below 1.
    found = adjustment_of(np.array([2.5, 3.5, 2.5, 3.5]), 4, 0.9)
    assert found.shift == pytest.approx(35 / 12)
    left = np.sqrt(((0.5 + 1 / 12) ** 2 + (0.5 - 1 / 12) ** 2) / 2)
    student = 2.353363 / 1.644854 * np.sqrt(1.25)
    assert found.widening == pytest.approx(max(1, left * student), rel=1e-6)


def test_by_hand_errors_on_both_sides_widen_it():
    found = adjustment_of(np.array([4.0, -4.0, 4.0, -4.0]), 4, 0.9)
    assert found.shift == 0.0
    assert found.widening == pytest.approx(4 * 2.353363 / 1.644854 * np.sqrt(1.25), rel=1e-6)


def test_fewer_windows_widen_more():
    deviations = np.array([4.0, -4.0, 4.0, -4.0])
    assert adjustment_of(deviations, 2, 0.9).widening > adjustment_of(deviations, 3, 0.9).widening


def test_an_adjusted_interval_moves_on_the_scale_of_the_logarithm():
    draws = np.exp(np.random.default_rng(0).normal(10.0, 0.2, 50_000))
    low, high = Adjustment(1.0, 2.0).interval(draws, 0.0, 0.9)
    z = 1.644854
    assert np.log([low, high]) == pytest.approx([10.2 - 2 * z * 0.2, 10.2 + 2 * z * 0.2], abs=0.01)


def test_cdnow_learns_that_its_intervals_were_too_narrow(cdnow_engine):
    made = rolling_origins(cdnow_engine, horizon_months=3, draws=500)
    row = made.calibration.iloc[0]
    assert (row["segment"], made.horizon_months) == ("all", 3)
    assert row["origins"] >= 8
    assert row["coverage"] < 0.7
    assert row["coverage_adjusted"] > row["coverage"]
    assert row["widening"] > 1.5
    assert made.origins["origin"].is_monotonic_increasing
    assert (day_number(made.origins["origin"].iloc[-1])) < AS_OF
    plain = forecast(cdnow_engine, horizon_months=3, draws=500)
    mended = calibrate(plain, made)
    before, after = plain.segment_forecast.iloc[0], mended.segment_forecast.iloc[0]
    assert after["high"] - after["low"] > 1.5 * (before["high"] - before["low"])
    assert after["clv"] == before["clv"]
    assert not before["calibrated"]
    assert after["calibrated"] == row["calibrated"]
    assert any("widened" in note for note in mended.notes)


def test_an_interval_is_shown_to_hold_only_where_one_that_holds_too_seldom_would_not_look_so():
    # .75^6 = .178 and .75^5 = .237; of eleven, ten hold with .75^11 + 11 * .25 * .75^10 = .197; .9^29 = .047.
    assert shown_to_hold(1.0, 6.9, 0.9)
    assert not shown_to_hold(1.0, 5.9, 0.9)
    assert shown_to_hold(10 / 11, 11, 0.9)
    assert not shown_to_hold(9 / 10, 10, 0.9)
    assert shown_to_hold(1.0, 28, 0.9)
    assert not shown_to_hold(1.0, 29, 0.9)
    assert not shown_to_hold(0.0, 0.0, 0.9)


def test_a_horizon_longer_than_the_checks_is_never_called_calibrated(cdnow_engine):
    made = rolling_origins(cdnow_engine, horizon_months=12, draws=200, count=8)
    assert made.horizon_months == 5
    assert made.calibration["origins"].iloc[0] == 8
    assert "checked on forecasts of 5 months" in made.notes[0]
    mended = calibrate(forecast(cdnow_engine, horizon_months=12, draws=200), made)
    assert not mended.segment_forecast["calibrated"].any()


def test_a_shop_that_follows_the_model_is_called_calibrated_segment_by_segment(connection, fill, shop):
    fill(connection, shop(1_500, seed=11, days=700))
    connection.execute(
        "CREATE TABLE customers AS SELECT customer_id, 'g' || hash(customer_id) % 2 AS grp FROM orders GROUP BY ALL"
    )
    made = rolling_origins(connection, horizon_months=1, segment_by=["grp"], draws=300, count=14)
    assert made.calibration["segment"].tolist() == ["g0", "g1", "all"]
    assert set(made.calibration["origins"]) == {14}
    plain = forecast(connection, horizon_months=1, segment_by=["grp"], draws=300, margin=0.5)
    mended = calibrate(plain, made)
    assert mended.segment_forecast["calibrated"].tolist() == made.calibration["calibrated"].tolist()
    assert mended.segment_forecast.loc[2, "calibrated"]


def test_two_years_of_other_confidence_do_not_mix(connection, fill, shop):
    fill(connection, shop(300, seed=3))
    made = rolling_origins(connection, horizon_months=1, draws=100, count=2, confidence=0.8)
    with pytest.raises(ConfigurationError, match="make both alike"):
        calibrate(forecast(connection, draws=100), made)


def test_a_past_too_short_or_too_thin_is_told(connection, fill):
    fill(connection, [(1, 0, 10), (1, 70, 10)])
    with pytest.raises(InputError, match="too short to forecast a month"):
        rolling_origins(connection)
    connection.execute("INSERT INTO orders VALUES (2, 200, 10)")
    with pytest.raises(ModelError, match=f"From|from {day_date(56)}|At no day of the past"):
        rolling_origins(connection, horizon_months=1)
    with pytest.raises(ConfigurationError, match="must be 1 or more"):
        rolling_origins(connection, horizon_months=0)
