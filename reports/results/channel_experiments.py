"""Lift tests of the configuration: what the model credited in their time, and the credit calibrated with them."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING

from customer_data.errors import InputError
from reports.configuration.against_data import nothing_credited
from reports.results.channels import end_of_day, journey_options, rule_options, transformed
from reports.results.run_results import ExperimentResults

if TYPE_CHECKING:
    import duckdb

    from attribution import Paths
    from reports.configuration.reading import Configuration
    from reports.configuration.settings import ExperimentSection

MOST_NUMBERS_DRAWN = 10_000_000
FEWEST_DRAWS, MOST_DRAWS = 1_000, 20_000


def calibrated_with_tests(
    paths: Paths, configuration: Configuration, connection: duckdb.DuckDBPyConnection | None, *, order: int
) -> ExperimentResults | None:
    """Calibrate the credit of the run's model; None without tests or conversions.

    ``connection`` holds the touches; None where paths came from a file, and tests count against all of it.

    Raises
    ------
    InputError
        When tests name channels that there are not, or that have no credit in their time; all of them, with places.
    """
    import pandas as pd

    from attribution.calibration import calibrate
    from attribution.delta import normal_reach
    from attribution.multipliers import MultiplierPrior, expected_ratios

    wanted, report = configuration.settings.attribution, configuration.settings.report
    if not wanted.experiments or not paths.conversions.sum() > 0:
        return None
    credited = _credited(paths, configuration, connection, order)
    tests = pd.DataFrame(
        {
            "channel": [test.channel for test in wanted.experiments],
            "incremental": [test.incremental_conversions for test in wanted.experiments],
            "standard_error": [test.standard_error for test in wanted.experiments],
            "credited": credited,
        }
    )
    prior = MultiplierPrior(
        mean=math.log(wanted.prior_multiplier),
        mean_spread=wanted.prior_multiplier_spread,
        spread=wanted.prior_channel_spread,
    )
    calibrated = calibrate(
        paths,
        tests,
        model=wanted.model,
        order=order,
        confidence=report.confidence,
        prior=prior,
        draws=max(FEWEST_DRAWS, min(MOST_DRAWS, MOST_NUMBERS_DRAWN // len(paths.channels))),
        seed=report.seed,
        options=rule_options(wanted),
        convention=wanted.convention,
    )
    tests = tests.rename(columns={"incremental": "incremental_conversions"})
    tests.insert(1, "from", [test.from_ for test in wanted.experiments])
    tests.insert(2, "until", [test.until for test in wanted.experiments])
    reach = normal_reach(report.confidence) * tests["standard_error"]
    least, most = tests["incremental_conversions"] - reach, tests["incremental_conversions"] + reach
    tests["per_credited"] = tests["incremental_conversions"] / tests["credited"]
    tests["per_credited_low"], tests["per_credited_high"] = least / tests["credited"], most / tests["credited"]
    tests["expected_low"], tests["expected_high"] = expected_ratios(
        (tests["standard_error"] / tests["credited"]).to_numpy(), prior=prior, confidence=report.confidence
    )
    tests["cost"] = pd.Series([test.cost for test in wanted.experiments], dtype=float)
    for end, caused in (("", tests["incremental_conversions"]), ("_low", most), ("_high", least)):
        tests[f"cost_per_incremental{end}"] = tests["cost"] / caused.where(caused > 0)
    return ExperimentResults(tests=tests, calibrated=calibrated)


def _credited(
    paths: Paths, configuration: Configuration, connection: duckdb.DuckDBPyConnection | None, order: int
) -> list[float]:
    """What the model credits to each test's channel in the test's time, or every problem at once."""
    from attribution.credit import model_credit
    from attribution.participation import unknown_channel

    wanted = configuration.settings.attribution
    code = {name: number for number, name in enumerate(paths.channels)}
    problems, found = [], []
    in_time: dict[tuple[dt.date | None, dt.date | None], Paths] = {(None, None): paths}
    for number, test in enumerate(wanted.experiments):
        place = configuration.place(("attribution", "experiments", number, "channel"))
        if test.channel not in code:
            problems.append(f"{place}: {unknown_channel('attribution.experiments.channel', test.channel, paths)}")
            continue
        window = test.from_, test.until
        if connection is not None and window not in in_time:
            in_time[window] = _in_time(connection, configuration, test)
        some = in_time[window]
        credits = model_credit(
            some, wanted.model, order=order, options=rule_options(wanted), convention=wanted.convention
        )
        credit = float(credits.conversions[code[test.channel]])
        if not credit > 0:
            problems.append(f"{place}: {nothing_credited(test.channel, some.conversions.sum())}")
        found.append(credit)
    if problems:
        raise InputError(problems)
    return found


def _in_time(connection: duckdb.DuckDBPyConnection, configuration: Configuration, test: ExperimentSection) -> Paths:
    from attribution.experiments import window_paths

    zone = configuration.settings.report.timezone
    before = None if test.from_ is None else end_of_day(test.from_ - dt.timedelta(days=1), zone)
    found = window_paths(
        connection,
        journey_options(configuration),
        first_us=None if before is None else before + 1,
        last_us=None if test.until is None else end_of_day(test.until, zone),
    )
    return transformed(found, configuration)
