"""Whether single customers did what was forecast of them: spread, spend and errors, each beside what it is held to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reports.figures import holdout as figure_holdout
from reports.pages.content import Block, Column, Figure, Table
from reports.results.run_results import ClvResults, RunResults
from reports.results.value_tables import of_all
from reports.wording.labels import plural, table_name
from reports.wording.number_format import day_range, number, percent

if TYPE_CHECKING:
    import pandas as pd

MOST_SEGMENTS = 16
_CLEAR = 1.36  # of Kolmogorov's distance times the root of n: beyond it by chance once in twenty


def customer_figures(clv: ClvResults, run: RunResults) -> list[Block]:
    """Spread of orders, spend per order and errors of all customers, each half a page wide, where they are known."""
    window = day_range(clv.holdout_start, clv.holdout_end) if clv.holdout_start and clv.holdout_end else ""
    blocks: list[Block] = []
    if clv.holdout_pit is not None and len(clv.holdout_pit):
        customers, pit = _customers(clv), of_all(clv.holdout_pit)
        said = pit_sentence(pit, customers)
        blocks.append(
            Figure(
                title=said,
                drawing=partial(figure_holdout.draw_pit, pit),
                alt=f"Bars of the share of customers per tenth of their predicted distribution of orders. {said}.",
                n=f"n = {number(customers)} {plural(customers, 'customer')}",
                window=window,
                caption=_pits_of_segments(clv),
                width="half",
                data=pit,
            )
        )
    if clv.holdout_scores is not None and len(clv.holdout_scores):
        rows = clv.holdout_scores
        rows = rows[rows["segment"] == "all"].reset_index(drop=True)
        said = error_sentence(rows)
        blocks.append(
            Figure(
                title=said,
                drawing=partial(figure_holdout.draw_errors, rows),
                alt=f"Bars of the error per customer of the model and of naive forecasts. {said}.",
                n=f"n = {number(_customers(clv))} {plural(_customers(clv), 'customer')}",
                window=window,
                caption="MAE: mean absolute error. RMSE: root of the mean squared error.",
                width="half",
                data=rows,
            )
        )
    if clv.spend_density is not None and len(clv.spend_density):
        density = of_all(clv.spend_density)
        customers = float(density["customers"].sum())
        said = spend_sentence(density)
        unit = f" ({run.currency})" if run.currency else ""
        blocks.append(
            Figure(
                title=said,
                drawing=partial(figure_holdout.draw_spend_density, density, label=f"Mean spend per repeat order{unit}"),
                alt=f"Bars of the observed mean spend per repeat order and a line of the fitted law. {said}.",
                n=f"n = {number(customers)} {plural(customers, 'repeat customer')}",
                window=f"until {window.split(' to ')[0]}" if window else "",
                width="half",
                data=density,
            )
        )
    return blocks


def score_table(clv: ClvResults) -> list[Block]:
    """Bias, MAE and RMSE per segment beside the rivals; nothing without segments, whose figure says it already."""
    scores = clv.holdout_scores
    if scores is None or scores["segment"].nunique() < 3:
        return []
    methods = list(dict.fromkeys(scores["method"]))
    by_method = [scores[scores["method"] == method].set_index("segment") for method in methods]
    own = by_method[0]
    names = own.drop(index="all").sort_values("customers", ascending=False, kind="stable").index.tolist()
    shown = names[:MOST_SEGMENTS]
    order = [*shown, "all"]
    import numpy as np
    import pandas as pd

    data = pd.DataFrame(
        {
            "segment": ["All customers" if name == "all" else table_name(name) for name in order],
            "customers": own.loc[order, "customers"].to_numpy(),
            "bias": own.loc[order, "bias"].to_numpy(),
        }
        | {
            f"{score} {place}": rows.loc[order, score].to_numpy()
            for score in ("mae", "rmse")
            for place, rows in enumerate(by_method)
        }
    )
    rmse = np.array([rows.loc[names, "rmse"].to_numpy(dtype=np.float64) for rows in by_method])
    beaten = int((rmse[0] < rmse[1:].min(axis=0, initial=np.inf)).sum())
    left = len(names) - len(shown)
    short = {name: name[:1].upper() + name[1:].replace("the past", "past") for name in methods}
    return [
        Table(
            title=f"{methods[0]} has the smallest squared error in {beaten} of {len(names)} segments",
            data=data,
            columns=(
                Column("segment", "Segment", width=1),
                Column("customers", "Customers", "count"),
                Column("bias", "Bias", "signed", decimals=3),
                *(
                    Column(f"{score} {place}", f"{score.upper()}\n{short[method]}", "ratio", decimals=2)
                    for score in ("mae", "rmse")
                    for place, method in enumerate(methods)
                ),
            ),
            caption="Orders per customer held back. Bias: mean of forecast less actual, of the model. MAE: mean "
            "absolute error. RMSE: root of the mean squared error."
            + (f" {left} smaller {plural(left, 'segment')}: in the tables beside this report." if left > 0 else ""),
            bold_rows=(len(order) - 1,),
        )
    ]


def pit_sentence(pit: pd.DataFrame, customers: float) -> str:
    """What the tenths say: even, or shifted, or too narrow or wide."""
    share = pit["share"]
    bounds = f"tenths hold {number(100 * float(share.min()), 1)} to {percent(float(share.max()))}"
    if _is_even(pit, customers):
        return f"Orders spread as predicted: {bounds}"
    middle = (pit["low"] + pit["high"]) / 2
    mean = float((share * middle).sum())
    spread = float((share * (middle - mean) ** 2).sum()) * 12
    if abs(mean - 0.5) >= abs(spread - 1) / 4:
        return f"{'More' if mean > 0.5 else 'Fewer'} orders came than predicted: {bounds}"
    return f"Orders spread {'wider' if spread > 1 else 'less'} than predicted: {bounds}"


def _is_even(pit: pd.DataFrame, customers: float) -> bool:
    """Whether the tenths differ by no more than chance, or by next to nothing."""
    distance = float((pit["share"].cumsum() - pit["expected"].cumsum()).abs().max())
    return distance * customers**0.5 < _CLEAR or distance < 0.01


def _pits_of_segments(clv: ClvResults) -> str:
    """In how many segments the orders spread as predicted; empty without segments or their customers."""
    pit, scores = clv.holdout_pit, clv.holdout_scores
    if pit is None or scores is None:
        return ""
    customers = scores.drop_duplicates("segment").set_index("segment")["customers"]
    parts = {str(name): rows for name, rows in pit.groupby("segment") if name != "all" and name in customers.index}
    if len(parts) < 2:
        return ""
    even = sum(_is_even(rows, float(customers[name])) for name, rows in parts.items())
    return f"In {even} of {len(parts)} segments orders spread as predicted."


def error_sentence(rows: pd.DataFrame) -> str:
    """The root mean squared error of the model beside the best of its rivals."""
    own, rmse = str(rows["method"].iloc[0]), rows["rmse"].tolist()
    if len(rmse) < 2 or not min(rmse[1:]) > 0:
        return f"{own} errs by {number(float(rows['mae'].iloc[0]), 2)} orders per customer"
    change = rmse[0] / min(rmse[1:]) - 1
    return f"RMSE {percent(abs(change), 0)} {'below' if change < 0 else 'above'} that of the best naive forecast"


def spend_sentence(density: pd.DataFrame) -> str:
    """How many customers the fitted law of spend puts into another bin than they are in."""
    width = density["high"] - density["low"]
    misplaced = float(((density["observed"] - density["expected"]).abs() * width).sum()) / 2
    return f"The fitted law of spend misplaces {percent(misplaced, 0)} of repeat customers"


def _customers(clv: ClvResults) -> float:
    scores = clv.holdout_scores
    if scores is not None and len(scores):
        return float(scores.loc[scores["segment"] == "all", "customers"].iloc[0])
    return float(clv.customers or 0)
