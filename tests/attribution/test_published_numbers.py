"""Credit on ChannelAttribution's public data against exact and published numbers, to their printed digits."""

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import attribution
from attribution.markov import Convention
from attribution.paths import Paths

# Exact Markov credit under the conventions of ChannelAttribution 2.2.5 on its data set; the package's own simulation
# agrees within .03-.15 % at ten million walks. Columns: conversions at orders 1, 2, 3, value at orders 1, 2, 3, and
# conversions at order 1 without the column of nulls. They were printed with four decimals before they were rounded to
# three: 7511.048475 became 7511.0485 and then 7511.049.
EXACT = {
    "eta": (3340.847, 3391.858, 3396.071, 12991.737, 13007.577, 12982.209, 3347.766),
    "iota": (3884.615, 3810.511, 3791.029, 14978.437, 14851.059, 14833.743, 3899.246),
    "alpha": (5344.948, 5617.454, 5748.099, 18799.171, 19194.516, 19409.810, 5260.070),
    "beta": (2527.352, 2439.649, 2405.534, 9687.809, 9759.591, 9749.212, 2585.406),
    "theta": (1971.913, 1902.474, 1849.813, 7511.049, 7392.077, 7275.253, 1938.846),
    "lambda": (1282.847, 1189.472, 1150.740, 5142.720, 4861.827, 4756.693, 1295.482),
    "kappa": (274.363, 266.027, 264.239, 1136.093, 1132.758, 1135.045, 276.651),
    "zeta": (381.063, 374.031, 370.363, 1468.703, 1440.236, 1421.575, 394.522),
    "epsilon": (599.571, 614.374, 623.432, 2348.654, 2395.634, 2431.869, 604.832),
    "gamma": (171.145, 171.918, 178.483, 719.237, 747.036, 787.061, 176.028),
    "delta": (4.614, 5.159, 5.071, 13.918, 14.470, 14.241, 4.259),
    "mi": (1.722, 2.073, 2.127, 5.445, 6.192, 6.262, 1.893),
}

THREE, FOUR = Decimal("0.001"), Decimal("0.0001")
# Order 1, the same channels in the same order.
REMOVAL_EFFECTS = (0.3490, 0.4058, 0.5584, 0.2640, 0.2060, 0.1340, 0.0287, 0.0398, 0.0626, 0.0179, 0.0005, 0.0002)


def printed(exact: "pd.Series[float]") -> list[float]:
    """Rounded half up to four decimals and then to three, as the numbers above."""
    return [float(Decimal(repr(x)).quantize(FOUR, ROUND_HALF_UP).quantize(THREE, ROUND_HALF_UP)) for x in exact]


def markov(paths: Paths, order: int, convention: Convention) -> pd.DataFrame:
    table = attribution.attribute(paths, models=["markov"], order=order, convention=convention, confidence=None)
    return table.set_index("channel").loc[list(EXACT)]


def test_the_file_holds_what_its_description_says(published: Paths) -> None:
    assert len(published) == 5408
    assert published.conversions.sum() == 19_785
    assert published.nulls.sum() == 68_602
    assert published.value.sum() == pytest.approx(74_802.9716, abs=0.00005)
    assert (published.lengths.min(), published.lengths.max()) == (1, 89)


@pytest.mark.parametrize("convention", ["exact", "channelattribution"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_markov_credit(published: Paths, order: int, convention: Convention) -> None:
    credit = markov(published, order, convention)
    for measure, column in (("conversions", order - 1), ("value", order + 2)):
        assert printed(credit[measure]) == [row[column] for row in EXACT.values()]


@pytest.mark.parametrize("convention", ["exact", "channelattribution"])
def test_markov_credit_without_nulls(published_without_nulls: Paths, convention: Convention) -> None:
    credit = markov(published_without_nulls, 1, convention)
    assert printed(credit["conversions"]) == [row[6] for row in EXACT.values()]


def test_removal_effects(published: Paths) -> None:
    effects = attribution.removal_effects(published, order=1).set_index("channel").loc[list(EXACT)]
    np.testing.assert_allclose(effects["removal_effect"], REMOVAL_EFFECTS, rtol=0, atol=0.00005)


@pytest.mark.parametrize(
    ("model", "name"), [("first_click", "first_touch"), ("last_click", "last_touch"), ("linear", "linear_touch")]
)
def test_heuristics_equal_the_package(published: Paths, reference_outputs: Path, model: str, name: str) -> None:
    theirs = pd.read_csv(reference_outputs / "heuristic_models.csv", index_col="channel_name")
    ours = attribution.attribute(published, models=[model], confidence=None).set_index("channel").loc[theirs.index]
    for measure in ("conversions", "value"):
        np.testing.assert_allclose(ours[measure], theirs[f"{name}_{measure}"], rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_transition_matrix_equals_the_package(published: Paths, reference_outputs: Path, order: int) -> None:
    def name(state: str) -> str:
        return state if state.startswith("(") else " > ".join(list(EXACT)[int(part) - 1] for part in state.split())

    file = reference_outputs / f"markov_order{order}_transition_matrix.csv"
    theirs = pd.read_csv(file, dtype={"channel_from": str, "channel_to": str})
    expected = {
        (name(source), name(target)): probability for source, target, probability in theirs.itertuples(index=False)
    }
    ours = attribution.transition_matrix(published, order)
    found = {(source, target): probability for source, target, _, probability, *_ in ours.itertuples(index=False)}
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_simulated_results_of_the_package_lie_around_ours(
    published: Paths, reference_outputs: Path, order: int
) -> None:
    # The package reports one of ten simulated folds; its noise is an L1 distance of 1 to 4 % of all conversions.
    theirs = pd.read_csv(reference_outputs / f"markov_order{order}_result.csv", index_col="channel_name")
    ours = markov(published, order, "channelattribution")["conversions"]
    assert (ours - theirs["total_conversions"]).abs().sum() < 0.04 * 19_785
