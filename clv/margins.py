"""What part of revenue is value: one margin for all, or each customer's own, from the products bought so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

from clv.engine_queries import quoted, single_row
from clv.order_frames import MONEY_SCALE
from customer_data.errors import ConfigurationError
from customer_data.nearest import count_of, did_you_mean

if TYPE_CHECKING:
    import duckdb

_FINE: Final = 1e12  # parts into which squares are cut: sums of whole numbers do not depend on their order

_NO_PRODUCT: Final = "(no product)"


@dataclass(frozen=True)
class ProductMargins:
    """Margins by product.

    Attributes
    ----------
    of_product : mapping
        Product to the part of its revenue that counts as value.
    default : float or None
        For products that are not named; without it they are an error.
    """

    of_product: Mapping[str, float]
    default: float | None = None


def check_margin(margin: float | ProductMargins) -> None:
    """Refuse a margin that is no part of revenue; below zero it may be, where goods are sold below their cost."""
    if not isinstance(margin, ProductMargins):
        _check_one("margin", margin)
        return
    for product, one in margin.of_product.items():
        _check_one(f"the margin of product {product!r}", one)
    if margin.default is not None:
        _check_one("the default of product margins", margin.default)


def _check_one(name: str, margin: float) -> None:
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not isfinite(margin) or margin > 1:
        raise ConfigurationError(
            f"{name} is {margin}; it must be a number up to 1, such as 0.35 for 35 % of revenue, and below 0 only "
            "where goods are sold below their cost."
        )


def product_margin(
    connection: "duckdb.DuckDBPyConnection", margins: Mapping[str, float], *, default: float | None = None
) -> float:
    """One margin for all orders from margins per product, weighted by what was sold.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Its ``orders`` have a column ``product``. Where lines of several products make an order, the loader's table
        ``order_products`` has what each brought.
    margins : mapping
        Product to the part of its revenue that counts as value.
    default : float, optional
        For products that are not named; without it they are an error.

    Raises
    ------
    ConfigurationError
        Orders have no products, or products have no margin and there is no default.
    """
    sold = _sold(connection)
    require_margins(connection, ProductMargins(margins, default))
    total = sum(sold.values())
    if total <= 0:
        raise ConfigurationError("orders are worth nothing in all, so margins per product cannot be weighted.")
    return sum(float(margins.get(product, default or 0.0)) * value for product, value in sold.items()) / total


def require_margins(connection: "duckdb.DuckDBPyConnection", margins: ProductMargins) -> None:
    """Raise `ConfigurationError` where orders have no products, or products neither a margin nor a default."""
    sold = _sold(connection)
    unknown = [product for product in sold if product not in margins.of_product]
    if unknown and margins.default is None:
        raise ConfigurationError(
            f"{len(unknown):,} of {len(sold):,} products have no margin (first: {unknown[0]!r}); add them, or give a "
            "default."
        )


def margin_notes(connection: "duckdb.DuckDBPyConnection", margins: ProductMargins) -> tuple[list[str], list[str]]:
    """Sentences on names that no order has, with the name that was probably meant, and on products at the default."""
    sold = _sold(connection)
    warnings = [
        f"product_margins: no order has a product {name!r}, so its margin counts for nothing."
        + did_you_mean(name, sold)
        for name in margins.of_product
        if name not in sold
    ]
    rest = {product: value for product, value in sold.items() if product not in margins.of_product}
    if not rest:
        return warnings, []
    share = sum(rest.values()) / (sum(sold.values()) or 1.0)
    largest = max(rest, key=lambda product: (rest[product], product))
    return warnings, [
        f"{count_of(len(rest), 'product')} of {len(sold):,}, with {sum(rest.values()) / MONEY_SCALE:,.2f} or "
        f"{share:.1%} of what was sold (the largest: {largest!r}), have no margin of their own and take "
        f"{margins.default:.1%}, the default."
    ]


def make_customer_margins(
    connection: "duckdb.DuckDBPyConnection", margins: ProductMargins, *, until_day: int, table: str = "histories"
) -> None:
    """Make the table ``customer_margins``: customer_id, own_margin, margin, of all customers of the histories.

    ``own_margin`` is that of what the customer has bought. What will be bought has ``margin``, which leans on the
    segment's the more, the less the customer has bought: the credibility of Bühlmann & Straub (1970) with values as
    weights, w / (w + s²/a), where s² is the variance of margins within customers and a that between customers of a
    segment. A segment's own margin is that of all it has bought.

    Raises
    ------
    ConfigurationError
        As in `product_margin`.
    """
    overall = product_margin(connection, margins.of_product, default=margins.default)
    import pandas as pd

    named = pd.DataFrame(
        {"product": list(margins.of_product), "margin": [float(one) for one in margins.of_product.values()]}
    ).astype({"product": "str", "margin": float})
    connection.register("margins_frame", named)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE __margin_lines AS
            SELECT customer_id, segment, line.value,
                   coalesce(margin, {margins.default or 0.0!r}::DOUBLE) AS margin
            FROM ({_lines(connection, until_day)}) AS line JOIN {quoted(table)} USING (customer_id)
                 LEFT JOIN margins_frame ON line.product::VARCHAR = margins_frame.product
            WHERE line.value > 0"""
    )
    connection.unregister("margins_frame")
    exact = "CAST(round({}) AS HUGEINT)"
    brought = f"CAST(sum({exact.format('value * margin * 1e8')}) AS DOUBLE) / 1e8"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE __margin_means AS
            WITH of_segment AS (SELECT segment, {brought} / CAST(sum(value) AS DOUBLE) AS centre, sum(value) AS whole
                                FROM __margin_lines GROUP BY segment),
                 of_customer AS (SELECT customer_id, count(*) AS lines, CAST(sum(value) AS DOUBLE) AS weight,
                                        {brought} / CAST(sum(value) AS DOUBLE) AS own
                                 FROM __margin_lines GROUP BY customer_id)
            SELECT customer_id, coalesce(centre, {overall!r}::DOUBLE) AS centre, coalesce(whole, 0)::DOUBLE AS whole,
                   coalesce(lines, 0) AS lines, coalesce(weight, 0.0) AS weight, own
            FROM {quoted(table)} LEFT JOIN of_segment USING (segment) LEFT JOIN of_customer USING (customer_id)"""
    )
    (within,) = single_row(
        connection,
        f"""SELECT coalesce(sum({exact.format(f"value * pow(margin - own, 2) * {_FINE}")}), 0)::DOUBLE
            FROM __margin_lines JOIN __margin_means USING (customer_id)""",
    )
    between, spread_weight, customers, groups, lines = single_row(
        connection,
        f"""SELECT coalesce(sum({exact.format(f"weight * pow(own - centre, 2) * {_FINE}")}), 0)::DOUBLE,
                   coalesce(sum({exact.format("(weight - weight * weight / whole) * 1e4")}), 0)::DOUBLE / 1e4,
                   count(*), count(DISTINCT (centre, whole)), coalesce(sum(lines), 0)::BIGINT
            FROM __margin_means WHERE weight > 0""",
    )
    inside = float(within) / _FINE / max(int(lines) - int(customers), 1)
    apart = (float(between) / _FINE - (int(customers) - int(groups)) * inside) / max(float(spread_weight), 1.0)
    credible = f"weight / (weight + {inside / apart!r}::DOUBLE)" if apart > 0 else "0.0"
    connection.execute(
        f"""CREATE OR REPLACE TABLE customer_margins AS
            SELECT customer_id, coalesce(own, centre) AS own_margin,
                   CASE WHEN weight > 0 THEN centre + {credible} * (own - centre) ELSE centre END AS margin
            FROM __margin_means"""
    )
    connection.execute("DROP TABLE __margin_lines; DROP TABLE __margin_means")


def _sold(connection: "duckdb.DuckDBPyConnection") -> dict[str, float]:
    """What each product brought, in units of the engine."""
    rows = connection.execute(
        f"""SELECT coalesce(product::VARCHAR, '{_NO_PRODUCT}'), CAST(sum(value) AS DOUBLE) FROM ({_lines(connection)})
            GROUP BY 1 ORDER BY 1"""
    ).fetchall()
    return {str(product): float(value) for product, value in rows}


def _lines(connection: "duckdb.DuckDBPyConnection", until_day: int | None = None) -> str:
    """SQL of product and value of all lines of orders; until a day, with customer_id."""
    columns = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'orders' AND column_name = 'product'"
    ).fetchall()
    if not columns:
        raise ConfigurationError("orders has no column product, so there are no margins per product; give one margin.")
    (by_line,) = single_row(
        connection, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'order_products'"
    )
    until = "" if until_day is None else f"WHERE day <= {int(until_day)}"
    if by_line and until_day is None:
        return "SELECT product, value FROM order_products"
    if not by_line:
        return f"SELECT customer_id, product, value FROM orders {until}"
    return f"""SELECT customer_id, order_products.product, order_products.value
               FROM order_products JOIN orders USING (order_id) {until}"""
