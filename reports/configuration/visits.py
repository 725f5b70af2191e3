"""Files of visits and events: which rows are touches, of which channel, and which are orders."""

from __future__ import annotations

from dataclasses import dataclass

from customer_data.file_heads import Head
from customer_data.sql_text import literal
from reports.configuration.column_names import ColumnNames, plain
from reports.configuration.toml_text import toml_text

_GROUPS = (
    "channel", "channel_group", "channel_grouping", "session_default_channel_group",
    "session_default_channel_grouping",
    "session_traffic_source_last_click_cross_channel_campaign_default_channel_group",
    "session_primary_channel_group", "default_channel_group", "default_channel_grouping",
)  # fmt: skip
_LAST_CLICK = "session_traffic_source_last_click"
_GOOGLE_PAIRS = (
    (f"{_LAST_CLICK}_cross_channel_campaign_source", f"{_LAST_CLICK}_cross_channel_campaign_medium"),
    (f"{_LAST_CLICK}_manual_campaign_source", f"{_LAST_CLICK}_manual_campaign_medium"),
    ("session_source", "session_medium"),
    ("collected_traffic_source_manual_source", "collected_traffic_source_manual_medium"),
    ("manual_source", "manual_medium"),
)
_JOINED = ("session_source_medium", "session_manual_source_medium", "source_medium")
_PAIRS = (
    ("utm_source", "utm_medium"), ("mkt_source", "mkt_medium"),
    ("context_campaign_source", "context_campaign_medium"), ("source", "medium"),
)  # fmt: skip
_ALONE = ("utm_source", "mkt_source", "referrer_type_name", "referrer_type", "referer_type", "source")
_FIRST_VISIT = (("traffic_source_source", "traffic_source_medium"), ("first_user_source", "first_user_medium"))
_FIRST_VISIT_ALONE = ("first_user_default_channel_group", "first_user_source_medium")
EVENTS = ("event_name", "event_type", "event")
_STARTS = ("session_start", "session_started", "start_session", "visit")
_PURCHASES = (
    "purchase", "ecommerce_purchase", "order_completed", "completed_order", "order_placed", "placed_order",
    "checkout_completed", "transaction",
)  # fmt: skip


@dataclass(frozen=True)
class Channel:
    """The channel of a touch: a column, or SQL of it, and what to say of that.

    ``source`` is the column of the source where an event may name none, ``named`` SQL of whether it names one;
    ``or_direct`` tells that one without a source came directly.
    """

    column: str | None = None
    sql: str | None = None
    note: str | None = None
    source: str | None = None
    named: str | None = None
    or_direct: bool = False


@dataclass(frozen=True)
class Events:
    """Which rows of a file of events are touches and which are purchases, as SQL, and what to say of that.

    ``touches`` and ``purchases`` are None where nothing tells; ``by_visit`` where touches of one visit are one;
    ``bought`` are the positions of purchases among the first rows.
    """

    touches: str | None
    purchases: str | None
    note: str
    by_visit: bool = False
    bought: tuple[int, ...] = ()


def touch_channel(names: ColumnNames, head: Head) -> Channel | None:
    """Where the channel of a touch stands; None where no column seems to hold it.

    A default channel group before source and medium, those of the visit before those of the user's first visit.
    """
    if (group := names.named(*_GROUPS)) is not None:
        return Channel(group)
    for source, medium in _GOOGLE_PAIRS:
        if source in names and medium in names:
            return _google_pair(names, head, names.named(source) or "", names.named(medium) or "")
    if (joined := names.named(*_JOINED)) is not None:
        return Channel(joined)
    for source, medium in _PAIRS:
        if source in names and medium in names:
            both = [names.named(one) or "" for one in (source, medium)]
            return Channel(
                sql=f"concat_ws(' / ', {', '.join(map(head.text_sql, both))})",
                source=both[0],
                named=f"{head.sql(both[0])} IS NOT NULL",
                note="rows that name neither source nor medium have no channel; to count them, name it: "
                'missing_channel = "(direct) / (none)"',
            )
    if (alone := names.named(*_ALONE)) is not None and "financial_status" not in names:
        return Channel(alone)
    first = (
        "the source of the user's first visit, the same for all of its visits: it cannot tell how later visits came. "
        "Export collected_traffic_source or session_traffic_source_last_click for these"
    )
    for source, medium in _FIRST_VISIT:
        if source in names and medium in names:
            one = _google_pair(names, head, names.named(source) or "", names.named(medium) or "")
            return Channel(sql=one.sql, note=first)
    alone = names.named(*_FIRST_VISIT_ALONE)
    return None if alone is None else Channel(alone, note=first)


def _google_pair(names: ColumnNames, head: Head, source: str, medium: str) -> Channel:
    """Source and medium as GA4 shows them; its exports leave both empty where a visit came directly."""
    both = f"coalesce({head.text_sql(source)}, '(direct)') || ' / ' || coalesce({head.text_sql(medium)}, '(none)')"
    named = f"{head.sql(source)} IS NOT NULL"
    click = names.named("collected_traffic_source_gclid", "gclid")
    if click is not None and plain(source).endswith("manual_source"):
        # A click on an ad of Google's that only its click id marks has neither source nor medium.
        clicked = f"{head.sql(click)} IS NOT NULL"
        both = f"CASE WHEN {head.sql(source)} IS NULL AND {clicked} THEN 'google / cpc' ELSE {both} END"
        named = f"({named} OR {clicked})"
    return Channel(sql=both, source=source, named=named, or_direct=True)


def events_of(names: ColumnNames, head: Head, channel: Channel | None) -> Events | None:
    """Which rows of a file of events are touches and which purchases; None where no column names the event."""
    column = names.named(*EVENTS)
    if column is None:
        return None
    seen = list(dict.fromkeys(head.texts(column)))
    starts = [one for one in seen if plain(one) in _STARTS]
    purchases = [one for one in seen if plain(one) in _PURCHASES]
    if not purchases and {"event_name", "event_timestamp"} <= {plain(name) for name in head.names}:
        purchases = ["purchase"]  # the name that GA4 gives it
    bought = _any_of(head, column, purchases) if purchases else None
    rows = tuple(row for row, event in enumerate(head.column(column)) if event in purchases)
    if starts and (channel is None or not _without_source(head, column, starts[0], channel)):
        return Events(_any_of(head, column, starts[:1]), bought, "a touch is a visit, where it starts", bought=rows)
    if bought is None:
        test = toml_text(_any_of(head, column, seen[:8]))
        return Events(None, None, f"each event is a touch; where only some are, say which: filter = {test}")
    test = f"{head.sql(column)} NOT IN ({', '.join(map(literal, purchases))})"
    if channel is not None and channel.named is not None and (starts or not channel.or_direct):
        test = f"{test} AND {channel.named}"
        since = f", since {starts[0]} names none here" if starts else ""
        note = (
            f"a touch is an event that names a source{since}; those of a visit count as one (attribution.grain = "
            '"session"); visits that came directly have none'
        )
    else:
        note = 'each other event is a touch, those of a visit count as one (attribution.grain = "session")'
    return Events(test, bought, note, by_visit=True, bought=rows)


def _without_source(head: Head, column: str, start: str, channel: Channel) -> bool:
    """Whether the starts of visits name no source while other events do."""
    if channel.source is None:
        return False
    rows = list(zip(head.column(column), head.column(channel.source), strict=True))
    return not any(named for event, named in rows if event == start) and any(named for _, named in rows)


def _any_of(head: Head, column: str, values: list[str]) -> str:
    if len(values) == 1:
        return f"{head.sql(column)} = {literal(values[0])}"
    return f"{head.sql(column)} IN ({', '.join(map(literal, values))})"
