"""Arrays of numbers: the names of their types, and work on long ones in blocks that stay in the processor's cache, on
all processors.

What a block gives does not depend on who computes it, and the results come in the order of the blocks: they are equal
to the bit on any number of processors.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import Final, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Numbers: TypeAlias = npt.ArrayLike
Result = TypeVar("Result")

BLOCK: Final = 32_768


class Column(Protocol):
    """Numbers of a shape, of which stretches of the flattened ones can be had."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __array__(self) -> FloatArray: ...

    def __getitem__(self, part: slice, /) -> FloatArray: ...


def floats(*values: Numbers) -> tuple[FloatArray, ...]:
    """Arguments of a formula as arrays of floats."""
    return tuple(np.asarray(value, dtype=np.float64) for value in values)


def of_all(n: FloatArray, alive: FloatArray, among_living: FloatArray) -> FloatArray:
    """P(n orders) of all, from that of the living, who are so with the chance ``alive``; who left orders nothing."""
    return np.asarray(np.where(n == 0, 1 - alive, 0.0) + alive * among_living)


def in_blocks(work: Callable[[slice], Result], length: int, *, block: int = BLOCK) -> list[Result]:
    """What ``work`` returns for each block of the length, in order."""
    parts = [slice(first, min(first + block, length)) for first in range(0, length, block)]
    workers = min(os.cpu_count() or 1, len(parts) // 2)  # a thread costs as much as a block
    if workers < 2:
        return [work(part) for part in parts]
    found: dict[int, Result] = {}
    waiting = iter(range(len(parts)))  # each takes the next one: a processor that is busy elsewhere takes fewer

    def worker(_: int) -> None:
        for index in waiting:
            found[index] = work(parts[index])

    with ThreadPoolExecutor(max_workers=workers) as pool:
        list(pool.map(worker, range(workers)))
    return [found[index] for index in range(len(parts))]


def elementwise(formula: Callable[..., FloatArray], *arguments: Column, block: int = BLOCK) -> FloatArray:
    """The formula of arguments that broadcast, in blocks."""
    shape = np.broadcast_shapes(*(argument.shape for argument in arguments))
    alike = [argument if argument.shape == shape else np.broadcast_to(argument, shape) for argument in arguments]
    columns = [column.ravel() if isinstance(column, np.ndarray) and column.ndim != 1 else column for column in alike]
    found = np.empty(prod(shape))

    def work(part: slice) -> None:
        found[part] = formula(*(column[part] for column in columns))

    in_blocks(work, len(found), block=block)
    scalar_or_array: FloatArray = found.reshape(shape)[()]
    return scalar_or_array
