"""The commented ``pathworth.toml`` that stands beside the files of the synthetic shop."""

from typing import Literal

TEMPLATE = """\
# The report of a synthetic shop: `pathworth report pathworth.toml` runs it as it is.
# What is true of this shop, and no report can know, stands in truth.json.

title = "Synthetic shop"
currency = "EUR"

[touchpoints]
file = "touchpoints.{format}"

[orders]
file = "orders.{format}"
refunds = "net"          # negative orders are refunds: netted from the order they belong to

[spend]
file = "spend.{format}"

[customers]
file = "customers.{format}"

[attribution]
lookback_days = 30

[clv]
segment_by = ["country", "acquisition"]
"""


def configuration_text(format: Literal["parquet", "csv"]) -> str:
    """The configuration for files of this format."""
    return TEMPLATE.format(format=format)
