"""Numbers as text: what readers see must be right to the last sign."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest

from reports.pages.content import Column, Table
from reports.wording import number_format as fmt


@pytest.mark.parametrize(
    ("value", "decimals", "signed", "text"),
    [
        (1234567.0, 0, False, "1,234,567"),
        (-1234.56, 1, False, "−1,234.6"),
        (12.0, 1, True, "+12.0"),
        (-0.04, 1, True, "0.0"),
        (0, 0, True, "0"),
        (math.nan, 0, False, "–"),
        (math.inf, 2, False, "–"),
    ],
)
def test_numbers_have_separators_true_minus_and_no_minus_zero(value, decimals, signed, text):
    assert fmt.number(value, decimals, signed=signed) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (1.10e6, 1.36e6, "EUR\u00a01.10 to 1.36\u00a0million"),
        (900_000, 1.2e6, "EUR\u00a0900,000 to 1.2\u00a0million"),
        (12.5, 1300, "EUR\u00a012.50 to 1,300"),
        (math.nan, 1, "–"),
    ],
)
def test_a_range_says_currency_and_scale_once(low, high, text):
    assert fmt.amount_range(low, high, "EUR") == text


def test_a_number_just_below_a_million_is_not_written_as_a_thousand_thousands():
    assert fmt.short_amount(999_999.6, None) == "1\u00a0million"
    assert fmt.short_amount(845_300, "USD") == "USD\u00a0845,300"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2425945, "0.2426"),
        (4413.6, "4,414"),
        (0.0000123, "1.230e−05"),
        (0, "0"),
        (-15.4443, "−15.44"),
        (math.nan, "–"),
    ],
)
def test_four_significant_digits(value, text):
    assert fmt.significant(value) == text


def test_days_levels_and_horizons_read_as_english():
    assert fmt.days(1) == "1 day"
    assert fmt.days(2.5) == "2.5 days"
    assert fmt.level(0.9) == "90%"
    assert fmt.level(0.975) == "97.5%"
    assert fmt.horizon(1) == "1 month"
    assert fmt.day_range(dt.date(2011, 3, 1), dt.date(2011, 3, 1)) == "1 March 2011"


def test_a_sum_of_fractions_that_is_whole_but_for_rounding_shows_no_decimals():
    assert fmt.whole_or(1373.0000000002, 1) == "1,373"
    assert fmt.whole_or(1373.5, 1) == "1,373.5"


def test_cells_of_a_column_share_their_decimals():
    assert fmt.format_column([1200.0, 3.21, None], "credit") == ["1,200", "3", "–"]
    assert fmt.format_column([12.0, 3.21, np.nan], "money") == ["12.00", "3.21", "–"]
    assert fmt.format_column([12.0, 3.21], "credit", decimals=0) == ["12", "3"]
    assert fmt.format_column([0.5, pd.NA], "percent") == ["50.0%", "–"]
    assert fmt.format_column([dt.date(2012, 1, 1), pd.NaT], "month") == ["January 2012", "–"]


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.0, "0%"), (0.001, "under 1%"), (0.4, "40%"), (0.998, "over 99%"), (1.0, "100%"), (float("nan"), "–")],
)
def test_a_share_is_neither_none_of_something_nor_all_of_what_lacks_something(fraction, text):
    assert fmt.share(fraction) == text


@pytest.mark.parametrize(
    ("estimate", "error", "text"),
    [(24.563, 26.1, "25 (26)"), (0.91423, 0.0642, "0.914 (0.064)"), (513.1, 45.3, "513 (45)"), (1.5, 0.0, "1.500 (0)")],
)
def test_an_estimate_has_no_digit_beyond_two_of_its_error(estimate, error, text):
    assert fmt.to_its_error(estimate, error) == text


def test_a_column_of_changes_beyond_ten_fold_has_no_tenths_of_a_per_cent():
    assert fmt.format_column([-0.427, 32.731], "signed_percent") == ["−43%", "+3,273%"]
    assert fmt.format_column([-0.427, 1.46], "signed_percent") == ["−42.7%", "+146.0%"]


def test_totals_are_not_shaded_and_do_not_pale_what_they_add_up():
    data = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    assert Table("t", data, (Column("x", "X", shade=True),), bold_rows=(2,)).shades() == [[0.5], [1.0], [0.0]]


def test_shades_are_shares_of_the_largest_shaded_number_and_missing_ones_stay_white():
    data = pd.DataFrame({"name": ["a", "b"], "x": [4.0, np.nan], "y": [8.0, 2.0], "z": [99.0, 99.0]})
    columns = (
        Column("name", "N"),
        Column("x", "X", "credit", shade=True),
        Column("y", "Y", shade=True),
        Column("z", "Z"),
    )
    assert Table("t", data, columns).shades() == [[0.0, 0.5, 1.0, 0.0], [0.0, 0.0, 0.25, 0.0]]
    assert Table("t", data.iloc[:0], columns).shades() == []
