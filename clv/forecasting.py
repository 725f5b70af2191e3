"""The forecast: what the customers of each segment will order and be worth, month by month, and how surely."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from clv.calendar import (
    DAYS_PER_WEEK,
    Floats,
    Horizon,
    calendar_months,
    check_day,
    check_months,
    continuous_rate,
)
from clv.customer_forecasts import create_customer_forecast, segment_margins, set_level
from clv.histories import ALL, HistoriesSummary, build_histories
from clv.margins import ProductMargins, check_margin, make_customer_margins, margin_notes
from clv.missing_days import missing_days
from clv.order_choice import OrdersModel, choose_order_model
from clv.prediction import (
    SegmentPrediction,
    central_interval,
    check_interval,
    names_with_total,
    predict_segments,
    with_total,
)
from clv.purchase_days import OrderTime
from clv.segments import SegmentModels, SegmentParameters, fit_segments

if TYPE_CHECKING:
    import duckdb
    import pandas as pd


@dataclass(frozen=True)
class Forecast:
    """A forecast of all customers known on the as-of day; money in the currency, nothing in minor units.

    Attributes
    ----------
    segment_forecast : DataFrame
        segment, customers, expected_orders, clv, low, high, calibrated: totals over the horizon, one row per segment
        and a last one of segment ``all``. ``clv`` is discounted and after margin; ``low`` and ``high`` bound it,
        parameters and outcomes both uncertain. ``calibrated`` is true only where such intervals were shown to hold.
    monthly_flows : DataFrame
        segment, month (first day of the calendar month), days (of it that the horizon covers), expected_orders,
        expected_revenue, expected_value (after margin, not discounted), discounted_value (the same, discounted): sums
        to ``clv``.
    convergence : DataFrame
        model, segment, customers, log_likelihood, converged, message.
    histories : HistoriesSummary
    horizon : Horizon
    annual_rate, margin, confidence : float
        The margin is that of all that is expected, where customers have margins of their own.
    margins : ndarray of float, shape (segments of ``models.patterns``,)
        What is left of each segment's expected revenue.
    spend_correlation : float or None
        Of the number of repeat purchases with their mean value; Gamma-Gamma assumes none.
    notes : tuple of str
        Fallbacks and what was left out, in sentences.
    models : SegmentModels
        The fits behind it.
    horizon_months : int
        Length of the forecast in calendar months.
    value_draws : ndarray of float, shape (draws, rows of ``segment_forecast``)
        Draws of the total discounted value, before margin; those of all, where segments have margins of their own,
        such that ``margin`` times them are the sum.
    terms : Terms
        What was asked for.
    warnings : tuple of str
        Those of ``notes`` that look like a mistake in the data or in what was asked for.
    model_comparison : DataFrame or None
        The models of orders that "auto" compared, the best first: the columns of `clv.compare_order_models`, and
        ``chosen``. None where the model was asked for by name, or nothing could be compared.
    level : float
        How many times what the models say all values are, see `at_level`; draws and ``models`` are the models' own.
    widening : dict of str to float
        By segment how many times as wide as the models' own its interval was made, see `clv.rolling_origins.calibrate`;
        those left as they were are not in it.
    """

    segment_forecast: "pd.DataFrame"
    monthly_flows: "pd.DataFrame"
    convergence: "pd.DataFrame"
    histories: HistoriesSummary
    horizon: Horizon
    annual_rate: float
    margin: float
    margins: Floats
    confidence: float
    spend_correlation: float | None
    notes: tuple[str, ...]
    models: SegmentModels
    horizon_months: int
    value_draws: Floats = field(repr=False)
    terms: "Terms" = field(repr=False)
    warnings: tuple[str, ...] = ()
    model_comparison: "pd.DataFrame | None" = field(default=None, repr=False)
    level: float = 1.0
    widening: dict[str, float] = field(default_factory=dict)

    @property
    def parameters(self) -> "pd.DataFrame":
        """model, segment, parameter, estimate, std_error, low, high, times in weeks; made when first asked for."""
        return self.models.parameters

    @property
    def row_margins(self) -> Floats:
        """The margin of each row of ``segment_forecast``."""
        return self.margins if len(self.margins) == len(self.segment_forecast) else np.append(self.margins, self.margin)

    @property
    def monthly(self) -> "pd.DataFrame":
        """The rows of ``monthly_flows`` of all customers together: month, days and the four amounts."""
        rows = self.monthly_flows[self.monthly_flows["segment"] == ALL]
        return rows.drop(columns="segment").reset_index(drop=True)


def forecast(
    connection: "duckdb.DuckDBPyConnection",
    *,
    as_of_day: int | None = None,
    horizon_months: int = 12,
    annual_rate: float = 0.10,
    margin: float | ProductMargins = 1.0,
    segment_by: Sequence[str] = (),
    segment_parameters: SegmentParameters = "pooled",
    orders_model: OrdersModel = "bg_nbd",
    order_time: OrderTime = "days",
    confidence: float = 0.90,
    draws: int = 2_000,
    seed: int = 0,
) -> Forecast:
    """Forecast the orders and the value of all customers known on the as-of day.

    BG/NBD (Fader, Hardie & Lee 2005) or MBG/NBD gives the orders to come, Gamma-Gamma their value (Fader & Hardie, note
    025). The table ``histories`` and the view ``customer_forecast`` (see `write_customer_forecast`) stay on the
    connection.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds ``orders`` and, for segments, ``customers``.
    as_of_day : int, optional
        Last observed day, in days since 1970-01-01; the forecast starts at its end. Default: the day of the last order.
    horizon_months : int
        Calendar months ahead.
    annual_rate : float
        Annual effective rate of discount: 0.10 makes 1.10 in a year worth 1.00 now, by actual days over 365.
    margin : float or ProductMargins
        Part of revenue that counts as value; negative where goods are sold below their cost. With margins by product
        each customer has one of its own, see `clv.margins.make_customer_margins`.
    segment_by : sequence of str
        Attributes of ``customers``; see `build_histories`.
    segment_parameters : {"pooled", "separate", "partial"}
        One fit for all customers, one per segment, or one per segment that leans on the others; see
        `clv.segments.fit_segments`.
    orders_model : {"bg_nbd", "mbg_nbd", "pareto_nbd", "auto"}
        BG/NBD; MBG/NBD, under which customers may leave after the first order already; Pareto/NBD, under which they may
        leave at any time; or the one that foretold the last third of the data best, in its order time, see
        `clv.order_choice.choose_order_model`. A note tells what "auto" chose.
    order_time : {"days", "continuous"}
        Of BG/NBD and MBG/NBD: days, of which each holds one purchase at most, as the histories count them (see
        `clv.purchase_days`), or continuous time, as published.
    confidence : float
        Of all intervals.
    draws, seed : int
        Number and seed of the draws behind the intervals of ``clv``.

    Raises
    ------
    InputError
        There is no order until the as-of day.
    ModelError
        Too few customers came back, or no fit converged.
    ConfigurationError
        An argument is out of its range, or an attribute is unknown.
    """
    terms = Terms(horizon_months, annual_rate, margin, confidence, draws, seed, tuple(segment_by))
    check_day("as_of_day", as_of_day)
    summary = build_histories(connection, until_day=as_of_day, segment_by=segment_by)
    choice = choose_order_model(connection, orders_model, until_day=summary.until_day, order_time=order_time)
    fitted = fit_segments(
        connection, parameters=segment_parameters, orders_model=choice.name, order_time=order_time,
        confidence=confidence,
    )  # fmt: skip
    made = forecast_with(connection, summary, fitted, terms)
    notes = made.notes + ((choice.note,) if choice.note else ())
    return replace(made, notes=notes, model_comparison=choice.comparison)


@dataclass(frozen=True)
class Terms:
    """What is asked of a forecast; the meaning of each is with `forecast`. Checked when made."""

    horizon_months: int = 12
    annual_rate: float = 0.10
    margin: float | ProductMargins = 1.0
    confidence: float = 0.90
    draws: int = 2_000
    seed: int = 0
    segment_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_months(self.horizon_months)
        check_margin(self.margin)
        check_interval(self.confidence, self.draws)
        continuous_rate(self.annual_rate)


def forecast_with(
    connection: "duckdb.DuckDBPyConnection", summary: HistoriesSummary, fitted: SegmentModels, terms: Terms
) -> Forecast:
    """The forecast of the histories on the connection under given models; makes the view ``customer_forecast``."""
    horizon = calendar_months(summary.until_day, terms.horizon_months)
    delta = continuous_rate(terms.annual_rate) * DAYS_PER_WEEK
    prediction = predict_segments(
        connection, fitted, edges=horizon.edges, delta=delta, of="value", draws=terms.draws, seed=terms.seed
    )
    names = fitted.patterns.segments
    warnings = missing_days(connection, summary.until_day)
    notes: list[str] = []
    if isinstance(terms.margin, ProductMargins):
        make_customer_margins(connection, terms.margin, until_day=summary.until_day)
        create_customer_forecast(connection, fitted, prediction.patterns, margin=None)
        margins = segment_margins(connection, names)
        unsold, notes = margin_notes(connection, terms.margin)
        warnings += unsold
    else:
        create_customer_forecast(connection, fitted, prediction.patterns, margin=terms.margin)
        margins = np.full(len(names), float(terms.margin))
    revenue = prediction.discounted.sum(axis=0)
    if (margins == margins[0]).all() or not revenue.sum() > 0:
        margin = float(margins.mean())
    else:
        margin = float(margins @ revenue / revenue.sum())
    draws = with_total(names, prediction.draws)
    if len(names) > 1 and margin != 0:
        draws[:, -1] = draws[:, -1] if (margins == margin).all() else prediction.draws @ margins / margin
    return Forecast(
        segment_forecast=_segment_table(fitted, prediction, draws, terms, margins),
        monthly_flows=_monthly_table(fitted, prediction, horizon, margins),
        convergence=fitted.convergence,
        histories=summary,
        horizon=horizon,
        annual_rate=terms.annual_rate,
        margin=margin,
        margins=margins,
        confidence=terms.confidence,
        spend_correlation=fitted.spend_correlation,
        notes=(*warnings, *summary.warnings, *fitted.notes, *notes),
        models=fitted,
        horizon_months=terms.horizon_months,
        value_draws=draws,
        terms=terms,
        warnings=tuple(warnings),
    )


def at_level(connection: "duckdb.DuckDBPyConnection", forecast: Forecast, level: float) -> Forecast:
    """The forecast with all values so many times what the models say: by segment, by month and of each customer.

    Expected orders stay the models'; margins, too, so that all sums are kept. The view ``customer_forecast`` of the
    connection moves with it.
    """
    times = level / forecast.level
    if times == 1:
        return replace(forecast, segment_forecast=forecast.segment_forecast.copy())
    set_level(connection, level)
    segments, months = forecast.segment_forecast.copy(), forecast.monthly_flows.copy()
    segments[["clv", "low", "high"]] *= times
    months[["expected_revenue", "expected_value", "discounted_value"]] *= times
    return replace(forecast, segment_forecast=segments, monthly_flows=months, level=level)


def _segment_table(
    fitted: SegmentModels, prediction: SegmentPrediction, draws: Floats, terms: Terms, margins: Floats
) -> "pd.DataFrame":
    import pandas as pd

    patterns = fitted.patterns
    names = patterns.segments
    clv = with_total(names, margins * prediction.discounted.sum(axis=0))
    same = bool((margins == margins[0]).all())
    valued = margins[0] * draws if same else with_total(names, margins * prediction.draws)
    bounds = np.sort(np.array(central_interval(valued, terms.confidence)), axis=0)
    return pd.DataFrame(
        {
            "segment": names_with_total(names),
            "customers": np.rint(with_total(names, patterns.by_segment(patterns.customers))).astype(np.int64),
            "expected_orders": with_total(names, prediction.orders.sum(axis=0)),
            "clv": clv,
            "low": bounds[0],
            "high": bounds[1],
            "calibrated": False,
        }
    )


def _monthly_table(
    fitted: SegmentModels, prediction: SegmentPrediction, horizon: Horizon, margins: Floats
) -> "pd.DataFrame":
    import pandas as pd

    segments = fitted.patterns.segments
    names = names_with_total(segments)
    amounts = {
        "expected_orders": prediction.orders,
        "expected_revenue": prediction.value,
        "expected_value": margins * prediction.value,
        "discounted_value": margins * prediction.discounted,
    }
    return pd.DataFrame(
        {
            "segment": np.repeat(np.array(names, dtype=object), len(horizon.months)),
            "month": list(horizon.months) * len(names),
            "days": horizon.month_days * len(names),
        }
        | {name: with_total(segments, flow).T.ravel() for name, flow in amounts.items()}
    )
