"""Sentences say what the numbers say, and no more."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from customer_data.judging import FILTERED
from reports.pages import prose
from reports.pages.data_quality import kept_sentence
from reports.results.data_quality import WITHOUT_CHANNEL, WITHOUT_OUTCOME
from reports.results.run_results import AttributionResults, ClvResults, DataQuality, RunResults, ValueDepth
from reports.wording import labels

RUN = RunResults(title="t", currency="EUR")


def compared(*rows):
    """Rows of channel, last click, Markov and half the width of the interval of the change."""
    table = pd.DataFrame(rows, columns=["channel", "last_click", "markov", "half"])
    table["difference"] = table["markov"] - table["last_click"]
    table["difference_low"] = table["difference"] - table["half"]
    table["difference_high"] = table["difference"] + table["half"]
    table["verdict"] = "no clear difference"
    table["clear_together"] = (table["difference_low"] > 0) | (table["difference_high"] < 0)
    return AttributionResults(credit=pd.DataFrame(), comparison=table.drop(columns="half"))


def valued(*rows, **fields):
    """Rows of segment, customers, clv, low and high."""
    table = pd.DataFrame(rows, columns=["segment", "customers", "clv", "low", "high"])
    return ClvResults(segment_forecast=table.assign(expected_orders=1.0, calibrated=False), **fields)


def held(actual, forecast, low=np.nan, high=np.nan, **fields):
    totals = pd.DataFrame([("all", 9, actual, forecast, 0.0, low, high)])
    totals.columns = ["segment", "customers", "actual_orders", "forecast_orders", "error", "low", "high"]
    return valued(("all", 9, 100.0, 90.0, 110.0), holdout_totals=totals, **fields)


def test_what_changed_counts_clear_channels_and_what_moved():
    # Changes: +40 clear, -30 clear, -10 +/- 20 unclear; 40 of 600 conversions move.
    attribution = compared(("A", 100, 140, 10), ("B", 200, 170, 10), ("C", 300, 290, 20))
    assert prose.what_changed(attribution, 0.9) == (
        "For 2 of 3 channels the credit by the Markov model clearly differs from the credit by last click. In all it "
        "moves 40.0 of 600 conversions (6.7%) from one channel to another."
    )
    assert prose.top_moves(attribution, 0.9) == (
        (
            "A",
            "gets 140.0 conversions instead of 100.0: +40.0 (+40%; 90% interval +30.0 to +50.0).",
        ),
        (
            "B",
            "gets 170.0 conversions instead of 200.0: −30.0 (−15%; 90% interval −40.0 to −20.0).",
        ),
    )
    assert prose.comparison_title(attribution) == "Last click under-credits A most and over-credits B most"


def test_changes_are_told_in_money_where_conversions_have_values():
    # By value A gains 4,000 +/- 900 (clear), B loses 3,100 +/- 3,200 (not clear), C loses 900 +/- 500 (clear).
    attribution = compared(("A", 100, 140, 10), ("B", 200, 170, 10), ("C", 300, 290, 20))
    money = compared(("A", 9_000, 13_000, 900), ("B", 21_000, 17_900, 3_200), ("C", 30_000, 29_100, 500))
    valued = replace(attribution, comparison_value=money.comparison)
    assert prose.moved_in_money(valued, 0.9, currency="EUR").replace("\u00a0", " ") == (
        "In money it moves EUR 4,000 of EUR 60,000 (6.7%), clearly for 2 of 3 channels. Brackets hold 90% intervals."
    )
    told = [text.replace("\u00a0", " ") for _, text in prose.top_moves(valued, 0.9, currency="EUR")]
    assert told == [
        "gets 140.0 conversions, not 100.0: +40.0 (+30.0 to +50.0); EUR 4,000 more (3,100 to 4,900).",
        "gets 170.0 conversions, not 200.0: −30.0 (−40.0 to −20.0); in money not clearly (EUR −6,300 to +100).",
    ]
    assert prose.top_moves(valued, 0.9)[0][1].endswith("; value 4,000 more (3,100 to 4,900).")


def test_no_money_is_claimed_that_no_interval_bears():
    attribution = compared(("A", 100, 140, 10), ("B", 200, 160, 10))
    unclear = replace(attribution, comparison_value=compared(("A", 90, 130, 50), ("B", 210, 170, 50)).comparison)
    assert prose.moved_in_money(unclear, 0.9, currency="EUR") == (
        "In money no channel's change is clear. Brackets hold 90% intervals."
    )
    unknown = replace(
        attribution, comparison_value=compared(("A", 90, 130, np.nan), ("B", 210, 170, np.nan)).comparison
    )
    assert prose.moved_in_money(unknown, 0.9, currency=None) == (
        "In value it moves 40.00 of 300.00 (13.3%). Brackets hold 90% intervals."
    )
    assert prose.top_moves(unknown, 0.9)[0][1].endswith("(+30.0 to +50.0); value 40.00 more.")
    worthless = replace(attribution, comparison_value=compared(("A", 0, 0, 0), ("B", 0, 0, 0)).comparison)
    assert prose.moved_in_money(worthless, 0.9, currency="EUR") == ""
    assert prose.moved_in_money(attribution, 0.9, currency="EUR") == ""


def test_no_change_is_claimed_where_every_interval_holds_zero():
    attribution = compared(("A", 100, 140, 50), ("B", 200, 160, 50))
    assert "none of the 2 channels" in prose.what_changed(attribution, 0.95)
    assert "every 95% interval of the change holds zero" in prose.what_changed(attribution, 0.95)
    assert prose.top_moves(attribution, 0.95) == ()
    assert prose.comparison_title(attribution) == "No channel's credit clearly differs from last click"


def test_an_interval_that_ends_at_zero_is_not_clear():
    assert prose.top_moves(compared(("A", 100, 110, 10), ("B", 100, 90, 10)), 0.9) == ()


def test_one_of_something_is_singular():
    assert "The one customer is expected to bring" in prose.what_customers_are_worth(valued(("all", 1, 9, 8, 10)), RUN)
    assert "The 1 customer" not in prose.what_customers_are_worth(valued(("all", 1, 9, 8, 10)), RUN)
    assert labels.listing(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(
    ("attribution", "words"),
    [
        (compared(), "No channel was touched"),
        (compared(("A", 0, 0, 0), ("B", 0, 0, 0)), "No journey in this data ended in a conversion"),
        (compared(("Email", 7, 7, 0)), "Email is the only channel in the data: every model gives it all the credit."),
        (
            compared(("A", 5, 7, np.nan), ("B", 7, 5, np.nan)),
            "No intervals were computed, so no change is called clear.",
        ),
    ],
)
def test_degenerate_comparisons_read_sensibly(attribution, words):
    assert words in prose.what_changed(attribution, 0.9)
    assert prose.top_moves(attribution, 0.9) == ()


def test_a_channel_last_click_gave_nothing_has_no_relative_change():
    attribution = compared(("New", 0, 20, 5), ("Old", 50, 30, 5))
    assert "20.0 conversions instead of 0.0: +20.0 (90% interval" in prose.top_moves(attribution, 0.9)[0][1]


def test_customers_value_names_total_interval_horizon_rate_and_mean():
    clv = valued(("all", 1000, 1_234_000.0, 1_100_000.0, 1_360_000.0), margin=0.3)
    assert prose.what_customers_are_worth(clv, RUN).replace("\u00a0", " ") == (
        "The 1,000 customers are expected to bring EUR 1.23 million of margin (at 30% of revenue) over the "
        "next 12 months (90% interval EUR 1.10 to 1.36 million), discounted at 10% a year: EUR 1,230 per "
        "customer (1,100 to 1,360)."
    )


def test_no_value_is_stated_where_there_is_none():
    unfitted = valued(("all", 5, np.nan, np.nan, np.nan))
    assert prose.what_customers_are_worth(unfitted, RUN).startswith("No value is given for the 5 customers")
    assert prose.what_customers_are_worth(valued(), RUN).startswith("No customer has ordered")
    without = prose.what_customers_are_worth(valued(("all", 5, 50.0, np.nan, np.nan)), RUN)
    assert "interval" not in without
    assert "–" not in without


def test_segments_are_called_different_only_when_their_intervals_are_apart():
    apart = valued(("x", 40, 4000.0, 3600.0, 4400.0), ("y", 40, 2000.0, 1600.0, 2400.0), segment_by="country")
    assert "“x” is worth most per customer: EUR\u00a0100 (90 to 110); “y” least" in prose.who_is_worth_most(apart, RUN)
    near = valued(("x", 40, 4000.0, 2000.0, 6000.0), ("y", 40, 2000.0, 400.0, 3600.0))
    assert "their intervals overlap: the difference is not clear" in prose.who_is_worth_most(near, RUN)
    unknown = valued(("x", 40, 4000.0, np.nan, np.nan), ("y", 40, 2000.0, np.nan, np.nan))
    assert "worth most" not in prose.who_is_worth_most(unknown, RUN)
    assert prose.who_is_worth_most(valued(("all", 10, 1000.0, 900.0, 1100.0)), RUN) == ""


def test_a_segment_of_a_few_customers_is_not_named_for_what_they_are_worth():
    three = ("z", 3, 225_000.0, 75_000.0, 611_000.0)
    some = valued(three, ("x", 40, 4000.0, 3600.0, 4400.0), ("y", 40, 2000.0, 1600.0, 2400.0))
    said = prose.who_is_worth_most(some, RUN)
    assert said.startswith("Of the 2 segments of 30 customers or more, “x” is worth most per customer")
    assert prose.who_is_worth_most(valued(three, ("x", 40, 4000.0, 3600.0, 4400.0)), RUN) == ""


def test_the_holdout_error_is_said_with_its_direction_and_where_the_truth_fell():
    # CDNOW: 1653.4 forecast, 1882 came; 1653.4 / 1882 - 1 = -12.1 %.
    dates = {"holdout_start": dt.date(1997, 10, 1), "holdout_end": dt.date(1998, 6, 30)}
    text = prose.holdout_sentence(held(1882.0, 1653.4, 1460.0, 1856.0, **dates), RUN)
    assert "the last 273 days (1 October 1997 to 30 June 1998)" in text
    assert "1,653 repeat orders and 1,882 came: 12.1% too few, outside" in text
    assert "outside the 90% interval of 1,460 to 1,856" in text
    assert "inside" in prose.holdout_sentence(held(1800.0, 1653.4, 1460.0, 1856.0), RUN)
    assert "too many" in prose.holdout_sentence(held(100.0, 120.0), RUN)
    assert "none came" in prose.holdout_sentence(held(0.0, 12.0), RUN)
    assert "has not been tested" in prose.holdout_sentence(valued(("all", 9, 1.0, 0.5, 1.5)), RUN)


def test_calibrated_is_said_only_where_the_table_says_so():
    clv = valued(("x", 10, 1000.0, 900.0, 1100.0), ("all", 10, 1000.0, 900.0, 1100.0))
    assert "calibrated" not in prose.calibration_sentence(clv)
    table = clv.segment_forecast
    some = replace(clv, segment_forecast=table.assign(calibrated=[True, False]))
    assert "1 of 2 rows are calibrated" in prose.calibration_sentence(some)
    every = replace(clv, segment_forecast=table.assign(calibrated=True))
    assert prose.calibration_sentence(every).startswith("The intervals of value are calibrated")


def test_an_interval_that_was_changed_is_not_said_to_rest_on_the_model_alone():
    clv = valued(("x", 10, 1000.0, 900.0, 1100.0), ("all", 10, 1000.0, 900.0, 1100.0))
    said = prose.calibration_sentence(replace(clv, widening={"all": 2.72}))
    assert said.startswith("The interval of the total is widened 2.7 times, as")
    moved = replace(clv, level=0.92, widening={"all": 2.72})
    assert prose.calibration_sentence(moved).startswith(
        "The value is moved down by 8.0% and its interval is widened 2.7 times, as"
    )
    assert "rest on the model alone" in prose.calibration_sentence(replace(clv, widening={"x": 1.5}))
    # How much wider shorter forecasts from earlier days had to be is another number, and none of this report's.
    earlier = pd.DataFrame({"segment": ["x", "all"], "shift": [0.0, 0.0], "widening": [1.0, 8.0]})
    longer = replace(clv, widening={"all": 14.71}, depth=ValueDepth(calibration=earlier))
    assert "widened 14.7 times" in prose.calibration_sentence(longer)


@pytest.mark.parametrize(
    ("read", "kept", "aside", "text"),
    [
        (10, 10, 0, "All 10 rows read were kept."),
        (0, 0, 0, "No rows were read."),
        (1000, 990, 10, "Of 1,000 rows read, 10 (1.0%) could not be used."),
        (
            1000,
            900,
            0,
            "All 1,000 rows read could be used; 100 repeated or completed others (lines of one order, refunds).",
        ),
        (
            1000,
            900,
            10,
            "Of 1,000 rows read, 10 (1.0%) could not be used; 90 repeated or completed others (lines of one order, "
            "refunds).",
        ),
    ],
)
def test_rows_that_were_merged_or_netted_are_not_called_lost(read, kept, aside, text):
    counts = pd.DataFrame([("orders", "read", read, None), ("orders", "kept", kept, None)])
    counts.columns = ["source", "reason", "rows", "amount"]
    assert kept_sentence(DataQuality(row_counts=counts, quarantine_rows=aside)) == text


def test_names_that_would_look_alike_are_told_apart():
    long = ["a" * 100 + "x" + "b" * 50, "a" * 100 + "y" + "b" * 50, "plain", "plain\u200b"]
    short = labels.short_names(long, 20)
    assert len(set(short.values())) == 4
    assert all(len(label) <= 20 for label in short.values())


def test_names_lose_controls_and_direction_marks_but_not_their_letters():
    assert labels.clean("a\n\tb \u202ec\u200b") == "a b c"
    assert labels.clean("\u200b ") == "(empty)"
    assert labels.clean("שלום") == "שלום"


def test_without_intervals_the_title_claims_nothing():
    title = prose.comparison_title(compared(("A", 5, 7, np.nan), ("B", 7, 5, np.nan)))
    assert title == "How the Markov model moves credit against last click; no intervals were computed"


def test_a_manifold_change_is_said_as_a_multiple():
    attribution = compared(("Small", 37, 1248, 40), ("Large", 4000, 2789, 40))
    assert "1,248 conversions instead of 37: +1,211 (34-fold; 90% interval" in prose.top_moves(attribution, 0.9)[0][1]


def test_a_bound_of_a_clear_change_is_never_rounded_to_zero():
    # 8.7 - 11.0 = -2.3 with bounds -4.58 and -0.02: at one decimal the upper bound would read 0.0.
    attribution = compared(("direct", 11.0, 8.7, 2.28), ("other", 1.0, 3.3, 4.0))
    assert "8.70 conversions instead of 11.00: −2.30" in prose.top_moves(attribution, 0.9)[0][1]
    assert "90% interval −4.58 to −0.02" in prose.top_moves(attribution, 0.9)[0][1]


def test_paths_added_to_equal_ones_are_not_called_dropped():
    counts = pd.DataFrame(
        [("paths", "read", 9, None), ("paths", "kept", 5, None), ("paths", "merged with an equal path", 4, None)]
    )
    counts.columns = ["source", "reason", "rows", "amount"]
    text = kept_sentence(DataQuality(row_counts=counts))
    assert text == "All 9 rows read were used; 4 of them repeat a path and were added to it."


def test_rows_that_were_left_out_are_not_called_merged():
    def said(aside=0, **reasons):
        rows = [(name, count) for name, count in reasons.items() if name in ("read", "kept")]
        rows += [(_REASONS[name], count) for name, count in reasons.items() if name in _REASONS]
        counts = pd.DataFrame(rows, columns=["reason", "rows"]).assign(source="paths", amount=None)
        return kept_sentence(DataQuality(row_counts=counts, quarantine_rows=aside))

    assert said(read=5, kept=3, outcome=2) == (
        "Of 5 rows read, 2 (40.0%) hold neither a conversion nor a journey without one."
    )
    assert said(read=4, kept=2, outcome=1, channel=1) == (
        "Of 4 rows read, 1 (25.0%) holds neither a conversion nor a journey without one and 1 (25.0%) names no channel."
    )
    assert said(read=10, kept=5, channel=2, merged=3) == (
        "Of 10 rows read, 2 (20.0%) name no channel; 3 repeat a path."
    )
    assert said(aside=10, read=100, kept=60, filtered=25) == (
        "Of 100 rows read, 10 (10.0%) could not be used and 25 (25.0%) were left out by the filter; 5 repeated or "
        "completed others (lines of one order, refunds)."
    )


def test_refunds_of_no_known_order_are_not_called_used():
    rows = [("read", 9), ("kept", 5), ("another line of an order", 3), ("refund without an order before it", 1)]
    counts = pd.DataFrame(rows, columns=["reason", "rows"]).assign(source="orders", amount=None)
    assert kept_sentence(DataQuality(row_counts=counts)) == (
        "Of 9 rows read, 1 repeats a row or refunds no known order; 3 repeated or completed others (lines of one "
        "order, refunds)."
    )


_REASONS = {
    "outcome": WITHOUT_OUTCOME,
    "channel": WITHOUT_CHANNEL,
    "merged": "merged with an equal path",
    "filtered": FILTERED,
}


def test_an_amount_loses_the_digits_that_its_interval_says_nothing_about():
    # A 25th of a width of 49,695 is 1,988, so thousands; of 1,788 it is 72, so tens; cents stay.
    assert prose.without_idle_digits(316_183, 295_467, 345_162) == (316_000, 295_000, 345_000)
    assert prose.without_idle_digits(3327.4, 2520.2, 4308.2) == (3330, 2520, 4310)
    assert prose.without_idle_digits(78.46, 73.32, 85.65) == (78.46, 73.32, 85.65)
    assert prose.without_idle_digits(50.0, np.nan, np.nan)[0] == 50.0
