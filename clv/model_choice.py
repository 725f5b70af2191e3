"""Which model of orders fits best: by what it foretold of held-out time, with AIC and BIC beside it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from clv.beta_geo import BetaGeo
from clv.modified_beta_geo import ModifiedBetaGeo
from clv.nbd import NBD
from clv.order_models import OrdersFit
from clv.pareto_nbd import ParetoNBD
from clv.patterns import numeric_columns
from customer_data.errors import InputError, ModelError

if TYPE_CHECKING:
    import pandas as pd


class OrderModel(Protocol):
    """A model of orders that is still to be fitted."""

    def fit(self, histories: "pd.DataFrame") -> OrdersFit:
        """Fit to frequency, recency and T."""


def compare_order_models(
    histories: "pd.DataFrame",
    *,
    later: "pd.DataFrame | None" = None,
    models: Sequence[OrderModel] = (BetaGeo(), ModifiedBetaGeo(), ParetoNBD(), NBD()),
) -> "pd.DataFrame":
    """Fit several models to the same histories and compare them.

    Parameters
    ----------
    histories : DataFrame
        frequency, recency, T in one unit; optionally weight.
    later : DataFrame, optional
        The same customers, row by row, observed for longer: frequency, recency, T in the same unit.
    models : sequence
        Models to be fitted; without it BG/NBD, MBG/NBD, Pareto/NBD and NBD.

    Returns
    -------
    DataFrame
        One row per model, the best first (by ``holdout_log_likelihood``, without ``later`` by ``bic``): model,
        parameters (their number), customers, log_likelihood, aic, bic, holdout_log_likelihood (of what happened after
        T, given the history), actual_orders, forecast_orders, mae, rmse (per customer), problem (why a model could not
        be fitted, else empty). Without ``later`` the holdout columns are missing values.

    Raises
    ------
    InputError
        Impossible histories, or ``later`` does not continue them.
    """
    import pandas as pd

    if later is not None:
        _check_continuation(histories, later)
    table = pd.DataFrame([_row(model, histories, later) for model in models], columns=list(_COLUMNS)).astype(_COLUMNS)
    criterion = table["bic"] if later is None else -table["holdout_log_likelihood"]
    return table.iloc[np.argsort(criterion.to_numpy(), kind="stable")].reset_index(drop=True)


_NUMBERS = (
    "customers",
    "log_likelihood",
    "aic",
    "bic",
    "holdout_log_likelihood",
    "actual_orders",
    "forecast_orders",
    "mae",
    "rmse",
)
_COLUMNS = {"model": "object", "parameters": "Int64", **dict.fromkeys(_NUMBERS, "float64"), "problem": "object"}


def _row(model: OrderModel, histories: "pd.DataFrame", later: "pd.DataFrame | None") -> dict[str, object]:
    try:
        fit = model.fit(histories)
    except ModelError as error:
        return {"model": type(model).__name__, "problem": str(error)}
    row: dict[str, object] = {
        "model": fit.estimate.model,
        "parameters": len(fit.parameters),
        "customers": fit.customers,
        "log_likelihood": fit.log_likelihood,
        "aic": fit.aic,
        "bic": fit.bic,
        "problem": "",
    }
    if later is None:
        return row
    before = numeric_columns(histories, required=("frequency", "recency", "T"), optional=("weight",))
    after = numeric_columns(later, required=("frequency", "recency", "T"))
    weight = before.get("weight", np.ones(len(histories)))
    actual = after["frequency"] - before["frequency"]
    expected = fit.expected_orders(after["T"] - before["T"], before["frequency"], before["recency"], before["T"])
    continued = later.assign(weight=weight)
    customers = float(weight.sum())
    return row | {
        "holdout_log_likelihood": fit.score(continued) - fit.log_likelihood,
        "actual_orders": float(weight @ actual),
        "forecast_orders": float(weight @ expected),
        "mae": float(weight @ np.abs(expected - actual)) / customers,
        "rmse": float(np.sqrt(weight @ (expected - actual) ** 2 / customers)),
    }


def _check_continuation(histories: "pd.DataFrame", later: "pd.DataFrame") -> None:
    if len(histories) != len(later):
        raise InputError(
            f"later: {len(later):,} rows, but histories have {len(histories):,}. Give the same customers in the same "
            "order."
        )
    before = numeric_columns(histories, required=("frequency", "recency", "T"))
    after = numeric_columns(later, required=("frequency", "recency", "T"))
    problems = []
    for name in ("frequency", "recency", "T"):
        bad = after[name] < before[name]
        if bad.any():
            problems.append(
                f"later.{name}: {int(bad.sum()):,} of {len(later):,} rows are smaller than in histories (first: row "
                f"{int(np.argmax(bad))}). Give the same customers in the same order, observed for longer."
            )
    if problems:
        raise InputError(problems)
