"""How sure shares of credit are under one choice, and how sure their shift from one choice to another is.

Both choices look at the same customers, so what chance does to one it mostly does to the other as well, and a shift is
far surer than two intervals side by side would make one believe. With d the influence of one customer on a share under
a choice (what the share would change if the customer came once more), the variance of the share is the sum of d^2 over
customers, and that of a shift the sum of the squared differences of two influences: the delta method for paired data.

Where the choices see the same journeys (another order, another transform of paths) the sums go over distinct paths and
what customers with several journeys share. Where they cut journeys otherwise (another lookback, visits for touches)
they go over customers one by one, over all or a sample of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from attribution.delta import BLOCK_CELLS
from attribution.gradient import ChainGradient, Gradient
from attribution.paths import Paths
from attribution.ragged import Floats, Integers

TABLE_CELLS = 1 << 24


@dataclass(frozen=True, eq=False)
class Walked:
    """Journeys of some customers under one choice, customer by customer.

    Attributes
    ----------
    customer
        Number of the customer, ascending; the same customer has the same number under every choice.
    path
        Number of the distinct path.
    conversions
        Orders that the journey led to, 0 where it did not convert.
    """

    customer: Integers
    path: Integers
    conversions: Integers


@dataclass(frozen=True, eq=False)
class ShareAnswers:
    """How shares of credit answer to journeys.

    Attributes
    ----------
    gradient
        That of the credit.
    shares, total
        Shares of the credit of conversions, and all conversions.
    table
        What one more journey of each path changes, then what one more conversion does, where that is fewer than
        TABLE_CELLS numbers; else None.
    """

    gradient: Gradient
    shares: Floats
    total: float
    table: Floats | None = None

    @classmethod
    def make(cls, paths: Paths, gradient: Gradient, credit: Floats) -> Self:
        """From the gradient of credit on these paths."""
        total = float(credit.sum())
        found = cls(gradient, credit / total, total)
        if 2 * len(paths) * len(credit) >= TABLE_CELLS:
            return found
        every = np.arange(len(paths))
        ending = found.ending(every)
        return replace(found, table=np.concatenate([ending, found._gained(every) + ending]))

    @property
    def sampled(self) -> Floats | float:
        """What the sampling of a model's solution adds to the variances of shares."""
        return 0.0 if self.gradient.sampled is None else self.gradient.sampled[0] / self.total**2

    def ending(self, rows: Integers) -> Floats:
        """What one more journey along each path changes, whatever comes of it: array ``(rows, channels)``."""
        if self.table is not None:
            return np.take(self.table, rows, axis=0)
        width = len(self.shares)
        if not self.gradient.answers_to_endings:
            return np.zeros((len(rows), width))
        if isinstance(self.gradient, ChainGradient) and self.gradient.steps is not None:
            steps = np.ascontiguousarray(self.gradient.steps[:, :width]) / self.total
            return np.asarray(self.gradient.found.taken_by(rows) @ steps)
        return self.gradient.endings(rows)[:, :width] / self.total

    def converting(self, rows: Integers) -> Floats:
        """What one more conversion along each path changes."""
        if self.table is not None:
            return np.take(self.table, rows + len(self.table) // 2, axis=0)
        return self._gained(rows) + self.ending(rows)

    def of(self, rows: Integers, converted: NDArray[np.bool_]) -> Floats:
        """What one more journey along each path changes, converted or not."""
        if self.table is not None:
            return np.take(self.table, rows + converted * (len(self.table) // 2), axis=0)
        each = self.ending(rows)
        each[converted] += self._gained(rows[converted])
        return each

    def _gained(self, rows: Integers) -> Floats:
        """What a conversion adds to what its journey changes."""
        width = len(self.shares)
        gained: Floats = (self.gradient.gains(rows)[:, :width] - self.shares) / self.total
        return gained


@dataclass(frozen=True, eq=False)
class Seen:
    """A choice whose journeys are those of the base: its answers, and for each path of the base the path it becomes."""

    answers: ShareAnswers
    number: Integers

    def ending(self, rows: Integers) -> Floats:
        """As :meth:`ShareAnswers.ending`, by paths of the base."""
        return self.answers.ending(self.number[rows])

    def converting(self, rows: Integers) -> Floats:
        """As :meth:`ShareAnswers.converting`, by paths of the base."""
        return self.answers.converting(self.number[rows])


@dataclass(eq=False)
class Spread:
    """Variances of shares and of their shifts from the base, and what of the shares goes with the total."""

    share: Floats
    shift: Floats
    with_total: Floats
    total: float = 0.0

    @classmethod
    def nothing(cls, channels: int) -> Self:
        """To begin a sum with."""
        return cls(np.zeros(channels), np.zeros(channels), np.zeros(channels))

    def credit(self, answers: ShareAnswers) -> Floats:
        """Variances of the credit itself, which is the share of a total that could have been another."""
        share, total = answers.shares, answers.total
        return total**2 * self.share + 2 * share * total * self.with_total + share**2 * self.total

    def with_sampling(self, answers: ShareAnswers, base: ShareAnswers | None) -> "Spread":
        """The same with what the sampling of a model's solution adds, as if both choices were sampled apart."""
        own, of_base = (0.0 if one is None else one.sampled for one in (answers, base))
        return replace(self, share=self.share + own, shift=self.shift + (own + of_base if base is not None else 0.0))


def spreads_by_path(paths: Paths, choices: Sequence[Seen]) -> list[Spread]:
    """Variances under each of several choices that see the journeys of ``paths``; shifts are from the first."""
    width = len(paths.channels)
    found = [Spread.nothing(width) for _ in choices]
    for rows in _blocks(len(paths), width):
        converting, lost = rows[paths.conversions[rows] > 0], rows[paths.nulls[rows] > 0]
        base: tuple[Floats, Floats] | None = None
        for choice, spread in zip(choices, found, strict=True):
            parts = choice.converting(converting), choice.ending(lost)
            base = base or parts
            spread.with_total += paths.conversions[converting] @ parts[0]
            for amounts, part, of_base in zip(
                (paths.conversions[converting], paths.nulls[lost]), parts, base, strict=True
            ):
                spread.share += np.einsum("p,pc,pc->c", amounts, part, part)
                if of_base is not part:
                    moved = part - of_base
                    spread.shift += np.einsum("p,pc,pc->c", amounts, moved, moved)
    for spread in found:
        spread.total = float(paths.conversions.sum())
    if paths.shared is not None and paths.shared.nnz:
        _add_shared(paths, choices, found)
    return found


def _add_shared(paths: Paths, choices: Sequence[Seen], found: Sequence[Spread]) -> None:
    """Add the products between different journeys of one customer."""
    assert paths.shared is not None
    cells = np.flatnonzero(np.diff(paths.shared.indptr)[: 2 * len(paths)])  # value is in no share of conversions
    kind, row = np.divmod(cells, len(paths))
    between, converts = paths.shared[cells][:, cells], kind == 0
    base: Floats | None = None
    for choice, spread in zip(choices, found, strict=True):
        answer = np.empty((len(cells), len(paths.channels)))
        answer[converts], answer[~converts] = choice.converting(row[converts]), choice.ending(row[~converts])
        base = answer if base is None else base
        met = between @ answer
        spread.share += np.einsum("pc,pc->c", answer, met)
        spread.with_total += converts @ met
        spread.total += float(converts @ (between @ converts.astype(float)))
        if answer is not base:
            moved = answer - base
            spread.shift += np.einsum("pc,pc->c", moved, between @ moved)


def spreads_by_customer(
    base: tuple[ShareAnswers, Walked], others: Sequence[tuple[ShareAnswers, Walked]], *, weights: Floats
) -> list[Spread]:
    """Variances under each of several choices that cut journeys otherwise; shifts are from the base.

    ``weights`` are for how many customers each of those walked stands.
    """
    width = len(base[0].shares)
    found = [Spread.nothing(width) for _ in others]
    for customers in _blocks(len(weights), width):
        first, last = int(customers[0]), int(customers[-1]) + 1
        times = weights[first:last]
        of_base, _ = _of_customers(*base, first, last)
        for choice, spread in zip(others, found, strict=True):
            answer, orders = _of_customers(*choice, first, last)
            spread.share += np.einsum("p,pc,pc->c", times, answer, answer)
            spread.with_total += (times * orders) @ answer
            spread.total += float(times @ orders**2)
            answer -= of_base
            spread.shift += np.einsum("p,pc,pc->c", times, answer, answer)
    return found


def _of_customers(answers: ShareAnswers, walked: Walked, first: int, last: int) -> tuple[Floats, Floats]:
    """The influence of each customer from ``first`` to before ``last``, and the customer's orders."""
    from scipy.sparse import csr_array

    starts = np.searchsorted(walked.customer, np.arange(first, last + 1))
    chosen = slice(starts[0], starts[-1])
    path, orders = walked.path[chosen], walked.conversions[chosen].astype(float)
    each = answers.of(path, orders > 0)
    several = np.flatnonzero(orders > 1)
    each[several] *= orders[several, None]
    by_customer = csr_array(
        (np.ones(len(path)), np.arange(len(path)), starts - starts[0]), shape=(last - first, len(path))
    )
    return np.asarray(by_customer @ each), np.asarray(by_customer @ orders)


def _blocks(size: int, width: int) -> Iterator[Integers]:
    """Numbers from 0 on, so many at a time as a processor's cache holds of them."""
    block = max(8, BLOCK_CELLS // max(width, 1))
    for first in range(0, size, block):
        yield np.arange(first, min(first + block, size))
