"""From files that were looked at to one configuration: which fills which section, and what they settle together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from customer_data.sql_text import literal
from reports.configuration.column_names import SYNONYMS, ColumnNames, plain
from reports.configuration.customers_alike import with_customers_alike
from reports.configuration.recognition import Recognised

_CHANNELS_OF_ADS = {
    "google": r"google ?/ ?(cpc|ppc|paid.*)|paid[ _]search|google[ _-]?ads|adwords",
    "meta": r"(facebook|fb|meta|instagram|ig)(\.com)? ?/ ?(cpc|cpm|ppc|paid.*)|paid[ _]social|(facebook|meta)[ _-]?ads",
}
"""What touches call the channel of an ad platform."""


@dataclass(frozen=True)
class Draft:
    """What fills each section of data, block by block; files that fill none; keys that the files decide, by section.

    ``notes`` are lines above the keys of a section.
    """

    sections: Mapping[str, tuple[Recognised, ...]]
    unused: Sequence[str] = ()
    keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def draft(found: Sequence[Recognised]) -> Draft:
    """Choose the files of each section, and settle what depends on several: customers, channels of ads, currencies.

    Files of one layout are read together, further ones of spend by blocks of their own. Of touches and orders another
    file may hold the same again, so it is left to the user. Orders of a file of their own come before those of a file
    of events.
    """
    sections: dict[str, tuple[Recognised, ...]] = {}
    unused = []
    for one in sorted(found, key=lambda one: one.section == "orders" and one.beside):
        blocks = sections.get(one.section or "", ())
        alike = next((place for place, block in enumerate(blocks) if _alike(block, one)), None)
        if one.section is None or (blocks and one.beside):
            unused.append(f"Not used: {one.file.name}, {one.says}")
        elif alike is not None:
            joined = replace(blocks[alike], further_files=(*blocks[alike].further_files, one.file))
            sections[one.section] = (*blocks[:alike], joined, *blocks[alike + 1 :])
        elif not blocks or one.section == "spend":
            sections[one.section] = (*blocks, one)
        else:
            unused.append(
                f"NOT USED: {one.file.name}, {one.says}\nWhere it has further {one.section}, and not those of "
                f"{blocks[0].file.name} again, give each file a block [[{one.section}]]"
            )
    if "orders" in sections:
        sections["orders"] = (_each_order_once(sections["orders"][0]),)
    sections |= {name: (one,) for name, one in _settled_customers(sections).items()}
    touches = sections.get("touchpoints", (None,))[0]
    if "spend" in sections:
        sections["spend"] = tuple(_with_channel_of_ads(one, touches) for one in sections["spend"])
    keys: dict[str, dict[str, str]] = {}
    if touches is not None and touches.by_visit:
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


def _alike(one: Recognised, other: Recognised) -> bool:
    """Whether two files are laid out alike, so that one mapping reads both."""
    same = (one.columns, one.computed, one.options) == (other.columns, other.computed, other.options)
    return same and one.section != "paths" and one.file != other.file


def _each_order_once(orders: Recognised) -> Recognised:
    """Orders of several files, of which one may be in two, are read once where no order has two rows in a file."""
    column = orders.columns.get("order_id")
    numbers = [] if column is None else orders.head.texts(column)
    is_read_by_first_lines = "product" not in orders.columns and "IS NOT NULL" in orders.options.get("filter", "")
    if not orders.further_files or not (is_read_by_first_lines or (numbers and len(numbers) == len({*numbers}))):
        return orders
    return replace(orders, options={**orders.options, "duplicates": "drop"})


def _settled_customers(sections: Mapping[str, tuple[Recognised, ...]]) -> dict[str, Recognised]:
    single = {name: sections[name][0] for name in ("touchpoints", "orders") if name in sections}
    return with_customers_alike(single)


def _with_channel_of_ads(spend: Recognised, touches: Recognised | None) -> Recognised:
    """The report of an ad platform that names campaigns alone, with its channel where touches know one such channel."""
    names = ColumnNames(spend.theirs)
    platform = None
    if names.named("amount_spent", "reporting_starts", "ausgegebener_betrag") is not None:
        platform = "meta"
    elif "impr" in names or "campaign_type" in names or names.named("currency_code", "währungscode") is not None:
        platform = "google"
    if touches is None or "channel" not in spend.missing:
        return spend
    campaign = names.named(*SYNONYMS["campaign"])
    if campaign is not None and {*spend.head.texts(campaign)} & {*_channels(touches)}:
        return replace(spend, columns={**spend.columns, "channel": campaign})
    if platform is None:
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


def _currencies(sections: Mapping[str, tuple[Recognised, ...]]) -> dict[str, list[str]]:
    """The currencies that rows and names of columns tell, with their files; the most common of orders first."""
    found: dict[str, list[str]] = {}
    for one in (block for name in ("orders", "refunds", "spend") for block in sections.get(name, ())):
        column, stated = one.columns.get("currency"), one.computed.get("currency")
        codes = [text.upper() for text in one.head.texts(column)] if column is not None else []
        for code, _ in Counter([stated.strip("'")] if stated is not None else codes).most_common():
            found.setdefault(code, []).append(one.file.name)
    return found
