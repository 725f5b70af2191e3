"""A run folder appears whole or not at all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from customer_data.errors import ConfigurationError
from reports.publishing.manifest import file_digest
from reports.publishing.run_folder import building, find_published, locked, publish

KEY = "0123456789abcdef"
NAME = f"2024-01-31-{KEY[:8]}"


def fill(folder: Path, text: str | None = "pages", **facts: object) -> None:
    (folder / "half.csv").write_text("half")
    (folder / "report.pdf").write_text(text)
    outputs = [{"file": "report.pdf", "sha256": file_digest(folder / "report.pdf")}]
    (folder / "manifest.json").write_text(json.dumps({"key": KEY, "outputs": outputs, **facts}))


def publish_one(output: Path, name: str = NAME, text: str = "pages", **facts: object) -> Path:
    with locked(output), building(output) as folder:
        fill(folder, text, **facts)
        return publish(folder, output, name)


def test_a_run_stands_in_its_folder_and_latest_points_at_it(tmp_path):
    output = tmp_path / "deep" / "reports"
    target = publish_one(output)
    assert target == output / NAME
    assert (output / "latest" / "report.pdf").read_text() == "pages"
    assert sorted(one.name for one in output.iterdir()) == [NAME, "latest"]
    publish_one(output, "2024-02-29-ffffffff", "newer")
    assert os.readlink(output / "latest") == "2024-02-29-ffffffff"
    assert target.is_dir()


def test_latest_does_not_go_back_to_an_earlier_day_of_the_same_report(tmp_path):
    def publish_day(day: str, title: str = "Shop") -> str:
        publish_one(tmp_path, f"{day}-{title}", as_of=day, title=title)
        return os.readlink(tmp_path / "latest")

    assert publish_day("2024-02-29") == "2024-02-29-Shop"
    assert publish_day("2024-01-31") == "2024-02-29-Shop"
    assert (tmp_path / "2024-01-31-Shop").is_dir()
    assert publish_day("2024-02-29") == "2024-02-29-Shop"
    assert publish_day("2024-03-31") == "2024-03-31-Shop"
    assert publish_day("2024-01-31", "Another") == "2024-01-31-Another"


def test_a_run_of_the_same_name_is_replaced(tmp_path):
    publish_one(tmp_path, text="old")
    publish_one(tmp_path, text="new")
    assert (tmp_path / "latest" / "report.pdf").read_text() == "new"
    assert sorted(one.name for one in tmp_path.iterdir()) == [NAME, "latest"]


def test_an_error_while_building_leaves_the_old_state(tmp_path):
    publish_one(tmp_path, text="old")
    with pytest.raises(TypeError), locked(tmp_path), building(tmp_path) as folder:
        fill(folder, text=None)
    assert sorted(one.name for one in tmp_path.iterdir()) == [NAME, "latest"]
    assert (tmp_path / NAME / "report.pdf").read_text() == "old"


def test_a_first_run_that_fails_leaves_no_folder(tmp_path):
    output = tmp_path / "reports"
    with pytest.raises(RuntimeError, match="model"), locked(output), building(output):
        raise RuntimeError("model")
    assert not output.exists()


def test_what_a_killed_run_left_is_cleared_and_what_it_moved_aside_comes_back(tmp_path):
    (tmp_path / ".building-99").mkdir()
    (tmp_path / ".building-99" / "half.csv").touch()
    (tmp_path / f".replaced-{NAME}").mkdir()
    fill(tmp_path / f".replaced-{NAME}", "moved aside")
    with locked(tmp_path):
        pass
    assert [one.name for one in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME / "report.pdf").read_text() == "moved aside"


def test_an_unchanged_run_is_found_unless_a_file_of_it_was_touched(tmp_path):
    target = publish_one(tmp_path)
    assert find_published(tmp_path, KEY) == target
    assert find_published(tmp_path, KEY[:8] + "other") is None
    (target / "report.pdf").write_text("changed by hand")
    assert find_published(tmp_path, KEY) is None


def test_two_runs_do_not_write_in_one_folder(tmp_path):
    script = (
        "from pathlib import Path\n"
        "from reports.publishing.run_folder import locked\n"
        f"with locked(Path({str(tmp_path)!r})): pass"
    )
    with locked(tmp_path):
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "another run is writing in" in other.stderr
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigurationError, match=r"report\.output: cannot write in .*--output"),
        locked(tmp_path / "file"),
    ):
        pass
    (tmp_path / "latest").mkdir()
    with pytest.raises(ConfigurationError, match="is in the way"), locked(tmp_path):
        pass
