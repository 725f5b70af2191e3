"""Maven Fuzzy Factory: a shop in which hardly anybody orders twice, straight from its files."""

import pytest

from clv.holdout_check import holdout
from customer_data.loading import load
from customer_data.sources import LoadSettings, Source


@pytest.fixture
def maven(connection, shared_data):
    """The engine's table orders, refunds netted."""
    folder = shared_data / "maven_fuzzy_factory"
    both = {"order_id": "order_id", "time": "created_at"}
    sources = [
        Source(
            table="orders", data=folder / "orders.csv", columns=both | {"customer_id": "user_id", "value": "price_usd"}
        ),
        Source(table="refunds", data=folder / "order_item_refunds.csv", columns=both | {"value": "refund_amount_usd"}),
    ]
    load(connection, sources, LoadSettings(currency="USD"))
    return connection


def test_the_model_chosen_foretells_the_few_repeats_and_the_weak_prior_moves_nothing(maven):
    chosen = holdout(maven, orders_model="auto", draws=300)
    # Held out, in days of purchase MBG/NBD -89.0 and BG/NBD -106.4, in continuous time Pareto/NBD -89.2.
    assert chosen.scores["method"].iloc[0] == "MBG/NBD"
    total = chosen.totals.iloc[-1]
    assert total["actual_orders"] == 28  # one of them by a customer whose first order was refunded after the line
    assert abs(total["error"]) < 0.25
    assert total["low"] < 28 < total["high"]
    # BG/NBD has no maximum here: the likelihood grows towards one chance to leave for all, at which, maximised with
    # a and b at 1e5 times their shares, the forecast is 69.2 (70.4 in continuous time). The prior must leave it there.
    plain = holdout(maven, draws=100)
    assert "15 of the orders until 2014-03-20 were refunded later, by 715.85" in plain.notes[0]
    assert "weak prior" in plain.notes[1]
    assert plain.totals["forecast_orders"].iloc[-1] == pytest.approx(69.2, rel=0.015)
