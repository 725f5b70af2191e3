"""The three ways to fit segments beside each other: each alone, sharing strength, and one fit for all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats, continuous_rate
from clv.forecasting import Forecast
from clv.histories import ALL
from clv.maximum_likelihood import FittedModel
from clv.segments import SegmentFit, SegmentParameters, fit_partially, fit_separately
from clv.totals import expected_totals

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

FitSegments: TypeAlias = Callable[..., tuple[dict[str, SegmentFit], dict[str, str]]]

WAYS: Final[tuple[SegmentParameters, ...]] = ("separate", "partial", "pooled")

_FITTED_APART: Final[tuple[tuple[SegmentParameters, FitSegments], ...]] = (
    ("separate", fit_separately),
    ("partial", fit_partially),
)
MOST_SEGMENTS: Final = 40
"""Beyond it a comparison would take longer than the forecast."""


@dataclass(frozen=True)
class SegmentComparison:
    """The same customers under each of the three ways.

    Attributes
    ----------
    parameters : DataFrame
        model, segment, parameter, and for each way its estimate and standard error: separate, separate_std_error,
        partial, partial_std_error, pooled, pooled_std_error; times in weeks, money in the currency. Missing where a
        segment could not be fitted in a way; it then takes the pooled parameters.
    forecasts : DataFrame
        segment, customers, separate, partial, pooled: expected value over the forecast's horizon, discounted, after
        margin; the last row is ``all``.
    """

    parameters: "pd.DataFrame"
    forecasts: "pd.DataFrame"


def compare_ways(
    connection: "duckdb.DuckDBPyConnection", forecast: Forecast, *, table: str = "histories"
) -> SegmentComparison | None:
    """Fit the segments of a forecast in the two other ways, and hold parameters and totals against each other.

    The expectations are exact, without draws. None without segments, with more than forty of them, or for models that
    came from a file.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The one `forecast` was made on, last of all forecasts.
    forecast : Forecast
    """
    fitted = forecast.models
    names = fitted.patterns.segments
    if names == (ALL,) or len(names) > MOST_SEGMENTS or fitted.way is None:
        return None
    overall = fitted.fits[ALL]
    own = {name: fit for name, fit in fitted.fits.items() if name != ALL}
    ways: dict[SegmentParameters, Mapping[str, SegmentFit]] = {"pooled": {}}
    for way, fit_in_this_way in _FITTED_APART:
        ways[way] = (
            own if way == fitted.way else fit_in_this_way(connection, fitted.patterns, table, overall)[0]
        )  # fmt: skip
    return SegmentComparison(_parameters(names, overall, ways), _forecasts(forecast, overall, ways))


def _parameters(
    names: tuple[str, ...], overall: SegmentFit, ways: Mapping[SegmentParameters, Mapping[str, SegmentFit]]
) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for model in range(2):
        pooled = _fit_of(overall, model)
        if pooled is None:
            continue
        for name in names:
            found = {way: _fit_of(ways[way].get(name), model) for way in ("separate", "partial")} | {"pooled": pooled}
            for parameter in pooled.parameters:
                row: dict[str, object] = {
                    "model": pooled.estimate.model,
                    "segment": name,
                    "parameter": parameter,
                }
                for way in WAYS:
                    fit = found[way]
                    row[way] = np.nan if fit is None else fit.parameters[parameter]
                    row[f"{way}_std_error"] = np.nan if fit is None else fit.standard_errors[parameter]
                rows.append(row)
    return pd.DataFrame(rows)


def _fit_of(fitted: SegmentFit | None, model: int) -> FittedModel | None:
    """The fit of orders (0) or of spend (1), where there is one."""
    return None if fitted is None else (fitted.orders, fitted.spend.fit)[model]


def _forecasts(
    forecast: Forecast, overall: SegmentFit, ways: Mapping[SegmentParameters, Mapping[str, SegmentFit]]
) -> "pd.DataFrame":
    known = forecast.segment_forecast
    columns = {
        way: known["clv"].to_numpy() if way == forecast.models.way else _totals(forecast, overall, ways[way])
        for way in WAYS
    }
    return known[["segment", "customers"]].assign(**columns)


def _totals(forecast: Forecast, overall: SegmentFit, own: Mapping[str, SegmentFit]) -> Floats:
    """Expected discounted value of each segment and of all."""
    patterns, edges = forecast.models.patterns, forecast.horizon.edges[[0, -1]]
    delta = continuous_rate(forecast.annual_rate) * DAYS_PER_WEEK
    alone = np.array([name in own for name in patterns.segments])
    parts = [
        (own[name].model, patterns.segment == index) for index, name in enumerate(patterns.segments) if alone[index]
    ]
    parts.append((overall.model, ~alone[patterns.segment]))
    total = np.zeros(len(patterns.segments))
    for model, members in parts:
        if members.any():
            total += expected_totals(patterns.part(members), model, edges=edges, delta=delta).discounted[0]
    total = forecast.level * forecast.margins * total
    return np.append(total, total.sum())
