"""What lies behind the credit: the order of the chain, why credit moved, and how far it depends on choices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from customer_data.errors import ModelError, NotHeldOutError
from reports.results.channel_segments import segment_results
from reports.results.channels import all_models, journey_options, rule_options, transformed
from reports.results.run_results import AttributionResults, ChannelDepth

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from attribution import Paths
    from attribution.customer_folds import Recounts
    from attribution.first_orders import FirstOrders
    from attribution.journey_parts import JourneyOptions
    from attribution.ragged import Floats
    from attribution.regression import RegressionFit
    from reports.configuration.reading import Configuration

LOOKBACKS = (7.0, 30.0, 90.0)
MOST_CHANNELS = 20
MOST_FLOWING = 100
MOST_PATHS = 100
PATHS_LOOKED_AT = 1_000


@dataclass(frozen=True)
class OrderChoice:
    """The order of the chain, and what held-out journeys say of all orders and of a regression.

    ``tested`` has the columns of `ChannelDepth.orders`, ``calibration`` those of its namesake; both are None where
    nothing could be held out, and ``why_not`` says why. ``why_not_chosen`` is the same where the order was to be
    chosen. ``regression`` is that of all journeys, where it was fitted. ``recounted`` are the paths under other
    choices, where they were counted together with what was held out.
    """

    order: int
    tested: pd.DataFrame | None = None
    calibration: pd.DataFrame | None = None
    why_not: str = ""
    why_not_chosen: str = ""
    regression: RegressionFit | None = None
    recounted: Recounts[tuple[str, str]] | None = None


def order_choice(
    paths: Paths, configuration: Configuration, connection: duckdb.DuckDBPyConnection | None
) -> OrderChoice:
    """Take the order as configured, or choose it by journeys held out; brief runs hold nothing out unless asked to.

    Customers are dealt into five folds; journeys, each on its own, where paths came from a file and ``connection`` is
    None. Where nothing can be held out, ``auto`` takes order 1.
    """
    from attribution.order_selection import choose_order

    wanted = configuration.settings.attribution
    confidence = configuration.settings.report.confidence
    stated = wanted.order if isinstance(wanted.order, int) else None
    if stated is not None and wanted.depth == "brief":
        return OrderChoice(stated)
    recounted = None
    try:
        if connection is not None and wanted.depth == "full" and wanted.model != "time_decay":
            recounted = _recounted(connection, configuration)
        folds = _folds(paths, configuration, connection, recounted)
        chosen = choose_order(folds, max_order=max(4, stated or 0), confidence=confidence)
    except NotHeldOutError as error:
        why_not_chosen = "" if stated is not None else error.why
        return OrderChoice(stated or 1, why_not=error.why, why_not_chosen=why_not_chosen, recounted=recounted)
    dealt = "journeys" if connection is None else "customers"
    table = chosen.table.assign(model="markov", calibrated_order=chosen.order, folds=dealt)
    regression = None
    if wanted.depth == "full" and len(paths.channels) <= MOST_CHANNELS:
        table, regression = _with_regression(table, paths, folds, best_losses=chosen.best_losses, confidence=confidence)
    order = stated or chosen.order
    return OrderChoice(order, table, chosen.calibration, regression=regression, recounted=recounted)


def _folds(
    paths: Paths,
    configuration: Configuration,
    connection: duckdb.DuckDBPyConnection | None,
    recounted: Recounts[tuple[str, str]] | None,
) -> tuple[Paths, ...]:
    from attribution.customer_folds import customer_folds
    from attribution.held_out import split_paths

    seed = configuration.settings.report.seed
    if connection is None:
        return split_paths(paths, folds=5, seed=seed)
    if recounted is None:
        dealt = customer_folds(connection, journey_options(configuration), folds=5, seed=seed)
    else:
        dealt = recounted.folds
    return tuple(transformed(fold, configuration) for fold in dealt)


def _with_regression(
    table: pd.DataFrame, paths: Paths, folds: tuple[Paths, ...], *, best_losses: Floats, confidence: float
) -> tuple[pd.DataFrame, RegressionFit | None]:
    """The table with a row of the regression, and that of all journeys; either is left out where it cannot be had."""
    import pandas as pd

    from attribution.regression import fit_regression, held_out_regression

    fit = None
    try:
        fit = fit_regression(paths)
        row = held_out_regression(folds, fit=fit, best_losses=best_losses, confidence=confidence)
    except ModelError:
        return table, fit
    row = row.assign(chosen=False, folds=table["folds"].iloc[0])
    return pd.concat([table, row], ignore_index=True), fit


def channel_depth(
    paths: Paths,
    configuration: Configuration,
    choice: OrderChoice,
    connection: duckdb.DuckDBPyConnection | None,
    first: FirstOrders | None = None,
) -> ChannelDepth | None:
    """Work out the deeper parts; None for a brief run, or where nothing converted.

    ``paths`` are those before the configured transform. ``connection`` holds the touches, for paths under other choices
    and of parts of the orders; None where paths came from a file. ``first`` are journeys to first orders built already.
    """
    from attribution.bridge import bridge, roles, touch_variety
    from attribution.sensitivities import sensitivity

    wanted = configuration.settings.attribution
    if wanted.depth == "brief" or not paths.conversions.sum() > 0:
        return None
    order, confidence = choice.order, configuration.settings.report.confidence
    seen = transformed(paths, configuration)
    tried = sensitivity(
        paths,
        model=wanted.model,
        order=order,
        orders=(1, 2, 3),
        transform=wanted.transform,
        alternatives=None if connection is None else choice.recounted or other_choices(connection, configuration),
        options=rule_options(wanted),
        confidence=confidence,
        convention=wanted.convention,
    )
    games, why_no_games = _games(seen, choice.regression, confidence=confidence)
    return ChannelDepth(
        orders=choice.tested,
        calibration=choice.calibration,
        order_is_chosen=wanted.order == "auto" and choice.tested is not None,
        bridge=bridge(seen, order=order, confidence=confidence, convention=wanted.convention)
        if (wanted.baseline, wanted.model) == ("last_click", "markov")
        else None,
        flows=_flows(seen, configuration, order=order) if wanted.model == "markov" else None,
        roles=roles(seen, confidence=confidence),
        along_paths=_along_paths(seen, configuration, order=order),
        touch_variety=touch_variety(seen, confidence=confidence),
        sensitivity=tried.table,
        sensitivity_summary=tried.summary,
        games=games,
        segments=None if connection is None else segment_results(connection, configuration, order=order, first=first),
        why_not_held_out=choice.why_not,
        why_no_games=why_no_games,
    )


def with_depth(found: AttributionResults, depth: ChannelDepth | None) -> AttributionResults:
    """Return the results with what lies behind them; credit of segments stands below the credit of all."""
    import pandas as pd

    if depth is None or depth.segments is None:
        return replace(found, depth=depth)
    credit = pd.concat([found.credit, depth.segments.credit], ignore_index=True)
    return replace(found, credit=credit, depth=depth)


def other_choices(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration
) -> dict[str, dict[str, Paths]] | Recounts[tuple[str, str]]:
    """Build the paths again with other lookbacks and at the other grain; those without conversions are left out.

    Whose journeys they are is kept, with those as configured, but for time decay.
    """
    if configuration.settings.attribution.model != "time_decay":
        return _recounted(connection, configuration)
    built: dict[str, dict[str, Paths]] = {}
    for (choice, setting), one in list(_choices(configuration).items())[1:]:
        paths = one.build(connection)
        if paths.conversions.sum() > 0:
            built.setdefault(choice, {})[setting] = paths
    return built


def _recounted(connection: duckdb.DuckDBPyConnection, configuration: Configuration) -> Recounts[tuple[str, str]]:
    """Paths under all choices, whose journeys they are, and folds of those as configured, from one reading."""
    from attribution.customer_folds import recount_customers

    found = recount_customers(connection, _choices(configuration), seed=configuration.settings.report.seed)
    return replace(found, paths={name: one for name, one in found.paths.items() if one.conversions.sum() > 0})


def _choices(configuration: Configuration) -> dict[tuple[str, str], JourneyOptions]:
    """How journeys are built: as configured, then with each lookback, then at the other grain."""
    from attribution.sensitivities import AS_CONFIGURED

    wanted, options = configuration.settings.attribution, journey_options(configuration)
    visits = f"visits of {wanted.session_minutes:g} minutes"
    choices = {AS_CONFIGURED: options} | {
        ("lookback", f"{days:g} days"): replace(options, lookback_days=days)
        for days in LOOKBACKS
        if days != wanted.lookback_days
    }
    if options.session_minutes is None:
        choices["grain", visits] = replace(options, session_minutes=wanted.session_minutes)
    else:
        choices["grain", "touches"] = replace(options, session_minutes=None)
    return choices


def _along_paths(paths: Paths, configuration: Configuration, *, order: int) -> pd.DataFrame | None:
    """The most frequent paths of several channels, touch by touch, with what every model gives that divides paths."""
    from attribution.bridge import credit_along_paths

    wanted = configuration.settings.attribution
    models = [name for name in all_models(wanted) if name not in ("shapley", "regression")]
    if not models:
        return None
    touches = credit_along_paths(
        paths,
        models=models,
        n=PATHS_LOOKED_AT,
        order=order,
        options=rule_options(wanted),
        confidence=configuration.settings.report.confidence,
        convention=wanted.convention,
    )
    several = touches[touches.groupby("path")["channel"].transform("nunique") > 1]
    return several[several["path"].isin(several["path"].unique()[:MOST_PATHS])].reset_index(drop=True)


def _flows(paths: Paths, configuration: Configuration, *, order: int) -> pd.DataFrame:
    """Flows with intervals, where these are within reach.

    Channels beyond the largest are put together, without intervals: between thousands there are millions of flows.
    """
    from attribution.bridge import flows

    wanted, confidence = configuration.settings.attribution, configuration.settings.report.confidence
    found = flows(paths, order=order, confidence=confidence, convention=wanted.convention)
    size = found.groupby("credited")["conversions"].sum().sort_values(ascending=False, kind="stable")
    if len(size) <= MOST_FLOWING:
        return found
    kept = set(size.index[:MOST_FLOWING])
    other = f"{len(size) - MOST_FLOWING:,} other channels"
    named = found.assign(**{end: found[end].where(found[end].isin(kept), other) for end in ("last_click", "credited")})
    together = named.groupby(["last_click", "credited"], sort=False)["conversions"].sum().reset_index()
    together["share"] = together["conversions"] / together.groupby("last_click")["conversions"].transform("sum")
    return together.reindex(columns=found.columns)


def _games(paths: Paths, fit: RegressionFit | None, *, confidence: float) -> tuple[pd.DataFrame | None, str]:
    """Credit by Shapley values and by the regression, beside each other, and why any is missing."""
    import pandas as pd

    from attribution.regression import regression_credit
    from attribution.shapley import shapley

    if len(paths.channels) > MOST_CHANNELS:
        return None, f"there are more than {MOST_CHANNELS} channels"
    if not paths.nulls.any():
        return None, "the data hold no journeys that did not convert, to compare with"
    values = shapley(paths, confidence=confidence)
    parts = {"shapley": "conversions", "shapley_low": "conversions_low", "shapley_high": "conversions_high"}
    parts["shapley_note"] = "note"
    table = pd.DataFrame({"channel": paths.channels} | {ours: values[name].to_numpy() for ours, name in parts.items()})
    try:
        credit = regression_credit(paths, fit=fit, confidence=confidence)
        for end in ("", "_low", "_high"):
            table[f"regression{end}"] = credit[f"conversions{end}"].to_numpy()
    except ModelError as error:
        return table, str(error).partition(": ")[2].rstrip(".")
    return table, ""
