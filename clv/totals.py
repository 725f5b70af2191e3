"""Totals per segment: their expectation, and draws of them in which parameters and outcomes are both uncertain.

The expectation of a total is exact. With the parameters its logarithm moves linearly, along the axes of their Laplace
approximation (the delta method); draws of the parameters then cost nothing. Given the parameters, customers are
independent, and the total of a segment is drawn from the gamma distribution with its exact mean and variance. (The
customers of the smallest segments are simulated one by one: see `small_segments`.)

Where a and b can hardly be told apart, the logarithm of the total bends along log(a + b), and the log-likelihood is far
from a parabola: it falls fast where a + b is small and the total large, and hardly at all the other way. The two offset
each other: the profile likelihood of the total itself is that of a normal logarithm, within a few hundredths of its
width. Draws that follow the total round its bend, but take the likelihood to be normal, reach too high.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats
from clv.order_laws import OrderLaw
from clv.outcomes import (
    OrderMoments,
    Span,
    expected_discounted_orders,
    order_moments,
    order_moments_by_period,
)
from clv.patterns import distinct
from clv.segment_patterns import Indices, SegmentPatterns
from clv.spend_laws import SpendEstimate

_STEP: Final = 0.1  # of a standard deviation, and of a logarithm at most, over which the total's slopes are taken
_FARTHEST: Final = 3.0  # of a parameter draw, in logarithms: a factor of twenty


@dataclass(frozen=True)
class CustomerModel:
    """The laws of orders (times in weeks) and of spend that a group of segments follows, and how surely.

    Attributes
    ----------
    orders : OrderLaw
    order_covariance : ndarray (4, 4)
        Covariance of the logarithms of the law's parameters.
    spend : SpendEstimate
    order_shared, spend_shared : ndarray (4, 4) and (3, 3), or None
        Which part of the two covariances, as B B', comes from errors common to all models that lean on one another: B
        times standard normal numbers that are the same for all.
    """

    orders: OrderLaw
    order_covariance: Floats
    spend: SpendEstimate
    order_shared: Floats | None = None
    spend_shared: Floats | None = None

    def orders_at(self, deviation: Floats) -> OrderLaw:
        """The law of orders with the logarithms of its parameters moved by ``deviation``."""
        return self.orders.with_parameters(self.order_parameters_at(deviation).tolist())

    def order_parameters_at(self, deviations: Floats) -> Floats:
        """Its parameters (last axis), their logarithms moved by the deviations."""
        own = np.array(list(self.orders.parameters.values()))
        return np.asarray(own * np.exp(np.clip(deviations, -_FARTHEST, _FARTHEST)))


@dataclass(frozen=True)
class PatternForecast:
    """What one customer of each pattern is expected to do; arrays of the length of the patterns.

    Attributes
    ----------
    p_alive, orders, discounted : ndarray of float
        P(alive) on the as-of day; orders within the horizon, and the same with each order at its discount.
    """

    p_alive: Floats
    orders: Floats
    discounted: Floats


@dataclass(frozen=True)
class SegmentTotals:
    """Expected totals of the customers in some patterns.

    Attributes
    ----------
    orders, value, discounted : ndarray of float, shape (periods, segments)
        Expected orders, their value, and their value discounted to the as-of day.
    order_variance, value_variance : ndarray of float, shape (segments,), or (periods, segments) of each period alone
        Variance, given the parameters, of the total of discounted orders and of their discounted value; without
        discounting, of the number of orders and of their value.
    patterns : PatternForecast
    """

    orders: Floats
    value: Floats
    discounted: Floats
    order_variance: Floats
    value_variance: Floats
    patterns: PatternForecast


def expected_totals(patterns: SegmentPatterns, model: CustomerModel, *, edges: Floats, delta: float) -> SegmentTotals:
    """Expected totals per period and segment, with the variance given the parameters of their sum over all periods.

    ``edges`` of the periods are days after the as-of day; ``delta`` is the continuous rate of discount per week.
    """
    (x, T), index = distinct(patterns.x, patterns.T / DAYS_PER_WEEK)
    return _totals(patterns, model, order_moments(model.orders, x, T, edges=edges / DAYS_PER_WEEK, delta=delta), index)


def expected_totals_by_period(
    patterns: SegmentPatterns, model: CustomerModel, *, edges: Floats, delta: float
) -> SegmentTotals:
    """What `expected_totals` finds for each period alone, in one pass: its variances have a row for each period."""
    (x, T), index = distinct(patterns.x, patterns.T / DAYS_PER_WEEK)
    moments = order_moments_by_period(model.orders, x, T, edges=edges / DAYS_PER_WEEK, delta=delta)
    return _totals(patterns, model, moments, index)


def _totals(patterns: SegmentPatterns, model: CustomerModel, moments: OrderMoments, index: Indices) -> SegmentTotals:
    """Totals from the moments of the patterns' pairs (x, T), of which ``index`` names each pattern's own."""
    x, customers, law = patterns.x, patterns.customers, model.spend.law
    alive = model.orders.p_alive(x, patterns.t_x / DAYS_PER_WEEK, patterns.T / DAYS_PER_WEEK)
    per_order = alive * law.expected(x, patterns.spend, customers)
    squared_mean = law.expected_square(x, patterns.spend, patterns.spend_squares, customers)
    by_period = moments.discounted if moments.squares.ndim == 2 else moments.discounted.sum(axis=0)
    discounted = alive * by_period[..., index]
    single, double = alive * moments.squares[..., index], alive * moments.products[..., index]
    order_variance = customers * (single + double - discounted**2)
    value_variance = squared_mean * ((1 + law.spread(x)) * ((1 + 1 / law.p) * single + double) - discounted**2)
    return SegmentTotals(
        orders=patterns.by_segment(alive * customers * moments.orders[:, index]),
        value=patterns.by_segment(per_order * moments.orders[:, index]),
        discounted=patterns.by_segment(per_order * moments.discounted[:, index]),
        order_variance=np.maximum(patterns.by_segment(order_variance), 0.0),
        value_variance=np.maximum(patterns.by_segment(value_variance), 0.0),
        patterns=PatternForecast(
            alive, alive * moments.orders.sum(axis=0)[index], alive * moments.discounted.sum(axis=0)[index]
        ),
    )


@dataclass(frozen=True)
class ParameterDraws:
    """Draws of the parameters of a model, from their Laplace approximation; shapes (draws, 4) and (draws, 3).

    ``orders`` and ``spend`` are standard normal coordinates along the axes of the two covariances.
    """

    orders: Floats
    spend: Floats

    @classmethod
    def of(cls, draws: int, rng: np.random.Generator) -> "ParameterDraws":
        """Independent draws."""
        return cls(rng.standard_normal((draws, 4)), rng.standard_normal((draws, 3)))

    def leaning(self, model: CustomerModel, common: "ParameterDraws") -> "ParameterDraws":
        """These draws with the model's shared errors taken from ``common``, which all models are given."""
        return ParameterDraws(
            _mixed(self.orders, common.orders, model.order_covariance, model.order_shared),
            _mixed(self.spend, common.spend, model.spend.log_covariance, model.spend_shared),
        )


def drawn_order_totals(
    patterns: SegmentPatterns, model: CustomerModel, drawn: ParameterDraws, *, edges: Floats
) -> Floats:
    """The expected number of orders in each period between the edges (days), relative to its value at the estimate.

    Shape (draws, periods, segments); its logarithm is linear in the coordinates of the parameters.
    """
    per_customer = _while_alive(patterns, model, edges=edges, delta=0.0)

    def total(deviation: Floats) -> Floats:
        return patterns.by_segment(patterns.customers * per_customer(deviation))

    return np.exp(_log_ratio(total, axes(model.order_covariance), drawn.orders))


def drawn_value_totals(
    patterns: SegmentPatterns, model: CustomerModel, drawn: ParameterDraws, *, edges: Floats, delta: float
) -> Floats:
    """The expected discounted value in each period between the edges (days), relative to its value at the estimate.

    Shape (draws, periods, segments). The fits of orders and of spend are independent, so their effects multiply.
    """
    spend = model.spend.law.expected(patterns.x, patterns.spend, patterns.customers)
    per_customer = _while_alive(patterns, model, edges=edges, delta=delta)
    orders = per_customer(np.zeros(4))

    def by_orders(deviation: Floats) -> Floats:
        return patterns.by_segment(spend * (per_customer(deviation) if deviation.any() else orders))

    def by_spend(deviation: Floats) -> Floats:
        law = model.spend.at(deviation)
        return patterns.by_segment(orders * law.expected(patterns.x, patterns.spend, patterns.customers))

    return np.exp(
        _log_ratio(by_orders, axes(model.order_covariance), drawn.orders)
        + _log_ratio(by_spend, axes(model.spend.log_covariance), drawn.spend)
    )


def draw_totals(expected: Floats, variance: Floats, ratio: Floats, rng: np.random.Generator) -> Floats:
    """Totals drawn from gamma distributions whose mean moves with the parameters.

    Parameters
    ----------
    expected, variance : ndarray, shape (segments,)
        At the estimate of the parameters.
    ratio : ndarray, shape (draws, segments)
        Of the expected total at the drawn parameters to that at the estimate; the variance moves with it, as it does
        for a sum over more or fewer orders.

    Returns
    -------
    ndarray, shape (draws, segments)
    """
    certain = (variance <= 1e-18 * np.maximum(expected, 1e-300) ** 2) | (expected <= 0)
    safe_expected, safe_variance = np.where(certain, 1.0, expected), np.where(certain, 1.0, variance)
    shape = ratio * (safe_expected**2 / safe_variance)
    totals = rng.gamma(shape) * (safe_variance / safe_expected)
    return np.where(certain, expected * ratio, totals)


def in_weeks(span: Span) -> Span:
    """A span of days in weeks."""
    return span[0] / DAYS_PER_WEEK, span[1] / DAYS_PER_WEEK


def _mixed(own: Floats, common: Floats, covariance: Floats, shared: Floats | None) -> Floats:
    """Coordinates along the axes of the covariance, of which the part B B' comes from the common numbers."""
    if shared is None:
        return own
    along = np.linalg.pinv(axes(covariance)) @ shared
    left, directions = np.linalg.eigh(np.eye(len(along)) - along @ along.T)
    mixed: Floats = common @ along.T + own @ (directions * np.sqrt(np.maximum(left, 0.0))).T
    return mixed


def axes(covariance: Floats) -> Floats:
    """Columns A with A A' = covariance: one standard deviation along each principal axis."""
    variance, directions = np.linalg.eigh(covariance)
    return np.asarray(directions * np.sqrt(np.maximum(variance, 0.0)), dtype=np.float64)


def _while_alive(
    patterns: SegmentPatterns, model: CustomerModel, *, edges: Floats, delta: float
) -> Callable[[Floats], Floats]:
    """Expected discounted orders of each pattern, shape (periods, patterns), as a function of the deviation of the
    parameters; ages rounded to whole weeks.

    Only ratios of totals come from here, from which the rounding all but cancels; days would take seven times as long.
    """
    x, t_x, T = patterns.x, patterns.t_x / DAYS_PER_WEEK, patterns.T / DAYS_PER_WEEK
    (pair_x, pair_T), index = distinct(x, np.rint(T))

    def expected(deviation: Floats) -> Floats:
        law = model.orders_at(deviation)
        orders = expected_discounted_orders(law, pair_x, pair_T, edges=edges / DAYS_PER_WEEK, delta=delta)
        return orders[:, index] * law.p_alive(x, t_x, T)

    return expected


def _log_ratio(total: Callable[[Floats], Floats], along: Floats, drawn: Floats) -> Floats:
    """ln(total at the drawn parameters / total at the estimate), linear along each axis."""
    ratio: Floats = np.zeros(())
    for axis, coordinate in zip(along.T, drawn.T, strict=True):
        step = _STEP / max(1.0, float(np.abs(axis).max()))
        slope = (_log(total(step * axis)) - _log(total(-step * axis))) / (2 * step)
        ratio = ratio + np.multiply.outer(coordinate, slope)
    return np.clip(ratio, -10, 10)


def _log(total: Floats) -> Floats:
    return np.log(np.maximum(total, 1e-300))
