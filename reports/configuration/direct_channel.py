"""Which channel of the data is the direct one, that some models and one transform pass over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from customer_data.channel_names import quoted
from customer_data.nearest import nearest_names

if TYPE_CHECKING:
    from reports.configuration.reading import Configuration

_DIRECT = ("direct", "directnone")
"""What is left of the usual names of visits without a known source, GA4's "(direct) / (none)" among them."""


def direct_channel(wanted: str, channels: Sequence[str]) -> str | None:
    """Return the channel meant: of this name, else but for capitals and blanks around it, else by another usual name
    where this is one; None if there is none."""
    plain = wanted.strip().casefold()
    usual = [name for name in channels if _bare(name) in _DIRECT] if _bare(wanted) in _DIRECT else []
    alike = [name for name in channels if name.strip().casefold() == plain]
    exact = [wanted] if wanted in channels else []
    return next(iter([*exact, *alike, *sorted(usual, key=_bare)]), None)


def with_direct_channel(configuration: Configuration, channels: Sequence[str]) -> Configuration:
    """Return the configuration with the direct channel under the name that the data give it, if they have it."""
    settings = configuration.settings
    found = direct_channel(settings.attribution.direct, channels)
    if found is None or found == settings.attribution.direct:
        return configuration
    attribution = settings.attribution.model_copy(update={"direct": found})
    return replace(configuration, settings=settings.model_copy(update={"attribution": attribution}))


def direct_warnings(configuration: Configuration, channels: Sequence[str]) -> list[str]:
    """Return what is to be told of the direct channel where something asked for passes over it.

    Where no channel looks like one and nobody named one, there are no direct visits, and nothing is told.
    """
    wanted = configuration.settings.attribution
    asked = "last_non_direct_click" in (*wanted.models, wanted.baseline, wanted.model)
    if not channels or not (asked or wanted.transform == "drop_direct_unless_alone"):
        return []
    found = direct_channel(wanted.direct, channels)
    if found is None:
        is_named = ("attribution", "direct") in configuration.origins
        near = [*nearest_names(wanted.direct, channels), *(name for name in channels if "direct" in _bare(name))]
        near += nearest_names("direct", channels)
        if not near and not is_named:
            return []
        effect = "last_non_direct_click credits as last_click does" if asked else "transform drops nothing"
        remedy = f" Did you mean direct = {quoted(near[0])}?" if near else f" There are: {', '.join(channels[:20])}."
        return [f"attribution.direct: there is no channel {quoted(wanted.direct)}, so {effect}.{remedy}"]
    others = [name for name in channels if name != found and _bare(name) in _DIRECT and _bare(found) in _DIRECT]
    if not others:
        return []
    return [
        f"attribution.direct: {quoted(found)} is passed over, {quoted(others[0])} is not. To count them together, say "
        f"rename_channels = {{ {quoted(others[0])} = {quoted(found)} }}."
    ]


def _bare(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())
