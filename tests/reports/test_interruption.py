"""Ctrl-C and SIGTERM stop a run at once, and nothing half-written stays."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A shell starts what it puts into the background with SIGINT ignored, and children inherit that.
ENDLESS_QUERY = """
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
from customer_data.engine import Engine
from reports.interruption import interruptible, terminate_like_ctrl_c

terminate_like_ctrl_c()
with Engine().connect() as connection, interruptible(connection):
    print("ready", flush=True)
    connection.execute("SELECT count(*) FROM range(999999999) a, range(999999999) b WHERE (a.range * b.range) % 7 = 1")
"""

ENDLESS_QUERY_BESIDE = """
import signal
from concurrent.futures import ThreadPoolExecutor

signal.signal(signal.SIGINT, signal.default_int_handler)
from customer_data.engine import Engine
from reports.interruption import interruptible, terminate_like_ctrl_c

terminate_like_ctrl_c()
endless = "SELECT count(*) FROM range(999999999) a, range(999999999) b WHERE (a.range * b.range) % 7 = 1"
with (
    Engine().connect() as connection,
    connection.cursor() as second,
    interruptible(connection, second),
    ThreadPoolExecutor(max_workers=1) as beside,
):
    found = beside.submit(second.execute, endless)
    print("ready", flush=True)
    found.result()
"""


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("query", [ENDLESS_QUERY, ENDLESS_QUERY_BESIDE], ids=["alone", "beside"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_long_query_is_interrupted(number, query):
    with started("-c", query) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in said


def test_a_run_that_is_stopped_in_the_middle_leaves_nothing(shop, tmp_path):
    output = tmp_path / "reports"
    command = ("-m", "reports.command_line", "report", str(shop / "pathworth.toml"), "--output", str(output))
    with started(*command) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Crediting channels" in line:
                break
        else:
            pytest.fail(f"the run ended before it was stopped: {process.communicate()}")
        assert [one.name[:10] for one in output.glob(".building-*")] == [".building-"]
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted; nothing half-written was left behind" in said
    assert out == ""
    assert not output.exists()
