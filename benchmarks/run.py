"""Every claim of speed, side by side with the peers; `--write` puts the tables into docs/benchmarks.md."""

import argparse
import datetime
from collections.abc import Callable
from functools import partial

import bootstrap
import customer_models
import customer_predictions
import customer_totals
import markov_credit
import orders_to_patterns
import shapley_values
import start_up
import touchpoints_to_paths
import whole_report
from contest import ROOT, machine

CLAIMS: dict[str, Callable[..., str]] = {
    "start-up": start_up.main,
    "paths": touchpoints_to_paths.main,
    "markov": markov_credit.main,
    "customers": customer_models.main,
    "report": whole_report.main,
    "customers-small": partial(customer_models.main, size=100_000),
    "pareto": partial(customer_models.main, size=100_000, rounds=3, model="ParetoNBD"),
    "predictions": customer_predictions.main,
    "totals": customer_totals.main,
    "patterns": orders_to_patterns.main,
    "bootstrap": bootstrap.main,
    "shapley": shapley_values.main,
    "markov-3": partial(markov_credit.main, rounds=3, order=3),
    "markov-50": partial(markov_credit.main, rounds=3, channels=50),
    "markov-50-3": partial(markov_credit.main, rounds=1, channels=50, order=3),
}
LARGE: dict[str, Callable[..., str]] = {
    "markov-large": partial(markov_credit.main, size=10_000_000, rounds=1),
    "markov-large-3": partial(markov_credit.main, size=10_000_000, rounds=1, order=3),
    "markov-large-50": partial(markov_credit.main, size=10_000_000, rounds=1, channels=50),
    "markov-large-50-3": partial(markov_credit.main, size=10_000_000, rounds=1, channels=50, order=3),
    "customers-large": partial(customer_models.main, size=10_000_000, rounds=1),
    "pareto-large": partial(customer_models.main, size=10_000_000, rounds=5, model="ParetoNBD", lifetimes=False),
    "predictions-large": partial(customer_predictions.main, size=10_000_000, rounds=1),
    "patterns-large": partial(orders_to_patterns.main, size=100_000_000, rounds=1),
    "paths-large": partial(touchpoints_to_paths.main, size=100_000_000, rounds=1, memory_limit="4GB"),
    "paths-small-memory": partial(touchpoints_to_paths.main, size=100_000_000, rounds=1, memory_limit="2GB"),
}

INTRODUCTION = """\
# Benchmarks

`make bench` sets up the peers in an environment of their own (`.venv-bench`), runs each contender in a process of its
own, in turn, several rounds, and prints what stands below: medians, the spread, the peak of the whole process, ratios.
Seconds depend on the machine; the ratios are the claims. CPU seconds are those of the whole process, start-up included,
on all cores; they suffer less when the machine is busy. `python benchmarks/run.py --write` writes this page, and each
script of `benchmarks/` runs alone with other sizes (`--help`).

Markov credit is held against every peer that can do the size: marketing_attribution_models at order 1, and
do-attribution while its dense matrix has 3,000 states at most (12 channels at order 3; 50 would have 124,000), both up
to a million journeys: ten million take the one more than 16 GB and the other many minutes. A peer that takes more than
nine minutes is ended.
"""


def main() -> None:
    """Run the claims that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "claims",
        nargs="*",
        metavar="CLAIM",
        help=f"of {', '.join(CLAIMS)} (all when none is named), {', '.join(LARGE)}",
    )
    parser.add_argument("--rounds", type=int, help="of every contest, in place of its own")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    arguments = parser.parse_args()
    if unknown := set(arguments.claims) - set(CLAIMS | LARGE):
        parser.error(f"no such claim: {', '.join(sorted(unknown))}")
    sections = [f"{datetime.date.today().isoformat()}, {machine()}.", ""]
    for name in arguments.claims or CLAIMS:
        claim = (CLAIMS | LARGE)[name]
        section = claim(rounds=arguments.rounds) if arguments.rounds else claim()
        print(section, flush=True)
        sections.append(section)
    if arguments.write:
        (ROOT / "docs").mkdir(exist_ok=True)
        text = "\n".join([INTRODUCTION, *sections])
        (ROOT / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
