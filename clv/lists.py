"""Lists to act on: who is slipping away, who is overdue, who matters most, who should be won a second time."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import DAYS_PER_WEEK, day_date
from clv.engine_queries import literal
from clv.forecasting import Forecast
from clv.histories import histories_sql
from clv.order_frames import MONEY_SCALE
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_FEWEST_FOR_A_RHYTHM: Final = 3

_SAFE_TEXT: Final = """
CASE WHEN regexp_matches({column}::VARCHAR, '^[=+@\\t\\r-]') AND TRY_CAST({column}::VARCHAR AS BIGINT) IS NULL
     THEN '''' || {column}::VARCHAR ELSE {column}::VARCHAR END AS {column}"""

_QUERIES: Final = {
    "at_risk": """
        WITH silent AS (
            SELECT *, age_days - recency_days AS days_since_last,
                   coalesce(recency_days / nullif(frequency, 0)::DOUBLE,
                            (SELECT sum(recency_days) / nullif(sum(frequency), 0)::DOUBLE FROM customer_forecast))
                       AS usual_gap_days
            FROM customer_forecast JOIN chances_before USING (customer_id)
        )
        SELECT customer_id, segment, p_alive_before, p_alive, clv, frequency, days_since_last, usual_gap_days
        FROM silent
        WHERE p_alive < {line} AND days_since_last >= {days} AND days_since_last > usual_gap_days
          AND NOT (p_alive_before < {line} AND days_since_last - {days} >= {days}
                   AND days_since_last - {days} > usual_gap_days)
        ORDER BY clv DESC, customer_id""",
    "overdue": """
        SELECT customer_id, segment, age_days - recency_days AS days_since_last,
               recency_days / frequency::DOUBLE AS usual_gap_days,
               pow(recency_days / age_days::DOUBLE, frequency) AS chance_of_such_a_gap, p_alive, clv, frequency
        FROM customer_forecast
        WHERE frequency >= {fewest} AND age_days > 0 AND pow(recency_days / age_days::DOUBLE, frequency) < {chance}
          AND p_alive >= {line}
        ORDER BY clv DESC, customer_id""",
    "top_value": """
        SELECT customer_id, segment, clv, expected_orders, expected_value, p_alive, frequency, monetary_value
        FROM customer_forecast ORDER BY clv DESC, customer_id""",
    "second_order": """
        SELECT customer_id, segment, clv, expected_orders, first_value / {scale}::DOUBLE AS first_value,
               age_days AS days_since_first
        FROM customer_forecast JOIN (SELECT customer_id, first_value FROM histories) USING (customer_id)
        WHERE frequency = 0 ORDER BY clv DESC, first_value DESC, customer_id""",
}

LISTS: Final = tuple(_QUERIES)
_MONEY: Final = ("clv", "expected_value", "first_value", "monetary_value")


def action_list(
    connection: "duckdb.DuckDBPyConnection",
    forecast: Forecast,
    name: str,
    *,
    since_day: int | None = None,
    line: float = 0.5,
    chance: float = 0.05,
    limit: int = 1_000,
) -> "pd.DataFrame":
    """One list, the most valuable customers first.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The one `forecast` was made on, last of all forecasts.
    forecast : Forecast
    name : {"at_risk", "overdue", "top_value", "second_order"}
        ``at_risk``: who came to be at risk after ``since_day``: P(alive) is below ``line``, no order came after that
        day, and the silence is longer than the customer's usual gap (of all customers, where there is no second
        order); and not all of this was so on ``since_day`` already, for a run as long before. So runs at equal
        distances name a customer once in a silence. Columns customer_id, segment, p_alive_before, p_alive, clv,
        frequency, days_since_last, usual_gap_days.
        ``overdue``: at least three repeat purchases, and a silence that has less than ``chance`` by the customer's own
        rhythm, (t_x / T)^x, while P(alive) is still at or above ``line``: time to ask. Columns customer_id, segment,
        days_since_last, usual_gap_days, chance_of_such_a_gap, p_alive, clv, frequency.
        ``top_value``: by lifetime value. Columns customer_id, segment, clv, expected_orders, expected_value, p_alive,
        frequency, monetary_value.
        ``second_order``: one-time buyers by lifetime value. Columns customer_id, segment, clv, expected_orders,
        first_value (revenue), days_since_first.
    since_day : int, optional
        Day of the last run, in days since 1970-01-01. Default: 28 days before the as-of day.
    limit : int
        Rows at most.

    Raises
    ------
    ConfigurationError
        There is no such list, or the last run lies after the as-of day.
    """
    query = _query(connection, forecast, name, since_day=since_day, line=line, chance=chance, limit=limit)
    return connection.execute(query).df()


def write_action_lists(
    connection: "duckdb.DuckDBPyConnection",
    forecast: Forecast,
    folder: Path | str,
    *,
    since_day: int | None = None,
    line: float = 0.5,
    chance: float = 0.05,
    limit: int = 1_000,
) -> tuple[Path, ...]:
    """Write all lists as CSV into an existing folder, one file each, by the engine; arguments as in `action_list`.

    Text that a spreadsheet would take for a formula (it begins with = + - @, tab or carriage return) stands behind an
    apostrophe. Money is rounded to ten-thousandths of the currency. Each file appears whole or not at all.
    """
    written = []
    for name in LISTS:
        query = _query(connection, forecast, name, since_day=since_day, line=line, chance=chance, limit=limit)
        target = Path(folder) / f"{name}.csv"
        partial = target.with_name(f".{target.name}.partial")
        safe = ", ".join(
            [_SAFE_TEXT.format(column=column) for column in ("customer_id", "segment")]
            + [f"round({column}, 4) + 0.0 AS {column}" for column in _MONEY if column in _QUERIES[name]]
        )
        try:
            connection.execute(f"COPY (SELECT * REPLACE ({safe}) FROM ({query})) TO {literal(str(partial))} (HEADER)")
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
        written.append(target)
    return tuple(written)


def _query(
    connection: "duckdb.DuckDBPyConnection",
    forecast: Forecast,
    name: str,
    *,
    since_day: int | None,
    line: float,
    chance: float,
    limit: int,
) -> str:
    if name not in _QUERIES:
        raise ConfigurationError(f"there is no list {name!r}; there are {', '.join(LISTS)}.")
    if not (0 < line < 1 and 0 < chance < 1 and limit >= 1):
        raise ConfigurationError(
            f"line is {line}, chance {chance}, limit {limit}; the first two must lie between 0 and 1, the last be 1 "
            "or more."
        )
    days = _make_earlier_chances(connection, forecast, since_day) if name == "at_risk" else 0
    query = _QUERIES[name].format(
        line=float(line), chance=float(chance), fewest=_FEWEST_FOR_A_RHYTHM, scale=MONEY_SCALE, days=days
    )
    return f"{query} LIMIT {int(limit)}"


def _make_earlier_chances(connection: "duckdb.DuckDBPyConnection", forecast: Forecast, since_day: int | None) -> int:
    """The table ``chances_before`` (customer_id, p_alive_before): P(alive) on the earlier day, as was known then.

    Returns how many days ago that was.
    """
    as_of = forecast.histories.until_day
    since = as_of - 28 if since_day is None else since_day
    if since >= as_of:
        raise ConfigurationError(f"the last run is to lie before {day_date(as_of)}, the as-of day of this one.")
    connection.execute(
        f"""CREATE OR REPLACE TABLE histories_before AS
            SELECT customer_id, histories.segment, earlier.frequency, earlier.recency_days, earlier.age_days
            FROM ({histories_sql("orders", since)}) AS earlier JOIN histories USING (customer_id)"""
    )
    frame = connection.execute(
        "SELECT DISTINCT segment, frequency, recency_days, age_days FROM histories_before ORDER BY ALL"
    ).df()
    fitted = forecast.models
    number = {segment: index for index, segment in enumerate(fitted.patterns.segments)}
    model_of = np.array([fitted.of_segment[number[segment]] for segment in frame["segment"]], dtype=int)
    before = np.zeros(len(frame))
    for index, model in enumerate(fitted.models):
        rows = frame[model_of == index]
        before[model_of == index] = model.orders.p_alive(
            rows["frequency"].to_numpy(float),
            rows["recency_days"].to_numpy(float) / DAYS_PER_WEEK,
            rows["age_days"].to_numpy(float) / DAYS_PER_WEEK,
        )
    connection.register("chances_frame", frame.assign(p_alive_before=before))
    connection.execute(
        """CREATE OR REPLACE TABLE chances_before AS
           SELECT customer_id, p_alive_before
           FROM histories_before JOIN chances_frame USING (segment, frequency, recency_days, age_days)"""
    )
    connection.unregister("chances_frame")
    connection.execute("DROP TABLE histories_before")
    return as_of - since
