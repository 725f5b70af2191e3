"""The manifest of a run: what went in, what came out, and what made it.

Everything but its section ``run`` depends on configuration, inputs, earlier runs and versions only; clock times,
durations, where the configuration stood and what does not change the answer are in ``run`` and nowhere else in a run
folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.configuration.messages import key_text
from reports.configuration.settings import SOURCE_TABLES

if TYPE_CHECKING:
    from reports.configuration.reading import Configuration
    from reports.results.run_results import RunResults

MANIFEST = "manifest.json"
LIBRARIES = ("pathworth", "duckdb", "matplotlib", "networkx", "numpy", "pandas", "scipy", "typst")
_NOT_IN_THE_ANSWER = ("report.output", "engine.")


@dataclass(frozen=True)
class InputFile:
    """A file that a run read: the key that names it, its name as written there, its size in bytes, its SHA-256."""

    key: str
    file: str
    bytes: int
    sha256: str


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def input_files(configuration: Configuration) -> tuple[InputFile, ...]:
    """Hash every file that a configuration names: data and fonts. A pattern stands for each file that it matches."""
    from customer_data.text_files import matching_files

    named = configuration.source_files()
    named += [(("report", "fonts"), text, configuration.path(text)) for text in configuration.settings.report.fonts]
    found = []
    for key, text, path in named:
        matches = [Path(one) for one in matching_files(path)]
        for match in (file for one in matches for file in (sorted(one.rglob("*")) if one.is_dir() else [one])):
            if match.is_file():
                shown = text if match == path else f"{text} ({match.name})"
                found.append(InputFile(key_text(key), shown, match.stat().st_size, file_digest(match)))
    return tuple(found)


def run_key(configuration: Configuration, inputs: Iterable[InputFile]) -> str:
    """Return the hash of everything that the answer depends on: settings, contents of the inputs, our version.

    Where the run is written, and how many threads and how much memory the engine takes, are not part of it.
    """
    facts = {
        "version": version_of("pathworth"),
        "settings": {
            name: value
            for name, value in settings_of_the_answer(configuration).items()
            if not name.endswith((".file", ".database", ".fonts"))
        },
        "inputs": [[one.key, one.sha256] for one in inputs],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def settings_of_the_answer(configuration: Configuration) -> dict[str, Any]:
    """Return the settings in force by their dotted keys, but where the run is written and what the engine may take."""
    settings = flat_settings(configuration)
    return {name: value for name, value in settings.items() if not name.startswith(_NOT_IN_THE_ANSWER)}


def flat_settings(configuration: Configuration) -> dict[str, Any]:
    """Return every setting in force by its dotted key, as JSON values, absent ones left out."""
    found: dict[str, Any] = {}

    def walk(prefix: str, value: Any) -> None:
        if (
            isinstance(value, Mapping)
            and not prefix.endswith((".columns", ".currency_rates"))
            and prefix.count(".") < 1
        ):
            for name, inner in value.items():
                walk(f"{prefix}.{name}" if prefix else name, inner)
        elif prefix in SOURCE_TABLES and value:
            for number, block in enumerate(value, start=1):
                walk(prefix if len(value) == 1 else f"{prefix}[{number}]", block)
        elif value not in (None, [], {}):
            found[prefix] = value

    walk("", configuration.settings.model_dump(mode="json", by_alias=True))
    return found


def configuration_seen_from(configuration: Configuration) -> str:
    """Return where the configuration stands, seen from the folder that it publishes in."""
    file, output = configuration.file.resolve(), configuration.output.resolve()
    try:
        return Path(os.path.relpath(file, output)).as_posix()
    except ValueError:  # on another drive
        return file.as_posix()


def version_of(library: str) -> str:
    """Return the installed version of a library, or ``unknown`` for one that is not installed as a distribution."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(library)
    except PackageNotFoundError:
        return "unknown"


def library_versions() -> dict[str, str]:
    """Return Python's version and those of the libraries that the numbers and pages depend on."""
    import platform

    return {"python": platform.python_version(), **{name: version_of(name) for name in LIBRARIES}}


def write_manifest(
    folder: Path,
    *,
    key: str,
    configuration: Configuration,
    inputs: Sequence[InputFile],
    results: RunResults,
    checks: Sequence[Mapping[str, Any]],
    exit_code: int,
    run: Mapping[str, Any],
) -> None:
    """Write ``manifest.json`` over the files that stand in a folder."""
    quality, settings = results.quality, settings_of_the_answer(configuration)
    depth = None if results.clv is None else results.clv.depth
    outputs = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    manifest = {
        "format": 1,
        "key": key,
        "title": results.title,
        "as_of": _day(results.as_of),
        "first_day": _day(results.first_day),
        "last_day": _day(results.last_day),
        "currency": results.currency,
        "timezone": results.timezone,
        "seed": results.seed,
        "exit_code": exit_code,
        "checks": list(checks),
        "warnings": list(results.warnings),
        "notes": [] if results.clv is None else list(results.clv.notes),
        "replaced_fits": 0 if results.clv is None else results.clv.replaced_fits,
        "row_counts": [] if quality is None else json.loads(quality.row_counts.to_json(orient="records")),
        "quarantine_rows": 0 if quality is None else quality.quarantine_rows,
        "inputs": [vars(one) for one in inputs],
        "outputs": [
            {"file": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": file_digest(path)}
            for path in outputs
        ],
        "earlier_runs": [] if depth is None else [{"run": run, "sha256": of} for run, of in depth.earlier_runs],
        "settings": settings,
        "libraries": dict(results.versions),
        "run": {
            "configuration": configuration_seen_from(configuration),
            "settings": {name: value for name, value in flat_settings(configuration).items() if name not in settings},
            **run,
        },
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False, default=str)
    (folder / MANIFEST).write_text(f"{text}\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a run folder; None when there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def report_of(manifest: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return what says which report a run is of: its title, and where its configuration stands."""
    return manifest.get("title"), manifest.get("run", {}).get("configuration")


def _day(day: Any) -> str | None:
    return None if day is None else day.isoformat()
