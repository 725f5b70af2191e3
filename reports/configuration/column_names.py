"""What exports call their columns: names blind to how they are written, and which of ours they may mean."""

from __future__ import annotations

import re
from collections.abc import Sequence

SYNONYMS: dict[str, tuple[str, ...]] = {
    "customer_id": (
        "customer_id", "customerid", "user_id", "userid", "visitor_id", "visitorid", "client_id", "user_pseudo_id",
        "effective_user_id", "domain_userid", "anonymous_id", "idvisitor", "contact_id", "master_id", "amplitude_id",
        "customer_email", "billing_email", "person_email", "email", "associated_contact_ids", "associated_contact",
        "customer", "user",
    ),
    "order_id": (
        "order_id", "orderid", "order", "transaction_id", "ecommerce_transaction_id", "invoice_no", "invoiceno",
        "invoice", "order_number", "deal_id", "tr_orderid",
    ),
    "time": (
        "time", "timestamp", "created_at", "started_at", "converted_at", "event_timestamp", "event_time",
        "derived_tstamp", "visit_first_action_time", "first_action_timestamp", "server_timestamp", "paid_at",
        "order_date", "invoice_date", "invoicedate", "visit_time", "created_date", "created", "close_date", "date",
    ),
    "date": ("date", "day", "date_day", "tag", "reporting_starts", "spend_date", "berichtsstart"),
    "campaign": (
        "campaign", "utm_campaign", "campaign_name", "mkt_campaign", "manual_campaign_name", "session_campaign",
        "collected_traffic_source_manual_campaign_name", "kampagne", "kampagnenname",
    ),
    "device": ("device", "device_type", "device_category"),
    "value": (
        "value", "revenue", "total", "amount", "amount_paid", "order_value", "price_usd", "dollar_value",
        "purchase_revenue", "tr_total",
        "ecommerce_purchase_revenue", "total_price", "order_total", "sales", "n_revenue",
    ),
    "cost": ("cost", "spend", "amount_spent", "ad_spend", "costs", "kosten", "ausgegebener_betrag"),
    "currency": ("currency", "currency_code", "order_currency", "währungscode"),
    "product": ("product", "product_id", "sku", "stock_code", "stockcode", "lineitem_name", "item_name"),
    "refund_of": ("refund_of", "refunded_order", "original_order_id"),
    "path": ("path",),
    "conversions": ("conversions", "total_conversions"),
    "nulls": ("nulls", "total_null", "total_nulls", "null"),
}  # fmt: skip
REFUND_VALUES = (
    "refund_amount", "refund_amount_usd", "refunded_amount", "amount_refunded", "refunded_total", "refund",
    "refund_value",
)  # fmt: skip
PATH_VALUES = ("value", "total_conversion_value", "conversion_value")
_CODES = (
    "AED|ARS|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KES|KRW|MXN|MYR|NGN|NOK|NZD|"
    "PEN|PHP|PLN|RON|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR"
)
_CURRENCY = re.compile(rf"[ _,]+(?:in[ _])?\(?({_CODES})\)?$", re.IGNORECASE)


class ColumnNames:
    """The names of a file's columns, found blind to capitals, to the signs between words, and to a currency or UTC
    behind them: ``Amount spent (USD)`` is ``amount_spent``, ``sessionSourceMedium`` is ``session_source_medium``."""

    def __init__(self, theirs: Sequence[str]) -> None:
        bare = {plain(_CURRENCY.sub("", name)).removesuffix("_utc"): name for name in reversed(theirs)}
        self._found = bare | {plain(name): name for name in reversed(theirs)}

    def named(self, *synonyms: str) -> str | None:
        """The column that has the first of these names that one has."""
        return next((self._found[name] for name in synonyms if name in self._found), None)

    def all_named(self, *synonyms: str) -> list[str]:
        """The columns that have one of these names, in the order of the names."""
        return list(dict.fromkeys(self._found[name] for name in synonyms if name in self._found))

    def __contains__(self, synonym: str) -> bool:
        return synonym in self._found


def plain(name: str) -> str:
    """Return a name in small letters, its words joined by ``_``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", words.casefold()).strip("_")


def says_utc(name: str) -> bool:
    """Whether the name of a column of times ends in UTC."""
    return plain(name).endswith("_utc")


def currency_of(name: str) -> str | None:
    """Return the currency that stands at the end of a column's name, as in ``Amount spent (USD)``."""
    found = _CURRENCY.search(name)
    return None if found is None else found[1].upper()
