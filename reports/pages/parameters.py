"""The parameters of the customer models: estimates, whether the fits converged, and what to keep in mind of them."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import TYPE_CHECKING

from reports.pages import prose
from reports.pages.content import Block, Column, Heading, Points, Prose, Section, Table
from reports.pages.customers import segments_by_value
from reports.pages.segment_ways import ways_of_fitting
from reports.results.run_results import ClvResults, RunResults
from reports.wording.labels import clean, listing, plural, shorten
from reports.wording.number_format import MINUS, MISSING, day, number, significant, to_its_error

if TYPE_CHECKING:
    import pandas as pd

PARAMETER_SEGMENTS = 12
_CLEAR = 2.0  # standard errors by which one model must lead another to be called better
_OBSERVED_MEAN = "observed mean"  # as clv calls what stands in the place of a law of spend
_CALLOUTS = 2  # more notes than that make a list


def parameter_sections(run: RunResults) -> tuple[Section, ...]:
    """Build the pages for whoever checks the models; none where the run has no forecast."""
    blocks = () if run.clv is None else tuple(_parameter_blocks(run.clv, run))
    return (Section("Parameters of the customer models", blocks, new_page=False),) if blocks else ()


def readable_note(note: str) -> str:
    """A note of the models, which terminals show as well, as a page writes it: days in words, true minus signs."""
    note = re.sub(r"\b\d{4}-\d{2}-\d{2}\b", _day_in_words, note)
    note = re.sub(r"Segment '([^']*)'", lambda found: "All customers" if found[1] == "all" else f"“{found[1]}”", note)
    note = re.sub(r"\bthat of '([^']*)'", r"that of “\1”", note)
    return re.sub(r"(?<![\w.-])-(?=\d)", MINUS, note)


def _day_in_words(found: re.Match[str]) -> str:
    try:
        return day(dt.date.fromisoformat(found[0]))
    except ValueError:
        return found[0]


def _parameter_blocks(clv: ClvResults, run: RunResults) -> list[Block]:
    blocks: list[Block] = []
    if clv.parameters is not None and len(clv.parameters):
        pooled = clv.parameters[clv.parameters["segment"] == "all"]
        if len(pooled):
            blocks.append(_parameter_table(pooled, clv, run))
        largest = [name for name in segments_by_value(clv)["segment"] if name in set(clv.parameters["segment"])]
        for model, rows in clv.parameters[clv.parameters["segment"] != "all"].groupby("model", sort=False):
            blocks.append(_segment_parameters(str(model), rows, largest))
    blocks += ways_of_fitting(clv, run)
    if clv.model_comparison is not None and len(clv.model_comparison):
        blocks.append(_model_table(clv.model_comparison))
    if clv.convergence is not None and len(clv.convergence):
        blocks.append(_convergence_table(clv.convergence, clv.replaced_fits))
    if clv.spend_correlation is not None and clv.spend_correlation == clv.spend_correlation:
        blocks.append(
            Prose(
                f"Among repeat customers the correlation of frequency and mean order value is "
                f"{number(clv.spend_correlation, 2)}; Gamma-Gamma assumes none.",
                tone="muted",
            )
        )
    if len(clv.notes) <= _CALLOUTS:
        return blocks + [Prose(readable_note(note), tone="callout") for note in clv.notes]
    return [*blocks, Heading("What to keep in mind"), Points(tuple(("", readable_note(note)) for note in clv.notes))]


def how_estimated(clv: ClvResults) -> str:
    """By what the estimates of all customers were found: the likelihood, helped by a prior or replaced by a mean."""
    fits = clv.convergence
    helped = [] if fits is None else fits[_with_prior(fits) & (fits["segment"] == "all")]["model"].astype(str).tolist()
    said = ["maximum likelihood", *(f"with a weak prior for {name}" for name in helped)]
    if has_observed_mean(clv):
        said.append("the observed mean for the value of an order")
    return ", ".join(said)


def has_observed_mean(clv: ClvResults) -> bool:
    """Whether every order is expected to be worth the mean, in place of a law of spend that could not be fitted."""
    return clv.parameters is not None and _OBSERVED_MEAN in set(clv.parameters["model"])


def _parameter_table(rows: pd.DataFrame, clv: ClvResults, run: RunResults) -> Table:
    return Table(
        title=f"Estimates by {how_estimated(clv)}, all customers",
        data=rows.assign(interval=[_interval(a, b) for a, b in zip(rows["low"], rows["high"], strict=True)]),
        columns=(
            Column("model", "Model", width=1),
            Column("parameter", "Parameter"),
            Column("estimate", "Estimate", "significant"),
            Column("std_error", "Standard error", "significant"),
            Column("interval", prose.interval_name(run.confidence), align="right"),
        ),
    )


def _interval(low: float, high: float) -> str:
    """Both ends, or that there is no upper one: the likelihood never falls far enough."""
    return f"{significant(low)} {'or more' if high == math.inf else f'to {significant(high)}'}"


def _segment_parameters(model: str, rows: pd.DataFrame, largest: list[str]) -> Table:
    """One row per segment, each parameter with its standard error in brackets."""
    names = largest or list(dict.fromkeys(rows["segment"]))
    shown, left = names[:PARAMETER_SEGMENTS], max(0, len(names) - PARAMETER_SEGMENTS)
    written = rows.assign(
        text=[
            to_its_error(estimate, error) for estimate, error in zip(rows["estimate"], rows["std_error"], strict=True)
        ]
    )
    parameters = list(dict.fromkeys(rows["parameter"]))
    wide = written.pivot_table(index="segment", columns="parameter", values="text", aggfunc="first")
    table = wide.reindex(index=shown, columns=parameters).reset_index()
    return Table(
        title=f"{model} per segment: estimate (standard error)",
        data=table.assign(segment=[shorten(clean(name), 40) for name in shown]),
        columns=(Column("segment", "Segment", width=1), *(Column(p, p, align="right") for p in parameters)),
        caption=f"{left} smaller {plural(left, 'segment')} left to the table beside this report." if left else "",
    )


def _model_table(models: pd.DataFrame) -> Table:
    """The models of orders that were compared, with what they foretold and the criteria of their fit."""
    fitted = models[models["problem"] == ""]
    chosen = str(models.loc[models["chosen"], "model"].iloc[0])
    rivals = fitted[~fitted["chosen"]]
    unclear = rivals[rivals["behind_best"] <= _CLEAR * rivals["behind_best_std_error"]]["model"].tolist()
    title = f"{chosen} foretold the orders held back best"
    if not len(fitted):
        title = f"No model could be compared, so that {chosen} was taken"
    elif unclear:
        title += f"; {listing(unclear)} did not clearly worse"
    rows = models.assign(
        time=["days" if time == "days" else "continuous" for time in models["order_time"]],
        behind=models["behind_best"].where(~models["chosen"]),
        behind_error=[
            significant(error, 2) if not first else MISSING
            for error, first in zip(models["behind_best_std_error"], models["chosen"], strict=True)
        ],
    )
    columns = [
        Column("model", "Model", width=1),
        Column("time", "Time"),
        Column("holdout_log_likelihood", "Held-out log-\nlikelihood", "credit", decimals=1),
        Column("holdout_std_error", "Standard\nerror", "credit", decimals=1),
        Column("behind", "Behind\nthe best", "credit", decimals=1),
        Column("behind_error", "Standard\nerror", align="right"),
        Column("log_likelihood", "Log-\nlikelihood", "credit", decimals=1),
        Column("aic", "AIC", "credit", decimals=1),
        Column("bic", "BIC", "credit", decimals=1),
    ]
    left_out = "".join(f" {readable_note(clean(problem))}" for problem in models["problem"] if problem)
    return Table(
        title=title,
        data=rows,
        columns=tuple(columns),
        caption="Fitted to the first two thirds of the time, held against what the same customers did in the last. "
        "AIC and BIC are of the first part; smaller is better. A difference below two standard errors may be chance."
        + left_out,
        bold_rows=tuple(place for place, flag in enumerate(models["chosen"]) if flag),
    )


def _with_prior(convergence: pd.DataFrame) -> pd.Series[bool]:
    """Fits that converged only once a weak prior was stated, which the model's message names by its law."""
    return convergence["message"].fillna("").astype(str).str.contains("log-normal")


def _convergence_table(convergence: pd.DataFrame, replaced: int = 0) -> Table:
    failed = int((~convergence["converged"].astype(bool)).sum())
    rows = convergence[~convergence["converged"].astype(bool) | (convergence["segment"] == "all")]
    rows = (rows if len(rows) else convergence).head(24).reset_index(drop=True)
    rows = rows.assign(
        segment=[shorten(clean("All customers" if s == "all" else s), 40) for s in rows["segment"]],
        state=[
            "did not converge" if not fine else "converged with a weak prior" if helped else "converged"
            for fine, helped in zip(rows["converged"].astype(bool), _with_prior(rows), strict=True)
        ],
        message=[
            "" if bool(fine) or not isinstance(text, str) or not text.strip() else clean(text)
            for fine, text in zip(rows["converged"], rows["message"], strict=True)
        ],
    )
    columns = [
        Column("model", "Model"),
        Column("segment", "Segment", width=1),
        Column("customers", "Customers", "count"),
        Column("log_likelihood", "Log-likelihood", "credit"),
        Column("state", "Fit"),
    ]
    if (rows["message"] != "").any():
        columns.append(Column("message", "Remark", width=1))
    title = f"{failed} of {len(convergence)} fits did not converge"
    if failed == 0:
        words = {1: "The fit", 2: "Both fits"}
        title = (
            f"{words.get(len(convergence), f'All {len(convergence)} fits')}{' in use' if replaced else ''} converged"
        )
        if helped := int(_with_prior(convergence).sum()):
            title += f", {number(helped)} with a weak prior" if len(convergence) > 1 else " with a weak prior"
        if replaced:
            title += f"; {number(replaced)} {'other did not and was' if replaced == 1 else 'others did not and were'}"
            title += " replaced"
    return Table(title=title, data=rows, columns=tuple(columns), tones=(("did not converge", "down"),))
