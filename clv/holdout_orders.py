"""All orders of a holdout by who made them: those that the forecast is held against, and those of new customers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import Floats
from clv.customer_sources import FIRST, KNOWN, REPEAT, TOTAL
from clv.engine_queries import quoted
from clv.histories import histories_sql
from clv.order_frames import MONEY_SCALE
from clv.prediction import names_with_total, with_total

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_AMOUNTS: Final = ("customers", "orders", "value")


def orders_by_source(
    connection: "duckdb.DuckDBPyConnection",
    known: "pd.DataFrame",
    *,
    end_day: int,
    segment_by: Sequence[str],
    table: str,
) -> "pd.DataFrame":
    """The table ``orders_by_source`` of `Holdout`.

    ``known`` has segment, customers, orders and value of the customers of the histories in ``table``.
    """
    import pandas as pd

    new = _of_new_customers(connection, end_day, segment_by, table)
    segments = sorted({*known["segment"], *new["segment"]})
    place = {name: index for index, name in enumerate(segments)}
    sources = {
        KNOWN: _spread(known, _AMOUNTS, place),
        FIRST: _spread(new, ("customers", "customers", "first_value"), place),
        REPEAT: _spread(new, ("came_back", "repeats", "repeat_value"), place),
    }
    total = np.sum(list(sources.values()), axis=0)
    total[0] -= sources[REPEAT][0]  # who came back has come first
    names = names_with_total(segments)
    columns = [with_total(segments, amounts) for amounts in (*sources.values(), total)]
    by_segment = np.stack(columns, axis=1)  # amount, source, segment
    customers, orders, value = (amount.T.ravel() for amount in by_segment)
    return pd.DataFrame(
        {
            "segment": np.repeat(np.array(names, dtype=object), len(columns)),
            "source": [*sources, TOTAL] * len(names),
            "customers": np.rint(customers).astype(np.int64),
            "orders": np.rint(orders).astype(np.int64),
            "value": value,
        }
    )


def _of_new_customers(
    connection: "duckdb.DuckDBPyConnection", end_day: int, segment_by: Sequence[str], table: str
) -> "pd.DataFrame":
    """Per segment the customers who are not in the histories, how many came back, and what they bought."""
    new = f"(SELECT customer_id, day, value FROM orders ANTI JOIN {quoted(table)} USING (customer_id))"
    return connection.execute(
        f"""SELECT segment, count(*) AS customers, count(*) FILTER (frequency > 0) AS came_back,
                   CAST(sum(frequency) AS BIGINT) AS repeats,
                   CAST(sum(first_value) AS DOUBLE) / {MONEY_SCALE} AS first_value,
                   CAST(sum(spend) AS DOUBLE) / {MONEY_SCALE} AS repeat_value
            FROM ({histories_sql(new, end_day, segment_by)}) GROUP BY segment ORDER BY segment"""
    ).df()


def _spread(rows: "pd.DataFrame", columns: Sequence[str], place: dict[str, int]) -> Floats:
    """These columns as (columns, segments), 0 for a segment without a row."""
    found = np.zeros((len(columns), len(place)))
    for row, column in enumerate(columns):
        found[row, [place[str(name)] for name in rows["segment"]]] = rows[column].to_numpy(dtype=np.float64)
    return found
