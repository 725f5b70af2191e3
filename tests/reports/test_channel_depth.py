"""What lies behind the credit: computed for the run's own order, said in words that follow the numbers, left out."""

from dataclasses import replace
from pathlib import Path

import pytest

from customer_data.loading import load
from reports.channel_depth import channel_depth, lookback_paths, order_choice
from reports.channel_results import channel_results, journeys, paths_of_file
from reports.configuration import Configuration, read_configuration
from reports.content import Figure, Table
from reports.depth_pages import depth_sections
from reports.results import RunResults

# From a, most journeys convert when b came before and none when c did: the last channel alone does not tell.
MEMORY = (
    "path,conversions,nulls,value\nb > a,9000,1000,90000\nc > a,500,9500,5000\na,4000,6000,40000\nb,3000,7000,30000\n"
    "c,500,9500,5000\n"
)


def configured(tmp_path: Path, text: str = MEMORY, **keys: str) -> Configuration:
    (tmp_path / "paths.csv").write_text(text)
    names = [name for name in ("path", "conversions", "nulls", "value") if name in text.splitlines()[0]]
    columns = "".join(f"{name} = '{name}'\n" for name in names)
    wanted = "".join(f"{key} = {value}\n" for key, value in keys.items())
    (tmp_path / "p.toml").write_text(f"[paths]\nfile = 'paths.csv'\n[paths.columns]\n{columns}[attribution]\n{wanted}")
    return read_configuration(tmp_path / "p.toml", environment={})


def deep_run(configuration: Configuration) -> RunResults:
    paths = paths_of_file(configuration)
    choice = order_choice(paths, configuration)
    found = channel_results(paths, configuration, None, order=choice.order)
    depth = channel_depth(paths, configuration, choice, None)
    return RunResults(title="Deep", attribution=replace(found, depth=depth))


def test_auto_takes_the_order_that_foretells_held_out_journeys_best(tmp_path):
    run = deep_run(configured(tmp_path, order='"auto"'))
    assert run.attribution.order == 2
    assert run.attribution.depth.order_is_chosen
    orders = run.attribution.depth.orders
    assert list(orders["model"]) == ["markov"] * 5 + ["regression"]
    assert orders.loc[orders["chosen"].astype(bool), "order"].tolist() == [2]


def test_a_stated_order_stays_and_the_page_says_what_would_be_chosen(tmp_path):
    run = deep_run(configured(tmp_path))
    assert run.attribution.order == 1
    said = " ".join(block.text for section in depth_sections(run) for block in section.blocks if hasattr(block, "text"))
    assert "a chain of order 2" in said
    assert 'With attribution.order = "auto" it would use order 2.' in said


def test_the_bridge_starts_at_the_baseline_and_ends_at_the_models_credit(tmp_path):
    run = deep_run(configured(tmp_path))
    steps = run.attribution.depth.bridge.set_index("channel")
    compared = run.attribution.comparison.set_index("channel").loc[steps.index]
    assert steps["last_click"].to_numpy() == pytest.approx(compared["last_click"].to_numpy())
    assert (steps["last_click"] + steps["position_effect"] + steps["model_effect"]).to_numpy() == pytest.approx(
        compared["markov"].to_numpy()
    )
    assert steps[["position_effect", "model_effect"]].sum().to_numpy() == pytest.approx([0, 0], abs=1e-9)


def test_the_change_in_money_adds_up_to_nothing_inside_its_intervals(tmp_path):
    # Every order is worth 10, so the change in money is ten times that in conversions, interval and all.
    found = deep_run(configured(tmp_path)).attribution
    money, count = found.comparison_value.set_index("channel"), found.comparison.set_index("channel")
    for column in ("last_click", "markov", "difference", "difference_low", "difference_high"):
        assert money[column].to_numpy() == pytest.approx(10 * count.loc[money.index, column].to_numpy(), abs=1e-6)
    assert money["verdict"].tolist() == count.loc[money.index, "verdict"].tolist()


def test_a_brief_run_has_nothing_behind_the_credit(tmp_path):
    run = deep_run(configured(tmp_path, depth='"brief"'))
    assert run.attribution.depth is None
    assert depth_sections(run) == ()


def test_without_journeys_that_did_not_convert_nothing_is_held_out_and_auto_takes_one(tmp_path):
    text = "path,conversions,value\na > b,9,90\nb,3,30\n"
    run = deep_run(configured(tmp_path, text, order='"auto"'))
    assert run.attribution.order == 1
    assert run.attribution.depth.orders is None
    assert "every journey known here converted" in run.attribution.depth.why_not_held_out
    assert run.attribution.depth.games is None
    titles = [block.title for part in depth_sections(run) for block in part.blocks if isinstance(block, Table | Figure)]
    assert "From last click to the Markov model, step by step" in titles
    assert not any("held out" in title for title in titles)


def test_lookback_windows_are_tried_around_the_configured_one(shop):
    configuration = read_configuration(shop / "pathworth.toml", environment={})
    with configuration.engine().connect() as connection:
        load(connection, configuration.sources(), configuration.load_settings())
        tried = lookback_paths(connection, configuration)
        paths = journeys(connection, configuration)
        depth = channel_depth(paths, configuration, order_choice(paths, configuration), connection)
    assert list(tried) == ["7 days", "90 days"]
    touches = [float(one.lengths @ one.conversions) for one in tried.values()]
    assert touches == sorted(touches)
    assert touches[0] < touches[-1]
    assert {"order", "path transform", "lookback"} < set(depth.sensitivity["choice"])
