import itertools

import numpy as np
import pytest

from attribution.held_out import split_paths
from attribution.order_selection import choose_order
from attribution.paths import Paths
from attribution.regression import _terms, fit_regression, held_out_regression, lost_without, regression_credit
from attribution.transforms import drop_channel
from customer_data.errors import ModelError


def simulated(*, journeys: int, seed: int) -> tuple[Paths, dict[tuple[str, str], float]]:
    """Journeys over a, b, c whose conversion follows the regression's own law with the coefficients returned."""
    random = np.random.default_rng(seed)
    steps = [path for length in (1, 2, 3) for path in itertools.product("abc", repeat=length)]
    truth = {("exposure", "a"): 0.8, ("exposure", "b"): 0.0, ("exposure", "c"): -0.4}
    truth |= {("recency", "a"): -1.5, ("recency", "b"): -0.5, ("recency", "c"): -1.0}
    odds = [
        sum(truth["exposure", name] * np.log1p(path.count(name)) for name in "abc") + truth["recency", path[-1]]
        for path in steps
    ]
    sizes = random.multinomial(journeys, np.full(len(steps), 1 / len(steps)))
    conversions = random.binomial(sizes, 1 / (1 + np.exp(-np.array(odds))))
    return Paths.from_strings([">".join(p) for p in steps], conversions, conversions * 2.0, sizes - conversions), truth


def test_the_coefficients_that_made_the_journeys_are_found_within_their_standard_errors():
    paths, truth = simulated(journeys=200_000, seed=3)
    table = fit_regression(paths).coefficients
    wanted = np.array([truth[term, channel] for term, channel in zip(table["term"], table["channel"], strict=True)])
    assert (np.abs(table["estimate"] - wanted) < 3.5 * table["std_error"]).all()
    assert table["std_error"].max() < 0.05


def test_estimates_and_standard_errors_are_those_of_statsmodels():
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    paths, _ = simulated(journeys=5_000, seed=8)
    names = [name.split(">") for name in paths.names(step=">")]
    exposure = np.log1p([[name.count(channel) for channel in "abc"] for name in names])
    recency = np.array([[name[-1] == channel for channel in "abc"] for name in names], dtype=float)
    terms = np.vstack([np.hstack([exposure, recency]), np.eye(6)])
    outcomes = np.vstack([np.column_stack([paths.conversions, paths.nulls]), np.full((6, 2), 0.5)])
    peer = GLM(outcomes, terms, family=Binomial()).fit(tol=1e-12)
    ours = fit_regression(paths).coefficients
    assert ours["estimate"].to_numpy() == pytest.approx(peer.params, abs=1e-6)
    assert ours["std_error"].to_numpy() == pytest.approx(peer.bse, rel=1e-6)


def test_a_path_that_only_the_fold_left_out_walked_says_nothing():
    # b > a was walked twice: where its fold is left out, no journey on it is left to learn from.
    common = Paths.from_strings(["a", "b", "b>a"], [30, 20, 0], nulls=[20, 30, 0])
    rare = Paths.from_strings(["a", "b", "b>a"], [31, 19, 1], nulls=[19, 31, 1])
    row = held_out_regression([common, rare]).iloc[0]
    assert 0.6 < row["log_loss"] < 0.75


def test_predicted_conversions_add_up_to_those_observed():
    # The score equations of the recency terms: fitted and observed conversions agree by last channel.
    paths, _ = simulated(journeys=200_000, seed=4)
    fitted = fit_regression(paths).probability(paths) * (paths.conversions + paths.nulls)
    assert fitted.sum() == pytest.approx(paths.conversions.sum(), rel=1e-4)


def test_what_is_lost_without_a_channel_by_hand():
    paths, _ = simulated(journeys=20_000, seed=5)
    fit = fit_regression(paths)
    row = paths.names(step=">").index("a>b")
    b_alone = fit.probability(paths)[paths.names(step=">").index("b")]
    with_both = fit.probability(paths)[row]
    journeys = paths.conversions[row] + paths.nulls[row]
    lost = lost_without(fit, paths)
    assert lost[0, row] == pytest.approx((with_both - b_alone) * journeys)
    assert lost[2, row] == 0  # c is not on the path
    alone = paths.names(step=">").index("c")
    assert lost[2, alone] == pytest.approx(
        fit.probability(paths)[alone] * (paths.conversions[alone] + paths.nulls[alone])
    )


def test_what_is_lost_equals_dropping_each_channel_from_every_path():
    generator = np.random.default_rng(8)
    lengths = generator.integers(1, 7, 300)
    paths = Paths.from_codes(
        list("abcde"),
        generator.integers(0, 5, lengths.sum()),
        lengths,
        conversions=generator.poisson(2, 300),
        nulls=generator.poisson(5, 300),
    )
    fit = fit_regression(paths)
    lost = lost_without(fit, paths).toarray()
    journeys = paths.conversions + paths.nulls
    for code in range(5):
        rows, shorter = drop_channel(paths, code)
        without = np.zeros(len(paths))
        without[rows] = fit.probability(shorter)
        touched = np.bincount(paths.rows[paths.codes == code], minlength=len(paths)) > 0
        assert lost[code] == pytest.approx(np.where(touched, (fit.probability(paths) - without) * journeys, 0))
    assert fit.probability(paths) == pytest.approx(fit.chance(_terms(paths)))


def test_too_many_channels_are_refused_with_what_to_do():
    names = [f"c{number}" for number in range(201)]
    paths = Paths.from_strings(names, [1] * 201, nulls=[1] * 201)
    with pytest.raises(ModelError, match="201 channels are on these paths, and it is fitted with up to 200"):
        regression_credit(paths)


def test_credit_conserves_totals_and_follows_the_effects():
    paths, _ = simulated(journeys=50_000, seed=6)
    credit = regression_credit(paths).set_index("channel")
    assert credit["conversions"].sum() == pytest.approx(paths.conversions.sum(), rel=1e-12)
    assert credit["value"].sum() == pytest.approx(paths.value.sum(), rel=1e-12)
    assert credit.loc["a", "conversions"] > credit.loc["c", "conversions"]


def test_separation_leaves_every_number_finite():
    paths = Paths.from_strings(["a", "b", "a>b"], [50, 0, 20], nulls=[0, 60, 0])
    table = fit_regression(paths).coefficients
    assert np.isfinite(table[["estimate", "std_error"]]).all().all()
    credit = regression_credit(paths).set_index("channel")["conversions"]
    assert credit["a"] > credit["b"] >= 0


def test_without_both_outcomes_it_says_what_is_missing():
    with pytest.raises(ModelError, match="here are 3 and 0"):
        fit_regression(Paths.from_strings(["a", "b"], [1, 2]))


def test_held_out_loss_is_near_the_entropy_of_the_law_that_made_the_journeys():
    paths, truth = simulated(journeys=100_000, seed=7)
    odds = np.array(
        [
            sum(truth["exposure", name] * np.log1p(path.count(name)) for name in "abc") + truth["recency", path[-1]]
            for path in (name.split(">") for name in paths.names(step=">"))
        ]
    )
    rate, journeys = 1 / (1 + np.exp(-odds)), paths.conversions + paths.nulls
    entropy = -(journeys * (rate * np.log(rate) + (1 - rate) * np.log1p(-rate))).sum() / journeys.sum()
    row = held_out_regression(split_paths(paths, seed=1)).iloc[0]
    assert row["log_loss"] == pytest.approx(entropy, abs=0.004)
    assert row["auc"] == pytest.approx(row["auc_in_sample"], abs=0.003)


def test_the_regression_is_held_against_the_best_chain_fold_by_fold():
    folds = split_paths(simulated(journeys=20_000, seed=9)[0], seed=2)
    chain = choose_order(folds)
    row = held_out_regression(folds, best_losses=chain.best_losses).iloc[0]
    alone = held_out_regression(folds).iloc[0]
    assert row["excess"] == pytest.approx(row["log_loss"] - chain.table["log_loss"].iloc[1:].min(), abs=1e-12)
    # Both foretell the same journeys: their difference is known far better than the loss of either.
    assert 0 < row["excess_std_error"] < (row["log_loss_high"] - row["log_loss_low"]) / 5
    assert row["auc_low"] < row["auc"] < row["auc_high"]
    assert np.isnan(alone["excess"])
    assert np.isnan(alone["excess_std_error"])
