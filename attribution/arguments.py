"""Arguments of the public functions: of another kind than a function takes, all told at once, with the remedy.

:func:`checked` looks at arguments by their names, which mean the same in every function of this package. Whether a
value of the right kind is in its range the functions say themselves.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from attribution.paths import Paths
from attribution.rules import RuleOptions
from customer_data.errors import ConfigurationError

Given = ParamSpec("Given")
Result = TypeVar("Result")


def checked(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """The same function, refusing arguments that are not of its kind before it does anything.

    Raises
    ------
    ConfigurationError
        From the function made: one line for each such argument.
    """
    parameters = inspect.signature(function).parameters
    takes_none = {name for name, one in parameters.items() if one.default is None or "None" in str(one.annotation)}
    # A number of folds is no folds, and a table of orders no orders of the chain.
    plain = {
        name: _PLAIN[parameters[name].annotation]
        for name in {"folds", "orders"} & set(parameters)
        if parameters[name].annotation in _PLAIN
    }
    problem_of = {name: plain.get(name, _PROBLEMS[name]) for name in parameters if name in _PROBLEMS}
    if "JourneyOptions" in str(getattr(parameters.get("options"), "annotation", "")):
        problem_of["options"] = _having("lookback_days", "Give attribution.journey_parts.JourneyOptions(...).")

    @functools.wraps(function)
    def refusing(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        given: dict[str, Any] = {**dict(zip(parameters, args, strict=False)), **kwargs}
        problems = [
            f"{function.__name__}: {name}: {problem}"
            for name, value in given.items()
            if name in problem_of and not (value is None and name in takes_none)
            if (problem := problem_of[name](value))
        ]
        if problems:
            raise ConfigurationError("\n".join(problems))
        return function(*args, **kwargs)

    return refusing


def _called(value: object) -> str:
    """What a value is called in a sentence."""
    kind = type(value).__name__
    return f"{value!r} is {'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}" if len(repr(value)) <= 40 else f"a {kind}"


def _paths(value: object) -> str:
    if isinstance(value, Paths):
        return ""
    kind = f"a {type(value).__name__}, not Paths"
    if hasattr(value, "columns"):
        return f"{kind}. Read it with read_paths(frame), as in attribution.read_paths(frame, nulls='nulls')."
    if isinstance(value, str | Path):
        return f"{value!r} is no Paths. Read a file with attribution.read_paths({str(value)!r})."
    if isinstance(value, Iterable):
        return f"{kind}. Make them with attribution.Paths.from_strings(paths, conversions, value, nulls)."
    return f"{kind}. They come from attribution.read_paths, attribution.build_paths or Paths.from_strings."


def _data(value: object) -> str:
    if isinstance(value, str | Path) or hasattr(value, "columns"):
        return ""
    return f"{_called(value)}. Give a file, a pattern of files, or a pandas.DataFrame."


def _number(example: str) -> Callable[[object], str]:
    def problem(value: object) -> str:
        if isinstance(value, Real) and not isinstance(value, bool):
            return ""
        return f"{_called(value)}, not a number. Give {example}."

    return problem


def _whole(example: str, *, least: int | None = None) -> Callable[[object], str]:
    def problem(value: object) -> str:
        if not isinstance(value, Integral) or isinstance(value, bool):
            return f"{_called(value)}, not a whole number. Give {example}."
        return (
            ""
            if least is None or int(value) >= least
            else f"{value!r} is below {least}. Give {least} or more, such as {example}."
        )

    return problem


def _several(value: object, *, example: str) -> str:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        return f"{_called(value)}, not a list. Give one, such as {example}."
    return ""


def _numbers(example: str) -> Callable[[object], str]:
    def problem(value: object) -> str:
        if found := _several(value, example=example):
            return found
        assert isinstance(value, Iterable)
        wrong = [one for one in value if _number("")(one)]
        return f"{wrong[0]!r} is not a number. Give numbers, such as {example}." if wrong else ""

    return problem


def _names(example: str) -> Callable[[object], str]:
    def problem(value: object) -> str:
        if isinstance(value, str):
            return ""
        if isinstance(value, Mapping) or not isinstance(value, Iterable):
            return f"{_called(value)}, not a name. Give one or several, such as {example}."
        wrong = [one for one in value if not isinstance(one, str)]
        return f"{wrong[0]!r} is not a name. Give one or several, such as {example}." if wrong else ""

    return problem


def _name(value: object) -> str:
    return "" if isinstance(value, str) else f"{_called(value)}, not a name."


def _sets(value: object) -> str:
    if found := _several(value, example='["a", ["b", "c"]] for a, and for b and c together'):
        return found
    assert isinstance(value, Iterable)
    return next((found for one in value if (found := _names('"a" or ["b", "c"]')(one))), "")


def _options(value: object) -> str:
    if isinstance(value, RuleOptions):
        return ""
    return f"{_called(value)}. Give attribution.rules.RuleOptions(direct=..., custom_weights=...), or leave it out."


def _having(attribute: str, remedy: str) -> Callable[[object], str]:
    def problem(value: object) -> str:
        return "" if hasattr(value, attribute) else f"{_called(value)}. {remedy}"

    return problem


def _segments(value: object) -> str:
    if not isinstance(value, Mapping):
        return f"{_called(value)}. Give names and paths, as attribution.segments.new_and_returning does."
    return next((f"{name}: {found}" for name, one in value.items() if (found := _paths(one))), "")


def _alternatives(value: object) -> str:
    if hasattr(value, "walked"):  # recounted from one sorted read
        return ""
    if not isinstance(value, Mapping) or not all(isinstance(some, Mapping) for some in value.values()):
        return f"{_called(value)}. Give choices, settings and paths, such as {{'lookback': {{'7 days': paths}}}}."
    return next((found for some in value.values() for one in some.values() if (found := _paths(one))), "")


def _folds(value: object) -> str:
    if isinstance(value, Paths):
        return ""  # choose_order tells how to deal these
    if hasattr(value, "columns") or (found := _several(value, example="split_paths(paths)")):
        return f"a {type(value).__name__}. Give folds of paths, as attribution.held_out.split_paths(paths) deals them."
    assert isinstance(value, Iterable)
    return next((found for one in value if (found := _paths(one))), "")


_PROBLEMS: Mapping[str, Callable[[Any], str]] = {
    "paths": _paths,
    "folds": _folds,
    "segments": _segments,
    "sets": _sets,
    "options": _options,
    "prior": _having("mean_spread", "Give attribution.calibration.MultiplierPrior(...)."),
    "drawn": _having("conversions", "Give what attribution.customer_bootstrap.bootstrap_customers has drawn."),
    "fit": _having("coefficients", "Give what attribution.regression.fit_regression has fitted."),
    "experiments": _having("columns", "Give a pandas.DataFrame with columns channel, incremental, standard_error."),
    "models": lambda value: (
        "" if isinstance(value, str) else _several(value, example='["last_click", "markov"]')  # of a text they say more
    ),
    "model": _name,
    "baseline": _name,
    "measure": _name,
    "convention": _name,
    "game": _name,
    "transform": _name,
    "transforms": lambda value: _several(value, example='["collapse_repeats"]'),
    "direct": _names('"direct"'),
    "position_weights": _numbers("(0.4, 0.2, 0.4)"),
    "custom_weights": _numbers("(0.5, 0.3, 0.2)"),
    "orders": _numbers("(1, 2, 3)"),
    "best_losses": _numbers("choose_order(folds).best_losses"),
    "confidence": _number("0.9 for 90 % intervals"),
    "substitution": _number("0.3 for 30 %"),
    "min_probability": _number("0.05"),
    "backoff": _number("10"),
    "replicates": _whole("1000"),
    "permutations": _whole("2000"),
    "exact_channels": _whole("20"),
    "draws": _whole("20000"),
    "seed": _whole("1", least=0),
    "n": _whole("20"),
    "largest": _whole("20"),
    "max_nodes": _whole("12"),
    "max_order": _whole("4"),
    "lookback_days": _number("30"),
    "data": _data,
    **dict.fromkeys(("path", "conversions", "value", "nulls", "value_squares"), _name),  # of columns
    **dict.fromkeys(("sep", "step", "encoding", "decimal"), _name),
    "renamed": lambda value: (
        "" if isinstance(value, Mapping) else f"{_called(value)}. Give {{'old name': 'new name'}}."
    ),
    "connection": _having("execute", "Give a connection of DuckDB with data loaded, as customer_data.engine has."),
    "journeys": _having("paths", "Give what attribution.customer_bootstrap.customer_journeys has read."),
    "threads": _whole("2", least=1),
    "alternatives": _alternatives,
}
_PLAIN: Mapping[object, Callable[[Any], str]] = {int: _whole("5"), str: _name}
