"""Is the word "calibrated" right? Shops that follow the model and shops that do not, forecast as their past asks.

Each shop is seen for three years. Rolling origins judge its intervals and change them, then the next three months are
forecast, and a hundred such quarters that might come are held against the interval. In all worlds a customer has a rate
of orders and a chance to leave after each, as in BG/NBD, and values from Gamma-Gamma; the worlds differ in how the
rates move with the calendar, or with the day on which a customer was won, of which the model knows nothing.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
from coverage_clv import CONFIDENCE, FIRST_DAY
from numpy.typing import NDArray

import clv
from clv.calendar import add_months, day_date, day_number
from clv.rolling_origins import calibrate, rolling_origins
from customer_data.engine import Engine
from customer_data.synthetic_orders import SEGMENTS

Floats = NDArray[np.float64]

QUARTERS = 100  # that might come
LAW = SEGMENTS[1]
CUSTOMERS = 1_000


@dataclass(frozen=True)
class Past:
    """How many days a shop is seen, and how many months it is forecast after them."""

    seen: int
    months: int

    @property
    def last_day(self) -> int:
        """The as-of day."""
        return FIRST_DAY + self.seen - 1

    @property
    def years(self) -> Floats:
        """The days seen and ahead, in years since the first."""
        ahead = day_number(add_months(day_date(self.last_day), self.months)) - self.last_day
        return np.arange(self.seen + ahead) / 365


THREE_YEARS = Past(1_095, 3)
TEXT = f"""\
Shops of {CUSTOMERS:,} customers are seen for three years. Rolling origins judge and change the interval of the next
{THREE_YEARS.months} months (nominal {CONFIDENCE:.0%}), and {QUARTERS} quarters that might come are held against it.
*Plain* is the interval of the model alone, *as changed* what rolling origins make of it; the word is right where *those
hold* is near
{CONFIDENCE:.0%} or above. No past tells a change that begins with the forecast: there the word is wrong where it is
given."""


@dataclass(frozen=True)
class World:
    """How the rates of a shop move.

    Attributes
    ----------
    pace : callable
        From a generator and a past to what all rates are multiplied with on each day seen or ahead, shape (days,).
    quality : callable
        From the day on which customers were won, in years, to what their rates are multiplied with.
    """

    pace: Callable[[np.random.Generator, Past], Floats]
    quality: Callable[[Floats], Floats] = np.ones_like


def seasons(generator: np.random.Generator, past: Past) -> Floats:
    """Half as much again at the height of the season as on average, half as little at its bottom."""
    return 1 + 0.5 * np.cos(2 * np.pi * (past.years - generator.random()))


def shocks(generator: np.random.Generator, past: Past) -> Floats:
    """Each month its own pace, a quarter up or down, of which half stays for the next month."""
    days = len(past.years)
    months = np.zeros(days // 30 + 1)
    for month in range(1, len(months)):
        months[month] = 0.5 * months[month - 1] + 0.25 * np.sqrt(0.75) * generator.standard_normal()
    return np.exp(np.repeat(months, 30)[:days])


def change(first: float, last: float) -> Callable[[np.random.Generator, Past], Floats]:
    """From some day between these parts of the past on, customers order two fifths less."""

    def pace(generator: np.random.Generator, past: Past) -> Floats:
        day = generator.uniform(first, last) * past.seen / 365
        return np.where(day <= past.years, 0.6, 1.0)

    return pace


def steady(generator: np.random.Generator, past: Past) -> Floats:
    """No movement."""
    return np.ones_like(past.years)


WORLDS = {
    "rates stay, as the model has it": World(steady),
    "seasons, half up and half down": World(seasons),
    "each month a quarter up or down": World(shocks),
    "all rates fall by 30 % a year": World(lambda generator, past: 0.7**past.years),
    "customers won a year later order 30 % less": World(steady, lambda won: 0.7**won),
    "two fifths less since the middle of the past": World(change(0.35, 0.65)),
    "two fifths less since the last half-year": World(change(0.84, 0.97)),
    "two fifths less from the day of the forecast on": World(change(1.0, 1.0)),
}


def shop(
    connection: duckdb.DuckDBPyConnection,
    world: World,
    customers: int,
    generator: np.random.Generator,
    past: Past = THREE_YEARS,
) -> Floats:
    """Put what a shop has sold into the table ``orders``; return its revenue in the times ahead that might come."""
    operational = np.concatenate([[0.0], np.cumsum(world.pace(generator, past))])
    days = np.arange(len(operational), dtype=np.float64)
    first = generator.uniform(0, past.seen, customers)
    rate = generator.gamma(LAW.r, 1 / LAW.alpha, customers) * world.quality(first / 365)
    leaving = generator.beta(LAW.a, LAW.b, customers)
    start, now, end = np.interp(first, days, operational), operational[past.seen], operational[-1]
    repeats = generator.poisson(rate * (now - start))
    lifetime = generator.geometric(np.maximum(leaving, 1e-12))
    buyer = np.repeat(np.arange(customers), repeats)
    time = start[buyer] + (now - start[buyer]) * generator.random(len(buyer))
    order = np.lexsort((time, buyer))
    buyer, time = buyer[order], time[order]
    bought = np.arange(len(buyer)) - np.searchsorted(buyer, buyer) < lifetime[buyer]
    buyers = np.concatenate([np.arange(customers), buyer[bought]])
    day = np.concatenate([first, np.interp(time[bought], operational, days)])
    nu = generator.gamma(LAW.q, 1 / LAW.v, customers)
    connection.register(
        "sold", {"customer_id": buyers, "day": np.floor(day), "value": generator.gamma(LAW.p, 1 / nu[buyers])}
    )
    connection.execute(
        f"""CREATE OR REPLACE TABLE orders AS SELECT customer_id, day::INTEGER + {FIRST_DAY} AS day,
        greatest(round(value * 10000), 1)::BIGINT AS value FROM sold"""
    )
    alive = np.flatnonzero(repeats < lifetime)
    shape = (QUARTERS, len(alive))
    wished = generator.poisson(rate[alive] * (end - now), shape)
    ahead = np.minimum(wished, generator.geometric(np.maximum(leaving[alive], 1e-12), shape))
    return np.asarray((generator.gamma(LAW.p * np.maximum(ahead, 1e-9)) * (ahead > 0) / nu[alive]).sum(axis=1))


def judge(world: World, *, shops: range, customers: int = CUSTOMERS, seed: int = 3) -> pd.DataFrame:
    """By shop: the share of quarters held, plain and as changed, and whether the interval was called calibrated."""
    rows = []
    with Engine().connect() as connection:
        for number in shops:
            came = shop(connection, world, customers, np.random.default_rng([seed, number]))
            past = THREE_YEARS
            asked = {"horizon_months": past.months, "confidence": CONFIDENCE, "draws": 1_000, "seed": number}
            origins = rolling_origins(connection, end_day=past.last_day, **asked)
            plain = clv.forecast(connection, as_of_day=past.last_day, annual_rate=0.0, **asked)
            row: dict[str, object] = {}
            for name, made in (("plain", plain), ("changed", calibrate(connection, plain, origins))):
                total = made.segment_forecast.iloc[-1]
                row[name] = float(((total["low"] <= came) & (came <= total["high"])).mean())
                row["calibrated"] = bool(total["calibrated"])
            rows.append(row)
    return pd.DataFrame(rows)


def markdown(judgements: Mapping[str, pd.DataFrame]) -> list[str]:
    """The lines of the table, a world in each."""
    lines = [
        "| the shop | plain holds | as changed | called calibrated | those hold | the others hold |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, shops in judgements.items():
        called = shops["calibrated"]
        parts = [shops["plain"], shops["changed"], shops["changed"][called], shops["changed"][~called]]
        plain, changed, those, others = (f"{part.mean():.0%}" if len(part) else "" for part in parts)
        lines.append(f"| {name} | {plain} | {changed} | {called.sum()} of {len(called)} | {those} | {others} |")
    return lines


def main(shops: int = 20) -> str:
    """Return the section as Markdown."""
    found = {name: judge(world, shops=range(shops)) for name, world in WORLDS.items()}
    return "\n".join(
        ["## Calibrated: how often the word was given, and then was right", "", TEXT, "", *markdown(found), ""]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=20)
    print(main(**vars(parser.parse_args())))
