"""Ragged arrays: many short sequences of codes laid end to end, one array of codes beside one of lengths.

Everything here is vectorised over all sequences at once; no loop runs over paths.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Codes = NDArray[np.int32]

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


def take(values: NDArray[_Item], lengths: NDArray[Any], rows: NDArray[Any]) -> NDArray[_Item]:
    """The entries of the sequences ``rows``, in that order, laid end to end."""
    starts = offsets(lengths)[:-1][rows]
    chosen = np.asarray(lengths)[rows]
    return values[np.repeat(starts, chosen) + positions(chosen)]


def canonical_groups(codes: NDArray[Any], lengths: NDArray[Any], alphabet: int) -> tuple[Integers, Integers]:
    """Put sequences into their canonical order and find equal ones.

    The order is by length, then code by code, so it depends on nothing but the set of sequences.

    Parameters
    ----------
    codes, lengths
        Ragged sequences; codes lie in ``0 .. alphabet - 1``.
    alphabet
        Number of different codes.

    Returns
    -------
    group
        For each sequence the canonical number of its group of equals, ``0 .. groups - 1``.
    first
        For each group one sequence of it.
    """
    lengths = np.asarray(lengths)
    starts = offsets(lengths)[:-1]
    bits = max(int(alphabet - 1).bit_length(), 1)
    by_length = np.argsort(lengths, kind="stable")
    cuts = np.flatnonzero(np.diff(lengths[by_length])) + 1
    group = np.empty(len(lengths), dtype=np.int64)
    firsts: list[Integers] = []
    found = 0
    for rows in np.split(by_length, cuts) if len(lengths) else []:
        words = _packed(codes, starts[rows], int(lengths[rows[0]]), bits)
        order = np.argsort(words[0], kind="stable") if len(words) == 1 else np.lexsort(words[::-1])
        is_new = np.zeros(len(rows), dtype=bool)
        is_new[0] = True
        for word in words:
            is_new[1:] |= np.diff(word[order]) != 0
        group[rows[order]] = found - 1 + np.cumsum(is_new)
        firsts.append(rows[order[is_new]])
        found += int(is_new.sum())
    return group, np.concatenate(firsts) if firsts else np.zeros(0, dtype=np.int64)


def _packed(codes: NDArray[Any], starts: Integers, length: int, bits: int) -> list[Integers]:
    """Sequences of one length as words of 63 bits, most significant code first."""
    per_word = 63 // bits
    words = []
    for begin in range(0, length, per_word):
        word = np.zeros(len(starts), dtype=np.int64)
        for position in range(begin, min(begin + per_word, length)):
            word <<= bits
            word |= codes[starts + position]
        words.append(word)
    return words
