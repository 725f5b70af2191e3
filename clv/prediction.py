"""Predictions for segments: fitted models and patterns in, expected totals and draws of them out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from clv.calendar import Floats
from clv.histories import ALL
from clv.segment_patterns import SegmentPatterns
from clv.segments import SegmentModels
from clv.small_segments import simulated_segments, smallest_segments
from clv.totals import (
    CustomerModel,
    ParameterDraws,
    PatternForecast,
    SegmentTotals,
    draw_totals,
    drawn_order_totals,
    drawn_value_totals,
    expected_totals,
    expected_totals_by_period,
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
    draws : ndarray of float, shape (draws, segments), or (draws, periods, segments) of each period alone
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
        Equal seeds give equal draws. Segments under one model share its parameters in every draw, and models that
        lean on one another share the error of what they lean on.
    """
    whole = edges[[0, -1]]
    drawn_totals = np.zeros((draws, len(fitted.patterns.segments)))
    smallest = smallest_segments(fitted.patterns)
    common = _common_draws(draws, seed)
    found = []
    for index, model, members, part in _parts(fitted):
        totals = expected_totals(part, model, edges=edges, delta=delta)
        found.append((members, totals))
        rng = np.random.default_rng([seed, index])
        drawn = ParameterDraws.of(draws, rng).leaning(model, common)
        if of == "orders":
            ratio = drawn_order_totals(part, model, drawn, edges=whole)[:, 0]
            here = draw_totals(totals.orders.sum(axis=0), totals.order_variance, ratio, rng)
        else:
            ratio = drawn_value_totals(part, model, drawn, edges=whole, delta=delta)[:, 0]
            here = draw_totals(totals.discounted.sum(axis=0), totals.value_variance, ratio, rng)
        small = smallest[fitted.of_segment[smallest] == index]
        if len(small):
            people = simulated_segments(connection, fitted.patterns, model, small, drawn, table=table)
            counts, values = people.totals(span=(float(whole[0]), float(whole[1])), delta=delta, rng=rng)
            here[:, small] = counts if of == "orders" else values
        drawn_totals += here
    return _prediction(fitted, found, drawn_totals)


def predict_periods(
    connection: "duckdb.DuckDBPyConnection",
    fitted: SegmentModels,
    *,
    edges: Floats,
    delta: float,
    draws: int,
    seed: int,
    table: str = "histories",
) -> SegmentPrediction:
    """Predict the discounted value of all segments in each period alone, as `predict_segments` would one by one.

    The parameters and the luck of a draw are those of the same draw in every other period.
    """
    drawn_totals = np.zeros((draws, len(edges) - 1, len(fitted.patterns.segments)))
    smallest = smallest_segments(fitted.patterns)
    common = _common_draws(draws, seed)
    found = []
    for index, model, members, part in _parts(fitted):
        totals = expected_totals_by_period(part, model, edges=edges, delta=delta)
        found.append((members, totals))
        drawn = ParameterDraws.of(draws, np.random.default_rng([seed, index])).leaning(model, common)
        ratio = drawn_value_totals(part, model, drawn, edges=edges, delta=delta)
        small = smallest[fitted.of_segment[smallest] == index]
        people = (
            simulated_segments(connection, fitted.patterns, model, small, drawn, table=table) if len(small) else None
        )
        for period, span in enumerate(pairwise(edges.tolist())):
            rng = np.random.default_rng([seed, index])
            ParameterDraws.of(draws, rng)
            here = draw_totals(totals.discounted[period], totals.value_variance[period], ratio[:, period], rng)
            if people is not None:
                _, here[:, small] = people.totals(span=span, delta=delta, rng=rng)
            drawn_totals[:, period] += here
    return _prediction(fitted, found, drawn_totals)


def parameter_error(fitted: SegmentModels, expected: Floats, *, edges: Floats, delta: float, seed: int) -> float:
    """Relative standard deviation of the expected discounted value of all customers, parameters alone uncertain.

    Parameters
    ----------
    expected : ndarray, shape (segments,)
        The expected discounted value of each segment at the estimate.
    edges, delta, seed
        As in `predict_segments`, whose draws of the parameters these are: what single customers do beside their
        expectation is not in it.
    """
    whole, draws = edges[[0, -1]], 2_000
    total, drawn_total = float(expected.sum()), np.zeros(draws)
    if not total > 0:
        return 0.0
    common = _common_draws(draws, seed)
    for index, model, _, part in _parts(fitted):
        drawn = ParameterDraws.of(draws, np.random.default_rng([seed, index])).leaning(model, common)
        ratio = drawn_value_totals(part, model, drawn, edges=whole, delta=delta)[:, 0]
        drawn_total += ratio @ np.where(fitted.of_segment == index, expected, 0.0)
    return float(drawn_total.std()) / total


def _common_draws(draws: int, seed: int) -> ParameterDraws:
    """What models that lean on one another have in common in every draw."""
    return ParameterDraws.of(draws, np.random.default_rng([seed, 0, 1]))


def _parts(fitted: SegmentModels) -> Iterator[tuple[int, CustomerModel, NDArray[np.bool_], SegmentPatterns]]:
    """Each model that has customers: its index, itself, and which patterns are its own."""
    of_pattern = fitted.of_segment[fitted.patterns.segment]
    for index, model in enumerate(fitted.models):
        members = of_pattern == index
        if members.any():
            yield index, model, members, fitted.patterns.part(members)


def _prediction(
    fitted: SegmentModels, found: Sequence[tuple[NDArray[np.bool_], SegmentTotals]], draws: Floats
) -> SegmentPrediction:
    """The totals of all models put together."""
    alive, expected, worth = (np.zeros(len(fitted.patterns.x)) for _ in range(3))
    for members, totals in found:
        alive[members], expected[members] = totals.patterns.p_alive, totals.patterns.orders
        worth[members] = totals.patterns.discounted
    return SegmentPrediction(
        np.sum([totals.orders for _, totals in found], axis=0),
        np.sum([totals.value for _, totals in found], axis=0),
        np.sum([totals.discounted for _, totals in found], axis=0),
        draws,
        PatternForecast(alive, expected, worth),
    )


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
    if not isinstance(confidence, Real) or not 0 < confidence < 1:
        raise ConfigurationError(f"confidence is {confidence}; it must lie between 0 and 1, such as 0.90.")
    if draws < 100:
        raise ConfigurationError(f"draws is {draws}; an interval needs 100 at least, better 1,000 or more.")
