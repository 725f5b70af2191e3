"""The order of the Markov chain chosen by held-out journeys, never by the journeys it was fitted to.

A chain of order k says how likely a journey that ends in a given window of k channels is to have converted. Orders are
compared by how well that probability, learnt from the other folds, foretells the journeys of the fold left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attribution import held_out
from attribution.arguments import checked
from attribution.paths import Paths
from attribution.ragged import Floats
from attribution.transitions import transitions
from customer_data.errors import ConfigurationError, NotHeldOutError

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
        excess (over the best order), excess_std_error (over folds), auc (held out, over pairs of journeys of one fold;
        missing where no fold holds both outcomes), auc_in_sample, log_loss_low, log_loss_high, auc_low, auc_high
        (:func:`attribution.held_out.fold_interval`), chosen.
    calibration
        Held out, at the order chosen, journeys in up to ten groups, of each fold those of rising prediction: group,
        journeys, predicted (mean probability of conversion), observed (share that converted), observed_low,
        observed_high.
    best_losses
        Of the best order the sum of losses over each of the folds given.
    """

    order: int
    table: "pandas.DataFrame"
    calibration: "pandas.DataFrame"
    best_losses: Floats


@checked
def choose_order(
    folds: Sequence[Paths], *, max_order: int = 4, backoff: float = 10.0, confidence: float = 0.90
) -> OrderSelection:
    """Choose the order of the chain by journeys that were held out.

    The probability at order k backs off to the one at order k - 1: ``p_k = (c + m p_(k-1)) / (n + m)`` with c the
    conversions and n all journeys that ended in the window, m = ``backoff``; p_0 is the share of all that converted.

    Parameters
    ----------
    folds
        Distinct paths of disjoint groups of customers over the same channels, two folds or more: from
        :func:`attribution.customer_folds.customer_folds`, or for paths of a file, whose customers nobody knows, from
        :func:`attribution.held_out.split_paths`.
    max_order
        Largest order tried.
    backoff
        How many journeys the shorter window's probability counts for.
    confidence
        Of the intervals.

    Raises
    ------
    ConfigurationError
        When one object of paths is given, not folds; when an option is out of its range.
    NotHeldOutError
        When the folds hold no conversions or no journeys without one: then there is nothing to foretell. When only one
        fold holds journeys: then there is nothing to learn from. Empty folds beside two others are left out.
    """
    if isinstance(folds, Paths):
        raise ConfigurationError(
            "folds: these are paths, not folds of them. Deal them into folds by attribution.held_out.split_paths, or "
            "customers by attribution.customer_folds.customer_folds."
        )
    held_out.require_folds(len(folds))
    if max_order < 1 or backoff <= 0:
        raise ConfigurationError(f"max_order ({max_order}) must be 1 or more and backoff ({backoff}) above 0.")
    paths, conversions, nulls = held_out.aligned(folds)
    if not conversions.sum() or not nulls.sum():
        raise NotHeldOutError("every journey known here converted" if conversions.sum() else "no journey converted")
    walked = (conversions + nulls).sum(axis=1) > 0
    conversions, nulls = conversions[walked], nulls[walked]
    if len(conversions) < 2:
        raise NotHeldOutError("all journeys are in one fold, as they are when one customer has made them all")
    windows: list[NDArray[np.integer[Any]]] = [np.zeros(len(paths), dtype=np.int64)]
    windows += [transitions(paths, order=order).last for order in range(1, max_order + 1)]
    foretold = np.stack(
        [
            _predictions(windows, conversions.sum(axis=0) - c, nulls.sum(axis=0) - n, backoff)
            for c, n in zip(conversions, nulls, strict=True)
        ],
        axis=1,
    )
    in_sample = _predictions(windows, conversions.sum(axis=0), nulls.sum(axis=0), backoff)
    losses = held_out.log_loss(foretold, conversions, nulls)
    journeys = (conversions + nulls).sum(axis=1)
    order, table = _compared(losses, journeys)
    table.insert(1, "states", [len(np.unique(window)) for window in windows])
    table.insert(5, "auc", [held_out.auc(foretold[k], conversions, nulls) for k in table["order"]])
    table.insert(
        6,
        "auc_in_sample",
        [held_out.auc(in_sample[k], conversions.sum(axis=0), nulls.sum(axis=0)) for k in table["order"]],
    )
    pairs = [held_out.pairs_in_order(foretold[k], conversions, nulls) for k in table["order"]]
    right, of_all = np.array([one for one, _ in pairs]), pairs[0][1]
    for name, parts, wholes in (("auc", right, of_all), ("log_loss", losses, journeys)):
        for end, values in zip(
            ("high", "low"), held_out.fold_interval(parts, wholes, confidence=confidence)[::-1], strict=True
        ):
            table.insert(7, f"{name}_{end}", values)
    best = np.zeros(len(walked))
    best[walked] = losses[1 + int(table["log_loss"].to_numpy()[1:].argmin())]
    observed = held_out.calibration(foretold[order], conversions, nulls, confidence=confidence)
    return OrderSelection(order, table, observed, best)


def _predictions(windows: list[NDArray[np.integer[Any]]], conversions: Floats, nulls: Floats, backoff: float) -> Floats:
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
    behind, error = held_out.over_folds(losses - losses[best], journeys)
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
