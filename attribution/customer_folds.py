"""Folds of customers, so that all journeys of one customer are learnt from or all are held out; and other countings.

Which fold a customer is in depends on the identity and a seed alone, by whole numbers that every engine gives alike:
for integers ``x^5 mod p`` with p = 2^31 - 1 (one to one on residues, since 5 does not divide p - 1), for text the first
digits of MD5.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from attribution import ragged
from attribution.arguments import checked
from attribution.customer_keys import INTEGERS, type_of_customers
from attribution.held_out import require_folds
from attribution.journey_parts import JourneyOptions
from attribution.paths import Paths
from attribution.ragged import Floats, Integers
from attribution.shifts import Walked
from attribution.sorted_events import CutJourneys, Events, channel_names, cut, read_events
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb

PRIME, FACTOR = 2**31 - 1, 48_271
TOUCHES_AT_ONCE = 8_000_000
MOST_OTHERS = 25_000

Name = TypeVar("Name", bound=Hashable)


@checked
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
    options = (options or JourneyOptions()).closed(connection)
    fold = _fold(connection, options, folds, seed)
    channels = channel_names(connection)
    parts: list[list[Paths]] = [[] for _ in range(folds)]
    for events in _in_parts(connection, options, fold=fold):
        journeys = cut(events, options)
        for number, some in enumerate(parts):
            some.append(journeys.paths(channels, number))
    return tuple(_joined(channels, some)[0] for some in parts)


def _fold(connection: "duckdb.DuckDBPyConnection", options: JourneyOptions, folds: int, seed: int) -> str:
    """SQL of each customer's fold."""
    require_folds(folds)
    if folds > 100 or seed < 0:
        raise ConfigurationError(f"folds ({folds}) must be 100 or fewer and seed ({seed}) 0 or more.")
    return fold_of(type_of_customers(connection, options.touchpoints), folds=folds, seed=seed)


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
    if not choices:
        return {}
    closed, channels = _closed(connection, choices), channel_names(connection)
    parts: dict[Name, list[Paths]] = {name: [] for name in closed}
    for events in _in_parts(connection, next(iter(closed.values()))):
        for name, options in closed.items():
            parts[name].append(cut(events, options).paths(channels))
    return {name: _joined(channels, some)[0] for name, some in parts.items()}


def _closed(
    connection: "duckdb.DuckDBPyConnection", choices: Mapping[Name, JourneyOptions]
) -> dict[Name, JourneyOptions]:
    """The choices with the last moment of the data, if they can be recounted together."""
    if len({(one.touchpoints, one.orders, one.until_us) for one in choices.values()}) != 1:
        raise ConfigurationError("choices: they must have the same touches, orders and last moment.")
    return {name: one.closed(connection) for name, one in choices.items()}


@dataclass(frozen=True, eq=False)
class Recounts(Generic[Name]):
    """Distinct paths under several choices, and the journeys of the same customers under each.

    Attributes
    ----------
    paths
        Name to paths, as :func:`recount` gives them.
    walked
        Name to the journeys of customers: of all, or of a sample.
    weights
        For how many customers each of those stands.
    folds
        Those of the first choice, as :func:`customer_folds` deals them.
    """

    paths: dict[Name, Paths]
    walked: dict[Name, Walked]
    weights: Floats
    folds: tuple[Paths, ...]


def recount_customers(
    connection: "duckdb.DuckDBPyConnection",
    choices: Mapping[Name, JourneyOptions],
    *,
    folds: int = 5,
    seed: int = 0,
    most_others: int = MOST_OTHERS,
    touches_at_once: int | None = None,
) -> Recounts[Name]:
    """As :func:`recount`, keeping whose journeys they are, to tell what moves between choices from chance; and folds.

    Of more than ``most_others`` customers who never ordered so many are kept, evenly spread, and stand for the others.
    Above ``touches_at_once`` touches (TOUCHES_AT_ONCE unless given) customers are read in parts by a hash of their
    identity, and those of the first part stand for all.

    Raises
    ------
    ConfigurationError
        When there are no choices, or they differ in touches, orders or last moment; or as :func:`customer_folds`.
    """
    closed, channels = _closed(connection, choices), channel_names(connection)
    first = next(iter(closed.values()))
    fold = _fold(connection, first, folds, seed)
    parts: dict[Name, list[Paths]] = {name: [] for name in closed}
    dealt: list[list[Paths]] = [[] for _ in range(folds)]
    walked: dict[Name, Walked] = {}
    weights, customers = np.zeros(0), 0
    for events in _in_parts(connection, first, fold=fold, touches_at_once=touches_at_once):
        number = np.cumsum(np.diff(events.customer, prepend=events.customer[:1]) != 0)
        if not customers:
            weights = _weights(np.bincount(number, weights=events.is_order) > 0, most_others)
        for name, options in closed.items():
            journeys = cut(replace(events, fold=number * folds + events.fold), options)
            paths, path = journeys.numbered(channels)
            parts[name].append(paths)
            if not customers:
                walked[name] = _kept(journeys, path, journeys.fold // folds, weights)
            if options is first:
                for some, of_fold in zip(dealt, _dealt(paths, path, journeys, folds), strict=True):
                    some.append(of_fold)
        customers += int(number[-1]) + 1 if len(number) else 0
    found: dict[Name, Paths] = {}
    for name, some in parts.items():
        found[name], path = _joined(channels, some)
        walked[name] = replace(walked[name], path=path[walked[name].path])
    return Recounts(
        found,
        walked,
        weights[weights > 0] * (customers / max(len(weights), 1)),
        tuple(_joined(channels, some)[0] for some in dealt),
    )


def _weights(ordered: NDArray[np.bool_], most_others: int) -> Floats:
    """For how many customers each stands: all who ordered for themselves, of the others some for all, or for none."""
    others = np.flatnonzero(~ordered)
    kept = others[:: -(-len(others) // max(most_others, 1)) or 1]
    weights = ordered.astype(float)
    weights[kept] = len(others) / max(len(kept), 1)
    return weights


def _kept(journeys: CutJourneys, path: Integers, customer: Integers, weights: Floats) -> Walked:
    """The journeys of customers that are kept, these counted off."""
    chosen, number = weights[customer] > 0, np.cumsum(weights > 0) - 1
    return Walked(number[customer[chosen]], path[chosen], journeys.conversions[chosen])


def _dealt(paths: Paths, path: Integers, journeys: CutJourneys, folds: int) -> Iterator[Paths]:
    """The paths of each fold, from all of them and the path and the fold of each journey."""
    cell = journeys.fold % folds * len(paths) + path
    conversions, nulls = (
        np.bincount(cell, weights=amounts, minlength=folds * len(paths)).astype(float).reshape(folds, -1)
        for amounts in (journeys.conversions, journeys.conversions == 0)
    )
    for won, lost in zip(conversions, nulls, strict=True):
        rows = np.flatnonzero(won + lost)
        codes, lengths = ragged.take(paths.codes, paths.starts, rows), paths.lengths[rows]
        yield Paths(paths.channels, codes, lengths, won[rows], np.zeros(len(rows)), lost[rows])


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


def _in_parts(
    connection: "duckdb.DuckDBPyConnection",
    options: JourneyOptions,
    *,
    fold: str = "0",
    touches_at_once: int | None = None,
) -> Iterator[Events]:
    """All events, as many customers at a time as memory takes easily; no answer depends on which are together."""
    ((touches,),) = connection.execute(f"SELECT count(*) FROM {options.touchpoints}").fetchall()
    parts = -(-touches // (touches_at_once or TOUCHES_AT_ONCE))
    if parts <= 1:
        yield read_events(connection, options, fold=fold)
        return
    for number in range(parts):
        yield read_events(connection, options, fold=fold, wanted=f"hash(customer_id) % {parts} = {number}")


def _joined(channels: tuple[str, ...], parts: list[Paths]) -> tuple[Paths, Integers]:
    """Paths of all parts, and for each path of the parts, one part after the other, its number there."""
    if len(parts) == 1:
        return parts[0], np.arange(len(parts[0]))
    group, codes, lengths = ragged.distinct_sequences(
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        len(channels),
    )
    amounts = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("conversions", "nulls")}
    return Paths.from_groups(channels, codes, lengths, group, amounts, nulls_known=True), group
