"""Reports: configuration, the pipeline from files to a published folder, pages and figures, the command ``pathworth``.

    from reports import Progress, read_configuration, run_report

    run = run_report(read_configuration("pathworth.toml"), Progress())

Names are loaded when first used, so that ``pathworth --help`` loads none of them.
"""

from importlib import import_module

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, whose import is a fifth of what ``pathworth --help`` takes
if TYPE_CHECKING:
    from reports.configuration.reading import Configuration, read_configuration
    from reports.pages.assembly import build_report
    from reports.pipeline import Run, run_report
    from reports.progress import Progress
    from reports.results.run_results import AttributionResults, ClvResults, DataQuality, RunResults

__all__ = [
    "AttributionResults",
    "ClvResults",
    "Configuration",
    "DataQuality",
    "Progress",
    "Run",
    "RunResults",
    "build_report",
    "read_configuration",
    "run_report",
]

_HOMES = {
    "AttributionResults": "results.run_results",
    "ClvResults": "results.run_results",
    "Configuration": "configuration.reading",
    "DataQuality": "results.run_results",
    "Progress": "progress",
    "Run": "pipeline",
    "RunResults": "results.run_results",
    "build_report": "pages.assembly",
    "read_configuration": "configuration.reading",
    "run_report": "pipeline",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
