"""Transitions between states of order k that distinct paths make, for every fit, interval and replicate.

Conventions (those of the R package ChannelAttribution): a state of order k is a window of k consecutive channels, a
path shorter than k is one state, and equal neighbouring states collapse, so that at order 1 no channel follows itself.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attribution import ragged
from attribution.paths import STEP, Paths
from attribution.ragged import Codes, Floats, Integers
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LARGEST_TABLE = 1 << 22
BLOCK = 1 << 18


@dataclass(frozen=True, eq=False)
class Transitions:
    """Which observed transitions each distinct path makes.

    Attributes
    ----------
    order, channels
        Length k of the windows, and the names of channels.
    states
        Array ``(states, k)`` of channel codes, each row one state, oldest channel first, filled with -1 on the right
        where a path was shorter than k.
    source, target
        For each observed transition the states it leads from and to; the source ``len(states)`` is the start.
        The transitions into conversion and null are not listed: they are those from the state in ``last``.
    taken, visits
        The transitions of each path laid end to end, and their number per path, the one from the start among them;
        it equals the number of states the path visits.
    last
        Per path its last state.
    """

    order: int
    channels: tuple[str, ...]
    states: Codes
    source: Integers
    target: Integers
    taken: Codes
    visits: Integers
    last: Integers

    @cached_property
    def starts(self) -> Integers:
        """Where each path starts in ``taken``, and the total as the last entry."""
        return ragged.offsets(self.visits)

    def taken_by(self, rows: slice | Integers) -> "csr_array":
        """The transitions (columns) of the paths ``rows``, sparse; made twice, one stands twice."""
        from scipy.sparse import csr_array

        if isinstance(rows, slice):
            first, end, _ = rows.indices(len(self.visits))
            begins = self.starts[first : max(first, end) + 1]
            taken = self.taken[begins[0] : begins[-1]]
        else:
            begins = ragged.offsets(self.visits[rows])
            taken = ragged.take(self.taken, self.starts, rows)
        return csr_array((np.ones(len(taken)), taken, begins - begins[0]), shape=(len(begins) - 1, len(self.source)))

    @cached_property
    def per_path(self) -> "csr_array":
        """How often each path (row) makes each transition (column), sparse."""
        from scipy.sparse import csr_array

        matrix = csr_array(
            (np.ones(len(self.taken)), self.taken, self.starts),
            shape=(len(self.last), len(self.source)),
            copy=True,
        )
        matrix.sum_duplicates()
        return matrix

    @cached_property
    def holds(self) -> NDArray[np.bool_]:
        """Array ``(states, channels)``: which channels each state's window holds."""
        held = np.zeros((len(self.states), len(self.channels)), dtype=bool)
        rows, columns = np.nonzero(self.states >= 0)
        held[rows, self.states[rows, columns]] = True
        return held

    @cached_property
    def closing(self) -> Integers:
        """The last channel of each state."""
        last: Integers = self.states[np.arange(len(self.states)), (self.states >= 0).sum(axis=1) - 1]
        return last

    def count(self, weights: Floats) -> Floats:
        """Number of times each transition is made when path p occurs ``weights[p]`` times."""
        counted = np.bincount(self.taken, weights=np.repeat(weights, self.visits), minlength=len(self.source))
        return counted.astype(float)

    def at_last(self, weights: Floats) -> Floats:
        """Sum of ``weights`` of the paths that end in each state."""
        return np.bincount(self.last, weights=weights, minlength=len(self.states)).astype(float)

    def names(self, *, step: str = STEP) -> list[str]:
        """States as text, their channels oldest first."""
        return [step.join(self.channels[code] for code in state if code >= 0) for state in self.states]


def transitions(paths: Paths, *, order: int = 1) -> Transitions:
    """Find the states of order ``order`` and the transitions between them that ``paths`` make.

    They are found once for each order and kept with the paths.

    Raises
    ------
    ConfigurationError
        When ``order`` is not a whole number from 1 on.
    """
    if isinstance(order, bool) or not isinstance(order, int | np.integer) or order < 1:
        raise ConfigurationError(
            f"order: {order!r} is not a whole number from 1 on. Give 1 for a chain of single channels."
        )
    if order not in paths.transitions_by_order:
        paths.transitions_by_order[order] = _found(paths, int(order))
    return paths.transitions_by_order[order]


def _found(paths: Paths, order: int) -> Transitions:
    windows, bound, renumbered = _windows(paths, order)
    ending = np.maximum(paths.lengths - (order - 1), 1)
    if order > 1:
        windows = windows[_ends_a_window(paths, order)]
    begins = ragged.offsets(ending)[:-1]
    kept = np.empty(len(windows), dtype=bool)
    np.not_equal(windows[1:], windows[:-1], out=kept[1:])
    kept[begins] = True
    visits = np.add.reduceat(kept, begins, dtype=np.int64)
    state, keys = _numbered(windows[kept], bound)
    states, first = len(keys), ragged.offsets(visits)
    source = np.empty_like(state)
    source[1:] = state[:-1]
    source[first[:-1]] = states
    steps = np.multiply(source, states, dtype=_integers(states * (states + 1)))
    steps += state
    taken, keys_of_steps = _numbered(steps, states * (states + 1))
    source_of_step, target_of_step = np.divmod(keys_of_steps, max(states, 1))
    return Transitions(
        order=order,
        channels=paths.channels,
        states=_channels_of_windows(keys, len(paths.channels) + 1, renumbered),
        source=source_of_step,
        target=target_of_step,
        taken=taken,
        visits=visits,
        last=state[first[1:] - 1].astype(np.int64),
    )


def _integers(bound: int) -> type[np.signedinteger[Any]]:
    """The smaller type of whole numbers that holds those below ``bound``."""
    return np.int32 if bound <= 1 << 31 else np.int64


def _windows(paths: Paths, order: int) -> tuple[NDArray[Any], int, list[Integers | None]]:
    """A number for the window of the last ``order`` channels (fewer at a path's beginning) ending at each position.

    The window of k channels that ends here is the one of k - 1 channels that ended one before, and the channel here.
    Numbers stay below the bound returned; they are renumbered whenever the next step would not fit 62 bits, and the
    numbers before that are returned for each step.
    """
    base = len(paths.channels) + 1
    here = paths.codes + np.int32(1)
    windows, bound = here, base
    renumbered: list[Integers | None] = []
    for _ in range(1, order):
        before = None
        if bound * base >= 1 << 62:
            windows, before = _numbered(windows, bound)
            windows, bound = windows + 1, len(before) + 1
        renumbered.append(before)
        bound *= base
        longer = np.empty(len(windows), dtype=_integers(bound))
        longer[1:] = windows[:-1]
        longer[paths.starts[:-1]] = 0
        longer *= base
        longer += here
        windows = longer
    return windows, bound, renumbered


def _ends_a_window(paths: Paths, order: int) -> NDArray[np.bool_]:
    """Where a window of ``order`` channels ends, or a path shorter than that."""
    ends = np.ones(len(paths.codes), dtype=bool)
    for position in range(order - 1):
        ends[paths.starts[:-1][paths.lengths > position + 1] + position] = False
    return ends


def _numbered(keys: NDArray[Any], bound: int) -> tuple[Codes, Integers]:
    """Number distinct keys in ascending order; also those keys."""
    if bound <= LARGEST_TABLE:
        present = np.zeros(bound, dtype=bool)
        number = np.empty(len(keys), dtype=np.int32)
        blocks = [slice(first, first + BLOCK) for first in range(0, len(keys), BLOCK)]

        def mark(block: slice) -> None:
            present[keys[block]] = True

        def look_up(block: slice) -> None:
            np.take(numbers, keys[block], out=number[block], mode="clip")  # "raise" copies first

        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            list(pool.map(mark, blocks))
            numbers = np.cumsum(present, dtype=np.int32) - np.int32(1)
            list(pool.map(look_up, blocks))
        return number, np.flatnonzero(present)
    ranks, example = ragged.numbered([keys])
    return ranks.astype(np.int32), keys[example].astype(np.int64)


def _channels_of_windows(keys: Integers, base: int, renumbered: list[Integers | None]) -> Codes:
    """The channels of windows, oldest first, filled with -1 on the right."""
    channels = np.empty((len(keys), len(renumbered) + 1), dtype=np.int32)
    for column in range(len(renumbered), 0, -1):
        keys, channels[:, column] = np.divmod(keys, base)
        if (before := renumbered[column - 1]) is not None:
            keys = np.append(0, before)[keys]
    channels[:, 0] = keys
    channels -= 1
    return np.take_along_axis(channels, np.argsort(channels < 0, axis=1, kind="stable"), axis=1)
