"""E-mail against a real mail server that takes, refuses or drops what it is given."""

from __future__ import annotations

import re
import ssl
import traceback
from dataclasses import replace
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from episodes import CRITICAL, ZONE, run, spec, story
from hindsight.config.loading import json_schema
from hindsight.domain.values import Notify, Severity
from hindsight.errors import ConnectionMissing, DeliveryError
from hindsight.incidents import fold, replay
from hindsight.message import Document, Tone, compose, html, plain
from hindsight.notifiers import ConnectionInfo, Email, Parcel, Picture, Sent, channels
from hindsight.policy import decide
from hindsight.windows import DayRange
from letters import PICTURE, PNG
from receivers import Mailbox, free_port, mail_server, self_signed

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


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


def send(port: int, document: Document | None = None, key: str = "key-1", **extra: Any) -> str | None:
    parcel = Parcel(document or message(), key)
    return EMAIL.send(parcel, lambda _: connection(port, **extra)).provider_id


def failure(port: int, info: ConnectionInfo | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        EMAIL.send(Parcel(message(), "key-1"), lambda _: info or connection(port))
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
        EMAIL.send(Parcel(message(), "k"), lambda _: info)
    return caught.value


def test_a_missing_connection_is_left_to_the_caller() -> None:
    def connect(name: str) -> ConnectionInfo:
        raise ConnectionMissing(name)

    with pytest.raises(ConnectionMissing):
        EMAIL.send(Parcel(message(), "k"), connect)


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


# --- Recipients, each by itself -------------------------------------------------------------------


def test_each_recipient_gets_the_same_mail_in_an_envelope_of_their_own() -> None:
    with mail_server(Mailbox()) as mailbox:
        names = []
        for key, channel in channels((EMAIL,)).items():
            sent = channel.send(Parcel(message(), f"key-1/{key}"), lambda _: connection(mailbox.port))
            names.append(sent.provider_id)
    assert [recipients for recipients, _ in mailbox.mails] == [["kim@example.com"], ["ops-ml@example.com"]]
    first, second = (mail for _, mail in mailbox.mails)
    assert first["To"] == second["To"] == "kim@example.com, ops-ml@example.com"
    assert names[0] == names[1] == first["Message-ID"] == second["Message-ID"]
    assert first["References"] == second["References"]


@pytest.mark.parametrize("code, retry", [(550, False), (553, False), (450, True), (451, True), (452, True)])
def test_one_who_is_refused_keeps_nobody_else_waiting(code, retry) -> None:
    outcomes = {}
    with mail_server(Mailbox(refuses={"kim@example.com": code})) as mailbox:
        for channel in EMAIL.channels():
            try:
                channel.send(Parcel(message(), "k"), lambda _: connection(mailbox.port))
            except DeliveryError as error:
                outcomes[channel.recipient] = (str(error), error.retry, error.ambiguous)
    said = f"the mail server (connection 'smtp_default') refused every recipient (kim@example.com: {code})."
    assert outcomes == {"kim@example.com": (said, retry, False)}
    assert [recipients for recipients, _ in mailbox.mails] == [["ops-ml@example.com"]]


def test_who_is_named_by_themselves_is_no_key_of_the_file() -> None:
    assert "recipient" not in str(json_schema())
    with pytest.raises(TypeError, match="recipient"):
        Email("smtp_default", ("kim@example.com",), recipient="kim@example.com")  # type: ignore[call-arg]


# --- Charts ---------------------------------------------------------------------------------------


def with_chart(port: int, picture: Picture = PICTURE) -> Sent:
    parcel = Parcel(message(), "key-1", pictures=(picture,))
    return EMAIL.send(parcel, lambda _: connection(port))


def test_a_chart_lies_in_the_mail_itself() -> None:
    with mail_server(Mailbox()) as mailbox:
        sent = with_chart(mailbox.port)
    ((_, mail),) = mailbox.mails
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]
    image = next(part for part in mail.walk() if part.get_content_type() == "image/png")
    assert image.get_content() == PNG
    assert image.get_content_disposition() == "inline"
    assert image.get_filename() == "lift_0.1_.png"
    (shown,) = re.findall(r"<img[^>]*>", page_of(mail))
    assert f'src="cid:{image["Content-ID"].strip("<>")}"' in shown
    assert f'alt="{PICTURE.alt}"' in shown
    assert page_of(mail).rstrip().endswith("</div></body></html>")
    assert sent.remarks == ()


def page_of(mail: EmailMessage) -> str:
    return next(part for part in mail.walk() if part.get_content_type() == "text/html").get_content()


def test_a_chart_that_makes_the_mail_too_large_holds_back_no_text() -> None:
    large = Picture("chart.png", PNG * 20_000, "alt")
    with mail_server(Mailbox(), data_size_limit=500_000) as mailbox:
        sent = with_chart(mailbox.port, large)
    ((_, mail),) = mailbox.mails
    assert "image/png" not in [part.get_content_type() for part in mail.walk()]
    assert sent == Sent(
        mail["Message-ID"], ("The mail server found the message too large: it went without its chart.",)
    )


def test_a_mail_that_is_too_large_without_a_chart_is_given_up() -> None:
    with mail_server(Mailbox(after_data="552 too large")) as mailbox:
        error = failure(mailbox.port)
    assert (error.retry, error.ambiguous) == (False, False)
    assert "answered 552 and refused the message" in str(error)
    assert mailbox.mails == []


def test_a_certificate_that_is_not_trusted_is_told(certificate) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with mail_server(Mailbox(), tls_context=context, require_starttls=True) as mailbox:
        starttls = connection(mailbox.port, disable_tls="false")
        error = failure(mailbox.port, starttls)
        trusting = replace(starttls, extra={**starttls.extra, "ssl_context": "none"})
        EMAIL.send(Parcel(message(), "k"), lambda _: trusting)
    assert (error.retry, error.ambiguous) == (False, False)
    assert "shows a certificate that is not trusted" in str(error)
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(
    "to", [(), ("kim",), ("kim@example.com\r\nBcc: x@y",), ("a@b, c@d",), ("=?q?=0D?=@b",)]
)
def test_addresses_that_are_none_are_refused(to) -> None:
    with pytest.raises(ValueError, match="address"):
        Email("smtp_default", to)
