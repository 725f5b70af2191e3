"""Telling on stderr what a run is doing: a moving line on a terminal, else plain lines with the time."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

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
        Step to its seconds, in order.
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
        self._console = self._terminal() if verbosity else None

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
                with self._console.status(f"{name} ..."):
                    yield
            else:
                self._say(name, 1)
                with self._beating(name, began):
                    yield
        finally:
            seconds = time.perf_counter() - began
            self.timings[name] = round(self.timings.get(name, 0.0) + seconds, 3)
        if self._console is not None:
            self._say(f"{name} ({seconds:.1f} s)", 1)

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
        if self._console is not None:
            self._console.print(text, soft_wrap=True)
        else:
            print(f"{time.strftime('%H:%M:%S')} {text}", file=self._stream, flush=True)

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
