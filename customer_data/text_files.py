"""CSV files: their dialect and header, and the engine's scan of them with every column as text."""

import codecs
import csv
import glob
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from customer_data.errors import InputError
from customer_data.sources import WHITESPACE, Source
from customer_data.sql_text import identifier, literal
from customer_data.table_specs import TABLE_SPECS

NO_VALUE = ("", "NULL", "\\N")
"""What stands for no value in a CSV file."""
_WINDOWS_SIGNS = {
    chr(code): sign for code in range(0x80, 0xA0) if (sign := bytes([code]).decode("cp1252", errors="ignore"))
}
"""Signs such as the euro where Latin 1 has none that print."""
_SAMPLE = 65_536
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
LONGEST_PREAMBLE = 50
SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class TextFile:
    """One CSV file: how it is written, the names of its columns, which are unique, and the lines before its header."""

    path: str
    encoding: str
    separator: str
    names: tuple[str, ...]
    has_header: bool
    renamed: tuple[str, ...] = ()
    preamble: int = 0


def matching_files(data: str | Path) -> list[str]:
    """Return the file, or the files that a pattern matches, in order of their names."""
    text = str(data)
    if Path(text).exists() or not glob.has_magic(text):
        return [text]
    return sorted(path for path in glob.glob(text, recursive=True) if Path(path).is_file())


def is_packed(path: str) -> bool:
    """Whether a file is packed by gzip, whatever its name says."""
    with open(path, "rb") as start:
        return start.read(2) == b"\x1f\x8b"


def open_bytes(path: str) -> IO[bytes]:
    """Open a file for reading, unpacking gzip."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if is_packed(path) else open(path, "rb")


def inspect_text_file(path: str, source: Source, label: str) -> TextFile:
    """Find the separator and the names of the columns of one CSV file.

    The header is the first line, or the first of the first lines that names all columns wanted, as reports of ad
    networks begin with their title and dates, and spreadsheets with ``sep=;``.

    Raises
    ------
    InputError
        If the file is empty, is not a text in this encoding, or its header cannot be read.
    """
    text = start_of_text(path, source, label)
    separator = source.separator or _sniffed_separator(text)
    if source.names is not None:
        return TextFile(path, source.encoding, separator, tuple(source.names), False)
    header = next(iter(split_records(text.lstrip("\r\n"), separator)), [])
    preamble = 0
    if not _wanted(source) <= _folded(header) and (found := _later_header(text, source)):
        separator, preamble, header = found
    names = _unique_names(header)
    stated = {field.strip() for field in header}
    renamed = tuple(name for name, field in zip(names, header, strict=True) if field.strip() and name not in stated)
    return TextFile(path, source.encoding, separator, names, True, renamed, preamble)


def start_of_text(path: str, source: Source, label: str) -> str:
    """Return what a file begins with.

    Raises
    ------
    InputError
        If the file is empty or is not a text in this encoding.
    """
    where = f"{label}: {path}"
    try:
        with open_bytes(path) as file:
            start = file.read(_SAMPLE)
    except (OSError, EOFError) as error:
        raise InputError(f"{where} cannot be read ({error}).") from error
    if not start.strip():
        raise InputError(f"{where} is empty. Export it anew, or leave {label} out of the sources.")
    return _decoded(start, source.encoding, where)


def _wanted(source: Source) -> set[str]:
    """The columns that the header must name, as far as they are known, blind to case."""
    spec = TABLE_SPECS.get(source.table)
    required = [column.name for column in spec.columns if column.required] if spec else []
    names = {name: name for name in required} | dict(source.columns)
    return _folded(name for name in names.values() if isinstance(name, str))


def _folded(names: Iterable[str]) -> set[str]:
    return {name.strip().casefold() for name in names}


def _later_header(text: str, source: Source) -> tuple[str, int, list[str]] | None:
    """Separator, lines before it and fields of the first line that names all columns wanted, if one does."""
    wanted = _wanted(source)
    separators = SEPARATORS if source.separator is None else (source.separator,)
    for before, line in enumerate(re.split("\r\n|\r|\n", text)[:LONGEST_PREAMBLE]):
        for separator in separators:
            with suppress(csv.Error):
                header = next(iter(split_records(line, separator)), [])
                if wanted and wanted <= _folded(header):
                    return separator, before, header
    return None


def split_records(text: str, separator: str) -> Iterable[list[str]]:
    """Split a text without broken quotes into its records' fields."""
    if separator == WHITESPACE:
        return (line.split() for line in text.splitlines() if line.strip())
    return (record for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if record)


def scan_sql(files: Iterable[TextFile], *, ordered: bool = False, filed: bool = False) -> str:
    """Return a FROM item that reads CSV files of one dialect and one header, every column as text.

    ``ordered`` reads in the order of the file, on one thread; ``filed`` adds ``__file``.
    """
    files = list(files)
    first = files[0]
    options = {
        "auto_detect": "false",
        "header": str(first.has_header).lower(),
        "delim": literal(first.separator),
        "quote": literal('"'),
        "escape": literal('"'),
        "encoding": literal(first.encoding),
        "nullstr": "[" + ", ".join(literal(mark) for mark in NO_VALUE) + "]",
        "columns": "{" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in first.names) + "}",
    }
    options["compression"] = "'gzip'" if any(is_packed(file.path) for file in files) else "'none'"
    if first.preamble:
        options["skip"] = str(first.preamble)
    if ordered:
        options["parallel"] = "false"
    if filed:
        options["filename"] = "'__file'"
    paths = "[" + ", ".join(literal(file.path) for file in files) + "]"
    scan = f"read_csv({paths}, {', '.join(f'{name}={value}' for name, value in options.items())})"
    if first.encoding != "latin-1":
        return scan
    before, after = (literal("".join(signs)) for signs in zip(*_WINDOWS_SIGNS.items(), strict=True))
    columns = (f"translate({identifier(name)}, {before}, {after}) AS {identifier(name)}" for name in first.names)
    return f"(SELECT {', '.join(columns)}{', __file' if filed else ''} FROM {scan})"


def python_encoding(encoding: str) -> str:
    """Python's name of an encoding as it is found in files: what is called Latin 1 is that of Windows mostly."""
    return {"utf-8": "utf-8-sig", "latin-1": "cp1252"}.get(encoding, encoding)


def located_scan_sql(file: TextFile) -> str:
    """Return a FROM item that adds ``__file`` and ``__row``, the line on which each record of one CSV file begins.

    Right only for files without blank lines, see `has_blank_lines`; line breaks inside quotes are counted.
    """
    breaks = " + ".join(
        f"coalesce(strlen({identifier(name)}) - strlen(replace({identifier(name)}, chr(10), '')), 0)"
        for name in file.names
    )
    first = file.preamble + 2 + sum(name.count("\n") for name in file.names) if file.has_header else 1
    return (
        f"(SELECT *, {literal(file.path)} AS __file, row_number() OVER () + {first - 1}"
        " + CAST(coalesce(sum(__breaks) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0) AS BIGINT)"
        f" - __breaks AS __row FROM (SELECT *, {breaks} AS __breaks FROM {scan_sql([file], ordered=True)}))"
    )


def has_blank_lines(file: TextFile) -> bool:
    """Whether a CSV file may hold blank lines, which the engine skips without counting them."""
    last = b"\n"
    with open_bytes(file.path) as opened:
        while chunk := opened.read(1 << 22):
            piece = last + chunk.replace(b"\x00", b"").replace(b"\r", b"")
            if b"\n\n" in piece:
                return True
            last = piece[-1:]
    return False


def _decoded(start: bytes, encoding: str, where: str) -> str:
    remedy = ""
    plain = start[:1000].lstrip(codecs.BOM_UTF8).strip().lower()
    if start.startswith(_UTF16_MARKS) and encoding != "utf-16":
        remedy = 'begins as UTF-16. Say encoding = "utf-16".'
    elif start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        remedy = "is a spreadsheet or a zip archive, not a text file. Save it as CSV."
    elif start.startswith(b"PAR1"):
        remedy = "is a Parquet file. Name it with the ending .parquet."
    elif start.startswith((b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ")):
        remedy = "is packed. Unpack it, or pack it by gzip (.gz)."
    elif plain.startswith((b"<!doctype", b"<html", b"<?xml")):
        remedy = "is a page of the web or XML, not CSV, as is saved where a log-in has run out. Export it anew."
    elif plain.startswith((b"{", b"[{")):
        remedy = "is JSON. Convert it to CSV or Parquet."
    elif encoding != "utf-16" and start[:1000].count(b"\x00") > len(start[:1000]) // 4:
        remedy = 'holds zero bytes, as UTF-16 does. Say encoding = "utf-16".'
    elif encoding == "utf-16" and not start.startswith(_UTF16_MARKS) and b"\x00" not in start:
        remedy = (
            'is not UTF-16: it holds no zero bytes. Say encoding = "utf-8", or, if other files are UTF-16, name each '
            "kind of file as a source of its own."
        )
    if remedy:
        raise InputError(f"{where} {remedy}")
    if encoding == "utf-16":
        even = start[: len(start) // 2 * 2]
        marked = even.startswith(_UTF16_MARKS)
        return even.decode("utf-16" if marked else "utf-16-le", errors="replace")
    return start.decode(python_encoding(encoding), errors="replace")


def _sniffed_separator(text: str) -> str:
    """The candidate that cuts most of the first lines into the same number of fields; the more fields the better."""
    lines = "\n".join(text.splitlines()[:50])
    best, best_score = ",", (0.0, 0)
    for separator in SEPARATORS:
        try:
            widths = [len(record) for record in split_records(lines, separator)]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        share = Counter(widths)[widths[0]] / len(widths)
        score = (round(share, 1), widths[0])
        if score > best_score:
            best, best_score = separator, score
    return best


def separator_remedy(header: str) -> str | None:
    """The sentence that states what most likely cuts a header that was left whole: a usual separator, else another odd
    sign; None where it holds neither."""
    odd = (sign for sign in header if not sign.isalnum() and sign not in " _-.'\"()")
    signs = [sign for sign, _ in Counter(odd).most_common()]
    best = next((sign for sign in signs if sign in SEPARATORS), signs[0] if signs else None)
    if best is None:
        return None
    shown = "\\t" if best == "\t" else best
    return f'State what stands between its fields: separator = "{shown}".'


def _unique_names(header: list[str]) -> tuple[str, ...]:
    """Give a name to nameless columns and number the repeated ones, blind to case as the engine is."""
    names: list[str] = []
    taken: set[str] = set()
    for position, field in enumerate(header, start=1):
        base = field.strip() or f"column_{position}"
        name, copy = base, 1
        while name.casefold() in taken:
            copy += 1
            name = f"{base}_{copy}"
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)
