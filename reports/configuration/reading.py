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
from reports.configuration.attribution_problems import attribution_problems
from reports.configuration.messages import syntax_message, unknown_key, value_message
from reports.configuration.settings import SOURCE_TABLES, Settings, SourceSection, SqlText
from reports.configuration.toml_positions import KeyPath, Position, positions_of

if TYPE_CHECKING:
    from customer_data.engine import Engine
    from customer_data.sources import LoadSettings, Source

PREFIX = "PATHWORTH_"
_OPTION_SECTIONS = ("attribution", "clv", "report", "engine")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LEADING_KEY = re.compile(r"([a-z_]+)(?:\[\d+\])?((?:\.[A-Za-z_]\w*)*)(?:, \w+)*: ")


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
        expanded = Path(_VARIABLE.sub(lambda found: self.environment[found[1]], text)).expanduser()
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
        section, inner = found[1], tuple(found[2].split(".")[1:])
        if section not in Settings.model_fields:  # a part of the package names its own option, not our section
            homes = [name for name in _OPTION_SECTIONS if section in type(getattr(self.settings, name)).model_fields]
            if not homes:
                return line
            section, inner, line = homes[0], (section,), f"{homes[0]}.{line}"
        paths = ((section, "columns", *inner), (section, *inner))
        place = next((self.origins[path] for path in paths if path in self.origins), None)
        place = place or _place((section,), self.origins)
        return f"{place}: {line}" if place else line

    def source_files(self) -> list[tuple[KeyPath, str, Path]]:
        """Return every file of data that is named: its key, as written, and where it is."""
        found: list[tuple[KeyPath, str, Path]] = []
        for table in SOURCE_TABLES:
            section: SourceSection | None = getattr(self.settings, table)
            if section is not None and section.database is not None:
                found.append(((table, "database"), section.database, self.path(section.database)))
            elif section is not None and section.file is not None:
                found += [((table, "file"), text, self.path(text)) for text in section.file]
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
            problems.append(f"{self.place(key)}: {'.'.join(map(str, key))}: no file {text!r}.{hint}")
        if problems:
            raise InputError(problems)

    def sources(self) -> list[Source]:
        """Return the sources of the tables, in the order in which they are loaded."""
        sources: list[Source] = []
        for table in SOURCE_TABLES:
            section: SourceSection | None = getattr(self.settings, table)
            if section is not None:
                sources += _sources_of(table, section, self.path)
        return sources

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
            refunds=orders.refunds if orders else "net",
            missing_channel=touchpoints.missing_channel if touchpoints else None,
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
    for variable, path in _environment_keys(environment, text, problems):
        _override(data, places, path, environment[variable], f"environment {variable}")
    for name, value in (flags or {}).items():
        _override(data, places, tuple(name.split(".")), value, f"flag {name}")
    settings = None
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        problems += [
            (_place(detail["loc"], places) or str(file), value_message(detail, Settings)) for detail in error.errors()
        ]
    problems += [(_place(path, places) or str(file), said) for path, said in _contradictions(data, environment)]
    if settings is not None and not problems:
        configuration = Configuration(file, settings, places, environment)
        problems += [
            (configuration.place(("report", "fonts")), f"report.fonts: no file {text!r}.")
            for text in settings.report.fonts
            if not configuration.path(text).exists()
        ]
    if problems or settings is None:
        raise ConfigurationError("\n".join(f"{place}: {said}" for place, said in _sorted(problems)))
    return configuration


def _text(file: Path) -> str:
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
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return [part.strip() for part in text.split(",")] if wanted is tuple else text


def _field_type(path: KeyPath) -> type | None:
    section = Settings.model_fields.get(str(path[0]))
    models = [] if section is None else [one for one in (section.annotation, *get_args(section.annotation)) if one]
    for model in models:
        known = getattr(model, "model_fields", {}).get(str(path[1])) if len(path) == 2 else None
        if known is not None:
            shown = str(known.annotation)
            return tuple if "tuple" in shown else str if "str" in shown or "Literal" in shown else None
    return None


def _contradictions(data: Mapping[str, Any], environment: Mapping[str, str]) -> list[tuple[KeyPath, str]]:
    """What no single key shows: sections that need each other, variables that are not set, unknown names."""
    found: list[tuple[KeyPath, str]] = []
    if not {"touchpoints", "orders", "paths"} & set(data):
        found.append(((), "names no data. Write [touchpoints] and [orders], or [orders] alone, or [paths]."))
    if "touchpoints" in data and "orders" not in data:
        found.append((("touchpoints",), "[touchpoints] needs [orders]: without orders nothing converts."))
    if "touchpoints" in data and "paths" in data:
        found.append((("paths",), "[paths] and [touchpoints] both describe journeys. Keep one of them."))
    if "spend" in data and "touchpoints" not in data:
        found.append((("spend",), "[spend] needs [touchpoints], whose channels it prices."))
    found += [
        ((table,), f"[{table}] needs [orders].")
        for table in ("refunds", "customers")
        if table in data and "orders" not in data
    ]
    for table in SOURCE_TABLES:
        section = data.get(table)
        if isinstance(section, Mapping):
            found += [((table,), said) for said in _where_problems(table, section)]
    found += attribution_problems(data)
    clv, report = data.get("clv"), data.get("report")
    if isinstance(clv, Mapping) and {"holdout_days", "holdout_until"} <= set(clv):
        found.append((("clv", "holdout_until"), "holdout_days and holdout_until exclude each other. Keep one."))
    if isinstance(clv, Mapping) and clv.get("segment_by") and "customers" not in data:
        found.append((("clv", "segment_by"), "clv.segment_by needs [customers], whose attributes it names."))
    if isinstance(report, Mapping) and isinstance(report.get("timezone"), str):
        found += _timezone_problems(report["timezone"])
    if isinstance(report, Mapping) and report.get("currency_rates") and "currency" not in report:
        found.append((("report", "currency_rates"), 'report.currency_rates needs report.currency, as in "EUR".'))
    return found + _source_problems(data) + _unset_variables(data, environment, ())


def _where_problems(table: str, section: Mapping[str, Any]) -> list[str]:
    if "file" in section and "database" in section:
        return [f"[{table}] names a file and a database. Keep one."]
    if "file" not in section and "database" not in section:
        return [f'[{table}] needs file, as in file = "{table}.csv" (or database and table).']
    if "database" in section and "table" not in section:
        return [f"[{table}] names a database, but not which table of it."]
    return [f"[{table}] names a table, but no database."] if "table" in section and "file" in section else []


def _timezone_problems(name: str) -> list[tuple[KeyPath, str]]:
    import zoneinfo

    known = zoneinfo.available_timezones()
    if name in known:
        return []
    hint = did_you_mean(name, known) or ' Write one as in "Europe/Berlin".'
    return [(("report", "timezone"), f"{name!r} is not the name of a time zone.{hint}")]


def _unset_variables(value: Any, environment: Mapping[str, str], path: KeyPath) -> list[tuple[KeyPath, str]]:
    if isinstance(value, Mapping):
        return [one for key, inner in value.items() for one in _unset_variables(inner, environment, (*path, key))]
    if isinstance(value, list):
        return [one for i, inner in enumerate(value) for one in _unset_variables(inner, environment, (*path, i))]
    if not isinstance(value, str) or not {"file", "database", "output", "fonts", "spill_folder"} & set(path):
        return []
    return [
        (path, f"the environment variable {name} is not set. Set it, as in: export {name}=/some/folder")
        for name in _VARIABLE.findall(value)
        if name not in environment
    ]


def _sources_of(table: str, section: SourceSection, path: Any) -> list[Source]:
    from customer_data.sources import Source, Sql

    places = [path(section.database)] if section.database is not None else [path(one) for one in section.file or ()]
    return [
        Source(
            table=table,
            data=place,
            relation=section.table,
            columns={
                ours: Sql(theirs.sql) if isinstance(theirs, SqlText) else theirs
                for ours, theirs in section.columns.items()
            },
            time_format=section.time_format,
            separator=section.separator,
            encoding=section.encoding,
            decimal=section.decimal,
            names=section.names,
            filter=None if section.filter is None else Sql(section.filter),
            duplicates=section.duplicates,
        )
        for place in places
    ]


def _source_problems(data: Mapping[str, Any]) -> list[tuple[KeyPath, str]]:
    """What the tables of data say of their sources' options, whatever else is wrong with them."""
    from customer_data.sources import Source, source_problems

    found: list[tuple[KeyPath, str]] = []
    for table in SOURCE_TABLES:
        section = data.get(table)
        if not isinstance(section, Mapping):
            continue
        given = {key: value for key, value in section.items() if isinstance(value, str)}
        columns, names = section.get("columns"), section.get("names")
        source = Source(
            table=table,
            data="",
            columns=dict.fromkeys(columns, "") if isinstance(columns, Mapping) else {},
            time_format=given.get("time_format"),
            separator=given.get("separator"),
            encoding=given.get("encoding", "utf-8"),
            decimal=given.get("decimal", "."),
            names=names if isinstance(names, list) else None,
        )
        for said in source_problems(source, table):
            wrong = re.match(r"\w+\.columns: '([^']*)'", said)
            key = said.partition(":")[0].split(".")
            found.append(((*key, wrong[1]) if wrong else tuple(key), said))
    return found
