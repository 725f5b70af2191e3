"""What the engine does for journeys: touches and conversions in order of customers and time, and exact sums.

Between the two numpy cuts them into journeys, see ``customer_events``, ``converter_journeys`` and ``other_journeys``.
Touches at one instant are put into the order of channel codes, so that no answer depends on the order of rows or on
threads. Whole numbers only; every function is one step and returns one statement.
"""

from dataclasses import dataclass

PREFIX = "attribution_"
CONVERSION_MOMENT = f"{PREFIX}conversion_moment"
CREDITED_TOUCH = f"{PREFIX}credited_touch"
CONVERTER_JOURNEY = f"{PREFIX}converter_journey"
TOUCH_SHARE = f"{PREFIX}touch_share"
TABLES = (CONVERSION_MOMENT, TOUCH_SHARE)
VIEWS = (CREDITED_TOUCH, CONVERTER_JOURNEY)


@dataclass(frozen=True)
class Window:
    """Which touches and conversions count.

    In microseconds how long before a conversion, and the last moment of the data; and the relations they stand in.
    """

    lookback_us: int
    until_us: int
    touchpoints: str = "touchpoints"
    orders: str = "orders"

    @property
    def open_from_us(self) -> int:
        """A journey without conversion whose last touch is not before this moment may still convert."""
        return self.until_us - self.lookback_us


def conversion_moments(window: Window) -> str:
    """Conversions of one customer at one instant become one, with their number and the sum of their values."""
    return f"""
        CREATE TEMP TABLE {CONVERSION_MOMENT} AS
        SELECT customer_id, time_us, count(*) AS conversions, sum(value)::BIGINT AS value
        FROM {window.orders}
        WHERE time_us <= {window.until_us}
        GROUP BY customer_id, time_us"""


def moments_in_order(keys: tuple[str, ...]) -> str:
    """Number and value of the conversions of each moment, by customer and time as ``sorted_events`` has them."""
    return f"""
        SELECT conversions, value
        FROM {CONVERSION_MOMENT}
        ORDER BY {", ".join(keys)}, time_us"""


def kept_journeys(table: str, keys: tuple[str, ...]) -> str:
    """Journeys of customers with conversions under the customers' own identities, in a table that stays."""
    return f"""
        CREATE OR REPLACE TABLE {table} AS
        WITH customer AS (
            SELECT customer_id, dense_rank() OVER (ORDER BY {", ".join(keys)}) - 1 AS customer
            FROM (SELECT DISTINCT customer_id FROM {CONVERSION_MOMENT})
        )
        SELECT customer.customer_id, path_id, conversions, value
        FROM {CONVERTER_JOURNEY} AS journey
        JOIN customer ON customer.customer = journey.customer_id"""


def first_and_last_event(window: Window) -> str:
    """First and last moment of touches and conversions."""
    return f"""
        SELECT min(first_us), max(last_us)
        FROM (
            SELECT min(time_us) AS first_us, max(time_us) AS last_us
            FROM {window.touchpoints}
            WHERE time_us <= {window.until_us}
            UNION ALL
            SELECT min(time_us), max(time_us) FROM {CONVERSION_MOMENT}
        )"""


def sorted_events(window: Window, keys: tuple[str, ...], *, touch: str, conversion: str, by_time: bool) -> str:
    """Touches and moments of conversion by customer, time and then ``event``.

    ``keys`` are SQL of the numbers that stand for ``customer_id``; ``touch`` and ``conversion`` of the event that each
    is. ``by_time`` gives the time, too, where an event does not tell it.
    """
    names = [f"key_{place}" for place in range(len(keys))]
    named = ", ".join(f"{key} AS {name}" for key, name in zip(keys, names, strict=True))
    columns = f"{', '.join(names)}{', time_us' if by_time else ''}, event"
    return f"""
        SELECT {columns}
        FROM (
            SELECT {named}, time_us, {touch} AS event
            FROM {window.touchpoints}
            WHERE time_us <= {window.until_us}
            UNION ALL
            SELECT {", ".join(keys)}, time_us, {conversion}
            FROM {CONVERSION_MOMENT}
        )
        ORDER BY {columns}"""


def outcomes_by_path() -> str:
    """What came of the journeys of customers with conversions, by path."""
    return f"""
        SELECT path_id, sum(conversions)::BIGINT AS conversions, sum(value)::DOUBLE AS value,
            sum(value::HUGEINT * value)::DOUBLE AS value_squares, count(*) FILTER (conversions = 0) AS nulls
        FROM {CONVERTER_JOURNEY}
        GROUP BY path_id"""


def before_and_after_the_end(window: Window) -> str:
    """Touches up to the last moment; touches and conversions later than it."""
    return f"""
        SELECT (SELECT count(*) FROM {window.touchpoints} WHERE time_us <= {window.until_us}),
            (SELECT count(*) FROM {window.touchpoints} WHERE time_us > {window.until_us}),
            (SELECT count(*) FROM {window.orders} WHERE time_us > {window.until_us})"""
