"""Journeys written as whole numbers, so that the engine can group them and numpy can sort them.

A *word* holds the codes of a journey's last touches: the last touch in the lowest bits, the one before above it. Codes
count from 1, so words ascend by number of touches and then channel by channel, which is the canonical order of paths.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution import ragged
from attribution.ragged import Codes, Integers

WORD_BITS = 63


@dataclass(frozen=True)
class Packing:
    """How many bits a code takes; ``in_word`` touches fit into a word.

    A journey of more touches has a *tail*: each earlier touch as ``back << bits | code``, ascending and joined by
    commas, where ``back`` counts a journey's touches from its last one, which is 1.
    """

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


def packed_with_tails(words: Integers, long: Integers, tails: NDArray[Any], packing: Packing) -> Packed:
    """Packed journeys from words and from the tails of the long ones."""
    in_tail = np.array([tail.count(",") + 1 for tail in tails], dtype=np.int64)
    lengths = in_tail + packing.in_word
    ends = ragged.offsets(lengths)[1:]
    codes = np.zeros(int(lengths.sum()), dtype=np.int32)
    for place in range(packing.in_word):
        codes[ends - 1 - place] = (words[long] >> (packing.bits * place)) & packing.mask
    earlier = np.array(",".join(tails).split(",") if len(tails) else [], dtype=np.int64)
    codes[np.repeat(ends, in_tail) - (earlier >> packing.bits)] = earlier & packing.mask
    return Packed(words, long, codes, lengths)


def distinct_paths(packed: Packed, packing: Packing) -> tuple[Integers, Codes, Integers]:
    """Find equal journeys and put them into canonical order.

    Returns
    -------
    group
        For each journey the number of its path.
    codes, lengths
        The distinct paths, ragged, codes from 0.
    """
    short = np.ones(len(packed.words), dtype=bool)
    short[packed.long] = False
    words, number = np.unique(packed.words[short], return_inverse=True)
    lengths = np.searchsorted(np.int64(1) << (packing.bits * np.arange(1, packing.in_word)), words, side="right") + 1
    pieces = []
    for length, begin, end in _runs(lengths):
        shift = packing.bits * np.arange(length - 1, -1, -1)
        pieces.append(((words[begin:end, None] >> shift) & packing.mask).astype(np.int32).ravel())
    long_number, codes, long_lengths = ragged.distinct_sequences(packed.codes, packed.lengths, packing.mask + 1)
    pieces.append(codes)
    group = np.empty(len(packed.words), dtype=np.int64)
    group[short] = number
    group[packed.long] = len(words) + long_number
    return group, np.concatenate(pieces) - np.int32(1), np.concatenate([lengths, long_lengths])


def _runs(ascending: Integers) -> list[tuple[int, int, int]]:
    """Each value of an ascending array with where it begins and ends."""
    values, begins = np.unique(ascending, return_index=True)
    ends = np.append(begins[1:], len(ascending))[: len(begins)]
    return list(zip(values.tolist(), begins.tolist(), ends.tolist(), strict=True))
