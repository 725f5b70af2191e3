"""The report says how sure its models are, what was held out, and what was left out and why."""

import numpy as np
import pandas as pd

from reports.pages.certainty import blind_sentence, history_foretells
from reports.pages.channel_depth import depth_sections
from reports.pages.channels import channel_sections
from reports.pages.content import Prose, Table
from reports.pages.method import method_section
from reports.results.run_results import RunResults
from tests.reports.deep_runs import MEMORY, changed, configured, deep_run


def test_the_method_page_says_which_intervals_come_from_the_bootstrap(tmp_path):
    configuration = configured(tmp_path, depth='"brief"')
    for wanted, said in (
        (configuration, "Intervals are at 90%, by the delta method: they say"),
        (
            changed(configuration, bootstrap_replicates=40),
            "Intervals are at 90%, those of the change in conversions and of ranks by bootstrap over paths, 40 "
            "replicates, all others (of value, of the steps from last click, of parts of the conversions and of each "
            "model's credit) by the delta method: they say",
        ),
    ):
        method = method_section(deep_run(wanted))
        assert said in " ".join(block.text for block in method.blocks if isinstance(block, Prose))


def test_a_run_by_the_regression_says_so_on_every_page(tmp_path):
    configuration = configured(tmp_path, MEMORY, models='["last_click", "regression"]', model='"regression"')
    run = deep_run(configuration)
    blocks = [block for part in (*channel_sections(run), *depth_sections(run)) for block in part.blocks]
    titles = [block.title for block in blocks if isinstance(block, Table)]
    assert "Conversions credited by last click and by the regression" in titles
    assert "Value credited by last click and by the regression" in titles
    method = " ".join(block.text for block in method_section(run).blocks if isinstance(block, Prose))
    assert "The regression is logistic: of conversion on the touches of each channel" in method
    assert "The Markov model (order" not in method
    other_way = deep_run(changed(configuration, model="last_click", baseline="regression"))
    (table, *_) = [block for part in channel_sections(other_way) for block in part.blocks if isinstance(block, Table)]
    assert {row[-1] for row in table.cells()[:-1]} <= {"under-credited", "over-credited", "no clear difference"}


def test_counts_with_fractions_are_the_reason_why_nothing_is_held_out(tmp_path):
    run = deep_run(configured(tmp_path, "path,conversions,nulls,value\na > b,9.5,3,90\nb,3,7,30\n"))
    said = [block.text for part in depth_sections(run) for block in part.blocks if isinstance(block, Prose)]
    assert (
        "No journeys were held out to test the models: 1 of 2 paths have counts with fractions (first: a > b), which "
        "cannot be dealt into folds." in said
    )


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
    (models,) = [
        block
        for part in channel_sections(run)
        for block in part.blocks
        if isinstance(block, Table) and "every model" in block.title
    ]
    assert models.caption.endswith(
        "Shapley values and the regression are left out: there are more than 20 channels. Named among "
        "attribution.models, Shapley values are sampled and the regression is fitted to up to 200 channels."
    )


def test_where_the_bare_rate_does_as_well_the_page_says_that_journeys_foretell_nothing(tmp_path):
    # Half of each kind of journey converts, so only chance tells one channel from another.
    text = "path,conversions,nulls,value\na,4000,4000,0\nb,4000,4000,0\na > b,4000,4000,0\nb > a,4000,4000,0\n"
    blind, seeing = (deep_run(configured(tmp_path, one)) for one in (text, MEMORY))
    assert not history_foretells(blind.attribution.depth.orders)
    assert history_foretells(seeing.attribution.depth.orders)
    assert "foretells nothing" in blind_sentence(blind.attribution)
    assert not blind_sentence(seeing.attribution)
    said = [" ".join(b.text for b in _order_blocks(r.attribution) if isinstance(b, Prose)) for r in (blind, seeing)]
    assert "foretells nothing here of whether it converts" in said[0]
    # The best may be longer than the smallest that does as well: the sentence names both, and the table which is used.
    assert (
        "best; the smallest that does as well within one standard error has order 2; the run uses order 1." in said[1]
    )
    (held,) = [b for b in _order_blocks(seeing.attribution) if isinstance(b, Table) and "foretells" in b.title]
    verdicts = dict(zip(held.data["name"], held.data["verdict"], strict=True))
    assert (verdicts["Markov, order 1"], verdicts["Markov, order 2"]) == ("used", "to choose")


def test_a_regression_that_does_better_than_the_bare_rate_is_not_denied():
    # Excess over the best chain; the bare rate lies within its error of the chain, the regression far below both.
    orders = pd.DataFrame(
        {"order": [0, 1, np.nan], "excess": [0.001, 0.0, 0.0], "excess_std_error": [0.002, 0.0, np.nan]}
    )
    assert not history_foretells(orders)
    assert history_foretells(orders.assign(excess=[0.001, 0.0, -0.05]))
    assert history_foretells(orders.assign(excess=[0.003, 0.0, 0.0]))


def _order_blocks(attribution):
    (section,) = [
        part
        for part in depth_sections(RunResults(title="", attribution=attribution))
        if "depends on choices" in part.title
    ]
    return section.blocks


def test_channels_that_no_journey_is_of_alone_are_named_where_shapley_values_stand(tmp_path):
    text = "path,conversions,nulls,value\na,400,600,0\nb > a,400,300,0\nc > a,1,4,0\nd,9,9,0\n"
    run = deep_run(configured(tmp_path, text))
    (table,) = [
        block
        for part in channel_sections(run)
        for block in part.blocks
        if isinstance(block, Table) and "every model" in block.title
    ]
    assert (
        "No journey is of b and c alone, so nothing says what they would convert without others: the 90% interval of "
        "their Shapley values may be too narrow." in table.caption
    )
    notes = run.attribution.depth.games.set_index("channel")["shapley_note"]
    assert notes[notes != ""].index.tolist() == ["b", "c"]
    first = deep_run(configured(tmp_path, "path,conversions,nulls,value\na,4,6,0\nb > a,4,3,0\n"))
    assert any("No journey is of b alone, so nothing says what it would" in text for text in _captions(first))


def _captions(run):
    return [block.caption for part in channel_sections(run) for block in part.blocks if isinstance(block, Table)]


def test_shapley_values_less_sure_than_large_are_named_with_their_intervals(tmp_path):
    # rare is on 3 of 20,000 journeys, 2 of which converted: its value is large, but nearly chance.
    text = "path,conversions,nulls,value\na,4000,6000,0\nb > a,4000,3000,0\nb,1000,1997,0\nrare,2,1,0\n"
    configuration = configured(tmp_path, text)
    for run in (
        deep_run(configuration),
        deep_run(changed(configuration, models=("last_click", "shapley", "markov"))),
    ):
        (table,) = [
            block
            for part in channel_sections(run)
            for block in part.blocks
            if isinstance(block, Table) and "every model" in block.title
        ]
        assert "Do not rely on the Shapley values of rare (" in table.caption
        assert "the 90% interval is wider than the value." in table.caption
        assert not [column for column in table.columns if column.name.endswith(("_low", "_high"))]
