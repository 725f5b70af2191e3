"""stdout, which holds results only, and stderr, whose loss must not cost a result."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

import click

from customer_data.errors import ConfigurationError


def open_closed_ones() -> None:
    """Let what is written to a stream that the caller closed go nowhere; Python has None in its place."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (it stays open)


def tell(text: object, *, after: str = "") -> None:
    """Print a result, or nothing more where the reader at the other end of a pipe has left.

    Raises
    ------
    ConfigurationError
        stdout cannot be written, as on a full disk; ``after`` says what has been done all the same.
    """
    try:
        click.echo(text)
    except BrokenPipeError:  # as in `pathworth check | head`: the reader has seen enough
        drain(sys.stdout)
    except OSError as error:
        drain(sys.stdout)
        raise ConfigurationError(f"{after}stdout cannot be written ({error.strerror or error}).") from error


def drain(stream: TextIO) -> None:
    """Let what waits in a stream that cannot be written, and all that follows, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)
