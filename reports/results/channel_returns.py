"""What channels return on their cost: ROAS and CPA by the baseline and by the model, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from reports.results.run_results import AttributionResults


def channel_returns(attribution: AttributionResults) -> pd.DataFrame | None:
    """Divide credit and the ends of its intervals by what channels cost, and cost by credited conversions.

    Cost is what the books say, so only credit is uncertain: ROAS lies between value_low / cost and value_high / cost,
    CPA between cost / conversions_high and cost / conversions_low.

    Returns
    -------
    ``model, channel, cost, conversions, value, roas, roas_low, roas_high, cpa, cpa_low, cpa_high``: one row per channel
    of the credit or of the costs for the baseline and for the model, in the currency of the run; None without costs or
    credit. Missing are both ratios where a channel has no cost above 0, ROAS where the paths carry no value, CPA where
    nothing is credited, and ``cpa_high`` where the interval of the conversions reaches down to nothing: then a
    conversion may cost any amount.
    """
    import pandas as pd

    costs, credit = attribution.costs, attribution.credit
    if costs is None or not len(costs) or not len(credit):
        return None
    credit = credit[credit["segment"] == "all"]
    cost = costs.groupby("channel")["cost"].sum()
    tables = []
    for model in dict.fromkeys((attribution.baseline, attribution.model)):
        rows = credit[credit["model"] == model].set_index("channel")
        names = [*rows.index, *sorted(set(cost.index) - set(rows.index))]
        rows = rows.reindex(names)
        paid = cost.reindex(names).to_numpy(dtype=float)
        table = pd.DataFrame({"model": model, "channel": pd.Series(names, dtype="str"), "cost": paid})
        for measure in ("conversions", "value"):
            table[measure] = rows[measure].to_numpy(dtype=float)
        for end in ("", "_low", "_high"):
            table[f"roas{end}"] = _ratio(rows[f"value{end}"].to_numpy(dtype=float), paid)
        for end, of in (("", ""), ("_low", "_high"), ("_high", "_low")):
            known = _ratio(paid, rows[f"conversions{of}"].to_numpy(dtype=float))
            table[f"cpa{end}"] = known.where((table["cost"] > 0) & (table["conversions"] > 0))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _ratio(amounts: NDArray[np.float64], by: NDArray[np.float64]) -> pd.Series[float]:
    """Quotients, missing where nothing is divided by."""
    import pandas as pd

    divisor = pd.Series(by)
    return pd.Series(amounts) / divisor.where(divisor > 0)
