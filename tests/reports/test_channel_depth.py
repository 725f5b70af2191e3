"""What lies behind the credit: computed for the run's own order, said in words that follow the numbers, left out."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from attribution import attribute, removal_effects
from attribution.paths import Paths
from customer_data.errors import ConfigurationError
from customer_data.loading import load
from reports.configuration.reading import Configuration, read_configuration
from reports.pages.channel_depth import depth_sections
from reports.pages.channel_segments import segment_blocks, segment_title
from reports.pages.channels import channel_sections
from reports.pages.content import Figure, Prose, Table
from reports.pages.journeys import window
from reports.pages.method import method_section
from reports.results.channel_depth import OrderChoice, channel_depth, order_choice, other_choices, with_depth
from reports.results.channel_segments import segment_results, types_in_value
from reports.results.channels import (
    channel_results,
    drawn_customers,
    journeys,
    paths_of_file,
    transformed,
)
from reports.results.run_results import AttributionResults, ChannelDepth, RunResults, SegmentResults
from reports.wording.labels import listing
from tests.reports.deep_runs import changed, configured, deep_run


@pytest.fixture(scope="module")
def shop_run(shop: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Configuration, Paths]]:
    """The shop loaded into an engine, its configuration and its paths."""
    configuration = read_configuration(shop / "pathworth.toml", environment={})
    with configuration.engine().connect() as connection:
        load(connection, configuration.sources(), configuration.load_settings())
        yield connection, configuration, journeys(connection, configuration)


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


def test_shapley_named_as_a_model_has_intervals_and_stands_among_the_models_once(tmp_path):
    run = deep_run(configured(tmp_path, models='["last_click", "shapley", "markov"]'))
    credit = run.attribution.credit.set_index("model").loc["shapley"]
    for measure, total in (("conversions", 17_000), ("value", 170_000)):
        assert credit[measure].sum() == pytest.approx(total)
        assert (credit[f"{measure}_low"] < credit[measure]).all()
        assert (credit[measure] < credit[f"{measure}_high"]).all()
    blocks = [block for section in channel_sections(run) for block in section.blocks if isinstance(block, Table)]
    (table,) = [block for block in blocks if "every model" in block.title]
    assert [column.name for column in table.columns] == [
        *("channel", "last_click", "shapley", "markov", "regression", "removal_effect")
    ]


def test_the_convention_and_a_high_order_reach_the_credit(tmp_path):
    text = "path,conversions,nulls,value\na,20,95,1\na > b > a,4,53,2\nb,3,9,3\n"
    paths = paths_of_file(configured(tmp_path, text))
    for keys in ({"convention": '"channelattribution"'}, {"order": "12"}):
        configuration = configured(tmp_path, text, models='["markov"]', **keys)
        wanted = configuration.settings.attribution
        found = channel_results(paths, configuration, None, order=wanted.order)
        credit = found.credit.set_index(["model", "channel"])["conversions"]["markov"]
        expected = attribute(paths, models=["markov"], order=wanted.order, convention=wanted.convention)
        assert credit.to_dict() == expected.set_index("channel")["conversions"].to_dict()
        assert found.comparison.set_index("channel")["markov"].to_dict() == pytest.approx(credit.to_dict())
        effects = removal_effects(paths, order=wanted.order, convention=wanted.convention)
        assert found.removal_effects["removal_effect"].tolist() == effects["removal_effect"].tolist()
        plain = attribute(paths, models=["markov"])
        assert not np.allclose(credit.to_numpy(), plain["conversions"].to_numpy())
        depth = channel_depth(paths, configuration, OrderChoice(wanted.order), None)
        own = depth.sensitivity.query("choice == 'as configured'").set_index("channel")["conversions"]
        into = depth.flows.groupby("credited")["conversions"].sum()
        for same in (own, into, depth.bridge.set_index("channel")["markov"]):
            assert same.to_dict() == pytest.approx(credit.to_dict())


def test_custom_credit_goes_by_the_weights_configured(tmp_path):
    # One path a > b > c of 8 conversions; weights 3 and 1 from its end on: c three quarters, b one, a nothing.
    text = "path,conversions,nulls\na > b > c,8,2\n"
    run = deep_run(configured(tmp_path, text, models='["custom", "markov"]', custom_weights="[3, 1]"))
    credit = run.attribution.credit.set_index(["model", "channel"])["conversions"]["custom"]
    assert credit.to_dict() == pytest.approx({"a": 0, "b": 2, "c": 6})


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
    assert run.attribution.depth.why_not_held_out == "every journey known here converted"
    assert run.attribution.depth.games is None
    titles = [block.title for part in depth_sections(run) for block in part.blocks if isinstance(block, Table | Figure)]
    assert "From last click to the Markov model, step by step" in titles
    assert not any("held out" in title for title in titles)
    said = [block.text for part in depth_sections(run) for block in part.blocks if isinstance(block, Prose)]
    held_out = "No journeys were held out to test the models: every journey known here converted."
    assert f"{held_out} So the chain has order 1." in said
    chosen = "The Markov model (order 1, as held-out journeys cannot choose one: every journey known here converted)"
    brief = deep_run(configured(tmp_path, text, order='"auto"', depth='"brief"'))
    for one in (run, brief):
        assert any(chosen in block.text for block in method_section(one).blocks if isinstance(block, Prose))
    stated = deep_run(configured(tmp_path, text, order="1"))
    said = [block.text for part in depth_sections(stated) for block in part.blocks if isinstance(block, Prose)]
    assert held_out in said


def test_a_mistake_in_how_customers_are_dealt_is_an_error_and_not_order_one(shop_run):
    connection, configuration, paths = shop_run
    automatic = changed(configuration, order="auto")
    report = automatic.settings.report.model_copy(update={"seed": -1})
    wrong = replace(automatic, settings=automatic.settings.model_copy(update={"report": report}))
    with pytest.raises(ConfigurationError, match="seed"):
        order_choice(paths, wrong, connection)


def test_games_that_cannot_be_played_are_left_out_with_the_reason(tmp_path):
    run = deep_run(configured(tmp_path, "path,conversions,nulls\na > b,9,0\nb,3,0\n"))
    blocks = [block for section in channel_sections(run) for block in section.blocks if isinstance(block, Table)]
    (table,) = [block for block in blocks if "every model" in block.title]
    assert not {"shapley", "regression"} & {column.name for column in table.columns}
    assert (
        "Shapley values and the regression are left out: the data hold no journeys that did not convert, to compare "
        "with." in table.caption
    )


def test_lookbacks_and_the_grain_are_tried_around_the_configured_ones(shop_run):
    connection, configuration, paths = shop_run
    recounted = other_choices(connection, configuration)
    own, *others = recounted.paths
    assert others == [("lookback", "7 days"), ("lookback", "90 days"), ("grain", "visits of 30 minutes")]
    assert recounted.paths[own].names() == paths.names()
    tried = list(recounted.paths.values())
    touches = [float(one.lengths @ one.conversions) for one in (tried[1], tried[0], tried[2])]
    assert touches == sorted(touches)
    assert touches[0] < touches[-1]
    visits = tried[3]
    assert float(visits.lengths @ visits.conversions) < float(paths.lengths @ paths.conversions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("attribution.customer_folds.recount_customers", None)
        by_decay = changed(configuration, models=("last_click",), model="time_decay")
        built = other_choices(connection, by_decay)["lookback"]["7 days"]
    assert built.time_decay is not None
    assert np.array_equal(built.conversions, tried[1].conversions)


def test_a_bootstrap_draws_customers_where_they_are_known_and_else_says_it_goes_by_paths(shop_run):
    connection, configuration, paths = shop_run
    assert drawn_customers(connection, configuration, order=1) is None
    wanted = changed(configuration, bootstrap_replicates=40)
    drawn = drawn_customers(connection, wanted, order=1)
    found = channel_results(paths, wanted, None, order=1, drawn=drawn)
    assert found.interval_method == "bootstrap over customers, 40 replicates"
    table = found.comparison.set_index("channel").loc[list(paths.channels)]
    difference = drawn.of("markov", paths) - drawn.of("last_click", paths)
    width = (table["difference_high"] - table["difference_low"]).to_numpy()
    assert width == pytest.approx(np.diff(np.quantile(difference, [0.05, 0.95], axis=0), axis=0)[0])
    for other in (changed(wanted, transform="first_of_each"), changed(wanted, model="time_decay")):
        assert drawn_customers(connection, other, order=1) is None
    by_paths = channel_results(paths, wanted, None, order=1)
    assert by_paths.interval_method == "bootstrap over paths, 40 replicates"


@pytest.fixture(scope="module")
def deep_shop(shop_run):
    connection, configuration, paths = shop_run
    choice = order_choice(paths, configuration, connection)
    return choice, channel_depth(paths, configuration, choice, connection)


def test_a_run_over_touches_holds_out_customers_and_tells_first_from_later_orders(shop_run, deep_shop):
    _, configuration, paths = shop_run
    choice, depth = deep_shop
    assert set(choice.tested["folds"]) == {"customers"}
    assert {"order", "path transform", "lookback", "grain"} < set(depth.sensitivity["choice"])
    assert depth.sensitivity.notna().all(axis=None)
    assert (depth.sensitivity["shift_low"] <= depth.sensitivity["shift"] + 1e-12).all()
    found = with_depth(channel_results(paths, configuration, None, order=choice.order), depth)
    assert list(dict.fromkeys(found.credit["segment"])) == ["all", "new customers", "returning customers"]
    summed = found.credit.groupby(["model", "segment"])[["conversions", "value"]].sum().unstack()
    for measure in ("conversions", "value"):
        parts = summed[measure]
        assert (parts["new customers"] + parts["returning customers"]).to_numpy() == pytest.approx(
            parts["all"].to_numpy()
        )
    counts = depth.segments.journeys.set_index("segment")
    assert counts["converted"].sum() == paths.counts.converted
    assert counts["not_converted"].sum() == paths.counts.not_converted
    run = RunResults(title="Deep", attribution=found)
    titles = [block.title for part in depth_sections(run) for block in part.blocks if isinstance(block, Table)]
    assert "Shares of the credit by the Markov model: new customers and returning customers" in titles
    said = " ".join(block.caption for part in depth_sections(run) for block in part.blocks if isinstance(block, Table))
    assert "five folds of customers, each with all journeys" in said
    told = " ".join(block.text for part in depth_sections(run) for block in part.blocks if isinstance(block, Prose))
    assert "channels the largest shift is more than chance, all shifts judged together." in told
    assert "both choices see the same customers" in said


def test_shifts_within_chance_are_said_to_be_and_unknown_ones_are_not_spoken_of(shop_run, deep_shop):
    _, configuration, paths = shop_run
    choice, depth = deep_shop
    found = channel_results(paths, configuration, None, order=choice.order)
    for low, high, said in ((-0.1, 0.1, "is clear of chance with all shifts judged together"), (np.nan, np.nan, "")):
        summary = depth.sensitivity_summary.assign(largest_shift_low=low, largest_shift_high=high, clear_together=False)
        table = depth.sensitivity if said else depth.sensitivity.assign(share_low=np.nan, share_high=np.nan)
        run = RunResults(
            title="Deep",
            attribution=replace(found, depth=replace(depth, sensitivity_summary=summary, sensitivity=table)),
        )
        blocks = [block for part in depth_sections(run) for block in part.blocks]
        told = " ".join(block.text for block in blocks if isinstance(block, Prose))
        assert said in told
        assert ("chance" in told.partition("one choice changed")[2].partition("keep their rank")[2]) == bool(said)
        (shown,) = [
            block for block in blocks if isinstance(block, Table) and block.title.startswith("The largest shift")
        ]
        assert any(column.name == "interval" for column in shown.columns) == bool(said)
        assert ("same customers" in shown.caption) == bool(said)


def test_a_transform_and_visits_are_what_the_run_is_about_and_the_others_are_tried(shop_run):
    connection, configuration, paths = shop_run
    other = changed(configuration, transform="first_of_each", grain="session", segments=())
    visits = journeys(connection, other)
    seen = transformed(visits, other)
    assert max(np.bincount(seen.rows * len(seen.channels) + seen.codes)) == 1
    assert len(seen) < len(visits)
    assert visits.counts.touches < paths.counts.touches
    found = channel_results(seen, other, None, order=1)
    assert window(found, RunResults(title="")).endswith("; visits with pauses of up to 30 minutes; first of each")
    depth = channel_depth(visits, other, OrderChoice(1), connection)
    assert depth.segments is None
    table = depth.sensitivity
    assert set(table.loc[table["choice"] == "grain", "setting"]) == {"touches"}
    assert set(table.loc[table["choice"] == "path transform", "setting"]) == {
        "keep_all", "collapse_repeats", "last_of_each", "drop_direct_unless_alone",
    }  # fmt: skip
    base = table[table["choice"] == "as configured"].set_index("channel")["conversions"]
    markov = found.credit[found.credit["model"] == "markov"].set_index("channel")["conversions"]
    assert base.to_numpy() == pytest.approx(markov.to_numpy())
    sections = depth_sections(RunResults(title="Deep", attribution=replace(found, depth=depth)))
    shown = " ".join(
        str(value) for part in sections for block in part.blocks if isinstance(block, Table)
        for value in block.data.get("shifted_by", [])
    )  # fmt: skip
    assert "_" not in shown


@pytest.fixture(scope="module")
def typed_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Leads come by ads, purchases by mail after the lead; 40 people, all of them the same way."""
    folder = tmp_path_factory.mktemp("typed")
    touches, orders = ["customer_id,time,channel"], ["customer_id,time,value,type"]
    for person in range(40):
        touches += [f"{person},2024-01-{day:02},{name}" for day, name in ((1, "ads"), (4, "mail"))]
        orders.append(f"{person},2024-01-02,0,lead")
        orders += [f"{person},2024-01-05,9,purchase"] if person % 4 else []
    (folder / "touches.csv").write_text("\n".join(touches))
    (folder / "orders.csv").write_text("\n".join(orders))
    (folder / "p.toml").write_text(
        "[touchpoints]\nfile = 'touches.csv'\n[orders]\nfile = 'orders.csv'\n[report]\nas_of = 2024-03-31\n"
    )
    return folder


def test_types_of_orders_have_credit_of_their_own_and_value_says_that_it_counts_them_all(typed_shop):
    configuration = read_configuration(typed_shop / "p.toml", environment={})
    with configuration.engine().connect() as connection:
        load(connection, configuration.sources(), configuration.load_settings())
        paths = journeys(connection, configuration)
        found = segment_results(connection, configuration, order=1)
        assert 'counts orders of all 2 types ("lead" and "purchase")' in types_in_value(connection)
        assert segment_results(connection, changed(configuration, segments=()), order=1) is None
    assert found.journeys[["kind", "segment", "conversions"]].to_numpy().tolist() == [
        ["customers", "new customers", 40],
        ["customers", "returning customers", 30],
        ["types", "lead", 40],
        ["types", "purchase", 30],
    ]
    last = found.credit[found.credit["model"] == "last_click"].set_index(["segment", "channel"])["conversions"]
    assert last["lead"].to_dict() == {"ads": 40, "mail": 0}
    assert last["purchase"].to_dict() == {"ads": 0, "mail": 30}
    # The purchase's journeys are ads > mail: the lead between does not end them, as it does in the run of all orders.
    markov = found.credit[found.credit["model"] == "markov"].set_index(["segment", "channel"])["conversions"]
    assert markov["purchase"].to_dict() == pytest.approx({"ads": 15, "mail": 15})
    assert markov["returning customers"].to_dict() == pytest.approx({"ads": 0, "mail": 30}, abs=1e-9)
    depth = ChannelDepth(segments=found)
    channels = channel_results(paths, configuration, None, order=1)
    blocks = segment_blocks(depth, channels, RunResults(title=""))
    assert segment_title(depth) == "Who earns first orders, and who later ones; credit by type"
    assert any(
        "ads earns 100.0% of “lead” and 50.0% of “purchase”" in block.text
        for block in blocks
        if isinstance(block, Prose)
    )


def test_orders_without_a_type_are_counted_beside_the_types(typed_shop):
    configuration = read_configuration(typed_shop / "p.toml", environment={})
    with configuration.engine().connect() as connection:
        load(connection, configuration.sources(), configuration.load_settings())
        connection.execute("UPDATE orders SET type = NULL WHERE type = 'purchase' AND customer_id::INT % 2 = 1")
        found = segment_results(connection, configuration, order=1)
    assert found.notes == (
        "orders.type: 20 of 70 orders have no type: they count in the credit of all, and in that of no type.",
    )


def test_more_types_than_have_a_run_of_their_own_are_counted_and_names_that_are_taken_are_told_apart(
    connection, typed_shop
):
    configuration = read_configuration(typed_shop / "p.toml", environment={})
    load(connection, configuration.sources(), configuration.load_settings())
    connection.execute("UPDATE orders SET type = CASE WHEN day % 2 = 0 THEN 'all' ELSE 't' || customer_id END")
    found = segment_results(connection, changed(configuration, segments=("types",)), order=1)
    assert found.journeys["segment"].tolist()[0] == "type all"
    assert len(found.journeys) == 8
    assert found.notes[0].startswith("orders.type: the 8 most frequent of 31 types have credit of their own")


def test_segments_that_do_not_differ_are_said_in_a_sentence(typed_shop):
    shares = pd.DataFrame(
        {
            "kind": "types", "segment": ["a", "b"], "channel": "mail", "share": 1.0, "share_low": 1.0,
            "share_high": 1.0, "difference": [np.nan, 0.0], "difference_low": [np.nan, 0.0],
            "difference_high": [np.nan, 0.0], "differs": False, "clear_together": False,
        }
    )  # fmt: skip
    counts = pd.DataFrame({"kind": "types", "segment": ["a", "b"], "conversions": 2, "unattributed_conversions": 0})
    found = ChannelDepth(segments=SegmentResults(credit=pd.DataFrame(), shares=shares, journeys=counts))
    channels = AttributionResults(credit=pd.DataFrame(), comparison=pd.DataFrame())
    (block,) = segment_blocks(found, channels, RunResults(title=""))
    assert block.text == "No channel earns a clearly other share of “a” and “b”, all channels judged together."


def test_value_stands_beside_conversions_and_says_where_its_verdict_is_another(tmp_path):
    # b opens 60 cheap orders that a closes and closes 20 dear ones that c opens: it gains conversions and loses value.
    text = "path,conversions,nulls,value\nb > a,60,9,60\nc > b,20,9,9000\na,40,60,40\nb,3,70,3\nc,3,90,3\n"
    run = deep_run(configured(tmp_path, text))
    (section, *_) = channel_sections(run)
    tables = {block.title: block for block in section.blocks if isinstance(block, Table)}
    value = tables["Value credited by last click and by the Markov model"]
    last = value.cells()[-1]
    assert last[:3] == ["All channels", "9,106", "9,106"]
    conversions = run.attribution.comparison.set_index("channel")["verdict"]
    in_money = run.attribution.comparison_value.set_index("channel")["verdict"]
    other = [name for name in value.data["channel"][:-1] if conversions[name] != in_money[name]]
    assert other
    assert value.caption == f"The verdict is another than on conversions for {listing(other)}."
    assert "Credited value" not in tables


def test_flows_between_very_many_channels_are_put_together_and_pages_hold_the_largest(tmp_path):
    rows = [f"c{number} > d{number % 30},{1 + number % 7},{number % 3},5" for number in range(90)]
    run = deep_run(configured(tmp_path, "path,conversions,nulls,value\n" + "\n".join(rows) + "\n"))
    flows = run.attribution.depth.flows
    assert set(flows["last_click"]) | set(flows["credited"]) >= {"20 other channels"}
    assert len(flows) <= 101**2
    assert flows["conversions"].sum() == pytest.approx(run.attribution.comparison["markov"].sum())
    assert flows.groupby("last_click")["share"].sum().to_numpy() == pytest.approx(1)
    tables = [
        block
        for section in (*channel_sections(run), *depth_sections(run))
        for block in section.blocks
        if isinstance(block, Table)
    ]
    assert max(len(table.data) for table in tables) == 61
    (conversions,) = (table for table in tables if table.title.startswith("Conversions credited by last click"))
    assert conversions.caption.endswith("The 60 largest of 120 channels; the table beside this report has all.")
    # Two decimals, because a clear change has a bound nearer to zero than 0.05.
    assert conversions.cells()[-1][:2] == ["All channels", "357.00"]
