"""The table of how sure the order of the channels is, where data were drawn again."""

from __future__ import annotations

from reports.pages import prose
from reports.pages.content import Column, Table
from reports.results.run_results import AttributionResults, RunResults
from reports.wording.labels import table_name
from reports.wording.number_format import level


def ranks_table(attribution: AttributionResults, run: RunResults, *, most: int, left_out: str) -> Table | None:
    """The ranks of the largest channels with how often they were kept; None without a bootstrap."""
    rows = attribution.rank_stability
    if rows is None:
        return None
    steady = int((rows["same_rank"] >= run.confidence).sum())
    ends = zip(rows["rank_low"], rows["rank_high"], strict=True)
    return Table(
        title=f"{steady} of {len(rows)} channels keep their rank in {level(run.confidence)} or more of all draws",
        data=rows.assign(
            channel=rows["channel"].map(table_name),
            ranks=[f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}" for low, high in ends],
        ).head(most),
        columns=(
            Column("rank", "Rank", "count"),
            Column("channel", "Channel", width=1),
            Column("same_rank", "Keeps\nits rank", "percent"),
            Column("ranks", f"{prose.interval_name(run.confidence)}\nof the rank", align="right"),
            Column("above_next", "Not below\nthe next", "percent"),
        ),
        caption=f"By conversions credited by {prose.in_sentence(attribution.model)}; {attribution.interval_method}."
        f"{left_out}",
    )
