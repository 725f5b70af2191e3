"""What became of the rows of a file of paths: counted, told, and in a table."""

from reports.configuration.against_data import idle_keys
from reports.publishing.run_tables import run_tables
from reports.results.channels import paths_of_file, with_named_channels
from reports.results.data_quality import with_path_file
from tests.reports.deep_runs import configured, deep_run


def test_rows_without_an_outcome_are_counted_with_their_value_and_their_channels_named(tmp_path):
    text = "path,conversions,nulls,value\na,2,1,4\na,1,0,2\nb,0,0,0\nc > a,0,0,0\n,3,0,7\nd > a,0,3,0\n"
    configuration = configured(tmp_path, text)
    paths, told = with_named_channels(paths_of_file(configuration), configuration)
    assert [one.split(": ", 1)[1] for one in told] == [
        "2 channels occur only in rows without a conversion and without a journey that did not convert, so they are in "
        "no table: b, c. Give the counts of these rows, or take them out of the file."
    ]
    counts = with_path_file(None, paths, configuration).row_counts.set_index("reason")
    assert counts["rows"].to_dict() == {
        "read": 6,
        "kept": 2,
        "merged with an equal path": 1,
        "without any outcome": 2,
        "without a channel": 1,
    }
    assert counts["amount"].dropna().to_dict() == {
        "read": 13,
        "kept": 6,
        "without any outcome": 0,
        "without a channel": 7,
    }


def test_what_came_without_a_path_is_counted_shown_and_in_a_table(tmp_path):
    run = deep_run(configured(tmp_path, "path,conversions,nulls,value\n,3,4,30\na > b,5,6,50\n"))
    assert run.attribution.journeys == {
        "conversions": 5,
        "unattributed_conversions": 3,
        "unattributed_value": 30,
        "not_converted_without_path": 4,
    }
    table = run_tables(run)["journey_counts"]
    assert dict(zip(table["what"], table["number"], strict=True)) == run.attribution.journeys


def test_keys_of_journeys_that_a_file_of_paths_cannot_follow_are_told(tmp_path):
    text = "path,conversions,nulls,value\na > b,5,6,50\n"
    keys = {"lookback_days": "3", "include_open": "true", "segments": '["types"]', "order": "2"}
    told = idle_keys(configured(tmp_path, text, **keys))
    assert [one.split(":")[0] for one in told] == [f"attribution.{key}" for key in keys if key != "order"]
    assert told[0].endswith("so it changes nothing. Leave it out, or read [touchpoints] and [orders].")
    assert idle_keys(configured(tmp_path, text, include_open="false", segments="[]")) == []
