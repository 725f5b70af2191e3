"""What docs/clv.md shows in Python runs as it stands there."""

import re
from pathlib import Path

import pytest

from clv.calendar import day_number


def test_the_code_of_the_page_runs(connection, fill, shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "clv.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    start = day_number("2024-01-01")
    fill(connection, [(customer, start + day, value) for customer, day, value in shop(300, seed=2, days=577)])
    names = {"connection": connection}
    exec(code, names)
    assert names["booked"].totals.set_index("source").loc["total", "p90"] > 0
    assert names["later"].annual_rate == names["made"].annual_rate
    assert names["saved"].fitted_until == day_number("2025-06-30")
