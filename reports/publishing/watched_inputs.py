"""Inputs that must stay as they were hashed until they are read: what is published must be what its key names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from customer_data.errors import InputError
from reports.publishing.manifest import InputFile, input_files

if TYPE_CHECKING:
    from reports.configuration.reading import Configuration

_Marks = tuple[tuple[str, int, int, int, int], ...]


@dataclass(frozen=True)
class WatchedInputs:
    """The inputs of a run, hashed, and what the file system told of them before that."""

    configuration: Configuration
    files: tuple[InputFile, ...]
    marks: _Marks

    def require_unchanged(self, *, paths: bool = False) -> None:
        """Raise `InputError` if a file of the sources (or that of the paths) is not what was hashed.

        Files are hashed again only where size, times or place in the file system differ.
        """
        if _marks(self.configuration) == self.marks:
            return
        before = {(one.key, one.file): one.sha256 for one in self.files if _is_read(one, paths=paths)}
        after = {
            (one.key, one.file): one.sha256 for one in input_files(self.configuration) if _is_read(one, paths=paths)
        }
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        if changed:
            raise InputError(
                [
                    f"{key}: {file!r} changed while it was read, so nothing is published. Run again when it is whole; "
                    "write exports under another name and rename them when they are."
                    for key, file in changed
                ]
            )


def watched_inputs(configuration: Configuration) -> WatchedInputs:
    """Hash every file that a configuration names, and remember how it stood before."""
    marks = _marks(configuration)
    return WatchedInputs(configuration, input_files(configuration), marks)


def _is_read(one: InputFile, *, paths: bool) -> bool:
    return one.key.startswith("paths.") if paths else not one.key.startswith(("paths.", "report."))


def _marks(configuration: Configuration) -> _Marks:
    return tuple(_marks_of(configuration))


def _marks_of(configuration: Configuration) -> Iterator[tuple[str, int, int, int, int]]:
    from customer_data.text_files import matching_files

    for _, _, path in configuration.source_files():
        for match in matching_files(path):
            if Path(match).is_file():
                found = os.stat(match)
                yield match, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
