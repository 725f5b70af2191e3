"""The engine: DuckDB in the same process, with limits that the user can state."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from customer_data.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Engine:
    """Options of the engine.

    Parameters
    ----------
    memory_limit : str, optional
        Most memory the engine takes before it spills to disk, as in ``"4GB"`` or ``"512MiB"``; by default 80 % of
        the machine's.
    threads : int, optional
        Threads of the engine; by default one per core. Answers do not depend on it.
    spill_folder : Path, optional
        Where the engine writes what does not fit; by default ``.tmp`` in the working folder, made only when needed.
    timezone : str
        The zone in which naive times are read and days begin (an IANA name); the engine itself always runs in UTC.
    """

    memory_limit: str | None = None
    threads: int | None = None
    spill_folder: Path | None = None
    timezone: str = "UTC"

    def connect(self) -> "duckdb.DuckDBPyConnection":
        """Open a database in memory.

        Extensions are never downloaded nor loaded by themselves; only those inside DuckDB's own wheel are there.

        Raises
        ------
        ConfigurationError
            If an option is not one that the engine understands; all of them at once.
        """
        import duckdb

        connection = duckdb.connect(":memory:")
        options: list[tuple[str, object, str]] = [
            ("autoinstall_known_extensions", False, ""),
            ("autoload_known_extensions", False, ""),
            ("preserve_insertion_order", False, ""),
            ("enable_progress_bar", False, ""),
            ("TimeZone", "UTC", ""),
        ]
        if self.memory_limit is not None:
            options.append(("memory_limit", self.memory_limit, 'Write a number and a unit, as in "4GB".'))
        if self.threads is not None:
            options.append(("threads", self.threads, "Write a whole number of 1 or more."))
        if self.spill_folder is not None:
            options.append(("temp_directory", str(self.spill_folder), "Name a folder that can be written."))
        problems = []
        for name, value, remedy in options:
            text = str(value).lower() if isinstance(value, bool) else "'" + str(value).replace("'", "''") + "'"
            try:
                connection.execute(f"SET {name} = {text}")
            except duckdb.Error as error:
                problems.append(f"engine.{name}: {value!r} is not accepted ({str(error).splitlines()[0]}). {remedy}")
        if self.spill_folder is not None and (wrong := _folder_problem(self.spill_folder)):
            problems.append(f"engine.spill_folder: {wrong}. Name a folder that can be written.")
        problems += timezone_problems(connection, self.timezone)
        if problems:
            connection.close()
            raise ConfigurationError("\n".join(problems))
        return connection


def _folder_problem(folder: Path) -> str:
    """Say why a folder cannot be made or written in, or nothing; one that had to be made to tell is taken away."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        return f"{str(folder)!r} cannot be written in ({error.strerror or error})"
    finally:
        for one in made:
            with suppress(OSError):
                one.rmdir()
    return ""


def timezone_problems(connection: "duckdb.DuckDBPyConnection", timezone: str) -> list[str]:
    """Return one sentence if the engine does not know this zone, with the nearest names, else an empty list."""
    known = {str(name) for (name,) in connection.execute("SELECT name FROM pg_timezone_names()").fetchall()}
    if timezone in known:
        return []
    import difflib

    by_fold = {name.casefold(): name for name in known}
    close = [by_fold[name] for name in difflib.get_close_matches(timezone.casefold(), sorted(by_fold), n=3)]
    hint = f"Did you mean {' or '.join(repr(name) for name in close)}?" if close else 'Name one as in "Europe/Berlin".'
    return [f"timezone: {timezone!r} is not the name of a time zone. {hint}"]
