"""What a run found: plain tables and scalars, gathered by the pipeline and read by every report.

Every table is a pandas data frame with fixed columns, documented at its field; every part is optional, because a run
may hold channels only or lifetime value only. Money is in whole units of the run's currency (floats, never minor
units); shares and rates are fractions, not per cent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reports.results.value_tables import ClvResults as ClvResults
from reports.results.value_tables import ValueDepth as ValueDepth

if TYPE_CHECKING:
    import datetime as dt

    import networkx as nx
    import pandas as pd

    from reports.results.channel_customers import ChannelCustomers


@dataclass(frozen=True)
class DataQuality:
    """What came in, what was kept, and why the rest was not.

    Attributes
    ----------
    row_counts
        ``source, reason, rows, amount``: reasons ``read`` and ``kept``, then one row per reason of dropping, merging
        or netting; per source read = kept + the rest. ``amount`` is money (of orders, refunds, spend) or missing. The
        customers source has no amounts.
    quarantine_rows
        Rows put aside, over all sources.
    quarantine_sample
        ``source, file, row, reason, record``: the first few rows put aside; ``record`` is the row as JSON text.
    sources
        ``source, file``: where each table was read from, or None.
    warnings
        Sentences to show as they are.
    after_as_of
        Of ``touches``, ``orders`` and ``rows of spend`` how many were kept and how many of those are left out because
        they lie after the as-of day; only what has such rows.
    refunded_customers, refunded_orders, refunded_value
        Customers whose every order was refunded in full, their orders, and what these were worth before.
    """

    row_counts: pd.DataFrame
    quarantine_rows: int = 0
    quarantine_sample: pd.DataFrame | None = None
    sources: pd.DataFrame | None = None
    warnings: tuple[str, ...] = ()
    after_as_of: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    refunded_customers: int = 0
    refunded_orders: int = 0
    refunded_value: float = 0.0


@dataclass(frozen=True)
class SegmentResults:
    """Credit of first and of later orders, and of each type of orders.

    Attributes
    ----------
    credit
        As ``AttributionResults.credit``, for the segments alone.
    shares
        ``kind, segment, channel, share, share_low, share_high, difference, difference_low, difference_high, differs,
        clear_together``: by the run's model; ``kind`` is ``customers`` or ``types``, ``difference`` is to the first
        segment of the kind.
    journeys
        ``kind, segment, converted, not_converted, open, conversions, value, unattributed_conversions``.
    notes
        Sentences about what was left out.
    """

    credit: pd.DataFrame
    shares: pd.DataFrame
    journeys: pd.DataFrame
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChannelDepth:
    """What lies behind the credit; tables that the run could not make are None.

    Attributes
    ----------
    orders
        ``order, states, log_loss, excess, excess_std_error, auc, auc_in_sample, chosen, model, calibrated_order,
        folds``: held out, one row per order of the chain (0 is the bare conversion rate) and one of the regression,
        where ``order`` and what belongs to it are missing. ``chosen`` marks what held-out journeys would choose, which
        is the order of the run only where ``order_is_chosen``. ``folds`` says what was dealt into folds: ``customers``,
        or ``journeys`` where customers are not known.
    calibration
        ``group, journeys, predicted, observed``: held out, at the order chosen.
    order_is_chosen
        Whether the order of the run was left to held-out journeys.
    bridge
        ``channel, last_click, sharing, weighting, participation, smoothing, markov, position_effect, position_low,
        position_high, model_effect, model_low, model_high, sharing_low, sharing_high, weighting_low, weighting_high,
        alone`` in conversions; ``alone`` are those of paths that hold no other channel.
    flows
        ``last_click, credited, conversions, share``: where the conversions of each last click go, both with ``_low``
        and ``_high``, which are missing where they would take too long (`attribution.flow_influence.within_reach`); of
        more than a hundred channels the smaller ones together, without them.
    roles
        ``channel, single, early, middle, late, conversions``: linear credit by place on the path, each also with
        ``_low`` and ``_high``; the four places also as ``<place>_share`` of the channel's credit with the same.
    along_paths
        ``path, conversions, touch, channel`` and one column per model of the run that says something along a path: the
        hundred most frequent paths of several channels, touch by touch, with the share of the path's conversions that
        each model gives; that of the chain also with ``_low`` and ``_high``.
    touch_variety
        ``paths, conversions, conversions_share, value, value_share`` of ``one touch``, ``one channel`` (several touches
        of it) and ``several channels``; each of the four with ``_low`` and ``_high``.
    sensitivity
        ``choice, setting, channel, conversions, share, shift, clear_together, rank``, and intervals of conversions,
        share and shift in ``_low`` and ``_high``, see `attribution.sensitivities.Sensitivity`.
    sensitivity_summary
        ``channel, share, lowest_share, highest_share, largest_shift, largest_shift_low, largest_shift_high,
        clear_together, shifted_by, best_rank, worst_rank``.
    games
        ``channel, shapley, shapley_low, shapley_high, shapley_note, regression, regression_low, regression_high``:
        conversions credited with their intervals; those of the regression may not be there. The note is that of
        `attribution.shapley.shapley`.
    segments
        Credit of parts of the conversions, or None.
    why_not_held_out
        Why no journeys could be held out, or empty.
    why_no_games
        Why ``games`` or a column of theirs is missing, or empty.
    """

    orders: pd.DataFrame | None = None
    calibration: pd.DataFrame | None = None
    order_is_chosen: bool = False
    bridge: pd.DataFrame | None = None
    flows: pd.DataFrame | None = None
    roles: pd.DataFrame | None = None
    along_paths: pd.DataFrame | None = None
    touch_variety: pd.DataFrame | None = None
    sensitivity: pd.DataFrame | None = None
    sensitivity_summary: pd.DataFrame | None = None
    games: pd.DataFrame | None = None
    segments: SegmentResults | None = None
    why_not_held_out: str = ""
    why_no_games: str = ""


@dataclass(frozen=True)
class ExperimentResults:
    """Lift tests, and the credit calibrated with them.

    Attributes
    ----------
    tests
        ``channel, from, until, incremental_conversions, standard_error, credited, per_credited, expected_low,
        expected_high, cost, cost_per_incremental``, the two ratios also with ``_low`` and ``_high``: ``credited`` are
        the conversions that the run's model credits to the channel in the time of the test, ``per_credited`` the
        incremental ones for each of them, and the expected ends those between which that was to be expected before any
        test, with the test's own error; days, cost and what follows from them are missing where they were not given.
    calibrated
        ``channel, kind, experiments, credited, multiplier, multiplier_low, multiplier_high, conversions,
        conversions_low, conversions_high, note``: as `attribution.calibration.calibrate` gives it, one row per channel
        and one of kind ``baseline``.
    """

    tests: pd.DataFrame
    calibrated: pd.DataFrame

    @property
    def unexpected(self) -> pd.DataFrame:
        """The tests that found less or more for one credited than was to be expected of them."""
        found = self.tests["per_credited"]
        return self.tests[(found < self.tests["expected_low"]) | (found > self.tests["expected_high"])]


@dataclass(frozen=True)
class SwitchedOff:
    """What the chain loses without channels.

    Attributes
    ----------
    sets
        As `attribution.counterfactual.removal` gives it: ``channels, substitution, removal_effect, conversions_lost,
        removal_effect_value, value_lost``, the last four with ``_low`` and ``_high``. First the sets configured, then
        single channels, the largest first.
    asked
        How many of the rows of ``sets`` are configured.
    pairs
        As `attribution.counterfactual.interactions` gives it: ``channel_a, channel_b, removal_effect_a,
        removal_effect_b, removal_effect_both, interaction, interaction_low, interaction_high, affinity``; None in a
        brief run.
    """

    sets: pd.DataFrame
    asked: int = 0
    pairs: pd.DataFrame | None = None


@dataclass(frozen=True)
class AttributionResults:
    """Credit of channels and what it rests on.

    Attributes
    ----------
    credit
        ``model, segment, channel, conversions, value, conversions_low, conversions_high, value_low, value_high``.
        Only segment ``all`` is drawn. ``value`` is missing where the paths carry no value; the bounds are missing
        where a model has no interval.
    comparison
        ``channel, <baseline>, <model>, difference, difference_low, difference_high, verdict, clear_together`` in
        conversions, one row per channel; the columns of the two models carry their names. ``verdict`` is
        ``under-credited by last click``, ``over-credited by last click`` or ``no clear difference`` (the model named
        may be another baseline), each channel judged by itself, and ``clear_together`` whether it is clear with all
        judged together.
    comparison_value
        The same columns in money, or None.
    removal_effects
        ``channel, removal_effect, removal_effect_value``: fractions, each with an interval in ``_low`` and ``_high``;
        or None.
    transitions
        ``source, target, count, probability, probability_low, probability_high`` between channels, ``(start)``,
        ``(conversion)`` and ``(null)``, as `attribution.transition_matrix` gives it at order 1 (whatever the order of
        the model); or None.
    graph
        The same thinned for drawing, as `attribution.transition_graph` gives it, or None: then the flow is drawn as a
        heatmap of ``transitions``.
    top_paths
        ``path, touches, conversions, value, nulls, conversion_rate``; ``path`` has its channels joined by `` > ``.
        Conversions, value and rate also with ``_low`` and ``_high``.
    path_lengths
        ``touches, conversions, value, nulls, conversions_share``: one row per number of touches; conversions, value and
        share also with ``_low`` and ``_high``.
    time_lags
        ``days, conversions, conversions_share``, the last two with ``_low`` and ``_high``: whole days from the first
        touch to the conversion; None where paths were read from a file.
    journeys
        Counts by name, any of: ``customers, all_touches, touches, touches_outside_lookback,
        touches_after_last_conversion, touches_after_end, converted, not_converted, open, conversions,
        unattributed_conversions, unattributed_value, not_converted_without_path, conversions_after_end``: the table
        ``journey_counts`` of a run. ``all_touches`` are those of the four kinds below it together; ``touches`` come
        before a conversion that credits them or from customers without any.
    costs
        ``channel, cost`` in money over the run's period; None without spend.
    baseline, model, order, convention
        The models compared, the order of the Markov chain and the convention of its credit.
    why_not_chosen
        Why held-out journeys, to which the order was left, could not choose it; empty where they did, or it was stated.
    lookback_days, half_life_days
        Settings of the journeys; None where paths were read from a file.
    interval_method
        As a phrase, for instance ``delta method`` or ``bootstrap over customers, 500 replicates``.
    from_file
        True when distinct paths were read from a file instead of being built from touches.
    made_of
        What else than every touch the paths are made of, as a phrase, or empty.
    never_alone
        The channels on paths that no journey is of alone, whose Shapley values know little.
    types
        The types of orders and how many orders each has; empty where orders are of one type. Credit counts all alike.
    depth
        What lies behind the credit; None in a brief run.
    experiments
        Lift tests and what they make of the credit; None where none are configured.
    switched_off
        What would be lost without channels; None in a brief run that is asked for no sets of them.
    rank_stability
        ``channel, conversions, conversions_low, conversions_high, rank, rank_low, rank_high, same_rank, above_next`` of
        the run's model, as `attribution.bootstrap.rank_stability` gives it; None without a bootstrap.
    """

    credit: pd.DataFrame
    comparison: pd.DataFrame
    comparison_value: pd.DataFrame | None = None
    removal_effects: pd.DataFrame | None = None
    transitions: pd.DataFrame | None = None
    graph: nx.DiGraph[str] | None = None
    top_paths: pd.DataFrame | None = None
    path_lengths: pd.DataFrame | None = None
    time_lags: pd.DataFrame | None = None
    journeys: Mapping[str, float] = field(default_factory=dict)
    costs: pd.DataFrame | None = None
    baseline: str = "last_click"
    model: str = "markov"
    order: int = 1
    convention: str = "exact"
    why_not_chosen: str = ""
    lookback_days: float | None = None
    half_life_days: float | None = None
    interval_method: str = "delta method"
    from_file: bool = False
    made_of: str = ""
    never_alone: tuple[str, ...] = ()
    types: Mapping[str, int] = field(default_factory=dict)
    depth: ChannelDepth | None = None
    experiments: ExperimentResults | None = None
    switched_off: SwitchedOff | None = None
    rank_stability: pd.DataFrame | None = None


@dataclass(frozen=True)
class RunResults:
    """Everything one run found.

    Attributes
    ----------
    title
        Of the report, from the configuration.
    as_of
        The day the run looks back from; it stands in the report in place of any clock time. None for a file of paths,
        which carries no dates.
    first_day, last_day
        Of the data, on the calendar of ``timezone``; None for a file of paths.
    currency
        Three-letter code, or None where money has none.
    confidence
        Of every interval, as a fraction.
    settings
        ``setting, value, origin``: the configuration in force, as text; or None.
    versions
        Library to version.
    channel_customers
        The join of the two parts: what the customers that channels win are worth; or None.
    alarms
        What makes the whole report doubtful, in sentences that the first page begins with.
    """

    title: str
    as_of: dt.date | None = None
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    currency: str | None = None
    timezone: str = "UTC"
    confidence: float = 0.90
    seed: int | None = None
    attribution: AttributionResults | None = None
    clv: ClvResults | None = None
    channel_customers: ChannelCustomers | None = None
    quality: DataQuality | None = None
    settings: pd.DataFrame | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
