"""A model held against last click (or any other model): which channels earn more, which less, and how sure that is."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.arguments import checked
from attribution.bootstrap import Replicates, accelerated_interval, bootstrap_credit
from attribution.credit import DIRECT_RULE, check_models, model_credit
from attribution.credit_spread import model_gradient
from attribution.delta import interval, variance
from attribution.direct import warn_of_missing_direct
from attribution.intervals import difference_interval
from attribution.lean import lean_of_difference
from attribution.markov import Convention, require_convention
from attribution.paths import Paths
from attribution.ragged import Floats
from attribution.rules import RuleOptions
from attribution.sums import Measure, require_measure
from attribution.together import clear_together
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas

NO_DIFFERENCE = "no clear difference"
FEWEST_REPLICATES = 20


@checked
def compare(
    paths: Paths,
    *,
    baseline: str = "last_click",
    model: str = "markov",
    measure: Measure = "conversions",
    order: int = 1,
    replicates: int = 0,
    seed: int | None = None,
    confidence: float = 0.90,
    options: RuleOptions | None = None,
    convention: Convention = "exact",
    drawn: Replicates | None = None,
) -> "pandas.DataFrame":
    """What a model credits to each channel beside what a baseline does, with an interval of the difference.

    Parameters
    ----------
    paths
        From :func:`attribution.read_paths` or :func:`attribution.build_paths`.
    baseline, model
        Two different models, as in :func:`attribution.attribute`.
    measure
        Credit of ``conversions`` (a number of them) or of ``value`` (in the currency of the paths).
    order
        Order of the Markov chain.
    replicates
        0 for intervals by the delta method, made to hold for few conversions (:mod:`attribution.intervals`); else that
        many refits of data drawn again, and percentiles of them, corrected for their lean.
    seed
        Of the draws; the same seed gives the same table on any number of threads.
    confidence
        Of the intervals, which hold for each channel by itself.
    options
        Options of the rules.
    convention
        As in :func:`attribution.attribute`: under ``"channelattribution"`` intervals stand around that credit, and are
        those of exact credit otherwise.
    drawn
        Replicates of both models made already, in place of ``replicates`` and ``seed``: those of
        :func:`attribution.customer_bootstrap.bootstrap_customers` are exact for customers with several journeys.

    Returns
    -------
    Columns channel, <baseline>, <model>, difference (model minus baseline), difference_low, difference_high, verdict,
    clear_together. Differences sum to 0. Rows are sorted by the size of the difference, largest first, then by name.
    The verdict is "under-credited by last click" (or the baseline's name) when the whole interval is above 0,
    "over-credited by ..." when it is below, else "no clear difference". Of many channels some get one by chance alone;
    ``clear_together`` is true where the difference stays clear when all are judged together
    (:mod:`attribution.together`). Intervals of value are missing, and so nothing is clear, where nothing tells how far
    values spread (``Paths.value_spread_known``).

    Raises
    ------
    ConfigurationError
        When a model or a measure does not exist, both models are the same, replicates or confidence are out of range,
        or what was drawn is of other models or channels.
    ModelError
        As :func:`attribution.attribute`.
    """
    import pandas

    if baseline == model:
        raise ConfigurationError(f"baseline, model: both are {model!r}, which leaves nothing to compare. Name two.")
    check_models(paths, [baseline, model])
    require_convention(convention)
    require_measure(measure)
    if replicates < 0 or 0 < replicates < FEWEST_REPLICATES:
        raise ConfigurationError(
            f"replicates: {replicates!r} give no percentiles. Give 0 (the delta method) or {FEWEST_REPLICATES} or more."
        )
    options = options or RuleOptions()
    if DIRECT_RULE in (baseline, model):
        warn_of_missing_direct(paths.channels, options.direct, where=DIRECT_RULE)
    (before, exact_before), (after, exact_after) = (
        _credit(paths, name, measure, order=order, options=options, convention=convention) for name in (baseline, model)
    )
    total = float(getattr(paths, measure).sum())
    difference, exact = after - before, exact_after - exact_before
    is_lower_bound = measure == "value" and drawn is None and not paths.value_spread_known
    gradients = [model_gradient(paths, name, order=order, options=options) for name in (model, baseline)]
    if replicates == 0 and drawn is None:
        spread = getattr(variance(paths, *gradients), measure)
        lean = lean_of_difference(paths, *gradients, measure=measure, spread=spread)

        def ends(level: float) -> tuple[Floats, Floats]:
            if "shapley" in (baseline, model):  # no sum over conversions
                return interval(difference, spread, confidence=level)
            return difference_interval(difference, spread, total=total, confidence=level, lean=lean)
    else:
        drawn = drawn or bootstrap_credit(
            paths, [baseline, model], order=order, replicates=replicates, seed=seed, options=options
        )
        replicated = drawn.of(model, paths, measure) - drawn.of(baseline, paths, measure) + (difference - exact)
        lean = lean_of_difference(paths, *gradients, measure=measure, spread=replicated.var(axis=0))

        def ends(level: float) -> tuple[Floats, Floats]:
            return accelerated_interval(difference, replicated, confidence=confidence, level=level, lean=lean)

    low, high = ends(confidence)
    rounding = 1e-9 * total
    together = clear_together(ends, confidence=confidence, rounding=rounding)
    if is_lower_bound:
        low = high = np.full(len(difference), np.nan)
        together = np.zeros(len(difference), dtype=bool)
    table = pandas.DataFrame(
        {
            "channel": paths.channels,
            baseline: before,
            model: after,
            "difference": difference,
            "difference_low": low,
            "difference_high": high,
            "verdict": verdicts(low, high, baseline=baseline, rounding=rounding),
            "clear_together": together,
        }
    )
    largest_first = np.lexsort([np.asarray(paths.channels), -np.round(np.abs(difference), 9)])
    return table.iloc[largest_first].reset_index(drop=True)


def _credit(
    paths: Paths, model: str, measure: Measure, *, order: int, options: RuleOptions, convention: Convention
) -> tuple[Floats, Floats]:
    """Credit under a convention, and exact credit."""
    exact: Floats = getattr(model_credit(paths, model, order=order, options=options), measure)
    if model != "markov" or convention == "exact":
        return exact, exact
    return getattr(model_credit(paths, model, order=order, options=options, convention=convention), measure), exact


def verdicts(low: Floats, high: Floats, *, baseline: str, rounding: float) -> list[str]:
    """What intervals of differences say in words; an interval within ``rounding`` of 0 says nothing."""
    name = baseline.replace("_", " ")
    return [
        f"under-credited by {name}" if above else f"over-credited by {name}" if below else NO_DIFFERENCE
        for above, below in zip(low > rounding, high < -rounding, strict=True)
    ]
