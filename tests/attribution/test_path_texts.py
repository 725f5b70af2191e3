"""Reading whole columns of text gives what splitting each text by itself gives."""

import numpy as np
import pyarrow
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attribution.packing import Packing, distinct_paths
from attribution.path_texts import PackedTexts, pack

TEXTS = st.lists(st.tuples(st.none() | st.text(alphabet="ab>|- \t→é\x00", max_size=12), st.booleans()), max_size=8)


def paths_of(read: PackedTexts) -> list[list[str]]:
    """For each text chosen its names."""
    group, codes, lengths = distinct_paths(read.packed, Packing.of(len(read.channels)))
    distinct = [[read.channels[code] for code in path] for path in np.split(codes, np.cumsum(lengths)[:-1])]
    assert sum(read.holds_name) == len(group)
    numbers = iter(group)
    return [distinct[next(numbers)] if some else [] for some in read.holds_name]


@given(TEXTS, st.sampled_from([">", "→", "->", " > ", ">>", "a"]))
@example([("a>", True), ("", True), (None, True), (">b", False), (">", True), ("a>>b", True)], ">")
@example([("a>>>b", True), (">>a>>", True)], ">>")
@example([(">".join("abcde" * 20), True), ("e>a", False), ("b" + ">a" * 99, True), ("c", True)], ">")
def test_names_are_those_of_splitting_each_text(rows: list[tuple[str | None, bool]], step: str) -> None:
    texts = pyarrow.array([text for text, _ in rows], pyarrow.string())
    read = pack("paths", texts, step, chosen=np.array([chosen for _, chosen in rows], dtype=bool))
    expected = [
        [name for part in (text or "").split(step) if (name := part.strip())] for text, chosen in rows if chosen
    ]
    assert read.channels == sorted({name for path in expected for name in path})
    assert paths_of(read) == expected


@pytest.mark.parametrize("rows", [1, 131_072, 131_073, 300_000])
def test_a_column_of_any_length_is_read_whole(rows: int) -> None:
    texts = pyarrow.chunked_array([["x"], ["a > b", "c"] * (rows // 2)]).slice(1)
    read = pack("paths", texts, ">", chosen=np.ones(len(texts), dtype=bool))
    assert read.channels == (["a", "b", "c"] if rows > 1 else [])
    assert read.holds_name.all()
    assert read.packed.words.tolist() == [0b0110, 0b11] * (rows // 2)


def test_a_column_of_many_small_pieces_is_read_whole() -> None:
    texts = pyarrow.chunked_array([["a > b"], ["c", "b"]] * 500)
    read = pack("paths", texts, ">", chosen=np.ones(len(texts), dtype=bool))
    assert read.packed.words.tolist() == [0b0110, 0b11, 0b10] * 500
