"""From order lines to orders: lines of one order summed, refunds netted.

Refunds are taken by one rule. One that names its order and no currency is in its order's. A refund that names its order
comes off that order first. What is left of it, and every refund that names none, comes off the customer's latest order
before it, then off the one before that, and so on. What finds no order is reported and changes nothing. An order that
is refunded in full is no purchase; an order that was worth zero from the beginning is one.

The second step has a closed form. Per customer let C be the running sum of orders less refunds, M = min(0, running
minimum of C) and S = C - M, the height of the stack of value not yet refunded. Order i lies on the stack between
S(i) - v(i) and S(i); of it remains what lies below the lowest later S. A refund finds nothing for as much as it
lowers M.

With an as-of day, what was booked after it on an order of that day or before is not known yet: later refunds, and later
lines of an order_id begun by then, are counted and change nothing.
"""

from datetime import date
from typing import TYPE_CHECKING

from customer_data.dated_by_day import booked_at, end_of_day
from customer_data.judging import OpenSource, in_report_currency, judged_sql
from customer_data.known_orders import keep_refunds
from customer_data.netting import take_refunds
from customer_data.quarantine import quarantine_orders
from customer_data.sources import LoadSettings
from customer_data.sql_text import literal
from customer_data.typed_columns import day_of

if TYPE_CHECKING:
    import duckdb

MERGED = "another line of an order"
NEGATIVE = "its order is negative, and refunds are rejected"
CONFLICT = "its order_id belongs to several customers"
REFUNDED = "order refunded in full"
FROM_ITS_ORDER = "refund taken from its order"
FROM_EARLIER = "refund taken from earlier orders"
IN_PART = "refund larger than what was bought before"
WITHOUT_ORDER = "refund without an order before it"
LATE_REFUND = "refund after the as-of day, not taken"
LATE_LINE = "line added to an order after the as-of day"

TEXTS = ("product", "type")

Counts = dict[int, dict[str, tuple[int, int | None]]]


def make_orders(
    connection: "duckdb.DuckDBPyConnection", orders: list[OpenSource], refunds: list[OpenSource], settings: LoadSettings
) -> Counts:
    """Make the table ``orders`` from the good rows of its sources; with products, also ``order_products``.

    Lines of one order_id are summed; the order has the time of its first line, and the product and the type of its most
    valuable one. ``order_products`` (order_id, product, value) has what each product brought, a refund taken from all
    of an order's products alike. Orders without an order_id are numbered in the order of customer, time, value, product
    and type, so that the order of rows in the file does not matter. ``refunded_customers`` (customer_id, orders, value
    before the refunds) has those of whose orders none is left.

    Returns
    -------
    dict
        For each source's number, rows and amount in units by what became of them; "kept" counts orders. The amount of
        ``IN_PART`` and ``WITHOUT_ORDER`` is what could not be taken.
    """
    _make_lines(connection, orders)
    late = _leave_out_late_lines(connection, settings)
    _quarantine_orders(connection, orders, settings)
    _sum_lines(connection)
    _gather_refunds(connection, refunds, settings)
    if any(opened.days_of is not None for opened in orders):  # then a refund of the same day must not come before
        zone = settings.timezone
        connection.execute(f"UPDATE __refunds SET time_us = {end_of_day('time_us', zone, zone)}")
    late += _leave_out_late_refunds(connection, settings)
    found = connection.execute("SELECT count(*) FROM __refunds").fetchone()
    has_refunds = found is not None and found[0] > 0
    if has_refunds:
        keep_refunds(connection, settings.timezone)
        take_refunds(connection)
    else:
        connection.execute(
            "CREATE TEMP TABLE __remaining AS SELECT *, value AS before, value = 0 AND has_negative AS gone "
            "FROM __sums WHERE value >= 0"
        )
    texts = "".join(f", {name}" for name in TEXTS if any(opened.has(name) for opened in orders))
    connection.execute(
        f"""
        CREATE TABLE orders AS
        SELECT order_id, customer_id, time_us, {day_of("time_us", settings.timezone)} AS day, value{texts}
        FROM __remaining WHERE NOT gone
        """
    )
    if any(opened.has("product") for opened in orders):
        _make_order_products(connection)
    _keep_refunded_customers(connection)
    counts = late + _order_counts(connection) + (_refund_counts(connection) if has_refunds else [])
    by_source: Counts = {}
    for source, reason, rows, amount in counts:
        if rows:
            by_source.setdefault(int(source), {})[str(reason)] = (int(rows), None if amount is None else int(amount))
    for table in ("lines", "doomed", "sums", "refunds", "named", "taken", "later", "earlier", "remaining"):
        connection.execute(f"DROP TABLE IF EXISTS __{table}")
    return by_source


def _make_lines(connection: "duckdb.DuckDBPyConnection", orders: list[OpenSource]) -> None:
    parts = []
    for opened in orders:
        order_id = "order_id"
        if not opened.has("order_id"):
            tie = "".join(f", {name}" for name in TEXTS if opened.has(name))
            prefix = f"'{opened.number}-' || " if len(orders) > 1 else ""
            order_id = f"{prefix}CAST(row_number() OVER (ORDER BY customer_id, time, value{tie}) AS VARCHAR)"
        refund_of = "CAST(refund_of AS VARCHAR)" if opened.has("refund_of") else "CAST(NULL AS VARCHAR)"
        currency = "currency" if opened.has("currency") else "CAST(NULL AS VARCHAR)"
        texts = ", ".join(name if opened.has(name) else f"CAST(NULL AS VARCHAR) AS {name}" for name in TEXTS)
        parts.append(
            f"SELECT {opened.number} AS source, {order_id} AS order_id, customer_id, "
            f"{booked_at(opened)} AS time_us, value, "
            f"{texts}, {currency} AS currency, {refund_of} AS refund_of "
            f"FROM ({judged_sql(opened)}) WHERE __reason IS NULL"
        )
    connection.execute(f"CREATE TEMP TABLE __lines AS {' UNION ALL '.join(parts)}")


def _leave_out_late_lines(
    connection: "duckdb.DuckDBPyConnection", settings: LoadSettings
) -> list[tuple[int, str, int, int | None]]:
    """Delete lines that were added after the as-of day to an order begun by then; returns their counts."""
    if settings.as_of is None:
        return []
    after = _after_as_of("time_us", settings)
    late = f"""
        FROM __lines WHERE refund_of IS NULL AND {after} AND order_id IN
            (SELECT order_id FROM __lines WHERE refund_of IS NULL AND NOT {after})"""
    counts = connection.execute(
        f"SELECT source, {literal(LATE_LINE)}, count(*), CAST(sum(value) AS BIGINT) {late} GROUP BY source"
    ).fetchall()
    if counts:
        connection.execute(f"DELETE {late}")
    return counts


def _leave_out_late_refunds(
    connection: "duckdb.DuckDBPyConnection", settings: LoadSettings
) -> list[tuple[int, str, int, int | None]]:
    """Delete refunds booked after the as-of day; returns their counts."""
    if settings.as_of is None:
        return []
    late = f"FROM __refunds WHERE {_after_as_of('time_us', settings)}"
    counts = connection.execute(
        f"SELECT source, {literal(LATE_REFUND)}, count(*), CAST(sum(amount) AS BIGINT) {late} GROUP BY source"
    ).fetchall()
    if counts:
        connection.execute(f"DELETE {late}")
    return counts


def _after_as_of(time: str, settings: LoadSettings) -> str:
    assert settings.as_of is not None
    return f"{day_of(time, settings.timezone)} > {(settings.as_of - date(1970, 1, 1)).days}"


def _quarantine_orders(
    connection: "duckdb.DuckDBPyConnection", orders: list[OpenSource], settings: LoadSettings
) -> None:
    """Set aside whole orders: those of several customers, and negative ones where refunds are rejected."""
    rejects = f"WHEN sum(value) < 0 THEN {literal(NEGATIVE)}" if settings.refunds == "reject" else ""
    connection.execute(
        f"""
        CREATE TEMP TABLE __doomed AS
        SELECT order_id, CASE WHEN min(customer_id) <> max(customer_id) THEN {literal(CONFLICT)} {rejects} END AS reason
        FROM __lines WHERE refund_of IS NULL GROUP BY order_id
        HAVING reason IS NOT NULL
        """
    )
    found = connection.execute("SELECT count(*) FROM __doomed").fetchone()
    if found is None or found[0] == 0:
        return
    for opened in orders:
        if opened.has("order_id"):
            quarantine_orders(connection, opened, "__doomed")


def _sum_lines(connection: "duckdb.DuckDBPyConnection") -> None:
    connection.execute(
        """
        CREATE TEMP TABLE __sums AS
        SELECT order_id, min(source) AS source, min(customer_id) AS customer_id, min(time_us) AS time_us,
               CAST(sum(value) AS BIGINT) AS value, max_by(product, (value, product)) AS product,
               max_by(type, (value, type)) AS type, max_by(currency, (value, currency)) AS currency,
               count(*) AS lines, bool_or(value < 0) AS has_negative
        FROM __lines ANTI JOIN __doomed USING (order_id)
        WHERE refund_of IS NULL
        GROUP BY order_id
        """
    )


def _make_order_products(connection: "duckdb.DuckDBPyConnection") -> None:
    connection.execute(
        """
        CREATE TABLE order_products AS
        WITH sold AS (
            SELECT order_id, product, sum(value) AS sold
            FROM __lines WHERE refund_of IS NULL GROUP BY order_id, product
        )
        SELECT order_id, sold.product, CAST(round(sold * (remaining.value / before::DOUBLE)) AS BIGINT) AS value
        FROM sold JOIN __remaining AS remaining USING (order_id) WHERE NOT gone AND before > 0
        """
    )


def _keep_refunded_customers(connection: "duckdb.DuckDBPyConnection") -> None:
    """Who had orders, all refunded in full: no customer any more, in no forecast and in no count of customers."""
    connection.execute(
        """
        CREATE TABLE refunded_customers AS
        SELECT customer_id, count(*) AS orders, CAST(sum(before) AS BIGINT) AS value
        FROM __remaining WHERE gone AND customer_id NOT IN (SELECT customer_id FROM orders)
        GROUP BY customer_id
        """
    )


def _gather_refunds(connection: "duckdb.DuckDBPyConnection", refunds: list[OpenSource], settings: LoadSettings) -> None:
    parts = [
        "SELECT source, customer_id, time_us, -value AS amount, CAST(NULL AS VARCHAR) AS named, currency "
        "FROM __sums WHERE value < 0",
        "SELECT source, customer_id, time_us, abs(value), refund_of, currency FROM __lines WHERE refund_of IS NOT NULL",
    ]
    for opened in refunds:
        customer = "customer_id" if opened.has("customer_id") else "NULL"
        currency = "currency" if opened.has("currency") else "NULL"
        parts.append(
            f"SELECT {opened.number}, {customer}, {booked_at(opened)}, abs(value), order_id, {currency} "
            f"FROM ({judged_sql(opened)}) WHERE __reason IS NULL"
        )
    its_orders = in_report_currency("booked.amount", "sums.currency", settings)
    connection.execute(
        f"""
        CREATE TEMP TABLE __refunds AS
        SELECT *, row_number() OVER (ORDER BY time_us, customer_id, named, amount, source) AS number
        FROM (
            SELECT booked.source, booked.customer_id, booked.time_us,
                   CASE WHEN booked.currency IS NULL THEN {its_orders} ELSE booked.amount END AS amount, named
            FROM ({" UNION ALL ".join(parts)}) AS booked LEFT JOIN __sums AS sums ON named = sums.order_id
        )
        """
    )


def _order_counts(connection: "duckdb.DuckDBPyConnection") -> list[tuple[int, str, int, int | None]]:
    """Source, what became of its rows, how many and their amount: the orders."""
    return connection.execute(
        f"""
        SELECT source, CASE WHEN gone THEN {literal(REFUNDED)} ELSE 'kept' END AS outcome, count(*),
               CAST(sum(CASE WHEN gone THEN before ELSE value END) AS BIGINT)
        FROM __remaining GROUP BY 1, 2
        UNION ALL
        SELECT source, reason, count(*), CAST(sum(value) AS BIGINT)
        FROM __lines JOIN __doomed USING (order_id) WHERE refund_of IS NULL GROUP BY 1, 2
        UNION ALL
        SELECT lines.source, {literal(MERGED)},
               count(*) - count(DISTINCT lines.order_id) FILTER (lines.source = sums.source), NULL
        FROM __lines AS lines JOIN __sums AS sums USING (order_id)
        WHERE lines.refund_of IS NULL GROUP BY 1
        """
    ).fetchall()


def _refund_counts(connection: "duckdb.DuckDBPyConnection") -> list[tuple[int, str, int, int | None]]:
    """The same for refunds."""
    return connection.execute(
        f"""
        WITH outcomes AS (
            SELECT refund.source, refund.amount, later.number IS NOT NULL AS went_on,
                   coalesce(earlier.missed, later.amount, 0) AS missed
            FROM __refunds AS refund
            LEFT JOIN __later AS later USING (number)
            LEFT JOIN (FROM __earlier WHERE kind = 1) AS earlier USING (number)
        )
        SELECT source,
               CASE WHEN NOT went_on THEN {literal(FROM_ITS_ORDER)}
                    WHEN missed = 0 THEN {literal(FROM_EARLIER)}
                    WHEN missed < amount THEN {literal(IN_PART)}
                    ELSE {literal(WITHOUT_ORDER)} END AS outcome,
               count(*), CAST(sum(CASE WHEN missed = 0 THEN amount ELSE missed END) AS BIGINT)
        FROM outcomes GROUP BY 1, 2
        """
    ).fetchall()
