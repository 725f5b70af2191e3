"""Games between channels and their Shapley values, as pure functions on arrays.

A coalition is a bit mask: bit j says that channel j is in. A game over n channels is an array of 2^n worths.
"""

from math import comb

import numpy as np

from attribution.ragged import Floats, Integers


def exact_values(worth: Floats) -> Floats:
    """Shapley values of a game: arrays ``(2^n,)`` to ``(n,)``.

    The value of j is the mean over sizes of the mean gain of coalitions of that size when j joins (Shapley 1953). In
    it a coalition of s members enters with weight 1 / (n C(n-1, s-1)) when j is a member, else with -1 / (n C(n-1, s)).
    """
    channels = worth.size.bit_length() - 1
    members = _members(channels)
    joined, apart = _weights_of_sizes(channels)
    return _summed_over_members(worth * (joined + apart)[members]) - worth @ apart[members]


def variances_of_values(spread: Floats) -> Floats:
    """Variances of Shapley values whose coalitions' worths vary apart: arrays ``(2^n,)`` to ``(n,)``.

    Every worth enters a value with the weight that :func:`exact_values` gives it, and so its variance with the square.
    """
    channels = spread.size.bit_length() - 1
    members = _members(channels)
    joined, apart = (weights**2 for weights in _weights_of_sizes(channels))
    return _summed_over_members(spread * (joined - apart)[members]) + spread @ apart[members]


def _summed_over_members(amounts: Floats) -> Floats:
    """For each channel the sum over the coalitions that hold it: arrays ``(2^n,)`` to ``(n,)``."""
    sums = np.zeros(amounts.size.bit_length() - 1)
    for channel in range(len(sums) - 1, -1, -1):
        without, including = amounts.reshape(2, -1)
        sums[channel] = including.sum()
        amounts = without + including
    return sums


def _members(channels: int) -> Integers:
    """Number of members of every coalition."""
    members = np.zeros(1, dtype=np.int64)
    for _ in range(channels):
        members = np.concatenate([members, members + 1])
    return members


def _weights_of_sizes(channels: int) -> tuple[Floats, Floats]:
    """Weight of a coalition, by its size, in the values of its members, and taken off in those of the others."""
    joined = np.array([0.0] + [1 / (channels * comb(channels - 1, size - 1)) for size in range(1, channels + 1)])
    apart = np.array([1 / (channels * comb(channels - 1, size)) for size in range(channels)] + [0.0])
    return joined, apart


def sums_over_subsets(amounts: Floats) -> Floats:
    """For every coalition the sum of ``amounts`` over its subsets, the zeta transform; ``amounts`` is ``(2^n,)``."""
    channels = amounts.size.bit_length() - 1
    high = channels // 2
    folded = amounts.reshape(1 << high, -1).copy()
    for count in (high, channels - high):
        # Only the bits that number rows are summed, so that whole rows are added; then the other half's turn comes.
        for bit in range(count):
            split = folded.reshape(1 << (count - bit - 1), 2, 1 << bit, -1)
            split[:, 1] += split[:, 0]
        folded = folded.T.copy()
    return folded.ravel()


def ratio_game(sets: Integers, conversions: Floats, journeys: Floats, channels: int) -> Floats:
    """Worth of every coalition: conversions over journeys among the journeys inside it, 0 where there are none.

    ``sets`` are the bit masks of the channels on each path.
    """
    numerator, denominator = (
        sums_over_subsets(np.bincount(sets, weights=amounts, minlength=1 << channels).astype(float))
        for amounts in (conversions, journeys)
    )
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def slopes(changes: Floats, sets: Integers) -> Floats:
    """How the Shapley values of a game answer to what changes the worths of all coalitions that hold a set.

    Worth S of ``changes``, array ``(2^n,)``, is the change of coalition S where it holds the set, for each of ``sets``;
    the answers are ``(sets, n)``. By the weights of :func:`exact_values`, and with j one of the channels,

        sum over S that hold T and j of (joined + apart) change - sum over S that hold T of apart change,

    and the coalitions that hold T and j are those that hold the set T with j. So two sums over supersets, which are
    sums over the subsets of what is left out, answer for all channels.
    """
    channels = changes.size.bit_length() - 1
    joined, apart = _weights_of_sizes(channels)
    members, last = _members(channels), changes.size - 1
    taken_off = sums_over_subsets((apart[members] * changes)[::-1])[last - sets]
    added = sums_over_subsets(((joined + apart)[members] * changes)[::-1])
    return np.asarray(added[last - (sets[:, None] | 1 << np.arange(channels))] - taken_off[:, None])


def markov_game(start: Floats, step: Floats, ends: Floats) -> Floats:
    """Worth of every coalition: P(conversion) of a chain of single channels that has only its members' states.

    The channels are decided one by one, for all coalitions at once: a channel that is out takes its row and column
    along, one that is in is eliminated (its Schur complement). With m channels undecided there are 2^(n - m) systems of
    size m + 1, so all 2^n coalitions cost as much as a few passes over 2^n numbers.

    Parameters
    ----------
    start, step, ends
        Arrays ``(n,)``, ``(n, n)``, ``(n,)``: probability to start in a channel, to go from one to another, to convert.
    """
    channels = len(start)
    system = np.zeros((channels + 1, channels + 1, 1))
    system[0, :channels, 0], system[1:, :channels, 0], system[1:, channels, 0] = start, step, ends
    for left in range(channels, 0, -1):
        # Rows are the start and the undecided channels, columns these and conversion; coalitions are contiguous.
        coalitions = system.shape[2]
        decided = np.empty((left, left, 2 * coalitions))
        decided[0, :, :coalitions] = system[0, 1:]
        decided[1:, :, :coalitions] = system[2:, 1:]
        arriving = system[:, 0] / (1 - system[1, 0])
        for row, source in enumerate([0, *range(2, left + 1)]):
            including = np.multiply(arriving[source], system[1, 1:], out=decided[row, :, coalitions:])
            including += decided[row, :, :coalitions]
        system = decided
    return np.asarray(system[0, 0])


def markov_prefixes(start: Floats, step: Floats, ends: Floats, orders: Integers) -> Floats:
    """P(conversion) of the chain as its channels come in one by one, for each order of coming in.

    ``orders`` is ``(permutations, n)``; the answer ``(permutations, n + 1)`` starts with no channel, worth 0.
    """
    channels = len(start)
    rows = np.concatenate([np.zeros((len(orders), 1), dtype=np.int64), orders + 1], axis=1)
    columns = np.concatenate([orders, np.full((len(orders), 1), channels)], axis=1)
    whole = np.zeros((channels + 1, channels + 1))
    whole[0, :channels], whole[1:, :channels], whole[1:, channels] = start, step, ends
    system = whole[rows[:, :, None], columns[:, None, :]]
    worth = np.zeros((len(orders), channels + 1))
    for entered in range(channels):
        # The next channel is the second row and the first column of what is left; eliminating it lets walks through.
        arriving = np.delete(system[:, :, 0], 1, axis=1) / (1 - system[:, 1, 0])[:, None]
        system = np.delete(system[:, :, 1:], 1, axis=1) + arriving[:, :, None] * system[:, 1, 1:][:, None, :]
        worth[:, entered + 1] = system[:, 0, -1]
    return worth


def gains(worths: Floats, orders: Integers) -> Floats:
    """What each channel adds when it comes in, ``(permutations, n)``, from worths along the orders of coming in."""
    gained = np.empty(orders.shape)
    np.put_along_axis(gained, orders, np.diff(worths, axis=1), axis=1)
    return gained
