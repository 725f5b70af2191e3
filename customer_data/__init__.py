"""Who customers are and what they did: reading, checking and typing what the models stand on."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from customer_data.engine import Engine
    from customer_data.errors import ConfigurationError, InputError, ModelError, PathworthError
    from customer_data.load_report import LoadReport
    from customer_data.loading import load
    from customer_data.sources import LoadSettings, Source, Sql

__all__ = [
    "ConfigurationError",
    "Engine",
    "InputError",
    "LoadReport",
    "LoadSettings",
    "ModelError",
    "PathworthError",
    "Source",
    "Sql",
    "load",
]

_MODULES = {
    "Engine": "engine",
    "LoadReport": "load_report",
    "LoadSettings": "sources",
    "Source": "sources",
    "Sql": "sources",
    "load": "loading",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that the errors alone cost nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
