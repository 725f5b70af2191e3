"""What lies behind the forecast: tested on earlier days, booked by month, held against the last run, put into lists."""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports.configuration.reading import read_configuration
from reports.pipeline import run_report
from reports.progress import Progress
from reports.publishing.earlier_runs import earlier_run


@dataclass(frozen=True)
class Two:
    """The folders of a run and of the one after it."""

    first: Path
    second: Path


def run(shop: Path, output: Path, **flags: str) -> Path:
    wanted = {
        "report.parts": '["value"]',
        "clv.depth": "full",
        "clv.segment_by": '["country"]',
        "report.output": str(output),
    }
    wanted |= {key.replace("__", "."): value for key, value in flags.items()}
    configuration = read_configuration(shop / "pathworth.toml", flags=wanted, environment={})
    return run_report(configuration, Progress(verbosity=0)).folder


@pytest.fixture(scope="module")
def two(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Two:
    output = tmp_path_factory.mktemp("two")
    brief = {"clv__depth": "brief"}
    first = run(shop, output, report__as_of="2025-10-31", **brief)
    return Two(first, run(shop, output))


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "tables" / f"{name}.parquet")


def test_a_brief_run_writes_models_and_lists_only(two):
    names = {path.stem for path in (two.first / "tables").glob("*.csv")}
    assert "action_lists" in names
    assert not names & {"rolling_origins", "cash_flow", "drift_weeks", "forecast_bridge"}
    assert json.loads((two.first / "models.json").read_text())["fitted_until"] == "2025-10-31"


def test_the_lists_hold_as_many_customers_as_the_page_says(two):
    lists = table(two.second, "action_lists")
    assert lists["list"].tolist() == ["at_risk", "overdue", "top_value", "second_order"]
    for file, customers in zip(lists["file"], lists["customers"], strict=True):
        assert len(pd.read_csv(two.second / file)) == customers
    assert lists.set_index("list").loc["top_value", "customers"] > 0


def test_the_discounted_flows_of_known_customers_add_up_to_the_forecast(two):
    flows = table(two.second, "cash_flow")
    known = flows[(flows["source"] == "known customers") & (flows["segment"] == "all")]
    forecast = table(two.second, "segment_forecast").set_index("segment")
    assert known["discounted"].sum() == pytest.approx(forecast.loc["all", "clv"], rel=1e-6)


def test_a_forecast_is_called_calibrated_only_where_origins_of_its_length_showed_it(two):
    assert len(table(two.second, "rolling_calibration"))
    # Two years hold no three windows of twelve months, so shorter forecasts were tested.
    assert not table(two.second, "segment_forecast")["calibrated"].any()
    assert "too few windows of 12 months" in " ".join(json.loads((two.second / "manifest.json").read_text())["notes"])


def test_shorter_forecasts_can_become_calibrated(two, shop, tmp_path):
    # Of ten origins nine held: of 80 % that shows enough, of 90 % not, as early intervals are three times as wide.
    options = {"clv__horizon_months": "1", "clv__segment_by": "[]", "clv__origins": "12"}
    folder = run(shop, tmp_path, report__confidence="0.80", **options)
    shown = table(folder, "rolling_calibration").set_index("segment")["calibrated"]
    flags = table(folder, "segment_forecast").set_index("segment")["calibrated"]
    assert flags["all"]
    assert shown["all"]


def test_the_next_run_is_held_against_the_last_and_led_over_from_it(two):
    weeks = table(two.second, "drift_weeks")
    assert len(weeks) == (pd.Timestamp("2025-12-31") - pd.Timestamp("2025-10-31")).days // 7
    bridge = table(two.second, "forecast_bridge")
    forecast = table(two.second, "segment_forecast").set_index("segment")
    assert bridge["value"].iloc[-1] == pytest.approx(forecast.loc["all", "clv"], rel=1e-9)
    assert bridge["value"].iloc[0] + bridge["change"].iloc[1:].sum() == pytest.approx(bridge["value"].iloc[-1])


def found_from(
    shop: Path, output: Path, day: dt.date, *, name: str = "pathworth", title: str = "", **options
) -> object:
    file = shop / f"{name}.toml"
    if not file.exists():
        file.write_text((shop / "pathworth.toml").read_text())
    flags = {"report.output": str(output)} | ({"report.title": title} if title else {})
    found = earlier_run(read_configuration(file, flags=flags, environment={}), day, **options)
    return None if found is None else found.as_of


def test_an_earlier_run_is_of_the_same_title_and_configuration_and_a_week_older_at_least(two, shop):
    output = two.first.parent
    assert found_from(shop, output, dt.date(2025, 12, 31)) == dt.date(2025, 10, 31)
    assert found_from(shop, output, dt.date(2025, 11, 7)) == dt.date(2025, 10, 31)
    assert found_from(shop, output, dt.date(2025, 11, 6)) is None
    assert found_from(shop, output, dt.date(2025, 12, 31), title="Another") is None
    assert found_from(shop, output, dt.date(2025, 12, 31), name="another_shop") is None
    assert found_from(shop, output / "nowhere", dt.date(2025, 12, 31)) is None


def test_the_manifest_names_the_runs_that_this_one_was_held_against(two):
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (two.first, two.second)]
    assert manifests[0]["earlier_runs"] == []
    models = hashlib.sha256((two.first / "models.json").read_bytes()).hexdigest()
    assert manifests[1]["earlier_runs"] == [{"run": two.first.name, "sha256": models}]


def test_drift_is_judged_by_the_run_of_a_quarter_ago_or_else_the_oldest(two, shop):
    output, quarter = two.first.parent, dt.timedelta(weeks=13)
    assert found_from(shop, output, dt.date(2026, 1, 14), at_least=quarter) == dt.date(2025, 10, 31)
    assert found_from(shop, output, dt.date(2026, 4, 1), at_least=quarter) == dt.date(2025, 12, 31)
    assert found_from(shop, output, dt.date(2025, 11, 6), at_least=quarter) is None


def orders_whose_rate_changes(file: Path, *, factor: float) -> None:
    """Two years of 500 customers, whose order rates are multiplied by the factor from 2025-10-01 on."""
    rng = np.random.default_rng(8)
    change, end, lines = 639.0, 731.0, ["customer_id,time,value"]
    for customer in range(500):
        day, rate, leaves = rng.uniform(0, end), rng.gamma(1.0) / 25, rng.beta(1.0, 4.0)
        while day < end:
            lines.append(f"{customer},{dt.date(2024, 1, 1) + dt.timedelta(days=int(day))},10")
            if rng.random() < leaves:
                break
            gap, before = rng.exponential(1 / max(rate, 1e-9)), max(change - day, 0.0)
            day += gap if gap <= before else before + (gap - before) / factor
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize(("factor", "code"), [(1.0, 0), (0.5, 1)])
def test_customers_who_order_half_as_often_fail_a_run_that_is_to_fail_on_drift(command, tmp_path, factor, code):
    orders_whose_rate_changes(tmp_path / "orders.csv", factor=factor)
    (tmp_path / "p.toml").write_text(
        "[orders]\nfile = 'orders.csv'\n[clv]\ndepth = 'brief'\n[checks]\nfail_on_drift = true\n"
    )
    first = command("report", tmp_path / "p.toml", "--as-of", "2025-09-30")
    assert first.code == 0
    then = command("report", tmp_path / "p.toml", "--as-of", "2025-12-31")
    assert then.code == code, then.err
    folder = Path(then.out.strip())
    checks = {one["name"]: one for one in json.loads((folder / "manifest.json").read_text())["checks"]}
    assert checks["customers order as before"]["passed"] == (code == 0)
    assert ("Customers order less often than forecast" in then.err) == (code == 1)
    assert len(table(folder, "drift_weeks")) == 13
    if code == 1:
        beyond = command("report", tmp_path / "p.toml", "--as-of", "2030-01-01", "--set", "checks.fail_on_drift=false")
        assert (beyond.code, "(checks.fail_on_silence)" in beyond.err) == (1, True)
        assert beyond.err.count("The last order is of") == 1
        silent = command("report", tmp_path / "p.toml", "--as-of", "2025-12-31", "--set", "checks.fail_on_drift=false")
        assert silent.code == 0
