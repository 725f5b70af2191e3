"""The public data set of the R package ChannelAttribution as distinct paths."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import settings

from attribution.path_files import read_paths
from attribution.paths import Paths
from customer_data.engine import Engine

settings.register_profile("without the clock", deadline=None)
settings.load_profile("without the clock")


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """One engine for all tests of a file, each of which makes its tables anew."""
    connection = Engine(threads=2).connect()
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def reference_outputs(shared_data: Path) -> Path:
    return shared_data / "channelattribution" / "reference_outputs"


@pytest.fixture(scope="session")
def published(shared_data: Path) -> Paths:
    return published_paths(shared_data, nulls="total_null")


@pytest.fixture(scope="session")
def published_without_nulls(shared_data: Path) -> Paths:
    return published_paths(shared_data, nulls=None)


def published_paths(shared_data: Path, *, nulls: str | None) -> Paths:
    return read_paths(
        shared_data / "channelattribution" / "Data.csv",
        sep=";",
        path="path",
        conversions="total_conversions",
        value="total_conversion_value",
        nulls=nulls,
    )
