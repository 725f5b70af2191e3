"""The command: exact exit codes, results on stdout, messages on stderr, nothing heavy before it is needed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from customer_data.errors import ModelError
from reports.configuration.reading import read_configuration
from reports.configuration.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
ORDERS = "customer_id,time,value\n1,2024-01-01,10\n1,2024-01-20,12\n2,2024-01-05,x\n,2024-01-06,9\n"

# Ctrl-C at the first import of a module, also of one that the virtual environment has loaded before.
INTERRUPTED = """
import sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            raise KeyboardInterrupt

from reports.command_line import main
sys.modules.pop("{module}", None)
sys.meta_path.insert(0, Interrupting())
main()
"""


@pytest.fixture
def orders_only(tmp_path: Path) -> Path:
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "pathworth.toml").write_text("[orders]\nfile = 'orders.csv'\n[checks]\nmax_quarantined_share = 0.5\n")
    return tmp_path / "pathworth.toml"


def python(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder whose own packages win over ours."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


def test_help_lists_the_exit_codes_and_loads_nothing_heavy(tmp_path):
    shown = python("-X", "importtime", "-m", "reports.command_line", "--help", folder=tmp_path)
    assert shown.returncode == 0
    for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "70 ", "130 "):
        assert re.search(rf"^ +{code} *\w", shown.stdout, re.MULTILINE)
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in shown.stderr.splitlines()}
    assert "click" in loaded
    assert not loaded & {"numpy", "pandas", "duckdb", "pydantic", "scipy", "matplotlib", "rich", "sqlglot", "pyarrow"}


@pytest.mark.parametrize("module", ["reports.command.definitions", "click", "pathlib"])
def test_ctrl_c_while_the_command_is_still_being_loaded_ends_it_quietly(tmp_path, module):
    stopped = python("-c", INTERRUPTED.format(module=module), "--help", folder=tmp_path)
    assert (stopped.returncode, stopped.stdout) == (130, "")
    assert stopped.stderr == "error: interrupted; nothing half-written was left behind.\n"


def test_packages_from_another_folder_stop_the_command(tmp_path):
    (tmp_path / "attribution").mkdir()
    (tmp_path / "attribution" / "__init__.py").touch()
    stopped = python("-m", "reports.command_line", "--help", folder=tmp_path)
    assert stopped.returncode == 2
    assert f"attribution comes from {tmp_path}" in stopped.stderr
    assert stopped.stdout == ""


def test_what_is_wrong_with_the_command_line_or_the_configuration_is_2(command, orders_only, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert command("reprot").code == 2
    assert "Did you mean" in command("reprot").err
    missing = command("report")
    assert (missing.code, "pathworth.toml: there is no such file" in missing.err) == (2, True)
    assert command("report", orders_only, "--set", "seed").code == 2
    wrong = command("report", orders_only, "--set", "atribution.order=2")
    assert (wrong.code, wrong.out) == (2, "")
    assert (
        wrong.err == "error: flag atribution.order: unknown section or key 'atribution'. Did you mean 'attribution'?\n"
    )
    assert command("report", orders_only.with_name("nowhere.toml")).code == 2


def test_input_that_cannot_be_used_is_3_and_leaves_no_folder(command, orders_only):
    orders_only.with_name("orders.csv").write_text("customer_id,time,value\n")
    assert command("report", orders_only).code == 3
    orders_only.with_name("orders.csv").unlink()
    missing = command("report", orders_only)
    assert missing.code == 3
    assert "pathworth.toml:2:1: orders.file: no file 'orders.csv'" in missing.err
    assert not orders_only.with_name("reports").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(("full", "code"), [("stdout", 2), ("stderr", 0)])
def test_a_log_that_cannot_be_written_costs_nothing_and_a_result_is_2(orders_only, full, code):
    with open("/dev/full", "w") as no_room:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {full: no_room}
        command = [sys.executable, "-m", "reports.command_line", "check", str(orders_only)]
        ended = subprocess.run(command, cwd=ROOT, text=True, check=False, **streams)
    assert ended.returncode == code
    if full == "stdout":
        assert "error: stdout cannot be written (No space left on device)" in ended.stderr
    else:
        assert "orders" in ended.stdout


def test_a_reader_that_leaves_early_changes_no_exit_code(orders_only):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "reports.command_line", "check", str(orders_only)]
    with open(writing, "w") as left:
        ended = subprocess.run(command, cwd=ROOT, text=True, check=False, stdout=left, stderr=subprocess.PIPE)
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr


def test_a_missing_column_is_named_with_its_place(command, orders_only):
    orders_only.write_text("[orders]\nfile = 'orders.csv'\n[orders.columns]\nvalue = 'valeu'\n")
    said = command("check", orders_only)
    assert said.code == 3
    assert "pathworth.toml:4:1: orders.value: the source has no column 'valeu'. Did you mean 'value'?" in said.err


def test_an_output_folder_that_cannot_be_written_is_2_before_the_work(command, orders_only):
    orders_only.with_name("taken").touch()
    stopped = command("report", orders_only, "--output", orders_only.with_name("taken"))
    assert stopped.code == 2
    assert "report.output: cannot write in" in stopped.err
    assert "Reading" not in stopped.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ModelError("BG/NBD did not converge"), 4, "error: BG/NBD did not converge\n"),
        (KeyboardInterrupt(), 130, "error: interrupted"),
        (ZeroDivisionError("division by zero"), 70, "this is a fault in pathworth"),
        (OSError(28, "No space left on device"), 70, "No space left on device"),
    ],
)
def test_every_other_end_has_its_code(command, orders_only, monkeypatch, error, code, said):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("reports.pipeline.run_report", fail)
    ended = command("report", orders_only)
    assert ended.code == code
    assert said in ended.err
    assert ended.out == ""


def test_check_counts_and_writes_nothing(command, orders_only):
    before = sorted(orders_only.parent.iterdir())
    checked = command("check", orders_only, "--quiet")
    assert checked.code == 0
    assert re.search(r"orders +4 +[\d.]+ +read", checked.out)
    assert re.search(r"orders +2 +22.00 +kept", checked.out)
    assert "2 rows would be put aside" in checked.out
    assert '"value":"x"' in checked.out.replace(" ", "")
    assert sorted(orders_only.parent.iterdir()) == before
    assert command("check", orders_only, "--set", "checks.max_quarantined_share=0.4").code == 1


def test_init_writes_every_key_and_a_file_that_reads_as_the_defaults(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = command("init")
    assert (written.code, written.out) == (0, "pathworth.toml\n")
    text = (tmp_path / "pathworth.toml").read_text()
    settings = read_configuration(tmp_path / "pathworth.toml").settings
    assert settings.attribution == Settings().attribution
    for section in ("report", "engine", "attribution", "clv", "checks"):
        for key in type(getattr(settings, section)).model_fields:
            assert re.search(rf"^# {key} = ", text, re.MULTILINE)
    assert command("init").code == 2
    assert command("init", "--force").code == 0


def test_init_maps_the_columns_it_knows(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sessions.csv").write_text("session_id;visitor_id;started_at;utm_source\n1;7;2024-01-01;email\n")
    (tmp_path / "sales.csv").write_text("Order ID,User ID,Paid at,Total,Sales rep\n1,7,2024-01-02,10.5,x\n")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    written = command("init", "sessions.csv", "sales.csv", "other.csv")
    assert written.code == 0
    assert "Not used: other.csv, not recognised; it has the columns a, b" in written.err
    touches, orders = read_configuration(tmp_path / "pathworth.toml").sources()
    assert touches.columns == {"customer_id": "visitor_id", "time": "started_at", "channel": "utm_source"}
    assert orders.columns == {"customer_id": "User ID", "order_id": "Order ID", "time": "Paid at", "value": "Total"}
    assert command("check", "pathworth.toml").code == 0


def test_init_says_what_is_wrong_with_a_file_that_cannot_be_looked_at(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.csv").touch()
    stopped = command("init", "empty.csv")
    assert (stopped.code, stopped.err) == (3, "error: empty.csv is empty. Export it anew.\n")
    assert command("init", "nowhere.csv").err == "error: nowhere.csv: there is no such file.\n"
    assert not (tmp_path / "pathworth.toml").exists()


def test_config_show_tells_where_each_value_comes_from(command, orders_only, monkeypatch):
    monkeypatch.setenv("PATHWORTH_CLV_HORIZON_MONTHS", "6")
    shown = command("config", "show", orders_only, "--origin", "--seed", "9")
    assert shown.code == 0
    assert "seed = 9  # flag report.seed" in shown.out
    assert "horizon_months = 6  # environment PATHWORTH_CLV_HORIZON_MONTHS" in shown.out
    assert f"max_quarantined_share = 0.5  # {orders_only}:4:1" in shown.out
    assert "annual_discount_rate = 0.1  # default" in shown.out


def test_what_config_show_prints_is_a_configuration_of_the_same_values(command, orders_only):
    shown = command(
        "config", "show", orders_only, "--set", "orders.filter=value <> '\"'", "--set", 'report.title="x\\\\"'
    )
    again = orders_only.with_name("again.toml")
    again.write_text(shown.out)
    assert read_configuration(again).settings.orders[0].filter == "value <> '\"'"
    assert command("config", "show", again).out == shown.out
