"""Whose orders a row of a cash flow, or of the orders of a holdout, holds."""

from typing import Final

KNOWN: Final = "known customers"
FIRST: Final = "first orders of new customers"
REPEAT: Final = "repeat orders of new customers"
TOTAL: Final = "total"
