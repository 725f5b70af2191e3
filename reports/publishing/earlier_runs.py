"""Earlier runs of the same report, found where it publishes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from customer_data.errors import InputError
from reports.publishing.manifest import configuration_seen_from, file_digest, read_manifest, report_of
from reports.results.customer_depth import EarlierRun

if TYPE_CHECKING:
    from reports.configuration.reading import Configuration

MODELS = "models.json"
LAST_RUN = dt.timedelta(days=1)
DRIFT_SINCE = dt.timedelta(weeks=13)  # sums of residuals take some weeks to say anything
SHORTEST_SINCE = dt.timedelta(days=7)


def earlier_run(
    configuration: Configuration,
    as_of: dt.date,
    *,
    at_least: dt.timedelta = SHORTEST_SINCE,
    shortest: dt.timedelta = SHORTEST_SINCE,
) -> EarlierRun | None:
    """Find a run of this report with its models, or None.

    A run of another title, or of a configuration file of another name or folder, is another report. The newest that is
    ``at_least`` so old, or where none is, the oldest that is ``shortest`` old.
    """
    from clv.scoring import load_models

    ours = configuration.settings.report.title, configuration_seen_from(configuration)
    found: list[tuple[dt.date, str, Path]] = []
    for models in sorted(configuration.output.glob(f"[!.]*/{MODELS}")):
        manifest = read_manifest(models.parent)
        if manifest is None or models.parent.is_symlink() or not manifest["as_of"]:
            continue
        if report_of(manifest) != ours:
            continue
        day = dt.date.fromisoformat(manifest["as_of"])
        if day + shortest <= as_of:
            found.append((day, models.parent.name, models))
    if not found:
        return None
    day, _, models = max([one for one in found if one[0] + at_least <= as_of], default=min(found))
    try:
        return EarlierRun(day, load_models(models), models.parent.name, file_digest(models))
    except InputError:
        return None
