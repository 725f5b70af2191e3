"""Files that do not tell how far values of single conversions spread: no change in money is called clear."""

from reports.pages.prose import moved_in_money
from reports.results.channels import paths_of_file
from tests.reports.deep_runs import configured, deep_run

TEXT = "path,conversions,nulls,value\na,900,9500,8000\na > b > a,400,530,9000\nb,300,900,1000\nb > a,700,900,2000\n"
SQUARES = (
    "path,conversions,nulls,value,value_squares\n"
    "a,900,9500,8000,160000\na > b > a,400,530,9000,400000\nb,300,900,1000,9000\nb > a,700,900,2000,9000\n"
)


def test_no_change_in_money_is_clear_where_nothing_tells_how_far_values_spread(tmp_path):
    configuration = configured(tmp_path, TEXT)
    assert "lower bounds" in paths_of_file(configuration).counts.notes[-1]
    found = deep_run(configuration).attribution
    assert set(found.comparison["verdict"]) == {"over-credited by last click", "under-credited by last click"}
    assert set(found.comparison_value["verdict"]) == {"no clear difference"}
    assert found.comparison_value["difference_low"].isna().all()
    assert "clear" not in moved_in_money(found, 0.9, currency=None)


def test_a_column_of_squared_values_tells_it(tmp_path):
    configuration = configured(tmp_path, SQUARES)
    paths = paths_of_file(configuration)
    assert (paths.value_squares.sum(), paths.counts.notes) == (578_000, ())
    changes = deep_run(configuration).attribution.comparison_value
    assert set(changes["verdict"]) == {"over-credited by last click", "under-credited by last click"}
