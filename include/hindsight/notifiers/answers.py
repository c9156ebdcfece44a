"""What an answer over HTTP, or the lack of one, means for a message."""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.error import URLError

from hindsight.errors import DeliveryError

LONGEST_WAIT = timedelta(hours=1)
"""A receiver that asks for more is asked again after this."""

_CODE = re.compile(r"[a-z][a-z0-9_]{1,63}")

SILENT = logging.getLogger("hindsight.notifiers.slack_sdk")
SILENT.setLevel(logging.CRITICAL + 1)
"""For slack_sdk, whose own logger writes addresses and headers."""


def refusal(
    who: str,
    status: int,
    code: str | None,
    headers: Mapping[str, str],
    *,
    now: datetime,
    advice: str = "",
) -> DeliveryError:
    """The error for an answer that does not say yes; `code` is the receiver's word for it."""
    said = f"{who} answered {status}{f' ({code})' if code else ''}"
    if status == 429:
        wait = not_before(headers, now)
        return DeliveryError(
            f"{said}: too many messages; it is sent again later.", retry=True, not_before=wait
        )
    if status >= 500:
        return DeliveryError(
            f"{said}: whether the message was accepted is not known.", retry=True, ambiguous=True
        )
    if status < 300:
        return DeliveryError(
            f"{said}, but not as expected: whether the message was accepted is not known.",
            retry=True,
            ambiguous=True,
        )
    if status < 400 or status == 408:
        return DeliveryError(f"{said} and did not take the message.", retry=True)
    return DeliveryError(f"{said} and refused the message{f': {advice}' if advice else ''}.", retry=False)


def no_answer(who: str, error: Exception) -> DeliveryError:
    """The error for a receiver that was not reached, or fell silent.

    urllib wraps what happens before the request is out in URLError: then nothing was accepted.  What comes
    later (a timeout, a dropped connection) leaves it open.  The error's own text may hold an address
    with a token in it, so only its class is told.
    """
    cause = error.reason if isinstance(error, URLError) else error
    kind = type(cause).__name__ if isinstance(cause, BaseException) else "URLError"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return DeliveryError(f"{who} shows a certificate that is not trusted ({kind}).", retry=False)
    if isinstance(error, URLError) and not isinstance(cause, ConnectionResetError | BrokenPipeError):
        return DeliveryError(f"{who} could not be reached ({kind}); nothing was sent.", retry=True)
    if isinstance(error, OSError) or kind in ("IncompleteRead", "RemoteDisconnected", "BadStatusLine"):
        return DeliveryError(
            f"{who} fell silent ({kind}): whether the message was accepted is not known.",
            retry=True,
            ambiguous=True,
        )
    return DeliveryError(f"{who} cannot be called as the connection describes it ({kind}).", retry=False)


def not_before(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When a receiver wants to be asked again: its Retry-After, in seconds or as a date; else None.

    >>> noon = datetime(2013, 4, 12, 12, tzinfo=UTC)
    >>> str(not_before({"retry-after": "30"}, noon)), not_before({}, noon)
    ('2013-04-12 12:00:30+00:00', None)
    """
    value = next((text for name, text in headers.items() if name.lower() == "retry-after"), "").strip()
    try:
        moment = now + timedelta(seconds=float(value))
    except (ValueError, OverflowError):
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment.astimezone(UTC), now), now + LONGEST_WAIT)


def code_of(text: object) -> str | None:
    """The receiver's word for what is wrong, if it is one word: anything longer may be anything."""
    return text if isinstance(text, str) and _CODE.fullmatch(text) else None
