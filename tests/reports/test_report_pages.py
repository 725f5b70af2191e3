"""The report as content: which parts stand in it, and that all of them can be read by eye and by ear."""

from dataclasses import replace

import pytest

from reports.pages.assembly import build_report
from reports.pages.certainty import certainty
from reports.pages.content import Figure, Heading, KeyFigures, Points, Prose, Table
from reports.pages.journeys import path_in_short
from reports.pages.parameters import readable_note
from tests.reports.report_samples import WORST_CASES, built, shop, worst_cases


@pytest.fixture(scope="module")
def report():
    return built("shop")


def test_all_worst_cases_are_tried():
    assert sorted(worst_cases()) == sorted(WORST_CASES)


def blocks(report, kind):
    return [block for section in report.sections for block in section.blocks if isinstance(block, kind)]


def sentences(report):
    """Every text of a report but its tables."""
    found = [block.text for block in blocks(report, Prose)]
    found += [" ".join(item) for block in blocks(report, Points) for item in block.items]
    found += [f"{f.label} {f.value} {f.note}" for block in blocks(report, KeyFigures) for f in block.figures]
    found += [text for f in blocks(report, Figure) for text in (f.title, f.caption, f.alt, f.source_line)]
    return [*found, *(text for table in blocks(report, Table) for text in (table.title, table.caption))]


def test_the_first_page_answers_four_questions_and_the_rest_follows(report):
    headings = [block.text for block in report.sections[0].blocks if isinstance(block, Heading)]
    assert headings == ["What changed against last click", "What customers are worth", "How sure we are", "What to do"]
    assert [section.title for section in report.sections[1:]] == [
        "Channels: who earned the conversions",
        "Journeys behind the credit",
        "Customers: what they are worth",
        "Has the forecast held?",
        "Data quality",
        "Parameters of the customer models",
        "Method, terms and settings",
    ]


def test_a_fit_that_needed_a_prior_is_not_said_to_have_converged_by_itself():
    run = shop()
    fits = run.clv.convergence.copy()
    fits.loc[0, "message"] = "gradient and curvature checked; log-normal with medians r 0.5"
    table = table_of(build_report(replace(run, clv=replace(run.clv, convergence=fits))), "All ")
    assert table.title == f"All {len(fits)} fits converged, 1 with a weak prior"
    assert list(table.data["state"]) == ["converged with a weak prior", "converged"]
    table = table_of(build_report(replace(run, clv=replace(run.clv, convergence=fits, replaced_fits=2))), "All ")
    assert (
        table.title == f"All {len(fits)} fits in use converged, 1 with a weak prior; 2 others did not and were replaced"
    )
    held = dict(certainty(replace(run, clv=replace(run.clv, replaced_fits=2))))["Forecast."]
    assert held.endswith(" 2 fits did not converge and were replaced: see the parameters.")
    assert "replaced" not in dict(certainty(run))["Forecast."]


def test_notes_of_the_models_are_written_as_a_page_writes():
    said = (
        "Segment 'all': from 2012-08-18 to 2015-03-19 missed by -6.6% (+0.77); Segment 'DE': -0.5, id A-7, 2012-13-99."
    )
    assert readable_note(said) == (
        "All customers: from 18 August 2012 to 19 March 2015 missed by −6.6% (+0.77); “DE”: −0.5, id A-7, 2012-13-99."
    )


def test_channels_only_and_customers_only_leave_the_other_part_out():
    channels = " ".join(sentences(built("channels_only")))
    assert "Gamma-Gamma" not in channels
    assert "ustomers' value" not in channels
    customers = " ".join(sentences(built("clv_only")))
    assert "last click" not in customers
    assert "removal" not in customers


def test_the_first_page_of_customers_without_segments_shows_how_the_forecast_held():
    run = worst_cases()["clv_only"]
    forecast = run.clv.segment_forecast
    alone = replace(run, clv=replace(run.clv, segment_forecast=forecast[forecast["segment"] == "all"]))
    titles = [block.title for block in build_report(alone).sections[0].blocks if isinstance(block, Figure)]
    assert any(title.startswith("Held back, ") and "repeat orders came a week" in title for title in titles)


@pytest.mark.parametrize("name", ["shop", *WORST_CASES])
def test_every_report_can_be_read(name):
    report = built(name)
    for text in sentences(report):
        assert "nan" not in text.split()
        assert "None" not in text.split()
        assert " ." not in text
        assert "  " not in text
    for figure in blocks(report, Figure):
        assert len(figure.alt) > 20
        assert figure.title
    for table in blocks(report, Table):
        assert all(cell not in ("nan", "None", "<NA>", "NaT") for row in table.cells() for cell in row)


def test_calibrated_stands_nowhere_but_in_the_terms_unless_the_table_says_so(report):
    assert not [text for text in sentences(report) if "alibrated" in text]
    run = shop()
    held = run.clv.segment_forecast.assign(calibrated=True)
    said = build_report(replace(run, clv=replace(run.clv, segment_forecast=held)))
    assert [text for text in sentences(said) if "are calibrated" in text]


def table_of(report, start):
    (table,) = [table for table in blocks(report, Table) if table.title.startswith(start)]
    return table


def test_the_comparison_table_adds_up_and_names_the_verdicts(report):
    table = table_of(report, "Conversions credited by last click")
    rows = table.data
    for column in ("last_click", "markov"):
        assert rows[column].iloc[:-1].sum() == pytest.approx(rows[column].iloc[-1])
    assert set(rows["verdict"].iloc[:-1]) == {"under-credited", "over-credited", "no clear difference"}
    assert table.bold_rows == (len(rows) - 1,)


def test_cost_adds_up_and_channels_without_it_show_dashes(report):
    table = table_of(report, "Credited value against cost")
    costs = shop().attribution.costs.set_index("channel")["cost"]
    rows = table.data.set_index("channel")
    assert rows.loc["All channels", "cost"] == pytest.approx(costs.sum())
    unpaid = next(channel for channel in rows.index[:-1] if channel not in costs.index)
    assert dict(zip(rows.index, table.cells(), strict=True))[unpaid][3:] == ["–"] * 5


def test_without_spend_there_are_no_columns_of_cost():
    table = table_of(built("two_channels"), "Credited value")
    assert [column.name for column in table.columns] == ["channel", "value_last_click", "value_markov"]


def test_a_channel_with_spend_and_no_touch_keeps_its_cost():
    run = shop()
    costs = run.attribution.costs.copy()
    costs.loc[len(costs)] = ["Television", 5000.0]
    report = build_report(replace(run, attribution=replace(run.attribution, costs=costs)))
    rows = table_of(report, "Credited value against cost").data.set_index("channel")
    assert rows.loc["Television", "cost"] == 5000
    assert rows.loc["All channels", "cost"] == pytest.approx(costs["cost"].sum())


def test_values_of_many_digits_are_written_in_thousands():
    table = table_of(built("many_segments"), "Value over the next 12 months")
    assert "EUR thousand" in next(column.header for column in table.columns if column.name == "clv")
    total = worst_cases()["many_segments"].clv.segment_forecast.set_index("segment").loc["all", "clv"]
    assert table.data["clv"].iloc[-1] == pytest.approx(total / 1000)
    assert table.data["each"].iloc[-1] == pytest.approx(total / table.data["customers"].iloc[-1])


def test_names_too_long_for_tables_stand_once_in_full():
    report = built("hostile")
    table = table_of(report, "Long names in full")
    assert "a" * 300 in table.data["full"].tolist()
    assert max(len(row[0]) for row in table_of(report, "Conversions credited by last click").cells()) <= 60


def test_rows_not_kept_are_counted_by_reason(report):
    table = table_of(report, "Rows left out, merged or netted, by reason")
    cells = table.cells()
    assert ["Touchpoints", "Duplicate", "128", "1.2%", "–"] in cells
    assert ["Orders", "Refund netted", "71", "1.6%", "−8,002"] in cells


def test_a_fit_that_did_not_converge_is_said():
    run = shop()
    fits = run.clv.convergence.copy()
    fits.loc[0, ["converged", "message"]] = [False, "the curvature is not positive"]
    report = build_report(replace(run, clv=replace(run.clv, convergence=fits)))
    table = table_of(report, "1 of 12 fits did not converge")
    assert "the curvature is not positive" in table.cells()[0]


def test_a_part_that_failed_is_said_on_the_first_page_with_its_reason():
    why = "customer value: 0 of 21 customers ordered again on a later day; a forecast needs 10 at least."
    report = build_report(replace(worst_cases()["channels_only"], warnings=(why,)))
    (callout,) = [block for block in report.sections[0].blocks if isinstance(block, Prose) and block.tone == "callout"]
    assert callout.text.startswith("0 of 21 customers ordered again")
    assert "What customers are worth" in [b.text for b in report.sections[0].blocks if isinstance(b, Heading)]


def test_shares_and_rates_of_the_journey_pages_have_their_intervals():
    alone, sudden = [f for f in blocks(built("shop"), Figure) if "conversions " in f.title and "touch" in f.title]
    for figure, column, value in ((alone, "touches", 1), (sudden, "days", 0)):
        row = figure.data.set_index(figure.data[column]).loc[value]
        ends = [f"{100 * row[f'conversions_share_{end}']:.1f}%" for end in ("low", "high")]
        assert figure.caption == f"90% interval of that share: {ends[0]} to {ends[1]}."
    (paths,) = [
        t
        for t in blocks(built("shop"), Table)
        if t.columns[0].header == "Path" and "Touches" in [c.header for c in t.columns]
    ]
    assert paths.columns[-1].header == "90% interval\nof the rate"
    row = paths.data.iloc[0]
    assert paths.cells()[0][-1] == f"{100 * row.conversion_rate_low:.1f}% to {100 * row.conversion_rate_high:.1f}%"


def test_a_path_tells_what_repeats_once_and_counts_a_middle_that_is_too_long():
    assert path_in_short(["a"] * 14) == "a (14 times)"
    assert path_in_short(["a", "a", "b", "b", "b", "a"]) == "a › a › b (3 times) › a"
    assert path_in_short(list("abcdefghijklm")) == "a › b › c › d › e › f › g › … 4 more … › l › m"


def test_one_histogram_alone_takes_the_whole_width():
    (figure,) = [f for f in blocks(built("paths_file"), Figure) if "single touch" in f.title]
    assert figure.width == "full"
    assert {f.width for f in blocks(built("shop"), Figure) if "conversions " in f.title and "touch" in f.title} == {
        "half"
    }
