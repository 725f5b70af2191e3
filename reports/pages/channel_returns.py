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

_ALL = "All channels"


def money_table(
    attribution: AttributionResults, run: RunResults, *, names: list[str], most: int, left_out: str
) -> Table | None:
    """Build cost, ROAS and CPA as far as the run has them; credited value where no table shows it yet.

    ``names`` are the channels in order, of which the first ``most`` are shown; channels that only cost come after them.
    """
    import pandas as pd

    value = _values(attribution, names)
    rows = channel_returns(attribution)
    shows_value = value is not None and attribution.comparison_value is None
    if rows is None and not shows_value:
        return None
    if rows is not None:
        names = [*names, *sorted(set(rows["channel"]) - set(names))]
    data = pd.DataFrame({"channel": [*names[:most], _ALL]})
    unit = f" ({run.currency})" if run.currency else ""
    columns = [Column("channel", "Channel", width=1)]
    if shows_value and value is not None:
        for model in value:
            data[f"value_{model}"] = [*value[model].reindex(names[:most]), value[model].sum()]
            columns.append(Column(f"value_{model}", f"Value{unit}\n{_said(model)}", "money"))
    if rows is not None:
        first = rows.drop_duplicates("channel").set_index("channel")["cost"].reindex(names)
        data["cost"] = [*first.head(most), first.sum()]
        columns.append(Column("cost", f"Cost{unit}", "money"))
        models = list(dict.fromkeys(rows["model"]))
        by_model = {model: rows[rows["model"] == model].set_index("channel").reindex(names) for model in models}
        for ratio, header in [("roas", "ROAS")] * (value is not None) + [("cpa", f"CPA{unit}")]:
            for model in models:
                name = f"{ratio}_{model}"
                data[name] = [*_cells(by_model[model].head(most), ratio), _total(by_model[model], ratio)]
                columns.append(Column(name, f"{header}\n{_said(model)}", align="right"))
    return Table(
        title=_title(has_value=value is not None, has_cost=rows is not None),
        data=data.assign(channel=data["channel"].map(table_name)),
        columns=tuple(columns),
        caption=(_caption(run, has_value=value is not None) if rows is not None else "") + left_out,
        bold_rows=(len(data) - 1,),
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
    """The ratio of all channels, those without cost among them; it has no interval."""
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


def _caption(run: RunResults, *, has_value: bool) -> str:
    roas = "ROAS: credited value for each unit of cost. " if has_value else ""
    return (
        f"{roas}CPA: cost for each credited conversion. In brackets {prose.interval_name(run.confidence)}s of the "
        "credit, with cost taken as exact. Channels without cost show a dash; the last line divides by all cost."
    )
