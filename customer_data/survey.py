"""One pass over a source that checks every row and counts, or none where the engine can tell without reading."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from customer_data.errors import InputError
from customer_data.judging import FILTERED, OpenSource, doubtful_rows_sql, judged_sql
from customer_data.relations import keep_rows, read_again_carefully
from customer_data.sources import WHITESPACE
from customer_data.sql_text import identifier
from customer_data.table_specs import TABLE_SPECS, Kind
from customer_data.text_files import has_blank_lines
from customer_data.typed_columns import float_tail_test

if TYPE_CHECKING:
    import duckdb

DUPLICATE = "repeats another row exactly"
_LONG_AGO_US = 631_152_000_000_000  # 1990-01-01


@dataclass(frozen=True)
class Survey:
    """What one pass over a source found.

    Parameters
    ----------
    counts : dict
        Rows and amount (units, or None) per reason; the reason None counts the good rows.
    channels : dict of str
        Good rows by channel.
    currencies : dict
        Good rows by currency.
    long_ago : bool
        Whether there are good rows, all of them with times before 1990.
    repeated : int
        Rows that pass the filter and equal another in every column of the source.
    rounded : dict
        Good rows of each column of identities that were rounded as ``1.23457E+12``, and the first of them.
    """

    counts: dict[str | None, tuple[int, int | None]]
    channels: dict[str, int]
    currencies: dict[str, int]
    long_ago: bool = False
    repeated: int = 0
    rounded: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """All rows that were read."""
        return sum(rows for rows, _ in self.counts.values())

    @property
    def bad(self) -> dict[str, tuple[int, int | None]]:
        """Rows and amount per reason for quarantine."""
        return {
            reason: count
            for reason, count in self.counts.items()
            if reason is not None and reason not in (FILTERED, DUPLICATE)
        }

    @property
    def good(self) -> int:
        """Rows that can be used."""
        return self.counts.get(None, (0, None))[0]


def examine(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> tuple[OpenSource, Survey]:
    """Survey a source, by the careful reader where the engine's own cannot read a CSV file or cannot tell its lines.

    Raises
    ------
    InputError
        If the source has no rows at all or cannot be read.
    """
    import duckdb

    files = opened.relation.text_files
    if any(file.separator == WHITESPACE for file in files):
        opened, found = _examine_again(connection, opened)
    else:
        try:
            kept = keep_rows(connection, opened.relation)
            opened, found = _examine_as_it_is(connection, replace(opened, relation=kept))
        except duckdb.Error as error:
            if not files:
                raise unreadable(opened, error) from error
            opened, found = _examine_again(connection, opened)
        unsure = found.rows == 0 or (bool(found.bad) and any(has_blank_lines(file) for file in files))
        if files and unsure and not opened.relation.broken:
            opened, found = _examine_again(connection, opened)
    if found.rows == 0:
        what = "has a header but no rows" if files else "has no rows"
        raise InputError(
            f"{opened.label}: {opened.relation.place} {what}. "
            f"Export it anew, or leave {opened.label} out of the sources."
        )
    return opened, found


def _examine_again(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> tuple[OpenSource, Survey]:
    import duckdb

    try:
        return examine_carefully(connection, opened)
    except (duckdb.Error, UnicodeError, EOFError, OSError) as error:
        raise unreadable(opened, error) from error


def examine_carefully(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> tuple[OpenSource, Survey]:
    """Read a CSV source by the careful reader and survey what it found."""
    relation = read_again_carefully(connection, opened.relation, opened.needed_columns(), opened.number)
    return _examine_as_it_is(connection, replace(opened, relation=relation, judged_table=None))


def _examine_as_it_is(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> tuple[OpenSource, Survey]:
    """Survey a source; one that comes as text is typed once into a table, since parsing it again is dear."""
    opened = replace(opened, float_tails=_float_tails(connection, opened))
    if opened.relation.is_text:
        table = f"__judged_{opened.number}"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {judged_sql(opened)}")
        opened = replace(opened, judged_table=table)
    return opened, survey(connection, opened)


def survey(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> Survey:
    """Check every row of a source in one pass and count; a second pass looks for repeated rows where that is cheap."""
    found = _rows_without_doubt(connection, opened) or _judged_rows(connection, opened)
    counts: dict[str | None, tuple[int, int | None]] = {}
    currencies: dict[str, int] = {}
    channels: dict[str, int] = {}
    for reason, channel, currency, rows, amount, _ in found:
        before_rows, before_amount = counts.get(reason, (0, None))
        total = before_amount if amount is None else int(amount) + (before_amount or 0)
        counts[reason] = (before_rows + int(rows), total)
        if reason is None and currency is not None:
            currencies[currency] = currencies.get(currency, 0) + int(rows)
        if reason is None and channel is not None:
            channels[str(channel)] = channels.get(str(channel), 0) + int(rows)
    looked_at = sum(rows for rows, _ in counts.values())
    if opened.relation.broken is not None:
        broken = connection.execute(f"SELECT reason, count(*) FROM {opened.relation.broken} GROUP BY 1").fetchall()
        counts |= {str(reason): (int(rows), None) for reason, rows in broken}
    repeated = _repeated_rows(connection, opened, looked_at)
    if opened.drops_duplicates and repeated:
        counts[DUPLICATE] = (repeated, None)
    return Survey(
        counts=counts,
        channels=channels,
        currencies=currencies,
        long_ago=None in counts and not any(is_late for reason, *_, is_late in found if reason is None),
        repeated=0 if opened.drops_duplicates else repeated,
        rounded=_rounded_identities(connection, opened),
    )


def _judged_rows(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> list[tuple[Any, ...]]:
    """Reason, channel, currency, number and amount of the rows, and whether any is of late; each is looked at."""
    spec = TABLE_SPECS[opened.source.table]
    money = spec.money_column if spec.money_column and opened.has(spec.money_column) else None
    keys = [name if opened.has(name) else "NULL" for name in ("channel", "currency")]
    return connection.execute(
        f"SELECT __reason, {', '.join(keys)}, count(*), {f'CAST(sum({money}) AS HUGEINT)' if money else 'NULL'}, "
        f"{f'max(time) >= {_LONG_AGO_US}' if opened.has('time') else 'true'} "
        f"FROM ({judged_sql(opened)}) GROUP BY 1, 2, 3"
    ).fetchall()


def _rows_without_doubt(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> list[tuple[Any, ...]]:
    """The same of a source all of whose rows are good, as the engine can tell and read no more of it than its channels.

    Empty if it cannot tell.
    """
    doubtful = doubtful_rows_sql(opened)
    if doubtful is None or connection.execute(f"SELECT 1 {doubtful} LIMIT 1").fetchall():
        return []
    rows = judged_sql(opened)
    late = f"SELECT 1 FROM ({rows}) WHERE time >= {_LONG_AGO_US} LIMIT 1"
    is_late = not opened.has("time") or bool(connection.execute(late).fetchall())
    found = connection.execute(
        f"SELECT {'channel' if opened.has('channel') else 'NULL'} AS name, count(*) FROM ({rows}) GROUP BY name"
    ).fetchall()
    blank = opened.has("channel") and any(name is None for name, _ in found)
    return [] if blank else [(None, name, None, number, None, is_late) for name, number in found]


def unreadable(opened: OpenSource, error: Exception) -> InputError:
    """Return the error of a source that the engine cannot read; want of memory is none of its faults, and raised."""
    import duckdb

    if isinstance(error, duckdb.OutOfMemoryException):
        raise error
    detail = next(iter(str(error).splitlines()), type(error).__name__)
    return InputError(f"{opened.label}: {opened.relation.place} cannot be read ({detail}).")


def _repeated_rows(connection: "duckdb.DuckDBPyConnection", opened: OpenSource, looked_at: int) -> int:
    """Rows that equal another; exact where they are dropped, by a hash of 64 bits where they are only told of."""
    if opened.drops_duplicates:
        row = connection.execute(f"SELECT count(*) FROM {opened.relation.scan}").fetchone()
        return 0 if row is None else int(row[0]) - looked_at
    if opened.source.table not in ("orders", "refunds", "spend"):
        return 0
    listed = ", ".join(identifier(name) for name in opened.relation.columns)
    used = "true" if opened.mapped.filter is None else f"coalesce({opened.mapped.filter}, false)"
    row = connection.execute(
        f"SELECT count(*) - count(DISTINCT hash({listed})) FROM {opened.relation.scan} AS source WHERE {used}"
    ).fetchone()
    return 0 if row is None else int(row[0])


def _rounded_identities(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> dict[str, tuple[int, str]]:
    """Long numbers that a spreadsheet rounded when it saved a CSV file."""
    found: dict[str, tuple[int, str]] = {}
    for name, column in opened.mapped.columns.items():
        if opened.relation.is_text and column.column.kind is Kind.IDENTITY:
            it = identifier(name)
            rounded = f"contains({it}, 'E+') AND regexp_full_match({it}, '[0-9]([.,][0-9]+)?E[+][0-9]+')"
            ((rows, first),) = connection.execute(
                f"SELECT count(*), min({it}) FROM ({judged_sql(opened)}) WHERE __reason IS NULL AND {rounded}"
            ).fetchall()
            if rows:
                found[name] = int(rows), str(first)
    return found


def _float_tails(connection: "duckdb.DuckDBPyConnection", opened: OpenSource) -> frozenset[str]:
    """Return the identity columns of which every value is a whole number written with the tail ``.0``."""
    tailed = set()
    for name, column in opened.mapped.columns.items():
        test = float_tail_test("it", column.type) if column.column.kind is Kind.IDENTITY else None
        if test is None:
            continue
        inner = f"(SELECT {column.expression} AS it FROM {opened.relation.scan})"
        against = connection.execute(f"SELECT 1 FROM {inner} WHERE NOT ({test}) LIMIT 1").fetchone()
        if against is None and connection.execute(f"SELECT 1 FROM {inner} WHERE {test} LIMIT 1").fetchone():
            tailed.add(name)
    return frozenset(tailed)
