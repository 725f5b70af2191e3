"""The configuration that ``pathworth init`` writes: every key with its comment, the columns of given files mapped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from customer_data.table_specs import TABLE_SPECS
from reports.configuration.drafting import Draft
from reports.configuration.payments import SAME_FILE
from reports.configuration.recognition import Recognised, required_columns
from reports.configuration.toml_text import toml_sql, toml_text

if TYPE_CHECKING:
    from pydantic import BaseModel


def configuration_text(drawn: Draft | None = None, *, folder: Path = Path()) -> str:
    """Return a commented configuration; without files it shows the sections of touchpoints and orders to fill in."""
    from reports.configuration.settings import Settings

    drawn = drawn or Draft({})
    sections = drawn.sections or {
        name: (Recognised(folder / f"{name}.csv", name, {one: one for one in required_columns(name)}),)
        for name in ("touchpoints", "orders")
    }
    parts = [_HEAD, *("\n".join(_comments(one)) for one in drawn.unused)]
    explained: set[str] = set()
    for name in Settings.model_fields:
        model = _section_model(name)
        if name in sections:
            header = f"[{name}]" if len(sections[name]) == 1 else f"[[{name}]]"
            for one in sections[name]:
                parts.append("\n".join([f"{header}  # {_ABSENT[name]}", *_data_lines(one, model, folder, explained)]))
                explained |= set(model.model_fields)
        elif name not in (*TABLE_SPECS, "paths"):
            stated = drawn.keys.get(name, {})
            lines = [f"{key} = {toml_text(value)}" for key, value in stated.items()]
            said = [line for note in drawn.notes.get(name, ()) for line in _comments(note)]
            parts.append("\n".join([f"[{name}]", *lines, *said, *_key_lines(model, [*stated])]))
        else:
            parts.append(f"# [{name}]  {_ABSENT[name]}")
    return "\n\n".join(parts) + "\n"


def _shown_path(file: Path, folder: Path) -> str:
    return toml_text((file if file.is_absolute() else Path(os.path.relpath(file, folder))).as_posix())


def _comments(note: str) -> list[str]:
    return [f"# {line}" for line in note.split("\n")]


_HEAD = """\
# What pathworth is to read and report. `pathworth check` reads and counts, `pathworth report` publishes.
# Keys behind a # show their defaults. Paths are relative to this file; ${NAME} stands for an environment variable."""

_ABSENT = {
    "touchpoints": "visits, clicks and views by customer, time and channel; for credit of channels",
    "orders": "orders by customer, time and value",
    "refunds": "refunds by order_id, time and value, when they are not among the orders",
    "spend": "what channels cost by date, channel and cost",
    "customers": "attributes of customers, for a forecast per segment (clv.segment_by)",
    "paths": "aggregated paths with conversions, in place of touchpoints",
}


def _section_model(name: str) -> type[BaseModel]:
    from typing import get_args

    from pydantic import BaseModel

    from reports.configuration.settings import Settings

    annotation = Settings.model_fields[name].annotation
    models = [
        one for one in (annotation, *get_args(annotation)) if isinstance(one, type) and issubclass(one, BaseModel)
    ]
    return models[0]


def _data_lines(one: Recognised, model: type[BaseModel], folder: Path, explained: set[str]) -> Iterator[str]:
    """The lines of a section of data; keys that an earlier section has explained are not said again."""
    assert one.section is not None
    files = [_shown_path(file, folder) for file in (one.file, *one.further_files)]
    named = files[0] if len(files) == 1 else f"[{', '.join(files)}]"
    yield f"file = {named}"
    given = ["file", "columns", *one.options]
    if one.section == "paths" and one.head.separator not in (None, ","):
        yield f"separator = {toml_text(one.head.separator or ',')}"
        given.append("separator")
    for key, value in one.options.items():
        yield f"{key} = {toml_text(value)}"
    for note in one.notes:
        yield from _comments(note.replace(SAME_FILE, named))
    yield from _key_lines(model, given)
    yield f'[{one.section}.columns]  # ours = theirs, or ours = {{ sql = "an expression of theirs" }}'
    mapped = {ours: toml_text(theirs) for ours, theirs in one.columns.items()}
    mapped |= {ours: toml_sql(expression) for ours, expression in one.computed.items()}
    order = [*required_columns(one.section), *mapped]
    for ours in sorted(mapped, key=order.index):
        yield f"{ours} = {mapped[ours]}"
    for ours in one.missing:
        if ours == "channel":
            yield "# channel = { sql = \"'Paid Search'\" }  # one name for all of the file, if it is of one channel"
        yield f'{ours} = ""  # to be filled in; the file has: {", ".join(one.theirs)}'


def _key_lines(model: type[BaseModel], given: Sequence[str]) -> Iterator[str]:
    for key, field in model.model_fields.items():
        if key in given or key == "columns":
            continue
        default = field.get_default(call_default_factory=True)  # type: ignore[call-arg,unused-ignore]
        shown = _default_text(default)
        yield f"# {key} = {shown}".ljust(36) + f"  # {field.description}"


def _default_text(value: object) -> str:
    if value is None:
        return "..."
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return json.dumps(value) if not isinstance(value, dict) else "{}"
