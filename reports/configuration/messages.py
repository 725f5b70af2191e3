"""Sentences for everything that can be wrong in a configuration, as an analyst would want to read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from customer_data.nearest import did_you_mean

if TYPE_CHECKING:
    import tomllib

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from reports.configuration.toml_positions import KeyPath

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*$")
_REMEDIES = (
    ("Invalid value", 'Text stands in quotes, as in title = "My report"; dates, numbers, true and false do not'),
    ("Unescaped '\\'", "In double quotes a backslash needs another one; write paths in single quotes or with /"),
    ("Invalid hex value", "In double quotes a backslash needs another one; write paths in single quotes or with /"),
    ("Illegal character '\\n'", "Close the quotes on the same line"),
    ("Cannot overwrite a value", "This key stands twice in its section; keep one"),
    ("twice", "This section stands twice; merge the two"),
    ("Expected '='", 'Write key = value, as in currency = "EUR"'),
    ("Invalid statement", "Write key = value, or a section's name in brackets, as in [orders]"),
    ("Unclosed", "A bracket or quote that was opened is never closed"),
)


def syntax_message(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, int, str]:
    """Return the line, the column and the sentence for a text that is not TOML."""
    said = str(error)
    found = _PLACE.search(said)
    lines = text.split("\n")
    line, column = (len(lines), len(lines[-1]) + 1)
    if found and found[1]:
        line, column = int(found[1]), int(found[2])
    said = _PLACE.sub("", said)
    remedy = next((f". {remedy}" for sign, remedy in _REMEDIES if sign in said), "")
    return line, column, f"this is not TOML: {said[0].lower()}{said[1:]}{remedy}."


def value_message(error: ErrorDetails, root: type[BaseModel]) -> str:
    """Return the sentence for one error of the model."""
    loc = error["loc"]
    name = ".".join(str(part) for part in loc if isinstance(part, str))
    context = error.get("ctx", {})
    given = context.get("actual_length", error.get("input"))
    if error["type"] == "extra_forbidden":
        return unknown_key(loc, root)
    if error["type"] == "missing":
        return f"{_section(loc)} needs {loc[-1]}."
    said = _SENTENCES.get(error["type"])
    if error["type"] == "dict_type" and loc[-1] in ("product_margins", "currency_rates"):
        said = _numbers_by_name
    if said is None:
        return f"{name}: {error['msg'].rstrip('.?')}{_end(error['msg'])}"
    return f"{name} {said(context)}, not {_shown(given)}.{_fraction_hint(error['type'], context, given)}"


def key_text(key: KeyPath) -> str:
    """Return a key as messages name it: of several blocks of a section with the block's number, from 1 on."""
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in key]
    return "".join(parts).removeprefix(".")


def at_place(place: str, sentence: str) -> str:
    """Put a place before a sentence; a flag whose key begins the sentence names it once."""
    if place.startswith("flag "):
        rest = sentence.removeprefix(place.removeprefix("flag "))
        if rest != sentence and rest[:1] in (":", " "):
            return f"{place}{rest}"
    return f"{place}: {sentence}"


def unknown_key(loc: tuple[str | int, ...], root: type[BaseModel]) -> str:
    """Return the sentence for a key or section that there is not, with the one probably meant."""
    key = str(loc[-1])
    section = root
    for part in loc[:-1]:
        section = _model_of(section, str(part)) or section
    known = [field.alias or name for name, field in section.model_fields.items()]
    homes = [name for name in root.model_fields if key in getattr(_model_of(root, name), "model_fields", {})]
    if len(loc) == 1:
        near = did_you_mean(key, known)
        home = f"{' As a key it' if near else ' It'} belongs in [{homes[0]}]." if homes else ""
        hint = near + home
        return (
            f"unknown section or key {key!r}.{hint or ' There are: ' + ', '.join(f'[{name}]' for name in known) + '.'}"
        )
    hint = did_you_mean(key, known)
    if not hint and homes:
        hint = f" It belongs in [{homes[0]}]."
    return f"unknown key {key!r} in {_section(loc)}.{hint or ' There are: ' + ', '.join(known) + '.'}"


def _fraction_hint(kind: str, context: Mapping[str, Any], given: Any) -> str:
    """A sentence for a percentage where a fraction is wanted, with the number that was probably meant."""
    if kind == "float_type" and isinstance(given, str) and (percent := _PERCENT.match(given)):
        return f" Write {percent[1]} % as {float(percent[1]) / 100:g}."
    if (
        kind in ("less_than", "less_than_equal")
        and {1, 2} & set(context.values())
        and isinstance(given, int | float)
        and given > 1
    ):
        return f" It is a fraction: {given:g} % is {given / 100:g}."
    return ""


def _section(loc: tuple[str | int, ...]) -> str:
    """The section around a key as its header stands in the file."""
    names = ".".join(part for part in loc[:-1] if isinstance(part, str))
    return f"[[{names}]]" if any(isinstance(part, int) for part in loc[:-1]) else f"[{names}]"


def _model_of(section: type[BaseModel], name: str) -> type[BaseModel] | None:
    from typing import get_args

    from pydantic import BaseModel

    field = section.model_fields.get(name)
    if field is None:
        return None
    candidates = (field.annotation, *get_args(field.annotation))
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace('"', '\\"') + '"'
    if isinstance(value, Mapping):
        return "a section"
    if isinstance(value, list | tuple):
        return "a list"
    return str(value)


def _numbers_by_name(_: dict[str, Any]) -> str:
    return "must hold names and numbers, as in { name = 0.5 }"


def _literal(context: dict[str, Any]) -> str:
    return f"must be one of {context['expected']}"


_SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "literal_error": _literal,
    "string_type": lambda _: "must be text in quotes",
    "string_too_short": lambda _: "must not be empty",
    "string_pattern_mismatch": lambda _: 'must be three capital letters, as in "EUR"',
    "int_type": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "bool_type": lambda _: "must be true or false",
    "tuple_type": lambda _: 'must be a list, as in ["a", "b"]',
    "dict_type": lambda _: 'must hold pairs, as in { ours = "theirs" }',
    "model_type": lambda _: "must be a section, its name in brackets on a line of its own",
    "too_short": lambda context: f"must have {context['min_length']} entries",
    "too_long": lambda context: f"must have {context['max_length']} entries",
    "greater_than": lambda context: f"must be above {context['gt']:g}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']:g}",
    "less_than": lambda context: f"must be below {context['lt']:g}",
    "less_than_equal": lambda context: f"must be at most {context['le']:g}",
}


def _end(message: str) -> str:
    return message[-1] if message and message[-1] in ".?" else "."
