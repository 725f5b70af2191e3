"""Reading ``pathworth.toml``: flags over environment over file over defaults, every problem at once with its place."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError

from customer_data.errors import ConfigurationError, InputError
from customer_data.nearest import did_you_mean
from reports.configuration.contradictions import VARIABLE, contradictions
from reports.configuration.messages import at_place, key_text, syntax_message, unknown_key, value_message
from reports.configuration.settings import SOURCE_TABLES, Settings, SourceSection
from reports.configuration.toml_positions import KeyPath, Position, positions_of
from reports.configuration.value_types import SqlText

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from customer_data.engine import Engine
    from customer_data.sources import LoadSettings, Source

PREFIX = "PATHWORTH_"
_OPTION_SECTIONS = ("attribution", "clv", "report", "engine")
_DATA_SUFFIXES = (".csv", ".gz", ".parquet", ".tsv", ".txt", ".xlsx", ".duckdb")
_LEADING_KEY = re.compile(r"([a-z_]+)(?:\[(\d+)\])?((?:\.[A-Za-z_]\w*)*)(?:, \w+)*: ")


@dataclass(frozen=True)
class Configuration:
    """A checked configuration.

    Attributes
    ----------
    file
        Where it was read from; relative paths in it are relative to this file's folder.
    settings
        All values in force.
    origins
        Key path to where its value comes from: ``flag report.seed``, ``environment PATHWORTH_REPORT_SEED`` or
        ``pathworth.toml:3:1``; what is absent is a default.
    """

    file: Path
    settings: Settings
    origins: Mapping[KeyPath, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def path(self, text: str) -> Path:
        """Return a path of the configuration with ``${NAME}`` and ``~`` expanded, relative to its file."""
        expanded = Path(VARIABLE.sub(lambda found: self.environment[found[1]], text)).expanduser()
        return expanded if expanded.is_absolute() else self.file.parent / expanded

    @property
    def output(self) -> Path:
        """The folder that holds the run folders."""
        return self.path(self.settings.report.output)

    def place(self, path: KeyPath) -> str:
        """Return where a key, or the nearest key or section around it, stands."""
        return _place(path, self.origins) or str(self.file)

    def located(self, message: str) -> str:
        """Put the place in the configuration before each line that begins with the name of a key or section."""
        return "\n".join(self._located_line(line) for line in message.splitlines())

    def _located_line(self, line: str) -> str:
        found = _LEADING_KEY.match(line)
        if not found:
            return line
        section, inner = found[1], tuple(found[3].split(".")[1:])
        if section not in Settings.model_fields:  # a part of the package names its own option, not our section
            homes = [name for name in _OPTION_SECTIONS if section in type(getattr(self.settings, name)).model_fields]
            if not homes:
                return line
            section, inner, line = homes[0], (section,), f"{homes[0]}.{line}"
        block: KeyPath = (section,) if found[2] is None else (section, int(found[2]) - 1)
        paths = ((*block, "columns", *inner), (*block, *inner))
        place = next((self.origins[path] for path in paths if path in self.origins), None)
        place = place or _place(block, self.origins)
        return at_place(place, line) if place else line

    def source_files(self) -> list[tuple[KeyPath, str, Path]]:
        """Return every file of data that is named: its key, as written, and where it is."""
        found: list[tuple[KeyPath, str, Path]] = []
        for table in SOURCE_TABLES:
            blocks: tuple[SourceSection, ...] = getattr(self.settings, table)
            for number, section in enumerate(blocks):
                key: KeyPath = (table,) if len(blocks) == 1 else (table, number)
                if section.database is not None:
                    found.append(((*key, "database"), section.database, self.path(section.database)))
                else:
                    found += [((*key, "file"), text, self.path(text)) for text in section.file or ()]
        if self.settings.paths is not None:
            found.append((("paths", "file"), self.settings.paths.file, self.path(self.settings.paths.file)))
        return found

    def require_files(self) -> None:
        """Raise `InputError` when files of data are not there; all of them at once."""
        from customer_data.text_files import matching_files

        problems = []
        for key, text, path in self.source_files():
            if any(Path(one).is_file() for one in matching_files(path)):
                continue
            if path.is_dir():
                hint = " It is a folder. Name a file, or a pattern of several as in folder/*.csv."
            elif path.parent.is_dir():
                names = sorted(one.name for one in path.parent.iterdir() if one.is_file())
                hint = did_you_mean(path.name, names) or f" It is not in {path.parent.resolve()}."
            else:
                hint = f" There is no folder {path.parent}."
            problems.append(at_place(self.place(key), f"{key_text(key)}: no file {text!r}.{hint}"))
        if problems:
            raise InputError(problems)

    def sources(self) -> list[Source]:
        """Return the sources of the tables, in the order in which they are loaded."""
        return [
            _source(table, section, self.path) for table in SOURCE_TABLES for section in getattr(self.settings, table)
        ]

    def engine(self) -> Engine:
        """Return the engine's options."""
        from customer_data.engine import Engine

        wanted = self.settings.engine
        folder = None if wanted.spill_folder is None else self.path(wanted.spill_folder)
        return Engine(wanted.memory_limit, wanted.threads, folder, self.settings.report.timezone)

    def load_settings(self) -> LoadSettings:
        """Return the policies of reading."""
        from customer_data.sources import LoadSettings

        report, orders, touchpoints = self.settings.report, self.settings.orders, self.settings.touchpoints
        return LoadSettings(
            timezone=report.timezone,
            currency=report.currency,
            currency_rates=report.currency_rates,
            refunds="reject" if any(one.refunds == "reject" for one in orders) else "net",
            missing_channel=next((one.missing_channel for one in touchpoints if one.missing_channel is not None), None),
            rename_channels={theirs: ours for one in touchpoints for theirs, ours in one.rename_channels.items()},
            as_of=report.as_of,
        )


def read_configuration(
    file: str | Path, *, flags: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
) -> Configuration:
    """Read and check a configuration file.

    Parameters
    ----------
    file
        A TOML file.
    flags
        Values of the command line by dotted key, as ``{"report.seed": "7"}``; they win over everything.
    environment
        Variables; by default the process's. ``PATHWORTH_REPORT_SEED`` wins over ``seed`` of ``[report]``.

    Raises
    ------
    ConfigurationError
        With every problem, one a line, each ``file:line:column: sentence``.
    """
    file = Path(file)
    environment = dict(os.environ if environment is None else environment)
    text = _text(file)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, column, said = syntax_message(error, text)
        raise ConfigurationError(f"{file}:{line}:{column}: {said}") from None
    places = {path: _shown(file, place) for path, place in positions_of(text).items()}
    problems: list[tuple[str, str]] = []
    given = [
        (path, environment[variable], f"environment {variable}")
        for variable, path in _environment_keys(environment, text, problems)
    ]
    given += [(tuple(name.split(".")), value, f"flag {name}") for name, value in (flags or {}).items()]
    for path, value, origin in given:
        if len(path) > 1 and isinstance(blocks := data.get(str(path[0])), list):
            said = f"there are {len(blocks)} blocks [[{path[0]}]], and this does not tell which. Edit them in the file."
            problems.append((origin, said))
        else:
            _override(data, places, path, value, origin)
    settings = None
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        problems += [
            (_place(detail["loc"], places) or str(file), value_message(detail, Settings))
            for detail in (_as_written(one, data) for one in _of_its_own(error.errors()))
        ]
    problems += [(_place(path, places) or str(file), said) for path, said in contradictions(data, environment)]
    if settings is not None and not problems:
        configuration = Configuration(file, settings, places, environment)
        problems += [
            (configuration.place(("report", "fonts")), f"report.fonts: no file {text!r}.")
            for text in settings.report.fonts
            if not configuration.path(text).exists()
        ]
    if problems or settings is None:
        raise ConfigurationError("\n".join(at_place(place, said) for place, said in _sorted(problems)))
    return configuration


def _text(file: Path) -> str:
    if file.suffix.lower() in _DATA_SUFFIXES:
        raise ConfigurationError(
            f'{file}: a configuration is wanted here, not data. "pathworth init {file}" writes one for it.'
        )
    try:
        return file.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: not UTF-8 (byte {error.start}). Save the file as UTF-8.") from error
    except IsADirectoryError:
        near = sorted(str(one) for one in file.glob("*.toml"))
        hint = f" Did you mean {near[0]!r}?" if near else ' "pathworth init" writes a configuration.'
        raise ConfigurationError(f"{file}: this is a folder, not a configuration file.{hint}") from None
    except FileNotFoundError:
        names = [one.name for one in file.parent.glob("*.toml")] if file.parent.is_dir() else []
        hint = did_you_mean(file.name, names) or ' "pathworth init" writes one.'
        raise ConfigurationError(f"{file}: there is no such file.{hint}") from None
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror}).") from error


def _shown(file: Path, place: Position) -> str:
    return f"{file}:{place.line}:{place.column}"


def _place(path: KeyPath, places: Mapping[KeyPath, str]) -> str | None:
    """The place of a key, else of the section around it, else of what stands inside it."""
    around = (places[path[:length]] for length in range(len(path), 0, -1) if path[:length] in places)
    inside = (place for known, place in places.items() if path and known[: len(path)] == path)
    return next(around, None) or next(inside, None)


def _of_its_own(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Errors without those of lists that are only too short because entries of theirs are wrong."""
    places = [error["loc"] for error in errors]
    return [
        error
        for error in errors
        if error["type"] != "too_short"
        or not any(len(place) > len(error["loc"]) and place[: len(error["loc"])] == error["loc"] for place in places)
    ]


def _as_written(error: ErrorDetails, data: Mapping[str, Any]) -> ErrorDetails:
    """The error with its place as in the file: a section that is written once has no number."""
    section, *rest = error["loc"]
    if section in SOURCE_TABLES and rest and not isinstance(data.get(str(section)), list):
        error["loc"] = (section, *rest[1:])
    return error


def _sorted(problems: list[tuple[str, str]]) -> list[tuple[str, str]]:
    def order(problem: tuple[str, str]) -> list[tuple[int, str]]:
        return [(int(part), "") if part.isdigit() else (0, part) for part in problem[0].split(":")]

    return sorted(dict.fromkeys(problems), key=order)


def _environment_keys(
    environment: Mapping[str, str], text: str, problems: list[tuple[str, str]]
) -> list[tuple[str, KeyPath]]:
    found: list[tuple[str, KeyPath]] = []
    for variable in sorted(name for name in environment if name.startswith(PREFIX)):
        section, _, key = variable.removeprefix(PREFIX).lower().partition("_")
        if section in Settings.model_fields and key:
            found.append((variable, (section, key)))
        elif key and did_you_mean(section, Settings.model_fields) and f"${{{variable}}}" not in text:
            problems.append((f"environment {variable}", unknown_key((section,), Settings)))
    return found


def _override(data: dict[str, Any], places: dict[KeyPath, str], path: KeyPath, text: str, origin: str) -> None:
    table = data
    for part in path[:-1]:
        inner = table.setdefault(str(part), {})
        if not isinstance(inner, dict):
            inner = table[str(part)] = {}
        table = inner
    table[str(path[-1])] = _typed(path, text)
    for stale in [known for known in places if known[: len(path)] == path]:
        del places[stale]
    places[path] = origin


def _typed(path: KeyPath, text: str) -> Any:
    """A value given as text: TOML where it reads as TOML, else the text itself; a list may be given with commas."""
    wanted = _field_type(path)
    if wanted is str and text[:1] not in ("'", '"'):
        return text
    for written in (text, f"[{text}]") if wanted is float else (text,):
        try:
            return tomllib.loads(f"value = {written}")["value"]
        except tomllib.TOMLDecodeError:
            continue
    return [part.strip() for part in text.split(",")] if wanted is tuple else text


def _field_type(path: KeyPath) -> type | None:
    """What a key holds: text, a list (tuple), a list of numbers (float), or something else."""
    section = Settings.model_fields.get(str(path[0]))
    models = [] if section is None else [one for one in (section.annotation, *get_args(section.annotation)) if one]
    for model in models:
        known = getattr(model, "model_fields", {}).get(str(path[1])) if len(path) == 2 else None
        if known is not None:
            shown = str(known.annotation)
            if "tuple" in shown:
                return float if "tuple[float" in shown else tuple
            return str if not shown.startswith("dict") and ("str" in shown or "Literal" in shown) else None
    return None


def _source(table: str, section: SourceSection, path: Any) -> Source:
    from customer_data.sources import Source, Sql

    places = [path(one) for one in section.file or ()] if section.database is None else [path(section.database)]
    return Source(
        table=table,
        data=places[0] if len(places) == 1 else places,
        relation=section.table,
        columns={
            ours: Sql(theirs.sql) if isinstance(theirs, SqlText) else theirs for ours, theirs in section.columns.items()
        },
        time_format=section.time_format,
        timezone=section.timezone,
        separator=section.separator,
        encoding=section.encoding,
        decimal=section.decimal,
        names=section.names,
        filter=None if section.filter is None else Sql(section.filter),
        duplicates=section.duplicates,
    )
