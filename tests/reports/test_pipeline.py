"""Whole runs: the same input gives the same bytes, unchanged runs are not repeated, failures are said and coded."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from customer_data.errors import InputError, ModelError
from reports.configuration.reading import read_configuration
from reports.pipeline import run_report
from reports.progress import Progress
from reports.publishing.manifest import input_files, run_key

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


def key_of(file: Path, flags: dict[str, str] | None = None) -> str:
    configuration = read_configuration(file, flags=flags, environment={})
    return run_key(configuration, input_files(configuration))


@pytest.fixture(scope="module")
def ours(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop copied to a folder that this module writes into."""
    folder = tmp_path_factory.mktemp("ours") / "shop"
    shutil.copytree(shop, folder)
    return folder / "pathworth.toml"


@pytest.fixture(scope="module")
def folder(ours: Path) -> Path:
    """The run folder of the shop."""
    return run_report(read_configuration(ours, environment={}), Progress(verbosity=0)).folder


def digests(folder: Path) -> dict[str, str]:
    return {one["file"]: one["sha256"] for one in json.loads((folder / "manifest.json").read_text())["outputs"]}


def test_a_run_folder_holds_pages_tables_and_a_manifest_that_adds_up(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (folder.parent / "latest").resolve() == folder
    assert folder.name == f"{manifest['as_of']}-{manifest['key'][:8]}"
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    assert {one["file"] for one in manifest["outputs"]} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    } - {"manifest.json"}
    counts = pd.DataFrame(manifest["row_counts"])
    for _, rows in counts.groupby("source"):
        read = rows.loc[rows["reason"] == "read", "rows"].sum()
        assert rows.loc[rows["reason"] != "read", "rows"].sum() == read
    assert len(pd.read_parquet(folder / "tables" / "quarantine.parquet")) == manifest["quarantine_rows"] > 0
    assert manifest["exit_code"] == 0
    saw = {check["name"]: check["detail"] for check in manifest["checks"] if check["passed"]}
    assert saw["some journeys convert"].endswith(" conversions are credited")
    assert set(manifest["run"]) == {"configuration", "settings", "started", "finished", "seconds"}


def test_a_run_with_both_parts_joins_them(folder):
    table = pd.read_parquet(folder / "tables" / "channel_customers.parquet")
    returns = pd.read_parquet(folder / "tables" / "channel_returns.parquet")
    assert list(table["model"].unique()) == list(returns["model"].unique()) == ["last_click", "markov"]
    worth = table.groupby("model")["worth"].sum()
    assert worth["last_click"] == pytest.approx(worth["markov"])
    assert table["worth_to_cac"].notna().any()
    seconds = json.loads((folder / "manifest.json").read_text())["run"]["seconds"]
    assert "Valuing the customers that channels win" in seconds


def test_every_csv_has_its_parquet_with_the_same_rows(folder):
    names = sorted(path.stem for path in (folder / "tables").glob("*.csv"))
    assert {"credit", "comparison", "segment_forecast", "holdout_totals", "row_counts", "settings"} <= set(names)
    for name in names:
        as_text = pd.read_csv(folder / "tables" / f"{name}.csv")
        exact = pd.read_parquet(folder / "tables" / f"{name}.parquet")
        assert list(as_text.columns) == list(exact.columns)
        assert len(as_text) == len(exact)


def test_the_same_input_gives_the_same_bytes_elsewhere_and_on_one_thread(folder, shop, tmp_path):
    configuration = read_configuration(
        shop / "pathworth.toml", flags={"report.output": str(tmp_path), "engine.threads": "1"}, environment={}
    )
    again = run_report(configuration, Progress(verbosity=0)).folder
    assert again.name == folder.name
    assert digests(again) == digests(folder)
    manifests = [json.loads((one / "manifest.json").read_text()) for one in (again, folder)]
    assert manifests[0]["run"].pop("settings")["engine.threads"] == 1
    for manifest in manifests:
        del manifest["run"]
    assert manifests[0] == manifests[1]


def test_an_unchanged_run_is_up_to_date_until_forced_or_damaged(folder, ours, command):
    manifest = (folder / "manifest.json").read_bytes()
    again = command("report", ours)
    assert (again.code, again.out) == (0, f"{folder}\n")
    assert "Up to date" in again.err
    assert (folder / "manifest.json").read_bytes() == manifest


def test_what_the_answer_depends_on_changes_the_key_and_nothing_else_does(ours, tmp_path):
    key = key_of(ours)
    assert key_of(ours, {"report.output": "elsewhere", "engine.memory_limit": "1GB"}) == key
    assert key_of(ours, {"report.seed": "2"}) != key
    assert key_of(ours, {"report.as_of": "2025-06-30"}) != key
    shutil.copytree(ours.parent, tmp_path / "moved", ignore=shutil.ignore_patterns("reports"))
    moved = tmp_path / "moved" / "pathworth.toml"
    assert key_of(moved) == key
    frame = pd.read_parquet(moved.with_name("spend.parquet"))
    frame.iloc[1:].to_parquet(moved.with_name("spend.parquet"))
    assert key_of(moved) != key


def test_a_part_whose_model_fails_is_left_out_and_the_code_is_4(command, tmp_path):
    (tmp_path / "touches.csv").write_text(
        "customer_id,time,channel\n" + "".join(f"{i},2024-01-0{1 + i % 9},{'ab'[i % 2]}\n" for i in range(40))
    )
    (tmp_path / "orders.csv").write_text(
        "customer_id,time,value\n" + "".join(f"{i},2024-01-20,10\n" for i in range(0, 40, 3))
    )
    (tmp_path / "p.toml").write_text("[touchpoints]\nfile = 'touches.csv'\n[orders]\nfile = 'orders.csv'\n")
    ran = command("report", tmp_path / "p.toml")
    assert ran.code == 4
    folder = Path(ran.out.strip())
    assert (folder / "tables" / "credit.csv").exists()
    assert not (folder / "tables" / "segment_forecast.csv").exists()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["exit_code"] == 4
    assert any(warning.startswith("customer value: ") for warning in manifest["warnings"])


def test_journeys_that_never_convert_are_published_as_such_with_code_1(command, tmp_path):
    (tmp_path / "touches.csv").write_text("customer_id,time,channel\n1,2024-01-01,a\n2,2024-01-02,b\n")
    (tmp_path / "orders.csv").write_text("customer_id,time,value\n8,2024-01-20,10\n9,2024-03-20,10\n")
    (tmp_path / "p.toml").write_text(
        "[report]\nparts = 'channels'\n[touchpoints]\nfile = 'touches.csv'\n[orders]\nfile = 'orders.csv'\n"
    )
    ran = command("report", tmp_path / "p.toml")
    assert ran.code == 1
    assert "no journey converted" in ran.err
    again = command("report", tmp_path / "p.toml")
    assert (again.code, again.out) == (0, ran.out)
    assert "when it was made: channels: no journey converted" in again.err
    early = command("report", tmp_path / "p.toml", "--as-of", "2023-12-31")
    assert early.code == 2
    assert "flag report.as_of: 2023-12-31 lies before the first day of the data, 2024-01-01." in early.err
    late = command("report", tmp_path / "p.toml", "--as-of", "2024-03-30")
    assert "2024-03-30 is 10 days after the last day of the data, 2024-03-20" in late.err


def test_too_many_rows_put_aside_is_1_and_still_published(command, tmp_path):
    (tmp_path / "paths.csv").write_text("path,conversions,value,nulls\na > b,3,30,5\nb,2,20,9\na,1,10,4\n")
    rows = "".join(f"{i % 30},2024-0{1 + i % 9}-{1 + i % 28:02d},{10 + i % 7}\n" for i in range(200))
    (tmp_path / "orders.csv").write_text(f"customer_id,time,value\n{rows}" + ",2024-01-01,1\n" * 20)
    (tmp_path / "p.toml").write_text(
        "[report]\nparts = 'channels'\n[paths]\nfile = 'paths.csv'\n[paths.columns]\nvalue = 'value'\nnulls = 'nulls'\n"
        "[orders]\nfile = 'orders.csv'\n"
    )
    ran = command("report", tmp_path / "p.toml")
    assert ran.code == 1
    assert "orders: 20 of 220 rows (9.1%) were put aside; 5.0% are allowed" in ran.err
    assert (Path(ran.out.strip()) / "report.pdf").exists()


@pytest.fixture
def example(shared_data: Path, tmp_path: Path, command, monkeypatch) -> Callable[[str], Path]:
    """Run an example on the real data; gives the folder of its tables."""

    def run(name: str, *arguments: str, code: int = 0) -> Path:
        monkeypatch.setenv("PATHWORTH_DATA", str(shared_data))
        ran = command("report", EXAMPLES / f"{name}.toml", "--output", tmp_path, *arguments)
        assert ran.code == code, ran.err
        return Path(ran.out.strip()) / "tables"

    return run


def counted(tables: Path, source: str, reason: str) -> tuple[int, float]:
    counts = pd.read_csv(tables / "row_counts.csv").set_index(["source", "reason"])
    return int(counts.loc[(source, reason), "rows"]), round(float(counts.loc[(source, reason), "amount"]), 2)


def test_the_example_of_a_playbook(example):
    tables = example("attribution_playbook")
    assert counted(tables, "spend", "kept") == (42, 359.0)
    assert len(pd.read_csv(tables / "comparison.csv")) == pd.read_csv(tables / "credit.csv")["channel"].nunique()


def test_the_example_of_aggregated_paths(example):
    credit = pd.read_csv(example("channelattribution") / "credit.csv").set_index(["model", "channel"])["conversions"]
    assert credit["first_click", "alpha"] == 6308
    assert credit["markov", "alpha"] == pytest.approx(5344.948, abs=5e-4)


def test_the_example_of_cdnow_forecasts_the_published_holdout_and_can_fail_its_gate(example):
    tables = example("cdnow", "--set", "checks.max_holdout_error=0.1", code=4)
    totals = pd.read_csv(tables / "holdout_totals.csv")
    assert totals["actual_orders"].tolist() == [1882]
    assert totals["forecast_orders"].tolist() == [pytest.approx(1653.4, abs=0.05)]


def test_the_example_of_a_dirty_file_counts_what_is_known_of_it(example):
    # A quarter of the lines is put aside, and the example allows it. That small countries lean on the others, as the
    # example has it, is tested with the models.
    tables = example("online_retail", "--set", "clv.depth=brief", "--set", "clv.parameters=pooled")
    assert counted(tables, "orders", "read") == (541_909, 9_747_747.93)
    assert counted(tables, "orders", "customer_id is missing")[0] == 135_080
    assert len(pd.read_csv(tables / "segment_forecast.csv")) > 30


def test_the_example_of_three_files_joins_sessions_orders_and_refunds(example):
    tables = example("maven_fuzzy_factory", "--set", "clv.depth=brief")
    assert counted(tables, "orders", "read") == (32_313, 1_938_509.75)
    assert counted(tables, "refunds", "read") == (1_731, 85_338.69)
    credit = pd.read_csv(tables / "credit.csv")
    assert credit.groupby("model")["conversions"].sum().nunique() == 1
    assert {"direct", "organic", "gsearch nonbrand"} <= set(credit["channel"])


@pytest.mark.parametrize("content", ["customer_id,time,value\na,2025-01-05 10:00,99\n", None])
def test_an_input_that_is_replaced_while_it_is_read_stops_the_run(tmp_path, monkeypatch, content):
    import reports.pipeline

    orders = tmp_path / "orders.csv"
    orders.write_text("customer_id,time,value\na,2025-01-05 10:00,10\n")
    (tmp_path / "p.toml").write_text('[orders]\nfile = "orders.csv"\n')
    read = reports.pipeline.read_data

    def replaced_first(*arguments):
        (tmp_path / "new.csv").write_text(content or orders.read_text())
        (tmp_path / "new.csv").replace(orders)
        return read(*arguments)

    monkeypatch.setattr(reports.pipeline, "read_data", replaced_first)
    # The same content under another date is no change: the run goes on, to a model that one order cannot fit.
    expected = (InputError, "orders.file: 'orders.csv' changed while it was read") if content else (ModelError, "order")
    with pytest.raises(expected[0], match=expected[1]):
        run_report(read_configuration(tmp_path / "p.toml", environment={}), Progress(verbosity=0))
    assert not (tmp_path / "reports").exists()
