"""Path transforms by name: what of a path the models get to see.

Each turns distinct paths into distinct paths and keeps conversions, value and nulls to the last digit. Times of touches
are no longer known afterwards, so credit by time decay is not available on transformed paths.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attribution import ragged
from attribution.arguments import checked
from attribution.direct import direct_codes, warn_of_missing_direct
from attribution.paths import FileCounts, Paths
from attribution.ragged import Integers
from customer_data.channel_names import renamed_name
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Mask = NDArray[np.bool_]
DROPS_DIRECT = "drop_direct_unless_alone"


@checked
def transform_paths(paths: Paths, transform: str, *, direct: str | Sequence[str] = "direct") -> Paths:
    """Distinct paths as they look after one of the named transforms.

    Parameters
    ----------
    paths
        Distinct paths.
    transform
        ``"keep_all"``: as they are. ``"collapse_repeats"``: runs of one channel become one touch.
        ``"first_of_each"``: each channel once, where it came first. ``"last_of_each"``: where it came last.
        ``"drop_direct_unless_alone"``: without the touches of ``direct``, except where a path holds nothing else.
    direct
        Name or names of the channels of visits without a known source, as :mod:`attribution.direct` finds them; of a
        name that no channel has there is a warning.

    Raises
    ------
    ConfigurationError
        When the transform's name is not one of these.
    """
    if transform == DROPS_DIRECT:
        warn_of_missing_direct(paths.channels, direct, where=DROPS_DIRECT)
    return transform_numbered(paths, transform, direct=direct)[0]


def transform_numbered(
    paths: Paths, transform: str, *, direct: str | Sequence[str] = "direct"
) -> tuple[Paths, Integers]:
    """The same, and for each path given the number of the path that it becomes."""
    if transform == "keep_all":
        return paths, np.arange(len(paths))
    if transform == DROPS_DIRECT:
        return _kept(paths, _not_direct_unless_alone(paths, direct))
    if transform not in _RULES:
        raise ConfigurationError(f'transform: "{transform}" is unknown. Choose one of {", ".join(TRANSFORMS)}.')
    return _kept(paths, _RULES[transform](paths))


@checked
def rename_channels(paths: Paths, renamed: Mapping[str, str]) -> Paths:
    """Distinct paths with some channels under another name; paths that are then equal are merged.

    Parameters
    ----------
    paths
        Distinct paths.
    renamed
        The new name by the one that the paths hold; several may get one name. Names that do not come change nothing.
    """
    names = [renamed_name(name, renamed) for name in paths.channels]
    if names == list(paths.channels):
        return paths
    channels = sorted(set(names))
    code = {name: number for number, name in enumerate(channels)}
    codes = np.array([code[name] for name in names], dtype=paths.codes.dtype)[paths.codes]
    merged, _ = _kept(replace(paths, channels=tuple(channels), codes=codes), np.ones(len(codes), dtype=bool))
    if not isinstance(merged.counts, FileCounts):
        return merged
    return merged.with_counts(replace(merged.counts, merged_rows=merged.counts.merged_rows + len(paths) - len(merged)))


def drop_channel(paths: Paths, code: int) -> tuple[ragged.Integers, Paths]:
    """Take one channel out of every path: the numbers of the paths that still hold a touch, and those paths.

    Nothing is merged: entry i of the second belongs to path ``rows[i]`` of ``paths``.
    """
    kept = paths.codes != code
    lengths = np.bincount(paths.rows[kept], minlength=len(paths))
    rows = np.flatnonzero(lengths)
    return rows, replace(
        paths,
        codes=paths.codes[kept],
        lengths=lengths[rows],
        conversions=paths.conversions[rows],
        value=paths.value[rows],
        nulls=paths.nulls[rows],
        value_squares=None,
        time_decay=None,
        shared=None,
    )


def _differs_from_the_one_before(paths: Paths) -> Mask:
    kept = np.ones(len(paths.codes), dtype=bool)
    kept[1:] = paths.codes[1:] != paths.codes[:-1]
    kept[paths.starts[:-1]] = True
    return kept


def _first_of_each(paths: Paths) -> Mask:
    _, first = np.unique(_path_and_channel(paths), return_index=True)
    return _mask(first, len(paths.codes))


def _last_of_each(paths: Paths) -> Mask:
    _, first_from_behind = np.unique(_path_and_channel(paths)[::-1], return_index=True)
    return _mask(len(paths.codes) - 1 - first_from_behind, len(paths.codes))


def _not_direct_unless_alone(paths: Paths, direct: str | Sequence[str]) -> Mask:
    other = ~np.isin(paths.codes, direct_codes(paths.channels, direct))
    alone = np.bincount(paths.rows, weights=other, minlength=len(paths)) == 0
    kept: Mask = other | alone[paths.rows]
    return kept


def _path_and_channel(paths: Paths) -> NDArray[Any]:
    return paths.rows * len(paths.channels) + paths.codes


def _mask(positions: NDArray[Any], size: int) -> Mask:
    kept = np.zeros(size, dtype=bool)
    kept[positions] = True
    return kept


_RULES: dict[str, Callable[[Paths], Mask]] = {
    "collapse_repeats": _differs_from_the_one_before,
    "first_of_each": _first_of_each,
    "last_of_each": _last_of_each,
}
TRANSFORMS = ("keep_all", *_RULES, DROPS_DIRECT)


def _kept(paths: Paths, kept: Mask) -> tuple[Paths, Integers]:
    """The same journeys with only the touches marked, equal paths merged, and for each path what it becomes."""
    codes = paths.codes[kept]
    lengths = np.bincount(paths.rows[kept], minlength=len(paths))
    group, codes, lengths = ragged.distinct_sequences(codes, lengths, len(paths.channels))

    def summed(amounts: ragged.Floats) -> ragged.Floats:
        return np.bincount(group, weights=amounts, minlength=len(lengths)).astype(float)

    merged = replace(
        paths,
        codes=codes,
        lengths=lengths,
        conversions=summed(paths.conversions),
        value=summed(paths.value),
        nulls=summed(paths.nulls),
        value_squares=None if paths.value_squares is None else summed(paths.value_squares),
        time_decay=None,
        shared=None if paths.shared is None else _merged_cells(paths.shared, group, len(lengths)),
    )
    return merged, group


def _merged_cells(shared: "csr_array", group: ragged.Integers, groups: int) -> "csr_array":
    """``Paths.shared`` over the cells (conversions, nulls, value of each path) after paths were merged."""
    from scipy.sparse import csr_array

    cell = np.concatenate([group, group + groups, group + 2 * groups])
    merge = csr_array((np.ones(len(cell)), (np.arange(len(cell)), cell)), shape=(len(cell), 3 * groups))
    return csr_array(merge.T @ shared @ merge)
