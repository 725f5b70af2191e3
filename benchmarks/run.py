"""Every claim of speed, side by side with the peers; `--write` puts what was run into docs/benchmarks.md."""

import argparse
import datetime
import re
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

PAGE = ROOT / "docs" / "benchmarks.md"
MARK = "<!-- {} -->"
INTRODUCTION = """\
# Benchmarks

`make bench` sets up the peers in an environment of their own (`.venv-bench`), runs each contender in a process of its
own, in turn, several rounds, and writes what stands below: medians, the spread, the peak of the whole process, ratios.
It takes about an hour, most of it the peers'; `python benchmarks/run.py --write CLAIM ...` runs some contests and puts
their tables in place of the older ones, so each says when it ran; each script of `benchmarks/` runs alone with other
sizes (`--help`). Seconds depend on the machine; the ratios are the claims. Imports are left out for all alike, unless
the whole process is timed. CPU seconds are those of the whole process, start-up included, on all cores; they suffer
less when the machine is busy.

Markov credit is held against every peer that can do the size: marketing_attribution_models at order 1, and
do-attribution while its dense matrix has 3,000 states at most (12 channels at order 3; 50 would have 124,000), both up
to a million journeys: ten million take the one more than 16 GB and the other many minutes. A peer that takes more than
nine minutes is ended. lifetimes would take hours to fit Pareto/NBD to ten million customers and is left out. Over 100
million touchpoints the sort's engine has the whole memory limit, ours 55 % of it: the rest is for what has left the
engine, the distinct paths above all, which take more than that at 2 GB.

Intervals of credit keep to about a tenth of the fit: inside one process, from a frame of texts to credit of a million
journeys, they add 4 to 8 % of its CPU seconds with 12 channels, at orders 1 and 3, some 7 % with 50, and 8 to 11 % with
50 at order 3. Whole processes, as below, differ by more than that from run to run.
"""


def main() -> None:
    """Run the claims that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=f"of {', '.join(CLAIMS)} (all when none is named)")
    parser.add_argument("--rounds", type=int, help="of every contest, in place of its own")
    parser.add_argument("--write", action="store_true", help="put what was run into docs/benchmarks.md")
    arguments = parser.parse_args()
    if unknown := set(arguments.claims) - set(CLAIMS):
        parser.error(f"no such claim: {', '.join(sorted(unknown))}")
    for name in arguments.claims or CLAIMS:
        when = f"{datetime.date.today().isoformat()}, {machine()}."
        section = CLAIMS[name](rounds=arguments.rounds) if arguments.rounds else CLAIMS[name]()
        print(section, flush=True)
        if arguments.write:
            write(name, f"{section.rstrip()}\n\n{when}\n")


def write(name: str, section: str) -> None:
    """Put the section of one claim into the page, in place of its older one."""
    older = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    parts = re.split(f"^{MARK.format('(.+)')}\n", older, flags=re.MULTILINE)[1:]
    sections = {**dict(zip(parts[::2], parts[1::2], strict=True)), name: section}
    marked = [f"{MARK.format(claim)}\n{sections[claim].strip()}\n" for claim in CLAIMS if claim in sections]
    PAGE.write_text("\n".join([INTRODUCTION, *marked]), encoding="utf-8")


if __name__ == "__main__":
    main()
