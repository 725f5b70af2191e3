"""The PDF: accessible, the same bytes twice, and no name in it can do anything but be read."""

import functools
import re
from dataclasses import replace
from pathlib import Path

import matplotlib
import pandas as pd
import pytest

from customer_data.errors import ConfigurationError
from reports.pages.assembly import build_report
from reports.pages.content import Column, Figure, Heading, KeyFigure, KeyFigures, Points, Prose, Report, Section, Table
from reports.publishing.pdf import render_pdf, typeset
from tests.reports.report_samples import WORST_CASES, built, worst_cases

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20"><text y="9">{}</text></svg>'


def pages(pdf):
    return int(re.search(rb"/Type */Pages[^>]*?/Count (\d+)|/Count (\d+)[^>]*?/Type */Pages", pdf).group(1) or 0)


@functools.cache
def set_once(name):
    """The report of the shop or of a worst case, set once."""
    return typeset(built(name))


def one_page(*blocks, title="Title"):
    return Report(title, "subtitle", "As of 1 May 2020", (Section("Summary", (Heading("Part"), *blocks)),))


def taken(*blocks):
    """The pages of a report with these blocks behind its first page, that one included."""
    summary = Section("Summary", (Prose("text"),))
    return pages(render_pdf(Report("Title", "", "", (summary, Section("Part", blocks)))))


@pytest.mark.parametrize("points", [10, 13, 15, 17])
def test_the_first_page_holds_its_answer_alone_with_many_sections_behind_it(points):
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="480" height="120"><rect width="480" height="120"/></svg>'
    said = Points((("Lead.", "word " * 50),) * points)
    sections = [Section(f"A section of a long title, number {number}", (Prose("text"),)) for number in range(12)]
    summary = Section("Summary", (Figure("Title", drawing, "a bar", caption="caption"), said))
    assert pages(render_pdf(Report("Title", "", "", (summary, *sections)))) == 2


def named(name):
    """A report that has the name in every place where a name can stand."""
    table = Table(
        name, pd.DataFrame({"channel": [name], "x": [1.0]}), (Column("channel", name, width=1), Column("x", "X"))
    )
    escaped = name.replace("&", "&amp;").replace("<", "&lt;")
    figure = Figure(name, SVG.format(escaped), name, n=name, caption=name)
    text = (Prose(name, lead=name), Prose(name, tone="callout"), Points(((name, name),)))
    return one_page(*text, KeyFigures((KeyFigure(name, name, name),)), table, figure, title=name)


@pytest.mark.parametrize(
    "name",
    [
        '#read("/etc/passwd")',
        "#{while true {}}",
        r"$\bad$ _a_ *b* `c` <ref> @ref // no /* comment",
        "]} #panic()",
        "=cmd|' /C calc'!A0",
        "\\u{1f600} \\",
    ],
)
def test_markup_in_a_name_is_text(name):
    result = typeset(named(name))
    assert result.warnings == ()
    assert pages(result.pdf) == 1


def test_the_pdf_is_tagged_as_accessible_carries_its_title_and_no_clock():
    pdf = set_once("shop").pdf
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    assert b"Channels and customers, 2011" in pdf
    assert b"CreationDate" not in pdf
    assert b"/Lang(en-GB)" in pdf.replace(b" ", b"")


def test_the_same_results_give_the_same_bytes():
    assert render_pdf(build_report(worst_cases()["two_channels"])) == set_once("two_channels").pdf


@pytest.mark.parametrize(
    "name", sorted(set(WORST_CASES) - {"no_fit", "no_intervals", "nothing_clear", "channels_only"})
)
def test_every_worst_case_compiles_as_accessible_and_its_first_page_is_one_page(name):
    report = built(name)
    result = set_once(name)
    assert b"<pdfuaid:part>1</pdfuaid:part>" in result.pdf
    assert [warning for warning in result.warnings if "had no glyph" not in warning] == []
    front = replace(report, sections=report.sections[:1])
    assert pages(render_pdf(front)) == 1


def test_characters_without_a_glyph_are_replaced_in_text_and_charts_and_warned_of():
    (warning,) = typeset(named("日本")).warnings
    assert warning.startswith("2 characters had no glyph in the fonts of the PDF and are shown as \ufffd (U+65E5 CJK")
    assert "report.fonts" in warning
    assert typeset(named("日")).warnings[0].startswith("1 character had no glyph in the fonts of the PDF and is shown")


def test_a_font_that_has_the_character_makes_the_warning_go_away():
    private = "\ue153"  # in STIX's private area and in no face of ours
    assert len(typeset(named(private)).warnings) == 1
    assert typeset(named(private), fonts=[FONTS / "STIXNonUni.ttf"]).warnings == ()


def test_fonts_that_cannot_be_used_are_refused_with_their_path(tmp_path):
    report = one_page(Prose("text"))
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    for font, words in (
        (broken, "cannot be read as a font"),
        (tmp_path / "none.ttf", "is no font file"),
        (tmp_path / "e", ""),
    ):
        (tmp_path / "e").mkdir(exist_ok=True)
        with pytest.raises(ConfigurationError, match=re.escape(font.name)) as error:
            render_pdf(report, fonts=[font])
        assert words in str(error.value)


def test_controls_and_direction_marks_never_reach_the_page():
    assert typeset(named("a\x00b\x07 \u202egnp.exe \u2028 \ufeff")).warnings == ()


def test_a_table_that_does_not_fit_starts_where_it_stands_and_keeps_its_last_rows_together():
    # 30 rows leave room for some of 40 on the first page, so that 70 in two tables take no more pages than in one.
    assert pages(render_pdf(one_page(rows_of(30), rows_of(40)))) == pages(render_pdf(one_page(rows_of(70)))) == 2


def test_a_sentence_stands_on_the_page_of_the_table_that_it_speaks_of():
    table = rows_of
    # So many rows that no room is left for a table of eight, but for a sentence, which goes on with the table.
    sentence, small = Prose("word " * 60), table(8)
    rows = next(rows for rows in range(30, 60) if taken(table(rows), sentence, small) == 3)
    assert taken(table(rows), sentence) == 2
    # What fills a page behind the small table alone, under a heading, is too much behind sentence and small table.
    rest = next(rest for rest in range(50, 20, -1) if taken(small, table(rest)) == 2)
    assert taken(table(rows), sentence, small, table(rest)) == 4


def rows_of(number, *, caption=""):
    data = pd.DataFrame({"channel": [f"channel {i}" for i in range(number)], "x": 1.0})
    return Table("t", data, (Column("channel", "Channel", width=1), Column("x", "X")), caption=caption)


def drawing_of(height):
    return Figure("f", SVG.replace('height="20"', f'height="{height}"').format("f"), "f")


def test_a_table_that_fits_a_third_of_a_page_does_not_break():
    # A drawing that finds room under ten rows of a table on a new page does not under the whole of fifteen.
    full, drawn = rows_of(58), drawing_of(102)
    assert taken(full, rows_of(10), drawn) == 3
    assert taken(full, rows_of(15), drawn) == 4
    # A page with so many rows has room for ten more and leaves it.
    assert taken(rows_of(42), rows_of(10)) == 2
    assert taken(rows_of(42), rows_of(15), drawn) == 4


@pytest.mark.parametrize("models", [6, 9, 15, 40])
def test_a_table_wider_than_the_page_is_set_in_parts_and_no_channel_is_squeezed(models):
    names = [f"A long channel name of campaign {number} / sub-source {number}" for number in range(12)]
    columns = [Column(f"m{place}", f"Model {place}", "credit") for place in range(models)]
    data = pd.DataFrame({"channel": names, **{column.name: 1234.5 for column in columns}})
    wide = Table("Wide", data, (Column("channel", "Channel", width=1), *columns), bold_rows=(11,))
    # Squeezed, each name would stand a word a line, twelve of them on more than one page with 15 models.
    assert taken(wide) <= (2 if models <= 15 else 4)
    assert typeset(one_page(wide)).warnings == ()


def test_the_caption_of_a_table_stands_under_its_last_rows():
    def table(rows):
        return rows_of(rows, caption="What the columns hold.")

    full = max(rows for rows in range(56, 61) if taken(table(rows)) == 2)
    tallest = max(height for height in range(118, 131, 2) if taken(table(full), table(1), drawing_of(height)) == 3)
    # What does not fit any more takes rows along, so that there is less room than under a table of one.
    assert full < 60
    assert taken(table(full + 1), drawing_of(tallest)) == 4


def test_a_table_longer_than_a_page_breaks_and_one_of_a_page_does_not_overflow():
    long = pd.DataFrame({"channel": [f"channel {i}" for i in range(200)], "x": 1.0})
    columns = (Column("channel", "Channel", width=1), Column("x", "X"))
    assert pages(render_pdf(one_page(Table("t", long, columns)))) >= 4
    tall = pd.DataFrame({"channel": ["word " * 400] * 12, "x": 1.0})
    assert pages(render_pdf(one_page(Table("t", tall, columns)))) >= 3
    # Three rows of most of a page each take a page each: none runs off the page for the others' sake.
    taller = pd.DataFrame({"channel": ["word " * 1000] * 4, "x": 1.0})
    assert pages(render_pdf(one_page(Table("t", taller, columns)))) >= 4
