"""How sure Shapley values are, given that customers are a sample: by the delta method, or by data drawn again.

The ratio game solved exactly has exact derivatives by every journey, so its credit has the delta method's variance,
customers with several journeys included. Other values are found anew from Poisson draws around the counts of each path,
every journey taken for a customer of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from attribution import games
from attribution.delta import variance
from attribution.paths import Paths
from attribution.poisson import PoissonDraws
from attribution.ragged import Floats, Integers

Values = Callable[[Paths], Floats]


@dataclass(frozen=True, eq=False)
class _RatioGradient:
    """How credit by the ratio game answers to journeys; see :class:`attribution.gradient.Gradient`.

    ``by_journey`` and ``by_conversion`` are arrays ``(paths, channels)``; there is no credit of value, whose columns
    are 0.
    """

    by_journey: Floats
    by_conversion: Floats
    answers_to_endings: bool = True
    own: None = None

    @property
    def width(self) -> int:
        """Number of channels."""
        return int(self.by_journey.shape[1])

    def endings(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        return np.pad(self.by_journey[rows], ((0, 0), (0, self.width)))

    def gains(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``."""
        return np.pad(self.by_conversion[rows], ((0, 0), (0, self.width)))


def ratio_variance(paths: Paths, sets: Integers, channels: int) -> Floats:
    """Variance of the credit of conversions by the ratio game, array ``(channels,)``, by the delta method.

    ``sets`` are the bit masks of the channels on each path.
    """
    won, walked = (
        games.sums_over_subsets(np.bincount(sets, weights=amounts, minlength=1 << channels).astype(float))
        for amounts in (paths.conversions, paths.conversions + paths.nulls)
    )
    worth = np.divide(won, walked, out=np.zeros_like(won), where=walked > 0)
    values = games.exact_values(worth)
    if values.sum() <= 0:
        return np.zeros(channels)
    distinct, number = np.unique(sets, return_inverse=True)
    slopes = list(games.ratio_slopes(won, walked, distinct))
    by_conversion, by_journey = (np.column_stack(part) for part in zip(*slopes, strict=True))
    # Credit is value / (sum of values) * conversions, and the sum of values is the ratio of all journeys.
    share, scale = values / values.sum(), paths.conversions.sum() / values.sum()
    by_conversion, by_journey = (
        scale * (slope - share * slope.sum(axis=1, keepdims=True)) for slope in (by_conversion, by_journey)
    )
    gradient = _RatioGradient(by_journey[number], by_conversion[number] + share)
    return variance(paths, gradient).conversions


def drawn_variance(paths: Paths, values: Values, *, replicates: int, seed: int | None) -> Floats:
    """Variance of the credit of conversions that ``values`` gives, array ``(channels,)``, over data drawn again."""
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    draws = [PoissonDraws(counts) for counts in (paths.conversions, paths.nulls)]
    credit = []
    for _ in range(replicates):
        redrawn = [np.zeros(len(paths)) for _ in draws]
        for counts, poisson in zip(redrawn, draws, strict=True):
            counts[poisson.rows] = poisson.draw(generator, 1)[:, 0]
        again = replace(paths, conversions=redrawn[0], nulls=redrawn[1], shared=None, time_decay=None)
        # Which transitions paths make does not depend on how often they are taken.
        again.transitions_by_order.update(paths.transitions_by_order)
        found = values(again)
        credit.append(found / found.sum() * redrawn[0].sum() if found.sum() > 0 else np.zeros_like(found))
    return np.asarray(np.var(credit, axis=0, ddof=1))
