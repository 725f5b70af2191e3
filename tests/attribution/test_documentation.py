"""What docs/attribution.md shows in Python runs as it stands there."""

import re
from pathlib import Path

import duckdb
import pandas as pd

from tests.attribution.plain_journeys import DAY_US
from tests.attribution.small_engine import load_rows

MARCH = 1_740_787_200_000_000  # 2025-03-01, as in the page


def test_the_code_of_the_page_runs(connection: duckdb.DuckDBPyConnection) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "attribution.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    touches = [(customer, MARCH + day * DAY_US, 1 + day % 3) for customer in range(9) for day in range(-40, 40, 7)]
    touches.append((0, MARCH + 120 * DAY_US, 1))
    orders = [(customer, MARCH + day * DAY_US, 10_000) for customer in range(4) for day in (-20, 3, 20)]
    load_rows(connection, touches, orders, types=["lead", "purchase", "purchase"] * 4)
    tests = pd.DataFrame({"channel": ["a"], "incremental": [1.0], "standard_error": [1.0], "credited": [2.0]})
    names = {"connection": connection, "tests": tests}
    exec(code, names)
    assert names["paths"].conversions.sum() == 12
    shown = {"removal", "interactions", "rank_stability", "credit_along_paths", "touch_variety"}
    assert shown <= names.keys()
