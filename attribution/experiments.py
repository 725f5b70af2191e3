"""What a model credits to channels in the time of an experiment, to be held against the lift that was found."""

from dataclasses import replace
from typing import TYPE_CHECKING

from attribution.journey_parts import JourneyOptions, temporary_tables
from attribution.journeys import DAY_US
from attribution.paths import Paths

if TYPE_CHECKING:
    import duckdb

_BEFORE, _TOUCHES, _ORDERS = "attribution_order_before", "attribution_window_touches", "attribution_window_orders"


def window_paths(
    connection: "duckdb.DuckDBPyConnection",
    options: JourneyOptions | None = None,
    *,
    first_us: int | None = None,
    last_us: int | None = None,
) -> Paths:
    """Distinct paths to the orders of a window of time.

    Every journey to an order of the window is the one it is in all the data: orders before the window end journeys, and
    touches before it count as far as the lookback reaches. Journeys without an order are those of touches since one
    lookback before the window that no earlier order answers, seen from the window's end. So windows that follow each
    other share out the journeys that converted.

    Parameters
    ----------
    connection
        Holds the touches and orders.
    options
        How journeys are built.
    first_us, last_us
        First and last moment of the window in microseconds since 1970 UTC, both included; None for the data's.
    """
    with (options or JourneyOptions()).closed(connection).at_its_grain(connection) as whole:
        assert whole.until_us is not None
        last = whole.until_us if last_us is None else min(last_us, whole.until_us)
        if first_us is None:
            return replace(whole, until_us=last).build(connection)
        reach = first_us - round(whole.lookback_days * DAY_US)
        parts = {
            _BEFORE: f"SELECT customer_id, max(time_us) AS before_us FROM {whole.orders} "
            f"WHERE time_us < {first_us} GROUP BY customer_id",
            _TOUCHES: f"SELECT customer_id, time_us, channel_code FROM {whole.touchpoints} "
            f"LEFT JOIN {_BEFORE} USING (customer_id) "
            f"WHERE time_us >= {reach} AND (before_us IS NULL OR time_us > before_us)",
            _ORDERS: f"SELECT customer_id, time_us, value FROM {whole.orders} WHERE time_us >= {first_us}",
        }
        with temporary_tables(connection, parts):
            return replace(whole, until_us=last, touchpoints=_TOUCHES, orders=_ORDERS).build(connection)
