"""The whole report, from files to the published folder, on a million touchpoints and 200,000 orders."""

import argparse
import json

from contest import DATA, OURS, Contender, contest, prepare, table

from customer_data.synthetic_shop import simulate


def main(size: int = 320_000, rounds: int = 3) -> str:
    """Return the table of the runs; ``size`` is the number of people in the market."""
    folder = DATA / f"shop-{size}"
    if not (folder / "pathworth.toml").exists():
        prepare(simulate, folder, customers=size, seed=1)
    rows = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["clean_rows"]
    report = (str(OURS.parent / "pathworth"), "report", "--force", str(folder / "pathworth.toml"))
    brief = ("env", "PATHWORTH_ATTRIBUTION_DEPTH=brief", "PATHWORTH_CLV_DEPTH=brief", *report)
    contenders = [
        Contender("pathworth report, depth brief: credit, value, holdout", command=brief),
        Contender("pathworth report, depth full: why credit moved, earlier forecasts, cash flow", command=report),
    ]
    return table(
        f"The whole report: {rows['touchpoints']:,} touchpoints, {rows['orders']:,} orders",
        contest(contenders, rounds=rounds),
        unit="the whole process",
        goal="under 30 s on two cores",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=320_000)
    parser.add_argument("--rounds", type=int, default=3)
    print(main(**vars(parser.parse_args())))
