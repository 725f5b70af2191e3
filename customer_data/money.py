"""Money inside the engine: whole numbers of 1/10,000 of the report currency.

Sums of whole numbers are exact and do not depend on the order of the rows; amounts are divided only when they leave
the engine.
"""

SCALE = 10_000
"""Units per one unit of currency."""


def to_units(amount: float) -> int:
    """Return an amount of currency in units of 1/10,000, rounded to the nearest."""
    return round(amount * SCALE)


def from_units(units: int) -> float:
    """Return units of 1/10,000 as an amount of currency."""
    return units / SCALE


def amount_text(units: int, currency: str | None = None) -> str:
    """Return an amount as text for messages, as in ``1,234.50 EUR``; exact to two decimals, more only where needed."""
    whole, rest = divmod(abs(units), SCALE)
    decimals = f"{rest:04d}".rstrip("0").ljust(2, "0")
    sign = "-" if units < 0 else ""
    return f"{sign}{whole:,}.{decimals}" + (f" {currency}" if currency else "")
