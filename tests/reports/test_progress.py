"""The log tells what is under way, as much as was asked for."""

import io
import re
import threading

import pytest

from reports.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_with_the_time_where_there_is_no_terminal():
    stream = io.StringIO()
    progress = Progress(stream=stream)
    with progress.step("Reading the data"):
        progress.note("not said")
    progress.warn("3 rows were put aside")
    progress.warn("3 rows were put aside")
    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d Reading the data", first)
    assert second.endswith("warning: 3 rows were put aside")
    assert progress.warnings == ["3 rows were put aside"]
    assert list(progress.timings) == ["Reading the data"]


def test_a_long_step_is_heard_of_again():
    heard = threading.Event()

    class Ear(io.StringIO):
        def write(self, text: str) -> int:
            if "still at it: fitting" in text:
                heard.set()
            return super().write(text)

    progress = Progress(stream=Ear(), heartbeat=0.001)
    with progress.step("Fitting"):
        assert heard.wait(20)


@pytest.mark.parametrize(("verbosity", "lines"), [(0, ["warning: w"]), (1, ["S", "warning: w"])])
def test_quiet_says_warnings_only(verbosity, lines):
    stream = io.StringIO()
    progress = Progress(verbosity=verbosity, stream=stream)
    with progress.step("S"):
        progress.warn("w")
    assert [line[9:] for line in stream.getvalue().splitlines()] == lines


def test_names_in_brackets_are_shown_as_they_are_on_a_terminal():
    stream = Terminal()
    progress = Progress(stream=stream)
    with progress.step("Fitting"):
        progress.warn("channel [bold]x[/bold] :smile:")
    assert "channel [bold]x[/bold] :smile:" in stream.getvalue()
    assert re.search(r"Fitting \(\d+\.\d s\)", stream.getvalue())


def test_parts_tell_in_one_place_and_their_warnings_are_kept_in_the_order_asked_for():
    stream = io.StringIO()
    progress = Progress(stream=stream)
    progress.warn("of both")
    first, second = progress.part(), progress.part()
    with second.step("Second"), first.step("First"):
        second.warn("of the second")
        second.warn("of both")
        first.warn("of the first")
    for part in (first, second):
        progress.keep(part)
    assert progress.warnings == ["of both", "of the first", "of the second"]
    assert set(progress.timings) == {"First", "Second"}
    assert [line[9:] for line in stream.getvalue().splitlines()[:3]] == ["warning: of both", "Second", "First"]


def test_steps_at_the_same_time_share_the_moving_line():
    stream = Terminal()
    progress = Progress(stream=stream)
    with progress.part().step("Crediting"), progress.part().step("Forecasting"):
        progress.say("a word")
    assert "Crediting, Forecasting ..." in stream.getvalue()
    with progress.step("Writing"):
        pass
    assert re.search(r"Writing \(\d+\.\d s\)", stream.getvalue())
