"""Variances from influences: those of the delta method for gradients, and sums over customers for anything else."""

import numpy as np
import pytest

from attribution.credit_spread import model_gradient
from attribution.customer_bootstrap import customer_journeys
from attribution.delta import variance
from attribution.first_orders import conversions_with_value
from attribution.influence import Influence, OfGradient, covariances
from attribution.journeys import build_paths
from tests.attribution.small_engine import in_days, load_rows
from tests.attribution.test_customer_bootstrap import many_journeys


@pytest.fixture
def loaded(engine):
    touches, orders = many_journeys(customers=120, seed=6)
    return load_rows(engine, in_days(touches), in_days(orders))


class Fixed:
    """Influences that are written down."""

    def __init__(self, influence: Influence):
        self.influence = influence
        self.width = influence.nulls.shape[1]

    def of(self, rows):
        parts = self.influence
        return (Influence(parts.conversions[rows], parts.nulls[rows], parts.value[rows]),)

    def nulls(self, rows):
        return (self.influence.nulls[rows],)


def test_the_variance_is_the_sum_over_customers_of_squared_influences(loaded):
    journeys, paths = customer_journeys(loaded), build_paths(loaded)
    draws = np.random.default_rng(2).normal(size=(3, len(paths), 4))
    by_customer = sum(
        part.T @ of_part
        for part, of_part in zip((journeys.conversions, journeys.nulls, journeys.value), draws, strict=True)
    )
    # Several orders in one moment are several conversions of one journey: what they share is in the paths, too.
    (found,) = covariances(paths, Fixed(Influence(*draws)), ((0, 0),))
    assert found == pytest.approx((by_customer**2).sum(axis=0))


@pytest.mark.parametrize("model", ["linear", "markov"])
def test_gradients_give_the_variances_of_the_delta_method(loaded, model):
    paths = build_paths(loaded)
    gradient = model_gradient(paths, model)
    conversions, value, mixed = covariances(paths, OfGradient(gradient), ((0, 0), (1, 1), (0, 1)))
    spread = variance(paths, gradient)
    assert conversions == pytest.approx(spread.conversions)
    assert value == pytest.approx(spread.value)
    assert mixed == pytest.approx(conversions_with_value(paths, gradient))
