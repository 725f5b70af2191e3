"""The order of the Markov chain chosen by held-out journeys, never by the journeys it was fitted to.

A chain of order k says how likely a journey that ends in a given window of k channels is to have converted. Orders are
compared by how well that probability, learnt from the other folds, foretells the journeys of the fold left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.transitions import transitions
from customer_data.errors import ConfigurationError, ModelError

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class OrderSelection:
    """The order chosen and what it was chosen by.

    Attributes
    ----------
    order
        The smallest order whose held-out loss exceeds the best one's by no more than one standard error of the excess.
    table
        One row per order (0 is the bare conversion rate): order, states, log_loss (held out, nats per journey),
        excess (over the best order), excess_std_error (over folds), auc (held out), auc_in_sample, chosen.
    calibration
        Held out, at the order chosen, journeys in up to ten groups of rising prediction: group, journeys,
        predicted (mean probability of conversion), observed (share that converted).
    """

    order: int
    table: "pandas.DataFrame"
    calibration: "pandas.DataFrame"


def split_paths(paths: Paths, *, folds: int = 5, seed: int = 0) -> tuple[Paths, ...]:
    """Deal the journeys of aggregated paths into folds at random, each journey on its own.

    Where customers are known, folds by customer are better: see ``attribution.journeys``.

    Raises
    ------
    ConfigurationError
        When counts are not whole numbers, or fewer than two folds are asked for.
    """
    _require_folds(folds)
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


def choose_order(folds: Sequence[Paths], *, max_order: int = 4, backoff: float = 10.0) -> OrderSelection:
    """Choose the order of the chain by journeys that were held out.

    The probability at order k backs off to the one at order k - 1: ``p_k = (c + m p_(k-1)) / (n + m)`` with c the
    conversions and n all journeys that ended in the window, m = ``backoff``; p_0 is the share of all that converted.

    Parameters
    ----------
    folds
        Distinct paths of disjoint groups of customers over the same channels, two folds or more.
    max_order
        Largest order tried.
    backoff
        How many journeys the shorter window's probability counts for.

    Raises
    ------
    ModelError
        When the folds hold no conversions or no journeys without one: then there is nothing to foretell.
    """
    _require_folds(len(folds))
    if max_order < 1 or backoff <= 0:
        raise ConfigurationError(f"max_order ({max_order}) must be 1 or more and backoff ({backoff}) above 0.")
    paths, conversions, nulls = _aligned(folds)
    if not conversions.sum() or not nulls.sum():
        raise ModelError(
            "order of the chain: held-out data cannot choose it, because "
            + ("no journey converted." if not conversions.sum() else "every journey known here converted.")
            + " State the order yourself."
        )
    windows = [np.zeros(len(paths), dtype=np.int64)]
    windows += [transitions(paths, order=order).last for order in range(1, max_order + 1)]
    held_out = np.stack(
        [
            _predictions(windows, conversions.sum(axis=0) - c, nulls.sum(axis=0) - n, backoff)
            for c, n in zip(conversions, nulls, strict=True)
        ],
        axis=1,
    )
    in_sample = _predictions(windows, conversions.sum(axis=0), nulls.sum(axis=0), backoff)
    losses = -(conversions * np.log(held_out) + nulls * np.log1p(-held_out)).sum(axis=2)
    order, table = _compared(losses, (conversions + nulls).sum(axis=1))
    table.insert(1, "states", [len(np.unique(window)) for window in windows])
    table.insert(5, "auc", [_auc(held_out[k].ravel(), conversions.ravel(), nulls.ravel()) for k in table["order"]])
    table.insert(
        6, "auc_in_sample", [_auc(in_sample[k], conversions.sum(axis=0), nulls.sum(axis=0)) for k in table["order"]]
    )
    return OrderSelection(order, table, _calibration(held_out[order].ravel(), conversions.ravel(), nulls.ravel()))


def _require_folds(folds: int) -> None:
    if folds < 2:
        raise ConfigurationError(f"folds: {folds} is too few; one is held out while the others teach. Give 2 or more.")


def _aligned(folds: Sequence[Paths]) -> tuple[Paths, Floats, Floats]:
    """All distinct paths of all folds, and per fold (row) and path (column) the conversions and nulls."""
    if len({fold.channels for fold in folds}) > 1:
        raise ConfigurationError("folds: they must be over the same channels in the same order.")
    codes = np.concatenate([fold.codes for fold in folds])
    lengths = np.concatenate([fold.lengths for fold in folds])
    owner = np.repeat(np.arange(len(folds)), [len(fold) for fold in folds])
    given_conversions = np.concatenate([fold.conversions for fold in folds])
    given_nulls = np.concatenate([fold.nulls for fold in folds])
    conversions, nulls = [], []
    for fold in range(len(folds)):
        merged = Paths.from_codes(
            folds[0].channels,
            codes,
            lengths,
            conversions=given_conversions * (owner == fold),
            nulls=given_nulls * (owner == fold),
        )
        conversions.append(merged.conversions)
        nulls.append(merged.nulls)
    return merged, np.array(conversions), np.array(nulls)


def _predictions(windows: list[Integers], conversions: Floats, nulls: Floats, backoff: float) -> Floats:
    """P(conversion) per order (row) and path (column), learnt from the counts given."""
    rows = [np.full(len(conversions), (conversions.sum() + 0.5) / (conversions.sum() + nulls.sum() + 1))]
    for window in windows[1:]:
        converted = np.bincount(window, weights=conversions)[window]
        ended = np.bincount(window, weights=conversions + nulls)[window]
        rows.append((converted + backoff * rows[-1]) / (ended + backoff))
    return np.array(rows)


def _compared(losses: Floats, journeys: Floats) -> tuple[int, "pandas.DataFrame"]:
    """Choose by losses (order, fold), sums over the fold's journeys."""
    import pandas

    mean = losses.sum(axis=1) / journeys.sum()
    best = int(np.argmin(mean[1:])) + 1
    excess = (losses - losses[best]) / journeys
    error = excess.std(axis=1, ddof=1) / np.sqrt(len(journeys))
    behind = mean - mean[best]
    order = next(k for k in range(1, len(mean)) if behind[k] <= error[k])
    orders = np.arange(len(mean))
    return order, pandas.DataFrame(
        {
            "order": orders,
            "log_loss": mean,
            "excess": behind,
            "excess_std_error": error,
            "chosen": orders == order,
        }
    )


def _auc(score: Floats, conversions: Floats, nulls: Floats) -> float:
    """P(a converted journey scores above one that did not), ties counted half (Mann and Whitney 1947)."""
    _, level = np.unique(score, return_inverse=True)
    converted, lost = np.bincount(level, weights=conversions), np.bincount(level, weights=nulls)
    below = np.cumsum(lost) - lost
    return float((converted * (below + lost / 2)).sum() / (converted.sum() * lost.sum()))


def _calibration(score: Floats, conversions: Floats, nulls: Floats, groups: int = 10) -> "pandas.DataFrame":
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
