"""Journeys in SQL: from touchpoints and orders to distinct paths, inside the engine, whole numbers only.

Customers with conversions are few and are split off first: one window numbers their touches, one grouping packs each
journey's last channels into a word of 63 bits; the others become a text, the *tail*, which is mostly missing and so a
fast key. The touches of everybody else leave the engine sorted, see ``other_journeys``. Touches at one instant are put
into the order of channel codes, so that no answer depends on the order of rows or on threads. Every function is one
step and returns one statement.
"""

from dataclasses import dataclass

from attribution.packing import Packing

PREFIX = "attribution_"
CONVERSION_MOMENT = f"{PREFIX}conversion_moment"
CONVERTER_TOUCH = f"{PREFIX}converter_touch"
CONVERTER_JOURNEY = f"{PREFIX}converter_journey"
CONVERTER_PATH = f"{PREFIX}converter_path"
JOURNEY_PATH = f"{PREFIX}journey_path"
TOUCH_SHARE = f"{PREFIX}touch_share"
TABLES = (CONVERSION_MOMENT, CONVERTER_TOUCH, CONVERTER_JOURNEY, CONVERTER_PATH, JOURNEY_PATH, TOUCH_SHARE)

CONVERTER = (1 << 63) - 1
"""Stands for a customer's conversions among touches; larger than any of them."""

TAIL = "CASE WHEN later IS NOT NULL THEN array_to_string(list_sort(later), ',') END"


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


def packed(packing: Packing) -> str:
    """Expressions ``word`` and ``later`` of a group of touches whose ``back`` counts from the last touch, 1."""
    shift = f"({packing.bits} * (back - 1))::INTEGER"
    return f"""
                bit_or(CASE WHEN back <= {packing.in_word} THEN channel_code::BIGINT << {shift} ELSE 0 END) AS word,
                list((back << {packing.bits}) | channel_code) FILTER (back > {packing.in_word}) AS later"""


def conversion_moments(window: Window) -> str:
    """Conversions of one customer at one instant become one, with their number and the sum of their values."""
    return f"""
        CREATE TEMP TABLE {CONVERSION_MOMENT} AS
        SELECT customer_id, time_us, count(*) AS conversions, sum(value)::BIGINT AS value
        FROM {window.orders}
        WHERE time_us <= {window.until_us}
        GROUP BY customer_id, time_us"""


def converter_touches(window: Window) -> str:
    """Touches of customers with conversions, each with the next conversion at or after it, numbered by journey.

    Numbers count back from a journey's last touch.

    ``next_us`` is NULL after the last conversion; ``credited`` says whether the conversion came within the lookback.
    A journey is what one customer touched before one conversion, apart by ``credited``.
    """
    return f"""
        CREATE TEMP TABLE {CONVERTER_TOUCH} AS
        WITH touch AS (
            SELECT customer_id, time_us, channel_code
            FROM {window.touchpoints}
            SEMI JOIN {CONVERSION_MOMENT} USING (customer_id)
            WHERE time_us <= {window.until_us}
        ),
        met AS (
            SELECT touch.customer_id, touch.time_us, touch.channel_code,
                moment.time_us AS next_us, moment.conversions, moment.value,
                coalesce(moment.time_us - touch.time_us <= {window.lookback_us}, false) AS credited
            FROM touch
            ASOF LEFT JOIN {CONVERSION_MOMENT} AS moment
                ON touch.customer_id = moment.customer_id AND touch.time_us <= moment.time_us
        )
        SELECT *,
            row_number() OVER (
                PARTITION BY customer_id, next_us, credited ORDER BY time_us DESC, channel_code DESC
            ) AS back
        FROM met"""


def converter_journeys(window: Window, packing: Packing) -> str:
    """Journeys of customers with conversions, packed."""
    return f"""
        CREATE TEMP TABLE {CONVERTER_JOURNEY} AS
        WITH journey AS (
            SELECT customer_id, next_us, credited, {packed(packing)},
                min(time_us) AS first_us, max(time_us) AS last_us,
                CASE WHEN credited THEN max(conversions) ELSE 0 END AS conversions,
                CASE WHEN credited THEN max(value) ELSE 0 END AS value,
                NOT credited AND max(time_us) >= {window.open_from_us} AS is_open
            FROM {CONVERTER_TOUCH}
            GROUP BY customer_id, next_us, credited
        )
        SELECT * EXCLUDE (later), {TAIL} AS tail
        FROM journey"""


def converter_paths(*, include_open: bool) -> str:
    """Distinct paths of customers with conversions and what came of them; ``path_id`` only links tables of one run."""
    return f"""
        CREATE TEMP TABLE {CONVERTER_PATH} AS
        WITH path AS (
            SELECT word, tail, sum(conversions)::BIGINT AS conversions, sum(value)::HUGEINT AS value,
                sum(value::HUGEINT * value) AS value_squares,
                count(*) FILTER (conversions > 0) AS converted,
                count(*) FILTER (conversions = 0) AS nulls
            FROM {CONVERTER_JOURNEY}
            WHERE {_counts(include_open)}
            GROUP BY word, tail
        )
        SELECT row_number() OVER () - 1 AS path_id, *
        FROM path"""


def _counts(include_open: bool) -> str:
    """Whether a journey counts: those that may still convert only when asked for."""
    return "true" if include_open else "NOT is_open"


def journey_paths(*, include_open: bool) -> str:
    """Journeys of customers with conversions, as far as they count, each with the path it took."""
    return f"""
        CREATE TEMP TABLE {JOURNEY_PATH} AS
        SELECT journey.customer_id, journey.next_us, journey.credited, journey.conversions, journey.value,
            journey.last_us, path.path_id
        FROM {CONVERTER_JOURNEY} AS journey
        JOIN {CONVERTER_PATH} AS path
            ON journey.word = path.word AND journey.tail IS NOT DISTINCT FROM path.tail
        WHERE {_counts(include_open)}"""


def kept_journeys(table: str) -> str:
    """The same in a table that stays."""
    return f"""
        CREATE OR REPLACE TABLE {table} AS
        SELECT customer_id, path_id, conversions::BIGINT AS conversions, value::BIGINT AS value
        FROM {JOURNEY_PATH}"""


def first_and_last_touch(window: Window) -> str:
    """First and last moment of the touches."""
    return f"""
        SELECT min(time_us), max(time_us)
        FROM {window.touchpoints}
        WHERE time_us <= {window.until_us}"""


def sorted_touches(window: Window, keys: tuple[str, ...], touch: str, *, by_time: bool) -> str:
    """Touches by customer and then by ``touch``, SQL of a touch; each customer with conversions has CONVERTER last.

    ``keys`` are SQL of the numbers that stand for ``customer_id``; ``by_time`` sorts by time before ``touch``.
    """
    names = [f"key_{place}" for place in range(len(keys))]
    named = ", ".join(f"{key} AS {name}" for key, name in zip(keys, names, strict=True))
    return f"""
        SELECT {", ".join(names)}, touch
        FROM (
            SELECT {named}, {touch} AS touch, time_us
            FROM {window.touchpoints}
            WHERE time_us <= {window.until_us}
            UNION ALL
            SELECT DISTINCT {", ".join(keys)}, {CONVERTER}, {CONVERTER}
            FROM {CONVERSION_MOMENT}
        )
        ORDER BY {", ".join(names)}{", time_us" if by_time else ""}, touch"""


def open_converter_journeys() -> str:
    """Journeys after the last conversion of their customer that may still convert."""
    return f"SELECT count(*) FROM {CONVERTER_JOURNEY} WHERE is_open"


def unattributed() -> str:
    """Conversions without a touch in their lookback: their number and value; and those of all conversions."""
    return f"""
        WITH moment AS (
            SELECT moment.conversions, moment.value, journey.customer_id IS NOT NULL AS attributed
            FROM {CONVERSION_MOMENT} AS moment
            LEFT JOIN {CONVERTER_JOURNEY} AS journey
                ON moment.customer_id = journey.customer_id AND moment.time_us = journey.next_us AND journey.credited
        )
        SELECT coalesce(sum(conversions), 0)::BIGINT, coalesce(sum(value), 0)::HUGEINT,
            coalesce(sum(conversions) FILTER (NOT attributed), 0)::BIGINT,
            coalesce(sum(value) FILTER (NOT attributed), 0)::HUGEINT
        FROM moment"""


def touches_without_credit() -> str:
    """Touches of customers with conversions that no conversion answers: too early for the lookback; after the last."""
    return f"""
        SELECT count(*) FILTER (NOT credited AND next_us IS NOT NULL), count(*) FILTER (next_us IS NULL)
        FROM {CONVERTER_TOUCH}"""


def customers_with_conversions() -> str:
    return f"SELECT count(DISTINCT customer_id) FROM {CONVERSION_MOMENT}"


def before_and_after_the_end(window: Window) -> str:
    """Touches up to the last moment; touches and conversions later than it."""
    return f"""
        SELECT count(*) FILTER (time_us <= {window.until_us}), count(*) FILTER (time_us > {window.until_us}),
            (SELECT count(*) FROM {window.orders} WHERE time_us > {window.until_us})
        FROM {window.touchpoints}"""


def time_lags(day_us: int) -> str:
    """Conversions by whole days from first touch to conversion."""
    return f"""
        SELECT (next_us - first_us) // {day_us} AS days, sum(conversions)::BIGINT AS conversions
        FROM {CONVERTER_JOURNEY}
        WHERE credited
        GROUP BY days"""
