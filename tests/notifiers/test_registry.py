"""What holds for every kind of notifier, and for the log."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path

import pytest

import hindsight
from episodes import ZONE, run, spec, story
from hindsight.domain.values import Hours, Notify, Severity, When
from hindsight.incidents import fold, replay
from hindsight.message import compose, plain
from hindsight.notifiers import (
    FALLBACK,
    NOTIFIERS,
    CannotTell,
    ConnectionInfo,
    Email,
    Log,
    PagerDuty,
    Parcel,
    Sent,
    Slack,
    SlackWebhook,
    Teams,
    Webhook,
    channel_key,
    channels,
)
from hindsight.policy import decide
from hindsight.windows import DayRange
from letters import opened

EXAMPLES = [
    Slack("slack_ml", "#a"),
    SlackWebhook("hook"),
    Email("smtp_default", ("a@example.com",)),
    PagerDuty("on_call"),
    Teams("teams_ml"),
    Webhook("receiver"),
    Log(),
]


def never(name: str) -> ConnectionInfo:
    raise AssertionError(f"the log needs no connection {name}")


@pytest.mark.parametrize("kind", NOTIFIERS)
def test_every_notifier_is_a_frozen_dataclass_that_sends_a_document(kind) -> None:
    cls = NOTIFIERS[kind]
    assert is_dataclass(cls)
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "min_severity" in {field.name for field in fields(cls)}
    assert list(signature(cls.send).parameters) == ["self", "parcel", "connect"]
    assert (cls.__doc__ or "").strip()


def test_every_kind_has_an_example_here() -> None:
    assert {type(example) for example in EXAMPLES} == set(NOTIFIERS.values())


def test_each_notifiers_rows_are_told_apart_by_its_address() -> None:
    keys = [channel_key(example) for example in EXAMPLES]
    keys += [channel_key(Slack("slack_ml", "#b"))]
    assert len(set(keys)) == len(keys)
    kinds = "|".join(NOTIFIERS)
    assert all(re.fullmatch(rf"({kinds}):[0-9a-f]{{8}}", key) for key in keys)


def test_who_wants_other_messages_or_calls_others_is_told_nothing_again() -> None:
    slack = EXAMPLES[0]
    others = [
        Slack("slack_ml", "#a", min_severity=Severity.CRITICAL),
        Slack("slack_ml", "#a", mention=("here",), mention_severity=Severity.WARNING),
        Slack("slack_ml", "#a", segments=("origin",), quiet=Hours.parse("22:00-07:00")),
    ]
    assert {channel_key(other) for other in others} == {channel_key(slack)}
    weekly = Slack("slack_ml", "#a", when=When.WEEKLY)
    assert list(channels((slack, weekly))) == [channel_key(slack), channel_key(weekly)]
    assert channel_key(slack) != channel_key(weekly), "or a summary would call whom the other entry names"


def test_an_email_is_a_channel_for_each_recipient_whoever_else_is_written_to() -> None:
    two = Email("smtp_default", ("kim@example.com", "ops@example.com", "kim@example.com"))
    found = channels((two, *EXAMPLES[3:]))
    assert len(found) == 2 + len(EXAMPLES[3:])
    kim, ops = [each for each in found.values() if isinstance(each, Email)]
    assert (kim.recipient, ops.recipient) == ("kim@example.com", "ops@example.com")
    assert kim.to == ops.to == two.to
    (alone,) = channels((Email("smtp_default", ("KIM@example.com",), min_severity=Severity.CRITICAL),))
    assert alone == channel_key(kim) != channel_key(ops)
    assert all(channel_key(each) == key for key, each in found.items())


def test_what_is_no_notifier_has_no_key() -> None:
    with pytest.raises(TypeError, match=f"is no notifier; the kinds are {', '.join(NOTIFIERS)}"):
        channel_key("slack")


@pytest.mark.parametrize("notifier", EXAMPLES, ids=NOTIFIERS)
def test_whoever_finds_or_has_threads_says_so(notifier) -> None:
    parcel = Parcel(opened(), "key-1", since=datetime.now(UTC))
    if not notifier.finds:
        with pytest.raises(CannotTell):
            notifier.find(parcel, never)
    if not notifier.threads:
        with pytest.raises(NotImplementedError):
            notifier.update("x", opened(), never)
    assert (notifier.finds, notifier.threads) == (isinstance(notifier, Slack),) * 2
    assert notifier.follows == isinstance(notifier, PagerDuty)


def test_a_connection_keeps_its_secrets_to_itself() -> None:
    info = ConnectionInfo("smtp", "h", 25, "kim", "verysecret", None, {"access_token": "alsosecret"})
    assert "secret" not in repr(info)
    assert (info.seconds("timeout", 30), info.text("access_token"), info.flag("disable_tls")) == (
        30,
        "alsosecret",
        False,
    )
    assert ConnectionInfo(extra={"timeout": "soon"}).seconds("timeout", 30) == 30


def test_the_log_is_loud_for_what_is_wrong_and_quiet_for_the_rest(caplog) -> None:
    detections = story("BBCC")
    stored = [replace(i, told_on=run(0)) for i in fold(detections, (), ZONE)]
    history = replay(detections, stored, ZONE)
    for day, level in ((0, logging.WARNING), (3, logging.INFO)):
        document = compose(decide(Notify.LIVE, DayRange(run(day), run(day)), history)[0], spec())
        with caplog.at_level(logging.INFO, logger="hindsight.notifications"):
            assert FALLBACK.send(Parcel(document, "key-1"), never) == Sent()
        record = caplog.records[-1]
        assert record.levelno == level
        assert record.getMessage() == f"notification key-1\n{plain(document)}"


def test_whoever_only_reads_a_monitors_file_loads_no_client() -> None:
    code = "import sys, hindsight.config; print({'httpx', 'slack_sdk', 'matplotlib'} & sys.modules.keys())"
    include = Path(hindsight.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(include)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
