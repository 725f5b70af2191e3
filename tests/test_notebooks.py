"""The notebooks run from top to bottom, wherever they are, with warnings as errors."""

import runpy
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.py"))


def test_there_are_notebooks() -> None:
    assert {notebook.stem for notebook in NOTEBOOKS} >= {"channel_report", "clv_forecast"}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_notebook_runs(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    runpy.run_path(str(notebook), run_name="__main__")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_each_cell_of_code_has_its_reason_before_it(notebook: Path) -> None:
    kinds = [line for line in notebook.read_text(encoding="utf-8").splitlines() if line.startswith("# %%")]
    assert kinds[0] == "# %% [markdown]"
    prose = sum(kind == "# %% [markdown]" for kind in kinds)
    assert prose * 2 >= len(kinds) - prose
