"""The charts of a report, drawn by two processes: this one from the first on, a second one from the last.

Drawing is Python from end to end, so that a second thread would only wait for the first. The second process is started
while this one writes tables and text; whoever is free draws the next chart, and the same numbers give the same bytes in
either. Where there is one core, or no second process to be had, or it fails, this one draws them all.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING, Any

from reports.pages.content import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from reports.pages.content import Report, Section

    Drawing = Callable[[], str]

_START = "import sys; sys.path[:] = sys.argv[1:]; from reports.publishing.drawings import serve; serve()"
_FEWEST_CORES = 2
_LONGEST_WAIT = 60.0  # seconds for the last chart, far more than any takes
_NOT_SHARED = ("backend", "backend_fallback", "interactive", "toolbar")


def drawn(report: Report, second: SecondHand) -> Report:
    """The report with all its charts drawn."""
    figures = [block for section in report.sections for block in section.blocks if isinstance(block, Figure)]
    open_ones = [(figure, figure.drawing) for figure in figures if not isinstance(figure.drawing, str)]
    done = second.draw([drawing for _, drawing in open_ones])
    made = {id(figure): replace(figure, drawing=svg) for (figure, _), svg in zip(open_ones, done, strict=True)}

    def with_drawings(section: Section) -> Section:
        return replace(section, blocks=tuple(made.get(id(block), block) for block in section.blocks))

    return replace(report, sections=tuple(map(with_drawings, report.sections)))


class SecondHand:
    """A second process that helps to draw; it ends with the block that it was made for, or with this process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> SecondHand:
        if len(_cores()) >= _FEWEST_CORES and sys.executable:
            command = [sys.executable, "-P", "-c", _START, *sys.path]
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            try:
                self._process = subprocess.Popen(command, **pipes, start_new_session=True)
            except OSError:
                self._process = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def draw(self, drawings: Sequence[Drawing]) -> list[str]:
        """Draw them all, in their order."""
        waiting, done = deque(enumerate(drawings)), dict[int, str]()
        beside = Thread(target=self._draw_from_the_last, args=(waiting, done), daemon=True)
        if self._process is not None:
            beside.start()
        while waiting:
            try:
                place, drawing = waiting.popleft()
            except IndexError:  # the second process has just taken the last one
                break
            done[place] = drawing()
        if self._process is not None and len(done) < len(drawings):
            beside.join(_LONGEST_WAIT)
        return [done[place] if place in done else drawing() for place, drawing in enumerate(drawings)]

    def _draw_from_the_last(self, waiting: deque[tuple[int, Drawing]], done: dict[int, str]) -> None:
        """Let the second process draw one chart after the other; whatever it fails at is left to this one."""
        try:
            self._answer()  # that it has started
            self._send(_settings())
            while waiting:
                place, drawing = waiting.pop()
                self._send(drawing)
                if isinstance(svg := self._answer(), str):
                    done[place] = svg
        except (OSError, EOFError, IndexError, ValueError, pickle.PickleError, AttributeError):
            return

    def _send(self, what: object) -> None:
        pipe = None if self._process is None else self._process.stdin
        if pipe is not None:
            pickle.dump(what, pipe)
            pipe.flush()

    def _answer(self) -> object:
        pipe = None if self._process is None else self._process.stdout
        if pipe is None:
            raise EOFError
        return pickle.load(pipe)


def _cores() -> set[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _settings() -> dict[str, object]:
    """How matplotlib is set up here, so that it draws the same there."""
    import matplotlib

    return {name: value for name, value in matplotlib.rcParams.items() if name not in _NOT_SHARED}


def serve() -> None:
    """Be the second process: draw what comes in, until nothing does any more."""
    import matplotlib
    import matplotlib.backends.backend_svg
    import matplotlib.figure
    import pandas as pd

    out, into = sys.stdout.buffer, sys.stdin.buffer

    def answer(what: object) -> None:
        pickle.dump(what, out)
        out.flush()

    answer(f"ready, with pandas {pd.__version__}")
    matplotlib.rcParams.update(pickle.load(into))
    while True:
        try:
            drawing = pickle.load(into)
        except EOFError:
            return
        try:
            answer(drawing())
        except Exception as error:
            answer(error.__class__)
