"""How a figure, a day and a judgement read in a sentence, for whoever is woken by it.

Used by incidents (their headline) and messages; knows nothing of channels: `hindsight.message`
escapes what is made here, each channel in its own way.
"""

from __future__ import annotations

import math
import unicodedata
from datetime import date, datetime
from zoneinfo import ZoneInfo

from hindsight.domain.records import Detection
from hindsight.domain.values import ALL, UNVERSIONED, Z95, IncidentClass, Span
from hindsight.windows import run_day, shift

NAME_LIMIT = 60
"""Longest name (of a monitor, version, segment, detector ...) that a message prints whole."""

_REASON_LIMIT = 280
_MOST_DECIMALS = 6


def clean(text: str) -> str:
    r"""The text on one line, without what a reader cannot see: control, bidi and other format characters.

    >>> clean("a\r\nb\u202egnp.exe\x00")
    'a bgnp.exe'
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = []
    for char in text:
        match unicodedata.category(char):
            case "Cf" | "Cs":
                continue
            case "Cc" | "Zl" | "Zp" | "Zs":
                kept.append(" ")
            case _:
                kept.append(char)
    return " ".join("".join(kept).split())


def shorten(text: str, limit: int) -> str:
    """The text, cut to `limit` characters with an ellipsis where it is longer.

    >>> shorten("a long name", 6), shorten("short", 6)
    ('a lon…', 'short')
    """
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"[:limit]


def name(text: str) -> str:
    """A name somebody else chose, as it may appear in a message."""
    return shorten(clean(text), NAME_LIMIT)


def counted(count: int, noun: str) -> str:
    """A number of things, in words.

    >>> counted(1, "day"), counted(1200, "incident"), counted(0, "day")
    ('1 day', '1,200 incidents', 'no day')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}" if count else f"no {noun}"


def calendar(day: date) -> str:
    """The day as people say it, weekday first.

    >>> calendar(date(2013, 4, 12))
    'Fri 12 Apr 2013'
    """
    return f"{day:%a} {day.day} {day:%b %Y}"


def figure(value: float, error: float | None = None, *, decimals: int | None = None) -> str:
    """The number with the digits it deserves: two of its standard error, else three of its own.

    >>> figure(0.41237, 0.0123), figure(0.41237), figure(1234.5), figure(-3.14159), figure(8e-9), figure(0.0)
    ('0.412', '0.412', '1,234', '-3.14', '8e-09', '0')
    """
    if value == 0 and not error:
        return "0"
    if not math.isfinite(value) or not 1e-6 <= max(abs(value), error or 0.0) < 1e15:
        return f"{value:.3g}"
    shown = f"{value:,.{_decimals(value, error) if decimals is None else decimals}f}"
    return shown.removeprefix("-") if not any(digit in shown for digit in "123456789") else shown


def _decimals(value: float, error: float | None) -> int:
    scale, digits = (error, 2) if error and math.isfinite(error) else (abs(value), 3)
    return min(max(digits - 1 - math.floor(math.log10(scale)), 0), _MOST_DECIMALS)


def apart(value: float, bound: float, error: float | None = None) -> tuple[str, str]:
    """Both numbers with as many digits as it takes to tell them apart.

    >>> apart(0.53096, 0.53104), apart(0.4, 0.5)
    (('0.53096', '0.53104'), ('0.400', '0.500'))
    """
    for extra in range(_MOST_DECIMALS):
        decimals = min(_decimals(value or bound or 1.0, error) + extra, _MOST_DECIMALS)
        shown = figure(value, error, decimals=decimals), figure(bound, error, decimals=decimals)
        if shown[0] != shown[1] or value == bound:
            return shown
    return repr(value), repr(bound)


def share(fraction: float) -> str:
    """A part of a whole in percent; only all of it is 100 %, only none of it 0 %.

    >>> share(0.943), share(0.0123), share(0.9996), share(1.0), share(0.0001), share(0.0)
    ('94 %', '1.2 %', '>99.9 %', '100 %', '<0.1 %', '0 %')
    """
    if 0.9995 <= fraction < 1:
        return ">99.9 %"
    if 0 < fraction < 0.0005:
        return "<0.1 %"
    near_an_end = 0 < fraction < 0.0995 or 0.995 <= fraction < 1
    return f"{fraction * 100:.{1 if near_an_end else 0}f} %"


def chance(p_value: float) -> str:
    """How likely chance alone would do as much.

    >>> chance(0.0004), chance(0.01234), chance(0.5)
    ('p < 0.001', 'p = 0.012', 'p = 0.50')
    """
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.{3 if p_value < 0.1 else 2}f}"


def interval(
    value: float,
    standard_error: float,
    *,
    as_share: bool = False,
    ends: tuple[float, float] = (-math.inf, math.inf),
) -> str:
    """The 95 % interval of a value, in the digits of its error; that of a share stays between 0 and 1.

    `ends` are what no such value is below, or above.

    >>> interval(0.412, 0.0123), interval(0.99, 0.01, as_share=True)
    ('95 % interval 0.388 to 0.436', '95 % interval 97 % to 100 %')
    """
    reach = Z95 * standard_error
    least, most = (0.0, 1.0) if as_share else ends
    found = (min(max(end, least), most) for end in (value - reach, value + reach))
    low, high = (share(end) if as_share else figure(end, standard_error) for end in found)
    return f"95 % interval {low} to {high}"


def last_day(detection: Detection, zone: ZoneInfo) -> date:
    """The last local day of the window that was judged."""
    return run_day(detection.window_end, zone)


def window_words(window: Span, end: date) -> str:
    """The window by its length and last day, or by the last one's beginning if it is one of hours.

    >>> window_words(Span(28), date(2013, 4, 12)), window_words(Span(1), date(2013, 4, 12))
    ('28 days to Fri 12 Apr 2013', 'Fri 12 Apr 2013')
    >>> window_words(Span.parse("month"), date(2013, 4, 30))
    'the month to Tue 30 Apr 2013'
    >>> window_words(Span(6, "h"), datetime(2013, 4, 12, 5))
    '6 hours to the one from Fri 12 Apr 2013 05:00'
    """
    if window.calendar:
        return f"the {window} to {calendar(end)}"
    if isinstance(end, datetime):
        length = "the hour" if window.count == 1 else f"{window.count} hours to the one"
        return f"{length} from {calendar(end)} {end:%H:%M}"
    return calendar(end) if window.count == 1 else f"{window.count} days to {calendar(end)}"


def judged_window(detection: Detection, zone: ZoneInfo) -> str:
    """The window that was judged, by its length and its last day or hour."""
    if detection.window.unit == "h":
        return window_words(detection.window, shift(detection.window_end, -1).astimezone(zone))
    return window_words(detection.window, last_day(detection, zone))


def watched(detection: Detection) -> str:
    """What was judged: the metric, of which version, in which segment."""
    words = [name(detection.metric)]
    if detection.version not in (UNVERSIONED, ALL):
        words.append(f"of {name(detection.version)}")
    if detection.segment != ALL:
        words.append(f"in {name(detection.segment)}")
    return " ".join(words)


def side(detection: Detection) -> tuple[str, float] | None:
    """On which side of its bounds the observed value lies, and the bound it passed; None if within."""
    if detection.observed is None:
        return None
    if detection.lower is not None and detection.observed < detection.lower:
        return "below", detection.lower
    if detection.upper is not None and detection.observed > detection.upper:
        return "above", detection.upper
    return None


def excess(detection: Detection) -> float:
    """How far beyond its bound, in units of the room the bound leaves around what was expected: no unit."""
    passed = side(detection)
    if passed is None or detection.observed is None:
        return 0.0
    bound = passed[1]
    room = abs(bound - detection.expected) if detection.expected is not None else 0.0
    return abs(detection.observed - bound) / (room or abs(bound) or 1.0)


def judgement(detection: Detection, standard_error: float | None = None) -> str:
    """What is wrong, in half a sentence: `recall of v1 is 0.412, below 0.531`.

    A breach that no figure explains is told by the detector's own reason.
    """
    passed = side(detection)
    if passed is None or detection.observed is None:
        reason = shorten(clean(detection.reason), _REASON_LIMIT).removesuffix(".")
        metric = f"{detection.metric} "
        if reason.startswith(metric):
            return f"{watched(detection)} {reason.removeprefix(metric)}"
        return f"{watched(detection)}: {reason}"
    where, bound = passed
    if is_share(detection):
        shown, limit = share(detection.observed), share(bound)
        if shown == limit:
            shown, limit = apart(detection.observed, bound)
    else:
        shown, limit = apart(detection.observed, bound, standard_error)
    return f"{watched(detection)} is {shown}, {where} {limit}"


def is_share(detection: Detection) -> bool:
    """Whether what was judged is a part of the rows or labels, which people read in percent."""
    named = detection.metric in ("coverage", "flip_rate") or detection.metric.endswith("_share")
    return named or detection.incident_class is IncidentClass.DATA_QUALITY


def headline(detection: Detection, zone: ZoneInfo) -> str:
    """One sentence that stands alone: what is wrong, and in which window."""
    lead = "labels are missing: " if is_missing_labels(detection) else ""
    return f"{lead}{judgement(detection)} ({judged_window(detection, zone)})"


def is_missing_labels(detection: Detection) -> bool:
    """Whether the breach says that truth is missing, and so nothing about the model."""
    passed, counts = side(detection), detection.metric in ("coverage", "labels_learnt")
    fewer = passed[0] == "below" if passed is not None else "since" in detection.details
    return detection.incident_class is IncidentClass.LABEL_HEALTH and counts and fewer
