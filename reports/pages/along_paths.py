"""Who gets what along the paths themselves: where rules cannot differ, and how models divide paths where they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.pages import prose
from reports.pages.content import Block, Column, Prose, Table
from reports.results.run_results import AttributionResults, ChannelDepth
from reports.wording.labels import clean, listing, model_name, shorten
from reports.wording.number_format import NO_BREAK, credit_decimals, percent, percent_range, whole_or

if TYPE_CHECKING:
    import pandas as pd

_OF_PATH = ("path", "conversions", "touch", "channel")
_LONGEST_PATH = 6
MOST_PATHS, MOST_MODELS = 8, 4
_WHOLES = {"markov": "the Markov model", "shapley": "Shapley values", "regression": "the regression"}


def path_blocks(attribution: AttributionResults, depth: ChannelDepth, confidence: float) -> list[Block]:
    """How many conversions leave rules anything to decide, and the most frequent paths that do with each one's shares.

    Models are described, too, that do not go path by path.
    """
    blocks: list[Block] = []
    if depth.touch_variety is not None and depth.touch_variety["conversions"].sum() > 0:
        wholes = [f"{_wholes(attribution)}{_less_than_alone(depth.bridge)}"] if _wholes(attribution) else []
        blocks.append(Prose(" ".join([_variety_sentence(depth.touch_variety, confidence), *wholes])))
    if depth.along_paths is not None and len(depth.along_paths):
        blocks.append(_paths_table(depth.along_paths, attribution))
    return blocks


def _wholes(attribution: AttributionResults) -> str:
    """Why models that look at all paths together need not give a channel what its own paths brought."""
    known = set(attribution.credit["model"])
    names = [name for model, name in _WHOLES.items() if model in known]
    if not names:
        return ""
    who = listing(names)
    verb = "does" if names in (["the Markov model"], ["the regression"]) else "do"
    return (
        f"{who[0].upper()}{who[1:]} {verb} not go path by path: all conversions together are "
        "divided by what the channels were worth over all paths, so a channel may get more or less than its own paths "
        "brought"
    )


def _less_than_alone(steps: pd.DataFrame | None) -> str:
    """The channel that falls furthest below what came by it alone, where one does."""
    if steps is None or not (short := steps["alone"] - steps["markov"]).max() > 0:
        return "."
    largest = int(short.to_numpy().argmax())
    decimals = credit_decimals(steps["alone"])
    alone, credited = (whole_or(float(steps[name].iloc[largest]), decimals) for name in ("alone", "markov"))
    if alone == credited:
        return "."
    name = shorten(clean(steps["channel"].iloc[largest]), 40)
    return f": {name} alone brought {alone}, and Markov credits it with {credited}."


def _variety_sentence(variety: pd.DataFrame, confidence: float) -> str:
    rows = variety.set_index("paths")
    total = float(rows["conversions"].sum())

    def of(kind: str) -> str:
        return f"{whole_or(float(rows['conversions'][kind]), 1)} ({percent(float(rows['conversions_share'][kind]))})"

    low, high = (float(rows[f"conversions_share_{end}"]["several channels"]) for end in ("low", "high"))
    bounds = percent_range(low, high)
    rest = (
        f" Rules differ on the other {of('several channels')}; {prose.interval_name(confidence)} of that share: "
        f"{bounds}."
    )
    if not rows["conversions"]["several channels"] > 0:
        rest = ""
    return (
        f"Of {whole_or(total, 1)} conversions {of('one touch')} have a single touch and {of('one channel')} several "
        f"touches of one channel: every rule gives these to that channel.{rest}"
    )


def _shown_models(touches: pd.DataFrame, attribution: AttributionResults) -> tuple[list[str], list[str]]:
    """The models whose shares have room on a page, the compared ones first of all, and those that have none.

    Rules that divide a path go before those that give it whole, which a reader sees by himself.
    """
    known = [name for name in touches.columns if name not in _OF_PATH and not name.endswith(("_low", "_high"))]
    whole = {name for name in known if touches[name].isin([0.0, 1.0]).all()}
    compared = {attribution.baseline, attribution.model}
    by_worth = sorted(known, key=lambda name: (name not in compared, name in whole))
    shown = set(by_worth[:MOST_MODELS])
    return [name for name in known if name in shown], [name for name in known if name not in shown]


def _paths_table(touches: pd.DataFrame, attribution: AttributionResults) -> Table:
    import pandas as pd

    touches = touches[touches["path"].isin(touches["path"].unique()[:MOST_PATHS])]
    models, others = _shown_models(touches, attribution)
    whole = {model for model in models if touches[model].isin([0.0, 1.0]).all()}
    rest = (
        f" Shares by {listing(map(prose.in_sentence, others))} are in the table credit_along_paths." if others else ""
    )
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
            *(Column(model, model_name(model), width=0.5 if model in whole else 0.9) for model in models),
        ),
        caption="Shares of a path's conversions in per cent."
        + (
            " The Markov model has none within a path: shown is the path divided by the removal effects of its "
            "channels; its credit over all paths counts unseen ones, too."
            if "markov" in models
            else ""
        )
        + rest,
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
    return " · ".join(f"{shorten(clean(name), 18)}{NO_BREAK}{100 * share:.0f}" for name, share in large.items())
