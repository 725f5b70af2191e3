"""Forecasts made again on past days: did the intervals hold, and what makes them hold?

Several days of the past are taken as the day of a forecast of the same length, and each forecast is compared with what
came. The errors, in standard deviations of the logarithm of the forecast total, show bias (their mean) and doubt that
the model does not know of (their spread). Where they speak against the model, intervals are moved and widened by them;
an interval is called calibrated only where enough origins have shown that it holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import Floats, add_months, day_date, day_number
from clv.engine_queries import single_row
from clv.forecasting import Forecast
from clv.histories import ALL, build_histories
from clv.holdout_check import holdout_outcomes
from clv.order_choice import OrdersModel, choose_order_model
from clv.prediction import central_interval, check_interval, names_with_total, predict_segments, with_total
from clv.purchase_days import OrderTime
from clv.segments import SegmentParameters, fit_segments
from customer_data.errors import ConfigurationError, InputError, ModelError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

FEWEST_ORIGINS: Final = 8
FEWEST_WINDOWS: Final = 3.0
FEWEST_CUSTOMERS: Final = 20
_TOO_FEW_HOLD: Final = 0.15  # below the stated share: intervals that hold no more often must be told from those that do
_LED_ASTRAY: Final = 0.20  # how often those would be called calibrated all the same
_TABLE: Final = "origin_histories"
_SHORTEST_PAST: Final = 56  # days before the first origin, or half the horizon if that is longer
_EVIDENCE: Final = 0.90  # how surely the errors must speak against the model before intervals are changed


@dataclass(frozen=True)
class Adjustment:
    """How the interval of a total is to be changed, on the scale of the standard deviation of its logarithm.

    Attributes
    ----------
    shift, widening : float
        The interval moves by ``shift`` standard deviations and widens ``widening`` times about its middle; 0 and 1
        where the errors do not speak against the model.
    """

    shift: float
    widening: float

    def interval(self, draws: Floats, offset: float, confidence: float) -> tuple[float, float]:
        """The changed interval of a total from its draws; ``offset`` keeps logarithms of small totals finite."""
        low, high = central_interval(np.log(draws + offset), confidence)
        middle, deviation = _middle(draws, offset)
        moved = middle + self.shift * deviation
        bounds = np.exp([moved + self.widening * (float(bound) - middle) for bound in (low, high)]) - offset
        return max(float(bounds[0]), 0.0), max(float(bounds[1]), 0.0)

    def factors(self, draws: Floats, offset: float, luck: Floats) -> Floats:
        """What parts of the total are multiplied by to move and widen as it does; ``luck`` is standard normal."""
        _, deviation = _middle(draws, offset)
        return np.asarray(np.exp(deviation * (self.shift + np.sqrt(self.widening**2 - 1) * luck)))


@dataclass(frozen=True)
class RollingOrigins:
    """What forecasts of the past were worth.

    Attributes
    ----------
    origins : DataFrame
        origin (last observed day), segment, customers, actual_orders, forecast_orders, actual_value, forecast_value,
        low, high, inside, deviation, deviation_low, deviation_high: value over the horizon, not discounted; the last
        three are the actual value and the interval as standard deviations of the logarithm from the middle.
    calibration : DataFrame
        segment, origins, windows, bias, coverage, coverage_adjusted, shift, widening, calibrated. ``windows`` is how
        many horizons fit into the days forecast; ``bias`` the mean of forecast / actual - 1 in the logarithm;
        ``coverage`` the share of origins inside the model's interval, ``coverage_adjusted`` inside the interval as
        changed by the origins whose windows do not overlap (by all others, where fewer than three are left).
        ``calibrated``: see `shown_to_hold`.
    horizon_months : int
        Length of the forecasts, in calendar months.
    confidence : float
    notes : tuple of str
    """

    origins: "pd.DataFrame"
    calibration: "pd.DataFrame"
    horizon_months: int
    confidence: float
    notes: tuple[str, ...]

    @property
    def adjustments(self) -> dict[str, Adjustment]:
        """By segment."""
        return {
            str(row["segment"]): Adjustment(float(row["shift"]), float(row["widening"]))
            for row in self.calibration.to_dict("records")
        }


def rolling_origins(
    connection: "duckdb.DuckDBPyConnection",
    *,
    horizon_months: int = 12,
    end_day: int | None = None,
    count: int = 12,
    segment_by: Sequence[str] = (),
    segment_parameters: SegmentParameters = "pooled",
    orders_model: OrdersModel = "bg_nbd",
    order_time: OrderTime = "days",
    confidence: float = 0.90,
    draws: int = 1_000,
    seed: int = 0,
) -> RollingOrigins:
    """Forecast from several past days and compare with what came.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds ``orders`` and, for segments, ``customers``.
    horizon_months : int
        Length of the forecasts. Where the data hold fewer than three such windows, the longest that leaves three is
        taken instead, and a note says so: such origins cannot call the longer forecast calibrated.
    end_day : int, optional
        Last day to compare with. Default: the day of the last order.
    count : int
        Origins, evenly spread from half a horizon (eight weeks at least) after the first order to one horizon before
        the end. An origin whose past is too small for a model is left out, with a note.
    segment_by, segment_parameters, orders_model, order_time, confidence, draws, seed
        As in `clv.forecast`.

    Raises
    ------
    InputError
        The data are too short for any origin.
    ModelError
        At no origin could a model be fitted.
    """
    check_interval(confidence, draws)
    first, last = single_row(connection, "SELECT min(day), max(day) FROM orders")
    if first is None:
        raise InputError("orders: there is no order, so there is no past to forecast.")
    end = int(last) if end_day is None else int(end_day)
    months, days = _origin_days(int(first), end, horizon_months, count)
    notes = []
    if months < horizon_months:
        notes.append(
            f"The data from {day_date(first)} to {day_date(end)} hold too few windows of {horizon_months} months: "
            f"intervals were checked on forecasts of {months} months."
        )
    rows: list[dict[str, object]] = []
    for index, origin in enumerate(days):
        until = day_number(add_months(day_date(origin), months))
        try:
            rows += _one_origin(
                connection, origin, until, segment_by=segment_by, segment_parameters=segment_parameters,
                orders_model=orders_model, order_time=order_time, confidence=confidence, draws=draws, seed=seed + index,
            )  # fmt: skip
        except (InputError, ModelError) as error:
            notes.append(f"No forecast from {day_date(origin)}: {error}")
    if not rows:
        raise ModelError("At no day of the past could a model be fitted. " + notes[-1])
    import pandas as pd

    table = pd.DataFrame(rows)
    horizon = end - days[-1]
    windows = (days[-1] - days[0]) / horizon + 1
    calibration = pd.DataFrame(
        [
            _calibration(str(name), part, horizon=horizon, windows=windows, confidence=confidence)
            for name, part in sorted(table.groupby("segment", sort=False), key=lambda found: found[0] == ALL)
        ]
    )
    return RollingOrigins(table, calibration, months, confidence, tuple(notes))


def calibrate(forecast: Forecast, origins: RollingOrigins) -> Forecast:
    """The forecast with intervals moved and widened as rolling origins demand, and called calibrated where shown.

    The point forecast and the monthly flows stay the model's: only ``low``, ``high`` and ``calibrated`` change, and a
    note tells each change.

    Raises
    ------
    ConfigurationError
        The two have different confidence.
    """
    if forecast.confidence != origins.confidence:
        raise ConfigurationError(
            f"the forecast's confidence is {forecast.confidence}, that of the origins {origins.confidence}; "
            "make both alike."
        )
    known = {str(row["segment"]): row for row in origins.calibration.to_dict("records")}
    table = forecast.segment_forecast.copy()
    offsets = log_offsets(forecast)
    notes = []
    for row, name in enumerate(table["segment"]):
        if name not in known:
            continue
        found = known[name]
        adjustment = origins.adjustments[name]
        draws = forecast.value_draws[:, row]
        if forecast.margin != 0 and (adjustment.shift, adjustment.widening) != (0.0, 1.0):
            interval = adjustment.interval(draws, offsets[row], forecast.confidence)
            bounds = sorted(forecast.margin * bound for bound in interval)
            table.loc[row, ["low", "high"]] = bounds
            notes.append(
                f"Segment {name!r}: past forecasts missed by {float(found['bias']):+.1%} on average; its interval is "
                f"moved by {adjustment.shift:+.2f} standard deviations and widened {adjustment.widening:.2f} times."
            )
        table.loc[row, "calibrated"] = bool(found["calibrated"]) and origins.horizon_months == forecast.horizon_months
    return replace(forecast, segment_forecast=table, notes=forecast.notes + origins.notes + tuple(notes))


def log_offsets(forecast: Forecast) -> list[float]:
    """Half of what an order is worth, by row of the forecast: it keeps logarithms of small totals finite."""
    orders = np.maximum(forecast.segment_forecast["expected_orders"].to_numpy(dtype=np.float64), 1e-9)
    return [float(offset) for offset in forecast.value_draws.mean(axis=0) / orders / 2]


def adjustment_of(deviations: Floats, windows: float, confidence: float) -> Adjustment:
    """What the deviations of some origins ask of the interval; ``windows`` of them count as independent.

    Without deviations nothing is asked.

    Their mean square is compared with that of a model that knows its doubt, by chi-square with as many degrees of
    freedom as there are windows. Only where it is larger than chance explains, the interval moves by the mean
    deviation, shrunk towards 0 as far as chance explains it, and widens to the remaining spread, with Student's t for
    the few windows.
    """
    from scipy.stats import chi2, norm, t

    if not len(deviations):
        return Adjustment(0.0, 1.0)
    independent = max(1.0, min(windows, float(len(deviations))))
    square = float(np.mean(deviations**2))
    if independent * square <= float(chi2.ppf(_EVIDENCE, independent)):
        return Adjustment(0.0, 1.0)
    mean = float(np.mean(deviations))
    shift = mean * max(0.0, 1 - 1 / (independent * mean**2)) if mean else 0.0
    left = float(np.mean((deviations - shift) ** 2))
    upper = 0.5 + confidence / 2
    few = float(t.ppf(upper, max(independent - 1, 1.0)) / norm.ppf(upper)) * float(np.sqrt(1 + 1 / independent))
    return Adjustment(shift, max(1.0, float(np.sqrt(left)) * few))


def shown_to_hold(coverage: float, independent: float, confidence: float) -> bool:
    """Whether so many origins hold that their interval may be called calibrated.

    Parameters
    ----------
    coverage : float
        Share of origins whose interval held.
    independent : float
        How many of them count as independent: windows that do not overlap.
    confidence : float
        The share that is to hold.

    Returns
    -------
    bool
        True where an interval that holds 15 points too seldom would look as good in at most one case of five, and one
        that holds as stated would look as good in one case of twenty or more (else it is too wide). Binomial tails:
        six windows must all hold at 90 %, of eleven ten.
    """
    from scipy.stats import binom

    windows = int(independent + 1e-9)
    held = int(coverage * windows + 1e-9)
    too_seldom = float(binom.sf(held - 1, windows, confidence - _TOO_FEW_HOLD))
    as_stated = float(binom.sf(held - 1, windows, confidence))
    return windows > 0 and too_seldom <= _LED_ASTRAY and as_stated >= 0.05


def _origin_days(first: int, end: int, months: int, count: int) -> tuple[int, list[int]]:
    """The length of the forecasts in months, as asked or the longest that fits three times, and their origins."""
    if months < 1 or count < 1:
        raise ConfigurationError(f"horizon_months is {months} and count {count}; both must be 1 or more.")
    for tried in range(months, 0, -1):
        latest = day_number(add_months(day_date(end), -tried))
        while day_number(add_months(day_date(latest), tried)) > end:
            latest -= 1
        horizon = end - latest
        earliest = first + max(_SHORTEST_PAST, horizon // 2)
        windows = (latest - earliest) / horizon + 1
        if latest >= earliest and (tried == 1 or windows >= FEWEST_WINDOWS):
            days = np.unique(np.rint(np.linspace(earliest, latest, count)).astype(int))
            return tried, [int(day) for day in days]
    raise InputError(
        f"orders: the data from {day_date(first)} to {day_date(end)} are too short to forecast a month of their own "
        f"past: that takes {_SHORTEST_PAST} days before it."
    )


def _one_origin(
    connection: "duckdb.DuckDBPyConnection",
    origin: int,
    until: int,
    *,
    segment_by: Sequence[str],
    segment_parameters: SegmentParameters,
    orders_model: OrdersModel,
    order_time: OrderTime,
    confidence: float,
    draws: int,
    seed: int,
) -> list[dict[str, object]]:
    build_histories(connection, until_day=origin, segment_by=segment_by, table=_TABLE)
    choice = choose_order_model(connection, orders_model, until_day=origin, order_time=order_time)
    fitted = fit_segments(
        connection, parameters=segment_parameters, orders_model=choice.name, order_time=order_time,
        confidence=confidence, table=_TABLE,
    )  # fmt: skip
    edges = np.array([0.0, until - origin])
    predicted = predict_segments(
        connection, fitted, edges=edges, delta=0.0, of="value", draws=draws, seed=seed, table=_TABLE
    )
    orders, value = holdout_outcomes(connection, origin, until, table=_TABLE).by_segment(fitted)
    patterns = fitted.patterns
    names = patterns.segments
    amounts = with_total(
        names,
        np.array([patterns.by_segment(patterns.customers), orders, predicted.orders[0], value, predicted.value[0]]),
    )
    drawn = with_total(names, predicted.draws)
    rows: list[dict[str, object]] = []
    for name, (customers, actual, expected, earned, forecast), totals in zip(
        names_with_total(names), amounts.T, drawn.T, strict=True
    ):
        offset = forecast / max(expected, 1e-9) / 2
        low, high = (float(bound) for bound in central_interval(totals, confidence))
        middle, deviation = _middle(totals, offset)
        actual_at, low_at, high_at = (
            (float(np.log(max(amount, 0.0) + offset)) - middle) / deviation for amount in (earned, low, high)
        )
        rows.append(
            {
                "origin": day_date(origin),
                "segment": name,
                "customers": round(customers),
                "actual_orders": round(actual),
                "forecast_orders": expected,
                "actual_value": earned,
                "forecast_value": forecast,
                "low": low,
                "high": high,
                "inside": low <= earned <= high,
                "deviation": actual_at,
                "deviation_low": low_at,
                "deviation_high": high_at,
            }
        )
    return rows


def _calibration(
    segment: str, part: "pd.DataFrame", *, horizon: int, windows: float, confidence: float
) -> dict[str, object]:
    """One row of the table ``calibration`` from a segment's rows of ``origins``."""
    deviation, low, high = (part[f"deviation{end}"].to_numpy(dtype=np.float64) for end in ("", "_low", "_high"))
    days = np.array([day_number(day) for day in part["origin"]])
    origins = len(part)
    adjustment = adjustment_of(deviation, windows, confidence)
    inside = []
    for index, day in enumerate(days):
        others = np.abs(days - day) >= horizon
        if others.sum() < 3:
            others = np.arange(origins) != index
        learnt = adjustment_of(deviation[others], windows * float(others.mean()), confidence)
        bounds = learnt.shift + learnt.widening * np.array([low[index], high[index]])
        inside.append(bool(bounds[0] <= deviation[index] <= bounds[1]))
    coverage = float(np.mean(inside))
    enough = (
        origins >= FEWEST_ORIGINS
        and int((part["actual_value"] > 0).sum()) >= FEWEST_ORIGINS
        and int(part["customers"].min()) >= FEWEST_CUSTOMERS
    )
    seen, expected = part["actual_value"].to_numpy(dtype=np.float64), part["forecast_value"].to_numpy(dtype=np.float64)
    some = (seen > 0) & (expected > 0)
    return {
        "segment": segment,
        "origins": origins,
        "windows": windows,
        "bias": float(np.expm1(np.mean(np.log(expected[some] / seen[some])))) if some.any() else float("nan"),
        "coverage": float(part["inside"].mean()),
        "coverage_adjusted": coverage,
        "shift": adjustment.shift,
        "widening": adjustment.widening,
        "calibrated": enough and shown_to_hold(coverage, min(windows, float(origins)), confidence),
    }


def _middle(draws: Floats, offset: float) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of the draws, moved by the offset."""
    logs = np.log(draws + offset)
    return float(logs.mean()), max(float(logs.std()), 1e-9)
