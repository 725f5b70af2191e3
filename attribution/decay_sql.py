"""Time decay and customers with several journeys, in SQL on the tables of ``journey_sql``, whole numbers only.

A touch's weight ``2 ** -(time before the journey's last touch / half-life)`` and its share of the journey's sum of
weights are fixed-point numbers with SHARE_BITS bits behind the point, so sums do not depend on their order. The shares
of a journey fall short of 1 by less than its touches times 2 ** -31; totals are made exact when they leave the engine.
"""

from attribution.journey_sql import CONVERTER_JOURNEY, CONVERTER_TOUCH, PATH, SHARE_BITS, Packing


def journeys_with_paths(packing: Packing) -> str:
    """A common table expression ``journey``: journeys of customers with conversions, each with its path."""
    same = " AND ".join(f"journey.word{n} = path.word{n}" for n in range(packing.columns.count("word")))
    return f"""
        journey AS (
            SELECT journey.customer_id, journey.next_us, journey.credited, journey.conversions, journey.value,
                journey.is_open, path.path_id
            FROM {CONVERTER_JOURNEY} AS journey
            JOIN {PATH} AS path
                ON {same} AND journey.touches = path.touches AND journey.tail IS NOT DISTINCT FROM path.tail
        )"""


def _shares(half_life_us: int) -> str:
    """Common table expressions up to ``share``: the fixed-point share of every touch in its conversion."""
    one = 1 << SHARE_BITS
    return f"""
        weight AS (
            SELECT customer_id, next_us, position, channel_code,
                round({one} * pow(2.0, (time_us - last_us) / {half_life_us}::DOUBLE))::BIGINT AS weight
            FROM {CONVERTER_TOUCH}
            WHERE credited
        ),
        total AS (
            SELECT customer_id, next_us, sum(weight)::BIGINT AS weight
            FROM weight
            GROUP BY customer_id, next_us
        ),
        share AS (
            SELECT journey.customer_id, journey.path_id, journey.conversions, journey.value,
                weight.position, weight.channel_code, weight.weight * {one} // total.weight AS share
            FROM weight
            JOIN total ON weight.customer_id = total.customer_id AND weight.next_us = total.next_us
            JOIN journey ON weight.customer_id = journey.customer_id AND weight.next_us = journey.next_us
            WHERE journey.credited
        )"""


def decay_by_position(packing: Packing, half_life_us: int) -> str:
    """Per distinct path and position the sums of share times conversions, and of share times value."""
    return f"""
        WITH {journeys_with_paths(packing)}, {_shares(half_life_us)}
        SELECT path_id, position, sum(share::HUGEINT * conversions)::DOUBLE AS conversions,
            sum(share::HUGEINT * value)::DOUBLE AS value
        FROM share
        GROUP BY path_id, position"""


def decay_products(packing: Packing, half_life_us: int) -> str:
    """Per pair of channels the sums over customers of the products of what each got from the customer."""
    one = 1 << SHARE_BITS
    return f"""
        WITH {journeys_with_paths(packing)}, {_shares(half_life_us)},
        earned AS (
            SELECT customer_id, channel_code, sum(share::HUGEINT * conversions) AS conversions,
                (sum(share::HUGEINT * value) + {one // 2}) // {one} AS value
            FROM share
            GROUP BY customer_id, channel_code
        )
        SELECT one.channel_code AS one, other.channel_code AS other,
            sum(one.conversions * other.conversions)::DOUBLE AS conversions,
            sum(one.value * other.value)::DOUBLE AS value,
            sum(one.conversions * other.value)::DOUBLE AS mixed
        FROM earned AS one
        JOIN earned AS other ON one.customer_id = other.customer_id
        GROUP BY one.channel_code, other.channel_code"""


def shared_cells(packing: Packing, *, open_counts: bool) -> str:
    """Per pair of cells the products that customers with several journeys add to those of single journeys.

    A cell is a path and a kind: 0 conversions, 1 nulls, 2 value. Customers with one journey of one conversion add
    nothing and are left out.
    """
    counted = "true" if open_counts else "NOT is_open"
    return f"""
        WITH {journeys_with_paths(packing)},
        outcome AS (
            SELECT customer_id, path_id, conversions, value, (conversions = 0)::BIGINT AS nulls
            FROM journey
            WHERE {counted}
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
