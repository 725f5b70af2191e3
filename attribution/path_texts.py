"""Splitting paths written as text into packed paths, on the bytes of many texts at once."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.packing import Packed, Packing, packed
from customer_data.errors import InputError

CHUNK = 1 << 17
NOT_IN_TEXT = b"\xff"  # no UTF-8 text holds this byte


@dataclass(frozen=True, eq=False)
class PackedTexts:
    """Paths read from texts.

    Attributes
    ----------
    channels
        The names that occur, in alphabetical order; the codes of ``packed`` count them from 1.
    packed
        The paths of the texts that hold a name, in the order of the texts.
    holds_name
        For each text chosen whether it holds a name.
    """

    channels: list[str]
    packed: Packed
    holds_name: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Split:
    """Names as written but trimmed, for every step of every path the number of its name, and the lengths of paths."""

    names: list[str]
    numbers: NDArray[np.unsignedinteger[Any]]
    lengths: NDArray[np.unsignedinteger[Any]]


def pack(source: str, texts: Any, step: str, *, chosen: NDArray[np.bool_]) -> PackedTexts:
    """Split paths written as text at ``step``; of all texts only those ``chosen``.

    Names are trimmed, empty ones dropped; a text that is missing holds no name.

    Raises
    ------
    InputError
        When ``texts``, an array that pyarrow reads, holds anything but text.
    """
    import pyarrow

    try:
        whole = texts if isinstance(texts, pyarrow.ChunkedArray) else pyarrow.array(texts, from_pandas=True)
        runs = _runs(whole.cast(pyarrow.large_string()))
    except pyarrow.ArrowException as error:
        raise InputError(f"{source}: the column of paths is not text ({str(error).splitlines()[0]}).") from error
    ends = np.cumsum([len(run) for run in runs], dtype=np.int64)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        parts = list(pool.map(partial(_split, step=step.encode()), runs, np.split(chosen, ends[:-1])))
        channels = sorted({name for part in parts for name in part.names if name})
        code = {name: number for number, name in enumerate(channels, start=1)}
        packing = Packing.of(len(channels))

        def pack_part(part: _Split) -> Packed:
            codes = np.array([code.get(name, 0) for name in part.names], np.min_scalar_type(len(channels)))
            return packed(np.take(codes, part.numbers), part.lengths[part.lengths > 0], packing)

        joined = Packed.joined(list(pool.map(pack_part, parts)))
    return PackedTexts(channels, joined, np.concatenate([part.lengths > 0 for part in parts]))


def _runs(whole: Any) -> list[Any]:
    """Texts in one run or more of up to ``CHUNK``; they are copied only where they lie in many small pieces."""
    import pyarrow

    if isinstance(whole, pyarrow.ChunkedArray) and whole.num_chunks > 1 + 2 * len(whole) // CHUNK:
        whole = whole.combine_chunks()
    chunks = whole.chunks if isinstance(whole, pyarrow.ChunkedArray) else [whole]
    runs = [chunk.slice(first, CHUNK) for chunk in chunks for first in range(0, len(chunk), CHUNK)]
    return runs or [pyarrow.array([], whole.type)]


def _split(texts: Any, chosen: NDArray[np.bool_], *, step: bytes) -> _Split:
    """Split the texts that are chosen.

    A piece of the bytes reaches from behind one step to behind the next, or to the end of its text. The pieces are told
    apart where they lie; nothing is copied.
    """
    import pyarrow

    size, data, step = _bytes(texts if chosen.all() else texts.filter(pyarrow.array(chosen)), step)
    ends = np.cumsum(size)
    begins_piece = np.empty(len(data) + 1, dtype=bool)
    np.equal(data, step[0], out=begins_piece[1:])
    begins_text = np.zeros(len(data) + 1, dtype=bool)
    for begins in (begins_piece, begins_text):
        begins[0] = True
        begins[ends] = True
    places = np.flatnonzero(begins_piece)
    of_a_text = np.flatnonzero(begins_text[places])
    lengths = np.zeros(len(size), dtype=np.int64)
    lengths[size > 0] = np.diff(of_a_text)
    buffers = [None, pyarrow.py_buffer(places), pyarrow.py_buffer(data)]
    written = pyarrow.Array.from_buffers(pyarrow.large_binary(), len(places) - 1, buffers).dictionary_encode()
    names = [name.removesuffix(step).decode().strip() for name in written.dictionary.to_pylist()]
    numbers = written.indices.to_numpy().astype(np.min_scalar_type(len(names)))
    if not all(names):
        filled = np.array(names, dtype=bool)[numbers]
        before = np.append(0, np.cumsum(filled))
        starts = np.append(0, np.cumsum(lengths))
        numbers, lengths = numbers[filled], np.diff(before[starts])
    return _Split(names, numbers, lengths.astype(np.min_scalar_type(lengths.max(initial=0))))


def _bytes(texts: Any, step: bytes) -> tuple[NDArray[np.int64], NDArray[np.uint8], bytes]:
    """The number of bytes of each text, the texts laid end to end, and a step of one byte that stands in them."""
    import pyarrow
    from pyarrow import compute

    if texts.null_count:
        texts = compute.fill_null(texts, "")
    if len(step) > 1:
        texts = compute.replace_substring(texts.cast(pyarrow.large_binary()), step, NOT_IN_TEXT)
        step = NOT_IN_TEXT
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    laid = np.frombuffer(data or b"", dtype=np.uint8)[bounds[0] : bounds[-1]]
    return np.diff(bounds), laid, step
