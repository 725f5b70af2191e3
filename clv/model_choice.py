"""Which model of orders fits best: by what it foretold of held-out time, with AIC and BIC beside it.

Where each day holds one purchase at most (see `clv.purchase_days`), BG/NBD and MBG/NBD are compared as they are then
fitted and forecast with. Models that know continuous time only compete as they are: theirs are densities of orders at
the same days, and what they give to two orders of one day, which no history shows, they lose.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from clv import beta_geo, modified_beta_geo
from clv.arrays import FloatArray
from clv.beta_geo import BetaGeo
from clv.modified_beta_geo import ModifiedBetaGeo, ModifiedBetaGeoFit
from clv.nbd import NBD
from clv.order_laws import BetaGeometricLaw
from clv.order_models import OrdersFit
from clv.pareto_nbd import ParetoNBD
from clv.patterns import numeric_columns, patterns_of
from clv.purchase_days import without_taken_time
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
    day: float = 0.0,
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
    day : float
        The time, in the unit of the histories, of which each holds one purchase at most: 1/7 for days in histories in
        weeks. BG/NBD and MBG/NBD are then fitted to it, see `clv.purchase_days`; other models have continuous time
        only. 0 where time is continuous.

    Returns
    -------
    DataFrame
        One row per model, the best first (by ``holdout_log_likelihood``, without ``later`` by ``bic``): model,
        order_time ("days", or "continuous" where the model was compared without regard to ``day``), parameters (their
        number), customers, log_likelihood, aic, bic, holdout_log_likelihood (of what happened after T, given the
        history), holdout_std_error (of that sum, from how customers differ, given the fit), behind_best (how much
        higher that of the first model is), behind_best_std_error (of the difference, customer by customer: among like
        models much smaller than that of either sum), actual_orders, forecast_orders, mae, rmse (per customer), problem
        (why a model could not be fitted, else empty). Without ``later`` the holdout columns are missing values.

    Raises
    ------
    InputError
        Impossible histories, or ``later`` does not continue them.
    """
    import pandas as pd

    if later is not None:
        _check_continuation(histories, later)
    rows = [_row(model, histories, later, day) for model in models]
    scores = [row.pop("scores", None) for row in rows]
    table = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)
    criterion = table["bic"] if later is None else -table["holdout_log_likelihood"]
    order = np.argsort(criterion.to_numpy(), kind="stable")
    best = scores[order[0]]
    if best is not None:
        weight = histories["weight"].to_numpy(dtype=np.float64) if "weight" in histories else np.ones(len(histories))
        behind = [None if found is None else best - found for found in scores]
        table["behind_best"] = [np.nan if lost is None else float(weight @ lost) for lost in behind]
        table["behind_best_std_error"] = [np.nan if lost is None else _sum_error(lost, weight) for lost in behind]
    return table.iloc[order].reset_index(drop=True)


_NAMES = {"BetaGeo": "BG/NBD", "ModifiedBetaGeo": "MBG/NBD", "ParetoNBD": "Pareto/NBD"}
_NUMBERS = (
    "customers",
    "log_likelihood",
    "aic",
    "bic",
    "holdout_log_likelihood",
    "holdout_std_error",
    "behind_best",
    "behind_best_std_error",
    "actual_orders",
    "forecast_orders",
    "mae",
    "rmse",
)
_COLUMNS = {
    **dict.fromkeys(("model", "order_time"), "object"),
    "parameters": "Int64",
    **dict.fromkeys(_NUMBERS, "float64"),
    "problem": "object",
}


def _row(model: OrderModel, histories: "pd.DataFrame", later: "pd.DataFrame | None", day: float) -> dict[str, Any]:
    day = day if isinstance(model, BetaGeo | ModifiedBetaGeo) else 0.0
    order_time = "days" if day else "continuous"
    try:
        fit = _fit(model, histories, day)
    except ModelError as error:
        name = _NAMES.get(type(model).__name__, type(model).__name__)
        return {"model": name, "order_time": order_time, "problem": str(error)}
    row: dict[str, Any] = {
        "model": fit.estimate.model,
        "order_time": order_time,
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
    expected = _expected_orders(fit, after["T"] - before["T"], before, day)
    continued = without_taken_time(fit.read(later.assign(weight=weight)), day)
    customers = float(weight.sum())
    scores = _log_likelihoods(fit, after, day) - _log_likelihoods(fit, before, day)
    return row | {
        "holdout_log_likelihood": fit.score_patterns(continued) - fit.log_likelihood,
        "holdout_std_error": _sum_error(scores, weight),
        "scores": scores,
        "actual_orders": float(weight @ actual),
        "forecast_orders": float(weight @ expected),
        "mae": float(weight @ np.abs(expected - actual)) / customers,
        "rmse": float(np.sqrt(weight @ (expected - actual) ** 2 / customers)),
    }


def _fit(model: OrderModel, histories: "pd.DataFrame", day: float) -> OrdersFit:
    if day == 0 or not isinstance(model, BetaGeo | ModifiedBetaGeo):
        return model.fit(histories)
    patterns = without_taken_time(patterns_of(histories), day)
    if isinstance(model, BetaGeo):
        return beta_geo.fit_patterns(patterns, prior=model.prior, fallback=model.fallback)
    return modified_beta_geo.fit_patterns(patterns, prior=model.prior, fallback=model.fallback)


def _expected_orders(fit: OrdersFit, t: FloatArray, before: Mapping[str, FloatArray], day: float) -> FloatArray:
    """Expected orders, or days of purchase, in (T, T + t] given the histories before."""
    x, t_x, T = before["frequency"], before["recency"], before["T"]
    if day == 0:
        return fit.expected_orders(t, x, t_x, T)
    before_repeat = int(isinstance(fit, ModifiedBetaGeoFit))
    law = BetaGeometricLaw(**fit.parameters, chances_before_repeat=before_repeat, day=day)
    return law.expected_orders(t, x, t_x, T)


def _log_likelihoods(fit: OrdersFit, histories: Mapping[str, FloatArray], day: float) -> FloatArray:
    """The log-likelihood of each history: that of its orders by a customer who is alive all along, over P(alive)."""
    from scipy.special import betaln, gammaln

    x, t_x, T = histories["frequency"], histories["recency"], histories["T"]
    taken, parameters = day * x / 2, fit.parameters
    t_x, T = t_x - taken, T - taken
    r, alpha = parameters["r"], parameters["alpha"]
    alive = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + T)
    if "beta" in parameters:
        alive = alive - parameters["s"] * np.log1p(T / parameters["beta"])
    elif "a" in parameters:
        a, b = parameters["a"], parameters["b"]
        alive = alive + betaln(a, b + x + isinstance(fit, ModifiedBetaGeoFit)) - betaln(a, b)
    return np.asarray(alive - np.log(fit.p_alive(x, t_x, T)))


def _sum_error(values: FloatArray, weight: FloatArray) -> float:
    """Standard error of the sum of values over independent customers."""
    customers = float(weight.sum())
    mean = float(weight @ values) / customers
    return float(np.sqrt(weight @ (values - mean) ** 2 * customers / max(customers - 1, 1)))


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
