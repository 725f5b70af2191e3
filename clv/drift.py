"""Drift: do customers still behave as when the parameters were fitted?

Two answers. Week by week, the purchases of one week are forecast from everything known before it, with the old
parameters; the standardised residuals are nearly independent, and Page's cumulative sums raise an alarm where they keep
to one side. And the newest customers are fitted apart from the older ones: a likelihood ratio tells whether they
differ, the expected orders of a newcomer's first year by how much. These fits take a weak prior, for the newest are few
and young, so that the ratio errs on the quiet side.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats, day_date
from clv.engine_queries import single_row
from clv.histories import build_histories
from clv.holdout_check import holdout_outcomes
from clv.order_choice import FIT_OF, law_of, weak_prior_of
from clv.patterns import patterns_of
from clv.purchase_days import without_taken_time
from clv.scoring import SavedModels
from clv.segment_patterns import segment_patterns
from clv.totals import expected_totals
from customer_data.errors import ConfigurationError, ModelError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_TABLE: Final = "drift_histories"
_NO_SEASON: Final = (
    "The models know no season: one raises this alarm just so. Compare with the same weeks of the year before."
)
SLACK: Final = 0.5  # of Page's sums, in standard deviations: half the shift that is to be found
LIMIT: Final = 5.0  # a false alarm about once in 930 weeks for each side, were residuals exactly normal
_YEAR: Final = 52.0


@dataclass(frozen=True)
class Drift:
    """What was found.

    Attributes
    ----------
    weeks : DataFrame
        period (first day of the week), actual, forecast, deviation (the residual in standard deviations of the
        outcome), cusum_up, cusum_down: repeat purchases of the customers known before the week.
    cohorts : DataFrame or None
        cohort ("before", "since"), customers, orders_first_year (expected repeat orders of a newcomer); None where a
        part is too small to be fitted.
    likelihood_ratio, p_value : float or None
        Of the two cohorts having parameters of their own, against one set (chi-square, four degrees of freedom).
    alarm : bool
    messages : tuple of str
        What raised the alarm, and what could not be judged.
    """

    weeks: "pd.DataFrame"
    cohorts: "pd.DataFrame | None"
    likelihood_ratio: float | None
    p_value: float | None
    alarm: bool
    messages: tuple[str, ...]


def drift(
    connection: "duckdb.DuckDBPyConnection",
    saved: SavedModels,
    *,
    as_of_day: int | None = None,
    most_weeks: int = 13,
    level: float = 0.01,
    difference: float = 0.15,
) -> Drift:
    """Compare what came after the parameters were fitted with what they said.

    The models know no season: the weeks before Christmas raise the alarm as customers who have changed do.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds ``orders``.
    saved : SavedModels
        The model of all customers is judged.
    as_of_day : int, optional
        Last observed day. Default: the day of the last order.
    most_weeks : int
        Weeks to follow, counted back from the as-of day, but not before the parameters were fitted.
    level, difference : float
        New cohorts raise the alarm where the likelihood ratio has a p-value below ``level`` and the expected orders of
        a first year differ by more than ``difference``: with many customers, trifles are significant too.

    Raises
    ------
    ConfigurationError
        No whole week lies between the last day the parameters have seen and the as-of day.
    """
    as_of = int(single_row(connection, "SELECT max(day) FROM orders")[0]) if as_of_day is None else as_of_day
    weeks = min((as_of - saved.fitted_until) // DAYS_PER_WEEK, most_weeks)
    if weeks < 1:
        raise ConfigurationError(
            f"the parameters have seen data until {day_date(saved.fitted_until)}; no whole week has passed until "
            f"{day_date(as_of)}, so there is nothing to compare."
        )
    rows = [_week(connection, saved, as_of - DAYS_PER_WEEK * back) for back in range(weeks, 0, -1)]
    actual, expected, deviation = np.array([row[1:] for row in rows]).T
    up, down = page_sums(deviation)
    messages = []
    for side, sums in (("more", up), ("less", down)):
        if sums.max() > LIMIT:
            week = day_date(rows[int(np.argmax(sums > LIMIT))][0] + 1)
            messages.append(
                f"Customers order {side} often than forecast: the cumulative sum of the residuals rose above {LIMIT:g} "
                f"in the week of {week}."
            )
    if messages:
        messages.append(_NO_SEASON)
    cohorts, ratio, p_value, said = _cohorts(connection, saved, as_of, level, difference)
    import pandas as pd

    table = pd.DataFrame(
        {
            "period": [day_date(row[0] + 1) for row in rows],
            "actual": np.rint(actual).astype(np.int64),
            "forecast": expected,
            "deviation": deviation,
            "cusum_up": up,
            "cusum_down": down,
        }
    )
    alarm = bool(messages) or (said is not None and said.startswith("New customers differ"))
    return Drift(table, cohorts, ratio, p_value, alarm, (*messages, *([said] if said else [])))


def page_sums(deviation: Floats) -> tuple[Floats, Floats]:
    """Page's cumulative sums for a rise and for a fall: S = max(0, S + z - slack) and max(0, S - z - slack)."""
    up, down = np.zeros(len(deviation)), np.zeros(len(deviation))
    high = low = 0.0
    for index, z in enumerate(deviation.tolist()):
        high, low = max(0.0, high + z - SLACK), max(0.0, low - z - SLACK)
        up[index], down[index] = high, low
    return up, down


def _week(connection: "duckdb.DuckDBPyConnection", saved: SavedModels, until: int) -> tuple[int, float, float, float]:
    """Last day before the week, purchases in it, their forecast, and the residual in standard deviations."""
    build_histories(connection, until_day=until, table=_TABLE)
    patterns = segment_patterns(connection, table=_TABLE)
    outcomes = holdout_outcomes(connection, until, until + DAYS_PER_WEEK, table=_TABLE)
    actual = float(outcomes.orders @ outcomes.customers)
    totals = expected_totals(patterns, saved.models[0], edges=np.array([0.0, DAYS_PER_WEEK]), delta=0.0)
    expected = float(totals.orders.sum())
    spread = float(np.sqrt(max(totals.order_variance.sum(), 1e-12)))
    return until, actual, expected, (actual - expected) / spread


def _cohorts(
    connection: "duckdb.DuckDBPyConnection", saved: SavedModels, as_of: int, level: float, difference: float
) -> "tuple[pd.DataFrame | None, float | None, float | None, str | None]":
    """Customers who came before the parameters were fitted and since, each fitted alone and both together."""
    import pandas as pd
    from scipy.stats import chi2

    build_histories(connection, until_day=as_of, table=_TABLE)
    histories = segment_patterns(connection, table=_TABLE).histories()
    since = histories["T"].to_numpy() * DAYS_PER_WEEK < as_of - saved.fitted_until
    if since.all() or not since.any():
        when = "since" if since.all() else "before"
        return None, None, None, f"New customers cannot be judged: all came {when} the parameters were fitted."
    try:
        name, day = saved.models[0].orders.model, saved.models[0].orders.day
        together, before, after = (
            FIT_OF[name](without_taken_time(patterns_of(part), day), prior=weak_prior_of(name))
            for part in (histories, histories[~since], histories[since])
        )
    except ModelError as error:
        return None, None, None, f"New customers cannot be judged yet: {error}"
    ratio = max(0.0, 2 * (before.log_likelihood + after.log_likelihood - together.log_likelihood))
    p_value = float(chi2.sf(ratio, len(together.parameters)))
    laws = [law_of(name, fit.parameters, day=day) for fit in (before, after)]
    years = [float(law.expected_orders_new(np.array(_YEAR))) for law in laws]
    customers = [round(fit.customers) for fit in (before, after)]
    table = pd.DataFrame({"cohort": ["before", "since"], "customers": customers, "orders_first_year": years})
    change = years[1] / years[0] - 1
    said = None
    if p_value < level and abs(change) > difference:
        said = (
            f"New customers differ: {customers[1]:,} who came since {day_date(saved.fitted_until)} are expected to "
            f"place {change:+.0%} orders in their first year (p = {p_value:.2g})."
        )
    return table, ratio, p_value, said
