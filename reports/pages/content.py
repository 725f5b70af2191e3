"""The content of a report as data: sections of blocks, with nothing about paper, HTML or spreadsheets in it.

A renderer walks the blocks and decides how they look. Texts are plain: no markup of any kind is ever interpreted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reports.wording.number_format import Format, format_column

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Prose:
    """A paragraph, after its bold ``lead`` if any; ``muted`` is for notes, ``callout`` for a doubt."""

    text: str
    lead: str = ""
    tone: Literal["plain", "muted", "callout"] = "plain"


@dataclass(frozen=True)
class Points:
    """A short list; each item is a lead (bold, may be empty) and a text."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class KeyFigure:
    """One number to remember: what it is, the number, and what bounds or qualifies it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class KeyFigures:
    """Two to four numbers side by side."""

    figures: tuple[KeyFigure, ...]


@dataclass(frozen=True)
class Column:
    """A column of a table: its name in the data, its header, how its cells are written.

    ``width`` is its share of the room left over by the other columns, 0 for as narrow as its content. ``shade`` colours
    the background by the number's size within the table; ``align`` is right for numbers unless said; ``decimals``, if
    given, replaces the number of decimals that the column's own numbers ask for.
    """

    name: str
    header: str
    format: Format = "text"
    width: float = 0.0
    align: Literal["left", "right", "auto"] = "auto"
    shade: bool = False
    decimals: int | None = None

    @property
    def is_right(self) -> bool:
        """Whether its cells stand at the right edge."""
        return self.align == "right" or (self.align == "auto" and self.format not in ("text", "date", "month"))


@dataclass(frozen=True)
class Table:
    """Rows of results with the columns to show, in order.

    ``bold_rows`` are the positions of totals, which are never shaded. ``tones`` colours whole cells of one column by
    their text: text to ``up`` (under-credited), ``down`` (over-credited) or ``muted``.
    """

    title: str
    data: pd.DataFrame
    columns: tuple[Column, ...]
    caption: str = ""
    bold_rows: tuple[int, ...] = ()
    tones: tuple[tuple[str, str], ...] = ()

    def cells(self) -> list[list[str]]:
        """The body as text, row by row."""
        formatted = [format_column(self.data[c.name].tolist(), c.format, decimals=c.decimals) for c in self.columns]
        return [list(row) for row in zip(*formatted, strict=True)]

    def shades(self) -> list[list[float]]:
        """How dark each cell is, from 0 to 1: its number over the largest of all shaded columns but for totals."""
        shaded = [column.name for column in self.columns if column.shade]
        parts = self.data.drop(index=self.data.index[list(self.bold_rows)])
        largest = float(parts[shaded].max().max()) if shaded and len(parts) else 0.0
        if not largest > 0:
            return [[0.0] * len(self.columns) for _ in range(len(self.data))]
        by_column = [
            [
                max(0.0, float(value)) / largest if value == value and row not in self.bold_rows else 0.0
                for row, value in enumerate(self.data[column.name])
            ]
            if column.shade
            else [0.0] * len(self.data)
            for column in self.columns
        ]
        return [list(row) for row in zip(*by_column, strict=True)]


@dataclass(frozen=True)
class Figure:
    """A chart: its message as the title, what it rests on, a text alternative, and the drawing.

    ``drawing`` is the SVG, or what makes it when it is called, which can be pickled and always makes the same. ``data``
    are the numbers drawn, for renderers that make charts of their own.
    """

    title: str
    drawing: str | Callable[[], str]
    alt: str
    n: str = ""
    window: str = ""
    model: str = ""
    caption: str = ""
    width: Literal["full", "half"] = "full"
    data: pd.DataFrame | None = None

    @property
    def svg(self) -> str:
        """The drawing, made now unless it was before."""
        return self.drawing if isinstance(self.drawing, str) else self.drawing()

    @property
    def source_line(self) -> str:
        """What the chart rests on, in one line: n, window and model, as far as they are said."""
        return " · ".join(part for part in (self.n, self.window, self.model) if part)


Block = Heading | Prose | Points | KeyFigures | Table | Figure


@dataclass(frozen=True)
class Section:
    """A part of the report; ``new_page`` says whether it wants a page of its own to start on."""

    title: str
    blocks: tuple[Block, ...]
    new_page: bool = True


@dataclass(frozen=True)
class Report:
    """A whole report; ``warnings`` are what building it had to change or leave out."""

    title: str
    subtitle: str
    as_of: str
    sections: tuple[Section, ...]
    warnings: tuple[str, ...] = ()
