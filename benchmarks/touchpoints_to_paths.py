"""Ten million touchpoints to distinct paths, against DuckDB sorting them."""

import argparse

from contest import DATA, Contender, contest, prepare, table
from touchpoints import write_touchpoints

GOALS = {
    "-": "within 2x the time DuckDB needs to sort them, under 1 GB",
    "4GB": "within 2.5x the time DuckDB needs to sort them",
    "2GB": "within 4x the time DuckDB needs to sort them",
}
"""By memory limit. The sort's engine has the whole limit, ours 55 % of it: the rest is for what has left the engine."""


def main(size: int = 10_000_000, rounds: int = 5, memory_limit: str = "-", channels: int = 12) -> str:
    """Return the table of the contest."""
    folder = prepare(write_touchpoints, DATA, touches=size, channels=channels)
    arguments = (str(folder), memory_limit)
    outcomes = contest(
        [
            Contender("pathworth: load, check, journeys, distinct paths", "paths_pathworth.py", arguments),
            Contender("DuckDB: sort by customer and time", "paths_duckdb_sort.py", arguments),
        ],
        rounds=rounds,
    )
    limit = "" if memory_limit == "-" else f", memory limit {memory_limit}"
    return table(
        f"{size:,} touchpoints (Parquet, {channels} channels{limit}) to distinct paths",
        outcomes,
        unit="from Parquet files",
        goal=GOALS.get(memory_limit, "close to the time DuckDB needs to sort them"),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--channels", type=int, default=12)
    parser.add_argument("--memory-limit", default="-", help='of both, as in "4GB"')
    print(main(**vars(parser.parse_args())))
