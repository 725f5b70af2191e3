"""Which channels earned the conversions: journeys, distinct paths, models of credit and their comparison.

    import attribution

    paths = attribution.read_paths("paths.csv", nulls="nulls")
    credit = attribution.attribute(paths, models=["last_click", "linear", "markov"])

Names are loaded when first used, so importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attribution.comparison import compare
    from attribution.credit import attribute, removal_effects
    from attribution.descriptions import path_lengths, top_paths
    from attribution.graph import transition_graph, transition_matrix
    from attribution.journeys import build_paths
    from attribution.order_selection import choose_order
    from attribution.path_files import read_paths
    from attribution.paths import Paths
    from attribution.sensitivities import sensitivity

_HOMES = {
    "Paths": "paths",
    "attribute": "credit",
    "build_paths": "journeys",
    "choose_order": "order_selection",
    "compare": "comparison",
    "path_lengths": "descriptions",
    "read_paths": "path_files",
    "removal_effects": "credit",
    "sensitivity": "sensitivities",
    "top_paths": "descriptions",
    "transition_graph": "graph",
    "transition_matrix": "graph",
}

__all__ = [
    "Paths",
    "attribute",
    "build_paths",
    "choose_order",
    "compare",
    "path_lengths",
    "read_paths",
    "removal_effects",
    "sensitivity",
    "top_paths",
    "transition_graph",
    "transition_matrix",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
