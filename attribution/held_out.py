"""Held-out prediction: folds of customers, and how well a probability of conversion foretold what happened."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution import ragged
from attribution.arguments import checked
from attribution.delta import normal_reach
from attribution.intervals import share_interval
from attribution.paths import Paths
from attribution.ragged import Floats
from customer_data.errors import ConfigurationError, NotHeldOutError

if TYPE_CHECKING:
    import pandas


@checked
def split_paths(paths: Paths, *, folds: int = 5, seed: int = 0) -> tuple[Paths, ...]:
    """Deal the journeys of aggregated paths into folds at random, each journey on its own.

    Where customers are known, :func:`attribution.customer_folds.customer_folds` keeps
    the journeys of one customer together, which is better.

    Raises
    ------
    ConfigurationError
        When fewer than two folds are asked for.
    NotHeldOutError
        When counts are not whole numbers.
    """
    require_folds(folds)
    counts = np.concatenate([paths.conversions, paths.nulls])
    if (parts := (counts != np.floor(counts)).reshape(2, -1).any(axis=0)).any():
        raise NotHeldOutError(
            f"{np.count_nonzero(parts):,} of {len(paths):,} paths have counts with fractions (first: "
            f"{paths.names([parts.argmax()])[0]}), which cannot be dealt into folds"
        )
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
    """P(a converted journey scores above one of the same fold that did not), ties counted half (Mann & Whitney 1947).

    Arrays ``(paths,)``, or ``(folds, paths)``, each fold scored by what was learnt from the others. The more of a fold
    converted, the less did in what it was scored by, so journeys of different folds are not compared: scores that tell
    nothing would come out below one half (Parker, Guenter & Bedo, BMC Bioinformatics 8, 2007, 326; Forman & Scholz,
    SIGKDD Explorations 12, 2010, 49-57). Every pair within a fold counts alike; missing where no fold holds a pair.
    """
    right, pairs = pairs_in_order(score, conversions, nulls)
    return float(right.sum() / pairs.sum()) if pairs.any() else float("nan")


def pairs_in_order(score: Floats, conversions: Floats, nulls: Floats) -> tuple[Floats, Floats]:
    """By fold: pairs of a journey that converted and one that did not, in the right order (ties half), and all."""
    right, pairs = [], []
    for level, won, lost in zip(*(np.atleast_2d(one) for one in (score, conversions, nulls)), strict=True):
        _, number = np.unique(level, return_inverse=True)
        converted, not_converted = np.bincount(number, weights=won), np.bincount(number, weights=lost)
        below = np.cumsum(not_converted) - not_converted
        right.append(float((converted * (below + not_converted / 2)).sum()))
        pairs.append(float(won.sum() * lost.sum()))
    return np.array(right), np.array(pairs)


def over_folds(parts: Floats, wholes: Floats) -> tuple[Floats, Floats]:
    """Ratios of sums over folds, the last axis of both, and their standard errors; missing with less than two folds.

    Folds need not be of one size, and each is a case: customers keep all their journeys in one (Cochran 1977, Sampling
    Techniques, chapter 6).
    """
    some = wholes > 0
    folds, whole = int(some.sum()), wholes.sum()
    if folds < 2:
        missing = np.full(parts.shape[:-1], np.nan)
        return (parts.sum(axis=-1) / whole if folds else missing), missing
    ratio = parts.sum(axis=-1) / whole
    apart = (parts - ratio[..., None] * wholes)[..., some]
    return ratio, np.sqrt(folds / (folds - 1) * (apart**2).sum(axis=-1)) / whole


def fold_interval(parts: Floats, wholes: Floats, *, confidence: float) -> tuple[Floats, Floats]:
    """Lower and upper ends of such ratios: Student's t with a degree of freedom less than folds."""
    from scipy.special import stdtrit

    normal_reach(confidence)
    ratio, error = over_folds(parts, wholes)
    reach = stdtrit(max(int((wholes > 0).sum()) - 1, 1), 0.5 + confidence / 2) * error
    return ratio - reach, ratio + reach


def calibration(
    score: Floats, conversions: Floats, nulls: Floats, groups: int = 10, *, confidence: float = 0.90
) -> "pandas.DataFrame":
    """Journeys in groups by the rank of their score in their fold, arrays as of :func:`auc`.

    Of every fold each group holds as large a part, so that how many of a fold converted tells nothing of its groups.
    Journeys of one score are divided evenly over the groups that they reach into, which leaves fractions of journeys;
    neighbours that would hold the same scores in every fold are one group, so a score for all gives one group.

    Over data sets no group is foretold too high or too low for being held out. In one data set chance moves what is
    foretold and what is observed of a group the same way, because a journey held out once teaches the other folds; how
    surely outcomes are told apart :func:`auc` and :func:`log_loss` say, which look at one fold at a time. Intervals of
    what is observed are score intervals of proportions, each journey a case.
    """
    import pandas

    parts = []
    for fold_score, won, lost in zip(*(np.atleast_2d(one) for one in (score, conversions, nulls)), strict=True):
        if not (won + lost).any():
            continue
        level_score, level = np.unique(fold_score, return_inverse=True)
        journeys, converted = np.bincount(level, weights=won + lost), np.bincount(level, weights=won)
        passed = np.append(0.0, np.cumsum(journeys))
        ends = passed[-1] * np.arange(groups + 1) / groups
        running = (np.append(0.0, np.cumsum(amount)) for amount in (journeys * level_score, converted))
        parts.append([np.diff(ends), *(np.diff(np.interp(ends, passed, amount)) for amount in running)])
    fold_journeys, fold_predicted, _ = (np.array(part) for part in zip(*parts, strict=True))
    mean = fold_predicted / fold_journeys
    first = np.append(True, np.abs(np.diff(mean, axis=1)).max(axis=0) > 1e-12)
    count, predicted, observed = np.add.reduceat(np.sum(parts, axis=0), np.flatnonzero(first), axis=1)
    share = observed / count
    low, high = share_interval(share, share * (1 - share) / count, confidence=confidence, typical=1 / count)
    return pandas.DataFrame(
        {
            "group": np.arange(1, len(count) + 1),
            "journeys": count,
            "predicted": predicted / count,
            "observed": share,
            "observed_low": low,
            "observed_high": high,
        }
    )
