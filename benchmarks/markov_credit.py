"""A million journeys to Markov credit: exact, and with intervals, against ChannelAttribution, MAM and do-attribution.

Ten million journeys are for ChannelAttribution alone: MAM was ended at 17 to 20 GB there, and do-attribution, which
walks through journeys in Python and takes a minute for a million, keeps the states of each in memory.
"""

import argparse

from contest import DATA, Contender, contest, prepare, table
from touchpoints import write_journeys

MOST_JOURNEYS_OF_SMALL_PEERS = 1_000_000
MOST_DENSE_STATES = 3_000


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
    if order == 1 and size <= MOST_JOURNEYS_OF_SMALL_PEERS:
        contenders.append(
            Contender("marketing_attribution_models 2.1.1: conversions only", "markov_mam.py", (file,), peer=True)
        )
    if channels**order <= MOST_DENSE_STATES and size <= MOST_JOURNEYS_OF_SMALL_PEERS:
        contenders.append(
            Contender(
                "do-attribution 0.0.2: conversions only",
                "markov_doattribution.py",
                (file, str(order)),
                peer=True,
                rounds=1,
            )
        )
    return table(
        f"{size:,} journeys, {channels} channels, to Markov credit of order {order}",
        contest(contenders, rounds=rounds),
        unit="from a data frame of one row per journey",
        goal="at least 10 times as fast as the peers, with intervals for a tenth more at most",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--channels", type=int, default=12)
    parser.add_argument("--order", type=int, default=1)
    print(main(**vars(parser.parse_args())))
