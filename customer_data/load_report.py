"""What a load did: counts that add up, quarantined rows, warnings, the period and the currency."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LoadReport:
    """The outcome of `load`.

    Parameters
    ----------
    row_counts : pandas.DataFrame
        source, reason, rows, amount (units of 1/10,000 of the currency, missing where rows have none). Per source, the
        rows "read" are the rows "kept" and those of all other reasons together. For orders "kept" counts orders.
    quarantine_rows : int
        Rows in quarantine.
    quarantine_sample : pandas.DataFrame
        source, file, row, reason, record: the first rows of each reason.
    warnings : tuple of str
        What a careful reader should know, one sentence or two each.
    period : tuple of date, or None
        First and last day of touchpoints and orders in the configured zone.
    currency : str, optional
        The currency of all amounts, if the input or the settings name one.
    refunded_customers, refunded_orders, refunded_value : int
        Customers whose every order was refunded in full, so that they are customers no more; those orders, and what
        they were worth before, in units of 1/10,000 of the currency.
    """

    row_counts: "pd.DataFrame"
    quarantine_rows: int
    quarantine_sample: "pd.DataFrame"
    warnings: tuple[str, ...]
    period: tuple[date, date] | None
    currency: str | None
    refunded_customers: int = 0
    refunded_orders: int = 0
    refunded_value: int = 0
