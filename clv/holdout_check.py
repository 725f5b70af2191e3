"""The check on past data: fit to the first part of the orders, forecast the second, compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats, day_date
from clv.customer_sources import FIRST
from clv.engine_queries import quoted, single_row
from clv.histories import ALL, HistoriesSummary, build_histories
from clv.holdout_orders import orders_by_source
from clv.holdout_scores import (
    by_frequency,
    pit_of_orders,
    relative_error,
    rival_forecasts,
    score_table,
    spend_density_by_segment,
)
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
from clv.purchase_days import OrderTime
from clv.segment_patterns import Indices
from clv.segments import SegmentModels, SegmentParameters, fit_segments
from clv.tracking import weekly_tracking
from customer_data.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_TABLE: Final = "holdout_histories"


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
        segment, period (first day of a week), actual, forecast, cumulative_actual, cumulative_forecast, is_holdout;
        weeks are laid from the line between the parts, so that the first and the last may be short. Before the line the
        forecast is what the model expects of newcomers; after it, of each customer given the history, and it starts
        from the actual sum at the line.
    by_frequency : DataFrame
        segment, frequency ("0" to "6", "7+"), customers, actual_mean, forecast_mean: purchase days in the holdout by
        repeat purchases before it.
    scores : DataFrame
        method, total, error, bias, mae, rmse, correlation: the model of orders and its rivals "repeat the past" and
        NBD, over all customers; correlation is missing where either side does not vary.
    segment_scores : DataFrame
        The same per segment, with segment and customers; see `clv.holdout_scores.score_table`.
    pit : DataFrame
        segment, low, high, share, expected: where the orders lie in their predicted distributions, see
        `clv.holdout_scores.pit_of_orders`.
    spend_density : DataFrame
        segment, low, high, customers, observed, expected: mean spend per repeat purchase before the line, against the
        law of spend; see `clv.holdout_scores.spend_density`.
    orders_by_source : DataFrame
        segment, source, customers (who ordered), orders (purchase days), value: all of the holdout by ``source``, named
        as in a cash flow: known customers, whose orders alone are compared with the forecast; first orders and repeat
        orders of new customers, which no history foretells; and their total.
    histories : HistoriesSummary
        Of the first part.
    start_day, end_day : int
        First and last day of the holdout, in days since 1970-01-01.
    new_customers : int
        Customers whose first order lies in the holdout; nothing but ``orders_by_source`` counts them.
    confidence : float
    notes : tuple of str
    """

    totals: "pd.DataFrame"
    value_totals: "pd.DataFrame"
    tracking: "pd.DataFrame"
    by_frequency: "pd.DataFrame"
    scores: "pd.DataFrame"
    segment_scores: "pd.DataFrame"
    pit: "pd.DataFrame"
    spend_density: "pd.DataFrame"
    orders_by_source: "pd.DataFrame"
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
        _, orders, value = self._sums(fitted)
        return orders, value

    def buyers(self, fitted: SegmentModels) -> "pd.DataFrame":
        """segment, customers (who bought in the holdout), orders (purchase days), value."""
        import pandas as pd

        customers, orders, value = self._sums(fitted)
        names = list(fitted.patterns.segments)
        return pd.DataFrame({"segment": names, "customers": customers, "orders": orders, "value": value})

    def _sums(self, fitted: SegmentModels) -> tuple[Floats, Floats, Floats]:
        owner, count = fitted.patterns.segment[self.pattern], len(fitted.patterns.segments)
        bought = np.where(self.orders > 0, self.customers, 0.0)
        customers, orders, value = (
            np.bincount(owner, weights=amounts, minlength=count).astype(np.float64)
            for amounts in (bought, self.orders * self.customers, self.value)
        )
        return customers, orders, value


def holdout(
    connection: "duckdb.DuckDBPyConnection",
    *,
    until_day: int | None = None,
    end_day: int | None = None,
    segment_by: Sequence[str] = (),
    segment_parameters: SegmentParameters = "pooled",
    orders_model: OrdersModel = "bg_nbd",
    order_time: OrderTime = "days",
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
    segment_by, segment_parameters, orders_model, order_time, confidence, draws, seed
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
    choice = choose_order_model(connection, orders_model, until_day=until, order_time=order_time)
    fitted = fit_segments(
        connection, parameters=segment_parameters, orders_model=choice.name, order_time=order_time,
        confidence=confidence, table=_TABLE,
    )  # fmt: skip
    outcomes = holdout_outcomes(connection, until, end, table=_TABLE)
    edges = np.append(np.arange(0, end - until, DAYS_PER_WEEK), end - until).astype(np.float64)
    by_count, by_value = (
        predict_segments(
            connection, fitted, edges=edges, delta=0.0, of=of, draws=draws, seed=seed, table=_TABLE
        )
        for of in ("orders", "value")
    )  # fmt: skip
    actual_orders, actual_value = outcomes.by_segment(fitted)
    did = outcomes.pattern, outcomes.orders, outcomes.customers
    weeks = (end - until) / DAYS_PER_WEEK
    share_of_past = (end - until) / (until - summary.first_day + 1)
    forecasts = {
        TITLES[choice.name]: by_count.patterns.orders,
        **rival_forecasts(fitted, weeks=weeks, share_of_past=share_of_past),
    }
    table = _segment_scores(forecasts, outcomes, fitted)
    by_source = orders_by_source(
        connection, outcomes.buyers(fitted), end_day=end, segment_by=segment_by, table=_TABLE
    )  # fmt: skip
    return Holdout(
        totals=_totals("orders", fitted, actual_orders, by_count.orders, by_count, confidence),
        value_totals=_totals("value", fitted, actual_value, by_value.value, by_value, confidence),
        tracking=weekly_tracking(connection, fitted, by_count.orders, until, end, table=_TABLE),
        by_frequency=by_frequency(fitted, *did, by_count.patterns.orders),
        scores=table[table["segment"] == ALL].drop(columns=["segment", "customers"]).reset_index(drop=True),
        segment_scores=table,
        pit=pit_of_orders(fitted, *did, weeks=weeks),
        spend_density=spend_density_by_segment(fitted, _spend_of_segments(connection)),
        histories=summary,
        start_day=until + 1,
        end_day=end,
        orders_by_source=by_source,
        new_customers=int(
            by_source.loc[(by_source["segment"] == ALL) & (by_source["source"] == FIRST), "customers"].sum()
        ),
        confidence=confidence,
        notes=(*summary.refund_notes, *_of_the_check((*fitted.notes, choice.note), until)),
    )


def _of_the_check(notes: tuple[str, ...], until: int) -> list[str]:
    """What was noted of these fits, told from the same of those that forecast the future."""
    return [f"In the check on the past, fitted until {day_date(until)}: {note}" for note in notes if note]


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
            "error": relative_error(forecast, seen),
            "low": low,
            "high": high,
        }
    )


def _segment_scores(forecasts: Mapping[str, Floats], outcomes: Outcomes, fitted: SegmentModels) -> "pd.DataFrame":
    """Scores per segment, and of all customers last."""
    import pandas as pd

    names, pattern = fitted.patterns.segments, outcomes.pattern
    here = {method: forecast[pattern] for method, forecast in forecasts.items()}
    together = score_table(here, outcomes.orders, outcomes.customers, np.zeros(len(pattern), dtype=np.intp), (ALL,))
    if names == (ALL,):
        return together
    apart = score_table(here, outcomes.orders, outcomes.customers, fitted.patterns.segment[pattern], names)
    return pd.concat([apart, together], ignore_index=True)


def _spend_of_segments(connection: "duckdb.DuckDBPyConnection") -> "pd.DataFrame":
    """segment, frequency, monetary_value (mean of a repeat day) and weight, where it is positive."""
    return connection.execute(
        f"""SELECT segment, CAST(frequency AS DOUBLE) AS frequency,
                   spend / {MONEY_SCALE}::DOUBLE / frequency AS monetary_value, CAST(count(*) AS DOUBLE) AS weight
            FROM {quoted(_TABLE)} WHERE frequency > 0 AND spend > 0
            GROUP BY segment, frequency, spend ORDER BY segment, frequency, spend"""
    ).df()
