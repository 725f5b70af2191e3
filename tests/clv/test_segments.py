"""Parameters of segments: pooled, separate, and sharing strength."""

import numpy as np
import pandas as pd
import pytest

from clv.forecasting import forecast
from clv.histories import build_histories
from clv.prediction import predict_segments
from clv.scoring import load_models, save_models, score
from clv.segments import fit_segments
from customer_data.errors import ConfigurationError

SEEN, AHEAD = 280, 182


def segmented_shop(sizes, *, seed, spread):
    """Orders of segments under BG/NBD whose log parameters differ by ``spread``; who is where; what came."""
    rng = np.random.default_rng(seed)
    rows, members, came = [], [], []
    customer = 0
    for segment, size in enumerate(sizes):
        r, alpha, a, b = np.array([0.5, 40, 0.8, 2.5]) * np.exp(rng.normal(0, spread, 4))
        later = 0
        for _ in range(size):
            day, rate, leaves = rng.uniform(0, 84), rng.gamma(r) / alpha, rng.beta(a, b)
            rows.append((customer, int(day), int(rng.gamma(4.0) * 10_000) + 1))
            while True:
                day += rng.exponential(1 / max(rate, 1e-9))
                if day >= SEEN + AHEAD + 1:
                    break
                if day < SEEN + 1:
                    rows.append((customer, int(day), int(rng.gamma(4.0) * 10_000) + 1))
                else:
                    later += 1
                if rng.random() < leaves:
                    break
            members.append((customer, f"s{segment:02d}"))
            customer += 1
        came.append(later)
    return rows, pd.DataFrame(members, columns=["customer_id", "grp"]), np.array(came)


def forecast_totals(connection, parameters):
    fitted = fit_segments(connection, parameters=parameters)
    return predict_segments(
        connection, fitted, edges=np.array([0.0, AHEAD]), delta=0.0, of="orders", draws=100, seed=0
    ).orders[0]


def test_shared_strength_beats_separate_and_pooled_fits(connection, fill):
    sizes = [60, 80, 100, 120, 150, 200, 250, 300, 400, 500, 700, 900]
    rows, members, came = segmented_shop(sizes, seed=1, spread=0.4)
    fill(connection, rows, members)
    build_histories(connection, until_day=SEEN, segment_by=["grp"])
    error = {
        parameters: float(np.abs(forecast_totals(connection, parameters) / came - 1).mean())
        for parameters in ("pooled", "separate", "partial")
    }
    assert error["partial"] < error["separate"]
    assert error["partial"] < error["pooled"]


def test_a_small_segment_leans_on_the_others_and_a_large_one_does_not(connection, fill):
    rows, members, _ = segmented_shop([70, 600, 600, 4_000], seed=5, spread=0.5)
    fill(connection, rows, members)
    build_histories(connection, until_day=SEEN, segment_by=["grp"])
    separate = fit_segments(connection, parameters="separate")
    partial = fit_segments(connection, parameters="partial")

    def table(fitted, segment):
        parameters = fitted.parameters
        return parameters[(parameters["segment"] == segment) & (parameters["model"] == "BG/NBD")]

    def moved(segment):
        ratio = table(partial, segment)["estimate"].to_numpy() / table(separate, segment)["estimate"].to_numpy()
        return np.abs(np.log(ratio)).max()

    def doubt(fitted, segment):
        return (table(fitted, segment)["std_error"] / table(fitted, segment)["estimate"]).max()

    assert moved("s03") < 0.1
    assert moved("s00") > 2 * moved("s03")
    assert doubt(partial, "s00") < doubt(separate, "s00")


def test_what_segments_lean_on_is_as_uncertain_in_their_total_as_in_one_fit_to_all(connection, fill, tmp_path):
    # Ten segments that are nearly alike hold together what one fit to all customers holds: the totals are as unsure.
    # Were the parameters of the segments drawn apart, their errors would average out: a quarter less.
    rows, members, _ = segmented_shop([220] * 10, seed=1, spread=0.05)
    fill(connection, rows, members)
    build_histories(connection, until_day=SEEN, segment_by=["grp"])
    width = {}
    for parameters in ("pooled", "partial"):
        fitted = fit_segments(connection, parameters=parameters)
        predicted = predict_segments(
            connection, fitted, edges=np.array([0.0, 365.0]), delta=0.0, of="orders", draws=2_000, seed=1
        )
        total = predicted.draws.sum(axis=1)
        width[parameters] = total.std() / total.mean()
    assert width["partial"] == pytest.approx(width["pooled"], rel=0.1)
    made = forecast(connection, as_of_day=SEEN, segment_by=["grp"], segment_parameters="partial", draws=200)
    save_models(made, tmp_path / "models.json")
    again = score(connection, load_models(tmp_path / "models.json"), as_of_day=SEEN, segment_by=["grp"], draws=200)
    pd.testing.assert_frame_equal(again.segment_forecast, made.segment_forecast)


def test_a_segment_nobody_came_back_in_leans_wholly_on_the_others(connection, fill):
    rows, members, _ = segmented_shop([300, 300], seed=2, spread=0.1)
    rows += [(10_000 + c, c, 10_000) for c in range(20)]
    members = pd.concat([members, pd.DataFrame({"customer_id": range(10_000, 10_020), "grp": "none"})])
    fill(connection, rows, members)
    build_histories(connection, until_day=SEEN, segment_by=["grp"])
    separate = fit_segments(connection, parameters="separate")
    assert separate.patterns.segments == ("none", "s00", "s01")
    assert separate.of_segment[0] == 0
    assert (separate.of_segment[1:] > 0).all()
    assert "Segment 'none' takes the parameters of all customers" in separate.notes[0]
    assert separate.replaced == 1 + sum("worth the observed mean" in note for note in separate.notes) == 3
    partial = fit_segments(connection, parameters="partial")
    assert (partial.of_segment > 0).all()
    assert 0 < forecast_totals(connection, "partial")[0] <= forecast_totals(connection, "pooled")[0]


def test_without_segments_every_way_is_the_pooled_one(connection, fill, shop):
    fill(connection, shop(300, seed=1))
    build_histories(connection)
    tables = [fit_segments(connection, parameters=way).parameters for way in ("pooled", "separate", "partial")]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])
    assert tables[0]["parameter"].tolist() == ["r", "alpha", "a", "b", "mean"]  # all spend alike


def test_where_nobody_is_seen_to_leave_a_weak_prior_is_stated(connection, fill):
    rng = np.random.default_rng(3)
    rows = []
    for customer in range(200):
        day, gap = float(rng.uniform(0, 100)), 1 / rng.gamma(2.0, 1 / 30)
        while day <= 400:
            rows.append((customer, int(day), 10_000))
            day += rng.exponential(gap)
    fill(connection, rows)
    build_histories(connection, until_day=400)
    fitted = fit_segments(connection)
    assert "did not converge" in fitted.notes[0]
    assert "Here a weak prior was stated: log-normal with medians r 0.5" in fitted.notes[0]
    assert "log-normal with medians" in fitted.convergence.loc[0, "message"]
    assert np.isfinite(fitted.parameters["std_error"]).all()
    assert fitted.models[0].orders.p_alive(np.array([5.0]), np.array([40.0]), np.array([45.0]))[0] > 0.95


def test_another_way_is_refused(connection, fill, shop):
    fill(connection, shop(50, seed=1))
    build_histories(connection)
    with pytest.raises(ConfigurationError, match="'pooled', 'separate' or 'partial'"):
        fit_segments(connection, parameters="mixed")


@pytest.mark.parametrize("parameters", ["separate", "partial"])
def test_a_segment_younger_than_a_week_takes_the_parameters_of_all(connection, fill, parameters):
    # Two days are less than the models' unit of a week, which is no reason to leave the others without parameters.
    rows, members, _ = segmented_shop([300, 300], seed=3, spread=0.0)
    rows += [(10_000 + i, SEEN - 2, 100_000) for i in range(3)]
    young = pd.DataFrame([(10_000 + i, "young") for i in range(3)], columns=["customer_id", "grp"])
    fill(connection, rows, pd.concat([members, young], ignore_index=True))
    build_histories(connection, until_day=SEEN, segment_by=["grp"])
    fitted = fit_segments(connection, parameters=parameters)
    assert fitted.of_segment[fitted.patterns.segments.index("young")] == 0
    assert any("young" in note and "takes the parameters of all customers" in note for note in fitted.notes)
