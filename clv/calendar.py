"""Days, calendar months and the discount between dates.

A day is the number of days since 1970-01-01. A forecast starts at the end of its as-of day, so that day s after it is
``as_of_day + s``, and reaches a whole number of calendar months ahead. Nothing here knows a month of 30 days.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import inf, isfinite, log1p
from numbers import Integral, Real
from typing import Final

import numpy as np
from numpy.typing import NDArray

from customer_data.errors import ConfigurationError

Floats = NDArray[np.float64]

DAYS_PER_WEEK: Final = 7
DAYS_PER_YEAR: Final = 365
_EPOCH: Final = date(1970, 1, 1)


def day_number(when: date | str | int) -> int:
    """Days since 1970-01-01 of a date, an ISO date such as ``"1997-09-30"``, or a day number handed through.

    Raises
    ------
    ConfigurationError
        The text is no ISO date.
    """
    if isinstance(when, int):
        return when
    if isinstance(when, str):
        try:
            when = datetime.fromisoformat(when).date()
        except ValueError:
            raise ConfigurationError(f"{when!r} is no date; write it as year-month-day, such as 1997-09-30.") from None
    if isinstance(when, datetime):
        when = when.date()
    return (when - _EPOCH).days


def day_date(day: int) -> date:
    """The date of a day number."""
    return _EPOCH + timedelta(days=int(day))


def add_months(start: date, months: int) -> date:
    """The same day of a later month; the last day of a month leads to the last day of a month.

    Examples
    --------
    >>> add_months(date(2023, 11, 30), 3)
    datetime.date(2024, 2, 29)
    """
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    last = monthrange(year, month)[1]
    at_month_end = start.day == monthrange(start.year, start.month)[1]
    return date(year, month, last if at_month_end else min(start.day, last))


def continuous_rate(annual_rate: float) -> float:
    """The force of interest per day of an annual effective rate: ``ln(1 + rate) / 365``.

    Money that comes s days after the as-of day is worth ``(1 + rate) ** (-s / 365)`` on it. This is the rule of the
    spreadsheet function XNPV, so that finance can check a forecast's dated flows.

    Raises
    ------
    ConfigurationError
        The rate is not a number above -1.
    """
    if not isinstance(annual_rate, Real) or not isfinite(annual_rate) or annual_rate <= -1:
        raise ConfigurationError(f"annual_rate is {annual_rate}; it must be a number above -1, such as 0.10 for 10 %.")
    return log1p(annual_rate) / DAYS_PER_YEAR


@dataclass(frozen=True)
class Horizon:
    """The calendar months that a forecast covers, the first and the last perhaps in part.

    Attributes
    ----------
    as_of_day : int
        The last observed day, in days since 1970-01-01; the forecast starts at its end.
    edges : ndarray of float, shape (periods + 1,)
        Days after the as-of day: 0, the last day of each month touched, and the horizon's end.
    months : tuple of date, shape (periods,)
        The first day of the calendar month of each period.
    """

    as_of_day: int
    edges: Floats
    months: tuple[date, ...]

    @property
    def days(self) -> int:
        """Length of the horizon in days."""
        return int(self.edges[-1])

    @property
    def month_days(self) -> list[int]:
        """How many days of each month it covers."""
        return [int(days) for days in np.diff(self.edges)]

    @property
    def end_day(self) -> int:
        """The last day of the horizon, in days since 1970-01-01."""
        return self.as_of_day + self.days


def check_months(months: object) -> None:
    """Refuse a horizon that is not a whole number of months between 1 and 1,200."""
    if isinstance(months, float) and months == inf:
        raise ConfigurationError(
            "horizon_months is infinite, and months, intervals and cash flows need an end. Forecast with a horizon and "
            "value customers without an end beside it: clv.infinite_horizon.infinite_horizon(connection, made), in "
            "the configuration clv.infinite_horizon = true."
        )
    if isinstance(months, bool) or not isinstance(months, Integral) or not 1 <= int(months) <= 1200:
        raise ConfigurationError(f"horizon_months is {months!r}; it must be a whole number between 1 and 1,200.")


def check_day(name: str, day: object) -> None:
    """Refuse a day that is neither missing nor a number of days since 1970-01-01."""
    if day is not None and (isinstance(day, bool) or not isinstance(day, Integral)):
        raise ConfigurationError(
            f"{name} is {day!r}; it must be a number of days since 1970-01-01, as "
            'clv.calendar.day_number("2025-06-30") makes it of a date.'
        )


def calendar_months(as_of_day: int, months: int) -> Horizon:
    """The calendar months from the end of the as-of day to the same day ``months`` months later.

    From 30 June twelve months are July to June, twelve periods; from 15 June they are thirteen periods, of which the
    first is the rest of June and the last the first half of the next June.

    Raises
    ------
    ConfigurationError
        ``months`` is not a whole number between 1 and 1,200.
    """
    check_months(months)
    start = day_date(as_of_day)
    end = add_months(start, months)
    edges, firsts = [0], []
    first = (start + timedelta(days=1)).replace(day=1)
    while edges[-1] < (end - start).days:
        last = first.replace(day=monthrange(first.year, first.month)[1])
        edges.append((min(last, end) - start).days)
        firsts.append(first)
        first = last + timedelta(days=1)
    return Horizon(as_of_day, np.array(edges, dtype=np.float64), tuple(firsts))


def one_period(as_of_day: int, end_day: int) -> Horizon:
    """The days from the end of the as-of day to the end of ``end_day`` as a single period."""
    if end_day <= as_of_day:
        raise ConfigurationError(
            f"the forecast ends on {day_date(end_day)}, not after its start {day_date(as_of_day)}."
        )
    edges = np.array([0, end_day - as_of_day], dtype=np.float64)
    return Horizon(as_of_day, edges, (day_date(as_of_day + 1),))


def weeks(first_day: int, last_day: int) -> Floats:
    """Edges of weeks that count from ``first_day``; the last edge is ``last_day`` and may cut its week short."""
    edges = np.arange(first_day, last_day, DAYS_PER_WEEK, dtype=np.float64)
    return np.append(edges, float(last_day))
