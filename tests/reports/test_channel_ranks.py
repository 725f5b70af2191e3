"""The ranks of channels in data drawn again: the table of a run with a bootstrap, and its place on the page."""

from attribution.bootstrap import bootstrap_credit, rank_stability
from reports.pages.channel_ranks import ranks_table
from reports.pages.channels import channel_sections
from reports.pages.content import Table
from reports.publishing.run_tables import run_tables
from reports.results.channels import channel_results, paths_of_file
from reports.results.run_results import RunResults
from tests.reports.deep_runs import configured

# a is far ahead, b and c are as good as tied.
TIED = "path,conversions,nulls\na,1000,100\nb,100,900\nc,99,900\n"


def run_of(configuration):
    return RunResults(title="", attribution=channel_results(paths_of_file(configuration), configuration, None, order=1))


def test_ranks_have_intervals_and_how_often_they_were_kept(tmp_path):
    configuration = configured(tmp_path, TIED, bootstrap_replicates="400")
    run, paths = run_of(configuration), paths_of_file(configuration)
    ranks = run_tables(run)["rank_stability"]
    again = bootstrap_credit(paths, ["last_click", "markov"], replicates=400, seed=1)
    assert ranks.equals(rank_stability(paths, drawn=again))
    table = ranks_table(run.attribution, run, most=2, left_out=" Two of three.")
    assert table.title == "1 of 3 channels keep their rank in 90% or more of all draws"
    assert (
        table.caption
        == "By conversions credited by the Markov model; bootstrap over paths, 400 replicates. Two of three."
    )
    first, second = table.cells()
    assert first == ["1", "a", "100.0%", "1", "100.0%"]
    assert [*second[:2], second[3]] == ["2", "b", "2 to 3"]
    a, b, c = again.of("markov", paths).T
    assert ranks["same_rank"][1] == ((a > b) & (b >= c)).mean()
    titles = [block.title for block in channel_sections(run)[0].blocks if isinstance(block, Table)]
    assert table.title in titles


def test_without_a_bootstrap_there_are_no_ranks(tmp_path):
    run = run_of(configured(tmp_path, TIED))
    assert "rank_stability" not in run_tables(run)
    assert ranks_table(run.attribution, run, most=9, left_out="") is None
