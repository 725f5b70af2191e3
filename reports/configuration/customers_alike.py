"""Which columns name the customers of touches and of orders, where files have several: those that hold the same."""

from __future__ import annotations

from dataclasses import replace

from reports.configuration.column_names import ColumnNames
from reports.configuration.recognition import Recognised
from reports.configuration.toml_text import toml_sql


def with_customers_alike(sections: dict[str, Recognised]) -> dict[str, Recognised]:
    """Return the sections with customers of touches and orders that can meet, as far as first rows tell."""
    touches, orders = sections.get("touchpoints"), sections.get("orders")
    if touches is None:
        return sections
    if orders is not None and orders.file == touches.file:
        return sections | {one.section or "": _of_one_export(one) for one in (touches, orders)}
    touches = _with_browsers(touches)
    sections = sections | {"touchpoints": touches}
    wanted = _holds_addresses(touches, touches.columns.get("customer_id") or _own_and_browser(touches)[0])
    if orders is None or wanted is None or "customer_id" not in orders.columns:
        return sections
    taken = orders.columns["customer_id"]
    if _holds_addresses(orders, taken) in (wanted, None):
        return sections
    kind = "e-mail addresses" if wanted else "no e-mail addresses"
    other = next((name for name in orders.customers if _holds_addresses(orders, name) is wanted), None)
    if other is None:
        note = f"customers of [touchpoints] are {kind}, unlike those of {taken}: no order will find its touches"
        return sections | {"orders": replace(orders, notes=(*orders.notes, note))}
    note = f"customer_id is {other} and not {taken}: those of [touchpoints] are {kind}, too"
    columns = {**orders.columns, "customer_id": other}
    return sections | {"orders": replace(orders, columns=columns, notes=(*orders.notes, note))}


def _own_and_browser(one: Recognised) -> tuple[str | None, str | None]:
    """The two columns that GA4, Segment and Amplitude have: the user who logged in, and the browser."""
    names = ColumnNames(one.theirs)
    return names.named("user_id"), names.named("user_pseudo_id", "anonymous_id", "amplitude_id")


def _of_one_export(one: Recognised) -> Recognised:
    """Touches or orders of a file that has both: the browser where not every row knows the user."""
    own, browser = _own_and_browser(one)
    if own is None or browser is None or one.columns.get("customer_id") != own or all(one.head.column(own)):
        return one
    both = toml_sql(f"coalesce({one.head.sql(own)}, {one.head.sql(browser)})")
    note = (
        f"{own} is not on all rows; where customers log in before they come by other ways, in both sections: "
        f"customer_id = {both}"
    )
    return replace(one, columns={**one.columns, "customer_id": browser}, notes=(*one.notes, note))


def _with_browsers(touches: Recognised) -> Recognised:
    """Touches for orders of another file, which knows users alone: the browser where the user is blank."""
    own, browser = _own_and_browser(touches)
    if own is None or browser is None or touches.columns.get("customer_id") != own or all(touches.head.column(own)):
        return touches
    columns = {ours: name for ours, name in touches.columns.items() if ours != "customer_id"}
    both = f"coalesce({touches.head.sql(own)}, {touches.head.sql(browser)})"
    note = f"a customer is the {own}, as orders name it, and without one the {browser}, which no order names"
    return replace(
        touches, columns=columns, computed={**touches.computed, "customer_id": both}, notes=(*touches.notes, note)
    )


def _holds_addresses(one: Recognised, column: str | None) -> bool | None:
    """Whether a column holds e-mail addresses; None where no row tells."""
    texts = [] if column is None or column not in one.theirs else one.head.texts(column)
    return None if not texts else sum("@" in text for text in texts) * 2 > len(texts)
