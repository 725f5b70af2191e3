"""The tables of a run by the names of their files, and the table of its settings."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from reports.configuration.settings import SOURCE_TABLES
from reports.publishing.manifest import settings_of_the_answer
from reports.results.channel_returns import channel_returns

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from reports.configuration.reading import Configuration
    from reports.results.run_results import RunResults


# Tables of forecasts, whose amounts are written to four decimals of the currency, in which the engine counts money:
# coarse enough to hold no noise, and so fine that sums of rounded amounts agree to the cent. Orders are to six.
_FORECASTS = (
    "segment_forecast", "infinite_horizon", "monthly_forecast", "value_deciles", "action_lists", "cash_flow",
    "cash_flow_totals", "cash_flow_cohorts", "new_customers", "forecasts_compared", "forecast_bridge",
)  # fmt: skip
_MONEY = (
    "clv", "clv_infinite", "low", "high", "expected_revenue", "expected_value", "discounted_value", "contribution",
    "discounted", "p10", "p50", "p90", "value", "change", "separate", "partial", "pooled",
)  # fmt: skip
_ORDERS = ("expected_orders", "discounted_orders", "expected")


def run_tables(results: RunResults) -> dict[str, pd.DataFrame]:
    """Return every table of a run that is there, by the name of its file."""
    found: dict[str, pd.DataFrame | None] = {"settings": results.settings}
    if (channels := results.attribution) is not None:
        found |= {
            "credit": channels.credit,
            "comparison": channels.comparison,
            "comparison_value": channels.comparison_value,
            "removal_effects": channels.removal_effects,
            "transitions": channels.transitions,
            "top_paths": channels.top_paths,
            "path_lengths": channels.path_lengths,
            "time_lags": channels.time_lags,
            "channel_costs": channels.costs,
            "channel_returns": channel_returns(channels),
            "rank_stability": channels.rank_stability,
            "journey_counts": _journey_counts(channels.journeys),
        }
        if (without := channels.switched_off) is not None:
            found |= {"removed_sets": without.sets, "interactions": without.pairs}
        if (experiments := channels.experiments) is not None:
            found |= {"lift_tests": experiments.tests, "calibrated_credit": experiments.calibrated}
        if (depth := channels.depth) is not None:
            found |= {
                "orders_held_out": depth.orders,
                "calibration_held_out": depth.calibration,
                "why_credit_moved": depth.bridge,
                "credit_flows": depth.flows,
                "channel_roles": depth.roles,
                "credit_along_paths": depth.along_paths,
                "touch_variety": depth.touch_variety,
                "sensitivity": depth.sensitivity,
                "sensitivity_summary": depth.sensitivity_summary,
                "credit_by_games": depth.games,
            }
            if (segments := depth.segments) is not None:
                found |= {"segment_shares": segments.shares, "segment_journeys": segments.journeys}
    if (value := results.clv) is not None:
        found |= {
            "segment_forecast": value.segment_forecast,
            "infinite_horizon": value.infinite_horizon,
            "monthly_forecast": value.monthly,
            "value_deciles": value.deciles,
            "parameters": value.parameters,
            "order_models": value.model_comparison,
            "convergence": value.convergence,
            "holdout_totals": value.holdout_totals,
            "holdout_tracking": value.holdout_tracking,
            "holdout_by_frequency": value.holdout_by_frequency,
            "holdout_scores": value.holdout_scores,
            "holdout_pit": value.holdout_pit,
            "holdout_orders": value.holdout_orders,
            "spend_density": value.spend_density,
        }
        if (behind := value.depth) is not None:
            found |= {
                "action_lists": behind.lists,
                "rolling_origins": behind.origins,
                "rolling_calibration": behind.calibration,
                "cash_flow": behind.flows,
                "cash_flow_totals": behind.flow_totals,
                "cash_flow_cohorts": behind.cohorts,
                "new_customers": behind.new_customers,
                "parameters_compared": behind.parameters_compared,
                "forecasts_compared": behind.forecasts_compared,
                "drift_weeks": behind.drift_weeks,
                "forecast_bridge": behind.forecast_bridge,
            }
    if results.channel_customers is not None:
        found |= {"channel_customers": results.channel_customers.table}
    if (quality := results.quality) is not None:
        found |= {"row_counts": quality.row_counts, "quarantine_sample": quality.quarantine_sample}
    return {name: rounded(table) if name in _FORECASTS else table for name, table in found.items() if table is not None}


def _journey_counts(journeys: Mapping[str, float]) -> pd.DataFrame | None:
    """Return ``what, number``: what became of journeys, touches and conversions, the uncredited ones among them."""
    import pandas as pd

    return pd.DataFrame(list(journeys.items()), columns=["what", "number"]) if journeys else None


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of forecasts with its money in ten-thousandths of the currency and its orders in millionths."""
    decimals = dict.fromkeys(_MONEY, 4) | dict.fromkeys(_ORDERS, 6)
    # Zero is added for the zeros that would be written with a minus.
    amounts = {
        name: table[name].astype(float).round(places) + 0.0 for name, places in decimals.items() if name in table
    }
    return table.assign(**amounts)


def settings_table(configuration: Configuration) -> pd.DataFrame:
    """Return ``setting, value, origin`` of every setting that the answer depends on.

    The origin is ``flag``, ``environment``, ``file`` or ``default``; how sources are read is left out where it is the
    default.
    """
    import pandas as pd

    rows = [
        (name, _shown(value), origin)
        for name, value in settings_of_the_answer(configuration).items()
        if (origin := _origin(configuration, name)) != "default" or re.split(r"[.[]", name)[0] not in SOURCE_TABLES
    ]
    return pd.DataFrame(rows, columns=["setting", "value", "origin"])


def _origin(configuration: Configuration, name: str) -> str:
    section, *rest = name.split(".")
    block = re.fullmatch(r"(\w+)\[(\d+)\]", section)
    key = (section, *rest) if block is None else (block[1], int(block[2]) - 1, *rest)
    place = next((place for path, place in configuration.origins.items() if path[: len(key)] == key), "default")
    kind = place.split(" ")[0]
    return kind if kind in ("default", "flag", "environment") else "file"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{ours} = {_shown(theirs)}" for ours, theirs in value.items())
    if isinstance(value, list):
        return ", ".join(f"[{_shown(one)}]" if isinstance(one, list) else _shown(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
