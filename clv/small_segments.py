"""The smallest segments, customer by customer: there a total is far from any smooth distribution."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats
from clv.engine_queries import quoted
from clv.order_frames import MONEY_SCALE
from clv.order_laws import OrderLaw
from clv.outcomes import DrawnParameters, Span, simulate_customers
from clv.segment_patterns import Indices, SegmentPatterns
from clv.spend_laws import SpendLaw
from clv.totals import CustomerModel, ParameterDraws, axes, in_weeks

if TYPE_CHECKING:
    import duckdb

SMALL_SEGMENT: Final = 200  # customers; up to here a segment's customers are simulated ...
MOST_SIMULATED: Final = 2_000  # ... the smallest segments first, up to so many customers in all
_AT_ONCE: Final = 200_000  # customers times draws


def smallest_segments(patterns: SegmentPatterns) -> Indices:
    """The segments, as indices, whose customers are to be simulated one by one."""
    customers = patterns.by_segment(patterns.customers)
    order = np.argsort(customers, kind="stable")
    chosen = (customers[order] <= SMALL_SEGMENT) & (np.cumsum(customers[order]) <= MOST_SIMULATED)
    return np.sort(order[chosen & (customers[order] > 0)])


def simulated_totals(
    connection: "duckdb.DuckDBPyConnection",
    patterns: SegmentPatterns,
    model: CustomerModel,
    segments: Indices,
    drawn: ParameterDraws,
    *,
    span: Span,
    delta: float,
    rng: np.random.Generator,
    table: str = "histories",
) -> tuple[Floats, Floats]:
    """Draws of the totals of these segments: orders and discounted value, shapes (draws, segments).

    One draw takes one draw of the parameters and one future of every customer under them. The span is in days,
    ``delta`` per week.
    """
    names = [patterns.segments[index] for index in segments]
    found = connection.execute(
        f"""SELECT segment, frequency, recency_days, age_days, greatest(spend, 0) AS spend FROM {quoted(table)}
            WHERE list_contains($names, segment) ORDER BY ALL""",
        {"names": names},
    ).fetchnumpy()
    x, recency, age, money = (
        np.asarray(found[name], dtype=np.float64) for name in ("frequency", "recency_days", "age_days", "spend")
    )
    t_x, T, spend = recency / DAYS_PER_WEEK, age / DAYS_PER_WEEK, money / MONEY_SCALE
    place = {name: position for position, name in enumerate(names)}
    owner = np.array([place[str(name)] for name in found["segment"]], dtype=np.intp)
    along_orders, along_spend = axes(model.order_covariance), axes(model.spend.log_covariance)
    draws = len(drawn.orders)
    orders, value = np.zeros((draws, len(names))), np.zeros((draws, len(names)))
    block = max(1, _AT_ONCE // max(len(x), 1))
    for first in range(0, draws, block):
        part = slice(first, min(first + block, draws))
        order_laws = [model.orders_at(deviation) for deviation in drawn.orders[part] @ along_orders.T]
        spend_laws = [model.spend.at(deviation) for deviation in drawn.spend[part] @ along_spend.T]
        shape = (len(order_laws), len(x))
        counts, values = simulate_customers(
            _columns(order_laws, spend_laws),
            np.stack([law.p_alive(x, t_x, T) for law in order_laws]),
            np.broadcast_to(x, shape),
            np.broadcast_to(T, shape),
            np.broadcast_to(spend, shape),
            span=in_weeks(span),
            delta=delta,
            rng=rng,
        )
        for segment in range(len(names)):
            orders[part, segment] = counts[:, owner == segment].sum(axis=1)
            value[part, segment] = values[:, owner == segment].sum(axis=1)
    return orders, value


def _columns(orders: Sequence[OrderLaw], spend: Sequence[SpendLaw]) -> DrawnParameters:
    """The parameters of each draw, as columns of shape (draws, 1)."""
    of_orders = np.array([list(law.parameters.values()) for law in orders])
    of_spend = np.array([(law.p, law.q, law.v) for law in spend])
    p, q, v = (column[:, None] for column in of_spend.T)
    return DrawnParameters(orders[0], tuple(column[:, None] for column in of_orders.T), p, q, v)
