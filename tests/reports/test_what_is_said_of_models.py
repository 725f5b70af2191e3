"""The report says how sure its models are, what was held out, and what was left out and why."""

from reports.pages.channel_depth import depth_sections
from reports.pages.content import Prose, Table
from reports.pages.method import method_section
from tests.reports.deep_runs import changed, configured, deep_run


def test_the_method_page_says_which_intervals_come_from_the_bootstrap(tmp_path):
    configuration = configured(tmp_path, depth='"brief"')
    for wanted, said in (
        (configuration, "Intervals are at 90%, by the delta method: they say"),
        (
            changed(configuration, bootstrap_replicates=40),
            "Intervals are at 90%, those of the change in conversions by bootstrap over paths, 40 replicates, all "
            "others (of value, of the steps from last click, of parts of the conversions and of each model's credit) "
            "by the delta method: they say",
        ),
    ):
        method = method_section(deep_run(wanted))
        assert said in " ".join(block.text for block in method.blocks if isinstance(block, Prose))


def test_counts_with_fractions_are_the_reason_why_nothing_is_held_out(tmp_path):
    run = deep_run(configured(tmp_path, "path,conversions,nulls,value\na > b,9.5,3,90\nb,3,7,30\n"))
    said = [block.text for part in depth_sections(run) for block in part.blocks if isinstance(block, Prose)]
    assert "No journeys were held out to test the models: counts with fractions cannot be dealt into folds." in said


def test_a_regression_left_out_of_held_out_models_is_said_with_its_reason(tmp_path):
    rows = [f"c{place:02} > c{place % 7:02},{3 + place % 4},{5 + place % 3},9" for place in range(21)]
    run = deep_run(configured(tmp_path, "path,conversions,nulls,value\n" + "\n".join(rows) + "\n"))
    (table,) = [
        block
        for part in depth_sections(run)
        for block in part.blocks
        if isinstance(block, Table) and block.title.startswith("How well each model")
    ]
    assert table.caption.endswith("0.5 is chance. The regression is left out: there are more than 20 channels.")
