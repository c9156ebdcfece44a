"""Notifiers: how a document reaches people.  One kind, one file, one line here.

A notifier is a frozen `BaseNotifier` whose fields are the keys of its YAML entry.  It sends one message once:

    send(parcel, connect) -> Sent

The parcel's key is the outbox row's; the same key may come twice when nobody knows whether the first sending
was accepted.  `connect` turns a connection id into a `ConnectionInfo`, or raises ConnectionMissing.
Nothing is retried here and nothing recorded; a failure is a DeliveryError that says whether trying again can
help, when, and whether the message may have been accepted all the same.  No secret is in its text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from hindsight.domain.values import When
from hindsight.notifiers.base import BaseNotifier, CannotChange, CannotTell, Parcel, Picture, Sent
from hindsight.notifiers.connection import Connect, ConnectionInfo
from hindsight.notifiers.email import Email
from hindsight.notifiers.log import Log
from hindsight.notifiers.pagerduty import PagerDuty
from hindsight.notifiers.slack import Slack
from hindsight.notifiers.slack_webhook import SlackWebhook
from hindsight.notifiers.teams import Teams
from hindsight.notifiers.webhook import Webhook

NOTIFIERS: Mapping[str, type[BaseNotifier]] = {
    "slack": Slack,
    "slack_webhook": SlackWebhook,
    "email": Email,
    "pagerduty": PagerDuty,
    "teams": Teams,
    "webhook": Webhook,
    "log": Log,
}
"""Every kind of notifier by the word that selects it in YAML."""

FALLBACK = Log()
"""Who is told where a monitor names nobody, or a connection is missing."""


def channels(notifiers: Iterable[BaseNotifier]) -> dict[str, BaseNotifier]:
    """The channels of a monitor by their key: what is delivered to independently of each other."""
    return {channel_key(each): each for notifier in notifiers for each in notifier.channels()}


def channel_key(notifier: BaseNotifier) -> str:
    """What tells this channel's outbox rows from another's: its kind and a digest of its address.

    Which messages it wants is no part of it: who changes that is told nothing again.  Only summaries are a
    channel of their own, beside the messages that go to the same address.

    >>> channel_key(Log())
    'log:44136fa3'
    """
    kinds = [kind for kind, cls in NOTIFIERS.items() if isinstance(notifier, cls)]
    if not kinds:
        raise TypeError(f"{notifier!r} is no notifier; the kinds are {', '.join(NOTIFIERS)}")
    when = {} if notifier.when is When.EACH else {"when": notifier.when}
    address = json.dumps({**notifier.address, **when}, sort_keys=True, separators=(",", ":"))
    return f"{kinds[0]}:{hashlib.sha256(address.encode()).hexdigest()[:8]}"


__all__ = [
    "FALLBACK",
    "NOTIFIERS",
    "BaseNotifier",
    "CannotChange",
    "CannotTell",
    "Connect",
    "ConnectionInfo",
    "Email",
    "Log",
    "PagerDuty",
    "Parcel",
    "Picture",
    "Sent",
    "Slack",
    "SlackWebhook",
    "Teams",
    "Webhook",
    "channel_key",
    "channels",
]
