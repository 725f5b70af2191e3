"""What the commands do. Loaded only when a command runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from customer_data.errors import ConfigurationError, InputError
from customer_data.nearest import count_of, did_you_mean
from reports.command.streams import tell
from reports.configuration.reading import Configuration, read_configuration
from reports.interruption import interruptible, terminate_like_ctrl_c
from reports.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

    from reports.configuration.toml_positions import KeyPath

SHOWN_ROWS = 10
_WIDEST_RECORD = 160


def report(file: Path, flags: Mapping[str, str], *, force: bool, verbosity: int) -> int:
    """Run and publish; prints the folder of the run."""
    terminate_like_ctrl_c()
    configuration = read_configuration(file, flags=flags)
    progress = Progress(verbosity=verbosity)
    with _located(configuration):
        from reports.pipeline import run_report

        run = run_report(configuration, progress, force=force)
    if run.up_to_date:
        progress.say(
            "Up to date: configuration, data, version, seed and as-of day are those of this run (see --force)."
        )
    tell(run.folder, after=f"The run stands in {run.folder}, but ")
    return run.exit_code


def check(file: Path, flags: Mapping[str, str], *, verbosity: int) -> int:
    """Read and count; prints the counts and the first rows put aside."""
    terminate_like_ctrl_c()
    configuration = read_configuration(file, flags=flags)
    progress = Progress(verbosity=verbosity)
    with _located(configuration):
        from reports.pipeline import read_data, read_path_file, starting_results
        from reports.results.checks import exit_code, quarantine_checks

        configuration.require_files()
        results = starting_results(configuration)
        checks = []
        with configuration.engine().connect() as connection, interruptible(connection):
            if configuration.sources():
                results = read_data(connection, configuration, results, progress)
                checks = quarantine_checks(connection, most=configuration.settings.checks.max_quarantined_share)
            if configuration.settings.paths is not None:
                _, results = read_path_file(configuration, results, progress)
    quality = results.quality
    assert quality is not None
    if results.last_day is not None:
        currency = f", amounts in {results.currency}" if results.currency else ""
        tell(f"{results.first_day} to {results.last_day} ({results.timezone}){currency}\n")
    tell(_counts_text(quality.row_counts))
    if quality.quarantine_sample is not None and len(quality.quarantine_sample):
        tell(f"\n{count_of(quality.quarantine_rows, 'row')} would be put aside; the first of each reason:")
        tell(_sample_text(quality.quarantine_sample))
    for one in checks:
        if not one.passed:
            progress.warn(one.detail)
    return exit_code(checks)


def init(files: Sequence[Path], out: Path, *, force: bool) -> int:
    """Write a commented configuration; prints its path."""
    from reports.configuration.drafting import draft
    from reports.configuration.example import configuration_text
    from reports.configuration.recognition import recognise

    if out.exists() and not force:
        raise ConfigurationError(f"{out} is there already. Name another file with --out, or replace it with --force.")
    if missing := [one for one in files if not one.is_file()]:
        raise InputError([f"{one}: there is no such file.{_nearest_file(one)}" for one in missing])
    found = [section for one in files for section in recognise(one)]
    drawn = draft(found)
    _write(out, configuration_text(drawn, folder=out.parent))
    for one in (block for blocks in drawn.sections.values() for block in blocks):
        click.echo(f"{', '.join(map(str, (one.file, *one.further_files)))}: {one.says}", err=True)
    for said in drawn.unused:
        click.echo(said, err=True)
    tell(out, after=f"{out} is written, but ")
    return 0


def _nearest_file(wanted: Path) -> str:
    beside = [one.name for one in wanted.parent.iterdir() if one.is_file()] if wanted.parent.is_dir() else []
    return did_you_mean(wanted.name, beside)


def simulate(customers: int, seed: int, out: Path) -> int:
    """Write a synthetic shop; prints the path of its configuration."""
    terminate_like_ctrl_c()
    from customer_data.synthetic_shop import simulate as simulate_shop

    try:
        simulate_shop(out, customers=customers, seed=seed)
    except OSError as error:
        raise ConfigurationError(f"--out: cannot write in {out} ({error.strerror or error}).") from error
    tell(out / "pathworth.toml", after=f"The shop is written into {out}, but ")
    return 0


def config_show(file: Path, flags: Mapping[str, str], *, with_origin: bool) -> int:
    """Print the values in force as TOML."""
    configuration = read_configuration(file, flags=flags)
    tell("\n\n".join(_section_lines(configuration, with_origin=with_origin)))
    return 0


def _section_lines(configuration: Configuration, *, with_origin: bool) -> Iterator[str]:
    blocks: list[tuple[str, KeyPath, BaseModel]] = []
    for name, section in configuration.settings:
        if isinstance(section, tuple) and len(section) > 1:
            blocks += [(f"[[{name}]]", (name, number), block) for number, block in enumerate(section)]
        elif section:
            blocks.append((f"[{name}]", (name,), section[0] if isinstance(section, tuple) else section))
    for header, path, block in blocks:
        lines = [header]
        for key, value in block.model_dump(mode="json").items():
            origin = _origin(configuration, (*path, key))
            comment = f"  # {origin}" if with_origin else ""
            absent = value is None or value in ([], {})
            if not absent or with_origin:
                lines.append(f"# {key} is not set" if absent else f"{key} = {toml_value(value)}{comment}")
        yield "\n".join(lines)


def _origin(configuration: Configuration, key: KeyPath) -> str:
    """Where a value comes from; of a table of columns, where it begins."""
    inner = [origin for path, origin in configuration.origins.items() if path[: len(key)] == key]
    return inner[0] if inner else "default"


def toml_value(value: Any) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, Mapping):
        pairs = (f"{_toml_key(name)} = {toml_value(inner)}" for name, inner in value.items() if inner is not None)
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(inner) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _toml_key(name: str) -> str:
    bare = name.replace("_", "").replace("-", "")
    return name if bare.isalnum() and bare.isascii() else json.dumps(name, ensure_ascii=False)


def _counts_text(counts: pd.DataFrame) -> str:
    import pandas

    lines = [f"{'source':<16}{'rows':>14}  {'amount':>18}  reason"]
    for row in counts.to_dict(orient="records"):
        amount = "" if pandas.isna(row["amount"]) else f"{row['amount']:,.2f}"
        lines.append(f"{row['source']:<16}{row['rows']:>14,}  {amount:>18}  {row['reason']}")
    return "\n".join(lines)


def _sample_text(sample: pd.DataFrame) -> str:
    lines = []
    for row in sample.groupby(["source", "reason"], sort=False).head(2).head(SHOWN_ROWS).to_dict(orient="records"):
        record = str(row["record"])
        shown = record if len(record) <= _WIDEST_RECORD else f"{record[: _WIDEST_RECORD - 1]}…"
        lines.append(f"  {row['file'] or row['source']}, row {row['row']:,}: {row['reason']}\n    {shown}")
    return "\n".join(lines)


def _write(out: Path, text: str) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--out: cannot write {out} ({error.strerror or error}).") from error


@contextmanager
def _located(configuration: Configuration) -> Iterator[None]:
    """Put the place in the configuration before messages about its keys."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(configuration.located(str(error))) from error
    except InputError as error:
        raise InputError([configuration.located(problem) for problem in error.problems]) from error
    except Exception as error:
        limit = configuration.settings.engine.memory_limit
        if limit is None or type(error).__name__ != "OutOfMemoryException":
            raise
        said = f"engine.memory_limit: {limit} is too little for these data ({str(error).splitlines()[0]}). State more."
        raise ConfigurationError(configuration.located(said)) from error
