"""What ``pathworth`` can be asked: its commands, their arguments and their help.

Nothing heavy is imported here: each command loads what it needs. stdout holds results only, stderr the log.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Flags = dict[str, str]

EXIT_CODES = """\b
Exit codes:
  0    done, or nothing had changed
  1    published, but a check failed (rows put aside, stray times, orders that stop, drift)
  2    the command line or the configuration is wrong, or the output cannot be written
  3    the input cannot be used
  4    a model did not converge or failed its gate (published without it, if anything is left)
  70   a fault in pathworth
  130  interrupted; nothing half-written stays
"""


def _configuration(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument CONFIGURATION and the flags that win over what stands in it."""
    options = (
        click.argument("configuration", default="pathworth.toml", type=click.Path(path_type=Path)),
        _override("--output", "report.output", "FOLDER", "Where the run folders go (report.output)."),
        _override(
            "--as-of", "report.as_of", "DAY", "Look back from the end of this day, as 2026-01-31 (report.as_of)."
        ),
        _override("--seed", "report.seed", "N", "Of everything random (report.seed)."),
        click.option(
            "--set",
            metavar="KEY=VALUE",
            multiple=True,
            expose_value=False,
            callback=_keep_assignments,
            help="Any other key, as attribution.order=2; may be repeated.",
        ),
    )
    command = click.pass_obj(command)
    for option in reversed(options):
        command = option(command)
    return command


def _override(flag: str, key: str, metavar: str, help: str) -> Callable[..., Any]:
    def keep(context: click.Context, _: click.Parameter, value: str | None) -> None:
        if value is not None:
            context.ensure_object(dict)[key] = value

    return click.option(flag, metavar=metavar, help=help, expose_value=False, callback=keep)


def _keep_assignments(context: click.Context, _: click.Parameter, assignments: tuple[str, ...]) -> None:
    for assignment in assignments:
        key, equals, value = (part.strip() for part in assignment.partition("="))
        if not equals or "." not in key.strip("."):
            raise click.BadParameter(f"{assignment!r} is not KEY=VALUE, as in attribution.order=2")
        context.ensure_object(dict)[key] = value


def _verbosity(command: Callable[..., Any]) -> Callable[..., Any]:
    quiet = click.option(
        "-q", "--quiet", "verbosity", flag_value=0, type=int, help="Say only warnings and errors on stderr."
    )
    verbose = click.option(
        "-v", "--verbose", "verbosity", flag_value=2, type=int, default=1, help="Say more on stderr."
    )
    return quiet(verbose(command))


class _InOrderOfUse(click.Group):
    """Commands listed as they are used: begin with a configuration, check it, report."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_InOrderOfUse,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="pathworth", message="%(prog)s %(version)s")
def pathworth() -> None:
    """What each path to a purchase, and each customer, is worth.

    \b
    pathworth init sessions.csv orders.csv   writes a commented pathworth.toml
    pathworth check                          reads and counts, writes nothing
    pathworth report                         publishes a folder with report.pdf

    Every key of the configuration can also be given as an environment variable, as PATHWORTH_REPORT_SEED=7 for seed of
    [report]. A flag wins over the environment, the environment over the file, the file over the default.
    """


@pathworth.command(short_help="Write a commented configuration for your files.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out", default="pathworth.toml", show_default=True, type=click.Path(path_type=Path), help="The file to write."
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def init(files: tuple[Path, ...], out: Path, force: bool) -> int:
    """Write a commented configuration; FILES of data are looked at and their columns mapped where recognised."""
    from reports.command import actions

    return actions.init(files, out, force=force)


@pathworth.command(epilog=EXIT_CODES, short_help="Read and count the data; write nothing.")
@_configuration
@_verbosity
def check(flags: Flags | None, configuration: Path, verbosity: int) -> int:
    """Read and count what CONFIGURATION (pathworth.toml) names, and write nothing.

    Prints the rows read, kept and left out by reason, and the first rows that would be put aside.
    """
    from reports.command import actions

    return actions.check(configuration, flags or {}, verbosity=verbosity)


@pathworth.command(epilog=EXIT_CODES, short_help="Run a configuration and publish the report.")
@_configuration
@click.option("--force", is_flag=True, help="Run although nothing has changed.")
@_verbosity
def report(flags: Flags | None, configuration: Path, force: bool, verbosity: int) -> int:
    """Run what CONFIGURATION (pathworth.toml) asks for and publish it; prints the run's folder.

    The folder holds report.pdf, every table as CSV and Parquet, lists of customers to act on, and manifest.json;
    "latest" beside it points at the newest. A run that nothing has changed for is not made again.
    """
    from reports.command import actions

    return actions.report(configuration, flags or {}, force=force, verbosity=verbosity)


@pathworth.group(short_help="Show the values in force and their origin.")
def config() -> None:
    """Look at a configuration."""


@config.command("show")
@_configuration
@click.option("--origin", is_flag=True, help="Say beside each value where it comes from.")
def config_show(flags: Flags | None, configuration: Path, origin: bool) -> int:
    """Print every value in force of CONFIGURATION (pathworth.toml), as TOML."""
    from reports.command import actions

    return actions.config_show(configuration, flags or {}, with_origin=origin)


@pathworth.command(short_help="Write the files of a synthetic shop.")
@click.option(
    "--customers", type=click.IntRange(min=1), default=20_000, show_default=True, help="People in the market."
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed, the same shop.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder to write into.")
def simulate(customers: int, seed: int, out: Path) -> int:
    """Write the files of a synthetic shop whose truth is known, with a ready configuration; prints its path."""
    from reports.command import actions

    return actions.simulate(customers, seed, out)
