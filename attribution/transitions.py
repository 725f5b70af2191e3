"""Transitions between states of order k that distinct paths make, for every fit, interval and replicate.

Conventions (those of the R package ChannelAttribution): a state of order k is a window of k consecutive channels, a
path shorter than k is one state, and equal neighbouring states collapse, so that at order 1 no channel follows itself.
"""

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
    taken: Integers
    visits: Integers
    last: Integers

    @cached_property
    def per_path(self) -> "csr_array":
        """How often each path (row) makes each transition (column), sparse."""
        from scipy.sparse import csr_array

        matrix = csr_array(
            (np.ones(len(self.taken)), self.taken, ragged.offsets(self.visits)),
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
    position = ragged.positions(paths.lengths)
    windows, bound = _windows(paths, position, order)
    ends = paths.starts[1:] - 1
    used = position >= order - 1
    used[ends] = True
    place = np.flatnonzero(used)
    row = paths.rows[place]
    state_key = windows[place]
    kept = np.ones(len(place), dtype=bool)
    kept[1:] = (state_key[1:] != state_key[:-1]) | (row[1:] != row[:-1])
    place, row = place[kept], row[kept]
    state, example = _numbered(state_key[kept], bound)
    visits = np.bincount(row, minlength=len(paths))
    first = ragged.offsets(visits)[:-1]
    count = len(example)
    source = np.empty_like(state)
    source[1:] = state[:-1]
    source[first] = count
    taken, example_step = _numbered(source * count + state, (count + 1) * count)
    return Transitions(
        order=order,
        channels=paths.channels,
        states=_channels_of_windows(paths, place[example], position, order),
        source=source[example_step],
        target=state[example_step],
        taken=taken,
        visits=visits,
        last=state[first + visits - 1] if len(paths) else np.zeros(0, dtype=np.int64),
    )


def _windows(paths: Paths, position: Integers, order: int) -> tuple[Integers, int]:
    """A number for the window of the last ``order`` channels (fewer at a path's beginning) ending at each position.

    The window of k channels that ends here is the one of k - 1 channels that ended one before, and the channel here.
    Numbers stay below the bound returned; they are renumbered whenever the next step would not fit 62 bits.
    """
    base = len(paths.channels) + 1
    here = paths.codes.astype(np.int64) + 1
    windows, bound = here, base
    for _ in range(1, order):
        if bound * base >= 1 << 62:
            windows, example = _numbered(windows, bound)
            windows, bound = windows + 1, len(example) + 1
        before = np.zeros_like(windows)
        before[1:] = windows[:-1]
        before[position == 0] = 0
        windows, bound = before * base + here, bound * base
    return windows, bound


def _numbered(keys: Integers, bound: int) -> tuple[Integers, Integers]:
    """Number distinct keys in ascending order; also one position at which each occurs."""
    if bound <= LARGEST_TABLE:
        example: NDArray[Any] = np.full(bound, -1, dtype=np.int64)
        example[keys] = np.arange(len(keys))
        present = example >= 0
        return (np.cumsum(present) - 1)[keys], example[present]
    _, example, number = np.unique(keys, return_index=True, return_inverse=True)
    return number.astype(np.int64), example.astype(np.int64)


def _channels_of_windows(paths: Paths, place: Integers, position: Integers, order: int) -> Codes:
    """The channels of the windows that end at the places given, filled with -1 on the right."""
    length = np.minimum(position[place] + 1, order)
    column = np.arange(order)
    index = (place - length + 1)[:, None] + column
    return np.where(column < length[:, None], paths.codes[np.minimum(index, len(paths.codes) - 1)], -1).astype(np.int32)
