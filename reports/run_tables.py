"""The tables of a run by the names of their files, and the table of its settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reports.manifest import NOT_IN_THE_ANSWER, flat_settings

if TYPE_CHECKING:
    import pandas as pd

    from reports.configuration import Configuration
    from reports.results import RunResults


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
        }
    if (value := results.clv) is not None:
        found |= {
            "segment_forecast": value.segment_forecast,
            "monthly_forecast": value.monthly,
            "value_deciles": value.deciles,
            "parameters": value.parameters,
            "convergence": value.convergence,
            "holdout_totals": value.holdout_totals,
            "holdout_tracking": value.holdout_tracking,
            "holdout_by_frequency": value.holdout_by_frequency,
        }
    if (quality := results.quality) is not None:
        found |= {"row_counts": quality.row_counts, "quarantine_sample": quality.quarantine_sample}
    return {name: table for name, table in found.items() if table is not None}


def settings_table(configuration: Configuration) -> pd.DataFrame:
    """Return ``setting, value, origin`` of every setting that the answer depends on; origin without its place."""
    import pandas as pd

    def origin(name: str) -> str:
        place = configuration.origins.get(tuple(name.split(".")), "default")
        return (
            place
            if place == "default"
            else place.split(" ")[0]
            if place.startswith(("flag ", "environment "))
            else "file"
        )

    shown = {
        name: value for name, value in flat_settings(configuration).items() if not name.startswith(NOT_IN_THE_ANSWER)
    }
    return pd.DataFrame(
        {
            "setting": list(shown),
            "value": [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in shown.values()],
            "origin": [origin(name) for name in shown],
        }
    )
