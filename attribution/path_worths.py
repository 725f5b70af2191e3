"""Markov credit of customers, each worth what its own path says: value path by path, and not by a path's last channel.

A chain of order k knows the value of a conversion by the last k channels of its path alone. Where value depends on how
customers came, on the channel that opened a path, say, credit of value by the chain levels it out. Here the number of
conversions credited to channel j is the chain's, n_j, and their mean value comes from the paths themselves: each
conversion with its own value is divided among the distinct channels of its path in proportion to their removal effects
r, as ``attribution.bridge.credit_along_paths`` shows it,

    s_pj = r_j / sum of r over the channels of path p,    m_j = sum of v_p s_pj / sum of c_p s_pj,

c_p and v_p being the conversions of path p and their value. Credit of value is the total V in proportion to n_j m_j, so
it sums to V exactly; ``factor`` is by how much all n_j m_j are raised for that. A channel that the chain credits though
no conversion's path holds it is worth the mean. Rules credit value path by path anyway.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from attribution.chain import chain
from attribution.gradient import ChainGradient, effects_gradient
from attribution.influence import Influence
from attribution.participation import presence
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.survival import channel_survival
from attribution.transitions import transitions
from customer_data.errors import ModelError

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class PathWorths:
    """Credit of conversions by the chain and of value path by path, with their influences.

    Attributes
    ----------
    paths
        Distinct paths.
    shares
        Sparse ``(paths, channels)``: s.
    effects, slopes
        Removal effects of conversions by channel, and their gradient.
    along
        Conversions by channel when each is divided along its own path.
    means
        Mean value of these by channel: m.
    """

    paths: Paths
    shares: "csr_array"
    effects: Floats
    slopes: ChainGradient
    along: Floats
    means: Floats

    @classmethod
    def make(cls, paths: Paths, *, order: int = 1) -> Self:
        """Solve the chain of these paths and divide their conversions.

        Raises
        ------
        ModelError
            When nothing converts, or conversions are worth nothing on the whole.
        """
        if not (paths.conversions.sum() > 0 and paths.value.sum() > 0):
            raise ModelError(
                f"worth by path: {paths.conversions.sum():,.10g} conversions are worth {paths.value.sum():,.2f} "
                "together, which leaves nothing to credit."
            )
        found = transitions(paths, order=order)
        effects, slopes = effects_gradient(found, channel_survival(found, chain(paths, found)))
        weighted = presence(paths) @ _diagonal(effects[0])
        summed = weighted.sum(axis=1)
        shares = _diagonal(np.divide(1.0, summed, out=np.zeros_like(summed), where=summed > 0)) @ weighted
        along, value = shares.T @ paths.conversions, shares.T @ paths.value
        mean = paths.value.sum() / paths.conversions.sum()
        means = np.divide(value, along, out=np.full(len(along), mean), where=along > 0)
        return cls(paths, shares.tocsr(), effects[0], slopes, along, means)

    @property
    def width(self) -> int:
        """Number of channels."""
        return len(self.paths.channels)

    @property
    def conversions(self) -> Floats:
        """Conversions credited to each channel: those of the chain."""
        credited: Floats = self.effects / self.effects.sum() * self.paths.conversions.sum()
        return credited

    @property
    def factor(self) -> float:
        """All value by that of the conversions credited, each worth its channel's mean."""
        return float(self.paths.value.sum() / (self.conversions @ self.means))

    @property
    def value(self) -> Floats:
        """Value credited to each channel."""
        credited: Floats = self.factor * self.conversions * self.means
        return credited

    def value_with(self, more: Floats) -> Floats:
        """By how much credit of value rises, to first order, when the value of each path rises by ``more``."""
        by_mean = np.divide(
            self.shares.T @ more,
            self.along,
            out=np.full(self.width, more.sum() / self.paths.conversions.sum()),
            where=self.along > 0,
        )
        return self._levelled(self.conversions * by_mean, float(more.sum()))

    def nulls(self, rows: slice | Integers) -> tuple[Floats, Floats]:
        """What one more journey without a conversion changes of credit of conversions and of value."""
        return self._by_effect_changes(self.slopes.endings(rows)[:, : self.width])

    def of(self, rows: slice | Integers) -> tuple[Influence, Influence]:
        """Influences on credit of conversions and on credit of value."""
        width, nulls = self.width, self.nulls(rows)
        credited, worth = self._by_effect_changes(self.slopes.gains(rows)[:, :width])
        own, total = self.shares[rows], float(self.paths.conversions.sum())
        held, mean = self.along > 0, float(self.paths.value.sum()) / total
        share = self.effects / self.effects.sum()
        # One more conversion counts towards all credit; a unit of its value raises the means of its path's channels.
        per_unit = np.divide(self.conversions, self.along, out=np.zeros(width), where=held)
        unit, counted = (self._levelled(matrix, 0.0) for matrix in (np.diag(per_unit), np.diag(-per_unit * self.means)))
        without = self._levelled(~held * self.conversions / total, 0.0)
        by_count = self._levelled(share * self.means, 0.0) - mean * without
        of_worths = self.value / self.value.sum()
        return (
            Influence(nulls[0] + credited + share, nulls[0], np.zeros_like(nulls[0])),
            Influence(nulls[1] + worth + own @ counted + by_count, nulls[1], own @ unit + without + of_worths),
        )

    def _by_effect_changes(self, effects: Floats) -> tuple[Floats, Floats]:
        """Changes of both credits from changes of removal effects, arrays ``(n, channels)``."""
        of_conversions, of_value = self._by_effect
        return effects @ of_conversions, effects @ of_value

    @cached_property
    def _by_effect(self) -> tuple[Floats, Floats]:
        """What one more of each removal effect (row) makes of both credits, arrays ``(channels, channels)``."""
        share = self.effects / self.effects.sum()
        credited = float(self.paths.conversions.sum()) / self.effects.sum() * (np.eye(self.width) - share)
        return credited, self._levelled(credited * self.means + self.conversions * self._by_effects.T, 0.0)

    @cached_property
    def _by_effects(self) -> Floats:
        """How the means answer to removal effects, array ``(channels, channels)``."""
        per_effect = np.divide(1.0, self.effects, out=np.zeros(self.width), where=self.effects > 0)
        per_held = np.divide(1.0, self.along, out=np.zeros(self.width), where=self.along > 0)
        by_value, by_number = (
            np.diag(self.shares.T @ amounts) - (self.shares.T @ _diagonal(amounts) @ self.shares).toarray()
            for amounts in (self.paths.value, self.paths.conversions)
        )
        answers: Floats = (by_value - self.means[:, None] * by_number) * per_held[:, None] * per_effect
        return answers

    def _levelled(self, change: Floats, total: float) -> Floats:
        """From changes of n m to those of credit of value, which keeps the total, itself changed by ``total``."""
        share = self.value / self.value.sum()
        answer: Floats = self.factor * (change - change.sum(axis=-1, keepdims=True) * share) + total * share
        return answer


def _diagonal(values: Floats) -> "csr_array":
    from scipy.sparse import diags_array

    return diags_array(values).tocsr()
