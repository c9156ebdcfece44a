"""PagerDuty by its Events API, version 2: incidents there follow the incidents here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hindsight.domain.values import IncidentState, When
from hindsight.errors import DeliveryError
from hindsight.message import Document, event
from hindsight.message.document import About
from hindsight.notifiers.answers import refusal, words_of
from hindsight.notifiers.base import BaseNotifier, Parcel, Sent, news
from hindsight.notifiers.connection import Connect, ConnectionInfo
from hindsight.notifiers.posting import Answer, post

ADDRESS = "https://events.pagerduty.com"
PAUSE = timedelta(minutes=3)
"""How long PagerDuty is left alone when it has had too much and does not say for how long."""

_TOLD = {"joined", "reminded"}


@dataclass(frozen=True, slots=True)
class PagerDuty(BaseNotifier):
    """A service of PagerDuty.

    `connection` is an Airflow connection of type `pagerduty_events` or `pagerduty`: the integration's routing
    key is its password or its extra `routing_key`; the extra `base_url` leads elsewhere, such as to the
    service region of Europe; `timeout` and `proxy` are heeded.  Each incident is triggered, acknowledged and
    resolved under a key of its own, so that sending an event again does nothing.  Notes and summaries page
    nobody.
    """

    follows: ClassVar[bool] = True

    connection: str

    def __post_init__(self) -> None:
        if self.when is not When.EACH:
            raise ValueError("PagerDuty keeps incidents and takes no summaries: leave out `when`")

    def send(self, parcel: Parcel, connect: Connect) -> Sent:
        """Send an event for each incident that the message changes; returns the key of the gravest one.

        One that PagerDuty refuses keeps no other from it; the error comes in the end.  Where PagerDuty is
        away, or has had enough, the rest is not tried.  Events that it took are sent again with the message,
        which does nothing.
        """
        info = connect(self.connection)
        key = (info.password or info.text("routing_key") or "").strip()
        if not key:
            raise DeliveryError(
                f"the connection {self.connection!r} has no password: put the routing key there.",
                retry=False,
            )
        address = f"{(info.text('base_url') or ADDRESS).rstrip('/')}/v2/enqueue"
        sent: list[str] = []
        errors: list[DeliveryError] = []
        for action, about in actions(parcel):
            dedup = dedup_key(parcel.document, about)
            body = json.dumps({"routing_key": key, **_event(action, dedup, parcel.document, about)}).encode()
            headers = {"Content-Type": "application/json"}
            try:
                self._taken(post(self._who, address, body, info, headers=headers), key, info)
            except DeliveryError as error:
                errors.append(error)
                if error.retry and not error.ambiguous:
                    break
            else:
                sent.append(dedup)
        if errors:
            raise next((error for error in errors if error.retry), errors[0])
        if not sent:
            return Sent(remarks=(f"{self._who} keeps incidents, and the message changes none.",))
        return Sent(sent[0])

    @property
    def _who(self) -> str:
        return f"PagerDuty (connection {self.connection!r})"

    def _taken(self, answer: Answer, key: str, info: ConnectionInfo) -> None:
        """DeliveryError unless the event was accepted."""
        if answer.status == 202:
            return
        said = words_of(_message(answer.text), key, info.password, info.text("base_url"))
        advice = said or ""
        if answer.status == 404:
            advice = "see the connection's extra base_url"
        raise refusal(
            self._who,
            answer.status,
            None,
            answer.headers,
            now=datetime.now(UTC),
            advice=advice,
            pause=PAUSE,
        )


def actions(parcel: Parcel) -> Iterator[tuple[str, About]]:
    """What PagerDuty has to do about which incident, gravest first.

    What has ended is resolved even if PagerDuty never heard of it, and what is acknowledged in the message
    that opens it is triggered first: events that fit nothing are dropped there.  What is only summed up is
    not triggered, for it may be long past.
    """
    begun = {each.incident for each in news(parcel)}
    for about in parcel.document.about:
        told = set(about.changes)
        if about.resolved_on is not None or about.state is IncidentState.RESOLVED:
            yield "resolve", about
            continue
        if about.incident in begun or told & _TOLD:
            yield "trigger", about
        if about.state is IncidentState.ACKNOWLEDGED and "acknowledged" in told:
            yield "acknowledge", about


def dedup_key(document: Document, about: About) -> str:
    """By what PagerDuty knows an incident, whatever is told of it later: 255 characters at most."""
    digest = hashlib.sha256(f"{document.monitor}\n{about.incident}".encode()).hexdigest()
    return f"hindsight/{document.monitor[:60]}/{digest[:32]}"


def _event(action: str, dedup: str, document: Document, about: About) -> Mapping[str, Any]:
    """An event without its routing key; only a trigger says what is the matter."""
    made: dict[str, Any] = {"event_action": action, "dedup_key": dedup}
    if action == "trigger":
        made |= {"client": "Hindsight", **event(document, about)}
    return made


def _message(text: str) -> str:
    """What PagerDuty says of an event that it does not take."""
    try:
        said = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(said, dict):
        return ""
    errors = said.get("errors")
    parts = [said.get("message"), *(errors if isinstance(errors, list) else ())]
    return "; ".join(str(part).rstrip(".") for part in parts if part)
