"""The part of a run about customers: the forecast of their value, and its check on the past."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING

from customer_data.errors import ConfigurationError, InputError, ModelError
from customer_data.nearest import count_of
from reports.results.run_results import ClvResults

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from clv.forecasting import Forecast
    from clv.holdout_check import Holdout
    from clv.margins import ProductMargins
    from reports.configuration.reading import Configuration
    from reports.configuration.settings import ClvSection
    from reports.progress import Progress


def value_forecast(connection: duckdb.DuckDBPyConnection, configuration: Configuration, as_of: dt.date) -> Forecast:
    """Fit the models to the loaded orders and forecast every customer known on the as-of day."""
    from clv.calendar import day_number
    from clv.forecasting import forecast

    wanted, report = configuration.settings.clv, configuration.settings.report
    return forecast(
        connection,
        as_of_day=day_number(as_of),
        horizon_months=wanted.horizon_months,
        annual_rate=wanted.annual_discount_rate,
        margin=_margin(connection, wanted),
        segment_by=wanted.segment_by,
        segment_parameters=wanted.parameters,
        orders_model=wanted.orders_model,
        order_time=wanted.order_time,
        confidence=report.confidence,
        seed=report.seed,
    )


def _margin(connection: duckdb.DuckDBPyConnection, wanted: ClvSection) -> float | ProductMargins:
    if not wanted.product_margins:
        return 1.0 if wanted.margin is None else wanted.margin
    from clv.margins import ProductMargins, require_margins

    margins = ProductMargins(wanted.product_margins, wanted.margin)
    try:
        require_margins(connection, margins)
    except ConfigurationError as error:
        raise ConfigurationError(f"clv.product_margins: {error} Here clv.margin is the default.") from None
    return margins


def value_holdout(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, as_of: dt.date, progress: Progress
) -> Holdout | None:
    """Forecast the last part of the data from the first; None, with a warning, where the data do not suffice."""
    from clv.calendar import day_number
    from clv.holdout_check import holdout

    wanted, report = configuration.settings.clv, configuration.settings.report
    until = None if wanted.holdout_until is None else day_number(wanted.holdout_until)
    if wanted.holdout_days is not None:
        until = day_number(as_of) - wanted.holdout_days
    try:
        return holdout(
            connection,
            until_day=until,
            end_day=day_number(as_of),
            segment_by=wanted.segment_by,
            segment_parameters=wanted.parameters,
            orders_model=wanted.orders_model,
            order_time=wanted.order_time,
            confidence=report.confidence,
            seed=report.seed,
        )
    except (InputError, ModelError) as error:
        progress.warn(f"The forecast is not checked on the past: {error}{_held_back(connection, configuration, as_of)}")
        return None


def _held_back(connection: duckdb.DuckDBPyConnection, configuration: Configuration, as_of: dt.date) -> str:
    """What a configured holdout leaves to fit on, and the remedy, led by a blank; empty where none is configured."""
    from clv.calendar import day_date, day_number

    wanted, last = configuration.settings.clv, day_number(as_of)
    if wanted.holdout_days is None and wanted.holdout_until is None:
        return ""
    name = "holdout_days" if wanted.holdout_days is not None else "holdout_until"
    until = last - wanted.holdout_days if wanted.holdout_days is not None else day_number(wanted.holdout_until or as_of)
    ((first,),) = connection.execute(f"SELECT min(day) FROM orders WHERE day <= {last}").fetchall()
    all_days, days_before = count_of(last - first + 1, "day"), count_of(until - first + 1, "day")
    return (
        f" clv.{name} = {getattr(wanted, name)} holds back the last {last - until:,} of the {all_days} of orders and "
        f"leaves {days_before} to fit on, {day_date(first)} to {day_date(until)}. Hold back fewer, or leave {name} "
        "out: the last third is held back then."
    )


def without_end(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, made: Forecast
) -> pd.DataFrame | None:
    """Value customers without an end as well, where that is asked for; call it before they are written."""
    from clv.infinite_horizon import infinite_horizon

    return infinite_horizon(connection, made) if configuration.settings.clv.infinite_horizon else None


def value_results(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, made: Forecast, held: Holdout | None
) -> ClvResults:
    """Gather what the report shows of the forecast and of its check."""
    from clv.calendar import day_date
    from clv.customer_forecasts import value_deciles

    wanted = configuration.settings.clv
    notes = made.notes if held is None else (*made.notes, *held.notes)
    return ClvResults(
        segment_forecast=made.segment_forecast,
        parameters=made.parameters,
        model_comparison=made.model_comparison,
        convergence=made.convergence,
        holdout_totals=None if held is None else held.totals,
        holdout_tracking=None if held is None else held.tracking,
        holdout_by_frequency=None if held is None else held.by_frequency,
        holdout_scores=None if held is None else held.segment_scores,
        holdout_pit=None if held is None else held.pit,
        holdout_orders=None if held is None else held.orders_by_source,
        spend_density=None if held is None else held.spend_density,
        monthly=made.monthly_flows,
        deciles=value_deciles(connection),
        segment_by=" / ".join(wanted.segment_by) or None,
        segment_parameters=wanted.parameters,
        horizon_months=wanted.horizon_months,
        discount_rate=wanted.annual_discount_rate,
        margin=made.margin if wanted.product_margins else wanted.margin,
        holdout_start=None if held is None else day_date(held.start_day),
        holdout_end=None if held is None else day_date(held.end_day),
        period_name="week",
        customers=made.histories.customers,
        repeat_customers=made.histories.repeat_customers,
        orders=made.histories.orders,
        spend_correlation=made.spend_correlation,
        notes=tuple(dict.fromkeys(notes)),
        parameter_error=_parameter_error(configuration, made),
        replaced_fits=made.models.replaced,
        level=made.level,
        widening=made.widening,
    )


def _parameter_error(configuration: Configuration, made: Forecast) -> float | None:
    """How uncertain the parameters leave the expected total; None where no credit by lifetime value asks for it."""
    from clv.calendar import DAYS_PER_WEEK, continuous_rate
    from clv.prediction import parameter_error

    settings = configuration.settings
    if not settings.touchpoints or settings.attribution.depth == "brief" or made.margin == 0:
        return None
    rows = made.segment_forecast.set_index("segment")["clv"] * math.copysign(1.0, made.margin)
    return parameter_error(
        made.models,
        rows.loc[list(made.models.patterns.segments)].to_numpy(dtype=float),
        edges=made.horizon.edges,
        delta=continuous_rate(made.annual_rate) * DAYS_PER_WEEK,
        seed=configuration.settings.report.seed,
    )
