"""Models of orders in which attributes of customers move how often they order and how soon they leave.

Fader & Hardie (2007), Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD models, note 019, in the
form of CLVTools. With z the covariates of a customer, g and d their coefficients:

    both        alpha_i = alpha exp(-g' z)                      orders come exp(g' z) times as often
    Pareto/NBD  beta_i = beta exp(-d' z)                        customers leave exp(d' z) times as soon
    BG/NBD      a_i = a exp(d' z), b_i = b exp(d' z)            the chances to leave differ less, about the same mean

In logarithms these are shifts, so that gradient and Hessian are those of the plain model at each distinct z, mapped.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from clv import beta_geo, pareto_nbd
from clv.arrays import FloatArray, IntArray
from clv.beta_geometric_likelihood import BetaGeometricLikelihood
from clv.distinct_rows import distinct
from clv.maximum_likelihood import Estimate, Evaluation, FittedModel, maximise
from clv.order_models import OrderFormulas, OrdersFit, check_discount
from clv.pareto_nbd_likelihood import ParetoLikelihood
from clv.patterns import Patterns, numeric_columns, patterns_of
from customer_data.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    import pandas as pd

CovariateModel = Literal["bg_nbd", "pareto_nbd"]

_REACH: Final = 1e5  # how far a parameter may move from that of the model without covariates
_RATIOS: Final = (1e-6, 1e6)
_OUT_OF_RANGE: Final = (
    "falls to 0 beside the model without covariates",
    "grows without limit beside the model without",
)
_NO_RATIO: Final = (
    "falls to 0: the covariate parts customers who do so from others who never do",
    "grows without limit: the covariate parts customers who do so from others who never do",
)


@dataclass(frozen=True)
class _Plain:
    """A model without covariates: its parts, and by which sign log parameters move with each process' covariates."""

    title: str
    fit: Callable[[Patterns], OrdersFit]
    likelihood: Callable[[Patterns], Callable[[FloatArray], Evaluation]]
    formulas: OrderFormulas
    by_orders: tuple[float, float, float, float]
    by_leaving: tuple[float, float, float, float]


_PLAIN: Final[Mapping[str, _Plain]] = {
    "bg_nbd": _Plain(
        "BG/NBD with covariates",
        beta_geo.fit_patterns,
        partial(BetaGeometricLikelihood, survived=0),
        beta_geo.BetaGeoFit.formulas,
        by_orders=(0, -1, 0, 0),
        by_leaving=(0, 0, 1, 1),
    ),
    "pareto_nbd": _Plain(
        "Pareto/NBD with covariates",
        pareto_nbd.fit_patterns,
        ParetoLikelihood,
        pareto_nbd.ParetoNBDFit.formulas,
        by_orders=(0, -1, 0, 0),
        by_leaving=(0, 0, 0, -1),
    ),
}


@dataclass(frozen=True)
class CovariatesFit(FittedModel):
    """A fitted model with covariates.

    ``parameters`` holds the four of the plain model, for a customer whose covariates are 0, then one ratio per
    covariate: ``orders:name`` is exp(g), ``leaving:name`` is exp(d).

    Attributes
    ----------
    estimate : Estimate
    plain : OrdersFit
        The model without covariates on the same histories; compare ``aic``, ``bic`` and ``log_likelihood``.
    model : {"bg_nbd", "pareto_nbd"}
    orders, leaving : tuple of str
        Columns of covariates of each process.
    """

    estimate: Estimate
    plain: OrdersFit = field(repr=False)
    model: CovariateModel
    orders: tuple[str, ...]
    leaving: tuple[str, ...]

    @property
    def coefficients(self) -> "pd.DataFrame":
        """process, covariate, coefficient (g or d), std_error, low, high: 90 % intervals."""
        import pandas as pd

        names = [("orders", name) for name in self.orders] + [("leaving", name) for name in self.leaving]
        value = np.log(list(self.parameters.values()))[4:]
        error = np.sqrt(np.diag(self.estimate.log_covariance))[4:]
        return pd.DataFrame(
            {
                "process": [process for process, _ in names],
                "covariate": [name for _, name in names],
                "coefficient": value,
                "std_error": error,
                "low": value - 1.6448536269514722 * error,
                "high": value + 1.6448536269514722 * error,
            }
        )

    def p_alive(self, histories: "pd.DataFrame") -> FloatArray:
        """P(alive at T) of each row: frequency, recency, T and the covariates."""
        return self._by_row(self._formulas.p_alive, histories)

    def expected_orders(self, t: float, histories: "pd.DataFrame") -> FloatArray:
        """Expected orders in (T, T + t] of each row: frequency, recency, T and the covariates."""
        return self._by_row(partial(self._formulas.expected_orders, t), histories)

    def probability_of_orders(self, n: int, t: float, histories: "pd.DataFrame") -> FloatArray:
        """P(n orders in (T, T + t]) of each row."""
        return self._by_row(partial(self._formulas.probability_of_orders_given, n, t), histories)

    def probability_of_no_order(self, t: float, histories: "pd.DataFrame") -> FloatArray:
        """P(no order in (T, T + t]) of each row."""
        return self._by_row(partial(self._formulas.probability_of_no_order, t), histories)

    def discounted_orders(self, delta: float, histories: "pd.DataFrame", horizon: float = np.inf) -> FloatArray:
        """Expected orders in (T, T + horizon] of each row, discounted at the continuous rate delta per time unit."""
        check_discount(delta, horizon)
        return self._by_row(partial(self._formulas.discounted_orders, delta, horizon=horizon), histories)

    @property
    def _formulas(self) -> OrderFormulas:
        return _PLAIN[self.model].formulas

    def _by_row(self, formula: Callable[..., FloatArray], histories: "pd.DataFrame") -> FloatArray:
        columns = numeric_columns(histories, required=("frequency", "recency", "T"))
        levels, level = _levels(histories, (*self.orders, *self.leaving))
        moved = _moved(_PLAIN[self.model], levels, len(self.orders))
        point = np.log(list(self.parameters.values()))
        answer = np.empty(len(level))
        for index, shift in enumerate(moved):
            here = level == index
            own = np.exp(shift @ point).tolist()
            answer[here] = formula(
                *(columns[name][here] for name in ("frequency", "recency", "T")),
                **dict(zip(self.plain.parameters, own, strict=True)),
            )
        return answer


def fit_with_covariates(
    histories: "pd.DataFrame",
    *,
    model: CovariateModel = "bg_nbd",
    orders: Sequence[str] = (),
    leaving: Sequence[str] = (),
) -> CovariatesFit:
    """Fit a model of orders with covariates that do not change over time, by maximum likelihood.

    Parameters
    ----------
    histories : DataFrame
        frequency, recency, T in one unit, optionally weight, and the covariates as numbers: 0 and 1 for groups, others
        best centred at 0. Time grows with the number of distinct combinations of covariates, so round what is
        continuous.
    model : {"bg_nbd", "pareto_nbd"}
    orders, leaving : sequence of str
        Columns that move how often customers order, and how they leave; a column may do both.

    Raises
    ------
    ConfigurationError
        ``model`` is neither, no covariate is named, or one is named twice for one process.
    InputError
        Impossible histories, or a covariate is missing, no number or not finite.
    ModelError
        The model without covariates has no maximum, or that with them has none, as where a covariate is constant or the
        sum of others.
    """
    if model not in _PLAIN:
        raise ConfigurationError(f"model is {model!r}; it must be 'bg_nbd' or 'pareto_nbd'.")
    orders, leaving = tuple(orders), tuple(leaving)
    if not orders + leaving or len(set(orders)) < len(orders) or len(set(leaving)) < len(leaving):
        raise ConfigurationError(
            f"covariates of orders are {list(orders)}, of leaving {list(leaving)}: name one at least, and none twice."
        )
    chosen = _PLAIN[model]
    plain = chosen.fit(patterns_of(histories))
    levels, level = _levels(histories, (*orders, *leaving))
    ratios = [f"orders:{name}" for name in orders] + [f"leaving:{name}" for name in leaving]
    limits = {name: (value / _REACH, value * _REACH) for name, value in plain.parameters.items()}
    estimate = maximise(
        CovariateLikelihood(model, _patterns_by_level(histories, level), levels, len(orders)),
        model=chosen.title,
        limits=limits | dict.fromkeys(ratios, _RATIOS),
        runaways=dict.fromkeys(limits, _OUT_OF_RANGE) | dict.fromkeys(ratios, _NO_RATIO),
        starts=[{**plain.parameters, **dict.fromkeys(ratios, 1.0)}],
        customers=plain.customers,
    )
    return CovariatesFit(estimate, plain, model, orders, leaving)


class CovariateLikelihood:
    """The log-likelihood of the four plain parameters and the ratios, with gradient and Hessian.

    Parameters
    ----------
    parts : sequence of Patterns
        The patterns of the customers at each level.
    levels : ndarray (levels, covariates)
        Distinct covariates, the first ``of_orders`` those of orders.
    """

    def __init__(self, model: CovariateModel, parts: Sequence[Patterns], levels: FloatArray, of_orders: int) -> None:
        self._parts = [_PLAIN[model].likelihood(part) for part in parts]
        self._moved = _moved(_PLAIN[model], levels, of_orders)

    def __call__(self, parameters: FloatArray) -> Evaluation:
        """Log-likelihood, gradient (k,) and Hessian (k, k) by the natural parameters."""
        point = np.log(parameters)
        value, gradient, hessian = 0.0, np.zeros(len(point)), np.zeros((len(point), len(point)))
        for likelihood, shift in zip(self._parts, self._moved, strict=True):
            own = np.exp(shift @ point)
            here, slope, curvature = likelihood(own)
            slope = slope * own
            value += here
            gradient += shift.T @ slope
            hessian += shift.T @ (curvature * np.outer(own, own) + np.diag(slope)) @ shift
        natural = (hessian - np.diag(gradient)) / np.outer(parameters, parameters)
        return value, gradient / parameters, natural


def _moved(plain: _Plain, levels: FloatArray, of_orders: int) -> list[FloatArray]:
    """For each level the matrix from (log parameters, coefficients) to its own four log parameters."""
    signs = np.array([plain.by_orders] * of_orders + [plain.by_leaving] * (levels.shape[1] - of_orders))
    return [np.hstack([np.eye(4), (signs * level[:, None]).T]) for level in levels]


def _levels(histories: "pd.DataFrame", names: Sequence[str]) -> tuple[FloatArray, IntArray]:
    """The distinct rows of covariates, and the row of each customer."""
    columns = numeric_columns(histories, required=tuple(dict.fromkeys(names)))
    problems = []
    for name, values in columns.items():
        bad = ~np.isfinite(values)
        if bad.any():
            problems.append(
                f"histories.{name}: {int(bad.sum()):,} of {len(bad):,} rows are missing or not finite (first: row "
                f"{int(np.argmax(bad))}). Give every customer a value, such as a column of its own for unknown ones."
            )
    if problems:
        raise InputError(problems)
    found, index = distinct(*(columns[name] for name in names))
    return np.stack(found, axis=1), index


def _patterns_by_level(histories: "pd.DataFrame", level: IntArray) -> list[Patterns]:
    columns = numeric_columns(histories, required=("frequency", "recency", "T"), optional=("weight",))
    at, x, T, t_x = level.astype(np.float64), columns["frequency"], columns["T"], columns["recency"]
    (at, x, T, t_x), index = distinct(at, x, T, t_x)
    count = np.bincount(index, weights=columns.get("weight"), minlength=len(x)).astype(np.float64)
    cuts = np.flatnonzero(np.diff(at)) + 1
    return [Patterns(*part) for part in zip(*(np.split(column, cuts) for column in (x, t_x, T, count)), strict=True)]
