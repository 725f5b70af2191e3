"""Credit of parts of the conversions: first and later orders, and each type of orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.results.channels import credit_of, journey_options, rule_options, transformed
from reports.results.run_results import SegmentResults
from reports.wording.labels import clean, listing

if TYPE_CHECKING:
    import duckdb

    from attribution import Paths
    from attribution.first_orders import FirstOrders
    from reports.configuration.reading import Configuration

ALL = "all"


def segment_results(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, *, order: int, first: FirstOrders | None = None
) -> SegmentResults | None:
    """Credit the segments as configured by every model of the run, and compare their shares by the run's model.

    ``first`` are the journeys to first orders, if the run has built them already.

    None where there is nothing to tell apart: nobody ordered again, and orders are of one type or none.
    """
    import pandas as pd

    from attribution.segments import compare_shares

    wanted, confidence = configuration.settings.attribution, configuration.settings.report.confidence
    notes = []
    credit, shares, journeys = [], [], []
    for kind in wanted.segments:
        built, told = (
            _new_and_returning(connection, configuration, first)
            if kind == "customers"
            else _types(connection, configuration)
        )
        notes += told
        segments = {name: transformed(paths, configuration) for name, paths in built.items()}
        if sum(paths.conversions.sum() > 0 for paths in segments.values()) < 2:
            continue
        credit += [credit_of(paths, configuration, order=order, segment=name) for name, paths in segments.items()]
        compared = compare_shares(
            segments,
            model=wanted.model,
            order=order,
            confidence=confidence,
            options=rule_options(wanted),
            convention=wanted.convention,
        )
        compared.insert(0, "kind", kind)
        shares.append(compared)
        journeys += [_journeys(kind, name, paths) for name, paths in segments.items()]
    if not credit:
        return None
    return SegmentResults(
        credit=pd.concat(credit, ignore_index=True),
        shares=pd.concat(shares, ignore_index=True),
        journeys=pd.DataFrame(journeys),
        notes=tuple(notes),
    )


def order_types(connection: duckdb.DuckDBPyConnection | None, configuration: Configuration) -> dict[str, int]:
    """The types of orders that end journeys and how many orders each has; none where orders are of one type."""
    from attribution.segments import conversion_types

    if connection is None:
        return {}
    types = conversion_types(connection, until_us=journey_options(configuration).until_us)
    return types if len(types) > 1 else {}


def types_in_value(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Warn where orders are of several types and customer value counts them all; None where there is one type."""
    from attribution.segments import conversion_types

    types = list(conversion_types(connection))
    if len(types) < 2:
        return None
    shown = listing(f'"{clean(name)}"' for name in types[:5]) + (" and others" if len(types) > 5 else "")
    return (
        f"orders.type: customer value counts orders of all {len(types)} types ({shown}). To value purchases alone, "
        'report "value" from a configuration of its own, with a filter of [orders].'
    )


def anyone_ordered_again(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether any customer ordered at two moments."""
    again = connection.execute("SELECT 1 FROM orders GROUP BY customer_id HAVING count(DISTINCT time_us) > 1 LIMIT 1")
    return again.fetchone() is not None


def _new_and_returning(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, first: FirstOrders | None
) -> tuple[dict[str, Paths], list[str]]:
    from attribution.segments import new_and_returning

    if not anyone_ordered_again(connection):
        return {}, []
    return new_and_returning(connection, journey_options(configuration), first=first), []


def _types(connection: duckdb.DuckDBPyConnection, configuration: Configuration) -> tuple[dict[str, Paths], list[str]]:
    from attribution.segments import MOST_TYPES, NEW, RETURNING, by_type, conversion_types

    options = journey_options(configuration).closed(connection)
    types = conversion_types(connection, until_us=options.until_us)
    if len(types) < 2:
        return {}, []
    left, notes = list(types.values())[MOST_TYPES:], []
    if left:
        notes.append(
            f"orders.type: the {MOST_TYPES} most frequent of {len(types):,} types have credit of their own; the others "
            f"hold {sum(left):,} of {sum(types.values()):,} orders."
        )
    ended = f"type IS NULL AND time_us <= {options.until_us}"
    ((untyped,),) = connection.execute(f"SELECT count(*) FROM {options.orders} WHERE {ended}").fetchall()
    if untyped:
        notes.append(
            f"orders.type: {untyped:,} of {untyped + sum(types.values()):,} orders have no type: they count in the "
            "credit of all, and in that of no type."
        )
    taken = {ALL, NEW, RETURNING}
    built = by_type(connection, options)
    return {f"type {name}" if name in taken else name: paths for name, paths in built.items()}, notes


def _journeys(kind: str, name: str, paths: Paths) -> dict[str, object]:
    from attribution.paths import JourneyCounts

    counts = paths.counts
    assert isinstance(counts, JourneyCounts)
    return {
        "kind": kind,
        "segment": name,
        "converted": counts.converted,
        "not_converted": counts.not_converted,
        "open": counts.open,
        "conversions": counts.conversions,
        "value": counts.value,
        "unattributed_conversions": counts.unattributed_conversions,
    }
