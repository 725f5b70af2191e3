"""Time decay and customers with several journeys, in SQL on what ``converter_journeys`` registers, whole numbers only.

A touch's weight ``2 ** -(time before the journey's last touch / half-life)`` and its share of the journey's sum of
weights are fixed-point numbers with SHARE_BITS bits behind the point, so sums do not depend on their order. The shares
of a journey fall short of 1 by less than its touches times 2 ** -31; totals are made exact when they leave the engine.
"""

from attribution.journey_sql import CREDITED_TOUCH, TOUCH_SHARE

SHARE_BITS = 31


def touch_shares(half_life_us: int) -> str:
    """The fixed-point share of every credited touch in its conversion."""
    one = 1 << SHARE_BITS
    return f"""
        CREATE TEMP TABLE {TOUCH_SHARE} AS
        WITH weight AS (
            SELECT *, round({one} * pow(2.0, since_last_us / {half_life_us}::DOUBLE))::BIGINT AS weight
            FROM {CREDITED_TOUCH}
        ),
        total AS (
            SELECT journey, sum(weight)::BIGINT AS weight
            FROM weight
            GROUP BY journey
        )
        SELECT weight.customer_id, weight.path_id, weight.conversions, weight.value,
            weight.back, weight.channel_code, weight.weight * {one} // total.weight AS share
        FROM weight
        JOIN total ON weight.journey = total.journey"""


def decay_by_touch() -> str:
    """Per distinct path and touch, counted back from its end, the sums of share times conversions and times value.

    The last touches come first, so that floats are summed in one order on any number of threads.
    """
    return f"""
        SELECT path_id, back, sum(share::HUGEINT * conversions)::DOUBLE AS conversions,
            sum(share::HUGEINT * value)::DOUBLE AS value
        FROM {TOUCH_SHARE}
        GROUP BY path_id, back
        ORDER BY back"""


def decay_products() -> str:
    """Per pair of channels the sums over customers of the products of what each got from the customer."""
    one = 1 << SHARE_BITS
    return f"""
        WITH earned AS (
            SELECT customer_id, channel_code, sum(share::HUGEINT * conversions) AS conversions,
                (sum(share::HUGEINT * value) + {one // 2}) // {one} AS value
            FROM {TOUCH_SHARE}
            GROUP BY customer_id, channel_code
        )
        SELECT one.channel_code AS one, other.channel_code AS other,
            sum(one.conversions * other.conversions)::DOUBLE AS conversions,
            sum(one.value * other.value)::DOUBLE AS value,
            sum(one.conversions * other.value)::DOUBLE AS mixed
        FROM earned AS one
        JOIN earned AS other ON one.customer_id = other.customer_id
        GROUP BY one.channel_code, other.channel_code"""


def shared_cells(journeys: str) -> str:
    """Per pair of cells the products that customers with several journeys add to those of single journeys.

    ``journeys`` names a table with customer_id, path_id, conversions and value of every journey.

    A cell is a path and a kind: 0 conversions, 1 nulls, 2 value. Customers with one journey of one conversion add
    nothing and are left out.
    """
    return f"""
        WITH outcome AS (
            SELECT customer_id, path_id, conversions, value, (conversions = 0)::BIGINT AS nulls
            FROM {journeys}
        ),
        several AS (
            SELECT customer_id
            FROM outcome
            GROUP BY customer_id
            HAVING count(*) > 1 OR max(conversions) > 1
        ),
        kept AS (SELECT outcome.* FROM outcome SEMI JOIN several USING (customer_id)),
        entry AS (
            SELECT customer_id, path_id, kind, sum(amount)::HUGEINT AS amount
            FROM (
                SELECT customer_id, path_id, 0 AS kind, conversions AS amount FROM kept
                UNION ALL
                SELECT customer_id, path_id, 1 AS kind, nulls AS amount FROM kept
                UNION ALL
                SELECT customer_id, path_id, 2 AS kind, value AS amount FROM kept
            )
            WHERE amount <> 0
            GROUP BY customer_id, path_id, kind
        ),
        pair AS (
            SELECT one.kind AS kind, one.path_id AS path_id, other.kind AS other_kind, other.path_id AS other_path_id,
                one.amount * other.amount AS amount
            FROM entry AS one
            JOIN entry AS other ON one.customer_id = other.customer_id
            UNION ALL
            SELECT 0, path_id, 0, path_id, -conversions FROM kept
            UNION ALL
            SELECT 1, path_id, 1, path_id, -nulls FROM kept
            UNION ALL
            SELECT 0, path_id, 2, path_id, -value FROM kept
            UNION ALL
            SELECT 2, path_id, 0, path_id, -value FROM kept
            UNION ALL
            SELECT 2, path_id, 2, path_id, -value::HUGEINT * value FROM kept
        )
        SELECT kind, path_id, other_kind, other_path_id, sum(amount)::DOUBLE AS amount
        FROM pair
        GROUP BY kind, path_id, other_kind, other_path_id
        HAVING sum(amount) <> 0"""
