"""Whether a message has arrived in Slack: asked of its history, as far as the bot may read it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hindsight.errors import DeliveryError
from hindsight.notifiers import CannotTell, ConnectionInfo, Parcel, Sent, Slack
from hindsight.notifiers.slack_find import MARGIN
from letters import PICTURE, opened
from receivers import CHANNEL, DROPS_AFTER_ACCEPTING, FAILS, Answer, Receiver, free_port, refuses, slack_like

TOKEN = "xoxb-1234-verysecret"
BOT = Slack("slack_ml", "#ml-incidents")
DOCUMENT = opened()
NOW = datetime.fromtimestamp(1_366_000_000, UTC)


@pytest.fixture
def slack() -> Iterator[Receiver]:
    with slack_like() as receiver:
        yield receiver


def connect(address: str) -> Any:
    extra = {"base_url": f"{address}/api/", "timeout": 1}
    return lambda _: ConnectionInfo("slack", password=TOKEN, extra=extra)


def parcel(key: str = "key-1", **options: Any) -> Parcel:
    return Parcel(DOCUMENT, key, **{"since": NOW, **options})


def send(slack: Receiver, key: str, **options: Any) -> str:
    return str(BOT.send(parcel(key, **options), connect(slack.address)).provider_id)


def find(slack: Receiver, key: str = "key-1", notifier: Slack = BOT, **options: Any) -> Sent | None:
    return notifier.find(parcel(key, **options), connect(slack.address))


def cannot_tell(slack: Receiver, **options: Any) -> str:
    with pytest.raises(CannotTell) as caught:
        find(slack, **options)
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def test_a_message_that_was_taken_although_nobody_said_so_is_found(slack) -> None:
    send(slack, "key-0")
    slack.script.append(DROPS_AFTER_ACCEPTING)
    with pytest.raises(DeliveryError) as caught:
        send(slack, "key-1")
    assert caught.value.ambiguous
    send(slack, "key-2")
    assert find(slack) == Sent(f"{CHANNEL}:1366000000.000002")
    assert find(slack, "key-3") is None


def test_a_message_that_never_arrived_is_not_found(slack) -> None:
    slack.script.append(FAILS)
    with pytest.raises(DeliveryError):
        send(slack, "key-1")
    assert find(slack) is None


def test_what_was_never_on_its_way_is_not_asked_for(slack) -> None:
    assert find(slack, since=None) is None
    assert slack.requests == []


def test_the_chart_in_a_message_is_found_with_it(slack) -> None:
    name = send(slack, "key-1", pictures=(PICTURE,))
    found = find(slack)
    assert found is not None
    assert found.provider_id == name == f"{CHANNEL}:1366000000.000001:F00000001"


def test_history_is_read_to_its_end_page_by_page(slack) -> None:
    slack.page = 2
    for number in range(7):
        send(slack, f"key-{number}")
    assert find(slack, "key-0") == Sent(f"{CHANNEL}:1366000000.000001")
    asked = slack.calls("conversations.history")
    assert [body.get("cursor") for body in asked] == [None, "2", "4", "6"]
    assert all(body["include_all_metadata"] in ("1", "true", "True") for body in asked)


def test_slacks_clock_may_be_behind_ours_and_what_is_older_is_not_read(slack) -> None:
    send(slack, "key-1")
    assert find(slack, since=NOW + MARGIN - timedelta(seconds=1)) is not None
    assert find(slack, since=NOW + MARGIN + timedelta(seconds=1)) is None
    (first, _) = slack.calls("conversations.history")
    assert float(first["oldest"]) == pytest.approx((NOW - timedelta(seconds=1)).timestamp())


def test_an_answer_is_sought_in_its_thread_alone(slack) -> None:
    thread = send(slack, "key-0")
    name = send(slack, "key-1", thread=thread)
    for number in range(5):
        send(slack, f"other-{number}", thread=thread)
    slack.page = 2
    assert find(slack, thread=thread) == Sent(name)
    assert find(slack, "key-9", thread=thread) is None
    assert not slack.calls("conversations.history")
    assert not slack.calls("conversations.list")
    assert find(slack) is None, "what is in a thread is not in the channel"


def test_an_answer_whose_thread_is_gone_is_sought_where_it_was_sent_to(slack) -> None:
    name = send(slack, "key-1")
    slack.scripts["conversations.replies"] = deque([refuses("thread_not_found")])
    assert find(slack, thread=f"{CHANNEL}:1366000000.000000") == Sent(name)


def test_nobody_elses_metadata_is_taken_for_ours(slack) -> None:
    send(slack, "key-1")
    slack.messages[0]["metadata"]["event_type"] = "another_app"
    assert find(slack) is None
    slack.messages[0] |= {"metadata": None}
    assert find(slack) is None


# --- The channel's id ---------------------------------------------------------------------------


def test_an_id_in_the_file_needs_no_list_of_channels(slack) -> None:
    send(slack, "key-1")
    slack.scopes -= {"channels:read", "groups:read"}
    assert find(slack, notifier=replace(BOT, channel=CHANNEL)) is not None


def test_a_name_is_looked_up_page_by_page(slack) -> None:
    slack.page = 3
    others = {f"other-{number}": f"C{number:09}" for number in range(10)}
    slack.channels = {**others, "ml-incidents": CHANNEL}
    send(slack, "key-1")
    assert find(slack, notifier=replace(BOT, channel="ml-incidents")) is not None
    assert len(slack.calls("conversations.list")) == 4


def test_a_channel_that_is_not_listed_cannot_be_asked(slack) -> None:
    assert cannot_tell(slack, notifier=replace(BOT, channel="#elsewhere")) == (
        "Slack (connection 'slack_ml') lists no channel '#elsewhere': "
        "write the channel's id in the monitor's file."
    )
    kinds = [body["types"] for body in slack.calls("conversations.list")]
    assert kinds == ["public_channel", "private_channel"]


# --- What the bot may not do, and what fails ----------------------------------------------------


@pytest.mark.parametrize(
    "scope, options",
    [
        ("channels:read", {}),
        ("channels:history", {}),
        ("channels:history", {"thread": f"{CHANNEL}:1366000000.000001"}),
    ],
)
def test_a_missing_scope_is_named(slack, scope, options) -> None:
    slack.scopes.discard(scope)
    assert cannot_tell(slack, **options) == (
        "Slack (connection 'slack_ml') does not say what is in '#ml-incidents': "
        f"missing_scope; give the app the scope {scope}."
    )


@pytest.mark.parametrize(
    "code", ["channel_not_found", "not_in_channel", "invalid_auth", "token_revoked", "a_new_code"]
)
def test_whoever_may_not_look_cannot_tell(slack, code) -> None:
    slack.scripts["conversations.history"] = deque([refuses(code)])
    assert code in cannot_tell(slack)


def test_a_scope_that_is_none_is_not_repeated(slack) -> None:
    body = '{"ok": false, "error": "missing_scope", "needed": "<!channel> xoxb-1234-verysecret"}'
    slack.scripts["conversations.history"] = deque([Answer(200, body)])
    assert cannot_tell(slack).endswith("missing_scope; give the app the scope it asks for.")


@pytest.mark.parametrize("method", ["conversations.list", "conversations.history"])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(429, "", {"Retry-After": "30"}),
        refuses("ratelimited"),
        FAILS,
        Answer(503, ""),
        refuses("internal_error"),
        Answer(200, "<html>Log in</html>"),
        Answer(200, '{"ok": true, "messages": ['),
        Answer(drops=True),
        Answer(accepts=True, delay=1.6),
    ],
)
def test_a_question_without_an_answer_is_asked_again_and_is_no_sending(slack, method, answer) -> None:
    slack.scripts[method] = deque([answer])
    with pytest.raises(DeliveryError) as caught:
        find(slack)
    assert (caught.value.retry, caught.value.ambiguous) == (True, False)
    if answer.status == 429:
        assert caught.value.not_before is not None
    assert len(slack.calls(method)) == 1


def test_nobody_there_to_ask() -> None:
    with pytest.raises(DeliveryError) as caught:
        BOT.find(parcel(), connect(f"http://127.0.0.1:{free_port()}"))
    assert (caught.value.retry, caught.value.ambiguous) == (True, False)


def test_history_without_end_is_not_read_for_ever(slack) -> None:
    body = '{"ok": true, "messages": [], "response_metadata": {"next_cursor": "more"}}'
    slack.scripts["conversations.history"] = deque([Answer(200, body)] * 60)
    assert cannot_tell(slack).startswith("Slack (connection 'slack_ml') lists more than 10,000 messages")
    assert len(slack.calls("conversations.history")) == 50


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    fates=st.lists(st.sampled_from(["taken", "dropped", "failed", "answer"]), min_size=1, max_size=8),
    page=st.integers(1, 4),
)
def test_what_is_found_is_what_was_taken(fates, page) -> None:
    with slack_like() as slack:
        slack.page = page
        thread = send(slack, "key-first")
        for number, fate in enumerate(fates):
            if fate in ("dropped", "failed"):
                slack.script.append(DROPS_AFTER_ACCEPTING if fate == "dropped" else FAILS)
                with pytest.raises(DeliveryError):
                    send(slack, f"key-{number}")
            else:
                send(slack, f"key-{number}", thread=thread if fate == "answer" else None)
        for number, fate in enumerate(fates):
            found = find(slack, f"key-{number}", thread=thread if fate == "answer" else None)
            assert (found is None) == (fate == "failed")
