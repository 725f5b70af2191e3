"""Run contenders side by side: each in a process of its own, in turn, several rounds; medians, peaks and ratios.

A contender is a script that prints its own seconds (start-up and imports left out) as the last line of its output;
what it took in memory is the peak of its whole process. Contenders alternate, so that a busy moment of the machine
hits all of them.
"""

import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
OURS = ROOT / ".venv" / "bin" / "python"
PEERS = ROOT / ".venv-bench" / "bin" / "python"
PYMC = ROOT / ".venv-bench-pymc" / "bin" / "python"
CONTENDERS = Path(__file__).resolve().parent / "contenders"
DATA = ROOT / "build" / "bench"
Made = TypeVar("Made")


@dataclass(frozen=True)
class Contender:
    """A script of ``contenders/`` with its arguments, run by our environment or by the peers'.

    ``rounds`` below the contest's own spares a slow peer; a peer with an environment of its own names its ``python``.
    With a ``command`` the whole process is timed, start-up too.
    """

    name: str
    script: str = ""
    arguments: tuple[str, ...] = ()
    peer: bool = False
    rounds: int | None = None
    command: tuple[str, ...] | None = None
    python: Path = PEERS
    timeout: float = 540.0


@dataclass(frozen=True)
class Outcome:
    """Seconds of every round, of the work and of the processor, and the largest peak in MB, or why there is none."""

    name: str
    seconds: tuple[float, ...]
    processor: tuple[float, ...]
    megabytes: float
    failure: str = ""
    note: str = ""

    @property
    def median(self) -> float:
        return median(self.seconds)


def prepare(make: Callable[..., Made], *arguments: object, **options: object) -> Made:
    """Make data in a process of its own: a process is charged with the peak of the one it was forked from."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(make, *arguments, **options).result()


def contest(contenders: Sequence[Contender], *, rounds: int) -> list[Outcome]:
    """Run every contender ``rounds`` times in turn."""
    found: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
    failures: dict[str, str] = {}
    for turn in range(rounds):
        for contender in contenders:
            if contender.name in failures or turn >= (contender.rounds or rounds):
                continue
            try:
                found[contender.name].append(run(contender))
            except ContenderFailed as failure:
                failures[contender.name] = str(failure)
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return [
        Outcome(
            name=name,
            seconds=tuple(run.seconds for run in runs),
            processor=tuple(run.processor for run in runs),
            megabytes=max((run.megabytes for run in runs), default=0.0),
            failure=failures.get(name, ""),
            note=runs[-1].note if runs else "",
        )
        for name, runs in found.items()
    ]


class ContenderFailed(Exception):
    """A contender could not be run; the message says why in a few words."""


@dataclass(frozen=True)
class Run:
    """One run: seconds of the work, of the processor for the whole process, its peak, and what the script said."""

    seconds: float
    processor: float
    megabytes: float
    note: str = ""


def run(contender: Contender) -> Run:
    """Run a contender once."""
    python = contender.python if contender.peer else OURS
    if not python.exists():
        raise ContenderFailed("not installed (make bench)")
    command = list(contender.command or (str(python), str(CONTENDERS / contender.script), *contender.arguments))
    environment = os.environ | {"PYTHONPATH": str(ROOT)} if not contender.peer else os.environ
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=ROOT)
        status, usage = _wait(process, contender.timeout)
        elapsed = time.perf_counter() - start
        output.seek(0)
        lines = output.read().decode("utf-8", "replace").strip().splitlines()
    if usage is None:
        raise ContenderFailed(f"took more than {contender.timeout:.0f} s")
    if status != 0:
        raise ContenderFailed(f"ended with status {status}: {lines[-1][:100] if lines else 'no output'}")
    processor, megabytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    if contender.command is not None:
        return Run(elapsed, processor, megabytes)
    return Run(float(lines[-1]), processor, megabytes, " ".join(lines[-2:-1]))


def _wait(process: "subprocess.Popen[bytes]", timeout: float) -> tuple[int, "resource.struct_rusage | None"]:
    deadline = time.perf_counter() + timeout
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage
        if time.perf_counter() > deadline:
            process.kill()
            os.wait4(process.pid, 0)
            process.returncode = -9
            return process.returncode, None
        time.sleep(0.002)


def table(title: str, outcomes: Sequence[Outcome], *, unit: str, goal: str = "") -> str:
    """A Markdown table: seconds, peak, and how many times the first contender's time each took."""
    lines = [f"### {title}", ""]
    if goal:
        lines += [f"Goal: {goal}.", ""]
    lines += [f"| {unit} | median s | min to max | CPU s | peak MB | times ours |", "|---|---:|---:|---:|---:|---:|"]
    ours = outcomes[0]
    for outcome in outcomes:
        if outcome.failure:
            lines.append(f"| {outcome.name} | - | {outcome.failure} | - | - | - |")
            continue
        ratio = f"{outcome.median / ours.median:.2f}" if ours.seconds else "-"
        spread = f"{min(outcome.seconds):.3g} to {max(outcome.seconds):.3g} ({len(outcome.seconds)})"
        used = f"{median(outcome.processor):.3g} | {outcome.megabytes:.0f}"
        lines.append(f"| {outcome.name} | {outcome.median:.3g} | {spread} | {used} | {ratio} |")
    notes = [f"{outcome.name}: {outcome.note}" for outcome in outcomes if outcome.note]
    return "\n".join([*lines, *([""] if notes else []), *notes, ""])


def machine() -> str:
    """The machine and the load on it, in one line."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"load {load:.1f} at the start"
    )
