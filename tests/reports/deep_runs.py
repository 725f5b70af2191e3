"""Runs on small files of paths with all that lies behind the credit."""

from dataclasses import replace
from pathlib import Path

from reports.configuration.reading import Configuration, read_configuration
from reports.results.channel_depth import channel_depth, order_choice
from reports.results.channels import channel_results, paths_of_file
from reports.results.run_results import RunResults

# From a, most journeys convert when b came before and none when c did: the last channel alone does not tell.
MEMORY = (
    "path,conversions,nulls,value\nb > a,9000,1000,90000\nc > a,500,9500,5000\na,4000,6000,40000\nb,3000,7000,30000\n"
    "c,500,9500,5000\n"
)


def configured(tmp_path: Path, text: str = MEMORY, **keys: str) -> Configuration:
    (tmp_path / "paths.csv").write_text(text)
    names = [
        name for name in ("path", "conversions", "nulls", "value", "value_squares") if name in text.splitlines()[0]
    ]
    columns = "".join(f"{name} = '{name}'\n" for name in names)
    wanted = "".join(f"{key} = {value}\n" for key, value in keys.items())
    (tmp_path / "p.toml").write_text(f"[paths]\nfile = 'paths.csv'\n[paths.columns]\n{columns}[attribution]\n{wanted}")
    return read_configuration(tmp_path / "p.toml", environment={})


def changed(configuration: Configuration, **options: object) -> Configuration:
    settings = configuration.settings
    wanted = settings.attribution.model_copy(update=options)
    return replace(configuration, settings=settings.model_copy(update={"attribution": wanted}))


def deep_run(configuration: Configuration) -> RunResults:
    paths = paths_of_file(configuration)
    choice = order_choice(paths, configuration, None)
    found = channel_results(paths, configuration, None, order=choice.order)
    depth = channel_depth(paths, configuration, choice, None)
    return RunResults(title="Deep", attribution=replace(found, why_not_chosen=choice.why_not_chosen, depth=depth))
