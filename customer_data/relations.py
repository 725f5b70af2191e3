"""One face for every kind of source: a scan in SQL, its columns and types, and a scan that knows file and row."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from customer_data.errors import InputError
from customer_data.line_reader import NO_SHORT_LINES, ShortLines, read_carefully
from customer_data.nearest import count_of, did_you_mean
from customer_data.sources import WHITESPACE, Source
from customer_data.sql_text import identifier, literal
from customer_data.text_files import (
    TextFile,
    inspect_text_file,
    located_scan_sql,
    matching_files,
    scan_sql,
)

if TYPE_CHECKING:
    import duckdb

PARQUET_ENDINGS = (".parquet", ".pq")
_LARGEST_KEPT = 64_000_000
"""Bytes of CSV files, packed or not, whose rows are kept in the engine while they are looked at."""
DATABASE_ENDINGS = (".duckdb", ".db", ".ddb")
ANOTHER_SOURCE = "Name each kind of file as a source of its own, a block [[{table}]] of the configuration for each."


@dataclass(frozen=True)
class Relation:
    """A source that is open.

    ``scan`` is a FROM item; ``located_scan`` is another with the columns ``__file`` and ``__row`` added, empty if only
    a careful reading knows the rows; where it counts them, the engine must read in order. ``broken`` names the table of
    lines that are no records, if there is one. Of several files ``filed_scan`` is a scan with ``__file`` added, in
    any order, and ``absent`` has the columns that some of them lack, with the first such file.
    """

    label: str
    place: str
    columns: dict[str, str]
    scan: str
    located_scan: str
    text_files: tuple[TextFile, ...] = ()
    broken: str | None = None
    short_lines: ShortLines = NO_SHORT_LINES
    counts_rows: bool = False
    filed_scan: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_text(self) -> bool:
        """Whether every column came as text."""
        return bool(self.text_files)


def open_relation(connection: "duckdb.DuckDBPyConnection", source: Source, label: str, number: int) -> Relation:
    """Open a source: look at its header or schema, read no rows.

    Raises
    ------
    InputError
        If it is not there, is empty, or is not what its name says.
    """
    data = source.data
    if not isinstance(data, str | Path) and (not isinstance(data, Sequence) or not data):
        return _frame(connection, source, label, number)
    paths = _found_files(data, label)
    endings = {Path(path).suffix.lower() for path in paths}
    if endings <= set(PARQUET_ENDINGS):
        return _parquet(connection, paths, label)
    if len(endings) > 1 and endings & {*PARQUET_ENDINGS, *DATABASE_ENDINGS}:
        raise InputError(
            f"{label}: its files are of several kinds ({', '.join(sorted(endings))}). "
            f"{ANOTHER_SOURCE.format(table=source.table)}"
        )
    if source.relation is not None or endings <= set(DATABASE_ENDINGS):
        return _database(connection, paths, source, label, number)
    return _text(paths, source, label)


def open_text(source: Source, label: str) -> Relation:
    """Open a source of CSV files: look at their headers, read no rows.

    Raises
    ------
    InputError
        If a file is not there, is empty, or is no text.
    """
    return _text(_found_files(cast("str | Path", source.data), label), source, label)


def _found_files(data: str | Path | Sequence[str | Path], label: str) -> list[str]:
    paths: list[str] = []
    seen: dict[Path, str] = {}
    problems = []
    for one in [data] if isinstance(data, str | Path) else data:
        matches = matching_files(one)
        if not matches:
            problems.append(f"{label}: no file matches {str(one)!r}. Check the pattern and the working folder.")
        twice = [path for path in matches if Path(path).resolve() in seen]
        if twice:
            listed = " and by ".join(dict.fromkeys((repr(seen[Path(twice[0]).resolve()]), repr(str(one)))))
            problems.append(
                f"{label}: {count_of(len(twice), 'file')} named twice (first: {Path(twice[0]).name}, by {listed}), so "
                "that all rows would count twice. Name each once."
            )
        seen |= {Path(path).resolve(): str(one) for path in matches}
        paths += matches
    if problems:
        raise InputError(problems)
    missing = [path for path in paths if not Path(path).is_file()]
    if missing:
        path = Path(missing[0])
        if path.is_dir():
            raise InputError(f'{label}: {path} is a folder. Name its files, as in "{path}/*.csv".')
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{label}: {path} does not exist.{did_you_mean(path.name, near)}")
    return paths


def read_again_carefully(
    connection: "duckdb.DuckDBPyConnection", relation: Relation, needed: set[str], number: int
) -> Relation:
    """Read a CSV relation by the careful reader and return the relation of what it found."""
    rows, broken = f"__rows_{number}", f"__broken_{number}"
    names = tuple(relation.columns)
    files = list(relation.text_files)
    short = read_carefully(connection, files, names=names, needed=needed, rows=rows, broken=broken)
    columns = ", ".join(identifier(name) for name in relation.columns)
    filed = rows if len(relation.text_files) > 1 else ""
    return replace(
        relation,
        scan=f"(SELECT {columns} FROM {rows})",
        located_scan=rows,
        filed_scan=filed,
        broken=broken,
        short_lines=short,
        counts_rows=False,
    )


@contextmanager
def in_order(connection: "duckdb.DuckDBPyConnection", relation: Relation) -> Iterator[None]:
    """Make the engine read a relation in order where its rows are counted, else they would be numbered at random."""
    if relation.counts_rows:
        connection.execute("SET preserve_insertion_order = true")
    try:
        yield
    finally:
        if relation.counts_rows:
            connection.execute("SET preserve_insertion_order = false")


def keep_rows(connection: "duckdb.DuckDBPyConnection", relation: Relation) -> Relation:
    """Keep the rows of small CSV files in a table with their lines, since all passes after the first are then cheap.

    Sources of the same files share one table. Larger files, and those whose lines must be read carefully, are left.

    Raises
    ------
    duckdb.Error
        If the engine cannot read the files. Reading in order it leaves out, without a word, a quoted field that is
        never closed and all lines after it; hence the rows are counted by its other way of reading.
    """
    import duckdb

    if not relation.located_scan or relation.broken is not None or not relation.text_files:
        return relation
    if sum(Path(file.path).stat().st_size for file in relation.text_files) > _LARGEST_KEPT:
        return relation
    names = ",".join(
        f"{file.path}\0{file.encoding}\0{file.separator}\0{file.preamble}\0{file.names}" for file in relation.text_files
    )
    rows = f"__kept_{hashlib.sha256(names.encode()).hexdigest()[:16]}"
    with in_order(connection, relation):
        connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {rows} AS FROM {relation.located_scan}")
    counted = f"SELECT (SELECT count(*) FROM {relation.scan}) = (SELECT count(*) FROM {rows})"
    if connection.execute(counted).fetchall() != [(True,)]:
        raise duckdb.InvalidInputException("rows are left out")
    columns = ", ".join(identifier(name) for name in relation.columns)
    filed = rows if relation.filed_scan else ""
    scan = f"(SELECT {columns} FROM {rows})"
    return replace(relation, scan=scan, located_scan=rows, filed_scan=filed, counts_rows=False)


def _frame(connection: "duckdb.DuckDBPyConnection", source: Source, label: str, number: int) -> Relation:
    import duckdb
    import pandas as pd

    frame = source.data
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"{label}: data is a {type(frame).__name__}. Give a file name or a pandas.DataFrame.")
    if frame.columns.empty or frame.empty:
        raise InputError(f"{label}: the frame has no rows. Fill it, or leave {label} out of the sources.")
    names = [str(name) for name in frame.columns]
    numbered = frame.set_axis(names, axis="columns").assign(__row=range(1, len(frame) + 1))
    view = f"__frame_{number}"
    try:
        connection.register(view, numbered)
        columns = _described(connection, view)
    except (duckdb.Error, ValueError, TypeError) as error:
        raise InputError(f"{label}: the frame cannot be read ({_first_line(error)}).") from error
    columns.pop("__row")
    listed = ", ".join(identifier(name) for name in columns)
    return Relation(
        label, "the frame", columns, f"(SELECT {listed} FROM {view})", f"(SELECT *, NULL AS __file FROM {view})"
    )


def _parquet(connection: "duckdb.DuckDBPyConnection", paths: list[str], label: str) -> Relation:
    import duckdb

    listed = "[" + ", ".join(literal(path) for path in paths) + "]"
    scan = f"read_parquet({listed}, union_by_name={str(len(paths) > 1).lower()})"
    try:
        columns = _described(connection, scan)
    except duckdb.Error as error:
        raise InputError(f"{label}: {_place(paths)} cannot be read as Parquet ({_first_line(error)}).") from error
    located = f"{scan[:-1]}, filename='__file', file_row_number=true)"
    located = f"(SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS __row FROM {located})"
    filed = f"{scan[:-1]}, filename='__file')" if len(paths) > 1 else ""
    return Relation(label, _place(paths), columns, scan, located, filed_scan=filed)


def _database(
    connection: "duckdb.DuckDBPyConnection", paths: list[str], source: Source, label: str, number: int
) -> Relation:
    import duckdb

    if len(paths) > 1:
        raise InputError(f"{label}: {len(paths)} DuckDB files match. Name one source for each.")
    alias = f"__database_{number}"
    try:
        connection.execute(f"ATTACH {literal(paths[0])} AS {alias} (READ_ONLY, TYPE duckdb)")
    except duckdb.Error as error:
        raise InputError(f"{label}: {paths[0]} cannot be opened as a DuckDB file ({_first_line(error)}).") from error
    found = connection.execute(
        "SELECT schema_name || '.' || table_name, table_name, true FROM duckdb_tables() WHERE database_name = ? "
        "UNION ALL SELECT schema_name || '.' || view_name, view_name, false FROM duckdb_views() "
        "WHERE database_name = ? AND NOT internal",
        [alias, alias],
    ).fetchall()
    wanted = source.relation
    if wanted is None:
        if len(found) != 1:
            listed = ", ".join(sorted(full for full, _, _ in found)) or "none"
            raise InputError(
                f"{label}: {paths[0]} holds {len(found)} tables ({listed}). Say relation = the one to read."
            )
        wanted = found[0][0]
    matches = [(full, is_table) for full, name, is_table in found if wanted in (full, name)]
    if not matches:
        names = [name for _, name, _ in found]
        hint = did_you_mean(wanted, names) or f" There are: {', '.join(sorted(names)) or 'none'}."
        raise InputError(f"{label}: {paths[0]} has no table {wanted!r}.{hint}")
    full, is_table = matches[0]
    schema, _, table = full.partition(".")
    scan = f"{alias}.{identifier(schema)}.{identifier(table)}"
    row = "rowid + 1" if is_table else "row_number() OVER ()"
    located = f"(SELECT *, {literal(paths[0])} AS __file, {row} AS __row FROM {scan})"
    place = f"{paths[0]}, table {table}"
    return Relation(label, place, _described(connection, scan), scan, located, counts_rows=not is_table)


def _text(paths: list[str], source: Source, label: str) -> Relation:
    problems: list[str] = []
    files: list[TextFile] = []
    for path in paths:
        try:
            files.append(inspect_text_file(path, source, label))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    names = _names_of_all(files)
    groups: dict[tuple[str, int, tuple[str, ...]], list[TextFile]] = {}
    for file in files:
        groups.setdefault((file.separator, file.preamble, file.names), []).append(file)
    scans = [scan_sql(group) for group in groups.values()]
    scan = scans[0]
    if len(scans) > 1:
        scan = _united(f"SELECT {_selected(names, group[0])} FROM {scan_sql(group)}" for group in groups.values())
    located, filed = "", ""
    if not any(file.separator == WHITESPACE for file in files):
        located = _united(
            f"SELECT {_selected(names, file)}, __file, __row FROM {located_scan_sql(file)}" for file in files
        )
        if len(files) > 1:
            filed = _united(
                f"SELECT {_selected(names, group[0])}, __file FROM {scan_sql(group, filed=True)}"
                for group in groups.values()
            )
    absent = {
        name: file.path for name in names for file in reversed(files) if name.casefold() not in _folded(file.names)
    }
    return Relation(
        label,
        _place(paths),
        dict.fromkeys(names, "VARCHAR"),
        scan,
        located,
        tuple(files),
        counts_rows=True,
        filed_scan=filed,
        absent=absent,
    )


def _names_of_all(files: Sequence[TextFile]) -> tuple[str, ...]:
    """The columns of all files, as first written; the engine knows no difference of capitals."""
    names: dict[str, str] = {}
    for file in files:
        for name in file.names:
            names.setdefault(name.casefold(), name)
    return tuple(names.values())


def _selected(names: Sequence[str], file: TextFile) -> str:
    """SQL of the columns of all files from one of them."""
    own = _folded(file.names)
    return ", ".join(
        f"{identifier(name) if name.casefold() in own else 'CAST(NULL AS VARCHAR)'} AS {identifier(name)}"
        for name in names
    )


def _folded(names: Sequence[str]) -> set[str]:
    return {name.casefold() for name in names}


def _united(selects: Iterable[str]) -> str:
    return f"({' UNION ALL '.join(selects)})"


def _described(connection: "duckdb.DuckDBPyConnection", scan: str) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}


def _place(paths: list[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{len(paths)} files ({paths[0]}, ...)"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
