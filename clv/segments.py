"""Which parameters each segment's customers follow: one fit for all, one fit each, or fits that share strength."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from clv.calendar import DAYS_PER_WEEK, Floats
from clv.engine_queries import quoted
from clv.gamma_gamma import GammaGamma, GammaGammaFit
from clv.histories import ALL
from clv.maximum_likelihood import ModelWarning
from clv.order_choice import FIT_OF, law_of, weak_prior_of
from clv.order_frames import MONEY_SCALE
from clv.order_laws import FittedModelName
from clv.order_models import OrdersFit
from clv.partial_pooling import Shrunk, shrink_segments
from clv.patterns import Patterns, patterns_of
from clv.purchase_days import OrderTime, day_of_time, without_taken_time
from clv.segment_patterns import Indices, SegmentPatterns, segment_patterns, spend_histories
from clv.spend_laws import SpendEstimate, estimate_spend, spend_of_fit
from clv.totals import CustomerModel, axes
from customer_data.errors import ConfigurationError, InputError, ModelError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

SegmentParameters = Literal["pooled", "separate", "partial"]

FEWEST_REPEAT_CUSTOMERS: Final = 10
_SPREAD_OF_PRIOR: Final = "two thirds of it within a factor of 20"


@dataclass(frozen=True)
class SegmentModels:
    """The models behind a forecast.

    Attributes
    ----------
    patterns : SegmentPatterns
        What they were fitted to.
    models : tuple of CustomerModel
        The distinct models; the first is fitted to all customers.
    of_segment : ndarray of int
        Index into ``models`` for each of ``patterns.segments``.
    parameter_table : callable
        Makes the table ``parameters``, whose intervals take time, when it is first asked for.
    convergence : DataFrame
        model, segment, customers, log_likelihood, converged, message.
    spend_correlation : float or None
        Of the number of repeat purchases with their mean value; Gamma-Gamma assumes none.
    notes : tuple of str
        What was replaced and why.
    fits : mapping of str to SegmentFit
        The fits behind the models, by segment, that of all customers first; empty where the models came from a file.
    way : {"pooled", "separate", "partial"} or None
        In which segments were fitted; None where the models came from a file.
    replaced : int
        Fits that failed, in whose place stand the parameters of all customers or an observed mean.
    """

    patterns: SegmentPatterns
    models: tuple[CustomerModel, ...]
    of_segment: Indices
    parameter_table: Callable[[], "pd.DataFrame"] = field(repr=False)
    convergence: "pd.DataFrame"
    spend_correlation: float | None
    notes: tuple[str, ...]
    fits: "Mapping[str, SegmentFit]" = field(default_factory=dict, repr=False)
    way: SegmentParameters | None = None
    replaced: int = 0

    @cached_property
    def parameters(self) -> "pd.DataFrame":
        """model, segment, parameter, estimate, std_error, low, high; times in weeks, money in the currency."""
        return self.parameter_table()


@dataclass(frozen=True)
class SegmentFit:
    """The fits to one segment, or to all customers.

    Attributes
    ----------
    segment : str
    orders_model : {"bg_nbd", "mbg_nbd", "pareto_nbd"}
    orders : OrdersFit
    spend : SpendEstimate
    day : float
        The time, in weeks, that holds one purchase at most; 0 in continuous time.
    note : str
        Which prior was stated, and why; empty where the likelihood alone has a maximum.
    order_shared, spend_shared : ndarray or None
        As in `clv.totals.CustomerModel`.
    """

    segment: str
    orders_model: FittedModelName
    orders: OrdersFit
    spend: SpendEstimate
    day: float
    note: str = ""
    order_shared: Floats | None = None
    spend_shared: Floats | None = None

    @property
    def model(self) -> CustomerModel:
        """The laws and their uncertainty."""
        law = law_of(self.orders_model, self.orders.parameters, day=self.day)
        covariance = self.orders.covariance_log.to_numpy()
        if self.order_shared is not None:
            covariance = covariance + self.order_shared @ self.order_shared.T
        return CustomerModel(law, covariance, self.spend, self.order_shared, self.spend_shared)


def fit_segments(
    connection: "duckdb.DuckDBPyConnection",
    *,
    parameters: SegmentParameters = "pooled",
    orders_model: FittedModelName = "bg_nbd",
    order_time: OrderTime = "days",
    confidence: float = 0.90,
    table: str = "histories",
) -> SegmentModels:
    """Fit a model of orders and Gamma-Gamma to the histories of the table.

    Parameters
    ----------
    parameters : {"pooled", "separate", "partial"}
        One fit to all customers; one to each segment; or one to each under a prior that the segments share (empirical
        Bayes, see `clv.partial_pooling`), so that small segments lean on the others. A segment that cannot be fitted
        takes the fit to all, and a note says so.
    orders_model : {"bg_nbd", "mbg_nbd", "pareto_nbd"}
        BG/NBD; MBG/NBD, under which customers may leave after the first order already; or Pareto/NBD, under which they
        may leave at any time.
    order_time : {"days", "continuous"}
        Days, of which each holds one purchase at most, as in the histories (BG/NBD and MBG/NBD; see
        `clv.purchase_days`); or continuous time, as published.
    confidence : float
        Of the intervals of parameters.

    Raises
    ------
    ModelError
        Fewer than ten customers came back on a later day, or the fit to all customers does not converge, not even under
        the weak prior that is taken, with a note, where the likelihood alone has no maximum.
    ConfigurationError
        ``parameters`` is none of the three, or ``order_time`` neither of the two.
    """
    if parameters not in get_args(SegmentParameters):
        raise ConfigurationError(f"segment_parameters is {parameters!r}; it must be 'pooled', 'separate' or 'partial'.")
    patterns = segment_patterns(connection, table=table)
    day = 0.0 if orders_model == "pareto_nbd" else day_of_time(order_time)
    overall = _fit(connection, patterns, table, None, orders_model, day)
    own: dict[str, SegmentFit] = {}
    failures: dict[str, str] = {}
    if len(patterns.segments) > 1 and parameters == "separate":
        own, failures = fit_separately(connection, patterns, table, overall)
    elif len(patterns.segments) > 1 and parameters == "partial":
        own, failures = fit_partially(connection, patterns, table, overall)
    fits = [overall, *own.values()]
    places = {name: place for place, name in enumerate(own, start=1)}
    of_segment = np.array([places.get(name, 0) for name in patterns.segments], dtype=np.intp)
    notes = [f"Segment {name!r} takes the parameters of all customers: {why}" for name, why in failures.items()]
    for fitted in fits:
        where = "" if fitted.segment == ALL else f"Segment {fitted.segment!r}: "
        said = () if fitted is overall else overall.spend.notes
        notes += [where + note for note in (fitted.note, *fitted.spend.notes) if note and note not in said]
    spend = overall.spend.fit
    correlation = spend.correlation if spend is not None and np.isfinite(spend.correlation) else None
    return SegmentModels(
        patterns=patterns,
        models=tuple(fitted.model for fitted in fits),
        of_segment=of_segment,
        parameter_table=partial(_parameter_table, fits, confidence),
        convergence=_convergence_table(fits),
        spend_correlation=correlation,
        notes=tuple(notes),
        fits={fitted.segment: fitted for fitted in fits},
        way=parameters,
        replaced=len(failures) + sum(_has_observed_mean(fitted.spend) for fitted in fits),
    )


def _has_observed_mean(spend: SpendEstimate) -> bool:
    """Whether a fit of its own failed; where nothing was spent none was tried, and what leans on others has no note."""
    return spend.fit is None and bool(spend.notes) and spend.law.population_mean > 0


def fit_separately(
    connection: "duckdb.DuckDBPyConnection", patterns: SegmentPatterns, table: str, overall: SegmentFit
) -> tuple[dict[str, SegmentFit], dict[str, str]]:
    """Fits to each segment alone, and why some segments have none."""
    own, failures = {}, {}
    for index, name in enumerate(patterns.segments):
        here = patterns.part(patterns.segment == index)
        try:
            own[name] = _fit(connection, here, table, name, overall.orders_model, overall.day)
        except (InputError, ModelError) as error:
            failures[name] = str(error)
    return own, failures


def _fit(
    connection: "duckdb.DuckDBPyConnection",
    patterns: SegmentPatterns,
    table: str,
    segment: str | None,
    orders_model: FittedModelName,
    day: float,
) -> SegmentFit:
    customers = float(patterns.customers.sum())
    repeaters = float(patterns.customers[patterns.x > 0].sum())
    if repeaters < FEWEST_REPEAT_CUSTOMERS:
        raise ModelError(
            f"{repeaters:,.0f} of {customers:,.0f} customers ordered again on a later day; a forecast needs "
            f"{FEWEST_REPEAT_CUSTOMERS} at least. Take a longer period, or check that a customer keeps one id."
        )
    where = "" if segment is None else "WHERE segment = $segment"
    days, value = connection.execute(
        f"SELECT sum(frequency + 1), sum(spend + first_value) FROM {quoted(table)} {where}",
        {} if segment is None else {"segment": segment},
    ).fetchone() or (1, 0)
    spend = estimate_spend(
        spend_histories(connection, table=table, segment=segment), day_mean=float(value) / MONEY_SCALE / float(days)
    )
    orders, note = _fit_orders(patterns, orders_model, day)
    return SegmentFit(segment or ALL, orders_model, orders, spend, day, note)


def _fit_orders(patterns: SegmentPatterns, orders_model: FittedModelName, day: float) -> tuple[OrdersFit, str]:
    """The fit by maximum likelihood, or where the likelihood has no maximum the one under a weak prior, and a note."""
    distinct_histories = without_taken_time(patterns_of(patterns.histories()), day)
    fit_patterns = FIT_OF[orders_model]
    try:
        return fit_patterns(distinct_histories), ""
    except ModelError as error:
        fit = fit_patterns(distinct_histories, prior=weak_prior_of(orders_model))
        return fit, f"{error} Here a weak prior was stated: {_written_prior(orders_model)}."


def _written_prior(orders_model: FittedModelName) -> str:
    medians = ", ".join(
        f"{name} {DAYS_PER_WEEK * value:.0f} days" if name in ("alpha", "beta") else f"{name} {value:g}"
        for name, value in weak_prior_of(orders_model).median.items()
    )
    return f"log-normal with medians {medians}, {_SPREAD_OF_PRIOR}"


def fit_partially(
    connection: "duckdb.DuckDBPyConnection", patterns: SegmentPatterns, table: str, overall: SegmentFit
) -> tuple[dict[str, SegmentFit], dict[str, str]]:
    """Fits under shared priors, and why some segments have none; spend without a fit is that of all customers."""
    names = patterns.segments

    @cache
    def histories_of(name: str) -> Patterns:
        here = patterns.part(patterns.segment == names.index(name))
        return without_taken_time(patterns_of(here.histories()), overall.day)

    orders = shrink_segments(
        names,
        lambda name, prior: FIT_OF[overall.orders_model](histories_of(name), prior=prior),
        centre=overall.orders.parameters,
    )
    spend: Shrunk[GammaGammaFit] | None = None
    if overall.spend.fit is not None:
        by_spend = {name: spend_histories(connection, table=table, segment=name) for name in names}
        with warnings.catch_warnings():
            # What a fit has to say of its mean is in its own notes; here it is fitted many times over.
            warnings.simplefilter("ignore", ModelWarning)
            spend = shrink_segments(
                names,
                lambda name, prior: GammaGamma(prior=prior).fit(by_spend[name]),
                centre=overall.spend.fit.parameters,
            )
    own = {}
    for name, fit in orders.fits.items():
        estimate, moves = _leaning_spend(overall.spend, spend, name)
        own[name] = SegmentFit(
            name, overall.orders_model, fit, estimate, overall.day,
            order_shared=orders.shared[name], spend_shared=moves,
        )  # fmt: skip
    return own, orders.failures


def _leaning_spend(
    overall: SpendEstimate, shrunk: Shrunk[GammaGammaFit] | None, name: str
) -> tuple[SpendEstimate, Floats | None]:
    """The spend of a segment, and how it moves with errors common to all; without a fit, that of all customers."""
    if shrunk is None or name not in shrunk.fits:
        return replace(overall, notes=()), axes(overall.log_covariance)
    estimate = spend_of_fit(shrunk.fits[name], spread=overall.law.largest_spread)
    if estimate.source != "Gamma-Gamma":
        return estimate, None
    q = estimate.law.q
    moves = np.diag([1.0, q / (q - 1), 1.0]) @ shrunk.shared[name]  # of log(q - 1), where q is the fit's
    return replace(estimate, log_covariance=estimate.log_covariance + moves @ moves.T), moves


def _parameter_table(fits: Sequence[SegmentFit], confidence: float) -> "pd.DataFrame":
    import pandas as pd

    tables = []
    for fitted in fits:
        tables.append(fitted.orders.parameter_table(segment=fitted.segment, confidence=confidence))
        if fitted.spend.fit is not None:
            tables.append(fitted.spend.fit.parameter_table(segment=fitted.segment, confidence=confidence))
        else:
            tables.append(fitted.spend.mean_table(segment=fitted.segment, confidence=confidence))
    return pd.concat(tables, ignore_index=True)


def _convergence_table(fits: Sequence[SegmentFit]) -> "pd.DataFrame":
    import pandas as pd

    rows = [
        {
            "model": fit.estimate.model,
            "segment": fitted.segment,
            "customers": round(fit.customers),
            "log_likelihood": fit.log_likelihood,
            "converged": fit.convergence.converged,
            "message": fit.convergence.message
            + (f"; {_written_prior(fitted.orders_model)}" if fit is fitted.orders and fitted.note else ""),
        }
        for fitted in fits
        for fit in (fitted.orders, fitted.spend.fit)
        if fit is not None
    ]
    return pd.DataFrame(rows)
