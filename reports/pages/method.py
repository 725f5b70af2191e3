"""The method pages: how the numbers were made, in plain words with their sources, the terms, settings and versions."""

from __future__ import annotations

from reports.pages import prose
from reports.pages.content import Block, Column, Heading, Prose, Section, Table
from reports.pages.parameters import has_observed_mean, how_estimated
from reports.results.run_results import AttributionResults, ClvResults, RunResults
from reports.wording.labels import clean, shorten
from reports.wording.number_format import days, level

_CHANNEL_TERMS = (
    ("Touchpoint", "One contact of a customer with a channel at a time."),
    (
        "Journey",
        "The touches of one customer before one conversion and after the previous one, or those that led to none.",
    ),
    ("Path", "The channels of a journey in order; equal journeys are counted together."),
    ("Lookback", "How long before a conversion a touch still counts."),
    ("Credit", "A channel's share of all conversions, or of their value."),
    ("Last click, first click", "All credit of a conversion to its last or first touch."),
    (
        "Linear, position-based, time decay",
        "Rules that share a conversion among its own touches: equally; mostly first and last; "
        "half as much per half-life of age.",
    ),
    (
        "Markov chain, order",
        "Journeys as steps from channel to channel; the order says how many last channels a step depends on.",
    ),
    (
        "Removal effect",
        "The share of conversions the chain would lose if the channel led nowhere. Markov credit is shared in "
        "proportion.",
    ),
    (
        "Verdict",
        "Under-credited: the model gives clearly more than last click. Over-credited: clearly less. Clear: the "
        "interval of the change does not hold zero.",
    ),
    ("ROAS, CPA", "Credited value per unit of cost; cost per credited conversion."),
    (
        "CAC, LTV:CAC",
        "Cost per new customer credited; worth of new customers (orders so far and CLV) per unit of cost.",
    ),
)
_ORDER_TERMS = {
    "BG/NBD": "Customers order at their own rate until, after some repeat order, they stop for good.",
    "MBG/NBD": "Customers order at their own rate until, after some order, be it the first, they stop for good.",
    "Pareto/NBD": "Customers order at their own rate and stop for good at their own rate, whether they order or not.",
}
_CLV_TERMS = (
    (
        "Frequency x, recency t_x, age T",
        "Repeat days of purchase; time from the first to the last purchase; time from the first purchase to the end "
        "of the data.",
    ),
    ("Gamma-Gamma", "Mean order value differs by customer and does not depend on how often they order."),
    ("P(alive)", "The probability that a customer still orders at all."),
    (
        "Value (CLV)",
        "Discounted revenue or margin of a customer's future orders within the horizon; what was bought already is "
        "not in it.",
    ),
    ("Discount rate", "An annual effective rate, applied on calendar dates."),
    (
        "Held back (holdout)",
        "The last part of the data, which the model did not see, forecast from the first and compared with what came.",
    ),
    (
        "Calibrated",
        "Said of an interval only where forecasts from earlier dates of the same data held as often as stated.",
    ),
)


_CONVENTIONS = {
    "channelattribution": " Walks much longer than the longest path count as lost (convention channelattribution), in "
    "every number by this model but what the customers of a channel are worth and what is lost without channels; "
    "intervals are as wide as without it."
}


def method_section(run: RunResults) -> Section:
    """Build the pages that let somebody else check and repeat the run."""
    blocks: list[Block] = []
    if run.attribution is not None:
        blocks += _channel_method(run.attribution, run)
    if run.clv is not None:
        blocks += _clv_method(run.clv, run)
    blocks.append(_terms(run))
    if run.versions:
        blocks.append(_versions(run))
    if run.settings is not None and len(run.settings):
        blocks += _settings(run)
    return Section("Method, terms and settings", tuple(blocks), new_page=False)


def _channel_method(attribution: AttributionResults, run: RunResults) -> list[Block]:
    if attribution.from_file or attribution.lookback_days is None:
        made = "Distinct paths with their conversions were read from a file."
    else:
        made = (
            f"A journey holds a customer's touches within {days(attribution.lookback_days)} before a conversion and "
            "after the "
            "previous one; journeys that may still convert at the end of the data are counted apart."
        )
    return [
        Heading("Channels"),
        Prose(f"{made} {_model_method(attribution)}".strip()),
        Prose(
            f"Intervals are at {level(run.confidence)}, {_interval_methods(attribution)}: they say how much the "
            "numbers would "
            "vary if other customers of the same kind had come. Credit is description, not proof of cause: it cannot "
            "see "
            "touches that were not recorded, nor customers who would have bought anyway."
        ),
    ]


def _model_method(attribution: AttributionResults) -> str:
    """How the run's model goes about it; rules need no more than their names."""
    if attribution.model == "markov":
        why = attribution.why_not_chosen
        chosen = f", as held-out journeys cannot choose one: {why}" if why else ""
        return (
            f"The Markov model (order {attribution.order}{chosen}) follows journeys from channel to channel to their "
            "end. It asks how many conversions would be lost if a channel led nowhere, solves that exactly (nothing is "
            "simulated), and shares all conversions in proportion to these removal effects (Anderl, Becker, von "
            "Wangenheim and Schumann 2016, International Journal of Research in Marketing 33(3))."
        )
    if attribution.model == "regression":
        return (
            "The regression is logistic: of conversion on the touches of each channel and on the last channel of a "
            "journey. It asks how many conversions fewer are expected without a channel, and shares all conversions "
            "in proportion to what is lost."
        )
    return ""


def _interval_methods(attribution: AttributionResults) -> str:
    """Which intervals were made how: a bootstrap draws those of the comparison of conversions and of ranks alone."""
    if attribution.interval_method == "delta method":
        return "by the delta method"
    return (
        f"those of the change in conversions and of ranks by {attribution.interval_method}, all others (of value, of "
        "the steps from last click, of parts of the conversions and of each model's credit) by the delta method"
    )


def _clv_method(clv: ClvResults, run: RunResults) -> list[Block]:
    return [
        Heading("Customers"),
        Prose(
            f"Orders of one day count as one{_order_time(clv, run)}. Repeat orders follow {_orders_model(clv)}, "
            f"{_spend_model(clv)}. Estimates are by {how_estimated(clv)}, with standard errors from the curvature of "
            "the likelihood."
        ),
        Prose(
            f"Value is the expected {prose.what_value(clv)} of the orders of each customer in the horizon, each "
            "discounted to "
            f"the as-of date at an annual effective rate of {level(clv.discount_rate)}. Customers not yet acquired "
            "are not in it."
        ),
    ]


def _spend_model(clv: ClvResults) -> str:
    if has_observed_mean(clv):
        return "every order is expected to be worth the mean of all, as no law of spend could be fitted"
    return "order values Gamma-Gamma (Fader, Hardie and Lee 2005, Journal of Marketing Research 42(4))"


def _order_time(clv: ClvResults, run: RunResults) -> str:
    """What the models make of it that a day holds one purchase at most."""
    settings = {} if run.settings is None else dict(zip(run.settings["setting"], run.settings["value"], strict=True))
    continuous = clv.parameters is not None and "Pareto/NBD" in set(clv.parameters["model"])
    if settings.get("clv.order_time") != "days" or continuous:
        return ""
    return ", which likelihood and forecast allow for: a day holds one purchase at most"


def _orders_model(clv: ClvResults) -> str:
    used = set() if clv.parameters is None else set(clv.parameters["model"])
    if "MBG/NBD" in used:
        return "MBG/NBD (Batislam, Denizel and Filiztekin 2007, Intern. Journal of Research in Marketing 24(3))"
    if "Pareto/NBD" in used:
        return "Pareto/NBD (Schmittlein, Morrison and Colombo 1987, Management Science 33(1))"
    return "BG/NBD (Fader, Hardie and Lee 2005, Marketing Science 24(2))"


def _terms(run: RunResults) -> Table:
    import pandas as pd

    terms = [*(_CHANNEL_TERMS if run.attribution else ()), *(_CLV_TERMS if run.clv else ())]
    if run.clv is not None:
        used = {"BG/NBD"} if run.clv.parameters is None else set(run.clv.parameters["model"])
        terms += [(name, meaning) for name, meaning in _ORDER_TERMS.items() if name in used]
    terms.append(
        (
            "Interval",
            f"At {level(run.confidence)}: where the number would fall if other customers of the same kind had come.",
        )
    )
    return Table(
        title="Terms",
        data=pd.DataFrame(terms, columns=["term", "meaning"]),
        columns=(Column("term", "Term", width=0.36), Column("meaning", "Meaning", width=1)),
    )


def _settings(run: RunResults) -> list[Block]:
    """What was stated, with where; and the defaults of the parts that the run has, two side by side."""
    import pandas as pd

    rows = pd.DataFrame(run.settings).reset_index(drop=True)
    rows = rows.assign(
        setting=rows["setting"].map(clean), value=[shorten(clean(v), 160) if str(v) else "" for v in rows["value"]]
    )
    idle = [section for section, part in (("attribution.", run.attribution), ("clv.", run.clv)) if part is None]
    by_default = rows["origin"] == "default"
    stated, silent = rows[~by_default], rows[by_default & ~rows["setting"].str.startswith(tuple(idle))]
    tables: list[Block] = []
    if len(stated):
        tables.append(
            Table(
                title="Settings stated",
                data=stated.reset_index(drop=True),
                columns=(
                    Column("setting", "Setting", width=0.5),
                    Column("value", "Value", width=1),
                    Column("origin", "From"),
                ),
            )
        )
    if len(silent):
        half = -(-len(silent) // 2)
        left, right = silent[:half].reset_index(drop=True), silent[half:].reset_index(drop=True)
        both = pd.concat([left, right.add_suffix("_right")], axis=1).fillna("")
        names = ("setting", "value", "setting_right", "value_right")
        headers = ("Setting", "Value", "Setting", "Value")
        tables.append(
            Table(
                title="Settings left at their defaults",
                data=both.reindex(columns=list(names), fill_value=""),
                columns=tuple(
                    Column(name, header, width=1 if header == "Setting" else 0.7)
                    for name, header in zip(names, headers, strict=True)
                ),
            )
        )
    return tables


def _versions(run: RunResults) -> Prose:
    versions = sorted(f"{clean(name)} {clean(version)}" for name, version in run.versions.items())
    return Prose(", ".join(versions) + ".", lead="Versions.", tone="muted")
