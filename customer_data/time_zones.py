"""Clocks of a zone to UTC in SQL, by a few comparisons a row where the engine would look each row up.

A time that the clocks skip is taken by the clocks before the change, one that occurs twice by those after it. That is
what the engine does, and when the clocks of a zone change is asked of the engine itself.
"""

from functools import cache

from customer_data.sql_text import literal

_MINUTE_US, _DAY_US = 60_000_000, 86_400_000_000
FIRST_US, LAST_US = 946_684_800_000_000, 2_208_988_800_000_000  # 2000-01-01 and 2040-01-01; outside all are looked up


def utc_of(clock_us: str, timezone: str) -> str:
    """SQL of the microseconds UTC of what the clocks of a zone show, in microseconds; the SQL of these stands there
    several times, so it must be cheap, as a column is."""
    if timezone == "UTC":
        return clock_us
    shift = _shift_in(clock_us, clock_changes(timezone))
    return (
        f"CASE WHEN {clock_us} >= {FIRST_US} AND {clock_us} < {LAST_US} THEN {clock_us} + {shift} "
        f"ELSE {looked_up(clock_us, timezone)} END"
    )


def looked_up(clock_us: str, timezone: str) -> str:
    """The same in one look-up a row."""
    return f"epoch_us(timezone({literal(timezone)}, make_timestamp({clock_us})))"


def clock_of(time_us: str, timezone: str) -> str:
    """SQL of what the clocks of a zone show at a UTC time, both in microseconds, by one look-up a row."""
    return time_us if timezone == "UTC" else f"epoch_us(timezone({literal(timezone)}, make_timestamptz({time_us})))"


@cache
def clock_changes(timezone: str) -> tuple[tuple[int, int], ...]:
    """From what time of its clocks on a zone is how many microseconds behind UTC, ascending.

    Days are compared, then quarters of an hour of the days that differ, then minutes: no clock changes within one.
    """
    import duckdb

    shift = f"{looked_up('clock', timezone)} - clock AS shift"
    steps = [
        f"days AS (SELECT clock, {shift} FROM (SELECT unnest(range({FIRST_US}, {LAST_US + 1}, {_DAY_US})) AS clock))"
    ]
    for coarse, fine, coarse_us, fine_us in (
        ("days", "quarters", _DAY_US, 15 * _MINUTE_US),
        ("quarters", "minutes", 15 * _MINUTE_US, _MINUTE_US),
    ):
        steps += [
            f"changed_{coarse} AS (SELECT clock FROM {coarse} QUALIFY shift <> lag(shift) OVER (ORDER BY clock))",
            f"{fine} AS (SELECT clock, {shift} FROM (SELECT DISTINCT unnest(range(clock - {coarse_us}, clock + 1, "
            f"{fine_us})) AS clock FROM changed_{coarse}))",
        ]
    names = ("autoinstall_known_extensions", "autoload_known_extensions")
    with duckdb.connect(":memory:", config=dict.fromkeys(names, "false")) as connection:
        return tuple(
            connection.execute(
                f"""
                WITH {", ".join(steps)}
                SELECT clock, shift FROM days WHERE clock = {FIRST_US}
                UNION ALL
                SELECT * FROM (SELECT clock, shift FROM minutes QUALIFY shift <> lag(shift) OVER (ORDER BY clock))
                ORDER BY clock
                """
            ).fetchall()
        )


def _shift_in(clock_us: str, changes: tuple[tuple[int, int], ...]) -> str:
    """SQL that looks for the last change by halves."""
    if len(changes) == 1:
        return str(changes[0][1])
    half = len(changes) // 2
    earlier, later = _shift_in(clock_us, changes[:half]), _shift_in(clock_us, changes[half:])
    return f"CASE WHEN {clock_us} < {changes[half][0]} THEN {earlier} ELSE {later} END"
