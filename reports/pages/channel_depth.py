"""The pages behind the credit: why it moved, what channels do on their paths, how far it depends on choices."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reports.figures.channel_depth import MOST_CHANNELS, draw_roles, draw_sensitivity
from reports.pages import prose
from reports.pages.along_paths import path_blocks
from reports.pages.certainty import history_foretells
from reports.pages.channel_segments import segment_blocks, segment_title
from reports.pages.channels import MOST_CHANNELS as MOST_ROWS
from reports.pages.channels import left_out
from reports.pages.content import Block, Column, Figure, Prose, Section, Table
from reports.pages.journeys import conversions_n, window
from reports.pages.moved_credit import bridge_blocks, flow_blocks
from reports.results.run_results import AttributionResults, ChannelDepth, RunResults
from reports.wording.labels import clean, listing, model_name, shorten, table_name
from reports.wording.number_format import number, percent, percent_range, ranges

if TYPE_CHECKING:
    import pandas as pd

LARGE_SHIFT = 0.05


def depth_sections(run: RunResults) -> tuple[Section, ...]:
    """Build the pages behind the credit; none for a brief run."""
    attribution = run.attribution
    if attribution is None or attribution.depth is None or len(attribution.comparison) < 2:
        return ()
    depth = attribution.depth
    apart = segment_blocks(depth, attribution, run)
    moved = [*bridge_blocks(attribution, depth, run), *path_blocks(attribution, depth, run.confidence)]
    moved += flow_blocks(depth)
    moved += _role_blocks(depth, attribution, run)
    choices = [*_sensitivity_blocks(depth, attribution, run), *_order_blocks(depth, attribution, run)]
    sections = (
        Section("Why credit moved", tuple(moved), new_page=False),
        Section(segment_title(depth), tuple(apart), new_page=False),
        Section("How far credit depends on choices", tuple(choices), new_page=False),
    )
    return tuple(section for section in sections if section.blocks)


def _role_blocks(depth: ChannelDepth, attribution: AttributionResults, run: RunResults) -> list[Block]:
    rows = depth.roles
    if rows is None or not (rows["conversions"] > 0).any():
        return []
    drawn = rows[rows["conversions"] > 0]
    several = drawn.assign(shared=drawn["conversions"] - drawn["single"])
    several = several[several["shared"] > 0.05 * several["shared"].sum()]
    title, bounds = "Who opens, who assists, who closes", ""
    if len(several) > 1:
        early, late = (
            str(several["channel"].iloc[int((several[role] / several["shared"]).to_numpy().argmax())])
            for role in ("early", "late")
        )
        if early != late:
            title = f"{shorten(clean(early), 30)} works earliest on shared paths, {shorten(clean(late), 30)} latest"
            bounds = (
                f" {prose.interval_name(run.confidence)}s: {shorten(clean(early), 30)} early "
                f"{_share_range(several, early, 'early')}, {shorten(clean(late), 30)} late "
                f"{_share_range(several, late, 'late')}; of all in the table channel_roles beside this report."
            )
    spoken = "; ".join(
        f"{clean(row['channel'])} {percent(float(row['single']) / float(row['conversions']), 0)} alone, "
        f"{percent(float(row['late']) / float(row['conversions']), 0)} late"
        for row in drawn.sort_values("conversions", ascending=False).head(6).to_dict("records")
    )
    rest = f" The {MOST_CHANNELS} largest of {len(drawn)} channels." if len(drawn) > MOST_CHANNELS else ""
    return [
        Figure(
            title=title,
            drawing=partial(draw_roles, rows),
            alt=f"Bars of 100 per cent per channel by place on the path: {spoken}.",
            n=conversions_n(attribution),
            window=window(attribution, run),
            model="linear credit",
            caption="Early: the first quarter of a path's touches, late: the last quarter, at least one each. Alone: "
            f"the only touch.{bounds}{rest}",
            data=rows,
        )
    ]


def _share_range(rows: pd.DataFrame, channel: str, role: str) -> str:
    """The interval of how much of a channel's credit comes in one role."""
    (row,) = rows[rows["channel"] == channel].to_dict("records")
    return percent_range(float(row[f"{role}_share_low"]), float(row[f"{role}_share_high"]))


def _sensitivity_blocks(depth: ChannelDepth, attribution: AttributionResults, run: RunResults) -> list[Block]:
    summary, table = depth.sensitivity_summary, depth.sensitivity
    if summary is None or table is None or not len(summary):
        return []
    words = {"order": "the order of the chain", "path transform": "which touches of a path count"}
    words |= {"lookback": "the lookback", "grain": "touches or visits"}
    choices = [words.get(name, name) for name in dict.fromkeys(table["choice"]) if name != "as configured"]
    largest = summary.iloc[0]
    name, shift = shorten(clean(largest["channel"]), 40), abs(float(largest["largest_shift"]))
    steady = int((summary["best_rank"] == summary["worst_rank"]).sum())
    title = f"No channel's share moves by more than {percent(shift)} of all conversions"
    if shift >= LARGE_SHIFT:
        title = f"{name}'s share moves by up to {percent(shift)} of all conversions with the choices made"
    text = (
        f"Credit was worked out again with one choice changed at a time ({listing(choices)}). The share of {name} "
        f"moves most, by {percent(float(largest['largest_shift']), signed=True)} of all conversions "
        f"({_in_words(largest['shifted_by'])}). {steady} of {len(summary)} channels keep their rank throughout."
        f"{_clear_shifts(summary)}"
    )
    interval = prose.interval_name(run.confidence)
    known = bool(summary["largest_shift_low"].notna().any())
    rows = summary.assign(
        channel=summary["channel"].map(table_name),
        ranks=[
            f"{best:.0f}" if best == worst else f"{best:.0f} to {worst:.0f}"
            for best, worst in zip(summary["best_rank"], summary["worst_rank"], strict=True)
        ],
        shifted_by=[_in_words(text) for text in summary["shifted_by"]],
        range=[percent_range(*pair) for pair in zip(summary["lowest_share"], summary["highest_share"], strict=True)],
        interval=ranges(100 * summary.filter(like="largest_shift_"), "largest_shift", 2, signed=True),
    )
    return [
        Prose(text),
        Figure(
            title=title,
            drawing=partial(draw_sensitivity, summary, table),
            alt=f"Range of each channel's share over other choices. {text}",
            n=conversions_n(attribution),
            window=window(attribution, run),
            model=model_name(attribution.model, order=attribution.order),
            caption=f"Thin dark lines: {interval}s of the shares as configured." if known else "",
            data=summary,
        ),
        Table(
            title="The largest shift of every channel",
            data=rows.head(MOST_ROWS),
            columns=(
                Column("channel", "Channel", width=1),
                Column("share", "Share", "percent"),
                Column("range", "Over all choices", align="right"),
                Column("largest_shift", "Largest\nshift", "signed_percent"),
                *([Column("interval", f"{interval},\npoints", align="right")] if known else []),
                Column("shifted_by", "By"),
                Column("ranks", "Rank", align="right"),
            ),
            caption=(_PAIRED * known + left_out(len(rows))).strip(),
        ),
    ]


_PAIRED = (
    "The interval is of this shift by itself, in percentage points: both choices see the same customers, so it is far "
    "narrower than those of the two shares."
)


def _clear_shifts(summary: pd.DataFrame) -> str:
    """How many of the largest shifts are more than chance; empty where that is not known."""
    known = summary[summary["largest_shift_low"].notna()]
    if not len(known):
        return ""
    clear = int(known["clear_together"].sum())
    if not clear:
        return " No channel's largest shift is clear of chance with all shifts judged together."
    of = f"all {len(known)}" if clear == len(known) else f"{clear} of {len(known)}"
    return f" For {of} channels the largest shift is more than chance, all shifts judged together."


_CHOICES = {
    "path transform: collapse_repeats": "repeats in a row counted once",
    "path transform: first_of_each": "the first touch of each channel alone",
    "path transform: last_of_each": "the last touch of each channel alone",
    "path transform: drop_direct_unless_alone": "direct visits counted only where alone",
}


def _in_words(shifted_by: object) -> str:
    """A choice as a page says it, not as the configuration does."""
    if not shifted_by:
        return "none"
    said = _CHOICES.get(str(shifted_by), clean(shifted_by).replace("_", " "))
    return said.replace("order: ", "a chain of order ").replace("lookback: ", "a lookback of ")


def _order_blocks(depth: ChannelDepth, attribution: AttributionResults, run: RunResults) -> list[Block]:
    rows, interval = depth.orders, prose.interval_name(run.confidence)
    if rows is None or not len(rows):
        if not depth.why_not_held_out:
            return []
        so = f" So the chain has order {attribution.order}." if attribution.why_not_chosen else ""
        return [Prose(f"No journeys were held out to test the models: {depth.why_not_held_out}.{so}")]
    best = int(rows.loc[rows["chosen"].astype(bool), "order"].iloc[0])
    chain = rows["model"] == "markov"
    top = rows[chain & (rows["order"] > 0)].sort_values("excess", kind="stable")["order"].iloc[0]
    used = f"; the run uses order {attribution.order}"
    if depth.order_is_chosen:
        used = ", which the run uses"
    elif best == attribution.order:
        used = ", which is also the one configured"
    text = f"A chain of order {top:.0f} foretells journeys that were held out best"
    if best != top:
        text += f"; the smallest that does as well within one standard error has order {best}"
    text += f"{used}."
    if not history_foretells(rows):
        text = (
            "Which channels a journey has passed foretells nothing here of whether it converts: on journeys held out "
            "no chain does better than the bare share of all that converted by more than a standard error. Of the "
            f"chains the smallest that does as well as the best has order {best}{used}. Credit shares out what "
            "happened; to forecast who converts, the journeys do not serve."
        )
    if not depth.order_is_chosen and best != attribution.order:
        text += f' With attribution.order = "auto" it would use order {best}.'
    dealt = "journeys, whose customers are not known"
    if rows["folds"].iloc[0] == "customers":
        dealt = "customers, each with all journeys"
    names = [
        "Regression" if not markov else "Share of all that converted" if order == 0 else f"Markov, order {order:.0f}"
        for markov, order in zip(chain, rows["order"], strict=True)
    ]
    blocks: list[Block] = [
        Table(
            title="How well each model foretells journeys that were held out",
            data=rows.assign(
                name=names, auc_interval=ranges(rows, "auc", 3), verdict=_choices_made(rows, depth, attribution)
            ),
            columns=(
                Column("name", "Model", width=1),
                Column("states", "States", "count"),
                Column("log_loss", "Log loss", "ratio", decimals=4),
                Column("excess", "Above the best", "ratio", decimals=4),
                Column("excess_std_error", "Standard error", "ratio", decimals=4),
                Column("auc", "AUC", "ratio", decimals=3),
                Column("auc_interval", interval, align="right"),
                Column("auc_in_sample", "AUC in sample", "ratio", decimals=3),
                Column("verdict", ""),
            ),
            caption=f"Held out: five folds of {dealt}. Log loss: the smaller, the better foretold. AUC: how surely a "
            "journey that converted is told from one of its fold that did not; 0.5 is chance."
            + _no_regression(rows, depth),
        )
    ]
    if depth.calibration is not None and len(depth.calibration):
        blocks.append(
            Table(
                title=f"Foretold and observed conversion of held-out journeys, order {best}",
                data=_by_group(depth.calibration, interval),
                columns=(
                    Column("what", "Group of journeys", width=1),
                    *(Column(f"group_{place}", str(place), align="right") for place in depth.calibration["group"]),
                ),
                caption="Journeys in up to ten groups by their foretold chance to convert, the least likely first; "
                "each holds as large a part of every fold.",
            )
        )
    return [Prose(text), *blocks]


def _choices_made(rows: pd.DataFrame, depth: ChannelDepth, attribution: AttributionResults) -> list[str]:
    """Which row held-out journeys would choose, and which the run uses."""
    said = []
    for chosen, order in zip(rows["chosen"].astype(bool), rows["order"], strict=True):
        used = attribution.model == "markov" and order == attribution.order
        words = (
            ("chosen" if depth.order_is_chosen else "to choose") * chosen,
            "used" * (used and not depth.order_is_chosen),
        )
        said.append(", ".join(word for word in words if word))
    return said


def _no_regression(rows: pd.DataFrame, depth: ChannelDepth) -> str:
    if (rows["model"] == "regression").any():
        return ""
    return f" The regression is left out: {depth.why_no_games or 'it could not be fitted to all folds'}."


def _by_group(calibration: pd.DataFrame, interval: str) -> pd.DataFrame:
    """Groups side by side, what is known of them below each other."""
    import pandas as pd

    rows = {
        "Journeys": [number(value) for value in calibration["journeys"]],
        "Foretold": [percent(value) for value in calibration["predicted"]],
        "Observed": [percent(value) for value in calibration["observed"]],
        f"– {interval}, from": [percent(value) for value in calibration["observed_low"]],
        "– to": [percent(value) for value in calibration["observed_high"]],
    }
    names = [f"group_{place}" for place in calibration["group"]]
    return pd.DataFrame([{"what": what, **dict(zip(names, cells, strict=True))} for what, cells in rows.items()])
