"""What journeys look like: the paths most travelled, and how long paths are."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.paths import Paths
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas


def top_paths(paths: Paths, n: int = 20) -> "pandas.DataFrame":
    """The paths with the most conversions.

    Parameters
    ----------
    paths
        From :func:`attribution.read_paths` or :func:`attribution.build_paths`.
    n
        At most so many paths.

    Returns
    -------
    Columns path (channels joined by `` > ``), touches, conversions, value, nulls, conversion_rate (conversions over
    conversions and nulls; missing when the source knew no journeys without conversion). Sorted by conversions, then
    value, then nulls, descending, ties in canonical order.
    """
    import pandas

    if n < 0:
        raise ConfigurationError(f"n: {n!r} is not a number of paths.")
    rows = np.lexsort([np.arange(len(paths)), -paths.nulls, -paths.value, -paths.conversions])[:n]
    journeys = (paths.conversions + paths.nulls)[rows]
    rate = np.divide(paths.conversions[rows], journeys, out=np.full(len(rows), np.nan), where=journeys > 0)
    return pandas.DataFrame(
        {
            "path": pandas.Series(paths.names(rows), dtype="str"),
            "touches": paths.lengths[rows],
            "conversions": paths.conversions[rows],
            "value": paths.value[rows],
            "nulls": paths.nulls[rows],
            "conversion_rate": rate if paths.nulls_known else np.nan,
        }
    )


def path_lengths(paths: Paths) -> "pandas.DataFrame":
    """How many journeys have how many touches.

    Returns
    -------
    Columns touches (ascending, only lengths that occur), conversions, value, nulls.
    """
    import pandas

    lengths, number = np.unique(paths.lengths, return_inverse=True)
    return pandas.DataFrame(
        {
            "touches": lengths,
            "conversions": np.bincount(number, weights=paths.conversions, minlength=len(lengths)),
            "value": np.bincount(number, weights=paths.value, minlength=len(lengths)),
            "nulls": np.bincount(number, weights=paths.nulls, minlength=len(lengths)),
        }
    )
