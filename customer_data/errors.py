"""The exceptions of pathworth: one tree, each also a built-in exception.

The command line turns each branch into one exit code (see the README).
"""

from collections.abc import Sequence


class PathworthError(Exception):
    """Anything that pathworth raises on purpose."""


class ConfigurationError(PathworthError, ValueError):
    """The configuration or an argument is wrong; nothing was read yet."""


class InputError(PathworthError, ValueError):
    """The input cannot be used. ``problems`` lists every problem found, one sentence each."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class ModelError(PathworthError, RuntimeError):
    """A model cannot be fitted to this data, or its fit failed its own checks."""


class NotHeldOutError(ModelError):
    """No journeys of this data can be held out to choose the order of the chain by; ``why`` is the reason, a clause."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"order of the chain: held-out data cannot choose it, because {why}. State the order yourself."
        )
