"""A million journeys to Markov credit: exact, and with intervals, against ChannelAttribution and MAM."""

import argparse

from contest import DATA, Contender, contest, prepare, table
from touchpoints import write_journeys


def main(size: int = 1_000_000, rounds: int = 5, channels: int = 12, order: int = 1) -> str:
    """Return the table of the contest."""
    file = str(prepare(write_journeys, DATA, journeys=size, channels=channels))
    contenders = [
        Contender("pathworth: exact, conversions and value", "markov_pathworth.py", (file, str(order), "credit")),
        Contender("pathworth: the same with intervals", "markov_pathworth.py", (file, str(order), "intervals")),
        Contender(
            "ChannelAttribution 2.2.5: its default, simulated",
            "markov_channelattribution.py",
            (file, str(order)),
            peer=True,
        ),
    ]
    if order == 1:
        contenders.append(
            Contender("marketing_attribution_models 2.1.1: conversions only", "markov_mam.py", (file,), peer=True)
        )
    return table(
        f"{size:,} journeys, {channels} channels, to Markov credit of order {order}",
        contest(contenders, rounds=rounds),
        unit="from a data frame of one row per journey",
        goal="at least 10 times as fast as the peers",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--channels", type=int, default=12)
    parser.add_argument("--order", type=int, default=1)
    print(main(**vars(parser.parse_args())))
