"""Who customers are and what they did: reading, checking and typing what the models stand on."""

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
