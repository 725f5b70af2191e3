"""What journeys look like: the paths most travelled, how long paths are, and how long they take."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.arguments import checked
from attribution.delta import normal_reach
from attribution.intervals import score_interval, share_interval
from attribution.paths import Paths
from attribution.ragged import Floats
from attribution.sums import Measure, Sums, everything, grouped, rate_ends
from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas
    from scipy.sparse import csr_array

MEASURES: tuple[Measure, Measure] = ("conversions", "value")


@checked
def top_paths(paths: Paths, n: int = 20, *, confidence: float = 0.90) -> "pandas.DataFrame":
    """The paths with the most conversions.

    Parameters
    ----------
    paths
        From :func:`attribution.read_paths` or :func:`attribution.build_paths`.
    n
        At most so many paths.
    confidence
        Of the intervals, robust to customers with several journeys (:mod:`attribution.sums`).

    Returns
    -------
    Columns path (channels joined by `` > ``), touches, conversions, value, nulls, conversion_rate (conversions over
    conversions and nulls; missing when the source knew no journeys without conversion), conversions_low,
    conversions_high, value_low, value_high, conversion_rate_low, conversion_rate_high. Sorted by conversions, then
    value, then nulls, descending, ties in canonical order. A path on top is there partly by luck, so its interval lies
    somewhat high.

    Raises
    ------
    ConfigurationError
        When ``n`` is below 0 or the confidence out of range.
    """
    import pandas

    if n < 0:
        raise ConfigurationError(f"n: {n!r} is not a number of paths.")
    normal_reach(confidence)
    rows = np.lexsort([np.arange(len(paths)), -paths.nulls, -paths.value, -paths.conversions])[:n]
    place = np.full(len(paths), len(rows))
    place[rows] = np.arange(len(rows))
    own = grouped(paths, place, len(rows) + 1)[:, : len(rows)]
    rate, rate_low, rate_high = rate_ends(paths, rows, confidence=confidence)
    return pandas.DataFrame(
        {
            "path": pandas.Series(paths.names(rows), dtype="str"),
            "touches": paths.lengths[rows],
            "conversions": paths.conversions[rows],
            "value": paths.value[rows],
            "nulls": paths.nulls[rows],
            "conversion_rate": rate if paths.nulls_known else np.nan,
            **_ends(paths, own, confidence=confidence),
            "conversion_rate_low": rate_low if paths.nulls_known else np.nan,
            "conversion_rate_high": rate_high if paths.nulls_known else np.nan,
        }
    )


@checked
def path_lengths(paths: Paths, *, confidence: float = 0.90) -> "pandas.DataFrame":
    """How many journeys have how many touches.

    Returns
    -------
    Columns touches (ascending, only lengths that occur), conversions, value, nulls, conversions_low, conversions_high,
    value_low, value_high, conversions_share, conversions_share_low, conversions_share_high: of all conversions, with
    intervals as in :func:`top_paths`.
    """
    import pandas

    lengths, number = np.unique(paths.lengths, return_inverse=True)
    own = grouped(paths, number, len(lengths))
    sums = Sums(paths, "conversions", own)
    share, low, high = sums.share_ends(everything(paths), confidence=confidence)
    return pandas.DataFrame(
        {
            "touches": lengths,
            "conversions": sums.totals,
            "value": np.bincount(number, weights=paths.value, minlength=len(lengths)),
            "nulls": np.bincount(number, weights=paths.nulls, minlength=len(lengths)),
            **_ends(paths, own, confidence=confidence),
            "conversions_share": share,
            "conversions_share_low": low,
            "conversions_share_high": high,
        }
    )


@checked
def time_lags(paths: Paths, *, confidence: float = 0.90) -> "pandas.DataFrame | None":
    """How many conversions come how many whole days after the first touch; None from a file, which knows no times.

    Returns
    -------
    Columns days (from 0 on), conversions, conversions_low, conversions_high, conversions_share, conversions_share_low,
    conversions_share_high. Whose conversions came after how many days is not known, so customers with several are taken
    to have them all after equally many: intervals are then as wide as they can be.
    """
    table = paths.time_lags
    if table is None:
        return None
    counted = everything(paths)
    total = float(counted.totals[0]) or 1.0
    conversions = table["conversions"].to_numpy()
    share, of_one = conversions / total, float(counted.variances[0]) / total
    least, most = score_interval(conversions, conversions * of_one, confidence=confidence, typical=of_one)
    of_each = float(counted.variances[0]) / total**2
    low, high = share_interval(share, share * (1 - share) * of_each, confidence=confidence, typical=of_each)
    return table.assign(
        conversions_low=least,
        conversions_high=most,
        conversions_share=share,
        conversions_share_low=low,
        conversions_share_high=high,
    )


def _ends(paths: Paths, own: "csr_array", *, confidence: float) -> dict[str, Floats]:
    """Ends of the conversions and of the value that the columns of ``own`` sum."""
    columns: dict[str, Floats] = {}
    for measure in MEASURES:
        low, high = Sums(paths, measure, own).ends(confidence=confidence)
        columns |= {f"{measure}_low": low, f"{measure}_high": high}
    return columns
