"""Why credit moved, who gets what along single paths, and how many conversions leave rules nothing to decide."""

import pytest

from reports.pages.channel_depth import depth_sections
from reports.pages.content import Figure, Points, Prose, Table
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


def test_conversions_that_every_rule_gives_to_one_channel_are_counted(moved):
    said = " ".join(block.text for block in moved if isinstance(block, Prose))
    assert (
        "Of 21 conversions 7 (33.3%) have a single touch and 2 (9.5%) several touches of one channel: every rule gives "
        "these to that channel. Rules differ on the other 12 (57.1%); 90% interval of that share: 39.6% to 73.1%. The "
        "Markov model does not go path by path: all conversions together are divided by what the channels were worth "
        "over all paths, so a channel may get more or less than its own paths brought."
    ) in said


def test_a_channel_that_markov_credits_with_less_than_its_own_paths_brought_is_named(tmp_path):
    # Last click a 10, b 0, c 10. Without a, and likewise without b or c, half of the walks convert: 20 / 3 for each.
    run = deep_run(configured(tmp_path, "path,conversions\na,10\nb > c,10\n"))
    said = " ".join(b.text for part in depth_sections(run) for b in part.blocks if isinstance(b, Prose))
    assert ": a alone brought 10, and Markov credits it with 6.7." in said
    steps = run.attribution.depth.bridge.set_index("channel")
    assert steps.loc["a", ["alone", "markov"]].tolist() == pytest.approx([10, 20 / 3])


def test_each_step_from_last_click_is_shown_by_itself_and_told_with_the_channel_it_changes_most(moved):
    (table,) = [block for block in moved if isinstance(block, Table) and "step by step" in block.title]
    rows = table.data.set_index("channel")
    steps = rows[["sharing", "weighting", "smoothing"]]
    assert (rows["last_click"] + steps.sum(axis=1)).to_numpy() == pytest.approx(rows["markov"].to_numpy())
    (points,) = [block for block in moved if isinstance(block, Points)]
    # Sharing: a > b gives a 5 of b's 10; the path of three channels 1/3 each, b's 1 gone but for 1/3; b > a > b 1/2.
    assert points.items[0][0] == "Sharing: 5.2 conversions."
    assert points.items[0][1].endswith("It matters most for b: −5.2.")
    # Parts taken: a 4 + 2 + 10 + 1 + 1 = 18, b 3 + 10 + 1 + 1 = 15, c 1; of 34, times 21, less what was shared.
    weighted = 18 * 21 / 34 - (4 + 2 + 5 + 0.5 + 1 / 3)
    assert rows.loc["a", "weighting"] == pytest.approx(weighted)
    assert [lead.partition(":")[0] for lead, _ in points.items] == ["Sharing", "Weighting", "Paths not seen"]


def test_flows_and_roles_say_how_sure_they_are_or_where_that_stands(moved):
    (flows,) = [block for block in moved if isinstance(block, Table) and "stays with the channel" in block.title]
    assert flows.caption.endswith("Intervals are in the table credit_flows beside this report.")
    (roles,) = [block for block in moved if isinstance(block, Figure)]
    assert roles.title == "a works earliest on shared paths, b latest"
    shares = roles.data.set_index("channel")
    early, late = shares.loc["a", "early_share_low"], shares.loc["b", "late_share_high"]
    assert f" 90% intervals: a early {100 * early:.1f}% to " in roles.caption
    assert f" to {100 * late:.1f}%; of all in the table channel_roles beside this report." in roles.caption


def test_the_most_frequent_paths_of_several_channels_show_what_each_model_gives(moved):
    (table,) = [block for block in moved if isinstance(block, Table) and "most frequent paths" in block.title]
    models = ["Last click", "Linear", "Position-based", "Markov"]
    assert [column.header for column in table.columns] == ["Path", "Conversions", *models]
    assert table.caption.endswith(
        "Shares by first click and last non-direct click are in the table credit_along_paths."
    )
    first, second, third = table.cells()
    assert first[:4] == ["a › b", "10", "b", "a\u00a050 · b\u00a050"]
    assert second[:4] == ["a › b › b › a", "1", "a", "a\u00a050 · b\u00a050"]
    # The same two channels, so the same shares by removal effects, however often each is touched.
    assert first[5] == second[5]
    assert third[0] == "c › a › c › … 3 more … › c › b"
    assert third[3] == "c\u00a050 · a\u00a038 · b\u00a012"


def test_without_paths_of_several_channels_there_is_no_table(tmp_path):
    run = deep_run(configured(tmp_path, "path,conversions,nulls,value\na,4,9,0\nb > b,3,9,0\n"))
    blocks = [block for part in depth_sections(run) for block in part.blocks]
    assert not [block for block in blocks if isinstance(block, Table) and "most frequent paths" in block.title]
    said = " ".join(block.text for block in blocks if isinstance(block, Prose))
    assert "4 (57.1%) have a single touch" in said
    assert "Rules differ" not in said


def test_the_table_beside_the_report_has_every_model_of_the_run_that_divides_paths(tmp_path):
    models = ["first_click", "w_shaped", "last_click", "markov"]
    run = deep_run(configured(tmp_path, TEXT, models=str([*models, "shapley"])))
    said = " ".join(b.text for part in depth_sections(run) for b in part.blocks if isinstance(b, Prose))
    assert "The Markov model and Shapley values do not go path by path" in said
    along = run.attribution.depth.along_paths
    assert along.columns.tolist() == ["path", "conversions", "touch", "channel", *models, "markov_low", "markov_high"]
    assert along.groupby("path")[models].sum().to_numpy() == pytest.approx(1)
