"""Orders straight from a data frame or a file, checked row by row: the way in without a configuration."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clv.engine_queries import literal, quoted, single_row
from customer_data.errors import ConfigurationError, InputError
from customer_data.netting import take_refunds

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

MONEY_SCALE: Final = 10_000
_LARGEST_VALUE: Final = 1e14
_SCALED: Final = f"CAST(round(amount * {MONEY_SCALE}) AS BIGINT)"


def read_orders(
    connection: "duckdb.DuckDBPyConnection",
    orders: "pd.DataFrame | str | Path",
    *,
    customer: str,
    time: str,
    value: str,
) -> None:
    """Make the table ``orders`` (customer_id, day, value in 1/10,000) of the connection.

    A value below zero is a refund: it is taken from the customer's latest earlier order, and what that lacks from the
    ones before. An order refunded in full is no purchase. What no earlier order can bear is told of by a warning.

    Raises
    ------
    ConfigurationError
        A column does not exist.
    InputError
        Rows without customer, time or value, or a file that cannot be read, all problems at once; or refunds leave no
        order.
    """
    source = _relation(connection, orders, customer, time)
    _check_columns(connection, source, customer, time, value)
    connection.execute(
        f"""CREATE TABLE read_orders AS
            SELECT {quoted(customer)} AS customer_id,
                   date_diff('day', DATE '1970-01-01', TRY_CAST({quoted(time)} AS DATE))::INTEGER AS day,
                   epoch_us(TRY_CAST({quoted(time)} AS TIMESTAMP)) AS time_us,
                   TRY_CAST({quoted(value)} AS DOUBLE) AS amount,
                   row_number() OVER () AS row
            FROM {source}"""
    )
    no_number = f"amount IS NULL OR NOT isfinite(amount) OR abs(amount) > {_LARGEST_VALUE}"
    problems = []
    for name, bad, remedy in (
        (customer, "customer_id IS NULL", "have no customer; drop them or name them"),
        (time, "day IS NULL", "have no date; write dates as year-month-day"),
        (value, no_number, "have no usable number; drop them or mend them"),
    ):
        count, first = single_row(connection, f"SELECT count(*), min(row) FROM read_orders WHERE {bad}")
        if count:
            problems.append(f"orders.{name}: {count:,} rows {remedy} (first: row {first:,}).")
    if not single_row(connection, "SELECT count(*) FROM read_orders")[0]:
        problems.append("orders: there is no order.")
    if problems:
        raise InputError(problems)
    if single_row(connection, "SELECT count(*) FROM read_orders WHERE amount < 0")[0]:
        _take_refunds(connection, value)
        return
    connection.execute(f"CREATE TABLE orders AS SELECT customer_id, day, {_SCALED} AS value FROM read_orders")


def _take_refunds(connection: "duckdb.DuckDBPyConnection", value: str) -> None:
    """Make ``orders`` of what refunds leave of them, by the rule of `customer_data.netting`."""
    connection.execute(
        f"""CREATE TABLE __sums AS
            SELECT CAST(row AS VARCHAR) AS order_id, 'orders' AS source, customer_id, time_us, NULL AS product,
                   NULL AS type, {_SCALED} AS value, false AS has_negative
            FROM read_orders WHERE amount >= 0;
            CREATE TABLE __refunds AS
            SELECT row AS number, CAST(NULL AS VARCHAR) AS named, customer_id, -{_SCALED} AS amount, time_us
            FROM read_orders WHERE amount < 0"""
    )
    take_refunds(connection)
    connection.execute(
        """CREATE TABLE orders AS
           SELECT remaining.customer_id, day, remaining.value
           FROM __remaining AS remaining JOIN read_orders ON CAST(row AS VARCHAR) = order_id WHERE NOT gone"""
    )
    count, missed = single_row(
        connection,
        """SELECT count(*), sum(coalesce(missed, amount))
           FROM __later LEFT JOIN (FROM __earlier WHERE kind = 1) USING (number) WHERE coalesce(missed, amount) > 0""",
    )
    if count:
        message = (
            f"orders.{value}: {count:,} values below zero are refunds of more than the customer's earlier orders, by "
            f"{missed / MONEY_SCALE:,.2f} in all; that part is left out."
        )
        warnings.warn(message, UserWarning, stacklevel=4)
    if not single_row(connection, "SELECT count(*) FROM orders")[0]:
        raise InputError(f"orders.{value}: refunds (values below zero) leave no order.")


def _relation(
    connection: "duckdb.DuckDBPyConnection", orders: "pd.DataFrame | str | Path", customer: str, time: str
) -> str:
    """A table expression over the source; nothing is read yet but a CSV's first rows."""
    if isinstance(orders, str | Path):
        path = Path(orders)
        if not path.is_file():
            raise InputError(f"orders: there is no file {path}.")
        if path.suffix in {".parquet", ".pq"}:
            return f"read_parquet({literal(str(path))})"
        # Read as text, an id keeps its leading zeros: 0017 and 17 are two customers.
        return f"read_csv({literal(str(path))}, types = {{{literal(customer)}: 'VARCHAR'}})"
    import pandas as pd

    if not isinstance(orders, pd.DataFrame):
        raise ConfigurationError(f"orders must be a data frame or a path, not {type(orders).__name__}.")
    if time in orders and isinstance(orders[time].dtype, pd.DatetimeTZDtype):
        orders = orders.assign(**{time: orders[time].dt.tz_localize(None)})
    connection.register("source", orders)
    return "source"


def _check_columns(connection: "duckdb.DuckDBPyConnection", source: str, customer: str, time: str, value: str) -> None:
    import duckdb

    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    except duckdb.BinderException as error:
        raise ConfigurationError(f"orders has no column {customer!r}: {str(error).splitlines()[0]}") from None
    except duckdb.Error as error:
        raise InputError(f"orders: the file cannot be read: {str(error).splitlines()[0]}") from None
    types = {str(row[0]): str(row[1]) for row in described}
    roles = {"customer": customer, "time": time, "value": value}
    missing = [f"{role} = {name!r}" for role, name in roles.items() if name not in types]
    if missing:
        raise ConfigurationError(f"orders has no column {', '.join(missing)}; its columns are {', '.join(types)}.")
    if types[time] not in {"DATE", "VARCHAR"} and not types[time].startswith("TIMESTAMP"):
        raise InputError(
            f"orders.{time}: the column holds {types[time]}, not dates. "
            f"Convert it first, as in pandas.to_datetime(orders[{time!r}], format='%Y%m%d')."
        )
