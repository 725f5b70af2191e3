"""The part of a run about channels: journeys, credit, the comparison with the baseline, what channels cost."""

from __future__ import annotations

import datetime as dt
import warnings
from typing import TYPE_CHECKING

from customer_data.errors import InputError
from customer_data.money import SCALE
from reports.results.run_results import AttributionResults

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import pandas as pd

    from attribution import Paths
    from attribution.bootstrap import Replicates
    from attribution.journey_parts import JourneyOptions
    from attribution.rules import RuleOptions
    from attribution.sums import Measure
    from reports.configuration.reading import Configuration
    from reports.configuration.settings import AttributionSection

MOST_TOUCHES_DRAWN = 20_000_000


def journey_options(configuration: Configuration) -> JourneyOptions:
    """Return how journeys are built, up to the end of the as-of day."""
    from attribution.journey_parts import JourneyOptions

    wanted, report = configuration.settings.attribution, configuration.settings.report
    return JourneyOptions(
        lookback_days=wanted.lookback_days,
        until_us=None if report.as_of is None else end_of_day(report.as_of, report.timezone),
        half_life_days=wanted.half_life_days if "time_decay" in all_models(wanted) else None,
        include_open=wanted.include_open,
        session_minutes=wanted.session_minutes if wanted.grain == "session" else None,
    )


def journeys(connection: duckdb.DuckDBPyConnection, configuration: Configuration) -> Paths:
    """Build the distinct paths from the loaded touchpoints and orders, before any transform of paths."""
    return journey_options(configuration).build(connection)


def transformed(paths: Paths, configuration: Configuration) -> Paths:
    """Return the paths as the configured transform leaves them."""
    from attribution.transforms import transform_paths

    wanted = configuration.settings.attribution
    return transform_paths(paths, wanted.transform, direct=wanted.direct)


def paths_of_file(configuration: Configuration) -> Paths:
    """Read the distinct paths from the file of ``[paths]``; columns that have our names need not be named there."""
    from attribution.path_columns import column_names, unread_columns
    from attribution.path_files import read_paths
    from customer_data.sources import Source

    wanted = configuration.settings.paths
    assert wanted is not None
    file, named = configuration.path(wanted.file), wanted.columns.model_dump()
    needed = {ours: theirs for ours, theirs in named.items() if theirs is not None}
    written = Source(
        table="paths",
        data=file,
        columns=needed,
        separator=wanted.separator,
        encoding=wanted.encoding,
        decimal=wanted.decimal,
    )
    try:
        named |= unread_columns(column_names(written), named)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the notes of the paths tell the same
            return read_paths(
                file,
                sep=wanted.separator,
                path=named["path"],
                conversions=named["conversions"],
                value=named["value"],
                nulls=named["nulls"],
                value_squares=named["value_squares"],
                step=wanted.step,
                encoding=wanted.encoding,
                decimal=wanted.decimal,
            )
    except InputError as error:
        remedy = " Name theirs in [paths.columns]."
        raise InputError([f"{one}{remedy * (': no column ' in one)}" for one in error.problems]) from error


def with_named_channels(paths: Paths, configuration: Configuration) -> tuple[Paths, list[str]]:
    """Return the paths of ``[paths]`` with their channels renamed as configured, and what file and names tell."""
    import numpy as np

    from attribution.paths import FileCounts
    from attribution.transforms import rename_channels
    from customer_data.channel_names import renaming_warnings, similar_channel_warnings, step_warnings
    from reports.configuration.against_data import require_named_channels

    wanted = configuration.settings.paths
    assert wanted is not None
    notes = paths.counts.notes if isinstance(paths.counts, FileCounts) else ()
    named = rename_channels(paths, wanted.rename_channels)
    require_named_channels(configuration, named.channels)
    journeys_of_touches = np.repeat(named.conversions + named.nulls, named.lengths)
    touches = np.bincount(named.codes, weights=journeys_of_touches, minlength=len(named.channels))
    cut = step_warnings(named.channels, wanted.step, most_touches=int(named.lengths.max(initial=0)))
    similar = similar_channel_warnings(dict(zip(named.channels, touches.tolist(), strict=True)), table="paths")
    return named, [
        *notes,
        *renaming_warnings(paths.channels, wanted.rename_channels, label="paths.rename_channels"),
        *cut,
        *similar,
        *_unheard_warnings(named, wanted.rename_channels),
    ]


def _unheard_warnings(paths: Paths, renamed: Mapping[str, str]) -> list[str]:
    """Name the channels of a file that occur only where nothing came of a path: no model knows them."""
    from attribution.paths import FileCounts
    from customer_data.channel_names import renamed_name

    counts = paths.counts
    written = counts.channels_without_outcome if isinstance(counts, FileCounts) else ()
    names = sorted({renamed_name(name, renamed) for name in written} - set(paths.channels))
    if not names:
        return []
    more = f" and {len(names) - 10:,} more" if len(names) > 10 else ""
    one = len(names) == 1
    return [
        f"paths: {len(names):,} {'channel occurs' if one else 'channels occur'} only in rows without a conversion and "
        f"without a journey that did not convert, so {'it is' if one else 'they are'} in no table: "
        f"{', '.join(names[:10])}{more}. Give the counts of these rows, or take them out of the file."
    ]


def channel_results(
    paths: Paths,
    configuration: Configuration,
    costs: pd.DataFrame | None,
    *,
    order: int,
    drawn: Replicates | None = None,
) -> AttributionResults:
    """Credit the channels of these paths and compare the model with the baseline, by a chain of this order.

    ``drawn`` are the replicates of both where customers were drawn (see :func:`drawn_customers`).
    """
    from attribution.bootstrap import bootstrap_credit, rank_stability
    from attribution.credit import removal_effects
    from attribution.descriptions import path_lengths, time_lags, top_paths
    from attribution.graph import transition_graph, transition_matrix
    from attribution.ratio_game import never_alone

    wanted, report = configuration.settings.attribution, configuration.settings.report
    options = rule_options(wanted)
    from_file = configuration.settings.paths is not None
    how = interval_method(wanted, of_customers=drawn is not None)
    if drawn is None and wanted.bootstrap_replicates:
        drawn = bootstrap_credit(
            paths,
            [wanted.baseline, wanted.model],
            order=order,
            replicates=wanted.bootstrap_replicates,
            seed=report.seed,
            options=options,
        )
    return AttributionResults(
        credit=credit_of(paths, configuration, order=order),
        comparison=_compared(paths, configuration, order=order, drawn=drawn),
        comparison_value=value_comparison(paths, configuration, order=order),
        removal_effects=removal_effects(paths, order=order, convention=wanted.convention, confidence=report.confidence)
        if paths.conversions.sum() > 0
        else None,
        transitions=transition_matrix(paths, order=1, confidence=report.confidence),
        graph=transition_graph(paths),
        top_paths=top_paths(paths, n=20, confidence=report.confidence),
        path_lengths=path_lengths(paths, confidence=report.confidence),
        time_lags=time_lags(paths, confidence=report.confidence),
        journeys=_journeys(paths),
        costs=costs,
        baseline=wanted.baseline,
        model=wanted.model,
        order=order,
        convention=wanted.convention,
        lookback_days=None if from_file else wanted.lookback_days,
        half_life_days=None if from_file else wanted.half_life_days,
        interval_method=how,
        from_file=from_file,
        made_of=_made_of(wanted),
        never_alone=tuple(never_alone(paths)),
        rank_stability=None
        if drawn is None
        else rank_stability(
            paths,
            model=wanted.model,
            order=order,
            confidence=report.confidence,
            options=options,
            convention=wanted.convention,
            drawn=drawn,
        ),
    )


def credit_of(paths: Paths, configuration: Configuration, *, order: int, segment: str = "all") -> pd.DataFrame:
    """Credit the channels of these paths by every model asked for."""
    from attribution.credit import attribute

    wanted = configuration.settings.attribution
    options = rule_options(wanted)
    return attribute(
        paths,
        models=all_models(wanted),
        order=order,
        position_weights=options.position_weights,
        custom_weights=options.custom_weights,
        direct=wanted.direct,
        convention=wanted.convention,
        confidence=configuration.settings.report.confidence,
        segment=segment,
    )


def value_comparison(paths: Paths, configuration: Configuration, *, order: int) -> pd.DataFrame | None:
    """Compare the two models in money, with intervals by the delta method; None where paths carry no value.

    Intervals are missing where nothing tells how far values spread.
    """
    if not paths.value.sum() > 0:
        return None
    return _compared(paths, configuration, measure="value", order=order)


def _compared(
    paths: Paths,
    configuration: Configuration,
    *,
    order: int,
    measure: Measure = "conversions",
    drawn: Replicates | None = None,
) -> pd.DataFrame:
    """Compare the two models as configured."""
    from attribution.comparison import compare

    wanted = configuration.settings.attribution
    return compare(
        paths,
        baseline=wanted.baseline,
        model=wanted.model,
        measure=measure,
        order=order,
        confidence=configuration.settings.report.confidence,
        options=rule_options(wanted),
        convention=wanted.convention,
        drawn=drawn,
    )


def _made_of(wanted: AttributionSection) -> str:
    """Say what else than every touch the paths are made of."""
    visits = f"visits with pauses of up to {wanted.session_minutes:g} minutes" if wanted.grain == "session" else ""
    transform = wanted.transform.replace("_", " ") if wanted.transform != "keep_all" else ""
    return "; ".join(part for part in (visits, transform) if part)


def rule_options(wanted: AttributionSection) -> RuleOptions:
    """Return the options of the rules as configured."""
    from attribution.rules import RuleOptions

    first, middle, last = wanted.position_weights
    return RuleOptions(
        position_weights=(first, middle, last),
        custom_weights=wanted.custom_weights or RuleOptions().custom_weights,
        direct=wanted.direct,
    )


def all_models(wanted: AttributionSection) -> list[str]:
    """Return the models asked for, with the baseline and the model of the comparison, each once."""
    return list(dict.fromkeys((*wanted.models, wanted.baseline, wanted.model)))


def drawn_customers(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, *, order: int
) -> Replicates | None:
    """Draw customers again, with all their journeys, for the comparison.

    None where no bootstrap is wanted, or where it goes by the paths: when a transform changes these, when time decay is
    compared, which they do not know, and when there are more touches than memory easily takes.
    """
    from attribution.bootstrap import NOT_DRAWN
    from attribution.customer_bootstrap import bootstrap_customers, customer_journeys

    wanted = configuration.settings.attribution
    names = (wanted.baseline, wanted.model)
    if not wanted.bootstrap_replicates or wanted.transform != "keep_all" or {"time_decay", *NOT_DRAWN} & set(names):
        return None
    ((touches,),) = connection.execute("SELECT count(*) FROM touchpoints").fetchall()
    if touches > MOST_TOUCHES_DRAWN:
        return None
    return bootstrap_customers(
        customer_journeys(connection, journey_options(configuration)),
        names,
        order=order,
        replicates=wanted.bootstrap_replicates,
        seed=configuration.settings.report.seed,
        options=rule_options(wanted),
    )


def interval_method(wanted: AttributionSection, *, of_customers: bool) -> str:
    """Say how the intervals were made."""
    if wanted.bootstrap_replicates:
        return f"bootstrap over {'customers' if of_customers else 'paths'}, {wanted.bootstrap_replicates:,} replicates"
    return "delta method"


def channel_costs(connection: duckdb.DuckDBPyConnection, first: dt.date, last: dt.date) -> pd.DataFrame | None:
    """Sum what each channel cost between two days, both included, from the loaded spend; None without spend."""
    tables = {
        str(name) for (name,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
    }
    if "spend" not in tables:
        return None
    return connection.execute(
        f"""SELECT channel, sum(cost) / {SCALE}::DOUBLE AS cost
            FROM spend JOIN channels ON spend.channel_code = channels.code
            WHERE DATE '1970-01-01' + day BETWEEN DATE '{first}' AND DATE '{last}' GROUP BY channel ORDER BY channel"""
    ).df()


def _journeys(paths: Paths) -> dict[str, float]:
    """The counts that the report shows: of conversions those that belong to a journey, of touches what became of all.

    Of a file of paths only what it says of rows without a path, if it has any.
    """
    from attribution.paths import FileCounts, JourneyCounts

    counts = paths.counts
    if isinstance(counts, FileCounts) and counts.rows_without_path:
        return {
            "conversions": float(paths.conversions.sum()),
            "unattributed_conversions": counts.conversions_without_path,
            "unattributed_value": counts.value_without_path,
            "not_converted_without_path": counts.nulls_without_path,
        }
    if not isinstance(counts, JourneyCounts):
        return {}
    return {
        "customers": counts.customers,
        "all_touches": counts.touches + counts.touches_after_end,
        "touches": counts.touches - counts.touches_outside_lookback - counts.touches_after_last_conversion,
        "touches_outside_lookback": counts.touches_outside_lookback,
        "touches_after_last_conversion": counts.touches_after_last_conversion,
        "touches_after_end": counts.touches_after_end,
        "converted": counts.converted,
        "not_converted": counts.not_converted,
        "open": counts.open,
        "conversions": counts.conversions - counts.unattributed_conversions,
        "unattributed_conversions": counts.unattributed_conversions,
        "unattributed_value": counts.unattributed_value,
        "conversions_after_end": counts.conversions_after_end,
    }


def end_of_day(day: dt.date, timezone: str) -> int:
    """Return the last microsecond of a day in a zone, in microseconds since 1970-01-01 UTC."""
    from zoneinfo import ZoneInfo

    next_midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(timezone))
    since = next_midnight - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return since // dt.timedelta(microseconds=1) - 1
