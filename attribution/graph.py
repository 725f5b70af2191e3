"""The chain as a table of named transitions and as a graph to draw."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.arguments import checked
from attribution.intervals import share_interval
from attribution.paths import Paths
from attribution.transitions import transitions
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import networkx
    import pandas

_EDGE = ("source", "target", "count", "probability")
START, CONVERSION, NULL = "(start)", "(conversion)", "(null)"


@checked
def transition_matrix(paths: Paths, order: int = 1, *, confidence: float = 0.90) -> "pandas.DataFrame":
    """How often each state follows each other one: the counts and probabilities the Markov model is solved on.

    Parameters
    ----------
    paths
        From :func:`attribution.read_paths` or :func:`attribution.build_paths`.
    order
        Number of channels in a state. A state of several is written ``a > b``, oldest first. Equal neighbouring states
        count as one, so at order 1 no channel follows itself.
    confidence
        Of the intervals: score intervals of proportions (:func:`attribution.intervals.share_interval`), each visit of
        the source a case. The chain holds visits of a state independent of each other (Anderson & Goodman, Annals of
        Mathematical Statistics 28, 1957, 89-110); customers who keep to habits make more of a difference than that.

    Returns
    -------
    Columns source, target, count (journeys), probability (of the target given the source; each source's sum to 1),
    probability_low, probability_high.
    Sources are ``(start)`` and the states, targets the states, ``(conversion)`` and ``(null)``; sorted by source and
    target, the start first and the ends last. Transitions that never happen have no row. A channel that bears one of
    the three names in brackets is written with `` (channel)`` behind it.
    """
    import pandas

    found = transitions(paths, order=order)
    states = len(found.states)
    names = np.array([*map(_told_apart, found.names()), START, CONVERSION, NULL], dtype=object)
    every = np.arange(states)
    source = np.concatenate([found.source, every, every])
    target = np.concatenate([found.target, np.full(states, states + 1), np.full(states, states + 2)])
    count = np.concatenate(
        [
            found.count(paths.conversions + paths.nulls),
            found.at_last(paths.conversions),
            found.at_last(paths.nulls),
        ]
    )
    happened = count > 0
    source, target, count = source[happened], target[happened], count[happened]
    leaving = np.bincount(source, weights=count, minlength=states + 1)
    order_of_rows = np.lexsort([target, np.where(source == states, -1, source)])
    visits = leaving[source]
    probability = count / visits
    low, high = share_interval(
        probability, probability * (1 - probability) / visits, confidence=confidence, typical=1 / visits
    )
    table = pandas.DataFrame(
        {
            "source": names[source],
            "target": names[target],
            "count": count,
            "probability": probability,
            "probability_low": low,
            "probability_high": high,
        }
    )
    return table.iloc[order_of_rows].reset_index(drop=True)


def _told_apart(state: str) -> str:
    return f"{state} (channel)" if state in (START, CONVERSION, NULL) else state


@checked
def transition_graph(paths: Paths, *, min_probability: float = 0.05, max_nodes: int = 12) -> "networkx.DiGraph[str]":
    """The chain of order 1 as a graph, thinned so that it can be drawn.

    Parameters
    ----------
    paths
        From :func:`attribution.read_paths` or :func:`attribution.build_paths`.
    min_probability
        Transitions that are less likely are left out, unless a channel would be left without any transition into it:
        then its likeliest stays.
    max_nodes
        The channels that most journeys pass are kept, at most so many; start, conversion and null come on top.

    Returns
    -------
    A directed graph. Nodes are ``(start)``, ``(conversion)``, ``(null)`` and channels, with the attributes ``kind``
    (start, channel, conversion, null) and ``visits`` (journeys through it, repeated visits counted again). Edges have
    ``count`` and ``probability``. The graph's own attributes are ``channels_left_out`` (names) and ``count_shown``
    (share of all transitions that the edges shown stand for).

    Raises
    ------
    ConfigurationError
        When ``min_probability`` is not between 0 and 1, or ``max_nodes`` is below 1.
    """
    import networkx

    if not 0 <= min_probability <= 1:
        raise ConfigurationError(f"min_probability: {min_probability!r} is not between 0 and 1.")
    if max_nodes < 1:
        raise ConfigurationError(f"max_nodes: {max_nodes!r} is not 1 or more.")
    table = transition_matrix(paths)
    visits = table.groupby("target")["count"].sum()
    channels = visits.drop([CONVERSION, NULL], errors="ignore").sort_values(ascending=False, kind="stable")
    kept = [str(channel) for channel in channels.index[:max_nodes]]
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    if table.empty:
        graph.graph.update(channels_left_out=list(paths.channels), count_shown=0.0)
        return graph
    graph.add_node(START, kind="start", visits=float(table.loc[table["source"] == START, "count"].sum()))
    for channel in kept:
        graph.add_node(channel, kind="channel", visits=float(visits[channel]))
    for end, kind in ((CONVERSION, "conversion"), (NULL, "null")):
        if end in visits.index:
            graph.add_node(end, kind=kind, visits=float(visits[end]))
    shown = table[table["source"].isin(graph.nodes) & table["target"].isin(graph.nodes)]
    likeliest = shown.sort_values("probability", ascending=False, kind="stable").drop_duplicates("target").index
    shown = shown[(shown["probability"] >= min_probability) | shown.index.isin(likeliest)]
    for source, target, count, probability in zip(*(shown[name] for name in _EDGE), strict=True):
        graph.add_edge(source, target, count=float(count), probability=float(probability))
    graph.graph.update(
        channels_left_out=[name for name in map(_told_apart, paths.channels) if name not in graph],
        count_shown=float(shown["count"].sum() / table["count"].sum()),
    )
    return graph
