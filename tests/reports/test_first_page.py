"""What to do and how sure we are: each proposal stands only where the numbers carry it."""

import datetime as dt
from dataclasses import replace

import duckdb
import pandas as pd
import pytest

from reports.pages import prose
from reports.pages.actions import what_to_do
from reports.pages.booking import past_errors
from reports.pages.certainty import certainty, choices_sentence
from reports.pages.content import KeyFigures, Prose
from reports.pages.front import front_page
from reports.results.checks import exit_code, silence_checks, time_checks
from reports.results.run_results import (
    AttributionResults,
    ChannelDepth,
    ClvResults,
    ExperimentResults,
    RunResults,
    ValueDepth,
)


def compared(*rows: tuple[str, float, float, float]) -> AttributionResults:
    """Rows of channel, last click, Markov and half the width of the interval of the change."""
    table = pd.DataFrame(rows, columns=["channel", "last_click", "markov", "half"])
    table["difference"] = table["markov"] - table["last_click"]
    table["difference_low"] = table["difference"] - table["half"]
    table["difference_high"] = table["difference"] + table["half"]
    table["clear_together"] = table["difference"].abs() > table["half"]
    return AttributionResults(credit=pd.DataFrame(), comparison=table.drop(columns="half"))


MOVED = compared(("Social", 10, 40, 5), ("Video", 10, 50, 5), ("Direct", 180, 120, 5), ("Brand", 50, 40, 5))
COSTS = pd.DataFrame({"channel": ["Social", "Brand", "Brand"], "cost": [400.0, 150.0, 50.0]})


def test_the_first_page_says_that_orders_of_several_types_are_added_up():
    two = run_of(replace(MOVED, credit=CREDIT, types={"lead": 150, "purchase": 100}))
    said = " ".join(block.text for block in front_page(two).blocks if isinstance(block, Prose))
    assert "Orders of all types end journeys and are added up here (150 of “lead” and 100 of “purchase”);" in said
    (figures,) = [block for block in front_page(two).blocks if isinstance(block, KeyFigures)]
    assert figures.figures[0].note == "over 4 channels, orders of 2 types together"
    one = run_of(replace(MOVED, credit=CREDIT))
    assert "types" not in " ".join(block.text for block in front_page(one).blocks if isinstance(block, Prose))


def test_choices_that_move_no_share_are_not_given_a_range_from_a_number_to_itself():
    rows = pd.DataFrame({"choice": ["as configured", "order"], "setting": ["", "2"], "channel": "Social", "share": 0.4})
    names = ["channel", "share", "lowest_share", "highest_share", "largest_shift"]
    summary = pd.DataFrame([("Social", 0.4, 0.4, 0.4001, 0.0001)], columns=names)
    said = choices_sentence(replace(MOVED, depth=ChannelDepth(sensitivity=rows, sensitivity_summary=summary)))
    assert said.endswith("every time. They hardly move any channel's share of the credit.")


CREDIT = pd.DataFrame(columns=["model", "segment", "channel", "conversions", "value"])


def run_of(attribution: AttributionResults | None = None, clv: ClvResults | None = None) -> RunResults:
    return RunResults(title="t", currency="EUR", attribution=attribution, clv=clv, as_of=dt.date(2025, 12, 31))


def test_the_dearest_channels_are_named_with_what_a_conversion_costs_by_either_model():
    # Social: 400 / 10 = 40 by last click, 400 / 40 = 10 by Markov. Brand: 200 / 50 = 4 and 200 / 40 = 5.
    test, hold = what_to_do(run_of(replace(MOVED, costs=COSTS)))
    assert test[0] == "Test Social before cutting it."
    assert test[1].startswith(
        "A conversion costs EUR\u00a040.00 there by last click, EUR\u00a010.00 by the Markov model."
    )
    assert hold[0] == "Do not raise Brand on the strength of last click."
    assert hold[1].endswith("a conversion costs EUR\u00a05.00 there by the Markov model, not EUR\u00a04.00.")


def test_rows_long_after_all_others_fail_the_run_and_are_said_first():
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE orders AS SELECT day * 86400000000 AS time_us FROM (SELECT range AS day FROM range(19000, 19300) "
        "UNION ALL SELECT 47500)"
    )
    (check,) = time_checks(connection, as_of=None)
    assert (check.name, check.passed, exit_code([check])) == ("times lie together, orders", False, 1)
    assert check.detail.startswith("orders: 1 row kept with times more than a year after all others")
    assert time_checks(connection, as_of=dt.date(2022, 12, 31)) == []
    first, *_ = front_page(replace(run_of(), alarms=(check.detail,))).blocks
    assert isinstance(first, Prose)
    assert (first.lead, first.text) == ("Before you read on.", check.detail)


@pytest.mark.parametrize(("as_of", "silent"), [(19_307, False), (19_308, True), (30_000, True)])
def test_orders_that_stop_before_the_as_of_day_fail_the_run_unless_that_is_allowed_and_are_said_first(as_of, silent):
    # Orders on every other day until 19,300: of up to a week of silence nothing is said.
    connection = duckdb.connect()
    connection.execute("CREATE TABLE orders AS SELECT range AS day FROM range(19000, 19301, 2)")
    day = dt.date(1970, 1, 1) + dt.timedelta(days=as_of)
    found = silence_checks(connection, as_of=day, wanted=True)
    assert exit_code(found) == int(silent)
    if silent:
        assert found[0].detail.startswith(f"orders: The last order is of 2022-11-04, {as_of - 19_300:,} days before")
        (allowed,) = silence_checks(connection, as_of=day, wanted=False)
        assert (allowed.passed, allowed.detail) == (True, found[0].detail)


def test_without_costs_the_largest_changes_are_named_but_never_direct_traffic():
    test, hold = what_to_do(run_of(MOVED))
    assert test[0] == "Test Video before cutting it."
    assert "The Markov model credits it with 5.0 times as much as last click." in test[1]
    assert hold[0] == "Do not raise Brand on the strength of last click."
    assert hold[1].endswith("the Markov model leaves it 40.0 of 50.0 conversions.")


def test_intervals_are_said_to_hold_less_often_or_to_be_rough_where_conversions_are_few():
    few = compared(("A", 10, 12, 5), ("B", 11, 9, 5))
    drawn = replace(few, interval_method="bootstrap over customers, 500 replicates")
    assert dict(certainty(run_of(drawn)))["Intervals."].endswith(
        " With 21 conversions in all those of the bootstrap hold less often than that, above all for channels with a "
        "few. More data help, and so does the delta method (attribution.bootstrap_replicates = 0)."
    )
    very_few = dict(certainty(run_of(compared(("A", 3, 4, 5), ("B", 5, 4, 5)))))["Intervals."]
    assert very_few.endswith(" With 8 conversions in all they are rough. More data help.")
    many = compared(("A", 100, 60, 5), ("B", 50, 90, 5))
    unknown = compared(("A", 4, 3, float("nan")), ("B", 3, 4, float("nan")))
    for enough in (few, many, replace(many, interval_method=drawn.interval_method), unknown):
        assert "conversions in all" not in dict(certainty(run_of(enough)))["Intervals."]


def lift_tests(*rows: tuple[str, float, float, float]) -> AttributionResults:
    """Rows of channel, what its test found for one credited, and what was to be expected."""
    tests = pd.DataFrame(rows, columns=["channel", "per_credited", "expected_low", "expected_high"])
    return replace(MOVED, experiments=ExperimentResults(tests=tests, calibrated=pd.DataFrame()))


def test_a_channel_that_was_tested_is_not_proposed_for_a_test():
    assert what_to_do(run_of(lift_tests(("Video", 1.0, 0.3, 3.0))))[0][0] == "Test Social before cutting it."


def test_a_lift_test_far_from_what_is_credited_is_to_be_checked():
    lead, why = what_to_do(run_of(lift_tests(("Video", 1.0, 0.3, 3.0), ("Social", -0.31, 0.25, 3.1))))[0]
    assert lead == "Check the lift test of Social."
    assert why.startswith(
        "It found \u22120.31 conversions caused for one credited, where 0.25 to 3.10 were to be expected."
    )
    lead, why = what_to_do(run_of(lift_tests(("Video", 7.0, 0.3, 3.0), ("Social", 0.2, 0.25, 3.1))))[0]
    assert lead == "Check the lift tests of Video and Social."
    assert why.startswith("That of Video found 7.00 conversions")


def test_no_clear_change_and_hardly_a_touch_move_no_money():
    unclear = replace(
        compared(("A", 5, 6, 9), ("B", 6, 5, 9)), journeys={"conversions": 11, "unattributed_conversions": 89}
    )
    record, leave = what_to_do(run_of(unclear))
    assert record == (
        "Record more of the journeys.",
        "89.0% of all conversions came without a recorded touch; the credit speaks for the others only.",
    )
    assert leave[0] == "Leave the budgets of channels."
    data = dict(certainty(run_of(unclear)))["Data."]
    assert data == "89 conversions (89.0% of all) had no recorded touch and are credited to no channel."


def test_only_what_is_clear_with_all_judged_together_is_counted_and_proposed():
    rows = [("Social", 10, 40, 5), ("Brand", 50, 40, 5), *((f"C{place}", 20, 20, 5) for place in range(9))]
    found = compared(*rows)
    alone = replace(found, comparison=found.comparison.assign(clear_together=found.comparison["channel"] == "Social"))
    assert [lead for lead, _ in what_to_do(run_of(alone))] == ["Test Social before cutting it."]
    assert prose.what_changed(alone, 0.9).startswith("For 1 of 11 channels the credit by the Markov model clearly")
    none = replace(found, comparison=found.comparison.assign(clear_together=False))
    assert what_to_do(run_of(none))[0][0] == "Leave the budgets of channels."
    assert prose.what_changed(none, 0.9).endswith(": 2 would look so alone, but not with all channels judged together.")
    assert (
        "By chance alone some 1 of 11 channels would look clear one by one; clear on this page is what stays "
        "so with all judged together." in dict(certainty(run_of(found)))["Intervals."]
    )
    # Nine channels of which .9 would look clear are not told of it.
    assert "chance alone" not in dict(certainty(run_of(compared(*rows[:9]))))["Intervals."]


def test_a_run_without_intervals_proposes_nothing():
    assert what_to_do(run_of(compared(("A", 5, 9, float("nan")), ("B", 9, 5, float("nan"))))) == ()


def test_customers_to_write_to_and_what_to_plan_with():
    lists = pd.DataFrame(
        [
            ("at_risk", 12, 1234.5, "a"),
            ("overdue", 3, 100.2, "b"),
            ("top_value", 9, 9.0, "c"),
            ("second_order", 1, 5.0, "d"),
        ],
        columns=["list", "customers", "value", "file"],
    )
    months = [dt.date(2026, 1, 1), dt.date(2026, 2, 1)]
    flows = pd.DataFrame(
        [
            (month, 31 if month == months[0] else 12, "all", source, part, 900.0, 1234.56)
            for month in months
            for source, part in (
                ("known customers", 750.0),
                ("first orders of new customers", 250.0),
                ("total", 1000.0),
            )
        ],
        columns=["period", "days", "segment", "source", "contribution", "p10", "p90"],
    )
    clv = ClvResults(segment_forecast=pd.DataFrame(), depth=ValueDepth(lists=lists, flows=flows))
    write, plan = what_to_do(run_of(clv=clv))
    assert write == (
        "Write to customers.",
        "First the 12 at risk and 3 overdue, worth EUR\u00a01,330; then the 1 customer most worth a second order. The "
        "lists are beside this report.",
    )
    assert plan[0] == "Plan with EUR\u00a02,000."
    assert plan[1].endswith("to be won. In eight cases of ten January 2026 brings EUR\u00a0900 to 1,230.")
    held = pd.DataFrame([("all", 100.0, 81.0, 75.0, 90.0)])
    held.columns = ["segment", "actual_orders", "forecast_orders", "low", "high"]
    missed = what_to_do(run_of(clv=replace(clv, holdout_totals=held)))[1][1]
    assert missed.endswith("Leave room: orders held back were forecast 19% too low.")
    assert "Leave room" not in what_to_do(run_of(clv=replace(clv, holdout_totals=held.assign(high=110.0))))[1][1]
    # January is cut by the horizon, and so is February, so that no month is named; the whole horizon is.
    cut = replace(clv.depth, flows=flows.assign(days=12), flow_totals=flows[flows["period"] == months[0]])
    later = what_to_do(run_of(clv=replace(clv, depth=cut)))[1][1]
    assert later.endswith("to be won. In eight cases of ten the 12 months bring EUR\u00a0900 to 1,230.")


@pytest.mark.parametrize(
    ("level", "spread", "months", "said"),
    [
        (
            1.25,
            0.1,
            12,
            ": repeat orders are valued at 1.25 times what the models say (known customers by the models alone, "
            "discounted: EUR\u00a0800).",
        ),
        (
            1.0,
            0.1,
            3,
            ". Over 12 months nothing has tested "
            "it, and it may be a season: values are the models' own, and their intervals hold the doubt.",
        ),
        (
            1.0,
            0.1,
            12,
            ", which chance explains: values are the models' own, and their intervals hold the doubt.",
        ),
    ],
)
def test_which_number_to_book_is_told_with_what_past_forecasts_missed(level, spread, months, said):
    calibration = pd.DataFrame([{"segment": "all", "origins": 9, "bias": -0.2, "log_spread": spread, "widening": 1.1}])
    worth = pd.DataFrame([{"segment": "all", "clv": 1_000.0}])
    clv = ClvResults(
        segment_forecast=worth, level=level, depth=ValueDepth(calibration=calibration, origins_months=months)
    )
    missed = f"Forecasts of {months} months from 9 earlier days were 20.0% too low on average"
    assert past_errors(clv, run_of(clv=clv)) == missed + said
    as_chance_has_it = replace(clv, level=1.0, depth=replace(clv.depth, calibration=calibration.assign(log_spread=0.0)))
    assert past_errors(as_chance_has_it, run_of(clv=clv)) == ""


def test_a_change_that_another_choice_turns_round_is_not_counted_as_stable():
    # Shares by last click: A 10 / 100, B 90 / 100. A stays above .1 in both choices; B once rises to .95.
    attribution = compared(("A", 10, 20, 5), ("B", 90, 80, 5))
    tried = pd.DataFrame(
        [
            ("as configured", "", "A", 0.2),
            ("as configured", "", "B", 0.8),
            ("lookback", "7 days", "A", 0.3),
            ("lookback", "7 days", "B", 0.7),
            ("order", "2", "A", 0.15),
            ("order", "2", "B", 0.95),
        ],
        columns=["choice", "setting", "channel", "share"],
    )
    summary = pd.DataFrame(
        [("A", 0.2, 0.15, 0.3, 0.1), ("B", 0.8, 0.7, 0.95, 0.15)],
        columns=["channel", "share", "lowest_share", "highest_share", "largest_shift"],
    )
    orders = pd.DataFrame({"order": [1.0, 2.0, None], "chosen": [False, True, False]})
    depth = ChannelDepth(sensitivity=tried, sensitivity_summary=summary, orders=orders)
    assert choices_sentence(replace(attribution, depth=depth)) == (
        "With 2 other choices (how far back they count, the chain's memory) 1 of the 2 stays on "
        "the same side of last click every time. B depends on them most: 70.0% to 95.0% of the credit, here 80.0%. A "
        "model that remembers 2 channels foretells unseen journeys better than this one of 1."
    )
    assert choices_sentence(attribution) == ""
