"""Purchase histories: what each customer's orders come down to, built by the engine in one pass.

A history counts *purchase days*. Orders of one day merge into one; the first day founds the history and is neither a
repeat purchase nor part of the monetary mean; a day of value zero is a purchase all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clv.calendar import DAYS_PER_WEEK, day_date, day_number
from clv.engine_queries import quoted, single_row
from clv.order_frames import MONEY_SCALE, read_orders
from customer_data.errors import ConfigurationError, InputError
from customer_data.known_orders import known_orders

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

UNKNOWN: Final = "(unknown)"
ALL: Final = "all"
_DAYS_PER_UNIT: Final = {"day": 1, "week": DAYS_PER_WEEK}

_PURCHASE_DAYS: Final = """
known AS (
    SELECT customer_id, day, value FROM {orders} WHERE day <= {until_day}
),
ranked AS (
    SELECT customer_id, day, value, dense_rank() OVER (PARTITION BY customer_id ORDER BY day) AS place FROM known
),
purchases AS (
    SELECT customer_id,
           CAST(max(place) - 1 AS INTEGER) AS frequency,
           max(day) - min(day) AS recency_days,
           {until_day} - min(day) AS age_days,
           CAST(sum(value) - sum(value) FILTER (place = 1) AS BIGINT) AS spend,
           CAST(sum(value) FILTER (place = 1) AS BIGINT) AS first_value
    FROM ranked
    GROUP BY customer_id
)"""


@dataclass(frozen=True)
class HistoriesSummary:
    """What `build_histories` made.

    Attributes
    ----------
    first_day, until_day : int
        First day of purchase and last observed day, in days since 1970-01-01.
    customers, repeat_customers : int
        Histories, and those among them with a purchase on a later day.
    orders, orders_after : int
        Orders until ``until_day``, and later ones, which were left out.
    purchase_days : int
        Distinct days of purchase over all customers; ``purchase_days - customers`` are the repeat purchases.
    segments : tuple of str
        Names in alphabetical order; ``("all",)`` without ``segment_by``.
    customers_unknown : int
        Customers in whose segment an attribute is ``(unknown)``.
    refunded_later : int
        Orders that were refunded after ``until_day``, in part or in full, which the histories do not know.
    refunded_later_amount : float
        How much was refunded of them, in the currency.
    """

    first_day: int
    until_day: int
    customers: int
    repeat_customers: int
    orders: int
    orders_after: int
    purchase_days: int
    segments: tuple[str, ...]
    customers_unknown: int
    refunded_later: int = 0
    refunded_later_amount: float = 0.0

    @property
    def repeat_purchases(self) -> int:
        """Purchase days after the first one, summed over the customers."""
        return self.purchase_days - self.customers

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences on what was left out or could not be assigned."""
        said = []
        if self.orders_after:
            said.append(f"{self.orders_after:,} orders after {day_date(self.until_day)} are left out of the histories.")
        if self.customers_unknown:
            said.append(
                f"{self.customers_unknown:,} of {self.customers:,} customers lack an attribute of their segment; "
                f"they are shown as {UNKNOWN}."
            )
        return (*said, *self.refund_notes)

    @property
    def refund_notes(self) -> tuple[str, ...]:
        """A sentence on the orders that were refunded after the last observed day, if there are any."""
        if not self.refunded_later:
            return ()
        return (
            f"{self.refunded_later:,} of the orders until {day_date(self.until_day)} were refunded later, by "
            f"{self.refunded_later_amount:,.2f}; as nobody knew it then, the histories hold them as they were.",
        )


def purchase_histories(
    orders: "pd.DataFrame | str | Path",
    *,
    customer: str = "customer_id",
    time: str = "time",
    value: str = "value",
    until: date | str | None = None,
    unit: str = "week",
) -> "pd.DataFrame":
    """Purchase histories of the orders in a frame, a CSV (also .gz) or a Parquet file.

    Orders of one day merge. The first day is no repeat purchase and stays outside the monetary mean, as in lifetimes.
    A value below zero is a refund, no purchase: it is taken from the customer's latest earlier orders, and a warning
    tells what they could not bear.
    Days are those of the times as written; aware times of a frame keep the clock of their own zone.

    Parameters
    ----------
    orders : DataFrame or path
        One row per order (or order line).
    customer, time, value : str
        Names of its columns. Times are dates, timestamps or ISO text; values are numbers.
    until : date or str, optional
        Last observed day; orders after it are left out. Default: the day of the last order or refund.
    unit : {"week", "day"}
        Unit of ``recency`` and ``T``: exact days, or exact days divided by seven. Months and years have no fixed
        length and are refused.

    Returns
    -------
    DataFrame
        Sorted by customer: ``customer_id``; ``frequency``, purchase days after the first; ``recency``, first to last
        purchase; ``T``, first purchase to ``until``; ``monetary_value``, mean value of a repeat purchase day (0.0
        without one), values rounded to 1/10,000.

    Raises
    ------
    ConfigurationError
        A column does not exist, or the unit has no fixed length.
    InputError
        Rows without customer, time or value, or a file that cannot be read, all problems at once; or no order up to
        ``until``.
    """
    if unit not in _DAYS_PER_UNIT:
        raise ConfigurationError(
            f"unit is {unit!r}; it must be 'day' or 'week'. Months and years have no fixed length: fit in weeks and "
            "ask the forecast for calendar months."
        )
    import duckdb

    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET TimeZone = 'UTC'")
        read_orders(connection, orders, customer=customer, time=time, value=value)
        (first_day,) = single_row(connection, "SELECT min(day) FROM orders")
        (last_day,) = single_row(connection, "SELECT max(day) FROM read_orders")
        until_day = day_number(until) if until is not None else int(last_day)
        if until_day < first_day:
            raise InputError(
                f"orders.{time}: the first order is of {day_date(first_day)}, after {day_date(until_day)}, the last "
                "observed day (until): there is no history."
            )
        return connection.execute(
            f"""SELECT customer_id, CAST(frequency AS BIGINT) AS frequency,
                       recency_days / {_DAYS_PER_UNIT[unit]}::DOUBLE AS recency,
                       age_days / {_DAYS_PER_UNIT[unit]}::DOUBLE AS "T",
                       CASE WHEN frequency > 0 THEN spend / {MONEY_SCALE}::DOUBLE / frequency ELSE 0.0 END
                           AS monetary_value
                FROM ({histories_sql("orders", until_day)}) ORDER BY customer_id"""
        ).df()
    finally:
        connection.close()


def histories_sql(orders: str, until_day: int, segment_by: Sequence[str] = ()) -> str:
    """The query behind `build_histories`, over any relation with the columns customer_id, day and value."""
    steps = _PURCHASE_DAYS.format(orders=orders, until_day=int(until_day))
    if not segment_by:
        return f"WITH {steps}\nSELECT customer_id, '{ALL}' AS segment, * EXCLUDE (customer_id) FROM purchases"
    names = ", ".join(f"coalesce(nullif(trim(CAST({quoted(a)} AS VARCHAR)), ''), '{UNKNOWN}')" for a in segment_by)
    return f"""WITH {steps},
members AS (
    SELECT customer_id, concat_ws(' / ', {names}) AS segment FROM customers
)
SELECT customer_id,
       CASE segment WHEN '{ALL}' THEN '({ALL})' ELSE coalesce(segment, '{_nobody(segment_by)}') END AS segment,
       * EXCLUDE (customer_id, segment)
FROM purchases LEFT JOIN members USING (customer_id)"""


def build_histories(
    connection: "duckdb.DuckDBPyConnection",
    *,
    until_day: int | None = None,
    segment_by: Sequence[str] = (),
    table: str = "histories",
) -> HistoriesSummary:
    """Build the purchase history of every customer as a table of the engine.

    Refunds count as far as they were booked by the last observed day, see `customer_data.known_orders`.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds ``orders`` (customer_id, day, value) and, for segments, ``customers`` (customer_id and attributes).
    until_day : int, optional
        Last observed day, in days since 1970-01-01; orders after it are left out. Default: the day of the last order.
    segment_by : sequence of str
        Attributes of ``customers``; several make segments such as ``DE / mobile``. A customer without an attribute,
        or absent from ``customers``, is in ``(unknown)``. Without attributes there is one segment, ``all``; a segment
        of that name is written ``(all)``.
    table : str
        Name of the table to make; one of that name is replaced.

    Returns
    -------
    HistoriesSummary
        Counts. The table holds one row per customer: ``customer_id``; ``segment`` VARCHAR; ``frequency`` INTEGER,
        purchase days after the first; ``recency_days`` INTEGER, first to last purchase day; ``age_days`` INTEGER,
        first purchase day to ``until_day``; ``spend`` BIGINT, value of the later purchase days, and ``first_value``
        BIGINT, value of the first, both in 1/10,000 of the currency.

    Raises
    ------
    ConfigurationError
        An attribute is not a column of ``customers``, or is named twice.
    InputError
        There is no order until ``until_day``.
    """
    if isinstance(segment_by, str):
        segment_by = (segment_by,)
    _check_attributes(connection, segment_by)
    first, last, orders = single_row(connection, "SELECT min(day), max(day), count(*) FROM orders")
    if not orders:
        raise InputError("orders: there is no order, so there is no purchase history to build.")
    until = int(last) if until_day is None else int(until_day)
    if first > until:
        raise InputError(
            f"orders: all {orders:,} orders come after {day_date(until)} (the first on {day_date(first)}). "
            "Choose a later last day."
        )
    known = known_orders(connection, until)
    connection.execute(f"CREATE OR REPLACE TABLE {quoted(table)} AS {histories_sql(known.relation, until, segment_by)}")
    unknown = f"count(*) FILTER (list_contains(string_split(segment, ' / '), '{UNKNOWN}'))"
    customers, repeat_customers, repeats, lacking = single_row(
        connection,
        f"""SELECT count(*), count(*) FILTER (frequency > 0), sum(frequency),
                   {unknown if segment_by else 0}
            FROM {quoted(table)}""",
    )
    after = single_row(connection, f"SELECT count(*) FROM orders WHERE day > {until}")[0]
    names = connection.execute(f"SELECT DISTINCT segment FROM {quoted(table)} ORDER BY segment").fetchall()
    return HistoriesSummary(
        first_day=int(first),
        until_day=until,
        customers=int(customers),
        repeat_customers=int(repeat_customers),
        orders=int(orders) - int(after),
        orders_after=int(after),
        purchase_days=int(customers) + int(repeats),
        segments=tuple(str(name) for (name,) in names),
        customers_unknown=int(lacking),
        refunded_later=known.changed,
        refunded_later_amount=known.amount / MONEY_SCALE,
    )


def _nobody(segment_by: Sequence[str]) -> str:
    return " / ".join([UNKNOWN] * len(segment_by))


def _check_attributes(connection: "duckdb.DuckDBPyConnection", segment_by: Sequence[str]) -> None:
    if not segment_by:
        return
    columns = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'customers' ORDER BY ordinal_position"
    ).fetchall()
    known = [str(name) for (name,) in columns if name != "customer_id"]
    problems = []
    if not columns:
        problems.append("segment_by: there is no table customers to take attributes from; map one as a source.")
    else:
        for attribute in segment_by:
            if attribute not in known:
                close = get_close_matches(attribute, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(known) or 'none'}."
                problems.append(f"segment_by: customers has no attribute {attribute!r}; {hint}")
    problems += [
        f"segment_by: {a!r} is named twice." for a in sorted({a for a in segment_by if segment_by.count(a) > 1})
    ]
    if problems:
        raise ConfigurationError("\n".join(problems))
