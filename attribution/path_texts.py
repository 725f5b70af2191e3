"""Splitting paths written as text into codes of channels, on the bytes of the whole column at once."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.ragged import Codes
from customer_data.errors import InputError

CHUNK = 1 << 17
NOT_IN_TEXT = b"\xff"  # no UTF-8 text holds this byte
EMPTY: NDArray[np.int32] = np.zeros(0, dtype=np.int32)


def split(source: str, texts: Any, step: str) -> tuple[Codes, NDArray[np.int32], list[str]]:
    """Split paths written as text: ragged codes and lengths, and the names the codes stand for, in their order.

    Names are trimmed, empty ones dropped; a path that is missing has length 0.

    Raises
    ------
    InputError
        When ``texts``, an array that pyarrow reads, holds anything but text.
    """
    import pyarrow

    try:
        whole = texts if isinstance(texts, pyarrow.ChunkedArray) else pyarrow.array(texts, from_pandas=True)
        whole = whole.cast(pyarrow.large_string())
    except pyarrow.ArrowException as error:
        raise InputError(f"{source}: the column of paths is not text ({str(error).splitlines()[0]}).") from error
    chunks = [whole.slice(first, CHUNK) for first in range(0, len(whole), CHUNK)]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        parts = list(pool.map(partial(_split_chunk, step=step.encode()), chunks))
        channels = sorted({name for names, _, _ in parts for name in names if name})
        number = {name: code for code, name in enumerate(channels)}
        codes = pool.map(lambda part: np.array([number.get(name, -1) for name in part[0]], np.int32)[part[1]], parts)
        lengths = [lengths for _, _, lengths in parts]
        return np.concatenate([EMPTY, *codes]), np.concatenate([EMPTY, *lengths]), channels


def _split_chunk(texts: Any, *, step: bytes) -> tuple[list[str], NDArray[np.int32], NDArray[np.int32]]:
    """Names as written but trimmed, for every step of every path the number of its name, and the lengths of paths.

    A piece of the bytes reaches from behind one step to behind the next, or to the end of its text. The pieces are told
    apart where they lie; nothing is copied.
    """
    import pyarrow

    size, data, step = _bytes(texts, step)
    ends = np.cumsum(size)
    begins_piece = np.empty(len(data) + 1, dtype=bool)
    np.equal(data, step[0], out=begins_piece[1:])
    begins_text = np.zeros(len(data) + 1, dtype=bool)
    for begins in (begins_piece, begins_text):
        begins[0] = True
        begins[ends] = True
    places = np.flatnonzero(begins_piece)
    of_a_text = np.flatnonzero(begins_text[places])
    lengths = np.zeros(len(size), dtype=np.int32)
    lengths[size > 0] = np.diff(of_a_text)
    buffers = [None, pyarrow.py_buffer(places), pyarrow.py_buffer(data)]
    written = pyarrow.Array.from_buffers(pyarrow.large_binary(), len(places) - 1, buffers).dictionary_encode()
    names = [name.removesuffix(step).decode().strip() for name in written.dictionary.to_pylist()]
    piece = written.indices.to_numpy()
    if all(names):
        return names, piece, lengths
    filled = np.array(names, dtype=bool)[piece]
    before = np.append(0, np.cumsum(filled, dtype=np.int32))
    starts = np.append(0, np.cumsum(lengths))
    return names, piece[filled], np.diff(before[starts])


def _bytes(texts: Any, step: bytes) -> tuple[NDArray[np.int64], NDArray[np.uint8], bytes]:
    """The number of bytes of each text, the texts laid end to end, and a step of one byte that stands in them."""
    import pyarrow
    from pyarrow import compute

    whole = texts.combine_chunks() if isinstance(texts, pyarrow.ChunkedArray) else texts
    if whole.null_count:
        whole = compute.fill_null(whole, "")
    if len(step) > 1:
        whole = compute.replace_substring(whole.cast(pyarrow.large_binary()), step, NOT_IN_TEXT)
        step = NOT_IN_TEXT
    _, offsets, data = whole.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[whole.offset : whole.offset + len(whole) + 1]
    laid = np.frombuffer(data or b"", dtype=np.uint8)[bounds[0] : bounds[-1]]
    return np.diff(bounds), laid, step
