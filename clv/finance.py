"""What to book: dated cash flows of known customers and of those not yet won, by period, segment and cohort."""

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Literal

import numpy as np

from clv.acquisitions import Acquisitions, forecast_acquisitions
from clv.calendar import DAYS_PER_WEEK, Floats, Horizon, continuous_rate, day_date
from clv.customer_sources import FIRST, KNOWN, REPEAT, TOTAL
from clv.forecasting import Forecast
from clv.newcomers import first_orders, newcomer_repeats
from clv.prediction import central_interval, names_with_total, predict_periods, with_total
from clv.rolling_origins import RollingOrigins
from clv.totals import draw_totals, expected_totals
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd


@dataclass(frozen=True)
class CashFlow:
    """Cash flows over the horizon of a forecast.

    Attributes
    ----------
    flows : DataFrame
        period (first day of the calendar month or quarter), days (of it that the horizon covers), segment, source,
        expected_orders, expected_revenue, contribution (after margin), discounted (contribution on the as-of day), p10,
        p50, p90 (of the contribution).
        ``source`` is known customers, first orders of new customers, repeat orders of new customers, or total. The
        discounted flows of known customers add up to the forecast's ``clv``. Percentiles hold parameters, outcomes and,
        for new customers, their number to be uncertain; they do not add up over periods. Given rolling origins, they
        are widened as the interval of the segment's total is. Repeat orders, expected value and percentiles, are at the
        forecast's ``level``.
    totals : DataFrame
        The same columns but ``period``: over the whole horizon.
    cohorts : DataFrame
        cohort (first day of the quarter of first purchase), segment, period, days, expected_orders, expected_revenue,
        contribution, discounted: known customers. A cohort without customers of a segment has no rows for it.
    new_customers : DataFrame
        period, days, expected, p10, p50, p90: customers to be won.
    notes : tuple of str
    """

    flows: "pd.DataFrame"
    totals: "pd.DataFrame"
    cohorts: "pd.DataFrame"
    new_customers: "pd.DataFrame"
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Source:
    """Flows of one source: expectations of shape (periods, segments), draws of shape (draws, periods, segments)."""

    name: str
    orders: Floats
    value: Floats
    discounted: Floats
    draws: Floats


def cash_flow(
    connection: "duckdb.DuckDBPyConnection",
    forecast: Forecast,
    *,
    origins: RollingOrigins | None = None,
    period: Literal["month", "quarter"] = "month",
    draws: int = 1_000,
    seed: int = 0,
) -> CashFlow:
    """Cash flows of known and of new customers over the horizon of a forecast.

    New customers are spread over segments as those of the last year were; their first orders are worth what those of
    the last year were, their repeats follow the segment's models. Their flows are discounted from the middle of a
    month, as are the percentiles of known customers back from their discounted draws.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The one `forecast` was made on, last of all forecasts.
    forecast : Forecast
    origins : RollingOrigins, optional
        What forecasts from earlier days were worth: the percentiles are widened as `calibrate` widens intervals.
    period : {"month", "quarter"}
        Calendar months, or quarters that begin in January, April, July and October.
    """
    if period not in ("month", "quarter"):
        raise ConfigurationError(f"period is {period!r}; it must be 'month' or 'quarter'.")
    months = forecast.horizon
    starts = [_quarter(month) if period == "quarter" else month for month in months.months]
    periods = sorted(set(starts))
    group = np.array([periods.index(start) for start in starts], dtype=np.intp)
    edges = np.append(0.0, [months.edges[1:][group == index][-1] for index in range(len(periods))])
    acquisitions = forecast_acquisitions(connection, months, draws=draws, seed=seed)
    sources = [
        _known(connection, forecast, edges, draws=draws, seed=seed),
        *_new(connection, forecast, acquisitions, group, seed=seed),
    ]
    import pandas as pd

    new = np.stack([acquisitions.draws[:, group == index].sum(axis=1) for index in range(len(periods))], axis=1)
    p10, p50, p90 = np.quantile(new, [0.1, 0.5, 0.9], axis=0)
    factors = _doubt(forecast, origins, draws=draws, seed=seed)
    covered = Horizon(months.as_of_day, edges, tuple(periods))
    everything = [_over_horizon(source, forecast) for source in sources]
    return CashFlow(
        flows=_flow_table(forecast, sources, factors, covered.month_days, periods),
        totals=_flow_table(forecast, everything, factors, [covered.days]),
        cohorts=_cohort_table(forecast, covered),
        new_customers=pd.DataFrame(
            {
                "period": periods,
                "days": covered.month_days,
                "expected": new.mean(axis=0),
                "p10": p10,
                "p50": p50,
                "p90": p90,
            }
        ),
        notes=acquisitions.notes,
    )


def _known(
    connection: "duckdb.DuckDBPyConnection", forecast: Forecast, edges: Floats, *, draws: int, seed: int
) -> _Source:
    """Each period with its own draws, parameters and outcomes uncertain."""
    delta = continuous_rate(forecast.annual_rate)
    predicted = predict_periods(
        connection, forecast.models, edges=edges, delta=delta * DAYS_PER_WEEK, draws=draws, seed=seed
    )
    middle = np.exp(-delta * (edges[:-1] + edges[1:]) / 2)
    value, discounted = forecast.level * predicted.value, forecast.level * predicted.discounted
    return _Source(KNOWN, predicted.orders, value, discounted, predicted.draws / middle[:, None])


def _new(
    connection: "duckdb.DuckDBPyConnection",
    forecast: Forecast,
    acquisitions: Acquisitions,
    group: "np.ndarray[tuple[int], np.dtype[np.intp]]",
    *,
    seed: int,
) -> tuple[_Source, _Source]:
    """First orders and repeats of new customers, by month in the making, by group of months when done."""
    edges = forecast.horizon.edges
    rng = np.random.default_rng([seed, 1])
    fitted = forecast.models
    first = first_orders(connection, fitted.patterns.segments)
    repeats = [newcomer_repeats(model, edges) for model in fitted.models]
    middles = (edges[:-1] + edges[1:]) / 2
    discount = np.exp(-continuous_rate(forecast.annual_rate) * middles)
    sources = []
    for name in (FIRST, REPEAT):
        amounts = []
        for segment, share in enumerate(first.share):
            won = share * acquisitions.draws
            law = repeats[fitted.of_segment[segment]]
            if name == FIRST:
                orders, mean = won, won * first.mean[segment]
                variance = won * first.variance[segment]
            else:
                orders, mean, variance = won @ law.orders, won @ law.value, won @ law.variance
            amounts.append((orders.mean(axis=0), mean.mean(axis=0), _gamma(mean, variance, rng)))
        by_month = [np.stack(part, axis=-1) for part in zip(*amounts, strict=True)]
        orders, value, drawn = by_month
        value = value if name == FIRST else forecast.level * value
        sources.append(
            _Source(
                name,
                _grouped(orders, group, 0),
                _grouped(value, group, 0),
                _grouped(value * discount[:, None], group, 0),
                _grouped(drawn, group, 1),
            )
        )
    return sources[0], sources[1]


def _gamma(mean: Floats, variance: Floats, rng: np.random.Generator) -> Floats:
    """Draws with these means and variances, from gamma distributions."""
    flat = draw_totals(mean.ravel(), variance.ravel(), np.ones((1, mean.size)), rng)
    return flat.reshape(mean.shape)


def _grouped(amounts: Floats, group: "np.ndarray[tuple[int], np.dtype[np.intp]]", axis: int) -> Floats:
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return np.asarray(np.add.reduceat(amounts, starts, axis=axis))


def _doubt(forecast: Forecast, origins: RollingOrigins | None, *, draws: int, seed: int) -> Floats:
    """What draws of repeat orders are multiplied by, (draws, rows of the forecast): a doubt common to all times."""
    from scipy.special import ndtri

    rows = list(forecast.segment_forecast["segment"])
    factors = np.full((draws, len(rows)), forecast.level)
    if origins is None:
        return factors
    # The quantiles of a normal distribution in a drawn order: what scatters about 1 then has its median there.
    luck = np.random.default_rng([seed, 2]).permutation(ndtri((np.arange(draws) + 0.5) / draws))
    adjustments = origins.adjustments(forecast.horizon_months)
    for row, name in enumerate(rows):
        if name in adjustments:
            left = adjustments[name].shift - np.log(forecast.level)  # a bias the forecast was not moved by is doubt
            factors[:, row] *= np.exp(np.hypot(adjustments[name].spread, left) * luck)
    return factors


def _over_horizon(source: _Source, forecast: Forecast) -> _Source:
    """The sums over all periods. Draws of known customers are those of the forecast, brought back from its discount."""
    value, discounted = source.value.sum(axis=0), source.discounted.sum(axis=0)
    drawn = source.draws.sum(axis=1)
    if source.name == KNOWN:
        undiscounted = value / np.where(discounted > 0, discounted, 1.0)
        drawn = np.resize(forecast.value_draws[:, : len(value)], drawn.shape) * undiscounted
    return _Source(source.name, source.orders.sum(axis=0)[None], value[None], discounted[None], drawn[:, None])


def _flow_table(
    forecast: Forecast, sources: list[_Source], factors: Floats, days: list[int], periods: list[date] | None = None
) -> "pd.DataFrame":
    """The rows of all sources and of their total, by period and segment; without periods, over the whole horizon."""
    import pandas as pd

    segments = forecast.models.patterns.segments
    names = names_with_total(segments)
    tables = []
    everything = np.zeros(1)
    for source in (*sources, _sum_of(sources)):
        drawn = with_total(segments, forecast.margins * source.draws)
        if source.name == TOTAL:
            drawn = everything
        elif source.name != FIRST:
            drawn = drawn * factors[:, None, :]
        everything = everything + drawn
        p10, p90 = central_interval(drawn, 0.8)
        value = with_total(segments, source.value)
        columns = {
            "expected_orders": with_total(segments, source.orders),
            "expected_revenue": value,
            "contribution": with_total(segments, forecast.margins * source.value),
            "discounted": with_total(segments, forecast.margins * source.discounted),
            "p10": p10,
            "p50": np.median(drawn, axis=0),
            "p90": p90,
        }
        when = {} if periods is None else {"period": np.repeat(np.array(periods, dtype=object), len(names))}
        when |= {"days": np.repeat(days, len(names))}
        tables.append(
            pd.DataFrame(
                when
                | {"segment": names * (len(value.ravel()) // len(names)), "source": source.name}
                | {column: amount.ravel() for column, amount in columns.items()}
            )
        )
    return pd.concat(tables, ignore_index=True)


def _sum_of(sources: list[_Source]) -> _Source:
    orders, value, discounted, draws = (
        np.sum([getattr(source, name) for source in sources], axis=0)
        for name in ("orders", "value", "discounted", "draws")
    )
    return _Source(TOTAL, orders, value, discounted, draws)


def _cohort_table(forecast: Forecast, horizon: Horizon) -> "pd.DataFrame":
    """Flows of known customers by the quarter in which they first bought, and by segment."""
    import pandas as pd

    patterns = forecast.models.patterns
    ages, place = np.unique(patterns.T, return_inverse=True)
    quarters = [_quarter(day_date(horizon.as_of_day - int(age))) for age in ages]
    cohorts = sorted(set(quarters))
    cohort = np.array([cohorts.index(quarter) for quarter in quarters], dtype=np.intp)[place]
    # A part is a cohort's customers of one segment.
    parts, part = np.unique(cohort * len(patterns.segments) + patterns.segment, return_inverse=True)
    cohort_of, segment_of = np.divmod(parts, len(patterns.segments))
    of_model = forecast.models.of_segment[patterns.segment]
    by_part = replace(patterns, segments=tuple(map(str, parts)), segment=part)
    delta = continuous_rate(forecast.annual_rate) * DAYS_PER_WEEK
    shape, margins = (len(horizon.months), len(parts)), forecast.margins[segment_of]
    orders, value, discounted = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for index, model in enumerate(forecast.models.models):
        if not (of_model == index).any():
            continue
        totals = expected_totals(by_part.part(of_model == index), model, edges=horizon.edges, delta=delta)
        orders, value, discounted = orders + totals.orders, value + totals.value, discounted + totals.discounted
    return pd.DataFrame(
        {
            "cohort": np.repeat(np.array(cohorts, dtype=object)[cohort_of], len(horizon.months)),
            "segment": np.repeat(np.array(patterns.segments, dtype=object)[segment_of], len(horizon.months)),
            "period": list(horizon.months) * len(parts),
            "days": horizon.month_days * len(parts),
            "expected_orders": orders.T.ravel(),
            "expected_revenue": (forecast.level * value).T.ravel(),
            "contribution": (forecast.level * margins * value).T.ravel(),
            "discounted": (forecast.level * margins * discounted).T.ravel(),
        }
    )


def _quarter(day: date) -> date:
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
