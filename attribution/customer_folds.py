"""Folds of customers, so that all journeys of one customer are learnt from or all are held out; and other countings.

Which fold a customer is in depends on the identity and a seed alone, by whole numbers that every engine gives alike:
for integers ``x^5 mod p`` with p = 2^31 - 1 (one to one on residues, since 5 does not divide p - 1), for text the first
digits of MD5.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from attribution.customer_keys import INTEGERS, type_of_customers
from attribution.held_out import require_folds
from attribution.journey_parts import JourneyOptions
from attribution.paths import Paths
from attribution.sorted_events import Events, channel_names, cut, read_events
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb

PRIME, FACTOR = 2**31 - 1, 48_271
TOUCHES_AT_ONCE = 8_000_000

Name = TypeVar("Name", bound=Hashable)


def customer_folds(
    connection: "duckdb.DuckDBPyConnection", options: JourneyOptions | None = None, *, folds: int = 5, seed: int = 0
) -> tuple[Paths, ...]:
    """Distinct paths of each fold of customers; path by path their counts sum to those of the whole.

    Parameters
    ----------
    connection
        Holds the tables ``channels``, touches and orders.
    options
        How journeys are built; all folds end when the whole data does. Value and time decay are left out.
    folds
        Number of folds, 2 to 100.
    seed
        Another seed deals customers otherwise.

    Raises
    ------
    ConfigurationError
        When the number of folds is out of range, or the seed is negative.
    """
    require_folds(folds)
    if folds > 100 or seed < 0:
        raise ConfigurationError(f"folds ({folds}) must be 100 or fewer and seed ({seed}) 0 or more.")
    options = (options or JourneyOptions()).closed(connection)
    fold = fold_of(type_of_customers(connection, options.touchpoints), folds=folds, seed=seed)
    channels = channel_names(connection)
    parts: list[list[Paths]] = [[] for _ in range(folds)]
    for events in _in_parts(connection, options, fold=fold):
        journeys = cut(events, options)
        for number, some in enumerate(parts):
            some.append(journeys.paths(channels, number))
    return tuple(_joined(channels, some) for some in parts)


def recount(connection: "duckdb.DuckDBPyConnection", choices: Mapping[Name, JourneyOptions]) -> dict[Name, Paths]:
    """Distinct paths with conversions and nulls under several choices at once, faster than building each.

    Parameters
    ----------
    connection
        Holds the tables ``channels``, touches and orders.
    choices
        Name to how journeys are built. All have the same touches, orders and last moment.

    Returns
    -------
    Name to paths, without value, counts of what is left out, or time decay.

    Raises
    ------
    ConfigurationError
        When choices differ in touches, orders or last moment.
    """
    if len({(one.touchpoints, one.orders, one.until_us) for one in choices.values()}) > 1:
        raise ConfigurationError("choices: they must have the same touches, orders and last moment.")
    if not choices:
        return {}
    closed = {name: one.closed(connection) for name, one in choices.items()}
    channels = channel_names(connection)
    parts: dict[Name, list[Paths]] = {name: [] for name in closed}
    for events in _in_parts(connection, next(iter(closed.values()))):
        for name, options in closed.items():
            parts[name].append(cut(events, options).paths(channels))
    return {name: _joined(channels, some) for name, some in parts.items()}


def fold_of(customer_type: str, *, folds: int, seed: int) -> str:
    """SQL that gives the fold of ``customer_id``, from 0 on, for customers of an SQL type."""
    if customer_type in INTEGERS:
        residue = f"((customer_id % {PRIME} + {PRIME + seed % PRIME}) % {PRIME} * {FACTOR} % {PRIME})"
        square = f"({residue} * {residue} % {PRIME})"
        return f"({square} * {square} % {PRIME} * {residue} % {PRIME} % {folds})"
    digits = f"substr(md5(concat('{seed}:', customer_id)), 1, 8)"
    bounds = (f"{(number << 32) // folds:08x}" for number in range(1, folds))
    whens = " ".join(f"WHEN {digits} < '{bound}' THEN {number}" for number, bound in enumerate(bounds))
    return f"(CASE {whens} ELSE {folds - 1} END)"


def _in_parts(connection: "duckdb.DuckDBPyConnection", options: JourneyOptions, *, fold: str = "0") -> Iterator[Events]:
    """All events, as many customers at a time as memory takes easily; no answer depends on which are together."""
    ((touches,),) = connection.execute(f"SELECT count(*) FROM {options.touchpoints}").fetchall()
    parts = -(-touches // TOUCHES_AT_ONCE)
    if parts <= 1:
        yield read_events(connection, options, fold=fold)
        return
    for number in range(parts):
        yield read_events(connection, options, fold=fold, wanted=f"hash(customer_id) % {parts} = {number}")


def _joined(channels: tuple[str, ...], parts: list[Paths]) -> Paths:
    if len(parts) == 1:
        return parts[0]
    return Paths.from_codes(
        channels,
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        conversions=np.concatenate([part.conversions for part in parts]),
        nulls=np.concatenate([part.nulls for part in parts]),
    )
