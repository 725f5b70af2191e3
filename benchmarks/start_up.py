"""How long `pathworth --help` takes, against Python doing nothing."""

import argparse

from contest import OURS, Contender, contest, table


def main(rounds: int = 15) -> str:
    """Return the table of the contest."""
    outcomes = contest(
        [
            Contender("pathworth --help", command=(str(OURS.parent / "pathworth"), "--help")),
            Contender("python -c pass", command=(str(OURS), "-c", "pass")),
        ],
        rounds=rounds,
    )
    return table("Start-up", outcomes, unit="the whole process", goal="under 0.2 s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    print(main(**vars(parser.parse_args())))
