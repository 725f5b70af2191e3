"""From sources to the tables that the models read, in the order in which it happens."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from customer_data.channel_names import renamed_name, renaming_warnings, similar_channel_warnings
from customer_data.clock_warnings import clock_warnings, named_zone_warnings
from customer_data.dated_by_day import day_warnings, with_days
from customer_data.engine import timezone_problems
from customer_data.errors import ConfigurationError, InputError, PathworthError
from customer_data.expressions import scalar_functions
from customer_data.judging import OpenSource
from customer_data.known_orders import KEPT_TABLES
from customer_data.load_report import LoadReport
from customer_data.load_warnings import (
    no_order_problem,
    order_warnings,
    stranger_warnings,
    stray_time_warnings,
    survey_warnings,
)
from customer_data.mapping import Mapped, map_source
from customer_data.nearest import count_of
from customer_data.orders import make_orders
from customer_data.overlaps import overlap_warnings
from customer_data.quarantine import all_bad_problem, make_quarantine, quarantine_bad_rows
from customer_data.relations import Relation, open_relation
from customer_data.sources import LoadSettings, Source, Sql, configuration_problems, source_labels
from customer_data.sql_text import literal
from customer_data.survey import Survey, examine
from customer_data.table_specs import Kind
from customer_data.tables import make_channels, make_customers, make_spend, make_touchpoints
from customer_data.typed_columns import day_of, is_small_integer, time_format_problem

if TYPE_CHECKING:
    import duckdb

_INPUTS = ("channels", "touchpoints", "orders", "spend", "customers")
_TABLES = (*_INPUTS, "order_products", "quarantine", "row_counts", "refunded_customers", *KEPT_TABLES)
_SAMPLE_PER_REASON = 5


def load(
    connection: "duckdb.DuckDBPyConnection", sources: Sequence[Source], settings: LoadSettings | None = None
) -> LoadReport:
    """Read, check and type all sources, and leave the models' tables on the connection.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The engine, see `customer_data.engine.Engine`; tables of an earlier load are replaced.
    sources : sequence of Source
        Where the tables come from.
    settings : LoadSettings, optional
        Policies of reading.

    Returns
    -------
    LoadReport
        Counts that add up, a sample of the quarantine, warnings, period and currency.

    Raises
    ------
    ConfigurationError
        If an option cannot be; all of them at once.
    InputError
        If a source is missing, empty, lacks columns, has no row that can be used, or mixes currencies without rates;
        all problems of one step at once.

    Notes
    -----
    On the connection afterwards: ``channels``, ``touchpoints``, ``orders``, ``spend``, ``customers`` as far as there
    are sources for them, ``quarantine`` (source, file, row, reason, record; ``row`` is the line in a CSV file, else
    the number of the row) and ``row_counts`` (source, reason, rows, amount); with orders also ``refunded_customers``
    (of whom refunds leave no order), and where there are refunds what `customer_data.known_orders` reads.
    ``customer_id`` is BIGINT if it is of an integer type in every source, else VARCHAR.
    """
    settings = settings or LoadSettings()
    labels = source_labels(sources)
    problems = configuration_problems(settings, sources, labels)
    problems += timezone_problems(connection, settings.timezone)
    for source, label in zip(sources, labels, strict=True):
        zone = source.timezone
        problems += [] if zone is None else [f"{label}.{said}" for said in timezone_problems(connection, zone)]
    if problems:
        raise ConfigurationError("\n".join(problems))
    _drop(connection, results=True)
    try:
        return _load(connection, sources, labels, settings)
    finally:
        _drop(connection, results=False)


def _load(
    connection: "duckdb.DuckDBPyConnection", sources: Sequence[Source], labels: list[str], settings: LoadSettings
) -> LoadReport:
    make_quarantine(connection)
    connection.execute("CREATE TABLE row_counts (source VARCHAR, reason VARCHAR, rows BIGINT, amount BIGINT)")
    opened = _open_all(connection, sources, labels, settings)
    opened, surveys = _examine_all(connection, opened)
    opened = [with_days(connection, one) for one in opened]
    currency = _currency(opened, surveys, settings)
    warnings = survey_warnings(connection, opened, surveys, currency)
    warnings += overlap_warnings(connection, opened, surveys)

    by_table = {
        table: [one for one in opened if one.source.table == table]
        for table in ("touchpoints", "orders", "refunds", "spend", "customers")
    }
    outcomes = {
        one.number: {"kept": _good_count(found), **_other_counts(found)}
        for one, found in zip(opened, surveys, strict=True)
    }
    make_channels(connection, surveys, settings.rename_channels)
    if by_table["touchpoints"]:
        make_touchpoints(connection, by_table["touchpoints"])
    if by_table["orders"]:
        for number, counts in make_orders(connection, by_table["orders"], by_table["refunds"], settings).items():
            outcomes[number].pop("kept")
            outcomes[number].update(counts)
        for one in by_table["orders"]:
            outcomes[one.number].setdefault("kept", (0, 0))
        if not any(outcomes[one.number]["kept"][0] for one in by_table["orders"]):
            raise InputError(no_order_problem(by_table["orders"], outcomes))
        for one in by_table["refunds"]:
            outcomes[one.number].setdefault("kept", (0, None))
    if by_table["spend"]:
        make_spend(connection, by_table["spend"])
    if by_table["customers"]:
        conflicts, further = make_customers(connection, by_table["customers"])
        warnings += conflicts
        for number, rows in further.items():
            kept = outcomes[number]["kept"][0] - rows
            outcomes[number] |= {"kept": (kept, None), "another row of a customer": (rows, None)}
    _write_counts(connection, opened, surveys, outcomes)
    warnings += order_warnings(opened, outcomes, currency)
    present = _present(connection, ("touchpoints", "orders"))
    warnings += stray_time_warnings(connection, present, settings.as_of)
    warnings += named_zone_warnings(connection, opened)
    if len(present) == 2:
        warnings += stranger_warnings(connection)
        warnings += day_warnings(by_table["orders"])
        warnings += clock_warnings(connection, by_table["touchpoints"], by_table["orders"])
    warnings += _channel_warnings(opened, surveys, settings)
    return _report(connection, warnings, settings, currency)


def _channel_warnings(opened: list[OpenSource], surveys: list[Survey], settings: LoadSettings) -> list[str]:
    """What the names of channels tell: some that are to be renamed do not come, others look mistyped."""
    written: dict[str, dict[str, int]] = {"touchpoints": {}, "spend": {}}
    for one, found in zip(opened, surveys, strict=True):
        for name, rows in found.channels.items():
            counts = written[one.source.table]
            counts[name] = counts.get(name, 0) + rows
    renamed = settings.rename_channels
    touches: dict[str, float] = {}
    for name, rows in written["touchpoints"].items():
        ours = renamed_name(name, renamed)
        touches[ours] = touches.get(ours, 0) + rows
    paid = {renamed_name(name, renamed) for name in written["spend"]}
    return [
        *renaming_warnings(sorted({*written["touchpoints"], *written["spend"]}), renamed, label="rename_channels"),
        *similar_channel_warnings(touches, spend_only=sorted(paid - set(touches)), table="touchpoints"),
    ]


def _drop(connection: "duckdb.DuckDBPyConnection", *, results: bool) -> None:
    """Drop what a load needed on its way, and with ``results`` what an earlier one left."""
    existing = connection.execute(
        "SELECT table_name, 'TABLE' FROM duckdb_tables() WHERE database_name IN (current_database(), 'temp') "
        "UNION ALL SELECT view_name, 'VIEW' FROM duckdb_views() "
        "WHERE database_name IN (current_database(), 'temp') AND NOT internal"
    ).fetchall()
    for name, kind in existing:
        if str(name).startswith("__") or (results and name in _TABLES):
            connection.execute(f'DROP {kind} IF EXISTS "{name}"')
    attached = connection.execute("SELECT database_name FROM duckdb_databases() WHERE NOT internal").fetchall()
    for (name,) in attached:
        if str(name).startswith("__database_"):
            connection.execute(f"DETACH {name}")


def _open_all(
    connection: "duckdb.DuckDBPyConnection", sources: Sequence[Source], labels: list[str], settings: LoadSettings
) -> list[OpenSource]:
    """Open and map every source; every problem of all of them at once."""
    problems: list[str] = []
    computes = any(isinstance(said, Sql) for source in sources for said in (source.filter, *source.columns.values()))
    functions = scalar_functions(connection) if computes else frozenset()
    ready: list[tuple[int, Source, Relation, Mapped]] = []
    for number, (source, label) in enumerate(zip(sources, labels, strict=True), start=1):
        try:
            relation = open_relation(connection, source, label, number)
        except InputError as error:
            problems += error.problems
            continue
        mapped, wrong = map_source(connection, source, relation, functions)
        problems += wrong
        if mapped is None:
            continue
        for name, column in mapped.columns.items():
            if column.column.kind in (Kind.TIME, Kind.DAY):
                problem = time_format_problem(connection, column, source, f"{label}.{name}")
                problems += [problem] if problem else []
        ready.append((number, source, relation, mapped))
    if problems:
        raise InputError(problems)
    integer_customers = all(
        is_small_integer(mapped.columns["customer_id"].type)
        for _, _, _, mapped in ready
        if "customer_id" in mapped.columns
    )
    return [
        OpenSource(number, source, relation, mapped, settings, integer_customers)
        for number, source, relation, mapped in ready
    ]


def _examine_all(
    connection: "duckdb.DuckDBPyConnection", opened: list[OpenSource]
) -> tuple[list[OpenSource], list[Survey]]:
    """Survey every source and quarantine its bad rows; a source without any good row is an error."""
    problems: list[str] = []
    sources: list[OpenSource] = []
    surveys: list[Survey] = []
    for one in opened:
        try:
            looked, found = examine(connection, one)
        except InputError as error:
            problems += error.problems
            continue
        if found.bad:
            looked, found = quarantine_bad_rows(connection, looked, found)
        rejects = one.source.table == "refunds" and one.settings.refunds == "reject"
        if found.good == 0 and not rejects:
            problems.append(all_bad_problem(connection, looked, found))
        sources.append(looked)
        surveys.append(found)
    if problems:
        raise InputError(problems)
    return sources, surveys


def _currency(opened: list[OpenSource], surveys: list[Survey], settings: LoadSettings) -> str | None:
    """The currency of the report; several without rates are an error that lists them."""
    found: dict[str, list[str]] = {}
    for one, survey in zip(opened, surveys, strict=True):
        for code, rows in sorted(survey.currencies.items(), key=lambda item: (-item[1], str(item[0]))):
            found.setdefault(str(code), []).append(f"{one.label} {count_of(rows, 'row')}")
    stated = None if settings.currency is None else settings.currency.strip().upper()
    known = {code.strip().upper() for code in settings.currency_rates} | ({stated} if stated else set())
    listed = "; ".join(f"{code}: {', '.join(where)}" for code, where in found.items())
    if stated is None and len(found) > 1:
        raise InputError(
            f"currency: the input is in {len(found)} currencies ({listed}). Say the report's currency and the rates, "
            f'as in currency = "{next(iter(found))}" and currency_rates = {{ {list(found)[1]} = 0.9 }}, '
            "or read one by a filter."
        )
    if stated is not None and (missing := [code for code in found if code not in known]):
        raise InputError(
            f"currency: there is no rate from {', '.join(missing)} to {stated} ({listed}). "
            f"Say currency_rates = {{ {', '.join(f'{code} = ...' for code in missing)} }}, "
            "or leave them out by a filter."
        )
    return stated or next(iter(found), None)


def _good_count(found: Survey) -> tuple[int, int | None]:
    return found.counts.get(None, (0, None))


def _other_counts(found: Survey) -> dict[str, tuple[int, int | None]]:
    return {reason: count for reason, count in found.counts.items() if reason is not None}


def _write_counts(
    connection: "duckdb.DuckDBPyConnection",
    opened: list[OpenSource],
    surveys: list[Survey],
    outcomes: dict[int, dict[str, tuple[int, int | None]]],
) -> None:
    for one, found in zip(opened, surveys, strict=True):
        counts = outcomes[one.number]
        if sum(rows for rows, _ in counts.values()) != found.rows:
            raise PathworthError(
                f"{one.label}: the counts do not add up: {found.rows:,} rows read, but {counts}. "
                "This is a fault of pathworth."
            )
        amounts = [amount for _, amount in found.counts.values() if amount is not None]
        read = (found.rows, sum(amounts) if amounts else None)
        rows = [(one.label, "read", *read), (one.label, "kept", *counts["kept"])]
        rows += [
            (one.label, reason, *count)
            for reason, count in sorted(counts.items(), key=lambda item: (-item[1][0], item[0]))
            if reason != "kept"
        ]
        connection.executemany("INSERT INTO row_counts VALUES (?, ?, ?, ?)", rows)


def _present(connection: "duckdb.DuckDBPyConnection", tables: tuple[str, ...]) -> list[str]:
    listed = ", ".join(literal(table) for table in tables)
    found = {
        str(name)
        for (name,) in connection.execute(
            f"SELECT table_name FROM duckdb_tables() WHERE table_name IN ({listed}) "
            f"UNION ALL SELECT view_name FROM duckdb_views() WHERE view_name IN ({listed})"
        ).fetchall()
    }
    return [table for table in tables if table in found]


def _report(
    connection: "duckdb.DuckDBPyConnection", warnings: list[str], settings: LoadSettings, currency: str | None
) -> LoadReport:
    period = None
    if tables := _present(connection, ("touchpoints", "orders")):
        both = " UNION ALL ".join(f"SELECT min(time_us) AS low, max(time_us) AS high FROM {table}" for table in tables)
        row = connection.execute(
            f"SELECT {day_of('min(low)', settings.timezone)}, {day_of('max(high)', settings.timezone)} FROM ({both})"
        ).fetchone()
        if row is not None and row[0] is not None:
            start = date(1970, 1, 1)
            period = (start + timedelta(days=row[0]), start + timedelta(days=row[1]))
    total = connection.execute("SELECT count(*) FROM quarantine").fetchone()
    sample = connection.execute(
        "SELECT source, file, row, reason, record FROM quarantine WHERE rowid IN (SELECT rowid FROM quarantine QUALIFY "
        f"row_number() OVER (PARTITION BY source, reason ORDER BY file, row) <= {_SAMPLE_PER_REASON}) "
        "ORDER BY source, reason, file, row"
    ).df()
    refunded = None
    if _present(connection, ("refunded_customers",)):
        refunded = connection.execute(
            "SELECT count(*), CAST(sum(orders) AS BIGINT), CAST(sum(value) AS BIGINT) FROM refunded_customers"
        ).fetchone()
    customers, orders, value = (int(amount or 0) for amount in refunded or (0, 0, 0))
    return LoadReport(
        row_counts=connection.execute("SELECT * FROM row_counts").df(),
        quarantine_rows=0 if total is None else int(total[0]),
        quarantine_sample=sample,
        warnings=tuple(warnings),
        period=period,
        currency=currency,
        refunded_customers=customers,
        refunded_orders=orders,
        refunded_value=value,
    )
