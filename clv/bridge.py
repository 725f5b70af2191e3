"""From the last forecast to this one: what changed the value of the customer base, step by step."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats, calendar_months, continuous_rate, day_date
from clv.forecasting import Forecast
from clv.histories import ALL, build_histories
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

    It begins with what was given out then. The last forecast is made again from its parameters, on the orders known
    today until its as-of day, on its own terms and on this forecast's. Then one thing changes at a time.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds the orders of both forecasts.
    previous : SavedModels
        Of the last forecast; its as-of day is ``fitted_until``.
    forecast : Forecast
        This one.
    segment_by : sequence of str
        As in this forecast.

    Returns
    -------
    DataFrame
        step, change, value: ``last forecast``, as published; ``terms`` (margin, rate, months and segments of this one
        in place of the last one's); ``corrected orders`` (what is known only now of the days before the last);
        ``earned as forecast`` (what was expected between the two days); ``passage of time`` (what is still to come
        draws nearer); ``actual orders`` (what the same customers did instead); ``new customers``; ``horizon`` (the days
        added at its end); ``parameters`` (fitted again, maybe of another model); ``bias of past forecasts`` (by which
        this one is moved otherwise than the last; only where it is); ``this forecast``. ``change`` is money
        by which ``value`` moves, and the last value is this forecast's ``clv``. Saved models that do not tell their
        terms begin with their forecast made again on this one's.

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
    rate, terms = continuous_rate(forecast.annual_rate), previous.terms
    margins = dict(zip(forecast.models.patterns.segments, forecast.margins.tolist(), strict=True))

    def worth(fitted: SegmentModels, span: Span, *, oldest: float = -np.inf) -> float:
        """Of customers at least ``oldest`` days old within a span of days, on this forecast's terms."""
        kept = np.array([margins.get(name, forecast.margin) for name in fitted.patterns.segments])
        of_segments = previous.level * kept
        return _discounted(fitted, span, delta=rate, margins=of_segments, oldest=oldest)

    published, on_its_terms = previous.clv, None
    if terms is not None and published is not None:
        build_histories(connection, until_day=then, segment_by=terms.segment_by, table=_TABLE)
        again = previous.applied_to(connection, table=_TABLE)
        of_segments = np.array([previous.margins.get(name, previous.margins[ALL]) for name in again.patterns.segments])
        whole = (0, calendar_months(then, terms.horizon_months).days)
        rate_then = continuous_rate(terms.annual_rate)
        on_its_terms = previous.level * _discounted(again, whole, delta=rate_then, margins=of_segments)
    build_histories(connection, until_day=then, segment_by=segment_by, table=_TABLE)
    before = previous.applied_to(connection, table=_TABLE)
    build_histories(connection, until_day=now, segment_by=segment_by, table=_TABLE)
    after = previous.applied_to(connection, table=_TABLE)
    to_come, made_again = worth(before, (passed, old.days)), worth(before, (0, old.days))
    if published is None or on_its_terms is None:
        published = on_its_terms = made_again
    this = float(forecast.segment_forecast["clv"].iloc[-1])
    values = {
        "last forecast": published,
        "terms": published + made_again - on_its_terms,
        "corrected orders": made_again,
        "earned as forecast": to_come,
        "passage of time": to_come * float(np.exp(rate * passed)),
        "actual orders": worth(after, (0, old.days - passed), oldest=passed),
        "new customers": worth(after, (0, old.days - passed)),
        "horizon": worth(after, (0, new.days)),
        "parameters": previous.level * this / forecast.level,
    }
    if forecast.level != previous.level:
        values["bias of past forecasts"] = this
    amounts = np.array([*values.values(), this])
    return pd.DataFrame(
        {"step": [*values, "this forecast"], "change": np.diff(amounts, prepend=amounts[:1]), "value": amounts}
    )


def _discounted(fitted: SegmentModels, span: Span, *, delta: float, margins: Floats, oldest: float = -np.inf) -> float:
    """Discounted contribution (continuous rate per day) within a span of days, margins by segment of the models."""
    total = 0.0
    of_model = fitted.of_segment[fitted.patterns.segment]
    for index, model in enumerate(fitted.models):
        chosen = (of_model == index) & (oldest <= fitted.patterns.T)
        if chosen.any():
            part = fitted.patterns.part(chosen)
            found = expected_totals(part, model, edges=np.array(span), delta=delta * DAYS_PER_WEEK)
            total += float(found.discounted.sum(axis=0) @ margins)
    return total
