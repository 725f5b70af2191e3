"""Margins of products, and what they make of segments and of customers."""

import numpy as np
import pandas as pd
import pytest

from clv.customer_forecasts import value_deciles
from clv.finance import cash_flow
from clv.forecasting import forecast
from clv.infinite_horizon import infinite_horizon
from clv.margins import ProductMargins, make_customer_margins, margin_notes, product_margin
from customer_data.errors import ConfigurationError


@pytest.fixture
def two_shops(connection, fill, shop):
    """A shop whose customers of segment thin buy hats alone, and those of segment fat coats alone."""
    fill(connection, shop(300, seed=2), pd.DataFrame({"customer_id": range(300), "grp": ["thin", "fat"] * 150}))
    connection.execute("ALTER TABLE orders ADD COLUMN product VARCHAR")
    connection.execute("UPDATE orders SET product = CASE WHEN customer_id % 2 = 0 THEN 'hat' ELSE 'coat' END")
    return connection


MARGINS = ProductMargins({"hat": 0.1, "coat": 0.9})


def test_a_segment_has_the_margin_of_what_it_buys(two_shops):
    revenue = forecast(two_shops, segment_by=["grp"], draws=200).segment_forecast
    made = forecast(two_shops, segment_by=["grp"], margin=MARGINS, draws=200)
    assert made.models.patterns.segments == ("fat", "thin")
    assert made.margins.tolist() == pytest.approx([0.9, 0.1])
    rows = made.segment_forecast
    expected = revenue["clv"].to_numpy()[:2] * [0.9, 0.1]
    assert rows["clv"].tolist() == pytest.approx([*expected, expected.sum()])
    assert rows["low"].tolist()[:2] == pytest.approx(revenue["low"].to_numpy()[:2] * [0.9, 0.1])
    assert made.margin == pytest.approx(expected.sum() / revenue["clv"].iloc[-1])
    assert rows["low"].iloc[-1] < rows["clv"].iloc[-1] < rows["high"].iloc[-1]


def test_all_cuts_of_a_forecast_with_margins_by_product_have_one_total(two_shops):
    two_shops.execute("UPDATE orders SET product = 'coat' WHERE customer_id % 6 = 0")
    made = forecast(two_shops, segment_by=["grp"], margin=MARGINS, draws=200)
    total = made.segment_forecast["clv"].iloc[-1]
    (of_customers,) = two_shops.execute("SELECT sum(clv) FROM customer_forecast").fetchone()
    flows = cash_flow(two_shops, made, draws=200)
    known = flows.totals[(flows.totals["source"] == "known customers") & (flows.totals["segment"] == "all")]
    for other in (
        of_customers,
        made.monthly["discounted_value"].sum(),
        flows.cohorts["discounted"].sum(),
        known["discounted"].iloc[0],
        value_deciles(two_shops).query("segment == 'all'")["clv"].sum(),
        infinite_horizon(two_shops, made)["clv"].iloc[-1],
    ):
        assert other == pytest.approx(total, rel=1e-6)
    endless = infinite_horizon(two_shops, made)["clv_infinite"].tolist()
    (of_customers,) = two_shops.execute("SELECT sum(clv_infinite) FROM customer_forecast").fetchone()
    assert endless[-1] == pytest.approx(sum(endless[:-1])) == pytest.approx(of_customers)


def test_a_customer_s_margin_leans_on_the_segment_s_by_credibility(connection):
    # Customer 1 bought 100 at .2 twice, 2 bought 100 at .6 twice, 3 at .2 and at .6: the mean is .4, within them
    # s² = 100 (.04 + .04) / 3 = 8/3; a = (8 + 8 - 2 s²) / (600 - 3 * 200² / 600) = (32/3) / 400 = .02667; so of what
    # they differ from the mean 200 / (200 + s²/a) = 2/3 is kept: .4 - .2 * 2/3 = .26667.
    connection.execute(
        """CREATE TABLE orders AS SELECT *, 100 AS value FROM (VALUES
           (1, 0, 'a'), (1, 1, 'a'), (2, 0, 'b'), (2, 1, 'b'), (3, 0, 'a'), (3, 1, 'b'))
           AS t(customer_id, day, product)"""
    )
    connection.execute("CREATE TABLE histories AS SELECT DISTINCT customer_id, 'all' AS segment FROM orders")
    make_customer_margins(connection, ProductMargins({"a": 0.2, "b": 0.6}), until_day=1)
    found = connection.execute("FROM customer_margins ORDER BY customer_id").df()
    assert found["own_margin"].tolist() == pytest.approx([0.2, 0.6, 0.4])
    assert found["margin"].tolist() == pytest.approx([0.4 - 0.4 / 3, 0.4 + 0.4 / 3, 0.4])


def test_names_without_orders_and_products_without_margins_are_told(two_shops):
    margins = ProductMargins({"hat": 0.1, "coats": 0.6}, default=0.3)
    warnings, notes = margin_notes(two_shops, margins)
    assert warnings == [
        "product_margins: no order has a product 'coats', so its margin counts for nothing. Did you mean 'coat'?"
    ]
    assert notes[0].startswith("1 product of 2, with ")
    assert notes[0].endswith("(the largest: 'coat'), have no margin of their own and take 30.0%, the default.")
    made = forecast(two_shops, margin=margins, draws=100)
    assert made.warnings == tuple(warnings)
    assert notes[0] in made.notes
    with pytest.raises(ConfigurationError, match="1 of 2 products have no margin"):
        product_margin(two_shops, {"hat": 0.1})


@pytest.mark.parametrize("margin", [1.5, np.nan, np.inf, None, ProductMargins({"hat": 35})])
def test_a_margin_that_is_no_part_of_revenue_is_refused(connection, margin):
    with pytest.raises(ConfigurationError, match=r"margin .*is .*; it must be a number up to 1"):
        forecast(connection, margin=margin)
