"""Who gets what along single paths, and how many conversions leave models nothing to decide."""

import pytest

from reports.pages.channel_depth import depth_sections
from reports.pages.content import Figure, Prose, Table
from tests.reports.deep_runs import configured, deep_run

# 4 + 3 conversions by one touch, 2 by one channel, 10 + 1 by several.
TEXT = (
    "path,conversions,nulls,value\na,4,9,0\nb,3,9,0\na > a,2,1,0\na > b,10,1,0\na > b > b > a,1,0,0\nc > a,0,5,0\n"
    "c > a > c > a > c > a > c > b,1,0,0\n"
)


@pytest.fixture
def moved(tmp_path):
    run = deep_run(configured(tmp_path, TEXT))
    (section,) = [part for part in depth_sections(run) if part.title == "Why credit moved"]
    return section.blocks


def test_conversions_that_no_model_can_share_out_are_counted(moved):
    said = " ".join(block.text for block in moved if isinstance(block, Prose))
    assert (
        "Of 21 conversions 7 (33.3%) have a single touch and 2 (9.5%) several touches of one channel: along these "
        "paths no model can differ, that channel gets all. Models divide the other 12 (57.1%); 90% interval of that "
        "share: 39.6% to 73.1%."
    ) in said


def test_flows_and_roles_say_how_sure_they_are_or_where_that_stands(moved):
    (flows,) = [block for block in moved if isinstance(block, Table) and "stays with the channel" in block.title]
    assert flows.caption.endswith("Intervals are in the table credit_flows beside it.")
    (roles,) = [block for block in moved if isinstance(block, Figure)]
    assert roles.title == "a works earliest on shared paths, b latest"
    shares = roles.data.set_index("channel")
    early, late = shares.loc["a", "early_share_low"], shares.loc["b", "late_share_high"]
    assert f" 90% intervals: a early {100 * early:.1f}% to " in roles.caption
    assert f" to {100 * late:.1f}%; of all in the table channel_roles beside this report." in roles.caption


def test_the_most_frequent_paths_of_several_channels_show_what_each_model_gives(moved):
    (table,) = [block for block in moved if isinstance(block, Table) and "most frequent paths" in block.title]
    assert [column.header for column in table.columns] == ["Path", "Conversions", "Last click", "Linear", "Markov"]
    first, second, third = table.cells()
    assert first[:4] == ["a › b", "10", "b", "a 50 · b 50"]
    assert second[:4] == ["a › b › b › a", "1", "a", "a 50 · b 50"]
    # The same two channels, so the same shares by removal effects, however often each is touched.
    assert first[4] == second[4]
    assert third[0] == "c › a › c › … 3 more … › c › b"
    assert third[3] == "c 50 · a 38 · b 12"


def test_without_paths_of_several_channels_there_is_no_table(tmp_path):
    run = deep_run(configured(tmp_path, "path,conversions,nulls,value\na,4,9,0\nb > b,3,9,0\n"))
    blocks = [block for part in depth_sections(run) for block in part.blocks]
    assert not [block for block in blocks if isinstance(block, Table) and "most frequent paths" in block.title]
    said = " ".join(block.text for block in blocks if isinstance(block, Prose))
    assert "4 (57.1%) have a single touch" in said
    assert "Models divide" not in said
