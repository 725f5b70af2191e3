"""Names of channels: renamed as the user says, and told of where they look mistyped. Nothing is merged unasked."""

import unicodedata
from collections.abc import Mapping, Sequence

from customer_data.nearest import count_of, did_you_mean
from customer_data.similar_names import SimilarName, similar_names

_SHOWN = 8
_WIDEST = 60
_ARROWS = ("->", "→", "=>", ">>", "|", ">", "»")
_ODD_SIGNS = (" / ", ";", ",", " - ", "/")
"""Signs between the channels of paths; the odd ones stand in many a channel's own name, too."""


def renaming_problems(renamed: Mapping[str, str], label: str) -> list[str]:
    """Return one sentence for each new name of a channel that cannot be."""
    problems = []
    for theirs, ours in renamed.items():
        if not ours.strip():
            problems.append(f"{label}: {quoted(theirs)} gets no name. Write the name to count it under.")
        elif renamed.get(ours.strip(), ours.strip()) != ours.strip():
            problems.append(
                f"{label}: {quoted(theirs)} is to be {quoted(ours)}, which is renamed itself, to "
                f"{quoted(renamed[ours.strip()])}. Name the last one for both."
            )
    return problems


def renamed_name(name: str, renamed: Mapping[str, str]) -> str:
    """Return the name that a channel counts under."""
    return renamed.get(name, name).strip()


def renaming_warnings(names: Sequence[str], renamed: Mapping[str, str], *, label: str) -> list[str]:
    """Return a sentence if some of the names to replace do not come."""
    strange = [theirs for theirs in renamed if theirs not in set(names)]
    if not strange:
        return []
    more = f" and {len(strange) - 1:,} more" if len(strange) > 1 else ""
    return [f"{label}: there is no channel {quoted(strange[0])}{more} to rename.{did_you_mean(strange[0], names)}"]


def similar_channel_warnings(touches: Mapping[str, float], *, spend_only: Sequence[str] = (), table: str) -> list[str]:
    """Return a sentence if channels look like other spellings of more common ones, another for channels of spend.

    Parameters
    ----------
    touches
        Touches of each channel.
    spend_only
        Channels that only spend names.
    table
        The section of the configuration that describes the touches: "touchpoints" or "paths".
    """
    found = similar_names({**dict.fromkeys(spend_only, 0.0), **touches}) if touches else []
    strangers = set(spend_only) - set(touches)
    warnings = []
    if similar := [one for one in found if one.rare not in strangers]:
        kept = "channel" if len(similar) == 1 else f"{len(similar):,} channels"
        warnings.append(
            f"{table}.{'channel' if table == 'touchpoints' else 'path'}: {'a ' if len(similar) == 1 else ''}{kept} "
            f"may be another spelling of a more common one: {_listed(similar)}. "
            f"{'It is' if len(similar) == 1 else 'They are'} kept apart. {_remedy(similar[0], table)}"
        )
    if similar := [one for one in found if one.rare in strangers and one.common not in strangers]:
        is_one = len(similar) == 1
        warnings.append(
            f"spend.channel: {count_of(len(similar), 'channel')} without any touch may be another spelling of "
            f"{'one' if is_one else 'those'} with touches: {_listed(similar)}. Until renamed, "
            f"{'its' if is_one else 'their'} cost counts against no credit. {_remedy(similar[0], table)}"
        )
    return warnings


def similar_value_warnings(customers: Mapping[str, float], attribute: str) -> list[str]:
    """Return a sentence if values of an attribute look like other spellings of more common ones.

    Parameters
    ----------
    customers
        Customers of each value.
    attribute
        Its name.
    """
    found = similar_names(customers)
    if not found:
        return []
    listed = "; ".join(f"{_short(one.rare)} of {_short(one.common)}" for one in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    value, are = ("a value", "It is") if len(found) == 1 else (f"{len(found):,} values", "They are")
    return [
        f"customers.{attribute}: {value} may be another spelling of a more common one: {listed}{more}. {are} kept "
        f"apart. To count such customers together, map the column to an expression, as in upper({attribute})."
    ]


def step_warnings(names: Sequence[str], step: str, *, most_touches: int) -> list[str]:
    """Return a sentence if the names of channels of paths look as if paths were to be cut at another sign.

    Parameters
    ----------
    names
        The channels that paths were cut into.
    step
        The sign at which they were cut.
    most_touches
        Touches of the longest path. Where no path has several, signs that names often hold are told of, too.
    """
    signs = (*_ARROWS, *(_ODD_SIGNS if most_touches < 2 else ()))
    holding = {sign: [name for name in names if _holds_step(name, sign, step)] for sign in signs if sign != step}
    sign, found = max(holding.items(), key=lambda item: len(item[1]))  # of several, the first in the list
    if found:
        count = f"{count_of(len(found), 'channel')} of {len(names):,} {'holds' if len(found) == 1 else 'hold'}"
        return [
            f"paths.step: {count} {quoted(sign)} (first: {_short(_whole(found[0], sign, step))}), as if it stood "
            f"between channels. If it does, say in [paths]: step = {quoted(sign)}."
        ]
    if most_touches < 2 and len(names) > 1:
        return [
            f"paths.step: no path has several touches when it is cut at {quoted(step)} (first: {_short(names[0])}), so "
            "all models credit alike. If that is not so, say in [paths] what stands between channels, as in "
            'step = "->".'
        ]
    return []


def _holds_step(name: str, sign: str, step: str) -> bool:
    """Whether a name holds a sign that may be a step, or what cutting at a part of that sign leaves at its end."""
    rest = sign.removesuffix(step) if sign != step else ""
    return sign in name or (0 < len(rest) < len(sign) and name.endswith(rest))


def _whole(name: str, sign: str, step: str) -> str:
    return name if sign in name else f"{name}{step}"


def quoted(name: str) -> str:
    """Return a name as TOML writes it, with signs that cannot be seen, and every blank but the first, as escapes."""
    text, before = [], ""
    for sign in name:
        unseen = unicodedata.category(sign)[0] in "ZC" and not (sign == " " and before != " ")
        if sign in '"\\':
            text.append(f"\\{sign}")
        elif unseen:
            text.append(f"\\u{ord(sign):04X}" if ord(sign) < 1 << 16 else f"\\U{ord(sign):08X}")
        else:
            text.append(sign)
        before = sign
    return f'"{"".join(text)}"'


def _listed(similar: Sequence[SimilarName]) -> str:
    shown = [
        f"{_short(one.rare)} ({_touches(one.rare_count)}) of {_short(one.common)} ({_touches(one.common_count)})"
        for one in similar[:_SHOWN]
    ]
    more = f"; and {len(similar) - _SHOWN:,} more" if len(similar) > _SHOWN else ""
    return "; ".join(shown) + more


def _touches(count: float) -> str:
    if count == 0:
        return "no touches"
    return f"{round(count):,} touch{'' if round(count) == 1 else 'es'}" if count >= 1 else "less than one touch"


def _short(name: str) -> str:
    return quoted(name if len(name) <= _WIDEST else f"{name[: _WIDEST - 16]}…{name[-15:]}")


def _remedy(first: SimilarName, table: str) -> str:
    return (
        f"To count such channels together, say in [{table}]: rename_channels = {{ {quoted(first.rare)} = "
        f"{quoted(first.common)} }}."
    )
