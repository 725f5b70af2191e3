"""Distinct purchase histories (x, t_x, T) with the number of customers that have each.

Models see these sufficient statistics, never the rows: a million customers of a daily shop are some 190,000
patterns, in canonical order (by x, then T, then t_x), so that a fit does not depend on the order of rows.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clv.arrays import FloatArray, in_blocks
from clv.distinct_rows import counted
from clv.distinct_rows import distinct as distinct
from customer_data.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Patterns:
    """Distinct (x, t_x, T) with counts; four arrays of one length, times in one unit.

    Attributes
    ----------
    x, t_x, T : ndarray of float
        Repeat orders, time of the last one, age; from the first order on.
    count : ndarray of float
        Customers (the sum of weights) with this history; positive.
    """

    x: FloatArray
    t_x: FloatArray
    T: FloatArray
    count: FloatArray

    @property
    def customers(self) -> float:
        """The number of customers: the sum of counts."""
        return float(self.count.sum())

    def __len__(self) -> int:
        return len(self.x)


def patterns_of(histories: "pd.DataFrame") -> Patterns:
    """The distinct patterns of a frame of histories, checked.

    Parameters
    ----------
    histories : DataFrame
        Columns ``frequency`` (repeat orders, whole numbers), ``recency`` (time of the last repeat order since the
        first order, 0 where there is none), ``T`` (time from the first order to the end of observation), all times
        in one unit; optionally ``weight`` (customers per row, positive; without it each row is one customer).
        Further columns are ignored.

    Raises
    ------
    InputError
        With all problems at once: missing columns, values that are not numbers, negative or fractional frequencies,
        recency after T, repeat orders at time 0, a recency without a repeat order, weights that are not positive, no
        rows, a time unit longer than the data.
    """
    columns = numeric_columns(histories, required=("frequency", "recency", "T"), optional=("weight",))
    x, t_x, T = columns.pop("frequency"), columns.pop("recency"), columns.pop("T")
    weight = columns.get("weight")
    problems = _problems(histories, x, t_x, T, weight)
    if problems:
        raise InputError(problems)
    if T.max() < 1:
        raise InputError(
            f"histories.T: the longest observation lasts {T.max():g} time units, so the unit is longer than the data. "
            "Build the histories in a shorter unit, such as days."
        )
    in_order = [x, T, t_x]
    if weight is None:
        del x, T, t_x  # a column of millions is let go as soon as it is ranked
        (x, T, t_x), count = counted(in_order)
        return Patterns(x, t_x, T, count)
    (x, T, t_x), inverse = distinct(*in_order)
    return Patterns(x, t_x, T, np.bincount(inverse, weights=weight, minlength=len(x)).astype(np.float64))


def coarsened(patterns: Patterns, *, steps: int) -> Patterns:
    """The patterns with times rounded to ``steps`` equal parts of the longest age: few, and near enough for a start."""
    step = float(patterns.T.max()) / steps
    (x, T, t_x), index = distinct(patterns.x, np.rint(patterns.T / step), np.rint(patterns.t_x / step))
    return Patterns(x, t_x * step, T * step, np.bincount(index, weights=patterns.count).astype(np.float64))


def numeric_columns(
    frame: "pd.DataFrame", *, required: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, FloatArray]:
    """The named columns as floats; an InputError names all that are missing (did you mean) or hold no numbers."""
    problems = []
    found = {}
    for name in (*required, *optional):
        if name not in frame.columns:
            if name in required:
                problems.append(_missing(name, [str(column) for column in frame.columns]))
            continue
        try:
            found[name] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            problems.append(f"histories.{name}: not all values are numbers ({error}). Convert the column first.")
    if problems:
        raise InputError(problems)
    return found


def first_bad_rows(frame: "pd.DataFrame", checks: Sequence[tuple[str, npt.NDArray[np.bool_], str, str]]) -> list[str]:
    """One sentence per check (column, bad rows, what is wrong, remedy) that found bad rows: where, how many, the
    first case, the remedy.
    """
    problems = []
    for column, bad, what, remedy in checks:
        if bad.any():
            first = int(np.argmax(bad))
            shown = [
                name for name in ("frequency", "recency", "T", "monetary_value", "weight") if name in frame.columns
            ]
            case = ", ".join(f"{name} {frame[name].iloc[first]}" for name in shown)
            count, rows = int(bad.sum()), len(bad)
            problems.append(
                f"histories.{column}: {count:,} of {rows:,} rows {what} (first: row {first}: {case}). {remedy}"
            )
    return problems


def _missing(name: str, present: list[str]) -> str:
    close = difflib.get_close_matches(name.lower(), [column.lower() for column in present], n=1)
    original = next((column for column in present if close and column.lower() == close[0]), None)
    meant = f" (did you mean '{original}'?)" if original else ""
    return f"histories: there is no column '{name}'{meant}; the columns are {', '.join(present) or 'none'}. Rename one."


def _problems(
    frame: "pd.DataFrame", x: FloatArray, t_x: FloatArray, T: FloatArray, weight: FloatArray | None
) -> list[str]:
    if len(x) == 0:
        return ["histories: there are no rows. A model needs at least some dozens of customers."]
    if weight is None and all(in_blocks(lambda part: _sound(x[part], t_x[part], T[part]), len(x))):
        return []
    whole = np.isfinite(x) & (x == np.floor(x))
    checks = [
        ("frequency", ~whole, "are missing or not whole numbers", "Count the repeat orders of each customer."),
        ("frequency", x < 0, "are negative", "Count repeat orders from 0 on; net refunds first."),
        ("recency", ~np.isfinite(t_x), "are missing or not finite", "Use 0 for customers without a repeat order."),
        ("recency", t_x < 0, "are negative", "Measure from each customer's first order."),
        ("T", ~np.isfinite(T), "are missing or not finite", "Give the time since the first order."),
        ("T", T < 0, "are negative", "Drop customers whose first order lies after the end of observation."),
        ("recency", t_x > T, "are larger than T", "Drop orders after the end of observation; use one unit."),
        ("recency", (x > 0) & (t_x == 0), "are 0 with repeat orders", "Merge orders of the same day first."),
        ("recency", (x == 0) & (t_x > 0), "are positive without repeat orders", "Use recency 0 where frequency is 0."),
    ]
    if weight is not None:
        bad = ~(np.isfinite(weight) & (weight > 0))
        checks.append(("weight", bad, "are not positive", "Give the number of customers per row, or drop the row."))
    return first_bad_rows(frame, checks)


def _sound(x: FloatArray, t_x: FloatArray, T: FloatArray) -> bool:
    """Whether none of the problems of histories occurs."""
    of_orders = (x >= 0) & np.isfinite(x) & (x == np.floor(x)) & ((x > 0) == (t_x > 0))
    return bool((of_orders & (t_x >= 0) & (t_x <= T) & np.isfinite(T)).all())
