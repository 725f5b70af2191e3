import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attribution import Paths, delta
from attribution.credit_spread import credit_variance
from attribution.path_sample import path_sample


def test_a_sample_by_hand():
    # The 10 is larger than a step of 16 / 3 and taken; the others sum to 6, so a step is 3: at 1.5 and 4.5.
    rows, weights = path_sample(np.array([2.0, 2.0, 10.0, 1.0, 1.0]), 3)
    assert rows.tolist() == [2, 0, 3]
    assert weights.tolist() == [1, 1.5, 3]


def test_few_paths_are_all_taken():
    rows, weights = path_sample(np.array([0.0, 5.0]), 2)
    assert rows.tolist() == [0, 1]
    assert weights.tolist() == [1, 1]


@given(
    arrays(float, st.integers(2, 60), elements=st.sampled_from([0.0, 1.0, 1.5, 7.0, 1e6])),
    st.integers(1, 30),
)
def test_a_sample_holds_each_path_once_and_sums_to_the_whole(sizes, most):
    rows, weights = path_sample(sizes, most)
    assert len(set(rows.tolist())) == len(rows) <= max(most, 0) or len(sizes) <= most
    assert (weights >= 1 - 1e-9).all()
    assert weights @ sizes[rows] == pytest.approx(sizes.sum(), rel=1e-9)


def test_what_is_not_in_proportion_to_sizes_is_met_closely():
    generator = np.random.default_rng(3)
    sizes = generator.lognormal(0, 1, 50_000)
    amounts = sizes * generator.normal(1, 0.5, 50_000) ** 2
    rows, weights = path_sample(sizes, 5_000)
    # (1 + z / 2)^2 has mean 1.25 and standard deviation 1.06: 5,000 draws miss the sum by 1.2 %, one standard error.
    assert weights @ amounts[rows] == pytest.approx(amounts.sum(), rel=3 * 1.06 / 1.25 / 5_000**0.5)


def many_paths(seed: int = 4) -> Paths:
    generator = np.random.default_rng(seed)
    lengths = generator.geometric(0.3, 30_000).clip(max=12)
    conversions = generator.random(30_000) < 0.2
    return Paths.from_codes(
        list("abcdef"),
        generator.choice(6, lengths.sum(), p=[0.35, 0.25, 0.2, 0.1, 0.07, 0.03]),
        lengths,
        conversions=conversions.astype(float),
        nulls=1.0 - conversions,
        value=conversions * generator.gamma(2, 30, 30_000),
    )


@pytest.mark.parametrize(("order", "baseline"), [(1, None), (2, None), (1, "last_click")])
def test_standard_errors_from_a_sample_are_those_from_all_paths(order, baseline, monkeypatch):
    paths = many_paths()
    errors = []
    for most in (1 << 12, len(paths)):
        monkeypatch.setattr(delta, "SAMPLE", most)
        found = credit_variance(paths, "markov", order=order, baseline=baseline)
        errors.append(np.sqrt(np.append(found.conversions, found.value)))
    assert len(paths) > 1.5 * (1 << 12)
    assert errors[0] == pytest.approx(errors[1], rel=0.015)
    assert (errors[0] != errors[1]).any()


def test_a_channel_on_few_paths_is_not_missed(monkeypatch):
    # The last channel is on some twenty of 30,000 paths, all of which a sample of an eighth takes.
    generator = np.random.default_rng(5)
    lengths = generator.integers(1, 9, 30_000)
    conversions = generator.random(30_000) < 0.2
    codes = generator.choice(6, lengths.sum(), p=[0.4, 0.3, 0.2, 0.08, 0.01985, 0.00015])
    paths = Paths.from_codes(list("abcdef"), codes, lengths, conversions=conversions, nulls=~conversions)
    found = []
    for most in (2_000, len(paths)):
        monkeypatch.setattr(delta, "SAMPLE", most)
        found.append(np.sqrt(credit_variance(paths, "markov").conversions))
    assert len(paths) > 2_000
    assert found[0] == pytest.approx(found[1], rel=0.02)
