"""What the customers that channels win are worth: credit of first orders by their customers' lifetime value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from customer_data.money import SCALE
from reports.results.channel_segments import anyone_ordered_again
from reports.results.channels import journey_options, rule_options, transformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from attribution import Paths
    from attribution.first_orders import FirstOrders
    from attribution.rules import RuleOptions
    from reports.configuration.reading import Configuration
    from reports.results.run_results import AttributionResults, ClvResults, RunResults

FEWEST_CUSTOMERS = 20
COLUMNS = (
    "model", "channel",
    *(f"{name}{end}" for name in ("new_customers", "worth", "worth_per_customer") for end in ("", "_low", "_high")),
    "cost",
    *(f"{name}{end}" for name in ("cac", "worth_to_cac") for end in ("", "_low", "_high")),
    "touched_worth",
)  # fmt: skip
_WORTH, _SO_FAR = "worth", "so far"


@dataclass(frozen=True)
class ChannelCustomers:
    """Credit of new customers by what they are worth.

    Attributes
    ----------
    table
        ``model, channel, new_customers, new_customers_low, new_customers_high, worth, worth_low, worth_high,
        worth_per_customer, worth_per_customer_low, worth_per_customer_high, cost, cac, cac_low, cac_high, worth_to_cac,
        worth_to_cac_low, worth_to_cac_high, touched_worth``: for the baseline and the model, in the run's currency;
        None where ``why_not`` says why. Over channels new customers and worth sum to those of all customers whose first
        order had a touch, and new customers of a channel are those the model credits it with on paths to first orders.
        ``touched_worth`` is the mean worth of the customers whose path holds the channel, whatever the model.
    customers, without_touch
        Customers whose first order had a touch in its lookback, and those whose had none.
    expected
        The part of all worth that is still to come, as a fraction.
    parameter_error
        The relative standard deviation of what is still to come, from the uncertainty of the models' parameters.
    factor
        By what all worths of the chain were multiplied so that they sum to the whole, see
        :class:`attribution.path_worths.PathWorths`; None where neither model is a chain.
    """

    table: pd.DataFrame | None = None
    customers: int = 0
    without_touch: int = 0
    expected: float = 0.0
    parameter_error: float = 0.0
    factor: float | None = None
    why_not: str = ""


def new_customers(connection: duckdb.DuckDBPyConnection, configuration: Configuration) -> FirstOrders | None:
    """Build the journeys to first orders, for all parts of a run that ask of them; None where no part does."""
    settings = configuration.settings
    wanted = settings.attribution
    if not settings.touchpoints or not settings.orders or wanted.depth == "brief":
        return None
    if "value" in settings.report.parts or ("customers" in wanted.segments and anyone_ordered_again(connection)):
        from attribution.first_orders import first_orders

        return first_orders(connection, journey_options(configuration))
    return None


def channel_customers(
    connection: duckdb.DuckDBPyConnection,
    configuration: Configuration,
    results: RunResults,
    first: FirstOrders | None = None,
) -> ChannelCustomers | None:
    """Credit the first order of every customer with what the customer is worth, by the baseline and by the model.

    A customer is worth the net value of the orders so far and the discounted value expected over the horizon of the
    forecast, both after the configured margin. It stands in place of the value of the first order on the path to it;
    the credit of value on these paths is the worth that a channel has won, that of conversions the customers. Rules
    credit value path by path; so that customers carry their own worth under a chain as well, which knows the value of a
    path by its end alone, its credit of worth goes by :mod:`attribution.path_worths`.

    Intervals are by the delta method, as those of all credit: with customers arriving by chance they carry how many
    there are and how much their worths differ. The models of customer value are as uncertain for all channels at once:
    the relative standard deviation of the expected total, by draws of its parameters, times what each channel's worth
    changes with what is still to come, is added in quadrature. Customers of a channel that met fewer than
    FEWEST_CUSTOMERS are taken to differ in worth as all customers do. What single customers do beside their expectation
    is in no interval. Cost is known exactly.

    ``first`` is what :func:`new_customers` gave, if the run has it already.

    Returns
    -------
    None where the run has no credit of journeys or no forecast, or ``attribution.depth`` is brief.
    """
    settings, credited, value = configuration.settings, results.attribution, results.clv
    if credited is None or not settings.touchpoints or not settings.orders or settings.attribution.depth == "brief":
        return None
    if value is None or value.parameter_error is None:
        return None
    first = first or new_customers(connection, configuration)
    if first is None:
        return None
    margin = None if settings.clv.product_margins else 1.0 if value.margin is None else value.margin
    paths = _valued_paths(connection, configuration, credited, first, margin=margin)
    whole, so_far = paths[_WORTH], paths[_SO_FAR]
    customers, total = int(whole.conversions.sum()), float(whole.value.sum())
    without = first.customers - customers
    if customers < FEWEST_CUSTOMERS:
        why = f"the first orders of {customers:,} customers had a recorded touch, and it takes {FEWEST_CUSTOMERS}"
        return ChannelCustomers(customers=customers, without_touch=without, why_not=why)
    if not total > 0:
        return ChannelCustomers(customers=customers, without_touch=without, why_not="these customers are worth nothing")
    models, options = dict.fromkeys((credited.baseline, credited.model)), rule_options(settings.attribution)
    won = {model: _won(whole, so_far, model, order=credited.order, options=options) for model in models}
    return ChannelCustomers(
        table=_table(won, whole, configuration, credited, value),
        customers=customers,
        without_touch=without,
        expected=1 - float(so_far.value.sum()) / total,
        parameter_error=value.parameter_error,
        factor=won["markov"].factor if "markov" in won else None,
    )


def _valued_paths(
    connection: duckdb.DuckDBPyConnection,
    configuration: Configuration,
    credited: AttributionResults,
    first: FirstOrders,
    *,
    margin: float | None,
) -> dict[str, Paths]:
    """Paths to first orders, valued by what customers brought and are expected to bring, and by what they brought.

    Without a margin each customer has that of what it bought.
    """
    from attribution.first_orders import first_orders_by_decay

    of_customer = "own.own_margin" if margin is None else f"{margin!r}::DOUBLE"
    brought = f"{of_customer} * (past.first_value + past.spend)"
    past = "FROM histories AS past JOIN customer_forecast AS ahead USING (customer_id)"
    past += " JOIN customer_margins AS own USING (customer_id)" if margin is None else ""
    worths = {
        _WORTH: f"SELECT customer_id, round({brought} + {SCALE} * ahead.clv)::BIGINT AS value {past}",
        _SO_FAR: f"SELECT customer_id, round({brought})::BIGINT AS value {past}",
    }
    if "time_decay" in (credited.baseline, credited.model):
        built = first_orders_by_decay(connection, journey_options(configuration), worths=worths)
    else:
        built = first.valued(connection, worths)
    return {name: transformed(paths, configuration) for name, paths in built.items()}


def _table(
    won_by: Mapping[str, _Won],
    whole: Paths,
    configuration: Configuration,
    credited: AttributionResults,
    value: ClvResults,
) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    from attribution.delta import interval

    confidence = configuration.settings.report.confidence
    cost = pd.Series(dtype=float) if credited.costs is None else credited.costs.groupby("channel")["cost"].sum()
    names = [*whole.channels, *sorted(set(cost.index) - set(whole.channels))]
    tables, (touched, met) = [], _touched(whole)
    least_spread = _least_spread(whole, met)
    for model, won in won_by.items():
        customers, worth = won.customers, won.worth
        # What a forecast that is one standard deviation higher for everybody adds.
        common = (value.parameter_error or 0.0) * won.to_come
        each = np.divide(worth, customers, out=np.full(len(worth), np.nan), where=customers > 0)
        of_customers, of_worth, of_both = won.spread
        of_each = of_worth - 2 * each * of_both + each**2 * of_customers + common**2
        more = np.maximum(np.nan_to_num(least_spread * customers**2 - of_each), 0.0)
        of_each, of_worth = of_each + more, of_worth + more
        columns: dict[str, NDArray[np.float64]] = {}
        for name, estimate, of_estimate in (
            ("new_customers", customers, of_customers),
            ("worth", worth, of_worth + common**2),
            ("worth_per_customer", each, of_each / np.where(customers > 0, customers, np.nan) ** 2),
        ):
            low, high = interval(estimate, of_estimate, confidence=confidence)
            least = low if model == "shapley" else np.maximum(low, 0.0)  # which alone credits below nothing
            columns |= {name: estimate, f"{name}_low": least, f"{name}_high": high}
        table = pd.DataFrame({"channel": pd.Series(whole.channels, dtype="str")} | columns)
        table["touched_worth"] = touched
        tables.append(_against_cost(table.set_index("channel").reindex(names), cost).assign(model=model))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


@dataclass(frozen=True)
class _Won:
    """Credit of customers and of their worth by one model, what of the worth is to come, and their covariances.

    ``spread`` holds by channel the variance of customers, that of worth, and the covariance of the two.
    """

    customers: NDArray[np.float64]
    worth: NDArray[np.float64]
    to_come: NDArray[np.float64]
    spread: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    factor: float = 1.0


def _won(whole: Paths, so_far: Paths, model: str, *, order: int, options: RuleOptions) -> _Won:
    """Credit by one model: worth goes path by path, but for Shapley values, which have nothing along a path."""
    from attribution.credit import model_credit
    from attribution.credit_spread import model_gradient
    from attribution.delta import variance
    from attribution.first_orders import conversions_with_value
    from attribution.influence import covariances
    from attribution.path_worths import PathWorths

    if model == "markov":
        found = PathWorths.make(whole, order=order)
        one, other, both = covariances(whole, found, ((0, 0), (1, 1), (0, 1)))
        to_come = found.value_with(whole.value - so_far.value)
        return _Won(found.conversions, found.value, to_come, (one, other, both), found.factor)
    credit, past = (model_credit(paths, model, order=order, options=options) for paths in (whole, so_far))
    gradient = model_gradient(whole, model, order=order, options=options)
    spread = variance(whole, gradient)
    return _Won(
        credit.conversions,
        credit.value,
        credit.value - past.value,
        (spread.conversions, spread.value, conversions_with_value(whole, gradient)),
    )


def _least_spread(paths: Paths, met: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance of the mean worth of the few customers that a channel met, if they differ as all customers do.

    So few hardly differ among themselves, a single one not at all; 0 where a channel met FEWEST_CUSTOMERS.
    """
    import numpy as np

    if paths.value_squares is None:
        return np.zeros(len(met))
    customers = float(paths.conversions.sum())
    among_all = float(paths.value_squares.sum()) / customers - (float(paths.value.sum()) / customers) ** 2
    found: NDArray[np.float64] = np.where(met < FEWEST_CUSTOMERS, max(among_all, 0.0) / np.maximum(met, 1), 0.0)
    return found


def _touched(paths: Paths) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean value of the conversions on paths that hold a channel, missing without any, and how many those are."""
    import numpy as np

    converting = (paths.conversions > 0)[paths.rows]
    held = np.sort(paths.rows[converting] * len(paths.channels) + paths.codes[converting])
    path, channel = np.divmod(held[np.diff(held, prepend=-1) > 0], len(paths.channels))
    value, conversions = (
        np.bincount(channel, weights=amounts[path], minlength=len(paths.channels))
        for amounts in (paths.value, paths.conversions)
    )
    found: NDArray[np.float64] = np.divide(value, conversions, out=np.full(len(value), np.nan), where=conversions > 0)
    return found, conversions.astype(float)


def _against_cost(rows: pd.DataFrame, cost: pd.Series[float]) -> pd.DataFrame:
    """Add cost, cost per new customer and worth by cost; an interval that reaches no customer has no upper cost."""
    rows = rows.assign(cost=cost.reindex(rows.index).astype(float))
    paid = rows["cost"].where(rows["cost"] > 0)
    won = rows["new_customers"] > 0
    for end, of in (("", ""), ("_low", "_high"), ("_high", "_low")):
        by = rows[f"new_customers{of}"]
        rows[f"cac{end}"] = (paid / by.where(by > 0)).where(won)
    for end in ("", "_low", "_high"):
        rows[f"worth_to_cac{end}"] = rows[f"worth{end}"] / paid
    return rows.reset_index(names="channel").astype({"channel": "str"})
