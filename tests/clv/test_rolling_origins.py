"""Forecasts of past days, and intervals that learn from them."""

import numpy as np
import pytest

from clv.calendar import day_date, day_number
from clv.forecasting import forecast
from clv.interval_adjustments import UNCHANGED, Adjustment, adjustment_of, known_by_then, shown_to_hold
from clv.rolling_origins import calibrate, rolling_origins
from customer_data.errors import ConfigurationError, InputError, ModelError

AS_OF = day_number("1998-06-30")
NORMAL = 1.644854  # standard deviations to either end of a 90 % interval


def test_errors_that_chance_explains_change_nothing():
    errors = np.array([1.1, -0.9, 0.4, -1.3, 0.2, 0.8]) / 10
    assert adjustment_of(errors, np.full(6, 0.1), 6, 0.9) == UNCHANGED
    assert adjustment_of(np.array([]), np.array([]), 6, 0.9) == UNCHANGED


STUDENT = 2.353363 / 1.644854  # three degrees of freedom against a normal, at 90 %


def test_by_hand_errors_on_one_side_move_the_interval():
    # In standard deviations of 0.1: mean 3, four windows; mean square 9.25 against chi-square(4) / 4 = 1.94 at 90 %.
    # Shift 3 (1 - 1 / (4 * 9)) = 35 / 12. About it they scatter by less than 1, so that the model's own
    # spread explains them: what adds is the doubt about the mean, 1 / sqrt(4).
    found = adjustment_of(np.array([0.25, 0.35, 0.25, 0.35]), np.full(4, 0.1), 4, 0.9)
    assert found.shift == pytest.approx(0.1 * 35 / 12)
    assert found.spread == pytest.approx(0.1 * STUDENT / 2, rel=1e-6)


def test_by_hand_errors_on_both_sides_widen_it():
    # Mean 0, mean square 16 of which 1 is the model's own; the mean of four is unsure by sqrt(16 / 4).
    found = adjustment_of(np.array([0.4, -0.4, 0.4, -0.4]), np.full(4, 0.1), 4, 0.9)
    assert found.shift == 0.0
    assert found.spread == pytest.approx(0.1 * STUDENT * np.sqrt(15 + 4), rel=1e-6)
    assert found.widening(0.1) == pytest.approx(np.sqrt(1 + STUDENT**2 * 19), rel=1e-6)


def test_a_bias_that_only_late_and_sure_forecasts_could_show_is_not_lost_among_early_and_unsure_ones():
    # All were 15 % too high. Their mean square is 1.28; of eight, chance explains 13.36 / 8 = 1.67. But as one bias, by
    # what each tells, they are 0.15 against a standard error of 1 / sqrt(6 * 4 + 2 * 178) = 0.051.
    own = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.075, 0.075])
    errors = -0.15 + np.array([0.2, -0.2, 0.3, -0.3, 0.2, -0.2, 0.03, -0.03])
    assert np.mean((errors / own) ** 2) == pytest.approx(1.28, abs=0.01)
    found = adjustment_of(errors, own, 8, 0.9)
    doubt = 1 / (6 / 0.5**2 + 2 / 0.075**2)
    assert found.shift == pytest.approx(-0.15 * (1 - doubt / 0.15**2))
    assert found.spread == pytest.approx(1.894579 / NORMAL * np.sqrt(doubt))  # Student's t of seven degrees of freedom


def test_fewer_windows_widen_more():
    errors, own = np.array([0.4, -0.4, 0.4, -0.4]), np.full(4, 0.1)
    assert adjustment_of(errors, own, 2, 0.9).spread > adjustment_of(errors, own, 3, 0.9).spread


def test_what_the_model_does_not_know_of_does_not_shrink_with_its_own_doubt():
    # Early forecasts, of few customers, knew little; all were off by a quarter up or down. The next one is of so many
    # customers that the model believes itself within a hundredth.
    own = np.geomspace(0.3, 0.02, 4_000)
    random = np.random.default_rng(1)
    found = adjustment_of(random.normal(0, np.hypot(own, 0.25)), own, 4_000, 0.9)
    assert found.spread == pytest.approx(0.25, abs=0.01)  # its standard error is 0.0033
    draws = np.exp(random.normal(10.0, 0.01, 50_000))
    low, high = np.log(found.interval(draws, 0.0, 0.9))
    assert (high - low) / 2 == pytest.approx(NORMAL * np.hypot(0.01, found.spread), rel=0.02)


def test_an_adjusted_interval_moves_on_the_scale_of_the_logarithm():
    draws = np.exp(np.random.default_rng(0).normal(10.0, 0.2, 50_000))
    low, high = Adjustment(0.2, 0.2 * np.sqrt(3)).interval(draws, 0.0, 0.9)
    assert np.log([low, high]) == pytest.approx([10.2 - 2 * NORMAL * 0.2, 10.2 + 2 * NORMAL * 0.2], abs=0.01)


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
    mended = calibrate(cdnow_engine, plain, made)
    before, after = plain.segment_forecast.iloc[0], mended.segment_forecast.iloc[0]
    assert after["high"] - after["low"] > 1.5 * (before["high"] - before["low"])
    assert after["clv"] == before["clv"]
    assert not before["calibrated"]
    assert after["calibrated"] == row["calibrated"]
    assert any("Intervals of value are widened: " in note for note in mended.notes)
    assert all(times > 1 for times in mended.widening.values())


def test_an_interval_is_shown_to_hold_only_where_one_that_holds_too_seldom_would_not_look_so():
    # .75^6 = .178 and .75^5 = .237; of eleven, ten hold with .75^11 + 11 * .25 * .75^10 = .197; .9^29 = .047.
    alike = np.ones(5)
    assert shown_to_hold(1.0, 6.9, 0.9, widths=alike)
    assert not shown_to_hold(1.0, 5.9, 0.9, widths=alike)
    assert shown_to_hold(10 / 11, 11, 0.9, widths=alike)
    assert not shown_to_hold(9 / 10, 10, 0.9, widths=alike)
    assert shown_to_hold(1.0, 28, 0.9, widths=alike)
    assert not shown_to_hold(1.0, 29, 0.9, widths=alike)
    assert not shown_to_hold(0.0, 0.0, 0.9, widths=alike)


def test_by_hand_an_origin_learns_from_what_was_known_by_then():
    days = np.array([0, 30, 60, 90, 120])
    assert known_by_then(days, 4, 30).tolist() == [True, True, True, True, False]
    assert known_by_then(days, 4, 60).tolist() == [True, True, True, False, False]
    # Of the windows of 30 days only two had ended by day 60: those after it are taken, too.
    assert known_by_then(days, 2, 30).tolist() == [True, True, False, True, True]
    assert known_by_then(days, 0, 90).tolist() == [False, True, True, True, True]  # two lie 90 days away


def test_intervals_three_times_as_wide_show_little_of_the_one_to_come():
    # 75 instead of 90 % hold where a standard deviation of 1 is 1.645 / 1.150 = 1.430. In one of 3 it is then
    # sqrt(9 + 1.430^2 - 1) = 3.169: within 1.645 * 3 / 3.169 = 1.557 lie 88 %, and .88^11 = .245; .88^13 = .190.
    assert not shown_to_hold(1.0, 11, 0.9, widths=np.full(5, 3.0))
    assert shown_to_hold(1.0, 13, 0.9, widths=np.full(5, 3.0))


def test_a_horizon_longer_than_the_checks_is_never_called_calibrated(cdnow_engine):
    made = rolling_origins(cdnow_engine, horizon_months=12, draws=200, count=8)
    assert made.horizon_months == 5
    assert made.calibration["origins"].iloc[0] == 8
    assert "checked on forecasts of 5 months" in made.notes[0]
    mended = calibrate(cdnow_engine, forecast(cdnow_engine, horizon_months=12, draws=200), made)
    assert not mended.segment_forecast["calibrated"].any()


def test_a_shop_that_all_but_follows_the_model_is_called_calibrated_segment_by_segment(connection, fill, shop):
    # Its customers pause a day after each order and may leave after the first: forecasts are 3 % too high.
    fill(connection, shop(1_500, seed=12, days=700))
    connection.execute(
        "CREATE TABLE customers AS SELECT customer_id, 'g' || hash(customer_id) % 2 AS grp FROM orders GROUP BY ALL"
    )
    made = rolling_origins(connection, horizon_months=1, segment_by=["grp"], draws=300, count=14)
    assert made.calibration["segment"].tolist() == ["g0", "g1", "all"]
    assert set(made.calibration["origins"]) == {14}
    plain = forecast(connection, horizon_months=1, segment_by=["grp"], draws=300, margin=0.5)
    mended = calibrate(connection, plain, made)
    assert mended.segment_forecast["calibrated"].tolist() == made.calibration["calibrated"].tolist()
    assert mended.segment_forecast["calibrated"].tolist() == [True, True, False]  # 13, 13 and 12 of 14 held


def test_two_years_of_other_confidence_do_not_mix(connection, fill, shop):
    fill(connection, shop(300, seed=3))
    made = rolling_origins(connection, horizon_months=1, draws=100, count=2, confidence=0.8)
    with pytest.raises(ConfigurationError, match="make both alike"):
        calibrate(connection, forecast(connection, draws=100), made)


def test_a_past_too_short_or_too_thin_is_told(connection, fill):
    fill(connection, [(1, 0, 10), (1, 70, 10)])
    with pytest.raises(InputError, match="too short to forecast a month"):
        rolling_origins(connection)
    connection.execute("INSERT INTO orders VALUES (2, 200, 10)")
    with pytest.raises(ModelError, match=f"From|from {day_date(56)}|At no day of the past"):
        rolling_origins(connection, horizon_months=1)
    with pytest.raises(ConfigurationError, match="must be 1 or more"):
        rolling_origins(connection, horizon_months=0)
