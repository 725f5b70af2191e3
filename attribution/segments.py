"""Credit of parts of the conversions: first and later orders of customers, and each type of orders by itself.

First and later orders part the data. What a customer touched up to the moment of the first order, and that order, is
*new customers*, and so are all touches of people who never ordered; what came after that moment is *returning
customers*. Every order ends a journey anyway, so each journey of the whole is a journey of exactly one of the two.
"First" means first in the data.

Types do not part the data. Each type is a run of its own in which the orders of the other types do not exist: they
neither end a journey nor count, and one touch may share in a lead and in the purchase after it. So the types' journeys
are others than those of all orders together, and their credit does not sum to it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attribution.arguments import checked
from attribution.credit import model_credit
from attribution.credit_spread import credit_covariance, credit_variance
from attribution.delta import interval
from attribution.first_orders import FirstOrders, first_orders
from attribution.intervals import share_interval
from attribution.journey_parts import JourneyOptions, temporary_tables
from attribution.markov import Convention
from attribution.paths import Paths
from attribution.ragged import Floats
from attribution.rules import RuleOptions
from attribution.together import clear_together
from customer_data.errors import ConfigurationError
from customer_data.sql_text import literal

if TYPE_CHECKING:
    import duckdb
    import pandas

NEW, RETURNING = "new customers", "returning customers"
MOST_TYPES, MOST_TOGETHER = 8, 200
ROUNDING = 1e-12
_FIRST, _TOUCHES, _ORDERS = "attribution_first_order", "attribution_part_touches", "attribution_part_orders"


@checked
def new_and_returning(
    connection: "duckdb.DuckDBPyConnection",
    options: JourneyOptions | None = None,
    *,
    first: FirstOrders | None = None,
) -> dict[str, Paths]:
    """Distinct paths to first orders, and distinct paths to later ones.

    Parameters
    ----------
    connection
        Holds the touches and orders.
    options
        How journeys are built; both parts end when the whole data does.
    first
        First orders under these options, if they have been built already.

    Returns
    -------
    ``{"new customers": paths, "returning customers": paths}``; path by path their conversions, value and nulls sum to
    those of the whole. Orders of one customer at the very moment of the first are all first.
    """
    with (options or JourneyOptions()).closed(connection).at_its_grain(connection) as whole:
        new = first or first_orders(connection, whole)
        parts = {
            _FIRST: f"SELECT customer_id, min(time_us) AS first_us FROM {whole.orders} GROUP BY customer_id",
            _TOUCHES: f"SELECT customer_id, time_us, channel_code FROM {whole.touchpoints} "
            f"JOIN {_FIRST} USING (customer_id) WHERE time_us > first_us",
            _ORDERS: f"SELECT customer_id, time_us, value FROM {whole.orders} "
            f"JOIN {_FIRST} USING (customer_id) WHERE time_us > first_us",
        }
        with temporary_tables(connection, parts):
            returning = replace(whole, touchpoints=_TOUCHES, orders=_ORDERS).build(connection)
    return {NEW: new.paths, RETURNING: returning}


def conversion_types(
    connection: "duckdb.DuckDBPyConnection", *, until_us: int | None = None, orders: str = "orders"
) -> dict[str, int]:
    """The types of orders and how many orders each has up to a moment, the most frequent first; none without types.

    Orders without a type are of none.
    """
    columns = {str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {orders}").fetchall()}
    if "type" not in columns:
        return {}
    ended = "true" if until_us is None else f"time_us <= {until_us}"
    rows = connection.execute(
        f"SELECT type, count(*) AS orders FROM {orders} WHERE type IS NOT NULL AND {ended} "
        "GROUP BY type ORDER BY orders DESC, type"
    ).fetchall()
    return {str(name): int(count) for name, count in rows}


@checked
def by_type(
    connection: "duckdb.DuckDBPyConnection", options: JourneyOptions | None = None, *, most: int = MOST_TYPES
) -> dict[str, Paths]:
    """Distinct paths to the orders of each type, as if there were no others.

    Parameters
    ----------
    connection
        Holds the touches, and orders with a column ``type``.
    options
        How journeys are built.
    most
        Only that many types, the most frequent ones.

    Returns
    -------
    Type to paths, the most frequent first; empty when the orders have no types.
    """
    found = {}
    with (options or JourneyOptions()).closed(connection).at_its_grain(connection) as whole:
        for name in list(conversion_types(connection, until_us=whole.until_us, orders=whole.orders))[:most]:
            chosen = f"SELECT customer_id, time_us, value FROM {whole.orders} WHERE type = {literal(name)}"
            with temporary_tables(connection, {_ORDERS: chosen}):
                found[name] = replace(whole, orders=_ORDERS).build(connection)
    return found


@checked
def compare_shares(
    segments: Mapping[str, Paths],
    *,
    model: str = "markov",
    order: int = 1,
    confidence: float = 0.90,
    options: RuleOptions | None = None,
    convention: Convention = "exact",
) -> "pandas.DataFrame":
    """What share of each segment's conversions a model credits to each channel, and how it differs from the first's.

    Parameters
    ----------
    segments
        Name to paths over the same channels, two or more; the first is what the others are compared with.
    model, order, options, convention
        Whose credit, as in :func:`attribution.attribute`. Intervals are as wide as those of exact credit.
    confidence
        Of the intervals: of shares as in :mod:`attribution.intervals`, of differences of two from the ends of both
        (Newcombe, Statistics in Medicine 17, 1998, 873-890, method 10). Segments are taken to be independent of each
        other.

    Returns
    -------
    Columns segment, channel, share (of the segment's attributed conversions, a fraction), share_low, share_high,
    difference (to the first segment's share), difference_low, difference_high (missing for the first segment), differs
    (whether the interval of the difference is clear of 0), clear_together (whether it stays so with all channels of all
    segments judged together, see :mod:`attribution.together`). A segment without conversions has no rows.

    Raises
    ------
    ConfigurationError
        When the segments' channels are not the same.
    """
    import pandas

    if len({paths.channels for paths in segments.values()}) > 1:
        raise ConfigurationError("segments: they must be over the same channels in the same order.")
    found = {
        name: _shares(paths, model, order, options or RuleOptions(), convention)
        for name, paths in segments.items()
        if paths.conversions.sum() > 0
    }
    if not found:
        return pandas.DataFrame(columns=list(SHARE_COLUMNS))
    share = np.array([shares for shares, _ in found.values()])
    difference = np.where(np.arange(len(share))[:, None] > 0, share - share[0], np.nan)
    of_shares = interval if model == "shapley" else share_interval

    def share_ends(level: float) -> tuple[Floats, Floats]:
        low, high = zip(*(of_shares(*each, confidence=level) for each in found.values()), strict=True)
        return np.array(low), np.array(high)

    def ends(level: float) -> tuple[Floats, Floats]:
        low, high = share_ends(level)
        lowest = difference - np.hypot(share - low, high[0] - share[0])
        return lowest.ravel(), (difference + np.hypot(high - share, share[0] - low[0])).ravel()

    (low, high), (lowest, highest) = share_ends(confidence), ends(confidence)
    together = clear_together(ends, confidence=confidence, rounding=ROUNDING)
    channels = next(iter(segments.values())).channels
    return pandas.DataFrame(
        {
            "segment": np.repeat(np.array(list(found), dtype=object), len(channels)),
            "channel": pandas.Series(channels * len(found), dtype="str"),
            "share": share.ravel(),
            "share_low": np.maximum(low, 0).ravel(),
            "share_high": np.minimum(high, 1).ravel(),
            "difference": difference.ravel(),
            "difference_low": lowest,
            "difference_high": highest,
            "differs": (lowest > ROUNDING) | (highest < -ROUNDING),
            "clear_together": together,
        }
    )


SHARE_COLUMNS = (
    "segment", "channel", "share", "share_low", "share_high", "difference", "difference_low", "difference_high",
    "differs", "clear_together",
)  # fmt: skip


def _shares(
    paths: Paths, model: str, order: int, options: RuleOptions, convention: Convention
) -> tuple[Floats, Floats]:
    """Shares of credit and their variances: with s the shares and T their total, s' = (I - s 1') / T.

    Of very many channels the total is taken as certain, which needs no covariances and makes intervals wider.
    """
    credit = model_credit(paths, model, order=order, options=options, convention=convention).conversions
    total = credit.sum()
    share = credit / total
    if len(share) > MOST_TOGETHER:
        return share, credit_variance(paths, model, order=order, options=options).conversions / total**2
    slope = (np.eye(len(share)) - share[:, None]) / total
    return share, np.diag(credit_covariance(paths, model, order=order, options=options).combined(slope).conversions)
