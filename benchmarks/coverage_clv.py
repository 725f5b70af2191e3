"""Do the 90 % intervals of parameters and of the 12-month forecast hold? Customers simulated again and again.

The law is like one segment of the synthetic shop: BG/NBD for orders, Gamma-Gamma for their values. An interval of a
parameter should hold the parameter, the interval of the forecast the revenue that then came.

Six segments are studied twice: at the pace of the synthetic shop, and with all times stretched, so that a day is finer
against the time between orders. The law is the same, but fewer orders fall on the day of another, which makes them one.
They are studied a third time with so few customers that these are simulated one by one (see `clv.small_segments`).

What came is one year of many that might have come after the same past. The simulator knows the law, so each forecast
is held against a hundred such years too: the share of them that its interval holds varies far less from one data set to
the next than whether it holds the one, and tells coverage four times as exactly.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from years_to_come import YEARS, Floats, years_to_come

import clv
from clv.calendar import add_months, day_date, day_number
from clv.histories import ALL
from clv.prediction import central_interval, names_with_total, predict_segments, with_total
from clv.segments import SegmentParameters, fit_segments
from customer_data.engine import Engine
from customer_data.synthetic_orders import SEGMENTS, Orders, Segment, simulate_orders

Integers = NDArray[np.int64]

CONFIDENCE = 0.90
FIRST_DAY = 19_723  # 2024-01-01
STRETCH = 4  # of the slow shop
LAW = replace(SEGMENTS[1], alpha=220.0)  # slow enough that few orders fall on one day, which makes them one
PACES = {1: "at the pace of the synthetic shop", STRETCH: f"{STRETCH} times as slow"}
WAYS: dict[SegmentParameters, str] = {"separate": "fitted separately", "partial": "sharing strength"}
FLAT_LIKELIHOOD = """\
Where a and b can hardly be told apart, as in this one slow segment, the likelihood falls fast where they are small and
hardly at all where they are large. Their intervals are those of the profile likelihood, and may have no upper end. That
of the expected revenue, by the delta method in its logarithm, is as wide as that of its own profile likelihood: 0.985
to 1.004 times in 15 of these data sets and in 18 segments of a thousand customers, its centre higher by 0.04 of its
half width on average. The interval of the revenue is 3 % wider than its errors are spread."""
SEGMENTS_TEXT = f"""\
What came after a past is one year of many that might have come, and whether an interval holds that one is mostly luck:
of 100 data sets a share near 90% has a standard error of 3 points, of 400 one of 1.5. So {YEARS} years are drawn for
each past under the true law (`benchmarks/years_to_come.py`), and *holds* is the share of them that the interval holds,
with its standard error over data sets in points; *below* and *above* are those that fell out. *Held what came* is the
share of the one year that the simulator went on with. Mean error and spread are those of the forecast against the mean
of these years.

To the models a customer's orders of one day are one, a day of purchase, and what they forecast are such days (see
`clv/purchase_days.py`). At the pace of the synthetic shop about 1 % of orders fall on the day of another, and models in
continuous time (`order_time = "continuous"`) forecast that much too high: fitted separately to 400 data sets, by 1.0 %.
With all times {STRETCH} times as long the law is the same, but few orders fall on one day. What is left of the mean
error is the bias of fits to a thousand customers each, and, where segments share strength, of leaning on one another:
forecasts of the segments that buy least are somewhat high."""
SMALL_TEXT = """\
Segments of up to 200 customers are simulated one by one (`clv/small_segments.py`), under draws of the parameters from
the normal approximation of their logarithms. Draws from the exact likelihood (4,000 from a t distribution about its
maximum, drawn again by importance) hold no more often: in 60 shops of 150 customers, each fitted alone, 86 % of years
against 88 % (standard error 1.6), by intervals as wide in the logarithm; under a weak prior 86 %, too."""
REVENUE = "revenue of the next 12 months"
SMALL = 900  # customers in six segments
ONE = 3  # times as many data sets of one segment: a fit takes a tenth of the time of all six


@dataclass(frozen=True)
class Times:
    """When customers are won, seen and forecast: a year, a year and a half, a year, all stretched alike."""

    stretch: int = 1

    @property
    def acquired_days(self) -> int:
        return 365 * self.stretch

    @property
    def seen_days(self) -> int:
        return 547 * self.stretch

    @property
    def as_of_day(self) -> int:
        return FIRST_DAY + self.seen_days - 1

    @property
    def ahead_days(self) -> int:
        return day_number(add_months(day_date(self.as_of_day), 12 * self.stretch)) - self.as_of_day

    def slowed(self, law: Segment) -> Segment:
        """The law at this pace."""
        return replace(law, alpha=law.alpha * self.stretch)

    @property
    def asked(self) -> dict[str, Any]:
        """The arguments of the forecast."""
        return {
            "as_of_day": self.as_of_day,
            "horizon_months": 12 * self.stretch,
            "annual_rate": 0.0,
            "confidence": CONFIDENCE,
            "draws": 1_000,
        }


def order_table(connection: duckdb.DuckDBPyConnection, orders: Orders, times: Times) -> None:
    """The table ``orders`` with what was seen."""
    seen = orders.day < times.seen_days
    columns = {"customer_id": orders.buyer[seen], "day": np.floor(orders.day[seen]), "cents": orders.cents[seen]}
    connection.register("seen_orders", columns)
    connection.execute(
        f"""CREATE OR REPLACE TABLE orders AS SELECT row_number() OVER ()::VARCHAR AS order_id, customer_id,
        (day::BIGINT + {FIRST_DAY}) * 86400000000 AS time_us, (day::INTEGER + {FIRST_DAY}) AS day, cents * 100 AS value
        FROM seen_orders"""
    )


def truth_of(law: Segment) -> dict[str, float]:
    """Parameters by name, times in weeks."""
    return {"r": law.r, "alpha": law.alpha / 7, "a": law.a, "b": law.b, "p": law.p, "q": law.q, "v": law.v}


def study(*, customers: int, runs: range, seed: int = 1) -> pd.DataFrame:
    """One segment: whether the intervals of parameters and of the revenue held, and how far estimates were off."""
    truth, times = truth_of(LAW), Times()
    rows = []
    with Engine().connect() as connection:
        for run in runs:
            generator = np.random.default_rng([seed, customers, run])
            orders = drawn(customers, np.zeros(customers, dtype=np.int64), (LAW,), generator, times)
            order_table(connection, orders, times)
            made = clv.forecast(connection, **times.asked, seed=run)
            rows += [
                judged(row.parameter, truth[row.parameter], row.estimate, row.low, row.high)
                for row in made.parameters.itertuples(index=False)
            ]
            total = made.segment_forecast.iloc[-1]
            came = orders.cents[orders.day >= times.seen_days].sum() / 100
            rows.append(judged(REVENUE, came, total["clv"], total["low"], total["high"]))
    return pd.DataFrame(rows)


def study_segments(
    *, customers: int, runs: range, parameters: Iterable[SegmentParameters], seed: int = 2, stretch: int = 1
) -> dict[SegmentParameters, pd.DataFrame]:
    """All segments of the synthetic shop at once: whether the intervals of revenue held, per way of fitting them."""
    times = Times(stretch)
    laws = {law.name: times.slowed(law) for law in SEGMENTS}
    rows: dict[SegmentParameters, list[dict[str, object]]] = {way: [] for way in parameters}
    names = list(laws)
    with Engine().connect() as connection:
        for run in runs:
            generator = np.random.default_rng([seed, customers, run])
            segment = generator.integers(0, len(laws), customers)
            orders = drawn(customers, segment, tuple(laws.values()), generator, times)
            order_table(connection, orders, times)
            connection.register("people", {"customer_id": np.arange(customers), "name": np.array(names)[segment]})
            connection.execute(
                "CREATE OR REPLACE TABLE customers AS SELECT customer_id, name AS segment_name FROM people"
            )
            came = np.bincount(segment[orders.buyer], orders.cents * (orders.day >= times.seen_days)) / 100
            clv.build_histories(connection, until_day=times.as_of_day, segment_by=["segment_name"])
            years = years_to_come(connection, laws, days=times.ahead_days, generator=np.random.default_rng([seed, run]))
            amounts = dict(zip(names, came.tolist(), strict=True))
            for way, judgements in rows.items():
                for name, interval in revenue_intervals(connection, way, times, seed=run).items():
                    mine = names if name == ALL else [name]
                    total = np.sum([years[part] for part in mine], axis=0)
                    judgements.append(judged_years(name, sum(amounts[part] for part in mine), total, *interval))
    return {way: pd.DataFrame(judgements) for way, judgements in rows.items()}


def revenue_intervals(
    connection: duckdb.DuckDBPyConnection, way: SegmentParameters, times: Times, *, seed: int
) -> dict[str, tuple[float, float, float]]:
    """Forecast revenue of the year to come and its interval, by segment and of all.

    They are those of `clv.forecast`, without the intervals of parameters, which take as long as the rest.
    """
    fitted = fit_segments(connection, parameters=way)
    edges, draws = np.array([0.0, times.ahead_days]), times.asked["draws"]
    predicted = predict_segments(connection, fitted, edges=edges, delta=0.0, of="value", draws=draws, seed=seed)
    names = fitted.patterns.segments
    forecast = with_total(names, predicted.discounted.sum(axis=0))
    low, high = central_interval(with_total(names, predicted.draws), CONFIDENCE)
    found = zip(forecast.tolist(), low.tolist(), high.tolist(), strict=True)
    return dict(zip(names_with_total(names), found, strict=True))


def judged_years(of: str, came: float, years: Floats, estimate: float, low: float, high: float) -> dict[str, object]:
    """One interval of revenue against what came, and against the years that might have come, as a row."""
    below, above = float((years < low).mean()), float((years > high).mean())
    return {
        "of": of,
        "held": low <= came <= high,
        "holds": 1 - below - above,
        "below": below,
        "above": above,
        "error": estimate / float(years.mean()) - 1,
    }


def judged(of: str, truth: float, estimate: float, low: float, high: float) -> dict[str, object]:
    """One interval against the truth, as a row: of, held, error."""
    return {"of": of, "held": low <= truth <= high, "error": estimate / truth - 1}


def drawn(
    customers: int, segment: Integers, laws: tuple[Segment, ...], generator: np.random.Generator, times: Times
) -> Orders:
    """Orders of customers acquired in the first year, on past the end of what is seen."""
    first = generator.uniform(0, times.acquired_days, customers)
    end = float(times.seen_days + times.ahead_days)
    return simulate_orders(first, segment, end=end, generator=generator, segments=laws)


def summary(judgements: pd.DataFrame) -> pd.DataFrame:
    """Of, share held, mean error, spread of the error; in the order of first appearance."""
    grouped = judgements.groupby("of", sort=False)
    found = grouped.agg(held=("held", "mean"), error=("error", "mean"))
    return found.assign(spread=grouped["error"].std(ddof=0)).reset_index()


def markdown(judgements: pd.DataFrame) -> list[str]:
    """The lines of the table, in per cent."""
    lines = ["| interval of | held the truth | mean error | spread |", "|---|---:|---:|---:|"]
    table = summary(judgements).to_numpy()
    return lines + [f"| {of} | {held:.1%} | {off:+.1%} | {spread:.1%} |" for of, held, off, spread in table]


def markdown_of_years(judgements: pd.DataFrame) -> list[str]:
    """The lines of the table of `study_segments`, in per cent."""
    lines = [
        "| interval of | holds | standard error | below | above | held what came | mean error | spread |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for of, rows in judgements.groupby("of", sort=False):
        shares = {name: f"{rows[name].mean():.1%}" for name in ("holds", "below", "above", "held")}
        shares["error"], shares["spread"] = f"{rows['error'].mean():+.1%}", f"{rows['error'].std(ddof=0):.1%}"
        unsure = 100 * float(rows["holds"].std()) / np.sqrt(len(rows))
        lines.append(f"| {of} | {shares.pop('holds')} | {unsure:.1f} | {' | '.join(shares.values())} |")
    return lines


def main(runs: int = 400, sizes: Sequence[int] = (3_000,), small_runs: int = 100) -> str:
    """Return the tables as Markdown."""
    parts = [
        "## Intervals of customer value",
        "",
        "Customers acquired over a year, seen for a year and a half; nominal coverage "
        f"{CONFIDENCE:.0%}. The last row is the revenue",
        "that really came, not its expectation.",
        "",
    ]
    for customers in sizes:
        parts += [f"{customers:,} customers of one segment, {ONE * runs:,} data sets:", ""]
        parts += [*markdown(study(customers=customers, runs=range(ONE * runs))), ""]
    parts += [FLAT_LIKELIHOOD, "", SEGMENTS_TEXT, ""]
    for stretch, pace in PACES.items():
        found = study_segments(customers=6_000, runs=range(runs), parameters=WAYS, stretch=stretch)
        parts += segment_tables(found, customers=6_000, pace=pace)
    found = study_segments(customers=SMALL, runs=range(small_runs), parameters=WAYS)
    return "\n".join([*parts, SMALL_TEXT, "", *segment_tables(found, customers=SMALL, pace=PACES[1])])


def segment_tables(found: dict[SegmentParameters, pd.DataFrame], *, customers: int, pace: str) -> list[str]:
    """The tables of `study_segments`, each under a line that says what it is of."""
    parts = []
    for way, table in found.items():
        sets = int((table["of"] == ALL).sum())
        parts += [
            f"{customers:,} customers in six segments that differ, {pace}, {WAYS[way]}, {sets:,} data sets:",
            "",
            *markdown_of_years(table),
            "",
        ]
    return parts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--sizes", type=int, nargs="+", default=[3_000])
    parser.add_argument("--small-runs", type=int, default=100)
    print(main(**vars(parser.parse_args())))
