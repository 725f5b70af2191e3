"""Names that came from the data, made fit for a page: no controls, short where room is short, never two alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

ELLIPSIS = "…"
TABLE_WIDTH = 60
_MODELS = {
    "first_click": "First click",
    "last_click": "Last click",
    "last_non_direct": "Last non-direct click",
    "last_non_direct_click": "Last non-direct click",
    "linear": "Linear",
    "position": "Position-based",
    "position_based": "Position-based",
    "time_decay": "Time decay",
    "markov": "Markov",
}


def clean(name: object) -> str:
    """The name without line breaks and invisible controls (they could turn a line around), or ``(empty)``."""
    kept = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in str(name))
    visible = (c for c in kept if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))
    return re.sub(r"\s+", " ", "".join(visible)).strip() or "(empty)"


def shorten(name: str, width: int) -> str:
    """The name in at most `width` characters: its beginning and its end, since both may tell it from others."""
    if len(name) <= width:
        return name
    tail = max(1, width // 4)
    return f"{name[: width - tail - 1].rstrip()}{ELLIPSIS}{name[-tail:].lstrip()}"


def table_name(name: object) -> str:
    """The name as tables write it: whole unless it is very long."""
    return shorten(clean(name), TABLE_WIDTH)


def short_names(names: Iterable[object], width: int = 28) -> dict[str, str]:
    """Raw name to a label of at most `width` characters; names that would look alike get a number."""
    labels: dict[str, str] = {}
    used: set[str] = set()
    for raw in names:
        key = str(raw)
        if key in labels:
            continue
        label = base = shorten(clean(key), width)
        again = 1
        while label in used:
            again += 1
            label = f"{shorten(base, width - len(str(again)) - 3)} ({again})"
        used.add(label)
        labels[key] = label
    return labels


def model_name(model: str, *, order: int | None = None) -> str:
    """A model as people say it: ``Last click``, ``Markov (order 1)``; an unknown one in its own words."""
    name = _MODELS.get(model, clean(model).replace("_", " ").capitalize())
    return f"{name} (order {order})" if model == "markov" and order is not None else name


def plural(count: float, one: str, many: str | None = None) -> str:
    """The noun that fits the count: 1 order, 0 orders, 1.5 orders."""
    return one if count == 1 else many or f"{one}s"


def listing(items: Iterable[str]) -> str:
    """Items as a sentence has them: a, b and c."""
    words = list(items)
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
