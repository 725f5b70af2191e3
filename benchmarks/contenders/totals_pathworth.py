"""Draws of the discounted value of all customers in twelve months: alone, or with histories, fits and all tables."""

import sys
import time

from clv.calendar import DAYS_PER_WEEK, calendar_months, continuous_rate
from clv.forecasting import forecast
from clv.histories import build_histories
from clv.prediction import predict_segments
from clv.segments import fit_segments
from customer_data.engine import Engine

file, draws, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
connection = Engine().connect()
connection.execute(f"CREATE TABLE orders AS FROM '{file}'")
if what == "draws":
    until = build_histories(connection).until_day
    fitted = fit_segments(connection)
    edges = calendar_months(until, 12).edges
    delta = continuous_rate(0.10) * DAYS_PER_WEEK
    start = time.perf_counter()
    drawn = predict_segments(connection, fitted, edges=edges, delta=delta, of="value", draws=draws, seed=1).draws
    seconds = time.perf_counter() - start
else:
    start = time.perf_counter()
    drawn = forecast(connection, draws=draws, horizon_months=12, annual_rate=0.10, seed=1).value_draws
    seconds = time.perf_counter() - start
total = drawn[:, -1] / 1e6
print(f"{len(drawn):,} draws of the total, in millions: mean {total.mean():.3f}, standard deviation {total.std():.3f}")
print(seconds)
