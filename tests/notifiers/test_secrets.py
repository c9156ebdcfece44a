"""No token, address or password of a receiver in anything that Hindsight says, whichever way it fails."""

from __future__ import annotations

import json
import logging
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from hindsight.domain.records import Delivery
from hindsight.message import to_json
from hindsight.notifiers import (
    NOTIFIERS,
    BaseNotifier,
    CannotTell,
    ConnectionInfo,
    Email,
    Log,
    PagerDuty,
    Parcel,
    Slack,
    SlackWebhook,
    Teams,
    Webhook,
    channel_key,
)
from hindsight.pipeline import attempt
from letters import PICTURE, charted, opened
from receivers import Answer, Mailbox, Receiver, free_port, mail_server, self_signed, slack_like

SECRETS = ("TOKENSECRET", "HOOKSECRET", "QUERYSECRET", "USERSECRET", "PROXYSECRET", "PATHSECRET")
ECHO = " ".join(SECRETS)
DOCUMENT = charted(opened())
PARCEL = Parcel(DOCUMENT, "key-1", pictures=(PICTURE,), since=datetime.now(UTC))
CHANNELS: dict[str, BaseNotifier] = {
    "slack": Slack("c", "#ml-incidents", ("here",)),
    "slack_webhook": SlackWebhook("c"),
    "email": Email("c", ("kim@example.com",)),
    "pagerduty": PagerDuty("c"),
    "teams": Teams("c"),
    "webhook": Webhook("c"),
    "log": Log(),
}
HTTP = ("slack", "slack_webhook", "pagerduty", "teams", "webhook")


def connection(kind: str, address: str, **extra: Any) -> ConnectionInfo:
    """Whatever a connection of this kind can hide, hidden in it."""
    options = {"timeout": 1, "something_else": "USERSECRET", **extra}
    match kind:
        case "slack":
            return ConnectionInfo(
                password="xoxb-TOKENSECRET", extra={**options, "base_url": f"{address}/api/"}
            )
        case "slack_webhook":
            return ConnectionInfo(password="T0/B0/HOOKSECRET", host=f"{address}/PATHSECRET", extra=options)
        case "pagerduty":
            there = {"base_url": address, "routing_key": "USERSECRET"}
            return ConnectionInfo(password="TOKENSECRET", extra={**options, **there})
        case "teams":
            return ConnectionInfo(password=f"{address}/PATHSECRET?sig=QUERYSECRET", extra=options)
        case "webhook":
            path = {"path": "PATHSECRET?token=QUERYSECRET"}
            return ConnectionInfo(password="HOOKSECRET", host=address, extra={**options, **path})
    host, _, port = address.rpartition("//")[2].partition(":")
    mail = {"disable_ssl": True, "disable_tls": True, "from_email": "hindsight@example.com"}
    return ConnectionInfo("smtp", host, int(port), "USERSECRET", "TOKENSECRET", extra={**options, **mail})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with slack_like() as running:
        yield running


class Said:
    """Everything that is said while a channel is used: collected, then looked through."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog
        self.pieces: list[str] = []
        self.failures = 0

    def use(self, notifier: BaseNotifier, info: ConnectionInfo, parcel: Parcel = PARCEL) -> None:
        """Send, find and update, as delivery does and by themselves."""
        self.pieces += [
            repr(info),
            str(info),
            repr(notifier),
            channel_key(notifier),
            to_json(parcel.document),
        ]
        uses: tuple[Callable[[], Any], ...] = (
            lambda: notifier.send(parcel, lambda _: info),
            lambda: notifier.find(parcel, lambda _: info),
            lambda: notifier.update("C0123456789:1.2:F1", parcel.document, lambda _: info),
            lambda: attempt.send(notifier, parcel, lambda _: info, 1),
            lambda: attempt.find(notifier, parcel, lambda _: info, 1),
        )
        for use in uses:
            try:
                self.note(use())
            except (NotImplementedError, CannotTell) as error:
                self.note(error)
            except Exception as error:  # noqa: BLE001  whatever it is, it is looked through
                self.failures += 1
                self.note(error)

    def note(self, found: Any) -> None:
        self.pieces.append(repr(found))
        if isinstance(found, attempt.Outcome):
            self.pieces.append(json.dumps(asdict(found), default=str))  # the row
            self.failures += found.error is not None
        waiting = [found] if isinstance(found, BaseException) else []
        while waiting:  # also what a traceback hides: error collectors show it
            error = waiting.pop()
            self.pieces += [str(error), repr(error), repr(vars(error))]
            self.pieces += traceback.format_exception(error)
            waiting += [each for each in (error.__cause__, error.__context__) if each is not None]

    def holds(self) -> list[str]:
        """The secrets that were said."""
        ours = [record for record in self.caplog.records if record.name != "mail.log"]  # the server's own
        told = "\n".join([*self.pieces, *map(_whole, ours)])
        assert len(told) > 1_000
        return [secret for secret in SECRETS if secret.lower() in told.lower()]


def _whole(record: logging.LogRecord) -> str:
    """A record with whatever a handler could show of it."""
    shown = logging.Formatter("%(name)s %(pathname)s %(message)s").format(record)
    return f"{shown} {record.args!r} {record.msg!r}"


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Said:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "slack_sdk", "slack_sdk.web.client", "urllib3", "hindsight"):
        caplog.set_level(logging.DEBUG, logger=name)
    return Said(caplog)


def test_every_kind_is_looked_through() -> None:
    assert set(CHANNELS) == set(NOTIFIERS)


ANSWERS = {
    "taken": Answer(accepts=True),
    "yes, with an echo": Answer(200, json.dumps({"ok": True, "channel": ECHO, "ts": "1.2"})),
    "no, with an echo": Answer(200, json.dumps({"ok": False, "error": ECHO, "needed": ECHO})),
    "a code": Answer(200, json.dumps({"ok": False, "error": "channel_not_found", "needed": ECHO})),
    "a scope": Answer(200, json.dumps({"ok": False, "error": "missing_scope", "needed": "tokensecret,a:b"})),
    "bad request": Answer(400, json.dumps({"message": ECHO, "errors": [ECHO], "error": {"code": ECHO}})),
    "one word": Answer(400, "hooksecret"),
    "not allowed": Answer(403, ECHO),
    "gone": Answer(404, ECHO),
    "too many": Answer(429, ECHO, {"Retry-After": ECHO}),
    "broken": Answer(500, ECHO),
    "redirect": Answer(302, ECHO, {"Location": "http://127.0.0.1:9/QUERYSECRET"}),
    "login": Answer(200, f"<html>{ECHO}</html>"),
    "truncated": Answer(200, '{"ok": true, "ts": "TOKENSEC'),
    "dropped": Answer(accepts=True, drops=True),
    "slow": Answer(accepts=True, delay=1.3),
}


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_answer_gets_a_secret_out(receiver, said, kind, answer) -> None:
    receiver.script.extend([answer] * 8)
    for method in ("files.getUploadURLExternal", "conversations.list", "chat.update"):
        receiver.scripts[method] = deque([answer] * 2 if answer.delay == 0 else [])
    said.use(CHANNELS[kind], connection(kind, receiver.address))
    assert said.holds() == []
    assert receiver.requests


@pytest.mark.parametrize("kind", [*HTTP, "email"])
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{port}", "http://receiver.invalid:{port}", "https://127.0.0.1:{port}"]
)
def test_nobody_there(said, kind, address) -> None:
    said.use(CHANNELS[kind], connection(kind, address.format(port=free_port())))
    assert said.holds() == []
    assert said.failures >= 2


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize(
    "address",
    [
        "http://[",
        "http://a b/QUERYSECRET",
        "PATHSECRET",
        "gopher://QUERYSECRET",
        "http://u:QUERYSECRET@127.0.0.1:9",
    ],
)
def test_an_address_that_is_none(said, kind, address) -> None:
    said.use(CHANNELS[kind], connection(kind, address))
    assert said.holds() == []
    assert said.failures >= 2


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize(
    "proxy",
    ["http://u:PROXYSECRET@127.0.0.1:9", "PROXYSECRET", "socks5://u:PROXYSECRET@127.0.0.1:9", "http://["],
)
def test_a_proxy(said, kind, proxy) -> None:
    said.use(CHANNELS[kind], connection(kind, "http://receiver.invalid", proxy=proxy))
    assert said.holds() == []
    assert said.failures >= 2


@pytest.mark.parametrize("kind", HTTP)
def test_a_certificate_that_is_not_trusted(said, receiver, kind, tmp_path) -> None:
    with mail_server(Mailbox(), ssl_context=_context(tmp_path)) as mailbox:
        said.use(CHANNELS[kind], connection(kind, f"https://127.0.0.1:{mailbox.port}"))
    assert said.holds() == []
    assert said.failures >= 2


def _context(folder: Path) -> Any:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(folder))
    return context


@pytest.mark.parametrize(
    "mailbox",
    [
        Mailbox(),
        Mailbox(refuses={"kim@example.com": 550}),
        Mailbox(refuses={"kim@example.com": 451}),
        Mailbox(after_data=f"554 {ECHO}"),
        Mailbox(after_data="drop"),
    ],
)
@pytest.mark.parametrize("accepted", [True, False])
def test_no_mail_server_gets_a_secret_out(said, mailbox, accepted) -> None:
    answered = AuthResult(success=accepted, handled=True, message=None if accepted else f"535 {ECHO}")
    options = {"auth_require_tls": False, "authenticator": lambda *_: answered}
    with mail_server(replace(mailbox, mails=[]), **options) as running:
        said.use(CHANNELS["email"], connection("email", f"http://127.0.0.1:{running.port}"))
    assert said.holds() == []


def test_a_password_that_smtplib_cannot_send_is_refused_for_good_without_it(said) -> None:
    """No try will do better, and nothing was sent, so nothing may be a repeat."""
    options = {"auth_require_tls": False, "authenticator": lambda *_: AuthResult(success=True)}
    with mail_server(Mailbox(), **options) as running:
        info = replace(
            connection("email", f"http://127.0.0.1:{running.port}"), password="pässTOKENSECRET", login="kim"
        )
        outcome = attempt.send(CHANNELS["email"], PARCEL, lambda _: info, 1)
        said.use(CHANNELS["email"], info)
        assert running.mails == []
    assert outcome.state is Delivery.DEAD
    assert not outcome.ambiguous
    assert "cannot be called as the connection describes it (UnicodeEncodeError)" in (outcome.error or "")
    assert said.holds() == []


@pytest.mark.parametrize(
    "extra, password",
    [
        ({}, "xoxb-TOKENSECRET\nx"),
        ({"base_url": "http://h:99PATHSECRET/"}, "x"),
        ({"base_url": "http://127.0.0.1:1/", "proxy": "PROXYSECRET"}, "x"),
    ],
)
def test_no_error_that_knows_the_token_hangs_on_ours(said, extra, password) -> None:
    options = {"timeout": 1, "base_url": "http://127.0.0.1:1/", **extra}
    said.use(CHANNELS["slack"], ConnectionInfo(password=password, extra=options))
    said.use(
        CHANNELS["slack_webhook"],
        ConnectionInfo(password=f"{options['base_url']}HOOKSECRET{password}", extra=options),
    )
    assert said.holds() == []


def test_the_log_is_told_the_message_and_nothing_else(said) -> None:
    said.use(CHANNELS["log"], connection("webhook", "http://127.0.0.1:9"))
    assert said.holds() == []


def test_what_is_looked_for_would_be_found(said) -> None:
    logging.getLogger("httpx").info("HTTP Request: %s", "http://x/QUERYSECRET")
    said.note(ValueError("tokensecret" + " " * 1_000))
    assert said.holds() == ["TOKENSECRET", "QUERYSECRET"]
