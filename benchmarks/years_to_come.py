"""What might come after the same past: years drawn for the customers on the engine, under a law that is known."""

from collections.abc import Mapping

import duckdb
import numpy as np
from numpy.typing import NDArray

from clv.calendar import DAYS_PER_WEEK
from clv.order_laws import BetaGeometricLaw
from clv.outcomes import DrawnParameters, simulate_customers
from clv.purchase_days import DAY
from customer_data.synthetic_orders import Segment

Floats = NDArray[np.float64]

YEARS = 100  # drawn for each past


def years_to_come(
    connection: duckdb.DuckDBPyConnection,
    laws: Mapping[str, Segment],
    *,
    days: int,
    generator: np.random.Generator,
    years: int = YEARS,
) -> dict[str, Floats]:
    """Draws of the value that the customers of each segment order within so many days, shape (years,).

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds ``histories``, as `clv.build_histories` makes it.
    laws : mapping
        Name of a segment to the law that its customers follow.
    """
    found = connection.execute(
        """SELECT segment, frequency::DOUBLE AS x, recency_days / 7 AS t_x, age_days / 7 AS T, spend / 10000 AS spend
           FROM histories ORDER BY ALL"""
    ).fetchnumpy()
    drawn = {}
    for name, law in laws.items():
        mine = found["segment"].astype(str) == name
        x, t_x, T, spend = (np.asarray(found[column], dtype=np.float64)[mine] for column in ("x", "t_x", "T", "spend"))
        orders = BetaGeometricLaw(law.r, law.alpha / DAYS_PER_WEEK, law.a, law.b, day=DAY)
        shape = (years, int(mine.sum()))
        _, value = simulate_customers(
            DrawnParameters.of_law(orders, p=law.p, q=law.q, v=law.v),
            *(np.broadcast_to(values, shape) for values in (orders.p_alive(x, t_x, T), x, T, spend)),
            span=(0.0, days / DAYS_PER_WEEK),
            delta=0.0,
            rng=generator,
        )
        drawn[name] = value.sum(axis=1)
    return drawn
