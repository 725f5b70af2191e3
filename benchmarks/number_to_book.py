"""Which number to book: as the models have it, or moved by the bias of past forecasts? Both held against what came.

The shops of `coverage_origins`, forecast for three months after three years, where past forecasts of that length are
many, and for a year after a year, where only forecasts of three months can be tested.
"""

import argparse
from collections.abc import Iterable

import numpy as np
import pandas as pd
from coverage_clv import CONFIDENCE
from coverage_origins import CUSTOMERS, THREE_YEARS, WORLDS, Past, World, shop

import clv
from clv.rolling_origins import rolling_origins
from customer_data.engine import Engine

A_YEAR = Past(374, 12)
TESTED_MONTHS = 3
TEXT = f"""\
How far the forecast revenue of known customers was from each of 100 futures that might come, on average over shops of
{CUSTOMERS:,} customers, and its bias in brackets: as the models have it, and moved by the bias of the total of past
forecasts of {TESTED_MONTHS} months where that is larger than chance explains."""

CONCLUSION = """\
So a bias of forecasts of the same length moves what is booked: where there is a lasting one it comes nearer, else
hardly anything changes. That of shorter forecasts does not, as it may be their season: it is told, and widens the
interval. How real shops fared stands in [real_data.md](real_data.md)."""


def judge(world: World, past: Past, *, shops: range, seed: int = 3) -> pd.DataFrame:
    """By shop: error and bias of the model's forecast, and of that moved by the bias of past forecasts."""
    rows = []
    with Engine().connect() as connection:
        for number in shops:
            came = shop(connection, world, CUSTOMERS, np.random.default_rng([seed, number]), past)
            asked = {"confidence": CONFIDENCE, "draws": 300, "seed": number}
            origins = rolling_origins(connection, end_day=past.last_day, horizon_months=TESTED_MONTHS, **asked)
            made = clv.forecast(
                connection, as_of_day=past.last_day, annual_rate=0.0, horizon_months=past.months, **asked
            )
            total = float(made.segment_forecast["clv"].iloc[-1])
            shift = origins.adjustments(TESTED_MONTHS)["all"].shift
            row = {}
            for name, value in (("model", total), ("by_bias", total * np.exp(shift))):
                row[f"{name}_error"] = float(np.mean(np.abs(value / came - 1)))
                row[f"{name}_bias"] = float(np.mean(value / came - 1))
            rows.append(row)
    return pd.DataFrame(rows)


def lines(past: Past, names: Iterable[str], shops: int) -> list[str]:
    """The table of one past, a world in each line."""
    found = ["| the shop | as the models have it | moved by the bias |", "|---|---:|---:|"]
    for name in names:
        mean = judge(WORLDS[name], past, shops=range(shops)).mean()
        cells = [f"{mean[f'{way}_error']:.1%} ({mean[f'{way}_bias']:+.1%})" for way in ("model", "by_bias")]
        found.append(f"| {name} | {cells[0]} | {cells[1]} |")
    return found


def main(shops: int = 12) -> str:
    """Return the section as Markdown."""
    names = list(WORLDS)
    parts = ["## The number to book: as the model has it, or moved by its bias", "", TEXT, ""]
    parts += ["Three months, after three years:", "", *lines(THREE_YEARS, names[:-1], shops), ""]
    parts += [f"A year, after a year, tested on {TESTED_MONTHS} months:", "", *lines(A_YEAR, names[:4], shops), ""]
    parts += [CONCLUSION, ""]
    return "\n".join(parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=12)
    print(main(**vars(parser.parse_args())))
