"""The channel pages: credit by model with the intervals of the change, and what it means in money."""

from __future__ import annotations

from functools import partial
from textwrap import fill
from typing import TYPE_CHECKING

from reports.figures.comparison import draw_dumbbell, largest_channels
from reports.pages import prose
from reports.pages.channel_experiments import experiment_sections
from reports.pages.channel_ranks import ranks_table
from reports.pages.channel_returns import money_table
from reports.pages.content import Block, Column, Figure, Prose, Section, Table
from reports.pages.journeys import conversions_n, journey_blocks, window
from reports.results.run_results import AttributionResults, RunResults
from reports.wording.labels import clean, listing, model_name, plural, shorten, table_name
from reports.wording.number_format import Format, credit_decimals, money_decimals, number, ranges

if TYPE_CHECKING:
    import pandas as pd

_MODEL_NOTES = (
    ("removal_effect", "Removal effect: the share of conversions the Markov model loses without the channel."),
    (
        "shapley",
        "Shapley: what a channel adds to the rate of conversion; below zero where journeys with it convert less.",
    ),
    ("regression", "Regression: what a logistic regression on touches expects to be lost without the channel."),
)
MOST_CHANNELS = 60


def channel_sections(run: RunResults) -> tuple[Section, ...]:
    """Build the pages on channels and journeys; none when the run has no attribution."""
    attribution = run.attribution
    if attribution is None:
        return ()
    if not len(attribution.comparison) or not prose.total_conversions(attribution) > 0:
        blocks: list[Block] = [Prose(prose.what_changed(attribution, run.confidence), tone="callout")]
        return (Section("Channels", (*blocks, *journey_blocks(attribution, run))),)
    channels = Section("Channels: who earned the conversions", tuple(_credit_blocks(attribution, run)))
    journeys = journey_blocks(attribution, run)
    behind = (Section("Journeys behind the credit", tuple(journeys), new_page=False),) if journeys else ()
    return (channels, *experiment_sections(run), *behind)


def _credit_blocks(attribution: AttributionResults, run: RunResults) -> list[Block]:
    rows = attribution.comparison
    model = model_name(attribution.model, order=attribution.order)
    drawn = largest_channels(rows, attribution.baseline, attribution.model)
    shown = "" if len(drawn) == len(rows) else f" The {len(drawn)} largest of {len(rows)} channels are drawn."
    interval = prose.interval_name(run.confidence)
    if len(rows) < 2:
        return _credit_tables([Prose(prose.what_changed(attribution, run.confidence))], attribution, run)
    blocks: list[Block] = [
        Figure(
            title=prose.comparison_title(attribution),
            drawing=partial(
                draw_dumbbell,
                rows,
                baseline=attribution.baseline,
                model=attribution.model,
                decimals=prose.comparison_decimals(attribution),
            ),
            alt=f"Per channel the conversions credited by {prose.in_sentence(attribution.baseline)} and by {model}, "
            "with "
            f"the interval of the change. {prose.what_changed(attribution, run.confidence)}",
            n=conversions_n(attribution),
            window=window(attribution, run),
            model=f"{model}, {attribution.interval_method}",
            caption=f"Blue changes are clear gains, orange ones clear losses; the pale line is the {interval} of the "
            f"change.{_judged_apart(attribution)}{shown}",
            data=drawn,
        ),
    ]
    return _credit_tables(blocks, attribution, run)


def _judged_apart(attribution: AttributionResults) -> str:
    """That colours judge each channel by itself, where that finds more than the title, which judges them together."""
    alone, together = len(prose.clear_alone(attribution.comparison)), len(prose.clear_moves(attribution))
    if alone == together:
        return ""
    left = f"only {number(together)} of {number(alone)} {plural(together, 'is', 'are')}" if together else "none is"
    return f" Colours judge each channel by itself; with all judged together {left} clear."


def _credit_tables(blocks: list[Block], attribution: AttributionResults, run: RunResults) -> list[Block]:
    tables = (
        _conversions_table(attribution, run),
        _value_table(attribution, run),
        ranks_table(attribution, run, most=MOST_CHANNELS, left_out=left_out(len(attribution.comparison))),
        _returns_table(attribution, run),
        _models_table(attribution, run),
    )
    return [*blocks, *(table for table in tables if table is not None)]


def left_out(channels: int) -> str:
    """A sentence for a caption: that a table holds only the largest of so many channels."""
    if channels <= MOST_CHANNELS:
        return ""
    return f" The {MOST_CHANNELS} largest of {channels:,} channels; the table beside this report has all."


def _by_size(attribution: AttributionResults) -> pd.DataFrame:
    rows = attribution.comparison
    return largest_channels(rows, attribution.baseline, attribution.model, most=len(rows))


def _conversions_table(attribution: AttributionResults, run: RunResults) -> Table:
    baseline, model = prose.in_sentence(attribution.baseline), prose.in_sentence(attribution.model)
    return _comparison_table(
        _by_size(attribution),
        attribution,
        run,
        title=f"Conversions credited by {baseline} and by {model}",
        caption="A verdict is given only where the interval of the change does not hold zero."
        + _by_chance(attribution, run),
        formats=("credit", "signed"),
        decimals=prose.comparison_decimals(attribution),
    )


def _by_chance(attribution: AttributionResults, run: RunResults) -> str:
    """How many verdicts chance gives, and how many of those here stand with all channels judged together."""
    if not (chance := prose.clear_by_chance(attribution, run.confidence)):
        return ""
    alone, together = len(prose.clear_alone(attribution.comparison)), len(prose.clear_moves(attribution))
    of = f"all {number(alone)}" if together == alone > 1 else f"of {number(alone)} here {number(together)}"
    kept = f"{of} {plural(together, 'stays', 'stay')} so with all judged together"
    return f" {chance[:1].upper()}{chance[1:]}; {kept if alone else 'here none does'}."


def _value_table(attribution: AttributionResults, run: RunResults) -> Table | None:
    """The same in money; None where paths carry no value."""
    value = attribution.comparison_value
    if value is None or not len(value):
        return None
    names = list(_by_size(attribution)["channel"])
    rows = value.set_index("channel").loc[names].reset_index()
    baseline, model = prose.in_sentence(attribution.baseline), prose.in_sentence(attribution.model)
    verdicts = attribution.comparison.set_index("channel")["verdict"].loc[names]
    other = [
        shorten(clean(name), 30) for name, one, two in zip(names, verdicts, rows["verdict"], strict=True) if one != two
    ]
    caption = "In every channel the verdict is that on conversions."
    if other:
        some = other[:5] + ([f"{len(other) - 5} more"] if len(other) > 5 else [])
        caption = f"The verdict is another than on conversions for {listing(some)}."
    return _comparison_table(
        rows,
        attribution,
        run,
        title=f"Value credited by {baseline} and by {model}" + (f", {run.currency}" if run.currency else ""),
        caption=caption,
        formats=("money", "signed_money"),
        decimals=money_decimals(rows[[attribution.baseline, attribution.model]].to_numpy().ravel()),
    )


def _comparison_table(
    rows: pd.DataFrame,
    attribution: AttributionResults,
    run: RunResults,
    *,
    title: str,
    caption: str,
    formats: tuple[Format, Format],
    decimals: int,
) -> Table:
    """Both models, the change and its verdict, with a line of totals; formats of amounts and of changes."""
    import pandas as pd

    baseline, model = attribution.baseline, attribution.model
    suffix = f" by {baseline.replace('_', ' ')}"
    rows = rows.assign(
        channel=rows["channel"].map(table_name),
        relative=rows["difference"] / rows[baseline].where(rows[baseline] > 0),
        interval=ranges(rows, "difference", decimals, signed=True),
        verdict=[str(verdict).removesuffix(suffix) for verdict in rows["verdict"]],
    )
    totals = {"channel": "All channels", baseline: rows[baseline].sum(), model: rows[model].sum()}
    totals |= {"difference": 0.0, "interval": "", "verdict": ""}
    shown = rows.head(MOST_CHANNELS)
    return Table(
        title=title,
        data=pd.concat([shown, pd.DataFrame([totals])], ignore_index=True),
        columns=(
            Column("channel", "Channel", width=1),
            Column(baseline, model_name(baseline), formats[0], decimals=decimals),
            Column(model, model_name(model), formats[0], decimals=decimals),
            Column("difference", "Change", formats[1], decimals=decimals),
            Column("relative", "Change in %", "signed_percent"),
            Column("interval", f"{prose.interval_name(run.confidence)}\nof the change", align="right"),
            Column("verdict", f"By {prose.in_sentence(baseline)}"),
        ),
        caption=f"{caption}{left_out(len(rows))}",
        bold_rows=(len(shown),),
        tones=(("under-credited", "up"), ("over-credited", "down"), (prose.NO_DIFFERENCE, "muted")),
    )


def _returns_table(attribution: AttributionResults, run: RunResults) -> Table | None:
    names = list(_by_size(attribution)["channel"])
    only_cost = set() if attribution.costs is None else set(attribution.costs["channel"]) - set(names)
    left = left_out(len(names) + len(only_cost))
    return money_table(attribution, run, names=names, most=MOST_CHANNELS, left_out=left)


def _models_table(attribution: AttributionResults, run: RunResults) -> Table | None:
    """All models side by side, shaded by size, with the removal effects at the end."""
    import pandas as pd

    credit = attribution.credit[attribution.credit["segment"] == "all"]
    models = list(dict.fromkeys(credit["model"]))
    if len(models) < 2:
        return None
    wide = credit.pivot_table(index="channel", columns="model", values="conversions", aggfunc="sum", sort=False)
    table = wide.reindex(list(_by_size(attribution)["channel"])[:MOST_CHANNELS])[models].reset_index()
    if attribution.depth is not None and attribution.depth.games is not None:
        games = attribution.depth.games.set_index("channel").reindex(table["channel"])
        others = [name for name in ("shapley", "regression") if name in games and name not in models]
        table = table.assign(**{name: games[name].to_numpy() for name in others})
        models += others
    decimals = credit_decimals(table[models].to_numpy().ravel())
    sums = pd.DataFrame([{"channel": "All channels", **wide.sum(), **_sums_of_games(attribution)}])
    columns = [
        Column("channel", "Channel", width=1),
        *(Column(m, fill(model_name(m), 12), "credit", shade=True, decimals=decimals) for m in models),
    ]
    if attribution.removal_effects is not None:
        effects = attribution.removal_effects.set_index("channel")["removal_effect"]
        table["removal_effect"] = effects.reindex(table["channel"]).to_numpy()
        columns.append(Column("removal_effect", "Removal\neffect", "percent"))
    return Table(
        title="Conversions credited by every model, the darker the more",
        data=pd.concat([table.assign(channel=table["channel"].map(table_name)), sums], ignore_index=True)[
            [column.name for column in columns]
        ],
        columns=tuple(columns),
        bold_rows=(len(table),),
        caption=" ".join(
            [
                *(text for name, text in _MODEL_NOTES if name in table.columns),
                *_unsure_values(attribution, run),
                *(_never_alone(attribution, run) if "shapley" in table.columns else []),
                *_without(attribution, table),
            ]
        )
        + left_out(len(wide)),
    )


def _sums_of_games(attribution: AttributionResults) -> dict[str, float]:
    """What Shapley values and the regression credit to all channels together, where the run has them."""
    games = None if attribution.depth is None else attribution.depth.games
    names = [] if games is None else [name for name in ("shapley", "regression") if name in games]
    return {} if games is None else {name: float(games[name].sum()) for name in names}


def _unsure_values(attribution: AttributionResults, run: RunResults) -> list[str]:
    """The Shapley values whose interval is wider than they are, by name."""
    depth, credit = attribution.depth, attribution.credit
    rows = credit[(credit["model"] == "shapley") & (credit["segment"] == "all")].set_index("channel")
    bounds = rows.rename(columns=lambda name: name.replace("conversions", "shapley"))
    if not len(rows):
        if depth is None or depth.games is None or "shapley_low" not in depth.games:
            return []
        bounds = depth.games.set_index("channel")
    wide = bounds[bounds["shapley_high"] - bounds["shapley_low"] > bounds["shapley"].abs()]
    wide = wide.loc[wide["shapley"].abs().sort_values(ascending=False, kind="stable").index]
    if not len(wide):
        return []
    decimals = credit_decimals(wide["shapley"])
    named = [
        f"{shorten(clean(channel), 30)} ({bounds})"
        for channel, bounds in zip(wide.index, ranges(wide, "shapley", decimals), strict=True)
    ]
    some = named[:4] + ([f"{len(named) - 4} more"] if len(named) > 4 else [])
    return [
        f"Do not rely on the Shapley {plural(len(wide), 'value')} of {listing(some)}: the "
        f"{prose.interval_name(run.confidence)} is wider than the value."
    ]


def _never_alone(attribution: AttributionResults, run: RunResults) -> list[str]:
    """The sentence about channels whose Shapley values rest on journeys that nobody made."""
    names = [shorten(clean(channel), 30) for channel in attribution.never_alone]
    if not names:
        return []
    some = names[:4] + ([f"{len(names) - 4} more"] if len(names) > 4 else [])
    they, own = ("it", "its Shapley value") if len(names) == 1 else ("they", "their Shapley values")
    return [
        f"No journey is of {listing(some)} alone, so nothing says what {they} would convert without others: the "
        f"{prose.interval_name(run.confidence)} of {own} may be too narrow."
    ]


def _without(attribution: AttributionResults, table: pd.DataFrame) -> list[str]:
    """The sentence about models that a full report shows where it can, and why here it cannot."""
    names = {"shapley": "Shapley values", "regression": "the regression"}
    missing = [said for name, said in names.items() if name not in table.columns]
    if attribution.depth is None or not attribution.depth.why_no_games or not missing:
        return []
    said = " and ".join(missing)
    is_or_are = "is" if missing == ["the regression"] else "are"
    named = ""
    if attribution.depth.why_no_games.startswith("there are more than"):
        done = {"shapley": "Shapley values are sampled", "regression": "the regression is fitted to up to 200 channels"}
        shown = listing(text for name, text in done.items() if name not in table.columns)
        named = f" Named among attribution.models, {shown}."
    return [f"{said[0].upper()}{said[1:]} {is_or_are} left out: {attribution.depth.why_no_games}.{named}"]
