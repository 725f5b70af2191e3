"""Columns of CSV files as texts and numbers: the same by the engine's reader and by the careful one."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from customer_data.errors import InputError
from customer_data.relations import Relation, open_text
from customer_data.sources import Source
from customer_data.text_columns import TextColumns, read_text_columns

TEXTS, NUMBERS = {"path": "way"}, {"conversions": "n"}


def _open(data: Path | str, separator: str | None = ",", **how: Any) -> Relation:
    return open_text(Source(table="paths", data=data, columns=TEXTS | NUMBERS, separator=separator, **how), "paths")


def _read(relation: Relation, *, carefully: bool = False, decimal: str = ".") -> TextColumns | None:
    return read_text_columns(relation, texts=TEXTS, numbers=NUMBERS, decimal=decimal, carefully=carefully)


def _rows(found: TextColumns | None) -> list[tuple[str | None, float | None]]:
    assert found is not None
    return list(zip(*(found.table.column(name).to_pylist() for name in ("path", "conversions")), strict=True))


@pytest.mark.parametrize("carefully", [False, True])
@pytest.mark.parametrize(
    ("content", "how"),
    [
        (b"way,n\na > b,1.5\n,2\nc,x\n", {}),
        (b"n;x;way\r\n1.5;;a > b\r\n2;;\r\nx;;c\r\n", {"separator": ";"}),
        (b'"Report of May"\nmade by hand\n\nway,n\n"a > b",1.5\nNULL,2\n"c",x\n', {}),
        (b"\xef\xbb\xbfway\tn\na > b\t1.5\n\t2\nc\tx\n", {"separator": None}),
        ("way,n\na > b,1.5\n,2\nc,x\n".encode("utf-16"), {"encoding": "utf-16"}),
        (gzip.compress(b"way,n\na > b, 1.5 \n,2\nc,x\n"), {}),
    ],
    ids=["plain", "order", "preamble", "sniffed", "utf-16", "gz"],
)
def test_files_are_read_alike_however_they_are_written(tmp_path, content, how, carefully) -> None:
    (tmp_path / "paths.csv").write_bytes(content)
    assert _rows(_read(_open(tmp_path / "paths.csv", **how), carefully=carefully)) == [
        ("a > b", 1.5),
        (None, 2),
        ("c", None),
    ]


def test_signs_of_windows_and_decimal_commas_are_read(tmp_path: Path) -> None:
    for name, carefully in (("München", False), ("München", True), ("München – €", True)):
        (tmp_path / "paths.csv").write_bytes(f"way;n\n{name};1.204,5\n".encode("cp1252"))
        relation = _open(tmp_path / "paths.csv", ";", encoding="latin-1")
        assert _rows(_read(relation, decimal=",", carefully=carefully)) == [(name, 1204.5)]


@pytest.mark.parametrize(
    ("decimal", "written", "expected"),
    [
        (".", ["1,204.5", "\u00a01,204 ", "1e3", "12,04", "many", "1.2.3"], [1204.5, 1204, 1000, None, None, None]),
        (",", ["1.204,5", "1\u202f204", "1e3", "1.20", "\t7,25 ", "1204,5"], [1204.5, 1204, 1000, None, 7.25, 1204.5]),
    ],
)
def test_numbers_are_read_with_groups_and_marks_as_money_is(tmp_path: Path, decimal, written, expected) -> None:
    (tmp_path / "paths.csv").write_text("way;n\n" + "".join(f"a;{number}\n" for number in written), encoding="utf-8")
    found = _rows(_read(_open(tmp_path / "paths.csv", ";"), decimal=decimal))
    assert [number for _, number in found] == expected


def test_only_the_careful_reader_reads_broken_lines_and_tells_the_first_of_each_kind(tmp_path: Path) -> None:
    content = b'way,n\na,1\n"b,2\nc,3,4\nd,5\ne,6,7\nM\xfcnchen,8\n"f\ng",9\n'
    (tmp_path / "paths.csv").write_bytes(content)
    relation = _open(tmp_path / "paths.csv")
    assert _read(relation) is None
    found = _read(relation, carefully=True)
    assert _rows(found) == [("a", 1), ("d", 5), ("f\ng", 9)]
    assert found is not None
    assert found.table.column("__row").to_pylist() == [2, 5, 8]
    assert found.table.column("__as_written conversions").to_pylist() == ["1", "5", "9"]
    said = f"paths: {tmp_path / 'paths.csv'}: "
    assert found.problems == (
        f"{said}2 of 7 rows cannot be read (first: line 4): the line has 3 fields, the header 2. Check the separator, "
        "and quote fields that hold it.",
        f"{said}1 of 7 rows cannot be read (first: line 3): a quote is not closed or stands inside a field.",
        f"{said}1 of 7 rows cannot be read (first: line 7): the line holds bytes that are not utf-8. "
        'Say encoding = "latin-1" if that is what the file is in. If it was put together from several files, save '
        "each in utf-8 first.",
    )


def test_several_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("n,way\n3,c\n")
    (tmp_path / "a.csv").write_text("way,n\na,1\nb,2\n")
    relation = _open(f"{tmp_path}/*.csv")
    for carefully in (False, True):
        assert _rows(_read(relation, carefully=carefully)) == [("a", 1), ("b", 2), ("c", 3)]


def test_lines_that_end_early_are_filled_up_and_told(tmp_path: Path) -> None:
    (tmp_path / "paths.csv").write_text("way,n,note\na,1\nb,2,x\n")
    relation = _open(tmp_path / "paths.csv")
    assert _read(relation) is None
    found = _read(relation, carefully=True)
    assert _rows(found) == [("a", 1), ("b", 2)]
    assert found is not None
    assert found.notes == (
        "paths: 1 line with fewer fields than the header (first: paths.csv, line 2); what is missing at the end is "
        "taken to be empty.",
    )


def test_a_packed_file_that_ends_in_the_middle_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(b"way,n\n" + b"".join(b"a > %d,1\n" % number for number in range(50_000)))
    (tmp_path / "paths.csv.gz").write_bytes(packed[: len(packed) // 2])
    relation = _open(tmp_path / "paths.csv.gz")
    assert _read(relation) is None
    with pytest.raises(InputError, match=r"paths: .*paths.csv.gz cannot be read \(Compressed file ended"):
        _read(relation, carefully=True)
