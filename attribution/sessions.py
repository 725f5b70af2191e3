"""Visits in place of touches: what a customer touched in one go counts once, as the channel that brought the visit."""

import math
from typing import TYPE_CHECKING

from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb

MINUTE_US = 60_000_000
VISITS = "attribution_visits"


def visits(gap_us: int, *, touchpoints: str = "touchpoints") -> str:
    """The first touch of every visit, as SQL.

    A touch begins a visit when the customer's touch before it is longer ago than the gap, or there is none. Touches at
    one instant are in the order of channel codes, so that the answer does not depend on the order of rows.
    """
    return f"""
        SELECT customer_id, time_us, channel_code
        FROM (
            SELECT customer_id, time_us, channel_code,
                lag(time_us) OVER (PARTITION BY customer_id ORDER BY time_us, channel_code) AS before_us
            FROM {touchpoints}
        )
        WHERE before_us IS NULL OR time_us - before_us > {gap_us}"""


def make_visits(
    connection: "duckdb.DuckDBPyConnection",
    *,
    session_minutes: float = 30.0,
    touchpoints: str = "touchpoints",
    name: str = VISITS,
) -> str:
    """Make a temporary table of visits, which stands in for the touches: ``build_paths(touchpoints=make_visits(...))``.

    A visit has the moment and the channel of its first touch; touches within ``session_minutes`` of the one before
    belong to it. So a conversion during a visit is preceded by the visit, and touches of it after the conversion are
    part of what led to the conversion, not of a journey of their own.

    Parameters
    ----------
    connection
        Holds the touches.
    session_minutes
        The longest pause within a visit, in minutes; 30 as in Google Analytics.
    touchpoints
        Name of the relation of touches.
    name
        Of the table that is made, or made anew.

    Returns
    -------
    The table's name; columns customer_id, time_us, channel_code.

    Raises
    ------
    ConfigurationError
        When ``session_minutes`` is negative or not finite.
    """
    if not (math.isfinite(session_minutes) and session_minutes >= 0):
        raise ConfigurationError(f"session_minutes: {session_minutes!r} is not a number of minutes of 0 or more.")
    query = visits(round(session_minutes * MINUTE_US), touchpoints=touchpoints)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
    return name
