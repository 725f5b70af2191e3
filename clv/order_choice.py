"""Which model of orders a forecast follows: the one asked for, or the one that best foretold the past.

BG/NBD lets customers leave only after a repeat order, MBG/NBD after the first order too, Pareto/NBD at any time. Where
almost nobody comes back they differ much: under BG/NBD every one-time buyer stays for good.
"""

import warnings
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

import numpy as np

from clv import beta_geo, modified_beta_geo, pareto_nbd
from clv.calendar import DAYS_PER_WEEK, day_date
from clv.engine_queries import single_row
from clv.maximum_likelihood import LogNormalPrior, ModelWarning
from clv.model_choice import compare_order_models
from clv.order_laws import BetaGeometricLaw, FittedModelName, OrderLaw, ParetoLaw
from clv.order_models import OrdersFit
from clv.purchase_days import OrderTime, day_of_time
from customer_data.errors import ConfigurationError
from customer_data.known_orders import known_orders

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

OrdersModel: TypeAlias = Literal["bg_nbd", "mbg_nbd", "pareto_nbd", "auto"]

FIT_OF: Final[Mapping[FittedModelName, Callable[..., OrdersFit]]] = {
    "bg_nbd": beta_geo.fit_patterns,
    "mbg_nbd": modified_beta_geo.fit_patterns,
    "pareto_nbd": pareto_nbd.fit_patterns,
}
TITLES: Final[Mapping[FittedModelName, str]] = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "pareto_nbd": "Pareto/NBD"}

CLEAR: Final = 2.0  # standard errors by which one model must lead another to be called better
_LONGEST_WEEKS: Final = 52


@dataclass(frozen=True)
class OrderModelChoice:
    """The model of orders that a forecast follows, and why.

    Attributes
    ----------
    name : {"bg_nbd", "mbg_nbd", "pareto_nbd"}
    comparison : DataFrame or None
        What `compare_order_models` found on the last third of the past, with ``chosen``; None where the model was asked
        for by name, or the past was too short to compare.
    note : str
        How it was chosen; empty where it was asked for by name.
    """

    name: FittedModelName
    comparison: "pd.DataFrame | None"
    note: str


def law_of(name: FittedModelName, parameters: Mapping[str, float], *, day: float = 0.0) -> OrderLaw:
    """The law of a model with these parameters; for ``day`` see `clv.purchase_days`, Pareto/NBD has none."""
    if name == "pareto_nbd":
        return ParetoLaw(**parameters)
    return BetaGeometricLaw(**parameters, chances_before_repeat=int(name == "mbg_nbd"), day=day)


def weak_prior_of(name: FittedModelName) -> LogNormalPrior:
    """The prior of a model, times in weeks, that stands in where its likelihood has no maximum."""
    if name == "pareto_nbd":
        return pareto_nbd.weak_prior(days_per_unit=DAYS_PER_WEEK)
    return beta_geo.weak_prior(days_per_unit=DAYS_PER_WEEK)


def choose_order_model(
    connection: "duckdb.DuckDBPyConnection", wanted: OrdersModel, *, until_day: int, order_time: OrderTime = "days"
) -> OrderModelChoice:
    """The model asked for; with "auto" the one of higher held-out log-likelihood until ``until_day``.

    The candidates are fitted to the first two thirds of the time until that day, in whole weeks, and scored on what the
    same customers did in the rest: in the order time in which the forecast is then made, but Pareto/NBD, which has no
    law of days, in continuous time. Nothing after ``until_day`` is looked at.

    Raises
    ------
    ConfigurationError
        ``wanted`` is none of the names, or ``order_time`` neither of the two.
    """
    if wanted not in get_args(OrdersModel):
        raise ConfigurationError(f"orders_model is {wanted!r}; it must be one of {', '.join(get_args(OrdersModel))}.")
    day = day_of_time(order_time)
    if wanted != "auto":
        return OrderModelChoice(wanted, None, "")
    first = int(single_row(connection, f"SELECT coalesce(min(day), {until_day}) FROM orders")[0])
    split = until_day - DAYS_PER_WEEK * weeks_of_last_third(first, until_day)
    before, later = _continued_histories(connection, split, until_day)
    if split == until_day or before["frequency"].sum() == 0:
        return OrderModelChoice("bg_nbd", None, "The past is too short to compare models of orders: BG/NBD was taken.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelWarning)  # a fit under the prior competes as any other
        table = compare_order_models(
            before,
            later=later,
            models=[
                beta_geo.BetaGeo(fallback=weak_prior_of("bg_nbd")),
                modified_beta_geo.ModifiedBetaGeo(fallback=weak_prior_of("mbg_nbd")),
                pareto_nbd.ParetoNBD(fallback=weak_prior_of("pareto_nbd")),
            ],
            day=day,
        )
    best = table.iloc[0]
    if best["problem"]:
        table = table.assign(chosen=table["model"] == TITLES["bg_nbd"])
        return OrderModelChoice("bg_nbd", table, f"Models of orders could not be compared: {best['problem']}")
    name = next(name for name, title in TITLES.items() if title == best["model"])
    found = ", ".join(_scored(row) for row in table.to_dict("records") if not row["problem"])
    note = (
        f"{TITLES[name]} was chosen for its held-out log-likelihood from {day_date(split + 1)} to "
        f"{day_date(until_day)}: {found}.{_lead(table)}"
    )
    return OrderModelChoice(name, table.assign(chosen=table["model"] == TITLES[name]), note)


def _scored(row: Mapping[Hashable, object]) -> str:
    in_days = " in days of purchase" if row["order_time"] == "days" else " in continuous time"
    return f"{row['model']} {row['holdout_log_likelihood']:,.1f}{in_days}"


def _lead(table: "pd.DataFrame") -> str:
    """How far the second model is behind, and whether that is more than chance; empty where it could not be fitted."""
    second = table.iloc[1]
    if second["problem"]:
        return ""
    behind, error = float(second["behind_best"]), float(second["behind_best_std_error"])
    clear = "" if behind > CLEAR * error else ", no more than chance explains"
    return f" {second['model']} is behind by {behind:,.1f} (standard error {error:,.2g}){clear}."


def weeks_of_last_third(first: int, last: int) -> int:
    """Whole weeks in the last third of the days from ``first`` to ``last``, at most 52; 0 where there is no week."""
    return max(0, min((last - first + 1) // 3 // DAYS_PER_WEEK, _LONGEST_WEEKS))


def _continued_histories(
    connection: "duckdb.DuckDBPyConnection", split: int, until: int
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Histories in weeks of the customers known on the day ``split``: seen until then, and until the day ``until``.

    Equal histories are one row, with their number as its weight.
    """
    import pandas as pd

    found = connection.execute(
        f"""WITH purchase_days AS (SELECT DISTINCT customer_id, day FROM {known_orders(connection, until).relation}),
            customer_days AS (
                SELECT min(day) AS first_day, count(*) - 1 AS later_x, max(day) AS later_day,
                       count(*) FILTER (WHERE day <= {split}) - 1 AS x,
                       max(day) FILTER (WHERE day <= {split}) AS last_day
                FROM purchase_days GROUP BY customer_id
            )
            SELECT x, last_day - first_day AS recency, {split} - first_day AS age,
                   later_x, later_day - first_day AS later_recency, {until} - first_day AS later_age, count(*) AS weight
            FROM customer_days WHERE first_day <= {split} GROUP BY ALL ORDER BY ALL"""
    ).fetchnumpy()
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}
    before, later = (
        pd.DataFrame(
            {
                "frequency": columns[f"{prefix}x"],
                "recency": columns[f"{prefix}recency"] / DAYS_PER_WEEK,
                "T": columns[f"{prefix}age"] / DAYS_PER_WEEK,
            }
        )
        for prefix in ("", "later_")
    )
    return before.assign(weight=columns["weight"]), later
