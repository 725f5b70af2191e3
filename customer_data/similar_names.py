"""Names that look like other spellings of more common ones: "Paid Socail", "paid social" and "PaidSocial" beside
"Paid Social".

Two names are alike when nothing but capitals, white space and punctuation tells them apart. Two names are near when one
edit turns one into the other (two edits from eight letters on; two letters changing places are one edit) and the rarer
one comes less than once for a hundred of the other. Names whose digits differ are never alike or near, as Campaign 1
and Campaign 2; nor near are names that differ in one word of one or two letters, as Search US and Search UK, or names
of fewer than four letters, as SEA and SEO. Near names are looked for among the most common ones only, so the work is
bounded however many names there are.
"""

import re
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

SHORTEST, LONG = 4, 8
"""Letters of the shorter name from which one edit makes names near, and two."""
FEW = 0.01
MOST_COMMON, MOST_RARE, MOST_COMPARED = 500, 10_000, 20_000
_KINDS = 32


@dataclass(frozen=True)
class SimilarName:
    """A name that may be another spelling of a more common one, and how often each comes."""

    rare: str
    common: str
    rare_count: float
    common_count: float


def similar_names(counts: Mapping[str, float]) -> list[SimilarName]:
    """Find the names that may be other spellings of more common ones, each once, those of the most common name first.

    Parameters
    ----------
    counts
        How often each name comes; of two that come equally often the first by name is taken to be the right one.
    """
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    spelled: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    for name in ordered:
        common = spelled.setdefault(_folded(name), name)
        if common != name:
            pairs.append((name, common))
    pairs += _near(spelled, counts)
    found = [SimilarName(rare, common, counts[rare], counts[common]) for rare, common in pairs]
    return sorted(found, key=lambda one: (-one.common_count, one.common, -one.rare_count, one.rare))


def _near(spelled: Mapping[str, str], counts: Mapping[str, float]) -> list[tuple[str, str]]:
    """Pairs of near names among the folded ones, which come with the most common first.

    Letters are counted by kind first: an edit changes such counts by two at most, so that few are left to compare.
    """
    import numpy as np

    keys = list(spelled)[:MOST_RARE]
    often = np.array([counts[spelled[key]] for key in keys], dtype=float)
    lengths = np.array([len(key) for key in keys])
    letters = np.zeros((len(keys), _KINDS), dtype=np.int32)
    digits: dict[tuple[str, ...], int] = {}
    numbers = np.zeros(len(keys), dtype=int)
    for row, key in enumerate(keys):
        letters[row] = np.bincount([ord(sign) % _KINDS for sign in key], minlength=_KINDS)
        numbers[row] = digits.setdefault(tuple(re.findall(r"\d+", key)), len(digits))
    free = np.ones(len(keys), dtype=bool)
    pairs: list[tuple[str, str]] = []
    compared = 0
    for common in range(min(len(keys), MOST_COMMON)):
        begin = int(np.searchsorted(-often, -FEW * often[common], side="right"))
        shorter = np.minimum(lengths[begin:], lengths[common])
        edits = (shorter >= SHORTEST).astype(int) + (shorter >= LONG)
        differing = np.abs(letters[begin:] - letters[common]).sum(axis=1)
        maybe = (edits > 0) & (differing <= 2 * edits) & (numbers[begin:] == numbers[common]) & free[begin:]
        for rare in begin + np.flatnonzero(maybe):
            compared += 1
            if compared > MOST_COMPARED:
                return pairs
            one, other = spelled[keys[rare]], spelled[keys[common]]
            if _within(keys[rare], keys[common], int(edits[rare - begin])) and not _differ_in_a_short_word(one, other):
                free[rare] = False
                pairs.append((one, other))
    return pairs


def _folded(name: str) -> str:
    """A name without capitals, white space and punctuation, except that two numbers stay apart."""
    text = unicodedata.normalize("NFKC", name).casefold()
    apart = re.sub(r"(?<=\d)[\W_]+(?=\d)", "\0", text)
    return "".join(sign for sign in apart if sign == "\0" or not _is_filling(sign)) or text


def _is_filling(sign: str) -> bool:
    return sign in string.punctuation or unicodedata.category(sign)[0] in "ZPC"


def _within(one: str, other: str, edits: int) -> bool:
    """Whether so many edits make one text the other: a letter added, left out, replaced, or two changing places."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    one, other = one[same:], other[same:]
    if max(len(one), len(other)) <= edits:
        return True
    if edits == 0 or abs(len(one) - len(other)) > edits:
        return False
    rests = [(one[1:], other), (one, other[1:]), (one[1:], other[1:])]
    if one[:2] == other[1::-1]:
        rests.append((one[2:], other[2:]))
    return any(_within(left, right, edits - 1) for left, right in rests)


def _differ_in_a_short_word(one: str, other: str) -> bool:
    words, others = (re.findall(r"\w+", name.casefold()) for name in (one, other))
    if len(words) != len(others):
        return False
    differing = [pair for pair in zip(words, others, strict=True) if pair[0] != pair[1]]
    return len(differing) == 1 and max(map(len, differing[0])) <= 2
