"""What the chain says would be lost without channels, alone and in the sets asked for, and which pairs go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.results.run_results import AttributionResults, SwitchedOff

if TYPE_CHECKING:
    from attribution import Paths
    from reports.configuration.reading import Configuration

MOST_CHANNELS = 20
MANY_STATES, FEW_CHANNELS = 1_000, 8


def switched_off(paths: Paths, configuration: Configuration, found: AttributionResults) -> SwitchedOff | None:
    """Remove the sets of channels that are configured and, at full depth, each of the largest channels alone.

    Those are the largest by removal effect, and are paired too; fewer of a chain that may have many states, where each
    takes seconds. None where nothing is asked for and there is one channel alone or a brief run, or no conversion.
    """
    import pandas as pd

    from attribution.counterfactual import interactions, removal

    wanted, confidence = configuration.settings.attribution, configuration.settings.report.confidence
    effects, is_full = found.removal_effects, wanted.depth == "full"
    largest = MOST_CHANNELS if len(paths.channels) ** found.order <= MANY_STATES else FEW_CHANNELS
    if effects is None or not (wanted.remove or (is_full and len(effects) > 1)):
        return None
    alone: list[str] = []
    if is_full:
        by_effect = effects.sort_values("removal_effect", ascending=False, kind="stable")
        alone = [str(name) for name in by_effect["channel"] if (name,) not in wanted.remove][:largest]
    sets = removal(
        paths, [*wanted.remove, *alone], order=found.order, substitution=wanted.substitution, confidence=confidence
    )
    asked = len(wanted.remove)
    by_loss = sets.iloc[asked:].sort_values("conversions_lost", ascending=False, kind="stable")
    return SwitchedOff(
        sets=pd.concat([sets.iloc[:asked], by_loss], ignore_index=True),
        asked=asked,
        pairs=interactions(paths, order=found.order, largest=largest, confidence=confidence) if is_full else None,
    )
