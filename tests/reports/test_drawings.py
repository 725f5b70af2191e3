"""Charts drawn by two processes are those drawn by one."""

import subprocess
from collections import deque
from functools import partial

import pandas as pd
import pytest

from reports.figures import customers as figure_clv
from reports.pages.content import Figure, Prose, Report, Section
from reports.publishing import drawings
from reports.publishing.drawings import SecondHand, drawn
from tests.reports.report_samples import clv_results

DECILES = pd.DataFrame({"decile": [1, 2, 3], "clv": [50.0, 30.0, 20.0]})


@pytest.fixture
def two_hands(monkeypatch):
    """A second process wherever the tests run."""
    monkeypatch.setattr(drawings, "_FEWEST_CORES", 1)


def test_a_second_process_draws_the_same_bytes_and_ends_with_its_block(two_hands):
    charts = [partial(figure_clv.draw_deciles, DECILES), partial(figure_clv.draw_months, clv_results().monthly)]
    done = {}
    with SecondHand() as second:
        second._draw_from_the_last(deque(enumerate(charts)), done)
        both = second.draw(charts)
    assert [done[0], done[1]] == both == [chart() for chart in charts]
    assert second._process.returncode is not None


def test_what_the_second_process_fails_at_fails_here_with_its_own_error(two_hands):
    wrong = partial(figure_clv.draw_deciles, DECILES.drop(columns="clv"))
    done = {}
    with SecondHand() as second:
        second._draw_from_the_last(deque([(0, wrong)]), done)
        assert done == {}
        with pytest.raises(KeyError, match="clv"):
            second.draw([wrong])


def test_without_a_second_process_all_is_drawn_here(two_hands, monkeypatch):
    def refused(*_arguments, **_options):
        raise OSError

    monkeypatch.setattr(subprocess, "Popen", refused)
    figure = Figure("Title", partial(figure_clv.draw_deciles, DECILES), "bars")
    finished = Figure("Title", "<svg/>", "nothing")
    report = Report("Report", "", "", (Section("One", (Prose("Text."), figure, finished)),))
    with SecondHand() as second:
        (section,) = drawn(report, second).sections
    assert [type(block) for block in section.blocks] == [Prose, Figure, Figure]
    assert section.blocks[1].drawing == figure.svg
    assert section.blocks[2] is finished
