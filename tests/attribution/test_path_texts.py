"""Splitting whole columns of text gives what splitting each text by itself gives."""

import pyarrow
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attribution.path_texts import split

TEXTS = st.lists(st.none() | st.text(alphabet="ab>|- \t→é\x00", max_size=12), max_size=8)


@given(TEXTS, st.sampled_from([">", "→", "->", " > ", ">>", "a"]))
@example(["a>", "", None, ">b", ">", "a>>b"], ">")
@example(["a>>>b", ">>a>>"], ">>")
def test_names_are_those_of_splitting_each_text(texts: list[str | None], step: str) -> None:
    codes, lengths, channels = split("paths", pyarrow.array(texts, pyarrow.string()), step)
    expected = [[name for part in (text or "").split(step) if (name := part.strip())] for text in texts]
    assert channels == sorted({name for path in expected for name in path})
    assert [channels[code] for code in codes] == [name for path in expected for name in path]
    assert lengths.tolist() == [len(path) for path in expected]


@pytest.mark.parametrize("rows", [1, 131_072, 131_073, 300_000])
def test_a_column_of_any_length_is_split_whole(rows: int) -> None:
    texts = pyarrow.chunked_array([["x"], ["a > b", "c"] * (rows // 2)])
    codes, lengths, channels = split("paths", texts.slice(1), ">")
    assert channels == (["a", "b", "c"] if rows > 1 else [])
    assert lengths.tolist() == [2, 1] * (rows // 2)
    assert codes.tolist() == [0, 1, 2] * (rows // 2)
