"""Slack by bot and by webhook, against a server that answers as scripted over a real socket."""

from __future__ import annotations

import http.client
import logging
import traceback
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindsight.domain.values import Severity
from hindsight.errors import ConnectionMissing, DeliveryError
from hindsight.message import Document, slack_blocks, slack_text
from hindsight.notifiers import ConnectionInfo, Parcel, Slack, SlackWebhook
from hindsight.notifiers.answers import LONGEST_WAIT, not_before
from letters import opened
from receivers import (
    CHANNEL,
    DROPS_AFTER_ACCEPTING,
    FAILS,
    Answer,
    Receiver,
    free_port,
    refuses,
    slack_like,
)

TOKEN = "xoxb-1234-verysecret"
HOOK = "T000/B000/HOOKSECRET"
BOT, WEBHOOK = Slack("slack_ml", "#ml-incidents"), SlackWebhook("slack_hook")
NOTIFIERS = pytest.mark.parametrize("notifier", [BOT, WEBHOOK], ids=["bot", "webhook"])


@pytest.fixture
def slack() -> Iterator[Receiver]:
    with slack_like() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def document() -> Document:
    return opened(Severity.WARNING)


def connections(address: str, timeout: int = 5) -> dict[str, ConnectionInfo]:
    return {
        "slack_ml": ConnectionInfo(
            "slack", password=TOKEN, extra={"base_url": f"{address}/api/", "timeout": timeout}
        ),
        "slack_hook": ConnectionInfo(
            "slackwebhook", host=f"{address}/services", password=HOOK, extra={"timeout": str(timeout)}
        ),
    }


def send(notifier: Slack | SlackWebhook, document: Document, address: str, timeout: int = 5) -> str | None:
    parcel = Parcel(document, "outbox-key-1")
    return notifier.send(parcel, connections(address, timeout).__getitem__).provider_id


def failure(
    notifier: Slack | SlackWebhook, document: Document, address: str, timeout: int = 5
) -> DeliveryError:
    """The error of a sending that fails; none of its text may hold a secret."""
    with pytest.raises(DeliveryError) as caught:
        send(notifier, document, address, timeout)
    told = "".join(traceback.format_exception(caught.value)) + repr(connections(address))
    for secret in (TOKEN, HOOK, "verysecret", "HOOKSECRET"):
        assert secret not in told
    assert address.removeprefix("http://") not in str(caught.value)
    assert str(caught.value).endswith(".")
    return caught.value


def test_a_bot_posts_the_blocks_once_and_learns_the_messages_name(slack, document) -> None:
    assert send(BOT, document, slack.address) == f"{CHANNEL}:1366000000.000001"
    ((path, headers, body),) = slack.requests
    assert path == "/api/chat.postMessage"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert body["channel"] == "#ml-incidents"
    assert body["blocks"] == slack_blocks(document)
    assert body["text"] == slack_text(document)
    assert not any(body[key] for key in ("unfurl_links", "unfurl_media", "link_names"))
    assert body["parse"] == "none"
    assert body["metadata"] == {
        "event_type": "hindsight_notification",
        "event_payload": {"key": "outbox-key-1"},
    }


def test_a_webhook_posts_the_same_blocks_once(slack, document) -> None:
    assert send(WEBHOOK, document, slack.address) is None
    ((path, _, body),) = slack.requests
    assert path == f"/services/{HOOK}"
    assert body["blocks"] == slack_blocks(document)
    assert not body["unfurl_links"]


@pytest.mark.parametrize(
    "info, path",
    [
        (ConnectionInfo(host="{}/services/", password=f"/{HOOK}"), f"/services/{HOOK}"),
        (ConnectionInfo(password="{}/whole/" + HOOK), f"/whole/{HOOK}"),
        (ConnectionInfo(schema="http", host="{}", password=HOOK), f"/{HOOK}"),
    ],
)
def test_a_webhooks_address_is_put_together_as_airflow_does(slack, document, info, path) -> None:
    bare = slack.address.removeprefix("http://") if info.schema else slack.address
    filled = replace(
        info, host=info.host and info.host.format(bare), password=(info.password or "").format(slack.address)
    )
    WEBHOOK.send(Parcel(document, "k"), {"slack_hook": filled}.__getitem__)
    assert slack.requests[0][0] == path


def test_a_webhook_without_a_host_belongs_to_slack() -> None:
    address = WEBHOOK._address(ConnectionInfo(password=HOOK))
    assert address == f"https://hooks.slack.com/services/{HOOK}"


@NOTIFIERS
@pytest.mark.parametrize("as_date", [False, True])
def test_too_many_messages_are_sent_again_when_slack_says(slack, document, notifier, as_date) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    slack.script.append(Answer(429, "slow down", {"Retry-After": date if as_date else "30"}))
    before = datetime.now(UTC)
    error = failure(notifier, document, slack.address)
    assert (error.retry, error.ambiguous) == (True, False)
    assert error.not_before is not None
    assert timedelta(seconds=25) < error.not_before - before < timedelta(seconds=35)
    assert len(slack.requests) == 1, "Airflow retries, the client does not"


@NOTIFIERS
def test_a_server_error_and_a_dropped_connection_leave_it_open_whether_the_message_arrived(
    slack, document, notifier
) -> None:
    for answer in (FAILS, Answer(503, ""), DROPS_AFTER_ACCEPTING):
        slack.script.append(answer)
        error = failure(notifier, document, slack.address)
        assert (error.retry, error.ambiguous, error.not_before) == (True, True, None)
    assert len(slack.requests) == 3
    assert len(slack.accepted) == 1


@NOTIFIERS
def test_an_answer_that_comes_too_late_leaves_it_open(slack, document, notifier) -> None:
    slack.script.append(Answer(accepts=True, delay=1.6))
    error = failure(notifier, document, slack.address, timeout=1)
    assert (error.retry, error.ambiguous) == (True, True)
    assert "TimeoutError" in str(error)


@NOTIFIERS
def test_nobody_listening_is_certain_not_to_have_taken_it(document, notifier) -> None:
    error = failure(notifier, document, f"http://127.0.0.1:{free_port()}")
    assert (error.retry, error.ambiguous) == (True, False)
    assert "ConnectionRefusedError" in str(error)


@NOTIFIERS
def test_a_host_that_does_not_exist_is_certain_not_to_have_taken_it(document, notifier) -> None:
    error = failure(notifier, document, "http://slack.invalid")
    assert (error.retry, error.ambiguous) == (True, False)


@NOTIFIERS
def test_a_login_page_instead_of_slack_is_not_taken_for_an_answer(slack, document, notifier) -> None:
    slack.script.append(Answer(200, "<!DOCTYPE html><title>Log in</title>"))
    error = failure(notifier, document, slack.address)
    assert (error.retry, error.ambiguous) == (True, True)


@pytest.mark.parametrize(
    "code, retry, ambiguous",
    [
        ("channel_not_found", False, False),
        ("not_in_channel", False, False),
        ("is_archived", False, False),
        ("invalid_auth", False, False),
        ("token_revoked", False, False),
        ("a_code_slack_has_yet_to_invent", False, False),
        ("ratelimited", True, False),
        ("internal_error", True, True),
        ("fatal_error", True, True),
    ],
)
def test_slacks_own_codes_say_whether_to_try_again(slack, document, code, retry, ambiguous) -> None:
    slack.script.append(refuses(code))
    error = failure(BOT, document, slack.address)
    assert (error.retry, error.ambiguous) == (retry, ambiguous)
    assert code in str(error)
    assert len(slack.requests) == 1


def test_an_error_names_the_cure(slack, document) -> None:
    slack.script.append(refuses("channel_not_found"))
    assert str(failure(BOT, document, slack.address)) == (
        "Slack (connection 'slack_ml') refused the message for '#ml-incidents': channel_not_found; "
        "name a channel that exists, or invite the bot if it is private."
    )


@pytest.mark.parametrize(
    "status, body", [(400, "invalid_payload"), (403, "action_prohibited"), (404, "no_service")]
)
def test_a_webhook_that_is_refused_is_not_tried_again(slack, document, status, body) -> None:
    slack.script.append(Answer(status, body))
    error = failure(WEBHOOK, document, slack.address)
    assert (error.retry, error.ambiguous) == (False, False)
    assert f"{status} ({body})" in str(error)


@pytest.mark.parametrize("code", ["invalid_blocks", "msg_blocks_too_long"])
def test_blocks_that_slack_will_not_take_are_sent_as_text_once(slack, document, code) -> None:
    slack.script.append(refuses(code))
    assert send(BOT, document, slack.address)
    assert "blocks" in slack.bodies[0]
    assert not slack.bodies[1].get("blocks")
    assert slack.bodies[1]["text"].startswith("[WARNING] flight_delay: recall of v1 is 0.412")
    assert len(slack.bodies[1]["text"]) <= 3_500
    assert len(slack.accepted) == 1
    slack.script.extend([refuses(code), refuses(code)])
    assert not failure(BOT, document, slack.address).retry


@NOTIFIERS
@pytest.mark.parametrize("echo", ["ok:false", "status"])
def test_a_server_that_repeats_our_secrets_gets_them_into_no_error(slack, document, notifier, echo) -> None:
    said = f"no {TOKEN} {HOOK} {slack.address}"
    slack.script.append(refuses(said) if echo == "ok:false" else Answer(400, said))
    if notifier is BOT or echo == "status":
        failure(notifier, document, slack.address)


def test_the_log_at_its_most_talkative_holds_no_secret(slack, document, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        for notifier in (BOT, WEBHOOK):
            send(notifier, document, slack.address)
        for notifier in (BOT, WEBHOOK):
            slack.script.append(FAILS)
            failure(notifier, document, slack.address)
            failure(notifier, document, f"http://127.0.0.1:{free_port()}")
    assert not any(secret in caplog.text for secret in (TOKEN, HOOK))


@NOTIFIERS
def test_a_connection_without_its_secret_is_named(document, notifier) -> None:
    with pytest.raises(
        DeliveryError, match=f"the connection '{notifier.connection}' has no password"
    ) as caught:
        notifier.send(Parcel(document, "k"), lambda _: ConnectionInfo(host="http://127.0.0.1:1"))
    assert not caught.value.retry


@NOTIFIERS
def test_an_address_that_is_none_is_a_fault_of_the_connection(document, notifier) -> None:
    for nonsense in ("gopher://x", "http://[", "http://a b/", "::"):
        broken = ConnectionInfo(password=TOKEN, host=nonsense, extra={"base_url": nonsense})
        if notifier is WEBHOOK:
            broken = ConnectionInfo(password=f"{nonsense}://{HOOK}")
        with pytest.raises(DeliveryError) as caught:
            notifier.send(Parcel(document, "k"), lambda _, broken=broken: broken)
        assert TOKEN not in str(caught.value)
        assert HOOK not in "".join(traceback.format_exception(caught.value))


@NOTIFIERS
def test_a_proxy_of_the_environment_is_heeded_and_so_are_its_exceptions(
    slack, document, notifier, monkeypatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", slack.address)
    monkeypatch.setenv("http_proxy", slack.address)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)  # it reads the environment once a process
    send(notifier, document, "http://slack.invalid")
    ((path, _, _),) = slack.requests
    assert path.startswith("http://slack.invalid/")
    monkeypatch.setenv("no_proxy", "slack.invalid")
    assert "could not be reached" in str(failure(notifier, document, "http://slack.invalid"))
    assert len(slack.requests) == 1


@NOTIFIERS
def test_a_proxy_of_the_connection_goes_before_that_of_the_environment(
    slack, document, notifier, monkeypatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    there = connections("http://slack.invalid")
    proxied = {name: replace(i, extra={**i.extra, "proxy": slack.address}) for name, i in there.items()}
    notifier.send(Parcel(document, "k"), proxied.__getitem__)
    assert len(slack.accepted) == 1


@NOTIFIERS
def test_a_missing_connection_is_left_to_the_caller(document, notifier) -> None:
    def connect(name: str) -> ConnectionInfo:
        raise ConnectionMissing(name)

    with pytest.raises(ConnectionMissing):
        notifier.send(Parcel(document, "k"), connect)


def test_a_slack_without_a_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="a slack notifier needs a channel"):
        Slack("slack_ml", " ")


# --- Retry-After --------------------------------------------------------------------------------

NOON = datetime(2013, 4, 12, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value, seconds",
    [
        ("30", 30),
        ("0", 0),
        ("-5", 0),
        ("1.5", 1.5),
        ("86400", LONGEST_WAIT.total_seconds()),
        ("1e300", None),
        ("Fri, 12 Apr 2013 12:02:00 GMT", 120),
        ("Fri, 12 Apr 2013 12:02:00 -0000", 120),
        ("Thu, 11 Apr 2013 12:00:00 GMT", 0),
        ("Fri, 12 Apr 2033 12:02:00 GMT", LONGEST_WAIT.total_seconds()),
        ("nan", None),
        ("inf", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_retry_after_is_read_as_seconds_or_date_and_kept_within_reason(value, seconds) -> None:
    expected = None if seconds is None else NOON + timedelta(seconds=seconds)
    assert not_before({"Retry-After": value}, NOON) == expected


@given(st.text(max_size=40) | st.integers().map(str) | st.floats().map(str))
def test_no_retry_after_can_break_the_reader(value) -> None:
    moment = not_before({"retry-after": value}, NOON)
    assert moment is None or NOON <= moment <= NOON + LONGEST_WAIT


def test_severity_is_an_option_like_any_other() -> None:
    assert Slack("c", "#x", min_severity=Severity.CRITICAL).min_severity is Severity.CRITICAL
    assert issubclass(http.client.RemoteDisconnected, OSError), "or a dropped connection would go unseen"
