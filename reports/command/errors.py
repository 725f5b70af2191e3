"""From what went wrong to a message on stderr and an exit code."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import click

from reports.command.streams import drain

_LONGEST_LINE = 2_000  # a name in the data can be a whole file, read with the wrong encoding
PACKAGES = ("customer_data", "attribution", "clv", "reports")


def package_problem() -> str | None:
    """Say when our packages do not come from one parent folder: another distribution or a file of the same name is in
    the way, and would be run in place of ours.
    """
    homes: dict[str, Path | None] = {}
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        origin = spec.origin if spec is not None else None
        homes[name] = Path(origin).resolve() if origin else None
    ours = Path(__file__).resolve().parents[2]
    strangers = {name: home for name, home in homes.items() if home is None or home != ours / name / "__init__.py"}
    if not strangers:
        return None
    listed = "; ".join(f"{name} comes from {home or 'nowhere'}" for name, home in strangers.items())
    return (
        f"{listed}, but pathworth's packages are in {ours}. Rename or uninstall what is in the way, or install "
        "pathworth in an environment of its own."
    )


def exit_code_of(error: BaseException) -> int:
    """Say on stderr what went wrong, and return the exit code for it."""
    from customer_data.errors import ConfigurationError, InputError, ModelError, PathworthError

    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0 if error.code is None else 70
    if isinstance(error, click.ClickException):
        error.show()
        return 2
    if isinstance(error, KeyboardInterrupt | click.Abort) or type(error).__name__ == "InterruptException":
        _say("interrupted; nothing half-written was left behind.")
        return 130
    for kind, code in ((ConfigurationError, 2), (InputError, 3), (ModelError, 4)):
        if isinstance(error, kind):
            _say(str(error))
            return code
    if isinstance(error, PathworthError):
        _say(str(error))
        return 70
    if type(error).__name__ == "OutOfMemoryException":
        _say(
            f"the engine ran out of memory ({str(error).splitlines()[0]}). Give it more by engine.memory_limit, or a "
            "disk with room by engine.spill_folder."
        )
        return 70
    import traceback

    traceback.print_exception(error)
    _say("this is a fault in pathworth. Please report it with the lines above.")
    return 70


def _say(text: str) -> None:
    for line in text.splitlines():
        cut = f"{line[:_LONGEST_LINE]}…" if len(line) > _LONGEST_LINE else line
        try:
            click.echo(f"error: {cut}", err=True)
        except OSError:
            drain(sys.stderr)
