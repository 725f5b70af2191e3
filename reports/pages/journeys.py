"""The journey pages: how channels follow each other, how long it takes, and which paths are walked most."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from attribution.graph import CONVERSION, NULL, START
from reports.figures.graph import (
    LEAST_CLOSING,
    MOST_CHANNELS,
    draw_graph,
    draw_heatmap,
    is_dense,
    most_visited,
    thinned,
    with_common,
)
from reports.figures.journeys import draw_histogram, weighted_median
from reports.figures.style import FULL_WIDTH, HALF_WIDTH
from reports.pages import prose
from reports.pages.content import Block, Column, Figure, Table
from reports.results.run_results import AttributionResults, RunResults
from reports.wording.labels import clean, plural, shorten
from reports.wording.number_format import day_range, days, number, percent, percent_range, share, whole_or

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

TOP_PATHS = 20
_REPEATS, _LONGEST = 2, 10
_OFTEN = 0.02  # of all conversions: channels that end fewer are too rare to be named for how surely they do


def window(attribution: AttributionResults, run: RunResults) -> str:
    """What journeys are made of, for the line under a figure."""
    made_of = f"; {attribution.made_of}" if attribution.made_of else ""
    if attribution.from_file or attribution.lookback_days is None:
        return f"paths read from a file{made_of}"
    return (
        f"{days(attribution.lookback_days)} before each conversion, {day_range(run.first_day, run.last_day)}{made_of}"
    )


def conversions_n(attribution: AttributionResults) -> str:
    """How many conversions a figure rests on."""
    total = prose.total_conversions(attribution)
    return f"n = {whole_or(total, 1)} {plural(total, 'conversion')}"


def journey_blocks(attribution: AttributionResults, run: RunResults) -> list[Block]:
    """Flow, lengths and paths, as far as the run has them."""
    blocks: list[Block] = []
    if attribution.transitions is not None and len(attribution.transitions):
        blocks += _flow_figures(attribution.transitions, attribution, run)
    blocks += _histograms(attribution, run)
    paths = attribution.top_paths
    if paths is not None and len(paths):
        blocks.append(_paths_table(paths, attribution, run))
    return blocks


def _flow_figures(transitions: pd.DataFrame, attribution: AttributionResults, run: RunResults) -> list[Block]:
    """The graph of the likeliest transitions, and all of them as a heatmap where the graph shows only a few."""
    visited = most_visited(transitions, most=len(transitions))
    rest = f" The {MOST_CHANNELS} most visited of {len(visited)} channels." if len(visited) > MOST_CHANNELS else ""
    first = transitions[transitions["source"] == START].sort_values(["count", "target"], ascending=[False, True])
    title = "Where journeys go"
    if len(first) and len(visited) > 1:
        opener, opened = shorten(clean(first["target"].iloc[0]), 40), float(first["probability"].iloc[0])
        title = f"{opener} opens more journeys than any other channel ({share(opened)})"
    likely = transitions[transitions["probability"] >= 0.2].sort_values("probability", ascending=False, kind="stable")
    names = {START: "start", CONVERSION: "conversion", NULL: "no conversion"}
    spoken = "; ".join(
        f"{names.get(str(s), clean(s))} to {names.get(str(t), clean(t))} {percent(p, 0)}"
        for s, t, p in likely[["source", "target", "probability"]].head(10).itertuples(index=False)
    )
    steps = f"n = {number(float(transitions['count'].sum()))} transitions"
    graph = attribution.graph
    dense = graph is None or is_dense(graph)
    figures: list[Block] = []
    if graph is not None and graph.number_of_edges():
        graph = with_common(graph, transitions)
        drawn = thinned(graph) if dense else graph
        figures.append(
            Figure(
                title=title,
                drawing=partial(draw_graph, drawn, transitions),
                alt=f"Graph of the transitions between channels. Most likely steps: {spoken}.",
                n=steps,
                window=window(attribution, run),
                caption=f"{_shown(drawn, graph, transitions)} Figures: of the steps from an arrow's start. The further "
                f"right a channel, the more it closes journeys than opens them.{rest}",
                data=transitions,
            )
        )
    if dense:
        figures.append(
            Figure(
                title=_surest_step(transitions) if figures else title,
                drawing=partial(draw_heatmap, transitions),
                alt=f"Heatmap of the transitions between channels. Most likely steps: {spoken}.",
                n=steps,
                window=window(attribution, run),
                caption="Per cent of the steps from each row that lead to each column; under 0.5% left blank." + rest,
                data=transitions,
            )
        )
    return figures


def _surest_step(transitions: pd.DataFrame) -> str:
    """Which channel most surely ends a journey with a conversion, among those that often do."""
    rows = transitions[transitions["target"] == CONVERSION]
    rows = rows[rows["count"] >= _OFTEN * float(rows["count"].sum())]
    if not len(rows):
        return "All steps between channels"
    best = rows.iloc[int(rows["probability"].to_numpy().argmax())]
    surest, surely = shorten(clean(best["source"]), 40), share(best["probability"])
    return f"All steps: {surest} leads to a conversion most surely ({surely})"


def _shown(drawn: nx.DiGraph[str], graph: nx.DiGraph[str], transitions: pd.DataFrame) -> str:
    """Which transitions a graph shows and how much of all it leaves to be thought of."""
    edges = [edge for edge in drawn.edges if edge[1] != NULL]
    ends = transitions[transitions["target"] != NULL]["count"].sum()
    drawn_share = sum(float(drawn.edges[edge]["count"]) for edge in edges) / float(ends) if ends > 0 else 0.0
    missing = len([name for name in graph if graph.nodes[name]["kind"] == "channel" and name not in drawn])
    left = f"; {missing} rarer {plural(missing, 'channel')} left out" if missing else ""
    which = "Drawn are transitions of at least 5% of the steps from a channel or 2% of all, and the likeliest into each"
    if len(edges) < len([edge for edge in graph.edges if edge[1] != NULL]):
        which = f"Drawn are the {len(edges)} transitions most taken (at least {LEAST_CLOSING} to a conversion)"
    return (
        f"{which}: {share(drawn_share)} of all that do not end a journey without a conversion{left}. The thicker, the "
        "more journeys."
    )


def _histograms(attribution: AttributionResults, run: RunResults) -> list[Block]:
    """Touches and days per conversion, side by side; one alone takes the whole width."""
    drawn: list[tuple[str, str, str, pd.DataFrame, pd.Series[int], str]] = []
    if attribution.path_lengths is not None:
        rows = attribution.path_lengths[attribution.path_lengths["conversions"] > 0]
        part, bounds = _share_at(rows, "touches", 1, run)
        title = f"{part} of conversions have a single touch"
        drawn.append((title, "Touches before the conversion", "touches per conversion", rows, rows["touches"], bounds))
    if attribution.time_lags is not None:
        rows = attribution.time_lags[attribution.time_lags["conversions"] > 0]
        part, bounds = _share_at(rows, "days", 0, run)
        title = f"{part} of conversions come within a day of the first touch"
        label = "Days from first touch to conversion"
        drawn.append((title, label, "days to the conversion", rows, rows["days"], bounds))
    drawn = [part for part in drawn if len(part[3])]
    alone = len(drawn) == 1
    return [
        Figure(
            title=title,
            drawing=partial(
                draw_histogram, values, rows["conversions"], label=label, width=FULL_WIDTH if alone else HALF_WIDTH
            ),
            alt=f"Histogram of {what}, median {weighted_median(values, rows['conversions']):g}.",
            n=conversions_n(attribution),
            width="full" if alone else "half",
            caption=bounds,
            data=rows,
        )
        for title, label, what, rows, values, bounds in drawn
    ]


def _share_at(rows: pd.DataFrame, column: str, value: int, run: RunResults) -> tuple[str, str]:
    """The share of conversions in one row, and a sentence with its interval; 0 without one where there is no row."""
    chosen = rows[rows[column] == value]
    if not len(chosen):
        return percent(0.0, 0), ""
    part, low, high = (float(chosen[f"conversions_share{end}"].iloc[0]) for end in ("", "_low", "_high"))
    return share(part), f"{prose.interval_name(run.confidence)} of that share: {percent_range(low, high)}."


def path_in_short(steps: list[str]) -> str:
    """The steps of a path: one that repeats more than twice in a row is told once, and a middle too long is counted."""
    told: list[str] = []
    for step, run in groupby(steps):
        name, times = shorten(clean(step), 40), len(list(run))
        told += [f"{name} ({times} times)"] if times > _REPEATS else [name] * times
    if len(told) > _LONGEST:
        left = len(told) - _LONGEST + 1
        told = [*told[: _LONGEST - 3], f"… {left} more …", *told[-2:]]
    return " › ".join(told)


def _paths_table(paths: pd.DataFrame, attribution: AttributionResults, run: RunResults) -> Table:
    total = prose.total_conversions(attribution)
    led = paths[paths["conversions"] > 0] if total > 0 else paths
    rows = led.head(TOP_PATHS).reset_index(drop=True)
    rows = rows.assign(
        path=[path_in_short(str(path).split(" > ")) for path in rows["path"]],
        share=rows["conversions"] / total if total > 0 else float("nan"),
        rate_interval=[
            percent_range(low, high)
            for low, high in zip(rows["conversion_rate_low"], rows["conversion_rate_high"], strict=True)
        ],
    )
    unit = f" ({run.currency})" if run.currency else ""
    columns = [
        Column("path", "Path", width=1),
        Column("touches", "Touches", "count"),
        Column("conversions", "Conversions", "count" if (rows["conversions"] % 1 == 0).all() else "credit"),
        Column("share", "Share", "percent"),
    ]
    if rows["value"].notna().any() and rows["value"].abs().sum() > 0:
        columns.append(Column("value", f"Value{unit}", "money"))
    if rows["nulls"].notna().any() and rows["nulls"].sum() > 0:
        columns += [Column("nulls", "Did not convert", "count"), Column("conversion_rate", "Rate", "percent")]
        if rows["conversion_rate_low"].notna().any():
            columns.append(
                Column("rate_interval", f"{prose.interval_name(run.confidence)}\nof the rate", align="right")
            )
    held = float(rows["conversions"].sum()) / total if total > 0 else 0.0
    title = f"The {len(rows)} most frequent paths hold {share(held)} of conversions"
    if held >= 1 - 1e-9:
        title = "All conversions came by one path" if len(rows) == 1 else f"All conversions came by {len(rows)} paths"
    return Table(
        title=title if total > 0 else "Most frequent paths",
        data=rows,
        columns=tuple(columns),
        caption="Share: of all conversions. Rate: journeys on this path that converted." if len(columns) > 5 else "",
    )
