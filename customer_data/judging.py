"""The SQL of a source's rows, typed, each with what is wrong with it."""

from dataclasses import dataclass

from customer_data.mapping import Mapped
from customer_data.relations import Relation
from customer_data.sources import LoadSettings, Source
from customer_data.sql_text import identifier, literal
from customer_data.table_specs import TABLE_SPECS, Kind
from customer_data.typed_columns import Typed, typed_column

FILTERED = "left out by the filter"
REJECTED = "is a refund, and refunds are rejected"
HEADER = "repeats the header"


@dataclass(frozen=True)
class OpenSource:
    """A source ready to be read: how it was stated, where its rows are, how its columns map.

    ``days_of`` is the zone on whose clocks ``rows_of_days`` of its rows are dated by day, see
    `customer_data.dated_by_day`; None where they have times.
    """

    number: int
    source: Source
    relation: Relation
    mapped: Mapped
    settings: LoadSettings
    integer_customers: bool
    float_tails: frozenset[str] = frozenset()
    judged_table: str | None = None
    days_of: str | None = None
    rows_of_days: int = 0

    @property
    def label(self) -> str:
        """Its name in messages and counts."""
        return self.relation.label

    @property
    def drops_duplicates(self) -> bool:
        """Whether rows that equal another are dropped."""
        return (self.source.duplicates or self.settings.duplicates) == "drop"

    @property
    def timezone(self) -> str:
        """The zone of its naive times."""
        return self.source.timezone or self.settings.timezone

    @property
    def report_currency(self) -> str | None:
        """The currency that the settings name, in capitals."""
        return None if self.settings.currency is None else self.settings.currency.strip().upper()

    @property
    def knows_files(self) -> bool:
        """Whether its judged rows have ``__file``: of several files, orders and touches are compared across these."""
        return bool(self.relation.filed_scan) and self.source.table in ("orders", "touchpoints")

    def has(self, name: str) -> bool:
        """Whether a column of the table is mapped; attributes do not count, whatever their names."""
        return name in TABLE_SPECS[self.source.table].column_names and name in self.mapped.columns

    def needed_columns(self) -> set[str]:
        """The source's columns that the mapping looks at."""
        texts = [column.expression for column in self.mapped.columns.values()] + [self.mapped.filter or ""]
        return {name for name in self.relation.columns if any(identifier(name) in text for text in texts)}

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


def judged_sql(opened: OpenSource, *, located: bool = False) -> str:
    """SQL of a source's rows: each mapped column's value and ``__reason``, NULL for a good row.

    ``located`` adds ``__file``, ``__row`` and ``__record``, the row as it came, as JSON. Where the rows are compared
    across files they have ``__file`` in any case.
    """
    if opened.judged_table is not None and not located:
        return f"FROM {opened.judged_table}"
    typed = opened.typed()
    names = ", ".join(identifier(name) for name in opened.relation.columns)
    mapped = [f"{column.expression} AS {identifier(name)}" for name, column in opened.mapped.columns.items()]
    passed = []
    if opened.mapped.filter is not None:
        mapped.append(f"coalesce({opened.mapped.filter}, false) AS __used")
        passed.append("__used")
    scan = opened.relation.scan
    extra = ""
    if located:
        fields = ", ".join(f"{identifier(name)} := source.{identifier(name)}" for name in opened.relation.columns)
        mapped += ["__file", "__row", f"struct_pack({fields}) AS __source"]
        passed += ["__file", "__row", "__source"]
        scan = opened.relation.located_scan
        extra = ", __file, __row, CAST(to_json(__source) AS VARCHAR) AS __record"
    elif opened.knows_files:
        mapped.append("__file")
        passed.append("__file")
        scan, extra = opened.relation.filed_scan, ", __file"
        if opened.drops_duplicates:
            scan = f"(SELECT {names}, min(__file) AS __file FROM {scan} GROUP BY {names})"
    elif opened.drops_duplicates:
        scan = f"(SELECT DISTINCT * FROM {scan})"
    cleaned = [f"{column.clean} AS {identifier(name)}" for name, column in typed.items()] + passed
    valued = [f"{column.value} AS {_value(name)}" for name, column in typed.items()]
    finished = [f"{_converted(name, opened)} AS {identifier(name)}" for name in typed]
    return (
        f"SELECT {', '.join(finished)}, {_reason(opened, typed)} AS __reason{extra} "
        f"FROM (SELECT *, {', '.join(valued)} FROM (SELECT {', '.join(cleaned)} "
        f"FROM (SELECT {', '.join(mapped)} FROM {scan} AS source) AS mapped) AS cleaned) AS valued"
    )


def doubtful_rows_sql(opened: OpenSource) -> str | None:
    """SQL of the rows that may be bad by another column than the channel, for the engine to answer from the least and
    greatest values it keeps of files and tables; None where it must look at each row, or amounts are to be summed."""
    doubts = [
        column.doubt
        for name, column in opened.typed().items()
        if opened.mapped.columns[name].column.kind is not Kind.CHANNEL
    ]
    whole = opened.relation.is_text or opened.mapped.filter is not None or opened.drops_duplicates
    if whole or opened.has("currency") or None in doubts:
        return None
    mapped = ", ".join(f"{column.expression} AS {identifier(name)}" for name, column in opened.mapped.columns.items())
    return f"FROM (SELECT {mapped} FROM {opened.relation.scan} AS source) WHERE {' OR '.join(filter(None, doubts))}"


def _value(name: str) -> str:
    return identifier(f"__value_{name}")


def _converted(name: str, opened: OpenSource) -> str:
    """SQL of a column's value, money in the currency of the report."""
    own = opened.report_currency
    if name == "currency" and opened.has(name):
        blank = "NULL" if own is None or opened.source.table == "refunds" else literal(own)
        return f"coalesce(upper({_value(name)}), {blank})"
    is_money = opened.mapped.columns[name].column.kind is Kind.MONEY
    if not is_money or not opened.has("currency"):
        return _value(name)
    return in_report_currency(_value(name), f"upper({_value('currency')})", opened.settings)


def in_report_currency(amount: str, currency: str, settings: LoadSettings) -> str:
    """SQL of an amount in the currency of the report, from one in the currency named, in capitals; NULL is its own."""
    cases = " ".join(
        f"WHEN {literal(code.strip().upper())} THEN CAST(round({amount} * CAST({rate!r} AS DOUBLE)) AS BIGINT)"
        for code, rate in settings.currency_rates.items()
        if settings.currency is None or code.strip().upper() != settings.currency.strip().upper()
    )
    return f"CASE {currency} {cases} ELSE {amount} END" if cases else amount


def _reason(opened: OpenSource, typed: dict[str, Typed]) -> str:
    """SQL of everything that is wrong with a row, or NULL."""
    problems = []
    for name, column in typed.items():
        mapped = opened.mapped.columns[name]
        needs_currency = (
            name == "currency"
            and opened.has(name)
            and opened.report_currency is None
            and opened.source.table != "refunds"
        )
        if not mapped.column.may_be_blank or needs_currency:
            missing = "is missing or cannot be computed" if mapped.computed else "is missing"
            problems.append((f"{identifier(name)} IS NULL", f"{name} {missing}"))
        if column.trouble:
            problems.append(
                (f"({identifier(name)} IS NOT NULL AND {_value(name)} IS NULL)", f"{name} {column.trouble}")
            )
    problems += [(test, REJECTED) for test in _rejections(opened)]
    reason = "CAST(NULL AS VARCHAR)"
    if problems:
        texts = ", ".join(f"CASE WHEN {test} THEN {literal(text)} END" for test, text in problems)
        reason = f"CASE WHEN {' OR '.join(test for test, _ in problems)} THEN concat_ws('; ', {texts}) END"
    if header := _header_test(opened):
        reason = f"CASE WHEN {header} THEN {literal(HEADER)} ELSE {reason} END"
    if opened.mapped.filter is not None:
        reason = f"CASE WHEN NOT __used THEN {literal(FILTERED)} ELSE {reason} END"
    return reason


def _header_test(opened: OpenSource) -> str:
    """The test of a row of a CSV file that repeats the header, as files laid end to end do; empty where none can."""
    if not opened.relation.is_text:
        return ""
    theirs = {
        name: column.expression[1:-1].replace('""', '"')
        for name, column in opened.mapped.columns.items()
        if not column.computed
    }
    return " AND ".join(f"{identifier(name)} = {literal(field)}" for name, field in theirs.items())


def _rejections(opened: OpenSource) -> list[str]:
    """The tests of one row that find a refund, where refunds are rejected."""
    if opened.settings.refunds != "reject" or opened.source.table not in ("orders", "refunds"):
        return []
    if opened.source.table == "refunds":
        return ["true"]
    tests = [f"{_value('refund_of')} IS NOT NULL"] if opened.has("refund_of") else []
    return tests if opened.has("order_id") else [*tests, f"{_value('value')} < 0"]
