"""Orders as they were known on a day of the past: what was refunded later is not yet taken from them.

A check of a forecast on the past must not know its future. So the load keeps what the refunds were taken from, and the
same rule (see `customer_data.orders`) is applied again to what had been booked by then. Lines that were added to an
order on a later day count from its first line on.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from customer_data.netting import take_refunds
from customer_data.typed_columns import day_of

if TYPE_CHECKING:
    import duckdb

KEPT_TABLES: Final = ("orders_as_booked", "refunds_as_booked")


@dataclass(frozen=True)
class KnownOrders:
    """Orders as known at the end of a day.

    Attributes
    ----------
    relation : str
        SQL of a relation customer_id, day, value with the orders until that day; good until the next one is asked for.
    changed : int
        Orders that were refunded later, in part or in full.
    amount : int
        How much was refunded of them later, in units of 1/10,000 of the currency.
    """

    relation: str
    changed: int
    amount: int


def keep_refunds(connection: "duckdb.DuckDBPyConnection", timezone: str) -> None:
    """Keep the refunds, and the orders of their customers before any refund, from a load's own tables."""
    connection.execute(
        f"""
        CREATE TABLE refunds_as_booked AS
        SELECT refund.*, {day_of("refund.time_us", timezone)} AS day,
               coalesce(refund.customer_id, sums.customer_id) AS of_customer
        FROM __refunds AS refund LEFT JOIN __sums AS sums ON refund.named = sums.order_id
        """
    )
    connection.execute(
        f"""
        CREATE TABLE orders_as_booked AS
        SELECT *, {day_of("time_us", timezone)} AS day FROM __sums
        WHERE customer_id IN (SELECT of_customer FROM refunds_as_booked)
        """
    )


def known_orders(connection: "duckdb.DuckDBPyConnection", day: int) -> KnownOrders:
    """The orders until the day, in days since 1970-01-01, worth what was known of them at its end.

    The same as after a load that looked back from that day. Without later refunds they are those of ``orders``.
    """
    plain = f"(SELECT customer_id, day, value FROM orders WHERE day <= {int(day)})"
    found = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'refunds_as_booked'").fetchone()
    if found is None or found[0] == 0:
        return KnownOrders(plain, 0, 0)
    _drop_own_tables(connection)
    connection.execute(
        f"""
        CREATE TEMP TABLE __changed AS
        SELECT DISTINCT customer_id FROM orders_as_booked
        WHERE day <= {int(day)} AND customer_id IN (SELECT of_customer FROM refunds_as_booked WHERE day > {int(day)})
        """
    )
    connection.execute(
        f"""
        CREATE TEMP TABLE __sums AS
        FROM orders_as_booked SEMI JOIN __changed USING (customer_id) WHERE day <= {int(day)}
        """
    )
    connection.execute(
        f"""
        CREATE TEMP TABLE __refunds AS
        FROM refunds_as_booked WHERE day <= {int(day)} AND of_customer IN (SELECT customer_id FROM __changed)
        """
    )
    take_refunds(connection)
    connection.execute(
        """
        CREATE TEMP TABLE __known AS
        SELECT known.customer_id, sums.day, known.value, known.value - coalesce(orders.value, 0) AS refunded_later
        FROM __remaining AS known JOIN __sums AS sums USING (order_id) LEFT JOIN orders USING (order_id)
        WHERE NOT gone
        """
    )
    changed, amount = connection.execute(
        "SELECT count(*) FILTER (refunded_later > 0), CAST(coalesce(sum(refunded_later), 0) AS BIGINT) FROM __known"
    ).fetchone() or (0, 0)
    relation = f"""(
        SELECT customer_id, day, value FROM orders ANTI JOIN __changed USING (customer_id) WHERE day <= {int(day)}
        UNION ALL SELECT customer_id, day, value FROM __known)"""
    return KnownOrders(relation, int(changed), int(amount))


def _drop_own_tables(connection: "duckdb.DuckDBPyConnection") -> None:
    for table in ("changed", "sums", "refunds", "named", "taken", "later", "earlier", "remaining", "known"):
        connection.execute(f"DROP TABLE IF EXISTS temp.__{table}")
