"""What the report says of its data: counts that add up, what was put aside, where everything came from."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from customer_data.money import SCALE
from reports.results.run_results import DataQuality

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from attribution import Paths
    from customer_data.load_report import LoadReport
    from reports.configuration.reading import Configuration

WITHOUT_OUTCOME, WITHOUT_CHANNEL = "without any outcome", "without a channel"


def data_quality(loaded: LoadReport, configuration: Configuration) -> DataQuality:
    """Return the quality of loaded tables, money in whole units of the currency."""
    counts = loaded.row_counts
    return DataQuality(
        row_counts=counts.assign(amount=counts["amount"].astype("Float64") / SCALE),
        quarantine_rows=loaded.quarantine_rows,
        quarantine_sample=_without_folder(loaded),
        sources=_sources(configuration),
        warnings=loaded.warnings,
        refunded_customers=loaded.refunded_customers,
        refunded_orders=loaded.refunded_orders,
        refunded_value=loaded.refunded_value / SCALE,
    )


def with_path_file(quality: DataQuality | None, paths: Paths, configuration: Configuration) -> DataQuality:
    """Return the quality with the rows of the file of aggregated paths added, and their value where they have any."""
    import pandas as pd

    from attribution.paths import FileCounts

    counts = paths.counts
    assert isinstance(counts, FileCounts)
    value, without = float(paths.value.sum()), counts.value_without_path
    dropped = counts.merged_rows + counts.rows_without_outcome + counts.rows_without_path
    found = [
        ("read", counts.rows, value + without),
        ("kept", counts.rows - dropped, value),
        ("merged with an equal path", counts.merged_rows, None),
        (WITHOUT_OUTCOME, counts.rows_without_outcome, 0.0),
        (WITHOUT_CHANNEL, counts.rows_without_path, without),
    ]
    rows = pd.DataFrame(found, columns=["reason", "rows", "amount"]).astype({"amount": "Float64"})
    rows.insert(0, "source", "paths")
    if not counts.value_known:
        rows["amount"] = pd.array([pd.NA] * len(rows), dtype="Float64")
    rows = rows[(rows["rows"] > 0) | rows["reason"].isin(["read", "kept"])].reset_index(drop=True)
    if quality is None:
        return DataQuality(row_counts=rows, sources=_sources(configuration))
    return replace(quality, row_counts=pd.concat([quality.row_counts, rows], ignore_index=True))


def rows_after(connection: duckdb.DuckDBPyConnection, as_of: dt.date, timezone: str) -> dict[str, tuple[int, int]]:
    """Count the rows that were kept and, of those, the rows after a day; of each table that has such rows."""
    from reports.results.channels import end_of_day

    tables = {str(name) for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    tables |= {str(name) for (name,) in connection.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    number = (as_of - dt.date(1970, 1, 1)).days
    wanted = {
        "touches": ("touchpoints", f"time_us > {end_of_day(as_of, timezone)}"),
        "orders": ("orders", f"day > {number}"),
        "rows of spend": ("spend", f"day > {number}"),
    }
    found = {}
    for what, (table, later) in wanted.items():
        if table in tables:
            counted = connection.execute(f"SELECT count(*), count(*) FILTER ({later}) FROM {table}").fetchall()
            ((rows, after),) = counted
            if after:
                found[what] = (int(rows), int(after))
    return found


def _without_folder(loaded: LoadReport) -> pd.DataFrame:
    """The sample with bare file names: the folder is this machine's business, and would change the report's bytes."""
    sample = loaded.quarantine_sample
    return sample.assign(file=sample["file"].map(lambda file: Path(file).name if isinstance(file, str) else file))


def _files_of(data: object) -> str:
    names = [Path(str(one)).name for one in (data if isinstance(data, list) else [data])]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _sources(configuration: Configuration) -> pd.DataFrame:
    """The label of each source, as in the counts, with the name of its file."""
    import pandas as pd

    from customer_data.sources import source_labels

    sources = configuration.sources()
    found = list(zip(source_labels(sources), (_files_of(one.data) for one in sources), strict=True))
    if configuration.settings.paths is not None:
        found.append(("paths", configuration.path(configuration.settings.paths.file).name))
    return pd.DataFrame(found, columns=["source", "file"])
