"""Notifiers: how a document reaches people.  One kind, one file, one line here.

A notifier is a frozen dataclass whose fields are the keys of its YAML entry.  It sends one document once:

    send(document, key, connect) -> what the receiver calls the message, or None

`key` is the outbox row's; the same key may come twice when nobody knows whether the first sending was
accepted.  `connect` turns a connection id into a `ConnectionInfo`, or raises ConnectionMissing.
Nothing is retried here and nothing recorded; a failure is a DeliveryError that says whether trying again can
help, when, and whether the message may have been accepted all the same.  No secret is in its text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hindsight.notifiers.connection import Connect, ConnectionInfo
from hindsight.notifiers.email import Email
from hindsight.notifiers.log import Log
from hindsight.notifiers.slack import Slack
from hindsight.notifiers.slack_webhook import SlackWebhook

NOTIFIERS: Mapping[str, type[Any]] = {
    "slack": Slack,
    "slack_webhook": SlackWebhook,
    "email": Email,
    "log": Log,
}
"""Every kind of notifier by the word that selects it in YAML."""

FALLBACK = Log()
"""Who is told where a monitor names nobody, or a connection is missing."""


def channel_key(notifier: object) -> str:
    """What tells this notifier's outbox rows from another's: its kind and a digest of its options.

    >>> channel_key(Log())
    'log:ba27f114'
    """
    kinds = [kind for kind, cls in NOTIFIERS.items() if type(notifier) is cls]
    if not kinds:
        raise TypeError(f"{notifier!r} is no notifier; the kinds are {', '.join(NOTIFIERS)}")
    options = json.dumps(asdict(notifier), sort_keys=True, separators=(",", ":"))  # type: ignore[call-overload]
    return f"{kinds[0]}:{hashlib.sha256(options.encode()).hexdigest()[:8]}"


__all__ = [
    "FALLBACK",
    "NOTIFIERS",
    "Connect",
    "ConnectionInfo",
    "Email",
    "Log",
    "Slack",
    "SlackWebhook",
    "channel_key",
]
