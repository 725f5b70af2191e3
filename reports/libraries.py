"""The libraries that take seconds to load, named so that they can be loaded while the engine reads the data.

Where they are used they are imported as ever, and are there by then: what loads them earlier saves the wait, and keeps
two parts of a run from loading the same library at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.configuration.reading import Configuration

_OF_EVERY_RUN = ("scipy.special", "scipy.sparse.linalg", "scipy.sparse.csgraph", "networkx")
_OF_PAGES = ("pyarrow.parquet", "matplotlib.figure", "matplotlib.backends.backend_svg", "fontTools.ttLib", "typst")
_OF_THE_REGRESSION = ("scipy.stats", "statsmodels.genmod.generalized_linear_model")
_OF_CASH_FLOW = ("scipy.stats", "statsmodels.tsa.exponential_smoothing.ets")


def libraries_of(configuration: Configuration) -> list[str]:
    """Return what the models and pages of a run use, in the order in which they do."""
    settings = configuration.settings
    wanted = [*_OF_EVERY_RUN]
    if settings.attribution.depth == "full" and "channels" in settings.report.parts:
        wanted += _OF_THE_REGRESSION
    if settings.clv.depth == "full" and "value" in settings.report.parts:
        wanted += _OF_CASH_FLOW
    return list(dict.fromkeys((*wanted, *_OF_PAGES)))


def load_libraries(configuration: Configuration) -> None:
    """Load them."""
    for name in libraries_of(configuration):
        import_module(name)
