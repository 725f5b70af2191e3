"""Mistyped channels are told of and never merged; renamed ones are counted together."""

import duckdb
import pandas as pd
import pytest

from customer_data.channel_names import quoted, similar_channel_warnings, step_warnings
from customer_data.engine import Engine
from customer_data.errors import ConfigurationError
from customer_data.load_report import LoadReport
from customer_data.loading import load
from customer_data.sources import LoadSettings, Source

CHANNELS = ["Paid Social"] * 300 + ["Paid Socail", "Paid Socail", "paid social", "TV"]


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return Engine(threads=1).connect()


def _load(connection: duckdb.DuckDBPyConnection, settings: LoadSettings, spend: str = "") -> LoadReport:
    touchpoints = pd.DataFrame({"customer_id": range(len(CHANNELS)), "time": "2026-01-01", "channel": CHANNELS})
    sources = [Source(table="touchpoints", data=touchpoints)]
    if spend:
        paid = pd.DataFrame({"date": ["2026-01-01", "2026-01-01"], "channel": ["Paid Social", spend], "cost": [1, 2]})
        sources.append(Source(table="spend", data=paid))
    return load(connection, sources, settings)


def _touches(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counted = "SELECT channel, count(*) FROM touchpoints JOIN channels ON code = channel_code GROUP BY 1"
    return dict(connection.execute(counted).fetchall())


def test_mistyped_channels_are_kept_apart_and_told_with_their_touches(connection: duckdb.DuckDBPyConnection) -> None:
    report = _load(connection, LoadSettings())
    assert report.warnings == (
        'touchpoints.channel: 2 channels may be another spelling of a more common one: "Paid Socail" (2 touches) of '
        '"Paid Social" (300 touches); "paid social" (1 touch) of "Paid Social" (300 touches). They are kept apart. To '
        'count such channels together, say in [touchpoints]: rename_channels = { "Paid Socail" = "Paid Social" }.',
    )
    assert _touches(connection) == {"Paid Social": 300, "Paid Socail": 2, "paid social": 1, "TV": 1}


def test_renamed_channels_are_one_in_touchpoints_and_spend(connection: duckdb.DuckDBPyConnection) -> None:
    renamed = {"Paid Socail": "Paid Social", "paid social": "Paid Social", "Paid_Social": "Paid Social"}
    report = _load(connection, LoadSettings(rename_channels=renamed), spend="Paid_Social")
    assert report.warnings == ()
    assert _touches(connection) == {"Paid Social": 303, "TV": 1}
    assert connection.execute("SELECT code, channel FROM channels ORDER BY 1").fetchall() == [
        (1, "Paid Social"),
        (2, "TV"),
    ]
    assert connection.execute("SELECT channel_code, sum(cost) FROM spend GROUP BY 1").fetchall() == [(1, 30_000)]


def test_a_channel_of_spend_without_touches_is_told_beside_the_one_it_looks_like(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    spelled = LoadSettings(rename_channels={"Paid Socail": "Paid Social", "paid social": "Paid Social"})
    (warning,) = _load(connection, spelled, spend="Paid_Social").warnings
    assert warning == (
        'spend.channel: 1 channel without any touch may be another spelling of one with touches: "Paid_Social" (no '
        'touches) of "Paid Social" (303 touches). Until renamed, its cost counts against no credit. To count such '
        'channels together, say in [touchpoints]: rename_channels = { "Paid_Social" = "Paid Social" }.'
    )
    assert _load(connection, spelled, spend="Billboards").warnings == ()


def test_a_name_to_replace_that_does_not_come_is_told(connection: duckdb.DuckDBPyConnection) -> None:
    told = _load(connection, LoadSettings(rename_channels={"T V": "Television"})).warnings
    assert told[0] == """rename_channels: there is no channel "T V" to rename. Did you mean 'TV'?"""


def test_names_that_lead_on_or_to_nothing_are_refused(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ConfigurationError) as refused:
        _load(connection, LoadSettings(rename_channels={"a": "b", "b": "c", "d": " "}))
    assert str(refused.value).splitlines() == [
        'rename_channels: "a" is to be "b", which is renamed itself, to "c". Name the last one for both.',
        'rename_channels: "d" gets no name. Write the name to count it under.',
    ]


def test_of_many_pairs_eight_are_listed_and_the_rest_counted() -> None:
    counts = {"Newsletter": 1_000.0, **{f"Newsletter{'.' * dots}": 1.0 for dots in range(1, 12)}}
    (warning,) = similar_channel_warnings(counts, table="paths")
    assert warning.startswith("paths.path: 11 channels may be another spelling of a more common one: ")
    assert warning.count(' of "Newsletter" (1,000 touches)') == 8
    assert "; and 3 more. They are kept apart." in warning


def test_signs_that_cannot_be_seen_are_written_as_toml_escapes() -> None:
    assert quoted('Paid  "Social"') == '"Paid \\u0020\\"Social\\""'
    assert quoted("a\u00a0b\u200bc\\") == '"a\\u00A0b\\u200Bc\\\\"'


@pytest.mark.parametrize(
    ("names", "step", "most_touches", "words"),
    [
        (["A", "B"], ">", 2, None),
        (["google / cpc", "(direct) / (none)"], ">", 2, None),
        (["google / cpc", "email"], ">", 1, 'step = " / ".'),
        (["A | B", "A"], ">", 2, '1 channel of 2 holds "|" (first: "A | B"), as if it stood between channels.'),
        (["A -", "B -", "B"], ">", 3, '2 channels of 3 hold "->" (first: "A ->")'),
        (["A \u2192 B"], ">", 1, 'step = "\u2192".'),
        (["A > B", "A"], "->", 1, 'step = ">".'),
        (["A", "B"], ";", 1, 'no path has several touches when it is cut at ";" (first: "A")'),
        (["A"], ">", 1, None),
    ],
)
def test_paths_cut_at_another_sign_are_told(names: list[str], step: str, most_touches: int, words: str | None) -> None:
    told = step_warnings(names, step, most_touches=most_touches)
    assert [words in one for one in told if words] == ([] if words is None else [True])
    assert (words is None) == (told == [])
