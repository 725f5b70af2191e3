"""What a regression expects to be lost without each channel, and how credit from that answers to every journey.

With p the chance of a path to convert and p_j that of the path without channel j, N journeys and c conversions worth v:

    L_j = sum of N (p - p_j)                      conversions lost,
    V_j = w L_j + sum of (v - w c) (1 - p_j / p)  value lost, w the mean value of all conversions.

The second says what the loss is at the mean value, and adds what the conversions of a path brought more or less than
that, each in the share that would be lost. Credit is in proportion to L and to V, where these are above 0.

The coefficients b maximise a likelihood with a fixed prior, so with x the terms of a path and H the information of all
journeys and of the prior, one more journey moves b by H^-1 x (y - p), y whether it converts (the influence function of
an M-estimator: Huber & Ronchetti 2009, Robust Statistics, eq. 3.13, here with the expected information, which for the
logit link is the observed one). A loss moves with b and with the journey itself.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.regression_terms import Met, chance

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Losses:
    """Losses of all paths, and what their influences are made of.

    Attributes
    ----------
    paths, met
        The paths and what the regression knows of them.
    chance
        P(conversion) of each path.
    kept
        For each entry of ``met`` P(conversion) of the path without the channel, 0 where nothing is left.
    """

    paths: Paths
    met: Met
    chance: Floats
    kept: Floats

    @classmethod
    def of(cls, paths: Paths, exposure: Floats, recency: Floats) -> "Losses":
        """Losses under effects of exposure and of recency by channel."""
        met = Met.of(paths)
        odds = met.odds(exposure, recency)
        with np.errstate(over="ignore"):  # of minus infinity the chance is 0
            kept = chance(met.odds_without(odds, exposure, recency))
        return cls(paths, met, chance(odds), kept)

    @property
    def mean_value(self) -> float:
        """Mean value of a conversion."""
        return float(self.paths.value.sum() / self.paths.conversions.sum())

    @property
    def lost(self) -> Floats:
        """For each entry of ``met`` the chance that is lost."""
        return self.chance[self.met.path] - self.kept

    @property
    def lost_share(self) -> Floats:
        """The same as a share of the path's chance."""
        return 1 - self.kept / self.chance[self.met.path]

    def by_path(self, of_entries: Floats) -> "csr_array":
        """Sparse ``(paths, channels)`` from one number for each entry of ``met``."""
        from scipy.sparse import csr_array

        shape = len(self.paths), len(self.paths.channels)
        return csr_array((of_entries, (self.met.path, self.met.channel)), shape=shape)

    def by_channel(self) -> tuple[Floats, Floats]:
        """Conversions and value lost without each channel."""
        journeys, above = self.paths.conversions + self.paths.nulls, self.above_mean
        conversions = self.summed(self.lost * journeys[self.met.path])
        return conversions, self.mean_value * conversions + self.summed(self.lost_share * above[self.met.path])

    @property
    def above_mean(self) -> Floats:
        """Per path what its conversions brought more than conversions bring on the whole."""
        return self.paths.value - self.mean_value * self.paths.conversions

    def slopes(self) -> tuple[Floats, Floats]:
        """How both losses of each channel answer to the coefficients, arrays ``(channels, 2 channels)``.

        The gradient of p is p (1 - p) x, and that of p_j / p is p_j / p ((1 - p_j) x_j - (1 - p) x).
        """
        path, journeys = self.met.path, (self.paths.conversions + self.paths.nulls)
        certain, ratio = self.chance * (1 - self.chance), self.kept / self.chance[path]
        conversions = self._slope((journeys * certain)[path], journeys[path] * self.kept * (1 - self.kept))
        above = self.above_mean[path] * ratio
        shares = self._slope(above * (1 - self.chance[path]), above * (1 - self.kept))
        return conversions, self.mean_value * conversions + shares

    def _slope(self, of_whole: Floats, of_kept: Floats) -> Floats:
        """Sum over paths, by channel, of ``of_whole`` times a path's terms less ``of_kept`` times those without it."""
        met, channels = self.met, len(self.paths.channels)
        terms = met.terms(channels)
        whole = (self.by_path(of_whole).T @ terms).toarray()
        kept = (self.by_path(of_kept).T @ terms).toarray()
        # The channel's own touches are gone, and where it came last so is its place there.
        own = np.arange(channels)
        kept[own, own] = 0.0
        kept[own, channels + own] = 0.0
        came_last = (met.channel == met.last[met.path]) & (met.last_of_others[met.path] >= 0)
        cell = met.channel[came_last] * channels + met.last_of_others[met.path[came_last]]
        moved = np.bincount(cell, weights=of_kept[came_last], minlength=channels**2).reshape(channels, channels)
        kept[:, channels:] += moved
        slope: Floats = whole - kept
        return slope

    def summed(self, of_entries: Floats) -> Floats:
        """Sum by channel of one number for each entry of ``met``."""
        summed = np.bincount(self.met.channel, weights=of_entries, minlength=len(self.paths.channels))
        return summed.astype(float)


@dataclass(frozen=True, eq=False)
class RegressionGradient:
    """How credit of conversions and of value, before negative credit is cut off, answers to journeys.

    See :class:`attribution.gradient.Gradient`. Of channels whose removal loses nothing the numbers are those that
    credit would be if it were not cut off: what is lost, as a share of what all others lose together.
    """

    losses: Losses
    terms: "csr_array"
    answers: Floats
    lost: "csr_array"
    lost_share: "csr_array"
    by_channel: tuple[Floats, Floats]
    by_mean_value: Floats
    answers_to_endings: bool = True
    own: None = None
    sampled: None = None

    @classmethod
    def make(cls, losses: Losses, covariance: Floats) -> "RegressionGradient":
        """From losses and the inverse information of the coefficients, array ``(2 channels, 2 channels)``."""
        paths = losses.paths
        by_channel, share = losses.by_channel(), losses.lost_share
        expected = losses.summed(share * paths.conversions[losses.met.path])
        return cls(
            losses,
            losses.met.terms(len(paths.channels)),
            covariance @ np.vstack(losses.slopes()).T,
            losses.by_path(losses.lost),
            losses.by_path(share),
            by_channel,
            by_channel[0] - expected,
        )

    @property
    def width(self) -> int:
        """Number of channels."""
        return len(self.losses.paths.channels)

    def endings(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``: a journey that does not convert adds its losses, and moves coefficients."""
        lost = self.lost[rows].toarray()
        moved = self.losses.chance[rows][:, None] * self._by_terms(rows)
        return np.hstack(
            [
                self._credit(0, lost - moved[:, : self.width]),
                self._credit(1, self.losses.mean_value * lost - moved[:, self.width :]),
            ]
        )

    def gains(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, 2 channels)``: a conversion moves coefficients, and a unit of value what conversions bring."""
        by_terms, (of_conversions, of_value) = self._by_terms(rows), (self.shares(measure)[0] for measure in (0, 1))
        return np.hstack(
            [
                self._credit(0, by_terms[:, : self.width]) + of_conversions,
                self._credit(1, self._of_unit(rows)) + of_value,
            ]
        )

    def by_conversion(self, rows: slice | Integers) -> Floats:
        """Array ``(rows, channels)``: a conversion moves coefficients, and lowers what the others bring on average."""
        return self._credit(1, self._by_terms(rows)[:, self.width :] - self.losses.mean_value * self._of_unit(rows))

    def _by_terms(self, rows: slice | Integers) -> Floats:
        """How both losses answer if the coefficients move by those of one conversion more, ``(rows, 2 channels)``."""
        return np.asarray(self.terms[rows] @ self.answers)

    def _of_unit(self, rows: slice | Integers) -> Floats:
        """What a unit of value adds to value lost: its share of the path's, and to the mean value of conversions."""
        expected: Floats = self.by_mean_value / self.losses.paths.conversions.sum()
        return self.lost_share[rows].toarray() + expected

    def _credit(self, measure: int, of_losses: Floats) -> Floats:
        """From changes of losses to those of credit, the total being what it is."""
        share, whole = self.shares(measure)
        amounts = self.losses.paths.conversions if measure == 0 else self.losses.paths.value
        scale = float(amounts.sum()) / whole if whole > 0 else 0.0
        summed = of_losses[:, self.by_channel[measure] > 0].sum(axis=1)[:, None]
        answer: Floats = scale * (of_losses - summed * share)
        return answer

    def shares(self, measure: int) -> tuple[Floats, float]:
        """Losses as shares of all that is lost, and that sum; below 0 where a channel goes with fewer conversions."""
        lost = self.by_channel[measure]
        whole = float(np.maximum(lost, 0).sum())
        shares: Floats = lost / whole if whole > 0 else np.zeros_like(lost)
        return shares, whole
