"""Predictions for segments: fitted models and patterns in, expected totals and draws of them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from clv.calendar import Floats
from clv.histories import ALL
from clv.segments import SegmentModels
from clv.small_segments import simulated_totals, smallest_segments
from clv.totals import (
    ParameterDraws,
    PatternForecast,
    draw_totals,
    drawn_order_totals,
    drawn_value_totals,
    expected_totals,
)
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class SegmentPrediction:
    """Totals to come, per segment of the models.

    Attributes
    ----------
    orders, value, discounted : ndarray of float, shape (periods, segments)
        Expected orders, their value, and their value discounted to the as-of day.
    draws : ndarray of float, shape (draws, segments)
        Draws of the total over all periods, parameters and outcomes both uncertain: of orders, or of discounted value.
    patterns : PatternForecast
        The expectation for one customer of each pattern.
    """

    orders: Floats
    value: Floats
    discounted: Floats
    draws: Floats
    patterns: PatternForecast


def predict_segments(
    connection: "duckdb.DuckDBPyConnection",
    fitted: SegmentModels,
    *,
    edges: Floats,
    delta: float,
    of: Literal["orders", "value"],
    draws: int,
    seed: int,
    table: str = "histories",
) -> SegmentPrediction:
    """Predict the totals of all segments over the periods between ``edges`` (days after the as-of day).

    Parameters
    ----------
    delta : float
        Continuous rate of discount per week; 0 where ``of`` is "orders", which are counted, not valued.
    of : {"orders", "value"}
        What is drawn: the number of orders, or their discounted value.
    draws, seed : int
        Equal seeds give equal draws. Segments under one model share its parameters in every draw.
    """
    patterns = fitted.patterns
    span = float(edges[0]), float(edges[-1])
    shape = (len(edges) - 1, len(patterns.segments))
    orders, value, discounted = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    drawn_totals = np.zeros((draws, len(patterns.segments)))
    alive, expected, worth = (np.zeros(len(patterns.x)) for _ in range(3))
    smallest = smallest_segments(patterns)
    for index, model in enumerate(fitted.models):
        rng = np.random.default_rng([seed, index])
        members = fitted.of_segment[patterns.segment] == index
        if not members.any():
            continue
        part = patterns.part(members)
        totals = expected_totals(part, model, edges=edges, delta=delta)
        orders, value, discounted = orders + totals.orders, value + totals.value, discounted + totals.discounted
        alive[members], expected[members] = totals.patterns.p_alive, totals.patterns.orders
        worth[members] = totals.patterns.discounted
        drawn = ParameterDraws.of(draws, rng)
        if of == "orders":
            ratio = drawn_order_totals(part, model, drawn, span=span)
            here = draw_totals(totals.orders.sum(axis=0), totals.order_variance, ratio, rng)
        else:
            ratio = drawn_value_totals(part, model, drawn, span=span, delta=delta)
            here = draw_totals(totals.discounted.sum(axis=0), totals.value_variance, ratio, rng)
        small = smallest[fitted.of_segment[smallest] == index]
        if len(small):
            counts, values = simulated_totals(
                connection, patterns, model, small, drawn, span=span, delta=delta, rng=rng, table=table
            )
            here[:, small] = counts if of == "orders" else values
        drawn_totals += here
    return SegmentPrediction(orders, value, discounted, drawn_totals, PatternForecast(alive, expected, worth))


def names_with_total(segments: Sequence[str]) -> list[str]:
    """The segments and ``all``; without segments there is one of that name already, and nothing is added."""
    return [*segments] if tuple(segments) == (ALL,) else [*segments, ALL]


def with_total(segments: Sequence[str], amounts: Floats) -> Floats:
    """Amounts per segment (last axis) with their sum as a further entry, for the names of `names_with_total`."""
    if tuple(segments) == (ALL,):
        return amounts
    return np.concatenate([amounts, amounts.sum(axis=-1, keepdims=True)], axis=-1)


def central_interval(draws: Floats, confidence: float) -> tuple[Floats, Floats]:
    """The quantiles that leave equal shares of the draws (first axis) below and above."""
    low, high = np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2], axis=0)
    return np.asarray(low), np.asarray(high)


def check_interval(confidence: float, draws: int) -> None:
    """Refuse a confidence or a number of draws that makes no interval."""
    if not 0 < confidence < 1:
        raise ConfigurationError(f"confidence is {confidence}; it must lie between 0 and 1, such as 0.90.")
    if draws < 100:
        raise ConfigurationError(f"draws is {draws}; an interval needs 100 at least, better 1,000 or more.")
