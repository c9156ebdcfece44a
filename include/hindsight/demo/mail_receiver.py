"""A mail server on this machine that delivers every mail into the mailbox."""

from __future__ import annotations

import email
import email.policy
import socket
from asyncio import AbstractServer
from collections.abc import Awaitable
from datetime import UTC, datetime
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from hindsight.demo.received import Mailbox, Received

HOST = "127.0.0.1"


class _Postman:
    """aiosmtpd's handler: every mail goes into the mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        mail = email.message_from_bytes(envelope.original_content or b"", policy=email.policy.default)
        self._mailbox.append(_received(mail, envelope))
        return "250 Message accepted for delivery"


class MailServer(Controller):
    """A mail server in a thread, on a free port.

    The port is taken before aiosmtpd starts, for it cannot tell which one it was given.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self._listener = socket.create_server((HOST, 0))
        super().__init__(_Postman(mailbox), hostname=HOST, port=self._listener.getsockname()[1])

    def _create_server(self) -> Awaitable[AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._listener)


def _received(mail: EmailMessage, envelope: Envelope) -> Received:
    body = mail.get_body(("plain", "html"))
    page = mail.get_body(("html",))
    return Received(
        kind="mail",
        at=datetime.now(UTC),
        to=tuple(str(address) for address in envelope.rcpt_tos),
        id=str(mail.get("Message-ID", "")),
        text="\n".join(str(body.get_content()).strip().splitlines()) if body else "",
        subject=str(mail.get("Subject", "")),
        thread=str(mail["In-Reply-To"]) if mail["In-Reply-To"] else None,
        payload={
            "from": envelope.mail_from,
            "headers": [[name, str(value)] for name, value in mail.items()],
            "html": str(page.get_content()) if page else None,
            "attachments": [part.get_filename() for part in mail.iter_attachments()],
        },
    )
