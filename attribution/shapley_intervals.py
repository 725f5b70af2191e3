"""How sure Shapley values are that have no derivatives, given that customers are a sample: by data drawn again.

Values are found anew from Poisson draws around the counts of each path, every journey taken for a customer of its own.
(The ratio game solved exactly has exact derivatives by every journey, :func:`attribution.ratio_game.ratio_gradient`, so
its credit has the delta method's variance, customers with several journeys included.)
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from attribution.paths import Paths
from attribution.poisson import PoissonDraws
from attribution.ragged import Floats

Values = Callable[[Paths], Floats]


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
