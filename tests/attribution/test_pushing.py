"""Chains solved by pushing walks against solving them outright, also where walks linger or go round."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from attribution import pushing
from attribution.pushing import pushed


def outright(step, begin, keep):
    solved = np.zeros(keep.shape)
    for column, kept in enumerate(keep.T):
        system = np.eye(kept.sum()) - step[np.ix_(kept, kept)]
        solved[kept, column] = np.linalg.solve(system, begin[kept])
    return solved


def random_chain(states, staying):
    generator = np.random.default_rng(6)
    step = generator.random((states, states)) * (generator.random((states, states)) < 0.3)
    return staying * step / step.sum(axis=1, keepdims=True)


CHAINS = {
    "random": random_chain(40, 0.7),
    "lingering": random_chain(40, 0.9995),
    "going round": 0.99 * np.roll(np.eye(40), 1, axis=1),
    "going back and forth": 0.99 * np.kron(np.eye(20), [[0.0, 1.0], [1.0, 0.0]]),
    "going nowhere": np.zeros((40, 40)),
    "going forward only": 0.9 * np.eye(40, k=1),
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("most", [5_000, 3], ids=["to the end", "then factorised"])
def test_pushed_equals_solved_outright(name, most, monkeypatch):
    monkeypatch.setattr(pushing, "SWEEPS", most)
    keep = np.random.default_rng(7).random((40, 70)) < 0.8
    keep[:, 0], keep[:, 1] = True, False
    begin = np.where(np.arange(40) % 3, 0.0, np.arange(40))
    found = pushed(csr_array(CHAINS[name]), begin, keep)
    expected = outright(CHAINS[name], begin, keep)
    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()
    assert not found[~keep].any()


def test_columns_may_begin_differently():
    keep = np.random.default_rng(8).random((40, 70)) < 0.8
    begin = np.random.default_rng(9).random((40, 70))
    found = pushed(csr_array(CHAINS["random"]), begin, keep)
    for column in (0, 31, 69):
        alone = pushed(csr_array(CHAINS["random"]), begin[:, column], keep[:, [column]])
        assert found[:, column] == pytest.approx(alone[:, 0], rel=1e-13)


def test_a_series_that_shrinks_evenly_takes_few_sweeps(monkeypatch):
    # The rest of the lingering chain shrinks by .9995 a sweep: 69,000 sweeps to 1e-15 without its sum.
    monkeypatch.setattr(pushing, "_finished", None)
    monkeypatch.setattr(pushing, "SWEEPS", 100)
    step, begin, keep = CHAINS["lingering"], np.ones(40), np.ones((40, 1), dtype=bool)
    assert pushed(csr_array(step), begin, keep) == pytest.approx(outright(step, begin, keep), rel=1e-9)


def test_widths_of_blocks_change_nothing(monkeypatch):
    keep = np.random.default_rng(8).random((40, 9)) < 0.8
    step, begin = csr_array(CHAINS["random"]), np.ones(40)
    whole = pushed(step, begin, keep)
    monkeypatch.setattr(pushing, "WIDEST", 2)
    assert pushed(step, begin, keep) == pytest.approx(whole, rel=1e-13)
