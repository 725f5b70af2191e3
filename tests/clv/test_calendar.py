"""Days, months and discounting on the calendar."""

from datetime import date

import numpy as np
import pytest

from clv.calendar import add_months, calendar_months, continuous_rate, day_date, day_number, one_period, weeks
from customer_data.errors import ConfigurationError


def test_a_day_number_and_its_date_are_each_other_back():
    assert day_number("1970-01-01") == 0
    assert day_number("1997-09-30") == 10_134
    assert day_number(date(1997, 9, 30)) == 10_134
    assert day_date(10_134) == date(1997, 9, 30)


def test_text_that_is_no_date_is_refused_with_the_way_to_write_one():
    with pytest.raises(ConfigurationError, match="year-month-day"):
        day_number("30.9.1997")


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2023, 2, 28), 12, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 12, 15), 1, date(2025, 1, 15)),
        (date(2024, 1, 30), 1, date(2024, 2, 29)),
        (date(1998, 6, 30), 12, date(1999, 6, 30)),
    ],
)
def test_months_are_added_on_the_calendar(start, months, end):
    assert add_months(start, months) == end


def test_a_forecast_from_the_end_of_june_is_twelve_whole_months():
    horizon = calendar_months(day_number("1998-06-30"), 12)
    assert horizon.months[0] == date(1998, 7, 1)
    assert horizon.months[-1] == date(1999, 6, 1)
    assert np.diff(horizon.edges).tolist() == [31, 31, 30, 31, 30, 31, 31, 28, 31, 30, 31, 30]
    assert day_date(horizon.end_day) == date(1999, 6, 30)


def test_a_forecast_from_mid_month_has_a_first_and_a_last_month_in_part():
    # From the end of 15 January: 16 days of January, 29 of February (leap year), 15 of March.
    horizon = calendar_months(day_number("2024-01-15"), 2)
    assert horizon.months == (date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1))
    assert np.diff(horizon.edges).tolist() == [16, 29, 15]


def test_one_year_at_ten_per_cent_is_worth_one_over_one_point_one():
    assert np.exp(-continuous_rate(0.10) * 365) == pytest.approx(1 / 1.1, rel=1e-15)
    assert continuous_rate(0.0) == 0.0


@pytest.mark.parametrize("rate", [-1.0, -2.0, float("nan"), float("inf")])
def test_a_rate_that_discounts_to_nothing_is_refused(rate):
    with pytest.raises(ConfigurationError, match="annual_rate"):
        continuous_rate(rate)


@pytest.mark.parametrize("months", [0, -3, 5_000])
def test_a_horizon_without_an_end_is_refused(months):
    with pytest.raises(ConfigurationError, match="horizon_months"):
        calendar_months(0, months)


def test_a_single_period_must_end_after_it_starts():
    assert one_period(10, 14).edges.tolist() == [0, 4]
    with pytest.raises(ConfigurationError, match="not after"):
        one_period(10, 10)


def test_weeks_count_from_the_first_day_and_the_last_may_be_short():
    assert weeks(0, 21).tolist() == [0, 7, 14, 21]
    assert weeks(0, 16).tolist() == [0, 7, 14, 16]
