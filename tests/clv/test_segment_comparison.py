"""The three ways to fit segments beside each other: each is what a forecast of that way finds."""

import numpy as np
import pandas as pd
import pytest

from clv.forecasting import forecast
from clv.scoring import load_models, save_models, score
from clv.segment_comparison import MOST_SEGMENTS, WAYS, compare_ways


@pytest.fixture(scope="module")
def groups() -> pd.DataFrame:
    """Two large segments, a small one, and one of three customers, who cannot be fitted alone."""
    names = np.array(["large"] * 400 + ["other"] * 300 + ["small"] * 60 + ["three"] * 3)
    return pd.DataFrame({"customer_id": range(len(names)), "grp": names})


def test_each_way_is_what_its_own_forecast_finds(connection, fill, shop, groups):
    fill(connection, shop(763, seed=6), groups)
    made = {
        way: forecast(connection, segment_by=["grp"], segment_parameters=way, margin=0.3, draws=100, seed=1)
        for way in ("pooled", "separate", "partial")
    }
    found = [compare_ways(connection, made[way]) for way in WAYS]
    for other in found[1:]:
        pd.testing.assert_frame_equal(other.parameters, found[0].parameters)
        pd.testing.assert_frame_equal(other.forecasts, found[0].forecasts, rtol=1e-9)
    forecasts = found[0].forecasts
    assert forecasts["segment"].tolist() == ["large", "other", "small", "three", "all"]
    for way in WAYS:
        assert forecasts[way].tolist() == pytest.approx(made[way].segment_forecast["clv"].tolist(), rel=1e-9)
    parameters = found[0].parameters.set_index(["segment", "model", "parameter"])
    for way in ("separate", "partial"):
        own = made[way].parameters.set_index(["segment", "model", "parameter"])
        both = own.index.intersection(parameters.index)
        assert len(both) >= 12
        assert parameters.loc[both, way].tolist() == pytest.approx(own.loc[both, "estimate"].tolist())
        assert parameters.loc[both, f"{way}_std_error"].tolist() == pytest.approx(own.loc[both, "std_error"].tolist())
    of_all = made["pooled"].parameters.set_index(["model", "parameter"])["estimate"]
    of_three = parameters.loc["three"]
    assert of_three["pooled"].to_dict() == pytest.approx(of_all.loc[of_three.index].to_dict())
    assert of_three["separate"].isna().all()
    assert of_three.loc["BG/NBD", "partial"].notna().all()
    # Who cannot be fitted alone is forecast with the fit for all.
    assert forecasts["separate"].iloc[3] == pytest.approx(forecasts["pooled"].iloc[3])


def test_nothing_is_compared_without_segments_with_too_many_or_of_models_from_a_file(connection, fill, shop, tmp_path):
    rows = shop(300, seed=6)
    fill(connection, rows, pd.DataFrame({"customer_id": range(300), "grp": [f"g{c % 50}" for c in range(300)]}))
    assert compare_ways(connection, forecast(connection, draws=100)) is None
    many = forecast(connection, segment_by=["grp"], draws=100)
    assert len(many.models.patterns.segments) > MOST_SEGMENTS
    assert compare_ways(connection, many) is None
    connection.execute("UPDATE customers SET grp = 'g' || customer_id % 2")
    save_models(forecast(connection, segment_by=["grp"], draws=100), tmp_path / "models.json")
    again = score(connection, load_models(tmp_path / "models.json"), segment_by=["grp"], draws=100)
    assert compare_ways(connection, again) is None
