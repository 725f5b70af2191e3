"""The blocks on parts of the conversions: shares of credit side by side, where they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.pages import prose
from reports.pages.content import Block, Column, Prose, Table
from reports.results.run_results import AttributionResults, ChannelDepth, RunResults
from reports.wording.labels import clean, listing, shorten, table_name
from reports.wording.number_format import number_range, percent, whole_or

if TYPE_CHECKING:
    import pandas as pd

MOST_CHANNELS, MOST_SEGMENTS = 15, 5
_RULES = {
    "customers": "New: journeys up to a customer's first order, and those of people who never ordered. Returning: "
    "journeys after the first order. First is the first in the data.",
    "types": "Each type on journeys of its own: orders of the other types neither end a journey nor count.",
}


def segment_title(depth: ChannelDepth) -> str:
    """Name the page by what it tells apart."""
    kinds = set() if depth.segments is None else set(depth.segments.shares["kind"])
    if kinds == {"types"}:
        return "Credit by type of order"
    orders = "Who earns first orders, and who later ones"
    return f"{orders}; credit by type" if "types" in kinds else orders


def segment_blocks(depth: ChannelDepth, attribution: AttributionResults, run: RunResults) -> list[Block]:
    """Build a table for each kind of segments whose shares differ, and a sentence for each whose shares do not."""
    if depth.segments is None:
        return []
    blocks: list[Block] = []
    shares, journeys = depth.segments.shares, depth.segments.journeys
    for kind in dict.fromkeys(shares["kind"]):
        rows = shares[shares["kind"] == kind]
        sizes = _sizes(journeys[journeys["kind"] == kind])
        names = list(dict.fromkeys(rows["segment"]))
        if not rows["clear_together"].any():
            blocks.append(
                Prose(f"No channel earns a clearly other share of {_listed(names)}, all channels judged together.")
            )
            continue
        blocks += [Prose(_said(rows, sizes, names)), _table(str(kind), rows, sizes, names, attribution, run)]
    return [*blocks, *(Prose(note) for note in depth.segments.notes)]


def _listed(names: list[str]) -> str:
    return listing(f"“{shorten(clean(name), 30)}”" for name in names)


def _sizes(journeys: pd.DataFrame) -> dict[str, float]:
    """Conversions with a journey of each segment."""
    with_journey = (journeys["conversions"] - journeys["unattributed_conversions"]).to_numpy(dtype=float)
    return dict(zip(journeys["segment"].astype(str), with_journey.tolist(), strict=True))


def _said(rows: pd.DataFrame, sizes: dict[str, float], names: list[str]) -> str:
    """How large the segments are, and where the largest clear difference is."""
    shown = listing(f"{whole_or(sizes[name], 1)} of “{shorten(clean(name), 30)}”" for name in names)
    clear = rows[rows["clear_together"]].assign(share_before=rows["share"] - rows["difference"]).reset_index(drop=True)
    most = clear.loc[int(clear["difference"].abs().to_numpy().argmax())]
    share, before = most[["share_before", "share"]].to_numpy(dtype=float)[::-1].tolist()
    return (
        f"Of the conversions with a journey: {shown}. {shorten(clean(most['channel']), 40)} earns {percent(before)} of "
        f"“{shorten(clean(names[0]), 30)}” and {percent(share)} of "
        f"“{shorten(clean(most['segment']), 30)}”, the largest clear difference."
    )


def _table(
    kind: str,
    rows: pd.DataFrame,
    sizes: dict[str, float],
    names: list[str],
    attribution: AttributionResults,
    run: RunResults,
) -> Table:
    """Shares by channel, one column a segment; of two segments also the difference and its interval."""
    shown = names[:MOST_SEGMENTS]
    wide = rows.pivot(index="channel", columns="segment", values="share")[shown]
    weight = (wide * [sizes[name] for name in shown]).sum(axis=1)
    largest = list(weight.sort_values(ascending=False, kind="stable").index)
    wide = wide.loc[largest[:MOST_CHANNELS]]
    data = wide.set_axis([f"share_{place}" for place in range(len(shown))], axis=1).reset_index()
    columns = [
        Column("channel", "Channel", width=1),
        *(Column(f"share_{place}", _header(name), "percent", shade=len(shown) > 2) for place, name in enumerate(shown)),
    ]
    interval = prose.interval_name(run.confidence)
    if len(names) == 2:
        other = rows[rows["segment"] == names[1]].set_index("channel").loc[wide.index]
        data["difference"] = other["difference"].to_numpy()
        data["interval"] = [
            number_range(100 * low, 100 * high, 1, signed=True)
            for low, high in zip(other["difference_low"], other["difference_high"], strict=True)
        ]
        data["verdict"] = ["clear" if clear else "not clear" for clear in other["clear_together"]]
        columns += [
            Column("difference", "Difference", "signed_percent"),
            Column("interval", f"{interval}\nin % points", align="right"),
            Column("verdict", ""),
        ]
    left = len(largest) - len(wide)
    caption = _RULES[kind]
    if len(names) == 2:
        caption += " Clear: with all channels judged together; intervals are of each channel by itself."
    if left:
        caption += f" The {len(wide)} largest of {len(largest)} channels."
    if len(names) > len(shown):
        caption += f" The {len(shown)} most frequent of {len(names)} types."
    return Table(
        title=f"Shares of the credit by {prose.in_sentence(attribution.model)}: {listing(map(clean, shown))}",
        data=data.assign(channel=data["channel"].map(table_name)),
        columns=tuple(columns),
        caption=caption,
        tones=(("not clear", "muted"),),
    )


def _header(name: str) -> str:
    shown = shorten(clean(name), 22)
    return f"{shown[:1].upper()}{shown[1:]}".replace(" ", "\n", 1)
