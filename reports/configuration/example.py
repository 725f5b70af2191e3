"""The configuration that ``pathworth init`` writes: every key with its comment, the columns of given files mapped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from customer_data.table_specs import TABLE_SPECS
from reports.configuration.recognition import Recognised, required_columns

if TYPE_CHECKING:
    from pydantic import BaseModel


def configuration_text(found: Sequence[Recognised] = (), *, folder: Path = Path()) -> str:
    """Return a commented configuration; without files it shows the sections of touchpoints and orders to fill in."""
    from reports.configuration.settings import Settings

    by_section: dict[str, Recognised] = {}
    unused = []
    for one in found:
        if one.section is None or one.section in by_section:
            unused.append(f"# Not used: {one.file.name}, {one.says}")
        else:
            by_section[one.section] = one
    if not by_section:
        by_section = {
            name: Recognised(folder / f"{name}.csv", name, {one: one for one in required_columns(name)}, ())
            for name in ("touchpoints", "orders")
        }
    parts = [_HEAD, *unused]
    explained: set[str] = set()
    for name in Settings.model_fields:
        model = _section_model(name)
        if name in by_section:
            parts.append("\n".join(_data_lines(by_section[name], model, folder, explained)))
            explained |= set(model.model_fields)
        elif name not in (*TABLE_SPECS, "paths"):
            parts.append("\n".join([f"[{name}]", *_key_lines(model, ())]))
        else:
            parts.append(f"# [{name}]  {_ABSENT[name]}")
    return "\n\n".join(parts) + "\n"


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
    yield f"[{one.section}]  # {_ABSENT[one.section]}"
    file = one.file if one.file.is_absolute() else Path(os.path.relpath(one.file, folder))
    yield f"file = {_text(file.as_posix())}"
    given = ["file", "columns", *one.options]
    if one.section == "paths" and one.separator not in (None, ","):
        yield f"separator = {_text(one.separator or ',')}"
        given.append("separator")
    for key, value in one.options.items():
        yield f"{key} = {_text(value)}"
    for note in one.notes:
        yield f"# {note}"
    yield from _key_lines(model, given)
    yield f'[{one.section}.columns]  # ours = theirs, or ours = {{ sql = "an expression of theirs" }}'
    for ours, theirs in one.columns.items():
        yield f"{ours} = {_text(theirs)}"
    for ours, expression in one.computed.items():
        yield f"{ours} = {{ sql = {_text(expression)} }}"
    for ours in required_columns(one.section):
        if ours not in (*one.columns, *one.computed):
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


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
