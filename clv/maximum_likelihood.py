"""Maximum likelihood in log parameters: Newton's method in a trust region, its checks, and what every fitted model
says of itself.

All parameters of the models are positive, so that the search, the curvature and the intervals live in their
logarithms. A fit that fails its checks raises ``ModelError``; there is no fitted object that did not converge.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from clv.arrays import FloatArray
from clv.profile_likelihood import Evaluation as Evaluation
from clv.profile_likelihood import profile_end
from clv.runaways import MORE_CUSTOMERS, Failure, flat_direction, ran_away, stopped, why_none
from customer_data.errors import ConfigurationError, ModelError

if TYPE_CHECKING:
    import pandas as pd

_DECREMENT = 1e-10  # of the log-likelihood: what a further Newton step could still gain
_EXHAUSTED = 1e-16  # ... below which the last step, of 1e-8 standard errors, needs no evaluation of its own
_RADIUS = 2.0  # of the first trust region, in logarithms: a factor of e^2
_ITERATIONS = 100
_FLAT = 1e-7  # curvature (1 / variance of a log parameter) below which the data say nothing
_NORMAL = 0.1  # standard error of a log parameter up to which its likelihood is taken as normal


class ModelWarning(UserWarning):
    """A model answers otherwise than asked; the message says how."""


class NoMaximumError(ModelError):
    """The likelihood has no maximum inside the range of believable parameters."""


@dataclass(frozen=True)
class Convergence:
    """What the search found: the checks that a fit passed.

    Attributes
    ----------
    converged : bool
        Gradient and curvature passed. Always true on a fitted object: a fit that fails raises ModelError.
    gradient : float
        Largest absolute derivative of the log-likelihood by a log parameter, at the maximum.
    condition : float
        Largest by smallest curvature in log parameters; above 1e8 the parameters are barely told apart.
    iterations, starts : int
        Evaluations of the likelihood, and start values tried.
    message : str
    """

    converged: bool
    gradient: float
    condition: float
    iterations: int
    starts: int
    message: str


@dataclass(frozen=True)
class LogNormalPrior:
    """A stated prior on positive parameters: jointly normal in their logarithms.

    Attributes
    ----------
    median : mapping
        Parameter name to its median, on the natural scale.
    log_covariance : ndarray (k, k)
        Covariance of the log parameters, in the order of ``median``.
    """

    median: Mapping[str, float]
    log_covariance: FloatArray = field(repr=False)

    @classmethod
    def independent(cls, median: Mapping[str, float], *, log_sd: float) -> "LogNormalPrior":
        """Independent log-normals of one spread: about two thirds of the prior lies within a factor exp(log_sd)."""
        return cls(dict(median), np.eye(len(median)) * log_sd**2)

    def evaluate(self, names: Sequence[str], point: FloatArray) -> Evaluation:
        """Log density at log parameters, without its constant, with gradient and Hessian."""
        if list(self.median) != list(names):
            given, needed = ", ".join(self.median), ", ".join(names)
            raise ConfigurationError(f"prior: its parameters are {given}; the model's are {needed}, in this order.")
        precision: FloatArray = np.linalg.inv(self.log_covariance).astype(np.float64)
        away = point - np.log(list(self.median.values()))
        return -float(away @ precision @ away) / 2, -precision @ away, -precision


class Parameters(Mapping[str, float]):
    """Named numbers, read-only: ``parameters["r"]``, ``**parameters``; prints as ``r=0.2426, alpha=4.414``."""

    def __init__(self, values: Mapping[str, float]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return ", ".join(f"{name}={value:.4g}" for name, value in self._values.items())


@dataclass(frozen=True)
class Estimate:
    """The maximum of a likelihood: what all fitted models have in common.

    Attributes
    ----------
    model : str
        Name of the model, as in the table of parameters.
    parameters : Parameters
        Estimates by name, natural scale.
    log_likelihood : float
        At the maximum, summed over customers.
    log_covariance : ndarray (k, k)
        Covariance of the log parameters: the inverse of the observed information.
    customers : float
        Customers (sum of weights) behind the fit.
    convergence : Convergence
    objective : callable
        What was maximised, with its gradient and Hessian, as a function of the log parameters (k,): the log-likelihood,
        with a prior the log posterior.
    """

    model: str
    parameters: Parameters
    log_likelihood: float
    log_covariance: FloatArray = field(repr=False)
    customers: float
    convergence: Convergence = field(repr=False)
    objective: Callable[[FloatArray], Evaluation] = field(repr=False, compare=False)

    def log_bounds(self, confidence: float) -> FloatArray:
        """The ends of the intervals of the log parameters, less their estimates; shape (2, k)."""
        from scipy.special import ndtri

        quantile = float(ndtri(0.5 + confidence / 2))
        errors = np.sqrt(np.diag(self.log_covariance))
        bounds = quantile * np.stack([-errors, errors])
        point = np.log(list(self.parameters.values()))
        for index in np.flatnonzero(errors > _NORMAL):
            for row, side in enumerate((-1, 1)):
                bounds[row, index] = profile_end(
                    self.objective, point, index=int(index), side=side, fall=quantile**2 / 2
                )
        return bounds


class FittedModel:
    """Standard errors, intervals and information criteria of an ``estimate``; the base of every fitted model."""

    estimate: Estimate

    @property
    def parameters(self) -> Parameters:
        """Estimates by name, natural scale."""
        return self.estimate.parameters

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood at the maximum, summed over customers."""
        return self.estimate.log_likelihood

    @property
    def convergence(self) -> Convergence:
        """The checks that the fit passed."""
        return self.estimate.convergence

    @property
    def customers(self) -> float:
        """Customers (sum of weights) behind the fit."""
        return self.estimate.customers

    @property
    def aic(self) -> float:
        """Akaike's criterion, -2 LL + 2 k; smaller is better."""
        return 2 * len(self.parameters) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion, -2 LL + k ln(customers); smaller is better."""
        return len(self.parameters) * float(np.log(self.customers)) - 2 * self.log_likelihood

    @property
    def covariance_log(self) -> "pd.DataFrame":
        """Covariance of the log parameters, labelled both ways: the inverse of the observed information."""
        return self._labelled(self.estimate.log_covariance)

    @property
    def covariance(self) -> "pd.DataFrame":
        """Covariance of the parameters on their natural scale (delta method), labelled both ways."""
        values = np.array(list(self.parameters.values()))
        return self._labelled(self.estimate.log_covariance * np.outer(values, values))

    @property
    def standard_errors(self) -> Parameters:
        """Standard errors on the natural scale, by name."""
        log_errors = np.sqrt(np.diag(self.estimate.log_covariance))
        return Parameters(
            {
                name: value * float(error)
                for (name, value), error in zip(self.parameters.items(), log_errors, strict=True)
            }
        )

    @property
    def table(self) -> "pd.DataFrame":
        """``parameter_table()`` with segment "all" and 90 % intervals."""
        return self.parameter_table()

    def parameter_table(self, *, segment: str = "all", confidence: float = 0.90) -> "pd.DataFrame":
        """The table of parameters: model, segment, parameter, estimate, std_error, low, high.

        The interval holds what the profile likelihood does not rule out (see `clv.profile_likelihood`), under a prior
        the profile posterior; it may have no end. Where the standard error is below a tenth of the estimate, the
        likelihood is as good as normal in the logarithm: estimate * exp(-+ z * standard error of the log).
        """
        import pandas as pd

        log_errors = np.sqrt(np.diag(self.estimate.log_covariance))
        low, high = np.exp(self.estimate.log_bounds(confidence))
        values = np.array(list(self.parameters.values()))
        return pd.DataFrame(
            {
                "model": self.estimate.model,
                "segment": segment,
                "parameter": list(self.parameters),
                "estimate": values,
                "std_error": values * log_errors,
                "low": values * low,
                "high": values * high,
            }
        )

    def _labelled(self, matrix: FloatArray) -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame(matrix, index=list(self.parameters), columns=list(self.parameters))


def maximise(
    log_likelihood: Callable[[FloatArray], Evaluation],
    *,
    model: str,
    limits: Mapping[str, tuple[float, float]],
    runaways: Mapping[str, tuple[str, str]],
    starts: Sequence[Mapping[str, float]],
    customers: float,
    prior: LogNormalPrior | None = None,
    remedy: str = MORE_CUSTOMERS,
) -> Estimate:
    """The maximum of a log-likelihood over positive parameters, checked; with a prior that of the posterior (MAP).

    Parameters
    ----------
    log_likelihood : callable
        From natural parameters (k,) to the log-likelihood, its gradient and its Hessian, all on the natural scale.
    limits : mapping
        Parameter name to the range within which a maximum is believed; the order of the names is the order of the
        arrays.
    runaways : mapping
        Parameter name to what it means when the parameter falls below, or rises above, its range.
    starts : sequence of mappings
        Start values, tried in turn until one converges.
    customers : float
        Sum of weights, for messages and criteria.
    prior : LogNormalPrior, optional
        Added to the log-likelihood, in the logarithms; the covariance is then Laplace's. ``log_likelihood`` of the
        estimate stays that of the data alone.
    remedy : str
        What helps where no start converges, in sentences.

    Raises
    ------
    NoMaximumError
        (a ModelError) When no start converges; says which parameter ran out of its range, and what that means.
    """
    names = list(limits)

    def objective(point: FloatArray) -> Evaluation:
        evaluation = _in_logs(log_likelihood(np.exp(point)), np.exp(point))
        if prior is None:
            return evaluation
        of_prior = prior.evaluate(names, point)
        return evaluation[0] + of_prior[0], evaluation[1] + of_prior[1], evaluation[2] + of_prior[2]

    iterations = 0
    failures = []
    for tried, start in enumerate(starts, start=1):
        point = np.log([start[name] for name in names])
        point, evaluation, used, failure = _newton(objective, point, names, limits, runaways)
        iterations += used
        if failure is not None:
            failures.append((evaluation[0], failure))
            continue
        value, gradient, hessian = evaluation
        curvature = np.linalg.eigvalsh(-hessian)
        covariance = np.linalg.inv(-hessian)
        return Estimate(
            model=model,
            parameters=Parameters(dict(zip(names, np.exp(point).tolist(), strict=True))),
            log_likelihood=float(value if prior is None else value - prior.evaluate(names, point)[0]),
            log_covariance=(covariance + covariance.T) / 2,
            customers=customers,
            convergence=Convergence(
                converged=True,
                gradient=float(np.abs(gradient).max()),
                condition=float(curvature[-1] / curvature[0]),
                iterations=iterations,
                starts=tried,
                message=f"gradient and curvature checked after {iterations} evaluations from {tried} start(s)",
            ),
            objective=objective,
        )
    raise NoMaximumError(
        f"{model} did not converge on {customers:,.0f} customers from {len(starts)} start values: "
        f"{why_none(failures)}. {remedy}"
    )


def with_fallback(
    estimate: Callable[[LogNormalPrior | None], Estimate],
    *,
    prior: LogNormalPrior | None,
    fallback: LogNormalPrior | None,
) -> Estimate:
    """The estimate under ``prior``; where that has no maximum, the one under ``fallback``, with a ModelWarning."""
    try:
        return estimate(prior)
    except NoMaximumError as error:
        if fallback is None:
            raise
        found = estimate(fallback)
        message = f"{error} The stated fallback prior was used."
        warnings.warn(message, ModelWarning, stacklevel=4)
        return replace(found, convergence=replace(found.convergence, message=message))


def _in_logs(evaluation: Evaluation, values: FloatArray) -> Evaluation:
    value, gradient, hessian = evaluation
    scaled = gradient * values
    return value, scaled, hessian * np.outer(values, values) + np.diag(scaled)


def _newton(
    objective: Callable[[FloatArray], Evaluation],
    point: FloatArray,
    names: Sequence[str],
    limits: Mapping[str, tuple[float, float]],
    runaways: Mapping[str, tuple[str, str]],
) -> tuple[FloatArray, Evaluation, int, Failure | None]:
    """Newton steps with the curvature made positive, kept within a radius that adapts; the last item says why it
    failed, if it did.
    """
    lower, upper = np.log([limits[name] for name in names]).T

    def ended(text: str) -> Failure:
        return stopped(text, point, names, (lower, upper), runaways)

    radius = _RADIUS
    here = objective(point)
    for iteration in range(1, _ITERATIONS + 1):
        value, gradient, hessian = here
        if not (np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            return point, here, iteration, Failure("the likelihood is not finite at the start values")
        curvature, directions = np.linalg.eigh(-hessian)
        slopes = directions.T @ gradient
        steps = slopes / np.maximum(np.abs(curvature), max(1e-12 * np.abs(curvature).max(), 1e-300))
        decrement = float(slopes @ steps) / 2
        if decrement < _DECREMENT and curvature[0] > 0:
            if curvature[0] < _FLAT:
                return point, here, iteration, ended(flat_direction(names, directions[:, 0]))
            last = point + directions @ steps
            if decrement < _EXHAUSTED:
                return last, here, iteration, None
            polished = objective(last)
            if polished[0] >= value - 1e-13 * abs(value):
                point, here = last, polished
            return point, here, iteration + 1, None
        length = float(np.linalg.norm(steps))
        if length > radius:
            steps *= radius / length
        expected = float(slopes @ steps - steps @ (curvature * steps) / 2)
        candidate = point + directions @ steps
        outside = (candidate < lower) | (candidate > upper)
        if outside.any():
            worst = int(np.argmax(np.maximum(lower - candidate, candidate - upper)))
            if point[worst] <= lower[worst] + 1e-9 or point[worst] >= upper[worst] - 1e-9:
                return point, here, iteration, ran_away(names[worst], candidate[worst] > upper[worst], runaways)
            candidate = np.clip(candidate, lower, upper)
        there = objective(candidate)
        gain = there[0] - value
        noise = 1e-13 * abs(value)
        within_noise = gain >= -noise and expected < 1e3 * noise + _DECREMENT
        if np.isfinite(there[0]) and (gain > 0.1 * expected or within_noise):
            point, here = candidate, there
            if gain > 0.7 * expected:
                radius = min(2 * radius, 8.0)
        else:
            radius = min(radius, length) / 4
            if radius < 1e-10:
                return point, here, iteration, ended("no step from the current point raises the likelihood")
    return point, here, _ITERATIONS, ended(f"{_ITERATIONS} steps were not enough")
