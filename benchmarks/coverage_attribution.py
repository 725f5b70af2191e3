"""Do the 90 % intervals of credit hold the truth in 90 % of data sets? Journeys drawn again and again from known laws.

Two laws. *Chain*: journeys are walks of a Markov chain that is written down here; the truth of the Markov model is
solved from it by the definition, channel by channel, without the package. *Shop*: the distinct paths of a large
synthetic shop and what came of them are taken for the law, journeys are drawn from them; the truth of a model is its
credit under the law itself.
"""

import argparse
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import block_array, csr_array, diags_array

import attribution
from attribution import ragged
from attribution.paths import Paths
from customer_data.synthetic_shop import simulate_shop

Floats = NDArray[np.float64]
CONFIDENCE = 0.90
CHANNELS = ("Direct", "Display", "Email", "Search", "Social", "Video")
VALUE_SHAPE = 2.0
SMALL = (100, 250, 500, 1_000, 2_000)
SMALL_RUNS = 400
RULES = ("first_click", "last_click", "linear", "position_based")
CREDITS = (0.0, 2.0, 5.0, 10.0, 20.0, 50.0, np.inf)
CREDIT_NAMES = ("below 2", "2 to 5", "5 to 10", "10 to 20", "20 to 50", "50 and more")


@dataclass(frozen=True)
class Truth:
    """Expected credit per journey by model: conversions and value by channel."""

    conversions: dict[str, Floats]
    value: dict[str, Floats]


@dataclass(frozen=True)
class ChainLaw:
    """Walks over channels: where they start, go, end in a conversion, and its mean value there."""

    start: Floats
    step: Floats
    convert: Floats
    worth: Floats

    def draw(self, journeys: int, generator: np.random.Generator) -> Paths:
        """Walks until all have ended, one channel at a time for all at once."""
        channels = len(self.start)
        leave = np.cumsum(np.column_stack([self.step, self.convert, 1 - self.step.sum(axis=1) - self.convert]), axis=1)
        walker = np.arange(journeys)
        at = np.searchsorted(np.cumsum(self.start), generator.random(journeys), side="right")
        last, converted = at.copy(), np.zeros(journeys, dtype=bool)
        walkers, places, turns, turn = [walker], [at], [np.zeros(journeys, dtype=np.int64)], 0
        while len(walker):
            chosen = np.minimum((generator.random(len(walker))[:, None] > leave[at]).sum(axis=1), channels + 1)
            ended = chosen >= channels
            last[walker[ended]], converted[walker[ended]] = at[ended], chosen[ended] == channels
            walker, at, turn = walker[~ended], chosen[~ended], turn + 1
            walkers.append(walker)
            places.append(at)
            turns.append(np.full(len(walker), turn))
        order = np.lexsort((np.concatenate(turns), np.concatenate(walkers)))
        walkers_flat = np.concatenate(walkers)[order]
        value = np.where(converted, generator.gamma(VALUE_SHAPE, self.worth[last] / VALUE_SHAPE), 0.0)
        return Paths.from_codes(
            CHANNELS,
            np.concatenate(places)[order],
            np.bincount(walkers_flat, minlength=journeys),
            conversions=converted,
            nulls=~converted,
            value=value,
            value_squares=value**2,
        )

    def truth(self) -> Truth:
        """Markov credit per journey by the definition: the chain is solved anew without each channel."""

        def reached(keep: NDArray[np.bool_]) -> Floats:
            step = self.step * keep * keep[:, None]
            visits = np.linalg.solve((np.eye(len(keep)) - step).T, self.start * keep)
            return visits * self.convert

        everything = np.ones(len(self.start), dtype=bool)
        ends = reached(everything)
        without = [reached(everything & (np.arange(len(ends)) != channel)) for channel in range(len(ends))]
        effect = np.array([1 - left.sum() / ends.sum() for left in without])
        effect_value = np.array([1 - left @ self.worth / (ends @ self.worth) for left in without])
        return Truth(
            {"markov": effect / effect.sum() * ends.sum(), "last_click": ends},
            {"markov": effect_value / effect_value.sum() * (ends @ self.worth), "last_click": ends * self.worth},
        )


@dataclass(frozen=True)
class PathLaw:
    """Distinct paths, how often each is taken, how often it converts, and its mean value."""

    paths: Paths
    share_converted: Floats
    share_lost: Floats
    worth: Floats

    def draw(self, journeys: int, generator: np.random.Generator) -> Paths:
        """Counts of all paths and outcomes at once, and a value for each conversion."""
        rows = len(self.paths)
        counts = generator.multinomial(journeys, np.concatenate([self.share_converted, self.share_lost]))
        conversions, nulls = counts[:rows], counts[rows:]
        path = np.repeat(np.arange(rows), conversions)
        value = generator.gamma(VALUE_SHAPE, self.worth[path] / VALUE_SHAPE)
        seen = np.flatnonzero(conversions + nulls)
        taken = np.isin(self.paths.rows, seen)
        return Paths.from_codes(
            self.paths.channels,
            self.paths.codes[taken],
            self.paths.lengths[seen],
            conversions=conversions[seen],
            nulls=nulls[seen],
            value=np.bincount(path, weights=value, minlength=rows)[seen],
            value_squares=np.bincount(path, weights=value**2, minlength=rows)[seen],
        )

    def truth(self, models: list[str]) -> Truth:
        """Each model's credit under the law itself."""
        law = Paths.from_codes(
            self.paths.channels,
            self.paths.codes,
            self.paths.lengths,
            conversions=self.share_converted,
            nulls=self.share_lost,
            value=self.share_converted * self.worth,
        )
        credit = attribution.attribute(law, models=models, confidence=None)
        by_model = {model: credit[credit["model"] == model] for model in models}
        return Truth(
            {model: rows["conversions"].to_numpy() for model, rows in by_model.items()},
            {model: rows["value"].to_numpy() for model, rows in by_model.items()},
        )


def chain_law() -> ChainLaw:
    """Six channels, of which some open and some close; 9 % of walks convert."""
    generator = np.random.default_rng(12)
    start = np.array([0.10, 0.26, 0.05, 0.17, 0.24, 0.18])
    convert = np.array([0.10, 0.01, 0.12, 0.08, 0.02, 0.015])
    step = generator.dirichlet(np.ones(6), 6) * (1 - np.eye(6))
    step *= (0.55 / step.sum(axis=1))[:, None]
    return ChainLaw(start, step, convert, worth=np.array([80.0, 60.0, 50.0, 90.0, 70.0, 110.0]))


def shop_law(people: int = 60_000) -> PathLaw:
    """The paths to the first order in a synthetic shop; every path converts now and then."""
    shop = simulate_shop(customers=people, seed=20)
    bought = np.where(shop.journeys.bought, shop.journeys.buy_day, np.inf)
    early = shop.touch_second <= 86_400 * np.minimum(bought[shop.touch_person] + 0.1, 1e6)
    person, second, channel = (column[early] for column in (shop.touch_person, shop.touch_second, shop.touch_channel))
    order = np.lexsort((channel, second, person))
    lengths = np.bincount(person, minlength=people)
    seen = lengths > 0
    converted = shop.journeys.bought[seen]
    names = [part.name for part in shop.journeys.market.channels]
    paths = Paths.from_codes(names, channel[order], lengths[seen], conversions=converted, nulls=~converted)
    total = paths.conversions.sum() + paths.nulls.sum()
    worth = np.random.default_rng(3).uniform(30, 120, len(paths))
    return PathLaw(paths, paths.conversions / total, paths.nulls / total, worth)


@dataclass(frozen=True)
class RegularLaw:
    """The same journeys made by customers who come back: on average three times, mostly as they came first."""

    law: PathLaw
    again: float = 2 / 3
    alike: float = 0.8

    def draw(self, journeys: int, generator: np.random.Generator) -> Paths:
        """Customers until there are some ``journeys``; each repeats its first, outcome and all, or makes another."""
        times = generator.geometric(1 - self.again, round(journeys * (1 - self.again)))
        customer = np.repeat(np.arange(len(times)), times)
        rows, law = len(self.law.paths), self.law
        outcome = generator.choice(2 * rows, len(customer), p=np.concatenate([law.share_converted, law.share_lost]))
        first = np.cumsum(times) - times
        outcome = np.where(generator.random(len(customer)) < self.alike, outcome[first][customer], outcome)
        path, converted = outcome % rows, outcome < rows
        value = np.where(converted, generator.gamma(VALUE_SHAPE, law.worth[path] / VALUE_SHAPE), 0.0)
        base = law.paths
        codes, lengths = ragged.take(base.codes, base.starts, path), base.lengths[path]
        drawn = Paths.from_codes(
            base.channels,
            codes,
            lengths,
            conversions=converted,
            nulls=~converted,
            value=value,
            value_squares=value**2,
        )
        cell = ragged.distinct_sequences(codes, lengths, len(base.channels))[0]
        return replace(drawn, shared=shared_journeys(drawn, customer, cell, converted, value))

    def truth(self, models: list[str]) -> Truth:
        """That of the journeys, whoever makes them."""
        return self.law.truth(models)


def shared_journeys(
    paths: Paths, customer: NDArray[np.int64], path: NDArray[np.int64], converted: NDArray[np.bool_], value: Floats
) -> csr_array:
    """``Paths.shared`` of journeys whose customer, path, outcome and value are known."""
    count = len(paths)
    cells = csr_array(
        (
            np.concatenate([np.ones(len(path)), value[converted]]),
            (
                np.concatenate([customer, customer[converted]]),
                np.concatenate([np.where(converted, path, count + path), 2 * count + path[converted]]),
            ),
        ),
        shape=(int(customer.max(initial=-1)) + 1, 3 * count),
    )
    squares = paths.value_squares if paths.value_squares is not None else np.zeros(count)
    alone = block_array(
        [
            [diags_array(paths.conversions), None, diags_array(paths.value)],
            [None, diags_array(paths.nulls), None],
            [diags_array(paths.value), None, diags_array(squares)],
        ]
    )
    together = csr_array(cells.T @ cells - alone)
    together.eliminate_zeros()
    return together


Law = ChainLaw | PathLaw | RegularLaw
Held = dict[tuple[str, str], Floats]


def held_by_channel(law: Law, truth: Truth, *, journeys: int, runs: int, seed: int) -> Held:
    """By model and measure the share of runs in which the interval holds the truth, for each channel."""
    models = list(truth.conversions)
    compared = [name for name in ("linear", "markov") if name in models]
    held: dict[tuple[str, str], list[NDArray[np.bool_]]] = {}
    for run in range(runs):
        paths = law.draw(journeys, np.random.default_rng([seed, run]))
        credit = attribution.attribute(paths, models=models, confidence=CONFIDENCE)
        for model in models:
            rows = credit[credit["model"] == model]
            for measure, expected in (("conversions", truth.conversions), ("value", truth.value)):
                target = journeys * expected[model]
                low, high = rows[f"{measure}_low"].to_numpy(), rows[f"{measure}_high"].to_numpy()
                held.setdefault((model, measure), []).append((low <= target) & (target <= high))
        for model in compared:
            table = attribution.compare(paths, baseline="last_click", model=model, confidence=CONFIDENCE)
            table = table.set_index("channel").loc[list(paths.channels)]
            target = journeys * (truth.conversions[model] - truth.conversions["last_click"])
            inside = (table["difference_low"].to_numpy() <= target) & (target <= table["difference_high"].to_numpy())
            held.setdefault((f"{model} - last_click", "conversions"), []).append(inside)
    return {key: np.mean(flags, axis=0) for key, flags in held.items()}


def coverage(law: Law, truth: Truth, *, journeys: int, runs: int, seed: int) -> pd.DataFrame:
    """Share of runs in which the interval holds the truth: model, of, coverage (mean, lowest and highest channel)."""
    by_channel = held_by_channel(law, truth, journeys=journeys, runs=runs, seed=seed)
    rows_out = [(*key, shares.mean(), shares.min(), shares.max()) for key, shares in by_channel.items()]
    return pd.DataFrame(rows_out, columns=["model", "of", "mean", "lowest channel", "highest channel"])


def small(law: Law, truth: Truth, *, runs: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same in small data sets: mean and lowest channel by their size, and shares by the credit to expect."""
    cells: dict[str, dict[tuple[str, str], str]] = {}
    single = []
    for journeys in SMALL:
        found = held_by_channel(law, truth, journeys=journeys, runs=runs, seed=seed)
        conversions = journeys * truth.conversions["last_click"].sum()
        title = f"{journeys:,} ({conversions:.0f})"
        cells[title] = {key: f"{shares.mean():.1%} ({shares.min():.0%})" for key, shares in found.items()}
        for (model, measure), shares in found.items():
            if model in truth.conversions:
                expected = journeys * truth.conversions[model]
                single += [(model, measure, *pair) for pair in zip(expected, shares, strict=True)]
    by_size = pd.DataFrame(cells).rename_axis(["model", "of"]).reset_index()
    return by_size, pd.DataFrame(single, columns=["model", "of", "expected", "held"])


def by_credit(single: pd.DataFrame) -> pd.DataFrame:
    """Mean coverage of the intervals of single channels at single sizes, by the conversions to expect."""
    kind = np.where(single["model"] == "markov", "markov", "rules")
    bins = pd.cut(single["expected"], CREDITS, labels=CREDIT_NAMES, right=False)
    grouped = single.groupby([pd.Series(kind, name="model"), "of", bins], observed=True)["held"]
    table = grouped.agg(["mean", "min", "size"]).reset_index()
    return table.set_axis(["model", "of", "conversions to expect", "mean", "lowest", "intervals"], axis=1)


def small_section(chain: ChainLaw, shop: PathLaw, *, runs: int) -> list[str]:
    """What small data sets do to intervals, as lines of Markdown."""
    laws: list[tuple[str, Law, Truth]] = [
        ("Journeys that are walks of the chain:", chain, chain.truth()),
        ("Journeys drawn from the paths of the shop:", shop, shop.truth([*RULES, "markov"])),
        (
            "The same journeys made by customers who come three times on average, mostly along their first path "
            "and with its\noutcome:",
            RegularLaw(shop),
            shop.truth([*RULES, "markov"]),
        ),
    ]
    lines = [
        f"Small data sets, {runs:,} of each size: mean over channels and, in brackets, the channel whose intervals",
        "hold least often; by journeys and, in brackets, conversions.",
        "",
    ]
    single = []
    for number, (title, law, truth) in enumerate(laws):
        table, points = small(law, truth, runs=runs, seed=3 + number)
        lines += [title, "", markdown(table), ""]
        single += [points] if number < 2 else []
    return [
        *lines,
        "The first two laws by the conversions that a channel is to be credited with; an interval is of one channel at",
        "one size:",
        "",
        markdown(by_credit(pd.concat(single, ignore_index=True))),
        "",
        *SMALL_WORDS,
    ]


SMALL_WORDS = (
    "With few conversions intervals hold about as often as they should, those of the conversions of a rule a",
    "little more often. Those of the delta method alone (the estimate and 1.64 standard errors to either side)",
    "held last click's conversions in 66, 82 and 85 % of data sets of 100, 250 and 500 journeys of the chain, and",
    "its value in 61, 75 and 83 %: a channel that happens to get little has too narrow an interval then, and none",
    "where it gets nothing. Value is harder, because few values do not tell how far values spread: with 11",
    "conversions one channel's interval of value by the chain holds in 80 %. Where customers come again and again",
    "it is customers that count, a third as many as journeys here: some intervals then hold in 82 to 85 % of data",
    "sets. Of 400 a share near 90% has a standard error of 1.5 points.",
    "",
)


def markdown(table: pd.DataFrame) -> str:
    """The table with coverages as percentages."""
    lines = ["| " + " | ".join(table.columns) + " |", "|---|---|" + "---:|" * (len(table.columns) - 2)]
    cells = [[f"{cell:.1%}" if isinstance(cell, float) else str(cell) for cell in row] for row in table.to_numpy()]
    lines += ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join(lines)


def main(runs: int = 1_000, journeys: int = 20_000) -> str:
    """Return all tables as Markdown."""
    chain, shop = chain_law(), shop_law()
    models = ["first_click", "last_click", "last_non_direct_click", "linear", "position_based", "markov"]
    parts = [
        "## Intervals of credit",
        "",
        f"{runs:,} data sets of {journeys:,} journeys from each law; nominal coverage {CONFIDENCE:.0%}.",
        "An interval should hold the truth in 87 to 93 % of data sets.",
        "",
        "Journeys that are walks of a known chain, whose removal effects are solved by their definition:",
        "",
        markdown(coverage(chain, chain.truth(), journeys=journeys, runs=runs, seed=1)),
        "",
        "Journeys drawn from the paths of the synthetic shop, which are no chain; the truth is each model's credit",
        "under the law itself:",
        "",
        markdown(coverage(shop, shop.truth(models), journeys=journeys, runs=runs, seed=2)),
        "",
        *small_section(chain, shop, runs=min(runs, SMALL_RUNS)),
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--journeys", type=int, default=20_000)
    print(main(**vars(parser.parse_args())))
