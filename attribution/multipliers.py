"""Multipliers given lift tests: how many conversions a channel causes for each one it is credited with.

Experiment t found a lift L_t with a standard error where its channel c was credited with A_t:

    L_t ~ N(gamma_c A_t, se_t^2),    log gamma_c ~ N(mu, tau^2),    mu ~ N(m, s^2),    tau ~ half-normal(w).

Tested channels inform mu and tau, and by these the channels without a test, whose intervals stay wide. A multiplier is
above 0 whatever a test found: a lift below 0 pulls it down to 0 and not beyond.

mu and log tau are integrated on even grids, which for smooth integrands that fade out to both sides is exact to many
digits (Trefethen & Weideman, SIAM Review 56, 2014, 385-458). That of tau reaches to 12 w and that of mu as far as it
has weight within 12 s of m, for where tests conflict with the prior the posterior lies in its tails. Each gamma is
integrated over bins of exact normal mass, from 0 to infinity and finely where its tests are sharp.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from attribution.ragged import Floats, Integers
from customer_data.errors import ConfigurationError

MEANS, STEP, NEAR = 49, 0.08, 101
# tau over w, even in its logarithm, and what each stands for: the first for all that is smaller, too.
SPREADS = np.exp(np.linspace(-7, 2.5, 33))
STANDS_FOR = SPREADS * np.append(1 / (1 - SPREADS[0] / SPREADS[1]), np.ones(32))
REACH, NEGLIGIBLE = 12.0, 16.0


@dataclass(frozen=True)
class MultiplierPrior:
    """What is believed of multipliers before any test.

    Attributes
    ----------
    mean, mean_spread
        m and s: mean and standard deviation of mu, the mean of log multipliers over channels. 0 and 0.5 say that the
        typical channel caused between 0.44 and 2.3 of each credited conversion with 90 %.
    spread
        w: scale of tau, how much log multipliers differ between channels.

    Raises
    ------
    ConfigurationError
        When a spread is not above 0.
    """

    mean: float = 0.0
    mean_spread: float = 0.5
    spread: float = 0.5

    def __post_init__(self) -> None:
        if not (self.mean_spread > 0 and self.spread > 0 and np.isfinite(self.mean)):
            raise ConfigurationError(f"prior: {self} needs a finite mean and spreads above 0.")


@dataclass(frozen=True, eq=False)
class _Tested:
    """Likelihood of a channel's log multiplier in bins between ``edges``, the first and the last infinite."""

    edges: Floats
    likelihood: Floats
    side: int

    @classmethod
    def of(cls, ratio: Floats, error: Floats, prior: MultiplierPrior) -> "_Tested":
        """From lifts and their standard errors, both per credited conversion."""
        pooled_error = 1 / np.sqrt((error**-2).sum())
        pooled = float((ratio / error**2).sum() * pooled_error**2)

        def height(log: Floats) -> Floats:
            # Not below where gamma = 0 makes it constant, and 1 at its highest, also where a test is far below 0.
            away = (np.exp(log) - pooled) ** 2 - min(pooled, 0.0) ** 2
            return np.asarray(np.exp(-0.5 * away / pooled_error**2))

        top = pooled + np.hypot(min(pooled, 0.0), 6 * pooled_error)
        near = np.linspace(max(pooled - 6 * pooled_error, 0.0), top, NEAR)
        # Also where the test leaves nearly nothing, for the prior may be against it, and down to where it is flat.
        flat = np.log(min(pooled_error, pooled_error**2 / abs(pooled)) if pooled < 0 else pooled_error) - 4
        reach = 5 * prior.mean_spread + 4 * prior.spread + 3
        wide = np.arange(min(prior.mean - reach, flat), prior.mean + reach, STEP)
        edges = np.unique(np.concatenate([wide, np.log(near[near > 0])]))
        ends, middle = height(edges), height((edges[1:] + edges[:-1]) / 2)
        within = (ends[:-1] + 4 * middle + ends[1:]) / 6  # Simpson's rule
        # Normal mass is precise in the tail in which it is small, and the test lies in the one or the other.
        side = 1 if pooled <= np.exp(prior.mean) else -1
        return cls(np.r_[-np.inf, edges, np.inf], np.r_[height(np.array([-np.inf])), within, ends[-1]], side)

    def joint(self, mean: Floats, spread: Floats) -> Floats:
        """Array ``(nodes, bins)``: prior mass of each bin under each mean and spread, times likelihood."""
        from scipy.special import ndtr

        below = ndtr(self.side * (self.edges - mean[:, None]) / spread[:, None])
        mass: Floats = self.side * np.diff(below, axis=1) * self.likelihood
        return mass

    def drawn(self, generator: np.random.Generator, mean: Floats, spread: Floats, chosen: Integers) -> Floats:
        """Draw a log multiplier for every entry of ``chosen``, numbers of nodes."""
        from scipy.special import ndtr, ndtri

        nodes, row = np.unique(chosen, return_inverse=True)
        cumulative = np.cumsum(np.maximum(self.joint(mean[nodes], spread[nodes]), 1e-300), axis=1)
        bins = cumulative.shape[1]
        # Row r of the distribution functions is shifted to (r, r + 1], so that one search serves all rows.
        shifted = (cumulative / cumulative[:, -1:] + np.arange(len(nodes))[:, None]).ravel()
        place = np.searchsorted(shifted, row + generator.random(len(row)), side="right") - row * bins
        place = np.clip(place, 0, bins - 1)
        centre, scale, ends = mean[chosen], spread[chosen], (self.edges[place], self.edges[place + 1])
        first, last = (ndtr(self.side * (end - centre) / scale) for end in ends)
        inside = np.clip(first + generator.random(len(row)) * (last - first), 1e-300, 1 - 1e-16)
        return np.asarray(np.clip(centre + self.side * scale * ndtri(inside), *ends))


def draw_multipliers(
    channel: Integers,
    ratio: Floats,
    error: Floats,
    *,
    channels: int,
    prior: MultiplierPrior,
    draws: int,
    generator: np.random.Generator,
) -> Floats:
    """Draws ``(draws, channels)`` of multipliers given tests.

    ``channel`` are the tests' channels, ``ratio`` their lifts and ``error`` their standard errors, both per credited
    conversion.
    """
    tested = _tested(channel, ratio, error, prior)
    mean, spread, weight = _nodes(tested.values(), prior)
    chosen = generator.choice(len(weight), size=draws, p=weight)
    # Even between nodes of mu, which lie side by side in blocks of all spreads.
    centre = mean[chosen] + (mean[len(SPREADS)] - mean[0]) * (generator.random(draws) - 0.5)
    logs = centre[:, None] + spread[chosen, None] * generator.standard_normal((draws, channels))
    for one, test in tested.items():
        logs[:, one] = test.drawn(generator, mean, spread, chosen)
    return np.asarray(np.exp(logs))


def posterior_nodes(
    channel: Integers, ratio: Floats, error: Floats, *, prior: MultiplierPrior
) -> tuple[Floats, Floats, Floats]:
    """Nodes of mu and of tau given tests as in :func:`draw_multipliers`, and their weights, which sum to 1."""
    return _nodes(_tested(channel, ratio, error, prior).values(), prior)


def _tested(channel: Integers, ratio: Floats, error: Floats, prior: MultiplierPrior) -> dict[int, _Tested]:
    return {int(one): _Tested.of(ratio[channel == one], error[channel == one], prior) for one in np.unique(channel)}


def _nodes(tested: Collection[_Tested], prior: MultiplierPrior) -> tuple[Floats, Floats, Floats]:
    reach = REACH * prior.mean_spread
    low, high = prior.mean - reach, prior.mean + reach
    for thinned in (4, 4, 4, 1):  # over all that may be, then over what has weight
        means, step = np.linspace(low, high, MEANS if thinned == 1 else MEANS // 2, retstep=True)
        mean, spread = (grid.ravel() for grid in np.meshgrid(means, prior.spread * SPREADS[::thinned], indexing="ij"))
        log_weight = -0.5 * ((mean - prior.mean) / prior.mean_spread) ** 2 - 0.5 * (spread / prior.spread) ** 2
        log_weight += np.tile(np.log(STANDS_FOR[::thinned]), len(means))
        for test in tested:
            log_weight += np.log(np.maximum(test.joint(mean, spread).sum(axis=1), 1e-300))
        seen = mean[log_weight > log_weight.max() - NEGLIGIBLE]
        low, high = seen.min() - step, seen.max() + step
    weight = np.exp(log_weight - log_weight.max())
    return mean, spread, weight / weight.sum()


def expected_ratios(error: Floats, *, prior: MultiplierPrior, confidence: float) -> tuple[Floats, Floats]:
    """Between which bounds lifts per credited conversion are to be expected before any test.

    The interval of a multiplier under the prior with the test's own error added, of which equal parts fall out on
    either side: a test that lies outside conflicts with the prior (Box, Journal of the Royal Statistical Society A 143,
    1980, 383-430).

    Parameters
    ----------
    error
        Standard errors of lifts per credited conversion.
    prior
        What is believed of multipliers.
    confidence
        Of each interval.

    Returns
    -------
    Lower and upper ends, arrays as long as ``error``.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    weight = STANDS_FOR * np.exp(-0.5 * SPREADS**2)
    spread = np.hypot(prior.mean_spread, prior.spread * SPREADS)[:, None]
    noise = np.linspace(-6, 6, 601)
    density = np.exp(-0.5 * noise**2)

    def below(ratio: float, one: float) -> float:
        multiplier = np.maximum(ratio - one * noise, 1e-300)
        share = weight @ ndtr((np.log(multiplier) - prior.mean) / spread) / weight.sum()
        return float(density @ share / density.sum())

    most = np.exp(prior.mean + REACH * (prior.mean_spread + prior.spread))
    ends = np.array(
        [
            [
                brentq(lambda ratio, one=one, share=share: below(ratio, one) - share, -6 * one, most + 6 * one)
                for one in error
            ]
            for share in ((1 - confidence) / 2, (1 + confidence) / 2)
        ]
    )
    return ends[0], ends[1]
