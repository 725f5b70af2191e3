"""A run's results put together as a report: the first page, channels, journeys, customers, data, method."""

from __future__ import annotations

from reports.pages.channel_customers import channel_customer_sections
from reports.pages.channel_depth import depth_sections
from reports.pages.channels import channel_sections
from reports.pages.content import Report
from reports.pages.customer_depth import value_depth_sections
from reports.pages.customers import clv_sections
from reports.pages.data_quality import quality_section
from reports.pages.front import front_page
from reports.pages.method import method_section
from reports.pages.parameters import parameter_sections
from reports.pages.switched_off import switched_off_sections
from reports.results.run_results import RunResults
from reports.wording.number_format import day, day_range


def build_report(results: RunResults) -> Report:
    """Write the report of a run as content that every renderer can set; the same results give the same report.

    Parts that the run does not have are left out; parts that are there but hold nothing (no conversions, no customers)
    are said in words.
    """
    quality = quality_section(results)
    sections = (
        front_page(results),
        *channel_sections(results),
        *depth_sections(results),
        *switched_off_sections(results),
        *channel_customer_sections(results),
        *clv_sections(results),
        *value_depth_sections(results),
        *((quality,) if quality is not None else ()),
        *parameter_sections(results),
        method_section(results),
    )
    as_of = f"As of {day(results.as_of)}" if results.as_of else ""
    period = day_range(results.first_day, results.last_day) if results.last_day else ""
    facts = (
        f"Data from {period}" if period else "",
        f"{'amounts' if as_of or period else 'Amounts'} in {results.currency}" if results.currency else "",
    )
    subtitle = " · ".join(part for part in (as_of, *facts) if part)
    return Report(title=results.title, subtitle=subtitle, as_of=as_of, sections=sections)
