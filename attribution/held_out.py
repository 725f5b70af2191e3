"""Held-out prediction: folds of customers, and how well a probability of conversion foretold what happened."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution import ragged
from attribution.paths import Paths
from attribution.ragged import Floats
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas


def split_paths(paths: Paths, *, folds: int = 5, seed: int = 0) -> tuple[Paths, ...]:
    """Deal the journeys of aggregated paths into folds at random, each journey on its own.

    Where customers are known, :func:`attribution.customer_folds.customer_folds` keeps
    the journeys of one customer together, which is better.

    Raises
    ------
    ConfigurationError
        When counts are not whole numbers, or fewer than two folds are asked for.
    """
    require_folds(folds)
    counts = np.concatenate([paths.conversions, paths.nulls])
    if not np.array_equal(counts, np.floor(counts)):
        raise ConfigurationError("paths: counts with fractions cannot be dealt into folds. Choose the order yourself.")
    dealt = np.random.default_rng(seed).multinomial(counts.astype(np.int64), np.full(folds, 1 / folds))
    conversions, nulls = dealt[: len(paths)], dealt[len(paths) :]
    return tuple(
        Paths.from_codes(
            paths.channels,
            paths.codes,
            paths.lengths,
            conversions=conversions[:, fold],
            nulls=nulls[:, fold],
            nulls_known=paths.nulls_known,
        )
        for fold in range(folds)
    )


def require_folds(folds: int) -> None:
    if folds < 2:
        raise ConfigurationError(f"folds: {folds} is too few; one is held out while the others teach. Give 2 or more.")


def aligned(folds: Sequence[Paths]) -> tuple[Paths, Floats, Floats]:
    """All distinct paths of all folds, and per fold (row) and path (column) the conversions and nulls."""
    if len({fold.channels for fold in folds}) > 1:
        raise ConfigurationError("folds: they must be over the same channels in the same order.")
    codes = np.concatenate([fold.codes for fold in folds])
    lengths = np.concatenate([fold.lengths for fold in folds])
    group, codes, lengths = ragged.distinct_sequences(codes, lengths, len(folds[0].channels))
    cell = np.repeat(np.arange(len(folds)), [len(fold) for fold in folds]) * len(lengths) + group

    def by_fold(counts: Sequence[Floats]) -> Floats:
        summed = np.bincount(cell, weights=np.concatenate(counts), minlength=len(folds) * len(lengths))
        return summed.astype(float).reshape(len(folds), len(lengths))

    conversions, nulls = by_fold([fold.conversions for fold in folds]), by_fold([fold.nulls for fold in folds])
    whole = Paths(
        channels=folds[0].channels,
        codes=codes,
        lengths=lengths,
        conversions=conversions.sum(axis=0),
        value=np.zeros(len(lengths)),
        nulls=nulls.sum(axis=0),
        nulls_known=folds[0].nulls_known,
    )
    return whole, conversions, nulls


def log_loss(score: Floats, conversions: Floats, nulls: Floats) -> Floats:
    """-[y log p + (1 - y) log(1 - p)] summed over the last axis, weighted by counts."""
    losses: Floats = -(conversions * np.log(score) + nulls * np.log1p(-score)).sum(axis=-1)
    return losses


def auc(score: Floats, conversions: Floats, nulls: Floats) -> float:
    """P(a converted journey scores above one that did not), ties counted half (Mann and Whitney 1947)."""
    _, level = np.unique(score, return_inverse=True)
    converted, lost = np.bincount(level, weights=conversions), np.bincount(level, weights=nulls)
    below = np.cumsum(lost) - lost
    return float((converted * (below + lost / 2)).sum() / (converted.sum() * lost.sum()))


def calibration(score: Floats, conversions: Floats, nulls: Floats, groups: int = 10) -> "pandas.DataFrame":
    """Journeys in groups of nearly equal size by rising score; equal scores stay together."""
    import pandas

    level_score, level = np.unique(score, return_inverse=True)
    frame = pandas.DataFrame(
        {
            "journeys": np.bincount(level, weights=conversions + nulls),
            "predicted": level_score * np.bincount(level, weights=conversions + nulls),
            "observed": np.bincount(level, weights=conversions),
        }
    )
    middle = (frame["journeys"].cumsum() - frame["journeys"] / 2) / frame["journeys"].sum()
    table = frame.groupby(np.minimum((middle * groups).astype(int), groups - 1)).sum()
    table = table[table["journeys"] > 0]
    table["predicted"] /= table["journeys"]
    table["observed"] /= table["journeys"]
    table.insert(0, "group", range(1, len(table) + 1))
    return table.reset_index(drop=True)
