"""Times of UTC in exports that do not write so behind each time."""

from __future__ import annotations

import re

from customer_data.file_heads import Head
from reports.configuration.column_names import plain, says_utc

_WITH_ZONE = re.compile(r".*\d{2}:\d{2}.*?( ?([Zz]|UTC|GMT)| ?[+-]\d{2}:?(\d{2})?)")
_ALWAYS_UTC = {"event_time": ("amplitude_id", "server_upload_time"), "derived_tstamp": ("domain_userid",)}
"""Columns that are in UTC where one of the others is there: the exports of Amplitude and Snowplow."""


def is_utc(column: str, head: Head) -> bool:
    """Whether times of a column are of UTC and do not say so themselves.

    Days without a time are left alone: they are days of UTC, and no zone turns them into others.
    """
    others = _ALWAYS_UTC.get(plain(column), ())
    texts = head.texts(column)
    if not says_utc(column) and not {plain(name) for name in head.names} & {*others}:
        return False
    return bool(texts) and all(":" in text for text in texts) and not all(_WITH_ZONE.fullmatch(text) for text in texts)
