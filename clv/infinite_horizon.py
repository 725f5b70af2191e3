"""What customers are worth without a horizon: all orders to come, however late, each at its discount (DERT)."""

from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats, continuous_rate
from clv.customer_forecasts import add_infinite_values, segment_margins
from clv.forecasting import Forecast
from clv.margins import ProductMargins
from clv.order_laws import BetaGeometricLaw, OrderLaw, ParetoLaw
from clv.patterns import distinct
from clv.prediction import names_with_total, with_total
from clv.special import discounted_while_alive
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_NO_DISCOUNT: Final = (
    "annual_rate is {rate}: without a discount the orders of an infinite horizon have no finite sum. "
    "Give a positive rate."
)


def infinite_horizon(
    connection: "duckdb.DuckDBPyConnection", forecast: Forecast, *, table: str = "histories"
) -> "pd.DataFrame":
    """Value the customers of a forecast without an end, each of them and by segment.

    Discounted expected residual transactions (DERT; Fader, Hardie & Lee 2005, RFM and CLV) times expected spend and
    margin. The view ``customer_forecast``, and so what `write_customer_forecast` writes, gains the column
    ``clv_infinite`` after ``clv``. There are no intervals: no data show that a forecast without an end holds.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The one `forecast` was made on, last of all forecasts.
    forecast : Forecast

    Returns
    -------
    DataFrame
        segment, customers, discounted_orders (without an end), clv (over the forecast's horizon), clv_infinite, share
        (clv of clv_infinite, missing where that is 0); the last row is ``all``.

    Raises
    ------
    ConfigurationError
        The forecast's annual rate is not positive: the sum has no end.
    """
    import pandas as pd

    if forecast.annual_rate <= 0:
        raise ConfigurationError(_NO_DISCOUNT.format(rate=forecast.annual_rate))
    fitted = forecast.models
    patterns, names = fitted.patterns, fitted.patterns.segments
    delta = continuous_rate(forecast.annual_rate) * DAYS_PER_WEEK
    of_pattern = fitted.of_segment[patterns.segment]
    orders, value = np.zeros(len(patterns.x)), np.zeros(len(patterns.x))
    for index, model in enumerate(fitted.models):
        members = of_pattern == index
        part = patterns.part(members)
        orders[members] = discounted_orders(
            model.orders, part.x, part.t_x / DAYS_PER_WEEK, part.T / DAYS_PER_WEEK, delta=delta
        )
        value[members] = orders[members] * model.spend.law.expected(part.x, part.spend, part.customers)
    own_margins = isinstance(forecast.terms.margin, ProductMargins)
    margin = None if own_margins else forecast.margin
    add_infinite_values(connection, patterns, orders, margin=margin, table=table)
    margins = segment_margins(connection, names, orders="infinite_orders") if own_margins else forecast.margins
    rows = forecast.segment_forecast
    endless = with_total(names, forecast.level * margins * patterns.by_segment(value))
    clv = rows["clv"].to_numpy(dtype=np.float64)
    return pd.DataFrame(
        {
            "segment": names_with_total(names),
            "customers": rows["customers"].to_numpy(),
            "discounted_orders": with_total(names, patterns.by_segment(orders * patterns.customers)),
            "clv": clv,
            "clv_infinite": endless,
            "share": np.divide(clv, endless, out=np.full(len(clv), np.nan), where=endless != 0),
        }
    )


def discounted_orders(law: OrderLaw, x: Floats, t_x: Floats, T: Floats, *, delta: float) -> Floats:
    """DERT of each history (times in weeks) under the law, at the continuous rate delta > 0 per week."""
    (pair_x, pair_T), index = distinct(x, T)
    if isinstance(law, ParetoLaw):
        from clv import pareto_nbd

        # Of a customer seen to order at T, who is alive: P(alive) depends on t_x, what comes after does not.
        alive = law.p_alive(pair_x, pair_T, pair_T)
        living = pareto_nbd.discounted_orders(delta, pair_x, pair_T, pair_T, **law.parameters) / alive
    else:
        assert isinstance(law, BetaGeometricLaw)
        scale = law.time_scale + pair_T
        living = discounted_while_alive(
            delta * scale, np.full(len(scale), np.inf), law.r + pair_x, law.b_of_the_living + pair_x, a=law.a
        )
    return np.asarray(law.p_alive(x, t_x, T) * living[index])
