"""Days without any order at the end of the data: a shop that has fallen silent, or rather orders that are not there."""

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from clv.calendar import day_date
from customer_data.nearest import count_of

if TYPE_CHECKING:
    import duckdb

_DAYS_OF_A_WEEK: Final = 7


def missing_days(connection: "duckdb.DuckDBPyConnection", until_day: int) -> list[str]:
    """A sentence where no order came for longer than ever before until the day, and for more than a week."""
    days = [
        int(day)
        for (day,) in connection.execute(
            "SELECT DISTINCT day FROM orders WHERE day <= $until ORDER BY day", {"until": until_day}
        ).fetchall()
    ]
    if not days:
        return []
    silence = until_day - days[-1]
    longest = max((later - earlier for earlier, later in pairwise(days)), default=_DAYS_OF_A_WEEK)
    if silence <= max(_DAYS_OF_A_WEEK, longest):
        return []
    return [
        f"The last order is of {day_date(days[-1])}, {count_of(silence, 'day')} before the as-of day "
        f"{day_date(until_day)}, and never before were there more than {count_of(longest, 'day')} from one to the next."
        " If orders are missing, every customer seems to have fallen silent, and is valued as if it had: load them, or "
        "look back from the last day that is complete."
    ]
