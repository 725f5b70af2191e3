"""The page on lift tests: credit before and after, and the baseline that is no channel's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.pages import prose
from reports.pages.content import Block, Column, Prose, Section, Table
from reports.results.run_results import AttributionResults, ExperimentResults, RunResults
from reports.wording.labels import clean, listing, plural, shorten, table_name
from reports.wording.number_format import (
    credit_decimals,
    day,
    day_range,
    is_missing,
    level,
    number,
    percent,
    ranges,
    whole_or,
)

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

MOST_CHANNELS = 25


def experiment_sections(run: RunResults) -> tuple[Section, ...]:
    """Build the page; none where no tests are configured."""
    attribution = run.attribution
    if attribution is None or attribution.experiments is None:
        return ()
    found = attribution.experiments
    blocks: list[Block] = [
        Prose(_said(found, run)), _calibrated_table(found.calibrated, attribution, run), _tests_table(found.tests, run)
    ]  # fmt: skip
    return (Section("What lift tests make of the credit", tuple(blocks), new_page=False),)


def _said(found: ExperimentResults, run: RunResults) -> str:
    table, interval = found.calibrated, prose.interval_name(run.confidence)
    baseline = table[table["kind"] == "baseline"].iloc[0]
    total = float(table["conversions"].sum())
    share, low, high = (
        float(baseline[name]) / total for name in ("conversions", "conversions_low", "conversions_high")
    )
    tests = len(found.tests)
    text = (
        f"By {tests} lift {plural(tests, 'test')}, channels caused {percent(1 - share, 0)} of the "
        f"{whole_or(total, 1)} conversions with a journey; {percent(share, 0)} ({interval} {percent(low, 0)} to "
        f"{percent(high, 0)}) would have come without any."
    )
    if share < 0 <= high:
        text = (
            f"{tests} lift {plural(tests, 'test')} {plural(tests, 'leaves', 'leave')} open how many of the "
            f"{whole_or(total, 1)} conversions with a journey channels caused: between {percent(low, 0)} and "
            f"{percent(high, 0)} ({interval}) are no channel's. Channels without a test may have caused any number."
        )
    elif share < 0:
        text = (
            f"By {tests} lift {plural(tests, 'test')}, channels caused more conversions than there were: the baseline "
            f"is below zero ({interval} {percent(low, 0)} to {percent(high, 0)} of {whole_or(total, 1)}). Tests and "
            "orders measure different things; check what the tests count."
        )
    return text + _without_effect(found.tests)


def _without_effect(tests: pd.DataFrame) -> str:
    """What to make of channels of which a test found no effect, and which stand above zero all the same."""
    rows = tests[~(tests["incremental_conversions"] > 0)]
    if not len(rows):
        return ""
    named = [
        f"{shorten(clean(name), 40)} ({whole_or(lift, 2)}, standard error {whole_or(error, 2)})"
        for name, lift, error in zip(
            rows["channel"], rows["incremental_conversions"], rows["standard_error"], strict=True
        )
    ]
    return (
        f" No effect was found of {listing(named)}. What stands there as caused is above zero because the model knows "
        "no channel that prevents conversions; it is no proof of an effect."
    )


def _calibrated_table(table: pd.DataFrame, attribution: AttributionResults, run: RunResults) -> Table:
    import pandas as pd

    channels = table[table["kind"] == "channel"].sort_values("conversions", ascending=False, kind="stable")
    shown = channels.head(MOST_CHANNELS)
    rows = pd.concat([shown, table[table["kind"] == "baseline"]], ignore_index=True)
    decimals = credit_decimals(rows[["credited", "conversions"]].to_numpy().ravel())
    is_channel = rows["kind"] == "channel"
    rows = rows.assign(
        channel=[
            f"{table_name(name)}{', no effect found' if note else ''}" if own else "No channel's"
            for name, own, note in zip(rows["channel"], is_channel, rows["note"], strict=True)
        ],
        credited=rows["credited"].where(is_channel),
        tests=[f"{count:.0f}" if count else "" for count in rows["experiments"]],
        multiplier_interval=ranges(rows, "multiplier", 2),
        interval=ranges(rows, "conversions", decimals),
    )
    totals = {
        "channel": "All conversions", "credited": table["credited"].sum(), "conversions": table["conversions"].sum(),
        "tests": "", "multiplier_interval": "", "interval": "",
    }  # fmt: skip
    interval = prose.interval_name(run.confidence)
    left = len(channels) - len(shown)
    return Table(
        title=f"Conversions credited by {prose.in_sentence(attribution.model)} and conversions caused",
        data=pd.concat([rows, pd.DataFrame([totals])], ignore_index=True),
        columns=(
            Column("channel", "Channel", width=1),
            Column("tests", "Tests", align="right"),
            Column("credited", "Credited", "credit", decimals=decimals),
            Column("multiplier", "Caused for\none credited", "ratio"),
            Column("multiplier_interval", interval, align="right"),
            Column("conversions", "Caused", "credit", decimals=decimals),
            Column("interval", interval, align="right"),
        ),
        caption="Channels without a test lean on those with one, and have wide intervals."
        + (f" {number(left)} smaller {plural(left, 'channel')} left to the table beside this report." if left else ""),
        bold_rows=(len(rows),),
    )


def _tests_table(tests: pd.DataFrame, run: RunResults) -> Table:
    unit = f" ({run.currency})" if run.currency else ""
    dates = [_days(first, last) for first, last in zip(tests["from"], tests["until"], strict=True)]
    columns = [
        Column("channel", "Channel", width=1),
        Column("dates", "Days"),
        Column("incremental_conversions", "Caused", "credit"),
        Column("standard_error", "Standard\nerror", "significant"),
        Column("credited", "Credited", "credit"),
        Column("per_credited", "Caused for\none credited", "ratio"),
        Column("expected_interval", "To be\nexpected", align="right"),
    ]
    if tests["cost"].notna().any():
        columns += [
            Column("cost", f"Cost{unit}", "money"),
            Column("cost_per_incremental", "Cost for\none caused", "money"),
        ]
    names = [shorten(clean(name), 40) for name in tests["channel"]]
    return Table(
        title="The tests, and what the model credited in their time",
        data=tests.assign(channel=names, dates=dates, expected_interval=ranges(tests, "expected", 2)),
        columns=tuple(columns),
        caption=f"To be expected: caused for one credited before any test, with {level(run.confidence)}, by a test of "
        "that standard error. A test outside may count something else than orders do.",
    )


def _days(first: dt.date | None, last: dt.date | None) -> str:
    if is_missing(first):
        return "all" if is_missing(last) else f"to {day(last)}"
    return f"from {day(first)}" if is_missing(last) else day_range(first, last)
