"""P(alive) and the expected orders of a year for every customer, against lifetimes; the parameters are given."""

import argparse

from contest import Contender, contest, prepare, table
from customer_models import write_histories


def main(size: int = 1_000_000, rounds: int = 5) -> str:
    """Return the table of the contest."""
    file = str(prepare(write_histories, size))
    outcomes = contest(
        [
            Contender("pathworth: distinct histories of a fit", "predictions_pathworth.py", (file, "patterns")),
            Contender("pathworth: row by row", "predictions_pathworth.py", (file, "rows")),
            Contender("lifetimes 0.11.3: row by row", "predictions_lifetimes.py", (file,), peer=True),
        ],
        rounds=rounds,
    )
    return table(
        f"BG/NBD: P(alive) and expected orders of {size:,} customers",
        outcomes,
        unit="from arrays of frequency, recency and T",
        goal="at least 50 times as fast as lifetimes",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    print(main(**vars(parser.parse_args())))
