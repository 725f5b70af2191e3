"""What the customers that channels win are worth: credit of first orders by their customers' lifetime value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from customer_data.money import SCALE
from reports.results.channels import journey_options, rule_options, transformed

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from attribution import Paths
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
        order had a touch. ``touched_worth`` is the mean worth of the customers whose path holds the channel, whatever
        the model.
    customers, without_touch
        Customers whose first order had a touch in its lookback, and those whose had none.
    expected
        The part of all worth that is still to come, as a fraction.
    parameter_error
        The relative standard deviation of what is still to come, from the uncertainty of the models' parameters.
    """

    table: pd.DataFrame | None = None
    customers: int = 0
    without_touch: int = 0
    expected: float = 0.0
    parameter_error: float = 0.0
    why_not: str = ""


def channel_customers(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, results: RunResults
) -> ChannelCustomers | None:
    """Credit the first order of every customer with what the customer is worth, by the baseline and by the model.

    A customer is worth the net value of the orders so far and the discounted value expected over the horizon of the
    forecast, both after the configured margin. It stands in place of the value of the first order on the path to it;
    the credit of value on these paths is the worth that a channel has won, that of conversions the customers.

    Intervals are by the delta method, as those of all credit: with customers arriving by chance they carry how many
    there are and how much their worths differ. The models of customer value are as uncertain for all channels at once:
    the relative standard deviation of the expected total, by draws of its parameters, times what each channel's worth
    changes with what is still to come, is added in quadrature. What single customers do beside their expectation is in
    no interval. Cost is known exactly.

    Returns
    -------
    None where the run has no credit of journeys or no forecast, or ``attribution.depth`` is brief.
    """
    settings, credited, value = configuration.settings, results.attribution, results.clv
    if credited is None or not settings.touchpoints or not settings.orders or settings.attribution.depth == "brief":
        return None
    if value is None or value.parameter_error is None:
        return None
    paths = _valued_paths(connection, configuration, credited, margin=1.0 if value.margin is None else value.margin)
    whole, so_far = paths[_WORTH], paths[_SO_FAR]
    customers, total = int(whole.conversions.sum()), float(whole.value.sum())
    without = int(getattr(whole.counts, "unattributed_conversions", 0))
    if customers < FEWEST_CUSTOMERS:
        why = f"the first orders of {customers:,} customers had a recorded touch, and it takes {FEWEST_CUSTOMERS}"
        return ChannelCustomers(customers=customers, without_touch=without, why_not=why)
    if not total > 0:
        return ChannelCustomers(customers=customers, without_touch=without, why_not="these customers are worth nothing")
    return ChannelCustomers(
        table=_table(whole, so_far, configuration, credited, value),
        customers=customers,
        without_touch=without,
        expected=1 - float(so_far.value.sum()) / total,
        parameter_error=value.parameter_error,
    )


def _valued_paths(
    connection: duckdb.DuckDBPyConnection,
    configuration: Configuration,
    credited: AttributionResults,
    *,
    margin: float,
) -> dict[str, Paths]:
    """Paths to first orders, valued by what customers brought and are expected to bring, and by what they brought."""
    from dataclasses import replace

    from attribution.first_orders import first_order_paths

    options = journey_options(configuration)
    if "time_decay" not in (credited.baseline, credited.model):
        options = replace(options, half_life_days=None)
    brought = f"{margin!r}::DOUBLE * (past.first_value + past.spend)"
    past = "FROM histories AS past JOIN customer_forecast AS ahead USING (customer_id)"
    built = first_order_paths(
        connection,
        options,
        worths={
            _WORTH: f"SELECT customer_id, round({brought} + {SCALE} * ahead.clv)::BIGINT AS value {past}",
            _SO_FAR: f"SELECT customer_id, round({brought})::BIGINT AS value {past}",
        },
    )
    return {name: transformed(paths, configuration) for name, paths in built.items()}


def _table(
    whole: Paths, so_far: Paths, configuration: Configuration, credited: AttributionResults, value: ClvResults
) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    from attribution.credit import model_credit
    from attribution.delta import interval, model_gradient, variance
    from attribution.first_orders import conversions_with_value

    options, order = rule_options(configuration.settings.attribution), credited.order
    confidence = configuration.settings.report.confidence
    cost = pd.Series(dtype=float) if credited.costs is None else credited.costs.groupby("channel")["cost"].sum()
    names = [*whole.channels, *sorted(set(cost.index) - set(whole.channels))]
    tables, touched = [], _touched_worth(whole)
    for model in dict.fromkeys((credited.baseline, credited.model)):
        found, past = (model_credit(paths, model, order=order, options=options) for paths in (whole, so_far))
        gradient = model_gradient(whole, model, order=order, options=options)
        spread, mixed = variance(whole, gradient), conversions_with_value(whole, gradient)
        customers, worth = found.conversions, found.value
        # What a forecast that is one standard deviation higher for everybody adds; to first order for a chain.
        common = (value.parameter_error or 0.0) * (worth - past.value)
        each = np.divide(worth, customers, out=np.full(len(worth), np.nan), where=customers > 0)
        of_each = spread.value - 2 * each * mixed + each**2 * spread.conversions + common**2
        columns: dict[str, NDArray[np.float64]] = {}
        for name, estimate, of_estimate in (
            ("new_customers", customers, spread.conversions),
            ("worth", worth, spread.value + common**2),
            ("worth_per_customer", each, of_each / np.where(customers > 0, customers, np.nan) ** 2),
        ):
            low, high = interval(estimate, of_estimate, confidence=confidence)
            least = low if model == "shapley" else np.maximum(low, 0.0)  # which alone credits below nothing
            columns |= {name: estimate, f"{name}_low": least, f"{name}_high": high}
        table = pd.DataFrame({"channel": pd.Series(whole.channels, dtype="str")} | columns)
        table["touched_worth"] = touched
        tables.append(_against_cost(table.set_index("channel").reindex(names), cost).assign(model=model))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def _touched_worth(paths: Paths) -> NDArray[np.float64]:
    """Mean value of the conversions on paths that hold a channel, each path counted once; missing without any."""
    import numpy as np

    converting = (paths.conversions > 0)[paths.rows]
    held = np.sort(paths.rows[converting] * len(paths.channels) + paths.codes[converting])
    path, channel = np.divmod(held[np.diff(held, prepend=-1) > 0], len(paths.channels))
    value, conversions = (
        np.bincount(channel, weights=amounts[path], minlength=len(paths.channels))
        for amounts in (paths.value, paths.conversions)
    )
    found: NDArray[np.float64] = np.divide(value, conversions, out=np.full(len(value), np.nan), where=conversions > 0)
    return found


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
