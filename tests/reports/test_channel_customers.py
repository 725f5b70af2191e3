"""What the customers that channels win are worth: sums that hold, intervals, margin, spend or none, one channel."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from customer_data.loading import load
from reports.configuration.reading import Configuration, read_configuration
from reports.pages.channel_customers import (
    TITLE,
    channel_customer_sections,
    findings,
    model_rows,
    where_the_answer_changes,
)
from reports.pages.content import Figure, Prose, Table
from reports.results.channel_customers import COLUMNS, channel_customers
from reports.results.channels import channel_costs, channel_results, journeys
from reports.results.customers import value_forecast, value_results
from reports.results.run_results import RunResults
from tests.reports.report_samples import HOSTILE

WORTH = "SELECT sum(first_value + spend) / 1e4 + sum(clv) FROM histories JOIN customer_forecast USING (customer_id)"
RATIOS = ("new_customers", "worth", "worth_per_customer", "cac", "worth_to_cac")


@dataclass(frozen=True)
class Joined:
    """A connection with the forecast on it, the configuration, and the results of both parts and of their join."""

    connection: duckdb.DuckDBPyConnection
    configuration: Configuration
    run: RunResults

    @property
    def table(self) -> pd.DataFrame:
        assert self.run.channel_customers is not None
        assert self.run.channel_customers.table is not None
        return self.run.channel_customers.table

    def again(self, run: RunResults) -> RunResults:
        return replace(run, channel_customers=channel_customers(self.connection, self.configuration, run))


def made(connection: duckdb.DuckDBPyConnection, configuration: Configuration) -> Joined:
    loaded = load(connection, configuration.sources(), configuration.load_settings())
    assert loaded.period is not None
    first, last = loaded.period
    costs = channel_costs(connection, first, last)
    forecast = value_forecast(connection, configuration, last)
    run = RunResults(
        title="t",
        as_of=last,
        first_day=first,
        last_day=last,
        currency="EUR",
        attribution=channel_results(journeys(connection, configuration), configuration, costs, order=1),
        clv=value_results(connection, configuration, forecast, None),
    )
    joined = Joined(connection, configuration, run)
    return replace(joined, run=joined.again(run))


@pytest.fixture(scope="module")
def joined(shop: Path) -> Iterator[Joined]:
    configuration = read_configuration(shop / "pathworth.toml", environment={})
    with configuration.engine().connect() as connection:
        yield made(connection, configuration)


@pytest.fixture(scope="module")
def at_a_margin(shop: Path) -> Iterator[Joined]:
    configuration = read_configuration(shop / "pathworth.toml", environment={}, flags={"clv.margin": "0.25"})
    with configuration.engine().connect() as connection:
        yield made(connection, configuration)


def test_worth_and_customers_are_shared_out_whole(joined):
    ((total,),) = joined.connection.execute(WORTH).fetchall()
    ((buyers,),) = joined.connection.execute("SELECT count(DISTINCT customer_id) FROM orders").fetchall()
    found = joined.run.channel_customers
    assert found.customers + found.without_touch == buyers
    sums = joined.table.groupby("model")[["new_customers", "worth"]].sum()
    assert sums["new_customers"].to_numpy() == pytest.approx([found.customers] * 2)
    assert sums["worth"].iloc[0] == pytest.approx(sums["worth"].iloc[1])
    assert sums["worth"].iloc[0] < total
    # Few come without a touch, so those who are shared out are worth nearly what all are.
    assert found.without_touch < 0.2 * buyers
    assert sums["worth"].iloc[0] / found.customers == pytest.approx(total / buyers, rel=0.02)


def test_every_interval_holds_its_estimate_and_ratios_follow_from_their_parts(joined):
    table = joined.table
    assert tuple(table.columns) == COLUMNS
    for name in RATIOS:
        known = table[table[name].notna() & table[f"{name}_high"].notna()]
        assert len(known) > 3
        assert (known[f"{name}_low"] <= known[name]).all()
        assert (known[name] <= known[f"{name}_high"]).all()
    paid = table[table["cost"].notna() & (table["new_customers"] > 0)]
    assert (paid["worth_per_customer"] / paid["cac"]).to_numpy() == pytest.approx(paid["worth_to_cac"].to_numpy())


def test_the_forecast_s_uncertainty_widens_worth_and_not_the_number_of_customers(joined):
    run = joined.run
    doubtful = joined.again(replace(run, clv=replace(run.clv, parameter_error=0.5))).channel_customers.table
    for name, wider in (("worth", True), ("worth_per_customer", True), ("new_customers", False)):
        width, other = (one[f"{name}_high"] - one[name] for one in (joined.table, doubtful))
        changed = (other > width + 1e-9) & (joined.table["new_customers"] > 0)
        assert changed.any() == wider
    assert 0 < run.clv.parameter_error < 0.5


def test_worth_is_margin_where_one_is_configured(joined, at_a_margin):
    ours, theirs = (one.table.set_index(["model", "channel"])["worth"] for one in (joined, at_a_margin))
    assert theirs.to_numpy() == pytest.approx(0.25 * ours.to_numpy(), abs=1e-3)
    said = page_texts(at_a_margin.run)
    assert "margin (at 25% of revenue) of all orders so far" in said


def page_texts(run: RunResults) -> str:
    (section,) = channel_customer_sections(run)
    assert section.title == TITLE
    return " ".join(block.text for block in section.blocks if isinstance(block, Prose))


def test_the_page_has_one_figure_one_table_and_the_period(joined):
    (section,) = channel_customer_sections(joined.run)
    assert [type(block) for block in section.blocks] == [Prose, Prose, Figure, Table]
    said = page_texts(joined.run)
    assert "2024 to" in said
    assert "revenue of all orders so far" in said
    cells = {row[0]: row for row in section.blocks[-1].cells()}
    assert cells["Direct"][-4:] == ["–"] * 4
    assert cells["All channels"][2] == f"{joined.run.channel_customers.customers:,}" + (
        ".0" if joined.run.channel_customers.customers < 1000 else ""
    )


def test_without_spend_there_is_worth_per_customer_alone(joined):
    bare = replace(joined.run, attribution=replace(joined.run.attribution, costs=None))
    run = joined.again(bare)
    (section,) = channel_customer_sections(run)
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    (figure,) = [block for block in section.blocks if isinstance(block, Figure)]
    assert [column.name for column in table.columns] == ["channel", "before", "after", "each", "touched"]
    assert figure.title.startswith("A new customer is worth EUR\u00a0")
    assert figure.title.endswith(", by channel")
    assert run.channel_customers.table["cac"].isna().all()


@pytest.mark.parametrize("model", ["shapley", "linear"])
def test_other_models_share_out_the_same_whole_and_have_a_page(joined, model):
    run = joined.again(replace(joined.run, attribution=replace(joined.run.attribution, model=model)))
    table = run.channel_customers.table
    sums = table.groupby("model")[["new_customers", "worth"]].sum()
    assert sums.loc[model].to_numpy() == pytest.approx(sums.loc["last_click"].to_numpy())
    rows = table[(table["model"] == model) & table["worth_per_customer"].notna()]
    assert (rows["worth_per_customer_low"] <= rows["worth_per_customer"]).all()
    assert (table["worth"] < 0).any() == (model == "shapley")
    assert len(channel_customer_sections(run)) == 1


def test_too_few_customers_are_said_and_not_credited(joined):
    connection = joined.connection.cursor()
    connection.execute("CREATE TEMP TABLE orders AS SELECT * FROM orders ORDER BY time_us, customer_id LIMIT 15")
    found = channel_customers(connection, joined.configuration, joined.run)
    connection.execute("DROP TABLE temp.orders")
    assert found.table is None
    assert "it takes 20" in found.why_not
    assert found.why_not in page_texts(replace(joined.run, channel_customers=found))


def test_names_of_all_kinds_and_a_single_channel_have_a_page(joined):
    codes = {name: code for code, name in enumerate(joined.table["channel"].unique())}
    names = joined.table["channel"].map(lambda name: HOSTILE[codes[name] % len(HOSTILE)])
    for table in (joined.table.assign(channel=names), joined.table[joined.table["channel"] == "Email"]):
        found = replace(joined.run.channel_customers, table=table)
        (section,) = channel_customer_sections(replace(joined.run, channel_customers=found))
        figure, shown = section.blocks[-2:]
        assert isinstance(figure, Figure)
        assert figure.svg.startswith("<?xml")
        assert all(cell not in ("nan", "None") for row in shown.cells() for cell in row)


def test_brief_runs_and_runs_without_a_forecast_have_none_of_it(joined):
    settings = joined.configuration.settings
    brief = settings.model_copy(update={"attribution": settings.attribution.model_copy(update={"depth": "brief"})})
    assert channel_customers(joined.connection, replace(joined.configuration, settings=brief), joined.run) is None
    assert channel_customers(joined.connection, joined.configuration, replace(joined.run, clv=None)) is None
    assert channel_customer_sections(replace(joined.run, channel_customers=None)) == ()


def test_the_sentence_names_where_the_model_changes_the_answer(joined):
    names = ["worth_to_cac", "worth_to_cac_low", "worth_to_cac_high"]
    rows = [("Email", 50.0, 40.0, 60.0), ("Social", 3.0, 2.0, 4.0), ("Video", 1.2, 0.9, 1.5), ("Brand", 0.6, 0.5, 0.7)]
    after = pd.DataFrame(rows, columns=["channel", *names]).set_index("channel").assign(new_customers=9.0)
    before = after.assign(worth_to_cac=[60.0, 0.5, 0.8, 1.4])
    (said,) = findings(after, before, joined.run.attribution, joined.run)
    assert "comes by Email, EUR 50.0 (40.0 to 60.0), and the least by Brand, EUR 0.60 (0.50 to 0.70);" in said.replace(
        "\u00a0", " "
    )
    # Video is above 1 by the model, but not clearly.
    assert "changes for 2 of 4 channels with cost: Social below 1 by last click and clearly above" in said
    assert "Brand above 1 by last click and clearly below by the Markov model." in said
    (one,) = findings(after.head(1), before.head(1), joined.run.attribution, joined.run)
    assert one.replace("\u00a0", " ").startswith(
        "By the Markov model the most worth of new customers for each EUR of cost comes by Email, EUR 50.0 (40.0 to 60"
    )
    assert "No channel with cost is on one side" in one


def test_the_first_page_says_whose_answer_changes_and_nothing_where_none_does(joined):
    run, names = joined.run, ["worth_to_cac", "worth_to_cac_low", "worth_to_cac_high"]
    rows = [("last_click", "Social", 0.5), ("last_click", "Brand", 1.4), ("markov", "Social", 3.0)]
    table = pd.DataFrame([*rows, ("markov", "Brand", 0.6)], columns=["model", "channel", "worth_to_cac"])
    table = table.assign(new_customers=9.0, worth_to_cac_low=table["worth_to_cac"] - 0.1)
    table = table.assign(worth_to_cac_high=table["worth_to_cac"] + 0.1)
    changed = replace(run, channel_customers=replace(run.channel_customers, table=table))
    assert where_the_answer_changes(changed) == (
        "New customers of Social are clearly worth more than they cost by the Markov model, not by last click. "
        "New customers of Brand are clearly worth less than they cost by the Markov model, not by last click."
    )
    same = table.assign(**dict.fromkeys(names, 2.0))
    assert where_the_answer_changes(replace(run, channel_customers=replace(run.channel_customers, table=same))) == ""
    assert where_the_answer_changes(replace(run, channel_customers=None)) == ""


def test_touched_worth_is_the_mean_over_paths_with_the_channel(joined):
    rows = model_rows(joined.table, "markov")
    known = rows["touched_worth"].dropna()
    assert len(known) >= 5
    mean = rows["worth"].sum() / rows["new_customers"].sum()
    assert known.min() < mean < known.max()
    assert not np.allclose(known, mean)


def test_credited_customers_carry_the_worth_of_their_own_paths(joined):
    rows = model_rows(joined.table, "markov")
    known = rows[rows["new_customers"] > 20]
    each, touched = known["worth_per_customer"], known["touched_worth"]
    # A chain of order 1 alone would level them out to within 1 %; paths differ by what touched them.
    assert each.std() > 0.5 * touched.std() > 0
    assert np.corrcoef(each, touched)[0, 1] > 0.8
    assert "is divided along its own path by the removal effects" in table_caption(joined.run)


def table_caption(run: RunResults) -> str:
    (section,) = channel_customer_sections(run)
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    return table.caption


def test_how_far_worths_were_levelled_is_said_where_it_shows(joined):
    run = joined.run
    for factor, said in ((1.0213, "all channels alike are raised by 2.1%"), (0.97, "lowered by 3.0%"), (1.0001, "")):
        caption = table_caption(replace(run, channel_customers=replace(run.channel_customers, factor=factor)))
        assert said in caption
        assert ("alike" in caption) == bool(said)
    by_rule = joined.again(replace(run, attribution=replace(run.attribution, model="linear")))
    assert by_rule.channel_customers.factor is None
    assert "removal effects" not in table_caption(by_rule)


def test_a_channel_that_met_few_customers_is_not_sure_of_their_worth(joined):
    connection = joined.connection.cursor()
    # One customer touched a channel of its own, and is not certain to be worth what all it brings are.
    connection.execute(
        "CREATE TEMP TABLE channels AS SELECT * FROM channels UNION ALL SELECT max(code) + 1, 'Zeppelin' FROM channels"
    )
    connection.execute(
        "CREATE TEMP TABLE touchpoints AS SELECT * FROM touchpoints UNION ALL BY NAME "
        "SELECT customer_id, time_us, (SELECT max(code) FROM channels)::INTEGER AS channel_code "
        "FROM (SELECT customer_id, min(time_us) AS time_us FROM orders GROUP BY ALL ORDER BY customer_id LIMIT 1)"
    )
    found = channel_customers(connection, joined.configuration, joined.run)
    for name in ("touchpoints", "channels"):
        connection.execute(f"DROP TABLE temp.{name}")
    rows = model_rows(found.table, "last_click")
    few, common = rows.loc["Zeppelin"], rows["new_customers"].idxmax()
    assert few["new_customers"] <= 1
    reach = (rows["worth_per_customer_high"] - rows["worth_per_customer"]) / rows["worth_per_customer"]
    assert reach["Zeppelin"] > 5 * reach[common] > 0
    assert few["worth_per_customer_low"] < few["worth_per_customer"] < few["worth_per_customer_high"]
