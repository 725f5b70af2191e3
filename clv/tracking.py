"""Repeat purchases week by week, actual against forecast, before and after the line of a holdout."""

from typing import TYPE_CHECKING

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats, day_date
from clv.engine_queries import quoted
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
    """The table ``tracking`` of `Holdout`; ``forecast`` holds the expected orders of each week after ``until``."""
    import pandas as pd

    first = until - int(fitted.patterns.T.max())
    edges = np.array(
        [*sorted(range(until, first - 1, -DAYS_PER_WEEK)), *range(until + DAYS_PER_WEEK, end, DAYS_PER_WEEK), end]
    )
    if edges[0] >= first:
        edges = np.insert(edges, 0, first - 1)
    found = connection.execute(
        f"""WITH known AS (SELECT customer_id, {until} - age_days AS first_day FROM {quoted(table)}),
            days AS (SELECT DISTINCT customer_id, day FROM orders WHERE day <= {end})
            SELECT day, count(*) AS purchases FROM days JOIN known USING (customer_id)
            WHERE day > first_day GROUP BY day ORDER BY day"""
    ).fetchnumpy()
    day, purchases = (np.asarray(found[name], dtype=np.float64) for name in ("day", "purchases"))
    actual = np.histogram(day, bins=edges + 0.5, weights=purchases)[0]
    is_holdout = edges[:-1] >= until
    expected = np.concatenate([_expected_of_newcomers(fitted, edges[edges <= until], until), forecast])
    seen = float(actual[~is_holdout].sum())
    sums = np.cumsum(expected)
    return pd.DataFrame(
        {
            "period": [day_date(int(edge) + 1) for edge in edges[:-1]],
            "actual": np.rint(actual).astype(np.int64),
            "forecast": expected,
            "cumulative_actual": np.rint(np.cumsum(actual)).astype(np.int64),
            "cumulative_forecast": np.where(is_holdout, seen + sums - float(expected[~is_holdout].sum()), sums),
            "is_holdout": is_holdout,
        }
    )


def _expected_of_newcomers(fitted: SegmentModels, edges: Floats, until: int) -> Floats:
    """Expected repeat purchases between the edges, from the days of first purchase alone."""
    expected = np.zeros(len(edges))
    patterns = fitted.patterns
    for index, model in enumerate(fitted.models):
        members = fitted.of_segment[patterns.segment] == index
        ages, place = np.unique(patterns.T[members], return_inverse=True)
        customers = np.bincount(place, weights=patterns.customers[members], minlength=len(ages))
        since_first = np.maximum(np.subtract.outer(edges, until - ages), 0.0) / DAYS_PER_WEEK
        expected += model.orders.expected_orders_new(since_first) @ customers
    return np.diff(expected)
