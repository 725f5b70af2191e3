"""A report as a tagged PDF (PDF/UA-1), set by Typst with a template and fonts of our own.

Whatever came from the user's data reaches Typst only as JSON strings, so that no name can act as markup. Typst embeds
no clock and no random number: the same report gives the same bytes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from customer_data.errors import ConfigurationError
from reports.pages.content import Block, Figure, Heading, KeyFigures, Points, Prose, Report, Table
from reports.wording.labels import shorten

_HERE = Path(__file__).parent
_OWN_FONTS = (_HERE / "fonts" / "DejaVuSans.ttf", _HERE / "fonts" / "DejaVuSans-Bold.ttf")
_FONT_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_REPLACEMENT = "\ufffd"
_BREAK = "\u200b"
_MOST_LINES_KEPT = 8  # of the last rows of a table, kept together on a page
_LINE = 60  # characters of a cell that are taken to stand in a line
_LONG_PART = 16  # characters that the narrowest column of text has room for
_LONG_RUN = re.compile(r"\S{25,}")


@dataclass(frozen=True)
class Typeset:
    """A finished PDF, and what had to be changed on the way to it (sentences; empty when nothing was)."""

    pdf: bytes
    warnings: tuple[str, ...]


def render_pdf(report: Report, *, fonts: Sequence[str | Path] = ()) -> bytes:
    """Set a report as PDF; `typeset` also tells what had to be changed."""
    return typeset(report, fonts=fonts).pdf


def typeset(report: Report, *, fonts: Sequence[str | Path] = ()) -> Typeset:
    """Set a report as PDF/UA-1 on A4.

    Parameters
    ----------
    report
        What to set.
    fonts
        More font files (or folders of them) for scripts that DejaVu Sans lacks, such as Noto Sans CJK.

    Raises
    ------
    ConfigurationError
        A font is not there or cannot be read.
    """
    import shutil
    import tempfile

    import typst

    more = _font_files(fonts)
    families, known = _families_and_characters((*_OWN_FONTS, *more))
    fitter = _Fitter(known)
    payload = fitter.fit(_payload(report))
    payload["families"] = families
    payload["sections"][-1]["blocks"] += [_prose_block(note, tone="callout") for note in fitter.warnings()]
    with tempfile.TemporaryDirectory(prefix="pathworth-fonts-") as folder:
        for number, face in enumerate(more):
            shutil.copyfile(face, Path(folder) / f"{number}{face.suffix}")
        compiler = typst.Compiler(
            root=folder,
            font_paths=[str(_OWN_FONTS[0].parent), folder],
            ignore_system_fonts=True,
            sys_inputs={"report": json.dumps(payload, ensure_ascii=False)},
        )
        template = (_HERE / "report.typ").read_bytes()
        try:
            return Typeset(_compile(compiler, template, ["ua-1"]), fitter.warnings())
        except typst.TypstError as error:
            doubt = f"The PDF is not marked as accessible (PDF/UA-1), because Typst answered: {error.message}"
        return Typeset(_compile(compiler, template, []), (*fitter.warnings(), doubt))


def _compile(compiler: Any, template: bytes, standards: list[str]) -> bytes:
    pdf: bytes = compiler.compile(template, format="pdf", pdf_standards=standards, timestamp=0)
    return pdf


def _payload(report: Report) -> dict[str, Any]:
    return {
        "title": shorten(report.title, 80),
        "short_title": shorten(report.title, 60),
        "subtitle": report.subtitle,
        "as_of": report.as_of,
        "sections": [
            {
                "title": section.title,
                "new_page": section.new_page,
                "blocks": _paired([_block(block) for block in section.blocks]),
            }
            for section in report.sections
        ],
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Heading():
            return {"kind": "heading", "text": block.text}
        case Prose():
            return _prose_block(block.text, lead=block.lead, tone=block.tone)
        case Points():
            return {"kind": "points", "items": [list(item) for item in block.items]}
        case KeyFigures():
            figures = [{"label": f.label, "value": f.value, "note": f.note} for f in block.figures]
            return {"kind": "key-figures", "figures": figures}
        case Table():
            rows = block.cells()
            return {
                "kind": "table",
                "title": block.title,
                "caption": block.caption,
                "columns": [{"header": c.header, "width": c.width, "right": c.is_right} for c in block.columns],
                "rows": rows,
                "kept": _rows_kept_together(rows),
                "shades": block.shades(),
                "bold_rows": list(block.bold_rows),
                "tones": dict(block.tones),
            }
        case Figure():
            return {
                "kind": "figure",
                "title": block.title,
                "svg": block.svg,
                "alt": block.alt,
                "source": block.source_line,
                "caption": block.caption,
                "half": block.width == "half",
            }


def _rows_kept_together(rows: list[list[str]]) -> int:
    """How many of the last rows of a table that breaks stand on one page: few, and none of tall ones."""
    lines = [max((-(-len(cell) // _LINE) for cell in row), default=1) for row in rows]
    return next((kept for kept in (4, 3, 2, 1) if kept < len(rows) and sum(lines[-kept:]) <= _MOST_LINES_KEPT), 0)


def _prose_block(text: str, *, lead: str = "", tone: str = "plain") -> dict[str, Any]:
    return {"kind": "prose", "text": text, "lead": lead, "tone": tone}


def _paired(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Set two figures of half width that follow each other side by side."""
    paired: list[dict[str, Any]] = []
    for block in blocks:
        waiting = paired[-1] if paired else {}
        if block.get("half") and waiting.get("kind") == "figure" and waiting.get("half"):
            paired[-1] = {"kind": "pair", "figures": [waiting, block]}
        else:
            paired.append(block)
    return paired


class _Fitter:
    """Makes every string fit for the page: no controls, only characters that have a glyph, breakable long words."""

    def __init__(self, known: frozenset[int]) -> None:
        self._known = known
        self._missing: dict[str, str] = {}

    def fit(self, value: Any, key: str = "") -> Any:
        if isinstance(value, str):
            text = self._with_glyphs(value)
            return text if key in ("svg", "kind", "tone", "alt") else _LONG_RUN.sub(_breakable, text)
        if isinstance(value, Mapping):
            return {self.fit(name, "kind" if key != "tones" else ""): self.fit(v, name) for name, v in value.items()}
        if isinstance(value, list):
            return [self.fit(item, key) for item in value]
        return value

    def _with_glyphs(self, text: str) -> str:
        if text.isascii() and text.isprintable():
            return text
        drawn = {ord(character): self._glyph(character, text) for character in dict.fromkeys(text)}
        return text.translate(drawn)

    def _glyph(self, character: str, text: str) -> str:
        if character in "\n\t":
            return character
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            return "" if unicodedata.category(character) in ("Cf", "Cs") else " "
        if ord(character) in self._known:
            return character
        self._missing.setdefault(character, text if len(text) <= 60 else "")
        return _REPLACEMENT

    def warnings(self) -> tuple[str, ...]:
        """What was replaced, in one sentence, or nothing."""
        if not self._missing:
            return ()
        shown = [f"U+{ord(c):04X} {unicodedata.name(c, 'unnamed')}" for c in list(self._missing)[:5]]
        more = f" and {len(self._missing) - 5} more" if len(self._missing) > 5 else ""
        one = len(self._missing) == 1
        return (
            f"{len(self._missing)} {'character' if one else 'characters'} had no glyph in the fonts of the PDF and "
            f"{'is' if one else 'are'} shown as {_REPLACEMENT} ({', '.join(shown)}{more}). The tables beside the PDF "
            "keep the names as they are; report.fonts adds fonts.",
        )


def _breakable(run: re.Match[str]) -> str:
    """A long word with places to break it: after its own separators, and every eight characters of a long part."""
    parts = re.sub(r"(?<=[_/.:;,\-=?&|])(?=[^\s_/.:;,\-=?&|])", _BREAK, run.group()).split(_BREAK)
    cut = (re.sub(r".{8}(?=.{4})", rf"\g<0>{_BREAK}", part) if len(part) > _LONG_PART else part for part in parts)
    return _BREAK.join(cut)


def _font_files(fonts: Sequence[str | Path]) -> list[Path]:
    files: list[Path] = []
    for font in map(Path, fonts):
        if font.is_dir():
            found = sorted(path for path in font.iterdir() if path.suffix.lower() in _FONT_SUFFIXES)
            if not found:
                raise ConfigurationError(
                    f"report.fonts: no font file ({', '.join(_FONT_SUFFIXES)}) in the folder {font}."
                )
            files += found
        elif font.is_file() and font.suffix.lower() in _FONT_SUFFIXES:
            files.append(font)
        else:
            raise ConfigurationError(
                f"report.fonts: {font} is no font file ({', '.join(_FONT_SUFFIXES)}) and no folder."
            )
    return files


def _families_and_characters(faces: Iterable[Path]) -> tuple[list[str], frozenset[int]]:
    """Family names in the order given, and every character that at least one face can draw."""
    families: dict[str, None] = {}
    characters: set[int] = set()
    for face in faces:
        for family, drawn in _read_font(face):
            families[family] = None
            characters.update(drawn)
    return list(families), frozenset(characters)


def _read_font(face: Path) -> list[tuple[str, frozenset[int]]]:
    from fontTools.ttLib import TTCollection, TTFont, TTLibError

    try:
        with face.open("rb") as file:
            is_collection = face.suffix.lower() in (".ttc", ".otc")
            fonts = TTCollection(file, lazy=True).fonts if is_collection else [TTFont(file, lazy=True)]
            return [(font["name"].getBestFamilyName(), frozenset(font.getBestCmap() or ())) for font in fonts]
    except (TTLibError, KeyError, OSError) as error:
        raise ConfigurationError(f"report.fonts: {face} cannot be read as a font ({error}).") from error
