"""Ragged arrays: many short sequences of codes laid end to end, one array of codes beside one of lengths.

Everything here is vectorised over all sequences at once; no loop runs over paths.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Codes = NDArray[np.int32]

SMALL_TABLE = 1 << 16
SHORT = 1 << 18

_Item = TypeVar("_Item", bound=np.generic)


def offsets(lengths: NDArray[Any]) -> Integers:
    """Where each sequence starts; one more entry than sequences, the last one is the total."""
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def positions(lengths: NDArray[Any]) -> Integers:
    """Position of every entry within its sequence, counted from 0."""
    starts = offsets(lengths)
    return np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)


def take(values: NDArray[_Item], starts: Integers, rows: NDArray[Any]) -> NDArray[_Item]:
    """The entries of the sequences ``rows``, in that order, laid end to end; ``starts`` as of :func:`offsets`."""
    if starts[-1] > len(values):
        raise IndexError(f"sequences of {starts[-1]} entries in all cannot lie in {len(values)} values")
    begins = starts[rows]
    chosen = starts[rows + 1] - begins
    ends = offsets(chosen)
    taken: NDArray[_Item] = np.empty(ends[-1], dtype=values.dtype)
    runs = np.append(np.flatnonzero(np.diff(chosen, prepend=-1)), len(chosen))
    if len(runs) > len(rows) // 64 or len(taken) <= SHORT:
        place = np.repeat(begins - ends[:-1], chosen)
        place += np.arange(ends[-1])
        return np.take(values, place, out=taken, mode="clip")

    def of_one_length(first: int, last: int) -> None:
        place = begins[first:last, None] + np.arange(chosen[first])
        np.take(values, place.ravel(), out=taken[ends[first] : ends[last]], mode="clip")  # "raise" copies first

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(of_one_length, runs[:-1], runs[1:]))
    return taken


def numbered(words: Sequence[NDArray[Any]]) -> tuple[Integers, Integers]:
    """Number the distinct rows of one or more columns, from 0 on, in ascending order; also one row of each number."""
    if len(words) == 1 and (bound := int(words[0].max()) + 1) <= SMALL_TABLE:
        last = np.full(bound, -1)
        last[words[0]] = np.arange(len(words[0]))
        present = last >= 0
        return (np.cumsum(present) - 1)[words[0]], last[present]
    order = _order(words[0]) if len(words) == 1 else np.lexsort(words[::-1])
    is_new = np.zeros(len(order), dtype=bool)
    is_new[0] = True
    for word in words:
        ordered = word[order]
        is_new[1:] |= ordered[1:] != ordered[:-1]
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(is_new) - 1
    return number, order[is_new]


def _order(word: NDArray[Any]) -> Integers:
    """The rows in ascending order; where words leave room, each is sorted together with its row, which takes less."""
    bits = (len(word) - 1).bit_length()
    if int(word.max()).bit_length() + bits > 63:
        return np.argsort(word)
    together = word.astype(np.int64)
    together <<= bits
    together |= np.arange(len(word))
    together.sort()
    together &= (1 << bits) - 1
    return together


def distinct_sequences(codes: NDArray[Any], lengths: NDArray[Any], alphabet: int) -> tuple[Integers, Codes, Integers]:
    """Find equal sequences and put the distinct ones into their canonical order.

    The order is by length, then code by code, so it depends on nothing but the set of sequences.

    Parameters
    ----------
    codes, lengths
        Ragged sequences of one code or more; codes lie in ``0 .. alphabet - 1``.
    alphabet
        Number of different codes.

    Returns
    -------
    group
        For each sequence given the number of the distinct one that equals it.
    codes, lengths
        The distinct sequences, ragged.
    """
    lengths = np.asarray(lengths)
    starts = offsets(lengths)[:-1]
    bits = max(int(alphabet - 1).bit_length(), 1)
    codes = codes.astype(np.uint8) if alphabet <= 1 << 8 else codes  # four times as many in the processor's cache
    # Small numbers are sorted by counting.
    sortable = lengths.astype(np.uint16) if lengths.max(initial=0) < 1 << 16 else lengths
    by_length = np.argsort(sortable, kind="stable")
    cuts = np.flatnonzero(np.diff(sortable[by_length])) + 1
    of_one_length = np.split(by_length, cuts) if len(lengths) else []

    def distinct(rows: Integers) -> tuple[Integers, Codes]:
        length = int(lengths[rows[0]])
        words = _packed(codes, starts[rows], length, bits)
        number, example = numbered(words)
        return number, _unpacked([word[example] for word in words], length, bits)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        parts = list(pool.map(distinct, of_one_length))
    group = np.empty(len(lengths), dtype=np.int64)
    found = 0
    for rows, (number, table) in zip(of_one_length, parts, strict=True):
        group[rows] = number + found
        found += len(table)
    tables = [table for _, table in parts]
    return (
        group,
        np.concatenate([np.zeros(0, dtype=np.int32), *(table.ravel() for table in tables)]),
        np.repeat([table.shape[1] for table in tables], [len(table) for table in tables]).astype(np.int64),
    )


def _packed(codes: NDArray[Any], starts: Integers, length: int, bits: int) -> list[Integers]:
    """Sequences of one length as words of 63 bits, most significant code first."""
    per_word = 63 // bits
    place = starts.copy()
    words = []
    for begin in range(0, length, per_word):
        word = np.zeros(len(starts), dtype=np.int64)
        for _ in range(begin, min(begin + per_word, length)):
            word <<= bits
            word |= codes[place]
            place += 1
        words.append(word)
    return words


def _unpacked(words: Sequence[Integers], length: int, bits: int) -> Codes:
    """Array ``(sequences, length)`` of the codes that :func:`_packed` wrote into words."""
    per_word = 63 // bits
    codes = np.empty((len(words[0]), length), dtype=np.int32)
    for begin, word in zip(range(0, length, per_word), words, strict=True):
        width = min(per_word, length - begin)
        shifts = bits * np.arange(width - 1, -1, -1)
        codes[:, begin : begin + width] = (word[:, None] >> shifts) & ((1 << bits) - 1)
    return codes
