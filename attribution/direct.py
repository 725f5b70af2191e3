"""Which channels are direct: visits without a known source, which one rule and one path transform pass over.

A name means every channel of that name, whatever its capitals and the blanks around it. The usual names of such visits,
``direct``, ``(direct)`` and GA4's ``(direct) / (none)``, mean each other as well.
"""

import warnings
from collections.abc import Sequence

from customer_data.nearest import did_you_mean

_USUAL = ("direct", "directnone")


def direct_codes(channels: Sequence[str], direct: str | Sequence[str]) -> list[int]:
    """Positions of the direct channels, ascending.

    Parameters
    ----------
    channels
        Names.
    direct
        A name of direct visits, or several.
    """
    names = names_of_direct(direct)
    plain = {_plain(name) for name in names}
    is_usual = any(is_usual_direct(name) for name in names)
    return [
        code
        for code, channel in enumerate(channels)
        if _plain(channel) in plain or (is_usual and is_usual_direct(channel))
    ]


def names_of_direct(direct: str | Sequence[str]) -> tuple[str, ...]:
    """One name or several as several."""
    return (direct,) if isinstance(direct, str) else tuple(direct)


def is_usual_direct(channel: str) -> bool:
    """Whether this is one of the usual names, in capitals or not."""
    return "".join(sign for sign in channel.casefold() if sign.isalnum()) in _USUAL


def warn_of_missing_direct(channels: Sequence[str], direct: str | Sequence[str], *, where: str) -> None:
    """Warn of names that no channel has. Of the usual ones nothing is said: there may be no direct visits."""
    for name in names_of_direct(direct):
        if channels and not is_usual_direct(name) and not direct_codes(channels, name):
            hint = did_you_mean(name, channels) or f" There are {', '.join(channels[:20])}."
            message = f"{where}: direct: there is no channel {name!r}, so nothing is passed over for it.{hint}"
            warnings.warn(message, UserWarning, stacklevel=4)


def _plain(name: str) -> str:
    return name.strip().casefold()
