"""What no single key of a configuration shows: sections that need each other, unset variables, options that clash."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from customer_data.nearest import did_you_mean
from reports.configuration.messages import key_text
from reports.configuration.settings import SOURCE_TABLES, Settings

if TYPE_CHECKING:
    from reports.configuration.toml_positions import KeyPath

VARIABLE = re.compile(r"\$\{([^}]*)\}")


def contradictions(data: Mapping[str, Any], environment: Mapping[str, str]) -> list[tuple[KeyPath, str]]:
    """Return the keys and sentences of what no single key shows."""
    found: list[tuple[KeyPath, str]] = []
    if not {"touchpoints", "orders", "paths"} & set(data) and set(data) <= set(Settings.model_fields):
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
    for path, section in _blocks(data):
        found += [(path, said) for said in _where_problems(path, section)]
        if isinstance(section.get("timezone"), str):
            found += _timezone_problems((*path, "timezone"), section["timezone"])
    found += _attribution_problems(data)
    clv, report = data.get("clv"), data.get("report")
    if isinstance(clv, Mapping) and {"holdout_days", "holdout_until"} <= set(clv):
        found.append((("clv", "holdout_until"), "holdout_days and holdout_until exclude each other. Keep one."))
    if isinstance(clv, Mapping) and clv.get("segment_by") and "customers" not in data:
        found.append((("clv", "segment_by"), "clv.segment_by needs [customers], whose attributes it names."))
    if isinstance(clv, Mapping) and clv.get("infinite_horizon") is True and clv.get("annual_discount_rate") == 0:
        said = "clv.infinite_horizon needs a discount: without one, orders without an end have no finite sum."
        found.append((("clv", "infinite_horizon"), said))
    if isinstance(report, Mapping) and isinstance(report.get("timezone"), str):
        found += _timezone_problems(("report", "timezone"), report["timezone"])
    if isinstance(report, Mapping) and report.get("currency_rates") and "currency" not in report:
        found.append((("report", "currency_rates"), 'report.currency_rates needs report.currency, as in "EUR".'))
    found += _renaming_problems(data) + _policy_problems(data)
    return found + _source_problems(data) + _unset_variables(data, environment, ())


def _renaming_problems(data: Mapping[str, Any]) -> list[tuple[KeyPath, str]]:
    """What the new names of channels say of each other."""
    from customer_data.channel_names import renaming_problems

    found: list[tuple[KeyPath, str]] = []
    sections = [(path, section) for path, section in _blocks(data) if path[0] == "touchpoints"]
    if isinstance(data.get("paths"), Mapping):
        sections.append((("paths",), data["paths"]))
    for path, section in sections:
        named = section.get("rename_channels")
        if isinstance(named, Mapping) and all(isinstance(name, str) for name in named.values()):
            key = (*path, "rename_channels")
            found += [(key, said) for said in renaming_problems(named, key_text(key))]
    return found


def _blocks(data: Mapping[str, Any]) -> list[tuple[KeyPath, Mapping[str, Any]]]:
    """Every section of data with its path; of a section of several blocks each of them."""
    found: list[tuple[KeyPath, Mapping[str, Any]]] = []
    for table in SOURCE_TABLES:
        section = data.get(table)
        blocks = enumerate(section) if isinstance(section, list) else ()
        found += [((table, number), block) for number, block in blocks if isinstance(block, Mapping)]
        found += [((table,), section)] if isinstance(section, Mapping) else []
    return found


def _policy_problems(data: Mapping[str, Any]) -> list[tuple[KeyPath, str]]:
    """What blocks of one section say differently, though it holds for all of them."""
    found: list[tuple[KeyPath, str]] = []
    first: dict[tuple[str, ...], tuple[KeyPath, Any]] = {}
    for path, section in _blocks(data):
        stated: dict[tuple[str, ...], Any] = {
            (key,): section[key] for key in ("refunds", "missing_channel") if key in section and len(path) > 1
        }
        renamed = section.get("rename_channels")
        if isinstance(renamed, Mapping):
            stated |= {("rename_channels", name): ours for name, ours in renamed.items()}
        for key, value in stated.items():
            before, other = first.setdefault((str(path[0]), *key), ((*path, *key), value))
            if other != value:
                said = f"{key_text((*path, *key))} and {key_text(before)} differ, but hold for all of them. Keep one."
                found.append(((*path, *key), said))
    return found


def _where_problems(path: KeyPath, section: Mapping[str, Any]) -> list[str]:
    table = key_text(path) if len(path) == 1 else f"[{path[0]}]"
    if "file" in section and "database" in section:
        return [f"[{table}] names a file and a database. Keep one."]
    if "file" not in section and "database" not in section:
        return [f'[{table}] needs file, as in file = "{path[0]}.csv" (or database and table).']
    if "database" in section and "table" not in section:
        return [f"[{table}] names a database, but not which table of it."]
    return [f"[{table}] names a table, but no database."] if "table" in section and "file" in section else []


def _timezone_problems(key: KeyPath, name: str) -> list[tuple[KeyPath, str]]:
    import zoneinfo

    known = zoneinfo.available_timezones()
    if name in known:
        return []
    hint = did_you_mean(name, known) or ' Write one as in "Europe/Berlin".'
    return [(key, f"{name!r} is not the name of a time zone.{hint}")]


def _unset_variables(value: Any, environment: Mapping[str, str], path: KeyPath) -> list[tuple[KeyPath, str]]:
    if isinstance(value, Mapping):
        return [one for key, inner in value.items() for one in _unset_variables(inner, environment, (*path, key))]
    if isinstance(value, list):
        return [one for i, inner in enumerate(value) for one in _unset_variables(inner, environment, (*path, i))]
    if not isinstance(value, str) or not {"file", "database", "output", "fonts", "spill_folder"} & set(path):
        return []
    return [
        (path, f"the environment variable {name} is not set. Set it, as in: export {name}=/some/folder")
        for name in VARIABLE.findall(value)
        if name not in environment
    ]


def _attribution_problems(data: Mapping[str, Any]) -> list[tuple[KeyPath, str]]:
    """What the options of ``[attribution]`` say of each other and of the data."""
    wanted = data.get("attribution")
    if not isinstance(wanted, Mapping):
        return []
    found: list[tuple[KeyPath, str]] = []
    named = wanted.get("models")
    models = [*(named if isinstance(named, list) else [named]), wanted.get("baseline"), wanted.get("model")]
    if wanted.get("transform", "keep_all") != "keep_all" and "time_decay" in models:
        found.append(
            (
                ("attribution", "transform"),
                "attribution.transform leaves no times of touches, which time_decay needs. Keep one of the two.",
            )
        )
    if "custom" in models and "custom_weights" not in wanted:
        key = next((key for key in ("baseline", "model") if wanted.get(key) == "custom"), "models")
        found.append(
            (
                ("attribution", key),
                f"attribution.{key}: 'custom' needs attribution.custom_weights, counted back from the last touch, as "
                "in [0.5, 0.3, 0.2].",
            )
        )
    compared = (wanted.get("baseline"), wanted.get("model"))
    found += [
        (
            ("attribution", "bootstrap_replicates"),
            f"attribution.bootstrap_replicates: {said} intervals of their own and are not drawn again. Leave it out.",
        )
        for name, said in (("shapley", "Shapley values have"), ("regression", "credits of the regression have"))
        if wanted.get("bootstrap_replicates") and name in compared
    ]
    if "paths" in data and "time_decay" in models:
        key = next((key for key in ("baseline", "model") if wanted.get(key) == "time_decay"), "models")
        found.append(
            (
                ("attribution", key),
                f"attribution.{key}: the touches of [paths] have no times, which time_decay needs. Read [touchpoints] "
                "and [orders], or use 'custom' with weights by position, which is another rule.",
            )
        )
    if "paths" in data and wanted.get("grain") == "session":
        found.append(
            (
                ("attribution", "grain"),
                'attribution.grain: the touches of [paths] have no times, so there are no visits. Keep "touch".',
            )
        )
    experiments = wanted.get("experiments")
    for number, test in enumerate(experiments if isinstance(experiments, list) else ()):
        found += [
            (
                ("attribution", "experiments", number, name),
                f"attribution.experiments.{name}: [paths] carry no dates; a test counts against all of them. Leave it "
                "out.",
            )
            for name in ("from", "until")
            if "paths" in data and isinstance(test, Mapping) and name in test
        ]
    return found


def _source_problems(data: Mapping[str, Any]) -> list[tuple[KeyPath, str]]:
    """What the tables of data say of their sources' options, whatever else is wrong with them."""
    from customer_data.sources import Source, source_problems, text_problems

    found: list[tuple[KeyPath, str]] = []
    for path, section in _blocks(data):
        table = str(path[0])
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
            key = said.partition(":")[0].split(".")[1:]
            found.append(((*path, *key, wrong[1]) if wrong else (*path, *key), said))
    if isinstance(paths := data.get("paths"), Mapping):
        given = {key: value for key, value in paths.items() if isinstance(value, str)}
        written = Source(
            table="paths",
            data="",
            separator=given.get("separator"),
            encoding=given.get("encoding", "utf-8"),
            decimal=given.get("decimal", "."),
        )
        found += [(tuple(said.partition(":")[0].split(".")), said) for said in text_problems(written, "paths")]
    return found
