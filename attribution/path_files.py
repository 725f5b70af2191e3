"""Reading aggregated paths: per row a path, its conversions, their value and the journeys that did not convert."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.arguments import checked
from attribution.packing import Packing, distinct_paths
from attribution.path_columns import (
    PathColumns,
    columns_of_frame,
    columns_of_parquet,
    columns_of_text,
    unread_columns,
)
from attribution.path_texts import pack
from attribution.paths import FileCounts, Paths
from customer_data.errors import ConfigurationError, InputError
from customer_data.relations import PARQUET_ENDINGS
from customer_data.sources import Source

if TYPE_CHECKING:
    import pandas

UNKNOWN_SPREAD = (
    "nothing tells how far the values of single conversions spread, so intervals of value are lower bounds. Give rows "
    "of one conversion each, several rows for each path, or a column of the sums of squared values (value_squares)."
)


@checked
def read_paths(
    data: "str | Path | pandas.DataFrame",
    *,
    sep: str | None = ",",
    path: str = "path",
    conversions: str = "conversions",
    value: str | None = None,
    nulls: str | None = None,
    value_squares: str | None = None,
    step: str = ">",
    encoding: str = "utf-8",
    decimal: str = ".",
) -> Paths:
    """Read aggregated paths from a file or a frame.

    Paths are split at ``step``, names trimmed, empty names dropped; equal paths are merged with all that came of them.
    Rows without any outcome are dropped, and rows with an empty path too; both are counted in ``Paths.counts``. A
    `UserWarning` tells what came without a path, and of channels that occur only where nothing came of a path.

    Parameters
    ----------
    data
        A CSV file (``.gz`` too) or a pattern of several, a Parquet file (``.parquet``), or a pandas frame.
    sep, encoding, decimal
        How a CSV file is written, as in `customer_data.sources.Source`, and read like those: the header may stand below
        a preamble, thousands may be grouped. ``sep=None`` finds the sign between the columns by itself.
    path, conversions, value, nulls
        Names of the columns: the path; its conversions (a count, fractions allowed); their total value in one
        currency; journeys on that path that ended without conversion. The last two may be absent; where they are
        not named, but there are columns called so, a `UserWarning` tells that these are not read.
    value_squares
        Name of the column of the sums of the squared values of single conversions, which say how far values spread.
        Without it that is estimated (:mod:`attribution.value_spread`); where nothing tells it, a `UserWarning` says
        that intervals of value are lower bounds.
    step
        What stands between the channels of a path.

    Raises
    ------
    InputError
        When the file cannot be read, lines are broken, columns are missing, numbers are missing, negative or not
        finite, there is value without conversions, squared values cannot be those of the values, or no row is left.
        Every problem at once, in CSV files with the line of the first case.
    ConfigurationError
        When ``sep`` is not one character, ``step`` is empty, ``encoding`` or ``decimal`` is none that is known, or
        ``value_squares`` are named without ``value``.
    """
    import pandas

    if sep is not None and len(sep) != 1:
        raise ConfigurationError(f"sep: {sep!r} is not one character. Give the one between columns, such as ';'.")
    if not step.strip():
        raise ConfigurationError(f"step: {step!r} is empty. Give what stands between two channels, such as '>'.")
    if value_squares is not None and value is None:
        raise ConfigurationError(f"value_squares: {value_squares!r} are the squares of no value. Name the value, too.")
    wanted = {"path": path, "conversions": conversions, "value": value, "nulls": nulls, "value_squares": value_squares}
    columns = {ours: theirs for ours, theirs in wanted.items() if theirs is not None}
    if isinstance(data, pandas.DataFrame):
        read = columns_of_frame(data, columns)
    elif Path(data).suffix.lower() in PARQUET_ENDINGS:
        read = columns_of_parquet(Path(data), columns)
    else:
        written = Source(table="paths", data=data, columns=columns, separator=sep, encoding=encoding, decimal=decimal)
        read = columns_of_text(written, columns)
    unread = _unread_sentence(unread_columns(read.present, wanted))
    paths = _paths(read, step=step, columns=columns, unread=unread)
    assert isinstance(paths.counts, FileCounts)
    told = [unread.lstrip()] if unread else []
    told += _left_out_sentences(paths.counts, has_unread=bool(unread))
    told += [] if paths.value_spread_known else [UNKNOWN_SPREAD]
    for sentence in told:
        warnings.warn(f"{read.source}: {sentence}", UserWarning, stacklevel=3)
    return paths


def _left_out_sentences(counts: FileCounts, *, has_unread: bool) -> list[str]:
    """What no model will see, though it stands in the file; columns left unread may be why channels have no outcome."""
    told = []
    if (rows := counts.rows_without_path) > 0:
        worth = f" worth {counts.value_without_path:,.10g}" if counts.value_known else ""
        told.append(
            f"{rows:,} of {counts.rows:,} rows (first: row {counts.first_without_path + 1:,}) name no channel, so "
            f"{counts.conversions_without_path:,.10g} conversions{worth} and {counts.nulls_without_path:,.10g} "
            "journeys without one are credited to none (Paths.counts has them). Name a channel in their path if one is "
            "known."
        )
    if (names := counts.channels_without_outcome) and not has_unread:
        more = f" and {len(names) - 10:,} more" if len(names) > 10 else ""
        told.append(
            f"{len(names):,} {'channel occurs' if len(names) == 1 else 'channels occur'} only in rows without a "
            f"conversion or null, and so on no path: {', '.join(names[:10])}{more}. Name the column of nulls, or take "
            "these rows out."
        )
    return told


def _unread_sentence(unread: dict[str, str]) -> str:
    """The sentence about columns of ours that nobody named, led by a blank, or nothing."""
    if not unread:
        return ""
    listed = " and ".join(repr(theirs) for theirs in unread.values())
    remedy = ", ".join(f'{ours}="{theirs}"' for ours, theirs in unread.items())
    is_one = len(unread) == 1
    return (
        f" the column{' ' if is_one else 's '}{listed} {'is' if is_one else 'are'} there but not read. Name "
        f"{'it' if is_one else 'them'} to count {'it' if is_one else 'them'}: {remedy}."
    )


def _paths(read_columns: PathColumns, *, step: str, columns: dict[str, str], unread: str) -> Paths:
    source, texts, amounts = read_columns.source, read_columns.texts, read_columns.amounts
    with_outcome = (amounts["conversions"] > 0) | (amounts["nulls"] > 0)
    if len(with_outcome) == 0:
        raise InputError(f"{source}: has a header but no rows. Export it anew.")
    read = pack(source, texts, step, chosen=with_outcome)
    if not read.holds_name.any():
        raise InputError(
            f"{source}: none of {len(with_outcome):,} rows has both a path and a conversion or null. "
            "Check the columns named for them." + unread.replace(" the", " The", 1)
        )
    kept = with_outcome.copy()
    kept[with_outcome] = read.holds_name
    without_path = with_outcome & ~kept
    unheard = () if with_outcome.all() else pack(source, texts, step, chosen=~with_outcome).channels
    counts = FileCounts(
        rows=len(kept),
        merged_rows=0,
        rows_without_outcome=int((~with_outcome).sum()),
        rows_without_path=int(without_path.sum()),
        first_without_path=int(without_path.argmax()),
        conversions_without_path=float(amounts["conversions"][without_path].sum()),
        value_without_path=float(amounts["value"][without_path].sum()),
        nulls_without_path=float(amounts["nulls"][without_path].sum()),
        notes=read_columns.notes,
        channels_without_outcome=tuple(name for name in unheard if name not in read.channels),
        value_known="value" in columns,
    )
    if not kept.all():
        amounts = {kind: given[kept] for kind, given in amounts.items()}
    group, codes, lengths = distinct_paths(read.packed, Packing.of(len(read.channels)))
    paths = Paths.from_groups(read.channels, codes, lengths, group, amounts, nulls_known="nulls" in columns)
    if not paths.value_spread_known:
        counts = replace(counts, notes=(*counts.notes, f"{source}: {UNKNOWN_SPREAD}"))
    return paths.with_counts(replace(counts, merged_rows=len(group) - len(paths)))
