"""What lies behind the forecast: its test from earlier days, what to book, lists, what has changed since."""

from __future__ import annotations

import csv
import datetime as dt
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from customer_data.errors import ConfigurationError, InputError, ModelError
from reports.results.run_results import ValueDepth

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from clv.forecasting import Forecast
    from clv.rolling_origins import RollingOrigins
    from clv.scoring import SavedModels
    from reports.configuration.reading import Configuration
    from reports.progress import Progress

LISTS = "lists"
_DRAWS = 500


@dataclass(frozen=True)
class EarlierRun:
    """A published run that looks back from a day before this one's: its folder's name, its models and their SHA-256."""

    as_of: dt.date
    models: SavedModels
    name: str
    sha256: str


def origins(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, as_of: dt.date, progress: Progress
) -> RollingOrigins | None:
    """Forecast from past days and compare; None for a brief run or, with a warning, where the data are too short."""
    from clv.calendar import day_number
    from clv.rolling_origins import rolling_origins

    wanted, report = configuration.settings.clv, configuration.settings.report
    if wanted.depth == "brief" or wanted.origins == 0:
        return None
    try:
        return rolling_origins(
            connection,
            horizon_months=wanted.horizon_months,
            end_day=day_number(as_of),
            count=wanted.origins,
            segment_by=wanted.segment_by,
            segment_parameters=wanted.parameters,
            orders_model=wanted.orders_model,
            order_time=wanted.order_time,
            confidence=report.confidence,
            draws=_DRAWS,
            seed=report.seed,
        )
    except (InputError, ModelError) as error:
        progress.warn(f"The intervals are not checked on forecasts from earlier days: {error}")
        return None


def write_lists(
    connection: duckdb.DuckDBPyConnection, made: Forecast, folder: Path, earlier: EarlierRun | None
) -> pd.DataFrame:
    """Let the engine write the lists to act on; returns ``list, customers, value, file``."""
    import pandas as pd

    from clv.calendar import day_number
    from clv.lists import write_action_lists

    (folder / LISTS).mkdir(exist_ok=True)
    since = None if earlier is None else day_number(earlier.as_of)
    rows = []
    for path in write_action_lists(connection, made, folder / LISTS, since_day=since):
        with path.open(encoding="utf-8", newline="") as lines:
            worth = [float(line["clv"]) for line in csv.DictReader(lines)]
        rows.append((path.stem, len(worth), math.fsum(worth), f"{LISTS}/{path.name}"))
    return pd.DataFrame(rows, columns=["list", "customers", "value", "file"])


def value_depth(
    connection: duckdb.DuckDBPyConnection,
    configuration: Configuration,
    made: Forecast,
    tested: RollingOrigins | None,
    lists: pd.DataFrame,
    earlier: EarlierRun | None,
    drift_from: EarlierRun | None,
) -> ValueDepth:
    """Work out what the report shows behind the forecast; a brief run has the lists, and drift if it may fail on it.

    The forecast is led over from the run `earlier`; what came since the run `drift_from` is held against its models.
    """
    from clv.bridge import forecast_bridge
    from clv.finance import cash_flow
    from clv.segment_comparison import compare_ways

    wanted, report = configuration.settings.clv, configuration.settings.report
    brief = wanted.depth == "brief"
    depth = ValueDepth(lists=lists)
    if drift_from is not None and (not brief or configuration.settings.checks.fail_on_drift):
        depth = _with_drift(depth, connection, made, drift_from)
    if brief:
        return depth
    booked = cash_flow(connection, made, origins=tested, draws=_DRAWS, seed=report.seed)
    ways = compare_ways(connection, made)
    bridge = None
    if earlier is not None:
        try:
            bridge = forecast_bridge(connection, earlier.models, made, segment_by=wanted.segment_by)
        except ConfigurationError:  # it lies more than the whole horizon back: nothing of it is left to lead over
            bridge = None
    return replace(
        depth,
        origins=None if tested is None else tested.origins,
        calibration=None if tested is None else tested.calibration,
        origins_months=None if tested is None else tested.horizon_months,
        flows=booked.flows,
        flow_totals=booked.totals,
        cohorts=booked.cohorts,
        new_customers=booked.new_customers,
        parameters_compared=None if ways is None else ways.parameters,
        forecasts_compared=None if ways is None else ways.forecasts,
        flow_notes=booked.notes,
        earlier=None if earlier is None else earlier.as_of,
        forecast_bridge=bridge,
    )


def _with_drift(
    depth: ValueDepth, connection: duckdb.DuckDBPyConnection, made: Forecast, then: EarlierRun
) -> ValueDepth:
    from clv.drift import drift

    changed = drift(connection, then.models, as_of_day=made.histories.until_day)
    return replace(
        depth,
        drift_since=then.as_of,
        drift_weeks=changed.weeks,
        drift_alarm=changed.alarm,
        drift_messages=changed.messages,
    )
