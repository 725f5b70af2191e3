"""Why credit moved away from last click: an exact bridge, the flow between channels, and the roles they play.

Markov credit differs from last click for three reasons that add up:

- *sharing*: a conversion belongs to every channel of its path equally, and no longer to the last alone;
- *weighting*: every channel of a path counts in full and the sum is scaled back, so a path counts by its number of
  channels. What results is participation: the share of conversions whose path holds the channel;
- *smoothing*: the chain credits the paths it deems possible, and not only those that happened to convert. A removal
  effect is the share of converting walks that visit a channel, so this is participation along walks of the chain, and
  vanishes as the order grows to the longest path.

The first two are the effect of position, the last is that of the model. Each sums to zero over channels.
"""

from typing import TYPE_CHECKING, get_args

import numpy as np

from attribution import ragged
from attribution.arguments import checked
from attribution.credit import check_models, model_credit
from attribution.credit_spread import model_gradient
from attribution.delta import normal_reach, variance
from attribution.flow_influence import flows_between
from attribution.gradient import Gradient
from attribution.intervals import difference_interval, score_interval, share_interval
from attribution.markov import Convention, require_convention
from attribution.participation import (
    ParticipationGradient,
    distinct_linear,
    distinct_linear_gradient,
    participation,
    presence,
)
from attribution.path_shares import shares_along_paths
from attribution.paths import STEP, Paths
from attribution.ragged import Floats
from attribution.rules import RULES, RuleOptions, channel_shares, touch_shares
from attribution.sums import Measure, Sums, everything, grouped, require_measure
from attribution.transitions import transitions
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas


@checked
def bridge(
    paths: Paths,
    *,
    order: int = 1,
    measure: Measure = "conversions",
    confidence: float = 0.90,
    convention: Convention = "exact",
) -> "pandas.DataFrame":
    """From last click to Markov credit, step by step.

    Parameters
    ----------
    paths
        Distinct paths.
    order
        Order of the chain.
    measure
        Credit of ``conversions`` (a number of them) or of ``value`` (in the currency of the paths).
    confidence
        Of the intervals, as those of :func:`attribution.compare`.
    convention
        Of Markov credit, as in :func:`attribution.attribute`; the intervals of smoothing are those of exact credit.

    Returns
    -------
    Columns channel, last_click, sharing, weighting, participation, smoothing, markov, position_effect, position_low,
    position_high, model_effect, model_low, model_high, sharing_low, sharing_high, weighting_low, weighting_high,
    participation_low, participation_high, alone, alone_low, alone_high.
    Exactly: participation = last_click + sharing + weighting, position_effect = sharing + weighting, model_effect =
    smoothing, markov = participation + smoothing. The effects sum to 0 over channels. ``alone`` is of paths that hold
    no other channel, which every rule gives it whole, and Markov credit need not. Rows are in the order of
    ``paths.channels``.

    Raises
    ------
    ConfigurationError
        When the measure, the order or the confidence is out of range.
    """
    import pandas
    from scipy.sparse import csr_array

    require_measure(measure)
    last, markov = (
        getattr(model_credit(paths, model, order=order, options=RuleOptions(), convention=convention), measure)
        for model in ("last_click", "markov")
    )
    chosen = get_args(Measure).index(measure)
    shared = distinct_linear(paths)[chosen]
    took_part = participation(paths)[chosen]
    first, linear = model_gradient(paths, "last_click"), distinct_linear_gradient(paths)
    middle = ParticipationGradient.make(paths)
    held, total = presence(paths), float(last.sum())

    def ends(name: str, effect: Floats, after: Gradient, before: Gradient) -> dict[str, Floats]:
        spread = getattr(variance(paths, after, before), measure)
        low, high = difference_interval(effect, spread, total=total, confidence=confidence)
        return {f"{name}_low": low, f"{name}_high": high}

    taken = score_interval(took_part, getattr(variance(paths, middle), measure), confidence=confidence)
    single = csr_array(held.multiply((held.sum(axis=1) == 1)[:, None]))
    alone = Sums(paths, measure, single)
    least, most = alone.ends(confidence=confidence)
    return pandas.DataFrame(
        {
            "channel": paths.channels,
            "last_click": last,
            "sharing": shared - last,
            "weighting": took_part - shared,
            "participation": took_part,
            "smoothing": markov - took_part,
            "markov": markov,
            "position_effect": took_part - last,
            **ends("position", took_part - last, middle, first),
            "model_effect": markov - took_part,
            **ends("model", markov - took_part, model_gradient(paths, "markov", order=order), middle),
            **ends("sharing", shared - last, linear, first),
            **ends("weighting", took_part - shared, middle, linear),
            "participation_low": taken[0],
            "participation_high": taken[1],
            "alone": alone.totals,
            "alone_low": least,
            "alone_high": most,
        }
    )


@checked
def flows(
    paths: Paths,
    *,
    order: int = 1,
    measure: Measure = "conversions",
    confidence: float | None = 0.90,
    convention: Convention = "exact",
) -> "pandas.DataFrame":
    """Where the conversions of each last click go under Markov credit.

    Of the chain's converting walks that end in channel i, the part that visits channel j is what removing j would take
    from i. Those parts, scaled as credit is, are the flow from i to j.

    Parameters
    ----------
    paths, order, measure
        As in :func:`bridge`.
    confidence
        Of the intervals (:mod:`attribution.flow_influence`); None leaves them missing. There are as many flows as pairs
        of channels: where intervals would take longer than seconds they are missing, too, with more than some 70
        channels at order 1, and at higher orders from the channels that close least
        (:func:`attribution.flow_influence.within_reach`).
    convention
        Of Markov credit, as in :func:`attribution.attribute`; intervals are those of exact flows.

    Returns
    -------
    Columns last_click, credited, conversions (or value), share, conversions_low, conversions_high (or value_low,
    value_high), share_low, share_high; one row per pair of channels with a flow. The flows into a channel sum to its
    Markov credit exactly. ``share`` is the flow's part of all that leaves ``last_click``. What leaves a channel is its
    last-click credit times how many channels its converting walks visit, relative to all converting walks, so channels
    that close long paths send more than they had.
    """
    import pandas

    require_measure(measure)
    require_convention(convention)
    if confidence is not None:
        normal_reach(confidence)
    found = transitions(paths, order=order)
    between = flows_between(
        paths, found, measure=measure, with_variances=confidence is not None, cut=convention != "exact"
    )
    amounts, shares = between.amounts, between.shares
    source, target = np.nonzero(amounts > 0)
    amount, share = amounts[source, target], shares[source, target]
    ends = np.full((4, len(amount)), np.nan)
    if confidence is not None and between.amount_variances is not None and between.share_variances is not None:
        spread, of_share = between.amount_variances[source, target], between.share_variances[source, target]
        told = np.isfinite(spread)
        # A share that nothing has varied yet is as sure as what the channel closed.
        closed = Sums(paths, measure, channel_shares(paths, "last_click", RuleOptions()))
        typical = np.divide(
            closed.variances, closed.totals**2, out=np.zeros_like(closed.totals), where=closed.totals > 0
        )[source]
        ends[:2, told] = score_interval(amount[told], spread[told], confidence=confidence)
        ends[2:, told] = share_interval(share[told], of_share[told], confidence=confidence, typical=typical[told])
    names = [f"{name}_{end}" for name in (measure, "share") for end in ("low", "high")]
    return pandas.DataFrame(
        {
            "last_click": np.asarray(paths.channels, dtype=object)[source],
            "credited": np.asarray(paths.channels, dtype=object)[target],
            measure: amount,
            "share": share,
            **dict(zip(names, ends, strict=True)),
        }
    )


@checked
def roles(paths: Paths, *, confidence: float = 0.90) -> "pandas.DataFrame":
    """When on their paths channels take part: alone, early, in the middle or late.

    The first quarter of a path's touches is early and the last quarter late, each rounded to whole touches, half up,
    and at least one; the rest is in the middle. A path of one touch is single. (Google Analytics 4 draws the same
    lines, but counts single touches as late.)

    Returns
    -------
    Columns channel, single, early, middle, late, conversions: the channel's linear credit of conversions, by role and
    in all; then each of them again as ``<role>_low`` and ``<role>_high``, and each role as a share of the channel's
    credit, ``<role>_share``, ``<role>_share_low`` and ``<role>_share_high`` (all 0 for a channel without credit).
    Intervals are of :mod:`attribution.sums`, robust to customers with several journeys.
    """
    import pandas
    from scipy.sparse import csr_array

    quarter = np.maximum(np.floor(paths.lengths / 4 + 0.5), 1).astype(np.int64)[paths.rows]
    position = ragged.positions(paths.lengths)
    length = paths.lengths[paths.rows]
    role = np.select([length == 1, position < quarter, position >= length - quarter], [0, 1, 3], default=2)
    shape = (len(paths), 4 * len(paths.channels))
    of_roles = csr_array((1 / length, (paths.rows, paths.codes * 4 + role)), shape=shape)
    of_channels = channel_shares(paths, "linear", RuleOptions())
    wholes = Sums(paths, "conversions", of_channels[:, np.repeat(np.arange(len(paths.channels)), 4)])
    by_role, in_all = Sums(paths, "conversions", of_roles), Sums(paths, "conversions", of_channels)
    share, share_low, share_high = by_role.share_ends(wholes, confidence=confidence)
    low, high = by_role.ends(confidence=confidence)
    ends = in_all.ends(confidence=confidence)
    cells, names = by_role.totals.reshape(-1, 4), ("single", "early", "middle", "late")
    table = {
        "channel": list(paths.channels),
        **dict(zip(names, cells.T, strict=True)),
        "conversions": cells.sum(axis=1),
    }
    for place, name in enumerate(names):
        table |= {f"{name}_low": low[place::4], f"{name}_high": high[place::4]}
    table |= {"conversions_low": ends[0], "conversions_high": ends[1]}
    for place, name in enumerate(names):
        for column, found in (("share", share), ("share_low", share_low), ("share_high", share_high)):
            table[f"{name}_{column}"] = found[place::4]
    return pandas.DataFrame(table)


@checked
def touch_variety(paths: Paths, *, confidence: float = 0.90) -> "pandas.DataFrame":
    """How many conversions leave models anything to decide.

    Where a path has one touch, or touches of one channel, every rule gives that channel everything. (Markov credit may
    still differ in its sums: it weighs paths by what the chain learned from all of them.)

    Returns
    -------
    Columns paths (``one touch``, ``one channel``: several touches of it, ``several channels``), conversions,
    conversions_share, value, value_share; then each of these four as ``<column>_low`` and ``<column>_high``, with
    intervals of :mod:`attribution.sums`, robust to customers with several journeys.
    """
    import pandas

    several = np.asarray(presence(paths).sum(axis=1)) > 1
    own = grouped(paths, np.where(paths.lengths == 1, 0, np.where(several, 2, 1)), 3)
    amounts: dict[str, Floats] = {}
    ends: dict[str, Floats] = {}
    for measure in get_args(Measure):
        sums = Sums(paths, measure, own)
        share, share_low, share_high = sums.share_ends(everything(paths, measure), confidence=confidence)
        low, high = sums.ends(confidence=confidence)
        amounts |= {measure: sums.totals, f"{measure}_share": share}
        ends |= {f"{measure}_low": low, f"{measure}_high": high}
        ends |= {f"{measure}_share_low": share_low, f"{measure}_share_high": share_high}
    return pandas.DataFrame({"paths": ["one touch", "one channel", "several channels"], **amounts, **ends})


@checked
def credit_along_paths(
    paths: Paths,
    *,
    models: "tuple[str, ...] | list[str]" = ("last_click", "linear", "markov"),
    n: int = 10,
    order: int = 1,
    options: RuleOptions | None = None,
    confidence: float | None = 0.90,
    convention: Convention = "exact",
) -> "pandas.DataFrame":
    """The paths with most conversions, touch by touch, with the share of the conversion that each model gives.

    A rule's shares are its own, and certain. The chain has no shares within a path: shown is what it would give if the
    path's conversion were divided by the removal effects of its channels, equally among touches of one channel; its
    intervals (at ``confidence``, or missing) are by the delta method from the covariance of these effects.

    Returns
    -------
    Columns path, conversions, touch (1 for the first), channel, then one per model, and markov_low and markov_high
    where it is among them; shares of a path sum to 1.
    """
    import pandas

    options = options or RuleOptions()
    check_models(paths, models)
    if refused := [model for model in models if model in ("shapley", "regression")]:
        raise ConfigurationError(
            f"models: {refused[0]!r} says what channels add over all paths, and nothing along one path."
        )
    by_conversions = np.argsort(-paths.conversions, kind="stable")[: max(n, 0)]
    rows = by_conversions[paths.conversions[by_conversions] > 0]
    lengths = paths.lengths[rows]
    columns: dict[str, Floats] = {}
    for model in models:
        if model == "markov":
            columns |= shares_along_paths(paths, rows, order=order, confidence=confidence, convention=convention)
        else:
            columns[model] = ragged.take(_shares_of_touches(paths, model, options), paths.starts, rows)
    ends = [name for name in columns if name.endswith(("_low", "_high"))]
    return pandas.DataFrame(
        {
            "path": np.repeat(np.asarray(paths.names(rows, step=STEP), dtype=object), lengths),
            "conversions": np.repeat(paths.conversions[rows], lengths),
            "touch": ragged.positions(lengths) + 1,
            "channel": np.asarray(paths.channels, dtype=object)[ragged.take(paths.codes, paths.starts, rows)],
            **{name: columns[name] for name in (*models, *ends)},
        }
    )


def _shares_of_touches(paths: Paths, model: str, options: RuleOptions) -> Floats:
    if model in RULES:
        return touch_shares(paths, model, options)
    assert paths.time_decay is not None
    weights = paths.time_decay.conversions
    summed = np.bincount(paths.rows, weights=weights, minlength=len(paths))[paths.rows]
    equal = np.repeat(1 / paths.lengths, paths.lengths)
    return np.divide(weights, summed, out=equal, where=summed > 0)
