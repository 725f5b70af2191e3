"""The search for a maximum: checks that pass, checks that fail, and what a fit says of itself."""

import pkgutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import clv
from clv.arrays import FloatArray
from clv.maximum_likelihood import Evaluation, LogNormalPrior, Parameters, maximise
from clv.runaways import Failure, stopped, why_none
from customer_data.errors import ConfigurationError, ModelError

LIMITS = {"shape": (1e-3, 1e3), "rate": (1e-3, 1e3)}
RUNAWAYS = {"shape": ("falls to 0", "grows without limit"), "rate": ("falls to 0", "grows without limit")}


def gamma_log_likelihood(parameters: FloatArray) -> Evaluation:
    """100 observations from a gamma distribution with mean 2 and mean logarithm 0.5, by their sufficient statistics."""
    from scipy.special import digamma, gammaln, polygamma

    shape, rate = parameters
    value = 100 * (shape * np.log(rate) - gammaln(shape) + (shape - 1) * 0.5 - rate * 2)
    gradient = 100 * np.array([np.log(rate) - digamma(shape) + 0.5, shape / rate - 2])
    hessian = 100 * np.array([[-polygamma(1, shape), 1 / rate], [1 / rate, -shape / rate**2]])
    return float(value), gradient, hessian


def fitted(start: tuple[float, float], prior: LogNormalPrior | None = None) -> clv.maximum_likelihood.Estimate:
    return maximise(
        gamma_log_likelihood,
        model="gamma",
        limits=LIMITS,
        runaways=RUNAWAYS,
        starts=[dict(zip(LIMITS, start, strict=True))],
        customers=100,
        prior=prior,
    )


@pytest.mark.parametrize("start", [(1.0, 1.0), (500.0, 0.01), (0.01, 500.0), (900.0, 900.0)])
def test_the_maximum_is_found_from_anywhere(start: tuple[float, float]) -> None:
    estimate = fitted(start)
    _, gradient, _ = gamma_log_likelihood(np.array(list(estimate.parameters.values())))
    assert np.abs(gradient).max() < 1e-5
    assert estimate.parameters["shape"] / estimate.parameters["rate"] == pytest.approx(2, rel=1e-12)
    assert estimate.convergence.converged
    assert estimate.convergence.iterations < 40


def test_the_covariance_is_the_inverse_information() -> None:
    estimate = fitted((1.0, 1.0))
    values = np.array(list(estimate.parameters.values()))
    information = -gamma_log_likelihood(values)[2]
    natural = estimate.log_covariance * np.outer(values, values)
    np.testing.assert_allclose(natural, np.linalg.inv(information), rtol=1e-6)
    np.testing.assert_array_equal(estimate.log_covariance, estimate.log_covariance.T)


def test_a_sharp_prior_wins_and_a_flat_one_does_not_matter() -> None:
    median = {"shape": 7.0, "rate": 3.5}
    sharp = fitted((1.0, 1.0), LogNormalPrior.independent(median, log_sd=1e-4))
    flat = fitted((1.0, 1.0), LogNormalPrior.independent(median, log_sd=1e4))
    assert sharp.parameters == pytest.approx(median, rel=1e-4)
    assert flat.parameters == pytest.approx(fitted((1.0, 1.0)).parameters, rel=1e-6)
    assert sharp.log_likelihood == pytest.approx(gamma_log_likelihood(np.array([7.0, 3.5]))[0], rel=1e-4)


def test_a_prior_on_other_parameters_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="its parameters are p, q; the model's are shape, rate"):
        fitted((1.0, 1.0), LogNormalPrior.independent({"p": 1.0, "q": 1.0}, log_sd=1))


def rising(parameters: FloatArray) -> Evaluation:
    """No maximum: rises with the logarithm of shape."""
    shape, rate = parameters
    log_rate = np.log(rate)
    hessian = np.diag([-1 / shape**2, (log_rate - 1) / rate**2])
    return float(np.log(shape) - log_rate**2 / 2), np.array([1 / shape, -log_rate / rate]), hessian


def test_a_parameter_that_runs_away_is_named() -> None:
    with pytest.raises(ModelError, match=r"shape grows without limit\. Fit more customers together"):
        maximise(
            rising,
            model="rising",
            limits=LIMITS,
            runaways=RUNAWAYS,
            starts=[{"shape": 1.0, "rate": 1.0}],
            customers=10,
        )


def test_a_search_that_gives_up_at_the_end_of_a_range_names_the_parameter_that_ran_there() -> None:
    ends = np.log([1e-3, 1e-3]), np.log([1e3, 1e3])
    for point, said in (
        ([990.0, 1.0], "shape grows without limit"),
        ([1.0, 1.02e-3], "rate falls to 0"),
        ([500.0, 1.0], "no step"),
    ):
        failure = stopped("no step", np.log(point), list(RUNAWAYS), ends, RUNAWAYS)
        assert failure.text == said
        assert failure.is_runaway == (said != "no step")
    falls, grows = (Failure(f"rate {text}", is_runaway=True) for text in ("falls", "grows"))
    assert why_none([(-5.0, Failure("no step")), (-9.0, falls), (-8.0, grows)]) == "rate grows"
    assert why_none([(-6.0, Failure("no step")), (-5.0, Failure("too flat"))]) == "too flat"


def test_parameters_print_and_read_like_a_mapping() -> None:
    parameters = Parameters({"r": 0.242594, "alpha": 4.4136})
    assert repr(parameters) == "r=0.2426, alpha=4.414"
    assert dict(**parameters) == {"r": 0.242594, "alpha": 4.4136}


def test_the_table_of_parameters() -> None:
    histories = pd.DataFrame(
        {"frequency": [0, 1, 2, 3, 9], "recency": [0, 5, 20, 30, 38], "T": 39, "weight": [60, 20, 10, 6, 4]}
    )
    fit = clv.BetaGeo().fit(histories)
    table = fit.parameter_table(segment="Norway", confidence=0.95)
    assert list(table.columns) == ["model", "segment", "parameter", "estimate", "std_error", "low", "high"]
    assert list(table["parameter"]) == ["r", "alpha", "a", "b"]
    assert set(table["segment"]) == {"Norway"}
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), table["std_error"])
    assert fit.aic == 8 - 2 * fit.log_likelihood
    assert fit.bic == pytest.approx(4 * np.log(100) - 2 * fit.log_likelihood)
    assert (fit.table["low"] > table["low"])[:2].all()
    assert set(table["low"][2:]) == {0.0}  # a hundred customers do not tell that anybody ever leaves


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = (
        "import sys, clv; dir(clv); assert not {'numpy', 'pandas', 'scipy', 'duckdb', 'lifetimes'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_public_names() -> None:
    assert len(clv.__all__) <= 12
    assert all(callable(getattr(clv, name)) for name in clv.__all__)
    for module in pkgutil.iter_modules(clv.__path__):
        assert module.name not in clv.__all__  # importing a module would hide the function of its name
    with pytest.raises(AttributeError, match="module 'clv' has no attribute 'BetaGeometric'; it has"):
        clv.BetaGeometric  # noqa: B018
