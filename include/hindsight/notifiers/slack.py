"""Slack by a bot's token: the recommended way, for its messages make threads and can be found again."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from hindsight.domain.values import Severity
from hindsight.errors import DeliveryError
from hindsight.message import Document
from hindsight.notifiers.base import BaseNotifier, CannotChange, Parcel, Sent, news
from hindsight.notifiers.connection import Connect
from hindsight.notifiers.slack_api import Place, Refused, SlackApi
from hindsight.notifiers.slack_files import Image, upload
from hindsight.notifiers.slack_find import EVENT_TYPE, THREAD_GONE, UNCHANGEABLE, find
from hindsight.notifiers.slack_forms import MENTION, MENTION_WORDS, Form, Forms, mentioned

_TOO_MUCH = {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"}


@dataclass(frozen=True, slots=True)
class Slack(BaseNotifier):
    """A channel, written to by a bot.

    `connection` is an Airflow connection of type `slack`: the token is its password; its extras `base_url`,
    `timeout` and `proxy` are heeded.  The token needs the scope chat:write; with files:write charts are
    shown, and with channels:history (groups:history for private channels) nothing is ever sent twice.
    `channel` is a name or, better, an id; for a name the scope channels:read is needed, too.  `mention` names
    who is called when an incident of `mention_severity` or above begins, comes back or gets worse: ids of
    users or groups, `here` or `channel`.
    """

    threads: ClassVar[bool] = True
    finds: ClassVar[bool] = True

    connection: str
    channel: str
    mention: tuple[str, ...] = ()
    mention_severity: Severity = Severity.CRITICAL

    def __post_init__(self) -> None:
        if not self.channel.strip():
            raise ValueError("a slack notifier needs a channel, such as '#ml-incidents' or a channel's id")
        if wrong := [who for who in self.mention if not re.fullmatch(MENTION, who)]:
            raise ValueError(f"{wrong[0]!r} is nobody to mention: write {MENTION_WORDS}")

    @property
    def address(self) -> dict[str, Any]:
        """Where it leads; whom it calls there is no part of that."""
        return {"connection": self.connection, "channel": self.channel}

    def send(self, parcel: Parcel, connect: Connect) -> Sent:
        """Post the message, in the parcel's thread if it has one; returns `channel:timestamp`, by which
        Slack knows it, and the id of its chart.
        """
        api = SlackApi.of(self.connection, connect(self.connection))
        image, remarks = upload(api, parcel.pictures)
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": parcel.key}}
        options: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False, "metadata": metadata}
        forms = Forms(parcel.document, image, self._mentions(parcel))
        thread = Place.parse(parcel.thread)
        try:
            if thread is None:
                return self._sent(api, forms, remarks, channel=self.channel, **options)
            try:
                answers = {"thread_ts": thread.ts, "reply_broadcast": parcel.loud}
                return self._sent(api, forms, remarks, channel=thread.channel, **answers, **options)
            except Refused as refused:
                if refused.code not in THREAD_GONE:
                    raise
            gone = f"{api.who} has no such thread any more: the message went to the channel itself."
            sent = self._sent(api, forms, (*remarks, gone), channel=thread.channel, **options)
            return replace(sent, anew=True)
        except Refused as refused:
            raise self._refusal(api, refused, self.channel) from None

    def find(self, parcel: Parcel, connect: Connect) -> Sent | None:
        """The message by its key, from the history of the channel or of the thread."""
        api = SlackApi.of(self.connection, connect(self.connection))
        found = find(api, parcel, self.channel)
        return None if found is None else Sent(str(found))

    def update(self, provider_id: str, document: Document, connect: Connect) -> None:
        """Have a message show this document; the chart in it stays, and nobody is called."""
        api = SlackApi.of(self.connection, connect(self.connection))
        place = Place.parse(provider_id)
        if place is None:
            raise CannotChange(f"{provider_id!r} names no message of Slack.")
        alt = document.charts[0].alt if document.charts else document.first_line
        forms = Forms(document, Image(place.file, alt) if place.file else None, pause=0, nothing=[])
        try:
            _say(api, "chat_update", forms, channel=place.channel, ts=place.ts)
        except Refused as refused:
            error = self._refusal(api, refused, place.channel, "update of the message in")
            raise (CannotChange(str(error)) if refused.code in UNCHANGEABLE else error) from None

    def _sent(self, api: SlackApi, forms: Forms, remarks: tuple[str, ...], **options: Any) -> Sent:
        answer, form = _say(api, "chat_postMessage", forms, **options)
        place = Place.told(answer, form.file)
        return Sent(str(place) if place else None, (*remarks, *form.remarks))

    def _mentions(self, parcel: Parcel) -> str:
        """Whom the message calls, as live markup: what is written here is of our own making alone."""
        grave = [each for each in news(parcel) if each.severity.rank >= self.mention_severity.rank]
        return " ".join(map(mentioned, self.mention)) if grave else ""

    def _refusal(
        self, api: SlackApi, refused: Refused, channel: str, what: str = "message for"
    ) -> DeliveryError:
        return DeliveryError(f"{api.who} refused the {what} {channel!r}: {refused.words()}.", retry=False)


def _say(api: SlackApi, method: str, forms: Forms, **options: Any) -> tuple[dict[str, Any], Form]:
    """The answer to the first form that Slack takes, and which that was; Refused."""
    last = Refused("invalid_blocks")
    for form in forms:
        try:
            return api.call(method, parse="none", link_names=False, **options, **form.said), form
        except Refused as refused:
            if refused.code not in _TOO_MUCH:
                raise
            last = refused
    raise last
