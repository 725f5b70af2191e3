"""Files of orders and payments: which rows are sales, and what of them is value, in the exports of known shops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from customer_data.file_heads import Head
from customer_data.sql_text import literal
from customer_data.written_forms import guessed_decimal
from reports.configuration.column_names import REFUND_VALUES, ColumnNames
from reports.configuration.toml_text import toml_sql, toml_text

_STATUSES = ("financial_status", "status", "order_status", "deal_stage")
_LINE_VALUES = ("item_total", "line_total", "lineitem_total", "line_item_total", "item_subtotal")
_QUANTITIES = ("quantity", "qty", "lineitem_quantity", "item_quantity")
_UNIT_PRICES = ("unit_price", "unitprice", "price", "lineitem_price", "item_price")
_SHOWN_STATUSES = 6
SAME_FILE = "<this file>"
"""Stands in a note for the file that it is about, which is written as a path from the configuration."""


@dataclass(frozen=True)
class Sales:
    """The columns and keys of orders that their kind of export decides, and what a user may want to know of it."""

    columns: dict[str, str]
    computed: dict[str, str] = field(default_factory=dict)
    filter: str | None = None
    notes: list[str] = field(default_factory=list)


def sales_of(columns: dict[str, str], names: ColumnNames, head: Head) -> Sales:
    """Take what the rows say about payments that failed, refunds and lines into account.

    Parameters
    ----------
    columns
        Their columns by ours, as their names alone tell them.
    names, head
        All names of the file, and its first rows.
    """
    sales = Sales(dict(columns))
    refunded = names.named(*REFUND_VALUES)
    texts = [text for name in (columns.get("value"), refunded) if name for text in head.texts(name)]
    amount = _Amounts(head, guessed_decimal(texts) or ".", may_be_grouped="financial_status" not in names)
    _take_converted(sales, names, head)
    kept = _sale_statuses(sales, names, head)
    if "captured" in names and kept:
        kept.append(f"lower({head.text_sql(names.named('captured') or '')}) = 'true'")
    if (mode := names.named("mode")) is not None and {*head.texts(mode)} & {"Live", "Test"}:
        kept.append(f"{head.sql(mode)} = 'Live'")
    if (cancelled := names.named("cancelled_at")) is not None:
        kept.append(f"{head.sql(cancelled)} IS NULL")
    value, lines = sales.columns.get("value"), names.named("lineitem_name")
    if value is not None and "financial_status" in names and lines is not None:
        kept.append(f"{head.sql(value)} IS NOT NULL")
        sales.columns.pop("product", None)
        sales.notes.extend(_of_shopify(names, head, amount, sales.columns, kept))
    elif value is None:
        _multiply(sales, names, amount)
    elif "product" in sales.columns and _stands_on_each_line(head, sales.columns.get("order_id"), value):
        _take_lines(sales, names, amount, value)
    value, refunded = sales.columns.get("value"), names.named(*_refund_names(sales))
    if value is not None and refunded is not None:
        sales.computed["value"] = f"{amount.sql(value)} - {amount.or_zero(refunded)}"
        del sales.columns["value"]
    return Sales(sales.columns, sales.computed, " AND ".join(kept) or None, sales.notes)


class _Amounts:
    """SQL of columns as numbers; NULL, so that the row is set aside, where one is no number."""

    def __init__(self, head: Head, decimal: str, *, may_be_grouped: bool) -> None:
        self._head = head
        self._decimal = decimal
        self._may_be_grouped = may_be_grouped

    def sql(self, name: str) -> str:
        """A column, without thousands' groups."""
        return f"CAST({self._bare(self._head.text_sql(name))} AS DOUBLE)"

    def or_zero(self, name: str) -> str:
        """The same, 0 where the column is blank."""
        given = f"coalesce({self._head.text_sql(name)}, '0')"
        return f"CAST({self._bare(given)} AS DOUBLE)"

    def share(self, name: str, of: str) -> str:
        """What part of another column a column is, 0 where either is blank or 0."""
        return f"coalesce({self.or_zero(name)} / nullif({self.sql(of)}, 0), 0)"

    def _bare(self, text: str) -> str:
        if self._decimal == ",":
            return f"replace(replace({text}, '.', ''), ',', '.')"
        return f"replace({text}, ',', '')" if self._may_be_grouped else text


def _sale_statuses(sales: Sales, names: ColumnNames, head: Head) -> list[str]:
    """The tests of rows that are sales, by the statuses of shops that are known; a note where the shop is not."""
    column = names.named(*_STATUSES)
    if column is None:
        return []
    test = f"lower({head.text_sql(column)})"
    refunds = names.named(*REFUND_VALUES) is not None
    known: Sequence[str] = ()
    if "financial_status" in names:
        known = ("paid", "partially_refunded")  # Shopify
    elif "deal_stage" in names:
        known = ("closed won", "closedwon")  # HubSpot
    elif {"order_total", "order_key", "customer_user", "payment_method_title"} & _those_of(names):
        known = ("completed", "processing", "wc-completed", "wc-processing")  # WooCommerce
    elif refunds or "captured" in names:
        known = ("paid", "succeeded", "partially refunded", "partial refund", "partially_refunded")  # Stripe
    seen = list(dict.fromkeys(text.lower() for text in head.texts(column)))
    if seen and not {*seen} & {*known}:
        listed = ", ".join(literal(one) for one in seen[:_SHOWN_STATUSES])
        sales.notes.append(
            f"filter = {toml_text(f'{test} IN ({listed})')}  # those values of {column} that mean a sale"
        )
        return []
    if not known:
        return []
    if left := [one for one in seen if one not in known]:
        sales.notes.append(f"of {column}, rows that say {', '.join(left[:_SHOWN_STATUSES])} are left out as no sales")
    return [f"{test} IN ({', '.join(literal(one) for one in known)})"]


def _those_of(names: ColumnNames) -> set[str]:
    return {one for one in ("order_total", "order_key", "customer_user", "payment_method_title") if one in names}


def _take_converted(sales: Sales, names: ColumnNames, head: Head) -> None:
    """Stripe also tells amounts in the currency that it pays out: take these where customers paid in several."""
    currency, paid_out = sales.columns.get("currency"), names.named("converted_currency")
    converted = names.named("converted_amount")
    if currency is None or paid_out is None or converted is None or sales.columns.get("value") != names.named("amount"):
        return
    if len({*head.texts(currency)}) > 1 and len({*head.texts(paid_out)}) == 1:
        sales.columns.update(value=converted, currency=paid_out)
        sales.notes.append(f"customers paid in several currencies; {converted} is what they paid in that of the payout")


def _refund_names(sales: Sales) -> tuple[str, ...]:
    converted = "converted" in sales.columns.get("value", "").lower()
    return ("converted_amount_refunded",) if converted else REFUND_VALUES


def _multiply(sales: Sales, names: ColumnNames, amount: _Amounts) -> None:
    quantity, price = names.named(*_QUANTITIES), names.named(*_UNIT_PRICES)
    if quantity is not None and price is not None:
        sales.computed["value"] = f"{amount.sql(quantity)} * {amount.sql(price)}"
        sales.notes.append(f"value is {quantity} times {price}: without discounts, taxes and shipping of other columns")


def _stands_on_each_line(head: Head, order: str | None, value: str) -> bool:
    """Whether the lines of an order all repeat its total."""
    if order is None:
        return False
    amounts: dict[str, list[str]] = {}
    for number, amount in zip(head.column(order), head.column(value), strict=True):
        amounts.setdefault(number, []).append(amount)
    of_several = [found for number, found in amounts.items() if number and len(found) > 1]
    return bool(of_several) and all(len({*found}) == 1 for found in of_several)


def _take_lines(sales: Sales, names: ColumnNames, amount: _Amounts, total: str) -> None:
    """The value of a line where an order's total stands on each of its lines, which are summed."""
    line, refunded = names.named(*_LINE_VALUES), names.named(*REFUND_VALUES)
    repeated = f"{total} stands on each line of an order, and the lines of an order are summed"
    del sales.columns["value"]
    if line is None:
        sales.notes.append(f"{repeated}: value has to be what a line is worth")
        return
    sales.notes.append(f"{repeated}: value is {line}, without what is counted once for an order, such as shipping")
    if refunded is None:
        sales.columns["value"] = line
        return
    sales.computed["value"] = f"{amount.sql(line)} * (1 - {amount.share(refunded, total)})"
    sales.notes.append(f"of {refunded}, each line bears its share")


def _of_shopify(
    names: ColumnNames, head: Head, amount: _Amounts, columns: dict[str, str], kept: list[str]
) -> list[str]:
    """What to say of orders of which only the first line has the total, and how to read them otherwise."""
    total = columns["value"]
    notes = [
        f"{total}, less what was refunded, is the value: with taxes and shipping. It stands on the first line of an "
        "order, so the others are left out, and with them the products",
    ]
    parts = {one: names.named(one) for one in ("subtotal", "taxes", "shipping", "discount_amount")}
    refunded, price = names.named(*REFUND_VALUES), names.named("lineitem_price")
    quantity = names.named("lineitem_quantity")
    back = "0" if refunded is None else amount.share(refunded, total)
    if parts["taxes"] and parts["shipping"]:
        net = " - ".join(amount.sql(one) for one in (total, parts["taxes"], parts["shipping"]) if one)
        notes.append("without taxes and shipping: value = " + toml_sql(f"({net}) * (1 - {back})"))
    subtotal, discount = parts["subtotal"], parts["discount_amount"]
    currencies = {*head.texts(columns["currency"])} if "currency" in columns else set()
    if not (subtotal and discount and price and quantity and refunded and len(currencies) == 1):
        return notes
    unpaid = " AND ".join(one for one in kept if not one.endswith("IS NOT NULL"))
    off = f"{amount.or_zero(discount)} + {amount.sql(subtotal)} * CASE WHEN {unpaid} THEN {back} ELSE 1 END"
    currency = "currency = " + toml_sql(literal(currencies.pop()))
    return [
        *notes,
        "by product, as clv.product_margins needs it: in [orders] no filter and these three columns; and [refunds] for",
        "discounts, refunds and unpaid orders, which are taken off all products of an order alike",
        f"  product = {toml_text(names.named('lineitem_name') or '')}",
        "  value = " + toml_sql(f"{amount.sql(quantity)} * {amount.sql(price)}"),
        f"  {currency}",
        "  [refunds]",
        f"  file = {SAME_FILE}",
        f"  filter = {toml_text(f'({off}) > 0')}",
        "  [refunds.columns]",
        *(f"  {one} = {toml_text(columns[one])}" for one in ("order_id", "time")),
        "  value = " + toml_sql(off),
        f"  {currency}",
    ]
