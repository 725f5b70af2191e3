"""SQL that turns a column as it came into what it must hold, in two steps: clean it, then read it.

A cleaned column is NULL where it is blank; a value is NULL where a cleaned column that is not blank cannot be read. The
two steps are two SELECTs, one inside the other, so that the engine computes each once for each row.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from customer_data.mapping import MappedColumn
from customer_data.money import SCALE
from customer_data.sources import EPOCH_FORMATS, LoadSettings, Source
from customer_data.sql_text import identifier, literal
from customer_data.table_specs import Kind
from customer_data.time_zones import utc_of

if TYPE_CHECKING:
    import duckdb

_SMALL_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_LARGE_INTEGERS = ("UBIGINT", "HUGEINT", "UHUGEINT")
_FLOATS = ("FLOAT", "DOUBLE")
_BLANKS = " \t\r\n\u00a0\ufeff"
_NO_IDENTITY = (
    "null", "nan", "none", "<na>", "\\n", "-", "na", "n/a", "#n/a", "nil", "undefined", "(none)", "(not set)",
)  # fmt: skip
"""What programs write for a missing identity; taken as a customer, they would be the shop's best one."""

_WHEN = (
    r"^(\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?)"
    r"\s*(?:([Zz]|UTC|GMT)|([+-])(\d{2}):?(\d{2})?)?$"
)
_AWARE = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)? ?([Zz]|UTC|GMT|[+-]\d{2}(:?\d{2})?)"
_NAIVE = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}\.\d+)?"
_FIRST_US, _LAST_US = -2_208_988_800_000_000, 7_258_118_400_000_000  # 1900-01-01 and 2200-01-01
_NUMBER_WITH_GROUPS = {
    ".": r"^[\s\x{a0}]*[+-]?(\d+|\d{1,3}(,\d{3})+)?(\.\d*)?([eE][+-]?\d+)?[\s\x{a0}]*$",
    ",": r"^[\s\x{a0}]*[+-]?(\d+|\d{1,3}([. \x{a0}\x{202f}]\d{3})+)?(,\d*)?([eE][+-]?\d+)?[\s\x{a0}]*$",
}


@dataclass(frozen=True)
class Typed:
    """How a column is read: the SQL of the cleaned column, over the column as it came; the SQL of its value, over the
    cleaned column; and what is wrong with one that cannot be read, empty where that cannot happen.

    ``doubt`` is SQL, over the column as it came, that holds wherever it is blank and must not be, or cannot be read,
    and that the engine answers from the least and greatest values it keeps; None where it must look at each value.
    """

    clean: str
    value: str
    trouble: str = ""
    doubt: str | None = None


def is_small_integer(type_: str) -> bool:
    """Whether a column of this type holds identities that fit BIGINT as they are."""
    return type_ in _SMALL_INTEGERS


def is_number(type_: str) -> bool:
    """Whether a type is one of numbers."""
    return type_ in _SMALL_INTEGERS + _LARGE_INTEGERS + _FLOATS or type_.startswith("DECIMAL")


def typed_column(
    mapped: MappedColumn, source: Source, settings: LoadSettings, *, integer_customers: bool, float_tails: bool
) -> Typed:
    """Return how a mapped column is read.

    Parameters
    ----------
    mapped : MappedColumn
        The column as mapped; the SQL returned refers to it by our name.
    source, settings : Source, LoadSettings
        Formats of times and numbers, the zone.
    integer_customers : bool
        Whether customers are BIGINT in all tables.
    float_tails : bool
        Whether this column's identities end in ``.0`` throughout, which is then taken off.
    """
    sql = identifier(mapped.column.name)
    kind = mapped.column.kind
    if kind is Kind.IDENTITY:
        whole = integer_customers and mapped.column.name == "customer_id"
        return _identity(sql, mapped.type, whole=whole, float_tails=float_tails)
    if kind is Kind.MONEY:
        return _money(sql, mapped.type, source.decimal)
    if kind is Kind.TIME:
        return _time(sql, mapped.type, source.time_format, source.timezone or settings.timezone)
    if kind is Kind.DAY:
        # Days need no zone unless the times are aware.
        aware = mapped.type == "TIMESTAMP WITH TIME ZONE" or source.time_format in EPOCH_FORMATS
        zone = (source.timezone or settings.timezone) if aware else "UTC"
        time = _time(sql, mapped.type, source.time_format, zone)
        return Typed(time.clean, day_of(time.value, zone), time.trouble)
    clean = _trimmed(sql, mapped.type)
    if kind is Kind.CHANNEL and settings.missing_channel is not None:
        clean = f"coalesce({clean}, {literal(settings.missing_channel.strip())})"
    return Typed(clean, sql, doubt="false" if kind is Kind.TEXT else None)


def time_format_problem(
    connection: "duckdb.DuckDBPyConnection", mapped: MappedColumn, source: Source, where: str
) -> str | None:
    """Return the sentence about times whose format is missing or not understood, or whose type is no time, if so."""
    import duckdb

    if is_number(mapped.type) and source.time_format is None:
        return (
            f"{where}: {mapped.theirs!r} holds numbers ({mapped.type}). Say time_format = what they count: "
            '"epoch_s", "epoch_ms", "epoch_us", or a format such as "%Y%m%d".'
        )
    if source.time_format is not None and source.time_format not in EPOCH_FORMATS:
        try:
            connection.execute(f"SELECT try_strptime('', {literal(source.time_format)})").fetchall()
        except duckdb.Error as error:
            detail = next(iter(str(error).splitlines()), "")
            return f"{where}: time_format {source.time_format!r} is not understood ({detail})."
    texts = mapped.type in ("VARCHAR", "DATE") or mapped.type.startswith(("TIMESTAMP", "ENUM"))
    if not texts and not is_number(mapped.type):
        return f"{where}: {mapped.theirs!r} is of type {mapped.type}, which is no time."
    return None


def day_of(time_us: str, timezone: str) -> str:
    """SQL of the calendar day (days since 1970-01-01) of a UTC time in microseconds, in a zone."""
    local = f"make_timestamp({time_us})"
    if timezone != "UTC":
        local = f"timezone({literal(timezone)}, make_timestamptz({time_us}))"
    return f"CAST(CAST({local} AS DATE) - DATE '1970-01-01' AS INTEGER)"


def float_tail_test(sql: str, type_: str) -> str | None:
    """SQL of whether an identity has a float tail, NULL where it is blank; None if its type has none."""
    if type_ in _FLOATS:
        return f"CASE WHEN isfinite({sql}) THEN {sql} = trunc({sql}) AND abs({sql}) < 9007199254740992 END"
    if type_ == "VARCHAR" or type_.startswith("ENUM"):
        clean = _identity(sql, type_, whole=False, float_tails=False).clean
        return (
            f"CASE WHEN suffix({sql}, '.0') THEN regexp_full_match({sql}, '[ ]*[0-9]+[.]0') "
            f"WHEN {clean} IS NOT NULL THEN regexp_full_match({clean}, '[0-9]+[.]0') END"
        )
    return None


def _trimmed(sql: str, type_: str, *, without: tuple[str, ...] = ()) -> str:
    """SQL of a text without the blanks around it, NULL if nothing is left or it is one of ``without``, blind to case.

    Trimming is dear, so only where there is need: the printing signs of ASCII lie above the blank. The engine would
    turn a long IN into a join that looks at every row, hence the regular expression.
    """
    text = sql if type_ == "VARCHAR" else f"CAST({sql} AS VARCHAR)"
    inner = " OR ".join(f"contains({text}, chr({ord(sign)}))" for sign in _BLANKS if sign != " ")
    trimmed, kept = f"trim({text}, {literal(_BLANKS)})", text
    if without:
        shape = "(?i)(" + "|".join(re.escape(word) for word in without) + ")"
        trimmed = f"regexp_replace({trimmed}, {literal(f'^{shape}$')}, '')"
        short = f"strlen({text}) <= {max(len(word) for word in without)}"
        kept = f"CASE WHEN {short} AND regexp_full_match({text}, {literal(shape)}) THEN NULL ELSE {text} END"
    return f"CASE WHEN {text} < '!' OR suffix({text}, ' ') OR {inner} THEN nullif({trimmed}, '') ELSE {kept} END"


def _identity(sql: str, type_: str, *, whole: bool, float_tails: bool) -> Typed:
    if whole:
        return Typed(sql, f"CAST({sql} AS BIGINT)", doubt=f"{sql} IS NULL")
    if type_ in _SMALL_INTEGERS + _LARGE_INTEGERS:
        return Typed(sql, f"CAST({sql} AS VARCHAR)", doubt=f"{sql} IS NULL")
    if type_ in _FLOATS:
        text = f"CAST(CAST({sql} AS HUGEINT) AS VARCHAR)" if float_tails else f"CAST({sql} AS VARCHAR)"
        return Typed(f"CASE WHEN isfinite({sql}) THEN {sql} END", text)
    clean = _trimmed(sql, type_, without=_NO_IDENTITY)
    return Typed(clean, f"regexp_replace({sql}, '[.]0$', '')" if float_tails else sql)


def _money(sql: str, type_: str, decimal: str) -> Typed:
    if type_ in _FLOATS:
        finite = f"isfinite({sql}) AND abs({sql}) < 1e14"
        return Typed(
            f"CASE WHEN isnan({sql}) THEN NULL ELSE {sql} END",
            f"CASE WHEN {finite} THEN CAST(round({sql} * {SCALE}) AS BIGINT) END",
            "is not finite or too large",
        )
    if is_number(type_):
        return Typed(sql, _units(sql), "is too large")
    grouped = _without_groups(sql, decimal)
    value = f"coalesce({_units(sql)}, {_units(grouped)})" if decimal == "." else _units(grouped)
    return Typed(_trimmed(sql, type_), value, "is not a number")


def number_of_text(sql: str, decimal: str) -> str:
    """SQL of a text as a number (DOUBLE), with the decimal mark and the groups that money may have; NULL if it is none.

    The plain way first, since most numbers need no other.
    """
    plain = f"TRY_CAST({sql} AS DOUBLE)"
    if decimal == ",":
        plain = f"CASE WHEN NOT contains({sql}, '.') THEN TRY_CAST(replace({sql}, ',', '.') AS DOUBLE) END"
    return f"coalesce({plain}, TRY_CAST({_without_groups(sql, decimal)} AS DOUBLE))"


def _without_groups(sql: str, decimal: str) -> str:
    """SQL of a number's text without thousands' groups and with a point as its mark; NULL if it is no number."""
    plain = sql
    for sign in ("," if decimal == "." else ".", " ", "\u00a0", "\u202f"):
        plain = f"replace({plain}, {literal(sign)}, '')"
    if decimal == ",":
        plain = f"replace({plain}, ',', '.')"
    return f"CASE WHEN regexp_full_match({sql}, {literal(_NUMBER_WITH_GROUPS[decimal])}) THEN {plain} END"


def _units(number: str) -> str:
    """SQL of a number in units; DECIMAL(14,4) is fast and cannot overflow, the wider way is for 10 billion and more."""
    fast = f"CAST(TRY_CAST({number} AS DECIMAL(14,4)) * {SCALE} AS BIGINT)"
    return f"coalesce({fast}, CAST(CAST(TRY_CAST({number} AS DECIMAL(18,4)) AS DECIMAL(24,4)) * {SCALE} AS BIGINT))"


def _time(sql: str, type_: str, time_format: str | None, timezone: str) -> Typed:
    trouble = "cannot be read or is not between 1900 and 2200"
    clean = sql

    def local(time: str) -> str:
        return f"epoch_us({time})" if timezone == "UTC" else f"epoch_us(timezone({literal(timezone)}, {time}))"

    if type_ == "DATE" or type_.startswith("TIMESTAMP"):
        aware = type_ == "TIMESTAMP WITH TIME ZONE"
        instant = f"epoch_us({sql})" if aware else utc_of(f"epoch_us(CAST({sql} AS TIMESTAMP))", timezone)
        inside = f"{sql} BETWEEN '1900-01-01' AND '2199-12-31'"
        return Typed(clean, f"CASE WHEN {inside} THEN {instant} END", trouble, f"{sql} IS NULL OR NOT {inside}")
    if time_format in EPOCH_FORMATS:
        factor = EPOCH_FORMATS[time_format]
        if type_ in _SMALL_INTEGERS and factor == 1:
            instant = f"CAST({sql} AS BIGINT)"
        elif type_ in _FLOATS:
            clean = f"CASE WHEN isnan({sql}) THEN NULL ELSE {sql} END"
            instant = f"TRY_CAST({sql} * {factor} AS BIGINT)"
        else:
            clean = _trimmed(sql, type_)
            instant = f"TRY_CAST(TRY_CAST({sql} AS DECIMAL(24,6)) * {factor} AS BIGINT)"
    elif time_format is not None:
        clean = _trimmed(sql, type_)
        parsed = f"try_strptime({sql}, {literal(time_format)})"
        aware = "%z" in time_format or "%Z" in time_format
        instant = f"epoch_us({parsed})" if aware else local(f"CAST({parsed} AS TIMESTAMP)")
    else:
        clean = _trimmed(sql, type_)
        instant = _iso_instant(sql, local)
    return Typed(clean, f"CASE WHEN {instant} BETWEEN {_FIRST_US} AND {_LAST_US} THEN {instant} END", trouble)


def _iso_instant(text: str, local: Callable[[str], str]) -> str:
    """SQL of the microseconds of an ISO time, the usual ways of writing it first, since parts of a text are dear.

    The engine's own cast to a naive time drops an offset, and the one to an aware time knows none after a blank.
    """
    usual = f"({text} LIKE '____-__-__ __:__:__' OR {text} LIKE '____-__-__' OR {text} LIKE '____-__-__T__:__:__')"
    clock = f"upper(replace(replace(replace(substr({text}, 12), ' ', ''), 'UTC', 'Z'), 'GMT', 'Z'))"
    aware = f"epoch_us(TRY_CAST(concat(substr({text}, 1, 10), 'T', {clock}) AS TIMESTAMP WITH TIME ZONE))"
    shape = literal(_WHEN)

    def part(group: int) -> str:
        return f"regexp_extract({text}, {shape}, {group})"

    when = f"TRY_CAST({part(1)} AS TIMESTAMP)"
    minutes = f"CAST('0' || {part(4)} AS BIGINT) * 60 + CAST('0' || {part(5)} AS BIGINT)"
    shifted = f"epoch_us({when}) - CASE {part(3)} WHEN '-' THEN -1 ELSE 1 END * ({minutes}) * 60000000"
    return (
        f"CASE WHEN {usual} THEN {local(f'TRY_CAST({text} AS TIMESTAMP)')} "
        f"WHEN regexp_full_match({text}, {literal(_AWARE)}) THEN {aware} "
        f"WHEN regexp_full_match({text}, {literal(_NAIVE)}) THEN {local(f'TRY_CAST({text} AS TIMESTAMP)')} "
        f"WHEN {part(2)} || {part(3)} <> '' THEN {shifted} "
        f"ELSE {local(when)} END"
    )
