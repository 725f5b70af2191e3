"""Months that a horizon covers in part: named by their days, and passed over where one month is to stand for all."""

from __future__ import annotations

import datetime as dt
import re
from calendar import monthrange
from typing import TYPE_CHECKING

from reports.wording.labels import listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


def is_whole(month: dt.date, days: int) -> bool:
    """Whether so many days are all of a month."""
    return days == monthrange(month.year, month.month)[1]


def month_names(months: Sequence[dt.date], days: Sequence[int]) -> list[str]:
    """The months of a horizon in order: ``January 2012``; one cut at its edge by its days, ``10 to 31 December 2011``.

    The first is cut at its start, any other at its end.
    """
    names = []
    for place, (month, covered) in enumerate(zip(months, days, strict=True)):
        length = monthrange(month.year, month.month)[1]
        first, last = (length - covered + 1, length) if place == 0 else (1, covered)
        cut = f"{first} to {last} " if first < last else f"{first} "
        names.append(f"{month:%B %Y}" if covered == length else f"{cut}{month:%B %Y}")
    return names


def cut_months(months: Sequence[dt.date], days: Sequence[int]) -> str:
    """A sentence that names the days of those months that the horizon covers in part; empty where it does of none."""
    names = month_names(months, days)
    cut = [name for name, month, covered in zip(names, months, days, strict=True) if not is_whole(month, covered)]
    return f"In part only: {listing(cut)}." if cut else ""


def months_in_words(text: str) -> str:
    """The text with its months, which terminals show as 2024-02, in words."""
    return re.sub(r"\b(\d{4})-(0[1-9]|1[0-2])\b(?!-)", lambda m: f"{dt.date(int(m[1]), int(m[2]), 1):%B %Y}", text)


def first_whole(rows: pd.DataFrame) -> pd.Series | None:
    """The first row, of ``period`` and ``days``, that covers all of its month; None where none does."""
    whole = [is_whole(month, int(days)) for month, days in zip(rows["period"], rows["days"], strict=True)]
    return rows.iloc[whole.index(True)] if True in whole else None
