"""E-mail over SMTP: text, HTML and a chart, threaded by incident, with a name that a repeat shares."""

from __future__ import annotations

import hashlib
import re
import smtplib
import ssl
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.policy import SMTP
from typing import Any

from hindsight.errors import DeliveryError
from hindsight.message import html, plain
from hindsight.notifiers.base import BaseNotifier, Parcel, Sent
from hindsight.notifiers.connection import Connect, ConnectionInfo
from hindsight.wording import clean, shorten

_ADDRESS = re.compile(r"(?!.*=\?)[^@\s<>,;\"]+@[^@\s<>,;\"]+")
_SUBJECT = 200
_ALT = 1_000
_TOO_LARGE = 552
_FILE = re.compile(r"[^A-Za-z0-9_.-]+")
_OWN_KEY = re.compile(r"email:[0-9a-f]{8}")
"""A channel's key, in the key of its message: every recipient's mail has the same Message-ID."""


@dataclass(frozen=True, slots=True)
class Email(BaseNotifier):
    """Some people's mailboxes.

    `connection` is an Airflow connection of type `smtp`: host, port, login, password, and the extras
    `from_email`, `timeout`, `disable_ssl`, `disable_tls` and `ssl_context` ("none" trusts any certificate).
    As in Airflow, TLS from the first byte is the default; `disable_ssl` makes it STARTTLS, and
    `disable_tls` as well makes it plain text.  Each address of `to` is delivered to by itself; everybody sees
    who else was written to.
    """

    connection: str
    to: tuple[str, ...]
    recipient: str = field(default="", init=False)

    def __post_init__(self) -> None:
        if not self.to:
            raise ValueError("an email notifier needs at least one address in `to`")
        if wrong := [address for address in self.to if not _ADDRESS.fullmatch(address)]:
            raise ValueError(f"{wrong[0]!r} is not an e-mail address; write it as name@example.com")

    def channels(self) -> tuple[Email, ...]:
        """One for each recipient: for one who is refused nobody else waits, or is written to twice."""
        return tuple(self._only(address) for address in dict.fromkeys(self.to))

    def _only(self, recipient: str) -> Email:
        one = copy(self)
        object.__setattr__(one, "recipient", recipient)
        return one

    @property
    def address(self) -> dict[str, Any]:
        """Where it leads; who else is written to is no part of one recipient's address."""
        where = {"recipient": self.recipient.lower()} if self.recipient else {"to": self.to}
        return {"connection": self.connection, **where}

    def send(self, parcel: Parcel, connect: Connect) -> Sent:
        """Send one mail to the recipient, or to all where it is for none by itself; returns its Message-ID.

        If the server refuses some of several recipients the others still get it; the error then names those
        it refused, and is no reason to send again.
        """
        info = connect(self.connection)
        sender = self._sender(info)
        client = self._client(info)
        remarks: tuple[str, ...] = ()
        try:
            message = self._message(parcel, sender)
            try:
                refused = self._given(client, message)
            except _TooLarge:
                remarks = ("The mail server found the message too large: it went without its chart.",)
                message = self._message(replace(parcel, pictures=()), sender)
                refused = self._given(client, message)
        finally:
            with suppress(smtplib.SMTPException, OSError):
                client.quit()
            client.close()
        if refused:
            raise self._error(
                f"took the message for the others but refused {self._who(refused)}", retry=False
            )
        return Sent(str(message["Message-ID"]), remarks)

    def _given(self, client: smtplib.SMTP, message: EmailMessage) -> dict[str, tuple[int, bytes]]:
        """Whom the server refused, if it took the message for anybody."""
        failure: Exception
        try:
            return client.send_message(message, to_addrs=[self.recipient] if self.recipient else self.to)
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            failure = self._error(
                f"refused every recipient ({self._who(error.recipients)})", retry=min(codes) < 500
            )
        except smtplib.SMTPResponseException as error:
            code, has_chart = error.smtp_code, any(_is_image(part) for part in message.walk())
            failure = self._error(f"answered {code} and refused the message", retry=code < 500)
            if code == _TOO_LARGE and has_chart:
                failure = _TooLarge()
        except smtplib.SMTPServerDisconnected:
            failure = self._silence("closed the connection")
        except smtplib.SMTPException as error:
            failure = self._error(f"cannot take this message ({type(error).__name__})", retry=False)
        except OSError as error:
            failure = self._silence(f"fell silent ({type(error).__name__})")
        raise failure  # here, so that nothing which quotes the server hangs on it

    def _message(self, parcel: Parcel, sender: str) -> EmailMessage:
        document = parcel.document
        domain = sender.rpartition("@")[2].rstrip(">")
        slug = re.sub(r"[^a-z0-9]+", "-", clean(document.monitor).lower()).strip("-") or "monitor"
        name = _digest(_OWN_KEY.sub("email", parcel.key))
        message = EmailMessage(policy=SMTP)
        message["Subject"] = shorten(_header(document.subject), _SUBJECT)
        message["From"] = sender
        message["To"] = ", ".join(self.to)
        message["Date"] = datetime.now(UTC)
        message["Message-ID"] = f"<hindsight.{name}@{domain}>"
        if document.thread:
            # A root that need not exist: mail programs group what refers to it.
            root = f"<hindsight.{_digest(document.thread)}@{domain}>"
            message["In-Reply-To"] = root
            message["References"] = root
            message["X-Hindsight-Incident"] = _header(document.thread)
        message["List-Id"] = f"<{slug[:60]}.hindsight.{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(plain(document))
        if not parcel.pictures:
            message.add_alternative(html(document), subtype="html")
            return message
        picture, cid = parcel.pictures[0], f"chart.{name}@hindsight"
        message.add_alternative(html(document, image=(cid, shorten(picture.alt, _ALT))), subtype="html")
        page, file = list(message.iter_parts())[1], _FILE.sub("_", picture.name)
        page.add_related(picture.png, "image", "png", cid=f"<{cid}>", filename=file, disposition="inline")
        return message

    def _client(self, info: ConnectionInfo) -> smtplib.SMTP:
        """A connection that is ready to take a message; whatever fails here, nothing was sent."""
        host, timeout = info.host or "localhost", info.seconds("timeout", 30)
        use_ssl = not info.flag("disable_ssl")
        use_starttls = not use_ssl and not info.flag("disable_tls")
        context = ssl.create_default_context()
        if info.text("ssl_context") == "none":
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client: smtplib.SMTP | None = None
        failure: DeliveryError | None = None
        try:
            if use_ssl:
                client = smtplib.SMTP_SSL(host, info.port or 465, timeout=timeout, context=context)
            else:
                client = smtplib.SMTP(host, info.port or (587 if use_starttls else 25), timeout=timeout)
            if use_starttls:
                client.starttls(context=context)
            if info.login and info.password:
                client.login(info.login, info.password)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            failure = self._unready(error)
        if failure is not None:
            if client is not None:
                client.close()
            raise failure  # here, so that no error which knows the password hangs on it
        assert client is not None
        return client

    def _unready(self, error: Exception) -> DeliveryError:
        kind = type(error).__name__
        match error:
            case smtplib.SMTPAuthenticationError():
                said = f"answered {error.smtp_code}: it does not accept the connection's login and password"
                return self._error(said, retry=error.smtp_code < 500)
            case smtplib.SMTPNotSupportedError():
                return self._error(
                    "offers no STARTTLS or no login; set the extra disable_tls or remove the login",
                    retry=False,
                )
            case smtplib.SMTPResponseException():
                return self._error(f"answered {error.smtp_code} to the greeting", retry=error.smtp_code < 500)
            case ssl.SSLCertVerificationError():
                return self._error("shows a certificate that is not trusted", retry=False)
            case ValueError():  # UnicodeError: a password that is not ASCII, a host that is no name
                return self._error(
                    f"cannot be called as the connection describes it ({kind}): smtplib sends no host, login "
                    "or password but in ASCII",
                    retry=False,
                )
            case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
                return self._error("does not speak TLS on this port; set the extra disable_ssl", retry=False)
        return self._error(f"could not be reached ({kind}); nothing was sent", retry=True)

    def _sender(self, info: ConnectionInfo) -> str:
        sender = info.text("from_email") or info.login or ""
        if not _ADDRESS.fullmatch(sender):
            raise DeliveryError(
                f"the connection {self.connection!r} names no sender: set its extra from_email.", retry=False
            )
        return sender

    def _who(self, refused: dict[str, tuple[int, bytes]]) -> str:
        return ", ".join(f"{address}: {code}" for address, (code, _) in sorted(refused.items()))

    def _error(self, said: str, *, retry: bool) -> DeliveryError:
        return DeliveryError(f"the mail server (connection {self.connection!r}) {said}.", retry=retry)

    def _silence(self, said: str) -> DeliveryError:
        return DeliveryError(
            f"the mail server (connection {self.connection!r}) {said}: "
            "whether the message was accepted is not known.",
            retry=True,
            ambiguous=True,
        )


def _is_image(part: Message) -> bool:
    return part.get_content_maintype() == "image"


def _header(text: str) -> str:
    r"""Text for a header: Python decodes what looks encoded in it, line ends and all, and writes them out.

    >>> _header("a\r\nb =?utf-8?q?=0D=0ABcc=3A_all=40example.com?=")
    'a b = ?utf-8?q?=0D=0ABcc=3A_all=40example.com?='
    """
    return clean(text).replace("=?", "= ?")


class _TooLarge(Exception):
    """The server takes no message of this size, and it holds a chart."""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
