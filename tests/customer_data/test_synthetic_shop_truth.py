"""The synthetic shop's truth: counterfactuals by hand, and parameters that can be found again."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

from customer_data.synthetic_journeys import (
    SHOP,
    Channel,
    Exposures,
    Journeys,
    Market,
    simulate_journeys,
    touches,
    with_buy_days,
)
from customer_data.synthetic_orders import SEGMENTS, Segment, simulate_orders


def by_hand() -> Journeys:
    """Two channels: 0 creates (lift 1 over a day), 1 harvests (lift 0.5; 30 % of those it closes are its own)."""
    market = Market(
        channels=(Channel("Video", reach=1.0, lift=1.0, carry_over_days=1.0),
                  Channel("Search", harvest=1.0, lift=0.5, carry_over_days=1.0, closing=0.5, closing_loss=0.3)),
        demand_days=1.0,
        days=1000,
    )  # fmt: skip
    return Journeys(
        market=market,
        people=5,
        entry=np.zeros(5),
        demand=np.array([0.0, 1.0, 1.0, 0.0, 0.0]),
        threshold=np.array([0.9, 0.5, 1.5, 1.2, 2.0]),
        closing=np.array([-1, 1, -1, -1, -1]),
        closing_luck=np.array([0.1, 0.2, 0.9, 0.1, 0.1]),
        exposures=Exposures(
            person=np.array([0, 2, 3, 3, 4]),
            day=np.array([0.0, 0.0, 0.0, 0.0, 0.0]),
            channel=np.array([0, 0, 0, 1, 0]),
            lineage=np.array([0b01, 0b01, 0b01, 0b11, 0b01]),
        ),
        buy_day=np.full(5, np.inf),
    )


def test_orders_by_hand() -> None:
    # Cumulative hazards at the end: 1; 1 (own); 1 + 1; 1 + .5; 1. Thresholds .9, .5, 1.5, 1.2, 2: the last does not.
    journeys = with_buy_days(by_hand())
    assert journeys.bought.tolist() == [True, True, True, True, False]
    # 1 - exp(-t) = .9, = .5; 2 (1 - exp(-t)) = 1.5; 1.5 (1 - exp(-t)) = 1.2
    assert journeys.buy_day[:4] == pytest.approx([np.log(10), np.log(2), np.log(4), np.log(5)], abs=1e-6)


def test_removal_by_hand() -> None:
    # Without Video: 0 and 2 fall short, and 3 loses the search that video caused too. Without Search: 1 is lost at the
    # close (luck .2 < .3), 3 is left with 1 < 1.2.
    journeys = with_buy_days(by_hand())
    assert journeys.without((0,)).tolist() == [False, True, False, False, False]
    assert journeys.without((1,)).tolist() == [True, False, True, False, False]
    assert journeys.without((0, 1)).tolist() == [False, False, False, False, False]
    assert journeys.without(()).tolist() == journeys.bought.tolist()


def test_expected_loss_by_hand() -> None:
    # Video: hazards 1, 1, 2, 1.5, 1 become 0, 1, 1, 0, 0. Search: 1.5 becomes 1; half of all buyers close there, 30 %
    # of them its own.
    journeys = by_hand()
    bought = 1 - np.exp([-1.0, -1.0, -2.0, -1.5, -1.0])
    assert journeys.expected_loss((0,)) == pytest.approx(bought.sum() - 2 * (1 - np.exp(-1)), abs=1e-12)
    left = (1 - np.exp([-1.0, -1.0, -2.0, -1.0, -1.0])) * (1 - 0.5 * 0.3)
    assert journeys.expected_loss((1,)) == pytest.approx(bought.sum() - left.sum(), abs=1e-12)


def test_touches_end_with_the_first_order_and_with_the_data() -> None:
    journeys = with_buy_days(by_hand())
    shown = journeys.exposures
    late = replace(journeys, exposures=replace(shown, day=np.array([0.0, 2.0, 0.0, 0.0, 1000.5])))
    person, day, channel = touches(late)
    # 2's exposure of day 2 comes after the order of day ln 4 = 1.39, 4's after the end of the data.
    assert (person.tolist(), day.tolist(), channel.tolist()) == ([0, 3, 3], [0.0, 0.0, 0.0], [0, 0, 1])


def test_removing_a_channel_changes_nothing_else() -> None:
    journeys = simulate_journeys(SHOP, 20_000, np.random.default_rng(1))
    bought = journeys.bought
    assert 0.1 < bought.mean() < 0.3
    everything = tuple(range(len(SHOP.channels)))
    without_any = journeys.without(everything)
    for number in everything:
        left = journeys.without((number,))
        assert not np.any(left & ~bought)
        assert not np.any(without_any & ~left)
        lost = np.sum(bought & ~left)
        # The realised loss scatters around the expected one like a count.
        assert abs(lost - journeys.expected_loss((number,))) < 4 * np.sqrt(lost + 1)


def test_counterfactual_equals_a_market_that_never_had_the_channel() -> None:
    # A channel that reaches nobody is no channel: simulated afresh, orders fall by what removal says, up to sampling.
    video = [channel.name for channel in SHOP.channels].index("Paid Video")
    with_video = simulate_journeys(SHOP, 100_000, np.random.default_rng(5))
    channels = tuple(replace(c, reach=0.0) if number == video else c for number, c in enumerate(SHOP.channels))
    afresh = simulate_journeys(replace(SHOP, channels=channels), 100_000, np.random.default_rng(6))
    left = with_video.without((video,)).sum()
    assert abs(int(left) - int(afresh.bought.sum())) < 4 * np.sqrt(2 * left)


def bg_nbd_estimate(x: np.ndarray, t_x: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Maximum likelihood of BG/NBD, written out here from Fader, Hardie & Lee (2005), equation 6."""

    def loss(log_parameters: np.ndarray) -> float:
        r, alpha, a, b = np.exp(log_parameters)
        common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        survive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
        repeats = np.maximum(x, 1)
        die = betaln(a + 1, b + repeats - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
        return -float(np.mean(common + np.where(x > 0, np.logaddexp(survive, die), survive)))

    found = minimize(loss, np.log([1.0, 50.0, 1.0, 2.0]), method="L-BFGS-B")
    assert found.success
    return np.exp(found.x)


@pytest.mark.parametrize("segment", [SEGMENTS[0], SEGMENTS[3]], ids=lambda segment: segment.name)
def test_bg_nbd_parameters_are_found_again(segment: Segment) -> None:
    people = 40_000
    generator = np.random.default_rng(11)
    first = generator.uniform(0, 300, people)
    orders = simulate_orders(first, np.zeros(people, int), end=731.0, generator=generator, segments=(segment,))
    repeat = ~orders.first
    x = np.bincount(orders.buyer[repeat], minlength=people).astype(float)
    t_x = np.zeros(people)
    np.maximum.at(t_x, orders.buyer[repeat], (orders.day - first[orders.buyer])[repeat])
    r, alpha, a, b = bg_nbd_estimate(x, t_x, 731.0 - first)
    # Standard errors at this size are 1-4 % of the parameters.
    assert r == pytest.approx(segment.r, rel=0.05)
    assert alpha == pytest.approx(segment.alpha, rel=0.06)
    assert a / (a + b) == pytest.approx(segment.a / (segment.a + segment.b), rel=0.05)
    assert a == pytest.approx(segment.a, rel=0.12)


def test_spend_has_the_mean_and_the_spread_of_gamma_gamma() -> None:
    segment = replace(SEGMENTS[0], q=6.0, v=40.0)
    people = 50_000
    generator = np.random.default_rng(4)
    orders = simulate_orders(np.zeros(people), np.zeros(people, int), end=0.0, generator=generator, segments=(segment,))
    assert len(orders.cents) == people
    assert np.all(orders.first)
    # E = p v / (q - 1); Var = E^2 (p + q - 1) / (p (q - 2)).
    mean = segment.mean_spend
    variance = mean**2 * (segment.p + segment.q - 1) / (segment.p * (segment.q - 2))
    assert orders.cents.mean() / 100 == pytest.approx(mean, abs=4 * np.sqrt(variance / people))
    assert (orders.cents / 100).var() == pytest.approx(variance, rel=0.05)


def test_orders_of_one_buyer_share_their_mean() -> None:
    # Intraclass correlation of Gamma-Gamma: (q - 2)^-1 / ((p + q - 1) / (p (q - 2))) = p / (p + q - 1).
    segment = Segment("DE", "own demand", r=50.0, alpha=50.0, a=0.001, b=50.0, p=4.0, q=7.0, v=40.0)
    people = 30_000
    orders = simulate_orders(
        np.zeros(people), np.zeros(people, int), end=4.0, generator=np.random.default_rng(8), segments=(segment,)
    )
    twice = np.flatnonzero(np.bincount(orders.buyer[~orders.first], minlength=people) > 0)
    value = orders.cents / 100
    first = value[:people][twice]
    position = np.searchsorted(orders.buyer[people:], twice)
    second = value[people:][position]
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(segment.p / (segment.p + segment.q - 1), abs=0.03)
