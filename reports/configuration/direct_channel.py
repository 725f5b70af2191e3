"""Which channel of the data is the direct one, that some models and one transform pass over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from attribution.direct import direct_codes
from customer_data.channel_names import quoted
from customer_data.nearest import nearest_names

if TYPE_CHECKING:
    from reports.configuration.reading import Configuration


def with_direct_channel(configuration: Configuration, channels: Sequence[str]) -> Configuration:
    """Return the configuration with the usual name where the data have none of the one given: that is told already."""
    settings = configuration.settings
    if not channels or direct_codes(channels, settings.attribution.direct):
        return configuration
    attribution = settings.attribution.model_copy(update={"direct": "direct"})
    return replace(configuration, settings=settings.model_copy(update={"attribution": attribution}))


def direct_warnings(configuration: Configuration, channels: Sequence[str]) -> list[str]:
    """Return what is to be told of the direct channel where something asked for passes over it.

    Where no channel looks like one and nobody named one, there are no direct visits, and nothing is told.
    """
    wanted = configuration.settings.attribution
    asked = "last_non_direct_click" in (*wanted.models, wanted.baseline, wanted.model)
    if not channels or not (asked or wanted.transform == "drop_direct_unless_alone"):
        return []
    if direct_codes(channels, wanted.direct):
        return []
    is_named = ("attribution", "direct") in configuration.origins
    near = [*nearest_names(wanted.direct, channels), *(name for name in channels if "direct" in name.casefold())]
    near += nearest_names("direct", channels)
    if not near and not is_named:
        return []
    effect = "last_non_direct_click credits as last_click does" if asked else "transform drops nothing"
    remedy = f" Did you mean direct = {quoted(near[0])}?" if near else f" There are: {', '.join(channels[:20])}."
    return [f"attribution.direct: there is no channel {quoted(wanted.direct)}, so {effect}.{remedy}"]
