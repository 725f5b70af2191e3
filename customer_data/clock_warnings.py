"""Orders whose clock is not that of the touches: visits that led to them then seem to come after them.

An order is prompt if a touch precedes it by a day at most, and late if none does but one follows within a day. Where
touches have nothing to do with orders up to half of these are late, so the share alone tells little. It tells the zone
that, taken for that of the orders (or of the touches), puts a touch into the hour before at least twice as many.
"""

import re
from typing import TYPE_CHECKING

from customer_data.judging import OpenSource
from customer_data.sources import EPOCH_FORMATS
from customer_data.sql_text import literal
from customer_data.time_zones import clock_of
from customer_data.typed_columns import is_number

if TYPE_CHECKING:
    import duckdb

_LOOKED_AT = 5_000
_HOUR_US, _DAY_US = 3_600_000_000, 86_400_000_000
_FEWEST, _LATE, _MOSTLY_LATE, _FITTING = 10, 0.1, 0.6, 0.2
"""Late orders, and shares of the orders with a touch within a day: late ones that are odd, those that are so whatever
the cause, and those that a zone must fit."""
_ZONES = (
    "UTC", "Europe/London", "Europe/Berlin", "Europe/Athens", "Europe/Moscow", "Asia/Dubai", "Asia/Kolkata",
    "Asia/Bangkok", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland", "America/Sao_Paulo",
    "America/Halifax", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
)  # fmt: skip
_OFFSET = r"(?i)\d{2}:\d{2}.*(z|utc|gmt|[+-]\d{2}(:?\d{2})?)\s*"


def clock_warnings(
    connection: "duckdb.DuckDBPyConnection", touchpoints: list[OpenSource], orders: list[OpenSource]
) -> list[str]:
    """Return a sentence if orders seem to precede the touches that led to them, with its cause as far as it is known.

    Reads the tables ``orders`` and ``touchpoints``; of many orders those of some customers.
    """
    timed = [one for one in orders if one.days_of is None]
    if not timed:
        return []
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE __near AS
        WITH chosen AS (
            SELECT order_id, customer_id, time_us FROM orders ORDER BY hash(customer_id), order_id LIMIT {_LOOKED_AT}
        ), touched AS (
            SELECT customer_id, time_us AS touch_us FROM touchpoints SEMI JOIN chosen USING (customer_id)
        )
        SELECT order_id, time_us, touch_us FROM chosen JOIN touched USING (customer_id)
        WHERE touch_us BETWEEN time_us - {_DAY_US} AND time_us + {_DAY_US}
        """
    )
    ((near, late, at_midnight),) = connection.execute(
        f"""
        WITH orders_near AS (
            SELECT any_value(time_us) AS time_us, min(touch_us) > any_value(time_us) AS late
            FROM __near GROUP BY order_id
        )
        SELECT count(*), count(*) FILTER (late),
               count(*) FILTER (late AND {clock_of("time_us", timed[0].timezone)} % {_DAY_US} = 0)
        FROM orders_near
        """
    ).fetchall()
    if late < _FEWEST or late < _LATE * near:
        return []
    said = (
        f"orders.time: {late:,} of {near:,} orders with a touch within a day of them have it only after them, as if "
        "clocks differed"
    )
    if 2 * at_midnight > late:
        return [
            f"{said}; {at_midnight:,} of these are at midnight, as dates without a time are. Read orders that are "
            "dated by day by a block [[orders]] of their own: they then count at the end of their day."
        ]
    fit = _fitting_zone(connection, touchpoints, timed, near)
    if fit is not None:
        table, read_as, zone, number = fit
        return [
            f"{said}. {number:,} of them follow a touch within an hour if times of {table} are of {zone}, not of "
            f'{read_as}. If so, state it: [{table}] timezone = "{zone}".'
        ]
    if late < _MOSTLY_LATE * near:
        return []
    return [f"{said}. Check the times of both, time_format and timezone."]


def named_zone_warnings(connection: "duckdb.DuckDBPyConnection", opened: list[OpenSource]) -> list[str]:
    """Return a sentence for each source whose times are of another zone than the name of their column says."""
    return [
        f"{one.label}.time: the column is called {theirs!r}, but its times are read as those of {one.timezone}. If "
        f'they are of UTC, state it: [{one.source.table}] timezone = "UTC".'
        for one in opened
        if "time" in one.mapped.columns and one.source.timezone is None and one.timezone != "UTC"
        if re.search(r"\b(UTC|GMT)\b", theirs := one.mapped.columns["time"].theirs) and _is_naive(connection, one)
    ]


def _fitting_zone(
    connection: "duckdb.DuckDBPyConnection", touchpoints: list[OpenSource], orders: list[OpenSource], near: int
) -> tuple[str, str, str, int] | None:
    """The table, the zone it is read in, the zone that fits best, and how many orders then follow a touch at once."""
    now = _prompt(connection, "time_us", "touch_us")
    best: tuple[str, str, str, int] | None = None
    for table, sources, column in (("orders", orders, "time_us"), ("touchpoints", touchpoints, "touch_us")):
        if any(not _is_naive(connection, one) for one in sources):
            continue
        read_as = sources[0].timezone
        report = sources[0].settings.timezone
        for zone in dict.fromkeys((report, *_ZONES)):
            if zone == read_as:
                continue
            corrected = f"epoch_us(timezone({literal(zone)}, make_timestamp({clock_of(column, read_as)})))"
            times = (corrected, "touch_us") if table == "orders" else ("time_us", corrected)
            number = _prompt(connection, *times)
            if number > (0 if best is None else best[3]):
                best = (table, read_as, zone, number)
    return best if best is not None and best[3] >= max(2 * now, _FITTING * near) else None


def _prompt(connection: "duckdb.DuckDBPyConnection", ordered: str, touched: str) -> int:
    """Orders that follow a touch by an hour at most, with the times of either corrected by SQL."""
    ((number,),) = connection.execute(
        f"""
        SELECT count(DISTINCT order_id) FROM (SELECT order_id, {ordered} AS ordered, {touched} AS touched FROM __near)
        WHERE touched BETWEEN ordered - {_HOUR_US} AND ordered
        """
    ).fetchall()
    return int(number)


def _is_naive(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> bool:
    """Whether the times of a source name no zone of their own."""
    mapped, how = opened.mapped.columns["time"], opened.source.time_format
    if mapped.type == "TIMESTAMP WITH TIME ZONE" or how in EPOCH_FORMATS or is_number(mapped.type):
        return False
    if how is not None:
        return "%z" not in how and "%Z" not in how
    if mapped.type != "VARCHAR":
        return True
    some = f"SELECT CAST({mapped.expression} AS VARCHAR) AS it FROM {opened.relation.scan} LIMIT 100"
    found = connection.execute(f"SELECT 1 FROM ({some}) WHERE regexp_full_match(it, {literal('.*' + _OFFSET)}) LIMIT 1")
    return not found.fetchall()
