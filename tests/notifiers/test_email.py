"""E-mail against a real mail server that takes, refuses or drops what it is given."""

from __future__ import annotations

import traceback
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from episodes import CRITICAL, ZONE, run, spec, story
from hindsight.domain.values import Notify, Severity
from hindsight.errors import ConnectionMissing, DeliveryError
from hindsight.incidents import fold, replay
from hindsight.message import Document, Tone, compose, html, plain
from hindsight.notifiers import ConnectionInfo, Email
from hindsight.policy import decide
from hindsight.windows import DayRange
from receivers import Mailbox, free_port, mail_server

PASSWORD = "mail-verysecret"
EMAIL = Email("smtp_default", ("kim@example.com", "ops-ml@example.com"))


def message(day: int = 0) -> Document:
    detections = [*story("BBCC"), *story(".BCC", segment="origin=JFK", severity=CRITICAL)]
    stored = [replace(i, told_on=run(0)) for i in fold(detections, (), ZONE)]
    return compose(
        decide(Notify.LIVE, DayRange(run(day), run(day)), replay(detections, stored, ZONE))[0], spec()
    )


def connection(port: int, **extra: Any) -> ConnectionInfo:
    options = {
        "disable_ssl": "true",
        "disable_tls": True,
        "from_email": "hindsight@ml.example.com",
        "timeout": 2,
    }
    return ConnectionInfo("smtp", "127.0.0.1", port, extra={**options, **extra})


def send(port: int, document: Document | None = None, key: str = "key-1", **extra: Any) -> str | None:
    return EMAIL.send(document or message(), key, lambda _: connection(port, **extra))


def failure(port: int, info: ConnectionInfo | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        EMAIL.send(message(), "key-1", lambda _: info or connection(port))
    assert PASSWORD not in "".join(traceback.format_exception(caught.value)) + repr(info)
    assert "(connection 'smtp_default')" in str(caught.value)
    return caught.value


def test_one_mail_goes_to_all_with_text_and_html() -> None:
    document = message()
    with mail_server(Mailbox()) as mailbox:
        name = send(mailbox.port, document)
    ((recipients, mail),) = mailbox.mails
    assert recipients == ["kim@example.com", "ops-ml@example.com"]
    assert mail.get_content_type() == "multipart/alternative"
    text, page = mail.iter_parts()
    assert (text.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n") == plain(document)
    assert page.get_content().strip().replace("\r\n", "\n") == html(document)
    assert mail["Message-ID"] == name
    assert mail["Subject"] == document.subject
    assert mail["From"] == "hindsight@ml.example.com"
    assert mail["To"] == "kim@example.com, ops-ml@example.com"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "<flight-delay.hindsight.ml.example.com>"
    assert mail["X-Hindsight-Incident"] == document.thread
    assert mail["Date"].datetime.tzinfo is not None


def test_a_repeat_has_the_same_name_and_another_message_another() -> None:
    with mail_server(Mailbox()) as mailbox:
        names = [send(mailbox.port, key=key) for key in ("key-1", "key-1", "key-2")]
    assert names[0] == names[1] != names[2]
    assert str(names[0]).endswith("@ml.example.com>")


def test_the_messages_of_one_incident_form_a_thread() -> None:
    with mail_server(Mailbox()) as mailbox:
        for day in (0, 1, 3):
            send(mailbox.port, message(day), key=f"key-{day}")
    mails = [mail for _, mail in mailbox.mails]
    for header in ("Subject", "References", "In-Reply-To"):
        assert len({mail[header] for mail in mails}) == 1
    assert len({mail["Message-ID"] for mail in mails}) == 3


def test_a_summary_of_quiet_days_belongs_to_no_thread() -> None:
    (decision,) = decide(Notify.SUMMARY, DayRange(run(0), run(9)), replay([], (), ZONE))
    with mail_server(Mailbox()) as mailbox:
        send(mailbox.port, compose(decision, spec()))
    ((_, mail),) = mailbox.mails
    assert mail["References"] is None
    assert mail["X-Hindsight-Incident"] is None


def test_one_refused_recipient_is_named_and_the_other_is_served() -> None:
    with mail_server(Mailbox(refuses={"kim@example.com": 550})) as mailbox:
        error = failure(mailbox.port)
    assert [recipients for recipients, _ in mailbox.mails] == [["ops-ml@example.com"]]
    assert str(error) == (
        "the mail server (connection 'smtp_default') took the message for the others "
        "but refused kim@example.com: 550."
    )
    assert (error.retry, error.ambiguous) == (False, False), "or the others would get it twice"


@pytest.mark.parametrize("code, retry", [(550, False), (451, True)])
def test_when_all_are_refused_nothing_was_sent(code, retry) -> None:
    with mail_server(Mailbox(refuses=dict.fromkeys(EMAIL.to, code))) as mailbox:
        error = failure(mailbox.port)
    assert mailbox.mails == []
    assert (error.retry, error.ambiguous) == (retry, False)
    assert f"refused every recipient (kim@example.com: {code}, ops-ml@example.com: {code})" in str(error)


@pytest.mark.parametrize("answer, retry", [("554 no", False), ("452 full", True)])
def test_a_message_refused_after_it_was_read_was_not_taken(answer, retry) -> None:
    with mail_server(Mailbox(after_data=answer)) as mailbox:
        error = failure(mailbox.port)
    assert (error.retry, error.ambiguous) == (retry, False)
    assert f"answered {answer[:3]} and refused the message" in str(error)


def test_a_server_that_drops_the_line_after_the_message_leaves_it_open() -> None:
    with mail_server(Mailbox(after_data="drop")) as mailbox:
        error = failure(mailbox.port)
    assert len(mailbox.mails) == 1
    assert (error.retry, error.ambiguous) == (True, True)


def test_nobody_listening_is_certain_not_to_have_taken_it() -> None:
    error = failure(free_port())
    assert (error.retry, error.ambiguous) == (True, False)
    assert "ConnectionRefusedError" in str(error)


def test_a_server_without_tls_names_the_extra_to_set() -> None:
    with mail_server(Mailbox()) as mailbox:
        starttls = failure(mailbox.port, connection(mailbox.port, disable_tls="false"))
        from_the_start = failure(mailbox.port, connection(mailbox.port, disable_ssl=False))
    assert "disable_tls" in str(starttls)
    assert "disable_ssl" in str(from_the_start)
    assert not starttls.retry
    assert not from_the_start.retry
    assert mailbox.mails == []


def test_a_login_that_is_not_accepted_is_not_tried_again() -> None:
    options = {
        "auth_require_tls": False,
        "authenticator": lambda *_: AuthResult(success=False, handled=False),
    }
    with mail_server(Mailbox(), **options) as mailbox:
        info = replace(connection(mailbox.port), login="hindsight", password=PASSWORD)
        error = failure(mailbox.port, info)
    assert not error.retry
    assert "does not accept the connection's login and password" in str(error)


def test_a_connection_without_a_sender_is_named() -> None:
    error = failure_without_server(ConnectionInfo("smtp", "127.0.0.1", 1))
    assert str(error) == "the connection 'smtp_default' names no sender: set its extra from_email."


def failure_without_server(info: ConnectionInfo) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        EMAIL.send(message(), "k", lambda _: info)
    return caught.value


def test_a_missing_connection_is_left_to_the_caller() -> None:
    def connect(name: str) -> ConnectionInfo:
        raise ConnectionMissing(name)

    with pytest.raises(ConnectionMissing):
        EMAIL.send(message(), "k", connect)


def test_line_ends_in_a_name_make_no_header() -> None:
    hostile = "x\r\nBcc: all@example.com\r\n\u202e"
    document = Document(
        kind="daily",
        monitor=hostile,
        day=date(2013, 4, 12),
        severity=Severity.WARNING,
        tone=Tone.WARNING,
        title=hostile,
        subject=hostile * 100,
        first_line=hostile,
        thread=hostile,
    )
    with mail_server(Mailbox()) as mailbox:
        send(mailbox.port, document)
    ((recipients, mail),) = mailbox.mails
    assert recipients == list(EMAIL.to)
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("x Bcc: all@example.com x Bcc:")
    assert len(mail["Subject"]) <= 200


@pytest.mark.parametrize("to", [(), ("kim",), ("kim@example.com\r\nBcc: x@y",), ("a@b, c@d",)])
def test_addresses_that_are_none_are_refused(to) -> None:
    with pytest.raises(ValueError, match="address"):
        Email("smtp_default", to)
