"""The dirty shop: Online Retail, straight from its file, by country."""

import numpy as np
import pytest

from clv.calendar import day_number
from clv.customer_forecasts import value_deciles
from clv.forecasting import forecast
from clv.holdout_check import holdout
from customer_data.loading import load
from customer_data.sources import LoadSettings, Source, Sql

COUNTRY = ("country",)


@pytest.fixture
def online_retail(connection, shared_data):
    """The engine's tables orders and customers, loaded with cancellations netted."""
    data = shared_data / "online_retail" / "online_retail.csv.gz"
    orders = {"order_id": "InvoiceNo", "customer_id": "CustomerID", "time": "InvoiceDate"}
    sources = [
        Source(table="orders", data=data, columns=orders | {"value": Sql("Quantity * UnitPrice")}),
        Source(table="customers", data=data, columns={"customer_id": "CustomerID", "country": "Country"}),
    ]
    load(connection, sources, LoadSettings(currency="GBP"))
    return connection


def test_online_retail_is_forecast_and_checked_by_country(online_retail):
    made = forecast(online_retail, segment_by=COUNTRY, segment_parameters="partial", margin=0.3, draws=150)
    table = made.segment_forecast.set_index("segment")
    assert made.histories.until_day == day_number("2011-12-09")
    assert len(table) > 30
    assert table["customers"].iloc[:-1].sum() == table.loc["all", "customers"] == made.histories.customers
    amounts = table[["expected_orders", "clv", "low", "high"]].to_numpy(dtype=float)
    assert np.isfinite(amounts).all()
    assert (amounts >= 0).all()
    leaving = made.parameters.set_index(["segment", "parameter"])["estimate"].loc["all"]
    assert leaving["a"] / (leaving["a"] + leaving["b"]) < 0.001  # within its year hardly anybody leaves this shop
    assert table.loc["all", "low"] < table.loc["all", "clv"] < table.loc["all", "high"]
    assert table["clv"].iloc[:-1].idxmax() == "United Kingdom"
    assert value_deciles(online_retail)["share"].iloc[0] > 0.3
    # The last third of the year is its season: the orders of August to November fall short in the forecast.
    held = holdout(online_retail, segment_by=COUNTRY, draws=150)
    assert "were refunded later, by" in held.notes[0]
    assert "weak prior was stated" in held.notes[1]  # before the last third nobody is seen to leave
    total = held.totals.set_index("segment").loc["all"]
    assert -0.5 < total["error"] < 0
    assert abs(held.scores.loc[0, "error"]) < abs(held.scores.loc[1, "error"])
    assert held.totals["actual_orders"].iloc[:-1].sum() == total["actual_orders"]
    assert held.new_customers > 500
