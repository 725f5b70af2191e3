"""Refunds taken from orders, by the rule of `customer_data.orders`.

The tables of a load are read and made: ``__sums`` (orders before refunds) and ``__refunds`` make ``__remaining``
(orders after them; ``gone`` are those refunded in full), and on the way ``__named``, ``__taken``, ``__later`` and
``__earlier``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def take_refunds(connection: "duckdb.DuckDBPyConnection") -> None:
    """Take each refund from the order it names, and what is left of it from earlier orders."""
    _take_from_named_orders(connection)
    _take_from_earlier_orders(connection)


def _take_from_named_orders(connection: "duckdb.DuckDBPyConnection") -> None:
    """Take each refund from the order it names, the earliest refund first; ``left_over`` is what that order lacks."""
    connection.execute(
        """
        CREATE TEMP TABLE __named AS
        WITH met AS (
            SELECT refund.number, sums.order_id, sums.customer_id, refund.amount, sums.value,
                   sum(refund.amount) OVER (PARTITION BY sums.order_id ORDER BY refund.number) - refund.amount AS before
            FROM __refunds AS refund JOIN __sums AS sums ON refund.named = sums.order_id
            WHERE sums.value >= 0 AND (refund.customer_id IS NULL OR refund.customer_id = sums.customer_id)
        )
        SELECT number, order_id, customer_id,
               amount - CAST(least(amount, greatest(0, value - before)) AS BIGINT) AS left_over
        FROM met
        """
    )
    connection.execute(
        """
        CREATE TEMP TABLE __taken AS
        SELECT order_id, CAST(sum(amount - left_over) AS BIGINT) AS amount
        FROM __named JOIN __refunds USING (number) GROUP BY order_id
        """
    )
    connection.execute(
        """
        CREATE TEMP TABLE __later AS
        SELECT number, time_us, coalesce(named.customer_id, refund.customer_id) AS customer_id,
               coalesce(named.left_over, refund.amount) AS amount, named.number IS NOT NULL AS met_its_order
        FROM __refunds AS refund LEFT JOIN __named AS named USING (number)
        WHERE coalesce(named.left_over, refund.amount) > 0
        """
    )


def _take_from_earlier_orders(connection: "duckdb.DuckDBPyConnection") -> None:
    """The second step, in closed form (see `customer_data.orders`); an order precedes a refund of the same instant."""
    connection.execute(
        """
        CREATE TEMP TABLE __earlier AS
        WITH events AS (
            SELECT customer_id, time_us, 0 AS kind, order_id, 0 AS number, value - coalesce(taken.amount, 0) AS change
            FROM __sums LEFT JOIN __taken AS taken USING (order_id)
            SEMI JOIN __later AS later USING (customer_id)
            WHERE value >= 0
            UNION ALL
            SELECT customer_id, time_us, 1, NULL, number, -amount FROM __later WHERE customer_id IS NOT NULL
        ), summed AS (
            SELECT *, sum(change) OVER past AS c FROM events
            WINDOW past AS (PARTITION BY customer_id ORDER BY time_us, kind, order_id, number
                            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        ), floored AS (
            SELECT *, least(0, min(c) OVER past) AS m FROM summed
            WINDOW past AS (PARTITION BY customer_id ORDER BY time_us, kind, order_id, number
                            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        ), stacked AS (
            SELECT *, c - m AS s, coalesce(lag(m) OVER ordered, 0) - m AS missed, min(c - m) OVER rest AS lowest
            FROM floored
            WINDOW ordered AS (PARTITION BY customer_id ORDER BY time_us, kind, order_id, number),
                   rest AS (PARTITION BY customer_id ORDER BY time_us, kind, order_id, number
                            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
        )
        SELECT kind, order_id, number, CAST(missed AS BIGINT) AS missed,
               CAST(least(change, greatest(0, lowest - (s - change))) AS BIGINT) AS remains
        FROM stacked
        """
    )
    connection.execute(
        """
        CREATE TEMP TABLE __remaining AS
        SELECT sums.order_id, sums.source, sums.customer_id, sums.time_us, sums.product, sums.type,
               sums.value AS before,
               coalesce(earlier.remains, sums.value - coalesce(taken.amount, 0)) AS value,
               coalesce(earlier.remains, sums.value - coalesce(taken.amount, 0)) = 0
                   AND (sums.value > 0 OR sums.has_negative) AS gone
        FROM __sums AS sums
        LEFT JOIN __taken AS taken USING (order_id)
        LEFT JOIN (FROM __earlier WHERE kind = 0) AS earlier USING (order_id)
        WHERE sums.value >= 0
        """
    )
