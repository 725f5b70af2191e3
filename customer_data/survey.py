"""One pass over a source that checks every row and counts; the bad rows are fetched only if there are any."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from customer_data.errors import InputError
from customer_data.mapping import Mapped
from customer_data.money import amount_text
from customer_data.relations import Relation, read_again_carefully
from customer_data.sources import LoadSettings, Source
from customer_data.sql_text import identifier, literal
from customer_data.table_specs import TABLE_SPECS, Kind
from customer_data.typed_columns import Typed, float_tail_test, typed_column

if TYPE_CHECKING:
    import duckdb

FILTERED = "left out by the filter"
REJECTED = "is a refund, and refunds are rejected"
DUPLICATE = "repeats another row exactly"


@dataclass(frozen=True)
class OpenSource:
    """A source ready to be read: how it was stated, where its rows are, how its columns map."""

    number: int
    source: Source
    relation: Relation
    mapped: Mapped
    settings: LoadSettings
    integer_customers: bool
    float_tails: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """Its name in messages and counts."""
        return self.relation.label

    @property
    def drops_duplicates(self) -> bool:
        """Whether rows that equal another are dropped."""
        return (self.source.duplicates or self.settings.duplicates) == "drop"

    def typed(self) -> dict[str, Typed]:
        """How each mapped column is read."""
        return {
            name: typed_column(
                column,
                self.source,
                self.settings,
                integer_customers=self.integer_customers,
                float_tails=name in self.float_tails,
            )
            for name, column in self.mapped.columns.items()
        }


@dataclass(frozen=True)
class Survey:
    """What one pass over a source found.

    Parameters
    ----------
    counts : dict
        Rows and amount (units, or None) per reason; the reason None counts the good rows.
    channels, currencies : set of str
        Those of the good rows; None among the currencies stands for a blank.
    first_us, last_us : int or None
        Times of the good rows.
    """

    counts: dict[str | None, tuple[int, int | None]]
    channels: frozenset[str]
    currencies: dict[str | None, int]
    first_us: int | None
    last_us: int | None

    @property
    def rows(self) -> int:
        """All rows that were read."""
        return sum(rows for rows, _ in self.counts.values())

    @property
    def bad(self) -> dict[str, tuple[int, int | None]]:
        """Rows and amount per reason for quarantine."""
        return {reason: count for reason, count in self.counts.items() if reason not in (None, FILTERED, DUPLICATE)}

    @property
    def good(self) -> int:
        """Rows that can be used."""
        return self.counts.get(None, (0, None))[0]


def judged_sql(opened: OpenSource, *, located: bool = False) -> str:
    """SQL of a source's rows: each mapped column's value, ``__reason`` (NULL for a good row), and with ``located`` the
    file, the row and the record as JSON."""
    typed = opened.typed()
    listed = [f"{column.expression} AS {identifier(name)}" for name, column in opened.mapped.columns.items()]
    if opened.mapped.filter is not None:
        listed.append(f"coalesce({opened.mapped.filter}, false) AS __used")
    scan = opened.relation.scan
    if located:
        names = ", ".join(f"{identifier(name)} := source.{identifier(name)}" for name in opened.relation.columns)
        listed += ["__file", "__row", f"CAST(to_json(struct_pack({names})) AS VARCHAR) AS __record"]
        scan = opened.relation.located_scan
    elif opened.drops_duplicates:
        scan = f"(SELECT DISTINCT * FROM {scan})"
    values = [f"{_converted(name, opened, typed)} AS {identifier(name)}" for name in typed]
    extra = ", __file, __row, __record" if located else ""
    return (
        f"SELECT {', '.join(values)}, {reason_sql(opened)} AS __reason{extra} "
        f"FROM (SELECT {', '.join(listed)} FROM {scan} AS source) AS mapped"
    )


def _converted(name: str, opened: OpenSource, typed: dict[str, Typed]) -> str:
    """SQL of a column's value, money in the currency of the report."""
    settings, value = opened.settings, typed[name].value
    if name == "currency":
        own = "NULL" if settings.currency is None else literal(settings.currency.strip().upper())
        return f"coalesce(upper({value}), {own})"
    is_money = opened.mapped.columns[name].column.kind is Kind.MONEY
    if not is_money or "currency" not in typed or not settings.currency_rates:
        return value
    cases = " ".join(
        f"WHEN {literal(code.strip().upper())} THEN CAST(round({value} * CAST({rate!r} AS DOUBLE)) AS BIGINT)"
        for code, rate in settings.currency_rates.items()
        if code.strip().upper() != (settings.currency or "").strip().upper()
    )
    return f"CASE upper({typed['currency'].value}) {cases} ELSE {value} END" if cases else value


def reason_sql(opened: OpenSource) -> str:
    """SQL of what is wrong with a mapped row, all of it, or NULL."""
    problems = []
    for name, typed in opened.typed().items():
        column = opened.mapped.columns[name].column
        needs_currency = name == "currency" and opened.settings.currency is None
        if not column.may_be_blank or needs_currency:
            problems.append((f"({typed.blank})", f"{name} is missing"))
        if typed.unreadable != "false":
            problems.append((f"(NOT ({typed.blank}) AND {typed.unreadable})", f"{name} {typed.trouble}"))
    problems += _rejected_refunds(opened)
    reason = "CAST(NULL AS VARCHAR)"
    if problems:
        texts = ", ".join(f"CASE WHEN {test} THEN {literal(text)} END" for test, text in problems)
        reason = f"CASE WHEN {' OR '.join(test for test, _ in problems)} THEN concat_ws('; ', {texts}) END"
    if opened.mapped.filter is not None:
        reason = f"CASE WHEN NOT __used THEN {literal(FILTERED)} ELSE {reason} END"
    return reason


def _rejected_refunds(opened: OpenSource) -> list[tuple[str, str]]:
    """The tests of one row that find a refund, where refunds are rejected."""
    if opened.settings.refunds != "reject":
        return []
    typed = opened.typed()
    if opened.source.table == "refunds":
        return [("true", REJECTED)]
    tests = []
    if opened.source.table == "orders" and "refund_of" in typed:
        tests.append((f"({typed['refund_of'].value} IS NOT NULL)", REJECTED))
    if opened.source.table == "orders" and "order_id" not in typed:
        tests.append((f"({typed['value'].value} < 0)", REJECTED))
    return tests


def find_float_tails(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> frozenset[str]:
    """Return the identity columns of which every value is a whole number written with the tail ``.0``."""
    tests = {}
    for name, column in opened.mapped.columns.items():
        if column.column.kind is Kind.IDENTITY:
            test = float_tail_test(identifier(name), column.type)
            if test is not None:
                tests[name] = test
    if not tests:
        return frozenset()
    tailed = set()
    for name, test in tests.items():
        inner = f"(SELECT {opened.mapped.columns[name].expression} AS {identifier(name)} FROM {opened.relation.scan})"
        against = connection.execute(f"SELECT 1 FROM {inner} WHERE NOT ({test}) LIMIT 1").fetchone()
        if against is None and connection.execute(f"SELECT 1 FROM {inner} WHERE {test} LIMIT 1").fetchone():
            tailed.add(name)
    return frozenset(tailed)


def survey(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> Survey:
    """Check every row of a source in one pass and count."""
    spec = TABLE_SPECS[opened.source.table]
    columns = opened.mapped.columns
    money = spec.money_column if spec.money_column in columns else None
    time = "time" if "time" in columns else None
    channel = "channel" if "channel" in columns else None
    currency = "currency" if "currency" in columns and money else None
    found = connection.execute(
        f"SELECT __reason, {channel or 'NULL'}, {currency or 'NULL'}, count(*), "
        f"{f'CAST(sum({money}) AS HUGEINT)' if money else 'NULL'}, "
        f"{f'min({time}), max({time})' if time else 'NULL, NULL'} FROM ({judged_sql(opened)}) GROUP BY 1, 2, 3"
    ).fetchall()
    counts: dict[str | None, tuple[int, int | None]] = {}
    for reason, _, _, rows, amount, _, _ in found:
        before_rows, before_amount = counts.get(reason, (0, None))
        total = before_amount if amount is None else int(amount) + (before_amount or 0)
        counts[reason] = (before_rows + int(rows), total)
    good = [row for row in found if row[0] is None]
    currencies: dict[str | None, int] = {}
    for _, _, code, rows, _, _, _ in good:
        if currency:
            currencies[code] = currencies.get(code, 0) + int(rows)
    broken = opened.relation.broken
    if broken is not None:
        for reason, rows in connection.execute(f"SELECT reason, count(*) FROM {broken} GROUP BY 1").fetchall():
            counts[reason] = (int(rows), None)
    if opened.drops_duplicates:
        total_rows = connection.execute(f"SELECT count(*) FROM {opened.relation.scan}").fetchone()
        repeated = (0 if total_rows is None else int(total_rows[0])) - sum(int(row[3]) for row in found)
        if repeated:
            counts[DUPLICATE] = (repeated, None)
    return Survey(
        counts=counts,
        channels=frozenset(str(row[1]) for row in good) if channel else frozenset(),
        currencies=currencies,
        first_us=min((row[5] for row in good if row[5] is not None), default=None),
        last_us=max((row[6] for row in good if row[6] is not None), default=None),
    )


def examine(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> tuple[OpenSource, Survey]:
    """Survey a source, by the careful reader where the engine's own cannot read a CSV file or cannot tell its lines.

    Raises
    ------
    InputError
        If the source has no rows at all or cannot be read.
    """
    import duckdb

    def careful() -> tuple[OpenSource, Survey]:
        again = read_again_carefully(connection, opened.relation, _needed(opened), opened.number)
        reread = replace(opened, relation=again)
        reread = replace(reread, float_tails=find_float_tails(connection, reread))
        return reread, survey(connection, reread)

    if opened.relation.is_text and any(file.separator == "whitespace" for file in opened.relation.text_files):
        result = careful()
    else:
        try:
            looked = replace(opened, float_tails=find_float_tails(connection, opened))
            result = looked, survey(connection, looked)
            if result[1].bad and opened.relation.is_text and not opened.relation.located_scan:
                result = careful()
        except duckdb.Error as error:
            if not opened.relation.is_text:
                raise InputError(
                    f"{opened.label}: {opened.relation.place} cannot be read ({_short(error)})."
                ) from error
            result = careful()
    if result[1].rows == 0:
        what = "has a header but no rows" if opened.relation.is_text else "has no rows"
        raise InputError(
            f"{opened.label}: {opened.relation.place} {what}. "
            f"Export it anew, or leave {opened.label} out of the sources."
        )
    return result


def write_quarantine(
    connection: "duckdb.DuckDBPyConnection", opened: OpenSource, found: Survey
) -> tuple[OpenSource, Survey]:
    """Append the bad rows of a source to the quarantine, each with its file, row, reason and record."""
    import duckdb

    broken = opened.relation.broken
    if broken is not None:
        connection.execute(f"INSERT INTO quarantine SELECT {literal(opened.label)}, * FROM {broken}")
    broken_rows = sum(_broken_counts(connection, broken).values())
    if sum(rows for rows, _ in found.bad.values()) == broken_rows:
        return opened, found
    selected = (
        f"INSERT INTO quarantine SELECT {literal(opened.label)}, __file, __row, __reason, __record "
        f"FROM ({{}}) WHERE __reason IS NOT NULL AND __reason <> {literal(FILTERED)}"
    )
    if opened.drops_duplicates:
        selected += " QUALIFY row_number() OVER (PARTITION BY __record ORDER BY __file, __row) = 1"
    connection.execute("SET preserve_insertion_order = true")
    try:
        connection.execute(selected.format(judged_sql(opened, located=True)))
    except duckdb.Error as error:
        if not opened.relation.is_text or broken is not None:
            raise InputError(f"{opened.label}: {opened.relation.place} cannot be read ({_short(error)}).") from error
        again = read_again_carefully(connection, opened.relation, _needed(opened), opened.number)
        opened = replace(opened, relation=again)
        found = survey(connection, opened)
        connection.execute(f"INSERT INTO quarantine SELECT {literal(opened.label)}, * FROM {again.broken}")
        connection.execute(selected.format(judged_sql(opened, located=True)))
    finally:
        connection.execute("SET preserve_insertion_order = false")
    return opened, found


def all_bad_problem(connection: "duckdb.DuckDBPyConnection", opened: OpenSource, found: Survey) -> str:
    """Return the sentence about a source of which no row can be used, with the reasons and the first case."""
    reasons = ", ".join(
        f"{reason}: {rows:,}"
        for reason, (rows, _) in sorted(found.counts.items(), key=lambda item: (-item[1][0], str(item[0])))
        if reason is not None
    )
    first = connection.execute(
        f"SELECT row, reason, record FROM quarantine WHERE source = {literal(opened.label)} ORDER BY file, row LIMIT 1"
    ).fetchone()
    case = f" First: row {first[0]}, {first[1]}: {str(first[2])[:300]}" if first else ""
    return (
        f"{opened.label}: none of the {found.rows:,} rows of {opened.relation.place} can be used ({reasons}).{case}"
        f"{remedies(opened, found)}"
    )


def remedies(opened: OpenSource, found: Survey) -> str:
    """Return what a user can do about the reasons found, led by a blank, or nothing."""
    told = " ".join(found.bad)
    advice = []
    if "is not a time" in told:
        advice.append('State how times are written, as in time_format = "%d/%m/%Y %H:%M".')
    if "is not a number" in told:
        mark = "," if opened.source.decimal == "." else "."
        advice.append(f'State the decimal mark, decimal = "{mark}", or clean the numbers by an SQL expression.')
    if "bytes that are not" in told:
        advice.append('Say encoding = "latin-1" if that is what the file is in.')
    if "channel is missing" in told:
        advice.append("Name such a channel by missing_channel, if it means something.")
    if "fields, the header" in told:
        advice.append("Check the separator, and quote fields that hold it.")
    return " " + " ".join(advice) if advice else ""


def amount_of(units: int | None, currency: str | None) -> str:
    """Return an amount for a message, led by a comma, or nothing where there is none."""
    return "" if units is None else f", {amount_text(units, currency)}"


def _needed(opened: OpenSource) -> set[str]:
    """The source's columns that the mapping looks at."""
    texts = [column.expression for column in opened.mapped.columns.values()] + [opened.mapped.filter or ""]
    return {name for name in opened.relation.columns if any(identifier(name) in text for text in texts)}


def _broken_counts(connection: "duckdb.DuckDBPyConnection", broken: str | None) -> dict[str, int]:
    if broken is None:
        return {}
    rows = connection.execute(f"SELECT reason, count(*) FROM {broken} GROUP BY 1").fetchall()
    return {str(reason): int(count) for reason, count in rows}


def _short(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
