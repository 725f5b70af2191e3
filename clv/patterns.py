"""Distinct purchase histories (x, t_x, T) with the number of customers that have each.

Models see these sufficient statistics, never the rows: a million customers of a daily shop are some 190,000
patterns, in canonical order (by x, then T, then t_x), so that a fit does not depend on the order of rows.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from customer_data.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Numbers: TypeAlias = npt.ArrayLike
Ranks: TypeAlias = npt.NDArray[np.int32] | IntArray

_DAYS_PER_UNIT = (1.0, 7.0)  # units in which times are whole days
_LARGEST_KEY = 2**62  # of rows packed into integers
_AT_ONCE = 1_000_000  # rows checked at once
_DENSE = 8  # times as many possible rows as there are: up to here a table of them is faster than hashing


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
        (x, T, t_x), count = _counted(in_order)
        return Patterns(x, t_x, T, count)
    (x, T, t_x), inverse = distinct(*in_order)
    return Patterns(x, t_x, T, np.bincount(inverse, weights=weight, minlength=len(x)).astype(np.float64))


def coarsened(patterns: Patterns, *, steps: int) -> Patterns:
    """The patterns with times rounded to ``steps`` equal parts of the longest age: few, and near enough for a start."""
    step = float(patterns.T.max()) / steps
    (x, T, t_x), index = distinct(patterns.x, np.rint(patterns.T / step), np.rint(patterns.t_x / step))
    return Patterns(x, t_x * step, T * step, np.bincount(index, weights=patterns.count).astype(np.float64))


def distinct(*columns: FloatArray) -> tuple[tuple[FloatArray, ...], IntArray]:
    """Distinct rows of equally long columns, in lexicographic order, and for each input row the index of its own."""
    key, size = _packed(columns)
    index, count = _dense_ranks(key, size) if 0 < size <= _DENSE * len(key) else _sorted_ranks(key)
    representative = np.empty(count, dtype=np.int64)
    representative[index] = np.arange(len(index))
    return tuple(column[representative] for column in columns), index


def _counted(columns: list[FloatArray]) -> tuple[tuple[FloatArray, ...], FloatArray]:
    """Distinct rows of equally long columns, in lexicographic order, and how often each occurs; empties the list.

    Sorting the packed rows takes a tenth of the time of finding each row's index. A column of millions is let go as
    soon as it is ranked.
    """
    ranks, values = [], []
    while columns:
        rank, value = _ranks(columns.pop(0))
        ranks.append(rank)
        values.append(value)
    if prod(len(value) for value in values) > _LARGEST_KEY:
        rows, index = distinct(*(value[rank] for rank, value in zip(ranks, values, strict=True)))
        return rows, np.bincount(index).astype(np.float64)
    key = ranks.pop(0).astype(np.int64)
    for value in values[1:]:
        key *= len(value)
        key += ranks.pop(0)
    key.sort()
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    count = np.diff(first, append=len(key)).astype(np.float64)
    key = key[first]
    rows = ()
    for value in reversed(values):
        key, place = np.divmod(key, len(value))
        rows = (value[place], *rows)
    return rows, count


def _packed(columns: Sequence[FloatArray]) -> tuple[IntArray, int]:
    """Rows as one integer each, in lexicographic order, and a number that all of them are below."""
    key: IntArray = np.zeros(len(columns[0]), dtype=np.int64)
    size = 1
    for column in columns:
        rank, value = _ranks(column)
        if size * len(value) > _LARGEST_KEY:
            key, size = _sorted_ranks(key)
        key = key * len(value) + rank
        size *= len(value)
    return key, size


def levels(column: FloatArray) -> tuple[FloatArray, IntArray]:
    """The distinct values in ascending order, and for each entry the number of its own."""
    rank, value = _ranks(column)
    present = np.zeros(len(value), dtype=bool)
    present[rank] = True
    return value[present], (np.cumsum(present) - 1)[rank]


def _ranks(column: FloatArray) -> tuple[Ranks, FloatArray]:
    """Places in an ascending list of values, and that list; without hashing where times are whole days."""
    for per_unit in _DAYS_PER_UNIT:
        scaled = column if per_unit == 1 else np.rint(column * per_unit)
        if not len(scaled) or scaled.min() < 0 or scaled.max() >= 2**20:
            continue
        whole = scaled.astype(np.int32)
        if np.array_equal(whole if per_unit == 1 else whole / per_unit, column):
            least = whole.min()
            return whole - least, np.arange(int(least), int(whole.max()) + 1) / per_unit
    rank, count = _sorted_ranks(column)
    value = np.empty(count)
    value[rank] = column
    return rank, value


def _dense_ranks(key: IntArray, size: int) -> tuple[IntArray, int]:
    """The rank of each integer below ``size`` among the distinct ones, and their number; without hashing or sorting."""
    present = np.zeros(size, dtype=bool)
    present[key] = True
    rank = np.cumsum(present)
    return rank[key] - 1, int(rank[-1])


def _sorted_ranks(values: FloatArray | IntArray) -> tuple[IntArray, int]:
    """The rank of each value among the distinct values, and their number."""
    import pandas as pd

    codes, found = pd.factorize(values, use_na_sentinel=False)
    rank = np.empty(len(found), dtype=np.int64)
    rank[np.argsort(np.asarray(found))] = np.arange(len(found))
    return rank[codes], len(found)


def floats(*values: Numbers) -> tuple[FloatArray, ...]:
    """Arguments of a formula as arrays of floats."""
    return tuple(np.asarray(value, dtype=np.float64) for value in values)


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
    parts = (slice(start, start + _AT_ONCE) for start in range(0, len(x), _AT_ONCE))
    if weight is None and all(_sound(x[part], t_x[part], T[part]) for part in parts):
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
