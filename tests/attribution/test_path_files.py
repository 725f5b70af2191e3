"""Reading aggregated paths: every quirk of such files is read, counted, or told with its row."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

import attribution
from attribution.amount_checks import INFINITE
from attribution.paths import FileCounts
from customer_data.errors import ConfigurationError, InputError

TEXT = "path;n;money;lost\n a > b ;2;10.5;1\nb;0;0;3\na>b;1;2.5;0\n > a > > b>;1;1;0\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "paths.csv"
    file.write_text(TEXT)
    return file


def test_names_are_trimmed_empty_steps_dropped_and_equal_paths_merged(file: Path) -> None:
    with pytest.warns(UserWarning, match="lower bounds"):  # of value: three rows do not tell how far values spread
        paths = attribution.read_paths(file, sep=";", conversions="n", value="money", nulls="lost")
    assert paths.channels == ("a", "b")
    assert paths.names() == ["b", "a > b"]
    assert paths.conversions.tolist() == [0, 4]
    assert paths.value.tolist() == [0, 14]
    assert paths.nulls.tolist() == [3, 1]
    assert paths.value_squares is None
    assert paths.time_lags is None
    assert paths.nulls_known
    assert paths.counts == FileCounts(4, 2, 0, 0, 0, 0, 0, notes=paths.counts.notes)


def test_gz_parquet_and_frame_give_the_same_paths(file: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(file, sep=";")
    frame.to_parquet(tmp_path / "paths.parquet")
    (tmp_path / "paths.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    sources = [file, tmp_path / "paths.parquet", str(tmp_path / "paths.csv.gz"), frame, frame.astype({"path": object})]
    with pytest.warns(UserWarning, match="lower bounds"):
        read = [attribution.read_paths(s, sep=";", conversions="n", value="money", nulls="lost") for s in sources]
    assert {repr(paths) for paths in read} == {repr(read[0])}
    assert all(paths.names() == read[0].names() for paths in read)


def test_columns_may_be_many_and_nulls_absent(file: Path) -> None:
    paths = attribution.read_paths(file, sep=";", conversions="n")
    assert not paths.nulls_known
    # "b" never converts, so without nulls nothing came of it.
    assert paths.names() == ["a > b"]
    assert isinstance(paths.counts, FileCounts)
    assert paths.counts.rows_without_outcome == 1


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_of_our_names_that_nobody_named_are_told(tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame({"path": ["a", "b"], "conversions": [2, 0], "Value": [9.0, 0.0], "nulls": [1, 4]})
    file = tmp_path / f"paths.{ending}"
    frame.to_csv(file, index=False) if ending == "csv" else frame.to_parquet(file)
    for data in (file, frame):
        with pytest.warns(
            UserWarning, match=r"the columns 'Value' and 'nulls' are there but not read\. .*value=\"Value"
        ):
            paths = attribution.read_paths(data)
        assert not paths.nulls_known
        with pytest.warns(UserWarning, match=r'column \'Value\' is there but not read\. Name it .*: value="Value"\.'):
            attribution.read_paths(data, nulls="nulls")
    with pytest.raises(InputError, match=r"both a path and a conversion or null.* 'nulls' is there .*nulls=\"nulls\""):
        attribution.read_paths(frame.assign(conversions=0, Value=0.0), value="Value")


def test_another_step_and_decimal_comma_and_encoding(tmp_path: Path) -> None:
    file = tmp_path / "paths.csv"
    file.write_bytes("path;conversions\nMünchen|b;1,5\n".encode("latin-1"))
    paths = attribution.read_paths(file, sep=";", step="|", decimal=",", encoding="latin-1")
    assert paths.names() == ["München > b"]
    assert paths.conversions.tolist() == [1.5]


def test_rows_without_outcome_and_without_path_are_counted_and_left_out() -> None:
    frame = pd.DataFrame(
        {"path": ["a", "c", " > ", None], "conversions": [0.5, 0, 2, 1], "value": [4, 0, 6, 1], "nulls": [0, 0, 1, 0]}
    )
    with pytest.warns(UserWarning, match="no channel|no path") as told:
        paths = attribution.read_paths(frame, value="value", nulls="nulls")
    assert [str(one.message) for one in told] == [
        "paths: 2 of 4 rows (first: row 3) name no channel, so 3 conversions worth 7 and 1 journeys without one are "
        "credited to none (Paths.counts has them). Name a channel in their path if one is known.",
        "paths: 1 channel occurs only in rows without a conversion or null, and so on no path: c. Name the column of "
        "nulls, or take these rows out.",
    ]
    assert paths.channels == ("a",)
    assert paths.conversions.tolist() == [0.5]
    assert paths.counts == FileCounts(
        rows=4,
        merged_rows=0,
        rows_without_outcome=1,
        rows_without_path=2,
        conversions_without_path=3,
        value_without_path=7,
        nulls_without_path=1,
        first_without_path=2,
        channels_without_outcome=("c",),
    )


def test_every_missing_column_is_told_at_once(file: Path) -> None:
    with pytest.raises(InputError) as refused:
        attribution.read_paths(file, sep=";", path="Path", conversions="conversion", nulls="losts")
    assert len(refused.value.problems) == 3
    assert "no column 'losts' for nulls. Did you mean 'lost'?" in refused.value.problems[2]
    assert "It has 'path', 'n', 'money', 'lost'." in refused.value.problems[1]


def test_every_row_that_is_no_count_is_told_with_the_first_one(tmp_path: Path) -> None:
    file = tmp_path / "paths.csv"
    file.write_text("path,conversions,value,nulls\na,1,5,0\nb,-1,,x\nc,many,2,\nd,0,3,1\n")
    with pytest.raises(InputError) as refused:
        attribution.read_paths(file, value="value", nulls="nulls")
    assert [problem.removeprefix(f"paths: {file}: ") for problem in refused.value.problems] == [
        "column 'conversions' (conversions): 1 of 4 rows (first: line 4, 'many') hold no number. "
        "Write 0 where there was none.",
        "column 'conversions' (conversions): 1 of 4 rows (first: line 3, '-1') hold a negative one. "
        "Net refunds from their paths, or drop them.",
        "column 'value' (value): 1 of 4 rows (first: line 3) hold no number. Write 0 where there was none.",
        "column 'nulls' (nulls): 2 of 4 rows (first: line 3, 'x') hold no number. Write 0 where there was none.",
        "1 of 4 rows (first: line 5) have value without a conversion. Add conversions or set value to 0.",
    ]
    with pytest.raises(InputError) as refused:
        attribution.read_paths(pd.read_csv(file), value="value", nulls="nulls")
    assert refused.value.problems[0] == (
        "paths: column 'conversions' (conversions): 1 of 4 rows (first: row 3) hold no number. "
        "Write 0 where there was none."
    )


def test_broken_lines_and_bad_numbers_are_told_together_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "paths.csv"
    file.write_bytes(b'Paths of May;;\nmade by hand\npath;conversions\na > b;1,5\n"b;2\nc;3;4\nM\xfcnchen;3\nd;inf\n')
    with pytest.raises(InputError) as refused:
        attribution.read_paths(file, sep=";")
    said = [problem.removeprefix(f"paths: {file}: ") for problem in refused.value.problems]
    assert [problem[: problem.index(")") + 1] for problem in said] == [
        "1 of 5 rows cannot be read (first: line 5)",
        "1 of 5 rows cannot be read (first: line 6)",
        "1 of 5 rows cannot be read (first: line 7)",
        "column 'conversions' (conversions)",
        "column 'conversions' (conversions)",
    ]
    assert said[4].endswith("1 of 2 rows (first: line 8, 'inf') hold an infinite one. " + INFINITE)
    assert said[3].endswith(
        "1 of 2 rows (first: line 4, '1,5') hold no number. Write 0 where there was none. Or state the decimal mark: "
        'decimal = ",".'
    )


def test_a_preamble_and_short_lines_are_read_over_and_noted(tmp_path: Path) -> None:
    file = tmp_path / "paths.csv"
    file.write_text("Paths of May\n\npath;conversions;note\na > b;1,204.5;x\nb;2\n")
    paths = attribution.read_paths(file, sep=None)
    assert paths.conversions.tolist() == [2, 1204.5]
    assert isinstance(paths.counts, FileCounts)
    assert paths.counts.notes == (
        "paths: paths.csv has its header on line 3; what stands before it is left out.",
        "paths: 1 line with fewer fields than the header (first: paths.csv, line 5); what is missing at the end is "
        "taken to be empty.",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"path,conversions\n", "has a header but no rows"),
        (b"path,conversions\na,0\n,1\n", "none of 2 rows has both a path and a conversion or null"),
        (b"path,conversions\na,1,5\n", r"cannot be read \(first: line 2\): the line has 3 fields, the header 2"),
        (b"path,conversions\nM\xfcnchen,1\n", 'bytes that are not utf-8. Say encoding = "latin-1"'),
    ],
    ids=["empty", "header only", "nothing left", "ragged", "another encoding"],
)
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "paths.csv"
    file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        attribution.read_paths(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv does not exist"):
        attribution.read_paths(tmp_path / "none.csv")


def test_paths_that_are_no_text_are_refused() -> None:
    with pytest.raises(InputError, match="not text"):
        attribution.read_paths(pd.DataFrame({"path": [["a"], ["b"]], "conversions": [1, 1]}))


@pytest.mark.parametrize(("option", "value"), [("sep", ";;"), ("step", " "), ("encoding", "utf-7"), ("decimal", "'")])
def test_separators_that_are_none_are_refused(file: Path, option: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=option):
        attribution.read_paths(file, **{option: value})  # type: ignore[arg-type]
