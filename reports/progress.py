"""Telling on stderr what a run is doing: a moving line on a terminal, else plain lines with the time."""

from __future__ import annotations

import copy
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

HEARTBEAT_SECONDS = 30.0


class Progress:
    """The log of one run.

    Parameters
    ----------
    verbosity
        0 says warnings only, 1 also the steps, 2 also notes.
    stream
        Where to write; stderr by default.
    heartbeat
        Seconds after which a plain log says again that a step is still under way.

    Attributes
    ----------
    timings
        Step to its seconds; those of steps that ran at the same time each have all of it.
    warnings
        What was warned of, each sentence once.
    """

    def __init__(
        self, *, verbosity: int = 1, stream: TextIO | None = None, heartbeat: float = HEARTBEAT_SECONDS
    ) -> None:
        self.verbosity = verbosity
        self.timings: dict[str, float] = {}
        self.warnings: list[str] = []
        self._stream = sys.stderr if stream is None else stream
        self._heartbeat = heartbeat
        self._lock = threading.RLock()
        self._console = self._terminal() if verbosity else None
        self._under_way: list[str] = []
        self._line: list[Status] = []

    def _terminal(self) -> Console | None:
        if not self._stream.isatty():
            return None
        from rich.console import Console

        return Console(file=self._stream, markup=False, highlight=False, emoji=False)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Tell that a step begins, that it is still under way, and keep how long it took."""
        began = time.perf_counter()
        try:
            if self._console is not None:
                with self._on_the_line(name):
                    yield
            else:
                self._say(name, 1)
                with self._beating(name, began):
                    yield
        finally:
            seconds = time.perf_counter() - began
            with self._lock:
                self.timings[name] = round(self.timings.get(name, 0.0) + seconds, 3)
        if self._console is not None:
            self._say(f"{name} ({seconds:.1f} s)", 1)

    def part(self) -> Progress:
        """Return the log of a part that runs beside others: it tells in the same place, and keeps its own warnings."""
        part = copy.copy(self)
        part.warnings = []
        return part

    def keep(self, part: Progress) -> None:
        """Keep what a part has warned of."""
        self.warnings += [text for text in part.warnings if text not in self.warnings]

    def note(self, text: str) -> None:
        """Say something that only who asked for more wants to know."""
        self._say(f"  {text}", 2)

    def say(self, text: str) -> None:
        """Say something that everybody wants to know."""
        self._say(text, 1)

    def warn(self, text: str) -> None:
        """Say and keep a warning."""
        if text not in self.warnings:
            self.warnings.append(text)
            self._say(f"warning: {text}", 0)

    def _say(self, text: str, from_verbosity: int) -> None:
        if self.verbosity < from_verbosity:
            return
        with self._lock, suppress(OSError):  # a log that cannot be written must not cost the run
            if self._console is not None:
                self._console.print(text, soft_wrap=True)
            else:
                print(f"{time.strftime('%H:%M:%S')} {text}", file=self._stream, flush=True)

    @contextmanager
    def _on_the_line(self, name: str) -> Iterator[None]:
        """Show the step on the moving line, beside those that run at the same time."""
        with self._lock:
            self._under_way.append(name)
            self._show()
        try:
            yield
        finally:
            with self._lock:
                self._under_way.remove(name)
                self._show()

    def _show(self) -> None:
        if not self._under_way:
            self._line.pop().stop()
            return
        text = f"{', '.join(self._under_way)} ..."
        if self._line:
            self._line[0].update(text)
        elif self._console is not None:
            self._line.append(self._console.status(text))
            self._line[0].start()

    @contextmanager
    def _beating(self, name: str, began: float) -> Iterator[None]:
        done = threading.Event()

        def beat() -> None:
            while not done.wait(self._heartbeat):
                self._say(f"  still at it: {name.lower()} ({time.perf_counter() - began:.0f} s)", 1)

        thread = threading.Thread(target=beat, name="pathworth-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
