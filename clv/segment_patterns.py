"""Distinct purchase histories per segment, with what forecasts need of their customers' spend.

The table ``histories`` comes down to one row per (segment, x, t_x, T): a count, and the sum and the sum of squares of
what its customers spent on repeat days. The expectation and the variance of lifetime value are exact in these.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clv.calendar import DAYS_PER_WEEK, Floats
from clv.engine_queries import quoted
from clv.order_frames import MONEY_SCALE

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

Indices: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class SegmentPatterns:
    """One entry per distinct (segment, x, t_x, T), in that order; times in days, money in the currency.

    Attributes
    ----------
    segments : tuple of str
        Names, in alphabetical order.
    segment : ndarray of int
        Index into ``segments``.
    x, t_x, T : ndarray of float
        Repeat purchases, days from the first to the last, days from the first to the end of observation.
    customers : ndarray of float
        How many have this history.
    spend, spend_squares : ndarray of float
        Sum over them of the value S of their repeat purchases, and of S squared; S below zero counts as zero.
    """

    segments: tuple[str, ...]
    segment: Indices
    x: Floats
    t_x: Floats
    T: Floats
    customers: Floats
    spend: Floats
    spend_squares: Floats

    def part(self, chosen: NDArray[np.bool_]) -> "SegmentPatterns":
        """The chosen entries, under the same names of segments."""
        return SegmentPatterns(
            self.segments,
            self.segment[chosen],
            self.x[chosen],
            self.t_x[chosen],
            self.T[chosen],
            self.customers[chosen],
            self.spend[chosen],
            self.spend_squares[chosen],
        )

    def by_segment(self, values: Floats) -> Floats:
        """Sums of ``values`` (last axis) over the entries of each segment."""
        rows = values.reshape(-1, len(self.segment))
        sums = [np.bincount(self.segment, weights=row, minlength=len(self.segments)) for row in rows]
        return np.array(sums, dtype=np.float64).reshape(*values.shape[:-1], len(self.segments))

    def histories(self) -> "pd.DataFrame":
        """Frequency, recency, T in weeks and weight: what the models of orders are fitted to."""
        import pandas as pd

        return pd.DataFrame(
            {
                "frequency": self.x,
                "recency": self.t_x / DAYS_PER_WEEK,
                "T": self.T / DAYS_PER_WEEK,
                "weight": self.customers,
            }
        )


def segment_patterns(connection: "duckdb.DuckDBPyConnection", *, table: str = "histories") -> SegmentPatterns:
    """The distinct histories of the table that `build_histories` made."""
    found = connection.execute(
        f"""WITH repeat_spend AS (
                SELECT segment, frequency, recency_days, age_days, CAST(greatest(spend, 0) AS HUGEINT) AS spend
                FROM {quoted(table)}
            )
            SELECT segment, frequency, recency_days, age_days, count(*) AS customers,
                   CAST(sum(spend) AS DOUBLE) AS spend, CAST(sum(spend * spend) AS DOUBLE) AS spend_squares
            FROM repeat_spend GROUP BY ALL ORDER BY ALL"""
    ).fetchnumpy()
    names, segment = np.unique(np.asarray(found["segment"], dtype=object).astype(str), return_inverse=True)
    return SegmentPatterns(
        segments=tuple(names.tolist()),
        segment=segment.astype(np.intp),
        x=_floats(found["frequency"]),
        t_x=_floats(found["recency_days"]),
        T=_floats(found["age_days"]),
        customers=_floats(found["customers"]),
        spend=_floats(found["spend"]) / MONEY_SCALE,
        spend_squares=_floats(found["spend_squares"]) / MONEY_SCALE**2,
    )


def spend_histories(
    connection: "duckdb.DuckDBPyConnection", *, table: str = "histories", segment: str | None = None
) -> "pd.DataFrame":
    """Frequency, monetary_value (mean of a repeat day, in the currency) and weight of the customers who have any.

    Customers whose repeat purchases come to nothing or less have no place in a model of positive spend.
    """
    where = "" if segment is None else "AND segment = $segment"
    frame = connection.execute(
        f"""SELECT CAST(frequency AS DOUBLE) AS frequency, spend / {MONEY_SCALE}::DOUBLE / frequency AS monetary_value,
                   CAST(count(*) AS DOUBLE) AS weight
            FROM {quoted(table)} WHERE frequency > 0 AND spend > 0 {where}
            GROUP BY frequency, spend ORDER BY frequency, spend""",
        {} if segment is None else {"segment": segment},
    ).fetchnumpy()
    import pandas as pd

    return pd.DataFrame({name: _floats(column) for name, column in frame.items()})


def _floats(column: object) -> Floats:
    return np.asarray(column, dtype=np.float64)
