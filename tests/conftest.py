"""Fixtures that every folder of tests shares."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from customer_data.engine import Engine

SHARED_DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project; a test that needs it skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real data is not here: {SHARED_DATA} does not exist")
    return SHARED_DATA.resolve()


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A fresh engine in memory, closed after the test."""
    opened = Engine().connect()
    yield opened
    opened.close()
