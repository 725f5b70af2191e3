"""The table of channels against their cost: return on it, and cost per conversion, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.pages import prose
from reports.pages.content import Column, Table
from reports.results.channel_returns import channel_returns
from reports.results.run_results import AttributionResults, RunResults
from reports.wording.labels import model_name, table_name
from reports.wording.number_format import MISSING, money_decimals, number, with_bounds

if TYPE_CHECKING:
    import pandas as pd

_ALL, _PAID = "All channels", "Channels with cost"


def money_table(
    attribution: AttributionResults, run: RunResults, *, names: list[str], most: int, left_out: str
) -> Table | None:
    """Build cost, ROAS and CPA as far as the run has them; credited value where no table shows it yet.

    ``names`` are the channels in order, of which the first ``most`` are shown; channels that only cost come after them.
    What all channels are credited with over all cost says nothing of what the cost returned where some channels cost
    nothing, so that those with cost have a line of their own then.
    """
    import pandas as pd

    value = _values(attribution, names)
    rows = channel_returns(attribution)
    shows_value = value is not None and attribution.comparison_value is None
    if rows is None and not shows_value:
        return None
    if rows is not None:
        names = [*names, *sorted(set(rows["channel"]) - set(names))]
    first = None if rows is None else rows.drop_duplicates("channel").set_index("channel")["cost"].reindex(names)
    paid = [] if first is None else [name for name in names if first[name] > 0]
    totals = {_PAID: paid, _ALL: names} if 0 < len(paid) < len(names) else {_ALL: names}
    data = pd.DataFrame({"channel": [*names[:most], *totals]})
    unit = f" ({run.currency})" if run.currency else ""
    columns = [Column("channel", "Channel", width=1)]
    if shows_value and value is not None:
        for model in value:
            sums = [value[model].reindex(some).sum() for some in totals.values()]
            data[f"value_{model}"] = [*value[model].reindex(names[:most]), *sums]
            columns.append(Column(f"value_{model}", f"Value{unit}\n{_said(model)}", "money"))
    if rows is not None and first is not None:
        data["cost"] = [*first.head(most), *(first[some].sum() for some in totals.values())]
        columns.append(Column("cost", f"Cost{unit}", "money"))
        models = list(dict.fromkeys(rows["model"]))
        by_model = {model: rows[rows["model"] == model].set_index("channel").reindex(names) for model in models}
        for ratio, header in [("roas", "ROAS")] * (value is not None) + [("cpa", f"CPA{unit}")]:
            for model in models:
                name = f"{ratio}_{model}"
                summed = (_total(by_model[model].loc[some], ratio) for some in totals.values())
                data[name] = [*_cells(by_model[model].head(most), ratio), *summed]
                columns.append(Column(name, f"{header}\n{_said(model)}", align="right"))
    return Table(
        title=_title(has_value=value is not None, has_cost=rows is not None),
        data=data.assign(channel=data["channel"].map(table_name)),
        columns=tuple(columns),
        caption=(_caption(run, totals, has_value=value is not None) if rows is not None else "") + left_out,
        bold_rows=tuple(range(len(data) - len(totals), len(data))),
    )


def _said(model: str) -> str:
    return model_name(model) if model in ("markov", "shapley") else model_name(model).lower()


def _values(attribution: AttributionResults, names: list[str]) -> dict[str, pd.Series[float]] | None:
    """Credited value of the baseline and of the model by channel; None where paths carry none."""
    credit = attribution.credit[attribution.credit["segment"] == "all"].set_index("channel")
    found = {
        model: credit.loc[credit["model"] == model, "value"].reindex(names)
        for model in dict.fromkeys((attribution.baseline, attribution.model))
    }
    after = found[attribution.model]
    return found if after.abs().sum() > 0 else None


def _cells(rows: pd.DataFrame, ratio: str) -> list[str]:
    """A ratio with its interval in each row; money keeps its cents below a hundred."""
    bounds = zip(rows[ratio], rows[f"{ratio}_low"], rows[f"{ratio}_high"], strict=True)
    if ratio == "roas":
        return [with_bounds(*one) for one in bounds]
    return [with_bounds(*one, 2 if abs(one[0]) < 100 else 0) for one in bounds]


def _total(rows: pd.DataFrame, ratio: str) -> str:
    """The ratio of several channels together; it has no interval."""
    cost, nothing = float(rows["cost"].sum()), float("nan")
    amount = float(rows["value" if ratio == "roas" else "conversions"].sum())
    if not cost > 0 or not amount > 0:
        return MISSING
    if ratio == "roas":
        return with_bounds(amount / cost, nothing, nothing)
    return number(cost / amount, money_decimals([cost / amount]))


def _title(*, has_value: bool, has_cost: bool) -> str:
    if not has_cost:
        return "Credited value"
    return "Credited value against cost" if has_value else "Cost per credited conversion"


def _caption(run: RunResults, totals: dict[str, list[str]], *, has_value: bool) -> str:
    roas = "ROAS: credited value for each unit of cost. " if has_value else ""
    blended = ""
    if _PAID in totals:
        blended = (
            " Channels without cost show a dash. The last line sets what they are credited with, too, against all "
            "cost: a blended ratio, by every model alike, and not what the cost brought."
        )
    return (
        f"{roas}CPA: cost for each credited conversion. In brackets {prose.interval_name(run.confidence)}s of the "
        f"credit, with cost taken as exact.{blended}"
    )
