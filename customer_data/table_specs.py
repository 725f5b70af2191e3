"""The tables that a source can fill: their columns, what each holds, which must be there."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a column holds; it decides how the column is read and checked."""

    IDENTITY = "identity"
    TIME = "time"
    DAY = "day"
    MONEY = "money"
    CHANNEL = "channel"
    TEXT = "text"


@dataclass(frozen=True)
class Column:
    """One column of ours."""

    name: str
    kind: Kind
    required: bool = False
    may_be_blank: bool = True


@dataclass(frozen=True)
class TableSpec:
    """One table of ours; ``takes_attributes`` lets a source add columns under names of its own."""

    table: str
    columns: tuple[Column, ...]
    takes_attributes: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(column.name for column in self.columns)

    @property
    def money_column(self) -> str | None:
        """The column whose amounts are counted with the rows."""
        return next((column.name for column in self.columns if column.kind is Kind.MONEY), None)


def _needed(name: str, kind: Kind) -> Column:
    return Column(name, kind, required=True, may_be_blank=False)


TABLE_SPECS = {
    spec.table: spec
    for spec in (
        TableSpec(
            "touchpoints",
            (
                _needed("customer_id", Kind.IDENTITY),
                _needed("time", Kind.TIME),
                _needed("channel", Kind.CHANNEL),
                Column("campaign", Kind.TEXT),
                Column("cost", Kind.MONEY),
                Column("currency", Kind.TEXT),
                Column("device", Kind.TEXT),
            ),
        ),
        TableSpec(
            "orders",
            (
                Column("order_id", Kind.IDENTITY, may_be_blank=False),
                _needed("customer_id", Kind.IDENTITY),
                _needed("time", Kind.TIME),
                _needed("value", Kind.MONEY),
                Column("currency", Kind.TEXT),
                Column("product", Kind.TEXT),
                Column("type", Kind.TEXT),
                Column("refund_of", Kind.IDENTITY),
            ),
        ),
        TableSpec(
            "refunds",
            (
                _needed("order_id", Kind.IDENTITY),
                Column("customer_id", Kind.IDENTITY),
                _needed("time", Kind.TIME),
                _needed("value", Kind.MONEY),
                Column("currency", Kind.TEXT),
            ),
        ),
        TableSpec(
            "spend",
            (
                _needed("date", Kind.DAY),
                _needed("channel", Kind.CHANNEL),
                _needed("cost", Kind.MONEY),
                Column("currency", Kind.TEXT),
            ),
        ),
        TableSpec("customers", (_needed("customer_id", Kind.IDENTITY),), takes_attributes=True),
    )
}
