"""Models of orders with covariates: recovered, checked by differences, and refused."""

import numpy as np
import pandas as pd
import pytest

import clv
from clv import beta_geo
from clv.static_covariates import CovariateLikelihood, fit_with_covariates
from clv.static_covariates import _levels as levels_of
from clv.static_covariates import _patterns_by_level as patterns_by_level
from customer_data.errors import ConfigurationError, InputError, ModelError
from tests.clv.simulated import beta_geo_histories

TRUTH = {"r": 0.8, "alpha": 8.0, "a": 0.9, "b": 2.5}
G, D = 0.5, 0.7


def beta_geo_groups(customers: int, *, seed: int) -> pd.DataFrame:
    """Customers of two groups; those with paid = 1 order more often and differ less in their chance to leave."""
    moved = {"r": 0.8, "alpha": 8.0 * np.exp(-G), "a": 0.9 * np.exp(D), "b": 2.5 * np.exp(D)}
    return pd.concat(
        [
            beta_geo_histories(customers, seed=seed + paid, **(moved if paid else TRUTH)).assign(paid=paid)
            for paid in (0, 1)
        ],
        ignore_index=True,
    )


def pareto_groups(customers: int, *, seed: int) -> pd.DataFrame:
    """As above from Pareto/NBD, r 0.8, alpha 8, s 0.7, beta 12; those with paid = 1 order more often, leave sooner."""
    random = np.random.default_rng(seed)
    paid, T = np.repeat([0.0, 1.0], customers), random.integers(20, 60, 2 * customers).astype(float)
    rate = random.gamma(0.8, np.exp(G * paid) / 8)
    until = np.minimum(T, random.exponential(1 / random.gamma(0.7, np.exp(D * paid) / 12)))
    x = random.poisson(rate * until)
    t_x = np.where(x > 0, until * random.random(2 * customers) ** (1 / np.maximum(x, 1)), 0.0)
    return pd.DataFrame({"frequency": x, "recency": t_x, "T": T, "paid": paid})


@pytest.mark.parametrize(
    ("model", "simulate", "truth"),
    [
        ("bg_nbd", beta_geo_groups, TRUTH),
        ("pareto_nbd", pareto_groups, {"r": 0.8, "alpha": 8.0, "s": 0.7, "beta": 12.0}),
    ],
)
def test_the_coefficients_of_simulated_customers_are_found(model, simulate, truth):
    histories = simulate(8_000, seed=1)
    fit = fit_with_covariates(histories, model=model, orders=["paid"], leaving=["paid"])
    truth = truth | {"orders:paid": np.exp(G), "leaving:paid": np.exp(D)}
    log_errors = np.sqrt(np.diag(fit.covariance_log))
    distance = np.log([fit.parameters[name] / truth[name] for name in truth]) / log_errors
    assert np.abs(distance).max() < 3.5
    table = fit.coefficients
    assert table["process"].tolist() == ["orders", "leaving"]
    assert table.loc[0, "std_error"] < 0.06
    assert fit.aic < fit.plain.aic - 10


def test_customers_are_answered_with_their_own_parameters():
    fit = fit_with_covariates(beta_geo_groups(800, seed=3), orders=["paid"], leaving=["paid"])
    rows = pd.DataFrame({"frequency": [2, 2], "recency": [20.0, 20.0], "T": [30.0, 30.0], "paid": [0, 1]})
    g, d = fit.parameters["orders:paid"], fit.parameters["leaving:paid"]
    for row, (by_g, by_d) in enumerate([(1.0, 1.0), (g, d)]):
        own = {name: fit.parameters[name] for name in TRUTH}
        own |= {"alpha": own["alpha"] / by_g, "a": own["a"] * by_d, "b": own["b"] * by_d}
        assert fit.p_alive(rows)[row] == pytest.approx(float(beta_geo.p_alive(2, 20, 30, **own)), rel=1e-12)
        expected = float(beta_geo.expected_orders(26, 2, 20, 30, **own))
        assert fit.expected_orders(26, rows)[row] == pytest.approx(expected, rel=1e-12)
        none = float(beta_geo.probability_of_no_order(26, 2, 20, 30, **own))
        assert fit.probability_of_no_order(26, rows)[row] == pytest.approx(none, rel=1e-12)
        assert fit.probability_of_orders(0, 26, rows)[row] == pytest.approx(none, rel=1e-9)
        discounted = float(beta_geo.discounted_orders(0.003, 2, 20, 30, **own))
        assert fit.discounted_orders(0.003, rows)[row] == pytest.approx(discounted, rel=1e-12)


@pytest.mark.parametrize("model", ["bg_nbd", "pareto_nbd"])
def test_gradient_and_hessian_are_those_of_the_likelihood(model):
    histories = beta_geo_groups(150, seed=5).assign(score=np.arange(300) % 3 - 1)
    levels, level = levels_of(histories, ("paid", "score", "paid"))
    likelihood = CovariateLikelihood(model, patterns_by_level(histories, level), levels, 2)
    point = np.array([0.7, 9.0, 0.8, 2.2, 1.5, 0.9, 1.3])
    _, gradient, hessian = likelihood(point)
    for index, step in enumerate(1e-5 * np.diag(point)):
        up, down = likelihood(point + step), likelihood(point - step)
        assert gradient[index] == pytest.approx((up[0] - down[0]) / (2 * step[index]), rel=1e-6, abs=1e-6)
        np.testing.assert_allclose(hessian[index], (up[1] - down[1]) / (2 * step[index]), rtol=1e-5, atol=1e-5)


def test_a_covariate_lies_between_one_fit_and_two_and_its_name_does_not_matter():
    # Two fits have eight parameters, one with the covariate six, one without it four: each holds the next.
    histories = beta_geo_groups(800, seed=7)
    fit = fit_with_covariates(histories, orders=["paid"], leaving=["paid"])
    apart = sum(clv.BetaGeo().fit(histories[histories["paid"] == paid]).log_likelihood for paid in (0, 1))
    assert fit.plain.log_likelihood < fit.log_likelihood < apart
    flipped = fit_with_covariates(histories.assign(paid=1 - histories["paid"]), orders=["paid"], leaving=["paid"])
    assert flipped.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(flipped.coefficients["coefficient"], -fit.coefficients["coefficient"], rtol=1e-4)
    np.testing.assert_allclose(
        flipped.expected_orders(26.0, histories.assign(paid=1 - histories["paid"])),
        fit.expected_orders(26.0, histories),
        rtol=1e-4,
    )


def test_what_cannot_be_fitted_is_said():
    histories = beta_geo_groups(300, seed=9)
    with pytest.raises(ConfigurationError, match="name one at least, and none twice"):
        fit_with_covariates(histories)
    with pytest.raises(ConfigurationError, match="model is 'nbd'"):
        fit_with_covariates(histories, model="nbd", orders=["paid"])
    with pytest.raises(InputError, match="no column 'pad'"):
        fit_with_covariates(histories, orders=["pad"])
    with pytest.raises(InputError, match=r"histories.paid: 1 of 600 rows are missing or not finite \(first: row 0\)"):
        fit_with_covariates(histories.assign(paid=[np.nan, *histories["paid"][1:]]), orders=["paid"])
    with pytest.raises(ModelError, match="did not converge"):
        fit_with_covariates(histories.assign(paid=1.0), orders=["paid"])
