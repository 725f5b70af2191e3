"""Times of UTC in exports that do not write so behind each time."""

from __future__ import annotations

import re

from customer_data.file_heads import Head
from customer_data.sql_text import literal
from customer_data.written_forms import guessed_time_format
from reports.configuration.column_names import plain, says_utc

_WITH_ZONE = re.compile(r".*\d{2}:\d{2}.*?( ?([Zz]|UTC|GMT)| ?[+-]\d{2}:?(\d{2})?)")
_ALWAYS_UTC = {"event_time": ("amplitude_id", "server_upload_time"), "derived_tstamp": ("domain_userid",)}
"""Columns that are in UTC where one of the others is there: the exports of Amplitude and Snowplow."""


def utc_time(column: str, head: Head) -> str | None:
    """Return SQL of a column's times with their zone, where it is UTC and is not written; None elsewhere.

    Days without a time are left alone: they are days of UTC, and no zone turns them into others.
    """
    others = _ALWAYS_UTC.get(plain(column), ())
    texts = head.texts(column)
    if not says_utc(column) and not {plain(name) for name in head.names} & {*others}:
        return None
    if not texts or not all(":" in text for text in texts) or all(_WITH_ZONE.fullmatch(text) for text in texts):
        return None
    if (form := guessed_time_format(texts)) is not None:
        return f"strftime(try_strptime({head.text_sql(column)}, {literal(form)}), '%Y-%m-%d %H:%M:%SZ')"
    return f"{head.text_sql(column)} || 'Z'"
