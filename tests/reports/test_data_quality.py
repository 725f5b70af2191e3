"""What became of the data: every touch and order that was kept is in the numbers or in a reason why not."""

from dataclasses import replace
from pathlib import Path

import pytest

from customer_data import orders
from customer_data.survey import DUPLICATE
from reports.configuration.reading import read_configuration
from reports.pages.certainty import certainty
from reports.pages.content import Prose, Table
from reports.pages.data_quality import IDLE, JOINED, REPEATS, quality_section, refunded_in_full
from reports.pipeline import credit_channels, read_data, starting_results
from reports.progress import Progress
from reports.results.run_results import RunResults

# Until the 5th: 1 touches a (40 days before) and b and buys; 2 touches a, buys, touches c; 3 only touches. After: d.
TOUCHES = """customer_id,time,channel
1,2024-11-25,a
1,2025-01-05 09:00,b
1,2025-01-09,d
2,2025-01-03 09:00,a
2,2025-01-04 12:00,c
3,2025-01-02,b
3,2025-01-07,d
"""
ORDERS = "customer_id,time,value\n1,2025-01-05 10:00,10\n2,2025-01-03 12:00,20\n3,2025-01-15,30\n"


def run_until(folder: Path, as_of: str) -> RunResults:
    (folder / "t.csv").write_text(TOUCHES)
    (folder / "o.csv").write_text(ORDERS)
    (folder / "p.toml").write_text(
        f"[report]\nas_of = {as_of}\n[touchpoints]\nfile = 't.csv'\n[orders]\nfile = 'o.csv'\n"
        "[attribution]\ndepth = 'brief'\n"
    )
    configuration = read_configuration(folder / "p.toml", environment={})
    progress = Progress(verbosity=0)
    with configuration.engine().connect() as connection:
        read = read_data(connection, configuration, starting_results(configuration), progress)
        return credit_channels(connection, configuration, read, progress)


@pytest.fixture
def run(tmp_path: Path) -> RunResults:
    return run_until(tmp_path, "2025-01-05")


def test_every_touch_kept_is_in_a_journey_or_has_a_reason_of_its_own(run):
    counts = run.attribution.journeys
    kept = run.quality.row_counts.set_index(["source", "reason"])["rows"]["touchpoints", "kept"]
    assert counts["all_touches"] == kept == 7
    reasons = {name: count for name, count in counts.items() if name.startswith("touches")}
    assert reasons == {
        "touches": 3,
        "touches_outside_lookback": 1,
        "touches_after_last_conversion": 1,
        "touches_after_end": 2,
    }
    (table,) = [
        block for block in quality_section(run).blocks if isinstance(block, Table) and "journeys" in block.title
    ]
    assert [cells[1] for cells in table.cells()[1:6]] == ["7", "3", "1", "1", "2"]
    assert ["Conversions after the as-of day", "1", "left out"] in table.cells()


def test_what_lies_after_the_as_of_day_is_said_on_the_first_page_and_with_the_data(run):
    said = "In no number here, because after the as-of day (5 January 2025): 2 of 7 touches and 1 of 3 orders."
    assert said in dict(certainty(run))["Data."]
    assert said in next(block for block in quality_section(run).blocks if isinstance(block, Prose)).text


def test_nothing_is_said_where_no_row_is_later(tmp_path, run):
    whole = run_until(tmp_path, "2025-01-15")
    assert whole.quality.after_as_of == {}
    assert "as-of day" not in dict(certainty(whole))["Data."]
    assert "touches_after_end" in whole.attribution.journeys
    (table,) = [
        block for block in quality_section(whole).blocks if isinstance(block, Table) and "journeys" in block.title
    ]
    assert not [cells for cells in table.cells() if "as-of" in cells[0]]


def test_visits_are_called_visits(run):
    visits = replace(run.attribution, made_of="visits with pauses of up to 30 minutes")
    (table,) = [
        block
        for block in quality_section(replace(run, attribution=visits)).blocks
        if isinstance(block, Table) and "journeys" in block.title
    ]
    assert table.cells()[1][0] == "Visits kept from the data"


def test_a_file_read_for_two_tables_is_not_counted_twice_and_lines_of_one_order_are_used(tmp_path):
    lines = ["1,7,2025-01-02,10,DE", "1,7,2025-01-02,5,DE", "2,7,2025-01-03,4,DE", "3,,2025-01-03,4,DE"]
    (tmp_path / "o.csv").write_text("\n".join(["order_id,customer_id,time,value,country", *lines, ""]))
    (tmp_path / "p.toml").write_text(
        "[report]\nparts = ['value']\n[orders]\nfile = 'o.csv'\n[customers]\nfile = 'o.csv'\n"
        "[customers.columns]\ncustomer_id = 'customer_id'\ncountry = 'country'\n[checks]\nmax_quarantined_share = 0.5\n"
    )
    configuration = read_configuration(tmp_path / "p.toml", environment={})
    with configuration.engine().connect() as connection:
        read = read_data(connection, configuration, starting_results(configuration), Progress(verbosity=0))
    section = quality_section(read)
    assert next(block for block in section.blocks if isinstance(block, Prose)).text.startswith(
        "Of 4 rows read as orders, 1 (25.0%) could not be used; 1 repeated or completed others (lines of one order, "
        "refunds). Of 4 rows read as customers, 1 (25.0%) could not be used; 2 repeat a customer."
    )
    table = next(block for block in section.blocks if isinstance(block, Table) and "became of them" in block.title)
    assert [cells[2:] for cells in table.cells()] == [["4", "2", "1", "1", "75.0%"], ["4", "1", "2", "1", "75.0%"]]


def test_reasons_of_merging_and_netting_are_called_as_the_loading_calls_them():
    joined = {orders.MERGED, orders.REFUNDED, orders.FROM_ITS_ORDER, orders.FROM_EARLIER, *REPEATS}
    assert joined == JOINED
    assert {orders.IN_PART, orders.WITHOUT_ORDER, orders.LATE_REFUND, orders.LATE_LINE, DUPLICATE} == IDLE


def test_customers_of_whom_refunds_leave_no_order_are_told_of(tmp_path):
    rows = ["1,2025-01-02,10", "1,2025-01-03,-10", "2,2025-01-02,20", "3,2025-01-02,5.5", "3,2025-01-04,-5.5"]
    (tmp_path / "o.csv").write_text("\n".join(["customer_id,time,value", *rows, ""]))
    (tmp_path / "p.toml").write_text("[report]\ncurrency = 'EUR'\n[orders]\nfile = 'o.csv'\n")
    configuration = read_configuration(tmp_path / "p.toml", environment={})
    with configuration.engine().connect() as connection:
        read = read_data(connection, configuration, starting_results(configuration), Progress(verbosity=0))
    said = next(block for block in quality_section(read).blocks if isinstance(block, Prose)).text
    assert "All 2 orders of 2 customers (EUR\u00a015.50) were refunded in full: these are in no forecast" in said
    one = replace(read.quality, refunded_customers=1, refunded_orders=1, refunded_value=10.0)
    said = "The one order of 1 customer (10.00) was refunded in full: this is in no forecast"
    assert refunded_in_full(one, None).startswith(said)
    assert refunded_in_full(replace(one, refunded_customers=0), None) == ""
