"""What customers who are not yet won will bring: their first orders and the repeats after them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats
from clv.engine_queries import quoted
from clv.order_frames import MONEY_SCALE
from clv.outcomes import panel_nodes
from clv.special import legendre_nodes
from clv.totals import CustomerModel

if TYPE_CHECKING:
    import duckdb

_NODES = 4  # days of first purchase within a period


@dataclass(frozen=True)
class NewcomerRepeats:
    """Repeat purchases of one newcomer; entry [m, k]: won in period m, buying in period k, zero where k < m.

    Attributes
    ----------
    orders, value, variance : ndarray of float, shape (periods, periods)
        Expected orders, their expected value, and the variance of the value.
    """

    orders: Floats
    value: Floats
    variance: Floats


def newcomer_repeats(model: CustomerModel, edges: Floats) -> NewcomerRepeats:
    """Repeats of customers whose first purchase falls evenly into a period between the edges (days)."""
    point, weight = legendre_nodes(_NODES)
    law, law_of_orders = model.spend.law, model.orders
    newcomer = np.zeros(1)
    stays = float(law_of_orders.p_alive(newcomer, newcomer, newcomer)[0])
    mean = law.population_mean
    squared_mean = mean**2 * (1 + float(law.spread(newcomer)[0]))
    periods = len(edges) - 1
    orders, squares = np.zeros((periods, periods)), np.zeros((periods, periods))
    for won in range(periods):
        length = edges[won + 1] - edges[won]
        for node, share in zip((point + 1) / 2, weight / 2, strict=True):
            first = edges[won] + node * length
            span = np.append(0.0, edges[won + 1 :] - first) / DAYS_PER_WEEK
            time, weighed, bought = panel_nodes(span, law_of_orders.time_scale)
            rate = weighed * law_of_orders.order_density(time, newcomer, newcomer)
            pairs = 2 * weighed * (time - span[bought]) * law_of_orders.pair_density(time, newcomer, newcomer)
            orders[won, won:] += share * stays * np.bincount(bought, weights=rate)
            squares[won, won:] += share * stays * np.bincount(bought, weights=(1 + 1 / law.p) * rate + pairs)
    value = mean * orders
    return NewcomerRepeats(orders, value, np.maximum(squared_mean * squares - value**2, 0.0))


@dataclass(frozen=True)
class FirstOrders:
    """First purchases of the customers won in the last year (of all, where none was), per segment.

    Attributes
    ----------
    share : ndarray of float, shape (segments,)
        Part of the new customers that each segment has.
    mean, variance : ndarray of float, shape (segments,)
        Of the value of a first purchase, in the currency.
    """

    share: Floats
    mean: Floats
    variance: Floats


def first_orders(
    connection: "duckdb.DuckDBPyConnection", segments: tuple[str, ...], *, table: str = "histories"
) -> FirstOrders:
    """First purchases of the newest customers of the histories in the table."""
    found = connection.execute(
        f"""WITH recent AS (
                SELECT segment, first_value FROM {quoted(table)}
                WHERE age_days < 365 OR (SELECT min(age_days) FROM {quoted(table)}) >= 365
            )
            SELECT segment, count(*) AS customers, CAST(sum(first_value) AS DOUBLE) AS total,
                   CAST(sum(CAST(first_value AS HUGEINT) * first_value) AS DOUBLE) AS squares
            FROM recent GROUP BY segment ORDER BY segment"""
    ).fetchnumpy()
    place = {name: index for index, name in enumerate(segments)}
    here = np.array([place[str(name)] for name in found["segment"]], dtype=np.intp)
    customers, total, squares = (
        np.bincount(here, weights=np.asarray(found[name], dtype=np.float64) / unit, minlength=len(segments))
        for name, unit in (("customers", 1), ("total", MONEY_SCALE), ("squares", MONEY_SCALE**2))
    )
    some = np.maximum(customers, 1.0)
    mean = total / some
    return FirstOrders(customers / customers.sum(), mean, np.maximum(squares / some - mean**2, 0.0))
