"""Receivers of many cells at once: PagerDuty's rules for a key, and a mailbox for each address."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from receivers import Receiver

SLOWLY = 1.5
"""Seconds after which a slow receiver takes a message."""


@dataclass
class PagerDutyLike(Receiver):
    """PagerDuty: what counts is not how many events come, but what they do to the incidents of a key."""

    opened: dict[str, int] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)

    def take(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        key, action = body["dedup_key"], body["event_action"]
        is_open = self.state.get(key) in ("triggered", "acknowledged")
        if action == "trigger" and not is_open:
            self.opened[key] = self.opened.get(key, 0) + 1
            self.state[key] = "triggered"
        elif action == "acknowledge" and is_open:
            self.state[key] = "acknowledged"
        elif action == "resolve" and is_open:
            self.state[key] = "resolved"
        return {"ok": True}


@dataclass
class Mailboxes:
    """A mail server that does with each address what is scripted for it, and takes all else.

    A script holds answers: at `RCPT` or `DATA`, with a code; `drops` takes the mail and hangs up, `loses`
    only hangs up, `slowly` takes it when the client has long gone.
    """

    scripts: dict[str, deque[str]] = field(default_factory=dict)
    mails: dict[str, list[str]] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        script = self.scripts.get(address)
        if script and script[0].startswith("RCPT "):
            self.asked[address] = self.asked.get(address, 0) + 1
            return f"{script.popleft().removeprefix('RCPT ')} not now"
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        (address,) = envelope.rcpt_tos
        self.asked[address] = self.asked.get(address, 0) + 1
        script = self.scripts.get(address)
        answer = script.popleft() if script else "ok"
        if answer.startswith("DATA "):
            return f"{answer.removeprefix('DATA ')} not now"
        mail = message_from_bytes(cast("bytes", envelope.content), policy=policy.default)
        body = cast("EmailMessage", mail).get_body(("plain",))
        assert body is not None
        mails = self.mails.setdefault(address, [])
        if answer == "slowly":
            # Whether or not the client is still there by then.
            asyncio.get_running_loop().call_later(SLOWLY, mails.append, body.get_content())
            await asyncio.sleep(SLOWLY)
            return "250 taken"
        if answer != "loses":
            mails.append(body.get_content())
        if answer in ("drops", "loses"):
            assert server.transport is not None
            server.transport.close()
        return "250 taken"
