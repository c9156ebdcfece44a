"""Channels over plain HTTP, each against every way in which a receiver can fail it."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from hindsight.errors import ConnectionMissing, DeliveryError
from hindsight.notifiers import BaseNotifier, ConnectionInfo, PagerDuty, Parcel, Teams, Webhook, posting
from hindsight.notifiers.answers import LONGEST_WAIT
from hindsight.notifiers.pagerduty import PAUSE
from letters import opened
from receivers import Answer, Receiver, free_port, self_signed, slack_like

SECRET = "R0UTINGKEYSECRET"
PARCEL = Parcel(opened(), "key-1")
NOTIFIERS = {"pagerduty": PagerDuty("there"), "teams": Teams("there"), "webhook": Webhook("there")}
WHO = {
    "pagerduty": "PagerDuty (connection 'there')",
    "teams": "Microsoft Teams (connection 'there')",
    "webhook": "the webhook (connection 'there')",
}
EACH = pytest.mark.parametrize("kind", NOTIFIERS)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with slack_like() as running:
        yield running


def info(kind: str, address: str, **extra: object) -> ConnectionInfo:
    """The connection to a receiver at this address; each kind keeps its secret where its docs say."""
    options = {"timeout": 1, **extra}
    if kind == "pagerduty":
        return ConnectionInfo(password=SECRET, extra={**options, "base_url": address})
    if kind == "teams":
        return ConnectionInfo(password=f"{address}/workflows/{SECRET}?sig={SECRET}", extra=options)
    return ConnectionInfo(host=f"{address}/hook/{SECRET}", password=SECRET, extra=options)


def failure(kind: str, connection: ConnectionInfo) -> DeliveryError:
    """The error of a sending that fails: a sentence, with no secret in it or behind it."""
    notifier: BaseNotifier = NOTIFIERS[kind]
    with pytest.raises(DeliveryError) as caught:
        notifier.send(PARCEL, lambda _: connection)
    error: BaseException | None = caught.value
    while error is not None:  # also what `from None` only hides
        shown = "".join(traceback.format_exception(error)) + repr(error.args)
        assert SECRET not in shown
        error = error.__context__
    assert str(caught.value).startswith(WHO[kind])
    assert str(caught.value).endswith(".")
    return caught.value


@EACH
@pytest.mark.parametrize(
    "status, retry, ambiguous",
    [
        (301, True, False),
        (302, True, False),
        (307, True, False),
        (400, False, False),
        (401, False, False),
        (403, False, False),
        (404, False, False),
        (408, True, False),
        (410, False, False),
        (413, False, False),
        (429, True, False),
        (500, True, True),
        (502, True, True),
        (503, True, True),
        (504, True, True),
    ],
)
def test_every_status_says_whether_to_try_again(receiver, kind, status, retry, ambiguous) -> None:
    receiver.script.append(Answer(status, "no", {"Location": f"{receiver.address}/login"}))
    error = failure(kind, info(kind, receiver.address))
    assert (error.retry, error.ambiguous) == (retry, ambiguous)
    assert f"answered {status}" in str(error)
    assert len(receiver.requests) == 1, "nothing is retried and no redirect followed"


@EACH
def test_a_login_page_is_no_yes(receiver, kind) -> None:
    receiver.script.append(Answer(200, "\n<!DOCTYPE html><title>Log in</title>"))
    error = failure(kind, info(kind, receiver.address))
    assert (error.retry, error.ambiguous) == (True, True)


@EACH
@pytest.mark.parametrize("as_date", [False, True])
def test_too_many_messages_are_sent_again_when_the_receiver_says(receiver, kind, as_date) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    receiver.script.append(Answer(429, "", {"Retry-After": date if as_date else "30"}))
    before = datetime.now(UTC)
    error = failure(kind, info(kind, receiver.address))
    assert error.not_before is not None
    assert timedelta(seconds=25) < error.not_before - before < timedelta(seconds=35)


@EACH
@pytest.mark.parametrize("wait", ["86400", "9" * 400, "soon", "", "-1", "1e308"])
def test_an_absurd_wait_is_none_or_kept_within_reason(receiver, kind, wait) -> None:
    receiver.script.append(Answer(429, "", {"Retry-After": wait}))
    before = datetime.now(UTC)
    error = failure(kind, info(kind, receiver.address))
    if error.not_before is not None:
        assert before <= error.not_before <= datetime.now(UTC) + LONGEST_WAIT


def test_pagerduty_is_left_alone_for_minutes_where_it_names_no_wait(receiver) -> None:
    receiver.script.append(Answer(429, "throttled"))
    before = datetime.now(UTC)
    error = failure("pagerduty", info("pagerduty", receiver.address))
    assert error.not_before is not None
    assert error.not_before - before >= PAUSE


@EACH
@pytest.mark.parametrize(
    "answer", [Answer(accepts=True, drops=True), Answer(drops=True), Answer(accepts=True, delay=1.6)]
)
def test_silence_leaves_it_open_whether_the_message_arrived(receiver, kind, answer) -> None:
    receiver.script.append(answer)
    error = failure(kind, info(kind, receiver.address))
    assert (error.retry, error.ambiguous) == (True, True)
    assert "fell silent" in str(error)


@EACH
@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}", "http://receiver.invalid"])
def test_who_was_not_reached_was_sent_nothing(kind, address) -> None:
    error = failure(kind, info(kind, address.format(port=free_port())))
    assert (error.retry, error.ambiguous) == (True, False)
    assert "nothing was sent" in str(error)


def test_certificates_that_cannot_be_read_just_now_give_nothing_up(monkeypatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/to/be/found.pem")
    posting._trusted.cache_clear()
    try:
        error = failure("webhook", info("webhook", "https://127.0.0.1:9"))
    finally:
        posting._trusted.cache_clear()
    assert (error.retry, error.ambiguous) == (True, False)


@EACH
@pytest.mark.parametrize("address", ["http://[", "http://a b", "http://127.0.0.1:99999", "http://"])
def test_an_address_that_is_none_is_a_fault_of_the_connection(kind, address) -> None:
    connection = info(kind, address)
    error = failure(kind, connection)
    assert not error.ambiguous
    assert "cannot be called as the connection describes it" in str(error) or error.retry


@EACH
def test_a_connection_without_its_secret_is_named(kind) -> None:
    with pytest.raises(
        DeliveryError, match=r"^the connection 'there' (has no password|holds no address)"
    ) as e:
        NOTIFIERS[kind].send(PARCEL, lambda _: ConnectionInfo(host="http://127.0.0.1:1"))
    assert not e.value.retry


@EACH
def test_a_missing_connection_is_left_to_the_caller(kind) -> None:
    def connect(name: str) -> ConnectionInfo:
        raise ConnectionMissing(name)

    with pytest.raises(ConnectionMissing):
        NOTIFIERS[kind].send(PARCEL, connect)


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@contextmanager
def tls_server(certificate: Path) -> Iterator[int]:
    """A port behind which TLS is spoken, with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(2):
                try:
                    line, _ = listening.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(line, server_side=True).close()
                except OSError:
                    line.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@EACH
def test_a_certificate_that_is_not_trusted_is_told_and_not_tried_again(kind, certificate) -> None:
    with tls_server(certificate) as port:
        error = failure(kind, info(kind, f"https://127.0.0.1:{port}"))
    assert (error.retry, error.ambiguous) == (False, False)
    assert "shows a certificate that is not trusted" in str(error)


@EACH
def test_a_receiver_that_speaks_no_tls_was_sent_nothing(receiver, kind) -> None:
    error = failure(kind, info(kind, receiver.address.replace("http://", "https://")))
    assert (error.retry, error.ambiguous) == (True, False)
    assert receiver.accepted == []


# --- Proxies ------------------------------------------------------------------------------------


@EACH
def test_a_proxy_is_the_connections_own(receiver, kind) -> None:
    NOTIFIERS[kind].send(PARCEL, lambda _: info(kind, "http://receiver.invalid", proxy=receiver.address))
    ((path, headers, _),) = receiver.requests
    assert path.startswith("http://receiver.invalid/")
    assert headers["Host"] == "receiver.invalid"


@EACH
def test_a_proxy_of_the_environment_is_heeded_and_so_are_its_exceptions(receiver, kind, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", receiver.address)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    NOTIFIERS[kind].send(PARCEL, lambda _: info(kind, "http://receiver.invalid"))
    assert len(receiver.requests) == 1
    monkeypatch.setenv("NO_PROXY", "receiver.invalid")
    assert "could not be reached" in str(failure(kind, info(kind, "http://receiver.invalid")))
    assert len(receiver.requests) == 1


@EACH
@pytest.mark.parametrize(
    "proxy", ["nonsense", "gopher://x:1", "http://[", "socks5://user:R0UTINGKEYSECRET@h:1"]
)
def test_a_proxy_that_is_none_is_a_fault_of_the_connection(kind, proxy) -> None:
    error = failure(kind, info(kind, "http://receiver.invalid", proxy=proxy))
    assert not error.ambiguous


# --- Logs ---------------------------------------------------------------------------------------


@EACH
def test_the_log_at_its_most_talkative_holds_no_address(receiver, kind, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
            caplog.set_level(logging.DEBUG, logger=name)
        NOTIFIERS[kind].send(PARCEL, lambda _: info(kind, receiver.address))
        receiver.script.append(Answer(500, SECRET))
        failure(kind, info(kind, receiver.address))
        failure(kind, info(kind, f"http://127.0.0.1:{free_port()}"))
        assert len(receiver.requests) == 2
        assert SECRET not in caplog.text
        assert receiver.address not in caplog.text
        httpx.get(f"{receiver.address}/others")
    assert "/others" in caplog.text, "what others do with httpx is theirs to log"


def test_an_endless_answer_is_not_read_to_its_end(receiver) -> None:
    receiver.script.append(Answer(400, "x" * 5_000_000))
    error = failure("pagerduty", info("pagerduty", receiver.address))
    assert len(str(error)) < 400
    assert not error.retry


def test_a_message_is_sent_as_often_as_it_is_asked_for(receiver) -> None:
    for kind, notifier in NOTIFIERS.items():
        connection = info(kind, receiver.address)
        notifier.send(replace(PARCEL, key="another"), lambda _, connection=connection: connection)
    assert len(receiver.accepted) == len(NOTIFIERS)
