"""The checks of a finished run, and the exit code that they make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt

    import duckdb
    import pandas as pd

    from reports.results.run_results import AttributionResults, ClvResults

OK, FAILED_CHECKS, WRONG_CONFIGURATION, UNUSABLE_INPUT, FAILED_MODEL, INTERNAL_ERROR, INTERRUPTED = (
    0, 1, 2, 3, 4, 70, 130,
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One check: what it looked at, whether it passed, what it saw, and the exit code of a run in which it fails."""

    name: str
    passed: bool
    detail: str
    exit_code: int = FAILED_CHECKS


def quarantine_checks(connection: duckdb.DuckDBPyConnection, *, most: float) -> list[Check]:
    """Hold the share of rows put aside, per source, against the largest that is allowed."""
    found = connection.execute(
        """SELECT source, rows, (SELECT count(*) FROM quarantine WHERE quarantine.source = row_counts.source)
           FROM row_counts WHERE reason = 'read' AND rows > 0 ORDER BY source"""
    ).fetchall()
    return [
        Check(
            f"rows put aside, {source}",
            bad <= most * rows,
            f"{source}: {bad:,} of {rows:,} rows ({bad / rows:.1%}) were put aside; {most:.1%} are allowed "
            "(checks.max_quarantined_share)",
        )
        for source, rows, bad in found
    ]


def time_checks(connection: duckdb.DuckDBPyConnection, *, as_of: dt.date | None) -> list[Check]:
    """Hold the rows to lying together in time: few that lie long after all others would move the as-of day to theirs.

    ``as_of`` is the configured day; rows after it do no harm.
    """
    from customer_data.load_warnings import late_time_warnings

    names = [
        table
        for (table,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name IN ('orders', 'touchpoints') ORDER BY table_name"
        ).fetchall()
    ]
    return [
        Check(f"times lie together, {said.partition(':')[0]}", False, said)
        for said in late_time_warnings(connection, names, as_of)
    ]


def silence_checks(connection: duckdb.DuckDBPyConnection, *, as_of: dt.date, wanted: bool) -> list[Check]:
    """Hold the orders to going on until the as-of day: where they stop, customers seem to have left.

    Nothing where they do go on; where they do not, the check fails if that is ``wanted``.
    """
    from clv.calendar import day_number
    from clv.missing_days import missing_days

    return [
        Check("orders go on until the as-of day", not wanted, f"orders: {said} (checks.fail_on_silence)")
        for said in missing_days(connection, day_number(as_of))
    ]


def conversion_checks(channels: AttributionResults | None) -> list[Check]:
    """Hold the journeys to having converted at all."""
    if channels is None:
        return []
    conversions = channels.path_lengths["conversions"].sum() if channels.path_lengths is not None else 0.0
    name = "some journeys convert"
    if conversions > 0:
        return [Check(name, True, f"channels: {conversions:,.10g} conversions are credited")]
    advice = (
        "that touchpoints and orders name customers alike, that their times overlap, and attribution.lookback_days"
        if channels.time_lags is not None
        else "the column that paths.columns names for conversions"
    )
    return [Check(name, False, f"channels: no journey converted, so no channel has credit. Check {advice}")]


def convergence_checks(clv: ClvResults) -> list[Check]:
    """Hold each fit to having converged."""
    if clv.convergence is None:
        return []
    return [
        Check(
            f"{row.model} converged, {row.segment}",
            bool(row.converged),
            f"{row.model} of segment {row.segment}: {row.message or 'converged'}",
            FAILED_MODEL,
        )
        for row in _rows(clv.convergence)
    ]


def holdout_checks(clv: ClvResults, *, most: float | None) -> list[Check]:
    """Hold the error of the forecast of all orders held back against the largest that is allowed, if one is."""
    if most is None:
        return []
    name = "orders held back are forecast"
    if clv.holdout_totals is None:
        return [Check(name, False, "customer value: no holdout could be made (checks.max_holdout_error)", FAILED_MODEL)]
    totals = clv.holdout_totals
    error = float(totals.loc[totals["segment"] == "all", "error"].iloc[0])
    return [
        Check(
            name,
            abs(error) <= most,
            f"customer value: the orders held back are forecast with an error of {error:+.1%}; {most:.1%} is allowed "
            "(checks.max_holdout_error)",
            FAILED_MODEL,
        )
    ]


def drift_checks(clv: ClvResults, *, wanted: bool) -> list[Check]:
    """Hold customers to ordering as the models of an earlier run say, if wanted; without one, they do."""
    if not wanted:
        return []
    depth = clv.depth
    since = None if depth is None else depth.drift_since
    if depth is None or since is None:
        said = "there is no run of a week ago or more to compare with"
    else:
        said = " ".join(depth.drift_messages) or f"customers order as the models of {since} say"
    passed = depth is None or not depth.drift_alarm
    return [Check("customers order as before", passed, f"customer value: {said} (checks.fail_on_drift)")]


def failed_model(part: str, error: Exception) -> Check:
    """Return the failed check of a part of the report whose model gave no answer."""
    return Check(f"model of {part}", False, f"{part}: {error}", FAILED_MODEL)


def exit_code(checks: Iterable[Check]) -> int:
    """Return 0 when all checks passed, else the gravest code among the failed ones."""
    return max((check.exit_code for check in checks if not check.passed), default=OK)


def _rows(table: pd.DataFrame) -> Iterable[Any]:
    return table.itertuples(index=False)
