"""Microsoft Teams by the webhook of a workflow: an address that is the secret, bound to one channel."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hindsight.errors import DeliveryError
from hindsight.message import Document, Section, card
from hindsight.notifiers.answers import code_of, refusal
from hindsight.notifiers.base import BaseNotifier, Parcel, Sent
from hindsight.notifiers.connection import Connect
from hindsight.notifiers.posting import post

LIMIT = 27_000
"""Bytes of a message; Teams takes 28 KB."""


@dataclass(frozen=True, slots=True)
class Teams(BaseNotifier):
    """The channel or chat that a workflow posts to, as an Adaptive Card.

    `connection` is an Airflow connection whose password is the whole address of the workflow "When a Teams
    webhook request is received"; `timeout` and `proxy` are heeded.  A workflow says that it has begun, not
    that it posted: no thread, no update, no chart, and no way to find out whether an unanswered message
    arrived.
    """

    connection: str

    def send(self, parcel: Parcel, connect: Connect) -> Sent:
        """Post the card; a workflow gives it no name, so none comes back."""
        info = connect(self.connection)
        address = (info.password or "").strip()
        if not address.startswith(("https://", "http://")):
            raise DeliveryError(
                f"the connection {self.connection!r} holds no address: put the workflow's into its password.",
                retry=False,
            )
        who = f"Microsoft Teams (connection {self.connection!r})"
        body = _fitting(parcel.document)
        answer = post(who, address, body, info, headers={"Content-Type": "application/json"})
        if answer.status not in (200, 202) or answer.is_page:
            code = code_of(_code(answer.text), address)
            advice = {
                401: "the workflow must let anyone trigger it",
                403: "the workflow must let anyone trigger it",
                404: "the workflow was deleted or turned off",
                410: "the workflow was deleted or turned off",
            }.get(answer.status, "")
            now = datetime.now(UTC)
            raise refusal(who, answer.status, code, answer.headers, now=now, advice=advice)
        return Sent()


def _fitting(document: Document) -> bytes:
    """The message as Teams takes it; where even short texts are too many, the last sections are counted."""
    sections, made = document.sections, b""
    for kept in (len(sections), 6, 3, 1):
        rest = (Section(f"and {len(sections) - kept} more"),) * (kept < len(sections))
        made = _body(replace(document, sections=(*sections[:kept], *rest)))
        if len(made) <= LIMIT:
            break
    return made


def _body(document: Document) -> bytes:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card(document),
    }
    said = {"type": "message", "attachments": [attachment]}
    return json.dumps(said, ensure_ascii=False).encode()


def _code(text: str) -> str:
    """Microsoft's word for what is wrong, as `{"error": {"code": "..."}}`, in small letters."""
    try:
        said = json.loads(text)
    except ValueError:
        return ""
    error = said.get("error") if isinstance(said, dict) else None
    return str(error.get("code", "")).lower() if isinstance(error, dict) else ""
