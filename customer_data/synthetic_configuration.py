"""The commented ``pathworth.toml`` that stands beside the files of the synthetic shop."""

from typing import Literal

TEMPLATE = """\
# The report of a synthetic shop. `pathworth report pathworth.toml` runs this file as it is.
# What is true of this shop, and what no report can see, stands in truth.json.

[report]
title = "Synthetic shop"
currency = "EUR"
confidence = 0.90           # of every interval

# The columns of these files have our names, so no mapping is needed. Some rows are faulty on purpose:
# without a customer, a time or a channel they are put aside and counted; doubled rows are dropped here.

[touchpoints]
file = "touchpoints.{format}"
duplicates = "drop"

[orders]
file = "orders.{format}"
duplicates = "drop"
refunds = "net"             # negative orders are taken from the order they refund

[spend]
file = "spend.{format}"

[customers]
file = "customers.{format}" # country and acquisition, to segment by

[attribution]
lookback_days = 30
direct = "Direct"           # what the last non-direct click passes over

[clv]
segment_by = ["country", "acquisition"]
parameters = "separate"     # these segments differ: a fit for each
horizon_months = 12
annual_discount_rate = 0.10
"""


def configuration_text(format: Literal["parquet", "csv"]) -> str:
    """The configuration for files of this format."""
    return TEMPLATE.format(format=format)
