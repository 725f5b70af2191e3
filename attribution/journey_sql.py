"""Journeys in SQL: from touchpoints and orders to distinct paths, inside the engine, whole numbers only.

Customers with conversions are few and are split off first. The others take a path without joins: one window numbers
their touches, one grouping packs each journey's last channels into a word of 63 bits; the others become a text, the
*tail*, which is mostly missing and so a fast key. Touches at one instant are put into the order of channel codes, so
that no answer depends on the order of rows or on threads. Every function is one step and returns one statement.
"""

from dataclasses import dataclass

from attribution.packing import FLAG, Packing

PREFIX = "attribution_"
CONVERSION_MOMENT = f"{PREFIX}conversion_moment"
CONVERTER_TOUCH = f"{PREFIX}converter_touch"
CONVERTER_JOURNEY = f"{PREFIX}converter_journey"
CONVERTER_PATH = f"{PREFIX}converter_path"
JOURNEY_PATH = f"{PREFIX}journey_path"
OTHER_PATH = f"{PREFIX}other_path"
TOUCH_SHARE = f"{PREFIX}touch_share"
TABLES = (CONVERSION_MOMENT, CONVERTER_TOUCH, CONVERTER_JOURNEY, CONVERTER_PATH, JOURNEY_PATH, OTHER_PATH, TOUCH_SHARE)

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


def packed(packing: Packing, flag: str = "false") -> str:
    """Expressions ``word`` and ``later`` of a group of touches whose ``back`` counts from the last touch, 1.

    ``flag`` is a condition on a touch; the word is flagged when it holds for one of the group.
    """
    shift = f"({packing.bits} * (back - 1))::INTEGER"
    return f"""
                bit_or(
                    CASE WHEN back <= {packing.in_word} THEN channel_code::BIGINT << {shift} ELSE 0 END
                    | CASE WHEN {flag} THEN {1 << FLAG} ELSE 0 END
                ) AS word,
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


def other_paths(window: Window, packing: Packing, *, include_open: bool) -> str:
    """Distinct paths of customers without conversions and their number, open journeys apart by the flag of the word.

    Open journeys that do not count are all in one row, whose word holds the flag alone.
    """
    dropped = "false" if include_open else f"word >= {1 << FLAG}"
    return f"""
        CREATE TEMP TABLE {OTHER_PATH} AS
        WITH touch AS (
            SELECT customer_id, time_us, channel_code,
                row_number() OVER (PARTITION BY customer_id ORDER BY time_us DESC, channel_code DESC) AS back
            FROM {window.touchpoints}
            ANTI JOIN {CONVERSION_MOMENT} USING (customer_id)
            WHERE time_us <= {window.until_us}
        ),
        journey AS (
            SELECT {packed(packing, flag=f"time_us >= {window.open_from_us}")}
            FROM touch
            GROUP BY customer_id
        ),
        kept AS (
            SELECT CASE WHEN {dropped} THEN {1 << FLAG} ELSE word END AS word,
                CASE WHEN NOT {dropped} THEN later END AS later
            FROM journey
        ),
        written AS (SELECT word, {TAIL} AS tail FROM kept),
        path AS (SELECT word, tail, count(*) AS journeys FROM written GROUP BY word, tail)
        SELECT row_number() OVER () - 1 AS path_id, *
        FROM path"""


def touches_at_a_glance(window: Window) -> str:
    """Number of touches, their first and last moment, and whether customers are whole numbers."""
    return f"""
        SELECT count(*), min(time_us), max(time_us), coalesce(any_value(typeof(customer_id)) = 'BIGINT', false)
        FROM {window.touchpoints}
        WHERE time_us <= {window.until_us}"""


def sorted_touches(window: Window, packing: Packing, first_us: int) -> str:
    """Touches by customer and time; ``touch`` is the time since ``first_us`` above the channel."""
    return f"""
        SELECT customer_id, (time_us - {first_us}) << {packing.bits} | channel_code AS touch
        FROM {window.touchpoints}
        WHERE time_us <= {window.until_us}
        ORDER BY customer_id, touch"""


def customers_in_order() -> str:
    """Customers with conversions, ascending."""
    return f"SELECT DISTINCT customer_id FROM {CONVERSION_MOMENT} ORDER BY customer_id"


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
