"""The command ``pathworth``: where it starts and how it ends.

Nothing is imported before `main` runs, so that Ctrl-C ends the command quietly from its first moment on.
"""

import sys


def main() -> None:
    """Run the command and leave with its exit code."""
    try:
        sys.exit(_run())
    except KeyboardInterrupt:  # while the modules of the command were being loaded, or while it was ending
        print("error: interrupted; nothing half-written was left behind.", file=sys.stderr)
        sys.exit(130)


def _run() -> int:
    from reports.command.definitions import pathworth
    from reports.command.errors import exit_code_of, package_problem
    from reports.command.streams import drain, open_closed_ones

    open_closed_ones()
    if problem := package_problem():
        print(f"error: {problem}", file=sys.stderr)
        return 2
    try:
        code = pathworth.main(prog_name="pathworth", standalone_mode=False)
    except BaseException as error:
        code = exit_code_of(error)
    try:
        sys.stderr.flush()
    except OSError:
        drain(sys.stderr)
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
