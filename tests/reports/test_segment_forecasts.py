"""What the pages show of each segment: months, the past that was held back, and whose orders those were."""

from dataclasses import replace

import pandas as pd
import pytest

from reports.pages.booking import about
from reports.pages.content import Figure, Table
from reports.pages.customers import clv_sections, segment_figures, time_figures
from reports.pages.holdout import customer_figures
from reports.pages.prose import what_customers_are_worth, who_is_worth_most
from reports.pages.segment_forecasts import (
    infinite_table,
    month_table_by_segment,
    orders_held_back,
    tracking_by_segment,
)
from reports.results.run_results import RunResults
from tests.reports.report_samples import by_segment, clv_results

RUN = RunResults(title="Shop", currency="EUR")


def months(**values: float) -> pd.DataFrame:
    """Two months of each segment, the second cut and worth half of the first."""
    days = pd.date_range("2025-01-01", periods=2, freq="MS").date
    rows = [
        (name, day, 31 / place // 1, value / place)
        for name, value in values.items()
        for place, day in enumerate(days, start=1)
    ]
    return pd.DataFrame(rows, columns=["segment", "month", "days", "expected_value"]).astype({"days": int})


def test_the_most_valuable_segments_have_columns_and_the_others_share_one():
    values = {f"segment {place}": 100.0 * place for place in range(1, 8)}
    clv = replace(clv_results(), monthly=months(**values, all=2_800.0))
    (table,) = month_table_by_segment(clv, RUN)
    assert isinstance(table, Table)
    assert [column.header for column in table.columns][1:] == [
        "segment 7", "segment 6", "segment 5", "segment 4", "segment 3", "2\nothers", "All\nsegments",
    ]  # fmt: skip
    assert table.cells()[0] == ["January 2025", "700", "600", "500", "400", "300", "300", "2,800"]
    assert table.cells()[1][0] == "1 to 15 February 2025"
    assert table.cells()[2] == ["All months", "1,050", "900", "750", "600", "450", "450", "4,200"]
    assert table.bold_rows == (2,)
    assert "The 5 most valuable of 7 segments" in table.caption


def test_value_without_an_end_stands_beside_that_over_the_horizon():
    rows = pd.DataFrame(
        [
            ("a", 10, 5.0, 400.0, 500.0, 0.8),
            ("b", 20, 9.0, 600.0, 1_500.0, 0.4),
            ("all", 30, 14.0, 1_000.0, 2_000.0, 0.5),
        ],
        columns=["segment", "customers", "discounted_orders", "clv", "clv_infinite", "share"],
    )
    (table,) = infinite_table(replace(clv_results(), infinite_horizon=rows), RUN)
    assert table.title == "Of what customers are worth without an end, 50% is to come within 12 months (EUR)"
    assert table.cells() == [
        ["b", "20", "600", "1,500", "75.00", "40.0%"],
        ["a", "10", "400", "500", "50.00", "80.0%"],
        ["All customers", "30", "1,000", "2,000", "66.67", "50.0%"],
    ]
    assert infinite_table(clv_results(), RUN) == []


def test_figure_and_sentence_name_the_same_segments_for_what_a_customer_is_worth():
    clv = clv_results()
    segments = clv.segment_forecast[clv.segment_forecast["segment"] != "all"]
    whole = clv.segment_forecast["segment"] == "all"
    few = clv.segment_forecast.assign(customers=clv.segment_forecast["customers"].where(whole, 3))
    assert len(segments) > 1
    _, figure = segment_figures(replace(clv, segment_forecast=few), RUN, most=8)
    assert figure.title == "Value per customer, with its interval"
    assert who_is_worth_most(replace(clv, segment_forecast=few), RUN) == ""


def test_what_discounting_takes_off_is_told_of_value_after_margin():
    clv = clv_results()
    monthly = clv.monthly.assign(expected_revenue=clv.monthly["expected_value"] / 0.4)
    clv = replace(clv, monthly=monthly, margin=0.4)
    rows = monthly[monthly["segment"] == "all"]
    taken = float(rows["expected_value"].sum() - rows["discounted_value"].sum())
    figure, *_ = time_figures(clv, RUN)
    assert figure.title == f"Expected value by month, EUR; discounting takes off {about(taken, 'EUR')}"
    (table,) = (
        block
        for block in clv_sections(replace(RUN, clv=clv))[0].blocks
        if getattr(block, "title", "").startswith("What to")
    )
    assert [column.header for column in table.columns][2:4] == ["Expected revenue (EUR)", "Expected value (EUR)"]
    assert table.caption.startswith("Value: margin (at 40% of revenue).")


def test_a_single_segment_more_than_fits_keeps_its_name():
    values = {f"s{place}": 100.0 for place in range(6)}
    (table,) = month_table_by_segment(replace(clv_results(), monthly=months(**values, all=600.0)), RUN)
    assert [column.header for column in table.columns][1:] == [*values, "All\nsegments"]
    one = replace(clv_results(), monthly=months(all=600.0))
    assert month_table_by_segment(one, RUN) == []


def test_where_orders_are_worth_nothing_the_page_speaks_of_orders_alone():
    clv = clv_results()
    nothing = clv.segment_forecast.assign(clv=0.0, low=0.0, high=0.0)
    monthly = clv.monthly.assign(expected_value=0.0, discounted_value=0.0)
    clv = replace(clv, segment_forecast=nothing, monthly=monthly, deciles=clv.deciles.assign(clv=0.0))
    assert "No order in this data is worth anything" in what_customers_are_worth(clv, RUN)
    assert who_is_worth_most(clv, RUN) == ""
    assert segment_figures(clv, RUN, most=16) == time_figures(clv, RUN) == month_table_by_segment(clv, RUN) == []


def test_the_worst_segment_is_named_with_the_orders_that_the_forecast_missed():
    clv = clv_results()
    totals = pd.DataFrame(
        [
            ("Germany", 100.0, 90.0, -0.1),
            ("France", 40.0, 60.0, 0.5),
            ("Spain", 10.0, 11.0, 0.1),
            ("all", 150.0, 161.0, 0.07),
        ],
        columns=["segment", "actual_orders", "forecast_orders", "error"],
    )
    (figure,) = tracking_by_segment(replace(clv, holdout_totals=totals))
    assert isinstance(figure, Figure)
    assert figure.title == "Of the repeat orders of France the forecast misses most: 20 too many (50%)"
    assert "France: 40 came and 60 were forecast" in figure.alt
    exact = totals.assign(forecast_orders=totals["actual_orders"])
    (figure,) = tracking_by_segment(replace(clv, holdout_totals=exact))
    assert figure.title == "In no segment does the forecast miss a repeat order"
    assert tracking_by_segment(clv_results(("one",))) == []


def test_orders_of_new_customers_are_shown_beside_those_that_are_compared():
    (table,) = orders_held_back(clv_results(), RUN)
    assert table.title == "14% of the orders held back came from 10 new customers"
    assert table.cells() == [
        ["Known customers", "60", "86", "6,400", "compared with the forecast"],
        ["First orders of new customers", "10", "10", "500", "not compared: nobody had a history"],
        ["Repeat orders of new customers", "3", "4", "230", "not compared, for the same reason"],
        ["All", "70", "100", "7,130", ""],
    ]
    orders = clv_results().holdout_orders
    none = orders.assign(orders=orders["orders"].where(~orders["source"].str.contains("new"), 0))
    assert orders_held_back(replace(clv_results(), holdout_orders=none), RUN) == []
    assert orders_held_back(replace(clv_results(), holdout_orders=None), RUN) == []


def test_captions_tell_what_holds_within_segments():
    clv = clv_results(("Germany", "France"))
    even = pd.DataFrame({"low": [0.0, 0.5], "high": [0.5, 1.0], "share": [0.5, 0.5], "expected": 0.5})
    pit = by_segment(even, ("Germany", "France"))
    pit.loc[pit["segment"] == "France", "share"] = [0.8, 0.2]
    spread, *_ = customer_figures(replace(clv, holdout_pit=pit), RUN)
    assert spread.caption == "In 1 of 2 segments orders spread as predicted."
    deciles = by_segment(pd.DataFrame({"decile": [1, 2], "customers": 100, "clv": [60.0, 40.0]}), ("Germany", "France"))
    deciles.loc[deciles["segment"] == "France", "clv"] = [30.0, 10.0]
    *_, tenths = time_figures(replace(clv, deciles=deciles), RUN)
    assert tenths.caption == "Within its segment the first tenth holds 60% (Germany) to 75% (France)."
    assert tenths.data is not None
    assert float(tenths.data["clv"].sum()) == pytest.approx(100.0)
