"""A thousand bootstrap replicates of Markov credit against one default run of ChannelAttribution."""

import argparse

from contest import DATA, Contender, contest, prepare, table
from touchpoints import write_journeys


def main(size: int = 1_000_000, rounds: int = 3, replicates: int = 1_000) -> str:
    """Return the table of the contest."""
    file = str(prepare(write_journeys, DATA, journeys=size))
    outcomes = contest(
        [
            Contender(f"pathworth: {replicates:,} exact refits", "bootstrap_pathworth.py", (file, str(replicates))),
            Contender(
                "ChannelAttribution 2.2.5: one default run", "markov_channelattribution.py", (file, "1"), peer=True
            ),
        ],
        rounds=rounds,
    )
    return table(
        f"{replicates:,} bootstrap replicates, {size:,} journeys, 12 channels",
        outcomes,
        unit="Markov of order 1",
        goal="less time than one default run of ChannelAttribution",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--replicates", type=int, default=1_000)
    print(main(**vars(parser.parse_args())))
