"""Closed forms against arithmetic with 40 to 60 digits.

The tables were computed once with mpmath, at 40 to 60 digits: BG/NBD and MBG/NBD from the closed forms in 2F1
(equations 8 and 10 of Fader, Hardie & Lee 2005; MBG/NBD with b + 1), a = 1 as the limit at 1 + 1e-25; Pareto/NBD from
note 009 (2F1 and Tricomi's U); discounted orders of BG/NBD and P(X(t) = n) of Pareto/NBD by its adaptive quadrature.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clv.beta_geo import BetaGeoFit
from clv.modified_beta_geo import ModifiedBetaGeoFit
from clv.order_models import OrdersFit
from clv.pareto_nbd import ParetoNBDFit

HERE = Path(__file__).parent


TOLERANCES = {
    "p_alive": 1e-12,
    "expected_orders": 1e-12,
    "discounted_orders": 1e-12,
    "probability_of_orders": 1e-10,
    "probability_of_no_order": 1e-10,
}
TABLES: list[tuple[str, list[str], type[OrdersFit], list[str]]] = [
    ("beta_geo_reference.csv", ["r", "alpha", "a", "b"], BetaGeoFit, list(TOLERANCES)),
    ("pareto_nbd_reference.csv", ["r", "alpha", "s", "beta"], ParetoNBDFit, list(TOLERANCES)),
    (
        "modified_beta_geo_reference.csv",
        ["r", "alpha", "a", "b"],
        ModifiedBetaGeoFit,
        ["p_alive", "expected_orders", "probability_of_no_order"],
    ),
]


@pytest.mark.parametrize(
    ("table", "parameters", "model", "quantity"),
    [(table, parameters, model, quantity) for table, parameters, model, held in TABLES for quantity in held],
)
def test_agrees_with_40_digit_arithmetic(
    table: str, parameters: list[str], model: type[OrdersFit], quantity: str
) -> None:
    reference = pd.read_csv(HERE / table)
    asked = reference[reference["quantity"] == quantity]
    assert len(asked) > 50
    formula = getattr(model.formulas, quantity)
    for values, rows in asked.groupby(parameters):
        named = dict(zip(parameters, values, strict=True))
        history = rows["x"], rows["t_x"], rows["T"]
        if quantity == "p_alive":
            found = formula(*history, **named)
        elif quantity == "discounted_orders":
            found = formula(rows["delta"], *history, horizon=rows["t"], **named)
        elif quantity == "probability_of_orders":
            found = formula(rows["x"], rows["t"], **named)
        else:
            found = formula(rows["t"], *history, **named)
        np.testing.assert_allclose(found, rows["value"], rtol=TOLERANCES[quantity], err_msg=f"{quantity} at {named}")
