"""Channels switched off: sets asked for, single channels and pairs; in tables, on the page, and what can be wrong."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from attribution.counterfactual import interactions, removal
from customer_data.errors import ConfigurationError
from reports.configuration.reading import Configuration
from reports.pages.content import Prose, Table
from reports.pages.switched_off import switched_off_sections
from reports.publishing.run_tables import run_tables, settings_table
from reports.results.channels import channel_results, paths_of_file, with_named_channels
from reports.results.run_results import RunResults
from reports.results.switched_off import switched_off
from tests.reports.deep_runs import configured

# Start: a 600 and b 1,200 of 1,800; a leads to b; b converts 900 of 1,800.
CHAIN = "path,conversions,nulls,value\na > b,300,300,3000\nb,600,600,6000\n"


def result(configuration: Configuration, *, order: int = 1) -> RunResults:
    paths = paths_of_file(configuration)
    found = channel_results(paths, configuration, None, order=order)
    without = switched_off(paths, configuration, found)
    return RunResults(title="", currency="EUR", attribution=replace(found, switched_off=without))


def blocks(run: RunResults) -> tuple[Prose, Prose, list[Table]]:
    (section,) = switched_off_sections(run)
    said, meaning, *tables = section.blocks
    assert section.title == "What if a channel were switched off"
    assert isinstance(said, Prose)
    assert isinstance(meaning, Prose)
    return said, meaning, [table for table in tables if isinstance(table, Table)]


def test_sets_asked_for_stand_before_single_channels_and_pairs_behind(tmp_path):
    # Without a and half of its traffic led to b: start to b 2/3 (1 + .5 (1/3) / (2/3)) = 5/6, so 1/6 of 900 is lost.
    # Without b all is lost, with it or without: what is at a can go nowhere else.
    run = result(configured(tmp_path, CHAIN, remove='[["a", "b"]]', substitution="0.5"))
    tables = run_tables(run)
    sets = tables["removed_sets"]
    assert sets["channels"].tolist() == ["a + b", "b", "a"]
    assert sets["conversions_lost"].tolist() == pytest.approx([900, 900, 150])
    assert sets["value_lost"].tolist() == pytest.approx([9000, 9000, 1500])
    assert (sets["substitution"] == 0.5).all()
    paths = paths_of_file(configured(tmp_path, CHAIN))
    pd.testing.assert_frame_equal(sets, removal(paths, [["a", "b"], "b", "a"], substitution=0.5))
    pd.testing.assert_frame_equal(tables["interactions"], interactions(paths))
    said, meaning, (lost, pairs) = blocks(run)
    low, high = 100 * sets.loc[2, "removal_effect_low"], 100 * sets.loc[2, "removal_effect_high"]
    assert said.text.startswith("Of 900 conversions with a journey the chain loses 900 without a + b (100.0%; 90% ")
    assert ". Of other channels alone the largest loss is 900 without b (" in said.text
    assert meaning.text.startswith("50% of the traffic into what is switched off comes another way")
    assert "the rest is lost (attribution.substitution = 0.5)" in meaning.text
    assert "no experiment" in meaning.text
    assert [row[0] for row in lost.cells()] == ["a + b", "b", "a"]
    assert lost.cells()[2][1] == "150.0"
    assert lost.cells()[2][3] == "16.7%"
    assert 10 < low < 16.7 < high < 24
    # A third of all conversions came by way of both, and chance, 1 of b and 1/3 of a, says the same.
    assert pairs.title == "b and a work on the same conversions most: 33.3% of all"
    assert pairs.cells()[0][1] == "300.0"
    assert pairs.cells()[0][4] == "1.00"
    assert "Here nothing takes their place." in pairs.caption


def test_without_keys_single_channels_and_pairs_stand_at_full_depth_alone(tmp_path):
    said, meaning, (lost, pairs) = blocks(result(configured(tmp_path, CHAIN)))
    assert said.text.startswith("Of 900 conversions with a journey the chain loses 900 without b (100.0%; 90% ")
    assert meaning.text.startswith("Nothing takes its place")
    assert [row[:2] for row in lost.cells()] == [["b", "900.0"], ["a", "300.0"]]
    assert len(pairs.data) == 1
    assert switched_off_sections(result(configured(tmp_path, CHAIN, depth="'brief'"))) == ()


def test_the_only_channel_is_removed_where_that_is_asked_for(tmp_path):
    text = "path,conversions,nulls,value\na,300,300,3000\n"
    run = result(configured(tmp_path, text, remove='[["a"]]'))
    said, _, (lost,) = blocks(run)
    assert said.text.startswith("Of 300 conversions with a journey the chain loses 300 without a (100.0%; 90% ")
    assert [row[:2] for row in lost.cells()] == [["a", "300.0"]]
    assert switched_off_sections(result(configured(tmp_path, text))) == ()


def test_a_brief_run_removes_what_it_is_asked_to(tmp_path):
    run = result(configured(tmp_path, CHAIN, depth="'brief'", remove='[["a"]]', substitution="1"))
    assert "interactions" not in run_tables(run)
    said, meaning, (lost,) = blocks(run)
    # All that would have come to a comes to b, as all others do.
    assert said.text.startswith("Of 900 conversions with a journey the chain loses 0 without a (0.0%; 90% interval ")
    assert "the rest is lost" not in meaning.text
    assert len(lost.data) == 1


def test_without_value_no_money_is_shown_and_one_channel_has_no_page(tmp_path):
    plain = CHAIN.replace(",value", "").replace(",3000", "").replace(",6000", "")
    _, _, (lost, _) = blocks(result(configured(tmp_path, plain)))
    assert [column.name for column in lost.columns] == ["channels", "conversions_lost", "interval", "removal_effect"]
    assert switched_off_sections(result(configured(tmp_path, "path,conversions,nulls\na,5,5\n"))) == ()


def test_a_loss_below_zero_is_explained(tmp_path):
    # Whoever would have come to a comes to b then, where all convert.
    text = "path,conversions,nulls\na,1,99\nb,100,0\n"
    run = result(configured(tmp_path, text, substitution="1"))
    lost = blocks(run)[2][0]
    assert run.attribution.switched_off.sets["conversions_lost"].min() == pytest.approx(-99)
    assert "Below zero: those who come another way convert better there." in lost.caption


def test_of_many_channels_the_largest_are_removed_alone(tmp_path):
    rows = "".join(f"c{number:02},{100 - number},50\n" for number in range(25))
    run = result(configured(tmp_path, f"path,conversions,nulls\n{rows}", remove='[["c24", "c00"], ["c01"]]'))
    names = run.attribution.switched_off.sets["channels"].tolist()
    assert names == ["c24 + c00", "c01", "c00", *(f"c{number:02}" for number in range(2, 21))]
    _, _, (lost, pairs) = blocks(run)
    assert "Alone the 20 channels of largest removal effect." in lost.caption
    assert pairs.title == "No two channels work on the same conversions"
    assert "The 8 largest of 190 pairs." in pairs.caption


def test_of_a_chain_of_many_states_fewer_channels_are_removed_alone(tmp_path):
    rows = "".join(f"c{number:02},{100 - number},50\n" for number in range(11))
    run = result(configured(tmp_path, f"path,conversions,nulls\n{rows}"), order=3)
    without = run.attribution.switched_off
    assert without.sets["channels"].tolist() == [f"c{number:02}" for number in range(8)]
    assert len(without.pairs) == 28
    assert "Alone the 8 channels of largest removal effect." in blocks(run)[2][0].caption


def test_sets_keep_their_brackets_among_the_settings(tmp_path):
    shown = settings_table(configured(tmp_path, CHAIN, remove='[["a", "b"], ["a"]]')).set_index("setting")
    assert shown.loc["attribution.remove", "value"] == "[a, b], [a]"


def test_channels_that_are_not_there_are_told_with_their_places(tmp_path):
    configuration = configured(tmp_path, CHAIN.replace("a >", "Email >"), remove='[["Emial", "b"],\n["x"]]')
    with pytest.raises(ConfigurationError) as caught:
        with_named_channels(paths_of_file(configuration), configuration)
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        "p.toml:9:12: attribution.remove: there is no channel 'Emial'. Did you mean 'Email'?",
        "p.toml:10:2: attribution.remove: there is no channel 'x'. There are: Email, b.",
    ]


def test_a_channel_that_the_touches_lack_is_told_by_check(command, shop):
    told = command("check", shop / "pathworth.toml", "--set", 'attribution.remove=[["Email"], ["Emial"]]')
    assert told.code == 2
    assert "flag attribution.remove: there is no channel 'Emial'. Did you mean 'Email'?" in told.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("'Email'", 'attribution.remove: each set stands in brackets of its own. Write [["Email"]].'),
        (
            "['Email', 'SMS']",
            'attribution.remove: each set stands in brackets of its own. Write [["Email", "SMS"]] to remove them '
            'together, or [["Email"], ["SMS"]] to remove each alone.',
        ),
        ("[[]]", 'attribution.remove: sets of channels are wanted, as in [["Email", "SMS"], ["Display"]].'),
        ("3", 'attribution.remove: sets of channels are wanted, as in [["Email", "SMS"], ["Display"]].'),
        ("[['a', 3]]", "attribution.remove must be text in quotes, not 3."),
        ("[['']]", 'attribution.remove must not be empty, not "".'),
    ],
)
def test_sets_that_are_none_are_told(tmp_path, given, said):
    with pytest.raises(ConfigurationError) as caught:
        configured(tmp_path, CHAIN, remove=given)
    assert str(caught.value).endswith(said)


def test_a_percentage_of_substitution_is_told_as_a_share(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"substitution must be at most 1, not 30. .*: 30 % is 0.3"):
        configured(tmp_path, CHAIN, substitution="30")
