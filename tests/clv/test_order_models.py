"""What holds for every model of orders, whatever its parameters."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clv import beta_geo, modified_beta_geo, nbd, pareto_nbd
from clv.beta_geometric_likelihood import BetaGeometricLikelihood
from clv.nbd import NBDLikelihood
from clv.pareto_nbd_likelihood import ParetoLikelihood
from clv.patterns import Patterns, patterns_of
from customer_data.errors import ModelError
from tests.clv.simulated import beta_geo_histories

positive = st.floats(0.05, 20)
MODELS = {
    "BG/NBD": (beta_geo, ("r", "alpha", "a", "b")),
    "MBG/NBD": (modified_beta_geo, ("r", "alpha", "a", "b")),
    "NBD": (nbd, ("r", "alpha")),
    "Pareto/NBD": (pareto_nbd, ("r", "alpha", "s", "beta")),
}
TIMES = {"alpha", "beta"}


@st.composite
def models(draw: st.DrawFn) -> tuple[ModuleType, dict[str, float]]:
    model, names = MODELS[draw(st.sampled_from(sorted(MODELS)))]
    return model, {name: draw(positive) for name in names}


def typical(name: str) -> tuple[ModuleType, dict[str, float]]:
    model, names = MODELS[name]
    return model, dict(zip(names, (0.5, 6.0, 0.8, 2.5), strict=False))


@settings(deadline=None)
@given(model=models(), t=st.floats(0.1, 500), x=st.integers(0, 5000), T=st.floats(1, 500), at=st.floats(0.01, 1))
def test_a_customer_is_alive_or_not_and_orders_or_not(
    model: tuple[ModuleType, dict[str, float]], t: float, x: int, T: float, at: float
) -> None:
    formulas, parameters = model
    history = x, (at * T if x else 0.0), T
    alive = float(formulas.p_alive(*history, **parameters))
    none = float(formulas.probability_of_no_order(t, *history, **parameters))
    orders = float(formulas.expected_orders(t, *history, **parameters))
    assert 0 <= alive <= 1
    assert 1 - alive <= none + 1e-9
    assert orders >= 1 - none - 1e-9
    assert orders <= (parameters["r"] + x) / (parameters["alpha"] + T) * t * (1 + 1e-9)


@settings(deadline=None)
@given(model=models(), t=st.floats(0.1, 20))
def test_probabilities_of_orders_sum_to_one(model: tuple[ModuleType, dict[str, float]], t: float) -> None:
    formulas, parameters = model
    orders = np.arange(5_000)
    probability = formulas.probability_of_orders(orders, t, **parameters)
    assert probability.min() >= 0
    tail = probability[-1] * len(orders)
    assert probability.sum() == pytest.approx(1, abs=1e-9 + 10 * tail)
    if tail < 1e-12:
        expected = float(formulas.expected_orders_new(t, **parameters))
        assert probability @ orders == pytest.approx(expected, rel=1e-7)


@settings(deadline=None)
@given(model=models(), x=st.integers(0, 300), T=st.floats(1, 100), t=st.floats(0.1, 100), scale=st.floats(0.1, 50))
def test_the_unit_of_time_does_not_matter(
    model: tuple[ModuleType, dict[str, float]], x: int, T: float, t: float, scale: float
) -> None:
    formulas, parameters = model
    t_x = T / 2 if x else 0.0
    scaled = {name: value * scale if name in TIMES else value for name, value in parameters.items()}
    here = formulas.expected_orders(t, x, t_x, T, **parameters)
    there = formulas.expected_orders(t * scale, x, t_x * scale, T * scale, **scaled)
    assert there == pytest.approx(float(here), rel=1e-8)


@pytest.mark.parametrize("name", MODELS)
def test_the_rate_is_the_slope_of_expected_orders(name: str) -> None:
    model, parameters = typical(name)
    step = 1e-4
    slope = np.diff(model.expected_orders([10 - step, 10 + step], 3, 20, 39, **parameters))[0] / (2 * step)
    rate = model.purchase_rate(10, 3, 20, 39, **parameters) * model.p_alive(3, 20, 39, **parameters)
    assert rate == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("name", MODELS)
def test_the_chance_to_be_there_at_a_date(name: str) -> None:
    model, parameters = typical(name)
    now = model.p_alive(3, 20, 39, **parameters)
    later = model.p_alive_at([0, 10, 1e9], 3, 20, 39, **parameters)
    assert later[0] == pytest.approx(float(now), rel=1e-12)
    assert later[1] <= now
    assert later[2] == (1.0 if name == "NBD" else pytest.approx(0.0, abs=1e-4))


@pytest.mark.parametrize("name", MODELS)
def test_discounted_orders_tend_to_expected_orders_without_discount(name: str) -> None:
    model, parameters = typical(name)
    found = model.discounted_orders(0.0, [0, 4], [0, 30], 39, horizon=52, **parameters)
    np.testing.assert_allclose(found, model.expected_orders(52, [0, 4], [0, 30], 39, **parameters), rtol=1e-12)
    found = model.discounted_orders_new(0.0, horizon=52, **parameters)
    assert found == pytest.approx(float(model.expected_orders_new(52, **parameters)), rel=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_a_newcomer_orders_as_the_distribution_of_orders_says(name: str) -> None:
    model, parameters = typical(name)
    nothing = model.probability_of_no_order(20, 0, 0, 0, **parameters)
    assert nothing == pytest.approx(float(model.probability_of_orders(0, 20, **parameters)), rel=1e-12)
    assert model.expected_orders(20, 0, 0, 0, **parameters) == pytest.approx(
        float(model.expected_orders_new(20, **parameters)), rel=1e-12
    )


@pytest.mark.parametrize("name", MODELS)
def test_heavy_buyers_stay_finite(name: str) -> None:
    model, parameters = typical(name)
    x = np.array([200, 2_000, 10_000])
    for t_x in (39.0, 30.0, 1.0):
        expected = model.expected_orders(52, x, t_x, 39.0, **parameters)
        assert np.isfinite(expected).all()
        assert (expected >= 0).all()
    assert np.isfinite(model.probability_of_orders(x, 52, **parameters)).all()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("x", [300, 10_000])
def test_what_heavy_buyers_may_order_sums_to_one(name: str, x: int) -> None:
    model, parameters = typical(name)
    orders = np.arange(2 * x)
    history = (x, 38.99, 39.0)
    probability = model.probability_of_orders_given(orders, 20.0, *history, **parameters)
    assert probability.sum() == pytest.approx(1, abs=1e-9)
    assert probability @ orders == pytest.approx(float(model.expected_orders(20.0, *history, **parameters)), rel=1e-8)


def likelihood_of(name: str, patterns: Patterns) -> BetaGeometricLikelihood | NBDLikelihood | ParetoLikelihood:
    if name == "NBD":
        return NBDLikelihood(patterns)
    if name == "Pareto/NBD":
        return ParetoLikelihood(patterns)
    return BetaGeometricLikelihood(patterns, survived=int(name == "MBG/NBD"))


@pytest.mark.parametrize("name", MODELS)
def test_gradient_and_hessian_are_those_of_the_likelihood(name: str) -> None:
    likelihood = likelihood_of(name, patterns_of(beta_geo_histories(300, seed=1, r=0.3, alpha=4.0, a=0.8, b=2.4)))
    at = np.array([0.4, 5.0, 0.9, 2.0])[: len(MODELS[name][1])]
    _, gradient, hessian = likelihood(at)
    for index, step in enumerate(np.eye(len(at)) * 1e-5):
        above, below = likelihood(at + step), likelihood(at - step)
        assert gradient[index] == pytest.approx((above[0] - below[0]) / 2e-5, rel=1e-6, abs=1e-4)
        np.testing.assert_allclose(hessian[index], (above[1] - below[1]) / 2e-5, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_the_likelihood_integrates_to_the_distribution_of_orders(name: str) -> None:
    # The density of one repeat order at t_x, over t_x in (0, T), is P(X(T) = 1).
    model, parameters = typical(name)
    node, weight = np.polynomial.legendre.leggauss(40)
    T = 30.0
    density = [
        np.exp(
            likelihood_of(name, Patterns(*(np.array([v]) for v in (1.0, t, T, 1.0))))(np.array([*parameters.values()]))[
                0
            ]
        )
        for t in T * (node + 1) / 2
    ]
    found = weight @ density * T / 2
    assert found == pytest.approx(float(model.probability_of_orders(1, T, **parameters)), rel=1e-10)


def test_a_model_of_orders_that_runs_away_says_which_parameter_what_that_means_and_what_helps() -> None:
    # Thirty orders in thirty weeks of everybody: no customer differs, nobody leaves.
    regular = Patterns(np.array([30.0]), np.array([30.0]), np.array([30.0]), np.array([40.0]))
    weeks = beta_geo_histories(1_500, seed=4, r=0.6, alpha=30, a=0.8, b=2.5)
    weeks = weeks.assign(recency=np.ceil(weeks["recency"]), T=np.ceil(weeks["T"]))
    shop = patterns_of(weeks[weeks["frequency"] <= weeks["recency"]])
    alike = "grows without limit: customers order more alike"
    for fit, patterns, said, remedy in (
        (beta_geo.fit_patterns, regular, alike, "try another model of orders"),
        (pareto_nbd.fit_patterns, regular, alike, "or take BG/NBD"),
        (pareto_nbd.fit_patterns, shop, "s grows without limit: customers do not differ", "clv.pareto_nbd.weak_prior"),
    ):
        with pytest.raises(ModelError) as found:
            fit(patterns)
        assert said in str(found.value)
        assert remedy in str(found.value)
        assert "segments that share strength" in str(found.value)
