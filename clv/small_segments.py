"""The smallest segments, customer by customer: there a total is far from any smooth distribution."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats
from clv.engine_queries import quoted
from clv.order_frames import MONEY_SCALE
from clv.order_laws import OrderLaw
from clv.outcomes import DrawnParameters, Span, simulate_customers
from clv.segment_patterns import Indices, SegmentPatterns
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


@dataclass(frozen=True)
class SimulatedSegments:
    """The customers of some segments and the draws of the parameters that they are simulated under; times in weeks.

    Attributes
    ----------
    owner : ndarray of int, shape (customers,)
        Position of each customer's segment.
    segments : int
    x, T, spend : ndarray of float, shape (customers,)
    p_alive : ndarray of float, shape (draws, customers)
    law : OrderLaw
        Which law of orders it is; its own parameters do not matter.
    order_parameters, spend_parameters : ndarray of float, shapes (draws, 4) and (draws, 3)
    """

    owner: Indices
    segments: int
    x: Floats
    T: Floats
    spend: Floats
    p_alive: Floats
    law: OrderLaw
    order_parameters: Floats
    spend_parameters: Floats

    def totals(self, *, span: Span, delta: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draws of the segments' totals: orders and discounted value, shapes (draws, segments).

        Each takes one future of every customer under its parameters. The span is in days, ``delta`` per week.
        """
        draws = len(self.order_parameters)
        orders, value = np.zeros((draws, self.segments)), np.zeros((draws, self.segments))
        block = max(1, _AT_ONCE // max(len(self.x), 1))
        for first in range(0, draws, block):
            part = slice(first, min(first + block, draws))
            shape = self.p_alive[part].shape
            counts, values = simulate_customers(
                self._drawn(part),
                self.p_alive[part],
                np.broadcast_to(self.x, shape),
                np.broadcast_to(self.T, shape),
                np.broadcast_to(self.spend, shape),
                span=in_weeks(span),
                delta=delta,
                rng=rng,
            )
            for segment in range(self.segments):
                orders[part, segment] = counts[:, self.owner == segment].sum(axis=1)
                value[part, segment] = values[:, self.owner == segment].sum(axis=1)
        return orders, value

    def _drawn(self, part: slice) -> DrawnParameters:
        """The parameters of some draws, as columns."""
        p, q, v = _columns(self.spend_parameters[part])
        return DrawnParameters(self.law, _columns(self.order_parameters[part]), p, q, v)


def simulated_segments(
    connection: "duckdb.DuckDBPyConnection",
    patterns: SegmentPatterns,
    model: CustomerModel,
    segments: Indices,
    drawn: ParameterDraws,
    *,
    table: str = "histories",
) -> SimulatedSegments:
    """The customers of these segments, to be simulated under these draws of the model's parameters."""
    names = [patterns.segments[index] for index in segments]
    found = connection.execute(
        f"""SELECT segment, frequency, recency_days, age_days, greatest(spend, 0) AS spend FROM {quoted(table)}
            WHERE list_contains($names, segment) ORDER BY ALL""",
        {"names": names},
    ).fetchnumpy()
    x, recency, age, money = (
        np.asarray(found[name], dtype=np.float64) for name in ("frequency", "recency_days", "age_days", "spend")
    )
    t_x, T = recency / DAYS_PER_WEEK, age / DAYS_PER_WEEK
    place = {name: position for position, name in enumerate(names)}
    along_orders, along_spend = axes(model.order_covariance), axes(model.spend.log_covariance)
    orders = model.order_parameters_at(drawn.orders @ along_orders.T)
    return SimulatedSegments(
        owner=np.array([place[str(name)] for name in found["segment"]], dtype=np.intp),
        segments=len(names),
        x=x,
        T=T,
        spend=money / MONEY_SCALE,
        p_alive=model.orders.p_alive_under(_columns(orders), x, t_x, T),
        law=model.orders,
        order_parameters=orders,
        spend_parameters=model.spend.parameters_at(drawn.spend @ along_spend.T),
    )


def _columns(rows: Floats) -> tuple[Floats, ...]:
    return tuple(column[:, None] for column in rows.T)
