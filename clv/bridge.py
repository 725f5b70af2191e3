"""From the last forecast to this one: what changed the value of the customer base, step by step."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import DAYS_PER_WEEK, calendar_months, continuous_rate, day_date
from clv.forecasting import Forecast
from clv.histories import build_histories
from clv.outcomes import Span
from clv.scoring import SavedModels
from clv.segments import SegmentModels
from clv.totals import expected_totals
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_TABLE: Final = "bridge_histories"


def forecast_bridge(
    connection: "duckdb.DuckDBPyConnection",
    previous: SavedModels,
    forecast: Forecast,
    *,
    segment_by: Sequence[str] = (),
) -> "pd.DataFrame":
    """Lead the lifetime value of the last forecast over to that of this one.

    The last forecast is made again from its parameters, on the orders known today until its as-of day and on this
    forecast's terms (months, rate, margin). Then one thing changes at a time.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds the orders of both forecasts.
    previous : SavedModels
        Of the last forecast; its as-of day is ``fitted_until``.
    forecast : Forecast
        This one.
    segment_by : sequence of str
        As in both forecasts.

    Returns
    -------
    DataFrame
        step, change, value: ``last forecast``; ``earned as forecast`` (what was expected between the two days);
        ``passage of time`` (what is still to come draws nearer); ``actual orders`` (what the same customers did
        instead); ``new customers``; ``horizon`` (the days added at its end); ``parameters``; ``this forecast``.
        ``change`` is money by which ``value`` moves, and the last value is this forecast's ``clv``.

    Raises
    ------
    ConfigurationError
        The last forecast is not older than this one, or lies more than its whole horizon back.
    """
    import pandas as pd

    then, now = previous.fitted_until, forecast.histories.until_day
    old, new = calendar_months(then, forecast.horizon_months), forecast.horizon
    passed = now - then
    if not 0 < passed < old.days:
        raise ConfigurationError(
            f"the last forecast is of {day_date(then)}, this one of {day_date(now)}; a bridge needs it to be older, by "
            f"less than its horizon of {forecast.horizon_months} months."
        )
    delta = continuous_rate(forecast.annual_rate)

    def value(fitted: SegmentModels, span: Span, *, oldest: float = -np.inf) -> float:
        """Discounted contribution within a span of days of customers at least ``oldest`` days old."""
        total = 0.0
        of_model = fitted.of_segment[fitted.patterns.segment]
        for index, model in enumerate(fitted.models):
            chosen = (of_model == index) & (oldest <= fitted.patterns.T)
            if chosen.any():
                part = fitted.patterns.part(chosen)
                found = expected_totals(part, model, edges=np.array(span), delta=delta * DAYS_PER_WEEK)
                total += float(found.discounted.sum())
        return forecast.margin * total

    build_histories(connection, until_day=then, segment_by=segment_by, table=_TABLE)
    before = previous.applied_to(connection, table=_TABLE)
    build_histories(connection, until_day=now, segment_by=segment_by, table=_TABLE)
    after = previous.applied_to(connection, table=_TABLE)
    to_come = value(before, (passed, old.days))
    values = {
        "last forecast": value(before, (0, old.days)),
        "earned as forecast": to_come,
        "passage of time": to_come * float(np.exp(delta * passed)),
        "actual orders": value(after, (0, old.days - passed), oldest=passed),
        "new customers": value(after, (0, old.days - passed)),
        "horizon": value(after, (0, new.days)),
        "parameters": float(forecast.segment_forecast["clv"].iloc[-1]),
    }
    amounts = np.array([*values.values(), values["parameters"]])
    return pd.DataFrame(
        {"step": [*values, "this forecast"], "change": np.diff(amounts, prepend=amounts[:1]), "value": amounts}
    )
