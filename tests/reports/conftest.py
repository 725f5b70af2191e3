"""The command run inside a test, and small shops made once."""

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from customer_data.synthetic_shop import simulate
from reports.command_line import main
from reports.interruption import ENDING
from reports.publishing import drawings


@dataclass(frozen=True)
class Finished:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def one_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are drawn by the process of the tests alone: to start another one takes longer than their few charts."""
    monkeypatch.setattr(drawings, "_FEWEST_CORES", 10_000)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Run ``pathworth`` with these arguments."""

    def run(*arguments: object) -> Finished:
        monkeypatch.setattr(sys, "argv", ["pathworth", *map(str, arguments)])
        before = {number: signal.getsignal(number) for number in ENDING}
        capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as left:
                main()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        assert isinstance(left.value.code, int)
        printed = capsys.readouterr()
        return Finished(left.value.code, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a synthetic shop of 600 people, with its configuration; nobody writes into it.

    What lies behind the forecast has tests of its own, so these runs are brief about it.
    """
    folder = tmp_path_factory.mktemp("shop")
    simulate(folder, customers=600, seed=1)
    file = folder / "pathworth.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("[clv]\n", '[clv]\ndepth = "brief"\n'), encoding="utf-8")
    return folder
