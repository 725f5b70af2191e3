"""Repeat purchases week by week, actual against forecast, before and after the line of a holdout."""

from typing import TYPE_CHECKING

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats, day_date
from clv.engine_queries import quoted
from clv.prediction import names_with_total, with_total
from clv.segments import SegmentModels

if TYPE_CHECKING:
    import duckdb
    import pandas as pd


def weekly_tracking(
    connection: "duckdb.DuckDBPyConnection",
    fitted: SegmentModels,
    forecast: Floats,
    until: int,
    end: int,
    *,
    table: str,
) -> "pd.DataFrame":
    """The table ``tracking`` of `Holdout`; ``forecast`` (weeks, segments) holds the weeks after ``until``."""
    import pandas as pd

    segments = fitted.patterns.segments
    first = until - int(fitted.patterns.T.max())
    edges = np.array(
        [*sorted(range(until, first - 1, -DAYS_PER_WEEK)), *range(until + DAYS_PER_WEEK, end, DAYS_PER_WEEK), end]
    )
    if edges[0] >= first:
        edges = np.insert(edges, 0, first - 1)
    found = connection.execute(
        f"""WITH known AS (SELECT customer_id, segment, {until} - age_days AS first_day FROM {quoted(table)}),
            days AS (SELECT DISTINCT customer_id, day FROM orders WHERE day <= {end})
            SELECT segment, day, count(*) AS purchases FROM days JOIN known USING (customer_id)
            WHERE day > first_day GROUP BY segment, day ORDER BY segment, day"""
    ).fetchnumpy()
    day, purchases = (np.asarray(found[name], dtype=np.float64) for name in ("day", "purchases"))
    owner = np.asarray(found["segment"], dtype=object).astype(str)
    bought = [
        np.histogram(day[owner == name], bins=edges + 0.5, weights=purchases[owner == name])[0] for name in segments
    ]
    is_holdout = edges[:-1] >= until
    expected = np.concatenate([_expected_of_newcomers(fitted, edges[edges <= until], until), forecast])
    actual, expected = with_total(segments, np.stack(bought, axis=1)), with_total(segments, expected)
    sums, seen = np.cumsum(expected, axis=0), actual[~is_holdout].sum(axis=0)
    after = seen + sums - expected[~is_holdout].sum(axis=0)
    names = names_with_total(segments)
    return pd.DataFrame(
        {
            "segment": np.repeat(np.array(names, dtype=object), len(is_holdout)),
            "period": [day_date(int(edge) + 1) for edge in edges[:-1]] * len(names),
            "actual": _by_name(np.rint(actual)).astype(np.int64),
            "forecast": _by_name(expected),
            "cumulative_actual": _by_name(np.rint(np.cumsum(actual, axis=0))).astype(np.int64),
            "cumulative_forecast": _by_name(np.where(is_holdout[:, None], after, sums)),
            "is_holdout": np.tile(is_holdout, len(names)),
        }
    )


def _by_name(by_week: Floats) -> Floats:
    """Amounts of shape (weeks, names) in the order of the table: all weeks of a name together."""
    return by_week.T.ravel()


def _expected_of_newcomers(fitted: SegmentModels, edges: Floats, until: int) -> Floats:
    """Expected repeat purchases between the edges, from the days of first purchase alone; shape (weeks, segments)."""
    patterns = fitted.patterns
    expected = np.zeros((len(edges), len(patterns.segments)))
    for index, model in enumerate(fitted.models):
        members = fitted.of_segment[patterns.segment] == index
        ages, place = np.unique(patterns.T[members], return_inverse=True)
        customers = np.zeros((len(ages), len(patterns.segments)))
        np.add.at(customers, (place, patterns.segment[members]), patterns.customers[members])
        since_first = np.maximum(np.subtract.outer(edges, until - ages), 0.0) / DAYS_PER_WEEK
        expected += model.orders.expected_orders_new(since_first) @ customers
    return np.diff(expected, axis=0)
