"""How times and numbers seem to be written, by some of their texts: for remedies, and for a first configuration."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

_EPOCHS = {10: "epoch_s", 13: "epoch_ms", 16: "epoch_us"}
_COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_DAY = re.compile(
    r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?:(,? |T)(\d{1,2}:\d{2})(:\d{2})?( ?)([AaPp][Mm])?)?", re.ASCII
)
_BARE_NUMBER = re.compile(r"[+-]?[\d.,\s']*\d[\d.,\s']*", re.ASCII)
_COMMA_MARK = re.compile(r"(\d{1,3}([. ]\d{3})+|\d+),\d{1,2}|\d{1,3}([. ]\d{3})+,\d+|\d{1,3}(\.\d{3}){2,}")
_POINT_MARK = re.compile(r"(\d{1,3}([, ]\d{3})+|\d+)\.\d{1,2}|\d{1,3}([, ]\d{3})+\.\d+|\d{1,3}(,\d{3}){2,}")


def guessed_time_format(texts: Sequence[str]) -> str | None:
    """Return the time format that fits all of these texts, as `customer_data.sources.Source` takes it.

    None where none is known to fit, and where none is needed (ISO 8601). Of days and months that may be either, days
    come first.
    """
    given = [text.strip() for text in texts if text.strip()]
    if not given:
        return None
    lengths = {len(text.partition(".")[0]) for text in given}
    if len(lengths) == 1 and all(re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) for text in given):
        (length,) = lengths
        if length in _EPOCHS or any("." in text for text in given):
            return _EPOCHS.get(length)
        return _COMPACT.get(length) if all(text[:2] in ("19", "20") for text in given) else None
    found = [_DAY.fullmatch(text) for text in given]
    parts = [one for one in found if one is not None]
    if len(parts) < len(found):
        return None
    shapes = {(one[2], len(one[4]), one[5], one[7] is None, one[8], one[9] is None) for one in parts}
    if len(shapes) > 1:
        return None
    month_first = any(int(one[3]) > 12 for one in parts)
    if month_first and any(int(one[1]) > 12 for one in parts):
        return None
    mark, year = parts[0][2], "%Y" if len(parts[0][4]) == 4 else "%y"
    day = mark.join(("%m", "%d", year) if month_first else ("%d", "%m", year))
    if parts[0][6] is None:
        return day
    half = parts[0][9] is not None
    clock = ("%I" if half else "%H") + ":%M" + ("" if parts[0][7] is None else ":%S")
    return f"{day}{parts[0][5]}{clock}" + (f"{parts[0][8]}%p" if half else "")


def months_first_too(texts: Sequence[str], time_format: str) -> str | None:
    """Return the format with the month before the day where days of a format may as well be months."""
    if not time_format.startswith("%d"):
        return None
    other = "%m" + time_format[2:].replace("%m", "%d", 1)
    try:
        for text in texts:
            datetime.strptime(text.strip(), other)
    except ValueError:
        return None
    return other


def guessed_decimal(texts: Sequence[str]) -> str | None:
    """Return the decimal mark of numbers written so, with or without signs around them; None where none is sure."""
    bare = [_bare(text) for text in texts]
    commas = sum(_COMMA_MARK.fullmatch(one) is not None for one in bare)
    points = sum(_POINT_MARK.fullmatch(one) is not None for one in bare)
    if bool(commas) == bool(points):
        return None
    return "," if commas else "."


def odd_sign(texts: Sequence[str]) -> str | None:
    """Return what most often stands before or behind the number of a text, such as a currency's sign."""
    around = Counter(
        rest
        for text in texts
        if any(sign.isdigit() for sign in text)
        if (rest := _BARE_NUMBER.sub("", text, 1).strip())
    )
    return next((rest for rest, _ in around.most_common() if len(rest) <= 4), None)


def number_remedy(texts: Sequence[str], *, decimal: str, ours: str, theirs: str) -> str | None:
    """Return the sentence that makes numbers of texts that are none; None where nothing is known to.

    Parameters
    ----------
    texts
        Some of the texts that are no numbers.
    decimal
        The decimal mark as stated.
    ours, theirs
        The names of the column.
    """
    mark, sign = guessed_decimal(texts), odd_sign(texts)
    advice = [f'State the decimal mark, decimal = "{mark}"'] if mark is not None and mark != decimal else []
    if sign is not None:
        quoted, text = theirs.replace('"', '""'), sign.replace("'", "''")
        begin = "take" if advice else "Take"
        advice.append(f"{begin} {sign!r} off: {ours} = {{ sql = '''replace(\"{quoted}\", '{text}', '')''' }}")
    return f"{', and '.join(advice)}." if advice else None


def _bare(text: str) -> str:
    found = _BARE_NUMBER.search(text)
    return "" if found is None else found[0].strip().lstrip("+-").replace("\u00a0", " ").replace("\u202f", " ")
