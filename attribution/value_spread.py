"""The sum of squared values of conversions that are known only in sums, from how far the values of others spread.

Intervals of value need the sum of the squared values of single conversions; files of aggregated paths say of c
conversions only that they brought v. Let single values of one path have mean m and standard deviation r m, with one r
for all paths, and let u = m^2 / E[x^2] = 1 / (1 + r^2), from 0 to 1, be how *even* they are. Then v^2 has expectation
c m^2 (c + r^2), and the sum of squares c m^2 (1 + r^2), so that

    v^2 / (1 + (c - 1) u)

has the right expectation whatever the law of values; for Gamma-distributed ones it is the expected sum of squares given
v exactly (their shares of v are Dirichlet). A row of one conversion has v^2, at u = 1 it is the v^2 / c of conversions
worth the same, which is the least it can be. A row of less than one conversion is that part of one worth v / c.

Evenness is found from rows of one path, with W = sum of v^2 / c less (sum of v)^2 / (sum of c), whose expectation is
(n - 1) (r m)^2 for n rows (a mean of c values has variance (r m)^2 / c), and with D, (n - 1) times the sum of products
of the values of two different rows by that of their conversions, whose expectation is (n - 1) m^2:

    u = sum of D over paths / sum of (D + W) over paths.

The larger rows are, the more what else tells rows apart (months, countries) shows in W beside the spread of values. So
the rows are, the first of these that leave ENOUGH degrees of freedom (the sum of n - 1), or else FEWEST:

- rows of one conversion each, of one path;
- rows of one conversion each, all taken for rows of one path: the spread between paths is in W then, so intervals are
  somewhat too wide rather than too narrow;
- all rows of one path;
- the smallest rows of up to FEW conversions, again taken for rows of one path.

Otherwise u is 1 where all rows have one mean to the last digits, and nothing is known where they have not: then no sum
of squares is given.
"""

import numpy as np

from attribution.ragged import Floats, Integers

ENOUGH = 30
FEWEST = 10
FEW = 5
ROUNDING = 1e-9


def estimated_squares(conversions: Floats, value: Floats, group: Integers, groups: int) -> Floats | None:
    """Estimate the sum of squared values of each row's conversions.

    Parameters
    ----------
    conversions, value
        Arrays ``(rows,)``, not negative: of each row its conversions and what these brought together.
    group, groups
        The number of each row's path, array ``(rows,)``, and how many there are.

    Returns
    -------
    Array ``(rows,)``; None where rows of several conversions come and nothing tells how far values spread.
    """
    if (conversions == (conversions > 0)).all():
        return value * value
    even = _evenness(conversions, value, group, groups) if conversions.max() > 1 else 1.0
    if even is None:
        return None
    beyond_one = np.maximum(conversions - 1, 0.0)
    return value * value / (np.where(conversions > 0, np.minimum(conversions, 1.0), 1.0) * (1 + beyond_one * even))


def _evenness(conversions: Floats, value: Floats, group: Integers, groups: int) -> float | None:
    """Return u of the first rows that tell it, or None."""
    some = np.flatnonzero(conversions)
    single = some[conversions[some] <= 1]
    largest = min(FEW, np.sort(conversions[some])[min(ENOUGH, len(some) - 1)])
    small = some[conversions[some] <= largest]
    for least in (ENOUGH, FEWEST):
        for rows, together in ((single, False), (single, True), (some, False), (small, True)):
            path, count = (np.zeros(len(rows), np.int64), 1) if together else (group[rows], groups)
            found = _evenness_of(conversions[rows], value[rows], path, count, least)
            if found is not None:
                return found
    means = value[some] / conversions[some]
    return 1.0 if len(some) > 1 and np.ptp(means) <= ROUNDING * means.max() else None


def _evenness_of(conversions: Floats, value: Floats, group: Integers, groups: int, least: int) -> float | None:
    """Return u from what tells rows of one group apart; None with fewer than ``least`` degrees of freedom."""

    def summed(amounts: Floats) -> Floats:
        return np.bincount(group, weights=amounts, minlength=groups).astype(float, copy=False)

    freedom = np.maximum(np.bincount(group, minlength=groups) - 1.0, 0.0)
    if freedom.sum() < least:
        return None
    several = np.flatnonzero(freedom)
    total, won = summed(conversions)[several], summed(value)[several]
    products, pairs = won**2 - summed(value**2)[several], total**2 - summed(conversions**2)[several]
    same = float((freedom[several] * products / pairs).sum())
    apart = float((summed(value**2 / conversions)[several] - won**2 / total).sum())
    same, apart = max(same, 0.0), max(apart, 0.0)
    return same / (same + apart) if same + apart > 0 else None
