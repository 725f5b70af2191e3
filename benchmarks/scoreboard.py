"""Every model's credit held against what the channels of a simulated shop really cause, in five worlds.

The truth of a channel are the first orders that would not have happened without it (all other draws being the same);
models see touches and orders only. Credit adds up to all orders and what channels cause does not, so shares are
compared: a model's error is the part of all credit that stands with the wrong channel.
"""

import argparse
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

import attribution
from attribution.calibration import calibrate
from attribution.credit import MODELS
from attribution.paths import Paths
from attribution.shapley import shapley
from customer_data.engine import Engine
from customer_data.synthetic_journeys import SHOP, Channel, Market
from customer_data.synthetic_shop import Shop, clock_seconds, simulate_shop

Floats = NDArray[np.float64]
LEFT_OUT = ("custom", "shapley")  # weights of the user's; the ratio game, which has a row of its own
TESTED, TEST_ERROR = 4, 0.1
CALIBRATED = f"markov, {TESTED} channels tested"

IMPULSE = Market(
    channels=tuple(
        Channel(name, reach=reach, lift=lift, carry_over_days=0.02)
        for name, reach, lift in (
            ("Affiliates", 0.3, 0.02),
            ("Display", 0.7, 0.01),
            ("Email", 0.5, 0.05),
            ("Paid Search", 0.5, 0.12),
            ("Paid Social", 0.7, 0.03),
            ("Paid Video", 0.4, 0.02),
        )
    ),
    demand_mean=1e-6,
)
RELAY = Market(
    channels=(
        Channel("Affiliates", reach=0.06, lift=0.25, carry_over_days=0.3),
        Channel("Direct", harvest=0.20, carry_over_days=0.3),
        Channel("Display", reach=0.08, carry_over_days=5.0, visits=0.2),
        Channel("Email", harvest=0.20, lift=0.10, carry_over_days=0.3),
        Channel("Paid Search", harvest=0.60, lift=0.15, carry_over_days=0.3),
        Channel("Paid Social", reach=0.06, carry_over_days=5.0, visits=0.35),
        Channel("Paid Video", reach=0.06, carry_over_days=5.0, visits=0.6),
        Channel("Retargeting", retargeting=0.5, lift=0.6, carry_over_days=0.3),
    ),
    demand_mean=1e-6,
)
HARVEST = replace(
    SHOP,
    channels=tuple(
        replace(channel, lift=0.15 * channel.lift, closing_loss=0.3 * channel.closing_loss, visits=0.2 * channel.visits)
        for channel in SHOP.channels
    ),
    demand_mean=0.30,
)
CREATION = replace(
    SHOP,
    channels=tuple(
        replace(channel, closing=0.0, lift=3 * channel.lift if channel.reach else channel.lift)
        for channel in SHOP.channels
    ),
    demand_mean=0.01,
)


@dataclass(frozen=True)
class World:
    """A market and what it stands for."""

    name: str
    what: str
    market: Market


WORLDS = (
    World("impulse", "each touch sells within the hour or not at all; nobody buys unasked", IMPULSE),
    World("relay", "each touch leads to the next, and without it the next would not be: every step is needed", RELAY),
    World("creation", "advertising creates the demand over weeks, no channel closes", CREATION),
    World(
        "shop", "the shop of `pathworth simulate`: half of the orders are own demand, closed by brand and direct", SHOP
    ),
    World("harvest", "nearly all orders would come anyway; channels stand beside them", HARVEST),
)


def first_order_tables(shop: Shop) -> duckdb.DuckDBPyConnection:
    """An engine that holds the touches until the first order, and the first orders, each worth 1."""
    buy_second = np.full(shop.journeys.people, np.iinfo(np.int64).max)
    buy_second[shop.buyers] = clock_seconds(shop.journeys.buy_day[shop.buyers])
    early = shop.touch_second <= buy_second[shop.touch_person]
    names = [channel.name for channel in shop.journeys.market.channels]
    connection = Engine().connect()
    connection.register("names", {"code": np.arange(1, len(names) + 1), "channel": np.array(names)})
    connection.execute("CREATE TABLE channels AS SELECT code::INTEGER AS code, channel FROM names")
    person, second, channel = (part[early] for part in (shop.touch_person, shop.touch_second, shop.touch_channel))
    connection.register("touches", {"customer_id": person, "second": second, "number": channel})
    connection.execute(
        """CREATE TABLE touchpoints AS SELECT customer_id, second * 1000000 AS time_us,
        (number + 1)::INTEGER AS channel_code FROM touches"""
    )
    connection.register("buyers", {"customer_id": shop.buyers, "second": buy_second[shop.buyers]})
    connection.execute(
        """CREATE TABLE orders AS SELECT customer_id::VARCHAR AS order_id, customer_id, second * 1000000 AS time_us,
        (second // 86400)::INTEGER AS day, 10000::BIGINT AS value FROM buyers"""
    )
    return connection


def credits_of(paths: Paths) -> dict[str, Floats]:
    """Conversions by channel under every model there is, by the model's name."""
    models = [model for model in MODELS if model not in LEFT_OUT]
    credit = attribution.attribute(paths, models=models, confidence=None)
    found = {model: credit.loc[credit["model"] == model, "conversions"].to_numpy() for model in models}
    second = attribution.attribute(paths, models=["markov"], order=2, confidence=None)
    return found | {
        "markov, order 2": second["conversions"].to_numpy(),
        "shapley, ratio game": shapley(paths, game="ratio")["conversions"].to_numpy(),
        "shapley, markov game": shapley(paths, game="markov")["conversions"].to_numpy(),
    }


def calibrated(paths: Paths, truth: Floats, *, seed: int) -> Floats:
    """Markov credit calibrated with a lift test of each of the TESTED channels that it credits most."""
    credit = attribution.attribute(paths, models=["markov"], confidence=None)["conversions"].to_numpy()
    tested = np.argsort(-credit)[:TESTED]
    errors = TEST_ERROR * credit[tested]
    lifts = np.random.default_rng([seed, 9]).normal(truth[tested], errors)
    experiments = pd.DataFrame(
        {
            "channel": np.array(paths.channels, dtype=object)[tested],
            "incremental": lifts,
            "standard_error": errors,
        }
    )
    table = calibrate(paths, experiments)
    return table.loc[table["kind"] == "channel", "conversions"].to_numpy()


@dataclass(frozen=True)
class Board:
    """What one world showed: credit by model, the true effects, and what would have come without any channel."""

    channels: tuple[str, ...]
    credit: dict[str, Floats]
    truth: Floats
    orders: int
    unasked: int

    def error(self, model: str) -> float:
        """Share of the credit that stands with the wrong channel: half the sum of differences of shares."""
        credit = self.credit[model]
        return 0.5 * float(np.abs(credit / credit.sum() - self.truth / self.truth.sum()).sum())

    def rank_correlation(self, model: str) -> float:
        """Spearman's correlation of the model's ranking of channels with the true one."""
        ranks = [np.argsort(np.argsort(values)) for values in (self.credit[model], self.truth)]
        return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def play(world: World, *, people: int, seed: int) -> Board:
    """Simulate a world, give credit by every model, and count what the channels really caused."""
    shop = simulate_shop(customers=people, seed=seed, market=world.market)
    connection = first_order_tables(shop)
    paths = attribution.build_paths(connection, lookback_days=30)
    connection.close()
    everything = tuple(range(len(world.market.channels)))
    truth = np.array([shop.journeys.expected_loss((number,)) for number in everything])
    return Board(
        channels=paths.channels,
        credit=credits_of(paths) | {CALIBRATED: calibrated(paths, truth, seed=seed)},
        truth=truth,
        orders=int(shop.journeys.bought.sum()),
        unasked=int((shop.journeys.bought & shop.journeys.without(everything)).sum()),
    )


def main(people: int = 200_000, seed: int = 1) -> str:
    """Return the scoreboard as Markdown."""
    boards = {world.name: play(world, people=people, seed=seed) for world in WORLDS}
    names = list(boards)
    models = list(next(iter(boards.values())).credit)
    lines = [
        "## Models against the truth",
        "",
        f"Share of the credit that stands with the wrong channel, {people:,} people in each world; in brackets the",
        "rank correlation with the true order of channels. The truth are the first orders that would not have",
        "happened without the channel; no model sees it. Errors above 100 % come from negative credit.",
        "",
        *(f"- **{world.name}**: {world.what}." for world in WORLDS),
        "",
        f"| model | {' | '.join(names)} |",
        "|---|" + "---:|" * len(names),
    ]
    for model in models:
        cells = [f"{boards[name].error(model):.0%} ({boards[name].rank_correlation(model):+.2f})" for name in names]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    caused = [f"{1 - board.unasked / board.orders:.0%}" for board in boards.values()]
    lines += [f"| *orders that some channel caused* | {' | '.join(caused)} |", "", *_shop_table(boards["shop"])]
    lines += ["", *_meaning(boards), ""]
    return "\n".join(lines)


def _shop_table(board: Board) -> list[str]:
    models = ("last_click", "linear", "markov", CALIBRATED)
    lines = [
        f"In the shop, {board.orders:,} first orders, of which {board.unasked:,} would have come without any channel:",
        "",
        f"| channel | caused | {' | '.join(models)} |",
        "|---|---:|" + "---:|" * len(models),
    ]
    for row in np.argsort(-board.truth):
        cells = " | ".join(f"{board.credit[model][row]:,.0f}" for model in models)
        lines.append(f"| {board.channels[row]} | {board.truth[row]:,.0f} | {cells} |")
    return lines


def _meaning(boards: dict[str, Board]) -> list[str]:
    """What the board says, in words that carry its numbers."""

    def error(world: str, model: str) -> str:
        return f"{boards[world].error(model):.0%}"

    def best(world: str) -> str:
        model = min((name for name in boards[world].credit if name != CALIBRATED), key=boards[world].error)
        return f"`{model}` ({error(world, model)})"

    unasked = {name: f"{board.unasked / board.orders:.0%}" for name, board in boards.items()}
    points = (
        f"""**Last click is right** where a touch works at once or never (*impulse*: {error("impulse", "last_click")}
        misplaced, Markov {error("impulse", "markov")}). There touches before the last are bystanders, and each model
        that shares credit out gives them some.""",
        f"""**Markov is right** where each step is needed for the next (*relay*: {error("relay", "markov")}, last click
        {error("relay", "last_click")}, linear {error("relay", "linear")}): taking a channel out of the chain is then
        what taking it out of the world does.""",
        f"""**Neither is right** where people come unasked and pass channels on the way. In the *shop* that are
        {unasked["shop"]} of orders: last click {error("shop", "last_click")}, Markov {error("shop", "markov")},
        the best {best("shop")}. In *harvest* that are {unasked["harvest"]}: the best is {best("harvest")}.
        A path shows who was there, not who was the cause. Markov moves the credit the right way, from channels that
        close to those that open, and stops half-way; and all models hand out orders that nobody caused. Only an
        experiment, in which a channel is switched off for some, tells that share: with tests of the {TESTED} channels
        that Markov credits most (standard error {TEST_ERROR:.0%} of that credit) its error in the shop falls to
        {error("shop", CALIBRATED)}, in *harvest* to {error("harvest", CALIBRATED)}.""",
        """No model wins everywhere, so no model is *the* data-driven one. What the comparison with last click shows is
        how much the answer hangs on the model; where it hangs much, test by an experiment before moving a budget.""",
    )
    return ["What it means:", "", *("- " + " ".join(point.split()) for point in points)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    print(main(**vars(parser.parse_args())))
