"""The engine takes the user's limits and never loads anything from outside."""

from pathlib import Path

import pytest

from customer_data.engine import Engine
from customer_data.errors import ConfigurationError


def setting(engine: Engine, name: str) -> object:
    row = engine.connect().execute("SELECT value FROM duckdb_settings() WHERE name = ?", [name]).fetchone()
    assert row is not None
    return row[0]


def test_the_limits_reach_the_engine(tmp_path: Path) -> None:
    engine = Engine(memory_limit="512MiB", threads=1, spill_folder=tmp_path / "it's")
    assert setting(engine, "memory_limit") == "512.0 MiB"
    assert setting(engine, "threads") == "1"
    assert setting(engine, "temp_directory") == str(tmp_path / "it's")


def test_no_extension_is_installed_or_loaded_by_itself() -> None:
    assert setting(Engine(), "autoinstall_known_extensions") == "false"
    assert setting(Engine(), "autoload_known_extensions") == "false"


def test_the_engine_runs_in_utc_whatever_the_zone_of_the_reader() -> None:
    assert setting(Engine(timezone="Europe/Berlin"), "TimeZone") == "UTC"


def test_all_wrong_options_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Engine(memory_limit="much", threads=0, timezone="Europe/Berlinn").connect()
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["engine.memory_limit", "engine.threads", "timezone"]
    assert "'Europe/Berlin'" in lines[2]
