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
from hindsight.wording import clean, shorten

LONGEST_WAIT = timedelta(hours=1)
"""A receiver that asks for more is asked again after this."""

SAID = 200
"""Characters that an error quotes of a receiver's own words."""

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
    pause: timedelta | None = None,
) -> DeliveryError:
    """The error for an answer that does not say yes; `code` is the receiver's word for it.

    `pause` is how long to wait where a receiver has too much to do and does not say until when.
    """
    said = f"{who} answered {status}{f' ({code})' if code else ''}"
    if status == 429:
        wait = not_before(headers, now) or (now + pause if pause else None)
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
        return untrusted(who, kind)
    if isinstance(error, URLError) and not isinstance(cause, ConnectionResetError | BrokenPipeError):
        return unreached(who, kind)
    if isinstance(error, OSError) or kind in ("IncompleteRead", "RemoteDisconnected", "BadStatusLine"):
        return silent(who, kind)
    return uncallable(who, kind)


def untrusted(who: str, kind: str) -> DeliveryError:
    """The error for a receiver that cannot prove who it is."""
    return DeliveryError(f"{who} shows a certificate that is not trusted ({kind}).", retry=False)


def unreached(who: str, kind: str) -> DeliveryError:
    """The error for a receiver that was certainly sent nothing."""
    return DeliveryError(f"{who} could not be reached ({kind}); nothing was sent.", retry=True)


def silent(who: str, kind: str) -> DeliveryError:
    """The error for a receiver that did not answer, or not to the end."""
    return DeliveryError(
        f"{who} fell silent ({kind}): whether the message was accepted is not known.",
        retry=True,
        ambiguous=True,
    )


def uncallable(who: str, kind: str) -> DeliveryError:
    """The error for a connection that describes nothing which could be called."""
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
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):  # no date, or none that there is in UTC
            return None
    return min(max(moment, now), now + LONGEST_WAIT)


def code_of(text: object, *secrets: str | None) -> str | None:
    """The receiver's word for what is wrong, if it is one word, and none of a secret's: more may be anything.

    >>> code_of("invalid_payload", "T0/B0/s3cret"), code_of("s3cret", "T0/B0/S3cret"), code_of("no, sir")
    ('invalid_payload', None, None)
    """
    if not isinstance(text, str) or not _CODE.fullmatch(text):
        return None
    return None if any(text in secret.lower() for secret in secrets if secret) else text


def words_of(text: str, *secrets: str | None) -> str | None:
    r"""A receiver's own words for an error, cut and on one line; none if a secret is among them.

    >>> words_of("Event object is\t invalid", "s3cret"), words_of("no key S3CRET", "s3cret")
    ('Event object is invalid', None)
    """
    said = clean(text)
    known = [secret.lower() for secret in secrets if secret]
    if not said or "<" in said or any(secret in said.lower() for secret in known):
        return None
    return shorten(said, SAID)
