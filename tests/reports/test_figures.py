"""Charts: the same bytes each time, no names lost or read as markup, labels that do not meet."""

import itertools
import re

import matplotlib
import networkx
import numpy as np
import pandas as pd
import pytest

from reports.figures import comparison as figure_comparison
from reports.figures import customers as figure_clv
from reports.figures import graph as figure_graph
from reports.figures import journeys as figure_journeys
from reports.figures import segment_tracking as figure_segment_tracking
from reports.results.value_tables import of_all
from tests.reports.report_samples import CHANNELS, HOSTILE, channel_results, clv_results


@pytest.fixture(scope="module")
def hostile():
    return channel_results(HOSTILE)


def texts(svg):
    """What stands in a drawing, unescaped."""
    found = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    return [text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for text in found]


def test_names_with_markup_mathematics_or_a_leading_underscore_stand_in_the_chart_as_they_are(hostile):
    written = texts(
        figure_comparison.draw_dumbbell(hostile.comparison, baseline="last_click", model="markov", decimals=1)
    )
    for name in ('#read("/etc/passwd")', r"$\bad$ {brace} %s", "_hidden from legends", "<b>bold</b> & *star* `tick`"):
        assert name in written
    assert max(len(text) for text in written) <= 40


def test_a_chart_is_the_same_bytes_twice_and_leaves_global_settings_alone(hostile):
    before = dict(matplotlib.rcParams)
    first = figure_comparison.draw_changes(hostile.comparison)
    assert figure_comparison.draw_changes(hostile.comparison) == first
    assert "<dc:date>" not in first
    assert dict(matplotlib.rcParams) == before


def test_only_the_largest_channels_are_drawn_and_ties_go_by_name():
    rows = pd.DataFrame({"channel": ["b", "a", "c"], "last_click": [1.0, 1.0, 5.0], "markov": [1.0, 1.0, 0.0]})
    assert figure_comparison.largest_channels(rows, "last_click", "markov", 2)["channel"].tolist() == ["c", "a"]


def test_a_change_without_an_interval_or_with_zero_in_it_is_grey():
    assert figure_comparison._colour(1, 2) != figure_comparison._colour(-2, -1)
    grey = {figure_comparison._colour(*bounds) for bounds in ((-1, 1), (0, 2), (-2, 0), (np.nan, np.nan))}
    assert len(grey) == 1


def test_boxes_of_the_graph_never_overlap_even_with_long_names():
    names = [f"{'long name ' * 3}{i}" for i in range(12)]
    transitions = pd.DataFrame({"source": "(start)", "target": names, "count": range(12), "probability": 1 / 12})
    places = figure_graph._places(names, transitions)
    boxes = [figure_graph._box(places[name], "x" * 24) for name in names]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]


def test_the_further_right_a_channel_the_more_it_closes():
    rows = [("(start)", "opener", 9, 0.9), ("(start)", "closer", 1, 0.1)]
    rows += [("opener", "(conversion)", 1, 0.1), ("closer", "(conversion)", 9, 0.9)]
    transitions = pd.DataFrame(rows, columns=["source", "target", "count", "probability"])
    places = figure_graph._places(["closer", "opener"], transitions)
    assert places["(start)"][0] < places["opener"][0] < places["closer"][0] < places["(conversion)"][0]


def test_a_graph_with_more_transitions_than_an_eye_can_follow_is_called_dense():
    graph = networkx.DiGraph()
    graph.add_nodes_from([("(start)", {"kind": "start"}), *((name, {"kind": "channel"}) for name in CHANNELS)])
    graph.add_edges_from(itertools.pairwise(CHANNELS))
    assert not figure_graph.is_dense(graph)
    graph.add_edges_from((a, b) for a in CHANNELS for b in CHANNELS if a != b)
    assert figure_graph.is_dense(graph)


def test_a_thinned_graph_keeps_the_transitions_most_taken_and_not_those_of_a_rare_channel():
    graph = networkx.DiGraph()
    graph.add_node("(start)", kind="start")
    graph.add_nodes_from(["a", "b", "rare"], kind="channel")
    graph.add_nodes_from([("(conversion)", {"kind": "conversion"}), ("(null)", {"kind": "null"})])
    for source, target, count, probability in (
        ("(start)", "a", 860, 0.86),
        ("(start)", "b", 140, 0.14),
        ("a", "(null)", 900, 0.9),
        ("a", "b", 90, 0.1),
        ("b", "(conversion)", 80, 0.4),
        ("rare", "b", 5, 0.5),
        ("rare", "a", 5, 0.5),
    ):
        graph.add_edge(source, target, count=float(count), probability=probability)
    thin = figure_graph.thinned(graph, 4)
    assert sorted(thin.edges) == [("(start)", "a"), ("(start)", "b"), ("a", "b"), ("b", "(conversion)")]
    assert sorted(thin) == ["(conversion)", "(start)", "a", "b"]


def test_a_common_transition_is_drawn_however_unlikely_it_is_from_where_it_starts():
    graph = networkx.DiGraph()
    graph.add_edge("(start)", "a", count=1000.0, probability=1.0)
    graph.add_nodes_from(["(conversion)", "(null)"])
    rows = [
        ("(start)", "a", 1000, 1.0),
        ("a", "(conversion)", 30, 0.03),
        ("a", "b", 30, 0.03),
        ("a", "(null)", 940, 0.94),
    ]
    transitions = pd.DataFrame(rows, columns=["source", "target", "count", "probability"])
    full = figure_graph.with_common(graph, transitions)
    assert full.edges["a", "(conversion)"] == {"count": 30.0, "probability": 0.03}
    assert sorted(full.edges) == [("(start)", "a"), ("a", "(conversion)")]
    rare = figure_graph.with_common(graph, transitions.assign(count=[1000, 5, 5, 990]))
    # Rare, but one of the few that lead to a conversion, without which its box would stand alone.
    assert sorted(rare.edges) == [("(start)", "a"), ("a", "(conversion)")]


def test_the_conversion_has_arrows_among_many_channels():
    channels = [f"c{place}" for place in range(30)]
    rows = [("(start)", name, 100, 1 / 30) for name in channels]
    rows += [(name, other, 10, 0.1) for name, other in zip(channels, channels[1:] + channels[:1], strict=True)]
    rows += [(name, "(conversion)", 1 + (name == "c7"), 0.01) for name in channels]
    transitions = pd.DataFrame(rows, columns=["source", "target", "count", "probability"])
    graph = networkx.DiGraph()
    graph.add_nodes_from([("(start)", {"kind": "start"}), ("(conversion)", {"kind": "conversion"})])
    graph.add_nodes_from(channels, kind="channel")
    graph.add_edges_from((s, t, {"count": c, "probability": p}) for s, t, c, p in rows if p >= 0.05)
    thin = figure_graph.thinned(figure_graph.with_common(graph, transitions))
    assert sorted(source for source, target in thin.edges if target == "(conversion)") == ["c0", "c1", "c7"]
    assert thin.number_of_edges() == 20


def test_labels_of_the_graph_stand_on_no_other_label_and_on_no_box(monkeypatch):
    graph = channel_results().graph
    seen = []

    def label(axes, curve, text, taken, others):
        before = len(taken)
        drawn(axes, curve, text, taken, others)
        seen.append((taken[:before], taken[before:]))

    drawn = figure_graph._label_edge
    monkeypatch.setattr(figure_graph, "_label_edge", label)
    figure_graph.draw_graph(figure_graph.thinned(graph), channel_results().transitions)
    added = [(before, box) for before, new in seen for box in new]
    assert len(added) >= 15
    for before, box in added:
        assert all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in before)


def test_graph_and_heatmap_name_every_channel_and_the_heatmap_every_share():
    results = channel_results(CHANNELS[:4])
    drawn = texts(figure_graph.draw_graph(results.graph, results.transitions))
    assert {*CHANNELS[:4], "Start", "Conversion"} <= set(drawn)
    shares = [text for text in texts(figure_graph.draw_heatmap(results.transitions)) if text.isdigit()]
    expected = [f"{100 * p:.0f}" for p in results.transitions["probability"] if p >= 0.005]
    assert sorted(shares) == sorted(expected)


def test_the_weighted_median_by_hand():
    # Weights 3, 1, 2 at 1, 2, 5: half of 6 is reached at 1; with 2, 1, 3 it is reached at 2.
    values = pd.Series([5, 1, 2])
    assert figure_journeys.weighted_median(values, pd.Series([2.0, 3.0, 1.0])) == 1
    assert figure_journeys.weighted_median(values, pd.Series([3.0, 2.0, 1.0])) == 2
    assert np.isnan(figure_journeys.weighted_median(values, pd.Series([0.0, 0.0, 0.0])))


def test_bins_keep_every_conversion_and_gather_the_tail():
    values = pd.Series([1, 2, 3, 4, 90])
    weights = pd.Series([60.0, 20.0, 15.0, 4.0, 1.0])
    bins = figure_journeys.binned(values, weights)
    assert bins["weight"].sum() == 100
    assert bins["is_tail"].tolist() == [False, False, False, True]
    assert bins["first"].tolist() == [1, 2, 3, 4]
    assert bins["weight"].tolist() == [60, 20, 15, 5]
    wide = figure_journeys.binned(pd.Series(range(400)), pd.Series(np.ones(400)))
    assert len(wide) <= figure_journeys.MOST_BARS
    assert wide["weight"].sum() == 400


@pytest.mark.parametrize("weights", [[5.0], [0.0]])
def test_a_histogram_of_one_bar_or_of_nothing_is_drawn(weights):
    svg = figure_journeys.draw_histogram(pd.Series([1]), pd.Series(weights), label="Touches")
    assert ("median 1" in svg) == (weights == [5.0])


def test_customer_charts_draw_what_they_are_given():
    clv = clv_results()
    of = {name: of_all(getattr(clv, name)) for name in ("holdout_tracking", "deciles", "monthly")}
    assert "held back" in texts(figure_clv.draw_tracking(of["holdout_tracking"], cumulative=True, period_name="week"))
    assert "7+" in texts(figure_clv.draw_by_frequency(clv.holdout_by_frequency))
    assert "48%" in texts(figure_clv.draw_deciles(of["deciles"]))
    assert "Jan 2012" in texts(figure_clv.draw_months(of["monthly"]))


def test_each_segment_s_tracking_starts_at_nothing_where_the_part_held_back_begins():
    weeks = pd.DataFrame(
        {"segment": "=DE", "cumulative_actual": [5, 8, 10, 14], "cumulative_forecast": [4, 7, 9, 11.5]}
    )
    weeks["is_holdout"] = [False, False, True, True]
    segments = pd.DataFrame({"segment": ["=DE"], "error": [-0.25]})
    drawn = texts(figure_segment_tracking.draw_tracking_by_segment(weeks, segments, period_name="week"))
    assert {"=DE", "−25%", "Actual", "Forecast", "Weeks held back"} <= set(drawn)
    # From 8 on, two weeks bring 6 and 3.5: the axes end at 2 weeks and show no 14.
    assert {"0", "2", "5"} <= set(drawn)
    assert "10" not in drawn
