"""The check on past data: fit to the first part of the orders, forecast the second, compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats, day_date
from clv.engine_queries import quoted, single_row
from clv.histories import HistoriesSummary, build_histories
from clv.order_choice import TITLES, OrdersModel, choose_order_model, weeks_of_last_third
from clv.order_frames import MONEY_SCALE
from clv.prediction import (
    SegmentPrediction,
    central_interval,
    check_interval,
    names_with_total,
    predict_segments,
    with_total,
)
from clv.segment_patterns import Indices
from clv.segments import SegmentModels, SegmentParameters, fit_segments
from clv.tracking import weekly_tracking
from customer_data.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_TABLE: Final = "holdout_histories"
_LAST_BIN: Final = 7


@dataclass(frozen=True)
class Holdout:
    """How well the second part of the data was forecast from the first.

    Attributes
    ----------
    totals : DataFrame
        segment, customers, actual_orders, forecast_orders, error, low, high: repeat purchase days in the holdout of the
        customers known before it; the last row is ``all``. ``error`` is forecast / actual - 1, missing where nothing
        was bought; ``low, high`` bound the actual number, parameters and outcomes both uncertain.
    value_totals : DataFrame
        segment, customers, actual_value, forecast_value, error, low, high: the same in money, not discounted.
    tracking : DataFrame
        period (first day of a week), actual, forecast, cumulative_actual, cumulative_forecast, is_holdout; weeks are
        laid from the line between the parts, so that the first and the last may be short. Before the line the forecast
        is what the model expects of newcomers; after it, of each customer given the history, and it starts from the
        actual sum at the line.
    by_frequency : DataFrame
        frequency ("0" to "6", "7+"), customers, actual_mean, forecast_mean: purchase days in the holdout by repeat
        purchases before it.
    scores : DataFrame
        method, total, error, mae, rmse, correlation: the model of orders and the rival "repeat the past", over
        customers; correlation is missing where either side does not vary.
    histories : HistoriesSummary
        Of the first part.
    start_day, end_day : int
        First and last day of the holdout, in days since 1970-01-01.
    new_customers : int
        Customers whose first order lies in the holdout; nothing here counts them.
    confidence : float
    notes : tuple of str
    """

    totals: "pd.DataFrame"
    value_totals: "pd.DataFrame"
    tracking: "pd.DataFrame"
    by_frequency: "pd.DataFrame"
    scores: "pd.DataFrame"
    histories: HistoriesSummary
    start_day: int
    end_day: int
    new_customers: int
    confidence: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Outcomes:
    """What the customers of each pattern did in the holdout; one entry per pattern and number of purchase days.

    Attributes
    ----------
    pattern : ndarray of int
        Index into the patterns.
    orders, customers, value : ndarray of float
        Purchase days in the holdout, customers with so many, and the value of all their purchases.
    """

    pattern: Indices
    orders: Floats
    customers: Floats
    value: Floats

    def by_segment(self, fitted: SegmentModels) -> tuple[Floats, Floats]:
        """Purchase days and their value, per segment of the models."""
        owner, count = fitted.patterns.segment[self.pattern], len(fitted.patterns.segments)
        orders = np.bincount(owner, weights=self.orders * self.customers, minlength=count)
        return orders.astype(np.float64), np.bincount(owner, weights=self.value, minlength=count).astype(np.float64)


def holdout(
    connection: "duckdb.DuckDBPyConnection",
    *,
    until_day: int | None = None,
    end_day: int | None = None,
    segment_by: Sequence[str] = (),
    segment_parameters: SegmentParameters = "pooled",
    orders_model: OrdersModel = "bg_nbd",
    confidence: float = 0.90,
    draws: int = 2_000,
    seed: int = 0,
) -> Holdout:
    """Fit to the orders until ``until_day``, forecast those up to ``end_day``, and compare.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds ``orders`` and, for segments, ``customers``.
    until_day : int, optional
        Last day of the first part, in days since 1970-01-01. Default: the holdout is the last third of the data in
        whole weeks, at most 52.
    end_day : int, optional
        Last day of the holdout. Default: the day of the last order.
    segment_by, segment_parameters, orders_model, confidence, draws, seed
        As in `forecast`; "auto" chooses within the first part.

    Raises
    ------
    InputError
        The data are too short to be parted, or hold no order before the holdout.
    ModelError
        The first part is too small for a model.
    """
    check_interval(confidence, draws)
    until, end = holdout_days(connection, until_day, end_day)
    summary = build_histories(connection, until_day=until, segment_by=segment_by, table=_TABLE)
    choice = choose_order_model(connection, orders_model, until_day=until)
    fitted = fit_segments(
        connection, parameters=segment_parameters, orders_model=choice.name, confidence=confidence, table=_TABLE
    )
    outcomes = holdout_outcomes(connection, until, end, table=_TABLE)
    edges = np.append(np.arange(0, end - until, DAYS_PER_WEEK), end - until).astype(np.float64)
    by_count, by_value = (
        predict_segments(
            connection, fitted, edges=edges, delta=0.0, of=of, draws=draws, seed=seed, table=_TABLE
        )
        for of in ("orders", "value")
    )  # fmt: skip
    actual_orders, actual_value = outcomes.by_segment(fitted)
    known = single_row(connection, f"SELECT count(DISTINCT customer_id) FROM orders WHERE day <= {end}")[0]
    return Holdout(
        totals=_totals("orders", fitted, actual_orders, by_count.orders, by_count, confidence),
        value_totals=_totals("value", fitted, actual_value, by_value.value, by_value, confidence),
        tracking=weekly_tracking(connection, fitted, by_count.orders.sum(axis=1), until, end, table=_TABLE),
        by_frequency=_by_frequency(fitted, outcomes, by_count.patterns.orders),
        scores=_scores(
            TITLES[choice.name],
            fitted,
            outcomes,
            by_count.patterns.orders,
            (end - until) / (until - summary.first_day + 1),
        ),
        histories=summary,
        start_day=until + 1,
        end_day=end,
        new_customers=int(known) - summary.customers,
        confidence=confidence,
        notes=fitted.notes + ((choice.note,) if choice.note else ()),
    )


def holdout_days(
    connection: "duckdb.DuckDBPyConnection", until_day: int | None, end_day: int | None
) -> tuple[int, int]:
    """The last day of the first part and of the holdout, checked, with the defaults of `holdout`."""
    first, last = single_row(connection, "SELECT min(day), max(day) FROM orders")
    if first is None:
        raise InputError("orders: there is no order, so there is nothing to check a forecast on.")
    end = int(last) if end_day is None else int(end_day)
    if until_day is None:
        weeks = weeks_of_last_third(int(first), end)
        if weeks < 1:
            raise InputError(
                f"orders: the data last {end - int(first) + 1} days, from {day_date(first)} to {day_date(end)}; "
                "a holdout of a third of them needs 21 days at least."
            )
        until_day = end - DAYS_PER_WEEK * weeks
    if until_day >= end:
        raise ConfigurationError(
            f"the holdout is empty: it starts after {day_date(until_day)} and ends on {day_date(end)}. "
            "Choose an earlier last day for the first part."
        )
    return int(until_day), end


def holdout_outcomes(connection: "duckdb.DuckDBPyConnection", until: int, end: int, *, table: str) -> Outcomes:
    """What the customers of the histories did from the day after ``until`` to ``end``."""
    found = connection.execute(
        f"""WITH later AS (
                SELECT customer_id, count(DISTINCT day) AS orders, CAST(sum(value) AS BIGINT) AS value
                FROM orders WHERE day > {until} AND day <= {end} GROUP BY customer_id
            ),
            joined AS (
                SELECT segment, frequency, recency_days, age_days, coalesce(orders, 0) AS orders,
                       coalesce(value, 0) AS value
                FROM {quoted(table)} LEFT JOIN later USING (customer_id)
            )
            SELECT dense_rank() OVER (ORDER BY segment, frequency, recency_days, age_days) - 1 AS pattern,
                   orders, count(*) AS customers, CAST(sum(value) AS DOUBLE) AS value
            FROM joined GROUP BY segment, frequency, recency_days, age_days, orders ORDER BY pattern, orders"""
    ).fetchnumpy()
    return Outcomes(
        pattern=np.asarray(found["pattern"], dtype=np.intp),
        orders=np.asarray(found["orders"], dtype=np.float64),
        customers=np.asarray(found["customers"], dtype=np.float64),
        value=np.asarray(found["value"], dtype=np.float64) / MONEY_SCALE,
    )


def _totals(
    what: str,
    fitted: SegmentModels,
    actual: Floats,
    expected: Floats,
    prediction: SegmentPrediction,
    confidence: float,
) -> "pd.DataFrame":
    import pandas as pd

    patterns = fitted.patterns
    names = patterns.segments
    low, high = central_interval(with_total(names, prediction.draws), confidence)
    seen, forecast = with_total(names, actual), with_total(names, expected.sum(axis=0))
    return pd.DataFrame(
        {
            "segment": names_with_total(names),
            "customers": np.rint(with_total(names, patterns.by_segment(patterns.customers))).astype(np.int64),
            f"actual_{what}": np.rint(seen).astype(np.int64) if what == "orders" else seen,
            f"forecast_{what}": forecast,
            "error": _relative_error(forecast, seen),
            "low": low,
            "high": high,
        }
    )


def _by_frequency(fitted: SegmentModels, outcomes: Outcomes, expected: Floats) -> "pd.DataFrame":
    import pandas as pd

    bins = np.minimum(fitted.patterns.x[outcomes.pattern], _LAST_BIN).astype(np.intp)
    customers, actual, forecast = (
        np.bincount(bins, weights=outcomes.customers * amount, minlength=_LAST_BIN + 1)
        for amount in (np.ones(len(bins)), outcomes.orders, expected[outcomes.pattern])
    )
    some = customers > 0
    names = np.array([*(str(x) for x in range(_LAST_BIN)), f"{_LAST_BIN}+"], dtype=object)
    return pd.DataFrame(
        {
            "frequency": names[some],
            "customers": np.rint(customers[some]).astype(np.int64),
            "actual_mean": actual[some] / customers[some],
            "forecast_mean": forecast[some] / customers[some],
        }
    )


def _scores(model: str, fitted: SegmentModels, outcomes: Outcomes, expected: Floats, length: float) -> "pd.DataFrame":
    """Scores of the model and of its rival, who repeats the past scaled by the length of the holdout to that before."""
    import pandas as pd

    weight, actual = outcomes.customers, outcomes.orders
    share = weight / weight.sum()
    rows = []
    for method, forecast in (
        (model, expected[outcomes.pattern]),
        ("repeat the past", fitted.patterns.x[outcomes.pattern] * length),
    ):
        total, error = float(weight @ forecast), forecast - actual
        varied = share @ (forecast - share @ forecast) ** 2 * (share @ (actual - share @ actual) ** 2)
        covaried = share @ ((forecast - share @ forecast) * (actual - share @ actual))
        rows.append(
            {
                "method": method,
                "total": total,
                "error": float(_relative_error(np.array([total]), np.array([weight @ actual]))[0]),
                "mae": float(share @ np.abs(error)),
                "rmse": float(np.sqrt(share @ error**2)),
                "correlation": float(covaried / np.sqrt(varied)) if varied > 0 else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def _relative_error(forecast: Floats, actual: Floats) -> Floats:
    return np.where(actual > 0, forecast / np.where(actual > 0, actual, 1.0) - 1, np.nan)
