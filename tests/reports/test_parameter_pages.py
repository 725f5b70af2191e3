"""The parameters of the customer models on the page: what was compared, chosen and fitted."""

from dataclasses import replace

from reports.pages.content import Table
from reports.pages.parameters import parameter_sections
from reports.results.run_results import RunResults
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
    assert "BG/NBD did not converge." in found.caption
    clear = compared_models().assign(behind_best=[0.0, 5.0, float("nan")])
    found = table(RunResults(title="Shop", clv=replace(clv_results(), model_comparison=clear)), "foretold")
    assert found.title == "MBG/NBD foretold the orders held back best"


def test_without_a_comparison_there_is_no_table_of_models():
    (section,) = parameter_sections(RunResults(title="Shop", clv=clv_results()))
    assert not [block for block in section.blocks if isinstance(block, Table) and "foretold" in block.title]
