"""From files that were looked at to one configuration: which fills which section, and what they settle together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from customer_data.sql_text import literal
from reports.configuration.column_names import ColumnNames, plain
from reports.configuration.customers_alike import with_customers_alike
from reports.configuration.recognition import Recognised

_CHANNELS_OF_ADS = {
    "google": r"google ?/ ?(cpc|ppc|paid.*)|paid[ _]search|google[ _-]?ads|adwords",
    "meta": r"(facebook|fb|meta|instagram|ig)(\.com)? ?/ ?(cpc|cpm|ppc|paid.*)|paid[ _]social|(facebook|meta)[ _-]?ads",
}
"""What touches call the channel of an ad platform."""


@dataclass(frozen=True)
class Draft:
    """What fills each section of data, files that fill none, and keys that the files decide, by section.

    ``notes`` are lines above the keys of a section.
    """

    sections: Mapping[str, Recognised]
    unused: Sequence[str] = ()
    keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def draft(found: Sequence[Recognised]) -> Draft:
    """Choose the file of each section, and settle what depends on several: customers, channels of ads, currencies.

    Orders of a file of their own come before those of a file of events.
    """
    sections: dict[str, Recognised] = {}
    unused = []
    for one in sorted(found, key=lambda one: one.section == "orders" and one.beside):
        if one.section is None or (one.section in sections and one.beside):
            unused.append(f"Not used: {one.file.name}, {one.says}")
        elif one.section in sections:
            first = sections[one.section].file.name
            unused.append(
                f"NOT USED: {one.file.name}, {one.says}\n[{one.section}] is read from {first} alone. Bring both "
                f"files to the same columns (for spend: day, channel, cost), then write "
                f'file = ["{first}", "{one.file.name}"]'
            )
        else:
            sections[one.section] = one
    sections = with_customers_alike(sections)
    if "spend" in sections:
        sections["spend"] = _with_channel_of_ads(sections["spend"], sections.get("touchpoints"))
    keys: dict[str, dict[str, str]] = {}
    if "touchpoints" in sections and sections["touchpoints"].by_visit:
        keys["attribution"] = {"grain": "session"}
    codes = _currencies(sections)
    notes: dict[str, list[str]] = {}
    if len(codes) > 1:
        own, *others = codes
        keys["report"] = {"currency": own}
        listed = "; ".join(f"{code}: {', '.join(where)}" for code, where in codes.items())
        rates = ", ".join(f"{code} = ..." for code in others)
        notes["report"] = [
            f"amounts are in several currencies ({listed}). To be filled in, what one of each other is worth in {own}:",
            f"currency_rates = {{ {rates} }}",
        ]
    return Draft(sections, unused, keys, notes)


def _with_channel_of_ads(spend: Recognised, touches: Recognised | None) -> Recognised:
    """The report of an ad platform that names campaigns alone, with its channel where touches know one such channel."""
    names = ColumnNames(spend.theirs)
    platform = None
    if "amount_spent" in names or "reporting_starts" in names:
        platform = "meta"
    elif "impr" in names or "campaign_type" in names or {"currency_code", "campaign"} <= {*map(plain, spend.theirs)}:
        platform = "google"
    if touches is None or platform is None or "channel" not in spend.missing:
        return spend
    known = [one for one in _channels(touches) if re.fullmatch(_CHANNELS_OF_ADS[platform], one, re.IGNORECASE)]
    if len(known) != 1:
        return spend
    note = f"channel: the name of all cost here, as [touchpoints] call it; {spend.file.name} names campaigns alone"
    return replace(spend, computed={**spend.computed, "channel": literal(known[0])}, notes=(*spend.notes, note))


def _channels(touches: Recognised) -> list[str]:
    """The channels of the first touches."""
    head = touches.head
    if "channel" in touches.columns:
        return list(dict.fromkeys(head.texts(touches.columns["channel"])))
    sql = touches.computed.get("channel", "")
    parts = [name for name in head.names if head.sql(name) in sql and plain(name).endswith(("source", "medium"))]
    if len(parts) != 2:
        return []
    rows = zip(*(head.column(name) for name in parts), strict=True)
    return list(dict.fromkeys(" / ".join(row) for row in rows if all(row)))


def _currencies(sections: Mapping[str, Recognised]) -> dict[str, list[str]]:
    """The currencies that rows and names of columns tell, with their sections; the most common of orders first."""
    found: dict[str, list[str]] = {}
    for name in ("orders", "refunds", "spend"):
        if (one := sections.get(name)) is None:
            continue
        column, stated = one.columns.get("currency"), one.computed.get("currency")
        codes = [text.upper() for text in one.head.texts(column)] if column is not None else []
        for code, _ in Counter([stated.strip("'")] if stated is not None else codes).most_common():
            found.setdefault(code, []).append(f"[{name}]")
    return found
