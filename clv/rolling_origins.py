"""Forecasts made again on past days: did the intervals hold, and what makes them hold?

Several days of the past are taken as the day of a forecast of the same length, and each forecast is compared with what
came. The errors of the logarithm of the forecast total show bias (their mean) and doubt that the model does not know of
(how much more than it says they scatter). Where they speak against the model, intervals are widened by them, and where
they are of forecasts as long as the one to come, the whole forecast moves by the bias of the total, see
`clv.interval_adjustments`; an interval is called calibrated only where enough origins have shown that it holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from clv.calendar import Floats, add_months, day_date, day_number
from clv.engine_queries import single_row
from clv.forecasting import Forecast, at_level
from clv.histories import ALL, build_histories
from clv.holdout_check import holdout_outcomes
from clv.interval_adjustments import (
    Adjustment,
    adjustment_of,
    known_by_then,
    middle_of,
    shown_to_hold,
)
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
_TABLE: Final = "origin_histories"
_SHORTEST_PAST: Final = 56  # days before the first origin, or half the horizon if that is longer


@dataclass(frozen=True)
class RollingOrigins:
    """What forecasts of the past were worth.

    Attributes
    ----------
    origins : DataFrame
        origin (last observed day), segment, customers, actual_orders, forecast_orders, actual_value, forecast_value,
        low, high, inside, deviation, deviation_low, deviation_high, log_deviation: value over the horizon, not
        discounted; ``deviation`` and its two ends are the actual value and the interval as standard deviations of the
        logarithm from the middle, ``log_deviation`` is that standard deviation.
    calibration : DataFrame
        segment, origins, windows, bias, coverage, coverage_adjusted, shift, widening, log_shift, log_spread,
        calibrated. ``windows`` is how
        many horizons fit into the days forecast; ``bias`` the mean of forecast / actual - 1 in the logarithm;
        ``coverage`` the share of origins inside the model's interval, ``coverage_adjusted`` inside the interval as
        changed by what was known by then: by the origins whose windows had ended (where that are fewer than three, by
        all whose windows do not overlap with its own; failing that by all others).
        ``log_shift`` and ``log_spread`` are the change, see `Adjustment`; ``shift`` and ``widening`` what it makes of
        the interval of the last origin, in its standard deviations. The shift is that of the total in every row, and 0
        where the origins' forecasts are shorter than was asked for: what they miss in a quarter may be its season, and
        moved by it forecasts of a year were farther from what came (docs/validation.md). ``calibrated``: see
        `shown_to_hold`.
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

    def adjustments(self, horizon_months: int) -> dict[str, Adjustment]:
        """What they ask of each segment's forecast over so many months; of another length than theirs no shift."""
        found = {}
        for row in self.calibration.to_dict("records"):
            shift, spread = float(row["log_shift"]), float(row["log_spread"])
            same = self.horizon_months == horizon_months
            found[str(row["segment"])] = (
                Adjustment(shift, spread) if same else Adjustment(0.0, float(np.hypot(shift, spread)))
            )
        return found


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
    calibration = _calibrations(table, horizon=end - days[-1], moves=months == horizon_months, confidence=confidence)
    return RollingOrigins(table, calibration, months, confidence, tuple(notes))


def calibrate(connection: "duckdb.DuckDBPyConnection", forecast: Forecast, origins: RollingOrigins) -> Forecast:
    """The forecast as rolling origins of its length ask for it, with intervals that are called calibrated where shown.

    Its value moves by the bias of their totals, everywhere alike: by segment, month and customer (`at_level`), so that
    it lies inside its intervals and adds up as before. Intervals are widened, and a note tells each change.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The one the forecast was made on, last of all forecasts.
    forecast : Forecast
        As the model has it.
    origins : RollingOrigins

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
    adjustments = origins.adjustments(forecast.horizon_months)
    shown = dict(zip(origins.calibration["segment"], origins.calibration["calibrated"], strict=True))
    offsets = log_offsets(forecast)
    made = at_level(connection, forecast, float(np.exp(adjustments[ALL].shift)))
    table = made.segment_forecast
    widening: dict[str, float] = {}
    for row, name in enumerate(table["segment"]):
        if name not in adjustments:
            continue
        adjustment, draws = adjustments[name], forecast.value_draws[:, row]
        margin = forecast.row_margins[row]
        if margin != 0 and adjustment.spread > 0:
            interval = adjustment.interval(draws, offsets[row], forecast.confidence)
            table.loc[row, ["low", "high"]] = sorted(margin * bound for bound in interval)
            _, deviation = middle_of(draws, offsets[row])
            widening[name] = float(adjustment.widening(deviation))
        table.loc[row, "calibrated"] = bool(shown[name]) and origins.horizon_months == forecast.horizon_months
    notes = forecast.notes + origins.notes + _bias_notes(made, origins) + _widening_notes(widening)
    return replace(made, notes=notes, widening=widening)


def _bias_notes(made: Forecast, origins: RollingOrigins) -> tuple[str, ...]:
    """What became of the bias of past forecasts, where there was more than chance explains."""
    total = origins.calibration.iloc[-1]
    missed = (
        f"Forecasts of {origins.horizon_months} months from {total['origins']} earlier days missed what came by "
        f"{total['bias']:+.1%} on average"
    )
    if made.level != 1:
        return (f"{missed}: repeat orders are valued at {made.level:.3f} times what the model says.",)
    if total["log_spread"] > 0 and origins.horizon_months < made.horizon_months:
        return (f"{missed}; as they were shorter than {made.horizon_months} months, values stay the model's own.",)
    return ()


def _widening_notes(widening: dict[str, float]) -> tuple[str, ...]:
    """All widened intervals in one sentence."""
    if not widening:
        return ()
    said = [f"that of {'all customers' if name == ALL else repr(name)} {by:.2f} times" for name, by in widening.items()]
    return (f"Intervals of value are widened: {', '.join(said)}.",)


def log_offsets(forecast: Forecast) -> list[float]:
    """Half of what an order is worth, by row of the forecast: it keeps logarithms of small totals finite."""
    orders = forecast.segment_forecast["expected_orders"].tolist()
    return [_half_an_order(*row) for row in zip(forecast.value_draws.mean(axis=0).tolist(), orders, strict=True)]


def _half_an_order(value: float, orders: float) -> float:
    """Half of what an order is worth; any amount does where orders are worth nothing."""
    return value / max(orders, 1e-9) / 2 or 1.0


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
        offset = _half_an_order(forecast, expected)
        low, high = (float(bound) for bound in central_interval(totals, confidence))
        middle, deviation = middle_of(totals, offset)
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
                "log_deviation": deviation,
            }
        )
    return rows


def _calibrations(table: "pd.DataFrame", *, horizon: int, moves: bool, confidence: float) -> "pd.DataFrame":
    """The table ``calibration``: all segments are moved by what their total asks for, if anything ``moves`` at all."""
    import pandas as pd

    parts = {str(name): part.reset_index(drop=True) for name, part in table.groupby("segment", sort=False)}
    days = np.unique([day_number(day) for day in table["origin"]])
    windows = (days[-1] - days[0]) / horizon + 1
    shift: float | None = None if moves else 0.0
    shifts: dict[int, float] = {}
    rows = []
    for name in sorted(parts, key=lambda name: name != ALL):
        errors = _Errors.of(parts[name], windows=windows, confidence=confidence)
        adjustment = errors.ask(np.ones(len(errors.days), dtype=bool), shift)
        learnt = [
            errors.ask(known_by_then(errors.days, place, horizon), shifts.get(day, shift))
            for place, day in enumerate(errors.days.tolist())
        ]
        if name == ALL and moves:
            shift = adjustment.shift
            shifts = {day: one.shift for day, one in zip(errors.days.tolist(), learnt, strict=True)}
        rows.append(_calibration(name, parts[name], errors, adjustment, learnt))
    return pd.DataFrame([*rows[1:], rows[0]])


@dataclass(frozen=True)
class _Errors:
    """By how much the logarithms of a segment's forecasts were off, of what standard deviation, from which days."""

    missed: Floats
    deviations: Floats
    days: NDArray[np.intp]
    windows: float
    confidence: float

    @classmethod
    def of(cls, part: "pd.DataFrame", *, windows: float, confidence: float) -> "_Errors":
        unit = part["log_deviation"].to_numpy(dtype=np.float64)
        days = np.array([day_number(day) for day in part["origin"]])
        return cls(part["deviation"].to_numpy(dtype=np.float64) * unit, unit, days, windows, confidence)

    def ask(self, known: NDArray[np.bool_], shift: float | None) -> Adjustment:
        """What those of the origins that are known ask of an interval."""
        windows = self.windows * float(known.mean())
        return adjustment_of(self.missed[known], self.deviations[known], windows, self.confidence, shift=shift)


def _calibration(
    segment: str, part: "pd.DataFrame", errors: _Errors, adjustment: Adjustment, learnt: Sequence[Adjustment]
) -> dict[str, object]:
    """One row of the table ``calibration`` from a segment's rows of ``origins``."""
    unit, origins = errors.deviations, len(part)
    ends = part[["deviation_low", "deviation_high"]].to_numpy(dtype=np.float64)
    inside = [
        bool(low <= here <= high)
        for here, (low, high) in zip(
            part["deviation"],
            (one.shift / of + one.widening(of) * end for one, of, end in zip(learnt, unit, ends, strict=True)),
            strict=True,
        )
    ]
    coverage, widths = float(np.mean(inside)), np.hypot(unit, adjustment.spread)
    enough = (
        origins >= FEWEST_ORIGINS
        and int((part["actual_value"] > 0).sum()) >= FEWEST_ORIGINS
        and int(part["customers"].min()) >= FEWEST_CUSTOMERS
    )
    seen, expected = part["actual_value"].to_numpy(dtype=np.float64), part["forecast_value"].to_numpy(dtype=np.float64)
    some = (seen > 0) & (expected > 0)
    windows = errors.windows
    return {
        "segment": segment,
        "origins": origins,
        "windows": windows,
        "bias": float(np.expm1(np.mean(np.log(expected[some] / seen[some])))) if some.any() else float("nan"),
        "coverage": float(part["inside"].mean()),
        "coverage_adjusted": coverage,
        "shift": adjustment.shift / float(unit[-1]),
        "widening": float(adjustment.widening(unit[-1])),
        "log_shift": adjustment.shift,
        "log_spread": adjustment.spread,
        "calibrated": enough
        and shown_to_hold(coverage, min(windows, float(origins)), errors.confidence, widths=widths / widths[-1]),
    }
