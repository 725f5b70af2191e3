"""Why credit moved away from last click: the steps from one to the other, and where each last click's credit goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.pages import prose
from reports.pages.channels import MOST_CHANNELS, left_out
from reports.pages.content import Block, Column, Points, Prose, Table
from reports.results.run_results import AttributionResults, ChannelDepth, RunResults
from reports.wording.labels import ELLIPSIS, clean, plural, shorten, table_name
from reports.wording.number_format import credit_decimals, number, percent, ranges

if TYPE_CHECKING:
    import pandas as pd

_FLOW_CHANNELS = 9
_FEW_CHANNELS = 6  # whose names have room enough over their columns
# Each step: the name of its intervals, its header, and what happens in it.
_STEPS = {
    "sharing": (
        "sharing",
        "Sharing",
        "Each conversion is divided equally among the channels of its path; last click gives it whole to the last.",
    ),
    "weighting": (
        "weighting",
        "Weighting",
        "Without any one channel of its path a conversion would be lost whole. So the model counts it once for each of "
        "them and scales the sum back to all conversions: one on a path of many channels weighs more, one on a path of "
        "a single channel less.",
    ),
    "smoothing": (
        "model",
        "Paths\nnot seen",
        "The model counts all paths that its steps make likely, not only those that were recorded.",
    ),
}


def bridge_blocks(attribution: AttributionResults, depth: ChannelDepth, run: RunResults) -> list[Block]:
    """The steps from last click to the Markov model, in words and for every channel."""
    rows = depth.bridge
    if rows is None or not len(rows):
        return []
    decimals = credit_decimals(rows[["last_click", "markov"]].to_numpy().ravel())
    rows = rows.sort_values(["markov", "channel"], ascending=[False, True]).reset_index(drop=True)
    moved = number(float(rows["markov"].sub(rows["last_click"]).abs().sum()) / 2, decimals)
    text = (
        f"Between last click and the Markov model {moved} "
        f"{'conversion changes' if moved == '1' else 'conversions change'} hands, in three steps (where one step moves "
        "back what another moved, the steps come to more)."
    )
    points = tuple(_point(rows, step, attribution, decimals) for step in _STEPS)
    return [Prose(text), Points(points), _bridge_table(rows, decimals, run)]


def _point(rows: pd.DataFrame, step: str, attribution: AttributionResults, decimals: int) -> tuple[str, str]:
    """How much a step moves, what happens in it, and the channel that it changes most."""
    _, header, text = _STEPS[step]
    size = number(float(rows[step].abs().sum()) / 2, decimals)
    if step == "smoothing" and attribution.convention != "exact":
        text += " Very long walks count as lost, as configured."
    largest = int(rows[step].abs().to_numpy().argmax())
    name, change = shorten(clean(rows["channel"].iloc[largest]), prose.NAME_WIDTH), float(rows[step].iloc[largest])
    if round(change, decimals):
        text += f" It matters most for {name}: {number(change, decimals, signed=True)}."
    name = header.replace("\n", " ")
    return f"{name}: {size} {'conversion' if size == '1' else 'conversions'}.", text


def _bridge_table(rows: pd.DataFrame, decimals: int, run: RunResults) -> Table:
    import pandas as pd

    interval = prose.interval_name(run.confidence)
    totals: dict[str, object] = {"channel": "All channels"}
    totals |= {name: rows[name].sum() for name in ("last_click", *_STEPS, "markov")}
    columns = [
        Column("channel", "Channel", width=1),
        Column("last_click", "Last click", "credit", decimals=decimals),
    ]
    for step, (ends, header, _) in _STEPS.items():
        rows = rows.assign(**{f"{step}_interval": ranges(rows, ends, decimals, signed=True)})
        totals[f"{step}_interval"] = ""
        columns += [
            Column(step, header, "signed", decimals=decimals),
            Column(f"{step}_interval", interval.replace(" ", "\n"), align="right"),
        ]
    shown = rows.head(MOST_CHANNELS).assign(channel=lambda shown: shown["channel"].map(table_name))
    return Table(
        title="From last click to the Markov model, step by step",
        data=pd.concat([shown, pd.DataFrame([totals])], ignore_index=True),
        columns=(*columns, Column("markov", "Markov", "credit", decimals=decimals)),
        caption="Last click and the three steps add up to Markov; each step sums to zero over channels."
        + left_out(len(rows)),
        bold_rows=(len(shown),),
    )


def flow_blocks(depth: ChannelDepth) -> list[Block]:
    """Where the conversions of each last click go."""
    rows = depth.flows
    if rows is None or not len(rows):
        return []
    sizes = rows.groupby("credited")["conversions"].sum().sort_values(ascending=False, kind="stable")
    shown = list(sizes.index[:_FLOW_CHANNELS])
    wide = rows.pivot_table(index="last_click", columns="credited", values="conversions", aggfunc="sum")
    wide = wide.reindex(index=shown, columns=shown).fillna(0.0)
    data = wide.set_axis([f"to_{place}" for place in range(len(shown))], axis=1).reset_index(drop=True)
    headers = [_two_lines(name, 18 if len(shown) <= _FEW_CHANNELS else 11) for name in shown]
    numbered = any(ELLIPSIS in header for header in headers)
    names = [shorten(clean(name), 40) for name in shown]
    if numbered:
        headers = [str(place) for place in range(1, len(shown) + 1)]
        names = [f"{place}  {name}" for place, name in zip(headers, names, strict=True)]
    data.insert(0, "last_click", names)
    left = len(sizes) - len(shown)
    own = float(rows.loc[rows["last_click"] == rows["credited"], "conversions"].sum()) / float(sizes.sum())
    decimals = credit_decimals(wide.to_numpy().ravel())
    return [
        Table(
            title=f"{percent(own, 0)} of the credit stays with the channel of the last click",
            data=data,
            columns=(
                Column("last_click", "Last click by", width=1),
                *(
                    Column(f"to_{place}", header, "credit", shade=True, decimals=decimals)
                    for place, header in enumerate(headers)
                ),
            ),
            caption="Of what the channel in the row closed, what the model credits to the channel in the column. "
            + ("Columns are numbered as rows. " if numbered else "")
            + "Columns sum to the model's credit, rows to more than was closed where paths are long, else to less."
            + (f" {left} smaller {plural(left, 'channel is', 'channels are')} not shown." if left else "")
            + _beside(left, rows["conversions_low"].notna()),
        )
    ]


def _beside(left: int, told: pd.Series) -> str:
    """Where what the table of flows leaves out is to be found; ``told`` says which flows have intervals."""
    what = [*(["All channels"] if left else []), *(["intervals"] if told.any() else [])]
    said = " and ".join(what)
    where = f" {said[:1].upper()}{said[1:]} are in the table credit_flows beside this report." if said else ""
    if told.all():
        return where
    if told.any():
        return f"{where} Only what the largest channels closed has intervals: of all they would take too long."
    return f"{where} They have no intervals: of so many channels these would take too long."


def _two_lines(name: object, width: int) -> str:
    """A name as a narrow header: broken at its middle blank, each line of at most so many characters."""
    words = clean(name).split(" ")
    cut = (len(words) + 1) // 2
    return "\n".join(shorten(" ".join(part), width) for part in (words[:cut], words[cut:]) if part)
