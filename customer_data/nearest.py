"""Words of messages: the name that was probably meant, a number with its noun."""

import difflib
from collections.abc import Iterable

_LONGEST = 60


def nearest_names(wrong: str, known: Iterable[str], *, most: int = 1, likeness: float = 0.6) -> list[str]:
    """Return the known names nearest to a wrong one, best first, blind to case, blanks and underscores."""
    plain: dict[str, str] = {}
    for name in known:
        plain.setdefault(_plain(name), name)
    wanted = _plain(wrong)
    close = difflib.get_close_matches(wanted, sorted(plain), n=most, cutoff=likeness)
    if not close and len(wanted) > 3:
        close = [name for name in sorted(plain) if wanted in name][:most]
    return [plain[name] for name in close]


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun, as in ``1 row`` and ``1,204 rows``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def listed_names(names: Iterable[str], *, most: int = 12) -> str:
    """Return names for a message, not too many and none too long, as one read in the wrong encoding is."""
    known = list(names)
    rest = f" and {len(known) - most:,} more" if len(known) > most else ""
    return ", ".join(shown_name(name) for name in known[:most]) + rest


def shown_name(name: str) -> str:
    """Return a name for a message, its end left out if it is long."""
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."


def did_you_mean(wrong: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """Return a sentence with the nearest known name, led by a blank, or nothing."""
    return "".join(f" Did you mean {name!r}?" for name in nearest_names(wrong, known, likeness=likeness))


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace(" ", "").replace("-", "")
