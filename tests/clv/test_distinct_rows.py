"""Long columns: distinct rows, what is computed once for each, and work shared among processors."""

import os

import numpy as np
import pytest

from clv import beta_geo
from clv.arrays import elementwise, floats, in_blocks
from clv.beta_geo import BetaGeoFit
from clv.distinct_rows import ReadOff, levels
from clv.modified_beta_geo import ModifiedBetaGeoFit
from clv.pareto_nbd import ParetoNBDFit
from clv.patterns import Patterns
from clv.special import orders_while_alive

CDNOW = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}
ROWS = 60_000


@pytest.fixture(scope="module")
def histories():
    """Many customers in days: x, t_x and T."""
    rng = np.random.default_rng(3)
    T = rng.integers(0, 200, ROWS).astype(float)
    x = np.minimum(rng.poisson(rng.gamma(0.5, 3, ROWS)), T)
    return x, np.where(x > 0, np.ceil(T * rng.uniform(0.2, 1, ROWS)), 0.0), T


@pytest.mark.parametrize("unit", [1.0, 7.0, np.pi], ids=["days", "weeks", "no whole days"])
@pytest.mark.parametrize("most", [None, 10_000.0], ids=["all x", "one of 10,000 orders"])
def test_orders_read_off_are_those_of_each_customer_alone(histories, unit, most):
    x, t_x, T = histories[0].copy(), histories[1] / unit, histories[2] / unit
    x[5] = most or x[5]
    found = beta_geo.expected_orders(52.0, x, t_x, T, **CDNOW)
    chosen = np.concatenate([[5], np.arange(0, ROWS, 500)])
    z = 52.0 / (CDNOW["alpha"] + T[chosen])
    alone = orders_while_alive(z, CDNOW["r"] + x[chosen], CDNOW["b"] + x[chosen], a=CDNOW["a"])
    alone = alone * beta_geo.p_alive(x[chosen], t_x[chosen], T[chosen], **CDNOW)
    np.testing.assert_allclose(found[chosen], alone, rtol=1e-11)


@pytest.mark.parametrize(
    ("model", "names"),
    [(BetaGeoFit, "r alpha a b"), (ModifiedBetaGeoFit, "r alpha a b"), (ParetoNBDFit, "r alpha s beta")],
)
def test_any_number_of_processors_gives_the_same_bits(histories, model, names, monkeypatch):
    patterns = Patterns(*histories, np.ones(ROWS))
    values, found = [0.5, 4.0, 0.8, 2.5], []
    for processors in (1, 3):
        monkeypatch.setattr(os, "cpu_count", lambda count=processors: count)
        value, gradient, hessian = model.formulas.likelihood(patterns)(np.array(values))
        orders = model.formulas.expected_orders(52.0, *histories, **dict(zip(names.split(), values, strict=True)))
        found.append(np.concatenate([[value], gradient, hessian.ravel(), orders]))
    np.testing.assert_array_equal(found[0], found[1])


def test_arguments_broadcast():
    a = np.arange(3.0)[:, None]
    b = np.arange(4.0)
    np.testing.assert_array_equal(elementwise(np.add, a, b), a + b)
    np.testing.assert_array_equal(elementwise(np.add, ReadOff.of(np.square, a), b), a**2 + b)
    assert elementwise(np.add, *floats(1, 2)) == 3


def test_rows_that_occur_are_computed_once(histories):
    asked = []

    def square(x):
        asked.append(len(x))
        return x**2

    x = histories[0] * 50
    np.testing.assert_array_equal(ReadOff.of(square, x), x**2)
    assert asked[0] < 0.25 * ROWS


def test_an_error_in_a_block_is_raised():
    def work(part):
        raise ValueError(f"block {part.start}")

    with pytest.raises(ValueError, match="block"):
        in_blocks(work, 100, block=10)


def test_levels_are_the_distinct_values_in_order():
    values, index = levels(np.array([3.5, -1.0, 3.5, np.inf]))
    np.testing.assert_array_equal(values, [-1.0, 3.5, np.inf])
    np.testing.assert_array_equal(index, [1, 0, 1, 2])
