"""Paths to the first orders of customers, each worth what its customer is worth.

The journeys are those of *new customers* in :mod:`attribution.segments`: what a customer touched up to the moment of
the first order in the data, and all touches of people who never ordered. What a customer is worth is given from
outside; it takes the place of the value of the first order, so credit of value becomes credit of that worth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from attribution.customer_events import columns
from attribution.gradient import Gradient
from attribution.influence import OfGradient, covariances
from attribution.journey_parts import JourneyOptions, temporary_tables
from attribution.journeys import shared_cells
from attribution.paths import Paths
from attribution.ragged import Floats
from customer_data.money import SCALE

if TYPE_CHECKING:
    import duckdb

_FIRST, _TOUCHES, _ORDERS = "attribution_won_moment", "attribution_won_touches", "attribution_won_orders"
_KEPT, _VALUED = "attribution_won_journeys", "attribution_won_valued"


@dataclass(frozen=True, eq=False)
class FirstOrders:
    """Distinct paths to first orders, and whose journeys they are made of: built once, valued as often as wanted.

    Attributes
    ----------
    paths
        Distinct paths, with the number and the value of the orders at the moment of each customer's first.
    customers
        How many customers have a first order, with a touch or without.
    """

    paths: Paths
    customers: int

    def valued(self, connection: "duckdb.DuckDBPyConnection", worths: Mapping[str, str]) -> dict[str, Paths]:
        """The same paths with one conversion a customer, valued in each of several ways.

        Parameters
        ----------
        connection
            To the database in which these were built; another cursor will do.
        worths
            Name to a query of one row per customer with ``customer_id`` and ``value``, BIGINT in 1/10,000 of the
            currency. Journeys of customers that it does not name did not convert, so name all, and in every query the
            same.

        Returns
        -------
        Name to paths, which are the same but for their values, without time decay. Those after the first know their
        values' sums alone (neither their squares nor what customers share), for credit without intervals.
        """
        found: dict[str, Paths] = {}
        for name, worth in worths.items():
            named = "worth.value IS NOT NULL AND journey.conversions > 0"
            select = (
                f"SELECT customer_id, path_id, ({named})::BIGINT AS conversions, "
                f"CASE WHEN {named} THEN worth.value ELSE 0 END AS value, journey.conversions AS orders "
                f"FROM {_KEPT} AS journey LEFT JOIN ({worth}) AS worth USING (customer_id)"
            )
            with temporary_tables(connection, {_VALUED: select}):
                found[name] = self._of_table(connection, known=next(iter(found.values()), None))
        return found

    def _of_table(self, connection: "duckdb.DuckDBPyConnection", *, known: Paths | None) -> Paths:
        """The paths with what the journeys in the table of valued ones brought."""
        sums = columns(
            connection,
            "SELECT path_id, sum(conversions)::BIGINT AS conversions, sum(value)::DOUBLE AS value, "
            "sum(value::HUGEINT * value)::DOUBLE AS value_squares, "
            f"count(*) FILTER (orders > 0 AND conversions = 0) AS unnamed FROM {_VALUED} GROUP BY path_id",
        )

        def by_path(name: str) -> Floats:
            return np.bincount(sums["path_id"], weights=sums[name], minlength=len(self.paths)).astype(float)

        value = by_path("value") / SCALE
        if known is not None:
            return replace(known, value=value, value_squares=None, shared=None)
        return replace(
            self.paths,
            conversions=by_path("conversions"),
            nulls=self.paths.nulls + by_path("unnamed"),
            value=value,
            value_squares=by_path("value_squares") / SCALE**2,
            counts=None,
            lag_conversions=None,
            time_decay=None,
            shared=shared_cells(connection, _VALUED, len(self.paths)),
        )


def first_orders(connection: "duckdb.DuckDBPyConnection", options: JourneyOptions | None = None) -> FirstOrders:
    """Build the paths to first orders, and keep in the engine whose they are.

    Orders of one customer at the very moment of the first are all first. What is kept is replaced by the next call.
    """
    with (options or JourneyOptions()).closed(connection).at_its_grain(connection) as whole:
        first = f"SELECT customer_id, min(time_us) AS first_us FROM {whole.orders} GROUP BY customer_id"
        parts = {
            _FIRST: f"{first} HAVING min(time_us) <= {whole.until_us}",
            _TOUCHES: f"SELECT customer_id, time_us, channel_code FROM {whole.touchpoints} "
            f"LEFT JOIN {_FIRST} USING (customer_id) WHERE first_us IS NULL OR time_us <= first_us",
            _ORDERS: f"SELECT customer_id, time_us, value FROM {whole.orders} "
            f"JOIN {_FIRST} USING (customer_id) WHERE time_us <= first_us",
        }
        with temporary_tables(connection, parts):
            paths = replace(whole, touchpoints=_TOUCHES, orders=_ORDERS).build_keeping(connection, _KEPT)
            ((customers,),) = connection.execute(f"SELECT count(*) FROM {_FIRST}").fetchall()
    return FirstOrders(paths, int(customers))


def first_orders_by_decay(
    connection: "duckdb.DuckDBPyConnection", options: JourneyOptions, *, worths: Mapping[str, str]
) -> dict[str, Paths]:
    """What :meth:`FirstOrders.valued` gives, with time decay: its credit of value needs the times of touches again."""
    found: dict[str, Paths] = {}
    with options.closed(connection).at_its_grain(connection) as whole:
        for name, worth in worths.items():
            first = (
                f"SELECT customer_id, min(time_us) AS time_us, any_value(worth.value) AS value FROM {whole.orders} "
                f"JOIN ({worth}) AS worth USING (customer_id) WHERE time_us <= {whole.until_us} GROUP BY customer_id"
            )
            touches = (
                f"SELECT touch.customer_id, touch.time_us, touch.channel_code FROM {whole.touchpoints} AS touch "
                f"LEFT JOIN {_ORDERS} AS won USING (customer_id) "
                "WHERE won.time_us IS NULL OR touch.time_us <= won.time_us"
            )
            with temporary_tables(connection, {_ORDERS: first, _TOUCHES: touches}):
                found[name] = replace(whole, touchpoints=_TOUCHES, orders=_ORDERS).build(connection)
    return found


def conversions_with_value(paths: Paths, gradient: Gradient) -> Floats:
    """Covariance of each channel's credited conversions with its own credited value, array ``(channels,)``."""
    if paths.time_decay is not None and gradient.own is not None:
        return np.diag(paths.time_decay.mixed_products).astype(float)
    (found,) = covariances(paths, OfGradient(gradient), ((0, 1),))
    return found
