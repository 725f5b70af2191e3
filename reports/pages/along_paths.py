"""Who gets what along the paths themselves: where models cannot differ, and how they divide the paths where they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.pages import prose
from reports.pages.content import Block, Column, Prose, Table
from reports.results.run_results import ChannelDepth
from reports.wording.labels import clean, model_name, shorten
from reports.wording.number_format import percent, percent_range, whole_or

if TYPE_CHECKING:
    import pandas as pd

_OF_PATH = ("path", "conversions", "touch", "channel")
_LONGEST_PATH = 6


def path_blocks(depth: ChannelDepth, confidence: float) -> list[Block]:
    """How many conversions leave anything to decide, and the most frequent paths that do with each model's shares."""
    blocks: list[Block] = []
    if depth.touch_variety is not None and depth.touch_variety["conversions"].sum() > 0:
        blocks.append(Prose(_variety_sentence(depth.touch_variety, confidence)))
    if depth.along_paths is not None and len(depth.along_paths):
        blocks.append(_paths_table(depth.along_paths))
    return blocks


def _variety_sentence(variety: pd.DataFrame, confidence: float) -> str:
    rows = variety.set_index("paths")
    total = float(rows["conversions"].sum())

    def of(kind: str) -> str:
        return f"{whole_or(float(rows['conversions'][kind]), 1)} ({percent(float(rows['conversions_share'][kind]))})"

    low, high = (float(rows[f"conversions_share_{end}"]["several channels"]) for end in ("low", "high"))
    bounds = percent_range(low, high)
    rest = (
        f" Models divide the other {of('several channels')}; {prose.interval_name(confidence)} of that share: {bounds}."
    )
    if not rows["conversions"]["several channels"] > 0:
        rest = ""
    return (
        f"Of {whole_or(total, 1)} conversions {of('one touch')} have a single touch and {of('one channel')} several "
        "touches of one channel: along these paths no model can differ, that channel gets all."
        f"{rest}"
    )


def _paths_table(touches: pd.DataFrame) -> Table:
    import pandas as pd

    models = [name for name in touches.columns if name not in _OF_PATH and not name.endswith(("_low", "_high"))]
    rows = []
    for _, along in touches.groupby("path", sort=False):
        conversions = float(along["conversions"].iloc[0])
        cells = {model: _shares(along.groupby("channel", sort=False)[model].sum()) for model in models}
        rows.append({"path": _short_path(list(along["channel"])), "conversions": conversions, **cells})
    data = pd.DataFrame(rows)
    return Table(
        title="The most frequent paths of several channels, and who gets their conversions",
        data=data,
        columns=(
            Column("path", "Path", width=1),
            Column("conversions", "Conversions", "count" if (data["conversions"] % 1 == 0).all() else "credit"),
            *(Column(model, model_name(model), width=0.5 if model == "last_click" else 0.9) for model in models),
        ),
        caption="Shares of a path's conversions in per cent. The Markov model has none within a path: shown is the "
        "path divided by the removal effects of its channels; its credit over all paths counts unseen ones, too."
        if "markov" in models
        else "Shares of a path's conversions in per cent.",
    )


def _short_path(channels: list[object]) -> str:
    names = [shorten(clean(name), 30) for name in channels]
    if len(names) > _LONGEST_PATH:
        left = len(names) - _LONGEST_PATH + 1
        names = [*names[: _LONGEST_PATH - 3], f"… {left} more …", *names[-2:]]
    return " › ".join(names)


def _shares(shares: pd.Series[float]) -> str:
    """``Email 62 · Direct 38``, the largest first; one that gets all stands alone, those of nothing are left out."""
    large = shares[shares >= 0.005].sort_values(ascending=False, kind="stable")
    if len(large) == 1:
        return shorten(clean(large.index[0]), 18)
    return " · ".join(f"{shorten(clean(name), 18)} {100 * share:.0f}" for name, share in large.items())
