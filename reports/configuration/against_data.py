"""What a configuration asks of its data that they do not have, said as soon as they are read and before any model."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from customer_data.errors import ConfigurationError
from customer_data.nearest import count_of, did_you_mean
from reports.configuration.messages import at_place

if TYPE_CHECKING:
    import duckdb

    from reports.configuration.reading import Configuration


def require_in_data(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, *, first: dt.date, as_of: dt.date
) -> None:
    """Raise `ConfigurationError` with every name and day that the loaded data do not know.

    Parameters
    ----------
    connection
        The engine after loading.
    first, as_of
        The first day of the data, and the day that the run looks back from.
    """
    settings, problems = configuration.settings, []
    if as_of < first:
        problems.append(f"report.as_of: {as_of} lies before the first day of the data, {first}.")
    if settings.clv.holdout_until is not None and settings.clv.holdout_until >= as_of:
        problems.append(
            f"clv.holdout_until: nothing is left to hold back after {settings.clv.holdout_until}; the run looks back "
            f"from {as_of}. Choose an earlier day."
        )
    if settings.orders is not None and "value" in settings.report.parts:
        problems += _nothing_to_fit_on(connection, configuration, as_of)
    attributes = _columns(connection, "customers")
    problems += [
        f"clv.segment_by: [customers] has no column {name!r}.{_hint(name, attributes)}"
        for name in settings.clv.segment_by
        if settings.orders is not None and settings.customers is not None and name not in attributes
    ]
    if settings.touchpoints is not None and settings.attribution.experiments:
        problems += _unknown_channels(connection, configuration)
    if problems:
        raise ConfigurationError("\n".join(problems))


def _nothing_to_fit_on(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, as_of: dt.date
) -> list[str]:
    """The sentence about orders that are all held back, so that none is left to fit the models on."""
    wanted, epoch = configuration.settings.clv, dt.date(1970, 1, 1)
    ((first_day,),) = connection.execute(f"SELECT min(day) FROM orders WHERE day <= {(as_of - epoch).days}").fetchall()
    if first_day is None:
        return []
    first = epoch + dt.timedelta(days=int(first_day))
    length = (as_of - first).days + 1
    known = f"the orders last {count_of(length, 'day')}, from {first} to {as_of}"
    remedy = "or leave it out: the last third is held back then, 52 weeks at most."
    if wanted.holdout_days is not None and wanted.holdout_days >= length:
        return [
            f"clv.holdout_days: {wanted.holdout_days:,} days cannot be held back: {known}, and some must come before. "
            f"Hold back fewer than {length:,}, {remedy}"
        ]
    if wanted.holdout_until is not None and wanted.holdout_until < first:
        return [
            f"clv.holdout_until: there is no order until {wanted.holdout_until} to fit on: {known}. Choose a later "
            f"day, {remedy}"
        ]
    return []


def _unknown_channels(connection: duckdb.DuckDBPyConnection, configuration: Configuration) -> list[str]:
    channels = [str(name) for (name,) in connection.execute("SELECT channel FROM channels ORDER BY code").fetchall()]
    return [
        at_place(
            configuration.place(("attribution", "experiments", number, "channel")),
            f"attribution.experiments.channel: there is no channel {test.channel!r}.{_hint(test.channel, channels)}",
        )
        for number, test in enumerate(configuration.settings.attribution.experiments)
        if test.channel not in channels
    ]


def _hint(name: str, known: list[str]) -> str:
    return did_you_mean(name, known) or f" There are: {', '.join(known[:20])}." if known else ""


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = ? AND column_name <> 'customer_id' "
        "ORDER BY ordinal_position",
        [table],
    ).fetchall()
    return [str(name) for (name,) in rows]
