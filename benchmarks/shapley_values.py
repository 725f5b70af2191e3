"""Exact Shapley values of twenty channels; the peers stop at four."""

import argparse

from contest import DATA, Contender, contest, prepare, table
from touchpoints import write_journeys


def main(size: int = 200_000, rounds: int = 5, channels: int = 20) -> str:
    """Return the table of the runs."""
    file = str(prepare(write_journeys, DATA, journeys=size, channels=channels))
    outcomes = contest(
        [Contender(f"pathworth: {game} game", "shapley_pathworth.py", (file, game)) for game in ("ratio", "markov")],
        rounds=rounds,
    )
    return table(
        f"Exact Shapley values, {channels} channels, {size:,} journeys",
        outcomes,
        unit="from distinct paths",
        goal="under half a second",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--channels", type=int, default=20)
    print(main(**vars(parser.parse_args())))
