"""Journeys written as whole numbers, so that the engine can group them and numpy can sort them.

A *word* holds the codes of a journey's last touches: the last touch in the lowest bits, the one before above it. Codes
count from 1, so words ascend by number of touches and then channel by channel, which is the canonical order of paths.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution import ragged
from attribution.ragged import Codes, Integers

WORD_BITS = 63
TABLE_BITS = 20
BLOCK = 1 << 18


@dataclass(frozen=True)
class Packing:
    """How many bits a code takes; ``in_word`` touches fit into a word."""

    bits: int

    @classmethod
    def of(cls, largest_code: int) -> "Packing":
        return cls(max(largest_code.bit_length(), 1))

    @property
    def in_word(self) -> int:
        return WORD_BITS // self.bits

    @property
    def mask(self) -> int:
        return (1 << self.bits) - 1


@dataclass(frozen=True, eq=False)
class Packed:
    """Journeys or distinct paths, packed.

    Attributes
    ----------
    words
        Word of each.
    long
        Numbers of those with more touches than a word holds.
    codes, lengths
        The codes of the long ones, whole, from 1, laid end to end, and their numbers of touches.
    """

    words: Integers
    long: Integers
    codes: Codes
    lengths: Integers

    @classmethod
    def joined(cls, parts: "list[Packed]") -> "Packed":
        """One after the other."""
        before = ragged.offsets(np.array([len(part.words) for part in parts]))
        return cls(
            np.concatenate([part.words for part in parts]),
            np.concatenate([part.long + start for part, start in zip(parts, before[:-1], strict=True)]),
            np.concatenate([part.codes for part in parts]),
            np.concatenate([part.lengths for part in parts]),
        )


def packed(codes: NDArray[Any], lengths: NDArray[Any], packing: Packing) -> Packed:
    """Pack ragged journeys of one touch or more, codes from 1.

    The word that ends at a code is made of two words of half as many codes, the one that ends there and the one that
    ends before it; what it holds of an earlier journey is masked.
    """
    words, width = codes, 1
    while width < packing.in_word:
        shift = width * packing.bits
        words = words.astype(np.min_scalar_type((1 << min(2 * shift, WORD_BITS)) - 1))
        before = words[:-width] << words.dtype.type(shift)
        words[width:] |= before
        width *= 2
    ends = ragged.offsets(lengths)[1:]
    masks = (np.int64(1) << packing.bits * np.arange(packing.in_word + 1)) - 1
    whole = words[ends - 1].astype(np.int64) & np.take(masks, lengths, mode="clip")
    long = np.flatnonzero(lengths > packing.in_word)
    of_long = lengths[long].astype(np.int64)
    places = np.repeat(ends[long] - of_long, of_long) + ragged.positions(of_long)
    return Packed(whole, long, codes[places].astype(np.int32), of_long)


def distinct_paths(packed: Packed, packing: Packing) -> tuple[Integers, Codes, Integers]:
    """Find equal journeys and put them into canonical order.

    Returns
    -------
    group
        For each journey the number of its path.
    codes, lengths
        The distinct paths, ragged, codes from 0.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        group, words = _distinct_words(packed, packing, pool)
        long_number, long_codes, long_lengths = ragged.distinct_sequences(
            packed.codes, packed.lengths, packing.mask + 1
        )
        group[packed.long] = long_number + len(words)
        cuts = [0, *np.searchsorted(words, _first_words(packing)[1:]), len(words)]
        lengths = np.append(np.repeat(np.arange(1, packing.in_word + 1), np.diff(cuts)), long_lengths)
        starts = ragged.offsets(lengths)[cuts]
        codes = np.empty(starts[-1] + len(long_codes), dtype=np.int32)
        codes[starts[-1] :] = long_codes

        def unpack(length: int) -> None:
            of_length = slice(starts[length - 1], starts[length])
            shifts = packing.bits * np.arange(length - 1, -1, -1)
            unpacked = words[cuts[length - 1] : cuts[length], None] >> shifts
            unpacked &= packing.mask
            codes[of_length] = unpacked.ravel()

        list(pool.map(unpack, range(1, packing.in_word + 1)))
    codes -= 1
    return group, codes, lengths


def _first_words(packing: Packing) -> Integers:
    """The smallest word of one touch, of two, and so on."""
    return np.int64(1) << packing.bits * np.arange(packing.in_word)


def _distinct_words(packed: Packed, packing: Packing, pool: ThreadPoolExecutor) -> tuple[Integers, Integers]:
    """For each journey that is not long the number of its word, and the words in ascending order.

    Words of few touches, which are most, are looked up in a table; the others are sorted, those of one length at once.
    """
    words, first_words = packed.words, _first_words(packing)
    in_table = min(len(words).bit_length(), TABLE_BITS) // packing.bits
    bound = first_words[in_table]
    present = np.zeros(bound + 1, dtype=bool)
    is_short = np.ones(len(words), dtype=bool)
    is_short[packed.long] = False
    blocks = [slice(first, first + BLOCK) for first in range(0, len(words), BLOCK)]

    def mark(block: slice) -> None:
        present[np.minimum(words[block][is_short[block]], bound)] = True

    list(pool.map(mark, blocks))
    rank = np.cumsum(present) - 1
    group = np.empty(len(words), dtype=np.int64)

    def look_up(block: slice) -> list[Integers]:
        np.take(rank, words[block], out=group[block], mode="clip")
        rows = block.start + np.flatnonzero((words[block] >= bound) & is_short[block])
        touches = np.searchsorted(first_words, words[rows], side="right").astype(np.uint8)
        ends = np.cumsum(np.bincount(touches, minlength=packing.in_word + 1))
        return np.split(rows[np.argsort(touches, kind="stable")], ends[in_table + 1 : -1])

    def sort(of_one_length: tuple[Integers, ...]) -> tuple[Integers, Integers, Integers]:
        rows = np.concatenate(of_one_length)
        if len(rows) == 0:
            return rows, rows, rows
        held = words[rows]
        number, example = ragged.numbered([held])
        return rows, number, held[example]

    found = [np.flatnonzero(present[:-1])]
    for rows, number, distinct in pool.map(sort, zip(*pool.map(look_up, blocks), strict=True)):
        group[rows] = number + sum(map(len, found))
        found.append(distinct)
    return group, np.concatenate(found)
