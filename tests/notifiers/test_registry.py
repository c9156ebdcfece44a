"""What holds for every kind of notifier, and for the log."""

from __future__ import annotations

import logging
import re
from dataclasses import fields, is_dataclass, replace
from inspect import signature

import pytest

from episodes import ZONE, run, spec, story
from hindsight.domain.values import Notify, Severity
from hindsight.incidents import fold, replay
from hindsight.message import compose, plain
from hindsight.notifiers import (
    FALLBACK,
    NOTIFIERS,
    ConnectionInfo,
    Email,
    Log,
    Slack,
    SlackWebhook,
    channel_key,
)
from hindsight.policy import decide
from hindsight.windows import DayRange

EXAMPLES = [Slack("slack_ml", "#a"), SlackWebhook("hook"), Email("smtp_default", ("a@example.com",)), Log()]


def never(name: str) -> ConnectionInfo:
    raise AssertionError(f"the log needs no connection {name}")


@pytest.mark.parametrize("kind", NOTIFIERS)
def test_every_notifier_is_a_frozen_dataclass_that_sends_a_document(kind) -> None:
    cls = NOTIFIERS[kind]
    assert is_dataclass(cls)
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "min_severity" in {field.name for field in fields(cls)}
    assert list(signature(cls.send).parameters) == ["self", "document", "key", "connect"]
    assert (cls.__doc__ or "").strip()


def test_every_kind_has_an_example_here() -> None:
    assert {type(example) for example in EXAMPLES} == set(NOTIFIERS.values())


def test_each_notifiers_rows_are_told_apart_by_its_options() -> None:
    keys = [channel_key(example) for example in EXAMPLES]
    keys += [channel_key(Slack("slack_ml", "#b")), channel_key(Slack("slack_ml", "#a", Severity.CRITICAL))]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"(slack|slack_webhook|email|log):[0-9a-f]{8}", key) for key in keys)
    assert channel_key(Slack("slack_ml", "#a")) == channel_key(EXAMPLES[0])


def test_what_is_no_notifier_has_no_key() -> None:
    with pytest.raises(TypeError, match="is no notifier; the kinds are slack, slack_webhook, email, log"):
        channel_key("slack")


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
            assert FALLBACK.send(document, "key-1", never) is None
        record = caplog.records[-1]
        assert record.levelno == level
        assert record.getMessage() == f"notification key-1\n{plain(document)}"
