"""How many customers will be won: a forecast of first orders per month, with its own doubt.

The number of new customers per month, made comparable by the month's days, is followed in logarithms by exponential
smoothing with a damped trend (ETS; Hyndman et al. 2008), with a season from two years of data on. Its simulations carry
the noise of past months into the future. Only whole months count: the first and the last may have been seen in part.
"""

import warnings
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import Floats, Horizon, add_months, day_date, day_number
from clv.engine_queries import quoted

if TYPE_CHECKING:
    import duckdb

_USUAL_DAYS: Final = 365.25 / 12
_FOR_A_LEVEL, _FOR_A_TREND, _FOR_A_SEASON = 4, 8, 24  # whole months
_SILENCE: Final = 3  # last whole months without a new customer after which none is expected


@dataclass(frozen=True)
class Acquisitions:
    """New customers to come.

    Attributes
    ----------
    draws : ndarray of float, shape (draws, periods)
        Numbers of new customers in each period of the horizon.
    months : tuple of date
        The whole months behind the forecast.
    counts : ndarray of float
        New customers in each of them.
    notes : tuple of str
        How it was made.
    """

    draws: Floats
    months: tuple[date, ...]
    counts: Floats
    notes: tuple[str, ...]

    @property
    def expected(self) -> Floats:
        """The mean of the draws, per period."""
        return np.asarray(self.draws.mean(axis=0))


def forecast_acquisitions(
    connection: "duckdb.DuckDBPyConnection",
    horizon: Horizon,
    *,
    draws: int = 1_000,
    seed: int = 0,
    table: str = "histories",
) -> Acquisitions:
    """Forecast the number of new customers in each period of the horizon, from the histories in the table."""
    found = connection.execute(
        f"""SELECT {horizon.as_of_day} - age_days AS first_day, count(*) AS customers
            FROM {quoted(table)} GROUP BY first_day ORDER BY first_day"""
    ).fetchnumpy()
    first_day = np.asarray(found["first_day"], dtype=np.int64)
    customers = np.asarray(found["customers"], dtype=np.float64)
    months, counts = _whole_months(first_day, customers, horizon.as_of_day)
    lengths = np.diff(horizon.edges)
    rng = np.random.default_rng(seed)
    if len(months) < _FOR_A_LEVEL:
        days = horizon.as_of_day - int(first_day[0]) + 1
        rate = float(customers.sum()) / days
        note = f"New customers: {len(months)} whole months are too few to follow; the mean of {rate:.3g} a day goes on."
        return Acquisitions(rng.poisson(rate * lengths, (draws, len(lengths))).astype(float), months, counts, (note,))
    if not counts[-_SILENCE:].any():
        note = f"New customers: none came in the last {_SILENCE} whole months, so none is expected."
        return Acquisitions(np.zeros((draws, len(lengths))), months, counts, (note,))
    seen = np.log1p(counts / [monthrange(month.year, month.month)[1] for month in months] * _USUAL_DAYS)
    logs, method = _simulate(seen, len(lengths), draws, rng)
    # Beyond ten times the best month a trend is no longer believed.
    logs = np.clip(logs, 0.0, float(seen.max() + np.log(10)))
    note = f"New customers: {method} over {len(months)} whole months, {months[0]:%Y-%m} to {months[-1]:%Y-%m}."
    return Acquisitions(np.expm1(logs) / _USUAL_DAYS * lengths, months, counts, (note,))


def _whole_months(
    first_day: "np.ndarray[tuple[int], np.dtype[np.int64]]", customers: Floats, as_of_day: int
) -> tuple[tuple[date, ...], Floats]:
    start, end = day_date(int(first_day[0])), day_date(as_of_day)
    month = start if start.day == 1 else add_months(start.replace(day=1), 1)
    edges, months = [day_number(month)], []
    while day_number(add_months(month, 1)) <= day_number(end) + 1:
        months.append(month)
        month = add_months(month.replace(day=1), 1)
        edges.append(day_number(month))
    counts = np.histogram(first_day, bins=np.array(edges) - 0.5, weights=customers)[0] if months else np.zeros(0)
    return tuple(months), counts.astype(np.float64)


def _simulate(logs: Floats, periods: int, draws: int, rng: np.random.Generator) -> tuple[Floats, str]:
    """Simulations of the months to come, shape (draws, periods), and the method in words."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    trend = len(logs) >= _FOR_A_TREND
    season = len(logs) >= _FOR_A_SEASON
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ETSModel(
            logs,
            error="add",
            trend="add" if trend else None,
            damped_trend=trend,
            seasonal="add" if season else None,
            seasonal_periods=12 if season else None,
        )
        fitted = model.fit(disp=False)
        freedom = max(len(logs) - len(fitted.params), len(logs) / 3)
        residual = float(np.sqrt(np.sum(np.asarray(fitted.resid) ** 2) / freedom))
        # No month can be told better than its own count: in logarithms 1 / count.
        noise = max(residual, float(np.exp(-logs[-_FOR_A_LEVEL:].mean() / 2)))
        paths = fitted.simulate(
            nsimulations=periods,
            repetitions=draws,
            anchor="end",
            random_errors=noise * rng.standard_normal((periods, draws)),
        )
    method = "exponential smoothing" + (" with a damped trend" if trend else "") + (" and a season" if season else "")
    return np.asarray(paths, dtype=np.float64).reshape(periods, draws).T, method
