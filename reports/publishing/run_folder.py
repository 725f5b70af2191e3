"""Publishing a run: built in a hidden folder, put in place whole, then ``latest`` points at the newest of the report.

Whatever stops a run (an error, Ctrl-C, a kill, a power cut) leaves either the old state or the new one. A hidden folder
that a killed run left behind is removed by the next run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from customer_data.errors import ConfigurationError
from reports.publishing.manifest import MANIFEST, file_digest, read_manifest, report_of

LATEST = "latest"
_LOCK = ".pathworth.lock"
_BUILDING = ".building-"
_REPLACED = ".replaced-"


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Hold the folder of the runs alone; made if it is not there, cleared of what killed runs left.

    Raises
    ------
    ConfigurationError
        The folder cannot be written, another run holds it, or a file or folder named ``latest`` is in the way.
    """
    is_new = not output.exists()
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock = _take_lock(output)
    except OSError as error:
        raise _unwritable(output, error) from error
    if lock is None:
        raise ConfigurationError(
            f"report.output: another run is writing in {output}. Wait for its end, or name another with --output."
        )
    try:
        with _reporting(output):
            _recover(output)
            latest = output / LATEST
            if latest.exists() and not latest.is_symlink():
                raise ConfigurationError(
                    f"report.output: {latest} is in the way, because the newest run is to have that name. Rename it."
                )
        yield
    finally:
        with suppress(OSError):
            (output / _LOCK).unlink()
        os.close(lock)
        if is_new:
            with suppress(OSError):
                output.rmdir()  # only when nothing was published


@contextmanager
def building(output: Path) -> Iterator[Path]:
    """Give a hidden folder to write a run into; it is gone afterwards unless it was published."""
    folder = output / f"{_BUILDING}{os.getpid()}"
    with _reporting(output):
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, output: Path, name: str) -> Path:
    """Put a finished hidden folder in place under its name, in place of a run of the same name; see point_latest."""
    target, replaced = output / name, output / f"{_REPLACED}{name}"
    _sync_tree(folder)
    if target.exists():
        os.replace(target, replaced)
    os.replace(folder, target)
    _sync(output)
    point_latest(output, target)
    shutil.rmtree(replaced, ignore_errors=True)
    return target


def point_latest(output: Path, target: Path) -> None:
    """Let ``latest`` point at a run, in one step; where links cannot be made, it is a text file with the run's name.

    It stays where it is when it points at a run of the same report with a later as-of day.
    """
    latest, fresh = output / LATEST, output / f"{_BUILDING}{LATEST}"
    newest = latest_run(output)
    if newest is not None and (newest == target or _is_later(newest, target)):
        return
    with suppress(FileNotFoundError):
        fresh.unlink()
    try:
        fresh.symlink_to(target.name, target_is_directory=True)
    except (OSError, NotImplementedError):
        fresh = fresh.with_suffix(".txt")
        fresh.write_text(f"{target.name}\n", encoding="utf-8")
        latest = latest.with_suffix(".txt")
    os.replace(fresh, latest)
    _sync(output)


def latest_run(output: Path) -> Path | None:
    """Return the run folder that ``latest`` points at, None without one."""
    latest, told = output / LATEST, output / f"{LATEST}.txt"
    try:
        name = os.readlink(latest) if latest.is_symlink() else told.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return output / name


def _is_later(run: Path, other: Path) -> bool:
    """Whether a run is of the same report as another and of a later day."""
    one, two = (read_manifest(folder) or {} for folder in (run, other))
    if report_of(one) != report_of(two) or not (one.get("as_of") and two.get("as_of")):
        return False
    return str(one["as_of"]) > str(two["as_of"])


def find_published(output: Path, key: str) -> Path | None:
    """Return the run folder with this key, if it is there with every file as its manifest says."""
    for folder in sorted(output.glob(f"*-{key[:8]}")):
        manifest = read_manifest(folder)
        if manifest is None or manifest.get("key") != key:
            continue
        written = {str(one["file"]): one["sha256"] for one in manifest.get("outputs", ())}
        if all((folder / name).is_file() and file_digest(folder / name) == digest for name, digest in written.items()):
            return folder
    return None


def _take_lock(output: Path) -> int | None:
    while True:
        lock = os.open(output / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        if not _lock_alone(lock):
            os.close(lock)
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), os.stat(output / _LOCK)):
                return lock
        os.close(lock)  # the run before removed the file between our opening and locking it


def _lock_alone(lock: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _recover(output: Path) -> None:
    """Remove what killed runs left; a run that was moved aside but not yet replaced goes back to its place."""
    for left in output.glob(f"{_REPLACED}*"):
        target = output / left.name.removeprefix(_REPLACED)
        if (target / MANIFEST).is_file():
            shutil.rmtree(left)
        else:
            os.replace(left, target)
    for left in output.glob(f"{_BUILDING}*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()


@contextmanager
def _reporting(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(output, error) from error


def _unwritable(output: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"report.output: cannot write in {output} ({error.strerror or error}). Name another folder with --output."
    )


def _sync_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            _sync(path)
    for path in sorted((folder, *(one for one in folder.rglob("*") if one.is_dir())), reverse=True):
        _sync(path)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
