"""How do journeys flow? A graph of transitions, or a heatmap where a graph would be a ball of wool.

In the graph every channel has a row of its own, so labels cannot meet; it stands the further right the more it closes
journeys than opens them. Nothing is random, so nothing needs a seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attribution.graph import CONVERSION, NULL, START
from reports.figures import style
from reports.wording.labels import short_names

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd
    from matplotlib.axes import Axes

MOST_CHANNELS = 12
MOST_EDGES_PER_CHANNEL = 2
MOST_EDGES = 20
LEAST_SHARE = 0.02
LEAST_CLOSING = 3
_BOX_HEIGHT = 0.57
_CHARACTER = 0.0098


def most_visited(transitions: pd.DataFrame, most: int = MOST_CHANNELS) -> list[str]:
    """The channels that most transitions lead to, the most visited first; ties by name."""
    visits = transitions.groupby("target")["count"].sum()
    visits = visits[[name not in (CONVERSION, NULL) for name in visits.index]]
    ordered = sorted(visits.items(), key=lambda item: (-item[1], str(item[0])))
    return [str(name) for name, _ in ordered[:most]]


def is_dense(graph: nx.DiGraph[str]) -> bool:
    """Whether a heatmap shows this better: more transitions between channels than an eye can follow."""
    between = [edge for edge in graph.edges if edge[0] != START and edge[1] not in (CONVERSION, NULL)]
    channels = len([name for name in graph if graph.nodes[name]["kind"] == "channel"])
    return len(between) > MOST_EDGES_PER_CHANNEL * max(channels, 6)


def with_common(graph: nx.DiGraph[str], transitions: pd.DataFrame, least: float = LEAST_SHARE) -> nx.DiGraph[str]:
    """The graph with the transitions between its nodes, too, that are common though unlikely from where they start.

    Common: at least the share `least` of all transitions that do not end without a conversion, and the first few of
    those to a conversion.
    """
    rows = transitions[(transitions["target"] != NULL) & transitions["count"].gt(0)]
    closing = rows[(rows["target"] == CONVERSION) & rows["source"].isin(list(graph))]
    closing = closing.sort_values(["count", "source"], ascending=[False, True]).head(LEAST_CLOSING)
    rows = rows[(rows["count"] >= least * float(rows["count"].sum())) | rows.index.isin(closing.index)]
    full = graph.copy()
    for source, target, count, chance in rows[["source", "target", "count", "probability"]].itertuples(index=False):
        if source in graph and target in graph:
            full.add_edge(source, target, count=float(count), probability=float(chance))
    return full


def thinned(graph: nx.DiGraph[str], most: int = MOST_EDGES) -> nx.DiGraph[str]:
    """The graph with the transitions alone that most journeys take, and without the channels that none of them touches.

    By how many take them and not by probability: a channel seen five times has likely transitions, too. Of those to a
    conversion the first few are always there, which among many channels are rarer than the steps between them.
    """
    drawn = [edge for edge in graph.edges if edge[1] != NULL]
    ordered = sorted(drawn, key=lambda edge: (-float(graph.edges[edge]["count"]), edge))
    closing = [edge for edge in ordered if edge[1] == CONVERSION][:LEAST_CLOSING]
    taken = [*closing, *(edge for edge in ordered if edge not in closing)][:most]
    thin = graph.copy()
    thin.remove_edges_from(set(graph.edges) - set(taken))
    thin.remove_nodes_from([name for name in graph if name not in (START, CONVERSION) and not thin.degree(name)])
    return thin


def draw_graph(graph: nx.DiGraph[str], transitions: pd.DataFrame) -> str:
    """Start at the left, conversion at the right, channels between from openers to closers; widths by journeys."""
    channels = [name for name in graph if graph.nodes[name]["kind"] == "channel"]
    nodes = [START, *channels, CONVERSION]
    edges = [edge for edge in graph.edges if edge[0] in nodes and edge[1] in nodes and edge[0] != edge[1]]
    labels = {**short_names(channels, 24), START: "Start", CONVERSION: "Conversion"}
    places = _places(channels, transitions)
    height = max(1.5, 0.31 * len(channels) + 0.35)
    with style.Chart(style.FULL_WIDTH, height) as chart:
        axes = chart.axes
        axes.set_axis_off()
        axes.set_xlim(-0.06, 1.06)
        axes.set_ylim(len(channels) - 0.35, -0.65)
        boxes = {name: _box(places[name], labels[name]) for name in nodes}
        most = max((float(graph.edges[edge]["count"]) for edge in edges), default=1.0) or 1.0
        curves = {
            edge: _draw_edge(axes, places, edge, graph.edges[edge]["count"] / most, boxes[edge[1]]) for edge in edges
        }
        for name in nodes:
            _draw_node(axes, places[name], labels[name], is_end=name in (START, CONVERSION))
        taken = list(boxes.values())
        for edge in sorted(edges, key=lambda edge: (-graph.edges[edge]["count"], edge)):
            others = [
                _along(curve, step / 40) for other, curve in curves.items() if other != edge for step in range(41)
            ]
            _label_edge(axes, curves[edge], _chance(graph.edges[edge]["probability"]), taken, others)
        return chart.svg()


def _chance(probability: float) -> str:
    return "<1%" if 0 < probability < 0.005 else f"{100 * probability:.0f}%"


def _places(channels: list[str], transitions: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Across by the share of closing among opening and closing transitions (as ranks), down by one row each."""
    opens = transitions[transitions["source"] == START].set_index("target")["count"].to_dict()
    closes = transitions[transitions["target"] == CONVERSION].set_index("source")["count"].to_dict()

    def closing(name: str) -> float:
        first = opens.get(name, 0.0) / max(sum(opens.values()), 1e-12)
        last = closes.get(name, 0.0) / max(sum(closes.values()), 1e-12)
        return float(last / (first + last)) if first + last > 0 else 0.5

    ranked = sorted(channels, key=lambda name: (closing(name), name))
    middle = (len(channels) - 1) / 2
    places = {START: (0.0, middle), CONVERSION: (1.0, middle)}
    for rank, name in enumerate(ranked):
        across = 0.22 + 0.56 * (rank / (len(ranked) - 1) if len(ranked) > 1 else 0.5)
        places[name] = (across, float(_row(rank, len(ranked))))
    return places


def _row(rank: int, rows: int) -> int:
    """Neighbours in rank go to opposite halves, so that boxes of like position across stand well apart."""
    half = (rows + 1) // 2
    return rank // 2 if rank % 2 == 0 else min(rows - 1, half + rank // 2)


def _box(place: tuple[float, float], label: str) -> tuple[float, float, float, float]:
    wide = _CHARACTER * len(label) + 0.02
    return place[0] - wide / 2, place[1] - _BOX_HEIGHT / 2, place[0] + wide / 2, place[1] + _BOX_HEIGHT / 2


def _draw_node(axes: Axes, place: tuple[float, float], label: str, *, is_end: bool) -> None:
    axes.text(
        *place,
        label,
        ha="center",
        va="center",
        zorder=5,
        color=style.PAPER if is_end else style.INK,
        fontweight="bold" if is_end else "normal",
        bbox={
            "boxstyle": "round,pad=0.35",
            "facecolor": style.INK if is_end else style.PALE_MODEL,
            "edgecolor": style.PAPER,
            "linewidth": 1.2,
        },
    )


def _draw_edge(
    axes: Axes,
    places: dict[str, tuple[float, float]],
    edge: tuple[str, str],
    weight: float,
    target_box: tuple[float, float, float, float],
) -> tuple[tuple[float, float], ...]:
    """Draw an edge as a quadratic curve and hand back its three points."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    start, end = places[edge[0]], places[edge[1]]
    if edge[0] == START:
        bend, colour = 0.0, style.MUTED
    elif edge[1] == CONVERSION:
        bend, colour = 0.0, style.MODEL
    else:
        bend, colour = (0.9 if end[0] >= start[0] else -0.9), style.BASELINE
    control = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 - bend)
    if bend:
        control = (control[0] + (0.05 if end[1] >= start[1] else -0.05), control[1])
    points = (start, control, end)
    near = _clip(points, target_box)
    axes.add_patch(
        FancyArrowPatch(
            path=Path([start, near[0], near[1]], [Path.MOVETO, Path.CURVE3, Path.CURVE3]),
            arrowstyle="-|>",
            mutation_scale=6 + 6 * weight,
            linewidth=0.5 + 2.7 * weight,
            color=colour,
            alpha=0.75,
            zorder=2,
        )
    )
    return points


def _clip(
    points: tuple[tuple[float, float], ...], box: tuple[float, float, float, float]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Control and end point of the curve cut where it enters the box of its target, so that the arrow head is seen."""
    for step in range(100, 0, -1):
        t = step / 100
        x, y = _along(points, t)
        if not (box[0] <= x <= box[2] and box[1] <= y <= box[3]):
            (ax, ay), (bx, by), _ = points
            return ((1 - t) * ax + t * bx, (1 - t) * ay + t * by), (x, y)
    return points[1], points[2]


def _along(points: tuple[tuple[float, float], ...], t: float) -> tuple[float, float]:
    a, b, c = points
    x, y = ((1 - t) ** 2 * a[i] + 2 * t * (1 - t) * b[i] + t**2 * c[i] for i in (0, 1))
    return x, y


def _label_edge(
    axes: Axes,
    curve: tuple[tuple[float, float], ...],
    text: str,
    taken: list[tuple[float, float, float, float]],
    others: list[tuple[float, float]],
) -> None:
    """Write a probability on its edge where it meets no other label; where there is no such place, leave it out.

    Of the places free of labels the one is taken that the fewest points of ``others``, the other edges, lie in.
    """
    wide, high = _CHARACTER * len(text) * 0.5 + 0.004, 0.23
    free = []
    for step in range(-7, 8):
        x, y = _along(curve, 0.5 + 0.04 * step)
        box = (x - wide, y - high, x + wide, y + high)
        if all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in taken):
            crossed = sum(box[0] <= px <= box[2] and box[1] <= py <= box[3] for px, py in others)
            free.append((crossed, abs(step), step, x, y, box))
    if not free:
        return
    *_, x, y, box = min(free)
    taken.append(box)
    patch = {"boxstyle": "square,pad=0.1", "facecolor": style.PAPER, "edgecolor": "none", "alpha": 0.85}
    axes.text(
        x, y, text, ha="center", va="center", fontsize=6, color=style.MUTED, zorder=4, bbox=patch, in_layout=False
    )


def draw_heatmap(transitions: pd.DataFrame) -> str:
    """Where the next step leads, in per cent of the steps from each row; the most visited channels only."""
    from matplotlib.colors import LinearSegmentedColormap

    channels = most_visited(transitions)
    labels = {**short_names(channels, 20), START: "Start", CONVERSION: "Conversion", NULL: "No conversion"}
    sources = [START, *channels]
    targets = [*channels, CONVERSION, NULL]
    matrix = transitions.pivot_table(index="source", columns="target", values="probability", aggfunc="sum")
    cells = matrix.reindex(index=sources, columns=targets).fillna(0.0).to_numpy()
    with style.Chart(style.FULL_WIDTH, 0.185 * len(sources) + 0.9) as chart:
        axes = chart.axes
        shades = LinearSegmentedColormap.from_list("share", [style.PAPER, "#9cc3e2", style.MODEL])
        axes.pcolormesh(cells, cmap=shades, vmin=0, vmax=max(0.3, float(cells.max())), edgecolors="white", linewidth=1)
        axes.invert_yaxis()
        axes.set_xticks([i + 0.5 for i in range(len(targets))], [labels[t] for t in targets], rotation=40, ha="left")
        axes.set_yticks([i + 0.5 for i in range(len(sources))], [labels[s] for s in sources])
        axes.tick_params(labelcolor=style.INK, labeltop=True, labelbottom=False, pad=2)
        for spine in axes.spines.values():
            spine.set_visible(False)
        strong = 0.6 * max(0.3, float(cells.max()))
        for i, row in enumerate(cells):
            for j, share in enumerate(row):
                if share >= 0.005:
                    colour = style.PAPER if share > strong else style.INK
                    axes.text(
                        j + 0.5, i + 0.5, f"{100 * share:.0f}", ha="center", va="center", color=colour, in_layout=False
                    )
        return chart.svg()
