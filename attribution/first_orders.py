"""Paths to the first orders of customers, each worth what its customer is worth.

The journeys are those of *new customers* in :mod:`attribution.segments`: what a customer touched up to the moment of
the first order in the data, and all touches of people who never ordered. What a customer is worth is given from
outside; it takes the place of the value of the first order, so credit of value becomes credit of that worth.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attribution.delta import BLOCK
from attribution.gradient import Gradient
from attribution.journey_parts import JourneyOptions, temporary_tables
from attribution.paths import Paths
from attribution.ragged import Floats, Integers

if TYPE_CHECKING:
    import duckdb
    from scipy.sparse import csr_array

_FIRST, _TOUCHES, _ORDERS = "attribution_won_moment", "attribution_won_touches", "attribution_won_orders"
_BUYERS = "attribution_won_buyers"


def first_order_paths(
    connection: "duckdb.DuckDBPyConnection", options: JourneyOptions | None = None, *, worths: Mapping[str, str]
) -> dict[str, Paths]:
    """Distinct paths to first orders, one conversion a customer, valued in each of several ways.

    Parameters
    ----------
    connection
        Holds the touches and orders.
    options
        How journeys are built.
    worths
        Name to a query of one row per customer with ``customer_id`` and ``value``, BIGINT in 1/10,000 of the currency.

    Returns
    -------
    Name to paths, which are the same but for their values; those after the first know their values' sums alone
    (neither their squares nor what customers share), for credit without intervals. Customers that the query does not
    name are taken for people who never ordered, but for their touches after the first order, which are left out; so
    name all, and in every query the same.
    """
    found: dict[str, Paths] = {}
    with (options or JourneyOptions()).closed(connection).at_its_grain(connection) as whole:
        parts = {
            _FIRST: f"SELECT customer_id, min(time_us) AS time_us FROM {whole.orders} "
            f"WHERE time_us <= {whole.until_us} GROUP BY customer_id",
            _TOUCHES: "SELECT touch.customer_id, touch.time_us, touch.channel_code "
            f"FROM {whole.touchpoints} AS touch LEFT JOIN {_FIRST} AS won USING (customer_id) "
            "WHERE won.time_us IS NULL OR touch.time_us <= won.time_us",
        }
        with temporary_tables(connection, parts):
            for name, worth in worths.items():
                orders = f"SELECT customer_id, won.time_us, worth.value FROM {_FIRST} AS won JOIN ({worth}) AS worth "
                with temporary_tables(connection, {_ORDERS: f"{orders} USING (customer_id)"}):
                    part = replace(whole, touchpoints=_TOUCHES, orders=_ORDERS)
                    if not found or whole.half_life_days is not None:
                        found[name] = part.build(connection)
                    else:
                        found[name] = _valued(connection, next(iter(found.values())), part)
    return found


def _valued(connection: "duckdb.DuckDBPyConnection", known: Paths, part: JourneyOptions) -> Paths:
    """The paths that are known, with the values of other orders of the same customers at the same moments.

    Only customers with orders are followed again: most touches are those of others.
    """
    buyers = f"SELECT * FROM {part.touchpoints} SEMI JOIN {part.orders} USING (customer_id)"
    with temporary_tables(connection, {_BUYERS: buyers}):
        built = replace(part, touchpoints=_BUYERS).build(connection)
    value = np.zeros(len(known))
    value[known.conversions > 0] = built.value[built.conversions > 0]
    return replace(known, value=value, value_squares=None, shared=None)


def conversions_with_value(paths: Paths, gradient: Gradient) -> Floats:
    """Covariance of each channel's credited conversions with its own credited value, array ``(channels,)``.

    A journey moves the first by e, whatever comes of it, and by g more if it converts, the second by E, and by G more
    for each unit of its value; over the journeys of a path with c conversions, n nulls and value V that sums to
    (c + n) e E + c g E + V (e + g) G. Products between journeys of one customer are added, as in
    :mod:`attribution.delta`.
    """
    width = gradient.width
    summed = np.zeros(width)
    if paths.time_decay is not None and gradient.own is not None:
        return np.diag(paths.time_decay.mixed_products).astype(float)
    for first in range(0, len(paths), BLOCK):
        rows = slice(first, first + BLOCK)
        ending, gain = gradient.endings(rows), gradient.gains(rows)
        conversions, value = (of_path[rows, None] for of_path in (paths.conversions, paths.value))
        one, other = ending[:, :width], ending[:, width:]
        summed += ((conversions + paths.nulls[rows, None]) * one * other).sum(axis=0)
        summed += (conversions * gain[:, :width] * other).sum(axis=0)
        summed += (value * (one + gain[:, :width]) * gain[:, width:]).sum(axis=0)
    if paths.shared is None or paths.shared.nnz == 0:
        return summed
    return summed + _between_journeys(paths.shared, len(paths), gradient)


def _between_journeys(shared: "csr_array", paths: int, gradient: Gradient) -> Floats:
    """What customers with several journeys add; cells are conversions, nulls and value of each path in turn."""
    cells: Integers = np.flatnonzero(np.diff(shared.indptr))
    kind, row = np.divmod(cells, paths)
    ending, gain, width = gradient.endings(row), gradient.gains(row), gradient.width
    ends, converts, pays = (flag[:, None] for flag in (kind < 2, kind == 0, kind == 2))
    one = ending[:, :width] * ends + gain[:, :width] * converts
    other = ending[:, width:] * ends + gain[:, width:] * pays
    found: Floats = (one * (shared[cells][:, cells] @ other)).sum(axis=0)
    return found
