"""Numbers, money, shares and dates as text: one place, so that every page and every sentence writes them alike."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

Format = Literal[
    "text",
    "count",
    "credit",
    "signed",
    "money",
    "signed_money",
    "percent",
    "signed_percent",
    "ratio",
    "significant",
    "date",
    "month",
]

MISSING = "–"
MINUS = "−"
NO_BREAK = "\u00a0"
_MOST_DECIMALS = 5
_MULTIPLE = 10.0  # a share from which on its column goes without tenths of a per cent
_SCALES = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def is_missing(value: object) -> bool:
    """Whether a cell holds nothing: None, NaN, NaT, NA or an infinite number (a ratio to nothing)."""
    if value is None:
        return True
    if isinstance(value, str | dt.date):
        return str(value) == "NaT"
    try:
        return not math.isfinite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return True


def number(value: float, decimals: int = 0, *, signed: bool = False) -> str:
    """A number with thousands separators and a true minus sign; nothing is ever written as minus zero."""
    if is_missing(value):
        return MISSING
    rounded = round(float(value), decimals)
    text = f"{abs(rounded):,.{decimals}f}"
    if rounded == 0:
        return text
    return f"{MINUS}{text}" if rounded < 0 else f"+{text}" if signed else text


def credit_decimals(values: Iterable[object]) -> int:
    """Decimals that tell fractional credits apart without noise: none from a thousand on, one from ten on, else two."""
    largest = max((abs(float(v)) for v in values if not is_missing(v)), default=0.0)  # type: ignore[arg-type]
    return 0 if largest >= 1000 else 1 if largest >= 10 else 2


def money_decimals(values: Iterable[object]) -> int:
    """None from a thousand on, else two."""
    largest = max((abs(float(v)) for v in values if not is_missing(v)), default=0.0)  # type: ignore[arg-type]
    return 0 if largest >= 1000 else 2


def whole_or(value: float, decimals: int) -> str:
    """A sum of fractional credits: without decimals where these would be zeros."""
    is_whole = not is_missing(value) and round(value, decimals) == round(value)
    return number(value, 0 if is_whole else decimals)


def percent(fraction: float, decimals: int = 1, *, signed: bool = False) -> str:
    """A fraction as per cent."""
    return MISSING if is_missing(fraction) else number(100 * fraction, decimals, signed=signed) + "%"


def share(fraction: float) -> str:
    """A share in whole per cent; neither 0% of something nor 100% of what lacks something."""
    if 0 < fraction < 0.005:
        return "under 1%"
    return "over 99%" if 0.995 <= fraction < 1 - 1e-9 else percent(fraction, 0)


def level(fraction: float) -> str:
    """A confidence level or a rate with no more decimals than it needs: 90%, 97.5%."""
    return f"{100 * fraction:.10g}%"


def amount(value: float, currency: str | None, *, decimals: int | None = None) -> str:
    """Money with its currency: ``EUR 1,235``, ``EUR 12.50``; without a currency the bare number."""
    if is_missing(value):
        return MISSING
    text = number(value, money_decimals([value]) if decimals is None else decimals)
    return f"{currency}{NO_BREAK}{text}" if currency else text


def short_amount(value: float, currency: str | None) -> str:
    """Money in three to four digits for a headline: ``EUR 1.23 million``, ``EUR 12.4 million``, ``EUR 845,300``."""
    return _scaled(value, currency, _decimals_of_scaled(value))


def _scale(value: float) -> tuple[float, str]:
    """What a headline divides an amount by, and the name of that; 1 and nothing for smaller ones."""
    return next(((scale, name) for scale, name in _SCALES if abs(value) >= scale * 0.9995), (1.0, ""))


def _decimals_of_scaled(value: float) -> int:
    """How many decimals of millions a headline shows: two at most, and none that are zeros at the end."""
    if is_missing(value):
        return 0
    scale, _ = _scale(value)
    most = 2 if abs(value) < 100 * scale else 1
    return next(
        decimals for decimals in range(most + 1) if round(value / scale, decimals) == round(value / scale, most)
    )


def _scaled(value: float, currency: str | None, decimals: int) -> str:
    if is_missing(value):
        return MISSING
    scale, name = _scale(value)
    if not name:
        return amount(value, currency)
    text = f"{number(value / scale, decimals)}{NO_BREAK}{name}"
    return f"{currency}{NO_BREAK}{text}" if currency else text


def amount_range(low: float, high: float, currency: str | None) -> str:
    """Two amounts with the currency and the scale said once: ``EUR 1.10 to 1.36 million``."""
    if is_missing(low) or is_missing(high):
        return MISSING
    decimals = max(_decimals_of_scaled(low), _decimals_of_scaled(high))
    first, last = _scaled(low, currency, decimals), _scaled(high, None, decimals)
    scale = last.split(NO_BREAK)[-1]
    if scale.isalpha() and first.endswith(scale):
        first = first.removesuffix(f"{NO_BREAK}{scale}")
    return f"{first} to {last}"


def number_range(low: float, high: float, decimals: int = 0, *, signed: bool = False) -> str:
    """Two numbers, as an interval is written in a sentence or a cell."""
    if is_missing(low) or is_missing(high):
        return MISSING
    return f"{number(low, decimals, signed=signed)} to {number(high, decimals, signed=signed)}"


def with_bounds(value: float, low: float, high: float, decimals: int | None = None) -> str:
    """A number with its interval in brackets: ``14.7 (12.9 to 17.0)``, ``9.60 (4.20 or more)`` without an upper end.

    Unless given, decimals are those that three digits of the number need, two at most.
    """
    if is_missing(value):
        return MISSING
    if decimals is None:
        decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = number(value, decimals)
    if is_missing(low):
        return text
    ends = f"{number(low, decimals)} or more" if is_missing(high) else number_range(low, high, decimals)
    return f"{text} ({ends})"


def percent_range(low: float, high: float, decimals: int = 1) -> str:
    """Two fractions as an interval in per cent: ``37.6% to 38.4%``."""
    if is_missing(low) or is_missing(high):
        return MISSING
    return f"{percent(low, decimals)} to {percent(high, decimals)}"


def ranges(rows: pd.DataFrame, name: str, decimals: int, *, signed: bool = False) -> list[str]:
    """Intervals of a table between its columns ``<name>_low`` and ``<name>_high``, as cells."""
    bounds = zip(rows[f"{name}_low"], rows[f"{name}_high"], strict=True)
    return [number_range(low, high, decimals, signed=signed) for low, high in bounds]


def significant(value: float, digits: int = 4) -> str:
    """A number in so many significant digits, never in exponents a reader must decode unless it is tiny or huge."""
    if is_missing(value):
        return MISSING
    value = float(value)
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4 or exponent > 9:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    return number(value, max(0, digits - 1 - exponent))


def to_its_error(estimate: float, error: float) -> str:
    """An estimate with its standard error in brackets, two digits of it, and no digit of the estimate beyond those."""
    if is_missing(error) or not error > 0:
        return f"{significant(estimate)} ({significant(error, 2)})"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    if decimals > _MOST_DECIMALS:
        return f"{significant(estimate)} ({significant(error, 2)})"
    return f"{number(estimate, decimals)} ({number(error, decimals)})"


def day(value: dt.date | None) -> str:
    """A day in words that no country reads wrongly: 9 December 2011."""
    return MISSING if is_missing(value) or value is None else f"{value.day} {value:%B %Y}"


def day_range(first: dt.date | None, last: dt.date | None) -> str:
    """A span of days, both ends included."""
    if first is None or last is None:
        return day(first or last)
    return day(first) if first == last else f"{day(first)} to {day(last)}"


def days(value: float) -> str:
    """A length in days: 1 day, 30 days, 2.5 days."""
    text = f"{value:,.6g}" if value < 1e6 else number(value)
    return f"{text} day" if text == "1" else f"{text} days"


def horizon(months: int) -> str:
    """A horizon in calendar months: 1 month, 12 months."""
    return "1 month" if months == 1 else f"{months:,} months"


def format_column(values: Sequence[object], kind: Format, *, decimals: int | None = None) -> list[str]:
    """Format a column of a table; its numbers share their decimals (their own, unless given) so that they align."""
    shared = _decimals(values, kind) if decimals is None else decimals
    return [_format_cell(value, kind, shared) for value in values]


def _decimals(values: Sequence[object], kind: Format) -> int:
    if kind in ("credit", "signed"):
        return credit_decimals(values)
    if kind in ("money", "signed_money"):
        return money_decimals(values)
    if kind in ("percent", "signed_percent"):
        return 0 if any(abs(float(v)) >= _MULTIPLE for v in values if not is_missing(v)) else 1  # type: ignore[arg-type]
    return 2 if kind == "ratio" else 0


def _format_cell(value: object, kind: Format, decimals: int) -> str:
    if is_missing(value) and not (kind == "text" and isinstance(value, bool)):
        return str(value) if kind == "text" and value is not None and value == value else MISSING
    if kind == "text":
        return str(value)
    if kind in ("date", "month") and isinstance(value, dt.date):
        return day(value) if kind == "date" else f"{value:%B %Y}"
    figure = float(value)  # type: ignore[arg-type]
    if kind in ("percent", "signed_percent"):
        return percent(figure, decimals, signed=kind == "signed_percent")
    if kind == "significant":
        return significant(figure)
    return number(figure, decimals, signed=kind in ("signed", "signed_money"))
