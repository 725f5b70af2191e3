"""Hold intervals and models against the simulated truth; `make validate` writes the result into docs/validation.md."""

import argparse
from collections.abc import Callable

import coverage_attribution
import coverage_clv
import coverage_effects
import coverage_origins
import drift_alarms
import number_to_book
import scoreboard
from contest import ROOT

STUDIES: tuple[Callable[[], str], ...] = (
    scoreboard.main,
    coverage_attribution.main,
    coverage_effects.main,
    coverage_clv.main,
    coverage_origins.main,
    number_to_book.main,
    drift_alarms.main,
)

INTRODUCTION = """\
# Validation against a known truth

`make validate` simulates, fits and counts anew; everything is seeded. The simulator and its causal model are described
in `customer_data/synthetic_journeys.py`. `python benchmarks/validate.py --write` writes this page.
"""


def main() -> None:
    """Run all studies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/validation.md")
    arguments = parser.parse_args()
    sections = [INTRODUCTION]
    for study in STUDIES:
        section = study()
        print(section, flush=True)
        sections.append(section)
    if arguments.write:
        (ROOT / "docs" / "validation.md").write_text("\n".join(sections), encoding="utf-8")


if __name__ == "__main__":
    main()
