"""Distinct paths with what came of them: all that the models of credit need to know of the data."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from attribution import ragged
from attribution.amount_checks import checked_strings
from attribution.ragged import Codes, Floats, Integers
from attribution.value_spread import estimated_squares
from customer_data.errors import InputError

if TYPE_CHECKING:
    import pandas
    from scipy.sparse import csr_array

    from attribution.regression import RegressionFit
    from attribution.transitions import Transitions

STEP = " > "


@dataclass(frozen=True)
class JourneyCounts:
    """What became of every customer, touch and conversion when journeys were built; money in the report currency.

    ``converted + not_converted + open`` are all journeys; ``conversions`` and ``value`` hold the unattributed ones;
    ``touches`` are all touches up to the end of the data, those outside a lookback and after the last conversion
    among them.
    """

    customers: int
    converted: int
    not_converted: int
    open: int
    conversions: int
    value: float
    unattributed_conversions: int
    unattributed_value: float
    touches: int
    touches_outside_lookback: int
    touches_after_last_conversion: int
    touches_after_end: int
    conversions_after_end: int


@dataclass(frozen=True)
class FileCounts:
    """What became of the rows of a file of aggregated paths.

    ``first_without_path`` is the first of ``rows_without_path``, counted from 0, and 0 where there is none.
    ``channels_without_outcome`` are names that occur only in rows without a conversion or null: no path holds them.
    ``notes`` tell what was passed over or filled up in reading a CSV file; ``value_known`` whether it had a column of
    value.
    """

    rows: int
    merged_rows: int
    rows_without_outcome: int
    rows_without_path: int
    conversions_without_path: float
    value_without_path: float
    nulls_without_path: float
    first_without_path: int = 0
    channels_without_outcome: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    value_known: bool = True


@dataclass(frozen=True, eq=False)
class TimeDecay:
    """Credit by time decay, which only the engine can give: the times of touches are not in the paths.

    A touch weighs ``2 ** -(days before the last touch of its journey / half_life_days)``, and a journey's weights are
    divided by their sum: its *shares*.

    Attributes
    ----------
    conversions, value
        Aligned with ``Paths.codes``: for each position of each distinct path the sum over its conversions of the
        touch's share, and of share times value.
    conversion_products, value_products, mixed_products
        Arrays ``(channels, channels)``: sums over customers of the products of what two channels got from that
        customer: conversions by conversions, value by value, conversions (rows) by value (columns). Under independent
        customers they are the covariance of the credit.
    """

    half_life_days: float
    conversions: Floats
    value: Floats
    conversion_products: Floats
    value_products: Floats
    mixed_products: Floats


@dataclass(frozen=True, eq=False)
class Paths:
    """Distinct paths in canonical order, each with its conversions, value and journeys that did not convert.

    Attributes
    ----------
    channels
        Names, in alphabetical order when read by this package.
    codes, lengths
        The paths laid end to end as positions in ``channels``, and the number of touches of each path.
    conversions, value, nulls
        Per distinct path: conversions, their value in the report currency, journeys that ended without conversion.
    value_squares
        Per distinct path the sum of the squared values of its conversions, estimated where rows hold several
        (:mod:`attribution.value_spread`); None when nothing tells it, and without values.
    nulls_known
        False when the source knew nothing of journeys that did not convert.
    counts
        What became of the rows; of journeys when built from touches, of rows when read from a file.
    lag_conversions
        Conversions by whole days from first touch to conversion, entry 0 for less than a day; None from a file.
    time_decay
        Credit by time decay, None when the times of touches are not known.
    shared
        What customers with several journeys (or several conversions at one instant) have in common: a symmetric sparse
        matrix over ``3 n`` cells, n the number of paths: first the conversions of each path, then the nulls, then the
        value. With z the cells of one customer, the sum of ``z z'`` over customers is this matrix plus what follows
        from ``conversions``, ``nulls``, ``value`` and ``value_squares`` if every journey were a customer of its own.
        None when customers are not known.

    The order of paths is by number of touches, then channel by channel, so equal data give equal objects.
    """

    channels: tuple[str, ...]
    codes: Codes
    lengths: Integers
    conversions: Floats
    value: Floats
    nulls: Floats
    value_squares: Floats | None = None
    nulls_known: bool = True
    counts: JourneyCounts | FileCounts | None = None
    lag_conversions: Floats | None = None
    time_decay: TimeDecay | None = None
    shared: "csr_array | None" = None

    def __post_init__(self) -> None:
        if len(self.codes) != self.lengths.sum() or (len(self.lengths) and self.lengths.min() < 1):
            raise InputError("paths: lengths must be 1 or more and sum to the number of codes.")
        if len(self.codes) and not 0 <= self.codes.min() <= self.codes.max() < len(self.channels):
            raise InputError(f"paths: codes must lie between 0 and {len(self.channels) - 1}, the channels given.")
        for name in ("conversions", "value", "nulls"):
            if len(getattr(self, name)) != len(self.lengths):
                raise InputError(f"paths.{name}: {len(getattr(self, name))} entries for {len(self.lengths)} paths.")
        for array in (self.codes, self.lengths, self.conversions, self.value, self.nulls, self.value_squares):
            if array is not None:
                array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.lengths)

    def __repr__(self) -> str:
        return (
            f"<Paths: {len(self):,} distinct paths over {len(self.channels)} channels, "
            f"{self.conversions.sum():,.10g} conversions worth {self.value.sum():,.2f}, {self.nulls.sum():,.10g} nulls>"
        )

    @classmethod
    def from_codes(
        cls,
        channels: Sequence[str],
        codes: ArrayLike,
        lengths: ArrayLike,
        *,
        conversions: ArrayLike,
        nulls: ArrayLike,
        value: ArrayLike | None = None,
        value_squares: ArrayLike | None = None,
        nulls_known: bool = True,
    ) -> Self:
        """Merge equal paths, add up what came of them and put them into canonical order.

        ``codes`` and ``lengths`` are ragged as in the attributes; the other arrays have one entry per row given.
        """
        codes = np.asarray(codes, dtype=np.int32)
        lengths = np.asarray(lengths, dtype=np.int64)
        group, codes, lengths = ragged.distinct_sequences(codes, lengths, len(channels))
        amounts = {"conversions": conversions, "value": value, "nulls": nulls, "value_squares": value_squares}
        return cls.from_groups(channels, codes, lengths, group, amounts, nulls_known=nulls_known)

    @classmethod
    def from_groups(
        cls,
        channels: Sequence[str],
        codes: Codes,
        lengths: Integers,
        group: Integers,
        amounts: Mapping[str, ArrayLike | None],
        *,
        nulls_known: bool,
    ) -> Self:
        """Add up what came of rows whose distinct paths, in canonical order, are known.

        ``group`` is the number of each row's path; ``amounts`` are the conversions, the nulls and, unless they are
        absent or None, the value and the squared value of each row. Squared values that are not given are estimated
        (:mod:`attribution.value_spread`).
        """
        known = {kind: np.asarray(given, dtype=float) for kind, given in amounts.items() if given is not None}

        def summed(weights: Floats) -> Floats:
            return np.bincount(group, weights, minlength=len(lengths)).astype(float, copy=False)

        def summed_estimates() -> Floats | None:
            squares = estimated_squares(known["conversions"], known["value"], group, len(lengths))
            return None if squares is None else summed(squares)

        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            is_unknown = "value_squares" not in known and "value" in known and known["value"].any()
            estimated = pool.submit(summed_estimates) if is_unknown else None
            sums = {"value": np.zeros(len(lengths))} | dict(zip(known, pool.map(summed, known.values()), strict=True))
        return cls(
            channels=tuple(channels),
            codes=codes,
            lengths=lengths,
            conversions=sums["conversions"],
            value=sums["value"],
            nulls=sums["nulls"],
            value_squares=estimated.result() if estimated else sums.get("value_squares"),
            nulls_known=nulls_known,
        )

    @classmethod
    def from_strings(
        cls,
        paths: Sequence[str],
        conversions: Sequence[float] | None = None,
        value: Sequence[float] | None = None,
        nulls: Sequence[float] | None = None,
        *,
        step: str = ">",
    ) -> Self:
        """Paths written as text (``["a > b", "b"]``); conversions are 1 each and nulls 0 unless given.

        Raises
        ------
        InputError
            When a path names no channel, amounts are missing, negative or not finite, there is value without a
            conversion, or amounts are not one for each path; every problem at once.
        """
        given = {"conversions": conversions, "value": value, "nulls": nulls}
        steps, amounts = checked_strings(paths, given, step=step)
        channels = sorted({name for path in steps for name in path})
        code = {name: number for number, name in enumerate(channels)}
        return cls.from_codes(
            channels,
            [code[name] for path in steps for name in path],
            [len(path) for path in steps],
            conversions=amounts.get("conversions", np.ones(len(steps))),
            nulls=amounts.get("nulls", np.zeros(len(steps))),
            value=amounts.get("value"),
            nulls_known=nulls is not None,
        )

    def with_counts(self, counts: JourneyCounts | FileCounts) -> Self:
        """The same paths, knowing what became of the rows they were read from."""
        return replace(self, counts=counts)

    @cached_property
    def starts(self) -> Integers:
        """Where each path starts in ``codes``, and the total as the last entry."""
        return ragged.offsets(self.lengths)

    @cached_property
    def rows(self) -> Integers:
        """For each entry of ``codes`` the number of its path."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def value_spread_known(self) -> bool:
        """Whether it is known how far values of single conversions spread.

        Where it is not, intervals of value are lower bounds: all conversions of a path are taken to be worth the same.
        """
        return self.value_squares is not None or not self.value.any()

    @cached_property
    def transitions_by_order(self) -> "dict[int, Transitions]":
        """What :func:`attribution.transitions.transitions` has found so far."""
        return {}

    @cached_property
    def fits(self) -> "dict[str, RegressionFit]":
        """What :func:`attribution.regression.fit_regression` has fitted so far, by the model's name."""
        return {}

    def names(self, rows: ArrayLike | None = None, *, step: str = STEP) -> list[str]:
        """Paths as text, all or the numbers given."""
        chosen = np.arange(len(self)) if rows is None else np.asarray(rows)
        return [
            step.join(self.channels[code] for code in self.codes[self.starts[row] : self.starts[row + 1]])
            for row in chosen
        ]

    @property
    def time_lags(self) -> "pandas.DataFrame | None":
        """Columns days (whole days from first touch to conversion, from 0 on) and conversions; None from a file."""
        if self.lag_conversions is None:
            return None
        import pandas

        return pandas.DataFrame({"days": np.arange(len(self.lag_conversions)), "conversions": self.lag_conversions})
