"""What is wrong with paths and amounts as they were given: every problem, where, how many, the first, the remedy."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from customer_data.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from attribution.ragged import Floats


INFINITE = "A division by 0 leaves such; write what was counted."


def require_step(step: str) -> None:
    """Refuse an empty text between channels."""
    if not step.strip():
        raise ConfigurationError(f"step: {step!r} is empty. Give what stands between two channels, such as '>'.")


def problems_of_amounts(
    amounts: "Mapping[str, Floats]", names: Mapping[str, str], *, source: str, entry: str
) -> list[str]:
    """What is wrong with ``conversions``, ``value`` and ``nulls``; ``names`` says how to call those that were given.

    ``entry`` is what one of them is called in the singular, such as "row".
    """
    problems = []
    for ours, name in names.items():
        numbers = amounts[ours]
        if numbers.min(initial=0) >= 0 and numbers.max(initial=0) < np.inf:  # not so where one is missing
            continue
        if wrong := at_fault(np.isnan(numbers), entry):
            problems.append(f"{name}: {wrong} hold no number. Write 0 where there was none.")
        if wrong := at_fault(np.isinf(numbers), entry):
            problems.append(f"{name}: {wrong} hold an infinite one. {INFINITE}")
        if wrong := at_fault(numbers < 0, entry):
            problems.append(f"{name}: {wrong} hold a negative one. Net refunds from their paths, or drop them.")
    if wrong := at_fault((amounts["value"] > 0) & (amounts["conversions"] == 0), entry):
        problems.append(f"{source}: {wrong} have value without a conversion. Add conversions or set value to 0.")
    return problems


def at_fault(wrong: NDArray[np.bool_], entry: str) -> str:
    """How many of how many, and the first one, counted from 1; empty where none is."""
    places = np.flatnonzero(wrong)
    if len(places) == 0:
        return ""
    plural = f"{entry[:-1]}ies" if entry.endswith("y") else f"{entry}s"
    return f"{len(places):,} of {len(wrong):,} {plural} (first: {entry} {places[0] + 1:,})"


def checked_strings(
    paths: Sequence[str], given: Mapping[str, Sequence[float] | None], *, step: str
) -> "tuple[list[list[str]], dict[str, Floats]]":
    """The channels of each path, and the amounts that were given, or every problem at once.

    Raises
    ------
    ConfigurationError
        When ``step`` is empty.
    InputError
        When paths are not texts or name no channel, or amounts are as :func:`problems_of_amounts` says or are not one
        for each path.
    """
    require_step(step)
    if isinstance(paths, str):
        raise InputError(f"paths: {paths!r} is one text. Give a list of them, as in [{paths!r}].")
    if not isinstance(paths, Iterable):
        raise InputError(f"paths: {paths!r} is a {type(paths).__name__}. Give a list of texts such as 'a > b'.")
    steps = [
        [name for part in path.split(step) if (name := part.strip())] if isinstance(path, str) else [] for path in paths
    ]
    problems = []
    if wrong := at_fault(np.array([not names for names in steps], dtype=bool), "entry"):
        problems.append(f"paths: {wrong} name no channel. Leave them out: what came without a path cannot be credited.")
    amounts = {name: numbers_of(numbers) for name, numbers in given.items() if numbers is not None}
    uneven = [name for name, numbers in amounts.items() if numbers.shape != (len(steps),)]
    problems += [
        f"{name}: {amounts[name].size:,} entries for {len(steps):,} paths. Give one for each path." for name in uneven
    ]
    even = {name: numbers for name, numbers in amounts.items() if name not in uneven}
    whole = {"conversions": np.ones(len(steps)), "value": np.zeros(len(steps))} | even
    problems += problems_of_amounts(whole, {name: name for name in even}, source="value", entry="entry")
    if problems:
        raise InputError([f"Paths.from_strings: {problem}" for problem in problems])
    return steps, amounts


def numbers_of(given: Any) -> "Floats":
    """A column or list as numbers of its own, NaN in place of what is none."""
    import pandas

    try:
        return np.array(given, dtype=float)
    except (TypeError, ValueError):
        return pandas.to_numeric(pandas.Series(list(given)), errors="coerce").to_numpy(
            dtype=float, na_value=np.nan, copy=True
        )
