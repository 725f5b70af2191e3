"""How sure we are: what intervals say, how far credit hangs on choices, how the forecast did, what the data lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.pages import prose
from reports.pages.actions import untouched_share
from reports.pages.data_quality import after_the_day, kept_sentence
from reports.results.run_results import AttributionResults, ChannelDepth, ClvResults, RunResults
from reports.wording.labels import clean, plural, shorten
from reports.wording.number_format import days, number, percent, whole_or

if TYPE_CHECKING:
    import pandas as pd

Point = tuple[str, str]
FEW_CONVERSIONS, FEW_FOR_A_BOOTSTRAP = 10, 150
_CHOICES = {
    "order": "the chain's memory",
    "path transform": "which touches count",
    "lookback": "how far back they count",
    "grain": "touches or visits",
}


def certainty(run: RunResults) -> tuple[Point, ...]:
    """Return each point of the first page as a lead and its text."""
    meaning = prose.interval_meaning(run.confidence, channels=run.attribution is not None)
    if run.attribution is not None:
        if chance := prose.clear_by_chance(run.attribution, run.confidence):
            meaning += (
                f" {chance[:1].upper()}{chance[1:]}; clear on this page is what stays so with all judged together."
            )
        meaning += _few_conversions(run.attribution)
    points = [("Intervals.", meaning)]
    if run.attribution is not None and (choices := choices_sentence(run.attribution)):
        points.append(("Choices.", choices))
    if run.attribution is not None and (nothing := blind_sentence(run.attribution)):
        points.append(("Foresight.", nothing))
    if run.clv is not None and prose.total_row(run.clv.segment_forecast) is not None:
        held = f"{prose.holdout_sentence(run.clv, run)} {prose.calibration_sentence(run.clv)}"
        points.append(("Forecast.", f"{held}{_replaced(run.clv)}"))
    said = [] if run.quality is None else [kept_sentence(run.quality)]
    if left := after_the_day(run):
        said.append(left)
    if run.attribution is not None and (untouched := _untouched(run.attribution)):
        said.append(untouched)
    if count := len(run.warnings):
        said.append(f"{number(count)} {plural(count, 'warning is', 'warnings are')} listed with the data quality.")
    if said:
        points.append(("Data.", " ".join(said)))
    return tuple(points)


def _replaced(clv: ClvResults) -> str:
    """That fits failed and something else stands in their place; empty where all are as they were asked for."""
    many = clv.replaced_fits
    if not many:
        return ""
    return (
        f" {number(many)} {plural(many, 'fit', 'fits')} did not converge and {plural(many, 'was', 'were')} replaced: "
        "see the parameters."
    )


def _few_conversions(attribution: AttributionResults) -> str:
    """A caution where there are too few conversions for intervals to hold as often as they say.

    Those by the delta method are made for few conversions; percentiles of a bootstrap know only those that happened.
    """
    total = prose.total_conversions(attribution)
    if not total > 0 or attribution.comparison["difference_low"].isna().all():
        return ""
    counted = f" With {whole_or(total, 1)} {plural(total, 'conversion')} in all"
    if attribution.interval_method.startswith("bootstrap"):
        if total >= FEW_FOR_A_BOOTSTRAP:
            return ""
        return (
            f"{counted} those of the bootstrap hold less often than that, above all for channels with a few. More data "
            "help, and so does the delta method (attribution.bootstrap_replicates = 0)."
        )
    return f"{counted} they are rough. More data help." if total < FEW_CONVERSIONS else ""


def choices_sentence(attribution: AttributionResults) -> str:
    """How the credit fared under the other choices that the run tried; empty where it tried none."""
    depth, total = attribution.depth, prose.total_conversions(attribution)
    rows = None if depth is None else depth.sensitivity
    summary = None if depth is None else depth.sensitivity_summary
    if depth is None or rows is None or summary is None or not len(rows) or not len(summary) or not total > 0:
        return ""
    others = rows[rows["choice"] != "as configured"]
    tried = len(others[["choice", "setting"]].drop_duplicates())
    if not tried or not len(clear := prose.clear_moves(attribution)):
        return ""
    share = (clear[attribution.baseline] / total).set_axis(clear["channel"])
    side = clear["difference"].set_axis(clear["channel"]) > 0
    mine = others[others["channel"].isin(share.index)]
    kept = (mine["share"] > mine["channel"].map(share)) == mine["channel"].map(side)
    stable = int(kept.groupby(mine["channel"]).all().sum())
    most = summary.iloc[int(summary["largest_shift"].abs().to_numpy().argmax())]
    name = shorten(clean(most["channel"]), prose.NAME_WIDTH)
    of = f"{number(stable)} of the {number(len(clear))}" if stable < len(clear) else f"all {number(len(clear))}"
    if len(clear) == 1:
        of = "the one channel that differs" if stable else "not even the one channel that differs"
    kinds = [_CHOICES.get(str(kind), str(kind)) for kind in dict.fromkeys(others["choice"])]
    verb = "stays" if 1 in (stable, len(clear)) else "stay"
    lowest, highest = percent(most["lowest_share"]), percent(most["highest_share"])
    moved = f"{name} depends on them most: {lowest} to {highest} of the credit, here {percent(most['share'])}."
    if lowest == highest:
        moved = "They hardly move any channel's share of the credit."
    return (
        f"With {number(tried)} other {plural(tried, 'choice')} ({', '.join(kinds)}) {of} "
        f"{verb} on the same side of {prose.in_sentence(attribution.baseline)} every time. {moved}"
        f"{_order_remark(attribution, depth)}"
    )


def blind_sentence(attribution: AttributionResults) -> str:
    """A caution where journeys do not foretell whether they convert; empty where they do, or nobody looked."""
    orders = None if attribution.depth is None else attribution.depth.orders
    if orders is None or history_foretells(orders):
        return ""
    return (
        "Which channels a journey has passed foretells nothing here of whether it converts. Credit says who was there "
        "when orders came, not who brought them about."
    )


def history_foretells(orders: pd.DataFrame) -> bool:
    """Whether any model foretells held-out journeys better than the bare share that converted, by a standard error."""
    bare = orders[orders["order"] == 0]
    if not len(bare):
        return True
    better = float(bare["excess"].iloc[0]) - float(orders.loc[orders["order"] != 0, "excess"].min())
    return not better <= float(bare["excess_std_error"].iloc[0])


def _order_remark(attribution: AttributionResults, depth: ChannelDepth) -> str:
    orders = depth.orders
    if attribution.model != "markov" or orders is None or depth.order_is_chosen or not history_foretells(orders):
        return ""
    best = orders.loc[orders["chosen"].astype(bool) & orders["order"].notna(), "order"]
    if not len(best) or int(best.iloc[0]) in (0, attribution.order):
        return ""
    return (
        f" A model that remembers {int(best.iloc[0])} channels foretells unseen journeys better than this one of "
        f"{attribution.order}."
    )


def _untouched(attribution: AttributionResults) -> str:
    without, share = untouched_share(attribution)
    if not without > 0:
        return ""
    back = "" if attribution.lookback_days is None else f" in the {days(attribution.lookback_days)} before"
    return (
        f"{number(without)} {plural(without, 'conversion')} ({percent(share)} of all) had no recorded touch{back} and "
        f"{plural(without, 'is', 'are')} credited to no channel."
    )
