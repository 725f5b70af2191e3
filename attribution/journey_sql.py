"""Journeys in SQL: from touchpoints and orders to distinct paths, inside the engine, whole numbers only.

Customers with conversions are few and are split off first. The others take a path without joins: one window numbers
their touches, one grouping packs each journey into words of 63 bits, several channels a word; what does not fit goes
into a list, the *tail*. Touches at one instant are put into the order of channel codes, so that no answer depends on
the order of rows or on threads. Every function below is one step and returns the text of one statement.
"""

from dataclasses import dataclass

PREFIX = "attribution_"
CONVERSION_MOMENT = f"{PREFIX}conversion_moment"
CONVERTER_TOUCH = f"{PREFIX}converter_touch"
CONVERTER_JOURNEY = f"{PREFIX}converter_journey"
PATH = f"{PREFIX}path"
JOURNEY_PATH = f"{PREFIX}journey_path"
TABLES = (CONVERSION_MOMENT, CONVERTER_TOUCH, CONVERTER_JOURNEY, PATH, JOURNEY_PATH)

WORDS = 3
WORD_COLUMNS = ", ".join(f"word{number}" for number in range(WORDS))
SHARE_BITS = 31


@dataclass(frozen=True)
class Window:
    """Which touches count, in microseconds: how long before a conversion, and the last moment of the data."""

    lookback_us: int
    until_us: int

    @property
    def open_from_us(self) -> int:
        """A journey without conversion whose last touch is not before this moment may still convert."""
        return self.until_us - self.lookback_us


@dataclass(frozen=True)
class Packing:
    """How channel codes 1 .. K lie in words: ``bits`` each, ``per_word`` of them, the first touch lowest."""

    bits: int

    @classmethod
    def of(cls, largest_code: int) -> "Packing":
        return cls(max(largest_code.bit_length(), 1))

    @property
    def per_word(self) -> int:
        return 63 // self.bits

    @property
    def packed(self) -> int:
        """Touches that fit into the words; later ones are in the tail."""
        return WORDS * self.per_word

    @property
    def columns(self) -> str:
        return f"{WORD_COLUMNS}, tail"

    @property
    def aggregates(self) -> str:
        """Expressions that pack the touches of a group, in the order of ``position``, which counts from 1."""
        words = []
        shifted = f"channel_code::BIGINT << ({self.bits} * ((position - 1) % {self.per_word}))::INTEGER"
        for number in range(WORDS):
            first = number * self.per_word
            inside = f"position > {first} AND position <= {first + self.per_word}"
            words.append(f"coalesce(bit_or({shifted}) FILTER ({inside}), 0) AS word{number}")
        tail = f"list(channel_code ORDER BY position) FILTER (position > {self.packed}) AS tail"
        return ", ".join([*words, tail])


def conversion_moments(window: Window) -> str:
    """Conversions of one customer at one instant become one, with their number and the sum of their values."""
    return f"""
        CREATE TEMP TABLE {CONVERSION_MOMENT} AS
        SELECT customer_id, time_us, count(*) AS conversions, sum(value)::BIGINT AS value
        FROM orders
        WHERE time_us <= {window.until_us}
        GROUP BY customer_id, time_us"""


def converter_touches(window: Window) -> str:
    """Touches of customers with conversions, each with the next conversion at or after it, numbered by journey.

    ``next_us`` is NULL after the last conversion; ``credited`` says whether the conversion came within the lookback.
    A journey is what one customer touched before one conversion, apart by ``credited``.
    """
    return f"""
        CREATE TEMP TABLE {CONVERTER_TOUCH} AS
        WITH touch AS (
            SELECT customer_id, time_us, channel_code
            FROM touchpoints
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
            row_number() OVER (PARTITION BY customer_id, next_us, credited ORDER BY time_us, channel_code) AS position
        FROM met"""


def converter_journeys(window: Window, packing: Packing) -> str:
    """Journeys of customers with conversions, packed."""
    return f"""
        CREATE TEMP TABLE {CONVERTER_JOURNEY} AS
        SELECT customer_id, next_us, credited, {packing.aggregates},
            max(position) AS touches, min(time_us) AS first_us, max(time_us) AS last_us,
            CASE WHEN credited THEN max(conversions) ELSE 0 END AS conversions,
            CASE WHEN credited THEN max(value) ELSE 0 END AS value,
            NOT credited AND max(time_us) >= {window.open_from_us} AS is_open
        FROM {CONVERTER_TOUCH}
        GROUP BY customer_id, next_us, credited"""


def paths(window: Window, packing: Packing, *, include_open: bool) -> str:
    """Distinct paths of the journeys that count, with what came of them; ``path_id`` only links tables of one run.

    Journeys that fit into the words are grouped without the tail: a list is a slow key. One row with no touches stands
    for the journeys that do not count because they are open.
    """
    counts = "true" if include_open else "NOT is_open"
    outcomes = """
                sum(conversions)::BIGINT AS conversions, sum(value)::HUGEINT AS value,
                sum(value::HUGEINT * value) AS value_squares,
                count(*) FILTER (conversions > 0) AS converted,
                count(*) FILTER (conversions = 0) AS nulls,
                count(*) FILTER (is_open) AS open,
                count(*) FILTER (is_other) AS others"""
    return f"""
        CREATE TEMP TABLE {PATH} AS
        WITH touch AS (
            SELECT customer_id, time_us, channel_code,
                row_number() OVER (PARTITION BY customer_id ORDER BY time_us, channel_code) AS position
            FROM touchpoints
            ANTI JOIN {CONVERSION_MOMENT} USING (customer_id)
            WHERE time_us <= {window.until_us}
        ),
        journey AS MATERIALIZED (
            SELECT {packing.aggregates}, max(position) AS touches,
                0 AS conversions, 0 AS value, max(time_us) >= {window.open_from_us} AS is_open, true AS is_other
            FROM touch
            GROUP BY customer_id
            UNION ALL
            SELECT {packing.columns}, touches, conversions, value, is_open, false AS is_other
            FROM {CONVERTER_JOURNEY}
        ),
        path AS (
            SELECT {WORD_COLUMNS}, NULL::INTEGER[] AS tail, touches, {outcomes}
            FROM journey
            WHERE {counts} AND touches <= {packing.packed}
            GROUP BY {WORD_COLUMNS}, touches
            UNION ALL
            SELECT {packing.columns}, touches, {outcomes}
            FROM journey
            WHERE {counts} AND touches > {packing.packed}
            GROUP BY {packing.columns}, touches
            UNION ALL
            SELECT {", ".join(["0"] * WORDS)}, NULL, 0, 0, 0, 0, 0, 0, count(*), count(*) FILTER (is_other)
            FROM journey
            WHERE NOT ({counts})
        )
        SELECT row_number() OVER () - 1 AS path_id, *
        FROM path"""


def journey_paths(*, include_open: bool) -> str:
    """Journeys of customers with conversions, as far as they count, each with the path it took."""
    same = " AND ".join(f"journey.{word} = path.{word}" for word in WORD_COLUMNS.split(", "))
    counts = "true" if include_open else "NOT journey.is_open"
    return f"""
        CREATE TEMP TABLE {JOURNEY_PATH} AS
        SELECT journey.customer_id, journey.next_us, journey.credited, journey.conversions, journey.value,
            journey.last_us, path.path_id
        FROM {CONVERTER_JOURNEY} AS journey
        JOIN {PATH} AS path
            ON {same} AND journey.touches = path.touches AND journey.tail IS NOT DISTINCT FROM path.tail
        WHERE {counts}"""


def tails() -> str:
    """The channels of long paths that the words do not hold, with their place, counted from 1 after the words."""
    return f"""
        SELECT path_id, generate_subscripts(tail, 1) AS place, unnest(tail) AS channel_code
        FROM {PATH}
        WHERE tail IS NOT NULL"""


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
            (SELECT count(*) FROM orders WHERE time_us > {window.until_us})
        FROM touchpoints"""


def time_lags(day_us: int) -> str:
    """Conversions by whole days from first touch to conversion."""
    return f"""
        SELECT (next_us - first_us) // {day_us} AS days, sum(conversions)::BIGINT AS conversions
        FROM {CONVERTER_JOURNEY}
        WHERE credited
        GROUP BY days"""
