"""Spread of orders, spend and errors on the pages: sentences follow the numbers, tables their segments."""

import datetime as dt
import re
from dataclasses import replace

import pandas as pd
import pytest

from reports.figures import customers as figure_clv
from reports.figures import holdout as figure_holdout
from reports.pages.content import Figure, Prose, Table
from reports.pages.customer_depth import value_depth_sections
from reports.pages.holdout import MOST_SEGMENTS, customer_figures, error_sentence, pit_sentence, score_table
from reports.results.run_results import RunResults, ValueDepth
from tests.reports.report_samples import clv_results, held_scores


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def pit(*share):
    return pd.DataFrame({"low": [0, 0.25, 0.5, 0.75], "high": [0.25, 0.5, 0.75, 1], "share": share, "expected": 0.25})


@pytest.mark.parametrize(
    ("shares", "customers", "said"),
    [
        ((0.26, 0.24, 0.25, 0.25), 1_000, "Orders spread as predicted"),
        ((0.35, 0.25, 0.20, 0.20), 1_000, "Fewer orders came than predicted"),
        ((0.20, 0.20, 0.25, 0.35), 1_000, "More orders came than predicted"),
        ((0.20, 0.20, 0.25, 0.35), 30, "Orders spread as predicted"),
        ((0.35, 0.15, 0.15, 0.35), 1_000, "Orders spread wider than predicted"),
        ((0.15, 0.35, 0.35, 0.15), 1_000, "Orders spread less than predicted"),
    ],
)
def test_the_transform_is_named_by_its_shape_where_that_is_more_than_chance(shares, customers, said):
    assert pit_sentence(pit(*shares), customers).startswith(said + ": tenths hold")


def test_errors_are_held_against_the_best_naive_forecast():
    rows = held_scores(("one",)).iloc[3:]
    assert error_sentence(rows) == "RMSE 11% below that of the best naive forecast"  # 1.61 / 1.80 - 1
    assert error_sentence(rows.iloc[:1]) == "BG/NBD errs by 0.79 orders per customer"


def test_the_table_of_errors_has_a_row_per_segment_and_one_of_all():
    (table,) = score_table(clv_results())
    assert isinstance(table, Table)
    assert table.title == "BG/NBD has the smallest squared error in 4 of 5 segments"
    assert table.cells()[-1] == ["All customers", "100", "+0.010", "0.79", "0.90", "1.20", "1.61", "1.97", "1.80"]
    assert score_table(replace(clv_results(), holdout_scores=None)) == []
    (many,) = score_table(clv_results(tuple(f"segment {number}" for number in range(20))))
    assert len(many.data) == MOST_SEGMENTS + 1
    assert "4 smaller segments" in many.caption


def test_figures_are_drawn_for_what_is_known():
    run = RunResults(title="Shop", currency="EUR")
    figures = customer_figures(clv_results(), run)
    assert [figure.title for figure in figures] == [
        "Orders spread as predicted: tenths hold 8.0 to 12.0%",
        "RMSE 11% below that of the best naive forecast",
        "The fitted law of spend misplaces 4% of repeat customers",  # 20 * (0.002 + 0.001 + 0.001) / 2
    ]
    assert all(isinstance(figure, Figure) and figure.width == "half" for figure in figures)
    assert (
        customer_figures(replace(clv_results(), holdout_pit=None, holdout_scores=None, spend_density=None), run) == []
    )
    assert {"MAE 0.79", "RMSE 1.61", "Repeat the past"} <= set(texts(figure_holdout.draw_errors(held_scores(())[:3])))


@pytest.fixture
def booked():
    """Two months, two segments; what new customers bring is a quarter in one and a half in the other."""
    months = [dt.date(2025, 1, 1), dt.date(2025, 2, 1)]
    amounts = {"DE": (60.0, 10.0, 10.0, 80.0), "FR": (20.0, 10.0, 10.0, 40.0), "all": (80.0, 20.0, 20.0, 120.0)}
    sources = ("known customers", "first orders of new customers", "repeat orders of new customers", "total")
    flows = pd.DataFrame(
        [
            (month, days, segment, source, value, 0.9 * value, value, 1.1 * value)
            for month, days in zip(months, (12, 28), strict=True)
            for segment, values in amounts.items()
            for source, value in zip(sources, values, strict=True)
        ],
        columns=["period", "days", "segment", "source", "contribution", "p10", "p50", "p90"],
    )
    quarters = [
        dt.date(2024, 1, 1),
        dt.date(2024, 4, 1),
        dt.date(2024, 7, 1),
        dt.date(2024, 10, 1),
        dt.date(2025, 1, 1),
    ]
    cohorts = pd.DataFrame(
        [(quarter, month, 16.0) for quarter in quarters for month in months],
        columns=["cohort", "period", "expected_revenue"],
    )
    return ValueDepth(flows=flows, cohorts=cohorts)


def test_flows_are_drawn_by_quarter_of_first_order_and_by_segment(booked):
    run = RunResults(title="Shop", currency="EUR", clv=replace(clv_results(), depth=booked))
    (section,) = value_depth_sections(run)
    titles = [block.title for block in section.blocks if isinstance(block, Figure)]
    assert titles[1:] == [
        "Customers of Q1 2025 bring 20% of the revenue of known customers",
        "New customers bring 25% to 50% of a segment's revenue",
    ]
    # January is cut: a month to hold what comes against is the first whole one.
    said = next(block.text for block in section.blocks if isinstance(block, Prose))
    assert "In eight cases of ten February 2025 brings EUR\u00a0108 to 132. Book the expected amounts" in said
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    assert [row[0] for row in table.cells()] == ["20 to 31 January 2025", "February 2025", "All months"]
    assert section.blocks[1].caption.startswith("In part only: 20 to 31 January 2025. ")
    drawn = texts(figure_clv.draw_cohorts(booked.cohorts, shown=3))
    assert {"Q1 2025", "Q4 2024", "Q3 2024", "earlier"} <= set(drawn)
    assert "Q2 2024" not in drawn
    assert {"DE", "FR"} <= set(texts(figure_clv.draw_segment_flows(booked.flows[booked.flows["segment"] != "all"])))
