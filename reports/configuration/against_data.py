"""What a configuration asks of its data that they do not have, said as soon as they are read and before any model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from customer_data.errors import ConfigurationError
from customer_data.nearest import count_of, did_you_mean
from reports.configuration.messages import at_place

if TYPE_CHECKING:
    import duckdb

    from reports.configuration.reading import Configuration
    from reports.configuration.settings import ExperimentSection


# Keys of [attribution] that say how journeys are built or parted, and what would make them say nothing.
_OF_JOURNEYS: dict[str, object] = {
    "lookback_days": None,
    "half_life_days": None,
    "session_minutes": None,
    "include_open": False,
    "segments": (),
}


def idle_keys(configuration: Configuration) -> list[str]:
    """Return what is to be told of keys that ask of ``[paths]`` what only touches and orders know."""
    wanted, origins = configuration.settings.attribution, configuration.origins
    idle = [
        name
        for name, nothing in _OF_JOURNEYS.items()
        if any(path[:2] == ("attribution", name) for path in origins) and getattr(wanted, name) != nothing
    ]
    return [
        f"attribution.{name}: [paths] are journeys that are counted already, so it changes nothing. Leave it out, or "
        "read [touchpoints] and [orders]."
        for name in idle
    ]


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
    if settings.orders and "value" in settings.report.parts:
        problems += _nothing_to_fit_on(connection, configuration, as_of)
    attributes = _columns(connection, "customers")
    problems += [
        f"clv.segment_by: [customers] has no column {name!r}.{_hint(name, attributes)}"
        for name in settings.clv.segment_by
        if settings.orders and settings.customers and name not in attributes
    ]
    if settings.touchpoints and "channels" in settings.report.parts:
        problems += _lift_test_problems(connection, configuration, first, as_of)
        problems += _unknown_removed(configuration, channel_names(connection))
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


def _lift_test_problems(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, first: dt.date, as_of: dt.date
) -> list[str]:
    """The sentences about tests of channels that are not there, of days outside the data, and of channels that no order
    of the test's time answers to."""
    code = dict(connection.execute("SELECT channel, code FROM channels ORDER BY code").fetchall())
    problems = _unknown_channels(configuration, list(code))
    for number, test in enumerate(configuration.settings.attribution.experiments):
        place = configuration.place(("attribution", "experiments", number, "channel"))
        if test.channel not in code:
            continue
        begin, end = test.from_ or first, test.until or as_of
        if begin > as_of or end < first:
            key = "from" if begin > as_of else "until"
            place = configuration.place(("attribution", "experiments", number, key))
            said = (
                f"attribution.experiments.{key}: the test's days, {begin} to {max(begin, end)}, lie outside those of "
                f"the data, {first} to {as_of}. Check them, or leave the test out."
            )
            problems.append(at_place(place, said))
            continue
        orders, answered = _orders_of_test(connection, configuration, test, code[test.channel], as_of)
        if not answered:
            problems.append(at_place(place, nothing_credited(test.channel, orders)))
    return problems


def require_named_channels(configuration: Configuration, channels: Sequence[str]) -> None:
    """Raise `ConfigurationError` with every channel of lift tests and of `remove` that a file of paths lacks."""
    if problems := [*_unknown_channels(configuration, channels), *_unknown_removed(configuration, channels)]:
        raise ConfigurationError("\n".join(problems))


def _unknown_channels(configuration: Configuration, channels: Sequence[str]) -> list[str]:
    return [
        at_place(
            configuration.place(("attribution", "experiments", number, "channel")),
            f"attribution.experiments.channel: there is no channel {test.channel!r}."
            f"{_hint(test.channel, list(channels))}",
        )
        for number, test in enumerate(configuration.settings.attribution.experiments)
        if test.channel not in channels
    ]


def _unknown_removed(configuration: Configuration, channels: Sequence[str]) -> list[str]:
    return [
        at_place(
            configuration.place(("attribution", "remove", number, place)),
            f"attribution.remove: there is no channel {name!r}.{_hint(name, list(channels))}",
        )
        for number, names in enumerate(configuration.settings.attribution.remove)
        for place, name in enumerate(names)
        if name not in channels
    ]


def nothing_credited(channel: str, conversions: float) -> str:
    """Return the sentence about a lift test in whose time its channel earned nothing."""
    return (
        f"attribution.experiments.channel: {channel!r} is credited with none of the {conversions:,.10g} conversions of "
        "the test's time, so there is nothing to compare with what was found. Check from and until, or leave the test "
        "out."
    )


def _orders_of_test(
    connection: duckdb.DuckDBPyConnection,
    configuration: Configuration,
    test: ExperimentSection,
    code: int,
    as_of: dt.date,
) -> tuple[int, int]:
    """How many orders a test's time holds, and how many touches of its channel they answer within the lookback."""
    epoch, reach_us = dt.date(1970, 1, 1), configuration.settings.attribution.lookback_days * 86_400e6
    first = -(10**6) if test.from_ is None else (test.from_ - epoch).days
    last = (min(as_of, test.until or as_of) - epoch).days
    ((orders, answered),) = connection.execute(
        f"""WITH in_time AS (SELECT * FROM orders WHERE day BETWEEN {first} AND {last}),
            answers AS (
                SELECT touchpoints.time_us AS touched_us, orders.time_us AS ordered_us, orders.day
                FROM touchpoints ASOF JOIN orders
                ON touchpoints.customer_id = orders.customer_id AND touchpoints.time_us <= orders.time_us
                WHERE touchpoints.channel_code = {code})
            SELECT (SELECT count(*) FROM in_time), (SELECT count(*) FROM answers
                WHERE day BETWEEN {first} AND {last} AND ordered_us - touched_us <= {reach_us})"""
    ).fetchall()
    return int(orders), int(answered)


def channel_names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the names of the channels of loaded touches, alphabetically; none where there are no touches."""
    if not _columns(connection, "touchpoints"):
        return []
    return [str(name) for (name,) in connection.execute("SELECT channel FROM channels ORDER BY code").fetchall()]


def _hint(name: str, known: list[str]) -> str:
    return did_you_mean(name, known) or f" There are: {', '.join(known[:20])}." if known else ""


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = ? AND column_name <> 'customer_id' "
        "ORDER BY ordinal_position",
        [table],
    ).fetchall()
    return [str(name) for (name,) in rows]
