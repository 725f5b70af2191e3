"""What the options of ``[attribution]`` say of each other and of the data, before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.configuration.toml_positions import KeyPath


def attribution_problems(data: Mapping[str, Any]) -> list[tuple[KeyPath, str]]:
    """Return the keys and sentences of options that do not go together."""
    wanted = data.get("attribution")
    if not isinstance(wanted, Mapping):
        return []
    found: list[tuple[KeyPath, str]] = []
    named = wanted.get("models")
    models = [*(named if isinstance(named, list) else [named]), wanted.get("baseline"), wanted.get("model")]
    if wanted.get("transform", "keep_all") != "keep_all" and "time_decay" in models:
        found.append(
            (
                ("attribution", "transform"),
                "attribution.transform leaves no times of touches, which time_decay needs. Keep one of the two.",
            )
        )
    if "paths" in data and wanted.get("grain") == "session":
        found.append(
            (
                ("attribution", "grain"),
                'attribution.grain: the touches of [paths] have no times, so there are no visits. Keep "touch".',
            )
        )
    experiments = wanted.get("experiments")
    for number, test in enumerate(experiments if isinstance(experiments, list) else ()):
        found += [
            (
                ("attribution", "experiments", number, name),
                f"attribution.experiments.{name}: [paths] carry no dates; a test counts against all of them. Leave it "
                "out.",
            )
            for name in ("from", "until")
            if "paths" in data and isinstance(test, Mapping) and name in test
        ]
    return found
