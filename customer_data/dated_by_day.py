"""Orders and refunds that are dated by day alone, with no time of day.

Midnight precedes every touch of its day, so an order dated so would lose the very visit that it was made in. It counts
at the end of its day instead, after all touches of that day. Rows at midnight are taken to be dated by day where they
are more than half of a source: a shop that is open all day has one order in 1,440 there if times are to the minute.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from customer_data.judging import OpenSource, judged_sql
from customer_data.nearest import count_of
from customer_data.time_zones import clock_of, looked_up

if TYPE_CHECKING:
    import duckdb

_DAY_US = 86_400_000_000
_QUARTER_US = 900_000_000  # no zone is off UTC by a part of it


def with_days(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> OpenSource:
    """The source with the clocks on which it is dated by day and how many of its rows are, if it is one of orders or
    refunds and most are."""
    if opened.source.table not in ("orders", "refunds"):
        return opened
    used = "time IS NOT NULL" if opened.mapped.filter is None else "__reason IS NULL"  # the first reads one column
    for zone in dict.fromkeys((opened.timezone, "UTC")):
        ((rows, of_day),) = connection.execute(
            f"SELECT count(*), count(*) FILTER ({_is_midnight('time', zone)}) FROM ({judged_sql(opened)}) WHERE {used}"
        ).fetchall()
        if 2 * of_day > rows:
            return replace(opened, days_of=zone, rows_of_days=int(of_day))
    return opened


def booked_at(opened: OpenSource) -> str:
    """SQL of the time of a row, at the end of its day where it is dated by day."""
    if opened.days_of is None:
        return "time"
    end = end_of_day("time", opened.days_of, opened.settings.timezone)
    return f"CASE WHEN {_is_midnight('time', opened.days_of)} THEN {end} ELSE time END"


def end_of_day(time_us: str, clocks: str, timezone: str) -> str:
    """SQL of the last microsecond of the day that the clocks show, in a zone."""
    clock = f"(CAST(floor({clock_of(time_us, clocks)} / {_DAY_US}) AS BIGINT) + 1) * {_DAY_US} - 1"
    return clock if timezone == "UTC" else looked_up(clock, timezone)


def day_warnings(orders: list[OpenSource]) -> list[str]:
    """Return what a reader of credit should know of orders that are dated by day."""
    return [
        f"{one.label}.time: {count_of(one.rows_of_days, 'row')} with a date but no time of day; they count at the end "
        "of that day, after all touches of it. Times to touches are up to a day too long."
        for one in orders
        if one.days_of is not None
    ]


def _is_midnight(time_us: str, zone: str) -> str:
    if zone == "UTC":
        return f"{time_us} % {_DAY_US} = 0"
    return f"CASE WHEN {time_us} % {_QUARTER_US} = 0 THEN {clock_of(time_us, zone)} % {_DAY_US} = 0 ELSE false END"
