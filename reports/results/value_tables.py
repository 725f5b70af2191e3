"""What a run found of customers' value: plain tables and scalars, see `reports.results.run_results`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd


def of_all(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of all customers together of a table by segment, without the column ``segment``."""
    return table[table["segment"] == "all"].drop(columns="segment").reset_index(drop=True)


@dataclass(frozen=True)
class ValueDepth:
    """What lies behind the forecast; tables that the run could not make are None.

    Attributes
    ----------
    lists
        ``list, customers, value, file``: the lists to act on, each cut off at a thousand customers; ``value`` is the
        sum of their ``clv``; a customer may be on several.
    lists_since
        The day after which customers came to be at risk: that of the last run, or None.
    earlier_runs
        Each earlier run that any of this was held against: the name of its folder, and the SHA-256 of its models.
    origins
        ``origin, segment, customers, actual_orders, forecast_orders, actual_value, forecast_value, low, high, inside,
        deviation, deviation_low, deviation_high, log_deviation``: forecasts from earlier days and what came.
    calibration
        ``segment, origins, windows, bias, coverage, coverage_adjusted, shift, widening, log_shift,
        log_spread, calibrated``.
    origins_months
        Length of those forecasts, in calendar months.
    flows
        ``period, days, segment, source, expected_orders, expected_revenue, contribution, discounted, p10, p50, p90``:
        by calendar month, of which the horizon covers so many ``days``; ``source`` is known customers, first or repeat
        orders of new customers, or total. Percentiles heed what the forecasts from earlier days missed.
    flow_totals
        The same without ``period``, over the whole horizon and its ``days``.
    cohorts
        ``cohort, segment, period, days, expected_orders, expected_revenue, contribution, discounted``: known customers.
    new_customers
        ``period, days, expected, p10, p50, p90``.
    parameters_compared
        ``model, segment, parameter, separate, separate_std_error, partial, partial_std_error, pooled,
        pooled_std_error``: what each way to fit segments finds.
    forecasts_compared
        ``segment, customers, separate, partial, pooled``: expected value under each way.
    flow_notes
        How new customers were forecast, in sentences.
    earlier
        The day of the earlier run that the rest is held against, or None.
    drift_since
        The day of the run a quarter ago (of the oldest, where none is so old) whose models drift is judged by, or None.
    drift_weeks
        ``period, actual, forecast, deviation, cusum_up, cusum_down``: weeks since, under that run's models.
    drift_alarm, drift_messages
        Whether customers behave otherwise than then, and what says so.
    forecast_bridge
        ``step, change, value``: from the earlier forecast to this one.
    """

    lists: pd.DataFrame | None = None
    lists_since: dt.date | None = None
    earlier_runs: tuple[tuple[str, str], ...] = ()
    origins: pd.DataFrame | None = None
    calibration: pd.DataFrame | None = None
    origins_months: int | None = None
    flows: pd.DataFrame | None = None
    flow_totals: pd.DataFrame | None = None
    cohorts: pd.DataFrame | None = None
    new_customers: pd.DataFrame | None = None
    parameters_compared: pd.DataFrame | None = None
    forecasts_compared: pd.DataFrame | None = None
    flow_notes: tuple[str, ...] = ()
    earlier: dt.date | None = None
    drift_since: dt.date | None = None
    drift_weeks: pd.DataFrame | None = None
    drift_alarm: bool = False
    drift_messages: tuple[str, ...] = ()
    forecast_bridge: pd.DataFrame | None = None


@dataclass(frozen=True)
class ClvResults:
    """What customers are worth, and how well the model has forecast the past.

    Tables by ``segment`` hold the rows of each segment, and of segment ``all`` those of all customers together.

    Attributes
    ----------
    segment_forecast
        ``segment, customers, expected_orders, clv, low, high, calibrated``: totals over the horizon, one row per
        segment and one of segment ``all``; ``low, high`` bound the total ``clv`` at the run's confidence (missing
        where there is no interval).
    parameters
        ``model, segment, parameter, estimate, std_error, low, high``.
    model_comparison
        ``model, order_time, parameters, customers, log_likelihood, aic, bic, holdout_log_likelihood,
        holdout_std_error, behind_best, behind_best_std_error, actual_orders, forecast_orders, mae, rmse, problem,
        chosen``: the models of orders that were compared, the best first; None where one was asked for by name.
    convergence
        ``model, segment, customers, log_likelihood, converged, message``; ``message`` may be empty. Or None.
    replaced_fits
        How many other fits failed, in whose place stands something else, as ``notes`` tell.
    holdout_totals
        ``segment, customers, actual_orders, forecast_orders, error, low, high``: repeat orders in the part of the
        data held back; ``error`` = forecast / actual - 1. Or None when no holdout was made.
    holdout_tracking
        ``segment, period, actual, forecast, cumulative_actual, cumulative_forecast, is_holdout``: repeat orders per
        period; ``period`` is the number of the period (1, 2, ...) or its first day. Or None.
    holdout_by_frequency
        ``segment, frequency, customers, actual_mean, forecast_mean``: repeat orders in the holdout by repeat orders
        before it; ``frequency`` is text when the last group is open (``7+``). Or None.
    holdout_scores
        ``segment, method, customers, total, error, bias, mae, rmse, correlation``: the model and its naive rivals, per
        segment and of segment ``all``; the first method is the model. Or None.
    holdout_pit
        ``segment, low, high, share, expected``: customers by the place of their orders in the predicted distribution.
        Or None.
    holdout_orders
        ``segment, source, customers, orders, value``: all orders held back, by whether their customers were known
        before; the forecast is compared with those of known customers. Or None.
    spend_density
        ``segment, low, high, customers, observed, expected``: mean spend per repeat order before the holdout. Or None.
    infinite_horizon
        ``segment, customers, discounted_orders, clv, clv_infinite, share``: value without an end beside that over the
        horizon; None unless asked for.
    monthly
        ``segment, month, days, expected_orders, expected_revenue, expected_value, discounted_value``, values after
        margin; ``month`` is the first day of each month of the horizon (a date), ``days`` how many of it that covers.
        Or None.
    deciles
        ``segment, decile, customers, clv, share``: customers ranked by lifetime value, decile 1 the most valuable;
        within each segment, and of segment ``all`` among all. Or None.
    segment_by
        The attribute(s) of customers behind ``segment``, as text; None when there are no segments.
    segment_parameters
        In which way segments were fitted: pooled, separate or partial; None where that is not known.
    horizon_months, discount_rate, margin
        How far ahead, in calendar months; the annual effective rate as a fraction; the fraction of revenue counted
        as value, or None for revenue itself.
    holdout_start, holdout_end
        First and last day held back.
    period_name
        What a period of ``holdout_tracking`` is: ``week`` or ``month``.
    customers, repeat_customers, orders
        What the model was fitted on; None when unknown.
    spend_correlation
        Correlation of frequency and monetary value among repeat customers (Gamma-Gamma assumes none), or None.
    notes
        Sentences about fallbacks and doubts, shown beside the parameters.
    depth
        What lies behind the forecast, or None.
    parameter_error
        Relative standard deviation of the expected total, from the uncertainty of the models' parameters alone; None
        where no credit by lifetime value asks for it.
    level
        How many times what the models say all values are: the bias of forecasts as long from earlier days.
    widening
        By segment how many times as wide as the models' own the interval of its value was made; unchanged ones are not
        in it.
    """

    segment_forecast: pd.DataFrame
    parameters: pd.DataFrame | None = None
    model_comparison: pd.DataFrame | None = None
    convergence: pd.DataFrame | None = None
    holdout_totals: pd.DataFrame | None = None
    holdout_tracking: pd.DataFrame | None = None
    holdout_by_frequency: pd.DataFrame | None = None
    holdout_scores: pd.DataFrame | None = None
    holdout_pit: pd.DataFrame | None = None
    holdout_orders: pd.DataFrame | None = None
    spend_density: pd.DataFrame | None = None
    infinite_horizon: pd.DataFrame | None = None
    monthly: pd.DataFrame | None = None
    deciles: pd.DataFrame | None = None
    segment_by: str | None = None
    segment_parameters: str | None = None
    horizon_months: int = 12
    discount_rate: float = 0.1
    margin: float | None = None
    holdout_start: dt.date | None = None
    holdout_end: dt.date | None = None
    period_name: str = "week"
    customers: int | None = None
    repeat_customers: int | None = None
    orders: int | None = None
    spend_correlation: float | None = None
    notes: tuple[str, ...] = ()
    depth: ValueDepth | None = None
    parameter_error: float | None = None
    replaced_fits: int = 0
    level: float = 1.0
    widening: dict[str, float] = field(default_factory=dict)
