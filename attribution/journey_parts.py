"""How journeys are built, in one place for all the data and its parts; and tables that stand in for those loaded."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from attribution.journey_sql import Window
from attribution.journeys import DAY_US, build_keeping, build_paths, last_moment
from attribution.paths import Paths
from attribution.sessions import make_visits

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class JourneyOptions:
    """How journeys are built, the same for every part of the data.

    Attributes
    ----------
    lookback_days, until_us, half_life_days, include_open, touchpoints, orders
        As in :func:`attribution.build_paths`.
    session_minutes
        The longest pause within a visit, when journeys are made of visits (see ``attribution.sessions``); None when
        they are made of touches.
    """

    lookback_days: float = 30.0
    until_us: int | None = None
    half_life_days: float | None = 7.0
    include_open: bool = False
    session_minutes: float | None = None
    touchpoints: str = "touchpoints"
    orders: str = "orders"

    def closed(self, connection: "duckdb.DuckDBPyConnection") -> Self:
        """The same with the last moment of all the data, so that every part ends when the whole does."""
        if self.until_us is not None:
            return self
        return replace(self, until_us=last_moment(connection, self.touchpoints, self.orders))

    @contextmanager
    def at_its_grain(self, connection: "duckdb.DuckDBPyConnection") -> "Iterator[JourneyOptions]":
        """The same over a table of visits that is there as long as the block runs; itself where touches are wanted."""
        if self.session_minutes is None:
            yield self
            return
        ending = self.closed(connection)
        visits = make_visits(connection, session_minutes=self.session_minutes, touchpoints=self.touchpoints)
        try:
            yield replace(ending, touchpoints=visits, session_minutes=None)
        finally:
            connection.execute(f"DROP TABLE IF EXISTS {visits}")

    def build(self, connection: "duckdb.DuckDBPyConnection") -> Paths:
        """Build the distinct paths, see :func:`attribution.build_paths`."""
        with self.at_its_grain(connection) as options:
            return build_paths(
                connection,
                lookback_days=options.lookback_days,
                until_us=options.until_us,
                half_life_days=options.half_life_days,
                include_open=options.include_open,
                touchpoints=options.touchpoints,
                orders=options.orders,
            )

    def build_keeping(self, connection: "duckdb.DuckDBPyConnection", table: str) -> Paths:
        """The same, leaving in ``table`` whose journeys they are, see :func:`attribution.journeys.build_keeping`."""
        with self.closed(connection).at_its_grain(connection) as options:
            assert options.until_us is not None
            window = Window(
                round(options.lookback_days * DAY_US), options.until_us, options.touchpoints, options.orders
            )
            decay, opened = options.half_life_days, options.include_open
            return build_keeping(connection, table, window, half_life_days=decay, include_open=opened)


@contextmanager
def temporary_tables(connection: "duckdb.DuckDBPyConnection", queries: Mapping[str, str]) -> Iterator[None]:
    """Hold the answers to queries by name for as long as the block runs; later ones may read earlier ones.

    Tables and not views, because journeys are built in several passes over touches and orders.
    """
    try:
        for name, select in queries.items():
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")
        yield
    finally:
        for name in queries:
            connection.execute(f"DROP TABLE IF EXISTS {name}")
