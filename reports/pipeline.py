"""One run from files to a published folder, told in the order in which it happens."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from customer_data.errors import ModelError
from reports.configuration.against_data import channel_names, idle_keys, require_in_data
from reports.configuration.direct_channel import direct_warnings, with_direct_channel
from reports.interruption import interruptible
from reports.libraries import load_libraries
from reports.publishing.earlier_runs import DRIFT_SINCE, LAST_RUN, MODELS, earlier_run
from reports.publishing.manifest import library_versions, read_manifest, run_key, write_manifest
from reports.publishing.run_folder import building, find_published, locked, point_latest, publish
from reports.publishing.run_tables import run_tables, settings_table
from reports.publishing.table_files import write_tables
from reports.publishing.watched_inputs import WatchedInputs, watched_inputs
from reports.results.channel_customers import channel_customers, new_customers
from reports.results.channel_depth import channel_depth, order_choice, with_depth
from reports.results.channel_experiments import calibrated_with_tests
from reports.results.channel_segments import order_types, types_in_value
from reports.results.channels import (
    channel_costs,
    channel_results,
    drawn_customers,
    journeys,
    paths_of_file,
    transformed,
    with_named_channels,
)
from reports.results.checks import (
    Check,
    convergence_checks,
    conversion_checks,
    drift_checks,
    exit_code,
    failed_model,
    holdout_checks,
    quarantine_checks,
    silence_checks,
    time_checks,
)
from reports.results.customer_depth import origins, value_depth, write_lists
from reports.results.customers import value_forecast, value_holdout, value_results, without_end
from reports.results.data_quality import data_quality, rows_after, with_path_file
from reports.results.run_results import ClvResults, RunResults
from reports.results.switched_off import switched_off

if TYPE_CHECKING:
    import duckdb

    from attribution import Paths
    from attribution.first_orders import FirstOrders
    from reports.configuration.reading import Configuration
    from reports.progress import Progress


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, its exit code, and whether it had been there already."""

    folder: Path
    exit_code: int
    up_to_date: bool = False


def run_report(configuration: Configuration, progress: Progress, *, force: bool = False) -> Run:
    """Read, model, write and publish what a configuration asks for; a run that is already there is only pointed at.

    Raises
    ------
    ConfigurationError
        The output folder cannot be written, or an option does not fit the data.
    InputError
        The data cannot be used, or changed while they were read.
    ModelError
        No part of the report has a model that could be fitted; nothing is published.
    """
    configuration.require_files()
    output = configuration.output
    with locked(output):
        with progress.step("Looking for what has changed"):
            inputs = watched_inputs(configuration)
            key = run_key(configuration, inputs.files)
            done = None if force else find_published(output, key)
        if done is not None:
            point_latest(output, done)
            for check in (read_manifest(done) or {}).get("checks", ()):
                if not check["passed"]:
                    progress.warn(f"when it was made: {check['detail']}")
            return Run(done, 0, up_to_date=True)
        with building(output) as folder:
            started = dt.datetime.now(dt.UTC)
            results, checks = analyse(configuration, inputs, folder, progress)
            results = write_results(results, configuration, folder, progress)
            write_manifest(
                folder,
                key=key,
                configuration=configuration,
                inputs=inputs.files,
                results=results,
                checks=[asdict(check) for check in checks],
                exit_code=exit_code(checks),
                run={"started": started, "finished": dt.datetime.now(dt.UTC), "seconds": progress.timings},
            )
            name = f"{results.as_of or 'paths'}-{key[:8]}"
            return Run(publish(folder, output, name), exit_code(checks))


def analyse(
    configuration: Configuration, inputs: WatchedInputs, folder: Path, progress: Progress
) -> tuple[RunResults, list[Check]]:
    """Load the data and fit the models; a part whose model fails is left out, and the report says so.

    Beside the engine's reading, a second thread loads the libraries of the models; then it goes through the part about
    channels, while this one goes through that about customers. Neither knows of the other: what comes out is the same.
    """
    results = starting_results(configuration)
    checks: list[Check] = []
    with (
        configuration.engine().connect() as connection,
        connection.cursor() as second,
        interruptible(connection, second),
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="pathworth-channels") as beside,
    ):
        libraries = beside.submit(load_libraries, configuration)
        if configuration.sources():
            results = read_data(connection, configuration, results, progress)
            inputs.require_unchanged()
            if results.quality is not None and results.quality.quarantine_rows:
                write_quarantine(connection, folder)
            configuration = with_direct_channel(configuration, channel_names(connection))
            late = time_checks(connection, as_of=configuration.settings.report.as_of)
            if configuration.settings.orders and results.as_of is not None:
                wanted = configuration.settings.checks.fail_on_silence
                late += silence_checks(connection, as_of=results.as_of, wanted=wanted)
            results = replace(results, alarms=tuple(check.detail for check in late))
            checks += late
            checks += quarantine_checks(connection, most=configuration.settings.checks.max_quarantined_share)
        libraries.result()
        of_channels, of_customers = progress.part(), progress.part()
        channels = beside.submit(channel_part, second, configuration, results, of_channels)
        value, value_checks = value_part(connection, configuration, results, folder, of_customers)
        results, channel_checks, first = channels.result()
        inputs.require_unchanged(paths=True)
        results = join_parts(connection, configuration, replace(results, clv=value), progress, first)
    for part in (of_channels, of_customers):
        progress.keep(part)
    checks += channel_checks + value_checks
    failures = [check.detail for check in checks if not check.passed]
    if results.attribution is None and results.clv is None:
        raise ModelError("\n".join(failures) or "report.parts: there is no data for any of the parts named.")
    for failure in failures:
        progress.warn(failure)
    return replace(results, warnings=tuple(progress.warnings)), checks


def channel_part(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, results: RunResults, progress: Progress
) -> tuple[RunResults, list[Check], FirstOrders | None]:
    """Credit the channels, if that is wanted and possible, and check the credit; and hand on the first orders built."""
    settings = configuration.settings
    if "channels" not in settings.report.parts or not (settings.touchpoints or settings.paths):
        return results, [], None
    first = None
    if settings.touchpoints and settings.orders and settings.attribution.depth == "full":
        with progress.step("Building journeys to first orders"):
            first = new_customers(connection, configuration)
    try:
        results = credit_channels(connection, configuration, results, progress, first)
    except ModelError as error:
        return results, [failed_model("channels", error)], None
    return results, conversion_checks(results.attribution), first


def value_part(
    connection: duckdb.DuckDBPyConnection,
    configuration: Configuration,
    results: RunResults,
    folder: Path,
    progress: Progress,
) -> tuple[ClvResults | None, list[Check]]:
    """Value the customers, if that is wanted and possible, and check the forecast."""
    settings = configuration.settings
    if "value" not in settings.report.parts or not settings.orders:
        return None, []
    try:
        value = value_customers(connection, configuration, results, folder, progress)
    except ModelError as error:
        return None, [failed_model("customer value", error)]
    return value, [
        *convergence_checks(value),
        *holdout_checks(value, most=settings.checks.max_holdout_error),
        *drift_checks(value, wanted=settings.checks.fail_on_drift),
    ]


def join_parts(
    connection: duckdb.DuckDBPyConnection,
    configuration: Configuration,
    results: RunResults,
    progress: Progress,
    first: FirstOrders | None,
) -> RunResults:
    """Credit channels with what the customers they win are worth, where the run has both parts."""
    if results.attribution is None or results.clv is None:
        return results
    with progress.step("Valuing the customers that channels win"):
        joined = channel_customers(connection, configuration, results, first)
    if joined is not None and joined.why_not:
        progress.say(f"note: what the customers that channels win are worth is left out: {joined.why_not}.")
    return replace(results, channel_customers=joined)


def starting_results(configuration: Configuration) -> RunResults:
    """Return what is known before anything is read."""
    report = configuration.settings.report
    return RunResults(
        title=report.title,
        as_of=report.as_of,
        currency=report.currency,
        timezone=report.timezone,
        confidence=report.confidence,
        seed=report.seed,
        settings=settings_table(configuration),
        versions=library_versions(),
    )


def read_data(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, results: RunResults, progress: Progress
) -> RunResults:
    """Load the sources; the run looks back from the as-of day or else from the last day of the data."""
    from customer_data.loading import load

    with progress.step("Reading and checking the data"):
        loaded = load(connection, configuration.sources(), configuration.load_settings())
    for warning in loaded.warnings:
        progress.warn(warning)
    quality = data_quality(loaded, configuration)
    if loaded.period is None:
        return replace(results, currency=loaded.currency, quality=quality)
    first, last = loaded.period
    as_of = results.as_of or last
    require_in_data(connection, configuration, first=first, as_of=as_of)
    for warning in direct_warnings(configuration, channel_names(connection)):
        progress.warn(warning)
    quality = replace(quality, after_as_of=rows_after(connection, as_of, results.timezone) if as_of < last else {})
    if as_of > last:
        progress.warn(
            f"report.as_of: {as_of} is {(as_of - last).days:,} days after the last day of the data, {last}; customers "
            "are taken to have bought nothing since."
        )
    return replace(
        results, as_of=as_of, first_day=first, last_day=min(last, as_of), currency=loaded.currency, quality=quality
    )


def write_quarantine(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Let the engine write every row that was put aside to a Parquet file."""
    from customer_data.sql_text import literal

    (folder / "tables").mkdir(exist_ok=True)
    rows = "SELECT * REPLACE (parse_filename(file) AS file) FROM quarantine ORDER BY source, file, row, reason, record"
    target = literal(str(folder / "tables" / "quarantine.parquet"))
    connection.execute(f"COPY ({rows}) TO {target} (FORMAT parquet)")


def credit_channels(
    connection: duckdb.DuckDBPyConnection,
    configuration: Configuration,
    results: RunResults,
    progress: Progress,
    first: FirstOrders | None = None,
) -> RunResults:
    """Journeys or a file of paths, credit, comparison, and what the channels cost in that time.

    ``first`` are the journeys to first orders, if they have been built.
    """
    costs = None
    if configuration.settings.paths is not None:
        paths, results = read_path_file(configuration, results, progress)
        configuration = with_direct_channel(configuration, paths.channels)
    else:
        with progress.step("Building journeys"):
            paths = journeys(connection, configuration)
        if results.first_day is not None and results.last_day is not None:
            costs = channel_costs(connection, results.first_day, results.last_day)
    seen = transformed(paths, configuration)
    progress.note(f"{len(seen.lengths):,} distinct paths of {len(seen.channels):,} channels")
    touches = None if configuration.settings.paths is not None else connection
    with progress.step("Crediting channels"):
        choice = order_choice(seen, configuration, touches)
        drawn = None if touches is None else drawn_customers(touches, configuration, order=choice.order)
        channels = channel_results(seen, configuration, costs, order=choice.order, drawn=drawn)
        tested = calibrated_with_tests(seen, configuration, touches, order=choice.order)
    if choice.why_not_chosen:
        progress.warn(
            f"attribution.order: held-out journeys cannot choose it, because {choice.why_not_chosen}, so it is "
            f"{choice.order}. State it yourself."
        )
    with progress.step("Asking why credit moved, and what else it could be"):
        depth = channel_depth(paths, configuration, choice, touches, first)
        without = switched_off(seen, configuration, channels)
    if without is None and configuration.settings.attribution.remove:
        progress.warn("attribution.remove: no journey converted, so there is nothing to lose, and no set is removed.")
    for note in () if depth is None or depth.segments is None else depth.segments.notes:
        progress.say(f"note: {note}")
    types = order_types(touches, configuration)
    channels = replace(
        channels, why_not_chosen=choice.why_not_chosen, experiments=tested, switched_off=without, types=types
    )
    return replace(results, attribution=with_depth(channels, depth))


def read_path_file(configuration: Configuration, results: RunResults, progress: Progress) -> tuple[Paths, RunResults]:
    """Read the file of aggregated paths and count its rows."""
    with progress.step("Reading the paths"):
        paths, told = with_named_channels(paths_of_file(configuration), configuration)
    for warning in [*idle_keys(configuration), *told, *direct_warnings(configuration, paths.channels)]:
        progress.warn(warning)
    return paths, replace(results, quality=with_path_file(results.quality, paths, configuration))


def value_customers(
    connection: duckdb.DuckDBPyConnection,
    configuration: Configuration,
    results: RunResults,
    folder: Path,
    progress: Progress,
) -> ClvResults:
    """Histories, fits, forecast and holdout; what concerns single customers goes from the engine to a file."""
    from clv.customer_forecasts import write_customer_forecast
    from clv.rolling_origins import calibrate
    from clv.scoring import save_models

    assert results.as_of is not None
    if (mixed := types_in_value(connection)) is not None:
        progress.warn(mixed)
    with progress.step("Forecasting customers"):
        made = value_forecast(connection, configuration, results.as_of)
    for warning in made.warnings:
        if not any(warning in alarm for alarm in results.alarms):
            progress.warn(warning)
    for note in made.notes:
        if note not in made.warnings:
            progress.say(f"note: {note}")
    with progress.step("Checking the forecast on the past"):
        held = value_holdout(connection, configuration, results.as_of, progress)
    with progress.step("Forecasting from earlier days"):
        tested = origins(connection, configuration, results.as_of, progress)
        made = made if tested is None else calibrate(connection, made, tested)
    with progress.step("Writing the forecasts of customers"):
        (folder / "tables").mkdir(exist_ok=True)
        endless = without_end(connection, configuration, made)
        write_customer_forecast(connection, folder / "tables" / "customer_forecast.parquet")
        save_models(made, folder / MODELS)
        earlier = earlier_run(configuration, results.as_of)
        last = earlier_run(configuration, results.as_of, at_least=LAST_RUN, shortest=LAST_RUN)
        quarter_ago = earlier_run(configuration, results.as_of, at_least=DRIFT_SINCE)
        lists = write_lists(connection, made, folder, last)
        value = replace(value_results(connection, configuration, made, held), infinite_horizon=endless)
    with progress.step("Booking the forecast"):
        depth = value_depth(connection, configuration, made, tested, lists, earlier, quarter_ago)
        used = tuple(sorted({(one.name, one.sha256) for one in (earlier, last, quarter_ago) if one is not None}))
        since = None if last is None else last.as_of
        return replace(value, depth=replace(depth, lists_since=since, earlier_runs=used))


def write_results(results: RunResults, configuration: Configuration, folder: Path, progress: Progress) -> RunResults:
    """Write tables and pages; returns the results with what the pages had to warn of."""
    from reports.pages.assembly import build_report
    from reports.publishing.drawings import SecondHand, drawn
    from reports.publishing.pdf import typeset

    with progress.step("Writing tables and pages"), SecondHand() as second:
        write_tables(folder / "tables", run_tables(results))
        fonts = [configuration.path(text) for text in configuration.settings.report.fonts]
        page = typeset(drawn(build_report(results), second), fonts=fonts)
        (folder / "report.pdf").write_bytes(page.pdf)
    for warning in page.warnings:
        progress.warn(warning)
    return replace(results, warnings=tuple(progress.warnings))
