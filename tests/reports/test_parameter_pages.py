"""The parameters of the customer models on the page: what was compared, chosen and fitted."""

from dataclasses import replace

import pandas as pd

from reports.pages.content import Figure, Table
from reports.pages.parameters import parameter_sections
from reports.pages.segment_ways import moved_title, order_rates, pooled_title, ways_of_fitting
from reports.results.run_results import RunResults, ValueDepth
from tests.reports.report_samples import clv_results, compared_models


def table(run, title):
    (section,) = parameter_sections(run)
    (found,) = [block for block in section.blocks if isinstance(block, Table) and title in block.title]
    return found


def test_models_compared_stand_beside_each_other_with_their_criteria():
    clv = replace(clv_results(), model_comparison=compared_models())
    found = table(RunResults(title="Shop", clv=clv), "foretold")
    assert found.title == "MBG/NBD foretold the orders held back best; Pareto/NBD did not clearly worse"
    assert found.cells() == [
        ["MBG/NBD", "days", "−216.5", "8.9", "–", "–", "−4,994.9", "9,997.9", "10,019.1"],
        ["Pareto/NBD", "continuous", "−216.9", "9.1", "0.4", "1.2", "−4,995.1", "9,998.2", "10,019.5"],
        ["BG/NBD", "days", *["–"] * 7],
    ]
    assert found.bold_rows == (0,)
    assert found.caption.endswith("A difference below two standard errors may be chance. BG/NBD did not converge.")
    clear = compared_models().assign(behind_best=[0.0, 5.0, float("nan")])
    found = table(RunResults(title="Shop", clv=replace(clv_results(), model_comparison=clear)), "foretold")
    assert found.title == "MBG/NBD foretold the orders held back best"


def test_without_a_comparison_there_is_no_table_of_models():
    (section,) = parameter_sections(RunResults(title="Shop", clv=clv_results()))
    assert not [block for block in section.blocks if isinstance(block, Table) and "foretold" in block.title]


def compared() -> ValueDepth:
    """A large segment, which its own customers tell, and a small one, which leans on the other."""
    names = [("large", 0.5, 0.5, 0.6), ("small", 1.0, 0.7, 0.6)]
    errors = {f"{way}_std_error": 0.1 for way in ("separate", "partial", "pooled")}
    rows = [
        {"model": "BG/NBD", "segment": name, "parameter": parameter, **errors}
        | {"separate": size * alone, "partial": size * shared, "pooled": size * pooled}
        for name, alone, shared, pooled in names
        for parameter, size in (("r", 1.0), ("a", 2.0))
    ]
    rows += [{**row, "parameter": "alpha", "separate": 10.0, "partial": 10.0, "pooled": 10.0} for row in rows[::2]]
    worth = pd.DataFrame(
        [
            ("large", 100, 5_000.0, 5_010.0, 5_500.0),
            ("small", 10, 900.0, 700.0, 560.0),
            ("all", 110, 5_900.0, 5_710.0, 6_060.0),
        ],
        columns=["segment", "customers", "separate", "partial", "pooled"],
    )
    return ValueDepth(parameters_compared=pd.DataFrame(rows), forecasts_compared=worth)


def test_what_sharing_strength_does_is_drawn_and_tabled():
    clv = replace(clv_results(), depth=compared(), segment_parameters="partial")
    run = RunResults(title="Shop", currency="EUR", clv=clv)
    rates, worth, table = ways_of_fitting(clv, run)
    assert isinstance(rates, Figure)
    # r / alpha is 1 / 10 and 0.7 / 10 orders a week of 365 / 7 weeks a year.
    assert rates.title == "Sharing strength moves small most: from 5.2 to 3.6 orders a year"
    assert worth.title == "One fit for all would value small 20% less than EUR\u00a070.00"
    assert table.cells() == [
        ["large", "100", "5,000", "5,010", "5,500"],
        ["small", "10", "900", "700", "560"],
        ["All customers", "110", "5,900", "5,710", "6,060"],
    ]
    assert 'This report takes: sharing strength (clv.parameters = "partial").' in table.caption
    assert ways_of_fitting(replace(clv, depth=ValueDepth()), run) == []


def test_titles_do_not_make_much_of_little():
    rates = order_rates(compared().parameters_compared).reset_index()
    same = rates.assign(partial=rates["separate"] * 1.004)
    assert moved_title(same) == "Segments speak for themselves: sharing strength moves none by 1%"
    assert moved_title(rates.assign(separate=float("nan"))) == "No segment can be fitted alone"
    worth = compared().forecasts_compared
    run = RunResults(title="Shop")
    assert pooled_title(worth.assign(pooled=worth["partial"]), run).endswith("alike within 1%")
    assert pooled_title(worth.assign(partial=0.0), run) == "Value per customer under each way to fit"
