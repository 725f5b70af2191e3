"""Saved parameters applied to new data."""

import json

import numpy as np
import pandas as pd
import pytest

from clv.calendar import day_number
from clv.forecasting import forecast
from clv.margins import ProductMargins
from clv.scoring import load_models, save_models, score
from customer_data.errors import ConfigurationError, InputError

AS_OF = day_number("1997-09-30")


def test_scoring_the_same_data_gives_the_forecast_again_to_the_last_digit(cdnow_engine, tmp_path):
    cdnow_engine.execute(
        "CREATE TABLE customers AS SELECT customer_id, 'g' || hash(customer_id) % 2 AS grp FROM orders GROUP BY ALL"
    )
    made = forecast(cdnow_engine, as_of_day=AS_OF, segment_by=["grp"], segment_parameters="separate", draws=300)
    save_models(made, tmp_path / "models.json")
    again = score(cdnow_engine, load_models(tmp_path / "models.json"), as_of_day=AS_OF, segment_by=["grp"], draws=300)
    pd.testing.assert_frame_equal(again.segment_forecast, made.segment_forecast, check_exact=True)
    pd.testing.assert_frame_equal(again.monthly_flows, made.monthly_flows, check_exact=True)
    pd.testing.assert_frame_equal(again.parameters, made.parameters, check_exact=True)
    assert "applied without fitting again" in " ".join(again.notes)
    assert [path.name for path in tmp_path.iterdir()] == ["models.json"]


def test_later_data_are_scored_with_the_old_parameters(cdnow_engine, tmp_path):
    made = forecast(cdnow_engine, as_of_day=AS_OF, draws=200)
    save_models(made, tmp_path / "models.json")
    saved = load_models(tmp_path / "models.json")
    later = score(cdnow_engine, saved, as_of_day=AS_OF + 60, draws=200)
    fitted = forecast(cdnow_engine, as_of_day=AS_OF + 60, draws=200)
    pd.testing.assert_frame_equal(later.parameters, made.parameters)
    assert later.segment_forecast.loc[0, "clv"] != made.segment_forecast.loc[0, "clv"]
    # Sixty days more of data move the parameters by less than they are unsure of.
    anew = fitted.segment_forecast.loc[0]
    assert anew["low"] < later.segment_forecast.loc[0, "clv"] < anew["high"]
    assert later.warnings == ()
    with pytest.raises(ConfigurationError, match="know its own future"):
        score(cdnow_engine, saved, as_of_day=AS_OF - 1)


def test_scoring_keeps_the_terms_of_the_forecast_unless_others_are_given(connection, fill, shop, tmp_path):
    fill(connection, shop(300, seed=3), pd.DataFrame({"customer_id": range(300), "grp": ["a", "b"] * 150}))
    made = forecast(connection, horizon_months=3, margin=0.4, annual_rate=0.2, segment_by=["grp"], draws=200)
    save_models(made, tmp_path / "models.json")
    saved = load_models(tmp_path / "models.json")
    again = score(connection, saved, draws=200)
    pd.testing.assert_frame_equal(again.segment_forecast, made.segment_forecast, check_exact=True)
    assert again.terms == made.terms
    twice = score(connection, saved, margin=0.8, draws=200).segment_forecast
    assert twice["clv"].tolist() == pytest.approx((2 * made.segment_forecast["clv"]).tolist())
    content = json.loads((tmp_path / "models.json").read_text(encoding="utf-8"))
    assert content["terms"]["order_time"] == "days"
    for name in ("terms", "clv", "margins"):  # as files were written before
        del content[name]
    (tmp_path / "old.json").write_text(json.dumps(content), encoding="utf-8")
    old = score(connection, load_models(tmp_path / "old.json"), horizon_months=3, draws=200)
    assert old.warnings == (
        "The saved models do not tell the terms of their forecast; assumed are annual_rate = 0.1, margin = 1.0, "
        "confidence = 0.9, segment_by = ().",
    )
    assert old.segment_forecast["segment"].tolist() == ["all"]


def test_days_without_orders_before_the_as_of_day_are_warned_of(connection, fill, shop, tmp_path):
    fill(connection, shop(200, seed=3))
    made = forecast(connection, draws=100)
    assert made.warnings == ()
    save_models(made, tmp_path / "models.json")
    saved, last = load_models(tmp_path / "models.json"), made.histories.until_day
    for later in (score(connection, saved, as_of_day=last + 40), forecast(connection, as_of_day=last + 40)):
        (said,) = later.warnings
        assert said in later.notes
        assert "40 days before the as-of day" in said
        assert "If orders are missing" in said
    assert score(connection, saved, as_of_day=last + 7).warnings == ()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"as_of_day": "2024-12-30"}, r"as_of_day is '2024-12-30'; .*day_number"),
        ({"horizon_months": None}, "horizon_months is None; it must be a whole number"),
        ({"horizon_months": 2.5}, "horizon_months is 2.5; it must be a whole number"),
        ({"horizon_months": float("inf")}, r"clv\.infinite_horizon"),
        ({"annual_rate": None}, "annual_rate is None"),
        ({"confidence": "90 %"}, "confidence is 90 %"),
    ],
)
def test_terms_that_are_none_are_refused(connection, option, said):
    with pytest.raises(ConfigurationError, match=said):
        forecast(connection, **option)


def test_margins_by_product_are_saved(connection, fill, shop, tmp_path):
    fill(connection, shop(100, seed=3))
    connection.execute("ALTER TABLE orders ADD COLUMN product VARCHAR DEFAULT 'hat'")
    made = forecast(connection, margin=ProductMargins({"hat": 0.2}), draws=100)
    save_models(made, tmp_path / "models.json")
    again = score(connection, load_models(tmp_path / "models.json"), draws=100)
    pd.testing.assert_frame_equal(again.segment_forecast, made.segment_forecast, check_exact=True)


def test_an_interval_without_an_end_is_null_in_the_file_and_has_none_again(connection, fill, shop, tmp_path):
    fill(connection, shop(30, seed=1))
    made = forecast(connection, draws=100)
    assert list(made.parameters["high"] == np.inf)[:4] == [False, False, True, True]  # a and b of 30 customers
    save_models(made, tmp_path / "models.json")
    assert "Infinity" not in (tmp_path / "models.json").read_text(encoding="utf-8")
    pd.testing.assert_frame_equal(load_models(tmp_path / "models.json").parameters, made.parameters, check_exact=True)


def test_a_segment_without_saved_parameters_takes_those_of_all(connection, fill, shop, tmp_path):
    fill(connection, shop(300, seed=3), pd.DataFrame({"customer_id": range(300), "grp": ["a", "b"] * 150}))
    made = forecast(connection, segment_by=["grp"], draws=200)
    save_models(made, tmp_path / "models.json")
    connection.execute("UPDATE customers SET grp = 'c' WHERE customer_id < 20")
    again = score(connection, load_models(tmp_path / "models.json"), segment_by=["grp"], draws=200)
    assert again.segment_forecast["segment"].tolist() == ["a", "b", "c", "all"]
    assert "Segments without saved parameters take those of all customers: c." in again.notes


def test_files_that_are_no_models_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_models(tmp_path / "absent.json")
    broken = tmp_path / "broken.json"
    for text in ("{", "[]", "{}", json.dumps({"format": "something else"})):
        broken.write_text(text)
        with pytest.raises(InputError, match=r"no saved models|its format is"):
            load_models(broken)
