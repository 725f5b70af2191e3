"""What lies behind the credit: the order of the chain, why credit moved, and how far it depends on choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from customer_data.errors import ConfigurationError, ModelError
from reports.channel_results import journeys, rule_options
from reports.results import ChannelDepth

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from attribution import Paths
    from reports.configuration import Configuration

LOOKBACKS = (7.0, 30.0, 90.0)
MOST_CHANNELS = 20


@dataclass(frozen=True)
class OrderChoice:
    """The order of the chain, and what held-out journeys say of all orders and of a regression.

    ``tested`` has the columns of `ChannelDepth.orders`, ``calibration`` those of its namesake; both are None where
    nothing could be held out, and ``why_not`` says why.
    """

    order: int
    tested: pd.DataFrame | None = None
    calibration: pd.DataFrame | None = None
    why_not: str = ""


def order_choice(paths: Paths, configuration: Configuration) -> OrderChoice:
    """Take the order as configured, or choose it by journeys held out; brief runs hold nothing out unless asked to.

    Journeys are dealt into five folds, each on its own. Where nothing can be held out, ``auto`` takes order 1.
    """
    from attribution.held_out import split_paths
    from attribution.order_selection import choose_order

    wanted = configuration.settings.attribution
    stated = wanted.order if isinstance(wanted.order, int) else None
    if stated is not None and wanted.depth == "brief":
        return OrderChoice(stated)
    try:
        folds = split_paths(paths, folds=5, seed=configuration.settings.report.seed)
        chosen = choose_order(folds, max_order=max(4, stated or 0))
    except (ConfigurationError, ModelError) as error:
        return OrderChoice(stated or 1, why_not=str(error))
    table = chosen.table.assign(model="markov", calibrated_order=chosen.order)
    if wanted.depth == "full" and len(paths.channels) <= MOST_CHANNELS:
        table = _with_regression(table, folds)
    return OrderChoice(stated or chosen.order, table, chosen.calibration)


def _with_regression(table: pd.DataFrame, folds: tuple[Paths, ...]) -> pd.DataFrame:
    import pandas as pd

    from attribution.regression import held_out_regression

    try:
        row = held_out_regression(folds)
    except ModelError:
        return table
    best = float(table["log_loss"].iloc[1:].min())
    return pd.concat([table, row.assign(excess=row["log_loss"] - best, chosen=False)], ignore_index=True)


def channel_depth(
    paths: Paths,
    configuration: Configuration,
    choice: OrderChoice,
    connection: duckdb.DuckDBPyConnection | None,
) -> ChannelDepth | None:
    """Work out the deeper parts; None for a brief run, or where nothing converted.

    ``connection`` holds the touches, for paths with other lookback windows; None where paths came from a file.
    """
    from attribution.bridge import bridge, flows, roles
    from attribution.sensitivities import sensitivity

    wanted = configuration.settings.attribution
    if wanted.depth == "brief" or not paths.conversions.sum() > 0:
        return None
    order = choice.order
    lookbacks = {} if connection is None else lookback_paths(connection, configuration)
    tried = sensitivity(
        paths,
        model=wanted.model,
        order=order,
        orders=(1, 2, 3),
        alternatives={"lookback": lookbacks} if lookbacks else None,
        options=rule_options(wanted),
    )
    few = len(paths.channels) <= MOST_CHANNELS
    return ChannelDepth(
        orders=choice.tested,
        calibration=choice.calibration,
        order_is_chosen=wanted.order == "auto" and choice.tested is not None,
        bridge=bridge(paths, order=order, confidence=configuration.settings.report.confidence)
        if (wanted.baseline, wanted.model) == ("last_click", "markov")
        else None,
        flows=flows(paths, order=order) if wanted.model == "markov" else None,
        roles=roles(paths),
        sensitivity=tried.table,
        sensitivity_summary=tried.summary,
        games=_games(paths) if few and paths.nulls_known else None,
        why_not_held_out=choice.why_not,
    )


def lookback_paths(connection: duckdb.DuckDBPyConnection, configuration: Configuration) -> dict[str, Paths]:
    """Build the paths again with other lookback windows than the configured one; those without conversions are left."""
    configured = configuration.settings.attribution.lookback_days
    built = {
        f"{days:g} days": journeys(connection, configuration, lookback_days=days)
        for days in LOOKBACKS
        if days != configured
    }
    return {name: paths for name, paths in built.items() if paths.conversions.sum() > 0}


def _games(paths: Paths) -> pd.DataFrame | None:
    """Credit by Shapley values and by the regression, beside each other; a model that fails has no column."""
    import pandas as pd

    from attribution.regression import regression_credit
    from attribution.shapley import shapley

    table = pd.DataFrame({"channel": paths.channels, "shapley": shapley(paths)["conversions"].to_numpy()})
    try:
        table["regression"] = regression_credit(paths)["conversions"].to_numpy()
    except ModelError:
        return table
    return table
