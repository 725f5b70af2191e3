"""Forecasts of single customers: computed per pattern, joined and written by the engine, never read into Python."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import Floats
from clv.engine_queries import literal, quoted
from clv.histories import ALL
from clv.order_frames import MONEY_SCALE
from clv.segment_patterns import SegmentPatterns
from clv.segments import SegmentModels
from clv.totals import PatternForecast
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_VIEW: Final = """
CREATE OR REPLACE VIEW priced_customers AS
SELECT customer_id, segment, p_alive, expected_orders, discounted_orders{infinite_orders},
       frequency, recency_days, age_days, spend, {margin} AS margin,
       (SELECT level FROM forecast_level) * spend_p * (spend_v + greatest(spend, 0) / {scale}::DOUBLE)
           / (spend_p * frequency + spend_rest) AS per_order
FROM {histories} JOIN pattern_forecast USING (segment, frequency, recency_days, age_days){infinite_table}{margin_table};
CREATE OR REPLACE VIEW customer_forecast AS
SELECT customer_id, segment, p_alive, expected_orders,
       expected_orders * per_order AS expected_revenue,
       margin * expected_orders * per_order AS expected_value,
       margin * discounted_orders * per_order AS clv{infinite_value},
       frequency, recency_days, age_days,
       CASE WHEN frequency > 0 THEN spend / {scale}::DOUBLE / frequency ELSE 0.0 END AS monetary_value
FROM priced_customers"""


def create_customer_forecast(
    connection: "duckdb.DuckDBPyConnection",
    fitted: SegmentModels,
    forecast: PatternForecast,
    *,
    margin: float | None,
    table: str = "histories",
) -> None:
    """Make the table ``pattern_forecast`` and the view ``customer_forecast`` of the connection.

    Without a margin each customer has that of the table ``customer_margins``.
    """
    import pandas as pd

    patterns = fitted.patterns
    laws = [model.spend.law for model in fitted.models]
    of_pattern = fitted.of_segment[patterns.segment]
    frame = _patterns_frame(patterns).assign(
        p_alive=forecast.p_alive,
        expected_orders=forecast.orders,
        discounted_orders=forecast.discounted,
        spend_p=pd.Series([law.p for law in laws]).to_numpy()[of_pattern],
        spend_v=pd.Series([law.v for law in laws]).to_numpy()[of_pattern],
        spend_rest=pd.Series([law.q - 1 for law in laws]).to_numpy()[of_pattern],
    )
    connection.register("pattern_forecast_frame", frame)
    connection.execute(
        """CREATE OR REPLACE TABLE pattern_forecast AS
           SELECT * REPLACE (CAST(segment AS VARCHAR) AS segment) FROM pattern_forecast_frame"""
    )
    connection.unregister("pattern_forecast_frame")
    set_level(connection, 1.0)
    _create_view(connection, margin=margin, table=table)


def set_level(connection: "duckdb.DuckDBPyConnection", level: float) -> None:
    """Let the values of the view ``customer_forecast`` be so many times what the models say."""
    connection.execute(f"CREATE OR REPLACE TABLE forecast_level AS SELECT {level!r}::DOUBLE AS level")


def add_infinite_values(
    connection: "duckdb.DuckDBPyConnection",
    patterns: SegmentPatterns,
    discounted_orders: Floats,
    *,
    margin: float | None,
    table: str = "histories",
) -> None:
    """Give the view ``customer_forecast`` the column ``clv_infinite`` from the orders of one customer of each pattern.

    Raises
    ------
    ConfigurationError
        No forecast was made on this connection.
    """
    import pandas as pd

    _need_forecast(connection)
    frame = _patterns_frame(patterns).assign(infinite_orders=pd.Series(discounted_orders))
    connection.register("infinite_forecast_frame", frame)
    connection.execute(
        """CREATE OR REPLACE TABLE infinite_forecast AS
           SELECT * REPLACE (CAST(segment AS VARCHAR) AS segment) FROM infinite_forecast_frame"""
    )
    connection.unregister("infinite_forecast_frame")
    _create_view(connection, margin=margin, table=table, infinite=True)


def segment_margins(
    connection: "duckdb.DuckDBPyConnection", segments: Sequence[str], *, orders: str = "discounted_orders"
) -> Floats:
    """What is left of each segment's expected revenue: the margins of its customers, weighted by what they will bring.

    Where nothing is expected of a segment, the mean of its customers' margins.
    """
    exact = "CAST(sum(CAST({} AS DECIMAL(38, 10))) AS DOUBLE)"
    revenue = f"{quoted(orders)} * per_order"
    found = connection.execute(
        f"""SELECT segment, {exact.format(f"margin * {revenue}")}, {exact.format(revenue)},
                   {exact.format("margin")} / count(*)
            FROM priced_customers GROUP BY segment"""
    ).fetchall()
    known = {segment: value / whole if whole > 0 else mean for segment, value, whole, mean in found}
    return np.array([known[name] for name in segments], dtype=np.float64)


def _create_view(
    connection: "duckdb.DuckDBPyConnection", *, margin: float | None, table: str, infinite: bool = False
) -> None:
    more = dict.fromkeys(("infinite_orders", "infinite_value", "infinite_table"), "")
    if infinite:
        more = {
            "infinite_orders": ", infinite_orders",
            "infinite_value": ", margin * infinite_orders * per_order AS clv_infinite",
            "infinite_table": " JOIN infinite_forecast USING (segment, frequency, recency_days, age_days)",
        }
    more["margin"] = "customer_margins.margin" if margin is None else f"{float(margin)!r}::DOUBLE"
    more["margin_table"] = " JOIN customer_margins USING (customer_id)" if margin is None else ""
    connection.execute(_VIEW.format(scale=MONEY_SCALE, histories=quoted(table), **more))


def _patterns_frame(patterns: SegmentPatterns) -> "pd.DataFrame":
    """The patterns as they are named in the histories."""
    import pandas as pd

    return pd.DataFrame(
        {
            "segment": pd.Categorical.from_codes(patterns.segment, categories=pd.Index(patterns.segments)),
            "frequency": patterns.x.astype("int32"),
            "recency_days": patterns.t_x.astype("int32"),
            "age_days": patterns.T.astype("int32"),
        }
    )


def write_customer_forecast(connection: "duckdb.DuckDBPyConnection", path: Path | str) -> None:
    """Write one row per customer, sorted by customer_id, to a Parquet file; run `forecast` on the connection first.

    Columns: customer_id, segment, p_alive, expected_orders, expected_revenue, expected_value (after margin, not
    discounted), clv (discounted, after margin), clv_infinite (the same without a horizon, only after
    `clv.infinite_horizon.infinite_horizon`), frequency, recency_days, age_days, monetary_value (revenue). The file
    appears whole or not at all.

    Raises
    ------
    ConfigurationError
        No forecast was made on this connection.
    """
    _need_forecast(connection)
    target = Path(path)
    partial = target.with_name(f".{target.name}.partial")
    try:
        connection.execute(
            f"""COPY (SELECT * FROM customer_forecast ORDER BY customer_id)
                TO {literal(str(partial))} (FORMAT parquet, COMPRESSION zstd)"""
        )
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def value_deciles(connection: "duckdb.DuckDBPyConnection") -> "pd.DataFrame":
    """Customers ranked by lifetime value in ten equal groups, decile 1 the most valuable: per segment, and of all.

    Returns
    -------
    DataFrame
        segment, decile, customers, clv (sum over the group), share (of the sum over the segment); segment ``all``, in
        which all customers are ranked together, comes last. With fewer than ten customers there are as many groups as
        customers.

    Raises
    ------
    ConfigurationError
        No forecast was made on this connection.
    """
    _need_forecast(connection)
    return connection.execute(
        f"""WITH valued AS (SELECT segment, customer_id, CAST(clv AS DECIMAL(38, 6)) AS clv FROM customer_forecast),
            ranked AS (
                SELECT segment, clv, ntile(10) OVER (PARTITION BY segment ORDER BY clv DESC, customer_id) AS decile
                FROM valued WHERE segment <> '{ALL}'
                UNION ALL SELECT '{ALL}', clv, ntile(10) OVER (ORDER BY clv DESC, customer_id) FROM valued
            )
            SELECT segment, CAST(decile AS INTEGER) AS decile, count(*) AS customers, CAST(sum(clv) AS DOUBLE) AS clv,
                   CAST(sum(clv) AS DOUBLE)
                   / greatest(CAST(sum(sum(clv)) OVER (PARTITION BY segment) AS DOUBLE), 1e-300) AS share
            FROM ranked GROUP BY segment, decile ORDER BY segment = '{ALL}', segment, decile"""
    ).df()


def _need_forecast(connection: "duckdb.DuckDBPyConnection") -> None:
    (found,) = connection.execute(
        "SELECT count(*) FROM information_schema.tables WHERE table_name = 'customer_forecast'"
    ).fetchall()
    if not found[0]:
        raise ConfigurationError("There is no customer forecast on this connection; call clv.forecast on it first.")
