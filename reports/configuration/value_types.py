"""Types of values in ``pathworth.toml`` that are more than text and numbers, and what is said where they do not fit."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


def _as_date(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    raise PydanticCustomError("date", "{given} is not a date. Write one as in 2026-01-31", {"given": repr(value)})


def as_order(value: Any) -> Any:
    """Pass a whole number from 1 to 20, or ``auto``."""
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 20):
        return value
    raise PydanticCustomError(
        "order", 'order is a whole number from 1 to 20 or "auto", not {given}', {"given": repr(value)}
    )


def as_list(value: Any) -> Any:
    """Take one text for a list of it."""
    return [value] if isinstance(value, str) else value


def as_blocks(value: Any) -> Any:
    """Refuse one block where several may stand."""
    if isinstance(value, dict):
        raise PydanticCustomError("blocks", "each test is a block of its own, with two brackets on either side")
    return value


def as_sources(value: Any) -> Any:
    """Take one source for a list of it."""
    return value if isinstance(value, list | tuple) else [value]


def as_sets(value: Any) -> Any:
    """Pass lists of names, and say how sets are written where there is a plain list."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or [] in value or "" in value:
        example = '[["Email", "SMS"], ["Display"]]'
        raise PydanticCustomError("sets", "sets of channels are wanted, as in {example}", {"example": example})
    if names := [one for one in value if isinstance(one, str)]:
        together, apart = (json.dumps(sets, ensure_ascii=False) for sets in ([names], [[one] for one in names]))
        remedy = f"Write {together}"
        if len(names) > 1:
            remedy += f" to remove them together, or {apart} to remove each alone"
        raise PydanticCustomError("sets", "each set stands in brackets of its own. {remedy}", {"remedy": remedy})
    return value


class SqlText(BaseModel):
    """``{ sql = "..." }`` in place of a column's name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    sql: str


def _as_column(value: Any) -> str | SqlText:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, dict) and set(value) == {"sql"} and isinstance(value["sql"], str):
        return SqlText(sql=value["sql"])
    raise PydanticCustomError(
        "column",
        'a column is the name of theirs, as in "user_id", or an expression, as in {example}, not {given}',
        {"example": '{ sql = "price * quantity" }', "given": repr(value)},
    )


Day = Annotated[dt.date, BeforeValidator(_as_date)]
Names = Annotated[tuple[str, ...], Field(strict=False), BeforeValidator(as_list)]
Column = Annotated[str | SqlText, BeforeValidator(_as_column)]
Share = Annotated[float, Field(gt=0, lt=1)]
ChannelSet = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)]
