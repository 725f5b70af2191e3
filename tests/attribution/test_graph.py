"""The named transition matrix and the graph made of it, by hand."""

import pytest

import attribution
from attribution.paths import Paths
from customer_data.errors import ConfigurationError

# start: a 8, b 2. a (10 with b > a): conversion 3, null 5, b 2. b (2 + 2): a 2, conversion 1, null 1.
PATHS = Paths.from_strings(["a", "a > a > b", "b > a"], conversions=[2, 1, 1], nulls=[4, 1, 1])


def test_transition_matrix_by_hand() -> None:
    table = attribution.transition_matrix(PATHS)
    plain = ["source", "target", "count", "probability"]
    assert table.columns.tolist() == [*plain, "probability_low", "probability_high"]
    assert list(table[plain].itertuples(index=False, name=None)) == [
        ("(start)", "a", 8.0, 0.8),
        ("(start)", "b", 2.0, 0.2),
        ("a", "b", 2.0, 0.2),
        ("a", "(conversion)", 3.0, 0.3),
        ("a", "(null)", 5.0, 0.5),
        ("b", "a", 2.0, 0.5),
        ("b", "(conversion)", 1.0, 0.25),
        ("b", "(null)", 1.0, 0.25),
    ]


def test_intervals_of_transitions_are_score_intervals_of_visits() -> None:
    # Of ten journeys eight begin with a: both ends m solve (.8 - m)^2 = z^2 m (1 - m) / 10.
    table = attribution.transition_matrix(PATHS)
    for end in table.loc[0, ["probability_low", "probability_high"]]:
        assert (0.8 - end) ** 2 == pytest.approx(1.6448536269514722**2 * end * (1 - end) / 10, rel=1e-12)
    wider = attribution.transition_matrix(PATHS, confidence=0.99)
    assert (wider["probability_low"] < table["probability_low"]).all()
    assert (table["probability_high"] < wider["probability_high"]).all()


def test_states_of_order_two_are_named_oldest_channel_first() -> None:
    table = attribution.transition_matrix(PATHS, 2)
    assert table["source"].drop_duplicates().tolist() == ["(start)", "a", "a > a", "a > b", "b > a"]
    assert ("a > a", "a > b") in set(zip(table["source"], table["target"], strict=True))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_probabilities_of_each_source_sum_to_one(published: Paths, order: int) -> None:
    sums = attribution.transition_matrix(published, order).groupby("source")["probability"].sum()
    assert sums.to_numpy() == pytest.approx(1, rel=1e-12)


def test_channels_named_as_the_ends_are_told_apart() -> None:
    paths = Paths.from_strings(["(null) > (start)"], nulls=[1])
    table = attribution.transition_matrix(paths)
    assert set(table["source"]) == {"(start)", "(null) (channel)", "(start) (channel)"}
    assert attribution.transition_graph(paths).nodes["(null) (channel)"]["kind"] == "channel"


def test_graph_by_hand() -> None:
    graph = attribution.transition_graph(PATHS, min_probability=0.3)
    assert {node: (data["kind"], data["visits"]) for node, data in graph.nodes(data=True)} == {
        "(start)": ("start", 10),
        "a": ("channel", 10),
        "b": ("channel", 4),
        "(conversion)": ("conversion", 4),
        "(null)": ("null", 6),
    }
    # Into b no transition is as likely as 0.3: its likeliest (the first of two equal ones) stays.
    assert {(source, target): data["probability"] for source, target, data in graph.edges(data=True)} == {
        ("(start)", "a"): 0.8,
        ("(start)", "b"): 0.2,
        ("a", "(conversion)"): 0.3,
        ("a", "(null)"): 0.5,
        ("b", "a"): 0.5,
    }
    assert graph.graph == {"channels_left_out": [], "count_shown": pytest.approx(20 / 24)}


def test_graph_keeps_the_channels_most_travelled() -> None:
    graph = attribution.transition_graph(PATHS, max_nodes=1)
    assert set(graph) == {"(start)", "a", "(conversion)", "(null)"}
    assert graph.graph["channels_left_out"] == ["b"]


def test_graph_of_no_paths_is_empty() -> None:
    assert len(attribution.transition_graph(Paths.from_strings([]))) == 0


@pytest.mark.parametrize(("option", "value"), [("min_probability", 1.5), ("min_probability", -0.1), ("max_nodes", 0)])
def test_options_out_of_range_are_refused(option: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=option):
        attribution.transition_graph(PATHS, **{option: value})  # type: ignore[arg-type]
