"""SQL that turns a column as it came into what it must hold, and says what is wrong where it cannot.

Each reader gives three texts over the column's SQL: the value (NULL where there is none), the condition under which the
column is blank, and the condition under which it is filled but cannot be read.
"""

from dataclasses import dataclass

from customer_data.mapping import MappedColumn
from customer_data.money import SCALE
from customer_data.sources import EPOCH_FORMATS, LoadSettings, Source
from customer_data.sql_text import identifier, literal
from customer_data.table_specs import Kind

_SMALL_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_LARGE_INTEGERS = ("UBIGINT", "HUGEINT", "UHUGEINT")
_FLOATS = ("FLOAT", "DOUBLE")
_BLANKS = " \t\r\n\u00a0\ufeff"
_NO_IDENTITY = ("null", "nan", "none", "<na>", "\\n")
"""What programs write for a missing identity; taken as a customer, they would be the shop's best one."""

_WHEN = (
    r"^(\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?)"
    r"\s*(?:([Zz]|UTC|GMT)|([+-])(\d{2}):?(\d{2})?)?$"
)
_FIRST_US, _LAST_US = -2_208_988_800_000_000, 7_258_118_400_000_000  # 1900-01-01 and 2200-01-01
_FULL_NUMBER = {
    ".": r"^[+-]?(\d+|\d{1,3}(,\d{3})+)?(\.\d*)?([eE][+-]?\d+)?$",
    ",": r"^[+-]?(\d+|\d{1,3}([. \x{a0}\x{202f}]\d{3})+)?(,\d*)?([eE][+-]?\d+)?$",
}


@dataclass(frozen=True)
class Typed:
    """A column read: the SQL of its value and of what may be wrong ("false" where nothing can be)."""

    value: str
    blank: str
    unreadable: str
    trouble: str


def is_small_integer(type_: str) -> bool:
    """Whether a column of this type holds identities that fit BIGINT as they are."""
    return type_ in _SMALL_INTEGERS


def trimmed(sql: str) -> str:
    """SQL of a text without the blanks around it, NULL if nothing is left."""
    return f"nullif(trim(CAST({sql} AS VARCHAR), {literal(_BLANKS)}), '')"


def typed_column(
    mapped: MappedColumn, source: Source, settings: LoadSettings, *, integer_customers: bool, float_tails: bool
) -> Typed:
    """Return how a mapped column is read.

    Parameters
    ----------
    mapped : MappedColumn
        The column as mapped; its SQL is taken from the column of our name.
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
        return _time(sql, mapped.type, source.time_format, settings.timezone)
    if kind is Kind.DAY:
        return _day(sql, mapped.type, source.time_format, settings.timezone)
    text = trimmed(sql)
    if kind is Kind.CHANNEL and settings.missing_channel is not None:
        text = f"coalesce({text}, {literal(settings.missing_channel.strip())})"
    return Typed(text, f"{text} IS NULL", "false", "")


def time_format_problem(mapped: MappedColumn, source: Source, where: str) -> str | None:
    """Return the sentence about times whose type needs a format that was not stated, if so."""
    is_number = mapped.type in _SMALL_INTEGERS + _LARGE_INTEGERS + _FLOATS or mapped.type.startswith("DECIMAL")
    if is_number and source.time_format is None:
        return (
            f"{where}: {mapped.theirs!r} holds numbers ({mapped.type}). Say time_format = what they count: "
            '"epoch_s", "epoch_ms", "epoch_us", or a format such as "%Y%m%d".'
        )
    known = ("VARCHAR", "DATE", *_SMALL_INTEGERS, *_LARGE_INTEGERS, *_FLOATS)
    if mapped.type not in known and not mapped.type.startswith(("TIMESTAMP", "DECIMAL", "ENUM")):
        return f"{where}: {mapped.theirs!r} is of type {mapped.type}, which is no time."
    return None


def day_of(time_us: str, timezone: str) -> str:
    """SQL of the calendar day (days since 1970-01-01) of a UTC time in microseconds, in a zone."""
    if timezone == "UTC":
        return f"CAST(CAST(make_timestamp({time_us}) AS DATE) - DATE '1970-01-01' AS INTEGER)"
    local = f"timezone({literal(timezone)}, make_timestamptz({time_us}))"
    return f"CAST(CAST({local} AS DATE) - DATE '1970-01-01' AS INTEGER)"


def _identity(sql: str, type_: str, *, whole: bool, float_tails: bool) -> Typed:
    if whole:
        return Typed(f"CAST({sql} AS BIGINT)", f"{sql} IS NULL", "false", "")
    if type_ in _SMALL_INTEGERS + _LARGE_INTEGERS:
        return Typed(f"CAST({sql} AS VARCHAR)", f"{sql} IS NULL", "false", "")
    if type_ in _FLOATS:
        text = f"CAST(CAST({sql} AS HUGEINT) AS VARCHAR)" if float_tails else f"CAST({sql} AS VARCHAR)"
        return Typed(f"CASE WHEN isfinite({sql}) THEN {text} END", f"{sql} IS NULL OR NOT isfinite({sql})", "false", "")
    text = trimmed(sql)
    nothing = ", ".join(literal(word) for word in _NO_IDENTITY)
    blank = f"{text} IS NULL OR lower({text}) IN ({nothing})"
    value = f"regexp_replace({text}, '[.]0+$', '')" if float_tails else text
    return Typed(f"CASE WHEN NOT ({blank}) THEN {value} END", blank, "false", "")


def float_tail_test(sql: str, type_: str) -> str | None:
    """SQL of whether an identity has a float tail, NULL where it is blank; None if its type has none."""
    if type_ in _FLOATS:
        return f"CASE WHEN isfinite({sql}) THEN {sql} = trunc({sql}) AND abs({sql}) < 9007199254740992 END"
    if type_ == "VARCHAR" or type_.startswith("ENUM"):
        text = trimmed(sql)
        nothing = ", ".join(literal(word) for word in _NO_IDENTITY)
        return (
            f"CASE WHEN {text} IS NOT NULL AND lower({text}) NOT IN ({nothing}) "
            f"THEN CASE WHEN suffix({text}, '.0') THEN regexp_full_match({text}, '[0-9]+[.]0') ELSE false END END"
        )
    return None


def _money(sql: str, type_: str, decimal: str) -> Typed:
    if type_ in _SMALL_INTEGERS + _LARGE_INTEGERS or type_.startswith("DECIMAL"):
        value = _units(f"TRY_CAST({sql} AS DECIMAL(18,4))")
        return Typed(value, f"{sql} IS NULL", f"{value} IS NULL", "is too large")
    if type_ in _FLOATS:
        finite = f"isfinite({sql}) AND abs({sql}) < 1e14"
        value = f"CASE WHEN {finite} THEN CAST(round({sql} * {SCALE}) AS BIGINT) END"
        return Typed(value, f"{sql} IS NULL OR isnan({sql})", f"NOT ({finite})", "is not finite or too large")
    text = trimmed(sql)
    grouping = "," if decimal == "." else "."
    plain = text
    for sign in (grouping, " ", "\u00a0", "\u202f"):
        plain = f"replace({plain}, {literal(sign)}, '')"
    if decimal == ",":
        plain = f"replace({plain}, ',', '.')"
    grouped = f"CASE WHEN regexp_full_match({text}, {literal(_FULL_NUMBER[decimal])}) THEN {plain} END"
    as_it_is = f"TRY_CAST({text} AS DECIMAL(18,4))"
    number = f"TRY_CAST({grouped} AS DECIMAL(18,4))"
    if decimal == ".":
        number = f"coalesce({as_it_is}, {number})"
    value = _units(number)
    return Typed(value, f"{text} IS NULL", f"{value} IS NULL", "is not a number")


def _units(number: str) -> str:
    """SQL of a DECIMAL(18,4) in units; the wider type in between cannot overflow."""
    return f"CAST(CAST({number} AS DECIMAL(24,4)) * {SCALE} AS BIGINT)"


def _time(sql: str, type_: str, time_format: str | None, timezone: str) -> Typed:
    local = (
        "CAST({0} AS TIMESTAMP)" if timezone == "UTC" else f"timezone({literal(timezone)}, CAST({{0}} AS TIMESTAMP))"
    )
    blank = f"{sql} IS NULL"
    text = trimmed(sql)
    if type_ == "TIMESTAMP WITH TIME ZONE":
        instant = f"epoch_us(CASE WHEN isfinite({sql}) THEN {sql} END)"
    elif type_ == "DATE" or type_.startswith("TIMESTAMP"):
        instant = f"epoch_us({local.format(f'CASE WHEN isfinite({sql}) THEN {sql} END')})"
    elif time_format in EPOCH_FORMATS:
        factor = EPOCH_FORMATS[time_format]
        if type_ in _SMALL_INTEGERS and factor == 1:
            instant = f"CAST({sql} AS BIGINT)"
        else:
            amount = f"TRY_CAST({sql} AS DOUBLE)" if type_ in _FLOATS else f"TRY_CAST({text} AS DECIMAL(20,6))"
            instant = f"TRY_CAST({amount} * {factor} AS BIGINT)"
            blank = f"{text} IS NULL"
    else:
        blank = f"{text} IS NULL"
        if time_format is not None:
            parsed = f"try_strptime({text}, {literal(time_format)})"
            aware = "%z" in time_format or "%Z" in time_format
            instant = f"epoch_us({parsed if aware else local.format(parsed)})"
        else:
            instant = _iso_instant(text, local)
    value = f"CASE WHEN {instant} BETWEEN {_FIRST_US} AND {_LAST_US} THEN {instant} END"
    return Typed(value, blank, f"{value} IS NULL", "is not a time between 1900 and 2200")


def _iso_instant(text: str, local: str) -> str:
    """SQL of the microseconds of an ISO time; the engine's own cast drops an offset after a blank, hence the parts."""
    usual = f"({text} LIKE '____-__-__ __:__:__' OR {text} LIKE '____-__-__' OR {text} LIKE '____-__-__T__:__:__')"
    shape = literal(_WHEN)

    def part(group: int) -> str:
        return f"regexp_extract({text}, {shape}, {group})"

    when = f"TRY_CAST({part(1)} AS TIMESTAMP)"
    minutes = f"CAST('0' || {part(4)} AS BIGINT) * 60 + CAST('0' || {part(5)} AS BIGINT)"
    shifted = f"epoch_us({when}) - CASE {part(3)} WHEN '-' THEN -1 ELSE 1 END * ({minutes}) * 60000000"
    return (
        f"CASE WHEN {usual} THEN epoch_us({local.format(f'TRY_CAST({text} AS TIMESTAMP)')}) "
        f"WHEN {part(2)} || {part(3)} <> '' THEN {shifted} "
        f"ELSE epoch_us({local.format(when)}) END"
    )


def _day(sql: str, type_: str, time_format: str | None, timezone: str) -> Typed:
    """Days need no zone unless the times are aware."""
    if type_ == "TIMESTAMP WITH TIME ZONE" or time_format in EPOCH_FORMATS:
        time = _time(sql, type_, time_format, timezone)
        return Typed(day_of(time.value, timezone), time.blank, time.unreadable, time.trouble)
    time = _time(sql, type_, time_format, "UTC")
    return Typed(day_of(time.value, "UTC"), time.blank, time.unreadable, time.trouble)
