"""Which number to book: the expected value, what it holds of the errors of the past, and how far a month may stray."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.pages import prose
from reports.wording.months import first_whole
from reports.wording.number_format import amount, horizon, number, percent, short_amount

if TYPE_CHECKING:
    import pandas as pd

    from reports.results.run_results import ClvResults, RunResults


def past_errors(clv: ClvResults, run: RunResults) -> str:
    """What forecasts from earlier days missed, and whether the value holds it; empty where they missed by chance."""
    depth = clv.depth
    known = None if depth is None else depth.calibration
    total = None if known is None else prose.total_row(known)
    if depth is None or total is None or depth.origins_months is None:
        return ""
    bias, spread = float(str(total["bias"])), float(str(total["log_spread"]))
    if bias != bias or (clv.level == 1 and not spread > 0):
        return ""
    missed = (
        f"Forecasts of {horizon(depth.origins_months)} from {number(float(str(total['origins'])))} earlier days were "
        f"{percent(abs(bias))} too {'high' if bias > 0 else 'low'} on average"
    )
    if clv.level != 1:
        worth = prose.total_row(clv.segment_forecast)
        own = float("nan") if worth is None else float(str(worth["clv"])) / clv.level
        alone = "" if own != own else f" (known customers by the models alone, discounted: {about(own, run.currency)})"
        return f"{missed}: repeat orders are valued at {number(clv.level, 2)} times what the models say{alone}."
    if depth.origins_months == clv.horizon_months:
        return f"{missed}, which chance explains: values are the models' own, and their intervals hold the doubt."
    return (
        f"{missed}. Over {horizon(clv.horizon_months)} nothing has tested it, and it may be a season: values are the "
        "models' own, and their intervals hold the doubt."
    )


def how_far(clv: ClvResults, run: RunResults) -> str:
    """Between which amounts the whole horizon lies in eight cases of ten, and its first whole month; or empty."""
    depth = clv.depth
    said = []
    if depth is not None and (over := _total(depth.flow_totals)) is not None:
        said.append(f"the {horizon(clv.horizon_months)} bring {_between(over.iloc[0], run)}")
    if depth is not None and (flows := _total(depth.flows)) is not None:
        whole = first_whole(flows.sort_values("period"))
        said += [] if whole is None else [f"{whole['period']:%B %Y} {'' if said else 'brings '}{_between(whole, run)}"]
    return f"In eight cases of ten {', '.join(said)}." if said else ""


def _total(flows: pd.DataFrame | None) -> pd.DataFrame | None:
    """The rows of all customers and all sources."""
    if flows is None:
        return None
    rows = flows[(flows["segment"] == "all") & (flows["source"] == "total")]
    return rows if len(rows) else None


def _between(row: pd.Series, run: RunResults) -> str:
    return f"{about(float(row['p10']), run.currency)} to {about(float(row['p90']), None)}"


def about(value: float, currency: str | None) -> str:
    """Money in three digits, and without cents from a hundred on."""
    rounded = float(f"{value:.3g}")
    return amount(rounded, currency, decimals=0) if 100 <= rounded < 1000 else short_amount(rounded, currency)
