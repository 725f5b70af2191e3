"""What channels return on their cost, by hand, and what the page makes of it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reports.pages.actions import what_to_do
from reports.pages.channels import channel_sections
from reports.pages.content import Table
from reports.results.channel_returns import channel_returns
from reports.results.run_results import AttributionResults, RunResults

COLUMNS = ["model", "segment", "channel", "conversions", "value"]
COLUMNS += ["conversions_low", "conversions_high", "value_low", "value_high"]
CREDIT = pd.DataFrame(
    [
        ("last_click", "all", "Email", 40.0, 400.0, 30.0, 50.0, 300.0, 500.0),
        ("last_click", "all", "Social", 10.0, 100.0, 0.0, 20.0, 0.0, 210.0),
        ("markov", "all", "Email", 20.0, 200.0, 16.0, 25.0, 150.0, 250.0),
        ("markov", "all", "Social", 30.0, 300.0, 25.0, 40.0, 240.0, 360.0),
        ("markov", "new customers", "Email", 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    ],
    columns=COLUMNS,
)
COSTS = pd.DataFrame({"channel": ["Social", "Posters", "Free"], "cost": [200.0, 50.0, 0.0]})


def credited(credit: pd.DataFrame = CREDIT, costs: pd.DataFrame | None = COSTS) -> AttributionResults:
    wide = credit[credit["segment"] == "all"].pivot(index="channel", columns="model", values="conversions")
    wide = wide.reset_index().assign(difference=wide["markov"].to_numpy() - wide["last_click"].to_numpy())
    rows = wide.assign(
        difference_low=wide["difference"] - 5,
        difference_high=wide["difference"] + 5,
        verdict="clear",
        clear_together=True,
    )
    return AttributionResults(credit=credit, comparison=rows, costs=costs)


def table_of(attribution: AttributionResults) -> Table:
    run = RunResults(title="t", currency="EUR", attribution=attribution)
    blocks = [block for section in channel_sections(run) for block in section.blocks if isinstance(block, Table)]
    (table,) = [block for block in blocks if "cost" in block.title.lower() or block.title == "Credited value"]
    return table


def test_credit_and_its_interval_are_divided_by_cost_and_cost_by_conversions():
    # Social costs 200. Markov: 300 / 200 = 1.5 (240 / 200 to 360 / 200); 200 / 30 (200 / 40 to 200 / 25).
    rows = channel_returns(credited()).set_index(["model", "channel"])
    social = rows.loc[("markov", "Social")]
    assert social[["roas", "roas_low", "roas_high"]].tolist() == [1.5, 1.2, 1.8]
    assert social[["cpa", "cpa_low", "cpa_high"]].tolist() == pytest.approx([200 / 30, 5.0, 8.0])
    assert list(rows.index.get_level_values("channel")) == ["Email", "Social", "Free", "Posters"] * 2


def test_a_conversion_may_cost_anything_where_the_interval_reaches_nothing():
    # Last click: 200 / 10 = 20, at least 200 / 20 = 10, and no upper end.
    social = channel_returns(credited()).set_index(["model", "channel"]).loc[("last_click", "Social")]
    assert social[["cpa", "cpa_low"]].tolist() == [20.0, 10.0]
    assert np.isnan(social["cpa_high"])
    assert "20.00 (10.00 or more)" in [cell for row in table_of(credited()).cells() for cell in row]


def test_without_cost_or_credit_a_ratio_is_missing():
    rows = channel_returns(credited()).set_index(["model", "channel"])
    ratios = [f"{name}{end}" for name in ("roas", "cpa") for end in ("", "_low", "_high")]
    for channel in ("Email", "Free", "Posters"):
        assert rows.loc[("markov", channel), ratios].isna().all()
    assert rows.loc[("markov", "Posters"), "cost"] == 50
    assert channel_returns(credited(costs=None)) is None
    assert channel_returns(credited(costs=COSTS.iloc[:0])) is None


def test_every_interval_holds_its_estimate():
    rows = channel_returns(credited())
    for name in ("roas", "cpa"):
        known = rows[rows[f"{name}_high"].notna()]
        assert len(known) > 0
        assert (known[f"{name}_low"] <= known[name]).all()
        assert (known[name] <= known[f"{name}_high"]).all()


def test_the_page_shows_each_ratio_with_its_interval_and_totals_without():
    table = table_of(credited())
    assert table.title == "Credited value against cost"
    cells = {row[0]: row[1:] for row in table.cells()}
    assert cells["Social"][-5:] == [
        *("200.00", "0.50 (0.00 to 1.05)", "1.50 (1.20 to 1.80)"),
        *("20.00 (10.00 or more)", "6.67 (5.00 to 8.00)"),
    ]
    # Social and Posters: 100 / 250 and 250 / 10 by last click, 300 / 250 and 250 / 30 by the chain.
    assert cells["Channels with cost"][-5:] == ["250.00", "0.40", "1.20", "25.00", "8.33"]
    # All channels: 500 / 250 and 250 / 50, by either model.
    assert cells["All channels"][-5:] == ["250.00", "2.00", "2.00", "5.00", "5.00"]
    assert table.bold_rows == (len(cells) - 2, len(cells) - 1)
    assert "a blended ratio, by every model alike" in table.caption
    assert cells["Posters"][-4:] == ["–"] * 4


def test_where_every_channel_costs_one_line_is_of_all():
    every = pd.DataFrame({"channel": ["Social", "Email"], "cost": [200.0, 50.0]})
    table = table_of(credited(costs=every))
    assert [row[0] for row in table.cells()] == ["Email", "Social", "All channels"]
    assert "blended" not in table.caption


def test_without_value_there_is_the_cost_of_a_conversion_alone():
    bare = CREDIT.assign(value=np.nan, value_low=np.nan, value_high=np.nan)
    table = table_of(credited(bare))
    assert table.title == "Cost per credited conversion"
    assert [column.name for column in table.columns] == ["channel", "cost", "cpa_last_click", "cpa_markov"]


def test_without_cost_there_is_credited_value_unless_another_table_shows_it():
    table = table_of(credited(costs=None))
    assert table.title == "Credited value"
    assert table.cells()[-1] == ["All channels", "500.00", "500.00"]


def test_the_proposal_says_how_sure_the_model_is_of_what_a_conversion_costs():
    attribution = credited()
    run = RunResults(title="t", currency="EUR", attribution=replace(attribution, costs=COSTS.iloc[:1]))
    said = " ".join(text for _, text in what_to_do(run)).replace("\u00a0", " ")
    assert "EUR 6.67 by the Markov model (90% interval 5.00 to 8.00)." in said
